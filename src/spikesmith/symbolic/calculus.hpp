// What integration methods ask of an expression: derivatives, linearity, polynomial coefficients, stable rewriting.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith {

// d expression / d symbol, lightly simplified. `floor`, `sign`, comparisons and the like have derivative 0; `abs`, `minimum`,
// `maximum`, `select` are differentiated branch by branch. Random draws are constants.
[[nodiscard]] Expression differentiate(const Expression& expression, const std::string& symbol);

// The expression expanded as a polynomial in `symbol`: power -> coefficient. Occurrences that are not polynomial (exp(v),
// 1/v, clip(v, 0, 1), ...) stay inside the coefficients, so sum_k coefficient_k * symbol**k is always the expression.
// Nothing if the degree would exceed `max_degree`.
using Polynomial = std::map<int, Expression>;
[[nodiscard]] std::optional<Polynomial> polynomial_in(const Expression& expression, const std::string& symbol,
                                                      int max_degree = 16);

// Rows of M and B if the expressions are jointly affine, e_i = sum_j M_ij * s_j + B_i, with M and B free of the symbols.
struct AffineSystem {
    std::vector<std::vector<Expression>> matrix;
    std::vector<Expression> offset;
};
[[nodiscard]] std::optional<AffineSystem> affine_in(std::span<const Expression> expressions,
                                                    std::span<const std::string> symbols);

// Rewrites that avoid cancellation and 0/0 and save work:
//   k*x/(exp(c*x) - 1), k*x/(1 - exp(c*x)) and relatives -> (k/c) * x_over_expm1(c*x);   (exp(x) - 1)/x -> exprel(x);
//   exp(x) - 1 -> expm1(x);   log(1 + x) -> log1p(x).  x may be any affine expression.
[[nodiscard]] Expression stabilise(const Expression& expression);

}  // namespace spikesmith
