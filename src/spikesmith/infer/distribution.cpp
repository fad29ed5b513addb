#include "spikesmith/infer/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/normal_numbers.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::size_t nodes_of_samples = 512;
// Probabilities closer to a bound than this are treated as this: the smallest normal number would be u = -38, where the
// density of every network vanishes.
constexpr double least_probability = 6e-16;  // u = 8.0

template <class... Functions>
struct Overloaded : Functions... {
    using Functions::operator()...;
};

void require_interval(double low, double high, const char* what) {
    if (low < high && std::isfinite(low) && std::isfinite(high) && std::isfinite(high - low)) return;
    throw ConfigError(fmt::format("the bounds {} and {} of a {} prior are no interval", low, high, what),
                      "the lower bound must be below the upper bound, and both finite");
}

void require_deviation(double mean, double deviation, const char* what) {
    if (deviation > 0 && std::isfinite(deviation) && std::isfinite(mean)) return;
    throw ConfigError(
        fmt::format("a {} prior with mean {} and standard deviation {} makes no sense", what, mean, deviation),
        "the standard deviation must be positive, and both finite");
}

double normal_upper(double u) {
    return 0.5 * std::erfc(u / std::numbers::sqrt2);
}

// Position in a table: the cell and the place in it, 0 to 1.
struct Place {
    std::size_t cell = 0;
    double fraction = 0;
    double width = 0;
};

Place place_in(const TabulatedDistribution& table, double value) {
    const auto cells = static_cast<double>(table.density.size() - 1);
    const double position = std::clamp((value - table.low) / (table.high - table.low) * cells, 0.0, cells);
    const auto cell = std::min(static_cast<std::size_t>(position), table.density.size() - 2);
    return {cell, position - static_cast<double>(cell), (table.high - table.low) / cells};
}

double density_in(const TabulatedDistribution& table, const Place& place) {
    const double left = table.density[place.cell];
    return left + place.fraction * (table.density[place.cell + 1] - left);
}

}  // namespace

double normal_log_density(double u) {
    return -0.5 * u * u - 0.5 * std::log(2 * std::numbers::pi);
}

double normal_cumulative(double u) {
    return normal_upper(-u);
}

Distribution::Distribution(Kind kind) : kind_(std::move(kind)) {
    std::visit(
        Overloaded{
            [&](const UniformDistribution& d) {
                require_interval(d.low, d.high, "uniform");
                low_ = d.low;
                high_ = d.high;
            },
            [&](const LogUniformDistribution& d) {
                require_interval(d.low, d.high, "log-uniform");
                if (!(d.low > 0)) {
                    throw ConfigError(fmt::format("a log-uniform prior needs positive bounds, but has {}", d.low));
                }
                low_ = d.low;
                high_ = d.high;
            },
            [&](const NormalDistribution& d) {
                require_deviation(d.mean, d.deviation, "normal");
                low_ = -infinity;
                high_ = infinity;
            },
            [&](const TruncatedNormalDistribution& d) {
                require_deviation(d.mean, d.deviation, "truncated normal");
                if (!(d.low < d.high)) require_interval(d.low, d.high, "truncated normal");
                low_ = d.low;
                high_ = d.high;
                below_ = normal_cumulative((low_ - d.mean) / d.deviation);
                above_ = normal_upper((high_ - d.mean) / d.deviation);
                if (!(1 - below_ - above_ > 1e-12)) {
                    throw ConfigError(fmt::format("the bounds {} and {} leave nothing of a normal prior with mean {} "
                                                  "and standard deviation {}",
                                                  low_, high_, d.mean, d.deviation),
                                      "use a uniform prior, or bounds nearer to the mean");
                }
            },
            [&](const LogNormalDistribution& d) {
                require_deviation(d.median, d.log_deviation, "log-normal");
                if (!(d.median > 0))
                    throw ConfigError(
                        fmt::format("the median of a log-normal prior must be positive, but is {}", d.median));
                low_ = 0;
                high_ = infinity;
            },
            [&](TabulatedDistribution& d) {
                require_interval(d.low, d.high, "tabulated");
                const bool bad = std::ranges::any_of(d.density, [](double p) { return !(p >= 0 && std::isfinite(p)); });
                if (d.density.size() < 2 || bad)
                    throw ConfigError(
                        "a tabulated prior needs at least two densities that are finite and not negative");
                low_ = d.low;
                high_ = d.high;
                const double width = (high_ - low_) / static_cast<double>(d.density.size() - 1);
                double sum = 0;
                for (std::size_t k = 0; k + 1 < d.density.size(); ++k)
                    sum += 0.5 * width * (d.density[k] + d.density[k + 1]);
                if (!(sum > 0 && std::isfinite(sum)))
                    throw ConfigError("the densities of a tabulated prior are all zero");
                for (double& density : d.density) density /= sum;
                cumulative_.assign(d.density.size(), 0);
                for (std::size_t k = 1; k < d.density.size(); ++k)
                    cumulative_[k] = cumulative_[k - 1] + 0.5 * width * (d.density[k - 1] + d.density[k]);
                for (double& c : cumulative_) c = std::min(1.0, c / cumulative_.back());
            },
        },
        kind_);
}

