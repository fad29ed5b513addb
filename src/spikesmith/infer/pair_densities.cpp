#include "spikesmith/infer/pair_densities.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

using Limits = std::vector<std::array<double, 2>>;

constexpr double margin = 0.1;             // of the range, on either side
constexpr double away_from_border = 1e-5;  // of the range
constexpr std::size_t range_samples = 1000;

void check(const PairDensityOptions& options, const Prior& prior) {
    if (options.resolution < 2) throw ConfigError("densities need a resolution of at least 2");
    if (options.limits.empty()) return;
    if (options.limits.size() != prior.dimension())
        throw ConfigError(
            fmt::format("there are {} limits, but {} parameters", options.limits.size(), prior.dimension()));
    for (std::size_t d = 0; d < prior.dimension(); ++d) {
        const auto [low, high] = options.limits[d];
        if (!(low < high && std::isfinite(low) && std::isfinite(high)))
            throw ConfigError(fmt::format("the limits of `{}` are {} and {}", prior.parameters()[d].name, low, high));
    }
}

Array2 finite_rows(const Prior& prior, const Array2& samples) {
    if (samples.columns != prior.dimension())
        throw DataError(fmt::format("the samples have {} columns, but there are {} parameters", samples.columns,
                                    prior.dimension()));
    Array2 result(0, samples.columns);
    for (std::size_t i = 0; i < samples.rows; ++i) {
        const auto row = samples.row(i);
        if (!std::ranges::all_of(row, [](double v) { return std::isfinite(v); })) continue;
        result.values.insert(result.values.end(), row.begin(), row.end());
        ++result.rows;
    }
    if (result.rows < 2) throw DataError("densities need at least two samples");
    return result;
}

Limits ranges_of(const Prior& prior, const Array2& samples) {
    Limits limits;
    for (std::size_t d = 0; d < samples.columns; ++d) {
        double low = samples(0, d);
        double high = low;
        for (std::size_t i = 1; i < samples.rows; ++i) {
            low = std::min(low, samples(i, d));
            high = std::max(high, samples(i, d));
        }
        const double width = high > low ? high - low : std::max(std::abs(low), 1e-300);
        const Distribution& distribution = prior.parameters()[d].distribution;
        limits.push_back(
            {std::max(low - margin * width, distribution.low()), std::min(high + margin * width, distribution.high())});
    }
    return limits;
}

// Parameters with values in the middle of `resolution` equal cells.
PairDensities prepared(const Prior& prior, const Limits& limits, std::size_t resolution) {
    PairDensities result;
    for (std::size_t d = 0; d < prior.dimension(); ++d) {
        const ParameterPrior& parameter = prior.parameters()[d];
        PairDensities::Parameter own{
            .name = parameter.name, .dimension = parameter.dimension, .values = {}, .density = {}};
        const auto [low, high] = limits[d];
        for (std::size_t k = 0; k < resolution; ++k)
            own.values.push_back(low + (high - low) * (static_cast<double>(k) + 0.5) / static_cast<double>(resolution));
        result.parameters.push_back(std::move(own));
    }
    return result;
}

double cell(const PairDensities::Parameter& parameter) {
    return parameter.values[1] - parameter.values[0];
}

void normalize(std::span<double> density, double cell_volume) {
    const double sum = std::accumulate(density.begin(), density.end(), 0.0) * cell_volume;
    for (double& value : density) value = sum > 0 ? value / sum : 0;
}

// Weights of a normal kernel over cells, mirrored at the ends so that nothing is lost there.
std::vector<double> smoothed(std::span<const double> values, double bandwidth_in_cells) {
    const auto n = static_cast<std::ptrdiff_t>(values.size());
    const auto reach = std::min<std::ptrdiff_t>(n, static_cast<std::ptrdiff_t>(std::ceil(4 * bandwidth_in_cells)));
    std::vector<double> kernel;
    for (std::ptrdiff_t k = 0; k <= reach; ++k)
        kernel.push_back(std::exp(-0.5 * std::pow(static_cast<double>(k) / std::max(bandwidth_in_cells, 1e-3), 2)));
    const double total = 2 * std::accumulate(kernel.begin() + 1, kernel.end(), 0.0) + kernel.front();
    std::vector<double> result(values.size(), 0.0);
    for (std::ptrdiff_t i = 0; i < n; ++i) {
        for (std::ptrdiff_t k = -reach; k <= reach; ++k) {
            std::ptrdiff_t place = i + k;
            if (place < 0) place = -1 - place;
            if (place >= n) place = 2 * n - 1 - place;
            if (place < 0 || place >= n) continue;
            result[static_cast<std::size_t>(i)] +=
                kernel[static_cast<std::size_t>(std::abs(k))] / total * values[static_cast<std::size_t>(place)];
        }
    }
    return result;
}

