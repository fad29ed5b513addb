// Syntax tree -> Expression: the last step, after all checks.
#pragma once

#include <cstdint>

#include "spikesmith/lang/symbols.hpp"
#include "spikesmith/lang/syntax.hpp"

namespace spikesmith::lang {

// The expression of a checked syntax tree. Constants and units become numbers. Every call of a random function gets its own
// site, counted on in `next_site`. Must be called once per text, else a draw would have two sites.
[[nodiscard]] Expression lower(const Syntax& syntax, const SymbolTable& symbols, std::uint32_t& next_site);

}  // namespace spikesmith::lang
