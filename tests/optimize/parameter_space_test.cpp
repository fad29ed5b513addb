#include "spikesmith/optimize/parameter_space.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

std::string refusal(std::vector<ParameterRange> ranges) {
    try {
        ParameterSpace space(std::move(ranges));
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

TEST(ParameterSpace, MapsLinearAndLogarithmicScales) {
    const ParameterSpace space({{"a", -2, 6}, {"b", 1e-9, 1e-5, Scale::logarithmic}});
    EXPECT_EQ(space.dimension(), 2U);
    EXPECT_DOUBLE_EQ(space.to_value(0, 0.25), 0);
    EXPECT_NEAR(space.to_value(1, 0.5), 1e-7, 1e-20);
    std::vector<double> values(2), point(2);
    space.to_values(std::vector{0.3, 0.7}, values);
    space.to_point(values, point);
    EXPECT_NEAR(point[0], 0.3, 1e-15);
    EXPECT_NEAR(point[1], 0.7, 1e-14);
}

TEST(ParameterSpace, NeverLeavesTheBox) {
    const ParameterSpace space({{"a", 0.1, 0.3}, {"b", 3e-13, 7e-5, Scale::logarithmic}});
    for (std::size_t j = 0; j < 2; ++j) {
        const auto& range = space.ranges()[j];
        EXPECT_EQ(space.to_value(j, 0), range.low);
        EXPECT_EQ(space.to_value(j, 1), range.high);
        EXPECT_EQ(space.to_coordinate(j, range.low), 0);
        EXPECT_EQ(space.to_coordinate(j, range.high), 1);
        for (const double u : {-1.0, 1e-17, 0x1.fffffffffffffp-1, 2.0}) {
            EXPECT_GE(space.to_value(j, u), range.low);
            EXPECT_LE(space.to_value(j, u), range.high);
        }
    }
}

TEST(ParameterSpace, RefusesImpossibleBounds) {
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_THAT(refusal({}), testing::HasSubstr("no parameter to search"));
    EXPECT_THAT(refusal({{"g", 2, 1}}),
                testing::HasSubstr("the lower bound of `g` must be below the upper bound, not [2, 1]"));
    EXPECT_THAT(refusal({{"g", 1, 1}}), testing::HasSubstr("fix it instead"));
    EXPECT_THAT(refusal({{"g", 0, infinity}}), testing::HasSubstr("the bounds of `g` must be finite"));
    EXPECT_THAT(refusal({{"g", std::nan(""), 1}}), testing::HasSubstr("the bounds of `g` must be finite"));
    EXPECT_THAT(refusal({{"g", -1.7e308, 1.7e308}}), testing::HasSubstr("too far apart"));
    EXPECT_THAT(refusal({{"g", 0, 1, Scale::logarithmic}}),
                testing::HasSubstr("lower bound above 0; that of `g` is 0"));
    EXPECT_THAT(refusal({{"g", 0, 1}, {"g", 0, 1}}), testing::HasSubstr("the parameter `g` is given twice"));
}

TEST(ParameterSpace, WholeNumbersShareTheInterval) {
    const ParameterSpace space({{"n", 2, 5, Scale::linear, true}, {"k", 1, 1000, Scale::logarithmic, true}});
    std::vector<int> hits(6);
    for (int k = 0; k < 4000; ++k) ++hits[static_cast<std::size_t>(space.to_value(0, (k + 0.5) / 4000))];
    EXPECT_EQ(hits, (std::vector<int>{0, 0, 1000, 1000, 1000, 1000}));
    for (double n = 2; n <= 5; ++n) EXPECT_EQ(space.to_value(0, space.to_coordinate(0, n)), n);
    for (const double k : {1.0, 2.0, 17.0, 999.0, 1000.0}) EXPECT_EQ(space.to_value(1, space.to_coordinate(1, k)), k);
    EXPECT_THROW(ParameterSpace({{"n", 2.5, 5, Scale::linear, true}}), ConfigError);
}

TEST(ParameterSpace, ReadsScales) {
    EXPECT_EQ(parse_scale("log"), Scale::logarithmic);
    EXPECT_EQ(parse_scale(scale_name(Scale::linear)), Scale::linear);
    EXPECT_THROW(static_cast<void>(parse_scale("Log")), ConfigError);
}

}  // namespace
}  // namespace spikesmith
