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
// A generation is `population` points. Its points are all made from the population at the end of the generation before,
// so a generation may be asked and told in any parts. Who asks for more points than a generation holds gets points of the
// following generations, made from what is known then.
//
// Success histories weigh an improvement by the ranks that it gains instead of its size, so only the order of errors counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith {

// How a donor is made; x: the parent, a b c: random members, best: the best member, p: one of the best `p_best` share.
enum class DonorRule : std::uint8_t {
    rand_1,              // a + F*(b - c)
    best_1,              // best + F*(a - b)
    current_to_best_1,   // x + F*(best - x) + F*(a - b)
    rand_to_best_1,      // a + F*(best - a) + F*(b - c)
    current_to_pbest_1,  // x + F*(p - x) + F*(a - b), b also from the archive of replaced parents
};

// A coordinate that leaves the unit interval.
enum class BoundRule : std::uint8_t {
    midpoint,  // goes half the way from the parent to the bound
    reflect,   // is mirrored at the bound, as often as needed
};

enum class InitialDesign : std::uint8_t {
    latin_hypercube,  // McKay, Beckman, Conover (1979), within each block of `population` points
    uniform,
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
    BoundRule bounds = BoundRule::midpoint;
    InitialDesign initial = InitialDesign::latin_hypercube;
    std::vector<std::vector<double>> start;  // points of the unit cube that replace the first of the initial design

    friend bool operator==(const DifferentialEvolutionOptions&, const DifferentialEvolutionOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice differential_evolution(DifferentialEvolutionOptions options = {});

// "rand/1", "best/1", "current-to-best/1", "rand-to-best/1", "current-to-pbest/1". Throws ConfigError with a hint.
[[nodiscard]] DonorRule parse_donor_rule(std::string_view text);
[[nodiscard]] std::string_view donor_rule_name(DonorRule rule);
// "midpoint", "reflect". Throws ConfigError with a hint.
[[nodiscard]] BoundRule parse_bound_rule(std::string_view text);
[[nodiscard]] std::string_view bound_rule_name(BoundRule rule);
// "latin_hypercube", "uniform". Throws ConfigError with a hint.
[[nodiscard]] InitialDesign parse_initial_design(std::string_view text);
[[nodiscard]] std::string_view initial_design_name(InitialDesign design);

}  // namespace spikesmith
