// Distributions and priors against closed forms, numerical integrals and finite differences.
#include "spikesmith/infer/prior.hpp"

#include <cmath>
#include <limits>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> two_bumps() {
    math::RandomStream random(5, 1);
    std::vector<double> samples;
    for (int k = 0; k < 400; ++k) samples.push_back((k % 2 == 0 ? -1.0 : 2.0) + 0.3 * random.next_normal());
    return samples;
}

std::vector<Distribution> all_kinds() {
    return {Distribution(UniformDistribution{-2, 5}),
            Distribution(LogUniformDistribution{1e-9, 1e-6}),
            Distribution(NormalDistribution{3, 2}),
            Distribution(TruncatedNormalDistribution{0, 1, -0.5, infinity}),
            Distribution(TruncatedNormalDistribution{-65, 5, -70, -50}),
            Distribution(LogNormalDistribution{2e-3, 0.5}),
            Distribution::from_samples(two_bumps(), -infinity, infinity),
            Distribution::from_samples(std::vector<double>{0.1, 0.2, 0.25, 0.5, 0.9}, 0, 1)};
}

// The integral of the density from the quantile p to the quantile q must be q - p.
TEST(Distribution, DensityIntegratesToProbabilities) {
    for (const Distribution& distribution : all_kinds()) {
        const double p = 0.01;
        const double q = 0.97;
        const double low = distribution.quantile(p);
        const double high = distribution.quantile(q);
        // Simpson's rule in the normal coordinate, where every density is smooth but for the nodes of tables
        const double from = distribution.to_normal(low);
        const double to = distribution.to_normal(high);
        const int n = 20000;
        double sum = 0;
        double previous = low;
        for (int k = 1; k <= n; ++k) {
            const double next = distribution.from_normal(from + (to - from) * k / n);
            const double middle = 0.5 * (previous + next);
            sum += (next - previous) / 6 *
                   (std::exp(distribution.log_density(previous)) + 4 * std::exp(distribution.log_density(middle)) +
                    std::exp(distribution.log_density(next)));
            previous = next;
        }
        EXPECT_NEAR(sum, q - p, 2e-6) << distribution.description();
    }
}

TEST(Distribution, QuantileAndCumulativeAreInverse) {
    for (const Distribution& distribution : all_kinds()) {
        for (const double p : {1e-6, 0.01, 0.3, 0.5, 0.77, 0.999, 1 - 1e-9}) {
            EXPECT_NEAR(distribution.cumulative(distribution.quantile(p)), p, 1e-9) << distribution.description();
        }
        EXPECT_EQ(distribution.quantile(0), distribution.low());
        EXPECT_EQ(distribution.quantile(1), distribution.high());
    }
}

TEST(Distribution, NormalCoordinatesGoThereAndBack) {
    for (const Distribution& distribution : all_kinds()) {
        for (const double u : {-6.5, -3.0, -0.2, 0.0, 1.7, 6.5}) {
            const double value = distribution.from_normal(u);
            EXPECT_TRUE(distribution.contains(value));
            EXPECT_NEAR(distribution.to_normal(value), u, 2e-5) << distribution.description();
        }
        EXPECT_TRUE(distribution.contains(distribution.from_normal(-60))) << distribution.description();
        EXPECT_TRUE(distribution.contains(distribution.from_normal(60))) << distribution.description();
        if (std::isfinite(distribution.low())) {
            EXPECT_GT(distribution.to_normal(distribution.low()), -9);
            EXPECT_EQ(distribution.log_density(distribution.low() - 1), -infinity);
        }
    }
}

TEST(Distribution, GradientIsThatOfTheLogDensity) {
    for (const Distribution& distribution : all_kinds()) {
        for (const double p : {0.05, 0.31, 0.52, 0.9}) {
            const double value = distribution.quantile(p);
            const double step = 1e-6 * (distribution.quantile(0.9) - distribution.quantile(0.1));
            const double difference =
                (distribution.log_density(value + step) - distribution.log_density(value - step)) / (2 * step);
            EXPECT_NEAR(distribution.gradient(value), difference, 1e-4 * (1 + std::abs(difference)))
                << distribution.description();
        }
    }
}

