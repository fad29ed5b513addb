// The training losses of the inference methods over the networks' minibatches (nets/training_data.hpp has the contrastive loss and the
// likelihood).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/nets/training_data.hpp"

namespace spikesmith {

// Candidates of a minibatch, one after the other: first the samples themselves, then for each `contrasts` other ones, drawn without
// replacement from the rest of the batch. The same for the same (seed, key). `contrasts` is less than the number of samples.
void draw_candidates(std::span<const std::uint32_t> samples, std::size_t contrasts, std::uint64_t seed,
                     std::uint64_t key, std::vector<std::uint32_t>& candidates);

// Likewise, but the contrasts of a sample are the others of its group, and groups are of samples whose `points` (rows by sample) are near each
// other. Groups depend on the points alone, so among the members of a group each is as likely to have brought forth the data of one of them
// as the likelihood says. Near contrasts tell more where samples differ in many dimensions, but nothing of far ones.
void draw_neighbours(std::span<const std::uint32_t> samples, const Array2& points, std::size_t contrasts,
                     std::uint64_t seed, std::uint64_t key, std::vector<std::uint32_t>& candidates);

// Binary cross-entropy of the truth (candidate 0) against one contrast (candidate 1), mean over 2 x rows pairs: SNRE-A.
[[nodiscard]] nets::PairLoss binary_loss(std::size_t rows);

// SNRE-C, eq. 10 of its paper: candidate 0 is the truth, candidates 1 ... classes - 1 contrast it, candidates classes ... 2 classes - 1
// are independent of x; mean over rows.
[[nodiscard]] nets::PairLoss contrastive_class_loss(std::size_t rows, std::size_t classes, double gamma);

// No loss: it notes the value of the truth, and the logarithm of the sum of exp(value) over all candidates, each less the entry of
// `subtract` for its sample of theta. The batch must live as long as the loss.
[[nodiscard]] nets::PairLoss noting_loss(const nets::Minibatch& batch, std::span<const double> subtract,
                                         std::span<double> truth, std::span<double> all);

// Binary cross-entropy of labels by sample, mean over rows.
[[nodiscard]] nets::PairLoss label_loss(std::span<const std::uint32_t> samples, std::span<const std::uint8_t> labels);

}  // namespace spikesmith
