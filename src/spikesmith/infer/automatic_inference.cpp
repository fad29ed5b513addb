#include "spikesmith/infer/automatic_inference.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double log_half = -0.693147180559945309;

double log_sum(double a, double b) {
    const double highest = std::max(a, b);
    return std::isfinite(highest) ? highest + std::log(std::exp(a - highest) + std::exp(b - highest)) : highest;
}

double log_prior(std::span<const double> u) {
    double sum = 0;
    for (const double value : u) sum += normal_log_density(value);
    return sum;
}

// log density of the true u under the posterior of both methods; the likelihood's by importance sampling.
struct Scores {
    double posterior = 0;
    double likelihood = 0;
};

Scores scores_of(const ConditionedEstimator& posterior, const ConditionedEstimator& likelihood, const Array2& truth,
                 std::size_t draws, std::uint64_t seed) {
    Scores scores;
    double value = 0;
    posterior.log_density(truth, std::span(&value, 1), nullptr);
    scores.posterior = value;
    Array2 u = posterior.sample(draws / 2, seed);
    math::RandomStream random(seed, purpose(RandomPurpose::start_points, 3));
    for (std::size_t k = 0; k < u.columns * (draws - draws / 2); ++k) u.values.push_back(random.next_normal());
    // the truth too is a draw, of the prior given x: with it Z cannot be missed altogether
    u.values.insert(u.values.end(), truth.values.begin(), truth.values.end());
    u.rows = draws + 1;
    std::vector<double> q(u.rows);
    std::vector<double> target(u.rows);
    posterior.log_density(u, q, nullptr);
    likelihood.log_density(u, target, nullptr);
    std::vector<double> weights;
    for (std::size_t i = 0; i < u.rows; ++i)
        weights.push_back(target[i] - log_half - log_sum(q[i], log_prior(u.row(i))));
    const double highest = *std::ranges::max_element(weights);
    double sum = 0;
    for (const double weight : weights) sum += std::exp(weight - highest);
    const double log_z = highest + std::log(sum / static_cast<double>(u.rows));
    scores.likelihood = target.back() - log_z;
    return scores;
}

Array2 one_row(std::span<const double> row) {
    Array2 result(1, row.size());
    std::ranges::copy(row, result.row(0).begin());
    return result;
}

}  // namespace

std::vector<nets::DensityKind> automatic_estimators() {
    return {nets::DensityKind::nsf, nets::DensityKind::maf};
}

AutomaticResult infer_automatically(const Prior& prior, const Simulations& simulations,
                                    const std::vector<double>& observation, const AutomaticOptions& options) {
    AutomaticResult result;
    const auto learn = [&](InferenceMethod method) {
        InferenceOptions chosen = options.inference;
        chosen.method = method;
        chosen.density_estimators = automatic_estimators();
        Inference inference(prior, chosen);
        inference.append(simulations, SimulatedFrom::prior);
        TrainingControl control = options.control;
        if (!control.checkpoint.empty()) control.checkpoint /= name_of(method);
        result.candidates.push_back(
            {.method = method, .report = inference.train(options.training, control, observation)});
        return inference.estimator();
    };
    const std::shared_ptr<const Estimator> posterior = learn(InferenceMethod::snpe);
    result.estimator = posterior;
    const TrainingReport& report = result.candidates.front().report;
    for (const NetworkReport& network : report.networks)  // until it is judged beside another
        result.candidates.front().score -= network.weight * network.validation_loss;
    const bool try_likelihood = report.missing.incomplete == 0 && simulations.x.columns <= options.most_features &&
                                options.inference.embedding.kind == nets::EmbeddingKind::identity;
    if (!try_likelihood) return result;
    const std::shared_ptr<const Estimator> likelihood = learn(InferenceMethod::snle);

    // Both were trained on the same split.
    const TrainingSplit split =
        split_samples(simulations.size(), options.training.validation_fraction, options.training.seed);
    const std::size_t n = std::min(options.judging_simulations, split.validation.size());
    std::vector<Scores> scores(n);
    tbb::parallel_for(std::size_t{0}, n, [&](std::size_t k) {
        const std::size_t i = split.validation[k];
        const Array2 x = one_row(simulations.x.row(i));
        scores[k] =
            scores_of(ConditionedEstimator(posterior, x), ConditionedEstimator(likelihood, x),
                      prior.to_normal(one_row(simulations.theta.row(i))), options.draws, options.training.seed + k);
    });
    Scores mean;
    for (const Scores& one : scores) {
        mean.posterior += one.posterior / static_cast<double>(n);
        mean.likelihood += one.likelihood / static_cast<double>(n);
    }
    result.candidates[0].score = mean.posterior;
    result.candidates[1].score = mean.likelihood;
    if (mean.likelihood > mean.posterior) {
        result.method = InferenceMethod::snle;
        result.estimator = likelihood;
    }
    return result;
}

std::string AutomaticResult::summary() const {
    std::string text = fmt::format("chosen: {}", name_of(method));
    for (const Candidate& candidate : candidates)
        text += fmt::format("\n{}: mean log density of the true parameters {:.3f}; {}", name_of(candidate.method),
                            candidate.score, candidate.report.summary());
    return text;
}

}  // namespace spikesmith
