// A refinement as JSON. (The page for people is RefineResult::full_report.)
#pragma once

#include <nlohmann/json.hpp>

#include "spikesmith/fit/refine.hpp"

namespace spikesmith {

// Everything in the result but times. Numbers are SI; NaN and infinite ones become null.
[[nodiscard]] nlohmann::ordered_json to_json(const RefineResult& result);

}  // namespace spikesmith
