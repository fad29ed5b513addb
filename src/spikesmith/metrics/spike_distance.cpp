#include "spikesmith/metrics/spike_distance.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/metrics/spike_trains.hpp"

namespace spikesmith {

namespace {

std::string common_settings(double t_start, double normalization) {
    std::string text;
    if (t_start != 0) text += fmt::format(", t_start {} s", t_start);
    if (normalization != 1) text += fmt::format(", normalization {}", normalization);
    return text;
}

}  // namespace

VanRossum::VanRossum(const VanRossumOptions& options) : options_(options) {
    if (options_.tau == 0) {
        throw ConfigError("van Rossum's distance needs tau, the time constant of the filter",
                          "10 ms is a common beginning");
    }
    check_positive(options_.tau, "van Rossum distance", "tau");
    check_common(options_.t_start, options_.normalization, "van Rossum distance");
}

std::string VanRossum::description() const {
    return fmt::format("van Rossum distance, tau {} s", options_.tau) +
           common_settings(options_.t_start, options_.normalization);
}

void VanRossum::check(SpikeTrain target, double duration, double dt) const {
    SpikeMetric::check(target, duration, dt);
    check_start(options_.t_start, duration);
}

double VanRossum::feature(SpikeTrain simulated, SpikeTrain target, double /*duration*/, double dt) const {
    return van_rossum_distance(spikes_from(simulated, options_.t_start, dt), spikes_from(target, options_.t_start, dt),
                               options_.tau) /
           options_.normalization;
}

VictorPurpura::VictorPurpura(const VictorPurpuraOptions& options) : options_(options) {
    if (options_.cost == 0) {
        throw ConfigError("the Victor-Purpura distance needs the cost q of moving a spike, in 1/second",
                          "200 Hz pairs spikes up to 10 ms apart");
    }
    check_positive(options_.cost, "Victor-Purpura distance", "cost");
    check_common(options_.t_start, options_.normalization, "Victor-Purpura distance");
}

std::string VictorPurpura::description() const {
    return fmt::format("Victor-Purpura distance, cost {} /s", options_.cost) +
           common_settings(options_.t_start, options_.normalization);
}

void VictorPurpura::check(SpikeTrain target, double duration, double dt) const {
    SpikeMetric::check(target, duration, dt);
    check_start(options_.t_start, duration);
}

double VictorPurpura::feature(SpikeTrain simulated, SpikeTrain target, double /*duration*/, double dt) const {
    return victor_purpura_distance(spikes_from(simulated, options_.t_start, dt),
                                   spikes_from(target, options_.t_start, dt), options_.cost) /
           options_.normalization;
}

MetricPointer van_rossum(const VanRossumOptions& options) {
    return std::make_shared<const VanRossum>(options);
}

MetricPointer victor_purpura(const VictorPurpuraOptions& options) {
    return std::make_shared<const VictorPurpura>(options);
}

double van_rossum_distance(SpikeTrain a, SpikeTrain b, double tau) {
    double sum = 0;
    double difference = 0;  // of the filtered trains, just after the latest spike
    double latest = 0;
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < a.size() || j < b.size()) {
        const bool from_a = j == b.size() || (i < a.size() && a[i] <= b[j]);
        const double time = from_a ? a[i++] : b[j++];
        if (difference != 0) {
            const double decay = (time - latest) / tau;
            sum += difference * difference * -std::expm1(-2 * decay);
            difference *= std::exp(-decay);
        }
        difference += from_a ? 1 : -1;
        latest = time;
    }
    return sum + difference * difference;
}

// costs[j]: of turning the spikes of `a` so far into the first j of `b`.
double victor_purpura_distance(SpikeTrain a, SpikeTrain b, double cost) {
    if (a.size() < b.size()) std::swap(a, b);  // the row is as short as possible
    std::vector<double> costs(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) costs[j] = static_cast<double>(j);
    for (std::size_t i = 0; i < a.size(); ++i) {
        double diagonal = std::exchange(costs[0], static_cast<double>(i + 1));
        for (std::size_t j = 0; j < b.size(); ++j) {
            const double moved = diagonal + cost * std::fabs(a[i] - b[j]);
            const double changed = std::min(costs[j], costs[j + 1]) + 1;
            diagonal = std::exchange(costs[j + 1], std::min(moved, changed));
        }
    }
    return costs.back();
}

}  // namespace spikesmith
