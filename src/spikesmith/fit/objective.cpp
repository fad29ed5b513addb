#include "spikesmith/fit/objective.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {

namespace {

const RecordedOutput& find(const TraceData& data, const std::string& name) {
    const auto output = std::ranges::find(data.outputs, name, &RecordedOutput::name);
    if (output != data.outputs.end()) return *output;
    const std::vector<std::string> names = names_of(data.outputs);
    throw ConfigError(fmt::format("there is a metric for `{}`, which has no recording", name),
                      did_you_mean(name, names));
}

}  // namespace

std::vector<Objective> make_objectives(const TraceData& data, const MetricPointer& metric,
                                       const std::map<std::string, MetricPointer>& metrics) {
    for (const auto& [name, own] : metrics) {
        static_cast<void>(find(data, name));
        if (!own) throw ConfigError(fmt::format("the metric of `{}` is empty", name));
    }
    std::vector<Objective> objectives;
    for (const RecordedOutput& output : data.outputs) {
        const auto own = metrics.find(output.name);
        Objective objective{.output = output.name, .metric = own == metrics.end() ? metric : own->second};
        const Metric& used = *objective.metric;
        const std::size_t samples = output.target.columns;
        used.check(samples, output.dt);
        objective.raw_dimension = used.error_dimension(output.dimension);
        objective.normalized_dimension = used.normalized_dimension(output.dimension);
        if (const auto weights = used.online_weights(samples, output.dt)) {
            objective.step_weights.assign(data.n_steps, 0.0);
            for (std::size_t k = 0; k < samples; ++k) objective.step_weights[k * output.stride] = (*weights)[k];
        }
        objectives.push_back(std::move(objective));
    }
    const Objective& first = objectives.front();
    for (const Objective& objective : objectives) {
        if (objective.normalized_dimension == first.normalized_dimension) continue;
        throw UnitError(
            fmt::format("the errors of `{}` ({}) and `{}` ({}) cannot be added", first.output,
                        first.normalized_dimension.name(), objective.output, objective.normalized_dimension.name()),
            "give each metric a normalization in the unit of its output");
    }
    return objectives;
}

void add_features(const BlockView& block, std::size_t output, const RecordedOutput& recorded, const Metric& metric,
                  Array2& features) {
    const std::size_t samples = recorded.target.columns;
    std::vector<double> trace(block.n_steps);
    std::vector<double> values(block.n_samples * samples);
    for (std::size_t s = 0; s < block.n_samples; ++s) {
        block.copy_output(output, s, trace);
        pick(trace, recorded.stride, std::span(values).subspan(s * samples, samples));
    }
    Array2 target(1, samples);
    std::ranges::copy(recorded.target.row(block.trace), target.values.begin());
    const Array2 column = metric.features(
        {.n_samples = block.n_samples, .n_traces = 1, .n_steps = samples, .values = values, .first_trace = block.trace},
        target, recorded.dt);
    if (column.rows != block.n_samples || column.columns != 1) {
        throw ConfigError(fmt::format("the metric \"{}\" gave {} x {} features for {} samples of one trace",
                                      metric.description(), column.rows, column.columns, block.n_samples));
    }
    for (std::size_t s = 0; s < block.n_samples; ++s) features(block.first_sample + s, block.trace) = column(s, 0);
}

}  // namespace spikesmith
