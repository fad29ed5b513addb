// OptNeuron: fits a neuron model so that a free-form experiment with it reproduces data or another model.
//
//     OptNeuron fit({.model = model,
//                    .variables = {{.name = "a", .bounds = {{0, 10}}}, {.name = "b", .expression = "2*a"}},
//                    .experiment = [](Simulation& s) { s.start_recording(); s.set("I_app", 5); s.run(0.5); return s.results(); },
//                    .loss = rmse_loss("r"),
//                    .target_model = detailed_model,
//                    .record = {"r"}});
//     OptNeuronResult result = fit.run({.max_evaluations = 1000, .method = "cma"});
//
// The experiment sees a population of candidates, the loss one candidate at a time. An experiment is run twice before anything is
// fitted, to see that it gives the same again, that it records consistently, and that a candidate alone gives what it gives among
// others; what does not hold is a ConfigError in words. Same seed: same bits, for any threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/opt_neuron_variables.hpp"
#include "spikesmith/fit/results.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {

// Loss of one candidate (a record with one candidate) against the target: one value, or several that are summed with
// OptNeuronOptions::loss_weights (or make a Pareto front). NaN or infinite: the candidate failed; so did one of which a state became NaN
// or infinite, whatever its loss. `target` is what the target model
// recorded, or OptNeuronOptions::target, or an empty record. May be called from several threads unless `serial_loss`. An exception
// ends the fit.
using ExperimentLoss =
    std::function<std::vector<double>(const SimulationRecord& candidate, const SimulationRecord& target)>;

struct OptNeuronOptions {
    Model model{};
    std::vector<OptVariable> variables{};  // in this order everywhere
    Experiment experiment{};
    ExperimentLoss loss{};
    std::vector<double> loss_weights{};        // empty: all 1
    std::optional<SimulationRecord> target{};  // data; absent and no target_model: the loss knows its data
    std::optional<Model> target_model{};       // exactly one of these two, or neither
    double time_step = 1e-3;                   // seconds
    std::string method{};                      // of integration; empty: automatic
    std::vector<std::string> record{};         // of the model and the target model
    double recording_interval = 0;             // seconds; 0: every step
    std::size_t repetitions = 1;               // of every evaluation; the loss is their mean
    NoiseStreams noise =
        NoiseStreams::independent;  // of candidates; common: all see the same noise, in every evaluation
    std::size_t target_repetitions =
        1;  // > 1 is for losses that want several targets: chunks of the repetitions follow each other
    bool serial_loss = false;           // call the loss from one thread only
    bool allow_outside_bounds = false;  // the search extends beyond the bounds, by their distance to each side
    std::uint64_t seed = 0;
    int threads = 0;
    KernelOptions kernel{};
};

// One evaluation.
struct OptEvaluation {
    std::vector<double> variables{};  // fitted ones, in their order
    double loss = 0;                  // mean over repetitions; NaN or infinite if it failed
    double loss_deviation = 0;        // standard deviation over repetitions (n - 1); 0 for one
    std::vector<double> parts{};      // as the loss gave them, means over repetitions; unweighted
};

struct OptNeuronRunOptions {
    // Candidates evaluated (whatever the method). 0, if there was a search before: its result as it is.
    std::size_t max_evaluations = 0;
    // Any name of optimize/methods.hpp, or one of the established tool: "deap" is CMA-ES, "hyperopt" TPE, "bads" Bayesian optimisation
    // in a trust region. "sbi", which looks for a posterior, is infer/opt_neuron_posterior.hpp.
    std::string method = "auto";
    std::map<std::string, std::string> optimizer_options{};
    std::optional<OptimizerChoice> optimizer{};  // instead of `method` and its options
    std::size_t population = 0;                  // candidates per generation; 0: see generation_size
    // How many evaluations the optimiser is told to plan for, if `run` is called again to continue; 0: max_evaluations. Two runs are
    // one, bit for bit, if the first was told so.
    std::size_t planned_evaluations = 0;
    // With the last of the planned evaluations CMA-ES refines the best that the method has found, from there and as wide as the best few
    // are apart: for methods that come near a minimum and no nearer. 0: none.
    std::size_t polish_evaluations = 0;
    // Told to the optimiser before it starts; CMA-ES begins at their mean, as wide as they are apart.
    std::vector<OptEvaluation> source_solutions{};
    std::optional<double> stop_at_loss{};
    std::function<bool(std::size_t evaluations, const OptEvaluation& best)>
        callback{};                                // after a generation with a finite loss so far; true stops
    const std::atomic<bool>* cancelled = nullptr;  // the best so far is the result
    // A file that is written, whole, after each generation; if writing takes long, less often (at most a twentieth of the time).
    std::filesystem::path checkpoint{};
    double checkpoint_seconds = 0;  // at least so long between two writings
};

enum class OptStop : std::uint8_t { max_evaluations, loss_reached, callback, cancelled };

