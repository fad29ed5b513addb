#include "spikesmith/optimize/quasi_newton_model.hpp"

#include <cmath>

#include "spikesmith/optimize/bounded_quadratic.hpp"

namespace spikesmith {

namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double longest_step = 0.5;  // of a coordinate, share of the box

}  // namespace

void update_model(MatrixXd& matrix, const VectorXd& step, const VectorXd& gradient_change) {
    const VectorXd image = matrix * step;
    const double curvature = step.dot(image);
    if (!(curvature > 0)) return;
    const double seen = step.dot(gradient_change);
    const double share = seen >= 0.1 * curvature ? 1 : 0.9 * curvature / (curvature - seen);
    const VectorXd change = share * gradient_change + (1 - share) * image;
    const double along = step.dot(change);
    if (!(along > 0) || !std::isfinite(along)) return;
    matrix += change * change.transpose() / along - image * image.transpose() / curvature;
}

VectorXd model_step(const VectorXd& x, const VectorXd& gradient, const MatrixXd& model) {
    const VectorXd lower = (-x).cwiseMax(-longest_step);
    const VectorXd upper = (VectorXd::Ones(x.size()) - x).cwiseMin(longest_step);
    return minimize_in_box(gradient, model, lower, upper);
}

}  // namespace spikesmith
