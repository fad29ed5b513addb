// Nelder-Mead: a simplex of points that reflects, stretches and shrinks its way downhill. No gradients.
//
// Beside the moves of the simplex each step tries the minimum of a quadratic through the latest points (Nelder and Mead
// fit one at the end), which speeds up the last part by far; `quadratic = false` leaves it out.
//
// Good at: up to some 10 parameters, errors with kinks and small jumps, little memory of anything. Not for: many
// parameters (quasi_newton where the error is smooth, CMA-ES where it is not).
//
// The classic method moves one vertex at a time, one evaluation after the other. Here several of the worst vertices
// move at once, and the points of all outcomes of a move (reflection, expansion, both contractions) are evaluated
// together, so a batch is a whole step. Expansion and contraction depend on the number of parameters. A simplex that
// has collapsed is rebuilt at its best vertex; if that gains nothing the search ends, and others start elsewhere.
//
//   J. Nelder, R. Mead: A simplex method for function minimization. Computer J. 7 (1965) 308-313
//   F. Gao, L. Han: Implementing the Nelder-Mead simplex algorithm with adaptive parameters. Comput. Optim. Appl. 51
//   (2012) 259-277
//   D. Lee, M. Wiswall: A parallel implementation of the simplex function minimization routine. Comput. Econ. 30 (2007)
//   171-187
#pragma once

#include <cstddef>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"
#include "spikesmith/optimize/sequential.hpp"

namespace spikesmith {

struct NelderMeadOptions {
    double edge = 0.2;  // of the first simplex, as a share of the box; in (0, 0.5]
    // That move at once, at most one per parameter; 0: a quarter of the batch, but at most half the parameters.
    std::size_t vertices = 0;
    bool quadratic = true;     // try the minimum of a quadratic, up to 12 parameters
    double tolerance = 1e-13;  // a simplex whose errors agree to this share has collapsed; in [0, 1)

    friend bool operator==(const NelderMeadOptions&, const NelderMeadOptions&) = default;
};

// Throws ConfigError for options out of range.
[[nodiscard]] OptimizerChoice nelder_mead(NelderMeadOptions options = {});

void visit_fields(OptionVisitor& visit, NelderMeadOptions& options);

// One search, for other methods to build on.
[[nodiscard]] Search nelder_mead_search(SearchStart start, NelderMeadOptions options);

}  // namespace spikesmith
