// Fitter: finds the parameters with which a model comes closest to what was recorded. TraceFitter, SpikeFitter and
// OnlineTraceFitter are Fitters that ask for certain recordings and choose the usual metric.
//
//     TraceFitter fitter({.model = model,
//                         .recordings = {.inputs = {{"I", {.dt = 1e-5, .values = currents}}},
//                                        .outputs = {{"v", {.dt = 1e-5, .values = recordings}}},
//                                        .dt = 1e-5},
//                         .n_samples = 60, .method = "exponential_euler", .seed = 1});
//     FitResult result = fitter.fit({.parameters = {{"gl", parse_quantity("2 pS"), parse_quantity("200 nS")}},
//                                    .n_rounds = 30});
//     std::cout << result.summary();
//     Generated traces = fitter.generate_traces();
//
// The model is compiled once; errors with an online form (metrics/metric.hpp) are computed while simulating, so memory
// does not grow with the length of traces. Same seed: same numbers, for any number of threads and any vector width.
//
// A second `fit` continues where the first ended: two fits of 10 rounds are one of 20, if the first was told that 20 are
// planned. `restart` forgets everything. A checkpoint continues in another process, bit for bit.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/fit/callback.hpp"
#include "spikesmith/fit/objective.hpp"
#include "spikesmith/fit/parameters.hpp"
#include "spikesmith/fit/polish.hpp"
#include "spikesmith/fit/results.hpp"
#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/metrics/metric.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

struct FitterOptions {
    Model model{};  // with its initial values
    Recordings recordings{};
    std::size_t n_samples = 0;  // parameter sets per round; 0: 60 with recorded traces, 30 with spikes only
    std::string method{};       // integration method (numerics/methods.hpp); empty: automatic
    // state, subexpression or parameter added to the error: its value at the end, mean over traces; empty: none
    std::string penalty{};
    bool online_only = false;  // refuse metrics that need whole traces in memory
    int threads = 0;           // 0: all cores
    KernelOptions kernel{};    // vector width, precision, cache
    std::uint64_t seed = 0;    // of the optimiser and of noise in the model
    // of the adaptive methods, see IntegrationOptions
    double absolute_error = 1e-6;
    double relative_error = 1e-6;
    int max_adaptive_steps = 100;
};

struct FitOptions {
    // every parameter of the model that has no initial value; may be empty when continuing
    std::vector<FitParameter> parameters{};
    std::optional<OptimizerChoice> optimizer{};  // absent: chosen by the problem, or the current one when continuing
    MetricPointer metric{};  // for all traces; absent: MSEMetric, or the current one when continuing
    // by output ("spikes" for spike trains) instead of `metric`; several for one output are several objectives.
    // Spikes without one: GammaFactor with a window of 2 ms
    std::multimap<std::string, MetricPointer> metrics{};
    std::size_t n_rounds = 1;
    // rounds that the optimiser is told to plan for, at the first call; 0: n_rounds. Who calls `fit` round by round should
    // say it: some methods (jSO, the automatic choice) search differently for 10 rounds than for 1000
    std::size_t planned_rounds = 0;
    PolishOptions polish{};  // refine the best now and then; not with a Pareto front
    FitCallback callback{};  // after each round; none if empty
    bool restart = false;    // forget earlier rounds
    // value of the model's `iteration` in the first round; absent: 0 at the start, else goes on
    std::optional<std::size_t> start_iteration{};
    // set by another thread or a signal handler: fit returns within a second what is best so far
    const std::atomic<bool>* cancelled = nullptr;
    // a file that is written, whole, after each round; if writing takes long, less often (at most a twentieth of the time)
    std::filesystem::path checkpoint{};
    double checkpoint_seconds = 0;  // at least so long between two writings
};

struct GenerateOptions {
    std::vector<std::string> outputs;              // states, subexpressions, inputs; empty: those with recordings
    std::map<std::string, double> parameters;      // SI; those not named have their best (or fixed, or tied) value
    std::map<std::string, double> initial_values;  // SI, instead of the model's
    double iteration = 1e9;
};

