#include "spikesmith/fit/fit_problem.hpp"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {

FitProblem::FitProblem(FitterOptions given)
    : options(std::move(given)), data(check_trace_data(options.model, options.recordings)) {
    if (options.n_samples == 0) options.n_samples = data.outputs.empty() ? 30 : 60;
    if (options.threads < 0) throw ConfigError(fmt::format("threads must not be negative, but is {}", options.threads));
    if (!options.penalty.empty()) penalty.emplace(options.model, options.penalty);
    program = make_program(options.model, names_of(data.outputs));
}

UpdateProgram FitProblem::make_program(const Model& model, std::vector<std::string> outputs) const {
    IntegrationOptions integration{.method = options.method, .dt = data.dt, .outputs = std::move(outputs)};
    integration.parameters = names_of(open_parameters(model));
    integration.absolute_error = options.absolute_error;
    integration.relative_error = options.relative_error;
    integration.max_adaptive_steps = options.max_adaptive_steps;
    return integrate(model, integration);
}

Ensemble FitProblem::make_ensemble(UpdateProgram used, std::map<std::string, TimeSeries> weights) const {
    EnsembleData ensemble_data{.n_traces = data.n_traces,
                               .n_steps = data.n_steps,
                               .inputs = data.inputs,
                               .targets = data.targets,
                               .weights = std::move(weights),
                               .trace_steps = data.trace_steps};
    EnsembleOptions ensemble_options{.threads = options.threads, .kernel = options.kernel, .seed = options.seed};
    return {std::move(used), std::move(ensemble_data), ensemble_options};
}

MetricChoice FitProblem::choose_metrics(const FitOptions& fit) const {
    MetricChoice metrics{.trace_metric = fit.metric, .spike_metric = {}, .by_output = fit.metrics};
    if (!metrics.trace_metric) metrics.trace_metric = mse();
    metrics.spike_metric = std::dynamic_pointer_cast<const SpikeMetric>(fit.metric);
    if (fit.metric && !metrics.spike_metric && data.outputs.empty()) {
        throw ConfigError(
            fmt::format("the metric \"{}\" compares traces, but only spikes are recorded", fit.metric->description()),
            "use a metric of spike trains, such as the Gamma factor");
    }
    if (!metrics.spike_metric) metrics.spike_metric = usual_spike_metric();
    return metrics;
}

}  // namespace spikesmith