TEST(Distribution, ClosedForms) {
    EXPECT_DOUBLE_EQ(Distribution(UniformDistribution{-2, 5}).log_density(0), -std::log(7.0));
    EXPECT_NEAR(Distribution(LogUniformDistribution{1, 100}).quantile(0.5), 10, 1e-12);
    EXPECT_NEAR(Distribution(NormalDistribution{3, 2}).quantile(0.975), 3 + 2 * 1.959963984540054, 1e-12);
    EXPECT_NEAR(Distribution(LogNormalDistribution{2, 0.5}).quantile(0.5), 2, 1e-12);
    // half a normal: density twice as high
    const Distribution half(TruncatedNormalDistribution{0, 1, 0, infinity});
    EXPECT_NEAR(half.log_density(0), std::log(2 / std::sqrt(2 * std::numbers::pi)), 1e-12);
    EXPECT_NEAR(half.quantile(0.5), 0.6744897501960817, 1e-12);
}

TEST(Distribution, FromSamplesSeesBothBumps) {
    const Distribution d = Distribution::from_samples(two_bumps(), -infinity, infinity);
    EXPECT_GT(d.log_density(-1), d.log_density(0.5) + 2);
    EXPECT_GT(d.log_density(2), d.log_density(0.5) + 2);
    EXPECT_NEAR(d.cumulative(0.5), 0.5, 0.02);
}

TEST(Distribution, RefusesNonsense) {
    EXPECT_THROW(Distribution(UniformDistribution{1, 1}), ConfigError);
    EXPECT_THROW(Distribution(UniformDistribution{0, infinity}), ConfigError);
    EXPECT_THROW(Distribution(LogUniformDistribution{0, 1}), ConfigError);
    EXPECT_THROW(Distribution(NormalDistribution{0, 0}), ConfigError);
    EXPECT_THROW(Distribution(TruncatedNormalDistribution{0, 1, 50, 60}), ConfigError);
    EXPECT_THROW(Distribution(LogNormalDistribution{-1, 1}), ConfigError);
    EXPECT_THROW(Distribution(TabulatedDistribution{0, 1, {0, 0}}), ConfigError);
    EXPECT_THROW((void)Distribution::from_samples(std::vector<double>{1, 1}, -infinity, infinity), ConfigError);
    EXPECT_THROW((void)Distribution(NormalDistribution{0, 1}).quantile(1.5), ConfigError);
}

Prior mixed_prior() {
    return Prior({uniform_prior("gl", parse_quantity("1 nS"), parse_quantity("100 nS")),
                  log_uniform_prior("g_na", parse_quantity("1 uS"), parse_quantity("2000 uS")),
                  normal_prior("El", parse_quantity("-65 mV"), parse_quantity("5 mV")),
                  log_normal_prior("tau", parse_quantity("10 ms"), 0.3)});
}

Prior correlated_prior() {
    Array2 covariance(3, 3);
    covariance.values = {2, 0.5, -0.3, 0.5, 1, 0.2, -0.3, 0.2, 0.7};
    return Prior::correlated_normal({"a", "b", "c"}, std::vector<Dimension>(3), {1, -2, 3}, covariance);
}

TEST(Prior, UnitsAtTheBorder) {
    const Prior prior = mixed_prior();
    EXPECT_DOUBLE_EQ(prior.parameters()[0].distribution.low(), 1e-9);
    EXPECT_EQ(prior.parameters()[2].dimension, dimensions::volt);
    EXPECT_THROW((void)uniform_prior("gl", parse_quantity("1 nS"), parse_quantity("100 mV")), UnitError);
    EXPECT_NO_THROW((void)uniform_prior("gl", parse_quantity("0"), parse_quantity("100 nS")));
    EXPECT_THROW(Prior({uniform_prior("a", {0, {}}, {1, {}}), uniform_prior("a", {0, {}}, {1, {}})}), ConfigError);
    EXPECT_THAT(prior.description(), testing::HasSubstr("El: normal, mean -65 mV, standard deviation 5 mV"));
    try {
        (void)uniform_prior("gl", parse_quantity("5 nS"), parse_quantity("1 nS"));
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("`gl`"));
    }
}

