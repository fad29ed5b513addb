// Pair densities of a posterior that is a known normal distribution.
#include "spikesmith/infer/pair_densities.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/inference.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

Prior three() {
    return Prior({normal_prior("a", {0, {}}, {1, {}}), uniform_prior("b", {-4, {}}, {4, {}}),
                  normal_prior("c", {0, {}}, {1, {}})});
}

// a and b with correlation 0.6, c alone
Array2 correlated(std::size_t n) {
    Array2 samples(n, 3);
    math::RandomStream random(1, 1);
    for (std::size_t i = 0; i < n; ++i) {
        samples(i, 0) = random.next_normal();
        samples(i, 1) = 0.6 * samples(i, 0) + 0.8 * random.next_normal();
        samples(i, 2) = 0.5 * random.next_normal();
    }
    return samples;
}

TEST(PairDensities, OfSamplesAreTheirDensity) {
    Array2 samples = correlated(20000);
    samples(5, 1) = std::nan("");
    const PairDensities densities = pair_densities(three(), samples);
    ASSERT_EQ(densities.parameters.size(), 3U);
    ASSERT_EQ(densities.pairs.size(), 3U);
    const auto& a = densities.parameters[0];
    for (std::size_t k = 0; k < a.values.size(); ++k) {
        const double expected = std::exp(-0.5 * a.values[k] * a.values[k]) / std::sqrt(2 * std::numbers::pi);
        EXPECT_NEAR(a.density[k], expected, 0.03);
    }
    const auto& b = densities.parameters[1].values;
    const double step_a = a.values[1] - a.values[0];
    const double step_b = b[1] - b[0];
    double sum = 0;
    double product = 0;
    for (std::size_t r = 0; r < b.size(); ++r) {
        for (std::size_t c = 0; c < a.values.size(); ++c) {
            const double mass = densities.pair(0, 1)(r, c) * step_a * step_b;
            sum += mass;
            product += mass * a.values[c] * b[r];
        }
    }
    EXPECT_NEAR(sum, 1, 1e-9);
    EXPECT_NEAR(product, 0.6, 0.03);
    EXPECT_GE(b.front(), -4);
    EXPECT_LE(b.back(), 4);
    EXPECT_EQ(&densities.pair(1, 2), &densities.pairs[2]);
    EXPECT_THROW((void)densities.pair(1, 1), ConfigError);
}

TEST(PairDensities, WrongInputIsRefused) {
    EXPECT_THROW((void)pair_densities(three(), Array2(10, 2)), DataError);
    EXPECT_THROW((void)pair_densities(three(), Array2(1, 3)), DataError);
    EXPECT_THROW((void)pair_densities(three(), correlated(10), {.resolution = 1}), ConfigError);
    EXPECT_THROW((void)pair_densities(three(), correlated(10), {.limits = {{0, 1}, {1, 0}, {0, 1}}}), ConfigError);
    EXPECT_THROW((void)pair_densities(three(), correlated(10), {.limits = {{0, 1}}}), ConfigError);
}

TEST(PairDensities, LevelsHoldTheirMass) {
    Array2 density(1, 4);
    density.values = {1, 4, 2, 3};
    EXPECT_EQ(level_of_mass(density, 0.4), 4);
    EXPECT_EQ(level_of_mass(density, 0.7), 3);
    EXPECT_EQ(level_of_mass(density, 1), 1);
}

// x = a + b + noise: given the others, a and b have to compensate each other, c is free.
TEST(PairDensities, ConditionalsShowCompensation) {
    const Prior prior({normal_prior("a", {0, {}}, {1, {}}), normal_prior("b", {0, {}}, {1, {}}),
                       normal_prior("c", {0, {}}, {1, {}})});
    const Array2 theta = prior.sample(3000, 1);
    Array2 x(theta.rows, 1);
    math::RandomStream random(7, 7);
    for (std::size_t i = 0; i < theta.rows; ++i) x(i, 0) = theta(i, 0) + theta(i, 1) + 0.5 * random.next_normal();
    Inference inference(prior, {.density_estimators = {nets::DensityKind::mdn},
                                .density = {.hidden_features = 20, .num_components = 2}});
    inference.append({theta, x, {}}, SimulatedFrom::prior);
    inference.train({.training_batch_size = 50, .learning_rate = 2e-3, .stop_after_epochs = 8, .max_num_epochs = 60});
    const Posterior posterior(prior, inference.estimator(), std::vector<double>{0.5});
    // precision matrix of (a, b): 1 + 4 on the diagonal, 4 beside it: correlation -4/5
    Array2 conditions(2, 3);
    conditions.values = {0.2, 0.2, 0, 0.1, 0.3, -0.5};
    const Array2 correlations = conditional_correlations(posterior, conditions, {.resolution = 40});
    EXPECT_NEAR(correlations(0, 1), -0.8, 0.08);
    EXPECT_EQ(correlations(0, 1), correlations(1, 0));
    EXPECT_NEAR(correlations(0, 2), 0, 0.15);
    EXPECT_EQ(correlations(2, 2), 1);
    // a given b = 0.2: N(0.8 * (0.5 - 0.2), 1 / 5)
    const PairDensities held = conditional_pair_densities(posterior, conditions.row(0));
    const auto& a = held.parameters[0];
    double mean = 0;
    double square = 0;
    for (std::size_t k = 0; k < a.values.size(); ++k) {
        const double mass = a.density[k] * (a.values[1] - a.values[0]);
        mean += mass * a.values[k];
        square += mass * a.values[k] * a.values[k];
    }
    EXPECT_NEAR(mean, 0.24, 0.1);
    EXPECT_NEAR(std::sqrt(square - mean * mean), std::sqrt(0.2), 0.06);
    EXPECT_THROW((void)conditional_pair_densities(posterior, std::vector<double>{0, 0}), DataError);
}

}  // namespace
}  // namespace spikesmith
