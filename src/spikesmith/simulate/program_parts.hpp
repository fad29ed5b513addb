// Which parts of a program are the model, and which only compare it with recordings. For this room only.
#pragma once

#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

// For each state: is it a sum over steps (online error, normal equations) that only compares with targets?
[[nodiscard]] std::vector<bool> comparing_states(const UpdateProgram& program);

// For each time input: does it reach the states, the recorded outputs or the spikes, and not the comparing states only?
[[nodiscard]] std::vector<bool> read_by_model(const UpdateProgram& program);

}  // namespace spikesmith
