#include "spikesmith/fit/recorded_chunks.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

void require_comparable(const SimulationRecord& candidate, const SimulationRecord& target, std::string_view loss) {
    if (candidate.chunks.empty())
        throw ConfigError(fmt::format("the loss {} has nothing to compare: the experiment recorded nothing", loss),
                          "name what to record in `record`, and start recording in the experiment");
    if (target.chunks.empty())
        throw ConfigError(fmt::format("the loss {} needs a target", loss), "give a target model, or a target record");
    if (candidate.chunks.size() != target.chunks.size()) {
        throw ConfigError(fmt::format("the experiment records {} chunks, but the target has {}",
                                      candidate.chunks.size(), target.chunks.size()),
                          "a chunk is what is recorded between two resets; the target needs one for each");
    }
}

double chunk_duration(const SimulationRecord& record, std::size_t chunk) {
    const RecordedChunk& one = record.chunks.at(chunk);
    std::int64_t end = one.end_step;
    if (end <= one.start_step && !one.periods.empty()) {  // records made of data may leave it out
        const RecordedPeriod& last = one.periods.back();
        end = last.first_step + static_cast<std::int64_t>(last.n_samples) * record.interval_steps;
    }
    return static_cast<double>(end - one.start_step) * record.dt;
}

std::vector<double> chunk_spikes(const SimulationRecord& record, std::size_t chunk) {
    std::vector<double> times = record.spike_times(chunk);
    const std::int64_t start = record.chunks[chunk].start_step;
    if (start == 0) return times;
    for (std::size_t k = 0; k < times.size(); ++k)
        times[k] = static_cast<double>(record.chunks[chunk].spike_steps[0][k] - start) * record.dt;
    return times;
}

std::vector<double> chunk_times(const SimulationRecord& record, std::size_t chunk) {
    const RecordedChunk& one = record.chunks.at(chunk);
    std::vector<double> times;
    times.reserve(one.n_samples());
    for (const RecordedPeriod& period : one.periods) {
        for (std::size_t k = 0; k < period.n_samples; ++k) {
            const std::int64_t step =
                period.first_step - one.start_step + static_cast<std::int64_t>(k) * record.interval_steps;
            times.push_back(static_cast<double>(step) * record.dt);
        }
    }
    return times;
}

bool has_failed(const SimulationRecord& candidate, std::size_t chunk) {
    return std::ranges::any_of(candidate.chunks.at(chunk).values, [](const Array2& values) {
        return std::ranges::any_of(values.values, [](double value) { return !std::isfinite(value); });
    });
}

}  // namespace spikesmith
