// Inferencer: the posterior of a model's parameters given recordings.
//
//     Inferencer inferencer({.model = model,
//                            .recordings = {.inputs = {{"I", currents}}, .outputs = {{"v", recordings}}, .dt = 1e-5},
//                            .features = {electrophysiology("v", {"Spikecount", "voltage_base"}, {{0.1, 0.6}})},
//                            .method = "exponential_euler"});
//     const Posterior& posterior = inferencer.infer({.prior = {uniform_prior("gl", ...), uniform_prior("g_na", ...)},
//                                                    .n_samples = 15000});
//     Array2 theta = inferencer.sample(10000);
//     PredictiveTraces traces = inferencer.generate_traces(100);
//     std::cout << inferencer.assessment()->summary();     // calibration and predictions, judged after every inference
//
// One round is amortised: the networks know every observation. Several rounds are focused on this one. A second `infer` adds rounds;
// `restart` begins anew. The steps can be taken one by one:
//
//     inferencer.init_prior({...});
//     Array2 theta = inferencer.generate_training_data(1000);
//     Array2 x = inferencer.extract_summary_statistics(theta);
//     inferencer.save_summary_statistics("simulations.npz");
//     inferencer.init_inference({.method = InferenceMethod::snpe});
//     inferencer.train();
//     inferencer.build_posterior();
//
// Parameters are those of the model without initial value; columns of theta are in the order of the prior. Same seed, same
// numbers, for any number of threads. Memory is bounded by blocks of simulations, not by their number times the length of traces.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/infer/assessment.hpp"
#include "spikesmith/infer/automatic_inference.hpp"
#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/pair_densities.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/infer/predictive_traces.hpp"
#include "spikesmith/infer/sequential_inference.hpp"
#include "spikesmith/infer/summary_statistics.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

// How the simulations of an Inferencer are watched.
struct SimulationControl {
    // parameter sets times stimuli simulated so far, and in all of this step; from several threads, and calls may overlap
    std::function<void(std::size_t done, std::size_t total)> progress{};
    const std::atomic<bool>* cancelled = nullptr;  // then the step throws Interrupted
};

struct InferencerOptions {
    Model model{};
    Recordings recordings{};               // their features are the observation
    std::vector<SummaryGroup> features{};  // empty: the raw traces of all outputs
    std::string method{};                  // integration method; empty: automatic
    int threads = 0;                       // of simulations; 0: all cores
    KernelOptions kernel{};
    std::uint64_t seed = 0;  // of everything
    SimulationControl simulations{};
    // of the adaptive methods, see IntegrationOptions
    double absolute_error = 1e-6;
    double relative_error = 1e-6;
    int max_adaptive_steps = 100;
};

struct InferOptions {
    std::vector<ParameterPrior> prior{};  // at the first call; may be empty when continuing
    std::size_t n_samples = 0;            // simulations per round; 0: as in the last round
    std::size_t n_rounds = 1;
    InferenceOptions inference{};  // at the first call
    // At the first call: every round chooses the method and its networks by itself (automatic_inference.hpp). Two rounds are usually the best
    // use of simulations. Later rounds draw from the prior within the region of the posterior so far, whatever `proposal` says.
    bool automatic = false;
    TrainingOptions training{};
    PosteriorOptions posterior{};
    ProposalKind proposal = ProposalKind::automatic;
    double truncation = 1e-4;
    bool restart = false;  // forget the networks and simulations before
    bool assess = true;    // judge the posterior afterwards: Inferencer::assessment
    AssessmentOptions assessment{};
    TrainingControl control{};
};

class Inferencer {
  public:
    // Throws what the Fitter's constructor throws for recordings that do not fit the model; ConfigError for features of outputs
    // that are not recorded.
    explicit Inferencer(InferencerOptions options);
    Inferencer(Inferencer&&) noexcept;
    Inferencer& operator=(Inferencer&&) noexcept;
    ~Inferencer();

    // The whole of it, with the assessment at the end unless that is switched off.
    const Posterior& infer(const InferOptions& options);

