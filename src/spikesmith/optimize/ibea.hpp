// IBEA: searches a Pareto front; survivors are the points whose loss would hurt the front most, by an indicator.
//
// Good at: two to many errors per point; the default of BluePyOpt, whose users fit neurons to many features at once. Not
// for: fronts that must be covered evenly to their ends (NSGA-II, two errors), or one error.
//
//   E. Zitzler, S. Kuenzli: Indicator-based selection in multiobjective search. PPSN VIII, LNCS 3242 (2004) 832-842
//
// The adaptive variant with the additive epsilon indicator: errors are scaled to [0, 1] over the candidates, the fitness of x
// is -sum over the others y of exp(-I(y, x)/(c*kappa)) with I(y, x) = max over errors (y - x) and c = max |I|, and the least
// fit is removed, and the rest updated, until the population is left. The defaults are those of BluePyOpt but for the
// size of the population, which there is 10 offspring at a time.
#pragma once

#include <cstddef>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

struct IBEAOptions {
    std::size_t population = 0;  // as NSGA2Options
    std::size_t offspring = 0;   // points per generation; 0: the population
    std::size_t tournament = 4;
    double kappa = 0.05;  // > 0; smaller: only the nearest rival counts
    double crossover_rate = 1;
    double crossover_index = 10;
    double mutation_rate = 0.5;  // of each coordinate
    double mutation_index = 10;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice ibea(const IBEAOptions& options = {});

void visit_fields(OptionVisitor& visit, IBEAOptions& options);

}  // namespace spikesmith
