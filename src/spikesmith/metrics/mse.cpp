#include "spikesmith/metrics/mse.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

// Fowler-Noll-Vo hash (FNV-1a, 64 bits) of the bits, so that a description stays short.
std::uint64_t checksum(const std::vector<double>& values) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const double value : values) {
        const auto bits = std::bit_cast<std::uint64_t>(value);
        for (int byte = 0; byte < 8; ++byte) hash = (hash ^ ((bits >> (8 * byte)) & 0xff)) * 0x100000001b3;
    }
    return hash;
}

}  // namespace

MSEMetric::MSEMetric(MSEOptions options) : options_(std::move(options)) {
    if (!std::isfinite(options_.t_start) || options_.t_start < 0) {
        throw ConfigError(fmt::format("t_start must be a time of at least 0 s, not {:g} s", options_.t_start));
    }
    const double normalization = options_.normalization.value;
    if (!std::isfinite(normalization) || normalization <= 0) {
        throw ConfigError(fmt::format("the normalization must be a positive number, not {:g}", normalization));
    }
    if (!std::isnormal(normalization * normalization)) {
        throw ConfigError(
            fmt::format("the square of the normalization {:g} is beyond the range of numbers", normalization));
    }
    if (options_.t_weights.empty()) return;
    if (options_.t_start != 0) {
        throw ConfigError("t_start and t_weights exclude each other", "give samples before t_start the weight 0");
    }
    double sum = 0;
    for (std::size_t k = 0; k < options_.t_weights.size(); ++k) {
        const double weight = options_.t_weights[k];
        if (!std::isfinite(weight) || weight < 0) {
            throw ConfigError(
                fmt::format("t_weights must be finite and not negative; number {} is {:g}", k + 1, weight));
        }
        sum += weight;
    }
    if (sum == 0) throw ConfigError("t_weights are all zero");
    if (!std::isfinite(sum)) throw ConfigError("the sum of t_weights is beyond the range of numbers");
}

std::string MSEMetric::description() const {
    std::string text = "mean squared error";
    if (!options_.t_weights.empty()) {
        text +=
            fmt::format(", {} t_weights (checksum {:016x})", options_.t_weights.size(), checksum(options_.t_weights));
    } else if (options_.t_start != 0) {
        text += fmt::format(", t_start {} s", options_.t_start);
    }
    const Quantity& normalization = options_.normalization;
    if (normalization.value != 1 || !normalization.dimension.dimensionless()) {
        text += fmt::format(", normalization {}", normalization.value);
        if (!normalization.dimension.dimensionless()) text += fmt::format(" {}", normalization.dimension.name());
    }
    return text;
}

Dimension MSEMetric::error_dimension(const Dimension& output) const {
    return output.power(2);
}

Dimension MSEMetric::normalized_dimension(const Dimension& output) const {
    const Dimension& normalization = options_.normalization.dimension;
    if (!normalization.dimensionless() && !(normalization == output)) {
        throw UnitError(fmt::format("the normalization of the error is in {}, but the output in {}",
                                    normalization.name(), output.name()),
                        "give a plain number or a quantity of the output's unit");
    }
    return (output / normalization).power(2);
}

void MSEMetric::check(std::size_t n_steps, double dt) const {
    Metric::check(n_steps, dt);
    if (options_.t_weights.empty()) {
        static_cast<void>(first_sample(options_.t_start, dt, n_steps));
    } else if (options_.t_weights.size() != n_steps) {
        throw ConfigError(
            fmt::format("there are {} t_weights for traces of {} samples", options_.t_weights.size(), n_steps),
            "give one weight per sample of the recording");
    }
}

Array2 MSEMetric::features(const TraceBlock& simulated, const Array2& target, double dt) const {
    const std::size_t n = simulated.n_steps;
    const double normalization = options_.normalization.value;
    const std::vector<double>& weights = options_.t_weights;
    const std::size_t first = weights.empty() ? first_sample(options_.t_start, dt, n) : 0;
    double divisor = static_cast<double>(n - first);
    if (!weights.empty()) {
        divisor = 0;
        for (const double weight : weights) divisor += weight;
    }
    Array2 result(simulated.n_samples, simulated.n_traces);
    for (std::size_t s = 0; s < simulated.n_samples; ++s) {
        for (std::size_t r = 0; r < simulated.n_traces; ++r) {
            const auto model = simulated.trace(s, r);
            const auto data = target.row(r);
            double sum = 0;
            for (std::size_t k = first; k < n; ++k) {
                const double difference = (model[k] - data[k]) / normalization;
                sum += weights.empty() ? difference * difference : weights[k] * (difference * difference);
            }
            result(s, r) = sum / divisor;
        }
    }
    return result;
}

double MSEMetric::unnormalized(double error) const {
    return error * (options_.normalization.value * options_.normalization.value);
}

std::optional<std::vector<double>> MSEMetric::online_weights(std::size_t n_steps, double dt) const {
    const double normalization = options_.normalization.value * options_.normalization.value;
    if (options_.t_weights.empty()) {
        const std::size_t first = first_sample(options_.t_start, dt, n_steps);
        std::vector<double> result(n_steps, 0.0);
        for (std::size_t k = first; k < n_steps; ++k) {
            result[k] = 1 / (static_cast<double>(n_steps - first) * normalization);
        }
        return result;
    }
    double sum = 0;
    for (const double weight : options_.t_weights) sum += weight;
    std::vector<double> result = options_.t_weights;
    for (double& weight : result) weight /= sum * normalization;
    return result;
}

MetricPointer mse(MSEOptions options) {
    return std::make_shared<const MSEMetric>(std::move(options));
}

}  // namespace spikesmith
