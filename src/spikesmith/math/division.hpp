// Division with remainder, with Python's signs, over a policy of operations (see operations.hpp).
//
//   floor_divide(x, y)   the largest integer not above x/y
//   modulo(x, y)         x - y*floor_divide(x, y) without rounding error but the last; has the sign of y
//   sign(x)              -1, 0 or 1; NaN for NaN
//
// As in IEEE arithmetic, division by 0 gives an infinity or NaN and modulo(x, 0) NaN; infinite x gives NaN.
#pragma once

#include <cmath>

#include "spikesmith/math/building_blocks.hpp"

namespace spikesmith::math {

namespace detail {

// Exact for any arguments, by the definition of the function in IEEE 754 (a remainder is always a number).
inline double exact_remainder(double x, double y) {
    return std::fmod(x, y);
}

}  // namespace detail

template <class B>
typename B::Real floor_divide(const B& b, typename B::Real x, typename B::Real y) {
    const auto zero = b.real(0);
    const auto ratio = b.div(x, y);
    const auto q = b.floor(ratio);
    // The division may have rounded up to an integer; then the remainder has the wrong sign.
    const auto remainder = b.select(b.equal(q, zero), x, b.fma(b.neg(q), y, x));
    const auto above =
        b.either(b.both(b.less(remainder, zero), b.less(zero, y)), b.both(b.less(zero, remainder), b.less(y, zero)));
    const auto result = b.select(above, b.sub(q, b.real(1)), q);
    return b.select(b.equal(b.abs(x), detail::infinity(b)), detail::not_a_number(b), result);
}

template <class B>
typename B::Real modulo(const B& b, typename B::Real x, typename B::Real y) {
    const auto zero = b.real(0);
    const auto a = b.abs(x);
    const auto d = b.abs(y);
    const auto ratio = b.div(a, d);
    const auto q = b.trunc(ratio);
    auto remainder = b.select(b.equal(q, zero), a, b.fma(b.neg(q), d, a));
    remainder = b.select(b.less(remainder, zero), b.add(remainder, d), remainder);
    remainder = b.rarely(b.less(detail::constant(b, 0x1p52, 0x1p23), ratio), &detail::exact_remainder, a, d, remainder);
    const auto signed_remainder = detail::flip_sign(b, remainder, detail::sign_bit(b, x));
    const auto opposite = b.int_less(b.int_xor(b.bits(x), b.bits(y)), b.integer(0));
    const auto result = b.select(opposite, b.add(signed_remainder, y), signed_remainder);
    return b.select(b.equal(remainder, zero), detail::copy_sign(b, zero, y), b.select(b.is_nan(y), y, result));
}

template <class B>
typename B::Real sign(const B& b, typename B::Real x) {
    return b.select(b.less(b.real(0), x), b.real(1), b.select(b.less(x, b.real(0)), b.real(-1), x));
}

}  // namespace spikesmith::math
