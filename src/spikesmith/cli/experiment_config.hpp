// [experiment], [target] and, beside them, [fit]: a free experiment with a neuron, and what a fit of it compares.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/cli/config_values.hpp"
#include "spikesmith/cli/model_config.hpp"
#include "spikesmith/cli/toml_value.hpp"
#include "spikesmith/data/recording.hpp"
#include "spikesmith/features/features.hpp"

namespace spikesmith {

// What a parameter, an input or a clamped variable does during a phase: a quantity, or {wave = "ramp", from = ..., to = ...}.
struct WaveConfig {
    ConfigName driven;
    std::string kind;  // "constant", "step", "ramp", "staircase", "sine", "chirp", "zap", "pulses", "noise", "array"
    Place place;
    std::vector<std::pair<std::string, ConfigQuantity>> quantities;  // by key
    std::int64_t count = 0;                                          // plateaus or pulses
    std::uint64_t seed = 0;                                          // of noise
    std::vector<ConfigQuantity> values;                              // of an array that is written out
    std::optional<ConfigPath> file;                                  // of an array
    RecordingSource source;                                          // what of the file; without `path`
};

// [[experiment.phase]]
struct PhaseConfig {
    Place place;
    std::string name;
    ConfigQuantity duration;
    std::vector<std::pair<ConfigName, ConfigQuantity>> set;
    std::vector<WaveConfig> drive, clamp;
    std::vector<std::pair<ConfigName, ConfigName>> clamp_currents;  // state -> the current that its clamp injects
    bool record = true;
    bool reset = true;
    bool reset_parameters = true;
};

struct ExperimentConfig {
    Place place;
    std::vector<ConfigName> record;                    // empty: what the loss needs
    std::optional<ConfigQuantity> recording_interval;  // default: every step
    std::vector<PhaseConfig> phases;                   // at least one
};

// One entry of the loss of a fit with an experiment.
struct ExperimentLossConfig {
    Place place;
    std::string
        type;  // "rmse", "gamma", "van_rossum", "victor_purpura", "spike_count", "features", "efel", "spike_features"
    ConfigName variable;  // of "rmse", "features" and "efel"
    double weight = 1;
    std::vector<ConfigName> phases;                       // empty: all that are recorded
    std::optional<ConfigQuantity> precision;              // `delta`, `tau` or `cost` of spike distances
    std::vector<std::pair<ConfigName, double>> features;  // with their scales
    double missing = 10;                                  // what a feature costs that only one side has
    std::optional<double> volts_per_unit;                 // of a variable without unit
    std::vector<StimulusWindow> stimuli;                  // of features of voltages; empty: the whole chunk
    Place stimuli_place;
};

// A fitted, constant or computed quantity: [fit.parameters] beside [experiment].
struct VariableConfig {
    ConfigName name;
    std::optional<std::pair<ConfigQuantity, ConfigQuantity>> bounds;  // in any order
    std::optional<std::pair<ConfigQuantity, ConfigQuantity>> guess;   // where the search begins
    std::optional<ConfigQuantity> value;
    std::optional<TomlValue> expression;
    bool logarithmic = false;
    bool integer = false;
};

// [fit] beside [experiment]
struct ExperimentFitConfig {
    Place place, parameters_place;
    std::vector<VariableConfig> variables;
    std::vector<ExperimentLossConfig> losses;  // at least one
    std::size_t n_evaluations = 1000;
    std::size_t polish_evaluations = 0;  // of them, the last ones
    Place polish_place;
    std::size_t population = 0;  // 0: chosen by the method
    std::size_t repetitions = 1;
    std::size_t target_repetitions = 1;
    bool common_noise = false;
    bool allow_outside_bounds = false;
    std::optional<double> stop_at_loss;
    double checkpoint_seconds = 0;  // at least so long between two checkpoints
    std::optional<ConfigName> method;
    std::vector<std::pair<ConfigName, TomlValue>> options;  // of the optimiser
};

[[nodiscard]] ExperimentConfig read_experiment(const TomlValue& table, const std::filesystem::path& folder);
[[nodiscard]] ExperimentFitConfig read_experiment_fit(const TomlValue& table);

// [target]: a second model that runs the same experiment. `dt` is the time step of the first.
[[nodiscard]] ModelConfig read_target(const TomlValue& table, const std::filesystem::path& folder,
                                      const std::string& name, const ConfigQuantity& dt);

}  // namespace spikesmith
