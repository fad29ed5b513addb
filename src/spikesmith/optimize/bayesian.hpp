// Bayesian optimisation: a cheap model of the error, fitted to all that was told, chooses the points worth simulating.
//
// Good at: costly simulations, 20 to some 500 evaluations in all, up to about 10 parameters (20 with a trust region). Not
// for: thousands of evaluations or large batches, where CMA or differential evolution need no model and end lower.
//
//   D. Jones, M. Schonlau, W. Welch: Efficient global optimization. J. Global Optimization 13 (1998) 455-492
//   J. Snoek, H. Larochelle, R. Adams: Practical Bayesian optimization. NeurIPS (2012)
//   D. Ginsbourger, R. Le Riche, L. Carraro: Kriging is well-suited to parallelize optimization (2010): batches
//   D. Eriksson et al.: Scalable global optimization via local Bayesian optimization. NeurIPS (2019): trust region (TuRBO)
//
// The first `n_initial_points`, and all further points that are asked before so many errors are known, come from a
// space-filling design. Later each model serves until the next error is told; the points of a batch are chosen one after
// the other, each as if the open ones had given the error that `strategy` supposes. So a batch may be asked in any parts;
// errors that are told in between are used at once.
//
// Errors are warped before the model sees them (error_warping.hpp), so their scale and a few huge ones do not matter.
// Failed evaluations repel the search, mildly where others nearby succeed (surrogate.hpp). Of more than `max_points`
// errors the model sees the best, the latest and an even choice of the rest.
#pragma once

#include <cstddef>
#include <cstdint>

#include "spikesmith/optimize/acquisition.hpp"
#include "spikesmith/optimize/error_warping.hpp"
#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/optimize/option_fields.hpp"

namespace spikesmith {

enum class BaseEstimator : std::uint8_t {
    gaussian_process,   // Matern 5/2; smooth errors
    random_forest,      // trees: errors with steps, many parameters of which few matter
    extra_trees,        // smoother than a forest
    gradient_boosting,  // quantile trees
};

// Which error an open point is supposed to have.
enum class OpenPointRule : std::uint8_t {
    believer,  // the model's mean: only the uncertainty shrinks
    minimum,   // the smallest, mean or largest error so far ("constant liar"); of Gaussian processes only
    mean,
    maximum,
};

enum class SpaceFilling : std::uint8_t { sobol, latin_hypercube, halton, random };

// Names and defaults as in scikit-optimize where it has them; xi and kappa refer to warped errors (standard deviation 1).
struct BayesianOptions {
    BaseEstimator base_estimator = BaseEstimator::gaussian_process;
    std::size_t n_initial_points = 10;  // at least 2
    SpaceFilling initial_point_generator = SpaceFilling::sobol;
    // LCB, where scikit-optimize takes gp_hedge: EI and PI, which gp_hedge draws too, explore more than batches afford.
    AcquisitionRule acq_func = AcquisitionRule::lower_confidence_bound;
    double xi = 0.01;                                 // of EI and PI, at least 0: the improvement that is wanted
    double kappa = 1.96;                              // of LCB, at least 0: larger explores more
    OpenPointRule strategy = OpenPointRule::minimum;  // `believer` ends a little lower if there is one smooth valley
    ErrorWarping warping = ErrorWarping::logarithmic;
    bool trust_region = false;     // search in a box round the best point that grows with success and shrinks without
    std::size_t max_points = 400;  // errors that the model sees, at least 10
    std::size_t candidates = 0;  // points at which a model is first evaluated; 0: 500 + 100 per parameter, at most 2000

    friend bool operator==(const BayesianOptions&, const BayesianOptions&) = default;
};

// Throws ConfigError at once for options out of range.
[[nodiscard]] OptimizerChoice bayesian(BayesianOptions options = {});

void visit_fields(OptionVisitor& visit, BayesianOptions& options);

}  // namespace spikesmith
