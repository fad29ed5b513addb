#include "spikesmith/optimize/normal_numbers.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

namespace spikesmith {
namespace {

double probability_below(double x) {
    return 0.5 * std::erfc(-x / std::numbers::sqrt2);
}

TEST(NormalNumbers, QuantileInvertsTheDistributionFunction) {
    for (double p = 1e-300; p < 0.5; p *= 1.01) {
        const double x = normal_quantile(p);
        // an error of x by one part in 10^15 changes p by about x^2 parts
        EXPECT_NEAR(probability_below(x) / p, 1, 2e-15 * std::max(1.0, x * x)) << p;
    }
    for (const double p : {0.01, 0.074, 0.1, 0.3, 0.4999})
        EXPECT_NEAR(normal_quantile(1 - p), -normal_quantile(p), 1e-13);
    EXPECT_EQ(normal_quantile(0.5), 0);
    EXPECT_EQ(normal_quantile(0), -INFINITY);
    EXPECT_EQ(normal_quantile(1), INFINITY);
}

TEST(NormalNumbers, AreDistributedNormally) {
    constexpr std::size_t n = 100000;
    std::vector<double> numbers(n);
    math::RandomStream random(1, 2);
    draw_normals(random, numbers);
    std::ranges::sort(numbers);
    double distance = 0;  // Kolmogorov and Smirnov
    for (std::size_t k = 0; k < n; ++k) {
        const double expected = (static_cast<double>(k) + 0.5) / n;
        distance = std::max(distance, std::fabs(probability_below(numbers[k]) - expected));
    }
    EXPECT_LT(distance, 1.95 / std::sqrt(n));  // exceeded once in 1000
}

}  // namespace
}  // namespace spikesmith
