// Units and quantities: units exist at the borders only; inside, every number is in SI base units.
//
// The table has every unit that a Brian 2 user may write in an equation: base names with SI prefixes, squares and cubes
// of non-volume units (`umetre2`), and the short names (`mV`, `nS`, `ms`, ...).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/error.hpp"
#include "spikesmith/units/dimension.hpp"

namespace spikesmith {

struct Quantity {
    double value = 0;  // in SI base units
    Dimension dimension;
};

struct Unit {
    std::string name;
    double scale = 1;  // SI value of one such unit
    Dimension dimension;
};

// The unit of that exact name, or nothing.
[[nodiscard]] const Unit* find_unit(std::string_view name);

// All names, for hints: the names used most come first.
[[nodiscard]] const std::vector<std::string>& unit_names();

// What to say to somebody who wrote `name` and meant a unit: "did you mean `mV`?", "did you mean `second`?" for `s`,
// why there is no `celsius`; empty if nothing comes near.
[[nodiscard]] std::string unknown_unit_hint(std::string_view name);

// "20 nS", "-65*mV", "3.2e-9", "10 mV/ms", "1/(5*ms)", "2 pA * Mohm": a number times a unit expression, both optional,
// with parentheses, `*`, `/`, `**` (or `^`) and juxtaposition. `inf` is a number. A product by juxtaposition after a
// division ("1/5 ms") is refused because readers disagree about it. SI symbols (`pS`, `V`, `s`) are understood here although
// equations do not know them. Throws UnitError with the position and a hint.
[[nodiscard]] Quantity parse_quantity(std::string_view text, std::string_view source_name = "quantity");

// A unit expression without a number: "mV", "volt/(second*metre)", "1", "nS * cm**-2". Throws UnitError.
[[nodiscard]] Unit parse_unit(std::string_view text, std::string_view source_name = "unit");

// As parse_unit, but also as amplifiers and spreadsheets write units in the head of a column: SI symbols (`V`, `s`,
// `fF`, `MOhm`, with the micro sign or capital omega) and words (`millivolts`, `msec`). Throws UnitError.
[[nodiscard]] Unit parse_recorded_unit(std::string_view text, std::string_view source_name = "unit");

// The unit after the colon of an equation: only base units with scale 1 (`volt`, `siemens/metre**2`, `1`), and the
// words `boolean` and `integer`. `span` places errors in `source`. A scaled unit is an error that suggests its base
// (`mV` -> `volt`).
enum class ValueType { boolean, integer, real };
struct VariableUnit {
    Dimension dimension;
    ValueType type = ValueType::real;
};
[[nodiscard]] VariableUnit parse_variable_unit(const SourceText& source, SourceSpan span);

// A quantity in the unit of its dimension that gives 1 <= |number| < 1000, or comes nearest to it: "-61.2 mV", "20 uS",
// "0.995 mV^2", "3.6 mS/cm^2", "0.0123" for dimensionless. Dimensions without a customary unit keep base units:
// "1.2e-05 volt / second". What it writes can be read by parse_quantity.
[[nodiscard]] std::string format_quantity(const Quantity& quantity, int significant_digits = 4);

// The unit that format_quantity would choose for the largest finite magnitude of `values`, so that a column of a table
// shares one unit. Its name is "1" for dimensionless values.
[[nodiscard]] Unit display_unit(const Dimension& dimension, std::span<const double> values);

}  // namespace spikesmith
