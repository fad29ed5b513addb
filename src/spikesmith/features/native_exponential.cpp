#include "spikesmith/features/native_exponential.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace spikesmith {

namespace {

struct Projection {
    double cost = std::numeric_limits<double>::infinity();  // sum of squared residuals
    double offset = 0;                                      // from the reference
    double amplitude = 0;
};

// The best offset and amplitude for one time constant. `reference` is near the samples and keeps digits.
Projection project(std::span<const double> samples, double reference, double decay, bool free_offset) {
    const auto n = static_cast<double>(samples.size());
    double se = 0, see = 0, sy = 0, sey = 0;
    double e = 1;
    for (const double sample : samples) {
        const double y = sample - reference;
        se += e;
        see += e * e;
        sy += y;
        sey += e * y;
        e *= decay;
    }
    Projection result;
    if (free_offset) {
        // centred, so that a slow exponential does not vanish beside the offset
        const double variance = see - se * se / n;
        if (!(variance > 0)) return result;
        result.amplitude = (sey - se * sy / n) / variance;
        result.offset = (sy - result.amplitude * se) / n;
    } else {
        result.amplitude = sey / see;
    }
    double cost = 0;
    e = 1;
    for (const double sample : samples) {
        const double residual = sample - reference - result.offset - result.amplitude * e;
        cost += residual * residual;
        e *= decay;
    }
    result.cost = cost;
    return result;
}

}  // namespace

std::optional<ExponentialFit> fit_exponential(std::span<const double> samples, double dt,
                                              std::optional<double> offset) {
    if (samples.size() < 4 || !(dt > 0)) return std::nullopt;
    const auto [low, high] = std::ranges::minmax_element(samples);
    if (!std::isfinite(*low) || !std::isfinite(*high) || *low == *high) return std::nullopt;
    if (!std::ranges::all_of(samples, [](double v) { return std::isfinite(v); })) return std::nullopt;
    const double reference = offset ? *offset : samples.back();
    const auto cost = [&](double log_tau) {
        return project(samples, reference, std::exp(-1 / std::exp(log_tau)), !offset).cost;
    };

    // A coarse scan of the logarithm of tau (in samples), then golden section around its best point.
    const double first = std::log(0.2);
    const double last = std::log(20 * static_cast<double>(samples.size()));
    constexpr int n_scan = 32;
    int best = 0;
    double best_cost = std::numeric_limits<double>::infinity();
    const auto at = [&](int k) { return first + (last - first) * k / (n_scan - 1); };
    for (int k = 0; k < n_scan; ++k) {
        const double found = cost(at(k));
        if (found < best_cost) {
            best_cost = found;
            best = k;
        }
    }
    if (best == 0 || best == n_scan - 1) return std::nullopt;
    double a = at(best - 1);
    double b = at(best + 1);
    constexpr double golden = 0.6180339887498949;
    double x1 = b - golden * (b - a);
    double x2 = a + golden * (b - a);
    double f1 = cost(x1);
    double f2 = cost(x2);
    while (b - a > 1e-9) {
        if (f1 < f2) {
            b = x2;
            x2 = x1;
            f2 = f1;
            x1 = b - golden * (b - a);
            f1 = cost(x1);
        } else {
            a = x1;
            x1 = x2;
            f1 = f2;
            x2 = a + golden * (b - a);
            f2 = cost(x2);
        }
    }
    const double tau = std::exp((a + b) / 2);
    const Projection found = project(samples, reference, std::exp(-1 / tau), !offset);
    return ExponentialFit{tau * dt, reference + found.offset, found.amplitude,
                          std::sqrt(found.cost / static_cast<double>(samples.size()))};
}

}  // namespace spikesmith
