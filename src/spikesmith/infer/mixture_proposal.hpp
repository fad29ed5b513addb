// Proposals that are mixtures of normal distributions, and the loss of mixture density networks that corrects for them in closed form:
// SNPE-C without atoms (D. Greenberg, M. Nonnenmacher, J. Macke, Automatic posterior transformation, ICML 2019, appendix A.1).
//
// Simulations whose parameters are drawn from a proposal p~(u) instead of the prior p(u) teach the density
//
//     q~(u | x) = q(u | x) p~(u) / p(u) / Z(x),    Z(x) = integral of q(u | x) p~(u) / p(u)
//
// For mixtures q and p~ and the prior N(0, I) that the coordinates u have (prior.hpp), Z is a sum over pairs of components. It is finite
// if no component of the proposal is wider than the prior in any direction; `proposal_mixture` sees to that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/infer/estimator.hpp"
#include "spikesmith/nets/conditional_density.hpp"

namespace spikesmith {

// A mixture in the coordinates u.
using MixtureProposal = nets::GaussianMixture;

// True if all networks are mixture density networks of posteriors.
[[nodiscard]] bool is_mixture(const Estimator& estimator);

// The density of such networks at their observation: components of less than 1e-4 of the weight are left out, and directions in which a
// component is wider than the prior are made as wide as the prior. Throws ConfigError unless is_mixture.
[[nodiscard]] MixtureProposal proposal_mixture(const ConditionedEstimator& conditioned);

[[nodiscard]] double log_density(const MixtureProposal& mixture, std::span<const double> u);
// Rows 0 ... n - 1 of the endless sample of `seed`; n x D.
[[nodiscard]] Array2 sample_mixture(const MixtureProposal& mixture, std::size_t n, std::uint64_t seed);

// -log q~(u | x) for networks with one scale of u (z = (u - mean) / deviation).
class CorrectedMixtureLoss {
  public:
    // Throws NumericalError if a component of the proposal is wider than the prior.
    CorrectedMixtureLoss(const MixtureProposal& proposal, const nets::Standardization& scale);
    ~CorrectedMixtureLoss();
    CorrectedMixtureLoss(CorrectedMixtureLoss&&) noexcept;
    CorrectedMixtureLoss& operator=(CorrectedMixtureLoss&&) noexcept;

    // Of z under the network's mixture, as a density of z; times `weight`. Adds to `derivatives` as nets::MixtureLoss says.
    double operator()(const nets::GaussianMixture& mixture, std::span<const float> z, double weight,
                      nets::GaussianMixture& derivatives) const;

  private:
    struct Parts;
    std::unique_ptr<const Parts> parts_;
};

// -log q(z) likewise: for simulations from the prior.
double mixture_likelihood_loss(const nets::GaussianMixture& mixture, std::span<const float> z, double weight,
                               nets::GaussianMixture& derivatives);

}  // namespace spikesmith
