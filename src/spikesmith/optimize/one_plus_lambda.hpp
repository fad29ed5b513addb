// (1+lambda) evolution strategy: random steps from the best point so far, whose length follows the rate of success.
//
// Good at: a first look at a problem from a known guess, few evaluations, refining a fit. Not for: correlated parameters,
// or several minima that differ in many parameters at once (cma_es.hpp).
//
//   I. Rechenberg: Evolutionsstrategie. Frommann-Holzboog (1973): one parent, the success rule
//   C. Igel, N. Hansen, S. Roth: Covariance matrix adaptation for multi-objective optimization. Evol. Comput. 15 (2007)
//   1-28, section 2.1: the rule for lambda offspring
//   B. Doerr, H. P. Le, R. Makhmara, T. D. Nguyen: Fast genetic algorithms. GECCO (2017) 777-784: the power law of leaps
//   X. Yao, Y. Liu: Fast evolution strategies. EP VI (1997) 151-161: Cauchy steps
//
// Some offspring leap: they change few of the parent's coordinates (k of them with a probability proportional to k^-1.5)
// by a random length between 1/30 and 1/3 of the bounds' distance, whatever the step size. So a search leaves small
// valleys. The step size follows the other offspring, and returns to the first one when it has shrunk to a hundredth
// since a step last was better.
//
// A generation is a batch; its offspring have the same parent and step size, so a batch may be asked and told in any
// parts. Late answers and foreign points become the parent if they are better. Only the order of errors counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

enum class Mutation : std::uint8_t {
    gaussian,
    cauchy,  // some steps are very long: leaves small valleys, but is slower near the minimum
};

struct OnePlusLambdaOptions {
    std::size_t offspring = 0;  // lambda; 0: the batch
    double step = 1.0 / 6;      // first standard deviation as a share of the bounds' distance, in (0, 1]
    Mutation mutation = Mutation::gaussian;
    double leaps = 0.2;         // share of offspring that leap, in [0, 1)
    std::vector<double> start;  // in the unit cube; empty: the middle. It is the first point asked for

    friend bool operator==(const OnePlusLambdaOptions&, const OnePlusLambdaOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice one_plus_lambda(OnePlusLambdaOptions options = {});

void visit_fields(OptionVisitor& visit, OnePlusLambdaOptions& options);  // all but `start`

}  // namespace spikesmith
