// Local minimisation of any error from given points: quasi-Newton with differences or gradients, alone or between random hops.
//
// For polishing what a global search found under errors that are no sum of squares, or with so many parameters that only a gradient is
// affordable. It runs the searches of quasi_newton.hpp and basin_hopping.hpp to their ends, all starts in lockstep, so that one batch
// holds the differences and line points of all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith {

// Errors of rows of points of the unit cube; not finite: avoided.
using BatchFunction = std::function<std::vector<double>(const Array2& points)>;

// The same with derivatives by the coordinates.
struct ErrorsWithGradients {
    std::vector<double> errors;
    Array2 gradients;  // points x coordinates
};
using GradientFunction = std::function<ErrorsWithGradients(const Array2& points)>;

struct MinimizeProgress {
    std::size_t start = 0;
    std::size_t batch = 0;          // number of batches done, from 1
    std::span<const double> point;  // the best of this start so far
    double error = 0;
};

struct MinimizeOptions {
    double first_difference = 1e-3;        // distance to the minimum as expected, share of the box; in (0, 0.5]. With
                                           // gradients the length of the first step
    double tolerance = 1e-11;              // relative gain below which three steps in a row end a search
    std::size_t hops = 0;                  // basin hopping: a start ends after so many hops without progress; 0: none
    std::size_t batch = 64;                // points that are evaluated at once, about
    std::size_t max_evaluations = 10'000;  // of each start
    std::uint64_t seed = 0;                // of the hops
    std::function<bool(const MinimizeProgress&)>
        callback{};  // after each batch, for each start; true ends all searches
};

enum class MinimizeStop : std::uint8_t { converged, max_evaluations, callback, not_finite };

struct MinimizeResult {
    Recommendation best;
    MinimizeStop stop = MinimizeStop::converged;
    std::size_t evaluations = 0;
    std::size_t batches = 0;
};

// From each row of `starts`, points of the unit cube. Throws ConfigError for options out of range.
[[nodiscard]] std::vector<MinimizeResult> minimize(const BatchFunction& function, const Array2& starts,
                                                   const MinimizeOptions& options = {});
[[nodiscard]] std::vector<MinimizeResult> minimize_with_gradients(const GradientFunction& function,
                                                                  const Array2& starts,
                                                                  const MinimizeOptions& options = {});

}  // namespace spikesmith
