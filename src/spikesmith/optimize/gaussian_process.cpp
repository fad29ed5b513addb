#include "spikesmith/optimize/gaussian_process.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/box_minimization.hpp"

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();

// Matern 5/2 as a function of the scaled distance, and the factor of its derivatives:
// dk/dx_j = -slope*(x_j - y_j)/length_j**2, dk/dlog(length_j) = slope*((x_j - y_j)/length_j)**2.
struct Matern {
    double value;
    double slope;
};
Matern matern(double squared_distance) {
    const double t = std::sqrt(5 * squared_distance);
    const double decay = std::exp(-t);
    return {(1 + t + t * t / 3) * decay, 5.0 / 3 * (1 + t) * decay};
}

Index to_index(std::size_t n) {
    return static_cast<Index>(n);
}

// A skewed coordinate and its derivatives.
struct Skewed {
    double value;
    double by_coordinate;
    double by_skew;
};
Skewed skewed(double u, double skew) {
    if (std::fabs(skew) < 1e-5) return {u + 0.5 * skew * u * (1 - u), 1 + skew * (0.5 - u), 0.5 * u * (1 - u)};
    const double whole = std::expm1(-skew);
    const double decay = std::exp(-skew * u);
    const double value = std::expm1(-skew * u) / whole;
    return {value, -skew * decay / whole, (value * std::exp(-skew) - u * decay) / whole};
}

// What the kernel sees: skewed coordinates divided by the length scales.
double scaled(double u, std::size_t j, const GaussianProcessKernel& kernel) {
    return (kernel.skews.empty() ? u : skewed(u, kernel.skews[j]).value) / kernel.length_scales[j];
}

MatrixXd scaled(const Array2& points, const GaussianProcessKernel& kernel) {
    MatrixXd result(to_index(points.rows), to_index(points.columns));
    for (std::size_t r = 0; r < points.rows; ++r) {
        for (std::size_t j = 0; j < points.columns; ++j) {
            result(to_index(r), to_index(j)) = scaled(points(r, j), j, kernel);
        }
    }
    return result;
}

// Squared distances of all rows of `a` to all rows of `b`.
MatrixXd squared_distances(const MatrixXd& a, const MatrixXd& b) {
    MatrixXd result = -2 * a * b.transpose();
    result.colwise() += a.rowwise().squaredNorm();
    result.rowwise() += b.rowwise().squaredNorm().transpose();
    return result.cwiseMax(0.0);
}

// Cholesky factor of the correlations plus noise, and what follows from it in closed form.
struct Factored {
    MatrixXd points;  // scaled
    MatrixXd slopes;  // of the kernel between all points
    Eigen::LLT<MatrixXd> cholesky;
    double mean = 0;
    double variance = 0;
    VectorXd weights;  // R**-1 (values - mean)
    bool definite = false;
};

Factored factor(const Array2& points, std::span<const double> values, const GaussianProcessKernel& kernel,
                bool with_slopes) {
    Factored result;
    const Index n = to_index(points.rows);
    result.points = scaled(points, kernel);
    MatrixXd correlation = squared_distances(result.points, result.points);
    if (with_slopes) result.slopes.resize(n, n);
    for (Index c = 0; c < n; ++c) {
        correlation(c, c) = 1 + kernel.noise;
        if (with_slopes) result.slopes(c, c) = 5.0 / 3;
        for (Index r = c + 1; r < n; ++r) {
            const Matern m = matern(correlation(r, c));
            correlation(r, c) = m.value;
            if (with_slopes) {
                result.slopes(r, c) = m.slope;
                result.slopes(c, r) = m.slope;
            }
        }
    }
    result.cholesky.compute(correlation);
    if (result.cholesky.info() != Eigen::Success) return result;
    const Eigen::Map<const VectorXd> y(values.data(), n);
    const VectorXd ones = result.cholesky.solve(VectorXd::Ones(n));
    result.mean = ones.dot(y) / ones.sum();
    const VectorXd centered = y.array() - result.mean;
    result.weights = result.cholesky.solve(centered);
    result.variance = std::max(centered.dot(result.weights) / static_cast<double>(n), 0.0);
    result.definite = std::isfinite(result.variance);
    return result;
}

