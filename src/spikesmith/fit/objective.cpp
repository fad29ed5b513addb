#include "spikesmith/fit/objective.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"

namespace spikesmith {

namespace {

constexpr double usual_spike_window = 2e-3;  // seconds

std::vector<std::string> output_names(const TraceData& data) {
    std::vector<std::string> names = names_of(data.outputs);
    if (data.spikes) names.emplace_back(spikes_output);
    return names;
}

// Sets the metric as what it must be for the output.
void set_metric(Objective& objective, const MetricPointer& metric) {
    if (objective.output == spikes_output) {
        objective.spike_metric = std::dynamic_pointer_cast<const SpikeMetric>(metric);
        if (!objective.spike_metric) {
            throw ConfigError(fmt::format("spikes cannot be compared by the metric \"{}\"", metric->description()),
                              "use a metric of spike trains, such as the Gamma factor");
        }
        return;
    }
    objective.trace_metric = std::dynamic_pointer_cast<const TraceMetric>(metric);
    if (!objective.trace_metric) {
        throw ConfigError(fmt::format("traces of `{}` cannot be compared by the metric \"{}\"", objective.output,
                                      metric->description()),
                          "use a metric of traces, such as the mean squared error");
    }
}

TraceShape shape_of(const RecordedTrace& trace, std::size_t number, std::size_t n_traces) {
    return {.trace = number, .n_traces = n_traces, .n_steps = trace.target.size(), .dt = trace.dt};
}

// The online form of a trace, with weights at the steps of the simulation.
std::optional<TraceMetric::OnlineForm> form_at_steps(const Objective& objective, const TraceData& data,
                                                     std::size_t trace) {
    const RecordedTrace& recorded = data.outputs[objective.number].traces[trace];
    auto form = objective.trace_metric->online_form(shape_of(recorded, trace, data.n_traces), recorded.counted);
    if (!form || recorded.stride == 1) return form;
    std::vector<double> weights(data.trace_steps[trace], 0.0);
    for (std::size_t k = 0; k < form->weights.size(); ++k) weights[k * recorded.stride] = form->weights[k];
    form->weights = std::move(weights);
    return form;
}

// Weights that are zero up to some step and then all the same are two samples of a series: what was before, and what is from there on.
bool add_brief(TimeSeries& brief, std::size_t trace, const std::vector<double>& weights) {
    const auto first = std::ranges::find_if(weights, [](double weight) { return weight != 0; });
    if (first == weights.end() || !std::all_of(first, weights.end(), [&](double weight) { return weight == *first; }))
        return false;
    const bool at_once = first == weights.begin();
    brief.values(trace, 0) = at_once ? *first : 0;
    brief.values(trace, 1) = *first;
    brief.trace_dt.push_back(static_cast<double>(at_once ? weights.end() - first : first - weights.begin()) * brief.dt);
    return true;
}

// The weights of the online form, if every trace has the form. Those of most metrics take next to no memory.
void find_online_form(Objective& objective, const TraceData& data) {
    TimeSeries brief{.dt = data.dt, .values = Array2(data.n_traces, 2)};
    std::vector<double> first;
    bool all_brief = true, all_alike = true;
    for (std::size_t r = 0; r < data.n_traces; ++r) {
        auto form = form_at_steps(objective, data, r);
        if (!form) return;
        all_brief = all_brief && add_brief(brief, r, form->weights);
        all_alike = all_alike && (r == 0 || form->weights == first);
        objective.online_error = {
            .output = objective.output, .name = objective.name, .loss = form->loss, .scale = form->scale};
        if (r == 0) first = std::move(form->weights);
    }
    objective.online = true;
    objective.step_weights = std::move(brief);
    if (all_brief) return;
    TimeSeries all{.dt = data.dt, .values = Array2(all_alike ? 1 : data.n_traces, data.n_steps)};
    for (std::size_t r = 0; r < all.values.rows; ++r)
        std::ranges::copy(form_at_steps(objective, data, r).value().weights, all.values.row(r).begin());
    share(all);
    objective.step_weights = std::move(all);
}

void check_against_recordings(Objective& objective, const TraceData& data) {
    if (objective.spike_metric) {
        for (std::size_t r = 0; r < data.n_traces; ++r)
            objective.spike_metric->check((*data.spikes)[r], data.duration(r), data.dt);
        objective.raw_dimension = objective.spike_metric->error_dimension(dimensions::none);
        objective.normalized_dimension = objective.spike_metric->normalized_dimension(dimensions::none);
        return;
    }
    const RecordedOutput& output = data.outputs[objective.number];
    for (std::size_t r = 0; r < data.n_traces; ++r)
        objective.trace_metric->check(shape_of(output.traces[r], r, data.n_traces));
    objective.raw_dimension = objective.trace_metric->error_dimension(output.dimension);
    objective.normalized_dimension = objective.trace_metric->normalized_dimension(output.dimension);
    find_online_form(objective, data);
}

Objective make_objective(const TraceData& data, const std::string& output, std::size_t number,
                         const MetricPointer& metric, std::string name) {
    Objective objective{.name = std::move(name),
                        .output = output,
                        .number = number,
                        .trace_metric = {},
                        .spike_metric = {},
                        .raw_dimension = {},
                        .normalized_dimension = {},
                        .online_error = {},
                        .step_weights = {}};
    set_metric(objective, metric);
    check_against_recordings(objective, data);
    return objective;
}

}  // namespace

std::string objective_name(const std::string& output, std::size_t number, bool several) {
    return several ? fmt::format("{}_{}", output, number + 1) : output;
}

MetricPointer usual_spike_metric() {
    return gamma_factor({.delta = usual_spike_window});
}

void check_metric(const TraceData& data, const std::string& output, const MetricPointer& metric) {
    const std::vector<std::string> names = output_names(data);
    const auto number = static_cast<std::size_t>(std::ranges::find(names, output) - names.begin());
    static_cast<void>(make_objective(data, output, number, metric, output));
}

std::vector<Objective> make_objectives(const TraceData& data, const MetricChoice& metrics) {
    const std::vector<std::string> names = output_names(data);
    for (const auto& [name, own] : metrics.by_output) {
        if (std::ranges::find(names, name) == names.end()) {
            throw ConfigError(fmt::format("there is a metric for `{}`, which has no recording", name),
                              did_you_mean(name, names));
        }
        if (!own) throw ConfigError(fmt::format("the metric of `{}` is empty", name));
    }
    std::vector<Objective> objectives;
    for (std::size_t k = 0; k < names.size(); ++k) {
        auto [first, last] = metrics.by_output.equal_range(names[k]);
        const bool several = metrics.by_output.count(names[k]) > 1;
        std::vector<MetricPointer> used;
        for (; first != last; ++first) used.push_back(first->second);
        if (used.empty()) used.push_back(names[k] == spikes_output ? metrics.spike_metric : metrics.trace_metric);
        for (std::size_t m = 0; m < used.size(); ++m) {
            std::string name = objective_name(names[k], m, several);
            if (std::ranges::find(objectives, name, &Objective::name) != objectives.end()) {
                throw ConfigError(fmt::format("two errors would be called `{}`", name),
                                  "rename the variable in the equations");
            }
            objectives.push_back(make_objective(data, names[k], k, used[m], std::move(name)));
        }
    }
    return objectives;
}

std::vector<std::string> metric_warnings(const TraceData& data, const MetricChoice& metrics) {
    std::vector<std::string> warnings;
    if (!data.spikes) return warnings;
    std::vector<double> durations;
    for (std::size_t r = 0; r < data.n_traces; ++r) durations.push_back(data.duration(r));
    const auto ask = [&](const MetricPointer& metric) {
        const auto* spike_metric = dynamic_cast<const SpikeMetric*>(metric.get());
        if (spike_metric == nullptr) return;
        if (auto warning = spike_metric->warning(*data.spikes, durations, data.dt)) warnings.push_back(*warning);
    };
    const auto [first, last] = metrics.by_output.equal_range(std::string(spikes_output));
    std::for_each(first, last, [&](const auto& own) { ask(own.second); });
    if (first == last) ask(metrics.spike_metric);
    return warnings;
}

Dimension summed_dimension(const std::vector<Objective>& objectives) {
    const Objective& first = objectives.front();
    for (const Objective& objective : objectives) {
        if (objective.normalized_dimension == first.normalized_dimension) continue;
        throw UnitError(
            fmt::format("the errors of `{}` ({}) and `{}` ({}) cannot be added", first.name,
                        first.normalized_dimension.name(), objective.name, objective.normalized_dimension.name()),
            "give each metric a normalization in the unit of its output");
    }
    return first.normalized_dimension;
}

void add_features(const BlockView& block, const Objective& objective, const TraceData& data, Array2& features) {
    if (objective.spike_metric) {
        const auto& target = (*data.spikes)[block.trace];
        std::vector<double> times;
        for (std::size_t s = 0; s < block.n_samples; ++s) {
            times.clear();
            for (const std::int32_t step : block.spikes(s)) times.push_back(step * data.dt);
            features(block.first_sample + s, block.trace) =
                objective.spike_metric->feature(times, target, data.duration(block.trace), data.dt);
        }
        return;
    }
    const RecordedTrace& recorded = data.outputs[objective.number].traces[block.trace];
    const std::size_t samples = recorded.target.size();
    std::vector<double> trace(block.n_steps);
    std::vector<double> values(block.n_samples * samples);
    for (std::size_t s = 0; s < block.n_samples; ++s) {
        block.copy_output(objective.number, s, trace);
        pick(trace, recorded.stride, std::span(values).subspan(s * samples, samples));
    }
    Array2 target(1, samples);
    std::ranges::copy(recorded.target, target.values.begin());
    const Metric& metric = *objective.trace_metric;
    const Array2 column = objective.trace_metric->features(
        {.n_samples = block.n_samples, .n_traces = 1, .n_steps = samples, .values = values, .first_trace = block.trace},
        target, recorded.dt);
    if (column.rows != block.n_samples || column.columns != 1) {
        throw ConfigError(fmt::format("the metric \"{}\" gave {} x {} features for {} samples of one trace",
                                      metric.description(), column.rows, column.columns, block.n_samples));
    }
    for (std::size_t s = 0; s < block.n_samples; ++s) features(block.first_sample + s, block.trace) = column(s, 0);
}

}  // namespace spikesmith
