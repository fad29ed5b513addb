#include "spikesmith/optimize/parzen.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "spikesmith/optimize/normal_numbers.hpp"

namespace spikesmith {

namespace {

constexpr double prior_mean = 0.5;
constexpr double prior_deviation = 1;

double normal_distribution(double z) {
    return 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2);
}

}  // namespace

ParzenEstimator parzen_estimator(std::span<const double> numbers, double prior_weight, std::size_t remembered) {
    const std::size_t n = numbers.size();
    std::vector<double> age_weights(n, 1.0);
    if (n > remembered) {
        const std::size_t old = n - remembered;
        const double oldest = 1 / static_cast<double>(n);
        for (std::size_t k = 0; k < old; ++k) {
            age_weights[k] =
                old == 1 ? oldest : oldest + (1 - oldest) * static_cast<double>(k) / static_cast<double>(old - 1);
        }
    }
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t k) { return std::pair(numbers[k], k); });

    ParzenEstimator result;
    std::size_t prior = 0;
    while (prior < n && numbers[order[prior]] < prior_mean) ++prior;
    for (std::size_t k = 0; k <= n; ++k) {
        if (k == prior) {
            result.means.push_back(prior_mean);
            result.weights.push_back(prior_weight);
        }
        if (k < n) {
            result.means.push_back(numbers[order[k]]);
            result.weights.push_back(age_weights[order[k]]);
        }
    }
    result.deviations.assign(n + 1, prior_deviation / 2);  // stays for a single number
    const double smallest = prior_deviation / std::min(100.0, static_cast<double>(n + 2));
    for (std::size_t k = 0; k <= n && n > 1; ++k) {
        const double left = k > 0 ? result.means[k] - result.means[k - 1] : 0;
        const double right = k < n ? result.means[k + 1] - result.means[k] : 0;
        result.deviations[k] = std::clamp(std::max(left, right), smallest, prior_deviation);
    }
    result.deviations[prior] = prior_deviation;

    const double sum = std::accumulate(result.weights.begin(), result.weights.end(), 0.0);
    result.inside = 0;
    for (std::size_t k = 0; k <= n; ++k) {
        result.weights[k] /= sum;
        const double s = result.deviations[k];
        result.inside += result.weights[k] *
                         (normal_distribution((1 - result.means[k]) / s) - normal_distribution(-result.means[k] / s));
    }
    return result;
}

double ParzenEstimator::log_density(double x) const {
    // The wide component keeps the sum far from 0, so logarithms of the terms are not needed.
    double sum = 0;
    for (std::size_t k = 0; k < means.size(); ++k) {
        const double z = (x - means[k]) / deviations[k];
        if (z * z < 80) sum += weights[k] / deviations[k] * std::exp(-0.5 * z * z);
    }
    return std::log(sum / (inside * std::sqrt(2 * std::numbers::pi)));
}

double ParzenEstimator::sample(math::RandomStream& random) const {
    for (;;) {
        double left = random.next_uniform();
        std::size_t k = 0;
        while (k + 1 < weights.size() && left >= weights[k]) left -= weights[k++];
        const double x = means[k] + deviations[k] * normal_quantile(random.next_uniform());
        if (x >= 0 && x <= 1) return x;
    }
}

}  // namespace spikesmith
