#include "spikesmith/simulate/simulation_record.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

const RecordedChunk& chunk_of(const SimulationRecord& record, std::size_t chunk) {
    if (chunk < record.chunks.size()) return record.chunks[chunk];
    throw ConfigError(fmt::format("there is no chunk {}", chunk),
                      record.chunks.empty() ? std::string("nothing was recorded; recording begins with start_recording")
                                            : fmt::format("chunks count from 0; there are {}", record.chunks.size()));
}

void need_candidate(const SimulationRecord& record, std::size_t candidate) {
    if (candidate < record.n_candidates) return;
    throw ConfigError(fmt::format("there is no candidate {}", candidate),
                      fmt::format("candidates count from 0; there are {}", record.n_candidates));
}

// Labels and values of one chunk; between `first` and the last sample, where they were not recorded, `fill` decides.
struct Series {
    std::vector<std::int64_t> steps;
    std::vector<double> values;
};

Series filled(const SimulationRecord& record, const RecordedChunk& chunk, std::span<const double> samples,
              std::optional<std::int64_t> first, GapFill fill, double fill_value) {
    Series out;
    const std::int64_t interval = record.interval_steps;
    std::optional<std::int64_t> next = first;  // the label that would leave no gap
    std::size_t used = 0;
    for (const RecordedPeriod& period : chunk.periods) {
        if (period.n_samples == 0) continue;
        if (next && fill != GapFill::none) {
            const auto missing = (period.first_step - *next) / interval;
            for (std::int64_t m = 0; m < missing; ++m) {
                out.steps.push_back(*next + m * interval);
                double value = fill == GapFill::value ? fill_value : not_a_number;
                if (fill == GapFill::nearest) value = samples[m < missing - m ? used - 1 : used];
                out.values.push_back(value);
            }
        }
        for (std::size_t s = 0; s < period.n_samples; ++s) {
            out.steps.push_back(period.first_step + static_cast<std::int64_t>(s) * interval);
            out.values.push_back(samples[used++]);
        }
        next = out.steps.back() + interval;
    }
    return out;
}

}  // namespace

std::size_t RecordedChunk::n_samples() const {
    std::size_t n = 0;
    for (const RecordedPeriod& period : periods) n += period.n_samples;
    return n;
}

std::span<const double> SimulationRecord::trace(std::string_view variable, std::size_t chunk,
                                                std::size_t candidate) const {
    const auto found = std::ranges::find(variables, variable);
    if (found == variables.end()) {
        const auto hint = did_you_mean(variable, variables);
        throw ConfigError(fmt::format("`{}` was not recorded", variable),
                          hint.empty() ? "name it among the variables to record" : hint);
    }
    const RecordedChunk& one = chunk_of(*this, chunk);
    need_candidate(*this, candidate);
    return one.values.at(static_cast<std::size_t>(found - variables.begin())).row(candidate);
}

std::vector<double> SimulationRecord::times(std::size_t chunk) const {
    std::vector<double> out;
    for (const RecordedPeriod& period : chunk_of(*this, chunk).periods) {
        for (std::size_t s = 0; s < period.n_samples; ++s)
            out.push_back(static_cast<double>(period.first_step + static_cast<std::int64_t>(s) * interval_steps) * dt);
    }
    return out;
}

std::vector<double> SimulationRecord::spike_times(std::size_t chunk, std::size_t candidate) const {
    if (!spikes) throw ConfigError("spikes were not recorded", "name `spike` among the variables to record");
    const RecordedChunk& one = chunk_of(*this, chunk);
    need_candidate(*this, candidate);
    std::vector<double> out;
    for (const std::int64_t step : one.spike_steps.at(candidate)) out.push_back(static_cast<double>(step) * dt);
    return out;
}

SimulationRecord SimulationRecord::candidate(std::size_t candidate) const {
    need_candidate(*this, candidate);
    SimulationRecord out{.dt = dt,
                         .interval_steps = interval_steps,
                         .n_candidates = 1,
                         .variables = variables,
                         .spikes = spikes,
                         .chunks = {},
                         .data = data};
    for (const RecordedChunk& chunk : chunks) {
        RecordedChunk one{.periods = chunk.periods,
                          .values = {},
                          .spike_steps = {},
                          .parameters = {},
                          .start_step = chunk.start_step,
                          .end_step = chunk.end_step};
        for (const Array2& all : chunk.values) {
            Array2& values = one.values.emplace_back(1, all.columns);
            std::ranges::copy(all.row(candidate), values.values.begin());
        }
        if (!chunk.spike_steps.empty()) one.spike_steps.push_back(chunk.spike_steps[candidate]);
        for (const auto& [name, values] : chunk.parameters) one.parameters[name] = {values[candidate]};
        out.chunks.push_back(std::move(one));
    }
    return out;
}

CombinedTrace combine_periods(const SimulationRecord& record, std::string_view variable, std::size_t chunk,
                              std::size_t candidate, GapFill fill, double fill_value) {
    const auto samples = record.trace(variable, chunk, candidate);
    const Series series = filled(record, record.chunks[chunk], samples, std::nullopt, fill, fill_value);
    CombinedTrace out{.times = {}, .values = series.values};
    for (const std::int64_t step : series.steps) out.times.push_back(static_cast<double>(step) * record.dt);
    return out;
}

CombinedTrace combine_chunks(const SimulationRecord& record, std::string_view variable, std::size_t candidate,
                             ChunkTimes times) {
    CombinedTrace out;
    const std::int64_t interval = record.interval_steps;
    std::int64_t next = 0;  // where a consecutive chunk begins
    bool is_first = true;
    for (std::size_t c = 0; c < record.chunks.size(); ++c) {
        const RecordedChunk& chunk = record.chunks[c];
        const std::int64_t first = (chunk.start_step + interval - 1) / interval * interval;
        const Series series =
            filled(record, chunk, record.trace(variable, c, candidate), first, GapFill::nan, not_a_number);
        if (series.steps.empty()) continue;
        const std::int64_t shift =
            times == ChunkTimes::consecutive && !is_first ? next - series.steps.front() : std::int64_t{0};
        for (const std::int64_t step : series.steps) out.times.push_back(static_cast<double>(step + shift) * record.dt);
        out.values.insert(out.values.end(), series.values.begin(), series.values.end());
        next = series.steps.back() + shift + interval;
        is_first = false;
    }
    if (record.chunks.empty()) (void)record.trace(variable, 0, candidate);  // throws: says what is there
    return out;
}

}  // namespace spikesmith
