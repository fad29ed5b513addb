// What data say about parameters at an optimum: covariance, standard errors, intervals, and what they leave open.
//
// Linear theory at the minimum of a weighted sum of squares: the covariance is cost/(n - p) * inverse(J'J), for residuals that are
// independent and of equal variance after weighting. Recordings are sampled so finely that residuals of a wrong model are not
// independent; then the true errors are larger, and the statistics say by about how much.
//
//   G. Seber, C. Wild: Nonlinear Regression (1989), 2.1 and 5.1
//   D. Belsley, E. Kuh, R. Welsch: Regression Diagnostics (1980), 3: singular values
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/parameters.hpp"
#include "spikesmith/optimize/least_squares.hpp"

namespace spikesmith {

// Lists and tables go over all parameters of the model; those that were not refined, ended at a bound, or have a share in a
// direction without any influence have NaN.
struct ParameterStatistics {
    std::vector<double> standard_errors;  // SI
    std::vector<double> confidence_low;   // SI
    std::vector<double> confidence_high;  // SI
    Array2 covariance;                    // SI
    Array2 correlation;
    // of the Jacobian, decreasing: by coordinates of the unit cube, in units of the residuals' standard deviation. The inverse is the
    // standard error of a combination of parameters as a share of the box: below 1 the data say less than the bounds
    std::vector<double> singular_values;
    std::vector<std::string> undetermined;  // sentences about parameters and combinations of them
    std::size_t n_residuals = 0;
    double residual_deviation = 0;  // root of cost/(n - p), in the unit of the root of the error times the root of n
    double autocorrelation = 0;     // of residuals one sample apart
    double confidence = 0.95;

    [[nodiscard]] bool empty() const { return standard_errors.empty(); }
};

// Of the residuals at a point.
struct Residuals {
    std::size_t n = 0;           // that count
    double autocorrelation = 0;  // one sample apart
    double share = 1;            // root of their squares relative to that of what was recorded
};

// `at`: the minimum with derivatives by the coordinates of the unit cube; `all`: the values of all parameters there. Coordinates at a
// bound towards which the error falls, and those of whole numbers, are taken as given. `accuracy`: of the derivatives, relative.
[[nodiscard]] ParameterStatistics parameter_statistics(const FitParameters& parameters, const std::vector<double>& all,
                                                       const LeastSquaresPoint& at, const Residuals& residuals,
                                                       double confidence, double accuracy);

// Quantile of Student's t distribution: G. Hill, Comm. ACM 13 (1970) 619, algorithm 396. `probability` in (0.5, 1).
[[nodiscard]] double student_quantile(double probability, double degrees_of_freedom);

}  // namespace spikesmith
