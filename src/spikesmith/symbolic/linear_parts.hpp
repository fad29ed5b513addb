// The linear part of an expression, as the implicit and the exponential methods need it. A conditional at the top
// (`select(condition, a, b)`) is taken apart branch by branch; conditions deeper inside are part of what they stand in.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith {

// The expression is sum_k coefficients[k]*symbols[k] + rest.
struct LinearParts {
    std::vector<Expression> coefficients;
    Expression rest;
};

// Coefficients and rest free of all the symbols; nothing if the expression is not affine in them.
[[nodiscard]] std::optional<LinearParts> linear_parts(const Expression& expression,
                                                      std::span<const std::string> symbols);

// The same for one symbol that may also stand in functions (exp(x), x/(1 + x)): what multiplies the symbol is its coefficient,
// other terms are the rest, and both may contain the symbol. Nothing if there are other powers, or no linear term to go with
// a rest that contains the symbol.
[[nodiscard]] std::optional<LinearParts> relaxation_parts(const Expression& expression, const std::string& symbol);

}  // namespace spikesmith
