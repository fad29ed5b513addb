// What cannot be seen in units in the last place: signed zeros, IEEE 754's special cases, exact cases, monotonicity,
// the same bits on every machine.
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "math/oracle.hpp"
#include <gtest/gtest.h>

#include "spikesmith/math/elementary.hpp"

namespace spikesmith::math {
namespace {

const ScalarOperations<double> scalar;
constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct NamedFunction {
    std::string name;
    std::function<double(double)> of_double;
    std::function<float(float)> of_single;
};

template <class Function>
NamedFunction named(std::string name, Function function) {
    return {std::move(name), [=](double x) { return function(ScalarOperations<double>(), x); },
            [=](float x) { return function(ScalarOperations<float>(), x); }};
}

std::vector<NamedFunction> odd_functions() {
    return {named("expm1", [](const auto& b, auto x) { return expm1(b, x); }),
            named("log1p", [](const auto& b, auto x) { return log1p(b, x); }),
            named("sinh", [](const auto& b, auto x) { return sinh(b, x); }),
            named("tanh", [](const auto& b, auto x) { return tanh(b, x); }),
            named("sin", [](const auto& b, auto x) { return sin(b, x); }),
            named("tan", [](const auto& b, auto x) { return tan(b, x); }),
            named("arcsin", [](const auto& b, auto x) { return arcsin(b, x); }),
            named("arctan", [](const auto& b, auto x) { return arctan(b, x); }),
            named("arcsinh", [](const auto& b, auto x) { return arcsinh(b, x); }),
            named("arctanh", [](const auto& b, auto x) { return arctanh(b, x); }),
            named("sign", [](const auto& b, auto x) { return sign(b, x); })};
}

std::vector<NamedFunction> increasing_functions() {
    return {named("exp", [](const auto& b, auto x) { return exp(b, x); }),
            named("expm1", [](const auto& b, auto x) { return expm1(b, x); }),
            named("sinh", [](const auto& b, auto x) { return sinh(b, x); }),
            named("tanh", [](const auto& b, auto x) { return tanh(b, x); }),
            named("arctan", [](const auto& b, auto x) { return arctan(b, x); }),
            named("arcsinh", [](const auto& b, auto x) { return arcsinh(b, x); }),
            named("log", [](const auto& b, auto x) { return log(b, x); }),
            named("log10", [](const auto& b, auto x) { return log10(b, x); }),
            named("log1p", [](const auto& b, auto x) { return log1p(b, x); })};
}

TEST(SignedZero, IsKeptByFunctionsThatVanishAtZero) {
    for (const auto& f : odd_functions()) {
        EXPECT_TRUE(f.of_double(-0.0) == 0 && std::signbit(f.of_double(-0.0))) << f.name;
        EXPECT_TRUE(f.of_double(0.0) == 0 && !std::signbit(f.of_double(0.0))) << f.name;
        EXPECT_TRUE(f.of_single(-0.0f) == 0 && std::signbit(f.of_single(-0.0f))) << f.name;
        EXPECT_TRUE(f.of_single(0.0f) == 0 && !std::signbit(f.of_single(0.0f))) << f.name;
    }
}

TEST(Exponentials, HaveTheirLimits) {
    EXPECT_EQ(exp(scalar, 0), 1);
    EXPECT_EQ(exp(scalar, inf), inf);
    EXPECT_EQ(exp(scalar, -inf), 0);
    EXPECT_EQ(expm1(scalar, -inf), -1);
    EXPECT_EQ(exprel(scalar, 0), 1);
    EXPECT_EQ(exprel(scalar, -0.0), 1);
    EXPECT_EQ(exprel(scalar, inf), inf);
    EXPECT_EQ(exprel(scalar, -inf), 0);
    EXPECT_EQ(x_over_expm1(scalar, 0), 1);
    EXPECT_EQ(x_over_expm1(scalar, -0.0), 1);
    EXPECT_EQ(x_over_expm1(scalar, inf), 0);
    EXPECT_EQ(x_over_expm1(scalar, -inf), inf);
    EXPECT_EQ(exp(scalar, -745.1), 0x1p-1074);
    for (const double x : {nan, -nan}) {
        for (const auto& f : {exp<ScalarOperations<double>>, expm1<ScalarOperations<double>>,
                              exprel<ScalarOperations<double>>, x_over_expm1<ScalarOperations<double>>}) {
            EXPECT_TRUE(std::isnan(f(scalar, x)));
        }
    }
}

// The functions of two arguments against the C library, whose special cases are those of IEEE 754, signs of zero
// included.
TEST(Powers, HaveTheSpecialCasesOfIeee754) {
    const std::vector<double> values = {
        0.0,    -0.0,   1,          -1,          0.5,        -0.5, 2,    -2,  3,    -3,  4,         1e300,     -1e300,
        1e-300, 0x1p53, 0x1p53 + 2, -0x1p53 - 2, 0x1p52 + 1, 2.5,  -2.5, inf, -inf, nan, 0x1p-1074, -0x1p-1074};
    for (const double x : values) {
        for (const double y : values) {
            const double expected = std::pow(x, y);
            const double got = pow(scalar, x, y);
            if (std::isnan(expected)) {
                EXPECT_TRUE(std::isnan(got)) << x << " ^ " << y << " = " << got;
            } else {
                EXPECT_DOUBLE_EQ(got, expected) << x << " ^ " << y;
                EXPECT_EQ(std::signbit(got), std::signbit(expected)) << x << " ^ " << y;
            }
            const float single = pow(ScalarOperations<float>(), static_cast<float>(x), static_cast<float>(y));
            const float single_expected = std::pow(static_cast<float>(x), static_cast<float>(y));
            if (std::isnan(single_expected)) {
                EXPECT_TRUE(std::isnan(single)) << x << " ^ " << y << " = " << single;
            } else {
                EXPECT_FLOAT_EQ(single, single_expected) << x << " ^ " << y;
                EXPECT_EQ(std::signbit(single), std::signbit(single_expected)) << x << " ^ " << y;
            }
        }
    }
}

TEST(Powers, AreExactWhereTheResultIsANumber) {
    for (int n = -1074; n <= 1023; ++n) EXPECT_EQ(pow(scalar, 2, n), std::ldexp(1.0, n));
    for (int n = 0; n <= 33; ++n) {
        double product = 1;
        for (int k = 0; k < n; ++k) product *= 3;
        EXPECT_EQ(pow(scalar, 3, n), product);
        EXPECT_EQ(pow(scalar, -3, n), n % 2 == 0 ? product : -product);
    }
    for (double x = 0; x < 100; x += 0.25) EXPECT_EQ(pow(scalar, x * x, 0.5), x);
}

TEST(Logarithms, OfPowersAreIntegers) {
    double power = 1;
    for (int n = 0; n <= 22; ++n, power *= 10) EXPECT_EQ(log10(scalar, power), n);
    EXPECT_EQ(log(scalar, 1), 0);
    EXPECT_EQ(log(scalar, 0), -inf);
    EXPECT_EQ(log(scalar, -0.0), -inf);
    EXPECT_TRUE(std::isnan(log(scalar, -1)));
}

TEST(Angles, OfTheAxesHaveTheSpecialCasesOfIeee754) {
    const std::vector<double> values = {0.0, -0.0, 1, -1, inf, -inf, nan, 1e308, -1e308, 0x1p-1074, -0x1p-1074};
    for (const double y : values) {
        for (const double x : values) {
            const double expected = std::atan2(y, x);
            const double got = arctan2(scalar, y, x);
            if (std::isnan(expected)) {
                EXPECT_TRUE(std::isnan(got)) << y << ", " << x;
            } else {
                EXPECT_DOUBLE_EQ(got, expected) << y << ", " << x;
                EXPECT_EQ(std::signbit(got), std::signbit(expected)) << y << ", " << x;
            }
        }
    }
}

// Values that CPython prints for x // y and x % y.
TEST(Division, HasTheSignsOfPython) {
    struct Case {
        double x, y, quotient, remainder;
    };
    const std::vector<Case> cases = {{7, 3, 2, 1},        {-7, 3, -3, 2},        {7, -3, -3, -2},
                                     {-7, -3, 2, -1},     {6, 3, 2, 0},          {-6, 3, -2, 0},
                                     {6, -3, -2, -0.0},   {1, inf, 0, 1},        {-1, inf, -1, inf},
                                     {1, -inf, -1, -inf}, {0.5, 1, 0, 0.5},      {1, 0.1, 9, 0.09999999999999995},
                                     {-1e-20, 1, -1, 1},  {5e-324, 3, 0, 5e-324}};
    for (const auto& c : cases) {
        EXPECT_EQ(floor_divide(scalar, c.x, c.y), c.quotient) << c.x << " // " << c.y;
        EXPECT_EQ(modulo(scalar, c.x, c.y), c.remainder) << c.x << " % " << c.y;
        EXPECT_EQ(std::signbit(modulo(scalar, c.x, c.y)), std::signbit(c.remainder)) << c.x << " % " << c.y;
    }
    EXPECT_EQ(modulo(scalar, 1e300, 7), std::fmod(1e300, 7));
    EXPECT_TRUE(std::isnan(modulo(scalar, 1, 0)));
    EXPECT_TRUE(std::isnan(modulo(scalar, inf, 2)));
    EXPECT_TRUE(std::isnan(modulo(scalar, 1, nan)));
    EXPECT_EQ(floor_divide(scalar, 1, 0), inf);
    EXPECT_EQ(floor_divide(scalar, -1, 0), -inf);
}

// Huge angles, where the reduction needs hundreds of digits of 2/pi; values from MPFR in the accuracy test, here the
// identities.
TEST(HugeAngles, KeepTheIdentities) {
    test::Sampler sampler(5);
    for (int k = 0; k < 2000; ++k) {
        const double x = std::ldexp(sampler.between(1, 2), static_cast<int>(sampler.bits() % 1000) + 20);
        const double s = sin_of_huge(x), c = cos_of_huge(x);
        EXPECT_NEAR(s * s + c * c, 1, 1e-15);
        EXPECT_NEAR(tan_of_huge(x) * c, s, 1e-15);
        EXPECT_EQ(sin_of_huge(-x), -s);
        EXPECT_EQ(cos_of_huge(-x), c);
    }
    // both reductions give the same value where they overlap
    for (double x = 0x1p20; x < 0x1p30; x *= 1.37) {
        EXPECT_NEAR(sin_of_huge(x), sin(scalar, x), 3e-16);
        EXPECT_NEAR(cos_of_huge(x), cos(scalar, x), 3e-16);
    }
    EXPECT_TRUE(std::isnan(sin(scalar, inf)));
    EXPECT_TRUE(std::isnan(cos(scalar, -inf)));
    EXPECT_TRUE(std::isnan(tan(scalar, nan)));
}

// Neighbours stay in order up to rounding: a function may step back by a unit in the last place, never by more.
TEST(IncreasingFunctions, StayInOrder) {
    test::Sampler sampler(11);
    for (const auto& f : increasing_functions()) {
        for (int k = 0; k < 3000; ++k) {
            const double x = std::ldexp(sampler.between(1, 2), static_cast<int>(sampler.bits() % 20) - 14);
            const double y = x + test::spacing<double>(x) * 16;
            EXPECT_LE(f.of_double(x), f.of_double(y) + test::spacing<double>(f.of_double(y))) << f.name << " at " << x;
            EXPECT_LT(f.of_double(x), f.of_double(x * 1.001) + (f.name == "tanh" ? 1e-15 : 0)) << f.name << " at " << x;
        }
    }
}

// The bits of all functions over a fixed set of arguments, as one number (FNV-1a). It must not depend on compiler or
// machine.
TEST(Bits, AreTheSameOnEveryMachine) {
    std::uint64_t hash = 0xcbf29ce484222325;
    const auto add = [&](auto value) {
        if (std::isnan(value)) value = 0;  // the payload of a NaN is the machine's own
        unsigned char bytes[sizeof(value)];
        std::memcpy(bytes, &value, sizeof(value));
        for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
    };
    const auto add_all = [&](const auto& b, auto x, auto y) {
        for (const auto value : {exp(b, x),        expm1(b, x),
                                 exprel(b, x),     x_over_expm1(b, x),
                                 sinh(b, x),       cosh(b, x),
                                 tanh(b, x),       log(b, x),
                                 log1p(b, x),      log10(b, x),
                                 pow(b, x, y),     arcsinh(b, x),
                                 arccosh(b, x),    arctanh(b, x),
                                 sin(b, x),        cos(b, x),
                                 tan(b, x),        arcsin(b, x),
                                 arccos(b, x),     arctan(b, x),
                                 arctan2(b, x, y), floor_divide(b, x, y),
                                 modulo(b, x, y),  sign(b, x)}) {
            add(value);
        }
    };
    test::Sampler sampler(123);
    for (int k = 0; k < 2000; ++k) {
        const double x = sampler.between(-2, 2), y = sampler.between(-30, 30);
        const auto any = sampler.any<double>();
        const auto any_single = sampler.any<float>();
        add_all(ScalarOperations<double>(), x, y);
        add_all(ScalarOperations<double>(), y, any);
        add_all(ScalarOperations<double>(), any, y);
        add_all(ScalarOperations<float>(), static_cast<float>(x), static_cast<float>(y));
        add_all(ScalarOperations<float>(), any_single, static_cast<float>(y));
    }
    EXPECT_EQ(hash, 3562010770078815997u);
}

}  // namespace
}  // namespace spikesmith::math
