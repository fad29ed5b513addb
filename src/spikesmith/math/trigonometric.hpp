// Trigonometric functions and their inverses over a policy of operations (see operations.hpp).
//
//   sin(x), cos(x), tan(x)                 any finite x
//   arcsin(x), arccos(x), arctan(x)
//   arctan2(y, x)                          angle of the point (x, y), in [-pi, pi], special cases of IEEE 754
//
// x = n*pi/2 + r with a three-part pi/2 and fused multiply-adds (Cody and Waite) up to |x| = 2^30 (single: 2^15);
// beyond, a scalar function with exact integer arithmetic (huge_argument.hpp). Polynomials are minimax (Remez).
#pragma once

#include "spikesmith/math/building_blocks.hpp"
#include "spikesmith/math/huge_argument.hpp"

namespace spikesmith::math {

namespace detail {

// An angle r = high + low in [-pi/4, pi/4] and the quadrant it was turned from (in the two lowest bits).
template <class B>
struct ReducedAngle {
    Pair<B> r;
    typename B::Int quadrant;
};

template <class B>
ReducedAngle<B> reduce_angle(const B& b, typename B::Real x) {
    const auto shifted = b.fma(x, constant(b, 0x1.45f306dc9c883p-1, 0x1.45f306p-1), rounding_shift(b));
    const auto n = b.sub(shifted, rounding_shift(b));
    const auto first = b.fma(n, constant(b, -0x1.921fb54442d18p+0, -0x1.921fb6p+0), x);  // exact
    const auto second = two_product(b, n, constant(b, -0x1.1a62633145c07p-54, 0x1.777a5cp-25));
    const auto sum = two_sum(b, first, second.high);
    const auto low = b.fma(n, constant(b, 0x1.f1976b7ed8fbcp-110, 0x1.ee59dap-50), b.add(sum.low, second.low));
    return {{sum.high, low}, b.bits(shifted)};
}

// sin(r) and cos(r), both nearly exact as sums of two numbers.
template <class B>
Pair<B> sine_of_reduced(const B& b, Pair<B> r) {
    const auto z = b.mul(r.high, r.high);
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial(b, z, {-0x1.555544p-3, 0x1.1106f2p-7, -0x1.9928a8p-13});
    } else {
        p = polynomial(b, z,
                       {-0x1.5555555555549p-3, 0x1.111111110f841p-7, -0x1.a01a019c0a231p-13, 0x1.71de3570f8442p-19,
                        -0x1.ae5e60c08957bp-26, 0x1.5d915ced17cb7p-33});
    }
    const auto low = b.fma(b.mul(z, b.real(-0.5)), r.low, r.low);
    return {r.high, b.fma(b.mul(r.high, z), p, low)};
}

template <class B>
Pair<B> cosine_of_reduced(const B& b, Pair<B> r) {
    const auto z = two_product(b, r.high, r.high);
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial(b, z.high, {0x1.55554ap-5, -0x1.6c0c18p-10, 0x1.99e05p-16});
    } else {
        p = polynomial(b, z.high,
                       {0x1.555555555554cp-5, -0x1.6c16c16c15140p-10, 0x1.a01a019cab73ap-16, -0x1.27e4f80533233p-22,
                        0x1.1ee9e890322b0p-29, -0x1.8facd10649be6p-37});
    }
    const auto leading = fast_two_sum(b, b.real(1), b.mul(z.high, b.real(-0.5)));
    const auto low = b.fma(z.low, b.real(-0.5), b.fma(b.neg(r.high), r.low, leading.low));
    return {leading.high, b.fma(b.mul(z.high, z.high), p, low)};
}

// The sign bit set where bit 1 of the quadrant is.
template <class B>
typename B::Int sign_of_quadrant(const B& b, typename B::Int quadrant) {
    return b.shift_left(b.int_and(quadrant, b.integer(2)), B::single ? 30 : 62);
}

template <class B>
typename B::Bool is_odd(const B& b, typename B::Int quadrant) {
    return b.int_equal(b.int_and(quadrant, b.integer(1)), b.integer(1));
}

// sin(quadrant*pi/2 + r)
template <class B>
typename B::Real sine(const B& b, const ReducedAngle<B>& angle) {
    const auto sin = sine_of_reduced(b, angle.r);
    const auto cos = cosine_of_reduced(b, angle.r);
    const auto value = b.select(is_odd(b, angle.quadrant), b.add(cos.high, cos.low), b.add(sin.high, sin.low));
    return flip_sign(b, value, sign_of_quadrant(b, angle.quadrant));
}

template <class B>
typename B::Real tangent(const B& b, const ReducedAngle<B>& angle) {
    const auto sin = sine_of_reduced(b, angle.r);
    const auto cos = cosine_of_reduced(b, angle.r);
    const auto s = fast_two_sum(b, sin.high, sin.low);
    const auto c = fast_two_sum(b, cos.high, cos.low);
    const auto odd = is_odd(b, angle.quadrant);
    const auto ratio = quotient(b, Pair<B>{b.select(odd, c.high, s.high), b.select(odd, c.low, s.low)},
                                Pair<B>{b.select(odd, b.neg(s.high), c.high), b.select(odd, b.neg(s.low), c.low)});
    return b.add(ratio.high, ratio.low);
}

