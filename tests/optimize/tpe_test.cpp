#include "spikesmith/optimize/tpe.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <vector>

#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/parzen.hpp"

namespace spikesmith {
namespace {

using test::median_of_seeds;
using testing::DoubleEq;
using testing::ElementsAre;
using testing::Pointwise;

void expect_mixture(const std::vector<double>& numbers, const std::vector<double>& weights,
                    const std::vector<double>& means, const std::vector<double>& deviations, double log_density) {
    const ParzenEstimator found = parzen_estimator(numbers);
    EXPECT_THAT(found.weights, Pointwise(DoubleEq(), weights));
    EXPECT_THAT(found.means, Pointwise(DoubleEq(), means));
    EXPECT_THAT(found.deviations, Pointwise(testing::DoubleNear(1e-15), deviations));
    EXPECT_NEAR(found.log_density(0.3), log_density, 1e-9);
}

// Worked out by hand from the definition that hyperopt follows.
TEST(Parzen, AgreesWithWorkedExamples) {
    expect_mixture({}, {1}, {0.5}, {1}, 0.02097780049);
    expect_mixture({0.2}, {0.5, 0.5}, {0.2, 0.5}, {0.5, 1}, 0.1762632306);
    expect_mixture({0.8}, {0.5, 0.5}, {0.5, 0.8}, {1, 0.5}, -0.11696004);
    expect_mixture({0.2, 0.9, 0.4}, {0.25, 0.25, 0.25, 0.25}, {0.2, 0.4, 0.5, 0.9}, {0.2, 0.2, 1, 0.4}, 0.4186696848);
    const double third = 1.0 / 3;
    expect_mixture({0.5, 0.5}, {third, third, third}, {0.5, 0.5, 0.5}, {1, 0.25, 0.25}, 0.1670308975);
    expect_mixture({0.1, 0.1, 0.1, 0.95}, {0.2, 0.2, 0.2, 0.2, 0.2}, {0.1, 0.1, 0.1, 0.5, 0.95},
                   {1.0 / 6, 1.0 / 6, 0.4, 1, 0.45}, 0.2834612386);
    std::vector<double> many;
    for (int k = 0; k < 28; ++k) many.push_back(0.37 * k - std::floor(0.37 * k));
    const ParzenEstimator found = parzen_estimator(many);
    EXPECT_NEAR(found.log_density(0.3), -0.03471390811, 1e-10);
    EXPECT_NEAR(*std::ranges::min_element(found.deviations), 1.0 / 30, 1e-9);
    // the oldest number, 0, comes first; its weight is 1/28 of the others'
    EXPECT_NEAR(found.weights.front() / found.weights.back(), 1.0 / 28, 1e-12);
}

TEST(Parzen, DensityIntegratesToOne) {
    for (const auto& numbers : {std::vector<double>{}, {0.0, 1.0}, {0.3, 0.31, 0.32, 0.9}}) {
        const ParzenEstimator estimator = parzen_estimator(numbers, 0.5);
        double sum = 0;
        const int n = 20000;
        for (int k = 0; k < n; ++k) sum += std::exp(estimator.log_density((k + 0.5) / n)) / n;
        EXPECT_NEAR(sum, 1, 1e-6);
    }
}

TEST(Parzen, SamplesFollowTheDensity) {
    const ParzenEstimator estimator = parzen_estimator(std::vector{0.1, 0.15, 0.7});
    math::RandomStream random(1, 1);
    std::vector<double> counts(10, 0);
    const int n = 40000;
    for (int k = 0; k < n; ++k) {
        const double x = estimator.sample(random);
        ASSERT_GE(x, 0);
        ASSERT_LE(x, 1);
        ++counts[std::min<std::size_t>(9, static_cast<std::size_t>(x * 10))];
    }
    for (std::size_t cell = 0; cell < 10; ++cell) {
        double expected = 0;
        for (int k = 0; k < 100; ++k) {
            expected += std::exp(estimator.log_density((static_cast<double>(cell) + (k + 0.5) / 100) / 10)) / 1000;
        }
        EXPECT_NEAR(counts[cell] / n, expected, 5 * std::sqrt(expected / n)) << cell;
    }
}

TEST(Tpe, FindsMinima) {
    // Medians of the best of as many random points, from the volumes of balls: 1.4, 0.42, 0.011.
    EXPECT_LT(median_of_seeds(tpe(), test::sphere, 3, 1, 100), 0.7);
    EXPECT_LT(median_of_seeds(tpe(), test::sphere, 3, 30, 20), 0.08);
    EXPECT_LT(median_of_seeds(tpe(), test::sphere, 2, 1000, 2, 1), 1e-3);
}

TEST(Tpe, MoreCandidatesAreGreedier) {
    EXPECT_LT(median_of_seeds(tpe({.n_EI_candidates = 200}), test::sphere, 5, 10, 20),
              median_of_seeds(tpe({.n_EI_candidates = 2}), test::sphere, 5, 10, 20));
}

TEST(Tpe, OptionsAreCheckedAndDescribed) {
    EXPECT_THROW(tpe({.n_startup_jobs = 0}), ConfigError);
    EXPECT_THROW(tpe({.n_EI_candidates = 0}), ConfigError);
    EXPECT_THROW(tpe({.gamma = 0}), ConfigError);
    EXPECT_THROW(tpe({.prior_weight = -1}), ConfigError);
    EXPECT_THROW(tpe({.linear_forgetting = 0}), ConfigError);
    EXPECT_THROW(tpe({.max_points = 1}), ConfigError);
    EXPECT_EQ(tpe().description, "tpe");
    TpeOptions options;
    set_option(options, "gamma", 0.5);
    EXPECT_EQ(tpe(options).description, "tpe: gamma 0.5");
}

}  // namespace
}  // namespace spikesmith
