// The random streams of this room, so that no two uses share numbers (math/random_stream.hpp).
#pragma once

#include <cstdint>

namespace spikesmith {

enum class RandomPurpose : std::uint64_t {
    prior,
    simulation,
    split,
    initial_weights,
    shuffle,
    contrast,
    validation_contrast,
    sample,
    slice,
    hamiltonian,
    start_points,
    rejection,
    truncation,
    calibration,
    resampling,
    mixture,
    spacing,
    neighbours,
};

// `index` tells apart repeated uses: ensemble members, rounds, chains.
[[nodiscard]] inline std::uint64_t purpose(RandomPurpose use, std::uint64_t index = 0) {
    constexpr std::uint64_t room = 0x496e66;  // "Inf"
    return (room << 40) | (static_cast<std::uint64_t>(use) << 32) | (index & 0xffffffff);
}

}  // namespace spikesmith
