#include "spikesmith/infer/posterior.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/modes.hpp"
#include "spikesmith/infer/posterior_file.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double farthest = 7;      // of a mode in u: beyond, a bounded parameter is at its bound
constexpr double same_mode = 0.02;  // distance in u
constexpr double envelope = 1.3;    // rejection: how much higher than the highest density seen
constexpr std::size_t envelope_starts = 20;

Array2 one_row(const std::vector<double>& observation) {
    Array2 row(1, observation.size());
    row.values = observation;
    return row;
}

// The density of theta as a function of u: that of u less the volume that the map takes.
LogDensity of_theta(const ConditionedEstimator& estimator, const Prior& prior) {
    return [&](const Array2& u, std::span<double> values, Array2* gradients) {
        estimator.log_density(u, values, gradients);
        std::vector<double> slope(u.columns);
        for (std::size_t i = 0; i < u.rows; ++i) {
            values[i] -= prior.log_jacobian(u.row(i));
            if (gradients == nullptr) continue;
            prior.log_jacobian_gradient(u.row(i), slope);
            for (std::size_t d = 0; d < u.columns; ++d) (*gradients)(i, d) -= slope[d];
        }
    };
}

std::vector<std::size_t> highest(const std::vector<double>& values, std::size_t n) {
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    n = std::min(n, order.size());
    std::ranges::partial_sort(order, order.begin() + static_cast<std::ptrdiff_t>(n), [&](std::size_t a, std::size_t b) {
        const double x = std::isnan(values[a]) ? -infinity : values[a];
        const double y = std::isnan(values[b]) ? -infinity : values[b];
        return x != y ? x > y : a < b;
    });
    order.resize(n);
    return order;
}

Array2 selected(const Array2& points, const std::vector<std::size_t>& rows) {
    Array2 result(rows.size(), points.columns);
    for (std::size_t i = 0; i < rows.size(); ++i) std::ranges::copy(points.row(rows[i]), result.row(i).begin());
    return result;
}

Array2 standard_normal(std::size_t n, std::size_t dimension, std::uint64_t seed, std::uint64_t stream,
                       std::uint64_t first = 0) {
    Array2 u(n, dimension);
    math::RandomStream random(seed, stream);
    random.set_position(first * dimension);
    for (double& value : u.values) value = random.next_normal();
    return u;
}

}  // namespace

Posterior::Posterior(Prior prior, std::shared_ptr<const Estimator> estimator, const Array2& observation,
                     PosteriorOptions options)
    : prior_(std::move(prior)),
      estimator_(std::move(estimator)),
      conditioned_(std::make_shared<const ConditionedEstimator>(estimator_, observation)),
      options_(options) {
    if (estimator_->parameters != prior_.dimension()) {
        throw DataError(fmt::format("the networks have {} parameters, but the prior {}", estimator_->parameters,
                                    prior_.dimension()));
    }
    if (options_.sample_with == SampleMethod::direct && !conditioned_->normalized()) {
        throw ConfigError("only posterior estimation (SNPE) can be sampled directly", "use chains or rejection");
    }
    if (options_.pool == 0) throw ConfigError("the pool of start points must not be empty");
}

Posterior::Posterior(Prior prior, std::shared_ptr<const Estimator> estimator, const std::vector<double>& observation,
                     PosteriorOptions options)
    : Posterior(std::move(prior), std::move(estimator), one_row(observation), options) {}

Posterior Posterior::given(const Array2& observation) const {
    return {prior_, estimator_, observation, options_};
}

Posterior Posterior::given(const std::vector<double>& observation) const {
    return {prior_, estimator_, observation, options_};
}

Posterior Posterior::with(const PosteriorOptions& options) const {
    return {prior_, estimator_, observation(), options};
}

Array2 Posterior::sample(std::size_t n, std::uint64_t seed, const SamplingControl& control) const {
    switch (options_.sample_with) {
        case SampleMethod::automatic:
            if (!normalized()) return sample_with_chains(n, seed, control).samples;
            [[fallthrough]];
        case SampleMethod::direct:
            return prior_.from_normal(conditioned_->sample(n, seed, control));
        case SampleMethod::chains:
            return sample_with_chains(n, seed, control).samples;
        case SampleMethod::rejection:
            return reject(n, seed, control);
    }
    return {};
}

ChainSamples Posterior::sample_with_chains(std::size_t n, std::uint64_t seed, const SamplingControl& control) const {
    ChainOptions options = options_.chains;
    options.seed = seed;
    const Array2 pool = normalized() ? conditioned_->sample(options_.pool, seed)
                                     : standard_normal(options_.pool, prior_.dimension(), seed,
                                                       purpose(RandomPurpose::start_points, 1));
    ChainSamples result = sample_chains(conditioned_->function(), pool, n, options, control);
    result.samples = prior_.from_normal(result.samples);
    return result;
}

