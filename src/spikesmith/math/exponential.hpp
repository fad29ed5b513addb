// Exponentials and hyperbolic functions over a policy of operations (see operations.hpp).
//
//   exp(x)            e^x
//   expm1(x)          e^x - 1
//   exprel(x)         (e^x - 1)/x, 1 at 0
//   exprel_near_0(x)  the same to rounding, with the fewest operations for -1/16 <= x <= 0
//   x_over_expm1(x)   x/(e^x - 1), 1 at 0
//   x_over_expm1_given(x, a, b)   the same, given a quotient a/b that is usually it
//   exprel_slope(x), exprel_near_0_slope(x)   derivative of exprel: (e^x*(x - 1) + 1)/x^2, 1/2 at 0
//   x_over_expm1_slope(x, b)   derivative of x_over_expm1, given its value b: b*(1 - b - x)/x, -1/2 at 0
//   sinh(x), cosh(x), tanh(x)
//
// The first of these are the work of a neuron model's step: no division but the one of the quotients, few
// selections, no branch but where the usual arguments need much less: exprel of time steps, quotients that are known. x = n*ln 2 + r with
// |r| <= ln(2)/2 (exp: ln(2)/16, with a table of eight powers, a permutation of one register) by
// fused multiply-adds with a two-part ln 2 (Cody and Waite, Software manual for the elementary functions, 1980); its
// high part ends with a zero bit, so x - n*ln2_high is exact and so is 1 plus it. e^r - 1 - r = r^2*q(r), q a minimax
// polynomial (Remez), and e^x - 1 = 2^n*(r + r^2*q(r)) + (2^n - 1), scaled by a constant power of two where 2^n or the
// quotient would overflow early.
#pragma once

#include "spikesmith/math/building_blocks.hpp"

