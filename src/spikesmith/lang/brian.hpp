// The equation language of Brian 2: text in, checked Model out. docs/language.md is its reference.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/model/model.hpp"

namespace spikesmith {

// Everything that makes a model, as the user writes it. Only `equations` is required.
struct BrianModelText {
    SourceText equations{"equations", {}};
    // name -> "200 pF", "-63*mV" or an expression of other constants
    std::vector<std::pair<std::string, std::string>> constants{};
    // names that are inputs: undefined names, or `I : amp` parameters that data drive
    std::vector<std::string> inputs{};
    // of inputs the equations do not declare; else inferred where possible
    std::map<std::string, Dimension> input_dimensions{};
    // outputs with data: `<name>_target` becomes readable
    std::vector<std::string> targets{};
    std::optional<std::string> threshold{};  // "v > -50*mV"
    std::optional<std::string> reset{};      // "v = -65*mV; w += b"
    std::string refractory{};                // "", "2 ms", an expression in seconds, or a condition
    // variable -> quantity or expression, in any order
    std::vector<std::pair<std::string, std::string>> initial_values{};
};

// Throws ModelError or UnitError with line, column, caret and hint. Warnings (a threshold without reset, `unless refractory` without
// refractory, ...) are appended to `warnings` if given.
[[nodiscard]] Model parse_brian(const BrianModelText& text, std::vector<std::string>* warnings = nullptr);

}  // namespace spikesmith
