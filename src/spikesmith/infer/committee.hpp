// How much each network of a committee counts (internal).
#pragma once

#include <vector>

namespace spikesmith {

// What the members of a committee say of validation samples: log densities, sample by sample. Where only ratios of densities were learned,
// also the logarithm of the sum over the candidates that the truth stands among, itself included.
struct Judgement {
    std::vector<std::vector<double>> truth;  // member, sample
    std::vector<std::vector<double>> all;    // empty: densities
};

// Weights with sum 1 of the linear pool that makes the validation samples most likely, with one pseudo-observation for each member. If only
// ratios were learned a member may have part of its mass where no candidate is, unseen by them. So what a member says of a sample is
// the share of the truth among the candidates, times the density that it has at the candidates (geometric mean over the samples).
// Equal weights for one member or no samples.
[[nodiscard]] std::vector<double> committee_weights(const Judgement& judgement);

}  // namespace spikesmith
