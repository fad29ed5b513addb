#include "spikesmith/nets/training_data.hpp"

#include <algorithm>
#include <cmath>

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/kernel_choice.hpp"
#include "spikesmith/nets/tape.hpp"

namespace spikesmith::nets {

Workspace::Workspace() : Workspace(instruction_sets().back()) {}

Workspace::Workspace(InstructionSet instructions) : memory_(std::make_unique<Memory>()) {
    memory_->tape.context.kernels = memory_->tape.wide.kernels = &kernels(instructions);
}

Workspace::~Workspace() = default;
Workspace::Workspace(Workspace&&) noexcept = default;
Workspace& Workspace::operator=(Workspace&&) noexcept = default;

void TrainingData::append(const TrainingData& more) {
    if (samples == 0) {
        *this = more;
        return;
    }
    if (more.samples > 0 && (more.theta_inputs != theta_inputs || more.x_inputs != x_inputs)) {
        throw DataError("training data of different networks cannot be joined");
    }
    samples += more.samples;
    theta.insert(theta.end(), more.theta.begin(), more.theta.end());
    x.insert(x.end(), more.x.begin(), more.x.end());
    log_volume_change.insert(log_volume_change.end(), more.log_volume_change.begin(), more.log_volume_change.end());
}

PairLoss likelihood_loss(const Minibatch& batch) {
    const double share = 1 / static_cast<double>(batch.x.size());
    return [share](std::size_t /*first*/, std::size_t count, std::span<const double> values,
                   std::span<double> derivatives) {
        double total = 0;
        for (std::size_t k = 0; k < count; ++k) {
            total -= share * values[k];
            derivatives[k] = -share;
        }
        return total;
    };
}

PairLoss contrastive_loss(const Minibatch& batch, std::span<const double> subtract,
                          std::span<const std::uint8_t> also_likelihood, double likelihood_weight) {
    return [=](std::size_t first, std::size_t count, std::span<const double> values, std::span<double> derivatives) {
        const std::size_t rows = batch.x.size();
        const std::size_t candidates = batch.theta.size() / rows;
        const double share = 1 / static_cast<double>(rows);
        const auto value = [&](std::size_t m, std::size_t k) {
            const double v = values[m * count + k];
            return subtract.empty() ? v : v - subtract[batch.theta[m * rows + first + k]];
        };
        double total = 0;
        for (std::size_t k = 0; k < count; ++k) {
            double largest = value(0, k);
            for (std::size_t m = 1; m < candidates; ++m) largest = std::max(largest, value(m, k));
            double sum = 0;
            for (std::size_t m = 0; m < candidates; ++m) sum += std::exp(value(m, k) - largest);
            total -= share * (value(0, k) - largest - std::log(sum));
            for (std::size_t m = 0; m < candidates; ++m)
                derivatives[m * count + k] = share * std::exp(value(m, k) - largest) / sum;
            derivatives[k] -= share;
            if (!also_likelihood.empty() && also_likelihood[batch.x[first + k]] != 0) {
                total -= likelihood_weight * share * values[k];
                derivatives[k] -= likelihood_weight * share;
            }
        }
        return total;
    };
}

}  // namespace spikesmith::nets
