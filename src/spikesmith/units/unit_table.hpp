// The table of units behind units.hpp; for this room only.
#pragma once

#include <string>
#include <string_view>

#include "spikesmith/units/units.hpp"

namespace spikesmith::unit_table {

struct Entry {
    Unit unit;
    std::string base;  // the expression with scale 1 that stands for it after the colon of an equation; its own name if
                       // it is one
};

// The entry of that exact name, or nothing.
[[nodiscard]] const Entry* find(std::string_view name);

// The unit that an SI symbol (`V`, `MOhm`, with a micro sign) or an English word (`millivolts`) means, or nothing.
[[nodiscard]] const Entry* find_symbol(std::string_view symbol);

// The name nearest to `word` if it is near enough to be a slip, else empty.
[[nodiscard]] std::string nearest_name(std::string_view word);

// The unit `base` with the SI prefix 10**exponent under its most usual name: ("volt", -3) is `mV`. `base` is a base
// name of the table
// (`gram` and `molar` included); the prefix exists.
[[nodiscard]] const Entry& prefixed(std::string_view base, int exponent);

}  // namespace spikesmith::unit_table
