#include "spikesmith/optimize/error_scale.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

std::vector<double> normalized(std::vector<double> errors) {
    ErrorScale().normalize(errors);
    return errors;
}

TEST(ErrorScale, DividesByTheSmallestThatIsNotZero) {
    EXPECT_THAT(normalized({4, 0, -2, 8, infinity}), testing::ElementsAre(2, 0, -1, 4, infinity));
    ErrorScale scale;
    std::vector<double> failures{infinity, 0, std::nan("")};
    scale.normalize(failures);  // no reference yet
    EXPECT_EQ(failures[0], infinity);
    EXPECT_EQ(failures[1], 0);
    EXPECT_TRUE(std::isnan(failures[2]));
    EXPECT_EQ(scale.normalized(5), 1);
    EXPECT_EQ(scale.normalized(15), 3);
    EXPECT_EQ(scale.normalized(1), std::ldexp(std::nearbyint(std::ldexp(0.2, 34)), -34));
}

TEST(ErrorScale, RoundsRelativelyAndKeepsTheOrder) {
    math::RandomStream random(1, 0);
    ErrorScale scale;
    EXPECT_EQ(scale.normalized(1), 1);
    double before = 0;
    for (int k = -1000; k < 1000; ++k) {
        const double error = std::pow(1.7, 0.5 * (k + random.next_uniform()));
        const double rounded = scale.normalized(error);
        EXPECT_LE(std::fabs(rounded - error), ErrorScale::resolution * error);
        EXPECT_EQ(scale.normalized(rounded), rounded);
        EXPECT_GT(rounded, before);
        before = rounded;
    }
}

TEST(ErrorScale, UnitsOfTheErrorDoNotMatter) {
    math::RandomStream random(2, 0);
    std::vector<double> errors;
    for (int k = 0; k < 10000; ++k) errors.push_back(std::exp(30 * random.next_normal()));
    const auto expected = normalized(errors);
    for (const double factor : {1e-18, 1e-5, 1e7, 3e100}) {
        std::vector<double> scaled = errors;
        for (double& error : scaled) error *= factor;
        EXPECT_EQ(normalized(scaled), expected) << factor;
    }
}

TEST(ErrorScale, HugeQuotientsStayFinite) {
    ErrorScale scale;
    EXPECT_EQ(scale.normalized(1e-300), 1);
    EXPECT_TRUE(std::isfinite(scale.normalized(1e300)));
    EXPECT_GT(scale.normalized(1e300), 1e300);
}

}  // namespace
}  // namespace spikesmith
