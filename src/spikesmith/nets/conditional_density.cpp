#include "spikesmith/nets/conditional_density.hpp"

#include <cmath>
#include <string>
#include <utility>

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/mixture_access.hpp"
#include "spikesmith/nets/network_file.hpp"
#include "spikesmith/nets/pair_network.hpp"

namespace spikesmith::nets {

ConditionalDensity::ConditionalDensity(DensitySpecification specification, std::uint64_t seed)
    : network_(std::make_shared<const PairNetwork>(std::move(specification), seed)),
      parameters_(network_->initial_parameters()) {}

ConditionalDensity::ConditionalDensity(std::shared_ptr<const PairNetwork> network, std::vector<float> parameters)
    : network_(std::move(network)), parameters_(std::move(parameters)) {}

const DensitySpecification& ConditionalDensity::specification() const {
    return std::get<DensitySpecification>(network_->specification());
}

std::vector<double> ConditionalDensity::log_prob(std::span<const double> theta, std::span<const double> x) const {
    std::vector<double> result(theta.size() / specification().theta_dimensions);
    Workspace workspace;
    log_prob(theta, x, result, workspace);
    return result;
}

void ConditionalDensity::log_prob(std::span<const double> theta, std::span<const double> x, std::span<double> result,
                                  Workspace& workspace) const {
    network_->evaluate(parameters_, theta, x, result, {}, {}, workspace);
}

void ConditionalDensity::log_prob_gradient(std::span<const double> theta, std::span<const double> x,
                                           std::span<double> result, std::span<double> theta_gradient,
                                           std::span<double> x_gradient, Workspace& workspace) const {
    network_->evaluate(parameters_, theta, x, result, theta_gradient, x_gradient, workspace);
}

ObservedDensity ConditionalDensity::at(std::span<const double> x) const {
    ObservedDensity result(*this);
    Workspace workspace;
    result.context_ = network_->observe(parameters_, x, workspace);
    return result;
}

namespace {

const MixtureAccess& mixture_of(const PairNetwork& network, DensityKind kind) {
    const auto* access = dynamic_cast<const MixtureAccess*>(&network.body());
    if (access == nullptr)
        throw ConfigError("a density of kind " + name_of(kind) + " is no Gaussian mixture", "use mdn");
    return *access;
}

}  // namespace

GaussianMixture ConditionalDensity::mixture(std::span<const double> x) const {
    const MixtureAccess& access = mixture_of(*network_, specification().kind);
    Workspace workspace;
    (void)network_->observe(parameters_, x, workspace);
    return access.at_lane(workspace.memory().tape, 0);
}

TrainingData ConditionalDensity::prepare(std::span<const double> theta, std::span<const double> x) const {
    return network_->prepare(theta, x);
}

double ConditionalDensity::accumulate(const TrainingData& data, const Minibatch& batch, const PairLoss& loss,
                                      std::span<float> gradient, Workspace& workspace) const {
    return network_->accumulate(parameters_, data, batch, loss, gradient, workspace);
}

double ConditionalDensity::accumulate_mixtures(const TrainingData& data, std::span<const std::uint32_t> samples,
                                               const MixtureLoss& loss, std::span<float> gradient, Workspace& workspace,
                                               std::uint64_t dropout_key) const {
    const MixtureAccess& access = mixture_of(*network_, specification().kind);
    const std::size_t D = data.theta_inputs;
    double total = 0;
    const auto visit = [&](Tape& tape, std::size_t first, std::size_t count) {
        for (std::size_t k = 0; k < count; ++k) {
            const GaussianMixture mixture = access.at_lane(tape, k);
            GaussianMixture derivatives{.components = mixture.components, .dimensions = mixture.dimensions};
            derivatives.log_weights.assign(mixture.log_weights.size(), 0.0);
            derivatives.means.assign(mixture.means.size(), 0.0);
            derivatives.precision_factors.assign(mixture.precision_factors.size(), 0.0);
            const std::span<const float> z(data.theta.data() + samples[first + k] * D, D);
            const double part = loss(first + k, mixture, z, derivatives);
            if (!std::isfinite(part)) {
                throw NumericalError(
                    "the loss of the mixture is not finite for sample " + std::to_string(samples[first + k]),
                    "a smaller learning rate, or z-scored inputs");
            }
            total += part;
            if (!gradient.empty()) access.set_gradient(tape, k, derivatives);
        }
    };
    network_->accumulate_by_x(parameters_, data, {.x = samples, .theta = samples, .dropout_key = dropout_key}, visit,
                              gradient, workspace);
    return total;
}

void ConditionalDensity::log_prob(const TrainingData& data, std::span<const std::uint32_t> samples,
                                  std::span<double> result, Workspace& workspace) const {
    if (result.size() != samples.size()) throw DataError("there must be one result for each sample");
    const PairLoss copy = [&](std::size_t first, std::size_t count, std::span<const double> values,
                              std::span<double> /*derivatives*/) {
        for (std::size_t k = 0; k < count; ++k) result[first + k] = values[k];
        return 0.0;
    };
    (void)network_->accumulate(parameters_, data, {.x = samples, .theta = samples}, copy, {}, workspace);
}

std::vector<std::byte> ConditionalDensity::save() const {
    return write_network(*network_, parameters_);
}

ConditionalDensity ConditionalDensity::load(std::span<const std::byte> block) {
    StoredNetwork stored = read_network(block);
    if (!std::holds_alternative<DensitySpecification>(stored.network->specification())) {
        throw DataError("the stored network is a ratio estimator, not a density");
    }
    return {std::move(stored.network), std::move(stored.parameters)};
}

void ObservedDensity::log_prob(std::span<const double> theta, std::span<double> result, Workspace& workspace) const {
    density_->network_->evaluate_observed(density_->parameters_, context_, theta, result, {}, workspace);
}

void ObservedDensity::log_prob_gradient(std::span<const double> theta, std::span<double> result,
                                        std::span<double> theta_gradient, Workspace& workspace) const {
    density_->network_->evaluate_observed(density_->parameters_, context_, theta, result, theta_gradient, workspace);
}

std::vector<double> ObservedDensity::sample(std::size_t n, std::uint64_t seed, std::uint64_t first) const {
    std::vector<double> theta(n * density_->specification().theta_dimensions);
    Workspace workspace;
    sample(theta, seed, first, workspace);
    return theta;
}

void ObservedDensity::sample(std::span<double> theta, std::uint64_t seed, std::uint64_t first,
                             Workspace& workspace) const {
    if (theta.size() % density_->specification().theta_dimensions != 0)
        throw DataError("the samples' memory does not fit whole rows of theta");
    density_->network_->sample_observed(density_->parameters_, context_, theta, seed, first, workspace);
}

}  // namespace spikesmith::nets
