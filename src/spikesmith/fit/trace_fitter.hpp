// TraceFitter: finds the parameters with which a model's traces come closest to recorded ones.
//
//     TraceFitter fitter({.model = model,
//                         .inputs = {{"I", {.dt = 1e-5, .values = currents}}},
//                         .outputs = {{"v", {.dt = 1e-5, .values = recordings}}},
//                         .dt = 1e-5, .n_samples = 60, .method = "exponential_euler", .seed = 1});
//     FitResult result = fitter.fit({.parameters = {{"gl", parse_quantity("2 pS"), parse_quantity("200 nS")}},
//                                    .n_rounds = 30});
//     std::cout << result.summary();
//     Generated traces = fitter.generate_traces();
//
// The model is compiled once; errors with an online form (metrics/metric.hpp) are computed while simulating, so memory
// does not grow with the length of traces. Same seed: same numbers, for any number of threads and any vector width.
//
// A second `fit` continues where the first ended: two fits of 10 rounds are one of 20. `restart` forgets everything.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/fit/callback.hpp"
#include "spikesmith/fit/results.hpp"
#include "spikesmith/metrics/metric.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/simulate/ensemble.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

struct TraceFitterOptions {
    Model model{};  // with its initial values
    // stimulus by input name; every input of the model
    std::vector<std::pair<std::string, TimeSeries>> inputs{};
    // recordings by name of a state or subexpression, in SI units
    std::vector<std::pair<std::string, TimeSeries>> outputs{};
    double dt = 0;               // simulation step in seconds; 0: the sampling interval of the first recording
    std::size_t n_samples = 60;  // parameter sets per round
    std::string method{};        // integration method (numerics/methods.hpp); empty: automatic
    // state, subexpression or parameter added to the error: its value at the end, mean over traces; empty: none
    std::string penalty{};
    int threads = 0;         // 0: all cores
    KernelOptions kernel{};  // vector width, precision, cache
    std::uint64_t seed = 0;  // of the optimiser and of noise in the model
    // of the adaptive methods, see IntegrationOptions
    double absolute_error = 1e-6;
    double relative_error = 1e-6;
    int max_adaptive_steps = 100;
};

// A free parameter with its bounds, or a fixed one.
struct FitParameter {
    std::string name{};
    Quantity low{};  // of the parameter's dimension; 0 fits every dimension
    Quantity high{};
    Scale scale = Scale::linear;
    std::optional<Quantity> fixed{};  // this value instead of a search; bounds are ignored
};

struct FitOptions {
    // every parameter of the model that has no initial value; may be empty when continuing
    std::vector<FitParameter> parameters{};
    std::optional<OptimizerChoice> optimizer{};  // absent: differential evolution, or the current one when continuing
    MetricPointer metric{};  // for all outputs; absent: MSEMetric, or the current one when continuing
    std::map<std::string, MetricPointer> metrics{};  // per output, instead of `metric`
    std::size_t n_rounds = 1;
    FitCallback callback{};  // after each round; none if empty
    bool restart = false;    // forget earlier rounds
    // value of the model's `iteration` in the first round; absent: 0 at the start, else goes on
    std::optional<std::size_t> start_iteration{};
    // set by another thread or a signal handler: fit returns within a second what is best so far
    const std::atomic<bool>* cancelled = nullptr;
};

struct GenerateOptions {
    std::vector<std::string> outputs;              // states, subexpressions, inputs; empty: those with recordings
    std::map<std::string, double> parameters;      // SI; those not named have their best (or fixed) value
    std::map<std::string, double> initial_values;  // SI, instead of the model's
    double iteration = 1e9;
};

// Traces under one parameter set, one row per stimulus.
struct Generated {
    struct Output {
        std::string name;
        Dimension dimension;
        Array2 values;  // n_traces x n_steps, SI
    };
    double dt = 0;
    std::vector<Output> outputs;
    std::vector<std::vector<double>> spikes;  // spike times of each trace in seconds; empty trains without threshold

    [[nodiscard]] const Array2& operator[](std::string_view output) const;  // throws ConfigError for an unknown name
};

class TraceFitter {
  public:
    // Throws DataError for recordings and stimuli that do not fit the model or each other or are not finite,
    // ConfigError for other options, ModelError for unknown names, NumericalError if the method cannot integrate the
    // model.
    explicit TraceFitter(TraceFitterOptions options);
    TraceFitter(TraceFitter&&) noexcept;
    TraceFitter& operator=(TraceFitter&&) noexcept;
    ~TraceFitter();

    // Runs `n_rounds` rounds. Throws ConfigError for options that do not fit, UnitError for bounds, errors of several
    // outputs or penalties whose dimensions differ. When continuing, parameters, optimiser and metrics must be absent
    // or the same as before; `restart` allows others. With n_rounds = 0 it checks and sets up only. If every evaluation
    // fails the result has no `best`; that is no exception.
    FitResult fit(const FitOptions& options);

    // The result so far.
    [[nodiscard]] FitResult result() const;
    [[nodiscard]] const Evaluations& evaluations() const;

    // Simulates one parameter set under all stimuli. Throws NumericalError if parameters are missing and there is no
    // best.
    [[nodiscard]] Generated generate(const GenerateOptions& options = {});
    // The outputs with recordings.
    [[nodiscard]] Generated generate_traces() { return generate({}); }

    [[nodiscard]] const UpdateProgram& program() const;  // as simulated, with online errors
    [[nodiscard]] std::size_t n_traces() const;
    [[nodiscard]] std::size_t n_steps() const;
    [[nodiscard]] double dt() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