template <class B>
typename B::Bool is_huge_angle(const B& b, typename B::Real x) {
    return b.less(constant(b, 0x1p30, 0x1p15), b.abs(x));
}

// arctan of the quotient of two numbers that are not negative (finite, not both 0) plus its place: low + high + the
// base angle 0, pi/4 or pi/2. |arctan(t)| <= pi/8 after the reduction t -> (t - 1)/(t + 1) or -1/t.
template <class B>
struct ReducedArctangent {
    Pair<B> base;
    Pair<B> rest;
};

template <class B>
ReducedArctangent<B> arctangent_of_ratio(const B& b, typename B::Real y, typename B::Real x) {
    const auto zero = b.real(0);
    const auto small = b.less_equal(y, b.mul(x, constant(b, 0x1.a827999fcef32p-2, 0x1.a8279ap-2)));
    const auto large = b.less_equal(b.mul(x, constant(b, 0x1.3504f333f9de6p+1, 0x1.3504f4p+1)), y);
    const auto choose = [&](auto of_small, auto of_large, auto of_middle) {
        return b.select(small, of_small, b.select(large, of_large, of_middle));
    };
    const auto difference = two_sum(b, y, b.neg(x));
    const auto sum = two_sum(b, y, x);
    const auto t = quotient(b, Pair<B>{choose(y, b.neg(x), difference.high), choose(zero, zero, difference.low)},
                            Pair<B>{choose(x, y, sum.high), choose(zero, zero, sum.low)});
    const auto z = b.mul(t.high, t.high);
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial(b, z, {-0x1.55554ap-2, 0x1.9991ap-3, -0x1.23b5a2p-3, 0x1.b1f104p-4, -0x1.f1facp-5});
    } else {
        p = polynomial(b, z,
                       {-0x1.555555555553dp-2, 0x1.99999999957cap-3, -0x1.24924922a9a57p-3, 0x1.c71c70e4951d5p-4,
                        -0x1.745cf8b00cdc5p-4, 0x1.3b1115dbc06dcp-4, -0x1.10eb91303be5fp-4, 0x1.df0cf25b546dfp-5,
                        -0x1.9cc79836d5d45p-5, 0x1.37b7e6a6c7b0bp-5, -0x1.2526225b91913p-6});
    }
    return {{choose(zero, constant(b, 0x1.921fb54442d18p+0, 0x1.921fb6p+0),
                    constant(b, 0x1.921fb54442d18p-1, 0x1.921fb6p-1)),
             choose(zero, constant(b, 0x1.1a62633145c07p-54, -0x1.777a5cp-25),
                    constant(b, 0x1.1a62633145c07p-55, -0x1.777a5cp-26))},
            {t.high, b.fma(b.mul(t.high, z), p, t.low)}};
}

// (arcsin(s) - s) for 0 <= s <= 1/2, z = s^2; relative error of arcsin(s) below 2^-59 (single: 2^-30).
template <class B>
typename B::Real arcsine_tail(const B& b, typename B::Real s, typename B::Real z) {
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial(b, z,
                       {0x1.55554cp-3, 0x1.333892p-4, 0x1.6cabb4p-5, 0x1.04ab14p-5, 0x1.d7a6e2p-7, 0x1.33d776p-5});
    } else {
        p = polynomial(b, z,
                       {0x1.5555555555578p-3, 0x1.333333332df00p-4, 0x1.6db6db722c3f4p-5, 0x1.f1c71a8b571a6p-6,
                        0x1.6e8bdfed3fa6fp-6, 0x1.1c49dd97c096cp-6, 0x1.ca214d2f1b23cp-7, 0x1.75774b2aa2c43p-7,
                        0x1.618c0cd47d734p-7, 0x1.e148ddb00b9dap-9, 0x1.650730c90deb8p-6, -0x1.59fd59f87ff70p-6,
                        0x1.0be666c563a71p-5});
    }
    return b.mul(b.mul(s, z), p);
}

// Twice the arcsine of s = sqrt((1 - |x|)/2), which is arccos(|x|), for 1/2 <= |x| <= 1; NaN beyond.
template <class B>
Pair<B> arccosine_near_one(const B& b, typename B::Real magnitude) {
    const auto z = b.mul(b.sub(b.real(1), magnitude), b.real(0.5));
    const auto s = b.sqrt(z);
    const auto tail = arcsine_tail(b, s, z);
    return {b.add(s, s), b.add(tail, tail)};
}

}  // namespace detail

template <class B>
typename B::Real sin(const B& b, typename B::Real x) {
    const auto value = b.select(b.equal(x, b.real(0)), x, detail::sine(b, detail::reduce_angle(b, x)));
    return b.rarely(detail::is_huge_angle(b, x), &sin_of_huge, x, value);
}

