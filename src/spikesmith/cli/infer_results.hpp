// What `spikesmith infer` writes into its run folder, part by part: files, result.json, summary.txt (docs/infer.md has the list).
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "spikesmith/cli/infer_problem.hpp"
#include "spikesmith/cli/run_folder.hpp"

namespace spikesmith {

struct InferResults {
    nlohmann::ordered_json json;
    std::string report;  // the text of summary.txt
};

// The posterior, its samples, table, modes and pair plots. Throws Interrupted when cancelled.
void describe_posterior(const Inferencer& inferencer, const Problem& problem, const RunFolder& folder,
                        const SamplingControl& control, InferResults& results);
// Simulations, losses, what failed.
void describe_learning(const Inferencer& inferencer, const InferConfig& infer, const RunFolder& folder,
                       InferResults& results);
// Traces under draws of the posterior; none if n_traces is 0.
void describe_predictions(Inferencer& inferencer, const Problem& problem, const RunFolder& folder);
// What of the assessment there is.
void describe_assessment(const Assessment& assessment, const std::string& model, const RunFolder& folder,
                         InferResults& results);

}  // namespace spikesmith
