// The training losses of the inference methods over the networks' minibatches (nets/training_data.hpp has the contrastive loss and the
// likelihood).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/nets/training_data.hpp"

namespace spikesmith {

// Candidates of a minibatch, one after the other: first the samples themselves, then for each `contrasts` other ones, drawn without
// replacement from the rest of the batch. The same for the same (seed, key). `contrasts` is less than the number of samples.
void draw_candidates(std::span<const std::uint32_t> samples, std::size_t contrasts, std::uint64_t seed,
                     std::uint64_t key, std::vector<std::uint32_t>& candidates);

// Binary cross-entropy of the truth (candidate 0) against one contrast (candidate 1), mean over 2 x rows pairs: SNRE-A.
[[nodiscard]] nets::PairLoss binary_loss(std::size_t rows);

// SNRE-C, eq. 10 of its paper: candidate 0 is the truth, candidates 1 ... classes - 1 contrast it, candidates classes ... 2 classes - 1
// are independent of x; mean over rows.
[[nodiscard]] nets::PairLoss contrastive_class_loss(std::size_t rows, std::size_t classes, double gamma);

// Binary cross-entropy of labels by sample, mean over rows.
[[nodiscard]] nets::PairLoss label_loss(std::span<const std::uint32_t> samples, std::span<const std::uint8_t> labels);

}  // namespace spikesmith
