// Parzen estimator: the density of some numbers in [0, 1] as a mixture of normal distributions, one round each number and
// a wide one over the whole range, cut to the range; and the same of points in several parameters.
//
//   J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl: Algorithms for hyper-parameter optimization. NeurIPS (2011), section 4.2
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

struct ParzenSettings {
    double prior_weight = 1;      // of the wide component, whose mean is 0.5 and standard deviation 1
    std::size_t remembered = 25;  // numbers before the last so many weigh less, linearly down to 1/n for the oldest
    double narrowest = 0;         // smallest standard deviation of a number; 0: 1/min(100, n + 2)
};

struct ParzenEstimator {
    std::vector<double> weights;  // sum 1
    std::vector<double> means;    // ascending
    std::vector<double> deviations;
    double inside = 1;  // mass of the mixture in [0, 1]

    [[nodiscard]] double log_density(double x) const;  // of 0 <= x <= 1
    [[nodiscard]] double sample(math::RandomStream& random) const;
};

// `numbers`: in the order of time, all in [0, 1]. A number's standard deviation is its distance to the farther neighbour, within
// [settings.narrowest, 1]. `importance`: a further factor of each number's weight, of mean 1 to keep the share of the wide
// component; empty: 1.
[[nodiscard]] ParzenEstimator parzen_estimator(std::span<const double> numbers, const ParzenSettings& settings = {},
                                               std::span<const double> importance = {});

// The density of points of the unit cube: one product of normal distributions round each, each cut to the cube, with the widths that the
// estimators of the single parameters have, and a wide one.
struct JointParzenEstimator {
    std::vector<double> weights;    // sum 1; the wide component is the last
    Array2 means;                   // a row per component
    Array2 precisions;              // 1/standard deviation; a row per component
    std::vector<double> log_peaks;  // of each component: logarithm of weight * density at its mean

    [[nodiscard]] double log_density(std::span<const double> point) const;
    void sample(math::RandomStream& random, std::span<double> point) const;
};

// `points`: rows in the order of time, at least one column.
[[nodiscard]] JointParzenEstimator joint_parzen_estimator(const Array2& points, const ParzenSettings& settings = {},
                                                          std::span<const double> importance = {});

}  // namespace spikesmith