Distribution Distribution::from_samples(std::span<const double> samples, double low, double high) {
    const auto n = static_cast<double>(samples.size());
    double mean = 0;
    for (const double sample : samples) mean += sample / n;
    double variance = 0;
    for (const double sample : samples) variance += (sample - mean) * (sample - mean) / std::max(1.0, n - 1);
    if (samples.size() < 2 || !(variance > 0) || !std::isfinite(variance))
        throw ConfigError("a prior from samples needs at least two different samples, all finite");
    for (const double sample : samples) {
        if (sample >= low && sample <= high) continue;
        throw ConfigError(
            fmt::format("the sample {} of a prior is not between its bounds {} and {}", sample, low, high));
    }
    std::vector<double> sorted(samples.begin(), samples.end());
    std::ranges::sort(sorted);
    const auto quartile = [&](double p) { return sorted[static_cast<std::size_t>(p * (n - 1))]; };
    const double spread = (quartile(0.75) - quartile(0.25)) / 1.349;
    const double deviation = std::sqrt(variance);
    const double bandwidth = 0.9 * (spread > 0 ? std::min(deviation, spread) : deviation) * std::pow(n, -0.2);

    TabulatedDistribution table;
    table.low = std::max(low, sorted.front() - 4 * bandwidth);
    table.high = std::min(high, sorted.back() + 4 * bandwidth);
    for (std::size_t k = 0; k < nodes_of_samples; ++k) {
        const double at = table.low + (table.high - table.low) * static_cast<double>(k) / (nodes_of_samples - 1);
        // Kernels that reach beyond a bound are reflected there, else the density would sink towards it (Silverman, 2.10).
        double density = 0;
        for (const double sample : sorted) {
            density += std::exp(normal_log_density((at - sample) / bandwidth));
            if (std::isfinite(low)) density += std::exp(normal_log_density((at - 2 * low + sample) / bandwidth));
            if (std::isfinite(high)) density += std::exp(normal_log_density((at - 2 * high + sample) / bandwidth));
        }
        // A floor keeps the map to the normal one-to-one in gaps between samples.
        table.density.push_back(density / (n * bandwidth) + 1e-9 / (table.high - table.low));
    }
    return Distribution(std::move(table));
}

double Distribution::log_density(double value) const {
    if (!contains(value)) return -infinity;
    return std::visit(
        Overloaded{
            [](const UniformDistribution& d) { return -std::log(d.high - d.low); },
            [&](const LogUniformDistribution& d) { return -std::log(value) - std::log(std::log(d.high / d.low)); },
            [&](const NormalDistribution& d) {
                return normal_log_density((value - d.mean) / d.deviation) - std::log(d.deviation);
            },
            [&](const TruncatedNormalDistribution& d) {
                return normal_log_density((value - d.mean) / d.deviation) - std::log(d.deviation) -
                       std::log1p(-below_ - above_);
            },
            [&](const LogNormalDistribution& d) {
                if (!(value > 0)) return -infinity;
                return normal_log_density(std::log(value / d.median) / d.log_deviation) -
                       std::log(value * d.log_deviation);
            },
            [&](const TabulatedDistribution& d) { return std::log(density_in(d, place_in(d, value))); },
        },
        kind_);
}

double Distribution::gradient(double value) const {
    return std::visit(
        Overloaded{
            [](const UniformDistribution&) { return 0.0; },
            [&](const LogUniformDistribution&) { return -1 / value; },
            [&](const NormalDistribution& d) { return (d.mean - value) / (d.deviation * d.deviation); },
            [&](const TruncatedNormalDistribution& d) { return (d.mean - value) / (d.deviation * d.deviation); },
            [&](const LogNormalDistribution& d) {
                return -(1 + std::log(value / d.median) / (d.log_deviation * d.log_deviation)) / value;
            },
            [&](const TabulatedDistribution& d) {
                const Place place = place_in(d, value);
                const double slope = (d.density[place.cell + 1] - d.density[place.cell]) / place.width;
                return slope / density_in(d, place);
            },
        },
        kind_);
}

Distribution::Tail Distribution::tail(double value) const {
    const auto of_normal = [](double u) {
        return u < 0 ? Tail{normal_cumulative(u), false} : Tail{normal_upper(u), true};
    };
    const auto of_fraction = [](double below, double above) {
        return below < above ? Tail{below, false} : Tail{above, true};
    };
    return std::visit(
        Overloaded{
            [&](const UniformDistribution& d) {
                return of_fraction((value - d.low) / (d.high - d.low), (d.high - value) / (d.high - d.low));
            },
            [&](const LogUniformDistribution& d) {
                const double whole = std::log(d.high / d.low);
                return of_fraction(std::log(value / d.low) / whole, std::log(d.high / value) / whole);
            },
            [&](const NormalDistribution& d) { return of_normal((value - d.mean) / d.deviation); },
            [&](const TruncatedNormalDistribution& d) {
                const double u = (value - d.mean) / d.deviation;
                const double kept = 1 - below_ - above_;
                return of_fraction((normal_cumulative(u) - below_) / kept, (normal_upper(u) - above_) / kept);
            },
            [&](const LogNormalDistribution& d) { return of_normal(std::log(value / d.median) / d.log_deviation); },
            [&](const TabulatedDistribution& d) {
                const Place place = place_in(d, value);
                const double left = d.density[place.cell];
                const double right = d.density[place.cell + 1];
                const double inside = place.width * place.fraction * (left + 0.5 * place.fraction * (right - left));
                const double below = std::min(1.0, cumulative_[place.cell] + inside);
                return of_fraction(below, 1 - below);
            },
        },
        kind_);
}

