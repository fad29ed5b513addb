#include "spikesmith/fit/refine_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <Eigen/Dense>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double widest_determined =
    0.3;                              // standard error of a combination, share of the box, above which it is left open
constexpr double shown_share = 0.2;   // components of a combination that are named, relative to the largest
constexpr double shown_change = 0.1;  // of the box, in the sentence about a combination
constexpr double strong_correlation = 0.99;
constexpr double noticeable_autocorrelation = 0.3;
constexpr double rounding_share = 1e-9;  // residuals of this share of the recording are rounding
constexpr double least_share = 1e-3;     // of an unresolved direction in a parameter that leaves it open

// The coordinates that a search may move and that no bound stops.
std::vector<Index> free_coordinates(const FitParameters& parameters, std::span<const double> point,
                                    const LeastSquaresPoint& at) {
    std::vector<Index> free;
    const auto& ranges = parameters.space().ranges();
    for (std::size_t k = 0; k < ranges.size(); ++k) {
        const bool held = (point[k] <= 0 && at.gradient[k] > 0) || (point[k] >= 1 && at.gradient[k] < 0);
        if (!ranges[k].integer && !held) free.push_back(static_cast<Index>(k));
    }
    return free;
}

std::vector<double> point_of(const FitParameters& parameters, const std::vector<double>& all) {
    std::vector<double> point;
    for (std::size_t j = 0; j < all.size(); ++j) {
        if (parameters.list()[j].searched()) point.push_back(parameters.space().to_coordinate(point.size(), all[j]));
    }
    return point;
}

// "a + 3 mV", "b - 20 nS": how parameters change together along a direction of the unit cube.
std::string changes_along(const FitParameters& parameters, const std::vector<double>& all, const VectorXd& direction,
                          double least) {
    const Array2 slopes = parameters.derivatives(all);
    const double largest = direction.cwiseAbs().maxCoeff();
    std::vector<std::string> changes;
    std::size_t coordinate = 0;
    for (std::size_t j = 0; j < all.size(); ++j) {
        const FittedParameter& parameter = parameters.list()[j];
        if (!parameter.searched()) continue;
        const double share = direction(static_cast<Index>(coordinate)) / largest;
        const double change = shown_change * share * slopes(j, coordinate);
        ++coordinate;
        if (std::fabs(share) < least) continue;
        changes.push_back(fmt::format("`{}` by {}{}", parameter.name, change < 0 ? "-" : "+",
                                      format_quantity({std::fabs(change), parameter.dimension}, 2)));
    }
    return fmt::format("{}", fmt::join(changes, ", "));
}

std::vector<std::string> names_along(const FitParameters& parameters, const VectorXd& direction, double least) {
    const double largest = direction.cwiseAbs().maxCoeff();
    std::vector<std::string> names;
    for (Index k = 0; k < direction.size(); ++k) {
        if (std::fabs(direction(k)) >= least * largest)
            names.push_back(fmt::format("`{}`", parameters.space().ranges()[static_cast<std::size_t>(k)].name));
    }
    return names;
}

}  // namespace

double student_quantile(double probability, double degrees_of_freedom) {
    const double n = degrees_of_freedom;
    const double p = 2 * (1 - probability);  // both tails
    constexpr double half_pi = std::numbers::pi / 2;
    if (n <= 1) return std::cos(p * half_pi) / std::sin(p * half_pi);
    if (n <= 2) return std::sqrt(2 / (p * (2 - p)) - 2);
    const double a = 1 / (n - 0.5);
    const double b = 48 / (a * a);
    double c = ((20700 * a / b - 98) * a - 16) * a + 96.36;
    const double d = ((94.5 / (b + c) - 3) / b + 1) * std::sqrt(a * half_pi) * n;
    double x = d * p;
    double y = std::pow(x, 2 / n);
    if (y > 0.05 + a) {
        // the normal quantile of p/2 by bisection of erfc
        double low = -40;
        double high = 0;
        for (int k = 0; k < 200; ++k) {
            const double middle = (low + high) / 2;
            (std::erfc(-middle / std::numbers::sqrt2) / 2 < p / 2 ? low : high) = middle;
        }
        x = low;
        y = x * x;
        if (n < 5) c += 0.3 * (n - 4.5) * (x + 0.6);
        c = (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b + c;
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x;
        y = std::expm1(a * y * y);
    } else {
        y = ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1) * (n + 1) /
                (n + 2) +
            1 / y;
    }
    return std::sqrt(n * y);
}

