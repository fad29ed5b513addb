// Names, types and dimensions of an expression: the check that every expression passes before it becomes a number to compute.
//
// Done on the text as written, so that errors show the sub-expression that is wrong. Rules:
//   * `+`, `-`, `%`, `//` and comparisons need operands of one dimension; a literal 0 has any;
//   * the exponent of a quantity with a dimension is a constant;
//   * comparisons and logic give booleans; they are no numbers (`int(...)` makes one), boolean variables count as 0 and 1;
//   * noise enters differential equations only; the special names exist where they have a meaning.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "spikesmith/lang/symbols.hpp"
#include "spikesmith/lang/syntax.hpp"

namespace spikesmith::lang {

// Where an expression stands: its text, the words for it in errors, and what it may read.
struct Place {
    const SourceText* source = nullptr;
    std::string where;  // "the equation of `v`"
    enum class Kind {
        differential_equation,
        subexpression,
        threshold,
        reset,
        refractory,
        constant,
        initial_value
    } kind = Kind::subexpression;
    bool stored = false;         // a subexpression that is constant over dt: may draw random numbers
    bool shared = false;         // may only read what is the same for all neurons
    bool has_refractory = true;  // whether `not_refractory` and `lastspike` exist
};

struct Checked {
    Dimension dimension;
    ValueType type = ValueType::real;
    bool any_dimension = false;  // a literal 0
    bool logical = false;        // a comparison or a logical operation: no number
};

// Throws ModelError (names, types) and UnitError (dimensions).
[[nodiscard]] Checked check(const Syntax& syntax, const SymbolTable& symbols, const Place& place);

// Throws unless a checked value can be stored in a variable of that dimension and type. `target` names it in errors ("`v`").
void check_fits(const Syntax& syntax, const Checked& value, const VariableUnit& wanted, const std::string& target,
                const Place& place);

// Throws unless the value can be the derivative of a state of that dimension.
void check_derivative(const Syntax& syntax, const Checked& value, const Dimension& state, const std::string& name,
                      const Place& place);

// Throws unless the value is boolean. `hint` says what would be.
void require_boolean(const Syntax& syntax, const Checked& value, const std::string& what, const Place& place,
                     const std::string& hint);

// The dimension that the input must have for the dimensions of the expression to agree, if the expression tells.
// `result` is the dimension of the whole, if known.
[[nodiscard]] std::optional<Dimension> infer_dimension(const Syntax& syntax, const SymbolTable& symbols,
                                                       const std::string& input, std::optional<Dimension> result);

// "volt", or "no unit".
[[nodiscard]] std::string in_words(const Dimension& dimension);

// `xi`, or `xi_` and more.
[[nodiscard]] bool is_noise(std::string_view name);

}  // namespace spikesmith::lang