double Distribution::value_at(Tail at) const {
    const double value = std::visit(
        Overloaded{
            [&](const UniformDistribution& d) {
                const double step = at.probability * (d.high - d.low);
                return at.upper ? d.high - step : d.low + step;
            },
            [&](const LogUniformDistribution& d) {
                const double factor = std::exp(at.probability * std::log(d.high / d.low));
                return at.upper ? d.high / factor : d.low * factor;
            },
            [&](const NormalDistribution& d) {
                const double u = normal_quantile(at.probability);
                return d.mean + d.deviation * (at.upper ? -u : u);
            },
            [&](const TruncatedNormalDistribution& d) {
                const double kept = (1 - below_ - above_) * at.probability;
                // the tail that is nearer keeps its digits
                const double below = at.upper ? 1 - above_ - kept : below_ + kept;
                const double above = at.upper ? above_ + kept : 1 - below_ - kept;
                const double u = below < above ? normal_quantile(below) : -normal_quantile(above);
                return d.mean + d.deviation * u;
            },
            [&](const LogNormalDistribution& d) {
                const double u = normal_quantile(at.probability);
                return d.median * std::exp(d.log_deviation * (at.upper ? -u : u));
            },
            [&](const TabulatedDistribution& d) {
                const double below = at.upper ? 1 - at.probability : at.probability;
                const auto above = std::ranges::upper_bound(cumulative_, below);
                const auto cell =
                    std::min(static_cast<std::size_t>(std::max<std::ptrdiff_t>(0, above - cumulative_.begin() - 1)),
                             cumulative_.size() - 2);
                const double width = (d.high - d.low) / static_cast<double>(d.density.size() - 1);
                const double left = d.density[cell];
                const double slope = d.density[cell + 1] - left;
                const double rest = std::max(0.0, below - cumulative_[cell]) / width;
                // left * f + slope * f^2 / 2 = rest, in the form without cancellation
                const double root = std::sqrt(std::max(0.0, left * left + 2 * slope * rest));
                const double fraction = left + root > 0 ? std::clamp(2 * rest / (left + root), 0.0, 1.0) : 0.0;
                return d.low + width * (static_cast<double>(cell) + fraction);
            },
        },
        kind_);
    return std::clamp(value, low_, high_);
}

double Distribution::cumulative(double value) const {
    if (value <= low_) return 0;
    if (value >= high_) return 1;
    const Tail at = tail(value);
    return at.upper ? 1 - at.probability : at.probability;
}

double Distribution::quantile(double probability) const {
    if (!(probability >= 0 && probability <= 1))
        throw ConfigError(fmt::format("a probability must be between 0 and 1, but is {}", probability));
    if (probability == 0) return low_;
    if (probability == 1) return high_;
    return probability < 0.5 ? value_at({probability, false}) : value_at({1 - probability, true});
}

double Distribution::to_normal(double value) const {
    // the direct way has no tails to lose
    if (const auto* d = std::get_if<NormalDistribution>(&kind_)) return (value - d->mean) / d->deviation;
    if (const auto* d = std::get_if<LogNormalDistribution>(&kind_); d && value > 0)
        return std::log(value / d->median) / d->log_deviation;
    Tail at = tail(std::clamp(value, low_, high_));
    at.probability = std::max(at.probability, least_probability);
    const double u = normal_quantile(at.probability);
    return at.upper ? -u : u;
}

double Distribution::from_normal(double u) const {
    if (const auto* d = std::get_if<NormalDistribution>(&kind_)) return d->mean + d->deviation * u;
    if (const auto* d = std::get_if<LogNormalDistribution>(&kind_)) return d->median * std::exp(d->log_deviation * u);
    return u < 0 ? value_at({normal_cumulative(u), false}) : value_at({normal_upper(u), true});
}

std::string Distribution::description() const {
    return std::visit(Overloaded{
                          [](const UniformDistribution&) { return "uniform"; },
                          [](const LogUniformDistribution&) { return "log-uniform"; },
                          [](const NormalDistribution&) { return "normal"; },
                          [](const TruncatedNormalDistribution&) { return "truncated normal"; },
                          [](const LogNormalDistribution&) { return "log-normal"; },
                          [](const TabulatedDistribution&) { return "tabulated"; },
                      },
                      kind_);
}

}  // namespace spikesmith