double deviation_of(const Array2& samples, std::size_t d) {
    double mean = 0;
    double square = 0;
    for (std::size_t i = 0; i < samples.rows; ++i) mean += samples(i, d) / static_cast<double>(samples.rows);
    for (std::size_t i = 0; i < samples.rows; ++i) square += std::pow(samples(i, d) - mean, 2);
    return std::sqrt(square / static_cast<double>(samples.rows - 1));
}

// Every conditional density by its logarithm; `visit` takes the normalised pair (i, j).
PairDensities conditional(const Posterior& posterior, std::span<const double> condition, const Limits& limits,
                          std::size_t resolution) {
    const Prior& prior = posterior.prior();
    if (condition.size() != prior.dimension() || !prior.contains(condition))
        throw DataError("the condition must be one value of each parameter, inside the prior");
    PairDensities result = prepared(prior, limits, resolution);
    const auto evaluated = [&](std::size_t count, const std::function<void(std::size_t, std::span<double>)>& set) {
        Array2 theta(count, prior.dimension());
        for (std::size_t k = 0; k < count; ++k) {
            std::ranges::copy(condition, theta.row(k).begin());
            set(k, theta.row(k));
        }
        std::vector<double> density = posterior.log_prob(theta);
        const double highest = *std::ranges::max_element(density);
        if (!std::isfinite(highest)) throw NumericalError("the posterior vanishes along the condition");
        for (double& value : density) value = std::exp(value - highest);
        return density;
    };
    for (std::size_t i = 0; i < result.parameters.size(); ++i) {
        PairDensities::Parameter& x = result.parameters[i];
        x.density = evaluated(resolution, [&](std::size_t k, std::span<double> row) { row[i] = x.values[k]; });
        normalize(x.density, cell(x));
        for (std::size_t j = i + 1; j < result.parameters.size(); ++j) {
            const PairDensities::Parameter& y = result.parameters[j];
            Array2 pair(resolution, resolution);
            pair.values = evaluated(resolution * resolution, [&](std::size_t k, std::span<double> row) {
                row[i] = x.values[k % resolution];
                row[j] = y.values[k / resolution];
            });
            normalize(pair.values, cell(x) * cell(y));
            result.pairs.push_back(std::move(pair));
        }
    }
    return result;
}

Limits conditional_limits(const Posterior& posterior, const PairDensityOptions& options) {
    check(options, posterior.prior());
    if (!options.limits.empty()) return options.limits;
    const Prior& prior = posterior.prior();
    Limits limits;
    const bool bounded = std::ranges::all_of(prior.parameters(), [](const ParameterPrior& p) {
        return std::isfinite(p.distribution.low()) && std::isfinite(p.distribution.high());
    });
    if (!bounded) limits = ranges_of(prior, posterior.sample(range_samples));
    limits.resize(prior.dimension());
    for (std::size_t d = 0; d < prior.dimension(); ++d) {
        const Distribution& distribution = prior.parameters()[d].distribution;
        if (!std::isfinite(distribution.low()) || !std::isfinite(distribution.high())) continue;
        const double inwards = away_from_border * (distribution.high() - distribution.low());
        limits[d] = {distribution.low() + inwards, distribution.high() - inwards};
    }
    return limits;
}

double correlation(const Array2& density, std::span<const double> x, std::span<const double> y) {
    double sum = 0;
    double x_mean = 0;
    double y_mean = 0;
    const auto visit = [&](const std::function<void(double weight, double a, double b)>& add) {
        for (std::size_t r = 0; r < density.rows; ++r) {
            for (std::size_t c = 0; c < density.columns; ++c) add(density(r, c), x[c], y[r]);
        }
    };
    visit([&](double weight, double a, double b) {
        sum += weight;
        x_mean += weight * a;
        y_mean += weight * b;
    });
    x_mean /= sum;
    y_mean /= sum;
    double xx = 0;
    double yy = 0;
    double xy = 0;
    visit([&](double weight, double a, double b) {
        xx += weight * (a - x_mean) * (a - x_mean);
        yy += weight * (b - y_mean) * (b - y_mean);
        xy += weight * (a - x_mean) * (b - y_mean);
    });
    return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

}  // namespace

