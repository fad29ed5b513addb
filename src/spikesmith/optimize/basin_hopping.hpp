// Basin hopping: local searches in a row, each from a random hop away from the minimum that was kept.
//
// Good at: smooth errors with many minima that lie in an order (a large trend with ripples), some 1000 evaluations and
// more. Not for: errors with jumps; deep minima far from each other (CMA-ES with restarts, differential evolution).
//
// The local search is quasi_newton, with differences or with gradients. A worse minimum replaces the kept one with the probability
// exp(-increase/(temperature*typical)), where `typical` is the mean difference of errors between minima of the chain so
// far: no error has a unit here. Hops become longer when most are accepted and shorter when few are. A batch holds as
// many chains as it has room for; a chain without progress ends and another starts elsewhere.
//
//   D. J. Wales, J. P. K. Doye: Global optimization by basin-hopping. J. Phys. Chem. A 101 (1997) 5111-5116
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"
#include "spikesmith/optimize/quasi_newton.hpp"
#include "spikesmith/optimize/sequential.hpp"

namespace spikesmith {

struct BasinHoppingOptions {
    double hop = 0.2;               // largest change of a coordinate at first, as a share of the box; in (0, 1]
    double share = 0.3;             // probability that a coordinate changes (at least one does); in (0, 1]
    double temperature = 0.5;       // 0: never keep a worse minimum
    double first_difference = 0.1;  // of the local searches (quasi_newton); in (0, 0.5]
    double tolerance = 1e-6;        // relative gain below which a local search ends; in [0, 1)
    std::size_t patience = 50;      // hops without progress that end a chain; at least 1

    friend bool operator==(const BasinHoppingOptions&, const BasinHoppingOptions&) = default;
};

// Throws ConfigError for options out of range.
[[nodiscard]] OptimizerChoice basin_hopping(BasinHoppingOptions options = {});

void visit_fields(OptionVisitor& visit, BasinHoppingOptions& options);

// A point found elsewhere whose error is below `error`, if there is one that nobody has started from.
struct BetterStart {
    Recommendation place;
    double scale = 0.1;  // on which the error varies around it: the first difference of a local search
};
using FindBetter = std::function<std::optional<BetterStart>(double error)>;

// One chain of local searches, for other methods to build on. Whenever `find_better` (may be empty) knows a point that is better than
// all of its present descent, the chain goes on from there.
[[nodiscard]] Search basin_hopping_search(SearchStart start, BasinHoppingOptions options, FindBetter find_better = {},
                                          LocalSearch local_search = quasi_newton_search);

}  // namespace spikesmith
