// Config: a whole experiment as its TOML file describes it; docs/config.md is the reference for users.
//
// The reader checks strictly: an unknown key, a wrong type, a missing key, a quantity of the wrong kind is a ConfigError that
// shows the place in the file (or on the command line, for an override) and what would be right. What needs the model or
// the data to be judged is checked by `problem.hpp`, with the places kept here. Reading a configuration opens no other file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/cli/experiment_config.hpp"
#include "spikesmith/cli/feature_config.hpp"
#include "spikesmith/cli/infer_config.hpp"
#include "spikesmith/cli/metric_config.hpp"
#include "spikesmith/cli/model_config.hpp"
#include "spikesmith/cli/toml_value.hpp"
#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/data/recording.hpp"
#include "spikesmith/optimize/parameter_space.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

// Traces of one variable in one or several files: [data.inputs.NAME], [data.outputs.NAME]
struct SeriesConfig {
    ConfigName name;
    std::vector<ConfigPath> files;  // at least one; the traces of the first come first
    RecordingSource source;         // what of each file; without `path`
    std::optional<Unit> unit;
    Place unit_place;
    std::optional<ConfigQuantity>
        dt;  // default: from the time column of a text file, else `dt` of [data], else of [model]
};

// [data.spikes]
struct SpikesConfig {
    std::vector<ConfigPath> files;  // at least one; the trains of the first come first
    std::string key;
    std::string unit;
    Place place;
};

// [data]
struct DataConfig {
    std::optional<ConfigQuantity> dt;  // sampling interval of all series that state none
    std::vector<SeriesConfig> inputs;
    std::vector<SeriesConfig> outputs;
    std::optional<SpikesConfig> spikes;
};

// A free parameter with bounds, a fixed one, or one that follows from others: [fit.parameters]
struct ParameterConfig {
    ConfigName name;
    ConfigQuantity low, high;
    Scale scale = Scale::linear;
    bool integer = false;
    std::optional<ConfigQuantity> fixed;
    std::optional<TomlValue> tied;  // an expression of the model's language
};

// An option of an algorithm, passed on by name: [fit.optimizer]
struct OptionConfig {
    ConfigName name;
    TomlValue value;  // number, boolean or string
};

// [fit.optimizer]
struct OptimizerConfig {
    std::optional<ConfigName> method;  // absent: chosen by the problem
    std::vector<OptionConfig> options;
};

// [fit]
struct FitConfig {
    Place place;
    std::vector<ConfigName> outputs;  // default: all of [data.outputs], and spikes if there are any
    int n_samples = 100;              // parameter sets per round
    int n_rounds = 30;
    std::optional<ConfigName> penalty;       // variable whose value at the end is added to the error
    std::optional<ConfigQuantity> duration;  // of spikes without recorded traces
    std::vector<double> trace_weights;
    Place trace_weights_place;
    double checkpoint_seconds = 0;  // at least so long between two checkpoints
    int polish = 0;                 // rounds after which the best is refined; 0: never
    std::vector<ParameterConfig> parameters;
    OptimizerConfig optimizer;
    MetricConfig metric;                                              // of traces
    std::vector<std::pair<ConfigName, MetricConfig>> output_metrics;  // several for one output are several objectives
};

// [simulate]
struct SimulateConfig {
    std::vector<std::pair<ConfigName, ConfigQuantity>> parameters;
    std::vector<ConfigName> outputs;         // default: all states
    std::optional<ConfigQuantity> duration;  // default: as long as the inputs
    bool csv = false;                        // traces as CSV beside the NPZ
};

// [refine]
struct RefineConfig {
    std::vector<std::pair<ConfigName, ConfigQuantity>> start;  // default: the best of the fit
    int n_starts = 1;                                          // the best evaluations of the fit
    std::optional<ConfigName> method;                          // default: chosen by the metric
    std::optional<ConfigName> derivatives;                     // default: exact where the model allows it
    int max_iterations = 100;                                  // of each start
    int hops = 0;                                              // of quasi-Newton
    double confidence = 0.95;
};

// [landscape]
struct LandscapeConfig {
    std::vector<ConfigName> parameters;                                                    // two
    int points = 41;                                                                       // along each
    std::vector<std::pair<ConfigName, std::pair<ConfigQuantity, ConfigQuantity>>> ranges;  // default: the bounds
};

// [run]: how it is run; changes no result except by `seed` and `precision`
struct RunConfig {
    std::uint64_t seed = 0;
    int threads = 0;  // 0: all cores
    int width = 0;    // doubles per vector: 1, 2, 4, 8; 0: the widest of this machine
    Precision precision = Precision::double_precision;
    std::optional<std::filesystem::path> folder;  // default: runs/<name>-<n>, n counting up, in the current folder
};

struct Config {
    std::filesystem::path file;  // empty for a text in memory
    std::string name;            // of the file without extension
    ModelConfig model;
    DataConfig data;
    std::optional<FitConfig> fit;
    std::optional<ExperimentConfig> experiment;         // a free experiment instead of stimuli in [data]
    std::optional<ExperimentFitConfig> experiment_fit;  // [fit] beside [experiment]; then `fit` is empty
    std::optional<ModelConfig> target;                  // a second model that the first shall reproduce
    std::optional<SimulateConfig> simulate;
    std::optional<FeaturesConfig> features;
    RefineConfig refine;
    LandscapeConfig landscape;
    std::optional<InferConfig> infer;
    RunConfig run;
    TomlValue tree;  // with overrides
};

// A value from the command line that replaces one of the file: "fit.n_rounds=5".
struct Override {
    std::string assignment;
    std::string option = "--set";  // for messages
};

// Reads a file and applies overrides in order.
[[nodiscard]] Config read_config(const std::filesystem::path& file, const std::vector<Override>& overrides = {});

// Reads a text in memory. Relative paths stay as written.
[[nodiscard]] Config read_config_text(const SourceText& text, const std::vector<Override>& overrides = {});

// The configuration as it was run, ready to be run again from `folder`: overrides applied, paths relative to that folder.
[[nodiscard]] std::string config_as_run(const Config& config, const std::filesystem::path& folder);

}  // namespace spikesmith
