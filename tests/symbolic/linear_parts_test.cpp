#include "spikesmith/symbolic/linear_parts.hpp"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

namespace spikesmith {
namespace {

const Expression x = Expression::symbol("x");
const Expression y = Expression::symbol("y");
const Expression k = Expression::symbol("k");
const std::array<std::string, 2> both{"x", "y"};

double at(const Expression& e, double x_value, double y_value, double k_value) {
    return evaluate(e, [&](const std::string& name) {
        return name == "x" ? x_value : name == "y" ? y_value : k_value;
    });
}

TEST(LinearParts, OfAnAffineExpression) {
    const auto parts = linear_parts(k * (x - 2.0 * y) + (x + 3.0) / k - 1.0, both);
    ASSERT_TRUE(parts);
    for (const auto& part : {parts->coefficients[0], parts->coefficients[1], parts->rest})
        EXPECT_FALSE(depends_on(part, "x") || depends_on(part, "y"));
    EXPECT_DOUBLE_EQ(at(parts->coefficients[0], 0, 0, 4), 4.25);
    EXPECT_DOUBLE_EQ(at(parts->coefficients[1], 0, 0, 4), -8);
    EXPECT_DOUBLE_EQ(at(parts->rest, 0, 0, 4), -0.25);
}

TEST(LinearParts, RefuseProductsAndFunctions) {
    EXPECT_FALSE(linear_parts(x * y, both));
    EXPECT_FALSE(linear_parts(apply(Op::exp, x), both));
    EXPECT_FALSE(linear_parts(x / y, both));
}

TEST(LinearParts, TakeAConditionalApart) {
    const auto free = linear_parts(apply(Op::select, apply(Op::less, k, 1.0), 2.0 * x + 1.0, y - 3.0), both);
    ASSERT_TRUE(free);
    EXPECT_EQ(at(free->coefficients[0], 0, 0, 0), 2);
    EXPECT_EQ(at(free->coefficients[0], 0, 0, 2), 0);
    EXPECT_EQ(at(free->coefficients[1], 0, 0, 2), 1);
    EXPECT_EQ(at(free->rest, 0, 0, 2), -3);
    EXPECT_FALSE(linear_parts(apply(Op::select, apply(Op::less, x, 1.0), 2.0 * x, y), both))
        << "the condition moves with x";
}

TEST(RelaxationParts, KeepFunctionsOfTheSymbol) {
    const auto parts = relaxation_parts(k - x * apply(Op::exp, x) + apply(Op::sin, x) - x / (1.0 + x), "x");
    ASSERT_TRUE(parts);
    EXPECT_DOUBLE_EQ(at(parts->coefficients[0], 1, 0, 5), -std::exp(1.0) - 0.5);
    EXPECT_DOUBLE_EQ(at(parts->rest, 1, 0, 5), 5 + std::sin(1.0));
}

TEST(RelaxationParts, RefuseOtherPowersAndHiddenSymbols) {
    EXPECT_FALSE(relaxation_parts(x * x - x, "x"));
    EXPECT_FALSE(relaxation_parts(apply(Op::exp, x) + k, "x"));
    const auto constant = relaxation_parts(k, "x");
    ASSERT_TRUE(constant) << "the limit of an infinite time constant";
    EXPECT_TRUE(constant->coefficients[0].is_number(0));
}

}  // namespace
}  // namespace spikesmith
