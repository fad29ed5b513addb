// Differential evolution: a population of points; each is challenged by a mixture of others and gives way to a better one.
//
// Good at: 2 to 20 parameters, errors with several minima, batches of 30 to some 1000 points. Not for: a few dozen
// evaluations in all, or strongly correlated parameters in many dimensions.
//
//   R. Storn, K. Price: Differential evolution. J. Global Optimization 11 (1997) 341-359: the method; rand/1, best/1
//   J. Zhang, A. Sanderson: JADE. IEEE Trans. Evol. Comput. 13 (2009) 945-958: current-to-pbest/1, archive
//   R. Tanabe, A. Fukunaga: Success-history based parameter adaptation. CEC (2013) 71-78: adapted F and CR
//
// The default is rand-to-best/1/bin with F and CR adapted by success history. Unlike SHADE the history starts at CR = 0.9,
// since the parameters of a neuron act together.
//
// A generation of points is made from one state of the population: the fewest whole batches that are half the population
// or more.
// A generation may be asked and told in any parts. Who asks for more points gets those of the following generations, made
// from what is known then.
//
// Success histories weigh an improvement by the ranks that it gains instead of its size, so only the order of errors
// counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/optimize/evolution.hpp"
#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

// How a donor is made; x: the parent, a b c: random members, best: the best member, p: one of the best `p_best` share.
enum class DonorRule : std::uint8_t {
    rand_1,              // a + F*(b - c)
    best_1,              // best + F*(a - b)
    current_to_best_1,   // x + F*(best - x) + F*(a - b)
    rand_to_best_1,      // a + F*(best - a) + F*(b - c)
    current_to_pbest_1,  // x + F*(p - x) + F*(a - b), b also from the archive of replaced parents
};

// How the first population is spread; see designs.hpp.
enum class InitialDesign : std::uint8_t {
    latin_hypercube,
    maximin,  // a Latin hypercube whose points keep their distance
    uniform,
    sobol,
    halton,
    hammersley,      // the first coordinate in equal steps, the others as Halton's
    quasi_opposite,  // each random point is followed by one between the centre and its mirror image (Rahnamayan 2007)
};

struct DifferentialEvolutionOptions {
    DonorRule donor = DonorRule::rand_to_best_1;
    std::size_t population = 0;    // at least 5; 0: the batch, but at least 20 + 2*dimension
    std::optional<double> weight;  // F, in (0, 2]; absent: adapted by success history
    double weight_dither = 0;      // F is drawn uniformly from [weight - dither, weight + dither] for each point
    std::optional<double> crossover_rate;  // CR, in [0, 1]: share of coordinates taken from the donor; absent: adapted
    double p_best = 0.11;    // of current_to_pbest_1: share of the population, in (0, 1]; at least 2 members
    double archive = 1.0;    // of current_to_pbest_1: size relative to the population; 0: none
    std::size_t memory = 6;  // length of the success history
    Crossover crossover = Crossover::binomial;
    BoundRule bounds = BoundRule::midpoint;
    InitialDesign initial = InitialDesign::latin_hypercube;
    std::vector<std::vector<double>> start;  // points of the unit cube that replace the first of the initial design

    friend bool operator==(const DifferentialEvolutionOptions&, const DifferentialEvolutionOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice differential_evolution(DifferentialEvolutionOptions options = {});

void visit_fields(OptionVisitor& visit, DifferentialEvolutionOptions& options);  // all but `start`

}  // namespace spikesmith
