// The minimum of a convex quadratic in a box: the subproblem of quasi-Newton and trust-region methods.
#pragma once

#include <Eigen/Dense>

namespace spikesmith {

// Minimises gradient'*p + p'*matrix*p/2 over lower <= p <= upper, where lower <= 0 <= upper and `matrix` is positive
// definite (a multiple of the identity is added where it is not), by a primal active set (Nocedal & Wright 2006, 16.5).
[[nodiscard]] Eigen::VectorXd minimize_in_box(const Eigen::VectorXd& gradient, const Eigen::MatrixXd& matrix,
                                              const Eigen::VectorXd& lower, const Eigen::VectorXd& upper);

}  // namespace spikesmith
