// L-SHADE and jSO: differential evolution that adapts F and CR and lets its population shrink to the end of the search.
//
// Good at: long searches of known length (1000 times the number of parameters and more) with several minima. Not for:
// searches that may be stopped early or of unknown length; there `differential_evolution` is better.
//
//   R. Tanabe, A. Fukunaga: Improving the search performance of SHADE using linear population size reduction. CEC (2014)
//   J. Brest, M. Maucec, B. Boskovic: Single objective real-parameter optimization: algorithm jSO. CEC (2017) 1311-1318
//
// Trials are x + Fw*(p - x) + F*(a - b); x: the parent, p: one of the best, a: a random member, b: a random or archived
// one. L-SHADE has Fw = F and fixed shares; jSO lets Fw grow from 0.7*F to 1.2*F, the share of the best shrink from 25 to
// 12.5 %, and bounds F and CR in the beginning.
//
// The length is `horizon`, else the planned batches * rounds, else 2000 * dimension evaluations. Who goes on after that gets
// another search, twice as long, that keeps the best point.
//
// Differences to the papers: improvements are weighted by the ranks that they gain instead of their size, so only the
// order of errors counts; a generation consists of whole batches (about half the population or more), so that answers are
// used at once; in short searches the first population is smaller (a fifteenth of the length, but at least 20).
#pragma once

#include <cstddef>
#include <cstdint>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

enum class ShadeVariant : std::uint8_t { l_shade, jso };

struct ShadeOptions {
    ShadeVariant variant = ShadeVariant::jso;
    std::size_t population = 0;           // at the start, at least 5; 0: L-SHADE 18 d, jSO 25 ln(d) sqrt(d), see above
    std::size_t smallest_population = 4;  // at the end, at least 4
    std::size_t horizon = 0;              // evaluations; 0: see above
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice shade(ShadeOptions options = {});

void visit_fields(OptionVisitor& visit, ShadeOptions& options);

}  // namespace spikesmith
