#include "spikesmith/optimize/cma_distribution.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/core/array.hpp"

namespace spikesmith {
namespace {

using Eigen::VectorXd;

// Some generations on a function of the point.
template <class Function>
void adapt_to(CmaDistribution& distribution, Function function, std::size_t points, std::uint64_t generations) {
    const auto d = static_cast<std::size_t>(distribution.mean().size());
    for (std::uint64_t g = 0; g < generations; ++g) {
        math::RandomStream random(1, g);
        Array2 y(points, d);
        std::vector<double> lengths, errors;
        for (std::size_t k = 0; k < points; ++k) {
            lengths.push_back(distribution.sample(random, y.row(k)));
            errors.push_back(function(std::as_const(y).row(k)));
        }
        std::vector<std::size_t> order(points), level(points);
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::iota(level.begin(), level.end(), std::size_t{0});
        std::ranges::sort(order, {}, [&](std::size_t k) { return errors[k]; });
        std::vector<CmaPoint> ranked;
        for (const std::size_t k : order) ranked.push_back({std::as_const(y).row(k), lengths[k]});
        distribution.adapt(ranked, level, 0);
    }
}

// One generation by the equations of the tutorial (arXiv 1604.00772, table 1 and eqs. 43, 44) from an identity covariance.
TEST(CmaDistribution, ManyPointsForTheDimensionUseTheStepSizeOfTheTutorial) {
    constexpr double n = 3;
    const auto ratio_and_tutorial = [](std::size_t points) {
        const VectorXd start = VectorXd::Constant(3, 0.25);
        CmaDistribution distribution(start, 0.1, false, true);
        adapt_to(
            distribution, [](std::span<const double> y) { return y[0] + 0.3 * y[1]; }, points, 1);
        double sum = 0, squares = 0;
        for (std::size_t k = 1; k <= points / 2; ++k) {
            const double weight = std::log((static_cast<double>(points) + 1) / 2) - std::log(static_cast<double>(k));
            sum += weight;
            squares += weight * weight;
        }
        const double effective = sum * sum / squares;
        const double c = (effective + 2) / (n + effective + 5);
        const double damping = 1 + 2 * std::max(0.0, std::sqrt((effective - 1) / (n + 1)) - 1) + c;
        const double path = std::sqrt(c * (2 - c) * effective) * (distribution.mean() - start).norm() / 0.1;
        const double expected = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
        return std::pair(std::log(distribution.step() / 0.1), c / damping * (path / expected - 1));
    };
    const auto [many, tutorial] = ratio_and_tutorial(12);
    EXPECT_NEAR(many, tutorial, 1e-12);
    const auto [few, slower] = ratio_and_tutorial(6);
    EXPECT_GT(few / slower, 1.1);
}

TEST(CmaDistribution, SamplesHaveTheirMeanDeviationAndLength) {
    const CmaDistribution distribution(VectorXd::Constant(3, 0.25), 0.1, false, true);
    math::RandomStream random(1, 2);
    constexpr int n = 20000;
    double sum = 0, squares = 0;
    std::vector<double> y(3);
    for (int k = 0; k < n; ++k) {
        const double squared_length = distribution.sample(random, y);
        double expected = 0;
        for (const double coordinate : y) expected += (coordinate - 0.25) * (coordinate - 0.25) / 0.01;
        ASSERT_NEAR(squared_length, expected, 1e-12 * expected);
        sum += y[1];
        squares += (y[1] - 0.25) * (y[1] - 0.25);
    }
    EXPECT_NEAR(sum / n, 0.25, 4 * 0.1 / std::sqrt(n));
    EXPECT_NEAR(squares / n, 0.01, 4 * 0.01 * std::sqrt(2.0 / n));
}

TEST(CmaDistribution, LearnsTheShapeOfAValley) {
    // Near a quadratic minimum the covariance becomes the inverse of the Hessian, here diag(1, 10^4) turned by 45 degrees.
    const auto valley = [](std::span<const double> y) {
        const double along = y[0] + y[1], across = y[0] - y[1];
        return along * along + 1e4 * across * across;
    };
    CmaDistribution full(VectorXd::Constant(2, 0.3), 0.1, false, true);
    adapt_to(full, valley, 12, 100);
    EXPECT_GT(full.condition(), 1e3);
    EXPECT_LT(full.condition(), 1e5);
    EXPECT_LT(full.mean().norm(), 1e-6);
    const auto axes = [](std::span<const double> y) { return y[0] * y[0] + 1e4 * y[1] * y[1]; };
    CmaDistribution diagonal(VectorXd::Constant(2, 0.3), 0.1, true, true);
    adapt_to(diagonal, axes, 12, 100);
    EXPECT_NEAR(std::log10(diagonal.deviations()[0] / diagonal.deviations()[1]), 2, 0.7);
    EXPECT_LT(diagonal.mean().norm(), 1e-6);
}

TEST(CmaDistribution, MirroringItAndSpaceIsTheSame) {
    for (const bool diagonal : {false, true}) {
        const auto slope = [](std::span<const double> y) { return y[0] + 0.5 * y[1] + y[0] * y[1]; };
        const auto mirrored_slope = [](std::span<const double> y) { return -y[0] + 0.5 * y[1] - y[0] * y[1]; };
        CmaDistribution one(VectorXd::Constant(2, 0.3), 0.1, diagonal, true);
        adapt_to(one, slope, 8, 10);
        CmaDistribution other = one;
        other.mirror(0, 0);
        EXPECT_EQ(other.mean()[0], -one.mean()[0]);
        // One generation of the same points.
        Array2 y(8, 2), mirrored(8, 2);
        math::RandomStream random(3, 4);
        for (std::size_t k = 0; k < 8; ++k) {
            one.sample(random, y.row(k));
            mirrored(k, 0) = -y(k, 0);
            mirrored(k, 1) = y(k, 1);
            ASSERT_NEAR(slope(std::as_const(y).row(k)), mirrored_slope(std::as_const(mirrored).row(k)), 1e-15);
        }
        std::vector<CmaPoint> ranked, mirrored_ranked;
        for (std::size_t k = 0; k < 8; ++k) {
            ranked.push_back({std::as_const(y).row(k)});
            mirrored_ranked.push_back({std::as_const(mirrored).row(k)});
        }
        const std::vector<std::size_t> level{0, 1, 2, 3, 4, 5, 6, 7};
        one.adapt(ranked, level, 0);
        other.adapt(mirrored_ranked, level, 0);
        EXPECT_NEAR(other.mean()[0], -one.mean()[0], 1e-12);
        EXPECT_NEAR(other.mean()[1], one.mean()[1], 1e-12);
        EXPECT_NEAR(other.step(), one.step(), 1e-12);
        EXPECT_NEAR(other.deviations()[0], one.deviations()[0], 1e-12);
    }
}

TEST(CmaDistribution, PointsFromFarAwayDoNotBlowItUp) {
    CmaDistribution distribution(VectorXd::Zero(2), 1e-6, false, true);
    const std::vector<double> far{1.0, 1.0}, near{1e-6, 0.0}, other{-1e-6, 0.0}, last{0.0, 1e-6};
    const std::vector<CmaPoint> ranked{{far}, {near, 1}, {other, 1}, {last, 1}};
    distribution.adapt(ranked, std::vector<std::size_t>{0, 1, 2, 3}, 0);
    EXPECT_LT(distribution.mean().norm(), 3e-6);
    EXPECT_LT(distribution.step(), 3e-6);
}

}  // namespace
}  // namespace spikesmith
