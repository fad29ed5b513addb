// The times at which features see a trace, and traces brought to them.
//
// efel mode: from the first time on by repeated addition of interpolation_step, up to the first point at or beyond the last
// time; values by linear interpolation. The order of the operations is part of the definition: whether a sample is within the
// stimulus may hang on the last bit of its time. native mode: the samples themselves.
//
// Made for many traces with the same times: the grid and the place of its points among the samples are kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/features/feature_value.hpp"

namespace spikesmith {

enum class TraceUnits : std::uint8_t {
    si,      // seconds, volts, amperes
    quoted,  // ms, mV, nA: numbers are taken as they are
};

// Seconds in ms. A time that is a decimal number in ms (0.1 ms, 1204.98 ms) becomes the double nearest to it, as if it had
// been given in ms.
[[nodiscard]] double in_milliseconds(double time, TraceUnits units);

// Times of the samples: first_sample * dt, ..., or the given ones if there are any.
struct SampleTimes {
    std::size_t size = 0;
    double dt = 0;
    std::size_t first_sample = 0;
    std::span<const double> given{};
    TraceUnits units = TraceUnits::si;
};

class SampleGrid {
  public:
    // Missing::none, or why there is no grid (which is empty then).
    [[nodiscard]] Missing set(const SampleTimes& times, FeatureMode mode, double step);

    [[nodiscard]] const std::vector<double>& time() const { return time_; }  // ms

    // The values of the samples, multiplied by `scale`, at the points of the grid. values.size() must be times.size.
    void resample(std::span<const double> values, double scale, std::vector<double>& result) const;

  private:
    [[nodiscard]] bool same(const SampleTimes& times, FeatureMode mode, double step) const;
    [[nodiscard]] Missing build(FeatureMode mode, double step);

    // What the grid was made for.
    SampleTimes times_{};
    std::vector<double> given_;
    FeatureMode mode_ = FeatureMode::efel;
    double step_ = 0;
    Missing state_ = Missing::too_short;

    std::vector<double> samples_;  // ms
    std::vector<double> time_;
    std::vector<std::size_t> left_;  // the sample before each point
    std::vector<double> distance_;   // of the point from it
    std::vector<double> width_;      // from it to the next one
    std::size_t interpolated_ = 0;   // points before the end of the samples; the one after takes the last value

    // Stretches of the grid in which each point is one sample further on than the one before; few where the step is the
    // sampling interval.
    struct Run {
        std::size_t begin = 0;  // points
        std::size_t end = 0;
        std::size_t left = 0;  // the sample before the first point
    };
    std::vector<Run> runs_;
};

}  // namespace spikesmith
