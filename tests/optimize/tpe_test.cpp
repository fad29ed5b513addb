#include "spikesmith/optimize/tpe.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "optimize/benchmark_functions.hpp"
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
        const ParzenEstimator estimator = parzen_estimator(numbers, {.prior_weight = 0.5});
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

// ceil(0.25 sqrt(n)), at most 25
TEST(Tpe, ClassicSplit) {
    for (const auto& [n, good] : {std::pair{1, 1},
                                  {16, 1},
                                  {17, 2},
                                  {20, 2},
                                  {100, 3},
                                  {400, 5},
                                  {1000, 8},
                                  {9216, 24},
                                  {9217, 25},
                                  {100'000, 25}}) {
        EXPECT_EQ(tpe_good_points(TpeSplit::root, 0.25, static_cast<std::size_t>(n)), good) << n;
    }
    EXPECT_EQ(tpe_good_points(TpeSplit::share, 0.1, 20), 2U);
    EXPECT_EQ(tpe_good_points(TpeSplit::share, 0.1, 101), 11U);
    EXPECT_EQ(tpe_good_points(TpeSplit::share, 0.1, 1000), 25U);
    EXPECT_EQ(tpe_good_points(TpeSplit::share, 2, 7), 7U);
}

// Of one parameter, kernels cut one by one instead of together; so compare the ratio with that of the uncut ones.
TEST(JointParzen, IsAProductOfTheSingleOnes) {
    Array2 points(3, 2);
    points.values = {0.5, 0.45, 0.2, 0.55, 0.9, 0.5};
    const JointParzenEstimator joint = joint_parzen_estimator(points, {.prior_weight = 2});
    EXPECT_THAT(joint.weights, ElementsAre(DoubleEq(0.2), DoubleEq(0.2), DoubleEq(0.2), DoubleEq(0.4)));
    // by hand: in the first column 0.2, prior 0.5, 0.5, 0.9; the second 0.45, prior 0.5, 0.5, 0.55
    std::vector<double> deviations;
    for (const double precision : joint.precisions.values) deviations.push_back(1 / precision);
    const std::vector<double> expected{0.4, 0.2, 0.3, 0.2, 0.4, 0.2, 1, 1};  // at least 1/5
    EXPECT_THAT(deviations, Pointwise(testing::DoubleNear(1e-12), expected));
    double density = 0;
    const double x = 0.3, y = 0.6;
    const auto cut = [](double z, double mean, double s) {
        const auto phi = [](double t) { return 0.5 * std::erfc(-t / std::numbers::sqrt2); };
        return std::exp(-0.5 * (z - mean) * (z - mean) / (s * s)) / (s * std::sqrt(2 * std::numbers::pi)) /
               (phi((1 - mean) / s) - phi(-mean / s));
    };
    for (std::size_t k = 0; k < 4; ++k) {
        density += joint.weights[k] * cut(x, joint.means(k, 0), deviations[2 * k]) *
                   cut(y, joint.means(k, 1), deviations[2 * k + 1]);
    }
    EXPECT_NEAR(joint.log_density(std::vector{x, y}), std::log(density), 1e-12);
}

TEST(Parzen, ImportanceAndTheNarrowestWidth) {
    const std::vector<double> numbers{0.42, 0.9, 0.4};
    const ParzenEstimator found = parzen_estimator(numbers, {.narrowest = 0.03}, std::vector{2.0, 0.75, 0.25});
    EXPECT_THAT(found.means, ElementsAre(0.4, 0.42, 0.5, 0.9));
    EXPECT_THAT(found.weights, Pointwise(DoubleEq(), std::vector<double>{0.25 / 4, 2.0 / 4, 1.0 / 4, 0.75 / 4}));
    EXPECT_THAT(found.deviations,
                Pointwise(testing::DoubleNear(1e-15), std::vector<double>{0.03, 0.08, 1, 0.4}));  // 0.02 is too narrow
    // the same in a column of points, where the wide component is the last
    Array2 points(3, 1);
    points.values = numbers;
    const JointParzenEstimator joint =
        joint_parzen_estimator(points, {.narrowest = 0.03}, std::vector{2.0, 0.75, 0.25});
    EXPECT_THAT(joint.weights, Pointwise(DoubleEq(), std::vector<double>{2.0 / 4, 0.75 / 4, 0.25 / 4, 1.0 / 4}));
    EXPECT_NEAR(joint.precisions(2, 0), 1 / 0.03, 1e-12);
    // what is old weighs less on top of that: the first of 2 with 1 remembered by 1/2
    const ParzenEstimator fading = parzen_estimator(std::vector{0.1, 0.2}, {.remembered = 1}, std::vector{1.5, 0.5});
    EXPECT_THAT(fading.weights, Pointwise(DoubleEq(), std::vector<double>{0.75 / 2.25, 0.5 / 2.25, 1.0 / 2.25}));
}

TEST(JointParzen, SamplesFollowTheDensity) {
    Array2 points(4, 2);
    points.values = {0.1, 0.9, 0.15, 0.8, 0.7, 0.3, 0.72, 0.2};
    const JointParzenEstimator joint = joint_parzen_estimator(points);
    math::RandomStream random(1, 1);
    constexpr std::size_t cells = 4;
    std::vector<double> counts(cells * cells, 0);
    const int n = 40000;
    std::vector<double> point(2);
    for (int k = 0; k < n; ++k) {
        joint.sample(random, point);
        ASSERT_TRUE(point[0] >= 0 && point[0] <= 1 && point[1] >= 0 && point[1] <= 1);
        const auto cell = [](double u) { return std::min(cells - 1, static_cast<std::size_t>(u * cells)); };
        ++counts[cell(point[0]) * cells + cell(point[1])];
    }
    double total = 0;
    for (std::size_t i = 0; i < cells * cells; ++i) {
        double expected = 0;
        constexpr std::size_t fine = 40;
        for (std::size_t k = 0; k < fine * fine; ++k) {
            const double u = (static_cast<double>(i / cells) + (static_cast<double>(k / fine) + 0.5) / fine) / cells;
            const double v = (static_cast<double>(i % cells) + (static_cast<double>(k % fine) + 0.5) / fine) / cells;
            expected += std::exp(joint.log_density(std::vector{u, v})) / (cells * cells * fine * fine);
        }
        total += expected;
        EXPECT_NEAR(counts[i] / n, expected, 5 * std::sqrt(expected / n) + 1e-4) << i;
    }
    EXPECT_NEAR(total, 1, 1e-4);
}

// Medians of the best of 300 points one after the other, 5 seeds, of hyperopt 0.3.0 on the same functions (5 parameters).
TEST(Tpe, IsBetterThanHyperopt) {
    using Kind = test::BenchmarkFunction::Kind;
    for (const auto& [kind, hyperopt] : {std::pair{Kind::sphere, 1.0407},
                                         {Kind::ellipsoid_rotated, 5839.7},
                                         {Kind::rosenbrock, 60.344},
                                         {Kind::rastrigin, 20.144},
                                         {Kind::griewank, 4.2916},
                                         {Kind::rastrigin_rotated, 27.953}}) {
        std::vector<double> best;
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
            const test::BenchmarkFunction function(kind, 5, seed);
            const auto optimizer = tpe()({.dimension = 5, .batch = 1, .rounds = 300, .seed = seed});
            test::run_rounds(*optimizer, function, 1, 300);
            best.push_back(optimizer->recommend()->error);
        }
        std::ranges::nth_element(best, best.begin() + 2);
        EXPECT_LE(best[2], hyperopt) << test::BenchmarkFunction::name(kind);
    }
}

// The same after 100 points, of 50 seeds of hyperopt and 15 of ours; 5 and 10 parameters.
TEST(Tpe, IsBetterThanHyperoptAfterFewPoints) {
    constexpr std::array<std::array<double, 6>, 2> hyperopt{
        {{2.46, 1.684e4, 313.7, 29.42, 9.573, 32.57}, {16.36, 2.193e5, 5446, 88.77, 56.31, 94.48}}};
    for (const std::size_t dimension : {std::size_t{5}, std::size_t{10}}) {
        for (std::size_t k = 0; k < test::BenchmarkFunction::all.size(); ++k) {
            std::vector<double> best;
            for (std::uint64_t seed = 1; seed <= 15; ++seed) {
                const test::BenchmarkFunction function(test::BenchmarkFunction::all[k], dimension, seed);
                const auto optimizer = tpe()({.dimension = dimension, .batch = 1, .rounds = 100, .seed = seed});
                test::run_rounds(*optimizer, function, 1, 100);
                best.push_back(optimizer->recommend()->error);
            }
            std::ranges::nth_element(best, best.begin() + 7);
            EXPECT_LE(best[7], hyperopt[dimension / 10][k])
                << test::BenchmarkFunction::name(test::BenchmarkFunction::all[k]) << " in " << dimension;
        }
    }
}

TEST(Tpe, FindsMinima) {
    // Medians of the best of as many random points, from the volumes of balls: 1.4, 0.42, 0.011.
    EXPECT_LT(median_of_seeds(tpe(), test::sphere, 3, 1, 100), 0.7);
    EXPECT_LT(median_of_seeds(tpe(), test::sphere, 3, 30, 20), 0.08);
    EXPECT_LT(median_of_seeds(tpe(), test::sphere, 2, 1000, 2, 1), 2e-3);
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
    EXPECT_THROW(tpe({.narrowest = 1}), ConfigError);
    EXPECT_THROW(tpe({.narrowest = -0.1}), ConfigError);
    EXPECT_EQ(tpe().description, "tpe");
    TpeOptions options;
    set_option(options, "gamma", 0.5);
    EXPECT_EQ(tpe(options).description, "tpe: gamma 0.5");
    EXPECT_EQ(
        tpe(classic_tpe()).description,
        "tpe: n_startup_jobs 20, start random, split root, weights equal, narrowest 0, joint false, unknown ignored");
}

}  // namespace
}  // namespace spikesmith
