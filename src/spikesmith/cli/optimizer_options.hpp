// Optimisers by name with their options by name, as [fit.optimizer] gives them.
#pragma once

#include "spikesmith/cli/config.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith {

// Throws ConfigError at the place of an unknown method or option, or of a value out of range.
[[nodiscard]] OptimizerChoice read_optimizer(const OptimizerConfig& config);

}  // namespace spikesmith
