// Applies an operation of the program to values of any policy: the one place that says which elementary function an Op is.
// The interpreter uses it with plain numbers, the code generator with LLVM values.
#pragma once

#include <stdexcept>
#include <variant>

#include "spikesmith/math/elementary.hpp"
#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith {

// A value of a program under policy B: real or boolean.
template <class B>
using PolicyValue = std::variant<typename B::Real, typename B::Bool>;

template <class B>
typename B::Real as_real(const B& b, const PolicyValue<B>& value) {
    if (const auto* condition = std::get_if<1>(&value)) return b.select(*condition, b.real(1), b.real(0));
    return std::get<0>(value);
}

template <class B>
typename B::Bool as_boolean(const B& b, const PolicyValue<B>& value) {
    if (const auto* real = std::get_if<0>(&value)) return b.not_equal(*real, b.real(0));
    return std::get<1>(value);
}

// The value of a non-random operation. Arguments beyond the operation's arity are ignored. `timestep` must have been written out.
template <class B>
PolicyValue<B> apply_operation(const B& b, Op op, const PolicyValue<B>& first, const PolicyValue<B>& second,
                               const PolicyValue<B>& third) {
    using Real = typename B::Real;
    using Bool = typename B::Bool;
    const auto real_1 = [&] { return as_real(b, first); };
    const auto real_2 = [&] { return as_real(b, second); };
    const auto unary = [&](auto function) {
        return PolicyValue<B>(std::in_place_index<0>, Real(function(b, real_1())));
    };
    const auto binary = [&](auto function) {
        return PolicyValue<B>(std::in_place_index<0>, Real(function(b, real_1(), real_2())));
    };
    const auto truth = [](Bool condition) { return PolicyValue<B>(std::in_place_index<1>, condition); };
    switch (op) {
        case Op::add:
            return binary([](const B& o, Real x, Real y) { return o.add(x, y); });
        case Op::subtract:
            return binary([](const B& o, Real x, Real y) { return o.sub(x, y); });
        case Op::multiply:
            return binary([](const B& o, Real x, Real y) { return o.mul(x, y); });
        case Op::divide:
            return binary([](const B& o, Real x, Real y) { return o.div(x, y); });
        case Op::negate:
            return unary([](const B& o, Real x) { return o.neg(x); });
        case Op::power:
            return binary([](const B& o, Real x, Real y) { return math::pow(o, x, y); });
        case Op::floor_divide:
            return binary([](const B& o, Real x, Real y) { return math::floor_divide(o, x, y); });
        case Op::modulo:
            return binary([](const B& o, Real x, Real y) { return math::modulo(o, x, y); });
        case Op::less:
            return truth(b.less(real_1(), real_2()));
        case Op::less_equal:
            return truth(b.less_equal(real_1(), real_2()));
        case Op::greater:
            return truth(b.less(real_2(), real_1()));
        case Op::greater_equal:
            return truth(b.less_equal(real_2(), real_1()));
        case Op::equal:
            return truth(b.equal(real_1(), real_2()));
        case Op::not_equal:
            return truth(b.not_equal(real_1(), real_2()));
        case Op::logical_and:
            return truth(b.both(as_boolean(b, first), as_boolean(b, second)));
        case Op::logical_or:
            return truth(b.either(as_boolean(b, first), as_boolean(b, second)));
        case Op::logical_not:
            return truth(b.negated(as_boolean(b, first)));
        case Op::select:
            return PolicyValue<B>(std::in_place_index<0>,
                                  b.select(as_boolean(b, first), as_real(b, second), as_real(b, third)));
        case Op::exp:
            return unary([](const B& o, Real x) { return math::exp(o, x); });
        case Op::expm1:
            return unary([](const B& o, Real x) { return math::expm1(o, x); });
        case Op::exprel:
            return unary([](const B& o, Real x) { return math::exprel(o, x); });
        case Op::exprel_near_0:
            return unary([](const B& o, Real x) { return math::exprel_near_0(o, x); });
        case Op::exprel_near_0_slope:
            return unary([](const B& o, Real x) { return math::exprel_near_0_slope(o, x); });
        case Op::x_over_expm1:
            return unary([](const B& o, Real x) { return math::x_over_expm1(o, x); });
        case Op::exprel_slope:
            return unary([](const B& o, Real x) { return math::exprel_slope(o, x); });
        case Op::x_over_expm1_slope:
            return binary([](const B& o, Real x, Real y) { return math::x_over_expm1_slope(o, x, y); });
        case Op::exp_given:
            return PolicyValue<B>(std::in_place_index<0>, real_2());
        case Op::x_over_expm1_given:
            return PolicyValue<B>(std::in_place_index<0>,
                                  Real(math::x_over_expm1_given(b, real_1(), real_2(), as_real(b, third))));
        case Op::log:
            return unary([](const B& o, Real x) { return math::log(o, x); });
        case Op::log10:
            return unary([](const B& o, Real x) { return math::log10(o, x); });
        case Op::log1p:
            return unary([](const B& o, Real x) { return math::log1p(o, x); });
        case Op::sqrt:
            return unary([](const B& o, Real x) { return o.sqrt(x); });
        case Op::sin:
            return unary([](const B& o, Real x) { return math::sin(o, x); });
        case Op::cos:
            return unary([](const B& o, Real x) { return math::cos(o, x); });
        case Op::tan:
            return unary([](const B& o, Real x) { return math::tan(o, x); });
        case Op::sinh:
            return unary([](const B& o, Real x) { return math::sinh(o, x); });
        case Op::cosh:
            return unary([](const B& o, Real x) { return math::cosh(o, x); });
        case Op::tanh:
            return unary([](const B& o, Real x) { return math::tanh(o, x); });
        case Op::arcsin:
            return unary([](const B& o, Real x) { return math::arcsin(o, x); });
        case Op::arccos:
            return unary([](const B& o, Real x) { return math::arccos(o, x); });
        case Op::arctan:
            return unary([](const B& o, Real x) { return math::arctan(o, x); });
        case Op::arcsinh:
            return unary([](const B& o, Real x) { return math::arcsinh(o, x); });
        case Op::arccosh:
            return unary([](const B& o, Real x) { return math::arccosh(o, x); });
        case Op::arctanh:
            return unary([](const B& o, Real x) { return math::arctanh(o, x); });
        case Op::arctan2:
            return binary([](const B& o, Real x, Real y) { return math::arctan2(o, x, y); });
        case Op::floor:
            return unary([](const B& o, Real x) { return o.floor(x); });
        case Op::ceil:
            return unary([](const B& o, Real x) { return o.ceil(x); });
        case Op::abs:
            return unary([](const B& o, Real x) { return o.abs(x); });
        case Op::truncate:
            return unary([](const B& o, Real x) { return o.trunc(x); });
        case Op::sign:
            return unary([](const B& o, Real x) { return math::sign(o, x); });
        case Op::minimum:  // NaN if either is NaN
            return binary(
                [](const B& o, Real x, Real y) { return o.select(o.either(o.is_nan(x), o.less(x, y)), x, y); });
        case Op::maximum:
            return binary(
                [](const B& o, Real x, Real y) { return o.select(o.either(o.is_nan(x), o.less(y, x)), x, y); });
        case Op::timestep:
        case Op::number:
        case Op::symbol:
        case Op::uniform:
        case Op::normal:
        case Op::poisson:
            break;
    }
    throw std::logic_error("not an operation of a program");
}

}  // namespace spikesmith
