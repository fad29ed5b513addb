#include "spikesmith/optimize/smooth_bounds.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace spikesmith::smooth_bounds {
namespace {

TEST(SmoothBounds, MapsTheLineIntoTheUnitInterval) {
    for (double y = -20; y < 20; y += 1e-3) {
        ASSERT_GE(to_unit(y), 0);
        ASSERT_LE(to_unit(y), 1);
        ASSERT_GE(folded(y), low);
        ASSERT_LE(folded(y), high);
        ASSERT_NEAR(to_unit(folded(y)), to_unit(y), 1e-14);
    }
    EXPECT_EQ(to_unit(low), 0);
    EXPECT_EQ(to_unit(high), 1);
    EXPECT_EQ(to_unit(0.3), 0.3);
}

TEST(SmoothBounds, IsEvenAtTheBoundsAndSmoothInside) {
    for (const double distance : {1e-3, 0.04, 0.2, 0.9}) {
        EXPECT_NEAR(to_unit(low - distance), to_unit(low + distance), 1e-15);
        EXPECT_NEAR(to_unit(high - distance), to_unit(high + distance), 1e-15);
    }
    for (const double y : {margin, 1 - margin}) {
        constexpr double h = 1e-6;
        EXPECT_NEAR((to_unit(y + h) - to_unit(y)) / h, 1, 1e-4);
        EXPECT_NEAR((to_unit(y) - to_unit(y - h)) / h, 1, 1e-4);
    }
}

TEST(SmoothBounds, InverseReturns) {
    for (double u = 0; u <= 1; u += 1.0 / 1024) EXPECT_NEAR(to_unit(from_unit(u)), u, 2e-16) << u;
    EXPECT_EQ(to_unit(from_unit(1.0)), 1);
    EXPECT_NEAR(to_unit(from_unit(1e-9)), 1e-9, 1e-18);
}

}  // namespace
}  // namespace spikesmith::smooth_bounds
