// A user's own metric from a function of one simulated and one recorded trace, or spike train.
//
//     // The largest difference after a smoothing of one's own.
//     const MetricPointer worst = own_trace_metric("worst difference", [](auto simulated, auto recorded, double) {
//         double largest = 0;
//         for (std::size_t k = 0; k < simulated.size(); ++k)
//             if (!std::isnan(recorded[k])) largest = std::max(largest, std::fabs(simulated[k] - recorded[k]));
//         return largest;
//     });
//
//     // The difference of spike counts.
//     const MetricPointer count = own_spike_metric("spike count", [](auto simulated, auto recorded, double, double) {
//         return std::fabs(static_cast<double>(simulated.size()) - static_cast<double>(recorded.size()));
//     });
//
// The function gives the feature; the error is its mean over traces. It is called from several threads at once. The name
// tells metrics apart: a fit that is continued with a metric of another name is refused, so rename it when the function
// changes. For another way of combining traces, an error with a dimension, or an online form, derive from TraceMetric or
// SpikeMetric instead.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

// Simulated and recorded samples (SI units; NaN where the recording has a gap) and their interval in seconds -> feature.
using TraceFunction =
    std::function<double(std::span<const double> simulated, std::span<const double> target, double dt)>;
// Simulated and recorded spike times, their duration, and the time step, all in seconds -> feature.
using SpikeFunction = std::function<double(SpikeTrain simulated, SpikeTrain target, double duration, double dt)>;

// Both throw ConfigError for an empty name or function.
[[nodiscard]] MetricPointer own_trace_metric(std::string name, TraceFunction function);
[[nodiscard]] MetricPointer own_spike_metric(std::string name, SpikeFunction function);

}  // namespace spikesmith
