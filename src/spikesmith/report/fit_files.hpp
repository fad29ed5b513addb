// A fit as text for files: JSON for programs, CSV for spreadsheets. (The page for people is FitResult::full_report.)
//
// Numbers are SI and written with the fewest digits that read back to the same double, so equal results give equal bytes.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "spikesmith/fit/results.hpp"

namespace spikesmith {

// Everything in the result but times, so equal results give equal text. NaN and infinite numbers become null, for JSON has none.
[[nodiscard]] nlohmann::ordered_json to_json(const FitResult& result);

// Cause, count and first evaluation of each.
[[nodiscard]] nlohmann::ordered_json failures_json(std::span<const FailureCause> failures);

// A row per evaluation: round, sample, parameters, error, and with several outputs the normalised error of each
// (`error_<output>`). Failed evaluations have `nan` or `inf`.
[[nodiscard]] std::string evaluations_csv(const Evaluations& evaluations);

// A row per point of the Pareto front: evaluation, parameters, error of each objective.
[[nodiscard]] std::string pareto_csv(const FitResult& result);

// A name as a cell of a CSV file: in quotes if it needs them.
[[nodiscard]] std::string csv_cell(std::string_view text);

}  // namespace spikesmith
