// A search in a checkpoint file and back. For the files of this room.
#pragma once

#include <filesystem>

#include "spikesmith/fit/fit_problem.hpp"
#include "spikesmith/fit/fit_search.hpp"

namespace spikesmith {

void write_checkpoint(const FitProblem& problem, const FitSearch& current, const std::filesystem::path& path);

// The search after the last round in the file. Throws DataError if the file is damaged or of another problem.
[[nodiscard]] FitSearch resume_search(const FitProblem& problem, const std::filesystem::path& path,
                                      const FitOptions& given);

}  // namespace spikesmith
