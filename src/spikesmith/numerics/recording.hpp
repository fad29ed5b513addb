// What to record of each step so that code which runs later has the values it reads: for `adjoint`.
#pragma once

#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

// Which values to record so that all those `needed` are at hand at little cost: each is recorded, or computed again from others
// that are. Constants, what depends on parameters only, and time series are at hand anyway; states never, and conditions are
// always computed again.
[[nodiscard]] std::vector<ValueId> values_to_record(const Code& code, const std::vector<ValueId>& needed);

}  // namespace spikesmith
