// Least squares with bounds: minimises cost(x) = |r(x)|^2 over low <= x <= high from its normal equations J'r and J'J.
//
// For finishing what a global search began. Not an Optimizer: it needs derivatives, and finds the minimum of the basin in
// which it starts.
//
// The caller evaluates whole batches of points, so one kernel call serves all starting points and all step lengths:
//
//     const LeastSquaresFunction function = [&](const Array2& points, bool derivatives) { ... };
//     const auto results = minimize_least_squares(function, starts, low, high);
//
// An iteration of a start asks for two batches: costs at the steps of several dampings at once (lambda in powers of ten and the
// undamped step), then the derivatives at the best of them. So every evaluation of derivatives belongs to a point that was accepted:
// what other methods spend on finding the damping costs no derivatives here. Starts go in lockstep; what happens to one
// does not depend on the others.
//
// A step is the minimum of the damped model g's + s'(H + lambda*D)s/2 within the bounds themselves, so that active bounds need no
// special case. D is the largest diagonal of H seen so far, which makes the method invariant to the units of the parameters.
//
// The last steps of a convergent search gain less than the rounding of the cost. Then costs cannot judge, and the
// undamped step is taken once more, if the cost rises by no more than its rounding: parameters end at the accuracy of
// the normal equations, not at the square root of that of the cost.
//
//   C. Kanzow, N. Yamashita, M. Fukushima: Levenberg-Marquardt methods with strong local convergence properties for
//     solving nonlinear equations with convex constraints. J. Comput. Appl. Math. 172 (2004) 375-397: steps within the bounds
//   J. Moré: The Levenberg-Marquardt algorithm: implementation and theory. Lecture Notes in Math. 630 (1978) 105-116: D
//   A. Conn, N. Gould, Ph. Toint: Trust-Region Methods (2000); J. Nocedal, S. Wright: Numerical Optimization, 2nd ed. (2006), 10.3
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"

namespace spikesmith {

// What is known at a point: r'r, and on demand J'r and J'J. A cost that is not finite is a point to be avoided.
struct LeastSquaresPoint {
    double cost = std::numeric_limits<double>::infinity();
    std::vector<double> gradient;  // J'r: half the derivative of the cost
    Array2 matrix;                 // J'J
};

// One row per point; `derivatives`: whether gradient and matrix are wanted. Gives one entry per row.
using LeastSquaresFunction = std::function<std::vector<LeastSquaresPoint>(const Array2& points, bool derivatives)>;

// Where a search stands after an iteration. Valid during the call only.
struct LeastSquaresProgress {
    std::size_t start = 0;      // its number
    std::size_t iteration = 0;  // of this start, from 1
    std::span<const double> point;
    double cost = 0;
};

struct LeastSquaresOptions {
    std::size_t max_iterations =
        100;  // of each start; an iteration that accepts a point costs one evaluation of derivatives
    std::size_t max_evaluations = 100'000;  // points whose cost is evaluated, of each start
    // Ends when the model promises a gain below this share of the cost. The square root of it times the number of residuals is
    // about the distance to the minimum in standard errors. Below 1e-16 nothing but rounding is left.
    double cost_tolerance = 1e-15;
    // Ends when no parameter changes by more than this share of itself.
    double step_tolerance = 1e-14;
    double first_damping = 1e-3;  // lambda at first, relative to D; larger: shorter first steps
    std::size_t dampings = 8;     // steps tried per batch; fill the vector of the machine
    // Called after each iteration of each start; true ends all searches.
    std::function<bool(const LeastSquaresProgress&)> callback{};
};

enum class LeastSquaresStop : std::uint8_t {
    cost_tolerance,  // converged: the model promises no gain that counts
    step_tolerance,  // converged: steps have become too short to matter, or no step lowers the cost
    max_iterations,
    max_evaluations,
    callback,
    not_finite,  // cost or derivatives at the start are NaN or infinite
};

// "the error cannot be lowered by more than rounding", ...
[[nodiscard]] std::string_view describe(LeastSquaresStop stop);
[[nodiscard]] bool converged(LeastSquaresStop stop);

struct LeastSquaresResult {
    std::vector<double> point;
    LeastSquaresPoint at;  // the point, with derivatives
    double start_cost = std::numeric_limits<double>::infinity();
    LeastSquaresStop stop = LeastSquaresStop::max_iterations;
    std::size_t iterations = 0;
    std::size_t evaluations = 0;             // of costs, derivatives excepted
    std::size_t derivative_evaluations = 0;  // points at which J'r and J'J were evaluated
};

// From each row of `starts`, moved into the bounds. `low` and `high` may be infinite. Throws ConfigError for bounds that are none, options
// out of range, and answers of the function that do not fit.
[[nodiscard]] std::vector<LeastSquaresResult> minimize_least_squares(const LeastSquaresFunction& function,
                                                                     const Array2& starts, std::span<const double> low,
                                                                     std::span<const double> high,
                                                                     const LeastSquaresOptions& options = {});

}  // namespace spikesmith