// One generation in the history.
struct OptGeneration {
    std::size_t evaluations = 0;                               // so far
    std::size_t failed = 0;                                    // of this generation
    double mean = 0, deviation = 0, minimum = 0, maximum = 0;  // of its finite losses; NaN if there are none
    double best = 0;                                           // so far
    double seconds = 0;                                        // since the first run began; not reproducible
};

struct OptNeuronResult {
    std::vector<std::string> fitted;                         // names, as the values of evaluations
    std::vector<std::pair<std::string, double>> best;        // fitted variables; empty if every evaluation failed
    std::vector<std::pair<std::string, double>> parameters;  // all: fitted, constants, values of expressions
    std::vector<std::pair<std::string, std::string>> expressions;
    double loss = 0;               // of the experiment run again with the best, with new noise unless it is common
    double deviation = 0;          // over repetitions
    double best_loss = 0;          // the smallest that was seen while fitting; of noisy losses it flatters
    std::vector<double> all_loss;  // parts of the loss, as the loss gave them (means over repetitions)
    SimulationRecord results;      // of the best
    SimulationRecord target;
    std::vector<OptEvaluation> history;   // every evaluation, in order
    std::vector<OptGeneration> logbook;   // every generation
    std::vector<double> best_loss_after;  // per generation
    std::vector<OptEvaluation> front;     // of a method for fronts: evaluations that none is better than in all parts
    std::size_t population = 0;           // candidates per generation
    std::size_t n_failed = 0;
    std::vector<FailureCause> failures;  // why, most frequent first; chunks count from 1
    std::size_t repetitions = 1;
    OptStop stop = OptStop::max_evaluations;
    std::string method;     // as it was named
    std::string optimizer;  // description
    std::vector<std::string> warnings;
    std::uint64_t seed = 0;
    double seconds = 0;  // wall clock; not reproducible
    double compile_seconds = 0;

    [[nodiscard]] double operator[](std::string_view name) const;  // of `parameters`; throws ConfigError
    [[nodiscard]] std::string summary() const;
    [[nodiscard]] std::string full_report() const;  // a table of variables, losses, settings
};

// Candidates per generation if nobody says: so many that kernels are full and methods have some 40 generations, 8 to 64; methods
// that learn from every single point (TPE, Bayesian optimisation, Nelder and Mead, one plus lambda) have 8.
[[nodiscard]] std::size_t generation_size(std::string_view optimizer, std::size_t evaluations);

// An optimiser by a name of optimize/methods.hpp or of the established tool. Options are read as their types ask. Throws ConfigError.
[[nodiscard]] OptimizerChoice opt_neuron_method(const std::string& name,
                                                const std::map<std::string, std::string>& options = {});

class OptNeuron {
  public:
    // Compiles, runs the experiment on the target model if there is one, and checks experiment and loss (see above). Throws
    // ConfigError, ModelError, NumericalError.
    explicit OptNeuron(OptNeuronOptions options);
    ~OptNeuron();
    OptNeuron(OptNeuron&&) noexcept;
    OptNeuron& operator=(OptNeuron&&) noexcept;

    // A second run continues with the history and the optimiser of the first, if the method is the same; another method starts anew
    // and is told the best points so far. Cancelled: the best so far; Interrupted if there is none. Throws ConfigError.
    OptNeuronResult run(const OptNeuronRunOptions& options);

    // `run` without the result, which may cost some runs of the experiment; `result` gives it.
    OptStop search(const OptNeuronRunOptions& options);
    // The best so far; the experiment runs with it again. Throws ConfigError before the first search.
    [[nodiscard]] OptNeuronResult result();

    // Takes up the search of a checkpoint, with the options of the run that wrote it: everything is then as it was after the last
    // generation in the file, and `run` continues. Gives the number of evaluations done. Throws DataError if the file is damaged or
    // belongs to another problem (model, experiment, target, loss, variables, method, seed, ...); then this object is as before.
    std::size_t resume(const std::filesystem::path& checkpoint, const OptNeuronRunOptions& options);

    // The experiment and its loss with these values of the fitted variables, as `run` gives them of its best; no history.
    [[nodiscard]] OptNeuronResult result_at(const std::vector<double>& fitted);

    // Losses (one row each: its parts) of given values of the fitted variables (rows), as `run` computes them.
    // Means over repetitions; row r has the noise of evaluation `first_evaluation` + r.
    [[nodiscard]] std::vector<std::vector<double>> losses(const Array2& variables, std::uint64_t first_evaluation = 0);
    // What the experiment records under given values of the fitted variables (candidates in their order). `failures`, if given: of each
    // candidate which variable or state is NaN or infinite; empty if none is.
    [[nodiscard]] SimulationRecord record(const Array2& variables, std::uint64_t first_evaluation = 0,
                                          const std::atomic<bool>* cancelled = nullptr,
                                          std::vector<std::string>* failures = nullptr);

    [[nodiscard]] const OptNeuronOptions& options() const;
    [[nodiscard]] const OptVariables& variables() const;
    [[nodiscard]] const std::vector<std::string>& fitted() const;
    [[nodiscard]] const SimulationRecord& target() const;
    [[nodiscard]] const std::vector<std::string>& warnings()
        const;  // names outside the model, attributes that were not given

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
