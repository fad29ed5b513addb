// The posterior of what an OptNeuron fits (the established tool's method "sbi"): from what candidates record, not from a loss.
//
//     OptNeuron neuron({...});                                     // its loss may be anything
//     OptNeuronPosterior found = infer_opt_neuron(neuron, {.n_simulations = 2000});
//     found.posterior.save("posterior.spk");
//     std::cout << found.fit.summary();                            // the mode is `best`
//
// Candidates are drawn from the prior, their records summarised to numbers (summary_of_record, or a function of the user), and
// networks learn the parameters from them; the observation is the summary of the target. Repetitions, losses and optimisers of the
// OptNeuron play no role, but the loss of the mode is computed.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/infer/automatic_inference.hpp"
#include "spikesmith/infer/calibration.hpp"
#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/infer/sequential_inference.hpp"

namespace spikesmith {

// Numbers of one candidate's record, always equally many; NaN: missing. Called from several threads unless the OptNeuron has
// `serial_loss`.
using RecordSummary = std::function<std::vector<double>(const SimulationRecord& candidate)>;

// Per chunk: of every recorded variable the mean and the standard deviation, of the whole chunk and of each third of its samples; of
// spikes their number, that in each third of the chunk, the time of the first, and mean and standard deviation of the logarithms of the
// intervals. What there is not (an interval of one spike) is NaN.
[[nodiscard]] std::vector<double> summary_of_record(const SimulationRecord& candidate);
[[nodiscard]] std::vector<std::string> summary_names(const SimulationRecord& record);

struct OptNeuronPosteriorOptions {
    std::size_t n_simulations = 1000;  // per round
    std::size_t n_rounds = 1;
    std::vector<ParameterPrior>
        prior{};  // of the fitted variables, in any order; empty: uniform within their bounds and on their scale
    RecordSummary summary{};        // empty: summary_of_record
    std::size_t n_samples = 10000;  // of the posterior that are kept
    bool automatic = false;         // chooses the method by itself (automatic_inference.hpp); for one round
    InferenceOptions inference{};   // its seed is that of the OptNeuron
    TrainingOptions training{};
    PosteriorOptions posterior{};
    TrainingControl control{};         // `cancelled` stops simulations too: Interrupted
    std::size_t assessed_draws = 200;  // draws of the posterior that are simulated to check it; 0: none
    std::function<void(std::size_t simulations)> progress{};  // simulations so far
};

struct OptNeuronPosterior {
    OptNeuronResult fit;  // the mode is `best`; its history is empty
    Posterior posterior;
    Array2 samples;  // n_samples x fitted variables
    Modes modes;
    std::vector<double>
        observation;  // summary of the target, without what is the same in all simulations of the first round
    std::vector<std::string> summary_names;
    std::vector<TrainingReport> reports;
    std::optional<PredictiveCheck> predictions;

    [[nodiscard]] std::string summary() const;
};

// Throws ConfigError if there is no target, for variables of whole numbers, common noise, a prior that does not fit, and summaries whose
// length differs; DataError if all simulations are the same.
[[nodiscard]] OptNeuronPosterior infer_opt_neuron(OptNeuron& neuron, const OptNeuronPosteriorOptions& options = {});

}  // namespace spikesmith