template <class B>
typename B::Real cos(const B& b, typename B::Real x) {
    auto angle = detail::reduce_angle(b, x);
    angle.quadrant = b.int_add(angle.quadrant, b.integer(1));
    return b.rarely(detail::is_huge_angle(b, x), &cos_of_huge, x, detail::sine(b, angle));
}

template <class B>
typename B::Real tan(const B& b, typename B::Real x) {
    const auto value = b.select(b.equal(x, b.real(0)), x, detail::tangent(b, detail::reduce_angle(b, x)));
    return b.rarely(detail::is_huge_angle(b, x), &tan_of_huge, x, value);
}

template <class B>
typename B::Real arcsin(const B& b, typename B::Real x) {
    const auto magnitude = b.abs(x);
    const auto small = b.add(x, detail::arcsine_tail(b, x, b.mul(x, x)));
    const auto rest = detail::arccosine_near_one(b, magnitude);
    const auto large =
        b.sub(detail::constant(b, 0x1.921fb54442d18p+0, 0x1.921fb6p+0),
              b.add(rest.high, b.sub(rest.low, detail::constant(b, 0x1.1a62633145c07p-54, -0x1.777a5cp-25))));
    return b.select(b.less(magnitude, b.real(0.5)), small, detail::copy_sign(b, large, x));
}

template <class B>
typename B::Real arccos(const B& b, typename B::Real x) {
    const auto magnitude = b.abs(x);
    const auto half_pi_low = detail::constant(b, 0x1.1a62633145c07p-54, -0x1.777a5cp-25);
    const auto middle = b.sub(detail::constant(b, 0x1.921fb54442d18p+0, 0x1.921fb6p+0),
                              b.add(x, b.sub(detail::arcsine_tail(b, x, b.mul(x, x)), half_pi_low)));
    const auto rest = detail::arccosine_near_one(b, magnitude);
    const auto positive = b.add(rest.high, rest.low);
    const auto negative = b.sub(detail::constant(b, 0x1.921fb54442d18p+1, 0x1.921fb6p+1),
                                b.add(rest.high, b.sub(rest.low, b.add(half_pi_low, half_pi_low))));
    return b.select(b.less(magnitude, b.real(0.5)), middle, b.select(b.less(x, b.real(0)), negative, positive));
}

template <class B>
typename B::Real arctan(const B& b, typename B::Real x) {
    const auto magnitude = b.abs(x);
    const auto limit = detail::constant(b, 0x1p60, 0x1p30);  // pi/2 to the last bit
    const auto part = detail::arctangent_of_ratio(b, b.select(b.less(limit, magnitude), limit, magnitude), b.real(1));
    return detail::copy_sign(b, b.add(part.base.high, b.add(part.rest.high, b.add(part.rest.low, part.base.low))), x);
}

template <class B>
typename B::Real arctan2(const B& b, typename B::Real y, typename B::Real x) {
    const auto zero = b.real(0);
    const auto one = b.real(1);
    auto ay = b.abs(y);
    auto ax = b.abs(x);
    // Beside an infinite number a finite one is 0; two infinities are alike; the origin counts as a point of the x
    // axis.
    const auto infinite = b.either(b.equal(ay, detail::infinity(b)), b.equal(ax, detail::infinity(b)));
    const auto infinite_y = b.select(b.equal(ay, detail::infinity(b)), one, zero);
    const auto infinite_x = b.select(b.equal(ax, detail::infinity(b)), one, zero);
    ay = b.select(infinite, infinite_y, ay);
    ax = b.select(infinite, infinite_x, ax);
    ax = b.select(b.both(b.equal(ay, zero), b.equal(ax, zero)), one, ax);
    // The larger number is kept away from the ends of the range, so that its reciprocal and the sum are normal numbers.
    const auto larger = b.select(b.less(ay, ax), ax, ay);
    const auto down = detail::constant(b, 0x1p-60, 0x1p-30);
    const auto up = detail::constant(b, 0x1p600, 0x1p80);
    const auto factor = b.select(b.less(detail::constant(b, 0x1p1000, 0x1p100), larger), down,
                                 b.select(b.less(larger, detail::constant(b, 0x1p-500, 0x1p-50)), up, one));
    const auto part = detail::arctangent_of_ratio(b, b.mul(ay, factor), b.mul(ax, factor));
    // left half plane: pi - angle
    const auto left = b.int_less(b.bits(x), b.integer(0));
    const auto turn = detail::sign_bit(b, x);
    const auto base = b.add(b.select(left, detail::constant(b, 0x1.921fb54442d18p+1, 0x1.921fb6p+1), zero),
                            detail::flip_sign(b, part.base.high, turn));
    const auto base_low = b.add(b.select(left, detail::constant(b, 0x1.1a62633145c07p-53, -0x1.777a5cp-24), zero),
                                detail::flip_sign(b, part.base.low, turn));
    const auto angle = b.add(base, b.add(detail::flip_sign(b, part.rest.high, turn),
                                         b.add(detail::flip_sign(b, part.rest.low, turn), base_low)));
    return b.select(b.either(b.is_nan(x), b.is_nan(y)), b.add(x, y), detail::copy_sign(b, angle, y));
}

}  // namespace spikesmith::math
