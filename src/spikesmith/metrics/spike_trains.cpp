#include "spikesmith/metrics/spike_trains.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

std::vector<double> in_order(SpikeTrain train) {
    if (!std::ranges::all_of(train, [](double time) { return std::isfinite(time); }))
        throw DataError("spike times must be finite numbers");
    std::vector<double> sorted(train.begin(), train.end());
    std::ranges::sort(sorted);
    return sorted;
}

SpikeTrain spikes_from(SpikeTrain train, double t_start, double dt) {
    if (t_start == 0) return train;
    const double first = std::nearbyint(t_start / dt);
    const auto begin =
        std::ranges::partition_point(train, [&](double time) { return std::nearbyint(time / dt) < first; });
    return train.subspan(static_cast<std::size_t>(begin - train.begin()));
}

void check_start(double t_start, double duration) {
    if (t_start < duration) return;
    throw ConfigError(
        fmt::format("t_start = {:g} s is not before the end of the spike trains at {:g} s", t_start, duration));
}

void check_positive(double value, std::string_view metric, std::string_view name) {
    if (std::isfinite(value) && value > 0) return;
    throw ConfigError(fmt::format("{}: {} must be a positive number, not {:g}", metric, name, value));
}

void check_common(double t_start, double normalization, std::string_view metric) {
    if (!std::isfinite(t_start) || t_start < 0) {
        throw ConfigError(fmt::format("{}: t_start must be a time of at least 0 s, not {:g} s", metric, t_start));
    }
    check_positive(normalization, metric, "normalization");
}

}  // namespace spikesmith