void check(const Array2& points, std::span<const double> values, const GaussianProcessKernel& kernel) {
    if (points.rows == 0 || points.rows != values.size()) {
        throw NumericalError(
            fmt::format("a Gaussian process was given {} values for {} points", values.size(), points.rows));
    }
    if (kernel.length_scales.size() != points.columns) {
        throw NumericalError(fmt::format("a kernel with {} length scales was given for points of {} coordinates",
                                         kernel.length_scales.size(), points.columns));
    }
    const auto finite = [](double x) { return std::isfinite(x); };
    if (!std::ranges::all_of(points.values, finite) || !std::ranges::all_of(values, finite)) {
        throw NumericalError("a Gaussian process was given points or values that are not finite");
    }
    if (!std::ranges::all_of(kernel.length_scales, [](double l) { return l > 0; }) || !(kernel.noise > 0)) {
        throw NumericalError("length scales and noise of a kernel must be positive");
    }
    if (!std::ranges::all_of(kernel.skews, finite) ||
        (!kernel.skews.empty() && kernel.skews.size() != points.columns)) {
        throw NumericalError("a kernel needs one finite skew for each coordinate, or none");
    }
}

}  // namespace

// ------------------------------------------------------------------------------------------------------- likelihood

ProfileLikelihood profile_likelihood(const Array2& points, std::span<const double> values,
                                     const GaussianProcessKernel& kernel) {
    check(points, values, kernel);
    const std::size_t dimension = points.columns;
    ProfileLikelihood result{-infinity, std::vector<double>(dimension + 1 + kernel.skews.size())};
    const Factored f = factor(points, values, kernel, true);
    if (!f.definite || f.variance <= 0) return result;
    const Index n = to_index(points.rows);
    double log_determinant = 0;
    for (Index r = 0; r < n; ++r) log_determinant += std::log(f.cholesky.matrixLLT()(r, r));
    result.value = -0.5 * static_cast<double>(n) * std::log(f.variance) - log_determinant;

    // dL/dtheta = trace(Q dR/dtheta)/2 with Q = w w'/s2 - R**-1
    MatrixXd q = -f.cholesky.solve(MatrixXd::Identity(n, n));
    q.noalias() += f.weights * (f.weights / f.variance).transpose();
    result.gradient[dimension] = 0.5 * kernel.noise * q.trace();
    q.array() *= f.slopes.array();
    const VectorXd sums = q.rowwise().sum();
    const MatrixXd moved = q * f.points;
    for (Index j = 0; j < to_index(dimension); ++j) {
        const auto x = f.points.col(j);
        const VectorXd by_point = moved.col(j) - sums.cwiseProduct(x);  // dL/dx
        const auto coordinate = static_cast<std::size_t>(j);
        result.gradient[coordinate] = -x.dot(by_point);
        if (kernel.skews.empty()) continue;
        double& by_skew = result.gradient[dimension + 1 + coordinate];
        for (std::size_t r = 0; r < points.rows; ++r) {
            by_skew += by_point(to_index(r)) * skewed(points(r, coordinate), kernel.skews[coordinate]).by_skew;
        }
        by_skew /= kernel.length_scales[coordinate];
    }
    return result;
}

GaussianProcessKernel fit_kernel(const Array2& points, std::span<const double> values,
                                 const KernelFitOptions& options) {
    const std::size_t dimension = points.columns;
    std::vector<GaussianProcessKernel> starts = options.starts;
    if (options.standard_start || starts.empty()) {
        starts.push_back({std::vector<double>(dimension, 0.5 * std::sqrt(static_cast<double>(dimension))), 1e-4, {}});
    }
    const auto [smallest, largest] = std::ranges::minmax_element(values);
    if (points.rows < 2 || *smallest == *largest) return starts.front();

    // What is searched: the logarithms of the length scales and of the noise, then the skews.
    const std::size_t n_skews = options.skew_deviation > 0 ? dimension : 0;
    const std::size_t n = dimension + 1 + n_skews;
    std::vector<double> low(n, -options.largest_skew);
    std::vector<double> high(n, options.largest_skew);
    std::vector<double> typical(n, 0.0);
    std::vector<double> deviation(n, options.skew_deviation);
    for (std::size_t j = 0; j < dimension; ++j) {
        low[j] = std::log(options.shortest_length);
        high[j] = std::log(options.longest_length);
        typical[j] = std::log(options.typical_length * std::sqrt(static_cast<double>(dimension)));
        deviation[j] = options.length_deviation;
    }
    low[dimension] = std::log(options.smallest_noise);
    high[dimension] = std::log(options.largest_noise);
    typical[dimension] = std::log(options.typical_noise);
    deviation[dimension] = options.noise_deviation;

    const auto kernel_of = [&](std::span<const double> theta) {
        GaussianProcessKernel kernel{std::vector<double>(dimension), std::exp(theta[dimension]), {}};
        for (std::size_t j = 0; j < dimension; ++j) kernel.length_scales[j] = std::exp(theta[j]);
        kernel.skews.assign(theta.end() - static_cast<std::ptrdiff_t>(n_skews), theta.end());
        return kernel;
    };
    const DifferentiableFunction minus_posterior = [&](std::span<const double> theta, std::span<double> gradient) {
        const ProfileLikelihood likelihood = profile_likelihood(points, values, kernel_of(theta));
        double value = -likelihood.value;
        for (std::size_t k = 0; k < n; ++k) {
            const double z = (theta[k] - typical[k]) / deviation[k];
            value += 0.5 * z * z;
            gradient[k] = -likelihood.gradient[k] + z / deviation[k];
        }
        return value;
    };
    BoxMinimum best{.point = {}, .value = infinity};
    for (const auto& start : starts) {
        std::vector<double> theta(n, 0.0);
        for (std::size_t j = 0; j < dimension; ++j) theta[j] = std::log(start.length_scales[j]);
        theta[dimension] = std::log(start.noise);
        if (n_skews == start.skews.size())
            std::ranges::copy(start.skews, theta.end() - static_cast<std::ptrdiff_t>(n_skews));
        BoxMinimum found = minimize_smooth_in_box(minus_posterior, theta, low, high,
                                                  {.evaluations = options.evaluations,
                                                   .first_step = 0.1,
                                                   .gradient_tolerance = 1e-3,
                                                   .value_tolerance = 1e-6});
        if (best.point.empty() || found.value < best.value) best = std::move(found);
    }
    return kernel_of(best.point);
}

