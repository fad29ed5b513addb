// The posterior of an experiment's variables: method = "sbi" of [fit] beside [experiment].
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "spikesmith/cli/experiment_config.hpp"
#include "spikesmith/cli/run_folder.hpp"
#include "spikesmith/infer/opt_neuron_posterior.hpp"

namespace spikesmith {

// `checkpoint`: a folder from which an interrupted training goes on.
[[nodiscard]] OptNeuronPosterior learn_posterior(OptNeuron& neuron, const ExperimentFitConfig& fit,
                                                 const std::filesystem::path& checkpoint,
                                                 const std::atomic<bool>* cancelled);

// posterior.spk, samples.npz and .csv, posterior.svg; a member "posterior" of `json`.
void write_posterior(const OptNeuronPosterior& learned, const std::string& title, std::uint64_t seed,
                     const RunFolder& folder, nlohmann::ordered_json& json);

}  // namespace spikesmith
