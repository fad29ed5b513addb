#include "spikesmith/infer/training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/binary.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/infer/shuffle.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr std::uint64_t validation_key = ~std::uint64_t{0};

// In the epoch-th epoch of the last stage: geometrically to the final rate, and then that.
double falling_rate(const TrainingOptions& options, std::uint64_t epoch) {
    const double progress = static_cast<double>(epoch) / static_cast<double>(options.stop_after_epochs);
    return options.learning_rate * std::pow(options.final_learning_rate, std::min(1.0, progress));
}

}  // namespace

std::size_t batch_size(const TrainingOptions& options, std::size_t n) {
    if (options.training_batch_size != 0) return options.training_batch_size;
    return std::clamp<std::size_t>(n / 100, 50, 200);
}

void check(const TrainingOptions& options) {
    const auto positive = [](double value) { return value > 0 && std::isfinite(value); };
    if (!positive(options.learning_rate))
        throw ConfigError(fmt::format("learning_rate must be positive, but is {}", options.learning_rate));
    if (!(options.validation_fraction > 0 && options.validation_fraction < 1))
        throw ConfigError(
            fmt::format("validation_fraction must be between 0 and 1, but is {}", options.validation_fraction));
    if (options.stop_after_epochs < 1) throw ConfigError("stop_after_epochs must be at least 1");
    if (options.max_num_epochs < 1) throw ConfigError("max_num_epochs must be at least 1");
    if (!(options.clip_max_norm > 0))
        throw ConfigError(fmt::format("clip_max_norm must be positive, but is {}", options.clip_max_norm));
    if (!(options.final_learning_rate > 0 && options.final_learning_rate <= 1))
        throw ConfigError(
            fmt::format("final_learning_rate must be between 0 and 1, but is {}", options.final_learning_rate));
}

std::string to_bytes(const TrainingState& state) {
    BinaryWriter writer;
    writer.integer(state.epoch);
    writer.integer(state.best_epoch);
    writer.integer(state.stage);
    writer.integer(state.stage_epoch);
    writer.integer(state.finished ? 1 : 0);
    writer.real(state.best_validation_loss);
    writer.reals(state.training_loss);
    writer.reals(state.validation_loss);
    writer.floats(state.parameters);
    writer.floats(state.best_parameters);
    writer.integer(state.adam.steps);
    writer.floats(state.adam.first_moment);
    writer.floats(state.adam.second_moment);
    return writer.bytes();
}

TrainingState parse_training_state(std::string_view bytes) {
    BinaryReader reader(bytes, "the state of a training");
    TrainingState state;
    state.epoch = reader.integer();
    state.best_epoch = reader.integer();
    state.stage = reader.integer();
    state.stage_epoch = reader.integer();
    state.finished = reader.integer() != 0;
    state.best_validation_loss = reader.real();
    state.training_loss = reader.reals();
    state.validation_loss = reader.reals();
    state.parameters = reader.floats();
    state.best_parameters = reader.floats();
    state.adam.steps = reader.integer();
    state.adam.first_moment = reader.floats();
    state.adam.second_moment = reader.floats();
    reader.end();
    return state;
}

TrainingSplit split_samples(std::size_t n, double validation_fraction, std::uint64_t seed) {
    if (n < 2) throw DataError(fmt::format("{} complete simulations are too few to train a network", n));
    std::vector<std::uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    math::RandomStream random(seed, purpose(RandomPurpose::split));
    shuffle(std::span(order), random);
    const auto wanted = static_cast<std::size_t>(std::lround(validation_fraction * static_cast<double>(n)));
    const std::size_t count = std::clamp<std::size_t>(wanted, 1, n - 1);
    const auto middle = order.end() - static_cast<std::ptrdiff_t>(count);
    return {{order.begin(), middle}, {middle, order.end()}};
}

TrainingState train_network(std::span<float> parameters, const BatchLoss& loss, const TrainingSplit& split,
                            const TrainingOptions& options, std::uint64_t network, TrainingState state,
                            const std::function<void(const TrainingState&)>& after_epoch,
                            const std::atomic<bool>* cancelled) {
    check(options);
    nets::Adam adam(parameters.size(),
                    {.learning_rate = options.learning_rate, .clip_max_norm = options.clip_max_norm});
    if (state.epoch == 0) {
        state = {};
        state.best_validation_loss = std::numeric_limits<double>::infinity();
        state.best_parameters.assign(parameters.begin(), parameters.end());
    } else {
        if (state.parameters.size() != parameters.size() || state.best_parameters.size() != parameters.size())
            throw DataError("the checkpoint of the training belongs to another network");
        std::ranges::copy(state.parameters, parameters.begin());
        adam.set_state(state.adam);
    }

    const std::size_t n = split.training.size();
    const std::size_t batch = batch_size(options, n);
    const std::size_t batches = std::max<std::size_t>(1, (n + batch / 2) / batch);
    std::vector<float> gradient(parameters.size(), 0.0F);
    std::vector<std::uint32_t> order;
    while (!state.finished && state.epoch < options.max_num_epochs) {
        if (state.stage == 1) adam.set_learning_rate(falling_rate(options, state.epoch - state.stage_epoch + 1));
        order = split.training;
        math::RandomStream random(options.seed, purpose(RandomPurpose::shuffle, network));
        random.set_position(state.epoch << 32);
        shuffle(std::span(order), random);
        double sum = 0;
        for (std::size_t b = 0; b < batches; ++b) {
            if (cancelled != nullptr && cancelled->load()) throw Interrupted("the training was interrupted");
            const std::size_t first = b * n / batches;
            const std::size_t last = (b + 1) * n / batches;
            const double value = loss(std::span(order).subspan(first, last - first), (state.epoch << 24) + b, gradient);
            if (!std::isfinite(value)) {
                throw NumericalError(fmt::format("the training loss became {} in epoch {}", value, state.epoch + 1),
                                     "a smaller learning_rate, or features without extreme values, may help");
            }
            adam.step(parameters, gradient);
            sum += value * static_cast<double>(last - first);
        }
        const double validation = loss(split.validation, validation_key, {});
        ++state.epoch;
        state.training_loss.push_back(sum / static_cast<double>(n));
        state.validation_loss.push_back(validation);
        if (validation < state.best_validation_loss) {
            state.best_validation_loss = validation;
            state.best_epoch = state.epoch;
            state.best_parameters.assign(parameters.begin(), parameters.end());
        }
        const std::uint64_t since = state.epoch - std::max(state.best_epoch, state.stage_epoch);
        if (state.stage == 1) {
            state.finished = since >= options.stop_after_epochs ||
                             state.epoch - state.stage_epoch >= 2 * std::uint64_t{options.stop_after_epochs};
        } else if (since >= options.stop_after_epochs) {
            state.stage = 1;
            state.stage_epoch = state.epoch;
            std::ranges::copy(state.best_parameters, parameters.begin());
            state.finished = options.final_learning_rate == 1;
        }
        state.finished = state.finished || state.epoch == options.max_num_epochs;
        state.parameters.assign(parameters.begin(), parameters.end());
        state.adam = adam.state();
        if (after_epoch) after_epoch(state);
    }
    state.finished = true;
    std::ranges::copy(state.best_parameters, parameters.begin());
    return state;
}

}  // namespace spikesmith