// ---------------------------------------------------------------------------------------------------------- process

struct GaussianProcess::Implementation {
    GaussianProcessKernel kernel;
    double mean = 0;
    double variance = 0;
    Index n = 0;
    // Rows and columns beyond n are room for more.
    MatrixXd points;    // columns: points divided by the length scales
    MatrixXd factor;    // lower triangle L, R = L L'
    VectorXd solution;  // L**-1 (values - mean)
    VectorXd weights;   // R**-1 (values - mean); brought up to date when wanted
    bool weights_known = false;

    MatrixXd watched;         // rows: points divided by the length scales
    MatrixXd watched_solved;  // rows: L**-1 k of each
    VectorXd watched_means;
    VectorXd watched_squares;  // |L**-1 k|**2
    VectorXd watched_deviations;

    [[nodiscard]] VectorXd scaled_point(std::span<const double> point) const {
        VectorXd result(to_index(point.size()));
        for (std::size_t j = 0; j < point.size(); ++j) result(to_index(j)) = scaled(point[j], j, kernel);
        return result;
    }

    [[nodiscard]] auto lower() const { return factor.topLeftCorner(n, n).triangularView<Eigen::Lower>(); }
    [[nodiscard]] auto upper() const { return factor.topLeftCorner(n, n).transpose().triangularView<Eigen::Upper>(); }

    void grow() {
        if (n < factor.rows()) return;
        const Index room = std::max<Index>(2 * n, n + 32);
        factor.conservativeResize(room, room);
        points.conservativeResize(Eigen::NoChange, room);
        solution.conservativeResize(room);
        if (watched.rows() > 0) watched_solved.conservativeResize(Eigen::NoChange, room);
    }

    [[nodiscard]] double deviation(double square) const { return std::sqrt(variance * std::max(1 - square, 0.0)); }

    void update_watched_deviations() {
        watched_deviations = (variance * (1 - watched_squares.array()).cwiseMax(0.0)).sqrt();
    }

    const VectorXd& known_weights() {
        if (!weights_known) {
            weights = upper().solve(solution.head(n));
            weights_known = true;
        }
        return weights;
    }
};

GaussianProcess::GaussianProcess(const Array2& points, std::span<const double> values, GaussianProcessKernel kernel)
    : implementation_(std::make_unique<Implementation>()) {
    check(points, values, kernel);
    auto& p = *implementation_;
    Factored f = factor(points, values, kernel, false);
    // Rounding can spoil matrices with little noise, such as those of points that almost coincide.
    while (!f.definite && kernel.noise < 1) {
        kernel.noise *= 10;
        f = factor(points, values, kernel, false);
    }
    if (!f.definite) throw NumericalError("the correlation matrix of a Gaussian process is not positive definite");
    p.kernel = std::move(kernel);
    p.n = to_index(points.rows);
    p.mean = f.mean;
    p.variance = f.variance;
    p.points = f.points.transpose();
    p.factor = f.cholesky.matrixL();
    const Eigen::Map<const VectorXd> y(values.data(), p.n);
    p.solution = f.cholesky.matrixL().solve((y.array() - p.mean).matrix());
    p.weights = std::move(f.weights);
    p.weights_known = true;
}

GaussianProcess::GaussianProcess(GaussianProcess&&) noexcept = default;
GaussianProcess& GaussianProcess::operator=(GaussianProcess&&) noexcept = default;
GaussianProcess::~GaussianProcess() = default;

