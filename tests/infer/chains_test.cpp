// Samplers on densities whose moments are known, and the search for modes.
#include "spikesmith/infer/chains.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/modes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

// Normal with means (1, -2), deviations (0.1, 2) and correlation 0.9.
void correlated(const Array2& points, std::span<double> values, Array2* gradients) {
    constexpr double r = 0.9;
    for (std::size_t i = 0; i < points.rows; ++i) {
        const double a = (points(i, 0) - 1) / 0.1;
        const double b = (points(i, 1) + 2) / 2;
        values[i] = -0.5 * (a * a - 2 * r * a * b + b * b) / (1 - r * r);
        if (gradients == nullptr) continue;
        (*gradients)(i, 0) = -(a - r * b) / (1 - r * r) / 0.1;
        (*gradients)(i, 1) = -(b - r * a) / (1 - r * r) / 2;
    }
}

// Two normals of width 0.2 at -1 (weight 0.3) and 1 (weight 0.7) in each of two dimensions' diagonal.
void two_modes(const Array2& points, std::span<double> values, Array2* gradients) {
    for (std::size_t i = 0; i < points.rows; ++i) {
        double low = 0;
        double high = 0;
        for (std::size_t d = 0; d < 2; ++d) {
            low -= 0.5 * std::pow((points(i, d) + 1) / 0.2, 2);
            high -= 0.5 * std::pow((points(i, d) - 1) / 0.2, 2);
        }
        const double top = std::max(low, high);
        const double a = 0.3 * std::exp(low - top);
        const double b = 0.7 * std::exp(high - top);
        values[i] = top + std::log(a + b);
        if (gradients == nullptr) continue;
        for (std::size_t d = 0; d < 2; ++d)
            (*gradients)(i, d) = -(a * (points(i, d) + 1) + b * (points(i, d) - 1)) / (a + b) / 0.04;
    }
}

Array2 normal_pool(std::size_t n, double scale) {
    Array2 pool(n, 2);
    math::RandomStream random(11, 2);
    for (double& value : pool.values) value = scale * random.next_normal();
    return pool;
}

struct Moments {
    double mean0 = 0, mean1 = 0, deviation0 = 0, deviation1 = 0, correlation = 0;
};

Moments moments(const Array2& samples) {
    const auto n = static_cast<double>(samples.rows);
    Moments m;
    for (std::size_t i = 0; i < samples.rows; ++i) {
        m.mean0 += samples(i, 0) / n;
        m.mean1 += samples(i, 1) / n;
    }
    for (std::size_t i = 0; i < samples.rows; ++i) {
        m.deviation0 += std::pow(samples(i, 0) - m.mean0, 2) / n;
        m.deviation1 += std::pow(samples(i, 1) - m.mean1, 2) / n;
        m.correlation += (samples(i, 0) - m.mean0) * (samples(i, 1) - m.mean1) / n;
    }
    m.deviation0 = std::sqrt(m.deviation0);
    m.deviation1 = std::sqrt(m.deviation1);
    m.correlation /= m.deviation0 * m.deviation1;
    return m;
}

class Chains : public testing::TestWithParam<ChainMethod> {};

TEST_P(Chains, FindTheMomentsOfANarrowCorrelatedNormal) {
    const ChainSamples result =
        sample_chains(correlated, normal_pool(2000, 3), 8000, {.method = GetParam(), .seed = 4});
    ASSERT_EQ(result.samples.rows, 8000U);
    // five standard errors at the effective sizes that are claimed
    const Moments m = moments(result.samples);
    const double error0 = 5 / std::sqrt(result.effective_samples[0]);
    const double error1 = 5 / std::sqrt(result.effective_samples[1]);
    EXPECT_NEAR(m.mean0, 1, 0.1 * error0) << result.summary();
    EXPECT_NEAR(m.mean1, -2, 2 * error1) << result.summary();
    EXPECT_NEAR(m.deviation0, 0.1, 0.1 * error0);
    EXPECT_NEAR(m.deviation1, 2, 2 * error1);
    EXPECT_NEAR(m.correlation, 0.9, 0.2 * error0);
    EXPECT_GT(result.effective_samples[0], 3000) << result.summary();
    EXPECT_LT(result.split_r_hat[0], 1.02) << result.summary();
}

