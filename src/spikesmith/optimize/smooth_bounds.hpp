// A smooth map of the whole line onto [0, 1], for optimisers that draw from unbounded distributions.
//
// It is the identity except near the bounds, where it is a parabola, and periodic beyond: a minimum on a bound becomes an
// ordinary quadratic minimum. (The idea is that of the transformation in Hansen's pycma; derived anew from its
// description.)
//
//     y       -margin ... margin              margin ... 1 - margin      1 - margin ... 1 + margin
//     u       (y + margin)^2 / (4*margin)     y                          mirror image of the lower end
//
// At y = -margin and y = 1 + margin, where u = 0 and u = 1, the map is even.
#pragma once

#include <cmath>

namespace spikesmith::smooth_bounds {

inline constexpr double margin = 0.05;
inline constexpr double low = -margin;  // the preimages of 0 and 1
inline constexpr double high = 1 + margin;

// The equivalent of `y` in [low, high].
[[nodiscard]] inline double folded(double y) {
    if (y >= low && y <= high) return y;
    constexpr double width = high - low;
    double beyond = std::fmod(std::fabs(y - low), 2 * width);
    if (beyond > width) beyond = 2 * width - beyond;
    return low + beyond;
}

// In [0, 1].
[[nodiscard]] inline double to_unit(double y) {
    y = folded(y);
    if (y < margin) return (y - low) * (y - low) / (4 * margin);
    if (y > 1 - margin) return 1 - (high - y) * (high - y) / (4 * margin);
    return y;
}

// The y in [low, high] with to_unit(y) = u, to rounding.
[[nodiscard]] inline double from_unit(double u) {
    if (u < margin) return low + 2 * std::sqrt(margin * u);
    if (u > 1 - margin) return high - 2 * std::sqrt(margin * (1 - u));
    return u;
}

}  // namespace spikesmith::smooth_bounds