namespace spikesmith::math {

namespace detail {

// e^x = 2^n * e^(high + low), |high + low| <= ln(2)/2; `high` is exact, so `low` is all that was lost.
template <class B>
struct ReducedExponent {
    typename B::Real n;
    typename B::Real high;
    typename B::Real low;
};

template <class B>
ReducedExponent<B> reduce_exponent(const B& b, typename B::Real x, typename B::Real n) {
    return {n, b.fma(n, constant(b, -0x1.62e42fefa39eep-1, -0x1.62e43p-1), x),
            b.mul(n, constant(b, -0x1.35793c7673008p-53, 0x1.05c61p-29))};
}

// The integer nearest to x/ln 2.
template <class B>
typename B::Real nearest_exponent(const B& b, typename B::Real x) {
    const auto shifted = b.fma(x, constant(b, 0x1.71547652b82fep+0, 0x1.715476p+0), rounding_shift(b));
    return b.sub(shifted, rounding_shift(b));
}

// (e^r - 1 - r)/r^2 for |r| <= ln(2)/2. The polynomial minimises the error of 2^n*(e^r - 1) + 2^n - 1 over all n; in
// double precision it also takes back what rounding r costs just above ln(2)/2, where n = 1 and the result is least
// accurate.
template <class B>
typename B::Real exponential_tail(const B& b, typename B::Real r, typename B::Real r_squared) {
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial_in_pairs(b, r, r_squared, {0x1.5554b6p-3, 0x1.555638p-5, 0x1.1224b2p-7, 0x1.6bb6bap-10});
    } else {
        p = polynomial_in_pairs(b, r, r_squared,
                                {0x1.5555555555536p-3, 0x1.5555555553a5ep-5, 0x1.111111111c249p-7,
                                 0x1.6c16c17a41379p-10, 0x1.a01a0158afba6p-13, 0x1.a019b2b5d7efap-16,
                                 0x1.71dedcf6689f8p-19, 0x1.289863c309ac9p-22, 0x1.adc698435a68ap-26});
    }
    return b.fma(r, p, b.real(0.5));
}

// NaN stays NaN.
template <class B>
typename B::Real at_most(const B& b, typename B::Real x, typename B::Real limit) {
    return b.select(b.less(limit, x), limit, x);
}

template <class B>
typename B::Real at_least(const B& b, typename B::Real x, typename B::Real limit) {
    return b.select(b.less(x, limit), limit, x);
}

// 2^-K * (e^x - 1) and the square of the reduced x, which is 0 only where x is so small that its square underflows.
template <class B>
struct ScaledExpm1 {
    typename B::Real value;
    typename B::Real r_squared;
};

// Without `compensated`, 2^n*(1 + high) - 1 is rounded before the rest is added: an error up to 1.3 units in the last
// place, too much for a quotient. With it, what that rounding lost comes back for three operations more.
template <int K, bool compensated, class B>
ScaledExpm1<B> scaled_expm1(const B& b, typename B::Real x) {
    constexpr double power_of_two =
        1.0 / static_cast<double>(std::uint64_t{1} << K / 2) / static_cast<double>(std::uint64_t{1} << (K - K / 2));
    const auto power = b.real(power_of_two);
    // Below, e^x - 1 is -1 to the last bit.
    const auto clamped = at_least(b, x, constant(b, -40, -20));
    const auto reduced = reduce_exponent(b, clamped, nearest_exponent(b, clamped));
    const auto r = b.add(reduced.high, reduced.low);
    const auto r_squared = b.mul(r, r);
    const auto tail = b.fma(r_squared, exponential_tail(b, r, r_squared), reduced.low);
    const auto scaled = b.scale_normal(power, reduced.n);
    const auto offset = b.sub(scaled, power);
    const auto leading = b.fma(scaled, reduced.high, offset);
    if constexpr (!compensated) {
        return {b.fma(scaled, tail, leading), r_squared};
    } else {
        const auto lost = b.fma(scaled, reduced.high, b.sub(offset, leading));
        return {b.add(leading, b.fma(scaled, tail, lost)), r_squared};
    }
}

// e^x = 2^n * (high + low), to about ten bits more than a number has.
template <class B>
struct ExtendedExponential {
    typename B::Real n;
    Pair<B> mantissa;
};

template <class B>
ExtendedExponential<B> extended_exp(const B& b, Pair<B> x) {
    auto reduced = reduce_exponent(b, x.high, nearest_exponent(b, x.high));
    reduced.low = b.add(reduced.low, x.low);
    const auto r = b.add(reduced.high, reduced.low);
    const auto r_squared = b.mul(r, r);
    const auto tail = b.fma(r_squared, exponential_tail(b, r, r_squared), reduced.low);
    const auto sum = fast_two_sum(b, b.real(1), reduced.high);
    return {reduced.n, {sum.high, b.add(sum.low, tail)}};
}

// e^-x / 2^n for e^x = 2^n * mantissa, x >= 0: what sinh and cosh add to the mantissa.
template <class B>
typename B::Real reflected_exponential(const B& b, const ExtendedExponential<B>& e) {
    const auto n = at_most(b, e.n, constant(b, 40, 20));  // beyond, it is too small to count
    return b.div(b.scale_normal(b.real(1), b.mul(n, b.real(-2))), b.add(e.mantissa.high, e.mantissa.low));
}

}  // namespace detail

