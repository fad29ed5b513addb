// The derivatives of exprel and x_over_expm1 against MPFR.
#include <cmath>
#include <limits>

#include "math/oracle.hpp"
#include <gtest/gtest.h>

#include "spikesmith/math/elementary.hpp"

namespace spikesmith::math::test {
namespace {

constexpr ScalarOperations<double> scalar;
constexpr double inf = std::numeric_limits<double>::infinity();

// (e^x*(x - 1) + 1)/x^2; 200 bits leave enough after the cancellation for |x| > 1e-8.
double exact_exprel_slope(double x) {
    const Big argument(x);
    Big e, factor, square;
    mpfr_exp(e.get(), argument.get(), MPFR_RNDN);
    mpfr_sub_ui(factor.get(), argument.get(), 1, MPFR_RNDN);
    mpfr_mul(e.get(), e.get(), factor.get(), MPFR_RNDN);
    mpfr_add_ui(e.get(), e.get(), 1, MPFR_RNDN);
    mpfr_sqr(square.get(), argument.get(), MPFR_RNDN);
    mpfr_div(e.get(), e.get(), square.get(), MPFR_RNDN);
    return mpfr_get_d(e.get(), MPFR_RNDN);
}

// -exprel'(x)/exprel(x)^2
double exact_x_over_expm1_slope(double x) {
    const Big argument(x);
    Big e;
    mpfr_expm1(e.get(), argument.get(), MPFR_RNDN);
    mpfr_div(e.get(), e.get(), argument.get(), MPFR_RNDN);
    mpfr_sqr(e.get(), e.get(), MPFR_RNDN);
    const Big slope(exact_exprel_slope(x));
    mpfr_div(e.get(), slope.get(), e.get(), MPFR_RNDN);
    return -mpfr_get_d(e.get(), MPFR_RNDN);
}

double found_slope(double x) {
    return x_over_expm1_slope(scalar, x, x_over_expm1(scalar, x));
}

TEST(Slopes, AreAccurateOverTheRange) {
    for (double size = 1e-7; size < 700; size *= 1.037) {
        for (const double x : {size, -size}) {
            const double a = exact_exprel_slope(x);
            EXPECT_NEAR(exprel_slope(scalar, x), a, std::ldexp(std::fabs(a), -46)) << x;
            EXPECT_NEAR(exprel_near_0_slope(scalar, x), a, std::ldexp(std::fabs(a), -46)) << x;
            if (x < -100) continue;
            const double b = exact_x_over_expm1_slope(x);
            EXPECT_NEAR(found_slope(x), b, std::ldexp(std::fabs(b), -45) + 1e-300) << x;
        }
    }
}

TEST(Slopes, HaveTheirLimits) {
    EXPECT_EQ(exprel_slope(scalar, 0), 0.5);
    EXPECT_EQ(exprel_slope(scalar, inf), inf);
    EXPECT_EQ(exprel_slope(scalar, -inf), 0);
    EXPECT_EQ(found_slope(0), -0.5);
    EXPECT_EQ(found_slope(inf), 0);
    EXPECT_EQ(found_slope(-1e6), -1);
    EXPECT_EQ(found_slope(-inf), -1);
    EXPECT_TRUE(std::isnan(exprel_slope(scalar, std::nan(""))));
    EXPECT_TRUE(std::isnan(found_slope(std::nan(""))));
}

}  // namespace
}  // namespace spikesmith::math::test
