#include "spikesmith/cli/infer_results.hpp"

#include <vector>

#include <fmt/format.h>

#include "spikesmith/report/calibration_plot.hpp"
#include "spikesmith/report/pair_plot.hpp"
#include "spikesmith/report/posterior_files.hpp"

namespace spikesmith {
namespace {

using Json = nlohmann::ordered_json;

// Both over the range of the samples.
void plot_pairs(const Posterior& posterior, const Array2& samples, const Mode& mode, const std::string& model,
                const RunFolder& folder) {
    const std::vector<MarkedPoint> points{{"maximum", mode.theta}};
    const PairDensities marginal = pair_densities(posterior.prior(), samples);
    PairDensityOptions options;
    for (const PairDensities::Parameter& parameter : marginal.parameters)
        options.limits.push_back({parameter.values.front(), parameter.values.back()});
    folder.write("pairs.svg", svg(pair_plot(model + ", posterior", marginal, points)));
    folder.write("conditional_pairs.svg",
                 svg(pair_plot(model + ", others at the maximum",
                               conditional_pair_densities(posterior, mode.theta, options), points)));
}

}  // namespace

void describe_posterior(const Inferencer& inferencer, const Problem& problem, const RunFolder& folder,
                        const SamplingControl& control, InferResults& results) {
    const std::uint64_t seed = problem.config.run.seed;
    const Posterior& posterior = inferencer.posterior();
    const Array2 samples = posterior.sample(problem.config.infer->n_posterior_samples, seed, control);
    const Modes modes = posterior.map({.seed = seed}, {.cancelled = control.cancelled});
    const std::vector<ParameterSummary> parameters = summarize(posterior.prior(), samples, modes);
    folder.write("posterior.spk", posterior.to_bytes());
    folder.write("samples.npz", format_npz(sample_arrays(posterior.prior(), samples, posterior.log_prob(samples))));
    folder.write("samples.csv", samples_csv(posterior.prior(), samples));
    plot_pairs(posterior, samples, modes.modes.front(), problem.model.name, folder);
    results.json["parameters"] = to_json(parameters);
    results.json["correlation"] = correlation(samples);
    results.json["modes"] = to_json(modes, posterior.prior());
    results.json["samples"] = samples.rows;
    Json& features = results.json["features"] = Json::array();
    for (std::size_t k = 0; k < inferencer.feature_names().size(); ++k)
        features.push_back({{"name", inferencer.feature_names()[k]}, {"observed", inferencer.observation()[k]}});
    results.report += summary_table(parameters);
    if (modes.modes.size() > 1)
        results.report += fmt::format("\nThe posterior has {} modes; result.json has them all.\n", modes.modes.size());
}

void describe_learning(const Inferencer& inferencer, const InferConfig& infer, const RunFolder& folder,
                       InferResults& results) {
    const std::vector<TrainingReport>& rounds = inferencer.reports();
    inferencer.save_summary_statistics(folder.path() / "simulations.npz");
    results.json["simulations"] = to_json(rounds.back().missing, inferencer.feature_names());
    results.json["simulations"]["rows"] = inferencer.n_simulations();
    Json& list = results.json["rounds"] = Json::array();
    for (const TrainingReport& round : rounds) list.push_back(to_json(round));
    const std::string missing = rounds.back().missing.summary();
    results.report += fmt::format("\n{}, {} simulations in {} round{}: {}\n", method_of(infer),
                                  inferencer.n_simulations(), rounds.size(), rounds.size() == 1 ? "" : "s",
                                  missing.empty() ? "none failed, no feature is missing" : missing);
    if (!inferencer.choice()) return;
    results.report += inferencer.choice()->reason() + "\n";
    results.json["choice"] = to_json(*inferencer.choice());
}

void describe_predictions(Inferencer& inferencer, const Problem& problem, const RunFolder& folder) {
    const InferConfig& infer = *problem.config.infer;
    if (infer.n_traces == 0) return;
    const PredictiveTraces traces = inferencer.generate_traces(infer.n_traces);
    if (traces.outputs.empty()) return;
    folder.write("traces.npz", format_npz(predictive_arrays(traces, inferencer.data())));
    folder.write("traces.svg",
                 svg(predictive_plot(problem.model.name + ", posterior predictive", traces, inferencer.data())));
}

void describe_assessment(const Assessment& assessment, const std::string& model, const RunFolder& folder,
                         InferResults& results) {
    if (assessment.predictions) {
        results.json["predictive_check"] = to_json(*assessment.predictions);
        folder.write("features.svg", svg(predictive_plot(model + ", features", *assessment.predictions)));
    }
    if (assessment.calibration) {
        Json json = to_json(*assessment.calibration);
        folder.write("calibration.json", json.dump(2) + "\n");
        folder.write("calibration.svg", svg(calibration_plot(model + ", calibration", *assessment.calibration)));
        for (const char* key : {"ranks", "coverage", "tarp"}) json.erase(key);
        results.json["calibration"] = std::move(json);
    }
    if (!assessment.failure.empty()) results.json["assessment_failure"] = assessment.failure;
    const std::string words = assessment.summary();
    if (!words.empty()) results.report += "\n" + words;
}

}  // namespace spikesmith
