// Reduction of huge angles modulo pi/2: Payne and Hanek, Radian reduction for trigonometric functions, ACM SIGNUM
// Newsletter 18 (1983). x = M * 2^E with a 53-bit integer M. Of 2/pi only the 192 bits matter that are neither
// multiples of 4 nor below the needed precision after multiplication by 2^E.
#include "spikesmith/math/huge_argument.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "spikesmith/math/trigonometric.hpp"

namespace spikesmith::math {

namespace {

using Scalar = ScalarOperations<double>;
using Limbs = std::array<std::uint32_t, 6>;  // a 192-bit integer, lowest limb first

// Binary digits of 2/pi after two words of zeros, highest first.
constexpr int leading_zero_words = 2;
constexpr std::array<std::uint32_t, 40> two_over_pi = {
    0x00000000, 0x00000000, 0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041,
    0xfe5163ab, 0xdebbc561, 0xb7246e3a, 0x424dd2e0, 0x06492eea, 0x09d1921c, 0xfe1deb1c, 0xb129a73e,
    0xe88235f5, 0x2ebb4484, 0xe99c7026, 0xb45f7e41, 0x3991d639, 0x835339f4, 0x9c845f8b, 0xbdf9283b,
    0x1ff897ff, 0xde05980f, 0xef2f118b, 0x5a0a6d1f, 0x6d367ecf, 0x27cb09b7, 0x4f463f66, 0x9e5fea2d,
    0x7527bac7, 0xebe5f17b, 0x3d0739f7, 0x8a5292ea, 0x6bfb5fb1, 0x1f8d5d08, 0x56033046, 0xfc7b6bab};

// 192 binary digits of 2/pi; the first is number `first`, counted from 1 after the point, where 0 and below are zeros.
Limbs digits_from(int first) {
    const int offset = first - 1 + 32 * leading_zero_words;
    const auto word = static_cast<std::size_t>(offset / 32);
    const int bit = offset % 32;
    Limbs result{};
    for (std::size_t k = 0; k < 6; ++k) {
        const std::uint64_t two_words = (std::uint64_t{two_over_pi[word + k]} << 32) | two_over_pi[word + k + 1];
        result[5 - k] = static_cast<std::uint32_t>(two_words >> (32 - bit));
    }
    return result;
}

Limbs product_modulo(const Limbs& x, std::uint64_t m) {
    const std::array<std::uint64_t, 2> factor = {m & 0xffffffffu, m >> 32};
    Limbs result{};
    for (std::size_t j = 0; j < 2; ++j) {
        std::uint64_t carry = 0;
        for (std::size_t i = 0; i + j < 6; ++i) {
            const std::uint64_t sum = x[i] * factor[j] + result[i + j] + carry;
            result[i + j] = static_cast<std::uint32_t>(sum);
            carry = sum >> 32;
        }
    }
    return result;
}

Limbs negated(Limbs x) {
    std::uint64_t carry = 1;
    for (auto& limb : x) {
        const std::uint64_t sum = std::uint64_t{static_cast<std::uint32_t>(~limb)} + carry;
        limb = static_cast<std::uint32_t>(sum);
        carry = sum >> 32;
    }
    return x;
}

// `count` (at most 53) bits below bit `top` (exclusive), zeros below bit 0.
double bits_below(const Limbs& x, int top, int count) {
    std::uint64_t bits = 0;
    for (int k = 1; k <= count; ++k) {
        const int position = top - k;
        const std::uint64_t bit =
            position < 0 ? 0 : (x[static_cast<std::size_t>(position / 32)] >> (position % 32)) & 1u;
        bits = (bits << 1) | bit;
    }
    return std::ldexp(static_cast<double>(bits), top - count);
}

detail::ReducedAngle<Scalar> reduce(double x) {
    const Scalar b;
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const int exponent = static_cast<int>((bits >> 52) & 0x7ff) - 1023 - 52;
    const std::uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
    // Modulo 4, x * 2/pi is this integer times 2^-190: two bits of quadrant, 190 bits of fraction.
    Limbs turns = product_modulo(digits_from(exponent - 1), mantissa);
    std::int64_t quadrant = turns[5] >> 30;
    turns[5] &= 0x3fffffff;
    double sign = 1;
    if (turns[5] >= 0x20000000) {  // above one half: count back from the next quadrant
        turns = negated(turns);
        turns[5] &= 0x3fffffff;
        ++quadrant;
        sign = -1;
    }
    int top = 190;
    while (top > 1 && ((turns[static_cast<std::size_t>((top - 1) / 32)] >> ((top - 1) % 32)) & 1u) == 0) --top;
    const detail::Pair<Scalar> fraction{sign * std::ldexp(bits_below(turns, top, 53), -190),
                                        sign * std::ldexp(bits_below(turns, top - 53, 53), -190)};
    auto r = detail::product(b, fraction, detail::Pair<Scalar>{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54});
    r = detail::fast_two_sum(b, r.high, r.low);
    if (bits >> 63 != 0) {
        r = {-r.high, -r.low};
        quadrant = -quadrant;
    }
    return {r, quadrant};
}

}  // namespace

double sin_of_huge(double x) {
    if (!std::isfinite(x)) return std::numeric_limits<double>::quiet_NaN();
    return detail::sine(Scalar(), reduce(x));
}

double cos_of_huge(double x) {
    if (!std::isfinite(x)) return std::numeric_limits<double>::quiet_NaN();
    auto angle = reduce(x);
    ++angle.quadrant;
    return detail::sine(Scalar(), angle);
}

double tan_of_huge(double x) {
    if (!std::isfinite(x)) return std::numeric_limits<double>::quiet_NaN();
    return detail::tangent(Scalar(), reduce(x));
}

}  // namespace spikesmith::math
