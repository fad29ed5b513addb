// Quasi-Newton with bounds: gradients from differences, a quadratic model that learns from them, steps along a line.
//
// Good at: smooth errors, also badly scaled and correlated ones; polishing what another method found. Differences start
// wide (a tenth of the box) and narrow as the steps do, so small ripples do not stop it. Not for: errors with jumps
// (spike counts), or many deep minima.
//
// Each step minimises the quadratic model within the bounds (active set), which for bound constraints alone is
// sequential quadratic programming: names such as SQP, SLSQP, BFGS and L-BFGS-B of other libraries mean this method.
// The model's matrix is dense: a gradient costs at least as many evaluations as there are parameters, beside which its
// arithmetic does not count up to some 1000 parameters.
//
// One batch holds the points along the line and the differences around the point where a full step would end. A batch
// with more room runs further searches from other starts; so does the time after a search has converged.
//
// Evaluations may fail by chance or in regions. Failed differences are evaluated again from almost the same distance, then
// much closer and on the other side; a step whose end failed ends just before. That costs a search batches, but hardly
// more evaluations than failed, so that as many searches are completed. A search in a hurry (SearchStart::hasty: the first
// of an optimiser) has the substitutes in the batch of those that may fail, as far as it holds them.
//
//   J. Nocedal, S. Wright: Numerical Optimization, 2nd ed. (2006): 6 (BFGS), 16.5 (active set), 18.3 (damped update)
//   C. T. Kelley: Implicit Filtering (2011): differences whose width follows the progress
#pragma once

#include <functional>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"
#include "spikesmith/optimize/sequential.hpp"

namespace spikesmith {

struct QuasiNewtonOptions {
    double first_difference = 0.1;  // width of the first differences, as a share of the box; in (0, 0.5]
    double tolerance = 1e-9;        // relative gain below which three steps in a row end a search; in [0, 1)

    friend bool operator==(const QuasiNewtonOptions&, const QuasiNewtonOptions&) = default;
};

// Throws ConfigError for options out of range.
[[nodiscard]] OptimizerChoice quasi_newton(QuasiNewtonOptions options = {});

void visit_fields(OptionVisitor& visit, QuasiNewtonOptions& options);

// One search, for other methods to build on. `options.first_difference` is the scale on which the error varies near the
// start: 0.1 for anywhere, the distance to the minimum for polishing.
[[nodiscard]] Search quasi_newton_search(SearchStart start, QuasiNewtonOptions options);

// The same model with gradients of the caller's (Request::gradients) instead of differences, so that a step costs a few evaluations
// for any number of parameters: a batch holds the full step, two shorter ones and a longer one, each with its gradient. For smooth errors;
// ends at a start whose error is not finite. `options.first_difference` is the length of the first step.
[[nodiscard]] Search gradient_search(SearchStart start, QuasiNewtonOptions options);

// One of the two.
using LocalSearch = std::function<Search(SearchStart, QuasiNewtonOptions)>;

}  // namespace spikesmith
