// Regression of a quadratic function on points and their errors.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include <Eigen/Dense>

namespace spikesmith {

// gradient'*z + z'*matrix*z/2: the error relative to that of z = 0.
struct Quadratic {
    Eigen::VectorXd gradient;
    Eigen::MatrixXd matrix;

    [[nodiscard]] double operator()(const Eigen::VectorXd& z) const;
};

// The quadratic that is 0 at z = 0 and closest to `values` (finite) at the columns of `z` in least squares with weights
// 1/max(|z|, 0.1)^3, since what a quadratic misses grows with the cube. Where the data leave a choice, its matrix stays
// closest to that of `before`, changes of the gradient counting little. `mixed`: with mixed terms; else off-diagonal
// entries are those of `before`.
[[nodiscard]] Quadratic fit_quadratic(const Eigen::MatrixXd& z, const Eigen::VectorXd& values, const Quadratic& before,
                                      bool mixed);

// The same with the eigenvalues of its matrix by absolute value, none of them negligible: curved upwards everywhere.
[[nodiscard]] Quadratic convex(const Quadratic& model);

// Points of the unit cube with finite errors.
struct EvaluatedPoints {
    std::vector<Eigen::VectorXd> points;
    std::vector<double> errors;

    void add(const Eigen::VectorXd& point, double error);  // nothing if the error is not finite
    [[nodiscard]] std::size_t best() const;                // of at least one
};

// The quadratic of the error round `centre`, whose error is `error`, fitted in units of `radius` to the `n` nearest
// points. Nothing if that gives no finite numbers.
[[nodiscard]] std::optional<Quadratic> fit_near(const EvaluatedPoints& known, const Eigen::VectorXd& centre,
                                                double error, double radius, std::size_t n, const Quadratic& before,
                                                bool mixed);

}  // namespace spikesmith
