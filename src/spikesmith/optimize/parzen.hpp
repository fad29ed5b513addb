// Parzen estimator: the density of some numbers in [0, 1] as a mixture of normal distributions, one round each number and
// a wide one over the whole range, cut to the range.
//
//   J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl: Algorithms for hyper-parameter optimization. NeurIPS (2011), section 4.2
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

struct ParzenEstimator {
    std::vector<double> weights;  // sum 1
    std::vector<double> means;    // ascending
    std::vector<double> deviations;
    double inside = 1;  // mass of the mixture in [0, 1]

    [[nodiscard]] double log_density(double x) const;  // of 0 <= x <= 1
    [[nodiscard]] double sample(math::RandomStream& random) const;
};

// `numbers`: in the order of time, all in [0, 1]. The wide component has mean 0.5, standard deviation 1 and the weight
// `prior_weight`, the others weight 1, but those before the last `remembered` a weight that falls linearly to 1/n for the
// oldest. A number's standard deviation is its distance to the farther neighbour, at least 1/min(100, n + 2).
[[nodiscard]] ParzenEstimator parzen_estimator(std::span<const double> numbers, double prior_weight = 1,
                                               std::size_t remembered = 25);

}  // namespace spikesmith
