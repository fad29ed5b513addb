// Tree-structured Parzen estimator (TPE): points are drawn where good points are dense and others are rare.
//
// Good at: some hundred evaluations, errors with noise or steps; it takes a fraction of a millisecond per point. Not for:
// precise minima: Bayesian optimisation, CMA and differential evolution end lower.
//
//   J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl: Algorithms for hyper-parameter optimization. NeurIPS (2011)
//   J. Bergstra, D. Yamins, D. Cox: Making a science of model search. ICML (2013)
//   S. Falkner, A. Klein, F. Hutter: BOHB: robust and efficient hyperparameter optimization at scale. ICML (2018): all parameters
//   in one density, so that those that belong together stay together
//   S. Watanabe: Tree-structured Parzen estimator: understanding its algorithm components and their roles for better
//   empirical performance. arXiv:2304.11127 (2023): what each setting does; better points weigh more, the smallest width
//
// The best of the told points are good. l is the density of the good points and g that of the others, Parzen estimators
// (parzen.hpp); of `n_EI_candidates` points drawn from l the one with the largest l/g is taken.
//
// Unlike hyperopt's, this one
//   * takes a tenth of the points as good instead of a quarter of the root of their number, and lets the better of them
//     weigh more: by rank, as in CMA-ES, where Watanabe weighs by improvement, so that only the order of errors counts;
//   * draws whole points from mixtures in all parameters, instead of choosing each parameter for itself;
//   * makes no component narrower than 0.03 of the range, instead of 1/(n + 2) of it for few points n, which keeps a dozen
//     good points from ever being told apart;
//   * begins with 10 points of a Sobol sequence instead of 20 random ones;
//   * keeps failed points as bad instead of forgetting them, and takes open points as bad, so that a batch spreads.
// `classic_tpe()`, by name "ClassicTPE", follows hyperopt in all of these. Medians of both and of hyperopt: docs/optimizers.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

// How many of n points are good; never more than 25.
enum class TpeSplit : std::uint8_t {
    share,  // ceil(gamma*n)
    root,   // ceil(gamma*sqrt(n))
};
[[nodiscard]] std::size_t tpe_good_points(TpeSplit split, double gamma, std::size_t n);

enum class TpeStart : std::uint8_t { sobol, random };

// What points mean whose error is not finite, or not told yet.
enum class TpeUnknown : std::uint8_t { bad, ignored };

// How much each of m good points weighs.
enum class TpeWeights : std::uint8_t {
    rank,   // the k-th best in proportion to ln(m + 1/2) - ln(k)
    equal,  // all the same
};

struct TpeOptions {
    std::size_t n_startup_jobs = 10;  // points before the first estimate, at least 1
    TpeStart start = TpeStart::sobol;
    std::size_t n_EI_candidates = 24;  // in [1, 10000]; more: greedier
    TpeSplit split = TpeSplit::share;
    std::optional<double> gamma{};  // positive: how many points count as good; absent: 0.1, for `root` 0.25
    TpeWeights weights = TpeWeights::rank;
    double narrowest = 0.03;             // smallest width of a component, below 1; 0: 1/min(100, n + 2) of n points
    bool joint = true;                   // one density of all parameters instead of one for each
    double prior_weight = 1;             // positive: of the wide component; more: explores more
    std::size_t linear_forgetting = 25;  // good and bad points, each: older ones than so many weigh less, at least 1
    std::size_t max_points = 500;        // bad points that are used, the latest, at least 10
    TpeUnknown unknown = TpeUnknown::bad;

    friend bool operator==(const TpeOptions&, const TpeOptions&) = default;
};

// As hyperopt 0.3 does it.
[[nodiscard]] TpeOptions classic_tpe();

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice tpe(TpeOptions options = {});

void visit_fields(OptionVisitor& visit, TpeOptions& options);

}  // namespace spikesmith
