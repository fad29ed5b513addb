#include "spikesmith/infer/chains.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/chain_steps.hpp"
#include "spikesmith/infer/random_purposes.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using MatrixView = Eigen::Map<Matrix>;
using ConstMatrixView = Eigen::Map<const Matrix>;

ConstMatrixView view(const Array2& array) {
    return {array.values.data(), static_cast<Eigen::Index>(array.rows), static_cast<Eigen::Index>(array.columns)};
}
MatrixView view(Array2& array) {
    return {array.values.data(), static_cast<Eigen::Index>(array.rows), static_cast<Eigen::Index>(array.columns)};
}

// Coordinates y in which the pooled chains are white: point = mean + L y.
struct Whitening {
    Eigen::RowVectorXd mean;
    Matrix factor;  // L, lower

    [[nodiscard]] Array2 to_points(const Array2& y) const {
        Array2 points(y.rows, y.columns);
        view(points) = (view(y) * factor.transpose()).rowwise() + mean;
        return points;
    }
    [[nodiscard]] Array2 to_white(const Array2& points) const {
        Array2 y(points.rows, points.columns);
        const Matrix centred = view(points).rowwise() - mean;
        view(y) = factor.triangularView<Eigen::Lower>().solve(centred.transpose()).transpose();
        return y;
    }
};

Whitening identity(std::size_t dimension) {
    const auto n = static_cast<Eigen::Index>(dimension);
    return {Eigen::RowVectorXd::Zero(n), Matrix::Identity(n, n)};
}

// Shrunk a little towards its diagonal, so that few chains in many dimensions do no harm.
Whitening measure_whitening(const Array2& points) {
    const auto n = static_cast<double>(points.rows);
    Whitening result = identity(points.columns);
    if (points.rows < 4) return result;
    result.mean = view(points).colwise().mean();
    const Matrix centred = view(points).rowwise() - result.mean;
    Matrix covariance = centred.transpose() * centred / (n - 1);
    const double kept = n / (n + static_cast<double>(points.columns) + 5);
    for (Eigen::Index i = 0; i < covariance.rows(); ++i) {
        for (Eigen::Index j = 0; j < covariance.cols(); ++j) {
            if (i != j) covariance(i, j) *= kept;
        }
        covariance(i, i) += 1e-10;
    }
    const Eigen::LLT<Matrix> cholesky(covariance);
    if (cholesky.info() == Eigen::Success) result.factor = cholesky.matrixL();
    return result;
}

LogDensity whitened(const LogDensity& density, const Whitening& whitening) {
    return [&density, &whitening](const Array2& y, std::span<double> values, Array2* gradients) {
        const Array2 points = whitening.to_points(y);
        density(points, values, gradients);
        if (gradients == nullptr) return;
        const Matrix slopes = view(*gradients) * whitening.factor;
        view(*gradients) = slopes;
    };
}

void check(const ChainOptions& options, const Array2& pool) {
    if (options.num_chains == 0) throw ConfigError("at least one chain is needed");
    if (options.thin == 0) throw ConfigError("thin must be at least 1");
    if (options.leapfrog_steps == 0) throw ConfigError("leapfrog_steps must be at least 1");
    if (options.max_tree_depth == 0 || options.max_tree_depth > 20)
        throw ConfigError(fmt::format("max_tree_depth must be between 1 and 20, but is {}", options.max_tree_depth));
    if (!(options.target_acceptance > 0 && options.target_acceptance < 1))
        throw ConfigError(
            fmt::format("target_acceptance must be between 0 and 1, but is {}", options.target_acceptance));
    if (pool.rows == 0 || pool.columns == 0) throw ConfigError("chains need at least one point to start from");
}

// One part of a run: every chain takes `steps` steps from its row of `points`, which become the last ones. What is kept of chain
// c goes to rows c * kept ... of `samples`.
struct Part {
    std::size_t steps = 0;
    std::size_t thin = 1;
    bool adapt = false;
    std::uint64_t number = 0;
};

}  // namespace

