#include "spikesmith/nets/ratio_estimator.hpp"

#include <utility>

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/network_file.hpp"
#include "spikesmith/nets/pair_network.hpp"

namespace spikesmith::nets {

RatioEstimator::RatioEstimator(RatioSpecification specification, std::uint64_t seed)
    : network_(std::make_shared<const PairNetwork>(std::move(specification), seed)),
      parameters_(network_->initial_parameters()) {}

RatioEstimator::RatioEstimator(std::shared_ptr<const PairNetwork> network, std::vector<float> parameters)
    : network_(std::move(network)), parameters_(std::move(parameters)) {}

const RatioSpecification& RatioEstimator::specification() const {
    return std::get<RatioSpecification>(network_->specification());
}

std::vector<double> RatioEstimator::log_ratio(std::span<const double> theta, std::span<const double> x) const {
    std::vector<double> result(theta.size() / specification().theta_dimensions);
    Workspace workspace;
    log_ratio(theta, x, result, workspace);
    return result;
}

void RatioEstimator::log_ratio(std::span<const double> theta, std::span<const double> x, std::span<double> result,
                               Workspace& workspace) const {
    network_->evaluate(parameters_, theta, x, result, {}, {}, workspace);
}

void RatioEstimator::log_ratio_gradient(std::span<const double> theta, std::span<const double> x,
                                        std::span<double> result, std::span<double> theta_gradient,
                                        std::span<double> x_gradient, Workspace& workspace) const {
    network_->evaluate(parameters_, theta, x, result, theta_gradient, x_gradient, workspace);
}

ObservedRatio RatioEstimator::at(std::span<const double> x) const {
    ObservedRatio result(*this);
    Workspace workspace;
    result.context_ = network_->observe(parameters_, x, workspace);
    return result;
}

TrainingData RatioEstimator::prepare(std::span<const double> theta, std::span<const double> x) const {
    return network_->prepare(theta, x);
}

double RatioEstimator::accumulate(const TrainingData& data, const Minibatch& batch, const PairLoss& loss,
                                  std::span<float> gradient, Workspace& workspace) const {
    return network_->accumulate(parameters_, data, batch, loss, gradient, workspace);
}

std::vector<std::byte> RatioEstimator::save() const {
    return write_network(*network_, parameters_);
}

RatioEstimator RatioEstimator::load(std::span<const std::byte> block) {
    StoredNetwork stored = read_network(block);
    if (!std::holds_alternative<RatioSpecification>(stored.network->specification())) {
        throw DataError("the stored network is a density, not a ratio estimator");
    }
    return {std::move(stored.network), std::move(stored.parameters)};
}

void ObservedRatio::log_ratio(std::span<const double> theta, std::span<double> result, Workspace& workspace) const {
    estimator_->network_->evaluate_observed(estimator_->parameters_, context_, theta, result, {}, workspace);
}

void ObservedRatio::log_ratio_gradient(std::span<const double> theta, std::span<double> result,
                                       std::span<double> theta_gradient, Workspace& workspace) const {
    estimator_->network_->evaluate_observed(estimator_->parameters_, context_, theta, result, theta_gradient,
                                            workspace);
}

}  // namespace spikesmith::nets
