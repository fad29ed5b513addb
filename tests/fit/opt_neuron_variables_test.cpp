#include "spikesmith/fit/opt_neuron_variables.hpp"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;

OptVariable fitted(const std::string& name, double first, double second) {
    return {.name = name, .bounds = {{first, second}}};
}
OptVariable constant(const std::string& name, double value) {
    return {.name = name, .value = value};
}
OptVariable following(const std::string& name, const std::string& expression) {
    return {.name = name, .expression = expression};
}

// The value of `expression` where x = 3, a = 2, e = 5, exponent = 7.
double value_of(const std::string& expression) {
    const OptVariables variables({fitted("x", 0, 10), constant("a", 2), constant("e", 5), constant("exponent", 7),
                                  following("result", expression)});
    return variables.complete(std::vector{3.0}).back();
}

std::string error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

TEST(OptVariables, KeepTheOrderGiven) {
    const OptVariables variables(
        {following("y", "x + dxy"), fitted("dxy", 1, -1), constant("c", 4), fitted("x", 0, 1)});
    EXPECT_THAT(variables.fitted(), ElementsAre("dxy", "x"));
    EXPECT_THAT(variables.complete(std::vector{0.25, 0.5}), ElementsAre(0.75, 0.25, 4, 0.5));
}

TEST(OptVariables, TakeBoundsInAnyOrder) {
    const OptVariables variables({fitted("x", 5, -5)});
    EXPECT_EQ(variables.space().ranges()[0].low, -5);
    EXPECT_EQ(variables.space().ranges()[0].high, 5);
}

TEST(OptVariables, WidenTheBoxIfAsked) {
    const OptVariables variables({fitted("x", 1, 3), {.name = "y", .bounds = {{1, 10}}, .scale = Scale::logarithmic}},
                                 true);
    EXPECT_EQ(variables.space().ranges()[0].low, -1);
    EXPECT_EQ(variables.space().ranges()[0].high, 5);
    EXPECT_DOUBLE_EQ(variables.space().ranges()[1].low, 0.1);
    EXPECT_DOUBLE_EQ(variables.space().ranges()[1].high, 100);
}

TEST(OptVariables, ReadExpressionsNameByName) {
    EXPECT_DOUBLE_EQ(value_of("exp(x)"), std::exp(3.0));
    EXPECT_DOUBLE_EQ(value_of("1e-3*e + exponent"), 0.005 + 7);
    EXPECT_DOUBLE_EQ(value_of("np.exp(x) + np.clip(x, 0, 1)"), std::exp(3.0) + 1);
    EXPECT_DOUBLE_EQ(value_of("x**2 + a^2"), 13);
    EXPECT_DOUBLE_EQ(value_of("max(x, a) - min(x, a)"), 1);
    EXPECT_DOUBLE_EQ(value_of("sqrt(x*x)/a*pi"), 1.5 * 3.14159265358979323846);
}

TEST(OptVariables, ReadBothConditionals) {
    EXPECT_DOUBLE_EQ(value_of("if x > 1: 2*a else: 0"), 4);
    EXPECT_DOUBLE_EQ(value_of("2*a if a > 1 else 0"), 4);
    EXPECT_DOUBLE_EQ(value_of("1 if x < 1 else 2 if x < 2 else 3 + a"), 5);
    EXPECT_DOUBLE_EQ(value_of("(if x > 1: 1 else: 0) + a"), 3);
}

TEST(OptVariables, ChainsMayBeInAnyOrder) {
    const OptVariables variables({following("c", "b + 1"), following("b", "2*a"), fitted("a", 0, 1)});
    EXPECT_THAT(variables.complete(std::vector{0.5}), ElementsAre(2, 1, 0.5));
}

TEST(OptVariables, WhatIsUndefinedIsNoNumber) {
    const OptVariables variables({fitted("a", -1, 1), following("b", "log(a)")});
    EXPECT_THAT(variables.complete(std::vector{-1.0})[1], IsNan());
    EXPECT_THAT(variables.complete(std::vector{1.0})[1], DoubleEq(0));
}

