// The rule by which a series with one sampling interval is read by a simulation with another.
#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {
namespace {

constexpr double ms = 1e-3;

TEST(SampleIndex, HoldsEachSampleForOneIntervalWhenTheGridsAgree) {
    const double dt = 0.1 * ms;
    for (std::int64_t k = 0; k < 4000; ++k) {
        const double t = static_cast<double>(k) * dt;
        ASSERT_EQ(sample_index(t, dt, dt, 5000), static_cast<std::size_t>(k)) << k;
        ASSERT_EQ(sample_index(t + 0.5 * dt, dt, dt, 5000), static_cast<std::size_t>(k)) << k;
        ASSERT_EQ(sample_index((static_cast<double>(k) + 1) * dt, dt, dt, 5000), static_cast<std::size_t>(k + 1)) << k;
    }
}

TEST(SampleIndex, ToleratesASixteenthOfTheIntervalBeforeABoundaryWhenTheGridsAgree) {
    const double dt = 1 * ms;
    EXPECT_EQ(sample_index(2.93 * ms, dt, dt, 10), 2U);  // boundary - 0.0625 ms = 2.9375 ms
    EXPECT_EQ(sample_index(2.94 * ms, dt, dt, 10), 3U);
}

TEST(SampleIndex, ToleranceShrinksWithFinerSteps) {
    // D/h = 5: K = 2^ceil(log2(40)) = 64, tolerance D/128.
    EXPECT_EQ(sample_index(2.992 * ms, 1 * ms, 0.2 * ms, 10), 2U);
    EXPECT_EQ(sample_index(2.9925 * ms, 1 * ms, 0.2 * ms, 10), 3U);
}

TEST(SampleIndex, ReadsFiveStepsPerSampleAtAFifthOfTheInterval) {
    const double D = 0.1 * ms;
    const double h = 0.02 * ms;
    for (std::int64_t k = 0; k < 20000; ++k) {
        const auto expected = static_cast<std::size_t>(k / 5);
        ASSERT_EQ(sample_index(static_cast<double>(k) * h, D, h, 5000), expected) << k;
        ASSERT_EQ(sample_index((static_cast<double>(k) + 0.5) * h, D, h, 5000), expected) << k;
    }
}

TEST(SampleIndex, ReadsTheNearestSampleWhenTheStepIsMuchLonger) {
    // 8 D/h < 1: K = 1, so the tolerance is half an interval.
    const double D = 0.01 * ms;
    EXPECT_EQ(sample_index(10 * D, D, 1 * ms, 1000), 10U);
    EXPECT_EQ(sample_index(10.49 * D, D, 1 * ms, 1000), 10U);
    EXPECT_EQ(sample_index(10.51 * D, D, 1 * ms, 1000), 11U);
}

TEST(SampleIndex, AgreesWithIntegerArithmeticForManyRatios) {
    // Step index times h = a/b intervals exactly: floor(k*a/b), computed in integers.
    for (std::int64_t a = 1; a <= 7; ++a) {
        for (std::int64_t b = 1; b <= 8; ++b) {
            const double D = 0.37 * ms;
            const double h = D * static_cast<double>(a) / static_cast<double>(b);
            const double tolerance = 0.5 / std::max(std::exp2(std::ceil(std::log2(8 * (D / h)))), 1.0);
            for (std::int64_t k = 0; k < 3000; ++k) {
                const double fraction = static_cast<double>(k * a % b) / static_cast<double>(b);
                if (fraction >= 1 - tolerance - 1e-9) continue;  // inside the tolerance
                ASSERT_EQ(sample_index(static_cast<double>(k) * h, D, h, 1 << 20), static_cast<std::size_t>(k * a / b))
                    << a << "/" << b << " at step " << k;
            }
        }
    }
}

TEST(SampleIndex, RepeatsTheFirstAndTheLastSampleOutside) {
    EXPECT_EQ(sample_index(-5 * ms, 1 * ms, 1 * ms, 3), 0U);
    EXPECT_EQ(sample_index(3 * ms, 1 * ms, 1 * ms, 3), 2U);
    EXPECT_EQ(sample_index(1e300, 1 * ms, 1 * ms, 3), 2U);
    EXPECT_EQ(sample_index(7 * ms, 1 * ms, 1 * ms, 1), 0U);
}

}  // namespace
}  // namespace spikesmith
