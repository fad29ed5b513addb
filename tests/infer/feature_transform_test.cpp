// Features with long tails and counts, seen in coordinates that networks learn easily.
#include "spikesmith/infer/feature_transform.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

constexpr std::size_t rows = 2000;

std::vector<std::uint32_t> all_rows() {
    std::vector<std::uint32_t> indices(rows);
    std::iota(indices.begin(), indices.end(), 0U);
    return indices;
}

// Columns: normal, uniform, log-normal, minus log-normal, counts.
Array2 features() {
    Array2 x(rows, 5);
    math::RandomStream random(1, 2);
    for (std::size_t i = 0; i < rows; ++i) {
        x(i, 0) = 3 + 2 * random.next_normal();
        x(i, 1) = random.next_uniform();
        x(i, 2) = std::exp(1.5 * random.next_normal());
        x(i, 3) = 7 - std::exp(2 * random.next_normal());
        x(i, 4) = std::floor(std::exp(1.5 * random.next_normal()));
    }
    x(17, 2) = std::numeric_limits<double>::quiet_NaN();
    return x;
}

double skewness(const Array2& x, std::size_t column) {
    double mean = 0;
    double count = 0;
    for (std::size_t i = 0; i < x.rows; ++i) {
        if (std::isnan(x(i, column))) continue;
        mean += x(i, column);
        count += 1;
    }
    mean /= count;
    double second = 0;
    double third = 0;
    for (std::size_t i = 0; i < x.rows; ++i) {
        const double off = std::isnan(x(i, column)) ? 0 : x(i, column) - mean;
        second += off * off / count;
        third += off * off * off / count;
    }
    return third / std::pow(second, 1.5);
}

TEST(FeatureTransform, StraightensLongTailsAndLeavesTheRest) {
    Array2 x = features();
    const FeatureTransform transform = measure_transform(x, all_rows());
    ASSERT_EQ(transform.width.size(), 5U);
    EXPECT_EQ(transform.width[0], 0);
    EXPECT_EQ(transform.width[1], 0);
    EXPECT_GT(std::abs(skewness(x, 2)), 3);
    const Array2 before = x;
    transform.apply(x);
    for (const std::size_t column : {2U, 3U, 4U}) {
        EXPECT_GT(transform.width[column], 0) << column;
        EXPECT_LT(std::abs(skewness(x, column)), column == 4 ? 2 : 1) << column;
    }
    EXPECT_GE(transform.width[4], 1);  // no finer than the counts
    EXPECT_TRUE(std::isnan(x(17, 2)));
    EXPECT_EQ(x(5, 0), before(5, 0));
    EXPECT_DOUBLE_EQ(transform.centre[2] + transform.width[2] * std::sinh(x(5, 2)), before(5, 2));
}

// Of a feature that is often absent, its own values count, not the one that says so.
TEST(FeatureTransform, IsNotMisledByAValueThatOccursOften) {
    Array2 x(rows, 1);
    math::RandomStream random(4, 2);
    for (std::size_t i = 0; i < rows; ++i) x(i, 0) = i % 3 == 0 ? 2 + 0.5 * random.next_normal() : 0;
    EXPECT_TRUE(measure_transform(x, all_rows()).empty());
    EXPECT_EQ(measure_spacing(x, all_rows()), std::vector<double>{0});
}

TEST(FeatureTransform, LeavesWhatLaterRoundsCrowdAroundTheObservation) {
    Array2 x(rows, 1);
    math::RandomStream random(3, 4);
    for (std::size_t i = 0; i < rows; ++i) x(i, 0) = 50 + (i % 10 == 0 ? 10 : 3) * random.next_normal();
    EXPECT_TRUE(measure_transform(x, all_rows()).empty());
}

TEST(FeatureTransform, AppliesToTheFeaturesThatAreDescribed) {
    Array2 x(1, 2);
    x.values = {4, 9};
    const FeatureTransform some{.centre = {1, 2}, .width = {3, 0}};
    const std::vector<std::size_t> described{1, 3};
    const FeatureTransform all = some.of_features(described, 4);
    all.apply(x, described);
    EXPECT_EQ(x.values, (std::vector<double>{std::asinh(1.0), 9}));
}

TEST(FeatureTransform, NoiseFillsTheSpacingOfCounts) {
    Array2 x = features();
    const std::vector<double> spacing = measure_spacing(x, all_rows());
    EXPECT_EQ(spacing, (std::vector<double>{0, 0, 0, 0, 1}));
    const Array2 before = x;
    add_spacing_noise(x, spacing, 3);
    double sum = 0;
    for (std::size_t i = 0; i < rows; ++i) {
        EXPECT_EQ(x(i, 0), before(i, 0));
        EXPECT_LE(std::abs(x(i, 4) - before(i, 4)), 0.5);
        sum += std::pow(x(i, 4) - before(i, 4), 2);
    }
    EXPECT_NEAR(sum / rows, 1.0 / 12, 0.01);
}

// y = exp(3 theta + noise) over six decades: the posterior of theta ~ N(0, 1) given log y is normal.
TEST(FeatureTransform, PosteriorOverDecadesIsExact) {
    const Prior prior({normal_prior("a", {0, {}}, {1, {}})});
    const Array2 theta = prior.sample(rows, 1);
    Array2 x(rows, 1);
    math::RandomStream random(9, 1);
    for (std::size_t i = 0; i < rows; ++i) x(i, 0) = std::exp(3 * theta(i, 0) + random.next_normal());
    for (const InferenceMethod method : {InferenceMethod::snpe, InferenceMethod::snle}) {
        Inference inference(prior, {.method = method, .density = {.hidden_features = 20, .num_transforms = 2}});
        inference.append({theta, x, {}}, SimulatedFrom::prior);
        inference.train({.training_batch_size = 100, .learning_rate = 3e-3, .max_num_epochs = 60});
        for (const double log_x : {-3.0, 2.0}) {
            const Posterior posterior(prior, inference.estimator(), std::vector<double>{std::exp(log_x)});
            const Array2 samples = Posterior::from_bytes(posterior.to_bytes(), "memory").sample(3000, 1);
            double mean = 0;
            double squares = 0;
            for (const double value : samples.values) mean += value / 3000;
            for (const double value : samples.values) squares += (value - mean) * (value - mean) / 3000;
            EXPECT_NEAR(mean, 0.3 * log_x, 0.1) << name_of(method);
            EXPECT_NEAR(std::sqrt(squares), std::sqrt(0.1), 0.06) << name_of(method);
            EXPECT_EQ(posterior.sample(3000, 1).values, samples.values);
        }
    }
}

}  // namespace
}  // namespace spikesmith
