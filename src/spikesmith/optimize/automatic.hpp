// The default: several methods side by side, each for the part of a search that it is good at.
//
// Good at: errors of which nothing is known; any number of parameters, any batch. Not for: several errors per point
// whose front is wanted (nsga2.hpp); a method made for a known kind of error beats it by the share that the others get;
// narrow valleys full of ripples, such as the squared difference of long spike trains, where the descents win often and
// little (differential_evolution.hpp).
//
// It runs
//   * an explorer, CMA-ES: robust against rough errors and failures, learns correlations; with 25 and more points per
//     parameter in a batch differential evolution, which such batches let look at many minima at once;
//   * descents, basin hopping over quasi-Newton: start from the best that the explorer has found, and again whenever it
//     finds better; precise within some dozen rounds where the error is smooth, and hop on from minimum to minimum;
//   * in short searches of few parameters, for the first points, an opening: a Gaussian process, which finds the right
//     region with the fewest points but costs about a millisecond for each.
//
// Descents get a share of the points, within each batch if it is large enough, else by turns whole batches. The share
// starts small and follows success: how often, of late, a part of the search found a new best point for the points that
// it got. So rough errors and failures leave the descents little, smooth valleys give them most. In short searches the
// explorer is told what the descents find; in long ones it keeps its own opinion, for errors with several minima.
//
// What is asked within one planned batch is made from what is known when its first point is asked for, so a batch may
// be asked and told in any parts. Unknown batch: each ask is one. Only the order of errors counts between the parts.
//
//   C. Rice: The algorithm selection problem. Advances in Computers 15 (1976) 65-118
//   P. Baudis, P. Posik: Online black-box algorithm portfolios for continuous optimization. PPSN XIII (2014) 40-49
// and the papers in cma_es.hpp, basin_hopping.hpp, quasi_newton.hpp and bayesian.hpp.
#pragma once

#include <cstddef>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

struct AutomaticOptions {
    double local_share = 0.15;  // of the points that descents get at first, in (0, 1); later between 0.1 and 0.8
    std::size_t opening = 200;  // points of the opening, all of searches up to twice as long; 0: no opening
    std::size_t opening_dimensions = 6;  // parameters up to which there is one
    std::size_t opening_budget = 2000;   // evaluations, as planned, up to which there is one

    friend bool operator==(const AutomaticOptions&, const AutomaticOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice automatic(AutomaticOptions options = {});

void visit_fields(OptionVisitor& visit, AutomaticOptions& options);

}  // namespace spikesmith
