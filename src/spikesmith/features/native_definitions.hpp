// The families of native mode, and what their authors share. For users of features: features.hpp.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

[[nodiscard]] Definitions native_spike_features();         // detection and shapes
[[nodiscard]] Definitions native_subthreshold_features();  // levels, deflections, time constants

// Mean interval between samples, in ms; 1 if there is only one.
[[nodiscard]] inline double sampling_interval(std::span<const double> time) {
    if (time.size() < 2) return 1;
    return (time.back() - time.front()) / static_cast<double>(time.size() - 1);
}

// The time of a place between samples; NaN for NaN. The place must be within the samples.
[[nodiscard]] inline double time_at(std::span<const double> time, double place) {
    if (std::isnan(place)) return place;
    const auto k = static_cast<std::size_t>(place);
    if (k + 1 >= time.size()) return time.back();
    return time[k] + (time[k + 1] - time[k]) * (place - static_cast<double>(k));
}

// The place of a time; times before the first sample or after the last are there.
[[nodiscard]] inline double place_of(std::span<const double> time, double moment) {
    if (!(moment > time.front())) return 0;
    if (!(moment < time.back())) return static_cast<double>(time.size() - 1);
    const auto after = static_cast<std::size_t>(std::ranges::upper_bound(time, moment) - time.begin());
    return static_cast<double>(after - 1) + (moment - time[after - 1]) / (time[after] - time[after - 1]);
}

}  // namespace spikesmith