    // --- steps ------------------------------------------------------------------------------------------------------
    // Throws ConfigError for parameters that the model does not have, or that are missing; UnitError for another dimension.
    const Prior& init_prior(std::vector<ParameterPrior> parameters);
    // n rows of theta for the next round: from the prior, or after a posterior was built from the proposal.
    Array2 generate_training_data(std::size_t n_samples);
    // x of each row of theta (columns as the prior's). Throws DataError for shapes that do not fit.
    Array2 extract_summary_statistics(const Array2& theta);
    // The theta and x of the last two steps, or those of the last round; arrays `theta` and `x`. Throws ConfigError if there are none.
    void save_summary_statistics(const std::filesystem::path& path) const;
    // Reads both; the next `train` uses them as simulations from the prior. Throws DataError if an array is missing or does not fit.
    std::pair<Array2, Array2> load_summary_statistics(const std::filesystem::path& path);
    void set_summary_statistics(Array2 theta, Array2 x, SimulatedFrom from = SimulatedFrom::prior);
    void init_inference(const InferenceOptions& options, bool automatic = false);
    // Adds the pending theta and x, and trains.
    TrainingReport train(const TrainingOptions& training = {}, const TrainingControl& control = {});
    const Posterior& build_posterior(const PosteriorOptions& options = {});
    // One round: parameters from the proposal, simulations (both unless they are pending), training, posterior.
    const Posterior& infer_step(std::size_t n_samples, const TrainingOptions& training = {},
                                const PosteriorOptions& posterior = {}, const TrainingControl& control = {});

    // --- results ----------------------------------------------------------------------------------------------------
    [[nodiscard]] const Posterior& posterior() const;  // throws ConfigError if there is none
    [[nodiscard]] const std::vector<TrainingReport>& reports() const;
    [[nodiscard]] const std::optional<AutomaticResult>& choice() const;  // of an automatic inference, in its last round
    Array2 sample(std::size_t n, std::uint64_t seed = 0, const SamplingControl& control = {}) const {
        return posterior().sample(n, seed, control);
    }
    std::vector<double> log_prob(const Array2& theta) const { return posterior().log_prob(theta); }
    Modes map(const MapOptions& options = {}, const SamplingControl& control = {}) const {
        return posterior().map(options, control);
    }
    void save_posterior(const std::filesystem::path& path) const { posterior().save(path); }
    // Throws DataError if its parameters or features are not those of this model and these recordings.
    const Posterior& load_posterior(const std::filesystem::path& path);

    // What pair plots show (pair_densities.hpp), of so many samples, or with the other parameters as in `condition`.
    PairDensities pairplot(std::size_t samples = 10000, const PairDensityOptions& options = {}) const {
        return pair_densities(posterior().prior(), posterior().sample(samples), options);
    }
    PairDensities conditional_pairplot(std::span<const double> condition,
                                       const PairDensityOptions& options = {}) const {
        return conditional_pair_densities(posterior(), condition, options);
    }
    Array2 conditional_corrcoeff(const Array2& conditions, const PairDensityOptions& options = {}) const {
        return conditional_correlations(posterior(), conditions, options);
    }

    // Simulates n draws of the posterior. `outputs`: states, subexpressions, inputs; empty: those with recordings.
    PredictiveTraces generate_traces(std::size_t n_samples, std::vector<std::string> outputs = {});
    // Of the last `infer`, or of the last `assess`; nothing after a posterior that was built or loaded without.
    [[nodiscard]] const std::optional<Assessment>& assessment() const;
    // Calibration and predictive check of the posterior that there is. A posterior that cannot be sampled is no error here but a reason.
    const Assessment& assess(const AssessmentOptions& options = {});
    // Simulates `pairs` new parameters of the prior (of its truncation after several rounds) and judges the posterior by them.
    CalibrationReport calibrate(std::size_t pairs = 300, const CalibrationOptions& options = {});
    // Simulates draws of the posterior and compares with the observation.
    PredictiveCheck check_predictions(std::size_t draws = 200);

    [[nodiscard]] const std::vector<double>& observation() const;         // x of the recordings
    [[nodiscard]] const std::vector<std::string>& feature_names() const;  // "v[0].Spikecount", one per value of x
    [[nodiscard]] const TraceData& data() const;
    [[nodiscard]] std::size_t n_simulations() const;  // so far

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
