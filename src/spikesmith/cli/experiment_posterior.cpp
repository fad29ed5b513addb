#include "spikesmith/cli/experiment_posterior.hpp"

#include "spikesmith/infer/pair_densities.hpp"
#include "spikesmith/report/pair_plot.hpp"
#include "spikesmith/report/posterior_files.hpp"

namespace spikesmith {

OptNeuronPosterior learn_posterior(OptNeuron& neuron, const ExperimentFitConfig& fit,
                                   const std::filesystem::path& checkpoint, const std::atomic<bool>* cancelled) {
    OptNeuronPosteriorOptions options;
    options.n_simulations = fit.n_evaluations;
    for (const auto& [name, value] : fit.options) {
        (name.name == "n_rounds" ? options.n_rounds : options.n_samples) = static_cast<std::size_t>(value.integer);
    }
    options.control.cancelled = cancelled;
    options.control.checkpoint = checkpoint;
    return infer_opt_neuron(neuron, options);
}

void write_posterior(const OptNeuronPosterior& learned, const std::string& title, std::uint64_t seed,
                     const RunFolder& folder, nlohmann::ordered_json& json) {
    const Posterior& posterior = learned.posterior;
    const Prior& prior = posterior.prior();
    folder.write("posterior.spk", posterior.to_bytes());
    folder.write("samples.npz", format_npz(sample_arrays(prior, learned.samples, posterior.log_prob(learned.samples))));
    folder.write("samples.csv", samples_csv(prior, learned.samples));
    folder.write("posterior.svg", svg(pair_plot(title, pair_densities(prior, learned.samples),
                                                {{"mode", learned.modes.modes.front().theta}})));
    auto& out = json["posterior"] = nlohmann::ordered_json::object();
    out["seed"] = seed;
    out["parameters"] = to_json(summarize(prior, learned.samples, learned.modes));
    out["correlation"] = correlation(learned.samples);
    out["modes"] = to_json(learned.modes, prior);
    out["samples"] = learned.samples.rows;
    auto& features = out["features"] = nlohmann::ordered_json::array();
    for (std::size_t k = 0; k < learned.summary_names.size() && k < learned.observation.size(); ++k)
        features.push_back({{"name", learned.summary_names[k]}, {"observed", learned.observation[k]}});
    auto& rounds = out["rounds"] = nlohmann::ordered_json::array();
    for (const TrainingReport& report : learned.reports) rounds.push_back(to_json(report));
    if (learned.predictions) out["predictive_check"] = to_json(*learned.predictions);
}

}  // namespace spikesmith
