// The metrics of a configuration: [fit.metric] for all traces, [fit.metric.outputs.NAME] for one output.
//
// A metric is made as soon as it is read, so wrong settings show their line. What needs the data (is a window beyond the
// end, does a unit fit the output) is checked where the data are known; the places for that are kept here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spikesmith/cli/config_values.hpp"
#include "spikesmith/cli/toml_value.hpp"
#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

struct MetricConfig {
    std::string type;  // "mse", "gamma", ...; empty: not given, the usual metric of the output
    MetricPointer metric;
    Place place;
    std::optional<ConfigQuantity> normalization;  // with a unit: that of the output
    std::vector<ConfigQuantity> windows;          // where windows of time begin
    TomlValue table;                              // as written, with what it inherits
};

// A table of [fit.metric]. Keys that it lacks come from `base` unless it names another type. `spikes`: a metric of spike
// trains is wanted, else one of traces.
[[nodiscard]] MetricConfig read_metric(const TomlValue& table, const std::string& path, const MetricConfig* base,
                                       bool spikes);

}  // namespace spikesmith
