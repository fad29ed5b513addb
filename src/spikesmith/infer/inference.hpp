// Inference: learns from simulations how parameters and data belong together.
//
//     Inference inference(prior, {.method = InferenceMethod::snpe});
//     inference.append({theta, x}, SimulatedFrom::prior);
//     TrainingReport report = inference.train({.seed = 1});
//     Posterior posterior(prior, inference.estimator(), observation);
//
// Methods, by the names that users know:
//
//   snpe     posterior estimation. Of simulations from the prior, or from truncations of it, by maximum likelihood; of
//            simulations from other proposals by the atomic loss (D. Greenberg, M. Nonnenmacher, J. Macke, Automatic posterior
//            transformation, ICML 2019), alone or combined with the likelihood of the prior's simulations; mixture density
//            networks in closed form, without atoms, if the proposals are mixtures too (mixture_proposal.hpp). Truncated
//            proposals: M. Deistler, P. Goncalves, J. Macke, NeurIPS 2022.
//   snle     likelihood estimation (G. Papamakarios, D. Sterratt, I. Murray, AISTATS 2019)
//   snre_a   ratio estimation, binary (J. Hermans, V. Begy, G. Louppe, ICML 2020)
//   snre_b   ratio estimation, one among many (C. Durkan, I. Murray, G. Papamakarios, ICML 2020)
//   snre_c   ratio estimation with a normalised ratio (B. Miller, C. Weniger, P. Forre, NeurIPS 2022)
//
// Networks see parameters in the coordinates of prior.hpp. Several kinds of networks, or several of each, are trained on the same
// split, in parallel, and weighted by the validation set (estimator.hpp).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/infer/estimator.hpp"
#include "spikesmith/infer/mixture_proposal.hpp"
#include "spikesmith/infer/prior.hpp"
#include "spikesmith/infer/simulations.hpp"
#include "spikesmith/infer/training.hpp"
#include "spikesmith/nets/specification.hpp"

namespace spikesmith {

enum class InferenceMethod { snpe, snle, snre_a, snre_b, snre_c };
// "SNPE", "NPE", "SNPE_C", "SNLE", "SNRE", "SNRE_B", ... in upper or lower case. Throws ConfigError with a hint.
[[nodiscard]] InferenceMethod inference_method(std::string_view name);
[[nodiscard]] std::string name_of(InferenceMethod method);

struct InferenceOptions {
    InferenceMethod method = InferenceMethod::snpe;
    // of snpe and snle; of several kinds each is trained
    std::vector<nets::DensityKind> density_estimators = {nets::DensityKind::maf};
    nets::DensityOptions density{};
    // of snre
    std::vector<nets::ClassifierKind> classifiers = {nets::ClassifierKind::resnet};
    nets::ClassifierOptions classifier{};
    nets::Embedding embedding{};  // of x; snpe and snre
    nets::ZScore z_score_theta = nets::ZScore::independent;
    nets::ZScore z_score_x = nets::ZScore::independent;
    bool transform_x =
        true;  // features with long tails are seen on a logarithmic scale (feature_transform.hpp), if z_score_x is independent
    std::size_t ensemble = 1;            // networks of each kind
    std::size_t num_atoms = 10;          // true and contrasting parameters of the atomic loss and of snre_b
    bool use_combined_loss = false;      // atomic: likelihood of the prior's simulations in full
    bool closed_form = true;             // if all networks are MDN and all proposals mixtures, no atoms are needed
    std::size_t num_classes = 5;         // snre_c
    double gamma = 1;                    // snre_c
    bool discard_prior_samples = false;  // from the second round on
    // Later rounds train networks anew, or start from those of the round before, with their scales. Absent: anew, but SNPE and SNRE
    // after proposals start from them, since contrasts tell little of the density far from all proposals (docs/infer.md).
    std::optional<bool> retrain_from_scratch{};
    MissingPolicy missing = MissingPolicy::mask;
    std::uint64_t seed = 0;
};

enum class SimulatedFrom {
    prior,
    truncated_prior,  // the prior within a region that holds the posterior of the observation
    proposal,         // anything else, such as the posterior of the round before
};

struct NetworkReport {
    std::string kind;
    double weight = 0;
    double validation_loss = 0;  // its best
    std::uint64_t epochs = 0;
    std::vector<double> training_losses;  // per epoch
    std::vector<double> validation_losses;
};

struct TrainingReport {
    std::vector<NetworkReport> networks;
    std::size_t simulations = 0;          // learned from, validation included
    std::vector<std::size_t> validation;  // which ones validated, as rows of all simulations
    MissingCounts missing;
    double seconds = 0;  // not reproducible

    [[nodiscard]] std::string summary() const;  // a line per network
};

// How training is watched and kept.
struct TrainingControl {
    // called after every epoch of every network, from several threads but never at once
    std::function<void(std::size_t network, std::size_t networks, const TrainingState&)> progress{};
    // A folder, made if need be. Every epoch of every network is written, so a process that is killed loses the epoch it was in. It is also flushed
    // to the disk if so much time has passed since that was done: that is what a power cut may cost.
    std::filesystem::path checkpoint{};
    double flush_seconds = 1;
    const std::atomic<bool>* cancelled = nullptr;
};

// 1 for the rows of u that are inside.
using RegionMarks = std::function<std::vector<std::uint8_t>(const Array2& u)>;

class Inference {
  public:
    Inference(Prior prior, InferenceOptions options);

    // Throws DataError if theta is outside the prior, shapes do not fit, or all of x is missing.
    // `mixture`: of simulations from a proposal, what they were drawn from, if it is a mixture.
    void append(Simulations simulations, SimulatedFrom from, std::shared_ptr<const MixtureProposal> mixture = nullptr);
    // Only simulations whose u this marks are learned from, for truncated proposals; empty: all. Likelihoods learn from all, and are
    // judged by these.
    void set_region(RegionMarks region) { region_ = std::move(region); }

    // Trains on all that was appended. The observation is needed for what depends on which features it lacks; empty: it
    // lacks nothing. If `control.checkpoint` has files of the same problem, training goes on from there; files of another problem are
    // replaced.
    TrainingReport train(const TrainingOptions& training, const TrainingControl& control = {},
                         std::span<const double> observation = {});

    [[nodiscard]] const Prior& prior() const { return prior_; }
    [[nodiscard]] const InferenceOptions& options() const { return options_; }
    [[nodiscard]] const Simulations& simulations() const { return simulations_; }
    // Throws ConfigError before the first training.
    [[nodiscard]] std::shared_ptr<const Estimator> estimator() const;

  private:
    struct LearningSet;
    [[nodiscard]] LearningSet learning_set(const TrainingOptions& training, std::span<const double> observation,
                                           MissingCounts& missing) const;
    void mark_validation(const TrainingOptions& training);
    [[nodiscard]] TrainingSplit split(const LearningSet& set) const;

    Prior prior_;
    InferenceOptions options_;
    Simulations simulations_;
    bool atomic_ = false;  // some simulations are from another proposal, and not to be corrected in closed form
    std::vector<std::shared_ptr<const MixtureProposal>> mixtures_;
    std::vector<std::uint32_t> mixture_of_row_;  // of simulations_: number in mixtures_ plus one; 0: none
    RegionMarks region_;
    // Of simulations_: what validates once does so in all rounds, since networks that go on from the round before must not know it.
    std::vector<std::uint8_t> validates_;
    double marked_fraction_ = 0;
    std::shared_ptr<const Estimator> estimator_;
};

}  // namespace spikesmith
