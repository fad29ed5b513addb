// RatioEstimator: log r(theta, x), the log ratio of likelihood to evidence that a classifier learns.
//
// The same calls as ConditionalDensity (see there for shapes, errors, workspaces and reproducibility), without a support,
// samples or a normalisation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "spikesmith/nets/specification.hpp"
#include "spikesmith/nets/training_data.hpp"

namespace spikesmith::nets {

class PairNetwork;
class ObservedRatio;

class RatioEstimator {
  public:
    RatioEstimator(RatioSpecification specification, std::uint64_t seed);

    [[nodiscard]] const RatioSpecification& specification() const;
    [[nodiscard]] std::span<const float> parameters() const { return parameters_; }
    [[nodiscard]] std::span<float> parameters() { return parameters_; }

    // theta: N x D, x: N x C or one row for all.
    [[nodiscard]] std::vector<double> log_ratio(std::span<const double> theta, std::span<const double> x) const;
    void log_ratio(std::span<const double> theta, std::span<const double> x, std::span<double> result,
                   Workspace& workspace) const;
    void log_ratio_gradient(std::span<const double> theta, std::span<const double> x, std::span<double> result,
                            std::span<double> theta_gradient, std::span<double> x_gradient, Workspace& workspace) const;
    [[nodiscard]] ObservedRatio at(std::span<const double> x) const;

    [[nodiscard]] TrainingData prepare(std::span<const double> theta, std::span<const double> x) const;
    double accumulate(const TrainingData& data, const Minibatch& batch, const PairLoss& loss, std::span<float> gradient,
                      Workspace& workspace) const;

    [[nodiscard]] std::vector<std::byte> save() const;
    [[nodiscard]] static RatioEstimator load(std::span<const std::byte> block);

  private:
    friend class ObservedRatio;
    RatioEstimator(std::shared_ptr<const PairNetwork> network, std::vector<float> parameters);
    std::shared_ptr<const PairNetwork> network_;
    std::vector<float> parameters_;
};

// log r(., x) at one x. Refers to the estimator it came from.
class ObservedRatio {
  public:
    void log_ratio(std::span<const double> theta, std::span<double> result, Workspace& workspace) const;
    void log_ratio_gradient(std::span<const double> theta, std::span<double> result, std::span<double> theta_gradient,
                            Workspace& workspace) const;

  private:
    friend class RatioEstimator;
    explicit ObservedRatio(const RatioEstimator& estimator) : estimator_(&estimator) {}
    const RatioEstimator* estimator_;
    std::vector<float> context_;
};

}  // namespace spikesmith::nets