// Proposals are standard normal in u, the prior; accepted with probability density / (prior * highest ratio).
Array2 Posterior::reject(std::size_t n, std::uint64_t seed, const SamplingControl& control) const {
    const std::size_t dimension = prior_.dimension();
    if (normalized()) return prior_.from_normal(conditioned_->sample(n, seed, control));
    const LogDensity ratio = [&](const Array2& u, std::span<double> values, Array2* gradients) {
        conditioned_->log_density(u, values, gradients);
        for (std::size_t i = 0; i < u.rows; ++i) {
            for (std::size_t d = 0; d < dimension; ++d) {
                values[i] -= normal_log_density(u(i, d));
                if (gradients != nullptr) (*gradients)(i, d) += u(i, d);
            }
        }
    };
    const Array2 pool = standard_normal(options_.pool, dimension, seed, purpose(RandomPurpose::start_points, 2));
    std::vector<double> values(pool.rows);
    ratio(pool, values, nullptr);
    std::size_t evaluations = 0;
    const auto peaks =
        find_maxima(ratio, selected(pool, highest(values, envelope_starts)), 100, same_mode, 4.5, evaluations);
    if (peaks.empty()) throw NumericalError("the density vanishes everywhere in the prior");
    const double bound = peaks.front().value + std::log(envelope);

    Array2 accepted(0, dimension);
    math::RandomStream random(seed, purpose(RandomPurpose::rejection));
    SamplingWatch watch(control, n);
    constexpr std::size_t batch = 4096;
    for (std::uint64_t first = 0; accepted.rows < n; first += batch) {
        if (first >= options_.max_proposals) {
            throw NumericalError(fmt::format("rejection accepted {} of {} proposals; {} samples were asked for",
                                             accepted.rows, first, n),
                                 "the posterior is too narrow for rejection: sample with chains");
        }
        const Array2 u = standard_normal(batch, dimension, seed, purpose(RandomPurpose::rejection, 1), first);
        values.resize(batch);
        ratio(u, values, nullptr);
        const std::size_t before = accepted.rows;
        for (std::size_t i = 0; i < batch; ++i) {
            if (!(std::log1p(-random.next_uniform()) < values[i] - bound) || accepted.rows == n) continue;
            accepted.values.insert(accepted.values.end(), u.row(i).begin(), u.row(i).end());
            ++accepted.rows;
        }
        watch.add(accepted.rows - before);
    }
    return prior_.from_normal(accepted);
}

std::vector<double> Posterior::log_prob(const Array2& theta) const {
    if (theta.columns != prior_.dimension())
        throw DataError(
            fmt::format("theta has {} columns, but there are {} parameters", theta.columns, prior_.dimension()));
    std::vector<double> result(theta.rows);
    const Array2 u = prior_.to_normal(theta);
    of_theta(*conditioned_, prior_)(u, result, nullptr);
    for (std::size_t i = 0; i < theta.rows; ++i) {
        if (!prior_.contains(theta.row(i))) result[i] = -infinity;
    }
    return result;
}

Modes Posterior::map(const MapOptions& options, const SamplingControl& control) const {
    const SamplingControl stop{.cancelled = control.cancelled};  // progress is that of the searches
    if (options.num_starts == 0) throw ConfigError("map needs at least one start");
    const LogDensity density = of_theta(*conditioned_, prior_);
    // Posterior networks know where to look; the others start where short chains end.
    Array2 pool;
    if (normalized()) {
        pool = conditioned_->sample(std::max(options.num_starts, std::min<std::size_t>(options_.pool, 1000)),
                                    options.seed, stop);
    } else {
        PosteriorOptions chains = options_;
        chains.chains.num_chains = options.num_starts;
        chains.chains.warmup_steps = std::min<std::size_t>(20, options_.chains.warmup_steps);
        pool = prior_.to_normal(with(chains).sample_with_chains(options.num_starts, options.seed, stop).samples);
    }
    std::vector<double> values(pool.rows);
    density(pool, values, nullptr);
    // half the starts are the best of the pool, half its first: a low, wide mode gets its share
    std::vector<std::size_t> rows = highest(values, (options.num_starts + 1) / 2);
    for (std::size_t i = 0; rows.size() < options.num_starts && i < pool.rows; ++i) {
        if (std::ranges::find(rows, i) == rows.end()) rows.push_back(i);
    }
    Modes result;
    for (const Maximum& maximum : find_maxima(density, selected(pool, rows), options.max_steps, same_mode, farthest,
                                              result.evaluations, control)) {
        Mode mode{
            .theta = std::vector<double>(prior_.dimension()), .log_density = maximum.value, .starts = maximum.starts};
        prior_.from_normal(maximum.point, mode.theta);
        result.modes.push_back(std::move(mode));
    }
    if (result.modes.empty()) throw NumericalError("the density vanishes everywhere in the prior");
    return result;
}

void Posterior::save(const std::filesystem::path& path) const {
    write_file_atomically(path, to_bytes());
}

Posterior Posterior::load(const std::filesystem::path& path) {
    return from_bytes(read_file(path), path.string());
}

SampleMethod sample_method(std::string_view name) {
    if (name == "automatic") return SampleMethod::automatic;
    if (name == "direct") return SampleMethod::direct;
    if (name == "mcmc" || name == "chains") return SampleMethod::chains;
    if (name == "rejection") return SampleMethod::rejection;
    throw ConfigError(fmt::format("unknown way to sample `{}`", name),
                      did_you_mean(name, {"automatic", "direct", "mcmc", "rejection"}));
}

}  // namespace spikesmith
