#include "spikesmith/math/random_stream.hpp"

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/philox.hpp"

namespace spikesmith::math {

namespace {

using Scalar = ScalarOperations<double>;

std::uint32_t low_half(std::uint64_t v) {
    return static_cast<std::uint32_t>(v);
}
std::uint32_t high_half(std::uint64_t v) {
    return static_cast<std::uint32_t>(v >> 32);
}

// The highest bit of the counter sets these words apart from those of simulations.
Words<Scalar> words_at(std::uint64_t seed, std::uint64_t purpose, std::uint64_t position) {
    return philox(Scalar(),
                  {low_half(position), high_half(position), low_half(purpose), high_half(purpose) | 0x80000000u},
                  {low_half(seed), high_half(seed)});
}

}  // namespace

double RandomStream::next_uniform() {
    const auto words = words_at(seed_, purpose_, position_++);
    return detail::uniform_of_two(Scalar(), words[0], words[1]);
}

double RandomStream::next_normal() {
    return detail::normal_of_four(Scalar(), words_at(seed_, purpose_, position_++));
}

std::uint64_t RandomStream::next_index(std::uint64_t n) {
    if (n == 0) throw Error("a random index was asked for among 0 items");
    const std::uint64_t surplus = (0 - n) % n;  // 2^64 modulo n: that many numbers are rejected
    for (;;) {
        const auto words = words_at(seed_, purpose_, position_++);
        const std::uint64_t number = (std::uint64_t{words[0]} << 32) | words[1];
        if (number >= surplus) return number % n;
    }
}

}  // namespace spikesmith::math
