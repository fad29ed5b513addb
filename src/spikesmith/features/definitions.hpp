// The tables of features by family, for the registry in features.cpp, and what definitions share.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "spikesmith/features/features.hpp"

namespace spikesmith {

struct FeatureDefinition {
    FeatureInfo info;
    FeatureValue (*compute)(TraceFeatures&);
};

[[nodiscard]] std::span<const FeatureDefinition>
spike_features();  // spike_features.cpp: detection, onset, AHP, heights
[[nodiscard]] std::span<const FeatureDefinition> timing_features();  // timing_features.cpp: counts, times, intervals
[[nodiscard]] std::span<const FeatureDefinition> subthreshold_features();  // subthreshold_features.cpp: levels, sag

[[nodiscard]] inline FeatureValue one(double value) {
    return {.values = {value}};
}
[[nodiscard]] inline FeatureValue absent(std::string_view reason) {
    return {.absent = reason};
}

// Indices of the grid, which are kept as numbers like any values.
[[nodiscard]] inline std::size_t index(double value) {
    return static_cast<std::size_t>(value);
}

// Element `k` of another feature, or why not.
[[nodiscard]] inline FeatureValue element(const FeatureValue& feature, std::size_t k, std::string_view reason) {
    if (!feature.present()) return feature;
    return k < feature.values.size() ? one(feature.values[k]) : absent(reason);
}

// The elements of `series` (voltage or time of the grid) at the indices of another feature.
[[nodiscard]] inline FeatureValue at_indices(const std::vector<double>& series, const FeatureValue& indices) {
    FeatureValue result = indices;
    for (double& value : result.values) value = series[index(value)];
    return result;
}

// Sum from left to right / count; [first, last) must not be empty.
[[nodiscard]] inline double mean_of(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

}  // namespace spikesmith
