// Inference in one round (for every observation) or several (for one observation), from a prior and a simulator to a posterior.
//
//     SequentialResult result = infer_sequentially(prior, simulator, observation, {.rounds = 3, .simulations_per_round = 1000});
//     Posterior posterior(prior, result.estimator, observation);
//
// Proposals of the rounds after the first:
//
//   truncated   the prior within the region where the posterior so far has all but a fraction `truncation` of its mass. The
//               networks learn by maximum likelihood from all simulations in the newest region, so nothing has to be corrected,
//               and nothing can leak (M. Deistler, P. Goncalves, J. Macke, Truncated proposals, NeurIPS 2022)
//   posterior   the posterior so far. Right for likelihoods and ratios as it is; SNPE corrects by its atomic loss, mixture
//               density networks in closed form (mixture_proposal.hpp)
//
// With the policy `restrict_prior` for missing features, truncated proposals also leave out parameters whose simulations are more seldom
// complete than those of nearly all of the posterior so far.
//
// By default SNPE truncates, the others draw from the posterior.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/infer/simulations.hpp"

namespace spikesmith {

// Where a posterior has all but a fraction of its mass: the points at which its density (of u) is above a threshold; and where, if
// `complete_only`, the chance that a simulation is complete, as the estimator has learned it, is above another one.
class Region {
  public:
    // The thresholds are the quantiles `fraction` at `samples` draws. Throws ConfigError unless 0 < fraction < 1, Interrupted when cancelled.
    Region(const Posterior& posterior, double fraction, std::size_t samples, std::uint64_t seed,
           bool complete_only = false, const SamplingControl& control = {});

    [[nodiscard]] std::vector<std::uint8_t> contains(const Array2& u) const;

    // n rows of theta from the prior within the region: by rejection, or where that would take too long by resampling draws of the
    // posterior with weights prior / posterior.
    [[nodiscard]] Array2 sample(std::size_t n, std::uint64_t seed, const SamplingControl& control = {}) const;
    [[nodiscard]] double prior_probability() const { return probability_; }  // of the region, estimated

  private:
    [[nodiscard]] std::vector<double> completeness(const Array2& u) const;  // log odds

    Posterior posterior_;
    double threshold_ = 0;
    std::optional<double> least_completeness_;  // log odds
    double probability_ = 0;
};

enum class ProposalKind { automatic, truncated, posterior };

struct SequentialOptions {
    std::size_t rounds = 1;
    std::size_t simulations_per_round = 1000;
    InferenceOptions inference{};
    TrainingOptions training{};
    PosteriorOptions posterior{};
    ProposalKind proposal = ProposalKind::automatic;
    double truncation = 1e-4;
    std::uint64_t seed = 0;
    std::function<void(std::size_t round, const TrainingReport&)> after_round{};
    TrainingControl control{};  // a checkpoint folder has a folder per round
};

struct SequentialResult {
    std::shared_ptr<const Estimator> estimator;
    std::vector<TrainingReport> reports;  // per round
    std::optional<Region> region;         // the newest truncation
    Simulations simulations;
};

// Draws the parameters of the next round. `posterior` and `region` are those of the round before; both absent: from the prior.
struct ProposedParameters {
    Array2 theta;
    SimulatedFrom from = SimulatedFrom::prior;
    std::shared_ptr<const MixtureProposal> mixture{};  // if they are from one
};
[[nodiscard]] ProposedParameters propose(const Prior& prior, const Posterior* posterior, const Region* region,
                                         ProposalKind kind, InferenceMethod method, std::size_t n, std::uint64_t seed,
                                         const SamplingControl& control = {});

[[nodiscard]] bool truncates(ProposalKind kind, InferenceMethod method);

[[nodiscard]] SequentialResult infer_sequentially(const Prior& prior, const Simulator& simulator,
                                                  const std::vector<double>& observation,
                                                  const SequentialOptions& options);

}  // namespace spikesmith
