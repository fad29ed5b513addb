// Equation text -> definitions: differential equations, subexpressions and parameters with their units and flags, each with
// its place in the text. What the expressions mean is not looked at here.
//
//     dNAME/dt = EXPRESSION : UNIT (FLAGS)
//     NAME = EXPRESSION : UNIT (FLAGS)
//     NAME : UNIT (FLAGS)
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spikesmith/lang/syntax.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith::lang {

inline constexpr std::size_t most_definitions = 10'000;

struct Definition {
    enum class Kind { differential_equation, subexpression, parameter } kind = Kind::parameter;
    std::string name;
    SourceSpan name_span;
    std::optional<Syntax> expression;
    Dimension dimension;
    ValueType type = ValueType::real;
    bool unless_refractory = false;
    bool constant = false;
    bool shared = false;
    bool constant_over_dt = false;
};

// Definitions in the order of the text. Names are checked against reserved names and each other. Throws ModelError, UnitError.
[[nodiscard]] std::vector<Definition> parse_equations(const SourceText& source);

// "line 3 of the equations"
[[nodiscard]] std::string place_in_words(const SourceText& source, SourceSpan span);

// Throws ModelError if no model may define that name.
void check_new_name(const SourceText& source, SourceSpan span, const std::string& name);

}  // namespace spikesmith::lang
