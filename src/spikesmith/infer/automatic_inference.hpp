// The choice of method and networks by themselves: posteriors and likelihoods are learned from the same simulations, and the one that
// knows new parameters better serves.
//
//     AutomaticResult result = infer_automatically(prior, simulations, observation);           // one round, for every observation
//     AutomaticResult result = infer_automatically(prior, simulator, observation, {.simulations = 10000});  // for this one
//     Posterior posterior(prior, result.estimator, observation);
//
// Both are judged by the mean log density that their posterior gives to the true parameters of simulations they have not learned from
// (the negative of the loss of posterior estimation). Of a likelihood L(x | u) the posterior is L N(u; 0, I) / Z(x), with Z(x) by
// importance sampling: draws from equal parts of the other method's posterior of x and the prior. The likelihood serves if it is better by more
// than the standard error of the difference; else the posterior, which needs no Markov chains. Networks are an NSF, a MAF and an MDN of each
// method, weighted by their validation likelihood (inference.hpp).
//
// With a simulator the simulations come in rounds. From the second round on they are drawn from the prior within the region that holds
// nearly all of the chosen posterior so far (sequential_inference.hpp). The posterior is learned from all simulations in the newest region
// without correction, the likelihood from those outside too, which does not change it. So they can still be compared, each normalised
// within the region, by simulations there.
//
// The likelihood is left out for data with many features, with missing ones, or with an embedding.
//
// `Inferencer` takes the same rounds one by one (InferOptions::automatic).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/sequential_inference.hpp"

namespace spikesmith {

struct AutomaticOptions {
    InferenceOptions inference{};  // its method and density_estimators are chosen here
    TrainingOptions training{};
    TrainingControl control{};       // a checkpoint folder has a folder per method; networks are counted over both
    std::size_t most_features = 50;  // of data whose likelihood is tried
    std::size_t judging_simulations = 200;  // at most; from the validation split
    std::size_t draws = 1000;               // for each Z(x)

    // with a simulator
    std::size_t simulations = 10000;      // in all rounds together
    std::vector<double> shares = {1, 1};  // of the rounds, as many as there are rounds
    double truncation = 1e-4;             // fraction of the posterior that a region leaves out
    PosteriorOptions posterior{};
    std::uint64_t seed = 0;
};

struct AutomaticResult {
    struct Candidate {
        InferenceMethod method = InferenceMethod::snpe;
        double score = 0;  // mean log density of the true u
        TrainingReport report;
    };
    InferenceMethod method = InferenceMethod::snpe;
    std::shared_ptr<const Estimator> estimator;
    std::vector<Candidate> candidates;  // of the last round
    std::size_t judged = 0;             // simulations that both candidates were judged by; 0: there was one candidate
    double gain = 0;                    // of the likelihood's score over the posterior's
    double gain_error = 0;              // its standard error
    std::string left_out;               // why there was one candidate
    std::optional<Region> region;       // the newest, after several rounds
    Simulations drawn;                  // all, if there was a simulator

    [[nodiscard]] const Candidate& chosen() const;
    [[nodiscard]] std::string reason() const;   // one line: who was chosen, with which networks, and why
    [[nodiscard]] std::string summary() const;  // and the scores and losses of all
};

// Whether a method's name asks for this choice: "AUTO", "automatic", in upper or lower case.
[[nodiscard]] bool means_automatic(std::string_view name);

// The networks of each method.
[[nodiscard]] std::vector<nets::DensityKind> automatic_estimators();

// One round. `simulations` are from the prior; with a region those in it are from the prior within it. Throws what Inference does.
[[nodiscard]] AutomaticResult infer_automatically(const Prior& prior, const Simulations& simulations,
                                                  const std::vector<double>& observation,
                                                  const AutomaticOptions& options = {}, const Region* region = nullptr);
// All rounds.
[[nodiscard]] AutomaticResult infer_automatically(const Prior& prior, const Simulator& simulator,
                                                  const std::vector<double>& observation,
                                                  const AutomaticOptions& options = {});

}  // namespace spikesmith
