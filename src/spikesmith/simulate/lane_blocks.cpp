#include "spikesmith/simulate/lane_blocks.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <oneapi/tbb/info.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

// Enough lanes to repay the start of a block, few enough that their states and parameters stay in the first cache
// levels.
constexpr std::size_t default_block_lanes = 128;
// Blocks per thread and run at least, where there are lanes enough, so that threads end together.
constexpr std::size_t blocks_per_thread = 4;
// Operations between two looks at the cancellation flag: well below 50 ms even for scalar code full of exponentials.
constexpr std::size_t chunk_operations = 8'000'000;
// A guess at the evaluations of the derivative that an adaptive step takes.
constexpr std::size_t adaptive_evaluations = 100;

}  // namespace

LaneBlocks cut_into_blocks(std::size_t n_samples, std::size_t n_traces, std::size_t kernel_lanes, std::size_t threads,
                           std::size_t asked_lanes, std::size_t bytes_per_lane) {
    std::size_t lanes = asked_lanes;
    if (lanes == 0) lanes = std::min(default_block_lanes, n_samples * n_traces / (threads * blocks_per_thread));
    if (bytes_per_lane > 0) lanes = std::min(lanes, recording_bytes / bytes_per_lane / kernel_lanes * kernel_lanes);
    lanes = round_up(std::clamp<std::size_t>(lanes, 1, n_samples), kernel_lanes);

    LaneBlocks blocks;
    blocks.n_blocks = (n_samples + lanes - 1) / lanes;
    // Spread the samples evenly: a last block of a few lanes would cost as much as a full one.
    blocks.lanes = round_up((n_samples + blocks.n_blocks - 1) / blocks.n_blocks, kernel_lanes);
    blocks.n_blocks = (n_samples + blocks.lanes - 1) / blocks.lanes;
    return blocks;
}

std::size_t steps_per_chunk(const UpdateProgram& program, std::size_t lanes) {
    const std::size_t operations =
        1 + program.step.size() + (program.adaptive ? adaptive_evaluations * program.adaptive->code.size() : 0);
    return std::max<std::size_t>(1, chunk_operations / (operations * lanes));
}

void throw_if_cancelled(const std::atomic<bool>* cancelled) {
    if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
        throw Interrupted("the simulation was stopped");
    }
}

void initialise_arena(oneapi::tbb::task_arena& arena, int threads) {
    if (threads < 0) {
        throw ConfigError(fmt::format("{} threads", threads), "give a positive number, or 0 for all cores");
    }
    const int cores = oneapi::tbb::info::default_concurrency();
    arena.initialize(threads == 0 ? cores : std::min(threads, cores));
}

// Only through these.
bool initial_values_vary(const UpdateProgram& program) {
    return std::ranges::any_of(program.init, [](const Instruction& instruction) {
        const bool random =
            instruction.source == Source::operation &&
            (instruction.op == Op::uniform || instruction.op == Op::normal || instruction.op == Op::poisson);
        return random || instruction.source == Source::parameter || instruction.source == Source::lane_index;
    });
}

}  // namespace spikesmith
