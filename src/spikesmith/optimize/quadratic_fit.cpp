#include "spikesmith/optimize/quadratic_fit.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double near = 0.1;               // distances below count as this one
constexpr double linear_preference = 100;  // makes the gradient cheap beside changes of the matrix
constexpr double rank_tolerance = 1e-13;
constexpr double least_curvature = 1e-10;  // relative to the largest

}  // namespace

double Quadratic::operator()(const VectorXd& z) const {
    return gradient.dot(z) + 0.5 * z.dot(matrix * z);
}

Quadratic fit_quadratic(const MatrixXd& z, const VectorXd& values, const Quadratic& before, bool mixed) {
    const Index d = z.rows();
    const Index n = z.cols();
    const Index terms = 2 * d + (mixed ? d * (d - 1) / 2 : 0);
    MatrixXd terms_of(n, terms);
    VectorXd rest(n);
    for (Index i = 0; i < n; ++i) {
        const VectorXd x = z.col(i);
        const double weight = std::pow(std::max(x.norm(), near), -3);
        Index k = 0;
        for (Index j = 0; j < d; ++j) terms_of(i, k++) = weight * linear_preference * x(j);
        for (Index j = 0; j < d; ++j) terms_of(i, k++) = weight * 0.5 * x(j) * x(j);
        if (mixed) {
            for (Index j = 0; j < d; ++j) {
                for (Index l = 0; l < j; ++l) terms_of(i, k++) = weight * x(j) * x(l) / std::numbers::sqrt2;
            }
        }
        rest(i) = weight * (values(i) - 0.5 * x.dot(before.matrix * x));
    }
    Eigen::CompleteOrthogonalDecomposition<MatrixXd> solver;
    solver.setThreshold(rank_tolerance);
    solver.compute(terms_of);
    const VectorXd solution = solver.solve(rest);
    Quadratic fitted = before;
    fitted.gradient = linear_preference * solution.head(d);
    fitted.matrix.diagonal() += solution.segment(d, d);
    Index k = 2 * d;
    if (mixed) {
        for (Index j = 0; j < d; ++j) {
            for (Index l = 0; l < j; ++l) {
                const double change = solution(k++) / std::numbers::sqrt2;
                fitted.matrix(j, l) += change;
                fitted.matrix(l, j) += change;
            }
        }
    }
    return fitted;
}

Quadratic convex(const Quadratic& model) {
    const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(model.matrix);
    VectorXd values = eigen.eigenvalues().cwiseAbs();
    values = values.cwiseMax(std::max(least_curvature * values.maxCoeff(), std::numeric_limits<double>::min()));
    return {model.gradient, eigen.eigenvectors() * values.asDiagonal() * eigen.eigenvectors().transpose()};
}

void EvaluatedPoints::add(const VectorXd& point, double error) {
    if (!std::isfinite(error)) return;
    points.push_back(point);
    errors.push_back(error);
}

std::size_t EvaluatedPoints::best() const {
    return static_cast<std::size_t>(std::ranges::min_element(errors) - errors.begin());
}

std::optional<Quadratic> fit_near(const EvaluatedPoints& known, const VectorXd& centre, double error, double radius,
                                  std::size_t n, const Quadratic& before, bool mixed) {
    std::vector<std::pair<double, std::size_t>> order;  // distance, point
    for (std::size_t i = 0; i < known.points.size(); ++i) {
        const double distance = (known.points[i] - centre).norm();
        if (distance > 0) order.emplace_back(distance, i);
    }
    std::ranges::sort(order);
    order.resize(std::min(n, order.size()));
    MatrixXd z(centre.size(), static_cast<Index>(order.size()));
    VectorXd values(z.cols());
    for (Index i = 0; i < z.cols(); ++i) {
        const std::size_t k = order[static_cast<std::size_t>(i)].second;
        z.col(i) = (known.points[k] - centre) / radius;
        values(i) = known.errors[k] - error;
    }
    const Quadratic scaled =
        fit_quadratic(z, values, {before.gradient * radius, before.matrix * radius * radius}, mixed);
    if (!scaled.gradient.allFinite() || !scaled.matrix.allFinite()) return std::nullopt;
    return Quadratic{scaled.gradient / radius, scaled.matrix / (radius * radius)};
}

}  // namespace spikesmith
