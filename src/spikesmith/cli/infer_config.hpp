// [infer] of a configuration: what `spikesmith infer` is to do. Words and numbers are checked here; what needs the model or the data, in
// infer_problem.hpp.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/features/features.hpp"
#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/infer/sequential_inference.hpp"
#include "spikesmith/infer/training.hpp"

namespace spikesmith {

// A prior, or a fixed value: [infer.parameters]
struct PriorConfig {
    enum class Kind { uniform, log_uniform, normal, truncated_normal, log_normal, fixed };
    ConfigName name;
    Kind kind = Kind::uniform;
    ConfigQuantity low, high;        // uniform, log_uniform, truncated_normal
    ConfigQuantity mean, deviation;  // normal, truncated_normal; the mean is also the median of log_normal
    double log_deviation = 0;        // log_normal
    ConfigQuantity fixed;
};

// How one output is summed up: [infer.features.OUTPUT]
struct SummaryConfig {
    ConfigName output;
    FeatureSettings settings;
    std::vector<ConfigName> features;  // by the names of the features room
    std::vector<ConfigName> statistics;
    std::optional<std::size_t> decimation;  // raw traces
    std::vector<StimulusWindow> stimuli;
    Place stimuli_place;
};

struct InferConfig {
    Place place;
    std::vector<ConfigName> outputs;  // default: all recordings
    std::size_t n_samples = 1000;     // simulations per round
    std::size_t n_rounds = 1;
    bool automatic = false;  // method AUTO: `inference.method` is chosen after every round
    InferenceOptions inference;
    TrainingOptions training;
    PosteriorOptions posterior;
    ProposalKind proposal = ProposalKind::automatic;
    double truncation = 1e-4;
    std::size_t n_posterior_samples = 10000;
    std::size_t n_traces = 50;                     // simulated from the posterior
    std::optional<std::size_t> calibration_pairs;  // AssessmentOptions::pairs
    std::vector<PriorConfig> parameters;
    std::vector<SummaryConfig> features;  // empty: raw traces
};
// As [infer] writes it.
[[nodiscard]] std::string method_of(const InferConfig& infer);
// `folder`: of the file, which relative paths start from.
[[nodiscard]] InferConfig read_infer(const TomlValue& table, const std::filesystem::path& folder);

}  // namespace spikesmith
