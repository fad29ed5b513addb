#include "spikesmith/infer/automatic_inference.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t region_samples = 20000;
constexpr double least_known_probability = 1e-3;  // of a region, as 20000 draws tell it
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

// Where the parameters of the simulations are from: the prior, or the prior within a region.
struct Origin {
    const Region* region = nullptr;
    double log_probability = 0;  // of the region under the prior
    Array2 draws;                // of u from there; may be empty

    [[nodiscard]] std::vector<std::uint8_t> contains(const Array2& u) const {
        return region != nullptr ? region->contains(u) : std::vector<std::uint8_t>(u.rows, 1);
    }
};

// log density of the true u under the posterior of both methods, within the region; the likelihood's by importance sampling.
struct Scores {
    double posterior = 0;
    double likelihood = 0;
};

Scores scores_of(const ConditionedEstimator& posterior, const ConditionedEstimator& likelihood, const Array2& truth,
                 const Origin& origin, std::size_t draws, std::uint64_t seed) {
    const std::size_t own = origin.draws.rows > 0 ? draws / 2 : draws;
    Array2 u = posterior.sample(own, seed);
    math::RandomStream random(seed, purpose(RandomPurpose::start_points, 3));
    for (std::size_t k = own; k < draws; ++k) {
        const auto row = origin.draws.row(random.next_index(origin.draws.rows));
        u.values.insert(u.values.end(), row.begin(), row.end());
    }
    // the truth too is a draw, of the prior given x: with it Z cannot be missed altogether
    u.values.insert(u.values.end(), truth.values.begin(), truth.values.end());
    u.rows = draws + 1;
    const std::vector<std::uint8_t> inside = origin.contains(u);
    std::vector<double> q(u.rows);
    std::vector<double> target(u.rows);
    posterior.log_density(u, q, nullptr);
    likelihood.log_density(u, target, nullptr);
    std::vector<double> weights(u.rows, -infinity);
    for (std::size_t i = 0; i < u.rows; ++i) {
        if (inside[i] == 0) continue;
        const double drawn_with =
            own == draws ? q[i] : log_half + log_sum(q[i], log_prior(u.row(i)) - origin.log_probability);
        weights[i] = target[i] - drawn_with;
    }
    const double highest = *std::ranges::max_element(weights);
    double sum = 0;
    for (const double weight : weights) sum += std::exp(weight - highest);
    const double log_z = highest + std::log(sum / static_cast<double>(u.rows));
    const auto kept =
        1.0 + static_cast<double>(std::count(inside.begin(), inside.begin() + static_cast<std::ptrdiff_t>(own), 1));
    return {.posterior = q.back() - std::log(kept / static_cast<double>(own + 1)), .likelihood = target.back() - log_z};
}

Array2 one_row(std::span<const double> row) {
    Array2 result(1, row.size());
    std::ranges::copy(row, result.row(0).begin());
    return result;
}

}  // namespace

bool means_automatic(std::string_view name) {
    const auto same = [&](std::string_view word) {
        return std::ranges::equal(name, word, [](char a, char b) {
            return std::tolower(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b);
        });
    };
    return same("auto") || same("automatic");
}

std::vector<nets::DensityKind> automatic_estimators() {
    return {nets::DensityKind::nsf, nets::DensityKind::maf, nets::DensityKind::mdn};
}

namespace {

// Empty if the likelihood of such data can be learned.
std::string why_no_likelihood(const Simulations& simulations, const std::vector<double>& observation,
                              const AutomaticOptions& options) {
    if (options.inference.embedding.kind != nets::EmbeddingKind::identity) return "an embedding has no likelihood";
    if (simulations.x.columns > options.most_features)
        return fmt::format("the likelihood of {} features is not tried", simulations.x.columns);
    const bool lacking = std::ranges::any_of(observation, [](double value) { return !std::isfinite(value); });
    return lacking || count_missing(simulations.x).incomplete > 0 ? "the likelihood of missing features is not tried"
                                                                  : "";
}

Simulations within(const Region& region, const Prior& prior, const Simulations& all) {
    std::vector<std::size_t> rows;
    const std::vector<std::uint8_t> inside = region.contains(prior.to_normal(all.theta));
    for (std::size_t i = 0; i < inside.size(); ++i) {
        if (inside[i] != 0) rows.push_back(i);
    }
    return all.select(rows);
}

}  // namespace

