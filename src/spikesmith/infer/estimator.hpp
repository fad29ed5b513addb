// Estimator: the trained networks of an inference, and the density of u that they give for an observation.
//
//   posterior    q(u | x)                           networks of a density of u, conditioned on x
//   likelihood   q(x | u) N(u; 0, I) P(u)           networks of a density of x, conditioned on u
//   ratio        r(u, x)  N(u; 0, I) P(u)           classifiers
//
// u are the coordinates in which the prior is standard normal (prior.hpp). P(u) is the probability that a simulation lacks just
// what the observation lacks, where that was learned (simulations.hpp); 1 otherwise.
//
// Several networks are a committee; their weights are fitted to the validation set, so a network that does badly counts little. Of
// posteriors it is the weighted mean of their densities, which can be sampled. Of likelihoods and ratios it is the weighted geometric mean, the
// logarithmic opinion pool (C. Genest, J. Zidek, Statistical Science 1, 1986) of the members' posteriors: in it their unknown constants drop out (of a
// ratio by contrasts any factor that depends on x alone, of a likelihood its evidence at this x), which would otherwise decide
// who is heard, and one member's error does not add a region of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <tbb/enumerable_thread_specific.h>

#include "spikesmith/core/array.hpp"
#include "spikesmith/infer/feature_transform.hpp"
#include "spikesmith/infer/sampling_control.hpp"
#include "spikesmith/infer/torch_embedding.hpp"
#include "spikesmith/infer/walker.hpp"
#include "spikesmith/nets/conditional_density.hpp"
#include "spikesmith/nets/ratio_estimator.hpp"

namespace spikesmith {

class BinaryReader;
class BinaryWriter;

enum class EstimatorRole : std::uint64_t { posterior, likelihood, ratio };

struct TrainedNetwork {
    std::string kind;  // "maf", "resnet", ...
    std::variant<nets::ConditionalDensity, nets::RatioEstimator> network;
    double weight = 1;  // in the committee; they sum to 1
    double validation_loss = 0;
    std::uint64_t epochs = 0;
    std::optional<TorchEmbedding> embedding{};  // what x goes through before the network sees it
};

struct Estimator {
    EstimatorRole role = EstimatorRole::posterior;
    std::size_t parameters = 0;  // D
    std::size_t features = 0;    // C, of x as given
    std::vector<TrainedNetwork> members;
    // likelihood: the features that the networks describe (those that the observation has); empty: all
    std::vector<std::size_t> described{};
    // log odds of "lacks just what the observation lacks", of u alone; absent: nothing was lacking, or the networks know
    std::optional<nets::RatioEstimator> completeness{};
    bool knows_missing = false;    // the networks are told which features are missing
    FeatureTransform transform{};  // of x as given, before anything else; empty: none
};

void write(BinaryWriter& writer, const Estimator& estimator);
// `version`: of the posterior's file.
[[nodiscard]] Estimator read_estimator(BinaryReader& reader, std::uint64_t version);

// Log probability from log odds, without overflow; its derivative is 1 - exp(it).
[[nodiscard]] double log_sigmoid(double odds);

// The density of u at one observation.
class ConditionedEstimator {
  public:
    // `x`: one row; likelihood and ratio take several, which are independent observations under the same parameters. Throws DataError for
    // shapes that do not fit, and for missing features that the estimator has not learned to do without.
    ConditionedEstimator(std::shared_ptr<const Estimator> estimator, Array2 x);

    [[nodiscard]] const Estimator& estimator() const { return *estimator_; }
    [[nodiscard]] const Array2& x() const { return given_; }
    [[nodiscard]] bool normalized() const { return estimator_->role == EstimatorRole::posterior; }

    // log of the density at rows of u, up to a constant unless normalized(). May be called from several threads.
    void log_density(const Array2& u, std::span<double> values, Array2* gradients) const;
    [[nodiscard]] LogDensity function() const;  // refers to this object

    // Rows 0 ... n - 1 of the endless sample of `seed`; only for posterior networks. u, n x D.
    [[nodiscard]] Array2 sample(std::size_t n, std::uint64_t seed, const SamplingControl& control = {}) const;

  private:
    struct Scratch {
        nets::Workspace workspace;
        std::vector<double> values;
        std::vector<double> gradient;
        std::vector<double> repeated;
    };
    // log of one member's value (summed over the rows of x) at rows of u
    void member_values(std::size_t member, const Array2& u, std::span<double> values, std::span<double> gradients,
                       Scratch& scratch) const;

    std::shared_ptr<const Estimator> estimator_;
    Array2 given_;      // x as given
    Array2 x_;          // as the networks see it
    Array2 described_;  // likelihood: the columns of x that the networks describe
    std::vector<std::vector<nets::ObservedDensity>> densities_;  // posterior: per member, one
    std::vector<std::vector<nets::ObservedRatio>> ratios_;       // ratio: per member, one per row of x
    mutable tbb::enumerable_thread_specific<Scratch> scratch_;
};

}  // namespace spikesmith
