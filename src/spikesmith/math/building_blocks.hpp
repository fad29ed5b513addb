// What the elementary functions share: constants and polynomials per precision, unevaluated sums of two numbers, sign
// bits.
//
// For the headers of this room. Sums of two numbers (`Pair`) carry about twice the precision of one: Dekker, A
// floating-point technique for extending the available precision, Numer. Math. 18 (1971); Ogita, Rump and Oishi,
// Accurate sum and dot product, SIAM J. Sci. Comput. 26 (2005).
#pragma once

#include <cstddef>
#include <cstdint>

#include "spikesmith/math/operations.hpp"

namespace spikesmith::math::detail {

// --- constants -------------------------------------------------------------------------------------------------------

// The constant of this precision.
template <class B>
typename B::Real constant(const B& b, double of_double, double of_single) {
    return b.real(B::single ? of_single : of_double);
}

template <class B>
typename B::Real infinity(const B& b) {
    return b.from_bits(b.integer(B::single ? 0x7f800000 : 0x7ff0000000000000));
}

template <class B>
typename B::Real not_a_number(const B& b) {
    return b.from_bits(b.integer(B::single ? 0x7fc00000 : 0x7ff8000000000000));
}

// Adding and subtracting it rounds to an integer (to even in ties) for |x| < 2^51 (single: 2^22); the sum's low bits
// are the integer in two's complement.
template <class B>
typename B::Real rounding_shift(const B& b) {
    return constant(b, 0x1.8p52, 0x1.8p23);
}

// --- polynomials -----------------------------------------------------------------------------------------------------

// c[0] + c[1]*x + ... by Horner's rule: the fewest operations.
template <class B, std::size_t N>
typename B::Real polynomial(const B& b, typename B::Real x, const double (&c)[N]) {
    typename B::Real sum = b.real(c[N - 1]);
    for (std::size_t k = N - 1; k-- > 0;) sum = b.fma(sum, x, b.real(c[k]));
    return sum;
}

// The same with half the latency and as many operations, given x*x: pairs c[2k] + c[2k+1]*x, then Horner's rule in x*x.
template <class B, std::size_t N>
typename B::Real polynomial_in_pairs(const B& b, typename B::Real x, typename B::Real x_squared, const double (&c)[N]) {
    const auto pair = [&](std::size_t k) {
        return k + 1 < N ? b.fma(x, b.real(c[k + 1]), b.real(c[k])) : b.real(c[k]);
    };
    std::size_t k = (N - 1) / 2 * 2;
    typename B::Real sum = pair(k);
    while (k > 0) {
        k -= 2;
        sum = b.fma(sum, x_squared, pair(k));
    }
    return sum;
}

// --- sums of two numbers ---------------------------------------------------------------------------------------------

// high + low, |low| at most about one unit in the last place of high.
template <class B>
struct Pair {
    typename B::Real high;
    typename B::Real low;
};

// a + b exactly.
template <class B>
Pair<B> two_sum(const B& b, typename B::Real x, typename B::Real y) {
    const auto sum = b.add(x, y);
    const auto of_y = b.sub(sum, x);
    const auto of_x = b.sub(sum, of_y);
    return {sum, b.add(b.sub(x, of_x), b.sub(y, of_y))};
}

// The same where |x| >= |y| or x = 0.
template <class B>
Pair<B> fast_two_sum(const B& b, typename B::Real x, typename B::Real y) {
    const auto sum = b.add(x, y);
    return {sum, b.sub(y, b.sub(sum, x))};
}

// x * y exactly.
template <class B>
Pair<B> two_product(const B& b, typename B::Real x, typename B::Real y) {
    const auto product = b.mul(x, y);
    return {product, b.fma(x, y, b.neg(product))};
}

template <class B>
Pair<B> product(const B& b, Pair<B> x, Pair<B> y) {
    const auto p = two_product(b, x.high, y.high);
    return {p.high, b.add(p.low, b.fma(x.high, y.low, b.mul(x.low, y.high)))};
}

// x / y with one division. `low` is NaN where y is 0 or infinite.
template <class B>
Pair<B> quotient(const B& b, Pair<B> x, Pair<B> y) {
    const auto reciprocal = b.div(b.real(1), y.high);
    const auto q = b.mul(x.high, reciprocal);
    const auto remainder = b.fma(b.neg(q), y.low, b.add(b.fma(b.neg(q), y.high, x.high), x.low));
    return {q, b.mul(remainder, reciprocal)};
}

// --- signs -----------------------------------------------------------------------------------------------------------

// Only the sign bit of x.
template <class B>
typename B::Int sign_bit(const B& b, typename B::Real x) {
    return b.int_and(b.bits(x), b.shift_left(b.integer(1), B::single ? 31 : 63));
}

// x with its sign turned where `sign` holds a sign bit.
template <class B>
typename B::Real flip_sign(const B& b, typename B::Real x, typename B::Int sign) {
    return b.from_bits(b.int_xor(b.bits(x), sign));
}

// |magnitude| with the sign of x.
template <class B>
typename B::Real copy_sign(const B& b, typename B::Real magnitude, typename B::Real x) {
    return b.from_bits(b.int_or(b.bits(b.abs(magnitude)), sign_bit(b, x)));
}

}  // namespace spikesmith::math::detail