std::vector<std::size_t> resample(const std::vector<double>& log_weights, std::size_t n, std::uint64_t seed,
                                  std::uint64_t purpose) {
    const double highest = *std::ranges::max_element(log_weights, [](double a, double b) {
        return (std::isnan(a) ? -infinity : a) < (std::isnan(b) ? -infinity : b);
    });
    if (!std::isfinite(highest)) {
        throw NumericalError("no point has a finite positive density",
                             "the observation may be far from everything that was simulated, or the prior too wide");
    }
    std::vector<double> sums(log_weights.size());
    double sum = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (log_weights[i] > -infinity) sum += std::exp(log_weights[i] - highest);
        sums[i] = sum;
    }
    math::RandomStream random(seed, purpose);
    std::vector<std::size_t> chosen;
    for (std::size_t k = 0; k < n; ++k) {
        const auto place = std::ranges::upper_bound(sums, random.next_uniform() * sum);
        std::size_t index = std::min(static_cast<std::size_t>(place - sums.begin()), sums.size() - 1);
        while (index > 0 && !(log_weights[index] > -infinity)) --index;  // rounding at the end
        chosen.push_back(index);
    }
    return chosen;
}

ChainSamples sample_chains(const LogDensity& density, const Array2& pool, std::size_t n, const ChainOptions& options,
                           const SamplingControl& control) {
    check(options, pool);
    const std::size_t dimension = pool.columns;
    ChainSamples result;
    result.num_chains = std::min(options.num_chains, std::max<std::size_t>(1, n));
    result.samples = Array2(n, dimension);
    if (n == 0) return result;
    const std::size_t per_chain = (n + result.num_chains - 1) / result.num_chains;
    SamplingWatch watch(control, result.num_chains * (options.warmup_steps + per_chain * options.thin));

    std::vector<double> values(pool.rows);
    density(pool, values, nullptr);
    result.evaluations += pool.rows;
    const auto chosen = resample(values, result.num_chains, options.seed, purpose(RandomPurpose::start_points));
    Array2 points(result.num_chains, dimension);
    for (std::size_t c = 0; c < result.num_chains; ++c) std::ranges::copy(pool.row(chosen[c]), points.row(c).begin());

    const bool gradients = options.method != ChainMethod::slice;
    std::vector<ChainTuning> tunings(result.num_chains, ChainTuning{.widths = std::vector<double>(dimension, 1.0)});
    Whitening whitening = identity(dimension);
    const auto run = [&](const Part& part, Array2* kept) {
        Array2 white = whitening.to_white(points);
        Array2 draws(kept != nullptr ? kept->rows : 0, dimension);
        const LogDensity white_density = whitened(density, whitening);
        const std::size_t kept_each = kept != nullptr ? per_chain : 0;
        const auto make = [&](std::size_t c) {
            ChainTask task{
                .steps = part.steps,
                .thin = part.thin,
                .adapt = part.adapt,
                .seed = options.seed,
                .purpose = purpose(gradients ? RandomPurpose::hamiltonian : RandomPurpose::slice, c * 16 + part.number),
                .point = white.row(c),
                .kept = std::span<double>(draws.values).subspan(c * kept_each * dimension, kept_each * dimension),
                .tuning = &tunings[c],
                .watch = &watch};
            if (options.method == ChainMethod::slice) return slice_chain(task);
            if (options.method == ChainMethod::hmc)
                return hmc_chain(task, options.leapfrog_steps, options.target_acceptance);
            return nuts_chain(task, options.max_tree_depth, options.target_acceptance);
        };
        result.evaluations += walk_together(result.num_chains, make, white_density, gradients);
        points = whitening.to_points(white);
        if (kept != nullptr) *kept = whitening.to_points(draws);
    };

    // Three parts of warm-up: to the typical set, then in coordinates measured there, then in better ones. The last tunes longest.
    const std::size_t first = options.warmup_steps / 5;
    const std::size_t second = options.warmup_steps * 3 / 10;
    const std::size_t third = options.warmup_steps - first - second;
    std::uint64_t number = 0;
    for (const std::size_t steps : {first, second, third}) {
        if (steps > 0) {
            if (number > 0) {
                whitening = measure_whitening(points);
                for (ChainTuning& tuning : tunings) tuning = ChainTuning{.widths = std::vector<double>(dimension, 1.0)};
            }
            run({.steps = steps, .thin = 1, .adapt = true, .number = number}, nullptr);
        }
        ++number;
    }
    // one step for all, the median: a chain that tuned badly does not stay so
    std::vector<double> steps;
    for (const ChainTuning& tuning : tunings) steps.push_back(tuning.step);
    std::ranges::nth_element(steps, steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2));
    for (ChainTuning& tuning : tunings) {
        tuning.step = steps[steps.size() / 2];
        tuning.acceptance_sum = tuning.acceptance_count = 0;
    }

    Array2 kept(per_chain * result.num_chains, dimension);
    run({.steps = per_chain * options.thin, .thin = options.thin, .adapt = false, .number = 3}, &kept);
    double accepted = 0;
    double count = 0;
    for (const ChainTuning& tuning : tunings) {
        accepted += tuning.acceptance_sum;
        count += tuning.acceptance_count;
    }
    if (count > 0) result.acceptance = accepted / count;
    for (std::size_t d = 0; d < dimension; ++d) {
        std::vector<double> column(kept.rows);
        for (std::size_t i = 0; i < kept.rows; ++i) column[i] = kept(i, d);
        const Mixing mixing = measure_mixing(column, result.num_chains);
        result.effective_samples.push_back(mixing.effective_samples * static_cast<double>(n) /
                                           static_cast<double>(kept.rows));
        result.split_r_hat.push_back(mixing.split_r_hat);
    }
    // When n is no multiple of the chains, the last draws of the last chains are left out.
    for (std::size_t c = 0, row = 0; c < result.num_chains; ++c) {
        const std::size_t count_of_chain = n / result.num_chains + (c < n % result.num_chains ? 1 : 0);
        for (std::size_t k = 0; k < count_of_chain; ++k)
            std::ranges::copy(kept.row(c * per_chain + k), result.samples.row(row++).begin());
    }
    return result;
}

