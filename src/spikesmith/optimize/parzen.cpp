#include "spikesmith/optimize/parzen.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "spikesmith/optimize/normal_numbers.hpp"

namespace spikesmith {

namespace {

constexpr double prior_mean = 0.5;
constexpr double prior_deviation = 1;

double normal_distribution(double z) {
    return 0.5 * std::erfc(-z * std::numbers::sqrt2 / 2);
}

// By age: 1 for the latest `remembered` of n, before them a ramp from 1/n; times the importance.
std::vector<double> weights_of(std::size_t n, std::size_t remembered, std::span<const double> importance) {
    std::vector<double> weights(n, 1.0);
    if (!importance.empty()) std::ranges::copy(importance, weights.begin());
    if (n <= remembered) return weights;
    const std::size_t old = n - remembered;
    const double oldest = 1 / static_cast<double>(n);
    for (std::size_t k = 0; k < old; ++k) {
        weights[k] *= old == 1 ? oldest : oldest + (1 - oldest) * static_cast<double>(k) / static_cast<double>(old - 1);
    }
    return weights;
}

// Numbers and the mean of the prior in ascending order, with the standard deviation of each.
struct Neighbours {
    std::vector<std::size_t> order;  // of the numbers
    std::size_t prior = 0;           // numbers before the mean of the prior
    std::vector<double> means;
    std::vector<double> deviations;
};

Neighbours neighbours_of(std::span<const double> numbers, double narrowest) {
    const std::size_t n = numbers.size();
    Neighbours result;
    std::vector<std::pair<double, std::size_t>> sorted(n);
    for (std::size_t k = 0; k < n; ++k) sorted[k] = {numbers[k], k};
    std::ranges::sort(sorted);
    for (const auto& [number, k] : sorted) result.order.push_back(k);
    while (result.prior < n && numbers[result.order[result.prior]] < prior_mean) ++result.prior;
    for (const std::size_t k : result.order) result.means.push_back(numbers[k]);
    result.means.insert(result.means.begin() + static_cast<std::ptrdiff_t>(result.prior), prior_mean);
    result.deviations.assign(n + 1, prior_deviation / 2);  // stays for a single number
    if (narrowest == 0) narrowest = prior_deviation / std::min(100.0, static_cast<double>(n + 2));
    for (std::size_t k = 0; k <= n && n > 1; ++k) {
        const double left = k > 0 ? result.means[k] - result.means[k - 1] : 0;
        const double right = k < n ? result.means[k + 1] - result.means[k] : 0;
        result.deviations[k] = std::clamp(std::max(left, right), narrowest, prior_deviation);
    }
    result.deviations[result.prior] = prior_deviation;
    return result;
}

double mass_inside(double mean, double deviation) {
    if (std::min(mean, 1 - mean) > 8.5 * deviation) return 1;  // to the last bit, and faster
    return normal_distribution((1 - mean) / deviation) - normal_distribution(-mean / deviation);
}

void normalize(std::vector<double>& weights) {
    const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
    for (double& weight : weights) weight /= sum;
}

std::size_t choose(const std::vector<double>& weights, math::RandomStream& random) {
    double left = random.next_uniform();
    std::size_t k = 0;
    while (k + 1 < weights.size() && left >= weights[k]) left -= weights[k++];
    return k;
}

}  // namespace

ParzenEstimator parzen_estimator(std::span<const double> numbers, const ParzenSettings& settings,
                                 std::span<const double> importance) {
    const std::vector<double> in_time = weights_of(numbers.size(), settings.remembered, importance);
    Neighbours neighbours = neighbours_of(numbers, settings.narrowest);
    ParzenEstimator result;
    for (const std::size_t k : neighbours.order) result.weights.push_back(in_time[k]);
    result.weights.insert(result.weights.begin() + static_cast<std::ptrdiff_t>(neighbours.prior),
                          settings.prior_weight);
    normalize(result.weights);
    result.means = std::move(neighbours.means);
    result.deviations = std::move(neighbours.deviations);
    result.inside = 0;
    for (std::size_t k = 0; k < result.weights.size(); ++k)
        result.inside += result.weights[k] * mass_inside(result.means[k], result.deviations[k]);
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
        const std::size_t k = choose(weights, random);
        const double x = means[k] + deviations[k] * normal_quantile(random.next_uniform());
        if (x >= 0 && x <= 1) return x;
    }
}

JointParzenEstimator joint_parzen_estimator(const Array2& points, const ParzenSettings& settings,
                                            std::span<const double> importance) {
    const std::size_t n = points.rows;
    const std::size_t dimension = points.columns;
    JointParzenEstimator result;
    result.weights = weights_of(n, settings.remembered, importance);
    result.weights.push_back(settings.prior_weight);
    normalize(result.weights);
    result.means = Array2(n + 1, dimension, prior_mean);
    std::ranges::copy(points.values, result.means.values.begin());
    result.precisions = Array2(n + 1, dimension, 1 / prior_deviation);
    std::vector<double> numbers(n);
    for (std::size_t j = 0; j < dimension; ++j) {
        for (std::size_t k = 0; k < n; ++k) numbers[k] = points(k, j);
        const Neighbours neighbours = neighbours_of(numbers, settings.narrowest);
        for (std::size_t place = 0; place < n; ++place) {
            result.precisions(neighbours.order[place], j) =
                1 / neighbours.deviations[place < neighbours.prior ? place : place + 1];
        }
    }
    for (std::size_t k = 0; k <= n; ++k) {
        double peak = std::log(result.weights[k]);
        for (std::size_t j = 0; j < dimension; ++j) {
            const double deviation = 1 / result.precisions(k, j);
            peak -= std::log(deviation * std::sqrt(2 * std::numbers::pi) * mass_inside(result.means(k, j), deviation));
        }
        result.log_peaks.push_back(peak);
    }
    return result;
}

double JointParzenEstimator::log_density(std::span<const double> point) const {
    std::vector<double> terms = log_peaks;
    for (std::size_t k = 0; k < terms.size(); ++k) {
        for (std::size_t j = 0; j < point.size(); ++j) {
            const double z = (point[j] - means(k, j)) * precisions(k, j);
            terms[k] -= 0.5 * z * z;
        }
    }
    const double largest = *std::ranges::max_element(terms);
    double sum = 0;
    for (const double term : terms) {
        if (term > largest - 40) sum += std::exp(term - largest);
    }
    return largest + std::log(sum);
}

void JointParzenEstimator::sample(math::RandomStream& random, std::span<double> point) const {
    const std::size_t k = choose(weights, random);
    for (std::size_t j = 0; j < point.size(); ++j) {
        do point[j] = means(k, j) + normal_quantile(random.next_uniform()) / precisions(k, j);
        while (point[j] < 0 || point[j] > 1);
    }
}

}  // namespace spikesmith
