// Training of one network: minibatches, Adam, a validation set that says when to stop. Knows losses, not what they are for.
//
// As in the tools that users come from: a tenth of the samples validate, training stops after 20 epochs without a better
// validation loss, and the best parameters are kept. Their sources of noise are gone: the validation set is always evaluated whole, with
// the same contrasts every epoch; every sample is used in every epoch, in batches of sizes that differ by one at most; the learning rate falls
// before the end.
//
// What an epoch does follows from (seed, network, epoch), so a training continues from a TrainingState bit for bit.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/nets/adam.hpp"

namespace spikesmith {

struct TrainingOptions {
    std::size_t training_batch_size = 0;  // 0: by the number of simulations, see `batch_size`
    double learning_rate = 1e-3;
    double validation_fraction = 0.1;
    std::size_t stop_after_epochs = 20;  // without a better validation loss
    std::size_t max_num_epochs = 5000;
    double clip_max_norm = 5;  // of the gradient
    // After `stop_after_epochs` the learning rate falls, from the best parameters, within as many epochs to this fraction, and training ends at
    // the latest after as many again; 1: it does not fall, and training ends at once. With a rate that stays, the noise of the last
    // batches shifts a whole narrow posterior by a tenth of its width.
    double final_learning_rate = 0.01;
    // of this training, instead of what InferenceOptions say
    std::optional<bool> discard_prior_samples{};
    std::optional<bool> retrain_from_scratch{};
    std::uint64_t seed = 0;
};

// The batch for `n` samples of training: the given one, or a hundredth of them, 50 at least and 200 at most.
[[nodiscard]] std::size_t batch_size(const TrainingOptions& options, std::size_t n);

// Throws ConfigError.
void check(const TrainingOptions& options);

struct TrainingState {
    std::uint64_t epoch = 0;  // finished ones
    std::uint64_t best_epoch = 0;
    std::uint64_t stage = 0;        // 1: the learning rate falls
    std::uint64_t stage_epoch = 0;  // at which the stage began
    bool finished = false;
    double best_validation_loss = 0;
    std::vector<double> training_loss;    // mean over the batches of each epoch
    std::vector<double> validation_loss;  // after each epoch
    std::vector<float> parameters;
    std::vector<float> best_parameters;
    nets::Adam::State adam;
};

// As bytes, for checkpoints. `parse_training_state` throws DataError for what is damaged.
[[nodiscard]] std::string to_bytes(const TrainingState& state);
[[nodiscard]] TrainingState parse_training_state(std::string_view bytes);

// Mean loss of samples by index; its gradient is added to `gradient` unless that is empty. `key` says which random contrasts
// belong to this call.
using BatchLoss =
    std::function<double(std::span<const std::uint32_t> samples, std::uint64_t key, std::span<float> gradient)>;

struct TrainingSplit {
    std::vector<std::uint32_t> training;
    std::vector<std::uint32_t> validation;
};
// A random split of n samples, both parts not empty. Throws DataError if n < 2.
[[nodiscard]] TrainingSplit split_samples(std::size_t n, double validation_fraction, std::uint64_t seed);

// Trains `parameters` (start: as they are, or as in `state` if that has epochs) and leaves the best ones there. `network` tells streams of
// random numbers apart. `after_epoch` sees the state after each epoch, to show or to save it. Throws NumericalError for a
// loss that is not finite, Interrupted when cancelled.
TrainingState train_network(std::span<float> parameters, const BatchLoss& loss, const TrainingSplit& split,
                            const TrainingOptions& options, std::uint64_t network, TrainingState state,
                            const std::function<void(const TrainingState&)>& after_epoch,
                            const std::atomic<bool>* cancelled = nullptr);

}  // namespace spikesmith
