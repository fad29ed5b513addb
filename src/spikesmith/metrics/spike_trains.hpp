// What the spike metrics share: the part of a train that counts, and the checks of their settings.
#pragma once

#include <string_view>
#include <vector>

#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

// The train in order. Throws DataError for times that are not finite.
[[nodiscard]] std::vector<double> in_order(SpikeTrain train);

// The spikes from t_start on: those whose step round(time/dt) is not before round(t_start/dt), so that a spike at t_start
// counts, as the sample of a trace at t_start does.
[[nodiscard]] SpikeTrain spikes_from(SpikeTrain train, double t_start, double dt);

// Throws ConfigError unless t_start is before the end of a train of that duration.
void check_start(double t_start, double duration);

// Throws ConfigError unless the setting `name` of the metric is a positive finite number.
void check_positive(double value, std::string_view metric, std::string_view name);

// The settings that all spike metrics have. Throws ConfigError for t_start that is negative or not finite, and for a
// normalization that is not positive and finite.
void check_common(double t_start, double normalization, std::string_view metric);

}  // namespace spikesmith
