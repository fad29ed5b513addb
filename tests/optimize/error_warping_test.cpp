#include "spikesmith/optimize/error_warping.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

const std::vector<double> errors{3, 1, 1.5, 2, 400, 9, 1.25};

TEST(ErrorWarping, KeepsTheOrderAndHasMeanZeroAndVarianceOne) {
    for (const auto warping : {ErrorWarping::none, ErrorWarping::logarithmic}) {
        const auto warped = warp_errors(errors, warping);
        double mean = 0;
        double variance = 0;
        for (std::size_t a = 0; a < errors.size(); ++a) {
            mean += warped[a] / 7;
            variance += warped[a] * warped[a] / 7;
            for (std::size_t b = 0; b < errors.size(); ++b) EXPECT_EQ(warped[a] < warped[b], errors[a] < errors[b]);
        }
        EXPECT_NEAR(mean, 0, 1e-14);
        EXPECT_NEAR(variance, 1, 1e-14);
    }
}

TEST(ErrorWarping, IsLogarithmicInTheDistanceFromTheSmallest) {
    // The distances that are not 0, in order: 0.25, 0.5, 1, 2, 8, 399; the spread at 0.5 is the fourth.
    const auto warped = warp_errors(errors, ErrorWarping::logarithmic, 0.5);
    const auto expected = [](double d) { return std::log1p(d / 2); };
    const double unit = (warped[5] - warped[1]) / expected(8);
    EXPECT_NEAR((warped[0] - warped[1]) / unit, expected(2), 1e-8);
    EXPECT_NEAR((warped[4] - warped[1]) / unit, expected(399), 1e-8);
    const auto plain = warp_errors(errors, ErrorWarping::none);
    EXPECT_NEAR((plain[5] - plain[1]) / (plain[0] - plain[1]), 4, 1e-6);
}

TEST(ErrorWarping, ScaleAndShiftDoNotMatter) {
    for (const auto warping : {ErrorWarping::none, ErrorWarping::logarithmic}) {
        for (const double factor : {1e-18, 1e-300, 1e300, 3.0, std::ldexp(1.0, -60)}) {
            std::vector<double> scaled = errors;
            for (double& e : scaled) e *= factor;
            EXPECT_EQ(warp_errors(scaled, warping), warp_errors(errors, warping)) << factor;
        }
        std::vector<double> shifted = errors;
        for (double& e : shifted) e += 1024;
        EXPECT_EQ(warp_errors(shifted, warping), warp_errors(errors, warping));
    }
}

TEST(ErrorWarping, EqualAndExtremeErrorsStayFinite) {
    EXPECT_THAT(warp_errors(std::vector(4, 7.0), ErrorWarping::logarithmic), testing::Each(0));
    EXPECT_TRUE(warp_errors({}, ErrorWarping::logarithmic).empty());
    const double largest = std::numeric_limits<double>::max();
    const double tiny = std::numeric_limits<double>::denorm_min();
    for (const auto warping : {ErrorWarping::none, ErrorWarping::logarithmic}) {
        for (const auto& extreme : {std::vector{-largest, 0.0, largest}, std::vector{0.0, tiny, largest, 2 * tiny}}) {
            for (const double w : warp_errors(extreme, warping)) EXPECT_TRUE(std::isfinite(w));
        }
    }
}

}  // namespace
}  // namespace spikesmith
