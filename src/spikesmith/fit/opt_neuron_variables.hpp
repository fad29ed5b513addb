// The entries of `variables_bounds` of an OptNeuron: what is searched, what is constant, and what follows from the others.
//
// Expressions are read name by name, in the grammar and with the functions of ANNarchy's language (docs/annarchy.md), so an entry
// `x` has nothing to do with the `x` in `exp(x)` or an entry `e` with that of `1e-3`. Besides `if c: a else: b` they may have Python's
// `a if c else b`, and numpy's functions with the prefix `np.`. They may use every other entry, in any order.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/optimize/parameter_space.hpp"
#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith {

// One entry: exactly one of bounds, value, expression.
struct OptVariable {
    std::string name{};  // parameter, state (its initial value), or a helper of expressions
    std::optional<std::pair<double, double>> bounds{};  // in any order
    std::optional<double> value{};
    std::string expression{};
    Scale scale = Scale::linear;
    bool integer = false;  // whole numbers only
    // With bounds: where the value probably is, in any order. The first evaluations are spread over these boxes.
    std::optional<std::pair<double, double>> guess{};
};

class OptVariables {
  public:
    // `widened`: the search may leave the bounds, by their distance to each side. Throws ConfigError for entries that are doubled, have
    // none or two of bounds, value and expression, or bounds that are none; ModelError, with a caret, for expressions that cannot be read
    // or name what is no entry; ConfigError for expressions in a circle.
    explicit OptVariables(std::vector<OptVariable> given, bool widened = false);

    [[nodiscard]] const std::vector<OptVariable>& given() const { return given_; }
    [[nodiscard]] std::size_t size() const { return given_.size(); }
    [[nodiscard]] const std::vector<std::string>& fitted() const { return fitted_; }  // names, in the order given
    [[nodiscard]] const ParameterSpace& space() const { return space_; }              // of those fitted

    // Values of all entries, in the order given, from those fitted. What an expression does not define is NaN.
    [[nodiscard]] std::vector<double> complete(std::span<const double> fitted) const;

    // Low and high corner of the guesses in the unit cube (the whole cube along variables without); empty if there are none.
    [[nodiscard]] std::vector<std::pair<double, double>> guessed_box() const;

  private:
    std::vector<OptVariable> given_;
    std::vector<std::string> fitted_;
    std::vector<Expression> expressions_;  // per entry; meaningful for those that have one
    std::vector<std::size_t> order_;       // entries with expressions, each after those that it needs
    ParameterSpace space_;
};

}  // namespace spikesmith
