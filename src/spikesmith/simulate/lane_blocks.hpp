// How the lanes of a run are cut into blocks for threads, and steps into chunks between two looks at the cancellation flag. Results
// never depend on it. For this room only.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include <oneapi/tbb/cache_aligned_allocator.h>
#include <oneapi/tbb/task_arena.h>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

template <class T>
using AlignedVector = std::vector<T, oneapi::tbb::cache_aligned_allocator<T>>;

// What one block may hold of recorded outputs and spikes, unless a single group of lanes needs more: still in the second cache
// level when an observer reads it across.
inline constexpr std::size_t recording_bytes = std::size_t{512} << 10;

// The next multiple from `value` on: a block's lanes are whole groups of the kernel's.
[[nodiscard]] constexpr std::size_t round_up(std::size_t value, std::size_t multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

struct LaneBlocks {
    std::size_t lanes = 0;     // per block, a multiple of the kernel's
    std::size_t n_blocks = 0;  // per trace
};

// `asked_lanes`: per block, 0: chosen for cache and threads. `bytes_per_lane`: what is recorded, if it must stay within recording_bytes.
[[nodiscard]] LaneBlocks cut_into_blocks(std::size_t n_samples, std::size_t n_traces, std::size_t kernel_lanes,
                                         std::size_t threads, std::size_t asked_lanes = 0,
                                         std::size_t bytes_per_lane = 0);

// Steps that a block may take between two looks at the flag; at least 1.
[[nodiscard]] std::size_t steps_per_chunk(const UpdateProgram& program, std::size_t lanes);

void throw_if_cancelled(const std::atomic<bool>* cancelled);

// 0: all cores. Throws ConfigError for a negative number.
void initialise_arena(oneapi::tbb::task_arena& arena, int threads);

// May initial values differ between the lanes of a block?
[[nodiscard]] bool initial_values_vary(const UpdateProgram& program);

}  // namespace spikesmith
