#include "spikesmith/features/native_spikes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "spikesmith/features/native_interpolation.hpp"

namespace spikesmith {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr SpikePart no_part{nan, nan};

struct Extent {
    double low = 0;
    double high = 0;
};

constexpr std::size_t block = 64;

// Lowest and highest of `block` samples, in lanes that the compiler can keep in vectors.
Extent extent_of(const double* v) {
    constexpr std::size_t lanes = 8;
    std::array<double, lanes> low;
    std::array<double, lanes> high;
    std::copy_n(v, lanes, low.begin());
    std::copy_n(v, lanes, high.begin());
    for (std::size_t i = lanes; i < block; i += lanes) {
        for (std::size_t j = 0; j < lanes; ++j) {
            low[j] = v[i + j] < low[j] ? v[i + j] : low[j];
            high[j] = v[i + j] > high[j] ? v[i + j] : high[j];
        }
    }
    return {*std::ranges::min_element(low), *std::ranges::max_element(high)};
}

// The two states of the search.
struct Search {
    double threshold;
    double height;
    std::vector<double>& peaks;
    bool rising = true;  // waiting for a rise from `low`; else for a fall from `high`
    double low = 0;
    double high = 0;
    std::size_t highest = 0;  // sample of `high`

    void sample(double v, std::size_t i) {
        if (rising) {
            low = std::min(low, v);
            if (v >= low + height) {
                rising = false;
                high = v;
                highest = i;
            }
        } else if (v > high) {
            high = v;
            highest = i;
        } else if (v <= high - height) {
            if (high >= threshold) peaks.push_back(static_cast<double>(highest));
            rising = true;
            low = v;
        }
    }

    // A whole block in which nothing can happen is one step.
    [[nodiscard]] bool skip(const Extent& extent) {
        if (rising) {
            const double lowest = std::min(low, extent.low);
            if (extent.high >= lowest + height) return false;
            low = lowest;
            return true;
        }
        return extent.high <= high && extent.low > high - height;
    }
};

}  // namespace

void find_spikes(std::span<const double> voltage, double threshold, double height, std::vector<double>& peaks) {
    if (voltage.empty()) return;
    Search search{threshold, height, peaks, true, voltage[0], 0, 0};
    std::size_t i = 0;
    for (; i + block <= voltage.size(); i += block) {
        if (search.skip(extent_of(voltage.data() + i))) continue;
        for (std::size_t j = i; j < i + block; ++j) search.sample(voltage[j], j);
    }
    for (; i < voltage.size(); ++i) search.sample(voltage[i], i);
}

// Backwards from the peak to the first sample that rises slower, once the potential is `height` below the peak: near the
// peak the slope is small too.
SpikePart spike_onset(const SpikeSearch& search, std::size_t begin, std::size_t peak) {
    // The samples after the peak are left out: with the reset of a model they would spoil the slope.
    const auto v = search.voltage.first(peak + 1);
    const double threshold = search.derivative_threshold;
    double next = 0;  // slope of sample i + 1
    for (std::size_t i = peak; i-- > begin;) {
        const double slope = slope_at(v, i, search.half_width) / search.dt;
        if (slope < threshold && v[peak] - v[i] >= search.height) {
            if (!(next >= threshold)) return no_part;
            const double place = slope_crossing(v, i + 1, search.half_width, threshold * search.dt);
            return {place, value_at(v, std::max(0.0, place))};
        }
        next = slope;
    }
    return no_part;
}

SpikePart spike_end(const SpikeSearch& search, std::size_t peak, std::size_t end) {
    const auto v = search.voltage.subspan(peak);
    const double threshold = search.down_derivative_threshold;
    double before = 0;
    for (std::size_t i = 1; i < v.size() && peak + i <= end; ++i) {
        const double slope = slope_at(v, i, search.half_width) / search.dt;
        if (slope >= threshold && v[0] - v[i] >= search.height) {
            if (!(before < threshold)) return no_part;
            const double place = slope_crossing(v, i, search.half_width, threshold * search.dt);
            return {static_cast<double>(peak) + place, value_at(v, place)};
        }
        before = slope;
    }
    return no_part;
}

SpikePart first_minimum(const SpikeSearch& search, std::size_t peak, std::size_t end, double lull) {
    const auto v = search.voltage;
    const auto patience = static_cast<std::size_t>(std::max(2.0, std::ceil(lull / search.dt)));
    std::size_t lowest = peak;
    for (std::size_t i = peak + 1; i < end; ++i) {
        if (v[i] < v[lowest]) {
            lowest = i;
        } else if (i - lowest >= patience) {
            break;
        }
    }
    if (lowest == peak || lowest + 1 >= search.voltage.size()) return no_part;  // still falling at the end
    const Extremum minimum = refined_extremum(v, lowest, search.half_width);
    return {minimum.place, minimum.value};
}

double rise_through(const SpikeSearch& search, std::size_t begin, std::size_t peak, double level) {
    const auto v = search.voltage;
    for (std::size_t i = peak; i > begin; --i) {
        if (v[i] >= level && v[i - 1] < level) return crossing(v, i, level);
    }
    return nan;
}

double fall_through(const SpikeSearch& search, std::size_t peak, std::size_t end, double level) {
    const auto v = search.voltage;
    for (std::size_t i = peak + 1; i < v.size() && i <= end; ++i) {
        if (v[i] <= level && v[i - 1] > level) return crossing(v, i, level);
    }
    return nan;
}

double steepest(const SpikeSearch& search, std::size_t first, std::size_t last, double sign) {
    if (first > last) return nan;
    // What is beyond the peak is left out: a reset there would spoil the slope.
    const std::size_t origin = sign > 0 ? 0 : first;
    const auto v = sign > 0 ? search.voltage.first(last + 1) : search.voltage.subspan(first);
    const auto slope = [&](std::size_t i) { return sign * slope_at(v, i - origin, search.half_width) / search.dt; };
    std::size_t best = first;
    double largest = slope(first);
    for (std::size_t i = first + 1; i <= last; ++i) {
        const double found = slope(i);
        if (found > largest) {
            largest = found;
            best = i;
        }
    }
    if (best == first || best == last) return largest;
    return sign * steepest_near(v, best - origin, search.half_width) / search.dt;
}

}  // namespace spikesmith
