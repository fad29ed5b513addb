#include "spikesmith/infer/summary_statistics.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

SummaryGroup electrophysiology(std::string output, std::vector<std::string> names, std::vector<StimulusWindow> stimuli,
                               const FeatureSettings& settings, double volts_per_unit) {
    if (names.empty()) throw ConfigError(fmt::format("no features of `{}` are named", output));
    if (stimuli.empty())
        throw ConfigError(fmt::format("features of `{}` need a stimulus window", output),
                          "one for all traces, or one per trace");
    check(settings);
    std::vector<std::size_t> indices;
    for (const std::string& name : names) indices.push_back(standard_features(settings.mode).index(name));
    SummaryGroup group{.output = std::move(output), .names = std::move(names)};
    group.compute = [indices, stimuli = std::move(stimuli), settings, volts_per_unit](const SummaryInput& input,
                                                                                      std::span<double> values) {
        if (stimuli.size() > 1 && input.trace >= stimuli.size())
            throw ConfigError(
                fmt::format("there are {} stimulus windows, but trace {}", stimuli.size(), input.trace + 1));
        std::vector<double> volts(input.values.begin(), input.values.end());
        for (double& value : volts) value *= volts_per_unit;
        TraceFeatures features({.voltage = volts,
                                .dt = input.dt,
                                .stimulus = stimuli.size() == 1 ? stimuli.front() : stimuli[input.trace]},
                               settings);
        for (std::size_t k = 0; k < indices.size(); ++k) {
            const FeatureValue& value = features.get(indices[k]);
            values[k] =
                value.present() && !value.values.empty() ? value.mean() : std::numeric_limits<double>::quiet_NaN();
        }
    };
    return group;
}

SummaryGroup own_feature(std::string output, std::string name, std::function<double(const SummaryInput&)> function) {
    if (!function) throw ConfigError(fmt::format("the feature `{}` has no function", name));
    return {.output = std::move(output),
            .names = {std::move(name)},
            .compute = [function = std::move(function)](const SummaryInput& input, std::span<double> values) {
                values[0] = function(input);
            }};
}

SummaryGroup own_block_feature(
    std::string output, std::string name,
    std::function<void(std::span<const SummaryInput> inputs, std::span<double> values)> function) {
    if (!function) throw ConfigError(fmt::format("the feature `{}` has no function", name));
    return {.output = std::move(output),
            .names = {std::move(name)},
            .compute = [function](const SummaryInput& input,
                                  std::span<double> values) { function(std::span(&input, 1), values.first(1)); },
            .compute_block = [function = std::move(function)](std::span<const SummaryInput> inputs,
                                                              Array2& values) { function(inputs, values.values); }};
}

SummaryGroup raw_trace(std::string output, std::size_t decimation) {
    if (decimation == 0) throw ConfigError("the decimation of a trace must be at least 1");
    return {.output = std::move(output), .names = {}, .decimation = decimation};
}

}  // namespace spikesmith
