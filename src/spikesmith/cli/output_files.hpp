// What a simulation or a fit leaves in its run folder, as arrays and text.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/data/numpy.hpp"
#include "spikesmith/fit/trace_fitter.hpp"

namespace spikesmith {

// `t` (seconds, one row), then each output under its name (traces x steps, SI), then `spikes_<k>` for each trace if there are any.
[[nodiscard]] NamedArrays trace_arrays(const Generated& traces);

// A row per step: time, then each output of each trace, in SI units.
[[nodiscard]] std::string traces_csv(const Generated& traces);

// A row per spike: trace (from 1) and time in seconds.
[[nodiscard]] std::string spikes_csv(const std::vector<std::vector<double>>& spikes);

}  // namespace spikesmith