TEST(OptVariables, RefuseCircles) {
    const std::string message = error_of([] {
        OptVariables({fitted("x", 0, 1), following("a", "b + x"), following("b", "c"), following("c", "a")});
    });
    EXPECT_THAT(message, HasSubstr("the expressions go in a circle: a <- b <- c <- a"));
    EXPECT_THROW(OptVariables({fitted("x", 0, 1), following("a", "2*a")}), ConfigError);
}

TEST(OptVariables, ShowWhereAnExpressionIsWrong) {
    const std::string unknown = error_of([] {
        OptVariables({fitted("alpha", 0, 1), following("b", "np.exp(1) + alpa")});
    });
    EXPECT_THAT(unknown, HasSubstr("expression of b:1:13: unknown name `alpa`"));
    EXPECT_THAT(unknown, HasSubstr("did you mean `alpha`?"));
    EXPECT_THAT(error_of([] {
                    OptVariables({fitted("x", 0, 1), following("b", "1 if x > 0 else y")});
                }),
                HasSubstr("1:17: unknown name `y`"));
    EXPECT_THROW(OptVariables({fitted("x", 0, 1), following("b", "x +")}), ModelError);
    EXPECT_THROW(OptVariables({fitted("x", 0, 1), following("b", "1 if x")}), ModelError);
    EXPECT_THROW(OptVariables({fitted("x", 0, 1), following("b", "__import__(x)")}), ModelError);
    EXPECT_THROW(OptVariables({fitted("x", 0, 1), following("b", "Uniform(0, x)")}), ConfigError);
    std::string endless;
    for (int k = 0; k < 20'000; ++k) endless += "1 if x else ";
    EXPECT_THAT(error_of([&] {
                    OptVariables({fitted("x", 0, 1), following("b", endless + "0")});
                }),
                HasSubstr("more than 50 conditionals"));
}

TEST(OptVariables, RefuseEntriesThatSayNothingOrTooMuch) {
    EXPECT_THROW(OptVariables({{.name = "x"}}), ConfigError);
    EXPECT_THROW(OptVariables({{.name = "x", .bounds = {{0, 1}}, .value = 1}}), ConfigError);
    EXPECT_THROW(OptVariables({fitted("", 0, 1)}), ConfigError);
    EXPECT_THROW(OptVariables({fitted("x", 0, 1), constant("x", 1)}), ConfigError);
    EXPECT_THROW(OptVariables({constant("x", 1)}), ConfigError);
    EXPECT_THROW(OptVariables({fitted("x", 1, 1)}), ConfigError);
    EXPECT_THROW(OptVariables({fitted("x", 0, NAN)}), ConfigError);
    EXPECT_THROW(OptVariables({fitted("x", 0, 1), constant("y", INFINITY)}), ConfigError);
    EXPECT_THROW(OptVariables({{.name = "x", .bounds = {{-1, 1}}, .scale = Scale::logarithmic}}), ConfigError);
    EXPECT_THROW(OptVariables({fitted("x", 0, 1)}).complete(std::vector{0.0, 1.0}), ConfigError);
}

TEST(OptVariables, GuessesAreBoxesWithinTheBounds) {
    const OptVariables variables(
        {{.name = "x", .bounds = {{0, 10}}, .guess = {{6, 5}}}, constant("c", 1), fitted("y", 2, 4)});
    const auto box = variables.guessed_box();
    ASSERT_EQ(box.size(), 2U);
    EXPECT_DOUBLE_EQ(box[0].first, 0.5);
    EXPECT_DOUBLE_EQ(box[0].second, 0.6);
    EXPECT_DOUBLE_EQ(box[1].first, 0);
    EXPECT_DOUBLE_EQ(box[1].second, 1);
    EXPECT_TRUE(OptVariables({fitted("x", 0, 1)}).guessed_box().empty());
    EXPECT_THROW(OptVariables({{.name = "x", .bounds = {{0, 1}}, .guess = {{0.5, 2}}}}), ConfigError);
}

}  // namespace
}  // namespace spikesmith