// Overflows above 709.78 (single: 88.72), subnormal below -708.4 (-87.3), 0 below -745.1 (-103.9).
//
// e^x = 2^n * e^r with n a multiple of 1/8 and |r| <= ln(2)/16, so that a polynomial of low degree does (P. T. P. Tang, Table-driven
// implementation of the exponential function in IEEE floating-point arithmetic, ACM Trans. Math. Softw. 15, 1989).
template <class B>
typename B::Real exp(const B& b, typename B::Real x) {
    const auto clamped =
        detail::at_least(b, detail::at_most(b, x, detail::constant(b, 710, 89)), detail::constant(b, -746, -104.5));
    const auto shift = detail::constant(b, 0x1.8p49, 0x1.8p20);  // the sum's low bits are 8*n
    const auto shifted = b.fma(clamped, detail::constant(b, 0x1.71547652b82fep+0, 0x1.715476p+0), shift);
    const auto reduced = detail::reduce_exponent(b, clamped, b.sub(shifted, shift));
    const auto r = b.add(reduced.high, reduced.low);
    const auto r_squared = b.mul(r, r);
    typename B::Real p;  // minimax for 1 + r + r^2/2 + r^3*p(r)
    if constexpr (B::single) {
        p = detail::polynomial(b, r, {0x1.555c7p-3, 0x1.5556ccp-5});
    } else {
        p = detail::polynomial_in_pairs(b, r, r_squared,
                                        {0x1.5555555554f69p-3, 0x1.5555554e65bcfp-5, 0x1.111111339083fp-7,
                                         0x1.6c1b9ffb77588p-10, 0x1.a010c6f264831p-13});
    }
    const auto expm1 = b.fma(r_squared, b.fma(r, p, b.real(0.5)), r);
    const auto power = b.eighths(b.bits(shifted));
    return b.scale_by_floor(b.fma(power, expm1, power), reduced.n);
}

template <class B>
typename B::Real expm1(const B& b, typename B::Real x) {
    const auto half = detail::scaled_expm1<1, false>(b, detail::at_most(b, x, detail::constant(b, 710, 89)));
    return b.select(b.equal(half.r_squared, b.real(0)), x, b.add(half.value, half.value));
}

namespace detail {

// (e^x - 1 - x)/x^2 for -0.45 <= x <= 0; minimax for 1 + x times it.
template <class B>
typename B::Real usual_tail(const B& b, typename B::Real x) {
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial(b, x, {0x1.5554c8p-3, 0x1.5531d0p-5, 0x1.0dfd2ep-7, 0x1.321d74p-10});
    } else {
        p = polynomial(b, x,
                       {0x1.5555555554242p-3, 0x1.55555554719dap-5, 0x1.111110cf579ebp-7, 0x1.6c16adac54fc2p-10,
                        0x1.a0168ed933502p-13, 0x1.9fbcdc548cf77p-16, 0x1.6bfccb8f641a1p-19, 0x1.e5dfe91c2bf27p-23});
    }
    return b.fma(x, p, b.real(0.5));
}

// Arguments of exprel are time steps in units of time constants with a minus sign: nearly always -0.45 <= x <= -0.
// `series(q)` with q = (e^x - 1 - x)/x^2 for these and for others with x^2 < 0.1194, about (ln(2)/2)^2; else `other()`.
template <class B, class Series, class Other>
typename B::Real by_tail(const B& b, typename B::Real x, Series series, Other other) {
    // One comparison tells -0.45 <= x <= -0: then the bits of x as an integer are not above those of -0.45.
    return b.seldom(b.int_less(b.bits(b.real(-0.45)), b.bits(x)), series(usual_tail(b, x)), [&] {
        const auto square = b.mul(x, x);
        const auto small = b.less_equal(square, constant(b, 0x1.e9p-4, 0x1.e9p-4));
        return b.select(small, series(exponential_tail(b, x, square)), other());
    });
}

}  // namespace detail

// Overflows above 716.4 (single: 93.3); 0 at -infinity.
template <class B>
typename B::Real exprel(const B& b, typename B::Real x) {
    return detail::by_tail(
        b, x, [&](typename B::Real q) { return b.fma(x, q, b.real(1)); },
        [&] {
            const auto limited = detail::at_most(b, x, detail::constant(b, 717, 94));
            return b.div(detail::scaled_expm1<12, true>(b, limited).value, b.mul(limited, b.real(0x1p-12)));
        });
}