void GaussianProcess::add(std::span<const double> point, double value, double extra_noise) {
    auto& p = *implementation_;
    p.grow();
    const Index n = p.n;
    const VectorXd x = p.scaled_point(point);
    VectorXd row = (p.points.leftCols(n).colwise() - x).colwise().squaredNorm();
    for (double& k : row) k = matern(k).value;
    p.lower().solveInPlace(row);
    const double noise = p.kernel.noise + extra_noise;
    const double pivot = std::sqrt(std::max(1 - row.squaredNorm(), 0.0) + noise);
    p.points.col(n) = x;
    p.factor.row(n).head(n) = row;
    p.factor(n, n) = pivot;
    const double solution = (value - p.mean - row.dot(p.solution.head(n))) / pivot;
    p.solution(n) = solution;
    p.n = n + 1;
    p.weights_known = false;
    if (p.watched.rows() == 0) return;
    VectorXd column = (p.watched.rowwise() - x.transpose()).rowwise().squaredNorm();
    for (double& k : column) k = matern(k).value;
    column.noalias() -= p.watched_solved.leftCols(n) * row;
    column /= pivot;
    p.watched_solved.col(n) = column;
    p.watched_means += solution * column;
    p.watched_squares += column.cwiseAbs2();
    p.update_watched_deviations();
}

Prediction GaussianProcess::predict(std::span<const double> point) const {
    const auto& p = *implementation_;
    VectorXd k = (p.points.leftCols(p.n).colwise() - p.scaled_point(point)).colwise().squaredNorm();
    for (double& entry : k) entry = matern(entry).value;
    p.lower().solveInPlace(k);
    return {p.mean + k.dot(p.solution.head(p.n)), p.deviation(k.squaredNorm())};
}

Prediction GaussianProcess::predict(std::span<const double> point, std::span<double> mean_gradient,
                                    std::span<double> deviation_gradient) const {
    auto& p = *implementation_;
    const MatrixXd differences = (-p.points.leftCols(p.n)).colwise() + p.scaled_point(point);
    VectorXd k = differences.colwise().squaredNorm();
    VectorXd slopes(p.n);
    for (Index r = 0; r < p.n; ++r) {
        const Matern m = matern(k(r));
        k(r) = m.value;
        slopes(r) = m.slope;
    }
    p.lower().solveInPlace(k);
    const double deviation = p.deviation(k.squaredNorm());
    const Prediction result{p.mean + k.dot(p.solution.head(p.n)), deviation};
    p.upper().solveInPlace(k);
    const VectorXd mean_slope = -(differences * slopes.cwiseProduct(p.known_weights()));
    const VectorXd square_slope = -2 * (differences * slopes.cwiseProduct(k));
    for (std::size_t j = 0; j < point.size(); ++j) {
        double scale = 1 / p.kernel.length_scales[j];
        if (!p.kernel.skews.empty()) scale *= skewed(point[j], p.kernel.skews[j]).by_coordinate;
        mean_gradient[j] = mean_slope(to_index(j)) * scale;
        deviation_gradient[j] = deviation > 0 ? -0.5 * p.variance * square_slope(to_index(j)) * scale / deviation : 0;
    }
    return result;
}

void GaussianProcess::watch(const Array2& points) {
    auto& p = *implementation_;
    p.watched = scaled(points, p.kernel);
    MatrixXd correlation = squared_distances(p.points.leftCols(p.n).transpose(), p.watched);
    for (double& k : correlation.reshaped()) k = matern(k).value;
    p.lower().solveInPlace(correlation);
    p.watched_means = (correlation.transpose() * p.solution.head(p.n)).array() + p.mean;
    p.watched_squares = correlation.colwise().squaredNorm();
    p.watched_solved.resize(p.watched.rows(), p.factor.rows());
    p.watched_solved.leftCols(p.n) = correlation.transpose();
    p.update_watched_deviations();
}

std::span<const double> GaussianProcess::watched_means() const {
    return {implementation_->watched_means.data(), static_cast<std::size_t>(implementation_->watched_means.size())};
}

std::span<const double> GaussianProcess::watched_deviations() const {
    const auto& deviations = implementation_->watched_deviations;
    return {deviations.data(), static_cast<std::size_t>(deviations.size())};
}

std::size_t GaussianProcess::size() const {
    return static_cast<std::size_t>(implementation_->n);
}
double GaussianProcess::mean() const {
    return implementation_->mean;
}
double GaussianProcess::variance() const {
    return implementation_->variance;
}
const GaussianProcessKernel& GaussianProcess::kernel() const {
    return implementation_->kernel;
}

}  // namespace spikesmith
