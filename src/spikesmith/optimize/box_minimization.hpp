// Minimisation of a smooth function with its gradient in a box: the small inner problems of surrogate methods
// (hyper-parameters, acquisition functions). Not an Optimizer: it calls the function itself, one point at a time.
//
//   D. Liu, J. Nocedal: On the limited memory BFGS method. Math. Programming 45 (1989) 503-528
//   D. Bertsekas: Projected Newton methods. SIAM J. Control Optim. 20 (1982) 221-246: coordinates held at their bounds
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace spikesmith {

// Returns the value at `point` and fills `gradient`. A value that is not finite is a point to be avoided.
using DifferentiableFunction = std::function<double(std::span<const double> point, std::span<double> gradient)>;

struct BoxMinimizationOptions {
    std::size_t evaluations = 100;     // at most
    double first_step = 0.1;           // longest first step, relative to the widths of the box
    double gradient_tolerance = 1e-7;  // ends when no free coordinate has a larger derivative times width
    double value_tolerance = 1e-10;    // ends when a step gains less, relative to 1 + |value|
    std::size_t memory = 8;            // pairs of steps and gradient changes that are kept
};

struct BoxMinimum {
    std::vector<double> point;
    double value = 0;
    std::size_t evaluations = 0;
};

// Starts at `start`, moved into the box. If the function is not finite there, the start is returned.
[[nodiscard]] BoxMinimum minimize_smooth_in_box(const DifferentiableFunction& function, std::span<const double> start,
                                                std::span<const double> low, std::span<const double> high,
                                                const BoxMinimizationOptions& options = {});

}  // namespace spikesmith
