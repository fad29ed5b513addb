#include "spikesmith/metrics/gamma_factor.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/metrics/spike_trains.hpp"

namespace spikesmith {

GammaFactor::GammaFactor(const GammaFactorOptions& options) : options_(options) {
    if (options_.delta == 0) {
        throw ConfigError("the Gamma factor needs delta, the largest distance of coincident spikes",
                          "2 to 4 ms are usual");
    }
    check_positive(options_.delta, "Gamma factor", "delta");
    check_common(options_.t_start, options_.normalization, "Gamma factor");
    if (!options_.time) return;
    check_positive(*options_.time, "Gamma factor", "time");
    check_start(options_.t_start, *options_.time);
}

std::string GammaFactor::description() const {
    std::string text = fmt::format("Gamma factor, delta {} s", options_.delta);
    if (options_.time) text += fmt::format(", time {} s", *options_.time);
    if (options_.t_start != 0) text += fmt::format(", t_start {} s", options_.t_start);
    if (options_.normalization != 1) text += fmt::format(", normalization {}", options_.normalization);
    if (!options_.rate_correction) text += ", no rate correction";
    if (options_.matching == SpikeMatching::nearest) text += ", nearest spikes";
    return text;
}

double GammaFactor::rated_time(double duration) const {
    return options_.time.value_or(duration) - options_.t_start;
}

// Whether chance explains fewer coincidences than there can be.
bool GammaFactor::corrects_for_chance(double rate) const {
    return 2 * rate * options_.delta < 1;
}

void GammaFactor::check(SpikeTrain target, double duration, double dt) const {
    SpikeMetric::check(target, duration, dt);
    check_start(options_.t_start, duration);
}

std::optional<std::string> GammaFactor::warning(const std::vector<std::vector<double>>& targets,
                                                std::span<const double> durations, double dt) const {
    double highest = 0;
    std::string densest;
    std::size_t uncorrected = 0;
    for (std::size_t r = 0; r < targets.size(); ++r) {
        const std::size_t n = spikes_from(targets[r], options_.t_start, dt).size();
        const double time = rated_time(durations[r]);
        const double rate = static_cast<double>(n) / time;
        if (corrects_for_chance(rate)) continue;
        ++uncorrected;
        if (rate <= highest) continue;
        highest = rate;
        densest = fmt::format("the {} spikes in {:g} s of trace {} ({:.4g} Hz)", n, time, r + 1, rate);
    }
    if (uncorrected == 0) return std::nullopt;
    const std::string others = uncorrected == 1   ? ""
                               : uncorrected == 2 ? ", and for those of another one"
                                                  : fmt::format(", and for those of {} others", uncorrected - 1);
    return fmt::format(
        "delta = {:g} s of the Gamma factor is too large for {}{}: coincidences by chance are not taken off there, "
        "as they would be for a delta below {:.3g} s",
        options_.delta, densest, others, 0.5 / highest);
}

double GammaFactor::feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const {
    simulated = spikes_from(simulated, options_.t_start, dt);
    target = spikes_from(target, options_.t_start, dt);
    if (simulated.empty() && target.empty()) return 0;
    const auto n_m = static_cast<double>(simulated.size());
    const auto n_d = static_cast<double>(target.size());
    const double rate = n_d / rated_time(duration);
    const auto coincidences =
        static_cast<double>(count_coincidences(simulated, target, options_.delta, dt, options_.matching));
    double gamma = 2 * std::min(coincidences, n_m) / (n_m + n_d);
    if (corrects_for_chance(rate)) {
        const double expected = 2 * options_.delta * n_d * rate;
        const double norm = 0.5 * (1 - 2 * rate * options_.delta);
        gamma = (coincidences - expected) / (norm * (n_m + n_d));
    }
    const double correction = options_.rate_correction ? 1 + 2 * std::fabs(n_d - n_m) / std::max(n_d, 1.0) : 1;
    return std::max(correction - gamma, 0.0) / options_.normalization;
}

MetricPointer gamma_factor(const GammaFactorOptions& options) {
    return std::make_shared<const GammaFactor>(options);
}

// Pairing the earliest spikes that are near enough is optimal: a spike that is passed over is too early for all later
// partners, and exchanging partners never frees a later one.
std::size_t count_coincidences(SpikeTrain simulated, SpikeTrain target, double delta, double dt,
                               SpikeMatching matching) {
    const auto step = [dt](double time) { return std::nearbyint(time / dt); };  // halves to even
    const double tolerance = step(delta);
    std::size_t count = 0;
    std::size_t m = 0;
    std::size_t d = 0;
    while (m < simulated.size() && d < target.size()) {
        const double lead = step(simulated[m]) - step(target[d]);
        if (lead < -tolerance) {
            ++m;
        } else if (lead > tolerance) {
            ++d;
        } else {
            ++count;
            ++d;
            if (matching == SpikeMatching::one_to_one) ++m;
        }
    }
    return count;
}

}  // namespace spikesmith
