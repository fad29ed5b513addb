// The steps of Markov chains as walkers, for chains.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/infer/sampling_control.hpp"
#include "spikesmith/infer/walker.hpp"

namespace spikesmith {

// What a chain has learned about its steps.
struct ChainTuning {
    std::vector<double> widths;  // slice: of the first bracket, per coordinate
    double step = 0;             // hmc, nuts: of the leapfrog; 0: not known yet
    double acceptance_sum = 0;
    double acceptance_count = 0;
};

struct ChainTask {
    std::size_t steps = 0;
    std::size_t thin = 1;
    bool adapt = false;  // tune while walking
    std::uint64_t seed = 0;
    std::uint64_t purpose = 0;
    std::span<double> point;  // where to start; where it ended
    std::span<double> kept;   // every `thin`-th point; empty: none
    ChainTuning* tuning = nullptr;
    SamplingWatch* watch = nullptr;  // is told of every step
};

[[nodiscard]] Walker slice_chain(ChainTask task);
[[nodiscard]] Walker hmc_chain(ChainTask task, std::size_t leapfrog_steps, double target_acceptance);
[[nodiscard]] Walker nuts_chain(ChainTask task, std::size_t max_tree_depth, double target_acceptance);

}  // namespace spikesmith