namespace detail {

// `series(q)` with q = (e^x - 1 - x)/x^2, minimax for 1 + x*q, where -1/16 <= x <= -0; else `other()`.
template <class B, class Series, class Other>
typename B::Real by_short_tail(const B& b, typename B::Real x, Series series, Other other) {
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial(b, x, {0x1.554b9ep-3, 0x1.4ec244p-5});
    } else {
        p = polynomial(b, x,
                       {0x1.555555554859fp-3, 0x1.5555553463f44p-5, 0x1.1110f2cb75819p-7, 0x1.6bfce8b41854fp-10,
                        0x1.95a9973aa420ep-13});
    }
    const auto q = b.fma(x, p, b.real(0.5));
    return b.seldom(b.int_less(b.bits(b.real(-0.0625)), b.bits(x)), series(q), other);
}

}  // namespace detail

// Beyond -1/16 <= x <= -0 it is exprel to the bit.
template <class B>
typename B::Real exprel_near_0(const B& b, typename B::Real x) {
    return detail::by_short_tail(
        b, x, [&](typename B::Real q) { return b.fma(x, q, b.real(1)); }, [&] { return exprel(b, x); });
}

// 0 at +infinity, +infinity at -infinity; subnormal above 715 (single: 92), where e^x has long overflowed.
template <class B>
typename B::Real x_over_expm1(const B& b, typename B::Real x) {
    constexpr int k = B::single ? 40 : 70;
    const auto limited = detail::at_most(b, x, detail::constant(b, 755, 110));
    const auto denominator = detail::scaled_expm1<k, true>(b, limited);
    const auto ratio = b.div(b.mul(limited, detail::constant(b, 0x1p-70, 0x1p-40)), denominator.value);
    return b.select(b.equal(denominator.r_squared, b.real(0)), b.real(1), ratio);
}

// x/(e^x - 1) as `numerator`/`denominator`, which come from an exponential that is known already and must not both overflow; where
// these cancel, |x| <= 1/64, by the series sum_n B_n/n! x^n, B_n the Bernoulli numbers.
template <class B>
typename B::Real x_over_expm1_given(const B& b, typename B::Real x, typename B::Real numerator,
                                    typename B::Real denominator) {
    const auto usual = b.less(b.real(0x1p-6), b.abs(x));
    return b.seldom(b.negated(usual), b.div(numerator, denominator), [&] {
        const auto even = detail::polynomial(b, b.mul(x, x), {1.0 / 12, -1.0 / 720, 1.0 / 30240});
        return b.fma(x, b.fma(x, even, b.real(-0.5)), b.real(1));
    });
}

// Relative error below 2^-46 (single: 2^-18): it takes small differences where |x| is just above the reach of the series.
template <class B>
typename B::Real exprel_slope(const B& b, typename B::Real x) {
    // With exprel(x) = 1 + x*q(x) it is exprel(x) - q(x): in compiled code one operation more than exprel, whose work it shares.
    return detail::by_tail(
        b, x, [&](typename B::Real q) { return b.sub(b.fma(x, q, b.real(1)), q); },
        [&] {
            const auto one = b.real(1);
            const auto limited = detail::at_least(b, detail::at_most(b, x, detail::constant(b, 717, 94)),
                                                  detail::constant(b, -800, -120));
            const auto numerator = b.fma(exp(b, limited), b.sub(limited, one), one);
            const auto bounded = detail::at_most(b, x, detail::constant(b, 717, 94));
            return b.div(b.div(numerator, bounded), bounded);
        });
}

template <class B>
typename B::Real exprel_near_0_slope(const B& b, typename B::Real x) {
    return detail::by_short_tail(
        b, x, [&](typename B::Real q) { return b.sub(b.fma(x, q, b.real(1)), q); }, [&] { return exprel_slope(b, x); });
}

