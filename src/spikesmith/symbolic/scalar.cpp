#include "spikesmith/symbolic/scalar.hpp"

#include <cmath>
#include <limits>

#include "spikesmith/math/elementary.hpp"

namespace spikesmith {
namespace {

double python_modulo(double a, double b) {
    const double r = std::fmod(a, b);
    if (r != 0 && (r < 0) != (b < 0)) return r + b;
    return r == 0 ? std::copysign(0.0, b) : r;
}

double python_floor_divide(double a, double b) {
    if (b == 0) return a / b;
    const double quotient = (a - python_modulo(a, b)) / b;
    if (!std::isfinite(quotient)) return std::floor(a / b);
    return std::floor(quotient + 0.5);
}

double exprel(double x) {
    return x == 0 ? 1 : x == std::numeric_limits<double>::infinity() ? x : std::expm1(x) / x;
}

double x_over_expm1(double x) {
    return x == 0 ? 1 : x == std::numeric_limits<double>::infinity() ? 0 : x / std::expm1(x);
}

}  // namespace

double evaluate_operation(Op op, double a, double b, double c) {
    const auto truth = [](bool value) { return value ? 1.0 : 0.0; };
    switch (op) {
        case Op::add:
            return a + b;
        case Op::subtract:
            return a - b;
        case Op::multiply:
            return a * b;
        case Op::divide:
            return a / b;
        case Op::negate:
            return -a;
        case Op::power:
            return std::pow(a, b);
        case Op::floor_divide:
            return python_floor_divide(a, b);
        case Op::modulo:
            return python_modulo(a, b);
        case Op::less:
            return truth(a < b);
        case Op::less_equal:
            return truth(a <= b);
        case Op::greater:
            return truth(a > b);
        case Op::greater_equal:
            return truth(a >= b);
        case Op::equal:
            return truth(a == b);
        case Op::not_equal:
            return truth(a != b);
        case Op::logical_and:
            return truth(a != 0 && b != 0);
        case Op::logical_or:
            return truth(a != 0 || b != 0);
        case Op::logical_not:
            return truth(a == 0);
        case Op::select:
            return a != 0 ? b : c;
        case Op::exp:
            return std::exp(a);
        case Op::expm1:
            return std::expm1(a);
        case Op::exprel:
        case Op::exprel_near_0:
            return exprel(a);
        case Op::log:
            return std::log(a);
        case Op::log10:
            return std::log10(a);
        case Op::log1p:
            return std::log1p(a);
        case Op::sqrt:
            return std::sqrt(a);
        case Op::sin:
            return std::sin(a);
        case Op::cos:
            return std::cos(a);
        case Op::tan:
            return std::tan(a);
        case Op::sinh:
            return std::sinh(a);
        case Op::cosh:
            return std::cosh(a);
        case Op::tanh:
            return std::tanh(a);
        case Op::arcsin:
            return std::asin(a);
        case Op::arccos:
            return std::acos(a);
        case Op::arctan:
            return std::atan(a);
        case Op::arcsinh:
            return std::asinh(a);
        case Op::arccosh:
            return std::acosh(a);
        case Op::arctanh:
            return std::atanh(a);
        case Op::arctan2:
            return std::atan2(a, b);
        case Op::floor:
            return std::floor(a);
        case Op::ceil:
            return std::ceil(a);
        case Op::abs:
            return std::fabs(a);
        case Op::sign:
            return a > 0 ? 1 : a < 0 ? -1 : a;
        case Op::truncate:
            return std::trunc(a);
        case Op::minimum:
            return std::isnan(a) || a < b ? a : b;
        case Op::maximum:
            return std::isnan(a) || a > b ? a : b;
        case Op::timestep:
            return std::trunc((a + 1e-3 * b) / b);
        case Op::x_over_expm1:
            return x_over_expm1(a);
        case Op::exprel_slope:
        case Op::exprel_near_0_slope:
            return math::exprel_slope(math::ScalarOperations<double>{}, a);
        case Op::x_over_expm1_slope:
            return math::x_over_expm1_slope(math::ScalarOperations<double>{}, a, b);
        case Op::exp_given:
            return b;
        case Op::x_over_expm1_given:
            return math::x_over_expm1_given(math::ScalarOperations<double>{}, a, b, c);
        case Op::number:
        case Op::symbol:
        case Op::uniform:
        case Op::normal:
        case Op::poisson:
            break;
    }
    return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace spikesmith
