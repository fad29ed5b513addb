// Modes: all maxima of a density that searches from many starts find.
#pragma once

#include <cstddef>
#include <vector>

#include "spikesmith/infer/sampling_control.hpp"
#include "spikesmith/infer/walker.hpp"

namespace spikesmith {

struct Maximum {
    std::vector<double> point;
    double value = 0;
    std::size_t starts = 0;  // searches that ended here
};

// Climbs from every row of `starts` by BFGS (J. Nocedal and S. Wright, Numerical optimization, 2006, algorithm 6.1, with a backtracking line
// search), all side by side, and merges the ends that are closer than `distance`. Highest first. Coordinates stay within
// +-limit. Progress counts the climbs.
[[nodiscard]] std::vector<Maximum> find_maxima(const LogDensity& density, const Array2& starts, std::size_t max_steps,
                                               double distance, double limit, std::size_t& evaluations,
                                               const SamplingControl& control = {});

}  // namespace spikesmith
