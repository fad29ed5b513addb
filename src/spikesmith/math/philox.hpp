// Counter-based random numbers: Philox4x32-10, over a policy of operations (see operations.hpp).
//
// Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, SC 2011. A number depends on its place
// (seed, step, sample, trace, site), not on who drew before, so any thread or vector lane draws it alike.
//
//   philox(b, counter, key)     four random words
//   uniform(b, counter, key)    in [0, 1): 52 random bits (single: 23)
//   normal(b, counter, key)     standard normal, by Box and Muller (Ann. Math. Stat. 29, 1958)
//   uniform(at), normal(at)     the same at one place, in double precision
//   poisson(lambda, at)         an integer as a double; 0 for lambda <= 0, NaN for NaN
//
// The place (RandomKey) says which counter and key belong to a draw of a simulation.
// Streams drawn one after the other (for optimisers): random_stream.hpp.
#pragma once

#include <array>
#include <cstdint>

#include "spikesmith/math/logarithm.hpp"
#include "spikesmith/math/operations.hpp"
#include "spikesmith/math/trigonometric.hpp"

namespace spikesmith::math {

template <class B>
using Words = std::array<typename B::Word, 4>;
template <class B>
using KeyWords = std::array<typename B::Word, 2>;

template <class B>
Words<B> philox(const B& b, Words<B> counter, KeyWords<B> key) {
    const auto first = b.word(0xD2511F53);
    const auto second = b.word(0xCD9E8D57);
    for (int round = 0; round < 10; ++round) {
        counter = {b.word_xor(b.word_xor(b.multiply_high(second, counter[2]), counter[1]), key[0]),
                   b.multiply_low(second, counter[2]),
                   b.word_xor(b.word_xor(b.multiply_high(first, counter[0]), counter[3]), key[1]),
                   b.multiply_low(first, counter[0])};
        key = {b.word_add(key[0], b.word(0x9E3779B9)), b.word_add(key[1], b.word(0xBB67AE85))};
    }
    return counter;
}

// The place of a random draw in a simulation. `site` tells the draws of one step apart.
struct RandomKey {
    std::uint64_t seed = 0;
    std::uint32_t step = 0;
    std::uint32_t sample = 0;
    std::uint32_t trace = 0;
    std::uint32_t site = 0;  // below 2^31; counters from there on belong to RandomStream

    [[nodiscard]] std::array<std::uint32_t, 4> counter() const { return {step, sample, trace, site}; }
    [[nodiscard]] std::array<std::uint32_t, 2> key() const {
        return {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
    }
};

namespace detail {

// In [0, 1): random bits behind the point of a number in [1, 2).
template <class B>
typename B::Real uniform_of_two(const B& b, typename B::Word high, typename B::Word low) {
    const auto fraction = b.shift_right(b.combine(high, low), B::single ? 9 : 12);
    return b.sub(b.from_bits(b.int_or(fraction, b.bits(b.real(1)))), b.real(1));
}

template <class B>
typename B::Real normal_of_four(const B& b, const Words<B>& words) {
    const auto first = uniform_of_two(b, words[0], words[1]);
    const auto radius = b.sqrt(b.mul(b.real(-2), log(b, b.sub(b.real(1), first))));
    // sin(2*pi*u): the quadrant of 4*u is exact
    const auto quarters = b.mul(b.real(4), uniform_of_two(b, words[2], words[3]));
    const auto shifted = b.add(quarters, rounding_shift(b));
    const auto rest = b.sub(quarters, b.sub(shifted, rounding_shift(b)));
    const auto angle = two_product(b, rest, constant(b, 0x1.921fb54442d18p+0, 0x1.921fb6p+0));
    const auto low = b.fma(rest, constant(b, 0x1.1a62633145c07p-54, -0x1.777a5cp-25), angle.low);
    return b.mul(radius, sine(b, ReducedAngle<B>{{angle.high, low}, b.bits(shifted)}));
}

}  // namespace detail

template <class B>
typename B::Real uniform(const B& b, const Words<B>& counter, const KeyWords<B>& key) {
    const auto words = philox(b, counter, key);
    return detail::uniform_of_two(b, words[0], words[1]);
}

template <class B>
typename B::Real normal(const B& b, const Words<B>& counter, const KeyWords<B>& key) {
    return detail::normal_of_four(b, philox(b, counter, key));
}

[[nodiscard]] inline double uniform(const RandomKey& at) {
    return uniform(ScalarOperations<double>(), at.counter(), at.key());
}
[[nodiscard]] inline double normal(const RandomKey& at) {
    return normal(ScalarOperations<double>(), at.counter(), at.key());
}

// Below 10 by multiplying uniforms (Knuth, The art of computer programming, vol. 2, 3.4.1); from 10 on by transformed
// rejection (Hoermann, The transformed rejection method for generating Poisson random variables, Insur. Math. Econ. 12,
// 1993); from 2^50 on the rounded normal limit, which is indistinguishable. Infinity gives infinity. Always ends.
[[nodiscard]] double poisson(double lambda, const RandomKey& at);

// The same with plain arguments, to be called from compiled kernels.
[[nodiscard]] double poisson_at(double lambda, std::uint64_t seed, std::uint32_t step, std::uint32_t sample,
                                std::uint32_t trace, std::uint32_t site);

}  // namespace spikesmith::math
