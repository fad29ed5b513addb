// NSGA-II: searches a Pareto front; survivors are the points that fewest others dominate, among equals the least crowded.
//
// Good at: 2 or 3 errors per point, batches of 20 and more, fronts that should be covered evenly from end to end. Not for:
// more than 3 errors, where nearly all points are non-dominated (use IBEA), or one error (it works, but CMA-ES and
// differential evolution are better). It may lose a part of a disconnected front for good (3 of 20 runs on ZDT3, where
// IBEA lost none).
//
//   K. Deb, A. Pratap, S. Agarwal, T. Meyarivan: A fast and elitist multiobjective genetic algorithm: NSGA-II.
//   IEEE Trans. Evol. Comput. 6 (2002) 182-197; the defaults are those of its section IV
#pragma once

#include <cstddef>
#include <optional>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

struct NSGA2Options {
    std::size_t population =
        0;  // at least 4; 0: the batch, but at least 100; a tenth of the evaluations, at least 20, if
            // there are fewer than 1000
    std::size_t offspring = 0;  // points per generation; 0: the population
    std::size_t tournament = 2;
    double crossover_rate = 0.9;
    double crossover_index = 20;          // eta of simulated binary crossover
    std::optional<double> mutation_rate;  // of each coordinate; absent: 1/dimension
    double mutation_index = 20;           // eta of polynomial mutation
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice nsga2(const NSGA2Options& options = {});

void visit_fields(OptionVisitor& visit, NSGA2Options& options);

}  // namespace spikesmith
