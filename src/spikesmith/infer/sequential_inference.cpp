#include "spikesmith/infer/sequential_inference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/random_purposes.hpp"

namespace spikesmith {

namespace {

constexpr std::size_t region_samples = 50000;
constexpr double least_acceptance = 2e-3;  // of rejection from the prior
constexpr std::size_t candidates_per_draw = 32;

Array2 rows_of(const Array2& array, const std::vector<std::size_t>& rows) {
    Array2 result(rows.size(), array.columns);
    for (std::size_t i = 0; i < rows.size(); ++i) std::ranges::copy(array.row(rows[i]), result.row(i).begin());
    return result;
}

}  // namespace

Region::Region(const Posterior& posterior, double fraction, std::size_t samples, std::uint64_t seed, bool complete_only,
               const SamplingControl& control)
    : posterior_(posterior) {
    if (!(fraction > 0 && fraction < 1))
        throw ConfigError(fmt::format("the truncated fraction must be between 0 and 1, but is {}", fraction));
    const Prior& prior = posterior_.prior();
    const Array2 u = prior.to_normal(posterior_.sample(samples, seed, control));
    std::vector<double> densities(u.rows);
    posterior_.conditioned().log_density(u, densities, nullptr);
    const auto quantile = [&](std::vector<double> values) {
        const auto place = values.begin() + static_cast<std::ptrdiff_t>(fraction * static_cast<double>(samples));
        std::ranges::nth_element(values, place);
        return *place;
    };
    threshold_ = quantile(std::move(densities));
    if (complete_only && posterior_.estimator().completeness) least_completeness_ = quantile(completeness(u));
    const std::vector<std::uint8_t> inside =
        contains(prior.to_normal(prior.sample(samples, seed, std::uint64_t{1} << 32)));
    probability_ = static_cast<double>(std::ranges::count(inside, 1)) / static_cast<double>(samples);
}

std::vector<std::uint8_t> Region::contains(const Array2& u) const {
    std::vector<double> densities(u.rows);
    posterior_.conditioned().log_density(u, densities, nullptr);
    std::vector<std::uint8_t> inside;
    for (const double density : densities) inside.push_back(density >= threshold_ ? 1 : 0);
    if (!least_completeness_) return inside;
    const std::vector<double> odds = completeness(u);
    for (std::size_t i = 0; i < inside.size(); ++i) inside[i] = inside[i] != 0 && odds[i] >= *least_completeness_;
    return inside;
}

std::vector<double> Region::completeness(const Array2& u) const {
    return posterior_.estimator().completeness->log_ratio(u.values, std::vector<double>{0.0});
}

Array2 Region::sample(std::size_t n, std::uint64_t seed, const SamplingControl& control) const {
    const SamplingControl stop{.cancelled = control.cancelled};
    SamplingWatch watch(control, n);
    const Prior& prior = posterior_.prior();
    if (probability_ >= least_acceptance) {
        Array2 accepted(0, prior.dimension());
        constexpr std::size_t batch = 4096;
        const auto most = static_cast<std::uint64_t>(100 * static_cast<double>(n) / probability_) + 100 * batch;
        for (std::uint64_t first = 0; accepted.rows < n && first < most; first += batch) {
            const Array2 theta = prior.sample(batch, seed, first);
            const std::vector<std::uint8_t> inside = contains(prior.to_normal(theta));
            const std::size_t before = accepted.rows;
            for (std::size_t i = 0; i < batch && accepted.rows < n; ++i) {
                if (inside[i] == 0) continue;
                accepted.values.insert(accepted.values.end(), theta.row(i).begin(), theta.row(i).end());
                ++accepted.rows;
            }
            watch.add(accepted.rows - before);
        }
        if (accepted.rows == n) return accepted;
    }
    // Sampling with importance resampling: each draw chooses among candidates of its own.
    const Array2 u = prior.to_normal(posterior_.sample(n * candidates_per_draw, seed, stop));
    std::vector<double> weights(u.rows);
    posterior_.conditioned().log_density(u, weights, nullptr);
    const std::vector<std::uint8_t> inside = contains(u);
    for (std::size_t i = 0; i < u.rows; ++i) {
        double log_prior = 0;
        for (const double value : u.row(i)) log_prior += normal_log_density(value);
        weights[i] = inside[i] != 0 ? log_prior - weights[i] : -std::numeric_limits<double>::infinity();
    }
    std::vector<std::size_t> chosen;
    for (std::size_t k = 0; k < n; ++k) {
        const std::vector<double> own(weights.begin() + static_cast<std::ptrdiff_t>(k * candidates_per_draw),
                                      weights.begin() + static_cast<std::ptrdiff_t>((k + 1) * candidates_per_draw));
        const bool none = std::ranges::none_of(own, [](double w) { return std::isfinite(w); });
        if (none) continue;
        chosen.push_back(k * candidates_per_draw +
                         resample(own, 1, seed, purpose(RandomPurpose::truncation, k)).front());
    }
    if (chosen.empty()) throw NumericalError("no parameters were found within the truncated prior");
    for (std::size_t k = 0; chosen.size() < n; ++k) chosen.push_back(chosen[k]);
    return prior.from_normal(rows_of(u, chosen));
}

bool truncates(ProposalKind kind, InferenceMethod method) {
    return kind == ProposalKind::truncated || (kind == ProposalKind::automatic && method == InferenceMethod::snpe);
}

ProposedParameters propose(const Prior& prior, const Posterior* posterior, const Region* region, ProposalKind kind,
                           InferenceMethod method, std::size_t n, std::uint64_t seed, const SamplingControl& control) {
    if (posterior == nullptr) return {prior.sample(n, seed), SimulatedFrom::prior};
    if (truncates(kind, method) && region != nullptr)
        return {region->sample(n, seed, control), SimulatedFrom::truncated_prior};
    if (method == InferenceMethod::snpe && is_mixture(posterior->estimator())) {
        auto mixture = std::make_shared<const MixtureProposal>(proposal_mixture(posterior->conditioned()));
        return {prior.from_normal(sample_mixture(*mixture, n, seed)), SimulatedFrom::proposal, mixture};
    }
    return {posterior->sample(n, seed, control), SimulatedFrom::proposal};
}

SequentialResult infer_sequentially(const Prior& prior, const Simulator& simulator,
                                    const std::vector<double>& observation, const SequentialOptions& options) {
    if (options.rounds == 0) throw ConfigError("n_rounds must be at least 1");
    if (options.simulations_per_round < 2) throw ConfigError("a round needs at least 2 simulations");
    Inference inference(prior, options.inference);
    SequentialResult result;
    std::optional<Posterior> posterior;
    for (std::size_t round = 0; round < options.rounds; ++round) {
        const std::uint64_t seed = options.seed + (static_cast<std::uint64_t>(round) << 48);
        const SamplingControl stop{.cancelled = options.control.cancelled};
        if (posterior && truncates(options.proposal, options.inference.method)) {
            result.region.emplace(*posterior, options.truncation, region_samples, seed,
                                  options.inference.missing == MissingPolicy::restrict_prior, stop);
            inference.set_region([region = *result.region](const Array2& u) { return region.contains(u); });
        }
        ProposedParameters proposed =
            propose(prior, posterior ? &*posterior : nullptr, result.region ? &*result.region : nullptr,
                    options.proposal, options.inference.method, options.simulations_per_round, seed, stop);
        Array2 x = simulator(proposed.theta, inference.simulations().size());
        inference.append({std::move(proposed.theta), std::move(x), {}}, proposed.from, proposed.mixture);
        TrainingOptions training = options.training;
        training.seed = options.training.seed + round;
        TrainingControl control = options.control;
        if (!control.checkpoint.empty()) control.checkpoint /= fmt::format("round_{}", round + 1);
        result.reports.push_back(inference.train(training, control, observation));
        if (options.after_round) options.after_round(round, result.reports.back());
        posterior.emplace(prior, inference.estimator(), observation, options.posterior);
    }
    result.estimator = inference.estimator();
    result.simulations = inference.simulations();
    return result;
}

}  // namespace spikesmith
