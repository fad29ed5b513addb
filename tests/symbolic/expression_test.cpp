// Expressions: identity of equal expressions, folding, printing, evaluation.
#include "spikesmith/symbolic/expression.hpp"

#include <cmath>
#include <limits>
#include <thread>

#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/symbolic/scalar.hpp"

namespace spikesmith {
namespace {

const Expression x = Expression::symbol("x");
const Expression y = Expression::symbol("y");

TEST(Expression, EqualExpressionsAreTheSameNode) {
    const Expression a = apply(Op::exp, x * y + 2.0);
    const Expression b = apply(Op::exp, Expression::symbol("x") * Expression::symbol("y") + 2.0);
    EXPECT_EQ(a.id(), b.id());
    EXPECT_FALSE(a == apply(Op::exp, y * x + 2.0));
    EXPECT_FALSE(Expression(0.0) == Expression(-0.0));
}

TEST(Expression, StaysTheSameNodeAcrossThreads) {
    std::vector<const void*> ids(8);
    std::vector<Expression> keep(8);
    std::vector<std::thread> threads;
    for (std::size_t k = 0; k < ids.size(); ++k) {
        threads.emplace_back([&, k] {
            Expression e = x;
            for (int n = 0; n < 500; ++n) e = apply(Op::sin, e + static_cast<double>(n % 7));
            keep[k] = e;
            ids[k] = e.id();
        });
    }
    for (auto& t : threads) t.join();
    for (const auto* id : ids) EXPECT_EQ(id, ids[0]);
}

TEST(Expression, FoldsNumbersAndNeutralElements) {
    EXPECT_TRUE((Expression(2.0) + 3.0).is_number(5));
    EXPECT_TRUE(apply(Op::exp, Expression(0.0)).is_number(1));
    EXPECT_TRUE(x + 0.0 == x);
    EXPECT_TRUE(1.0 * x == x);
    EXPECT_TRUE(-(-x) == x);
    EXPECT_TRUE(pow(x, 1.0) == x);
    EXPECT_TRUE(apply(Op::select, 1.0, x, y) == x);
    EXPECT_FALSE((x * 0.0).is_number(0)) << "0*inf is not 0";
}

TEST(Expression, RandomCallsAreToldApartBySite) {
    EXPECT_FALSE(Expression::random(Op::uniform, 0) == Expression::random(Op::uniform, 1));
    EXPECT_TRUE(Expression::random(Op::uniform, 1) == Expression::random(Op::uniform, 1));
    EXPECT_TRUE(has_random(x + Expression::random(Op::normal, 3)));
    EXPECT_THROW((void)evaluate(Expression::random(Op::uniform, 0), [](const std::string&) { return 0.0; }),
                 NumericalError);
}

TEST(Expression, PrintsWithTheFewestParentheses) {
    EXPECT_EQ(to_string((x + y) * x - y / (x * y)), "(x + y)*x - y/(x*y)");
    EXPECT_EQ(to_string(x - (y - 1.0)), "x - (y - 1)");
    EXPECT_EQ(to_string(pow(-x, 2.0)), "(-x)**2");
    EXPECT_EQ(to_string(-pow(x, 2.0)), "-x**2");
    EXPECT_EQ(to_string(pow(x, pow(y, 2.0))), "x**y**2");
    EXPECT_EQ(to_string(apply(Op::select, apply(Op::less, x, y), x, -y)), "where(x < y, x, -y)");
    EXPECT_EQ(
        to_string(apply(Op::logical_and, apply(Op::less, x, y), apply(Op::logical_not, apply(Op::equal, x, 1.0)))),
        "x < y and not x == 1");
}

TEST(Expression, SubstitutesSimultaneously) {
    EXPECT_TRUE(substitute(x - y, {{"x", y}, {"y", x}}) == y - x);
    EXPECT_EQ(symbols_of(substitute(x * x + y, {{"x", Expression::symbol("z")}})),
              (std::vector<std::string>{"y", "z"}));
}

TEST(Expression, DeepChainsAreReleasedWithoutTrouble) {
    Expression e = x;
    for (int k = 0; k < 5000; ++k) e = e + y;
    EXPECT_TRUE(depends_on(e, "x"));
    EXPECT_DOUBLE_EQ(evaluate(e, [](const std::string& name) { return name == "x" ? 1.0 : 0.5; }), 2501.0);
}

TEST(ScalarMeaning, FollowsPython) {
    const double inf = std::numeric_limits<double>::infinity();
    const auto value = [](Op op, double a, double b = 0, double c = 0) { return evaluate_operation(op, a, b, c); };
    EXPECT_EQ(value(Op::modulo, -7, 3), 2);  // values of CPython
    EXPECT_EQ(value(Op::modulo, 7, -3), -2);
    EXPECT_EQ(value(Op::floor_divide, -7, 2), -4);
    EXPECT_EQ(value(Op::floor_divide, 7, -2), -4);
    EXPECT_EQ(value(Op::timestep, 0.29999e-3, 0.1e-3), 3);
    EXPECT_EQ(value(Op::timestep, 0.2989e-3, 0.1e-3), 2);
    EXPECT_EQ(value(Op::timestep, -0.15e-3, 0.1e-3), -1);
    EXPECT_EQ(value(Op::exprel, 0), 1);
    EXPECT_EQ(value(Op::exprel, inf), inf);
    EXPECT_EQ(value(Op::exprel, -inf), 0);
    EXPECT_EQ(value(Op::x_over_expm1, 0), 1);
    EXPECT_EQ(value(Op::x_over_expm1, inf), 0);
    EXPECT_EQ(value(Op::x_over_expm1, -inf), inf);
    EXPECT_EQ(value(Op::sign, -2.5), -1);
    EXPECT_EQ(value(Op::truncate, -2.7), -2);
    EXPECT_TRUE(std::isnan(value(Op::minimum, std::nan(""), 1)));
    EXPECT_TRUE(std::isnan(value(Op::maximum, 1, std::nan(""))));
}

}  // namespace
}  // namespace spikesmith