// Relative error below 2^-45 (single: 2^-17) for x > -100; absolute below 2^-43 beyond, where the derivative is nearly -1.
template <class B>
typename B::Real x_over_expm1_slope(const B& b, typename B::Real x, typename B::Real value) {
    // nearer to 0 the difference would lose too much
    const auto magnitude = b.abs(x);
    const auto usual = b.both(b.less(b.real(0.125), magnitude), b.less(magnitude, detail::constant(b, 600, 60)));
    const auto quotient = [&](typename B::Real argument, typename B::Real function) {
        return b.mul(function, b.div(b.sub(b.sub(b.real(1), argument), function), argument));
    };
    return b.seldom(b.negated(usual), quotient(x, value), [&] {
        // sum_n B_n/n! * n * x^(n - 1), B_n the Bernoulli numbers
        const auto small = b.less(magnitude, b.real(0.125));
        const auto square = b.mul(x, x);
        const auto odd = detail::polynomial(b, square, {1.0 / 6, -1.0 / 180, 1.0 / 5040, -1.0 / 151200, 1.0 / 4790016});
        const auto series = b.fma(x, odd, b.real(-0.5));
        const auto other = b.select(b.less(x, b.real(-100)), b.real(-1),
                                    quotient(detail::at_most(b, x, detail::constant(b, 800, 120)), x_over_expm1(b, x)));
        return b.select(small, series, other);
    });
}

template <class B>
typename B::Real sinh(const B& b, typename B::Real x) {
    const auto magnitude = detail::at_most(b, b.abs(x), detail::constant(b, 711, 90));
    const auto e = detail::extended_exp(b, detail::Pair<B>{magnitude, b.real(0)});
    const auto difference = detail::fast_two_sum(b, e.mantissa.high, b.neg(detail::reflected_exponential(b, e)));
    const auto large = b.scale(b.add(difference.high, b.add(difference.low, e.mantissa.low)), b.sub(e.n, b.real(1)));
    // sinh(x) = x + x^3*p(x^2), relative error below 2^-56 (single: 2^-27) for |x| <= 1.
    const auto z = b.mul(x, x);
    typename B::Real p;
    if constexpr (B::single) {
        p = detail::polynomial(b, z, {0x1.555556p-3, 0x1.111136p-7, 0x1.9ffe12p-13, 0x1.7a267ep-19});
    } else {
        p = detail::polynomial(
            b, z,
            {0x1.5555555555556p-3, 0x1.11111111110a1p-7, 0x1.a01a01a0291fdp-13, 0x1.71de3a45f70d7p-19,
             0x1.ae6467669cbf2p-26, 0x1.611a3a190cf51p-33, 0x1.b4cf7ad85370bp-41});
    }
    const auto small = b.fma(b.mul(x, z), p, x);
    return b.select(b.less(magnitude, b.real(1)), small, detail::copy_sign(b, large, x));
}

template <class B>
typename B::Real cosh(const B& b, typename B::Real x) {
    const auto e =
        detail::extended_exp(b, detail::Pair<B>{detail::at_most(b, b.abs(x), detail::constant(b, 711, 90)), b.real(0)});
    const auto sum = b.add(e.mantissa.high, b.add(detail::reflected_exponential(b, e), e.mantissa.low));
    return b.scale(sum, b.sub(e.n, b.real(1)));
}

// E/(E + 2) with E = e^(2|x|) - 1 as a sum of two numbers.
template <class B>
typename B::Real tanh(const B& b, typename B::Real x) {
    const auto magnitude = detail::at_most(b, b.abs(x), detail::constant(b, 22, 10));  // 1 to the last bit
    const auto twice = b.add(magnitude, magnitude);
    const auto reduced = detail::reduce_exponent(b, twice, detail::nearest_exponent(b, twice));
    const auto r = b.add(reduced.high, reduced.low);
    const auto r_squared = b.mul(r, r);
    const auto tail = b.fma(r_squared, detail::exponential_tail(b, r, r_squared), reduced.low);
    const auto scaled = b.scale_normal(b.real(1), reduced.n);
    const auto leading = b.fma(scaled, reduced.high, b.sub(scaled, b.real(1)));
    const auto numerator = detail::fast_two_sum(b, leading, b.mul(scaled, tail));
    const auto denominator = detail::two_sum(b, b.real(2), numerator.high);
    const auto ratio =
        detail::quotient(b, numerator, detail::Pair<B>{denominator.high, b.add(denominator.low, numerator.low)});
    return detail::copy_sign(b, b.add(ratio.high, ratio.low), x);
}

}  // namespace spikesmith::math