TEST(Prior, SamplesAreKeyedByRow) {
    const Prior prior = mixed_prior();
    const Array2 many = prior.sample(100, 7);
    const Array2 some = prior.sample(10, 7, 30);
    for (std::size_t i = 0; i < 10; ++i) EXPECT_THAT(some.row(i), testing::ElementsAreArray(many.row(30 + i)));
    for (std::size_t i = 0; i < 100; ++i) EXPECT_TRUE(prior.contains(many.row(i)));
    EXPECT_NE(prior.sample(1, 8).values, prior.sample(1, 7).values);
}

TEST(Prior, CorrelatedNormalHasItsMoments) {
    const Prior prior = correlated_prior();
    const std::size_t n = 40000;
    const Array2 theta = prior.sample(n, 3);
    std::vector<double> mean(3);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t d = 0; d < 3; ++d) mean[d] += theta(i, d) / static_cast<double>(n);
    }
    EXPECT_NEAR(mean[0], 1, 0.04);
    EXPECT_NEAR(mean[1], -2, 0.03);
    double covariance = 0;
    for (std::size_t i = 0; i < n; ++i)
        covariance += (theta(i, 0) - mean[0]) * (theta(i, 1) - mean[1]) / static_cast<double>(n);
    EXPECT_NEAR(covariance, 0.5, 0.04);
    // The density by the determinant and the quadratic form, computed by hand: det = 1.107.
    const double determinant = 2 * (0.7 - 0.04) - 0.5 * (0.35 + 0.06) - 0.3 * (0.1 + 0.3);
    EXPECT_NEAR(prior.log_density(std::vector<double>{1, -2, 3}),
                -1.5 * std::log(2 * std::numbers::pi) - 0.5 * std::log(determinant), 1e-12);
    Array2 wrong(2, 2);
    wrong.values = {1, 2, 2, 1};
    EXPECT_THROW((void)Prior::correlated_normal({"a", "b"}, std::vector<Dimension>(2), {0, 0}, wrong), ConfigError);
}

TEST(Prior, JacobianAndGradientsAgreeWithDifferences) {
    for (const Prior& prior : {mixed_prior(), correlated_prior()}) {
        const std::size_t n = prior.dimension();
        std::vector<double> u(n);
        for (std::size_t d = 0; d < n; ++d) u[d] = 0.4 * static_cast<double>(d) - 0.7;
        std::vector<double> theta(n);
        prior.from_normal(u, theta);
        double normal = 0;
        for (const double value : u) normal += normal_log_density(value);
        EXPECT_NEAR(prior.log_jacobian(u), normal - prior.log_density(theta), 1e-9);
        std::vector<double> slope(n);
        std::vector<double> prior_slope(n);
        prior.log_jacobian_gradient(u, slope);
        prior.gradient(theta, prior_slope);
        for (std::size_t d = 0; d < n; ++d) {
            auto shifted = u;
            shifted[d] += 1e-5;
            const double above = prior.log_jacobian(shifted);
            shifted[d] -= 2e-5;
            EXPECT_NEAR(slope[d], (above - prior.log_jacobian(shifted)) / 2e-5, 1e-6 * (1 + std::abs(slope[d])));
            auto moved = theta;
            const double step = 1e-5 * std::abs(theta[d]);
            moved[d] += step;
            const double up = prior.log_density(moved);
            moved[d] -= 2 * step;
            const double difference = (up - prior.log_density(moved)) / (2 * step);
            EXPECT_NEAR(prior_slope[d], difference, 1e-5 * (1 + std::abs(difference)));
        }
    }
}

TEST(Prior, RequireInsideNamesTheRow) {
    const Prior prior = mixed_prior();
    Array2 theta = prior.sample(3, 1);
    EXPECT_NO_THROW(require_inside(prior, theta));
    theta(1, 0) = 1;
    try {
        require_inside(prior, theta);
        FAIL();
    } catch (const DataError& error) {
        EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("row 2"), testing::HasSubstr("`gl`")));
    }
}

}  // namespace
}  // namespace spikesmith
