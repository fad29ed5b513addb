#include "spikesmith/nets/scaling.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/body.hpp"

namespace spikesmith::nets {
namespace {

double lower_bound(const Support& support, std::size_t d) {
    return support.lower.empty() ? -std::numeric_limits<double>::infinity() : support.lower[d];
}
double upper_bound(const Support& support, std::size_t d) {
    return support.upper.empty() ? std::numeric_limits<double>::infinity() : support.upper[d];
}

double original(const Support& support, std::size_t d, double u) {
    const double lower = lower_bound(support, d);
    const double upper = upper_bound(support, d);
    double value = u;
    if (std::isfinite(lower) && std::isfinite(upper)) {
        const double share = support.transform == BoundTransform::logit ? 1 / (1 + std::exp(-u)) : normal_share(u);
        value = lower + (upper - lower) * share;
    } else if (std::isfinite(lower)) {
        value = lower + std::exp(u);
    } else if (std::isfinite(upper)) {
        value = upper - std::exp(-u);
    }
    return std::clamp(value, lower, upper);
}

void check_scale(const Standardization& scale, std::size_t dimensions, const char* name) {
    if (scale.mean.empty() && scale.deviation.empty()) return;
    if (scale.mean.size() != dimensions || scale.deviation.size() != dimensions) {
        throw ConfigError(std::string(name) + " has " + std::to_string(scale.mean.size()) + " means and " +
                          std::to_string(scale.deviation.size()) + " deviations for " + std::to_string(dimensions) +
                          " values");
    }
    for (std::size_t d = 0; d < dimensions; ++d) {
        if (!std::isfinite(scale.mean[d]) || !std::isfinite(scale.deviation[d]) || scale.deviation[d] <= 0) {
            throw ConfigError(std::string(name) + ": mean or deviation " + std::to_string(d) + " is not usable",
                              "means must be finite, deviations finite and positive");
        }
    }
}

double mean_of(const Standardization& scale, std::size_t d) {
    return scale.mean.empty() ? 0 : scale.mean[d];
}
double deviation_of(const Standardization& scale, std::size_t d) {
    return scale.deviation.empty() ? 1 : scale.deviation[d];
}

bool inside(const Support& support, std::size_t d, double value) {
    return value >= lower_bound(support, d) && value <= upper_bound(support, d);
}

constexpr double edge = 0x1p-50;  // the nearest that a value comes to its bound

Changed change(const Support& support, std::size_t d, double value) {
    const double lower = lower_bound(support, d);
    const double upper = upper_bound(support, d);
    if (std::isfinite(lower) && std::isfinite(upper)) {
        const double width = upper - lower;
        const double p = std::clamp((value - lower) / width, edge, 1 - edge);
        if (support.transform == BoundTransform::logit) {
            const double slope = 1 / (width * p * (1 - p));
            return {std::log(p) - std::log1p(-p), slope, std::log(slope), (1 / (1 - p) - 1 / p) / width};
        }
        const double u = normal_quantile(p);
        const double log_slope = 0.5 * u * u + log_root_two_pi - std::log(width);
        const double slope = std::exp(log_slope);
        return {u, slope, log_slope, u * slope};
    }
    if (std::isfinite(lower)) {
        const double distance = std::max(value - lower, edge);
        return {std::log(distance), 1 / distance, -std::log(distance), -1 / distance};
    }
    if (std::isfinite(upper)) {
        const double distance = std::max(upper - value, edge);
        return {-std::log(distance), 1 / distance, -std::log(distance), 1 / distance};
    }
    return {value, 1, 0, 0};
}

}  // namespace

double normal_share(double u) {
    return 0.5 * std::erfc(-u / std::sqrt(2.0));
}

// A rational start (Abramowitz & Stegun 1964, 26.2.23), then Halley steps on the error function.
double normal_quantile(double p) {
    const double tail = std::min(p, 1 - p);
    const double t = std::sqrt(-2 * std::log(tail));
    double x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
    for (int step = 0; step < 3; ++step) {
        const double density = std::exp(-0.5 * x * x - log_root_two_pi);
        const double error = (0.5 * std::erfc(-x / std::sqrt(2.0)) - tail) / density;
        x -= error / (1 + 0.5 * x * error);
    }
    return p < 0.5 ? x : -x;
}

Standardization measure(std::span<const double> rows, std::size_t dimensions, ZScore mode) {
    if (dimensions == 0 || rows.size() % dimensions != 0) {
        throw DataError(std::to_string(rows.size()) + " values are no table with rows of " +
                        std::to_string(dimensions));
    }
    Standardization result{.mean = std::vector<double>(dimensions, 0.0),
                           .deviation = std::vector<double>(dimensions, 1.0)};
    if (mode == ZScore::none) return result;
    const std::size_t n = rows.size() / dimensions;
    if (mode == ZScore::structured) {
        double sum = 0;
        std::size_t count = 0;
        double deviations = 0;
        std::size_t usable = 0;
        for (std::size_t i = 0; i < n; ++i) {
            double row_sum = 0;
            double squares = 0;
            std::size_t row_count = 0;
            for (const double v : rows.subspan(i * dimensions, dimensions)) {
                if (!std::isfinite(v)) continue;
                row_sum += v;
                ++row_count;
            }
            if (row_count == 0) continue;
            const double mean = row_sum / static_cast<double>(row_count);
            for (const double v : rows.subspan(i * dimensions, dimensions)) {
                if (std::isfinite(v)) squares += (v - mean) * (v - mean);
            }
            sum += row_sum;
            count += row_count;
            if (row_count > 1) {
                deviations += std::sqrt(squares / static_cast<double>(row_count - 1));
                ++usable;
            }
        }
        if (count == 0) throw DataError("there is no finite value to scale by");
        std::fill(result.mean.begin(), result.mean.end(), sum / static_cast<double>(count));
        const double deviation = usable == 0 ? 0 : deviations / static_cast<double>(usable);
        if (deviation > 0) std::fill(result.deviation.begin(), result.deviation.end(), deviation);
        return result;
    }
    for (std::size_t d = 0; d < dimensions; ++d) {
        double mean = 0;
        double squares = 0;
        std::size_t count = 0;
        for (std::size_t i = 0; i < n; ++i) {  // Welford 1962
            const double v = rows[i * dimensions + d];
            if (!std::isfinite(v)) continue;
            ++count;
            const double before = v - mean;
            mean += before / static_cast<double>(count);
            squares += before * (v - mean);
        }
        if (count == 0) throw DataError("value " + std::to_string(d) + " of the samples is never finite");
        result.mean[d] = mean;
        const double deviation = count > 1 ? std::sqrt(squares / static_cast<double>(count - 1)) : 0;
        if (deviation > 1e-14 * std::max(1.0, std::fabs(mean))) {
            result.deviation[d] = deviation;
        } else {
            result.constant.push_back(d);
        }
    }
    return result;
}

Standardization measure_inside(const Support& support, std::span<const double> theta, std::size_t dimensions,
                               ZScore mode, const std::vector<std::size_t>& cut) {
    if (dimensions == 0 || (!support.lower.empty() && support.lower.size() != dimensions) ||
        (!support.upper.empty() && support.upper.size() != dimensions)) {
        throw DataError("the support's bounds do not fit " + std::to_string(dimensions) + " dimensions");
    }
    std::vector<double> changed(theta.begin(), theta.end());
    for (std::size_t i = 0; i < changed.size(); ++i) {
        if (!std::isfinite(theta[i])) continue;
        if (!inside(support, i % dimensions, theta[i])) {
            throw DataError("sample " + std::to_string(i / dimensions) + ": value " + std::to_string(i % dimensions) +
                            ", " + std::to_string(theta[i]) + ", is outside the support");
        }
        changed[i] = change(support, i % dimensions, theta[i]).value;
    }
    for (const std::size_t d : cut) {
        for (std::size_t i = d; i < changed.size(); i += dimensions) changed[i] = normal_share(theta[i]);
    }
    return measure(changed, dimensions, mode);
}

void Scaling::check() const {
    if (theta_dimensions == 0 || x_dimensions == 0) throw ConfigError("theta and x must have at least one value each");
    if ((!support.lower.empty() && support.lower.size() != theta_dimensions) ||
        (!support.upper.empty() && support.upper.size() != theta_dimensions)) {
        throw ConfigError("the support's bounds do not fit " + std::to_string(theta_dimensions) +
                          " dimensions of theta");
    }
    for (std::size_t d = 0; d < theta_dimensions; ++d) {
        if (!(lower_bound(support, d) < upper_bound(support, d))) {
            throw ConfigError("dimension " + std::to_string(d) +
                              " of theta: the lower bound is not below the upper one");
        }
    }
    for (const std::size_t d : cut) {
        if (d >= theta_dimensions || std::isfinite(lower_bound(support, d)) || std::isfinite(upper_bound(support, d)))
            throw ConfigError("dimension " + std::to_string(d) + " of theta cannot be cut",
                              "a dimension without bounds, below " + std::to_string(theta_dimensions));
    }
    if (std::ranges::adjacent_find(cut, std::ranges::greater_equal{}) != cut.end())
        throw ConfigError("the cut dimensions must ascend");
    check_scale(theta_scale, theta_dimensions, "the scale of theta");
    check_scale(x_scale, x_dimensions, "the scale of x");
}

bool Scaling::is_cut(std::size_t d) const {
    return std::ranges::binary_search(cut, d);
}

Changed Scaling::change(std::size_t d, double value) const {
    if (!is_cut(d)) return nets::change(support, d, value);
    const double log_slope = -0.5 * value * value - log_root_two_pi;
    return {normal_share(value), std::exp(log_slope), log_slope, -value};
}

std::vector<Interval> Scaling::intervals() const {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    std::vector<Interval> result(theta_dimensions, {-infinity, infinity});
    for (const std::size_t d : cut) {
        const double mean = mean_of(theta_scale, d);
        const double deviation = deviation_of(theta_scale, d);
        result[d] = {static_cast<float>(-mean / deviation), static_cast<float>((1 - mean) / deviation)};
    }
    return result;
}

double Scaling::theta_inputs(std::span<const double> theta, float* inputs) const {
    double log_volume = 0;
    for (std::size_t d = 0; d < theta_dimensions; ++d) {
        if (std::isnan(theta[d])) throw DataError("theta has a NaN in dimension " + std::to_string(d));
        if (!inside(support, d, theta[d]) || std::isinf(theta[d])) {
            std::fill_n(inputs, theta_dimensions, 0.0F);
            return -std::numeric_limits<double>::infinity();
        }
        const Changed u = change(d, theta[d]);
        inputs[d] = static_cast<float>((u.value - mean_of(theta_scale, d)) / deviation_of(theta_scale, d));
        log_volume += u.log_slope - std::log(deviation_of(theta_scale, d));
    }
    return log_volume;
}

void Scaling::theta_gradient(std::span<const double> theta, const float* inputs_gradient, std::size_t stride,
                             std::span<double> gradient) const {
    for (std::size_t d = 0; d < theta_dimensions; ++d) {
        const Changed u = change(d, theta[d]);
        gradient[d] = static_cast<double>(inputs_gradient[d * stride]) * u.slope / deviation_of(theta_scale, d) +
                      u.log_slope_rate;
    }
}

void Scaling::theta_values(const float* inputs, std::span<double> theta) const {
    for (std::size_t d = 0; d < theta_dimensions; ++d) {
        const double u = static_cast<double>(inputs[d]) * deviation_of(theta_scale, d) + mean_of(theta_scale, d);
        theta[d] = is_cut(d) ? normal_quantile(std::clamp(u, edge, 1 - edge)) : original(support, d, u);
    }
}

void Scaling::x_inputs(std::span<const double> x, float* inputs) const {
    for (std::size_t c = 0; c < x_dimensions; ++c) {
        const bool missing = mask_missing && std::isnan(x[c]);
        if (!missing && !std::isfinite(x[c])) {
            throw DataError("value " + std::to_string(c) + " of x is " + std::to_string(x[c]),
                            mask_missing ? "a missing value is NaN"
                                         : "leave such samples out, or set mask_missing for values that may be NaN");
        }
        inputs[c] = missing ? 0.0F : static_cast<float>((x[c] - mean_of(x_scale, c)) / deviation_of(x_scale, c));
        if (mask_missing) inputs[x_dimensions + c] = missing ? 1.0F : 0.0F;
    }
}

void Scaling::x_gradient(std::span<const double> x, const float* inputs_gradient, std::size_t stride,
                         std::span<double> gradient) const {
    for (std::size_t c = 0; c < x_dimensions; ++c) {
        gradient[c] =
            std::isnan(x[c]) ? 0 : static_cast<double>(inputs_gradient[c * stride]) / deviation_of(x_scale, c);
    }
}

}  // namespace spikesmith::nets
