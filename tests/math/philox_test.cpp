// The generator against the published known answers, the distributions against their moments and chi-square statistics.
#include "spikesmith/math/philox.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::math {
namespace {

using Scalar = ScalarOperations<double>;
using Block = Words<Scalar>;

// Known-answer vectors of the Random123 library for philox4x32 with 10 rounds.
TEST(Philox, GivesTheKnownAnswers) {
    EXPECT_EQ(philox(Scalar(), {0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
    EXPECT_EQ(philox(Scalar(), {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
              (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
    EXPECT_EQ(philox(Scalar(), {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
              (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, SinglePrecisionPolicyGivesTheSameWords) {
    const ScalarOperations<float> b;
    EXPECT_EQ(philox(b, {0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(Uniform, TakesTheHighestBits) {
    EXPECT_EQ(detail::uniform_of_two(Scalar(), 0, 0), 0.0);
    EXPECT_EQ(detail::uniform_of_two(Scalar(), 0x80000000, 0), 0.5);
    EXPECT_EQ(detail::uniform_of_two(Scalar(), 0xffffffff, 0xffffffff), 1 - 0x1p-52);
    EXPECT_EQ(detail::uniform_of_two(Scalar(), 0, 0x1000), 0x1p-52);
    const ScalarOperations<float> single;
    EXPECT_EQ(detail::uniform_of_two(single, 0xffffffff, 0), 1 - 0x1p-23f);
    EXPECT_EQ(detail::uniform_of_two(single, 0x200, 0), 0x1p-23f);
}

TEST(Normal, IsTheTransformationOfBoxAndMuller) {
    for (std::uint32_t k = 0; k < 1000; ++k) {
        const Block words = philox(Scalar(), {k, 0, 0, 0}, {1, 2});
        const double u = detail::uniform_of_two(Scalar(), words[0], words[1]);
        const double v = detail::uniform_of_two(Scalar(), words[2], words[3]);
        const double expected = std::sqrt(-2 * std::log(1 - u)) * std::sin(2 * M_PI * v);
        EXPECT_NEAR(detail::normal_of_four(Scalar(), words), expected, 1e-14);
        EXPECT_NEAR(static_cast<double>(detail::normal_of_four(ScalarOperations<float>(), words)), expected, 1e-4)
            << u << " " << v;
    }
    EXPECT_EQ(detail::normal_of_four(Scalar(), {0, 0, 5, 5}), 0.0);
    EXPECT_TRUE(std::isfinite(detail::normal_of_four(Scalar(), {0xffffffff, 0xffffffff, 0x40000000, 0})));
}

RandomKey key_of(std::uint32_t k) {
    return {.seed = 12345678901234567, .step = k % 1000, .sample = k / 1000, .trace = 3, .site = 9};
}

struct Moments {
    double mean = 0, variance = 0, skewness = 0, excess_kurtosis = 0;
};

Moments moments_of(const std::vector<double>& values) {
    const auto n = static_cast<double>(values.size());
    Moments m;
    for (const double v : values) m.mean += v / n;
    double third = 0, fourth = 0;
    for (const double v : values) {
        const double d = v - m.mean;
        m.variance += d * d / n;
        third += d * d * d / n;
        fourth += d * d * d * d / n;
    }
    m.skewness = third / std::pow(m.variance, 1.5);
    m.excess_kurtosis = fourth / (m.variance * m.variance) - 3;
    return m;
}

// sum (observed - expected)^2/expected, as standard deviations from its mean.
double chi_square_deviation(const std::vector<double>& observed, const std::vector<double>& expected) {
    double chi_square = 0;
    for (std::size_t i = 0; i < observed.size(); ++i)
        chi_square += (observed[i] - expected[i]) * (observed[i] - expected[i]) / expected[i];
    const auto freedom = static_cast<double>(observed.size() - 1);
    return (chi_square - freedom) / std::sqrt(2 * freedom);
}

constexpr std::uint32_t draws = 200000;

TEST(Uniform, IsUniform) {
    std::vector<double> values(draws), counts(100), expected(100, draws / 100.0), serial(100);
    for (std::uint32_t k = 0; k < draws; ++k) {
        values[k] = uniform(key_of(k));
        ASSERT_GE(values[k], 0);
        ASSERT_LT(values[k], 1);
        ++counts[static_cast<std::size_t>(values[k] * 100)];
        if (k > 0)
            ++serial[static_cast<std::size_t>(values[k - 1] * 10) * 10 + static_cast<std::size_t>(values[k] * 10)];
    }
    const auto m = moments_of(values);
    EXPECT_NEAR(m.mean, 0.5, 4 * std::sqrt(1 / 12.0 / draws));
    EXPECT_NEAR(m.variance, 1 / 12.0, 4 * std::sqrt(1 / 180.0 / draws));
    EXPECT_LT(std::fabs(chi_square_deviation(counts, expected)), 4);
    EXPECT_LT(std::fabs(chi_square_deviation(serial, expected)), 4);
}

TEST(Normal, HasTheMomentsAndTheDistribution) {
    std::vector<double> values(draws), counts(62), expected(62);
    for (std::uint32_t k = 0; k < draws; ++k) {
        values[k] = normal(key_of(k));
        ++counts[static_cast<std::size_t>(std::clamp(std::floor(values[k] * 10) + 31, 0.0, 61.0))];
    }
    const auto m = moments_of(values);
    EXPECT_NEAR(m.mean, 0, 4 * std::sqrt(1.0 / draws));
    EXPECT_NEAR(m.variance, 1, 4 * std::sqrt(2.0 / draws));
    EXPECT_NEAR(m.skewness, 0, 4 * std::sqrt(6.0 / draws));
    EXPECT_NEAR(m.excess_kurtosis, 0, 4 * std::sqrt(24.0 / draws));
    const auto below = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
    for (int i = 0; i < 62; ++i) {
        const double low = i == 0 ? 0 : below((i - 31) / 10.0);
        const double high = i == 61 ? 1 : below((i - 30) / 10.0);
        expected[static_cast<std::size_t>(i)] = draws * (high - low);
    }
    EXPECT_LT(std::fabs(chi_square_deviation(counts, expected)), 4);
}

class Poisson : public testing::TestWithParam<double> {};

TEST_P(Poisson, HasTheMomentsAndTheDistribution) {
    const double lambda = GetParam();
    std::vector<double> values(draws / 2);
    for (std::uint32_t k = 0; k < draws / 2; ++k) {
        values[k] = poisson(lambda, key_of(k));
        ASSERT_GE(values[k], 0);
        ASSERT_EQ(values[k], std::floor(values[k]));
    }
    const auto n = static_cast<double>(values.size());
    const auto m = moments_of(values);
    EXPECT_NEAR(m.mean, lambda, 4 * std::sqrt(lambda / n));
    EXPECT_NEAR(m.variance, lambda, 4 * std::sqrt((2 * lambda * lambda + lambda) / n));
    EXPECT_NEAR(m.skewness, 1 / std::sqrt(lambda), 4 * std::sqrt(6 / n) * (1 + 3 / std::sqrt(lambda)));
    if (lambda > 1e4) return;  // the moments say enough
    // counts of single values where at least 20 are expected; the rest in one bin
    std::map<double, double> seen;
    for (const double v : values) ++seen[v];
    std::vector<double> observed, expected;
    double rest_observed = n, rest_expected = n;
    for (double k = 0; k < lambda + 10 * std::sqrt(lambda) + 10; ++k) {
        const double probable = n * std::exp(k * std::log(lambda) - lambda - std::lgamma(k + 1));
        if (probable < 20) continue;
        observed.push_back(seen[k]);
        expected.push_back(probable);
        rest_observed -= seen[k];
        rest_expected -= probable;
    }
    if (rest_expected > 5) {
        observed.push_back(rest_observed);
        expected.push_back(rest_expected);
    }
    EXPECT_LT(std::fabs(chi_square_deviation(observed, expected)), 4);
}

INSTANTIATE_TEST_SUITE_P(Rates, Poisson, testing::Values(0.05, 1.0, 9.9, 10.0, 12.5, 40.0, 1000.0, 1e8, 1e14));

TEST(PoissonLimits, AreDefined) {
    const RandomKey key = key_of(4);
    EXPECT_EQ(poisson(0, key), 0);
    EXPECT_EQ(poisson(-3, key), 0);
    EXPECT_EQ(poisson(-std::numeric_limits<double>::infinity(), key), 0);
    EXPECT_TRUE(std::isnan(poisson(std::numeric_limits<double>::quiet_NaN(), key)));
    EXPECT_TRUE(std::isinf(poisson(std::numeric_limits<double>::infinity(), key)));
    EXPECT_EQ(poisson(1e-300, key), 0);
    for (const double lambda : {1e15, 1e16, 1e30, 1e300, 1.7e308})
        EXPECT_NEAR(poisson(lambda, key) / lambda, 1, 6 / std::sqrt(lambda) + 1e-15);
    EXPECT_EQ(poisson_at(25, 7, 1, 2, 3, 4), poisson(25, {.seed = 7, .step = 1, .sample = 2, .trace = 3, .site = 4}));
}

TEST(RandomKey, EveryPartMatters) {
    const RandomKey key{.seed = 1, .step = 2, .sample = 3, .trace = 4, .site = 5};
    const double value = uniform(key);
    EXPECT_EQ(uniform(key), value);
    auto other = key;
    other.seed = 1 + (std::uint64_t{1} << 32);
    EXPECT_NE(uniform(other), value);
    other = key;
    other.step = 7;
    EXPECT_NE(uniform(other), value);
    other = key;
    other.sample = 7;
    EXPECT_NE(uniform(other), value);
    other = key;
    other.trace = 7;
    EXPECT_NE(uniform(other), value);
    other = key;
    other.site = 7;
    EXPECT_NE(uniform(other), value);
}

TEST(RandomStream, ResumesAtItsPosition) {
    RandomStream stream(42, 7);
    for (int k = 0; k < 10; ++k) stream.next_normal();
    RandomStream resumed(42, 7);
    resumed.set_position(stream.position());
    for (int k = 0; k < 10; ++k) {
        EXPECT_EQ(stream.next_uniform(), resumed.next_uniform());
        EXPECT_EQ(stream.next_index(1000), resumed.next_index(1000));
        EXPECT_EQ(stream.next_normal(), resumed.next_normal());
    }
    EXPECT_NE(RandomStream(42, 7).next_uniform(), RandomStream(42, 8).next_uniform());
    EXPECT_NE(RandomStream(42, 7).next_uniform(), RandomStream(43, 7).next_uniform());
}

TEST(RandomStream, IndicesAreUniform) {
    RandomStream stream(1, 1);
    std::vector<double> counts(7), expected(7, 10000);
    for (int k = 0; k < 70000; ++k) ++counts[stream.next_index(7)];
    EXPECT_LT(std::fabs(chi_square_deviation(counts, expected)), 4);
    EXPECT_EQ(stream.next_index(1), 0u);
    for (int k = 0; k < 100; ++k)
        EXPECT_LT(stream.next_index((std::uint64_t{1} << 63) + 1), (std::uint64_t{1} << 63) + 1);
    EXPECT_THROW(stream.next_index(0), Error);
}

}  // namespace
}  // namespace spikesmith::math
