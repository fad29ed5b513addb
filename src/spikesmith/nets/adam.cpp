#include "spikesmith/nets/adam.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/kernel_choice.hpp"
#include "spikesmith/nets/subnormals.hpp"

namespace spikesmith::nets {

Adam::Adam(std::size_t parameters, AdamOptions options, InstructionSet instructions)
    : options_(options), instructions_(instructions) {
    const auto share = [](double v) { return v >= 0 && v < 1; };
    if (!(options.learning_rate > 0) || !share(options.beta1) || !share(options.beta2) || !(options.epsilon > 0) ||
        !(options.clip_max_norm > 0)) {
        throw ConfigError(
            "the options of Adam are out of range",
            "learning_rate, epsilon and clip_max_norm must be positive, beta1 and beta2 at least 0 and below 1");
    }
    state_.first_moment.assign(parameters, 0.0F);
    state_.second_moment.assign(parameters, 0.0F);
}

double Adam::step(std::span<float> parameters, std::span<float> gradient) {
    const std::size_t n = state_.first_moment.size();
    if (parameters.size() != n || gradient.size() != n)
        throw DataError("parameters or gradient have another size than Adam's state");
    const SubnormalsAreZero subnormals_are_zero;
    const Kernels& use = kernels(instructions_);
    const double norm = std::sqrt(static_cast<double>(use.squared_norm(gradient.data(), n)));
    if (!std::isfinite(norm)) throw NumericalError("the gradient is not finite", "a smaller learning rate");
    ++state_.steps;
    const double scale = std::min(1.0, options_.clip_max_norm / (norm + 1e-6));
    const auto count = static_cast<double>(state_.steps);
    const double rate = options_.learning_rate / (1 - std::pow(options_.beta1, count));
    const double second = 1 / std::sqrt(1 - std::pow(options_.beta2, count));
    use.adam(parameters.data(), gradient.data(), state_.first_moment.data(), state_.second_moment.data(), n,
             static_cast<float>(scale), static_cast<float>(rate), static_cast<float>(options_.beta1),
             static_cast<float>(options_.beta2), static_cast<float>(options_.epsilon), static_cast<float>(second));
    return norm;
}

void Adam::set_state(State state) {
    if (state.first_moment.size() != state_.first_moment.size() ||
        state.second_moment.size() != state_.second_moment.size()) {
        throw DataError("the saved state of Adam belongs to a network of another size");
    }
    state_ = std::move(state);
}

}  // namespace spikesmith::nets
