// Every elementary function against the oracle, in both precisions: at most 2 units in the last place anywhere.
#include <array>
#include <cstdio>
#include <ostream>

#include "math/oracle.hpp"
#include <gtest/gtest.h>

#include "spikesmith/math/elementary.hpp"

namespace spikesmith::math::test {
namespace {

constexpr double limit = 2.0;
constexpr int points_in_double = 2500;  // random points per interval
constexpr int points_in_single = 40000;

using MpfrFunction = int (*)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);
using ExactFunction = std::function<void(mpfr_ptr, mpfr_srcptr)>;

struct UnaryCase {
    std::string name;
    std::function<double(double)> of_double;
    std::function<float(float)> of_single;
    ExactFunction exact;
    std::function<double(double)> libm;  // the oracle of single precision
    std::vector<Interval> intervals;
    std::vector<double> interesting;
};

void PrintTo(const UnaryCase& c, std::ostream* out) {
    *out << c.name;
}

template <class Function>
UnaryCase unary(std::string name, Function function, ExactFunction exact, double (*libm)(double),
                std::vector<Interval> intervals, std::vector<double> interesting) {
    return {std::move(name),
            [=](double x) { return function(ScalarOperations<double>(), x); },
            [=](float x) { return function(ScalarOperations<float>(), x); },
            std::move(exact),
            libm,
            std::move(intervals),
            std::move(interesting)};
}

ExactFunction exactly(MpfrFunction function) {
    return [function](mpfr_ptr result, mpfr_srcptr x) { function(result, x, MPFR_RNDN); };
}

void exact_exprel(mpfr_ptr result, mpfr_srcptr x) {
    if (mpfr_zero_p(x) != 0) {
        mpfr_set_ui(result, 1, MPFR_RNDN);
    } else if (mpfr_inf_p(x) != 0 && mpfr_sgn(x) > 0) {
        mpfr_set_inf(result, 1);
    } else {
        mpfr_expm1(result, x, MPFR_RNDN);
        mpfr_div(result, result, x, MPFR_RNDN);
    }
}

void exact_x_over_expm1(mpfr_ptr result, mpfr_srcptr x) {
    exact_exprel(result, x);
    mpfr_ui_div(result, 1, result, MPFR_RNDN);
}

double libm_exprel(double x) {
    if (x == 0) return 1;
    return std::isinf(x) ? (x > 0 ? x : 0) : std::expm1(x) / x;
}

double libm_x_over_expm1(double x) {
    return 1 / libm_exprel(x);
}

double libm_sign(double x) {
    return std::isnan(x) ? x : static_cast<double>(x > 0) - static_cast<double>(x < 0);
}

std::vector<double> multiples_of_half_pi() {
    std::vector<double> result;
    for (int k = 1; k <= 16; ++k) result.push_back(k * M_PI / 4);
    for (const double k : {1e2, 1e3, 1e4, 20861.0, 1e5, 1e6, 1e8, 1e9, 1e12, 1e15, 1e22})
        result.push_back(k * M_PI / 2);
    // near multiples of pi/2: 6381956970095103 * 2^797 is the nearest of all doubles (Muller, Elementary functions, ch.
    // 11); the ends of the fast range
    for (const double x : {0x1.6ac5b262ca1ffp+849, 0x1p30, 0x1p15, 0x1p31, 0x1p200}) result.push_back(x);
    return result;
}

std::vector<UnaryCase> unary_cases() {
    const std::vector<double> exponential_edges = {709.782712893384,
                                                   88.7228394,
                                                   -708.396418532264,
                                                   -87.3365448,
                                                   -745.1332191019411,
                                                   -103.972084,
                                                   -103.2789,
                                                   0.34657359027997264,
                                                   1.0397207708399179,
                                                   -0.34657359027997264,
                                                   716.35,
                                                   93.2,
                                                   751.67,
                                                   108.6,
                                                   -40,
                                                   -20,
                                                   710.4758600739439,
                                                   89.4159851,
                                                   22,
                                                   10,
                                                   1};
    const std::vector<Interval> exponential = {{-1, 1},      {-10, 10}, {-760, 760}, {-110, 110},
                                               {0.34, 0.41}, {36, 38},  {16, 18}};
    const std::vector<Interval> logarithmic = {{0.4, 2.5}, {0.99, 1.01}, {0, 1e-300}, {0, 1e3}};
    const std::vector<double> around_one = {
        1, 0.70710678118654752, 1.4142135623730951, 2, 0.5, 10, 100, 1e5, 1e22, 1e-5, 0.1};
    const std::vector<Interval> circular = {{-0.8, 0.8}, {-7, 7}, {-1e4, 1e4}, {-1e10, 1e10}};
    const std::vector<Interval> unit = {{-1, 1}, {-0.51, 0.51}, {0.99, 1}, {-1e-3, 1e-3}};
    const auto angles = multiples_of_half_pi();
    return {
        unary(
            "exp", [](const auto& b, auto x) { return exp(b, x); }, exactly(mpfr_exp), std::exp, exponential,
            exponential_edges),
        unary(
            "expm1", [](const auto& b, auto x) { return expm1(b, x); }, exactly(mpfr_expm1), std::expm1, exponential,
            exponential_edges),
        unary(
            "exprel", [](const auto& b, auto x) { return exprel(b, x); }, exact_exprel, libm_exprel, exponential,
            exponential_edges),
        unary("exprel_near_0", [](const auto& b, auto x) { return exprel_near_0(b, x); }, exact_exprel, libm_exprel,
              {{-0.0625, 0}, {-1, 1}, {-10, 10}}, {-0.0625, 0.35, -0.45}),
        unary(
            "x_over_expm1", [](const auto& b, auto x) { return x_over_expm1(b, x); }, exact_x_over_expm1,
            libm_x_over_expm1, exponential, exponential_edges),
        unary(
            "sinh", [](const auto& b, auto x) { return sinh(b, x); }, exactly(mpfr_sinh), std::sinh, exponential,
            exponential_edges),
        unary(
            "cosh", [](const auto& b, auto x) { return cosh(b, x); }, exactly(mpfr_cosh), std::cosh, exponential,
            exponential_edges),
        unary(
            "tanh", [](const auto& b, auto x) { return tanh(b, x); }, exactly(mpfr_tanh), std::tanh,
            {{-1, 1}, {-0.4, 0.4}, {-25, 25}}, exponential_edges),
        unary(
            "log", [](const auto& b, auto x) { return log(b, x); }, exactly(mpfr_log), std::log, logarithmic,
            around_one),
        unary(
            "log10", [](const auto& b, auto x) { return log10(b, x); }, exactly(mpfr_log10), std::log10, logarithmic,
            around_one),
        unary("log1p", [](const auto& b, auto x) { return log1p(b, x); }, exactly(mpfr_log1p), std::log1p,
              {{-1, 1}, {-0.5, 0.5}, {-1e-3, 1e-3}, {0, 1e5}},
              {-1, -0.29289321881345248, 0.41421356237309505, -0.5, 0x1p53, 0x1p24}),
        unary("arcsinh", [](const auto& b, auto x) { return arcsinh(b, x); }, exactly(mpfr_asinh), std::asinh,
              {{-0.5, 0.5}, {-2, 2}, {-1e3, 1e3}, {-1e-3, 1e-3}}, {0.34, 0.7, 1, 0x1p28, 0x1p13}),
        unary("arccosh", [](const auto& b, auto x) { return arccosh(b, x); }, exactly(mpfr_acosh), std::acosh,
              {{1, 1.001}, {1, 1.1}, {1, 3}, {1, 1e4}}, {1, 0x1p28, 0x1p13}),
        unary("arctanh", [](const auto& b, auto x) { return arctanh(b, x); }, exactly(mpfr_atanh), std::atanh,
              {{-1, 1}, {-0.2, 0.2}, {0.99, 1}, {-1e-3, 1e-3}}, {1, 0.17157287525380990, 0.33333333333333331, 0.5}),
        unary(
            "sin", [](const auto& b, auto x) { return sin(b, x); }, exactly(mpfr_sin), std::sin, circular, angles),
        unary(
            "cos", [](const auto& b, auto x) { return cos(b, x); }, exactly(mpfr_cos), std::cos, circular, angles),
        unary(
            "tan", [](const auto& b, auto x) { return tan(b, x); }, exactly(mpfr_tan), std::tan, circular, angles),
        unary("arcsin", [](const auto& b, auto x) { return arcsin(b, x); }, exactly(mpfr_asin), std::asin, unit,
              {0.5, 1}),
        unary("arccos", [](const auto& b, auto x) { return arccos(b, x); }, exactly(mpfr_acos), std::acos, unit,
              {0.5, 1}),
        unary("arctan", [](const auto& b, auto x) { return arctan(b, x); }, exactly(mpfr_atan), std::atan,
              {{-0.42, 0.42}, {0.41, 0.42}, {-1, 1}, {-3, 3}, {-100, 100}},
              {0.41421356237309505, 2.4142135623730951, 1, 0x1p60, 0x1p30}),
        unary(
            "sign", [](const auto& b, auto x) { return sign(b, x); },
            [](mpfr_ptr result, mpfr_srcptr x) {
                mpfr_nan_p(x) != 0 ? mpfr_set_nan(result)
                                   : static_cast<void>(mpfr_set_si(result, mpfr_sgn(x), MPFR_RNDN));
            },
            libm_sign, {{-1, 1}}, {}),
    };
}

class UnaryAccuracy : public testing::TestWithParam<UnaryCase> {};

TEST_P(UnaryAccuracy, IsWithinTwoUlpInDoublePrecision) {
    const auto& c = GetParam();
    double worst = 0;
    double worst_at = 0;
    Big exact;
    for (const double x : sample_points<double>(c.intervals, c.interesting, points_in_double)) {
        c.exact(exact.get(), Big(x).get());
        const double error = error_in_ulp(c.of_double(x), exact);
        if (error > worst) {
            worst = error;
            worst_at = x;
        }
    }
    RecordProperty("max_ulp", std::to_string(worst));
    std::printf("%-14s double %.3f at %a\n", c.name.c_str(), worst, worst_at);
    EXPECT_LE(worst, limit) << c.name << "(" << worst_at << ") = " << c.of_double(worst_at);
}

TEST_P(UnaryAccuracy, IsWithinTwoUlpInSinglePrecision) {
    const auto& c = GetParam();
    double worst = 0;
    float worst_at = 0;
    for (const float x : sample_points<float>(c.intervals, c.interesting, points_in_single)) {
        const double error = error_in_ulp(c.of_single(x), c.libm(static_cast<double>(x)));
        if (error > worst) {
            worst = error;
            worst_at = x;
        }
    }
    RecordProperty("max_ulp", std::to_string(worst));
    std::printf("%-14s single %.3f at %a\n", c.name.c_str(), worst, static_cast<double>(worst_at));
    EXPECT_LE(worst, limit) << c.name << "(" << worst_at << ") = " << c.of_single(worst_at);
}

INSTANTIATE_TEST_SUITE_P(Functions, UnaryAccuracy, testing::ValuesIn(unary_cases()),
                         [](const auto& test_case) { return test_case.param.name; });

// --- functions of two arguments --------------------------------------------------------------------------------------

using ExactBinary = std::function<void(mpfr_ptr, mpfr_srcptr, mpfr_srcptr)>;

struct BinaryCase {
    std::string name;
    std::function<double(double, double)> of_double;
    std::function<float(float, float)> of_single;
    ExactBinary exact;
    std::vector<std::array<Interval, 2>> regions;
};

void PrintTo(const BinaryCase& c, std::ostream* out) {
    *out << c.name;
}

template <class Function>
BinaryCase binary(std::string name, Function function, ExactBinary exact,
                  std::vector<std::array<Interval, 2>> regions) {
    return {std::move(name), [=](double x, double y) { return function(ScalarOperations<double>(), x, y); },
            [=](float x, float y) { return function(ScalarOperations<float>(), x, y); }, std::move(exact),
            std::move(regions)};
}

void exact_modulo(mpfr_ptr result, mpfr_srcptr x, mpfr_srcptr y) {
    mpfr_fmod(result, x, y, MPFR_RNDN);
    if (mpfr_zero_p(result) == 0 && mpfr_nan_p(result) == 0 && (mpfr_signbit(x) != 0) != (mpfr_signbit(y) != 0))
        mpfr_add(result, result, y, MPFR_RNDN);
}

void exact_floor_divide(mpfr_ptr result, mpfr_srcptr x, mpfr_srcptr y) {
    if (mpfr_inf_p(x) != 0) {
        mpfr_set_nan(result);
        return;
    }
    if (mpfr_inf_p(y) != 0 || mpfr_zero_p(y) != 0 || mpfr_zero_p(x) != 0 || mpfr_nan_p(x) != 0 || mpfr_nan_p(y) != 0) {
        mpfr_div(result, x, y, MPFR_RNDN);
        const bool below_zero =
            mpfr_inf_p(y) != 0 && mpfr_regular_p(x) != 0 && (mpfr_signbit(x) != 0) != (mpfr_signbit(y) != 0);
        if (below_zero) mpfr_set_si(result, -1, MPFR_RNDN);
        return;
    }
    // the quotient of two doubles, rounded down: never up to an integer that it does not reach
    mpfr_div(result, x, y, MPFR_RNDD);
    mpfr_floor(result, result);
}

std::vector<BinaryCase> binary_cases() {
    return {
        binary(
            "pow", [](const auto& b, auto x, auto y) { return pow(b, x, y); },
            [](mpfr_ptr r, mpfr_srcptr x, mpfr_srcptr y) { mpfr_pow(r, x, y, MPFR_RNDN); },
            {{{{0.7, 1.42}, {-300, 300}}},
             {{{0, 10}, {-300, 300}}},
             {{{0.99, 1.01}, {-70000, 70000}}},
             {{{0, 1e5}, {-3, 3}}},
             {{{0, 1e-300}, {-1.1, 3}}},
             {{{0, 1e-38}, {-1.1, 1.2}}},
             {{{0.9999, 1.0001}, {-8e5, 8e5}}}}),
        binary(
            "arctan2", [](const auto& b, auto y, auto x) { return arctan2(b, y, x); },
            [](mpfr_ptr r, mpfr_srcptr y, mpfr_srcptr x) { mpfr_atan2(r, y, x, MPFR_RNDN); },
            {{{{-1, 1}, {-1, 1}}},
             {{{-1, 1}, {-100, 100}}},
             {{{-1e-308, 1e-308}, {-1e-308, 1e-308}}},
             {{{-1.7e308, 1.7e308}, {-1.7e308, 1.7e308}}},
             {{{-3e38, 3e38}, {-3e38, 3e38}}},
             {{{-1e-39, 1e-39}, {-1e-38, 1e-38}}},
             {{{-1e-300, 1e-300}, {1, 1e10}}}}),
        binary("modulo", [](const auto& b, auto x, auto y) { return modulo(b, x, y); }, exact_modulo,
               {{{{-10, 10}, {-3, 3}}},
                {{{-1e6, 1e6}, {-1, 1}}},
                {{{-1e18, 1e18}, {-1, 1}}},
                {{{-1e300, 1e300}, {-1e-10, 1e-10}}},
                {{{-1e-310, 1e-310}, {-1e-312, 1e-312}}}}),
        binary("floor_divide", [](const auto& b, auto x, auto y) { return floor_divide(b, x, y); }, exact_floor_divide,
               {{{{-10, 10}, {-3, 3}}},
                {{{-1e6, 1e6}, {-1, 1}}},
                {{{-1e18, 1e18}, {-1, 1}}},
                {{{-1e300, 1e300}, {-1e-10, 1e-10}}},
                {{{-1e-310, 1e-310}, {-1e-312, 1e-312}}}}),
    };
}

template <class Float>
std::vector<std::array<Float, 2>> sample_pairs(const std::vector<std::array<Interval, 2>>& regions, int random_points) {
    using limits = std::numeric_limits<Float>;
    std::vector<Float> special = {Float(0),
                                  limits::denorm_min(),
                                  limits::min(),
                                  limits::max(),
                                  limits::infinity(),
                                  limits::quiet_NaN(),
                                  Float(1),
                                  Float(0.5),
                                  Float(2),
                                  Float(3),
                                  Float(7),
                                  Float(0.1),
                                  Float(1.5),
                                  1 + limits::epsilon(),
                                  1 - limits::epsilon()};
    const std::size_t positive = special.size();
    for (std::size_t i = 0; i < positive; ++i) special.push_back(-special[i]);
    std::vector<std::array<Float, 2>> pairs;
    for (const Float x : special) {
        for (const Float y : special) pairs.push_back({x, y});
    }
    Sampler sampler(77);
    for (int i = 0; i < random_points; ++i) {
        for (const auto& [first, second] : regions) {
            const auto x = static_cast<Float>(sampler.between(first.low, first.high));
            const auto y = static_cast<Float>(sampler.between(second.low, second.high));
            pairs.push_back({x, y});
            pairs.push_back({std::round(x), std::round(y)});
            pairs.push_back({x, std::round(y)});
        }
        pairs.push_back({sampler.any<Float>(), sampler.any<Float>()});
        // multiples: quotients and products that are integers or next to them
        const auto y = static_cast<Float>(sampler.between(-2, 2));
        const Float x = y * std::round(static_cast<Float>(sampler.between(-1000, 1000)));
        pairs.push_back({x, y});
        pairs.push_back({std::nextafter(x, Float(0)), y});
    }
    return pairs;
}

class BinaryAccuracy : public testing::TestWithParam<BinaryCase> {
  protected:
    template <class Float, class Function>
    void check(const Function& function, const char* precision, int random_points) {
        const auto& c = GetParam();
        double worst = 0;
        std::array<Float, 2> worst_at{};
        Big exact;
        for (const auto& [x, y] : sample_pairs<Float>(c.regions, random_points)) {
            c.exact(exact.get(), Big(static_cast<double>(x)).get(), Big(static_cast<double>(y)).get());
            const double error = error_in_ulp<Float>(function(x, y), exact);
            if (error > worst) {
                worst = error;
                worst_at = {x, y};
            }
        }
        RecordProperty("max_ulp", std::to_string(worst));
        std::printf("%-14s %s %.3f at %a, %a\n", c.name.c_str(), precision, worst, static_cast<double>(worst_at[0]),
                    static_cast<double>(worst_at[1]));
        EXPECT_LE(worst, limit) << c.name << "(" << worst_at[0] << ", " << worst_at[1]
                                << ") = " << function(worst_at[0], worst_at[1]);
    }
};

TEST_P(BinaryAccuracy, IsWithinTwoUlpInDoublePrecision) {
    check<double>(GetParam().of_double, "double", 1500);
}
TEST_P(BinaryAccuracy, IsWithinTwoUlpInSinglePrecision) {
    check<float>(GetParam().of_single, "single", 2500);
}

INSTANTIATE_TEST_SUITE_P(Functions, BinaryAccuracy, testing::ValuesIn(binary_cases()),
                         [](const auto& test_case) { return test_case.param.name; });

}  // namespace
}  // namespace spikesmith::math::test