const Array2& PairDensities::pair(std::size_t i, std::size_t j) const {
    const std::size_t n = parameters.size();
    if (i >= j || j >= n) throw ConfigError(fmt::format("there is no pair ({}, {}) of {} parameters", i, j, n));
    return pairs[i * n - i * (i + 1) / 2 + (j - i - 1)];
}

PairDensities pair_densities(const Prior& prior, const Array2& samples, const PairDensityOptions& options) {
    check(options, prior);
    const Array2 used = finite_rows(prior, samples);
    const std::size_t n = options.resolution;
    const Limits limits = options.limits.empty() ? ranges_of(prior, used) : options.limits;
    PairDensities result = prepared(prior, limits, n);
    const auto count = static_cast<double>(used.rows);
    const auto cell_of = [&](std::size_t i, std::size_t d) -> std::optional<std::size_t> {
        const auto [low, high] = limits[d];
        const double value = used(i, d);
        if (!(value >= low && value <= high)) return {};
        return std::min(n - 1, static_cast<std::size_t>((value - low) / (high - low) * static_cast<double>(n)));
    };
    std::vector<double> deviations;
    for (std::size_t d = 0; d < used.columns; ++d) deviations.push_back(deviation_of(used, d));
    // Scott: deviation * n^(-1 / (d + 4))
    const auto bandwidth = [&](std::size_t d, double dimensions) {
        return deviations[d] * std::pow(count, -1 / (dimensions + 4)) / cell(result.parameters[d]);
    };
    for (std::size_t a = 0; a < used.columns; ++a) {
        PairDensities::Parameter& x = result.parameters[a];
        std::vector<double> histogram(n, 0.0);
        for (std::size_t i = 0; i < used.rows; ++i) {
            if (const auto place = cell_of(i, a)) histogram[*place] += 1;
        }
        x.density = smoothed(histogram, bandwidth(a, 1));
        normalize(x.density, cell(x));
        for (std::size_t b = a + 1; b < used.columns; ++b) {
            Array2 pair(n, n);
            for (std::size_t i = 0; i < used.rows; ++i) {
                const auto column = cell_of(i, a);
                const auto row = cell_of(i, b);
                if (column && row) pair(*row, *column) += 1;
            }
            for (std::size_t r = 0; r < n; ++r)
                std::ranges::copy(smoothed(pair.row(r), bandwidth(a, 2)), pair.row(r).begin());
            std::vector<double> column(n);
            for (std::size_t c = 0; c < n; ++c) {
                for (std::size_t r = 0; r < n; ++r) column[r] = pair(r, c);
                const std::vector<double> smooth = smoothed(column, bandwidth(b, 2));
                for (std::size_t r = 0; r < n; ++r) pair(r, c) = smooth[r];
            }
            normalize(pair.values, cell(x) * cell(result.parameters[b]));
            result.pairs.push_back(std::move(pair));
        }
    }
    return result;
}

PairDensities conditional_pair_densities(const Posterior& posterior, std::span<const double> condition,
                                         const PairDensityOptions& options) {
    return conditional(posterior, condition, conditional_limits(posterior, options), options.resolution);
}

Array2 conditional_correlations(const Posterior& posterior, const Array2& conditions,
                                const PairDensityOptions& options) {
    const std::size_t D = posterior.prior().dimension();
    if (conditions.rows == 0) throw DataError("conditional correlations need at least one condition");
    const Limits limits = conditional_limits(posterior, options);
    Array2 result(D, D);
    for (std::size_t k = 0; k < conditions.rows; ++k) {
        const PairDensities densities = conditional(posterior, conditions.row(k), limits, options.resolution);
        for (std::size_t i = 0; i < D; ++i) {
            for (std::size_t j = i + 1; j < D; ++j) {
                const double value =
                    correlation(densities.pair(i, j), densities.parameters[i].values, densities.parameters[j].values);
                result(i, j) += value / static_cast<double>(conditions.rows);
                result(j, i) = result(i, j);
            }
        }
    }
    for (std::size_t d = 0; d < D; ++d) result(d, d) = 1;
    return result;
}

double level_of_mass(const Array2& density, double mass) {
    if (density.values.empty()) throw DataError("an empty density has no levels");
    std::vector<double> sorted = density.values;
    std::ranges::sort(sorted, std::greater<>());
    const double total = std::accumulate(sorted.begin(), sorted.end(), 0.0);
    double sum = 0;
    for (const double value : sorted) {
        sum += value;
        if (sum >= mass * total) return value;
    }
    return sorted.back();
}

}  // namespace spikesmith
