#include "spikesmith/optimize/box_minimization.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

double rosenbrock(std::span<const double> x, std::span<double> gradient) {
    const double a = x[1] - x[0] * x[0];
    gradient[0] = -400 * x[0] * a - 2 * (1 - x[0]);
    gradient[1] = 200 * a;
    return 100 * a * a + (1 - x[0]) * (1 - x[0]);
}

BoxMinimum minimum(const DifferentiableFunction& function, const std::vector<double>& start, double low, double high,
                   std::size_t evaluations = 200) {
    const std::vector<double> lows(start.size(), low);
    const std::vector<double> highs(start.size(), high);
    return minimize_smooth_in_box(function, start, lows, highs, {.evaluations = evaluations, .value_tolerance = 1e-16});
}

TEST(BoxMinimization, FindsTheMinimumInside) {
    const BoxMinimum found = minimum(rosenbrock, {-1.2, 1}, -2, 2);
    EXPECT_NEAR(found.point[0], 1, 1e-5);
    EXPECT_NEAR(found.point[1], 1, 1e-5);
    EXPECT_LT(found.evaluations, 100U);
}

TEST(BoxMinimization, FindsTheMinimumAtABound) {
    // In x, y <= 0.5 the minimum is at x = 0.5, y = 0.25.
    const BoxMinimum found = minimum(rosenbrock, {-0.7, -0.2}, -1, 0.5);
    EXPECT_DOUBLE_EQ(found.point[0], 0.5);
    EXPECT_NEAR(found.point[1], 0.25, 1e-6);
    const DifferentiableFunction slope = [](std::span<const double> x, std::span<double> gradient) {
        gradient[0] = 1;
        gradient[1] = -2;
        return x[0] - 2 * x[1];
    };
    EXPECT_THAT(minimum(slope, {0.3, 0.3}, 0, 1).point, testing::ElementsAre(0, 1));
}

TEST(BoxMinimization, StartsOutsideAreMovedIn) {
    const BoxMinimum found = minimum(rosenbrock, {7, -9}, -2, 2, 1);
    EXPECT_THAT(found.point, testing::ElementsAre(2, -2));
    EXPECT_EQ(found.evaluations, 1U);
}

TEST(BoxMinimization, StepsBackFromPlacesWithoutAValue) {
    const DifferentiableFunction half = [](std::span<const double> x, std::span<double> gradient) {
        gradient[0] = 2 * (x[0] - 0.3) - 1 / x[0];
        return x[0] <= 0 ? std::numeric_limits<double>::quiet_NaN() : (x[0] - 0.3) * (x[0] - 0.3) - std::log(x[0]);
    };
    // 2x(x - 0.3) = 1
    EXPECT_NEAR(minimum(half, {1.9}, -2, 2).point[0], 0.15 + std::sqrt(0.0225 + 0.5), 1e-6);
    const BoxMinimum nowhere = minimum(half, {-1}, -2, 2);
    EXPECT_THAT(nowhere.point, testing::ElementsAre(-1));
    EXPECT_FALSE(std::isfinite(nowhere.value));
}

}  // namespace
}  // namespace spikesmith
