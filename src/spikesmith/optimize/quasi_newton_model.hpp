// The quadratic model of quasi-Newton methods and the step to its minimum.
//
//   J. Nocedal, S. Wright: Numerical Optimization, 2nd ed. (2006): 6.1 (BFGS), procedure 18.2 (damped update)
#pragma once

#include <span>

#include <Eigen/Dense>

namespace spikesmith {

// Learns from the change of the gradient along a step; the matrix stays positive definite.
void update_model(Eigen::MatrixXd& matrix, const Eigen::VectorXd& step, const Eigen::VectorXd& gradient_change);

// From x in the unit cube to the minimum of the model within it, no coordinate further than half of the cube.
[[nodiscard]] Eigen::VectorXd model_step(const Eigen::VectorXd& x, const Eigen::VectorXd& gradient,
                                         const Eigen::MatrixXd& model);

[[nodiscard]] inline std::span<const double> as_span(const Eigen::VectorXd& x) {
    return {x.data(), static_cast<std::size_t>(x.size())};
}

}  // namespace spikesmith
