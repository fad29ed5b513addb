// What the Python package prints of numbers with dimensions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "convert.hpp"

namespace spikesmith::python {

// A number and its dimension; none: it is shown without unit.
using ShownNumber = std::pair<double, std::optional<Exponents>>;

// Three decimals in a readable unit, so many significant digits of a plain number.
[[nodiscard]] std::string shown(const ShownNumber& number, int digits);

// Two lines after a round of a fit: the best parameters and their error; of each output as it was and as it is added.
[[nodiscard]] std::string round_text(std::size_t index, std::vector<std::pair<std::string, ShownNumber>> best,
                                     const std::optional<ShownNumber>& error, const std::vector<std::string>& outputs,
                                     const std::vector<ShownNumber>& raw, const std::vector<ShownNumber>& normalized);

}  // namespace spikesmith::python
