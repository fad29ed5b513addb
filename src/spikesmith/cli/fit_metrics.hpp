// The metrics of a configuration against the recordings that a fit compares with.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "spikesmith/cli/problem.hpp"
#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

// The metrics of `outputs` (spikes last, if they are fitted) for FitOptions; those of spikes only if they are not the usual
// ones. `front`: the optimiser looks for a front, so errors need not have one unit. Errors show where a metric, or else the
// recording, is written.
[[nodiscard]] std::multimap<std::string, MetricPointer> metrics_of_fit(const Problem& problem, const Fitter& fitter,
                                                                       const std::vector<std::string>& outputs,
                                                                       bool front);

}  // namespace spikesmith
