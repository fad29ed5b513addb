// An experiment of a configuration with the models and recordings that it names, checked against each other.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/cli/config.hpp"
#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/fit/protocol.hpp"
#include "spikesmith/model/model.hpp"

namespace spikesmith {

struct ExperimentProblem {
    Config config;
    Model model;
    std::optional<Model> target_model;
    Protocol protocol;
    std::vector<std::string> record;         // "spike" among them if spikes are recorded
    std::vector<std::string> chunk_names;    // of the recorded stretches from reset to reset: their phases
    std::optional<SimulationRecord> target;  // the recordings of [data], a chunk for each trace
    std::vector<std::string> warnings;
};

// Throws ConfigError, ModelError, UnitError, DataError, most with the place in the configuration.
[[nodiscard]] ExperimentProblem load_experiment(Config config);

// What [fit] asks for. Throws ConfigError if there is no [fit] or it does not suit the models.
[[nodiscard]] OptNeuronOptions opt_neuron_options(const ExperimentProblem& problem);
[[nodiscard]] OptNeuronRunOptions opt_neuron_run_options(const ExperimentProblem& problem);

// One run of the experiment with the parameters of [simulate]; warns of a state that diverges.
[[nodiscard]] SimulationRecord simulate_experiment(const ExperimentProblem& problem, std::vector<std::string>& warnings,
                                                   const std::atomic<bool>* cancelled = nullptr);
// What it records of the target model, or the recordings.
[[nodiscard]] std::optional<SimulationRecord> simulate_target(const ExperimentProblem& problem,
                                                              const std::atomic<bool>* cancelled = nullptr);
[[nodiscard]] SimulationOptions simulation_options(const ExperimentProblem& problem);

// In words: phases, what is recorded, the target.
[[nodiscard]] std::string describe_experiment(const ExperimentProblem& problem);
[[nodiscard]] std::string describe_experiment_fit(const ExperimentProblem& problem);  // empty without [fit]

}  // namespace spikesmith
