// Blocks of ANNarchy's language -> definitions with their flags and places. What the expressions mean is not looked at here.
//
//     NAME = VALUE : FLAGS                       a parameter
//     tau*dNAME/dt + NAME = EXPRESSION : FLAGS   a differential equation; the derivative stands on the left side
//     NAME = EXPRESSION : FLAGS                  an assignment; also +=, -=, *=, /=
//     NAME(ARGUMENT, ...) = EXPRESSION : TYPES   a function
//
// Equations end with a line or a semicolon. A line without an equal sign continues the one before it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spikesmith/lang/annarchy_expression.hpp"
#include "spikesmith/lang/syntax.hpp"
#include "spikesmith/model/model.hpp"

namespace spikesmith::lang {

struct AnnarchyDefinition {
    enum class Kind { parameter, differential_equation, assignment } kind = Kind::assignment;
    std::string name;
    SourceSpan name_span;
    std::string derivative;      // of a differential equation: the derivative as it is called in `left`
    std::optional<Syntax> left;  // of a differential equation
    std::optional<Syntax> value;
    std::optional<Syntax> initial, minimum, maximum;
    ValueType type = ValueType::real;
    bool population = false;  // one value for all neurons
    std::optional<Update::Method> method;
    SourceSpan method_span;
};

inline constexpr std::size_t most_annarchy_definitions = 10'000;

// All throw ModelError. Names are checked against reserved names and each other, but for the variables of a reset.
[[nodiscard]] std::vector<AnnarchyDefinition> parse_annarchy_parameters(const SourceText& source);
[[nodiscard]] std::vector<AnnarchyDefinition> parse_annarchy_equations(const SourceText& source);
[[nodiscard]] std::vector<AnnarchyDefinition> parse_annarchy_reset(const SourceText& source);
[[nodiscard]] std::vector<AnnarchyFunction> parse_annarchy_functions(const SourceText& source);

// "explicit", "implicit", "semiimplicit", "exponential", "midpoint", "rk4" and older names of these.
[[nodiscard]] std::optional<Update::Method> find_annarchy_method(std::string_view name);
[[nodiscard]] const std::vector<std::string>& annarchy_method_names();

}  // namespace spikesmith::lang