ParameterStatistics parameter_statistics(const FitParameters& parameters, const std::vector<double>& all,
                                         const LeastSquaresPoint& at, const Residuals& residuals, double confidence,
                                         double accuracy) {
    const std::size_t n_all = all.size();
    ParameterStatistics result{.standard_errors = std::vector<double>(n_all, not_a_number),
                               .confidence_low = std::vector<double>(n_all, not_a_number),
                               .confidence_high = std::vector<double>(n_all, not_a_number),
                               .covariance = Array2(n_all, n_all, not_a_number),
                               .correlation = Array2(n_all, n_all, not_a_number),
                               .singular_values = {},
                               .undetermined = {},
                               .n_residuals = residuals.n,
                               .residual_deviation = not_a_number,
                               .autocorrelation = residuals.autocorrelation,
                               .confidence = confidence};
    const std::vector<double> point = point_of(parameters, all);
    const std::vector<Index> free = free_coordinates(parameters, point, at);
    const auto p = static_cast<Index>(free.size());
    if (free.empty()) return result;
    if (residuals.n <= free.size()) {
        result.undetermined.push_back(
            fmt::format("{} residuals cannot determine {} parameters", residuals.n, free.size()));
        return result;
    }
    const double degrees = static_cast<double>(residuals.n - free.size());
    const double variance = at.cost / degrees;
    result.residual_deviation = std::sqrt(variance);
    const auto d = static_cast<Index>(point.size());
    const MatrixXd whole = Eigen::Map<const MatrixXd>(at.matrix.values.data(), d, d);
    const MatrixXd matrix = whole(free, free);

    VectorXd scale(p);
    for (Index k = 0; k < p; ++k) scale(k) = matrix(k, k) > 0 ? 1 / std::sqrt(matrix(k, k)) : 1;
    // Eigenvalues of the matrix with unit diagonal tell what rounding hides; those of J'J itself what the noise hides.
    const Eigen::SelfAdjointEigenSolver<MatrixXd> scaled(scale.asDiagonal() * matrix * scale.asDiagonal());
    const Eigen::SelfAdjointEigenSolver<MatrixXd> plain(matrix);
    for (Index k = p; k-- > 0;) {
        result.singular_values.push_back(std::sqrt(std::max(0.0, plain.eigenvalues()(k)) / std::max(variance, 1e-300)));
    }
    const auto in_cube = [&](const VectorXd& part) {
        VectorXd direction = VectorXd::Zero(d);
        for (Index k = 0; k < p; ++k) direction(free[static_cast<std::size_t>(k)]) = part(k);
        return direction;
    };
    const auto tell = [&](const VectorXd& part, double least) {
        const VectorXd direction = in_cube(part);
        const std::vector<std::string> names = names_along(parameters, direction, least);
        if (names.size() == 1) {
            result.undetermined.push_back(fmt::format("the data do not determine {}", names.front()));
            return;
        }
        result.undetermined.push_back(
            fmt::format("the data do not determine {} singly: the error hardly changes when they change together, {}",
                        fmt::join(names, ", "), changes_along(parameters, all, direction, least)));
    };
    // Directions that rounding of the derivatives cannot tell from none have no covariance.
    const double resolved = accuracy * accuracy * std::max(1.0, scaled.eigenvalues()(p - 1));
    bool singular = false;
    for (Index k = 0; k < p; ++k) {
        if (scaled.eigenvalues()(k) > resolved) continue;
        singular = true;
        tell(scale.asDiagonal() * scaled.eigenvectors().col(k), least_share);
    }
    // The variance along unresolved directions is infinite: parameters with a share in them have no standard error.
    VectorXd inverse_eigenvalues(p);
    for (Index k = 0; k < p; ++k)
        inverse_eigenvalues(k) = scaled.eigenvalues()(k) > resolved ? 1 / scaled.eigenvalues()(k) : 0;
    const MatrixXd covariance =
        variance * (scale.asDiagonal() * scaled.eigenvectors() * inverse_eigenvalues.asDiagonal() *
                    scaled.eigenvectors().transpose() * scale.asDiagonal());
    for (Index k = 0; k < p && !singular; ++k) {
        const double error = std::sqrt(variance / std::max(plain.eigenvalues()(k), 1e-300));
        if (error > widest_determined) tell(plain.eigenvectors().col(k), shown_share);
    }

    // From the unit cube to values.
    const Array2 slopes = parameters.derivatives(all);
    MatrixXd jacobian(static_cast<Index>(n_all), p);
    for (std::size_t j = 0; j < n_all; ++j) {
        for (Index k = 0; k < p; ++k)
            jacobian(static_cast<Index>(j), k) = slopes(j, static_cast<std::size_t>(free[static_cast<std::size_t>(k)]));
    }
    const MatrixXd values = jacobian * covariance * jacobian.transpose();
    const MatrixXd shares = jacobian * scale.asDiagonal() * scaled.eigenvectors();
    std::vector<bool> open(n_all);
    for (std::size_t j = 0; j < n_all; ++j) {
        const auto row = shares.row(static_cast<Index>(j));
        open[j] = row.isZero(0);
        for (Index k = 0; k < p; ++k)
            open[j] = open[j] || (inverse_eigenvalues(k) == 0 && std::fabs(row(k)) > least_share * row.norm());
    }
    const double quantile = student_quantile((1 + confidence) / 2, degrees);
    for (std::size_t j = 0; j < n_all; ++j) {
        const FittedParameter& parameter = parameters.list()[j];
        const auto row = static_cast<Index>(j);
        if (open[j]) continue;
        const double error = std::sqrt(values(row, row));
        result.standard_errors[j] = error;
        if (parameter.searched() && parameter.scale == Scale::logarithmic) {
            const double factor = std::exp(quantile * error / all[j]);
            result.confidence_low[j] = all[j] / factor;
            result.confidence_high[j] = all[j] * factor;
        } else {
            result.confidence_low[j] = all[j] - quantile * error;
            result.confidence_high[j] = all[j] + quantile * error;
        }
        for (std::size_t i = 0; i < n_all; ++i) {
            const auto column = static_cast<Index>(i);
            if (open[i]) continue;
            result.covariance(j, i) = values(row, column);
            result.correlation(j, i) =
                i == j
                    ? 1
                    : std::clamp(values(row, column) / std::sqrt(values(row, row) * values(column, column)), -1.0, 1.0);
        }
    }
    for (std::size_t j = 0; j < n_all && !singular; ++j) {
        for (std::size_t i = 0; i < j; ++i) {
            const bool both = parameters.list()[i].searched() && parameters.list()[j].searched();
            if (!both || !(std::fabs(result.correlation(j, i)) >= strong_correlation)) continue;
            result.undetermined.push_back(fmt::format(
                "`{}` and `{}` are determined together rather than singly: their errors correlate by {:.4f}",
                parameters.list()[i].name, parameters.list()[j].name, result.correlation(j, i)));
        }
    }
    if (residuals.autocorrelation > noticeable_autocorrelation && residuals.share > rounding_share) {
        const double factor = std::sqrt((1 + residuals.autocorrelation) / (1 - residuals.autocorrelation));
        result.undetermined.push_back(
            fmt::format("neighbouring residuals correlate by {:.3f}, so they are not only noise: true standard errors "
                        "are larger, about {:.2g} times",
                        residuals.autocorrelation, factor));
    }
    return result;
}

}  // namespace spikesmith
