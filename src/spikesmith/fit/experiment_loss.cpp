#include "spikesmith/fit/experiment_loss.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/recorded_chunks.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/spike_distance.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double root_mean_square(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t k = 0; k < a.size(); ++k) sum += (a[k] - b[k]) * (a[k] - b[k]);
    return std::sqrt(sum / static_cast<double>(a.size()));
}

bool same_sampling(const SimulationRecord& a, const SimulationRecord& b, std::size_t chunk) {
    const RecordedChunk& x = a.chunks[chunk];
    const RecordedChunk& y = b.chunks[chunk];
    return a.dt == b.dt && a.interval_steps == b.interval_steps && x.start_step == y.start_step &&
           std::ranges::equal(x.periods, y.periods, [](const RecordedPeriod& p, const RecordedPeriod& q) {
               return p.first_step == q.first_step && p.n_samples == q.n_samples;
           });
}

// The target at the times of the candidate that are within its own, with a thousandth of a sample of tolerance at the ends.
double interpolated_rmse(const SimulationRecord& candidate, const SimulationRecord& target, std::size_t chunk,
                         const std::string& variable) {
    const std::vector<double> times = chunk_times(candidate, chunk);
    const std::vector<double> known = chunk_times(target, chunk);
    const std::span<const double> simulated = candidate.trace(variable, chunk);
    const std::span<const double> values = target.trace(variable, chunk);
    const double tolerance = 1e-3 * target.dt;
    double sum = 0;
    std::size_t compared = 0;
    std::size_t right = 1;  // known[right - 1] <= time <= known[right]
    for (std::size_t k = 0; k < times.size() && !known.empty(); ++k) {
        if (times[k] < known.front() - tolerance || times[k] > known.back() + tolerance) continue;
        while (right + 1 < known.size() && known[right] < times[k]) ++right;
        double expected = values[0];
        if (known.size() > 1) {
            const double width = known[right] - known[right - 1];
            const double share = std::clamp((times[k] - known[right - 1]) / width, 0.0, 1.0);
            expected = values[right - 1] + share * (values[right] - values[right - 1]);
        }
        sum += (simulated[k] - expected) * (simulated[k] - expected);
        ++compared;
    }
    if (compared == 0) {
        throw ConfigError(
            fmt::format("chunk {} of `{}` of the experiment and of the target have no common times", chunk, variable),
            "times count from the beginning of each chunk");
    }
    return std::sqrt(sum / static_cast<double>(compared));
}

double distance_of(SpikeDistance distance, double time_scale, SpikeTrain simulated, SpikeTrain target, double duration,
                   double dt) {
    switch (distance) {
        case SpikeDistance::gamma_factor:
            return GammaFactor({.delta = time_scale}).feature(simulated, target, duration, dt);
        case SpikeDistance::van_rossum:
            return van_rossum_distance(simulated, target, time_scale);
        case SpikeDistance::victor_purpura:
            return victor_purpura_distance(simulated, target, 1 / time_scale);
        case SpikeDistance::count:
            break;
    }
    return std::fabs(static_cast<double>(simulated.size()) - static_cast<double>(target.size()));
}

}  // namespace

ExperimentLoss rmse_loss(std::string variable) {
    return [variable = std::move(variable)](const SimulationRecord& candidate, const SimulationRecord& target) {
        require_comparable(candidate, target, fmt::format("rmse of `{}`", variable));
        std::vector<double> losses;
        for (std::size_t chunk = 0; chunk < candidate.chunks.size(); ++chunk) {
            const bool same = same_sampling(candidate, target, chunk) && candidate.chunks[chunk].n_samples() > 0;
            losses.push_back(same ? root_mean_square(candidate.trace(variable, chunk), target.trace(variable, chunk))
                                  : interpolated_rmse(candidate, target, chunk, variable));
        }
        return losses;
    };
}

ExperimentLoss spike_loss(SpikeDistance distance, double time_scale) {
    if (!(time_scale > 0) || !std::isfinite(time_scale)) {
        throw ConfigError(fmt::format("the time scale of a distance of spikes must be positive, not {:g}", time_scale),
                          "it is in seconds; 2 ms to 10 ms are usual");
    }
    return [distance, time_scale](const SimulationRecord& candidate, const SimulationRecord& target) {
        require_comparable(candidate, target, "of spikes");
        std::vector<double> losses;
        for (std::size_t chunk = 0; chunk < candidate.chunks.size(); ++chunk) {
            if (has_failed(candidate, chunk)) {
                losses.push_back(not_a_number);
                continue;
            }
            const double duration = std::max(chunk_duration(candidate, chunk), chunk_duration(target, chunk));
            losses.push_back(distance_of(distance, time_scale, chunk_spikes(candidate, chunk),
                                         chunk_spikes(target, chunk), duration, candidate.dt));
        }
        return losses;
    };
}

ExperimentLoss combined_loss(std::vector<std::pair<ExperimentLoss, double>> losses) {
    if (losses.empty()) throw ConfigError("a combined loss needs at least one loss");
    for (const auto& [loss, weight] : losses) {
        if (!loss) throw ConfigError("a combined loss has an empty part");
        if (!(weight >= 0) || !std::isfinite(weight))
            throw ConfigError(fmt::format("the weight of a loss must not be negative, but is {:g}", weight));
    }
    return [losses = std::move(losses)](const SimulationRecord& candidate, const SimulationRecord& target) {
        std::vector<double> result;
        for (const auto& [loss, weight] : losses) {
            for (const double part : loss(candidate, target)) result.push_back(weight * part);
        }
        return result;
    };
}

}  // namespace spikesmith
