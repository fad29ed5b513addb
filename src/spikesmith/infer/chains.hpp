// Markov chains: samples of a density that is known up to a constant, many chains side by side.
//
//   slice   one coordinate at a time, stepping out and shrinking (R. M. Neal, Slice sampling, Ann. Statist. 31, 2003, fig. 3 and
//           5). Needs no gradient; no point is evaluated twice.
//   nuts    Hamiltonian paths that end where they turn back (M. D. Hoffman and A. Gelman, J. Mach. Learn. Res. 15, 2014), with
//           multinomial weights (M. Betancourt, arXiv:1701.02434), without recursion (D. Phan et al., arXiv:1912.11554)
//   hmc     Hamiltonian paths of random length: L leapfrog steps, L uniform between 1 and `leapfrog_steps`
//
// All work in coordinates in which the chains' pooled covariance is the identity: a first part of the warm-up measures it. The step
// of hmc and nuts is set by dual averaging in the second part. Chains start at points chosen from a shared pool with probability
// proportional to the density, so several modes are populated in proportion.
//
// The density should have no bounds (prior.hpp): where it is -infinity a move is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/infer/sampling_control.hpp"
#include "spikesmith/infer/walker.hpp"

namespace spikesmith {

enum class ChainMethod { slice, hmc, nuts };

struct ChainOptions {
    ChainMethod method = ChainMethod::slice;
    std::size_t num_chains = 100;     // many short chains: one evaluation of a network serves all of them
    std::size_t warmup_steps = 50;    // per chain, dropped
    std::size_t thin = 1;             // keep every so many-th
    std::size_t leapfrog_steps = 20;  // hmc: at most so many per step
    std::size_t max_tree_depth = 8;   // nuts: at most 2^depth leapfrog steps
    double target_acceptance = 0.8;   // hmc, nuts
    std::uint64_t seed = 0;
};

struct ChainSamples {
    Array2 samples;  // n x D: chain after chain
    std::size_t num_chains = 0;
    std::size_t evaluations = 0;            // of the density, points
    std::vector<double> effective_samples;  // per coordinate
    std::vector<double>
        split_r_hat;        // per coordinate; above 1.01 chains have not mixed. NaN with less than 4 draws a chain
    double acceptance = 1;  // hmc, nuts: mean acceptance probability

    // "1000 samples of 100 chains: effective size 640 to 910, R-hat up to 1.004"
    [[nodiscard]] std::string summary() const;
};

// `n` samples; `pool` has points where chains may start, at least one of positive density, else NumericalError. Throws ConfigError
// for options that make no sense, Interrupted when cancelled.
[[nodiscard]] ChainSamples sample_chains(const LogDensity& density, const Array2& pool, std::size_t n,
                                         const ChainOptions& options, const SamplingControl& control = {});

// Rows of `pool` drawn with replacement with probabilities proportional to exp(log_weights). -infinity: never. Throws
// NumericalError if all are.
[[nodiscard]] std::vector<std::size_t> resample(const std::vector<double>& log_weights, std::size_t n,
                                                std::uint64_t seed, std::uint64_t purpose);

// Effective sample size and split R-hat of one coordinate: `chains` one after the other, all of the same length (A. Vehtari et al.,
// Bayesian Anal. 16, 2021, without ranks; Geyer's initial monotone sequence).
struct Mixing {
    double effective_samples = 0;
    double split_r_hat = 0;
};
[[nodiscard]] Mixing measure_mixing(const std::vector<double>& draws, std::size_t num_chains);

[[nodiscard]] ChainMethod chain_method(
    std::string_view name);  // "slice", "slice_np_vectorized", "hmc", "nuts", ...; ConfigError

}  // namespace spikesmith
