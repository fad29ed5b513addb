// The families of definitions, and what their authors share. For users of features: features.hpp.
//
// A definition writes in[k] for the k-th name of `needs`. It must be safe for any numbers: indices that come from other
// features are within the grid, but their order and count may be anything (onsets without peaks, minima before peaks).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/features/features.hpp"

namespace spikesmith {

using Definitions = std::vector<FeatureDefinition>;

[[nodiscard]] Definitions timing_features();        // counts, times, intervals
[[nodiscard]] Definitions burst_features();         // bursts and what is between them
[[nodiscard]] Definitions spike_features();         // detection, onsets, ends, amplitudes
[[nodiscard]] Definitions shape_features();         // afterhyperpolarisation, widths, rates
[[nodiscard]] Definitions subthreshold_features();  // levels, sag, resistance
[[nodiscard]] Definitions fitted_features();        // time constants, impedance
[[nodiscard]] Definitions native_features();        // replace those of the same name in native mode

using Values = std::vector<double>;

[[nodiscard]] inline Missing one(Values& values, double value) {
    values.push_back(value);
    return Missing::none;
}

// Indices of the grid and numbers of spikes are kept as numbers like any values.
[[nodiscard]] inline std::size_t index(double value) {
    return static_cast<std::size_t>(value);
}

// Sum from left to right / count; NaN if empty.
[[nodiscard]] inline double mean_of(std::span<const double> values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
}

// [begin, end) of a series; empty if the ends are the wrong way round; never beyond the series.
[[nodiscard]] inline std::span<const double> range(std::span<const double> series, std::size_t begin, std::size_t end) {
    end = end < series.size() ? end : series.size();
    return begin < end ? series.subspan(begin, end - begin) : std::span<const double>{};
}

[[nodiscard]] inline Missing mean_or_missing(Values& values, std::span<const double> window) {
    return window.empty() ? Missing::empty_window : one(values, mean_of(window));
}

// Definitions that many share; of the first need unless said otherwise.

// The values at the indices of the second need.
Missing at_indices(const FeatureInputs& in, Values& values);
// The values as they are.
Missing same_values(const FeatureInputs& in, Values& values);
Missing last_element(const FeatureInputs& in, Values& values);
[[nodiscard]] FeatureFunction element(std::size_t k, Missing otherwise);
// Values minus the one value of the second need.
Missing minus_number(const FeatureInputs& in, Values& values);
// Mean of the values.
Missing mean_value(const FeatureInputs& in, Values& values);
// Second minus first value.
Missing second_minus_first(const FeatureInputs& in, Values& values);
// Each value minus the one before it; at least 2.
Missing differences(const FeatureInputs& in, Values& values);
// Change of each value but the first from the first one, relative to it; at least 2.
Missing relative_changes(const FeatureInputs& in, Values& values);

// Searches in [begin, end) of a series; all give `end` if they find nothing, also if `end` is before `begin`.

// The first smallest, largest.
[[nodiscard]] std::size_t index_of_minimum(std::span<const double> series, std::size_t begin, std::size_t end);
[[nodiscard]] std::size_t index_of_maximum(std::span<const double> series, std::size_t begin, std::size_t end);
// The first one that fulfils the condition.
template <class Condition>
[[nodiscard]] std::size_t find_first(std::span<const double> series, std::size_t begin, std::size_t end,
                                     const Condition& condition) {
    // In blocks without a branch per sample: most searches cross long quiet stretches.
    constexpr std::size_t block = 16;
    std::size_t i = begin;
    for (; i + block <= end; i += block) {
        std::uint64_t found = 0;  // as wide as a sample, for the sake of vectors
        for (std::size_t k = 0; k < block; ++k) found |= condition(series[i + k]) ? 1U : 0U;
        if (found != 0) break;
    }
    for (; i < end; ++i) {
        if (condition(series[i])) return i;
    }
    return end;
}
// The running minimum where two consecutive samples do not go below it.
[[nodiscard]] std::size_t first_minimum(std::span<const double> series, std::size_t begin, std::size_t end);

// dV/dt at a sample: quotient of the central differences (one-sided at the ends) of V and T. At least 2 samples.
[[nodiscard]] inline double derivative(std::span<const double> voltage, std::span<const double> time, std::size_t i) {
    const std::size_t before = i == 0 ? 0 : i - 1;
    const std::size_t after = i + 1 < voltage.size() ? i + 1 : i;
    const double factor = after - before == 2 ? 0.5 : 1;
    return factor * (voltage[after] - voltage[before]) / (factor * (time[after] - time[before]));
}

}  // namespace spikesmith
