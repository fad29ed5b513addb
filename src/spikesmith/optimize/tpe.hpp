// Tree-structured Parzen estimator (TPE): each parameter is drawn where good points are dense and others are rare.
//
// Good at: some hundred evaluations, parameters that act independently of each other, errors with noise or steps; it takes
// almost no time. Not for: correlated parameters (each is chosen for itself) or precise minima: Bayesian optimisation, CMA
// and differential evolution end lower.
//
//   J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl: Algorithms for hyper-parameter optimization. NeurIPS (2011)
//   J. Bergstra, D. Yamins, D. Cox: Making a science of model search. ICML (2013)
//
// Of n told points the min(ceil(gamma*sqrt(n)), 25) best are good. Per parameter, the densities l of the good and g of the
// other points are Parzen estimators (parzen.hpp); of `n_EI_candidates` numbers drawn from l the one with the largest l/g
// is taken. Settings and defaults are those of hyperopt. Unlike there, the first points are a Sobol sequence, failed points
// are not forgotten but count as bad, and open points count as bad too, so that a batch spreads.
#pragma once

#include <cstddef>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

struct TpeOptions {
    std::size_t n_startup_jobs = 20;     // points of the Sobol sequence before the first estimate, at least 1
    std::size_t n_EI_candidates = 24;    // in [1, 10000]; more: greedier
    double gamma = 0.25;                 // positive: how many points count as good
    double prior_weight = 1;             // positive: of the wide component; more: explores more
    std::size_t linear_forgetting = 25;  // good and bad points, each: older ones than so many weigh less, at least 1
    std::size_t max_points = 500;        // bad points that are used, the latest, at least 10

    friend bool operator==(const TpeOptions&, const TpeOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice tpe(TpeOptions options = {});

void visit_fields(OptionVisitor& visit, TpeOptions& options);

}  // namespace spikesmith