Mixing measure_mixing(const std::vector<double>& draws, std::size_t num_chains) {
    const std::size_t length = draws.size() / num_chains;
    if (length < 4) return {static_cast<double>(num_chains), std::numeric_limits<double>::quiet_NaN()};
    const std::size_t half = length / 2;
    const std::size_t chains = 2 * num_chains;
    const auto n = static_cast<double>(half);
    const auto chain = [&](std::size_t c) {
        return std::span<const double>(draws).subspan((c / 2) * length + (c % 2) * (length - half), half);
    };
    std::vector<double> means(chains);
    double grand = 0;
    double within = 0;
    for (std::size_t c = 0; c < chains; ++c) {
        for (const double value : chain(c)) means[c] += value / n;
        grand += means[c] / static_cast<double>(chains);
        for (const double value : chain(c))
            within += (value - means[c]) * (value - means[c]) / (n - 1) / static_cast<double>(chains);
    }
    double between = 0;
    for (const double mean : means) between += (mean - grand) * (mean - grand) / static_cast<double>(chains - 1);
    const double total = within * (n - 1) / n + between;
    if (!(total > 0)) return {static_cast<double>(draws.size()), 1};
    const auto correlation = [&](std::size_t lag) {
        double sum = 0;
        for (std::size_t c = 0; c < chains; ++c) {
            const auto values = chain(c);
            for (std::size_t t = lag; t < half; ++t) sum += (values[t] - means[c]) * (values[t - lag] - means[c]);
        }
        return 1 - (within - sum / (n * static_cast<double>(chains))) / total;
    };
    double sum = 0;
    double previous = infinity;
    for (std::size_t lag = 0; lag + 1 < half; lag += 2) {
        const double pair = std::min(previous, (lag == 0 ? 1.0 : correlation(lag)) + correlation(lag + 1));
        if (pair < 0) break;
        sum += pair;
        previous = pair;
    }
    const double size = n * static_cast<double>(chains);
    const double time = std::max(2 * sum - 1, 1 / std::log10(std::max(size, 11.0)));
    return {size / time, std::sqrt(total / within)};
}

std::string ChainSamples::summary() const {
    const auto [low, high] = std::ranges::minmax(effective_samples);
    return fmt::format("{} samples of {} chains: effective size {:.0f} to {:.0f}, R-hat up to {:.3f}", samples.rows,
                       num_chains, low, high, *std::ranges::max_element(split_r_hat));
}

ChainMethod chain_method(std::string_view name) {
    if (name == "slice" || name == "slice_np" || name == "slice_np_vectorized") return ChainMethod::slice;
    if (name == "hmc" || name == "hmc_pyro" || name == "hmc_pymc") return ChainMethod::hmc;
    if (name == "nuts" || name == "nuts_pyro" || name == "nuts_pymc") return ChainMethod::nuts;
    throw ConfigError(fmt::format("unknown sampler of chains `{}`", name),
                      did_you_mean(name, {"slice", "hmc", "nuts"}));
}

}  // namespace spikesmith