AutomaticResult infer_automatically(const Prior& prior, const Simulations& simulations,
                                    const std::vector<double>& observation, const AutomaticOptions& options,
                                    const Region* region) {
    const Simulations inside = region != nullptr ? within(*region, prior, simulations) : simulations;
    AutomaticResult result;
    result.left_out = why_no_likelihood(inside, observation, options);
    const std::size_t methods = result.left_out.empty() ? 2 : 1;
    const auto learn = [&](InferenceMethod method) {
        InferenceOptions chosen = options.inference;
        chosen.method = method;
        chosen.density_estimators = automatic_estimators();
        Inference inference(prior, chosen);
        inference.append(simulations, region != nullptr ? SimulatedFrom::truncated_prior : SimulatedFrom::prior);
        if (region != nullptr) inference.set_region([region](const Array2& u) { return region->contains(u); });
        TrainingControl control = options.control;
        if (!control.checkpoint.empty()) control.checkpoint /= name_of(method);
        if (control.progress) {
            control.progress = [&shown = options.control.progress, methods, before = result.candidates.size()](
                                   std::size_t network, std::size_t networks, const TrainingState& state) {
                shown(before * networks + network, methods * networks, state);
            };
        }
        result.candidates.push_back(
            {.method = method, .report = inference.train(options.training, control, observation)});
        return inference.estimator();
    };
    const std::shared_ptr<const Estimator> posterior = learn(InferenceMethod::snpe);
    result.estimator = posterior;
    const TrainingReport& report = result.candidates.front().report;
    for (const NetworkReport& network : report.networks)  // until it is judged beside another
        result.candidates.front().score -= network.weight * network.validation_loss;
    if (!result.left_out.empty()) return result;
    const std::shared_ptr<const Estimator> likelihood = learn(InferenceMethod::snle);

    const std::vector<std::size_t>& validation = result.candidates.front().report.validation;  // of both
    Origin origin{.region = region};
    if (region == nullptr) {
        origin.draws = prior.to_normal(
            prior.sample(std::max<std::size_t>(10000, options.draws), options.seed, std::uint64_t{1} << 40));
    } else if (region->prior_probability() > least_known_probability) {
        origin.log_probability = std::log(region->prior_probability());
        origin.draws = prior.to_normal(inside.theta);
    }
    const std::size_t n = std::min(options.judging_simulations, validation.size());
    std::vector<Scores> scores(n);
    tbb::parallel_for(std::size_t{0}, n, [&](std::size_t k) {
        if (options.control.cancelled != nullptr && options.control.cancelled->load())
            throw Interrupted("the inference was interrupted");
        const std::size_t i = validation[k];
        const Array2 x = one_row(simulations.x.row(i));
        scores[k] = scores_of(ConditionedEstimator(posterior, x), ConditionedEstimator(likelihood, x),
                              prior.to_normal(one_row(simulations.theta.row(i))), origin, options.draws,
                              options.training.seed + k);
    });
    Scores mean;
    for (const Scores& one : scores) {
        mean.posterior += one.posterior / static_cast<double>(n);
        mean.likelihood += one.likelihood / static_cast<double>(n);
    }
    const double gain = mean.likelihood - mean.posterior;
    double squares = 0;
    for (const Scores& one : scores) squares += std::pow(one.likelihood - one.posterior - gain, 2);
    const double error = std::sqrt(squares / std::max(1.0, static_cast<double>(n) * (static_cast<double>(n) - 1)));
    result.candidates[0].score = mean.posterior;
    result.candidates[1].score = mean.likelihood;
    result.judged = n;
    result.gain = gain;
    result.gain_error = error;
    if (gain > error) {
        result.method = InferenceMethod::snle;
        result.estimator = likelihood;
    }
    return result;
}

AutomaticResult infer_automatically(const Prior& prior, const Simulator& simulator,
                                    const std::vector<double>& observation, const AutomaticOptions& options) {
    const bool usable = !options.shares.empty() &&
                        std::ranges::all_of(options.shares, [](double share) { return share > 0 && share < 1e9; });
    if (!usable) throw ConfigError("shares needs a positive number for each round");
    const double whole = std::accumulate(options.shares.begin(), options.shares.end(), 0.0);
    const SamplingControl stop{.cancelled = options.control.cancelled};
    AutomaticResult result;
    Simulations all;
    double before = 0;
    for (std::size_t round = 0; round < options.shares.size(); ++round) {
        const std::uint64_t seed = options.seed + (static_cast<std::uint64_t>(round) << 48);
        std::optional<Region> region;
        if (round > 0) {
            region.emplace(Posterior(prior, result.estimator, observation, options.posterior), options.truncation,
                           region_samples, seed, false, stop);
        }
        // rounds end where their shares do, so that together they are all simulations
        before += options.shares[round];
        const auto last =
            static_cast<std::size_t>(std::lround(before / whole * static_cast<double>(options.simulations)));
        if (last < all.size() + 2) throw ConfigError("a round needs at least 2 simulations");
        const std::size_t n = last - all.size();
        Array2 theta = region ? region->sample(n, seed, stop) : prior.sample(n, seed);
        Array2 x = simulator(theta, all.size());
        mark_missing(x);
        all.append({std::move(theta), std::move(x), std::vector<std::uint32_t>(n, static_cast<std::uint32_t>(round))});
        AutomaticOptions now = options;
        now.training.seed += round;
        if (!now.control.checkpoint.empty()) now.control.checkpoint /= fmt::format("round_{}", round + 1);
        result = infer_automatically(prior, all, observation, now, region ? &*region : nullptr);
        result.region = std::move(region);
    }
    result.drawn = std::move(all);
    return result;
}

const AutomaticResult::Candidate& AutomaticResult::chosen() const {
    return *std::ranges::find(candidates, method, &Candidate::method);
}

std::string AutomaticResult::reason() const {
    std::string text = "chosen: " + name_of(method);
    std::string networks;
    for (const NetworkReport& network : chosen().report.networks) {
        if (network.weight >= 0.005)
            networks += fmt::format("{}{} {:.2f}", networks.empty() ? "" : ", ", network.kind, network.weight);
    }
    text += fmt::format(" ({}), ", networks);
    if (!left_out.empty()) return text + "because " + left_out;
    const std::string difference = fmt::format("by {:.3f} +- {:.3f} (true parameters of {} held-out simulations)",
                                               std::abs(gain), gain_error, judged);
    if (method == InferenceMethod::snle)
        return text + "whose mean log density is higher than that of SNPE " + difference;
    if (gain < 0) return text + "whose mean log density is higher than that of SNLE " + difference;
    return text + "which needs no Markov chains; the mean log density of SNLE is higher only " + difference;
}

std::string AutomaticResult::summary() const {
    std::string text = reason();
    for (const Candidate& candidate : candidates)
        text += fmt::format("\n{}: mean log density of the true parameters {:.3f}; {}", name_of(candidate.method),
                            candidate.score, candidate.report.summary());
    return text;
}

}  // namespace spikesmith
