// How far features of a simulation are from those of a recording or from given means: weights, scales, and explicit rules for
// features that only one side has. For feature_metric.hpp.
//
//     difference = |simulated - recorded| / scale            z-score, if `scale` is the standard deviation
//     cost       = sum over features of weight * difference
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/features/features.hpp"

namespace spikesmith {

// What a value costs that only one side has (no spike, so no amplitude). What neither has costs nothing.
enum class MissingRule : std::uint8_t {
    penalty,     // weight * amount, as in BluePyOpt, whose amount is 250: beyond any sensible z-score
    difference,  // the difference is `amount`, in the unit of the feature: weight * amount / scale, as in CompNeuroPy
    value,   // the missing value counts as `amount`, in the unit of the feature; brian2modelfitting does that with 99
    ignore,  // nothing
    fail,    // the whole simulation counts as failed
};

struct MissingCost {
    MissingRule rule = MissingRule::penalty;
    double amount = 250;  // not used by `ignore` and `fail`; >= 0 unless it is a value
    friend bool operator==(const MissingCost&, const MissingCost&) = default;
};

// Of a feature with several values (one per spike).
enum class FeatureComparison : std::uint8_t {
    mean,  // the means are compared
    // First with first, second with second, ...; a value without partner is missing on the other side. The mean over the longer
    // sequence counts.
    sequence,
};

struct ComparedFeature {
    std::string name;   // as in the table of features
    double weight = 1;  // >= 0
    double scale = 1;   // > 0, in the unit of the feature (mV, ms, Hz, 1): the difference that costs one weight
    FeatureComparison comparison = FeatureComparison::mean;
    MissingCost simulated_missing{};  // a value of the recording that the simulation lacks
    MissingCost recorded_missing{};   // a value of the simulation that the recording lacks

    // Instead of the values of the recording: one for all traces, or one per trace; NaN: not compared in this trace. The
    // mean of the simulated values is compared with it.
    std::vector<double> means{};
    // Instead of `scale`: one per trace.
    std::vector<double> scales{};
};

// Of simulated and recorded value, in the unit of the feature.
using FeatureDifference = std::function<double(double simulated, double recorded)>;

// Values of one feature; empty if missing.
using FeatureValues = std::span<const double>;

// Throws ConfigError for values out of range. Names are not checked.
void check(const ComparedFeature& feature);
// Also if there are not as many means or scales as traces.
void check_traces(const ComparedFeature& feature, std::size_t n_traces);

// What the feature costs in a trace, with its weight; NaN if the simulation failed. Without `combine`: absolute differences.
[[nodiscard]] double cost(const ComparedFeature& feature, std::size_t trace, FeatureValues simulated,
                          FeatureValues recorded, const FeatureDifference& combine);

// Name and settings, for descriptions of metrics.
[[nodiscard]] std::string description(const ComparedFeature& feature);
// What differs from the defaults: ", mode native, threshold -10"; empty if nothing does.
[[nodiscard]] std::string description(const FeatureSettings& settings);

}  // namespace spikesmith
