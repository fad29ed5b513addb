// Logarithms, powers and inverse hyperbolic functions over a policy of operations (see operations.hpp).
//
//   log(x), log1p(x) = log(1 + x), log10(x)
//   pow(x, y)         x^y with the special cases of IEEE 754 (`pow`): pow(x, 0) = pow(1, y) = 1 even for NaN
//   arcsinh(x), arccosh(x), arctanh(x)
//
// x = 2^e * (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), s = f/(2 + f), log(1 + f) = 2 artanh(s) = 2*s + s^3*p(s^2) with
// a minimax polynomial p; 2*s is written f - s*f so that f, which is exact, carries the precision (Tang, Table-driven
// implementation of the logarithm function, ACM TOMS 16 (1990); Muller, Elementary functions, 3rd ed. 2016, ch. 11).
// One division.
#pragma once

#include "spikesmith/math/building_blocks.hpp"
#include "spikesmith/math/exponential.hpp"

namespace spikesmith::math {

namespace detail {

// x = 2^exponent * (1 + fraction) for positive finite x, subnormal ones included; anything for other x.
template <class B>
struct SplitNumber {
    typename B::Real exponent;
    typename B::Real fraction;
};

template <class B>
SplitNumber<B> split_number(const B& b, typename B::Real x) {
    constexpr int mantissa = B::single ? 23 : 52;
    const auto subnormal = b.less(x, constant(b, 0x1p-1022, 0x1p-126));
    const auto normal = b.select(subnormal, b.mul(x, constant(b, 0x1p54, 0x1p25)), x);
    const auto root = b.integer(B::single ? 0x3f3504f3 : 0x3fe6a09e667f3bcd);  // bits of sqrt(1/2)
    const auto one = b.integer(B::single ? 0x3f800000 : 0x3ff0000000000000);
    const auto shifted = b.int_add(b.bits(normal), b.int_sub(one, root));
    // The biased exponent becomes a number as the last digits of 2^52.
    const auto counted = b.from_bits(b.int_or(b.shift_right(shifted, mantissa), b.bits(constant(b, 0x1p52, 0x1p23))));
    const auto bias = b.select(subnormal, constant(b, 0x1p52 + 1023 + 54, 0x1p23 + 127 + 25),
                               constant(b, 0x1p52 + 1023, 0x1p23 + 127));
    const auto low_bits = b.integer(B::single ? 0x007fffff : 0x000fffffffffffff);
    const auto reduced = b.from_bits(b.int_add(b.int_and(shifted, low_bits), root));
    return {b.sub(counted, bias), b.sub(reduced, b.real(1))};
}

// exponent * ln 2 + log(1 + f) + correction.
template <class B>
typename B::Real log_of_split(const B& b, SplitNumber<B> x, typename B::Real correction) {
    const auto f = x.fraction;
    const auto s = b.div(f, b.add(b.real(2), f));
    const auto z = b.mul(s, s);
    typename B::Real p;
    if constexpr (B::single) {
        p = polynomial(b, z, {0x1.55557ap-1, 0x1.995e9cp-2, 0x1.31e67ap-2});
    } else {
        p = polynomial(b, z,
                       {0x1.5555555555593p-1, 0x1.999999997fb31p-2, 0x1.2492494217bcdp-2, 0x1.c71c51e7dfbfep-3,
                        0x1.74664630fcd55p-3, 0x1.39a0f49c8af94p-3, 0x1.2f0d9231dcac3p-3});
    }
    const auto half_square = b.mul(b.mul(b.real(0.5), f), f);
    const auto low = b.fma(x.exponent, constant(b, 0x1.abc9e3b39803fp-56, -0x1.05c61p-29), correction);
    const auto rest = b.fma(s, b.fma(z, p, half_square), low);
    return b.fma(x.exponent, constant(b, 0x1.62e42fefa39efp-1, 0x1.62e43p-1), b.sub(f, b.sub(half_square, rest)));
}

// log(u.high + u.low) + more * ln 2 for u > 0 and finite.
template <class B>
typename B::Real log_of_pair(const B& b, Pair<B> u, typename B::Real more) {
    auto split = split_number(b, u.high);
    const auto f = split.fraction;
    // low/(2^e*(1 + f)), where three terms of the geometric series are enough
    const auto power = b.scale_normal(b.real(1), b.neg(at_most(b, split.exponent, b.real(100))));
    const auto correction = b.mul(b.mul(u.low, power), b.fma(f, b.sub(f, b.real(1)), b.real(1)));
    split.exponent = b.add(split.exponent, more);
    return log_of_split(b, split, correction);
}

// The logarithm's values outside (0, infinity).
template <class B>
typename B::Real with_log_limits(const B& b, typename B::Real x, typename B::Real result) {
    const auto finite = b.select(b.equal(x, infinity(b)), x, result);
    return b.select(b.less(b.real(0), x), finite, b.select(b.equal(x, b.real(0)), b.neg(infinity(b)), not_a_number(b)));
}

// log(x) for positive finite x with relative error below 2^-64 (single: 2^-35).
template <class B>
Pair<B> extended_log(const B& b, typename B::Real x) {
    const auto split = split_number(b, x);
    const auto f = split.fraction;
    const auto s = quotient(b, Pair<B>{f, b.real(0)}, fast_two_sum(b, b.real(2), f));
    // artanh(s) = s + s*z*(1/3 + z*q(z)), z = s^2; only q is small enough for plain precision
    const auto z = product(b, s, s);
    typename B::Real q;
    if constexpr (B::single) {
        q = polynomial(b, z.high, {0x1.999998p-3, 0x1.249374p-3, 0x1.c6590ep-4, 0x1.8eb932p-4});
    } else {
        q = polynomial(b, z.high,
                       {0x1.9999999999996p-3, 0x1.2492492493049p-3, 0x1.c71c71c57dfc5p-4, 0x1.745d18337bdb6p-4,
                        0x1.3b136266e0145p-4, 0x1.1120c18776595p-4, 0x1.de318d7fc4a5ep-5, 0x1.eb20db40e90ccp-5});
    }
    const auto zq = two_product(b, z.high, q);
    auto third = fast_two_sum(b, constant(b, 0x1.5555555555555p-2, 0x1.555556p-2), zq.high);
    third.low = b.add(third.low, b.add(constant(b, 0x1.5555555555555p-56, -0x1.555556p-27), b.fma(z.low, q, zq.low)));
    const auto cubic = product(b, s, product(b, z, third));
    const auto half = fast_two_sum(b, s.high, cubic.high);
    const auto half_low = b.add(half.low, b.add(s.low, cubic.low));
    // + exponent * ln 2
    const auto scaled = two_product(b, split.exponent, constant(b, 0x1.62e42fefa39efp-1, 0x1.62e43p-1));
    const auto scaled_low = b.fma(split.exponent, constant(b, 0x1.abc9e3b39803fp-56, -0x1.05c61p-29), scaled.low);
    const auto sum = fast_two_sum(b, scaled.high, b.add(half.high, half.high));
    return fast_two_sum(b, sum.high, b.add(sum.low, b.add(scaled_low, b.add(half_low, half_low))));
}

}  // namespace detail

template <class B>
typename B::Real log(const B& b, typename B::Real x) {
    return detail::with_log_limits(b, x, detail::log_of_split(b, detail::split_number(b, x), b.real(0)));
}

template <class B>
typename B::Real log1p(const B& b, typename B::Real x) {
    const auto sum = detail::two_sum(b, b.real(1), x);
    const auto result = detail::with_log_limits(b, sum.high, detail::log_of_pair(b, sum, b.real(0)));
    return b.select(b.equal(x, b.real(0)), x, result);
}

template <class B>
typename B::Real log10(const B& b, typename B::Real x) {
    const detail::Pair<B> inverse_log_of_10{detail::constant(b, 0x1.bcb7b1526e50ep-2, 0x1.bcb7b2p-2),
                                            detail::constant(b, 0x1.95355baaafad3p-57, -0x1.5b235ep-27)};
    const auto result = detail::product(b, detail::extended_log(b, x), inverse_log_of_10);
    return detail::with_log_limits(b, x, b.add(result.high, result.low));
}

template <class B>
typename B::Real pow(const B& b, typename B::Real x, typename B::Real y) {
    const auto zero = b.real(0);
    const auto one = b.real(1);
    const auto magnitude = b.abs(x);
    // y * log|x|; where the product leaves the range of exp, its low part means nothing
    const auto finite_log = detail::extended_log(b, magnitude);
    const auto edge = b.either(b.equal(magnitude, zero), b.equal(magnitude, detail::infinity(b)));
    const auto log_high = b.select(
        edge, b.select(b.equal(magnitude, zero), b.neg(detail::infinity(b)), detail::infinity(b)), finite_log.high);
    const auto high = b.mul(y, log_high);
    const auto low = b.fma(y, finite_log.low, b.fma(y, log_high, b.neg(high)));
    const auto inside = b.less(b.abs(high), detail::constant(b, 1000, 120));
    const auto clamped =
        detail::at_least(b, detail::at_most(b, high, detail::constant(b, 710, 89)), detail::constant(b, -746, -104.5));
    const auto e = detail::extended_exp(b, detail::Pair<B>{clamped, b.select(inside, low, zero)});
    auto result = b.scale(b.add(e.mantissa.high, e.mantissa.low), e.n);
    // |x| = 1: 1 for infinite y too
    result = b.select(b.both(b.equal(magnitude, one), b.negated(b.is_nan(y))), one, result);
    // negative x: y must be an integer; an odd one keeps the sign
    const auto half = b.mul(y, b.real(0.5));
    const auto integral = b.equal(b.floor(y), y);
    const auto odd = b.both(integral, b.not_equal(b.floor(half), half));
    result = b.select(odd, detail::flip_sign(b, result, detail::sign_bit(b, x)), result);
    const auto undefined = b.both(b.both(b.less(x, zero), b.negated(integral)), b.less(magnitude, detail::infinity(b)));
    result = b.select(b.either(undefined, b.is_nan(x)), detail::not_a_number(b), result);
    return b.select(b.either(b.equal(y, zero), b.equal(x, one)), one, result);
}

// sign(x) * log(|x| + sqrt(x^2 + 1)), as log1p(|x| + x^2/(1 + sqrt(1 + x^2))).
template <class B>
typename B::Real arcsinh(const B& b, typename B::Real x) {
    const auto a = b.abs(x);
    const auto square = b.mul(a, a);
    const auto root = b.sqrt(b.add(b.real(1), square));
    const auto argument = detail::fast_two_sum(b, a, b.div(square, b.add(b.real(1), root)));
    auto sum = detail::two_sum(b, b.real(1), argument.high);
    sum.low = b.add(sum.low, argument.low);
    // beyond, log(2*|x|)
    const auto large = b.less(detail::constant(b, 0x1p28, 0x1p13), a);
    const auto u = b.select(large, a, sum.high);
    const auto result = detail::log_of_pair(b, detail::Pair<B>{u, b.select(large, b.real(0), sum.low)},
                                            b.select(large, b.real(1), b.real(0)));
    return detail::copy_sign(b, detail::with_log_limits(b, u, result), x);
}

// log(x + sqrt(x^2 - 1)), as log1p(t + sqrt(t*(t + 2))), t = x - 1. NaN below 1.
template <class B>
typename B::Real arccosh(const B& b, typename B::Real x) {
    const auto zero = b.real(0);
    const auto t = b.sub(x, b.real(1));
    const auto square = detail::product(b, detail::Pair<B>{t, zero}, detail::two_sum(b, t, b.real(2)));
    const auto root = b.sqrt(square.high);
    const auto rest = b.div(b.add(b.fma(b.neg(root), root, square.high), square.low), b.add(root, root));
    const auto argument = detail::fast_two_sum(b, root, t);
    auto sum = detail::two_sum(b, b.real(1), argument.high);
    sum.low = b.add(sum.low, b.add(argument.low, b.select(b.equal(root, zero), zero, rest)));
    const auto large = b.less(detail::constant(b, 0x1p28, 0x1p13), x);
    const auto u = b.select(large, x, sum.high);
    const auto result =
        detail::log_of_pair(b, detail::Pair<B>{u, b.select(large, zero, sum.low)}, b.select(large, b.real(1), zero));
    return b.select(b.less(x, b.real(1)), detail::not_a_number(b), detail::with_log_limits(b, u, result));
}

// sign(x) * log1p(2|x|/(1 - |x|))/2; infinite at 1 and -1, NaN beyond.
template <class B>
typename B::Real arctanh(const B& b, typename B::Real x) {
    const auto a = b.abs(x);
    const auto one = b.real(1);
    const auto argument =
        detail::quotient(b, detail::Pair<B>{b.add(a, a), b.real(0)}, detail::two_sum(b, one, b.neg(a)));
    auto sum = detail::two_sum(b, one, argument.high);
    sum.low = b.add(sum.low, argument.low);
    const auto inside = b.mul(b.real(0.5), detail::log_of_pair(b, sum, b.real(0)));
    const auto result =
        b.select(b.less(a, one), inside, b.select(b.equal(a, one), detail::infinity(b), detail::not_a_number(b)));
    return detail::copy_sign(b, result, x);
}

}  // namespace spikesmith::math
