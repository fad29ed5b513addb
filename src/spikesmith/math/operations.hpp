// Operations: the vocabulary in which elementary functions and random numbers are written, once, for every target.
//
// `math/elementary.hpp` and `math/philox.hpp` are templates over a policy `B` that offers the operations below. Two
// policies exist: ScalarOperations (here) computes at once in double or float, for the interpreter; the code
// generator's policy emits the same operations as LLVM vector IR. Each operation is exactly rounded (IEEE 754), so both
// give the same bits.
//
//   types      Real, Int (same width as Real: 64 or 32 bits), Bool; constexpr bool single
//   constants  real(double), integer(int64_t)
//   real       add sub mul div neg abs fma sqrt floor ceil trunc round_even
//   compare    less less_equal equal not_equal (ordered: false for NaN, except not_equal), is_nan
//   choose     select(Bool, Real, Real), select_int(Bool, Int, Int), both(Bool, Bool), either(Bool, Bool),
//              negated(Bool)
//   bits       bits(Real) -> Int, from_bits(Int) -> Real; int_add int_sub int_and int_or int_xor shift_left
//              shift_right (logical) shift_right_arithmetic int_less int_equal;
//              to_int(Real) truncates (|x| < 2^31), to_real(Int) for |n| < 2^31
//   scale      scale(x, n): x * 2^n with one rounding; n an integer-valued Real, |n| <= 2000 (single: 240), |x| within
//              [2^-60, 2^60] (single: [2^-7, 2^7]) or 0 or NaN, so that two factors 2^(n/2) do; n may be NaN where x is
//              scale_normal(x, n): the same where x and x * 2^n are normal numbers: adds n to the exponent field
//              (vscalef on AVX-512; elsewhere bits(x) + (bits(n + 1.5*2^52) << 52), single 1.5*2^23 and 23);
//              any result where n is NaN or out of range
//              scale_by_floor(x, n): scale(x, floor(n)); n may be any number within these limits
//   table      eighths(Int k): 2^((k mod 8)/8), the nearest number
//   rare       rarely(Bool, double (*function)(double), Real x, Real otherwise): `function(x)` where the condition
//              holds (a call per lane, behind a branch), `otherwise` elsewhere
//              rarely(Bool, double (*function)(double, double), Real x, Real y, Real otherwise): with two arguments
//              seldom(Bool, Real usual, Special special): `special()` where the condition holds, `usual` elsewhere;
//              vectors compute `special()` for all lanes, behind a branch that is taken if any lane needs it
//   random     Word (32-bit unsigned), word(uint32_t), word_add word_xor, multiply_high(Word, Word),
//              multiply_low(Word, Word); combine(Word high, Word low) -> Int: double: high * 2^32 + low; single: high
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace spikesmith::math {

// 2^(k/8) for k from 0 to 7.
template <class Float>
inline constexpr std::array<Float, 8> powers_of_eighths{0x1p+0F,        0x1.172b84p+0F, 0x1.306fe0p+0F, 0x1.4bfdaep+0F,
                                                        0x1.6a09e6p+0F, 0x1.8ace54p+0F, 0x1.ae89fap+0F, 0x1.d5818ep+0F};
template <>
inline constexpr std::array<double, 8> powers_of_eighths<double>{0x1p+0,
                                                                 0x1.172b83c7d517bp+0,
                                                                 0x1.306fe0a31b715p+0,
                                                                 0x1.4bfdad5362a27p+0,
                                                                 0x1.6a09e667f3bcdp+0,
                                                                 0x1.8ace5422aa0dbp+0,
                                                                 0x1.ae89f995ad3adp+0,
                                                                 0x1.d5818dcfba487p+0};

template <class Float>
struct ScalarOperations {
    static_assert(std::is_same_v<Float, double> || std::is_same_v<Float, float>);
    using Real = Float;
    using Int = std::conditional_t<std::is_same_v<Float, double>, std::int64_t, std::int32_t>;
    using Unsigned = std::make_unsigned_t<Int>;
    using Bool = bool;
    using Word = std::uint32_t;
    static constexpr bool single = std::is_same_v<Float, float>;

    Real real(double v) const { return static_cast<Real>(v); }
    Int integer(std::int64_t v) const { return static_cast<Int>(v); }
    Real add(Real a, Real b) const { return a + b; }
    Real sub(Real a, Real b) const { return a - b; }
    Real mul(Real a, Real b) const { return a * b; }
    Real div(Real a, Real b) const { return a / b; }
    Real neg(Real a) const { return -a; }
    Real abs(Real a) const { return std::fabs(a); }
    Real fma(Real a, Real b, Real c) const { return std::fma(a, b, c); }
    Real sqrt(Real a) const { return std::sqrt(a); }
    Real floor(Real a) const { return std::floor(a); }
    Real ceil(Real a) const { return std::ceil(a); }
    Real trunc(Real a) const { return std::trunc(a); }
    Real round_even(Real a) const { return std::nearbyint(a); }
    Bool less(Real a, Real b) const { return a < b; }
    Bool less_equal(Real a, Real b) const { return a <= b; }
    Bool equal(Real a, Real b) const { return a == b; }
    Bool not_equal(Real a, Real b) const { return a != b; }
    Bool is_nan(Real a) const { return std::isnan(a); }
    Real select(Bool c, Real a, Real b) const { return c ? a : b; }
    Int select_int(Bool c, Int a, Int b) const { return c ? a : b; }
    Bool both(Bool a, Bool b) const { return a && b; }
    Bool either(Bool a, Bool b) const { return a || b; }
    Bool negated(Bool a) const { return !a; }
    Int bits(Real a) const { return std::bit_cast<Int>(a); }
    Real from_bits(Int a) const { return std::bit_cast<Real>(a); }
    Int int_add(Int a, Int b) const { return static_cast<Int>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b)); }
    Int int_sub(Int a, Int b) const { return static_cast<Int>(static_cast<Unsigned>(a) - static_cast<Unsigned>(b)); }
    Int int_and(Int a, Int b) const { return a & b; }
    Int int_or(Int a, Int b) const { return a | b; }
    Int int_xor(Int a, Int b) const { return a ^ b; }
    Int shift_left(Int a, int n) const { return static_cast<Int>(static_cast<Unsigned>(a) << n); }
    Int shift_right(Int a, int n) const { return static_cast<Int>(static_cast<Unsigned>(a) >> n); }
    Int shift_right_arithmetic(Int a, int n) const { return a >> n; }
    Bool int_less(Int a, Int b) const { return a < b; }
    Bool int_equal(Int a, Int b) const { return a == b; }
    Int to_int(Real a) const { return std::fabs(a) < Real(2147483648.0) ? static_cast<Int>(a) : Int(0); }
    Real to_real(Int a) const { return static_cast<Real>(a); }
    Real scale(Real x, Real n) const {
        if (!(std::fabs(n) <= Real(2000))) return x * n;  // NaN
        const auto whole = static_cast<int>(n);
        return std::ldexp(std::ldexp(x, whole / 2), whole - whole / 2);
    }
    Real scale_normal(Real x, Real n) const {
        constexpr int mantissa = single ? 23 : 52;
        const Real shifted = n + static_cast<Real>(single ? 0x1.8p23 : 0x1.8p52);
        return from_bits(int_add(bits(x), shift_left(bits(shifted), mantissa)));
    }
    Real scale_by_floor(Real x, Real n) const { return scale(x, std::floor(n)); }
    Real eighths(Int k) const { return powers_of_eighths<Real>[static_cast<std::size_t>(k & 7)]; }
    Real rarely(Bool c, double (*function)(double), Real x, Real otherwise) const {
        return c ? static_cast<Real>(function(static_cast<double>(x))) : otherwise;
    }
    Real rarely(Bool c, double (*function)(double, double), Real x, Real y, Real otherwise) const {
        return c ? static_cast<Real>(function(static_cast<double>(x), static_cast<double>(y))) : otherwise;
    }
    template <class Special>
    Real seldom(Bool c, Real usual, Special special) const {
        return c ? special() : usual;
    }
    Word word(std::uint32_t v) const { return v; }
    Word word_add(Word a, Word b) const { return a + b; }
    Word word_xor(Word a, Word b) const { return a ^ b; }
    Word multiply_high(Word a, Word b) const { return static_cast<Word>((std::uint64_t{a} * b) >> 32); }
    Word multiply_low(Word a, Word b) const { return a * b; }
    Int combine(Word high, Word low) const {
        if constexpr (single)
            return static_cast<Int>(high);
        else
            return static_cast<Int>((std::uint64_t{high} << 32) | low);
    }
};

}  // namespace spikesmith::math
