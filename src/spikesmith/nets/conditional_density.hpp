// ConditionalDensity: q(theta | x), a normalised density over theta that a neural network computes from x.
//
// A value: copies are independent. Parameters are one flat array of floats, so that any optimiser can train it;
// training loops, priors and posteriors are the business of `infer`. Calls with a Workspace allocate nothing once it has
// been used; const calls may run in parallel with a workspace each. Results depend neither on threads nor on the width
// of the machine's vectors, nor on how samples are grouped into calls.
//
//     DensitySpecification what{.kind = DensityKind::maf, .theta_dimensions = 4, .x_dimensions = 10};
//     what.theta_scale = measure(theta, 4);
//     what.x_scale = measure(x, 10);
//     ConditionalDensity density(what, seed);
//     TrainingData data = density.prepare(theta, x);
//     Adam adam(density.parameters().size());
//     ... density.accumulate(data, batch, likelihood_loss(batch), gradient, workspace);
//         adam.step(density.parameters(), gradient);
//     ObservedDensity posterior = density.at(observation);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "spikesmith/nets/specification.hpp"
#include "spikesmith/nets/training_data.hpp"

namespace spikesmith::nets {

class PairNetwork;  // structure of a network, shared by copies
class ObservedDensity;

// The mixture that an MDN is at one x, in the network's variables z: z = (u(theta) - mean) / deviation with the scale of
// the specification, u the change of variables of its support (u(theta) = theta without bounds). Component k is
// N(mean, (A'A)^-1) with A upper triangular.
struct GaussianMixture {
    std::size_t components = 0;
    std::size_t dimensions = 0;
    std::vector<double> log_weights;  // components; normalised
    std::vector<double> means;        // components x dimensions
    std::vector<double>
        precision_factors;  // components x dimensions x dimensions: A, row-major, zeros below the diagonal
};

// A loss of mixtures: the mixture at the x of row `row` of a minibatch, and theta's row of network variables z (D floats). Returns the
// row's part of the loss. `derivatives` has the mixture's sizes and starts as zero; the loss puts there its derivatives with respect to
// log_weights (as if they were free), means, and the factors on and above the diagonal.
using MixtureLoss = std::function<double(std::size_t row, const GaussianMixture& mixture, std::span<const float> z,
                                         GaussianMixture& derivatives)>;

class ConditionalDensity {
  public:
    // Random parameters from `seed`. Throws ConfigError for sizes or options that make no sense.
    ConditionalDensity(DensitySpecification specification, std::uint64_t seed);

    [[nodiscard]] const DensitySpecification& specification() const;
    [[nodiscard]] std::span<const float> parameters() const { return parameters_; }
    [[nodiscard]] std::span<float> parameters() { return parameters_; }

    // --- evaluation -------------------------------------------------------------------------------------------------
    // theta: N x D, x: N x C or one row of C for all; N values, -infinity outside the support. Throws DataError for
    // shapes that do not fit, NaN in theta, and NaN or infinity in x (NaN is allowed with mask_missing).
    [[nodiscard]] std::vector<double> log_prob(std::span<const double> theta, std::span<const double> x) const;
    void log_prob(std::span<const double> theta, std::span<const double> x, std::span<double> result,
                  Workspace& workspace) const;

    // Also the derivatives with respect to theta (N x D) and x (N x C, also where x is one row for all); either may be
    // empty. Zero outside the support and for missing values.
    void log_prob_gradient(std::span<const double> theta, std::span<const double> x, std::span<double> result,
                           std::span<double> theta_gradient, std::span<double> x_gradient, Workspace& workspace) const;

    // The density at one x, for many calls: what depends on x alone is computed here.
    [[nodiscard]] ObservedDensity at(std::span<const double> x) const;

    // Only for MDN, else throws ConfigError.
    [[nodiscard]] GaussianMixture mixture(std::span<const double> x) const;

    // --- training ---------------------------------------------------------------------------------------------------
    // Throws DataError for theta outside the support and for NaN or infinity as in log_prob.
    [[nodiscard]] TrainingData prepare(std::span<const double> theta, std::span<const double> x) const;

    // The loss of a minibatch; its gradient is added to `gradient` (parameters().size() values), unless that is empty.
    // Throws NumericalError if a value is NaN.
    double accumulate(const TrainingData& data, const Minibatch& batch, const PairLoss& loss, std::span<float> gradient,
                      Workspace& workspace) const;

    // The same for a loss that is a function of the whole mixture. Only for MDN, else throws ConfigError; NumericalError if the loss is
    // not finite.
    double accumulate_mixtures(const TrainingData& data, std::span<const std::uint32_t> samples,
                               const MixtureLoss& loss, std::span<float> gradient, Workspace& workspace,
                               std::uint64_t dropout_key = 0) const;

    // log q of the data's samples by index, for validation.
    void log_prob(const TrainingData& data, std::span<const std::uint32_t> samples, std::span<double> result,
                  Workspace& workspace) const;

    // --- on disk ----------------------------------------------------------------------------------------------------
    // A versioned block with everything: specification and parameters; docs/nets.md describes it. `load` throws
    // DataError for what is not such a block.
    [[nodiscard]] std::vector<std::byte> save() const;
    [[nodiscard]] static ConditionalDensity load(std::span<const std::byte> block);

  private:
    friend class ObservedDensity;
    ConditionalDensity(std::shared_ptr<const PairNetwork> network, std::vector<float> parameters);
    std::shared_ptr<const PairNetwork> network_;
    std::vector<float> parameters_;
};

// q(. | x) at one x. Refers to the density it came from: keep that alive and unchanged meanwhile. Const calls may run in
// parallel with a workspace each.
class ObservedDensity {
  public:
    // N x D values of theta, as ConditionalDensity's.
    void log_prob(std::span<const double> theta, std::span<double> result, Workspace& workspace) const;
    void log_prob_gradient(std::span<const double> theta, std::span<double> result, std::span<double> theta_gradient,
                           Workspace& workspace) const;

    // Samples first ... first + n - 1 of the endless list that belongs to `seed`, n x D; never outside the support.
    [[nodiscard]] std::vector<double> sample(std::size_t n, std::uint64_t seed, std::uint64_t first = 0) const;
    void sample(std::span<double> theta, std::uint64_t seed, std::uint64_t first, Workspace& workspace) const;

  private:
    friend class ConditionalDensity;
    explicit ObservedDensity(const ConditionalDensity& density) : density_(&density) {}
    const ConditionalDensity* density_;
    std::vector<float> context_;  // the network's values that depend on x alone
};

}  // namespace spikesmith::nets
