#include "spikesmith/optimize/acquisition.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace spikesmith {

namespace {

constexpr double smallest_deviation = 1e-12;  // a point whose error is known has some left, so that scores stay finite
const double log_sqrt_2pi = 0.5 * std::log(2 * std::numbers::pi);

// The standard normal's density and distribution at z and h = density + z*distribution, the expected improvement of a
// unit deviation: log(distribution), log(h), density/distribution, distribution/h, density/h.
struct NormalRatios {
    double log_distribution;
    double log_h;
    double density_by_distribution;
    double distribution_by_h;
    double density_by_h;
};

NormalRatios normal_ratios(double z) {
    const double log_density = -0.5 * z * z - log_sqrt_2pi;
    if (z > -15) {
        const double density = std::exp(log_density);
        const double distribution = 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2);
        const double h = density + z * distribution;
        return {std::log(distribution), std::log(h), density / distribution, distribution / h, density / h};
    }
    // Asymptotic series of the tail, relative to the density (Abramowitz & Stegun 26.2.12).
    const double s = 1 / (z * z);
    const double distribution = -(1 - s * (1 - 3 * s * (1 - 5 * s * (1 - 7 * s * (1 - 9 * s))))) / z;
    const double h = s * (1 - 3 * s * (1 - 5 * s * (1 - 7 * s * (1 - 9 * s))));
    return {log_density + std::log(distribution), log_density + std::log(h), 1 / distribution, distribution / h, 1 / h};
}

}  // namespace

AcquisitionScore score(const Acquisition& acquisition, const Prediction& prediction) {
    if (acquisition.rule == AcquisitionRule::lower_confidence_bound) {
        return {acquisition.kappa * prediction.deviation - prediction.mean, -1, acquisition.kappa};
    }
    const double deviation = std::max(prediction.deviation, smallest_deviation);
    const double z = (acquisition.best - acquisition.xi - prediction.mean) / deviation;
    const NormalRatios r = normal_ratios(z);
    if (acquisition.rule == AcquisitionRule::probability_of_improvement) {
        return {r.log_distribution, -r.density_by_distribution / deviation, -r.density_by_distribution * z / deviation};
    }
    return {r.log_h + std::log(deviation), -r.distribution_by_h / deviation, r.density_by_h / deviation};
}

AcquisitionRule HedgedChoice::choose(double uniform) const {
    const double largest = *std::ranges::max_element(gains_);
    std::array<double, 3> weights{};
    double sum = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
        weights[k] = std::exp(gains_[k] - largest);
        sum += weights[k];
    }
    double left = uniform * sum;
    for (std::size_t k = 0; k + 1 < weights.size(); ++k) {
        if (left < weights[k]) return rules[k];
        left -= weights[k];
    }
    return rules.back();
}

}  // namespace spikesmith
