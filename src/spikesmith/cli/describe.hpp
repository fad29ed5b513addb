// A model and its data in words: what `spikesmith check` prints.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "spikesmith/cli/problem.hpp"
#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

[[nodiscard]] std::string describe_model(const Model& model, const ModelConfig& config);
[[nodiscard]] std::string describe_data(const Problem& problem);
[[nodiscard]] std::string describe_fit(const Problem& problem);  // empty without [fit]

// The same for programs.
[[nodiscard]] nlohmann::ordered_json describe_json(const Problem& problem, const UpdateProgram& program);

}  // namespace spikesmith
