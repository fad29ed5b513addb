// Grammar, operators, functions and numbers of expressions, by the value of what they become.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>

#include "lang/parse_helpers.hpp"
#include <fmt/format.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

using test::error_of;
using test::parse;
using test::value;
using test::value_of;
using test::Values;

const std::string ab = "a : 1\nb : 1\nc : 1\n";

TEST(Expressions, NumbersAreThoseOfPython) {
    EXPECT_EQ(value_of("1e-3"), 1e-3);
    EXPECT_EQ(value_of(".5"), 0.5);
    EXPECT_EQ(value_of("5."), 5.0);
    EXPECT_EQ(value_of("5.e2"), 500.0);
    EXPECT_EQ(value_of("1E+2"), 100.0);
    EXPECT_EQ(value_of("0x10"), 16.0);
    EXPECT_EQ(value_of("0XfF"), 255.0);
    EXPECT_EQ(value_of("0o17"), 15.0);
    EXPECT_EQ(value_of("0b1_01"), 5.0);
    EXPECT_EQ(value_of("1_000"), 1000.0);
    EXPECT_EQ(value_of("1_0.2_5"), 10.25);
    EXPECT_EQ(value_of("000"), 0.0);
    EXPECT_EQ(value_of("0.1"), 0.1);
    EXPECT_EQ(value_of("2.2250738585072014e-308"), 2.2250738585072014e-308);
    EXPECT_EQ(value_of("9007199254740993"), 9007199254740992.0);  // rounded to even
}