TEST_P(Chains, PopulateTwoModesInProportion) {
    const ChainSamples result =
        sample_chains(two_modes, normal_pool(20000, 1.5), 4000, {.method = GetParam(), .num_chains = 400, .seed = 5});
    std::size_t high = 0;
    for (std::size_t i = 0; i < result.samples.rows; ++i) high += result.samples(i, 0) > 0 ? 1 : 0;
    EXPECT_NEAR(static_cast<double>(high) / 4000, 0.7, 5 * std::sqrt(0.21 / 400));
}

TEST_P(Chains, SameBitsForAnyNumberOfThreads) {
    const auto draw = [&](std::size_t threads) {
        const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
        return sample_chains(correlated, normal_pool(200, 3), 333,
                             {.method = GetParam(), .num_chains = 130, .warmup_steps = 20, .seed = 6})
            .samples.values;
    };
    EXPECT_EQ(draw(1), draw(4));
}

TEST_P(Chains, ShowTheirProgressAndStopWhenCancelled) {
    const ChainOptions options{.method = GetParam(), .num_chains = 130, .warmup_steps = 20, .seed = 6};
    const Array2 pool = normal_pool(200, 3);
    std::vector<std::size_t> seen;
    const SamplingControl watching{.progress = [&](std::size_t done, std::size_t total) {
        EXPECT_EQ(total, 130U * (20 + 3));
        seen.push_back(done);
    }};
    EXPECT_EQ(sample_chains(correlated, pool, 333, options, watching).samples.values,
              sample_chains(correlated, pool, 333, options).samples.values);
    ASSERT_GT(seen.size(), 20U);
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_EQ(seen.back(), 130U * 23);

    std::atomic<bool> cancelled = false;
    std::size_t last = 0;
    const SamplingControl stopping{.progress =
                                       [&](std::size_t done, std::size_t) {
                                           last = done;
                                           cancelled = done > 1000;
                                       },
                                   .cancelled = &cancelled};
    EXPECT_THROW((void)sample_chains(correlated, pool, 333, options, stopping), Interrupted);
    EXPECT_GT(last, 1000U);
    EXPECT_LT(last, 130U * 23);
}

INSTANTIATE_TEST_SUITE_P(All, Chains, testing::Values(ChainMethod::slice, ChainMethod::hmc, ChainMethod::nuts),
                         [](const auto& tested) {
                             return tested.param == ChainMethod::slice ? "slice"
                                    : tested.param == ChainMethod::hmc ? "hmc"
                                                                       : "nuts";
                         });

TEST(SliceChain, EvaluatesNoPointTwice) {
    std::mutex mutex;
    std::multiset<std::pair<double, double>> seen;
    const LogDensity counting = [&](const Array2& points, std::span<double> values, Array2* gradients) {
        correlated(points, values, gradients);
        const std::scoped_lock lock(mutex);
        for (std::size_t i = 0; i < points.rows; ++i) seen.insert({points(i, 0), points(i, 1)});
    };
    const ChainSamples result =
        sample_chains(counting, normal_pool(50, 3), 100, {.num_chains = 5, .warmup_steps = 0, .seed = 7});
    EXPECT_EQ(seen.size(), result.evaluations);
    // Chains start at points of the pool (and several may share one); nothing else repeats.
    std::size_t repeated = 0;
    for (const auto& point : seen) repeated += seen.count(point) > 1 ? 1 : 0;
    EXPECT_LE(repeated, 2U * 5U);
}

