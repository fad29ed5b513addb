// What [infer] describes, checked against the model and the data: the Inferencer and its options. Errors point into the configuration.
#pragma once

#include <atomic>

#include "spikesmith/cli/problem.hpp"
#include "spikesmith/infer/inferencer.hpp"

namespace spikesmith {

// Throws ConfigError if there is no section [infer].
[[nodiscard]] const InferConfig& infer_section(const Config& config);

// Fixed and tied parameters are built into its model.
[[nodiscard]] Inferencer make_inferencer(Problem& problem, const std::atomic<bool>* cancelled = nullptr);

// Of every parameter that is neither fixed nor tied: from [infer.parameters], else by the bounds of [fit.parameters].
[[nodiscard]] std::vector<ParameterPrior> make_priors(const Problem& problem);

// For one round; without control.
[[nodiscard]] InferOptions infer_options(const InferConfig& infer);

}  // namespace spikesmith