TEST(Expressions, ConstantsAndUnitsAreNumbers) {
    EXPECT_EQ(value_of("pi"), std::numbers::pi);
    EXPECT_EQ(value_of("e"), std::numbers::e);
    EXPECT_EQ(value_of("inf"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(value_of("-inf"), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(value_of("int(True) + int(False)"), 1.0);
    EXPECT_DOUBLE_EQ(value_of("3*mV", "volt"), 3e-3);
    EXPECT_DOUBLE_EQ(value_of("2*nS/cm**2", "siemens/metre**2"), 2e-5);
    EXPECT_DOUBLE_EQ(value_of("umetre2", "metre**2"), 1e-12);
}

TEST(Expressions, PrecedenceIsThatOfPython) {
    EXPECT_EQ(value_of("-2**2"), -4.0);
    EXPECT_EQ(value_of("2**-1"), 0.5);
    EXPECT_EQ(value_of("2**3**2"), 512.0);
    EXPECT_EQ(value_of("-3 % 5"), 2.0);
    EXPECT_EQ(value_of("2 + 3*4 - 6/3"), 12.0);
    EXPECT_EQ(value_of("100/10/5"), 2.0);
    EXPECT_EQ(value_of("10 - 3 - 2"), 5.0);
    EXPECT_EQ(value_of("2*3 % 4"), 2.0);
    EXPECT_EQ(value_of("--3"), 3.0);
    EXPECT_EQ(value_of("+-+3"), -3.0);
    EXPECT_EQ(value_of("2*-3"), -6.0);
    EXPECT_EQ(value_of("7 // 2 * 2"), 6.0);
    EXPECT_EQ(value_of("int(not 1 > 2 and 3 > 2 or False)"), 1.0);
    EXPECT_EQ(value_of("int(True or False and False)"), 1.0);
    EXPECT_EQ(value_of("int(not (True or False))"), 0.0);
    EXPECT_EQ(value_of("int(not 1 == 2)"), 1.0);
    EXPECT_EQ(value_of("int(1 + 1 < 3)"), 1.0);
}

TEST(Expressions, DivisionFollowsPython) {
    EXPECT_EQ(value_of("1/2"), 0.5);
    EXPECT_EQ(value_of("a // b", "1", {{"a", -7}, {"b", 2}}, ab), -4.0);
    EXPECT_EQ(value_of("a // b", "1", {{"a", 7}, {"b", -2}}, ab), -4.0);
    EXPECT_EQ(value_of("a % b", "1", {{"a", -7}, {"b", 3}}, ab), 2.0);
    EXPECT_EQ(value_of("a % b", "1", {{"a", 7}, {"b", -3}}, ab), -2.0);
    EXPECT_DOUBLE_EQ(value_of("(7*mV) % (2*mV)", "volt"), 1e-3);
    EXPECT_EQ(value_of("(7*mV) // (2*mV)"), 3.0);
}

TEST(Expressions, ImpossibleConstantArithmeticDoesNotFail) {
    EXPECT_TRUE(std::isinf(value_of("0**-1")));
    EXPECT_TRUE(std::isinf(value_of("1/0")));
    EXPECT_TRUE(std::isnan(value_of("0/0")));
    EXPECT_TRUE(std::isnan(value_of("(-8)**0.5")));
    (void)value_of("1 % 0");
    (void)value_of("1 // 0");
    (void)value_of("log(0) + arcsin(2) + sqrt(-1)");
}

TEST(Expressions, ComparisonsChain) {
    const auto between = [](double a, double b, double c) {
        return value_of("int(a < b <= c)", "1", {{"a", a}, {"b", b}, {"c", c}}, ab);
    };
    EXPECT_EQ(between(1, 2, 3), 1.0);
    EXPECT_EQ(between(1, 2, 2), 1.0);
    EXPECT_EQ(between(1, 1, 2), 0.0);
    EXPECT_EQ(between(1, 3, 2), 0.0);
    EXPECT_EQ(value_of("int(a != b == c)", "1", {{"a", 1}, {"b", 2}, {"c", 2}}, ab), 1.0);
    EXPECT_EQ(value_of("int(1 < 2 > 1 <= 1 >= 0 != 3)"), 1.0);
}

TEST(Expressions, LogicCombinesConditions) {
    const std::string text = "int((a > 0 and not b > 0) or c > 0)";
    EXPECT_EQ(value_of(text, "1", {{"a", 1}, {"b", 0}, {"c", 0}}, ab), 1.0);
    EXPECT_EQ(value_of(text, "1", {{"a", 1}, {"b", 1}, {"c", 0}}, ab), 0.0);
    EXPECT_EQ(value_of(text, "1", {{"a", 0}, {"b", 1}, {"c", 1}}, ab), 1.0);
    EXPECT_EQ(value_of("int((a > 0) == (b > 0))", "1", {{"a", 1}, {"b", 2}}, ab), 1.0);
}

TEST(Expressions, FunctionsHaveTheirValues) {
    const double x = 0.37;
    const Values values{{"a", x}};
    const auto f = [&](const std::string& text) { return value_of(text, "1", values, ab); };
    EXPECT_DOUBLE_EQ(f("sin(a)"), std::sin(x));
    EXPECT_DOUBLE_EQ(f("cos(a)"), std::cos(x));
    EXPECT_DOUBLE_EQ(f("tan(a)"), std::tan(x));
    EXPECT_DOUBLE_EQ(f("sinh(a)"), std::sinh(x));
    EXPECT_DOUBLE_EQ(f("cosh(a)"), std::cosh(x));
    EXPECT_DOUBLE_EQ(f("tanh(a)"), std::tanh(x));
    EXPECT_DOUBLE_EQ(f("arcsin(a)"), std::asin(x));
    EXPECT_DOUBLE_EQ(f("arccos(a)"), std::acos(x));
    EXPECT_DOUBLE_EQ(f("arctan(a)"), std::atan(x));
    EXPECT_DOUBLE_EQ(f("arcsinh(a)"), std::asinh(x));
    EXPECT_DOUBLE_EQ(f("arccosh(1 + a)"), std::acosh(1 + x));
    EXPECT_DOUBLE_EQ(f("arctanh(a)"), std::atanh(x));
    EXPECT_DOUBLE_EQ(f("arctan2(a, -2)"), std::atan2(x, -2.0));
    EXPECT_DOUBLE_EQ(f("exp(a)"), std::exp(x));
    EXPECT_DOUBLE_EQ(f("expm1(a)"), std::expm1(x));
    EXPECT_DOUBLE_EQ(f("exprel(a)"), std::expm1(x) / x);
    EXPECT_EQ(value_of("exprel(0)"), 1.0);
    EXPECT_DOUBLE_EQ(f("log(a)"), std::log(x));
    EXPECT_DOUBLE_EQ(f("log10(a)"), std::log10(x));
    EXPECT_DOUBLE_EQ(f("log1p(a)"), std::log1p(x));
    EXPECT_DOUBLE_EQ(f("sqrt(a)"), std::sqrt(x));
    EXPECT_EQ(f("floor(-a)"), -1.0);
    EXPECT_EQ(f("ceil(a)"), 1.0);
    EXPECT_EQ(f("abs(-a)"), x);
    EXPECT_EQ(f("sign(-a)"), -1.0);
    EXPECT_EQ(f("int(-a - 1)"), -1.0);  // towards zero
    EXPECT_EQ(f("int(a > 0)"), 1.0);
    EXPECT_EQ(f("min(3, a, 2)"), x);
    EXPECT_EQ(f("max(a, 3, 2,)"), 3.0);  // Python allows the last comma
    EXPECT_EQ(f("clip(a, 0.5, 1)"), 0.5);
    EXPECT_EQ(f("clip(a, 0, 0.25)"), 0.25);
    EXPECT_EQ(f("clip(a, 0, 1)"), x);
    EXPECT_EQ(f("where(a > 1, 2, 3)"), 3.0);
    EXPECT_EQ(f("int(where(a > 0, a < 1, False))"), 1.0);
    EXPECT_EQ(value_of("timestep(0.29999*ms, 0.1*ms)", "integer"), 3.0);
    EXPECT_EQ(value_of("timestep(0.2989*ms, 0.1*ms)", "integer"), 2.0);
}

TEST(Expressions, FunctionsKeepDimensions) {
    const std::string v = "v : volt\ng : siemens\n";
    EXPECT_DOUBLE_EQ(value_of("sqrt(v**2 + (4*mV)**2)", "volt", {{"v", 3e-3}}, v), 5e-3);
    EXPECT_EQ(value_of("abs(v)", "volt", {{"v", -2}}, v), 2.0);
    EXPECT_EQ(value_of("sign(v)", "1", {{"v", -2}}, v), -1.0);
    EXPECT_EQ(value_of("max(v, 0)", "volt", {{"v", -2}}, v), 0.0);
    EXPECT_EQ(value_of("clip(v, 0, 1*volt)", "volt", {{"v", -2}}, v), 0.0);
    EXPECT_EQ(value_of("where(v > 0, 0, v)", "volt", {{"v", -2}}, v), -2.0);
    EXPECT_DOUBLE_EQ(value_of("arctan2(v, 2*v)", "1", {{"v", 2}}, v), std::atan2(2.0, 4.0));
    EXPECT_DOUBLE_EQ(value_of("v**(1/2)", "volt**0.5", {{"v", 4}}, v), 2.0);
    EXPECT_DOUBLE_EQ(value_of("(v/g)**-2", "(siemens/volt)**2", {{"v", 4}, {"g", 8}}, v), 4.0);
    EXPECT_DOUBLE_EQ(value_of("v**True*g**min(2, 1)", "volt*siemens", {{"v", 4}, {"g", 8}}, v), 32.0);
    EXPECT_EQ(value_of("floor(v)", "volt", {{"v", 2.5}}, v), 2.0);
}

TEST(Expressions, LiteralZeroHasAnyUnit) {
    const std::string v = "v : volt\n";
    EXPECT_EQ(value_of("0", "volt"), 0.0);
    EXPECT_EQ(value_of("-0.0", "volt"), 0.0);
    EXPECT_EQ(value_of("v + 0", "volt", {{"v", 3}}, v), 3.0);
    EXPECT_EQ(value_of("int(v > 0)", "1", {{"v", 3}}, v), 1.0);
    EXPECT_EQ(value_of("max(0, v, 0)", "volt", {{"v", 3}}, v), 3.0);
    EXPECT_EQ(parse("dv/dt = 0 : volt").states[0].derivative, Expression(0.0));
}

TEST(Expressions, BooleanVariablesCountAsNumbers) {
    const std::string on = "on : boolean\nv : volt\n";
    EXPECT_EQ(value_of("v*on", "volt", {{"v", 3}, {"on", 1}}, on), 3.0);
    EXPECT_EQ(value_of("on + 1", "1", {{"on", 1}}, on), 2.0);
    EXPECT_EQ(value_of("on and v > 0", "boolean", {{"on", 1}, {"v", 1}}, on), 1.0);
    EXPECT_EQ(value_of("on == (v > 0)", "boolean", {{"on", 1}, {"v", -1}}, on), 0.0);
    EXPECT_EQ(value_of("int(on)", "integer", {{"on", 1}}, on), 1.0);
}

TEST(Expressions, IntegersLoseTheirFraction) {
    EXPECT_EQ(value_of("7/2", "integer"), 3.0);
    EXPECT_EQ(value_of("-7/2", "integer"), -3.0);
    EXPECT_EQ(value_of("n*2 + 1", "integer", {{"n", 3}}, "n : integer"), 7.0);
}

TEST(Expressions, EveryRandomCallIsADrawOfItsOwn) {
    const Model model = parse(
        "x = rand() - rand() : 1 (constant over dt)\n"
        "y = rand()*randn() + poisson(x + 3) : 1 (constant over dt)\n"
        "dv/dt = randn()/ms : 1\n");
    EXPECT_NE(model.subexpressions[0].value, Expression(0.0));
    std::vector<std::uint32_t> sites;
    const auto collect = [&](const auto& self, const Expression& e) -> void {
        if (e.op() == Op::uniform || e.op() == Op::normal || e.op() == Op::poisson) sites.push_back(e.site());
        for (const auto& argument : e.arguments()) self(self, argument);
    };
    for (const auto& subexpression : model.subexpressions) collect(collect, subexpression.value);
    for (const auto& state : model.states) collect(collect, state.derivative);
    std::sort(sites.begin(), sites.end());
    EXPECT_EQ(sites, (std::vector<std::uint32_t>{0, 1, 2, 3, 4, 5}));
}

TEST(Expressions, TheMiddleOfAChainIsDrawnOnce) {
    const Model model = parse("x = int(0.2 < rand() < 0.4) : 1 (constant over dt)");
    const Expression& both = model.subexpressions[0].value;
    ASSERT_EQ(both.op(), Op::logical_and);
    EXPECT_EQ(both.arguments()[0].arguments()[1], both.arguments()[1].arguments()[0]);
}

TEST(Expressions, AnyLineStructureIsAllowed) {
    const Values values{{"a", 1}, {"b", 2}, {"c", 3}};
    EXPECT_EQ(value_of("a +\n\n  b*  # the product\n # a comment : with a colon\n\r\n c", "1", values, ab), 7.0);
    EXPECT_EQ(value_of("a\n + b", "1", values, ab), 3.0);
    EXPECT_EQ(value_of("max(a,\n b\n, c\n)", "1", values, ab), 3.0);
    EXPECT_EQ(value_of("\n a\t-\tb", "1", values, ab), -1.0);
}

TEST(Expressions, SizeIsBounded) {
    const auto repeated = [](const std::string& text, int n) {
        std::string out;
        for (int k = 0; k < n; ++k) out += text;
        return out;
    };
    EXPECT_EQ(value_of(repeated("(", 150) + "1" + repeated(")", 150)), 1.0);
    EXPECT_NE(error_of("x = " + repeated("(", 100'000) + " : 1").find("nested deeper than 200 levels"),
              std::string::npos);
    EXPECT_NE(error_of("x = " + repeated("-", 100'000) + "1 : 1").find("nested deeper than 200 levels"),
              std::string::npos);
    EXPECT_NE(error_of("x = " + repeated("2**", 100'000) + "1 : 1").find("nested deeper than 200 levels"),
              std::string::npos);
    EXPECT_NE(error_of("x = " + repeated("exp(", 100'000) + "1 : 1").find("nested deeper than 200 levels"),
              std::string::npos);
    EXPECT_NE(error_of("x = " + repeated("not ", 100'000) + "True : boolean").find("nested deeper than 200 levels"),
              std::string::npos);
    EXPECT_EQ(value_of(repeated("1+", 900) + "1"), 901.0);
    EXPECT_NE(error_of("x = " + repeated("1+", 100'000) + "1 : 1").find("more than 1000 operations in a row"),
              std::string::npos);
    EXPECT_NE(error_of("x = int(" + repeated("1<", 100'000) + "1) : 1").find("more than 1000 operations in a row"),
              std::string::npos);
    EXPECT_NE(error_of("x = max(" + repeated("1,", 100'000) + "1) : 1").find("more than 1000 operations in a row"),
              std::string::npos);
    EXPECT_NE(error_of(repeated("#", 1'000'001)).find("the text has 1000001 characters"), std::string::npos);
    EXPECT_NE(error_of(repeated("n", 1000) + " : 1").find("the name has 1000 characters"), std::string::npos);
    std::string chain = "x0 = 1 : 1\n";
    for (int k = 1; k < 9000; ++k) chain += fmt::format("x{} = x{} + 1 : 1\n", k, k - 1);
    EXPECT_NE(error_of(chain).find("more than 4000 operations inside each other"), std::string::npos);
}

TEST(Expressions, SharingDoesNotGrow) {
    // 2**60 occurrences of x0 if written out.
    std::string doubling = "a : 1\nx0 = a : 1\n";
    for (int k = 1; k <= 60; ++k) doubling += fmt::format("x{0} = x{1} + x{1} : 1\n", k, k - 1);
    const Model model = parse(doubling);
    EXPECT_EQ(value(model.inlined(Expression::symbol("x60")), {{"a", 1}}), std::ldexp(1.0, 60));
}

}  // namespace
}  // namespace spikesmith
