// Derivatives against central differences, polynomial and affine forms against the expression, stable rewriting against the original.
#include "spikesmith/symbolic/calculus.hpp"

#include <cmath>
#include <ostream>

#include <gtest/gtest.h>

namespace spikesmith {

// How the test runner shows the parameters of a test.
void PrintTo(const Expression& expression, std::ostream* out) {
    *out << to_string(expression);
}
void PrintTo(Op op, std::ostream* out) {
    *out << op_name(op);
}

namespace {

const Expression x = Expression::symbol("x");
const Expression y = Expression::symbol("y");

double at(const Expression& e, double x_value, double y_value = 0.7) {
    return evaluate(e, [&](const std::string& name) { return name == "x" ? x_value : y_value; });
}

class Derivative : public testing::TestWithParam<Op> {};

TEST_P(Derivative, AgreesWithCentralDifferences) {
    const Op op = GetParam();
    const bool above_one = op == Op::arccosh;
    const Expression inner =
        (above_one ? 1.5 : 0.1) + 0.6 * x * x;  // inside every function's domain for the points below
    const Expression e = arity(op) == 1 ? apply(op, inner) : apply(op, inner, y * x);
    const Expression derivative = differentiate(e, "x");
    for (const double point : {0.2, 0.5, 0.9, 1.1}) {
        const double h = 1e-6;
        const double numeric = (at(e, point + h) - at(e, point - h)) / (2 * h);
        EXPECT_NEAR(at(derivative, point), numeric, 1e-7 * (1 + std::fabs(numeric))) << to_string(e) << " at " << point;
    }
}

INSTANTIATE_TEST_SUITE_P(Operations, Derivative,
                         testing::Values(Op::add, Op::subtract, Op::multiply, Op::divide, Op::negate, Op::power,
                                         Op::exp, Op::expm1, Op::exprel, Op::x_over_expm1, Op::log, Op::log10,
                                         Op::log1p, Op::sqrt, Op::sin, Op::cos, Op::tan, Op::sinh, Op::cosh, Op::tanh,
                                         Op::arcsin, Op::arccos, Op::arctan, Op::arcsinh, Op::arccosh, Op::arctanh,
                                         Op::arctan2, Op::abs, Op::minimum, Op::maximum));

TEST(Derivative, NearRemovableSingularitiesFollowsTheSeries) {
    const Expression d1 = differentiate(apply(Op::exprel, x), "x");
    const Expression d2 = differentiate(apply(Op::x_over_expm1, x), "x");
    EXPECT_DOUBLE_EQ(at(d1, 0), 0.5);
    EXPECT_DOUBLE_EQ(at(d2, 0), -0.5);
    for (const double p : {-9e-5, -1e-6, 1e-7, 9e-5}) {  // series of (exp(x)-1)/x and x/(exp(x)-1)
        EXPECT_NEAR(at(d1, p), 0.5 + p / 3 + p * p / 8, 1e-11);
        EXPECT_NEAR(at(d2, p), -0.5 + p / 6, 1e-11);
    }
}

TEST(Derivative, GoesThroughConditionsBranchByBranch) {
    const Expression e = apply(Op::select, apply(Op::less, x, 1.0), x * x, 3.0 * x);
    const Expression d = differentiate(e, "x");
    EXPECT_DOUBLE_EQ(at(d, 0.5), 1.0);
    EXPECT_DOUBLE_EQ(at(d, 2.0), 3.0);
    EXPECT_TRUE(differentiate(apply(Op::floor, x), "x").is_number(0));
}

TEST(Polynomial, SumsToTheExpression) {
    const Expression e = (x - 2.0) * (x + y) / 3.0 - pow(x - 1.0, 2.0) + apply(Op::exp, x) * x + 1.0 / x;
    const auto p = polynomial_in(e, "x");
    ASSERT_TRUE(p);
    EXPECT_EQ(p->rbegin()->first, 2);
    for (const double point : {0.3, -1.7, 4.0}) {
        double sum = 0;
        for (const auto& [power, coefficient] : *p) sum += at(coefficient, point) * std::pow(point, power);
        EXPECT_NEAR(sum, at(e, point), 1e-12 * std::fabs(at(e, point)) + 1e-14);
    }
    EXPECT_FALSE(polynomial_in(pow(x, 3.0), "x", 2));
}

TEST(Affine, FindsMatrixAndOffset) {
    const Expression c = Expression::symbol("c");
    const std::vector<Expression> system{(c - x) / 2.0 + 3.0 * y, -(y - 4.0 * (x - 1.0)) * c};
    const std::vector<std::string> names{"x", "y"};
    const auto affine = affine_in(system, names);
    ASSERT_TRUE(affine);
    const auto value = [](const Expression& e) { return evaluate(e, [](const std::string&) { return 5.0; }); };
    EXPECT_DOUBLE_EQ(value(affine->matrix[0][0]), -0.5);
    EXPECT_DOUBLE_EQ(value(affine->matrix[0][1]), 3.0);
    EXPECT_DOUBLE_EQ(value(affine->offset[0]), 2.5);
    EXPECT_DOUBLE_EQ(value(affine->matrix[1][0]), 20.0);
    EXPECT_DOUBLE_EQ(value(affine->matrix[1][1]), -5.0);
    EXPECT_DOUBLE_EQ(value(affine->offset[1]), -20.0);
    EXPECT_FALSE(affine_in(std::vector<Expression>{x * y, y}, names));
    EXPECT_FALSE(affine_in(std::vector<Expression>{apply(Op::abs, x), y}, names));
}

class Stabilise : public testing::TestWithParam<std::pair<Expression, Op>> {};

TEST_P(Stabilise, UsesTheStableFunctionAndKeepsTheValue) {
    const auto& [original, op] = GetParam();
    const Expression stable = stabilise(original);
    bool used = false;
    (void)rewrite(stable, [&, wanted = op](const Expression& e) -> std::optional<Expression> {
        used = used || e.op() == wanted;
        return std::nullopt;
    });
    EXPECT_TRUE(used) << to_string(stable);
    for (const double point : {-3.0, 0.4, 2.5})
        EXPECT_NEAR(at(stable, point), at(original, point), 1e-12 * std::fabs(at(original, point)));
}

// The forms in which rate functions of ion channels are written.
INSTANTIATE_TEST_SUITE_P(
    RateForms, Stabilise,
    testing::Values(std::pair{0.32 * (13.0 - x + y) / (apply(Op::exp, (13.0 - x + y) / 4.0) - 1.0), Op::x_over_expm1},
                    std::pair{0.28 * (x - y - 40.0) / (apply(Op::exp, (x - y - 40.0) / 5.0) - 1.0), Op::x_over_expm1},
                    std::pair{0.1 * (x + 40.0) / (1.0 - apply(Op::exp, -(x + 40.0) / 10.0)), Op::x_over_expm1},
                    std::pair{(x - y) / 3.0 / (apply(Op::exp, (y - x) / 7.0) - 1.0), Op::x_over_expm1},
                    std::pair{0.01 * (10.0 - x) / (apply(Op::exp, 1.0 - x / 10.0) - 1.0), Op::x_over_expm1},
                    std::pair{(x - 2.0) / (apply(Op::exp, (x - 2.0) / y) - 1.0), Op::x_over_expm1},
                    std::pair{(apply(Op::exp, 2.0 * x) - 1.0) / x, Op::exprel},
                    std::pair{apply(Op::exp, x) - 1.0, Op::expm1},
                    std::pair{apply(Op::log, 1.0 + apply(Op::exp, x)), Op::log1p}));

TEST(Stabilise, IsRightAtTheSingularityItself) {
    const Expression rate = stabilise(0.1 * (x + 40.0) / (1.0 - apply(Op::exp, -(x + 40.0) / 10.0)));
    EXPECT_DOUBLE_EQ(at(rate, -40.0), 1.0);
    EXPECT_NEAR(at(rate, -40.0 + 1e-9), 1.0 + 0.5e-10, 1e-15);
}

}  // namespace
}  // namespace spikesmith
