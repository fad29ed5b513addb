#include "spikesmith/features/sample_grid.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace spikesmith {

double in_milliseconds(double time, TraceUnits units) {
    if (units == TraceUnits::quoted) return time;
    const double product = time * 1e3;
    const double decimal = std::nearbyint(product * 1e9) / 1e9;
    const bool same = std::fabs(decimal - product) <= 1e-15 * std::fabs(product);
    return same ? decimal : product;
}

namespace {

// Point i lies `distance` after sample i, and sample i + 1 `width` after it. The order of operations is part of the definition.
inline void interpolate(const double* values, double scale, const double* distance, const double* width, std::size_t n,
                        double* result) {
    for (std::size_t i = 0; i < n; ++i) {
        const double from = values[i] * scale;
        const double to = values[i + 1] * scale;
        result[i] = from + (to - from) / width[i] * distance[i];
    }
}

}  // namespace

bool SampleGrid::same(const SampleTimes& times, FeatureMode mode, double step) const {
    if (times.size != times_.size || times.units != times_.units || mode != mode_ || step != step_) return false;
    if (times.given.empty() != given_.empty() || times.given.size() != given_.size()) return false;
    if (times.given.empty()) return times.dt == times_.dt && times.first_sample == times_.first_sample;
    return std::memcmp(times.given.data(), given_.data(), given_.size() * sizeof(double)) == 0;
}

Missing SampleGrid::set(const SampleTimes& times, FeatureMode mode, double step) {
    if (same(times, mode, step)) return state_;
    times_ = times;
    given_.assign(times.given.begin(), times.given.end());
    times_.given = {};
    mode_ = mode;
    step_ = step;
    state_ = build(mode, step);
    if (state_ != Missing::none) time_.clear();
    return state_;
}

Missing SampleGrid::build(FeatureMode mode, double step) {
    time_.clear();
    left_.clear();
    distance_.clear();
    width_.clear();
    samples_.clear();
    runs_.clear();
    interpolated_ = 0;
    const std::size_t n = times_.size;
    if (n < 3) return Missing::too_short;
    if (!given_.empty() && given_.size() != n) return Missing::lengths_differ;
    samples_.resize(n);
    if (given_.empty()) {
        const double dt = in_milliseconds(times_.dt, times_.units);
        for (std::size_t k = 0; k < n; ++k) samples_[k] = static_cast<double>(times_.first_sample + k) * dt;
    } else {
        for (std::size_t k = 0; k < n; ++k) samples_[k] = in_milliseconds(given_[k], times_.units);
    }
    // NaN fails the comparison too.
    for (std::size_t k = 0; k + 1 < n; ++k) {
        if (!(samples_[k] < samples_[k + 1])) return Missing::time_not_increasing;
    }
    if (!std::isfinite(samples_.front()) || !std::isfinite(samples_.back())) return Missing::time_not_increasing;
    if (mode == FeatureMode::native) {
        time_ = samples_;
        return Missing::none;
    }

    constexpr double largest_grid = 2e7;
    const double last = samples_.back();
    const double points = std::ceil((last - samples_.front()) / step);
    if (!(points <= largest_grid)) return Missing::grid_too_large;
    const auto intervals = static_cast<std::size_t>(points);
    double now = samples_.front();
    for (std::size_t i = 0; i < intervals; ++i, now += step) time_.push_back(now);
    if (time_.back() < last) time_.push_back(now);
    std::size_t j = 0;
    for (std::size_t i = 0; i < time_.size(); ++i) {
        while (j + 1 < n && samples_[j + 1] < time_[i]) ++j;
        if (j + 1 == n) {
            time_.resize(i + 1);  // beyond the last sample: the last value, and no further points
            break;
        }
        if (i == 0 || j != left_.back() + 1) runs_.push_back({i, i, j});
        runs_.back().end = i + 1;
        left_.push_back(j);
        distance_.push_back(time_[i] - samples_[j]);
        width_.push_back(samples_[j + 1] - samples_[j]);
        interpolated_ = i + 1;
    }
    return Missing::none;
}

void SampleGrid::resample(std::span<const double> values, double scale, std::vector<double>& result) const {
    result.resize(time_.size());
    if (mode_ == FeatureMode::native) {
        for (std::size_t i = 0; i < result.size(); ++i) result[i] = values[i] * scale;
        return;
    }
    constexpr std::size_t worthwhile = 16;
    if (runs_.size() * worthwhile < interpolated_) {
        for (const Run& run : runs_) {
            interpolate(values.data() + run.left, scale, distance_.data() + run.begin, width_.data() + run.begin,
                        run.end - run.begin, result.data() + run.begin);
        }
    } else {
        for (std::size_t i = 0; i < interpolated_; ++i) {
            interpolate(values.data() + left_[i], scale, &distance_[i], &width_[i], 1, &result[i]);
        }
    }
    if (interpolated_ < result.size()) result.back() = values.back() * scale;
}

}  // namespace spikesmith
