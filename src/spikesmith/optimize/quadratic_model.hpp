// A quadratic model of the error near the best point, fitted to all that was evaluated there, and minimised in a trust
// region: for small budgets.
//
// Good at: smooth errors, some 100 to 1000 evaluations, up to 20 parameters: an error that is a quadratic function of
// the parameters is solved as soon as (d + 1)*(d + 2)/2 points are known. Not for: errors with jumps, many minima,
// more than some 1000 evaluations (CMA-ES, quasi_newton).
//
// A batch holds the minima of the model in trust regions of several sizes, and points around the one that the model
// trusts most, which the next model needs. With few points the model changes as little as its data allow (in the
// Frobenius norm of its matrix); beyond `full_dimensions` parameters it has no mixed terms. When steps gain nothing
// the region shrinks; when that gains nothing the search ends and others start elsewhere.
//
//   M. J. D. Powell: NEWUOA (2006), BOBYQA (2009): least-change models, trust region with bounds
//   N. Hansen: A global surrogate assisted CMA-ES. GECCO (2019) 664-672: quadratic regression on the points at hand
#pragma once

#include <cstddef>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"
#include "spikesmith/optimize/sequential.hpp"

namespace spikesmith {

struct QuadraticModelOptions {
    double radius = 0.2;               // of the first trust region, as a share of the box; in (0, 0.5]
    std::size_t full_dimensions = 22;  // largest number of parameters whose mixed terms are fitted
    double tolerance = 1e-9;           // relative gain below which three batches in a row end a search; in [0, 1)

    friend bool operator==(const QuadraticModelOptions&, const QuadraticModelOptions&) = default;
};

// Throws ConfigError for options out of range.
[[nodiscard]] OptimizerChoice quadratic_model(QuadraticModelOptions options = {});

void visit_fields(OptionVisitor& visit, QuadraticModelOptions& options);

// One search, for other methods to build on.
[[nodiscard]] Search quadratic_model_search(SearchStart start, QuadraticModelOptions options);

}  // namespace spikesmith
