// Where a refinement or a landscape starts, and where it writes: the folder of a fit, or what the configuration says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/cli/run_folder.hpp"
#include "spikesmith/fit/parameters.hpp"

namespace spikesmith {

// Values of the searched parameters, SI: of [refine.start], else of the refinement or the best of the fit in `--from`. With several starts
// the best evaluations of that fit. Throws DataError for a folder without a result, ConfigError if there is no start.
[[nodiscard]] std::vector<std::map<std::string, double>> refine_starts(const Problem& problem,
                                                                       const CommandOptions& options,
                                                                       const FitParameters& parameters,
                                                                       std::size_t n_starts, bool refined);

// `--out`, else the folder of `--from`, else a new one.
[[nodiscard]] RunFolder refine_folder(const Config& config, const CommandOptions& options);

}  // namespace spikesmith