TEST(Chains, WalkOnlyWhereTheDensityIs) {
    const LogDensity positive = [](const Array2& points, std::span<double> values, Array2*) {
        for (std::size_t i = 0; i < points.rows; ++i) {
            const bool inside = points(i, 0) > 0 && points(i, 1) > 0;
            values[i] = inside ? -points(i, 0) - points(i, 1) : -std::numeric_limits<double>::infinity();
        }
    };
    const ChainSamples result = sample_chains(positive, normal_pool(1000, 1), 4000, {.seed = 8});
    double mean = 0;
    for (std::size_t i = 0; i < 4000; ++i) {
        ASSERT_GT(result.samples(i, 0), 0);
        mean += result.samples(i, 0) / 4000;
    }
    EXPECT_NEAR(mean, 1, 5 / std::sqrt(result.effective_samples[0]));
    const LogDensity nowhere = [](const Array2& points, std::span<double> values, Array2*) {
        for (std::size_t i = 0; i < points.rows; ++i) values[i] = -std::numeric_limits<double>::infinity();
    };
    EXPECT_THROW((void)sample_chains(nowhere, normal_pool(10, 1), 10, {}), NumericalError);
    EXPECT_THROW((void)sample_chains(positive, normal_pool(10, 1), 10, {.thin = 0}), ConfigError);
}

TEST(Mixing, OfIndependentAndOfStickyDraws) {
    math::RandomStream random(1, 9);
    std::vector<double> independent(4000);
    for (double& value : independent) value = random.next_normal();
    const Mixing good = measure_mixing(independent, 8);
    EXPECT_NEAR(good.effective_samples, 4000, 1000);
    EXPECT_LT(good.split_r_hat, 1.02);
    // an autoregressive chain with coefficient 0.9 has (1 - 0.9) / (1 + 0.9) of the samples
    std::vector<double> sticky(400000);
    double value = 0;
    for (double& draw : sticky) draw = value = 0.9 * value + std::sqrt(1 - 0.81) * random.next_normal();
    EXPECT_NEAR(measure_mixing(sticky, 4).effective_samples, 400000 / 19.0, 3000);
    // chains that never meet
    std::vector<double> apart(4000);
    for (std::size_t i = 0; i < apart.size(); ++i) apart[i] = (i < 2000 ? 0 : 10) + random.next_normal();
    EXPECT_GT(measure_mixing(apart, 2).split_r_hat, 3);
}

TEST(Modes, FindsBoth) {
    std::size_t evaluations = 0;
    const auto maxima = find_maxima(two_modes, normal_pool(30, 1.5), 100, 0.02, 7, evaluations);
    ASSERT_EQ(maxima.size(), 2U);
    EXPECT_THAT(maxima[0].point, testing::Each(testing::DoubleNear(1, 1e-4)));
    EXPECT_THAT(maxima[1].point, testing::Each(testing::DoubleNear(-1, 1e-4)));
    EXPECT_NEAR(maxima[0].value - maxima[1].value, std::log(0.7 / 0.3), 1e-6);
    EXPECT_EQ(maxima[0].starts + maxima[1].starts, 30U);
}

TEST(Modes, OfABadlyScaledNormalInFewEvaluations) {
    std::size_t evaluations = 0;
    const auto maxima = find_maxima(correlated, normal_pool(10, 2), 200, 0.02, 7, evaluations);
    ASSERT_EQ(maxima.size(), 1U);
    EXPECT_NEAR(maxima[0].point[0], 1, 1e-4);
    EXPECT_NEAR(maxima[0].point[1], -2, 1e-3);
    EXPECT_LT(evaluations, 10U * 60U);
}

TEST(Resample, InProportionAndNeverTheImpossible) {
    const std::vector<double> weights{std::log(1.0), -std::numeric_limits<double>::infinity(), std::log(3.0),
                                      std::nan("")};
    const auto chosen = resample(weights, 10000, 3, 1);
    std::array<std::size_t, 4> counts{};
    for (const std::size_t index : chosen) ++counts[index];
    EXPECT_EQ(counts[1] + counts[3], 0U);
    EXPECT_NEAR(static_cast<double>(counts[2]), 7500, 5 * std::sqrt(10000 * 0.1875));
    EXPECT_THROW((void)resample({std::nan("")}, 1, 1, 1), NumericalError);
}

}  // namespace
}  // namespace spikesmith