// What `fit` simulates and compares, for those who simulate it in another way (refine.hpp).
struct FitSetup {
    FitParameters parameters;
    std::vector<Objective> objectives;
    UpdateProgram program;  // without online errors; outputs are those with recordings
    EnsembleData data;      // without weights
    EnsembleOptions ensemble;
    std::vector<double> trace_factors;  // as in TraceData
    Dimension error_dimension;
    bool multi_objective = false;  // a Pareto front is wanted
    std::uint64_t noise = 0;  // the evaluation whose random numbers are drawn; those of other parameters are the same
};

// Traces under one parameter set, one row per stimulus.
struct Generated {
    struct Output {
        std::string name;
        Dimension dimension;
        Array2 values;  // n_traces x n_steps, SI; NaN after the end of shorter traces
    };
    double dt = 0;
    std::vector<std::size_t> trace_steps;  // of each trace
    std::vector<Output> outputs;
    std::vector<std::vector<double>> spikes;  // spike times of each trace in seconds; empty trains without threshold

    [[nodiscard]] const Array2& operator[](std::string_view output) const;  // throws ConfigError for an unknown name
};

class Fitter {
  public:
    // Throws DataError for recordings and stimuli that do not fit the model or each other, ConfigError for other
    // options, ModelError for unknown names, NumericalError if the method cannot integrate the model.
    explicit Fitter(FitterOptions options);
    Fitter(Fitter&&) noexcept;
    Fitter& operator=(Fitter&&) noexcept;
    ~Fitter();

    // Runs `n_rounds` rounds. Throws ConfigError for options that do not fit, UnitError for bounds, errors of several
    // outputs or penalties whose dimensions differ. When continuing, parameters, optimiser and metrics must be absent
    // or the same as before; `restart` allows others. With n_rounds = 0 it checks and sets up only. If every evaluation
    // fails the result has no `best`; that is no exception.
    FitResult fit(const FitOptions& options);

    // Takes up the search of a checkpoint, with the options of the fit that wrote it: everything is then as it was after
    // the last round in the file, and `fit` continues. Gives the number of rounds done. Throws DataError if the file is
    // damaged or belongs to another problem; then the fitter is as before.
    std::size_t resume(const std::filesystem::path& checkpoint, const FitOptions& options);

    // The result so far.
    [[nodiscard]] FitResult result() const;
    [[nodiscard]] const Evaluations& evaluations() const;

    // Simulates one parameter set under all stimuli. Throws NumericalError if parameters are missing and there is no
    // best.
    [[nodiscard]] Generated generate(const GenerateOptions& options = {});
    // The outputs with recordings.
    [[nodiscard]] Generated generate_traces() { return generate({}); }
    // Spike times of each trace in seconds.
    [[nodiscard]] std::vector<std::vector<double>> generate_spikes() { return generate({}).spikes; }

    // Errors of points of the unit cube (rows; searched parameters in their order) under the metrics of the fit, as `fit` computes
    // them; NaN or infinite if they fail. All see the random numbers of the evaluation `noise`. Nothing of the fit's state changes.
    // Throws ConfigError before the first `fit`.
    [[nodiscard]] std::vector<double> errors(const Array2& points, const std::atomic<bool>* cancelled = nullptr,
                                             std::uint64_t noise = 0);

    [[nodiscard]] const FitterOptions& options() const;
    [[nodiscard]] bool has_search() const;  // whether `fit` or `resume` was called
    // Parameters and metrics of the current search, enough to set up another fitter for the same problem.
    [[nodiscard]] const FitOptions& search_options() const;  // throws ConfigError before the first `fit`
    [[nodiscard]] FitSetup setup() const;                    // the same

    [[nodiscard]] const UpdateProgram& program() const;  // as simulated, with online errors
    [[nodiscard]] const TraceData& data() const;         // as compared
    [[nodiscard]] std::size_t n_traces() const { return data().n_traces; }
    [[nodiscard]] std::size_t n_steps() const { return data().n_steps; }
    [[nodiscard]] double dt() const { return data().dt; }

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
