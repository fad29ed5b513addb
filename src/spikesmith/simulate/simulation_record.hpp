// SimulationRecord: what a Simulation recorded, in chunks (from reset to reset) of periods (from start to pause).
//
// A chunk holds the samples of its periods without gaps; their times are whole numbers of steps, so there is no rounding anywhere.
// In a Simulation that samples after the step (ANNarchy's way) the sample labelled t is the state after the step that began at t.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"

namespace spikesmith {

struct RecordedPeriod {
    std::int64_t first_step = 0;  // label of the first sample, a multiple of the interval
    std::size_t n_samples = 0;    // spaced by SimulationRecord::interval_steps; 0 if the period lay between two of them
};

struct RecordedChunk {
    std::vector<RecordedPeriod> periods;
    std::vector<Array2> values;                          // per recorded variable: candidates x samples of all periods
    std::vector<std::vector<std::int64_t>> spike_steps;  // per candidate, increasing; empty unless spikes are recorded
    std::map<std::string, std::vector<double>> parameters;  // at the end of the chunk, per candidate; inputs, too
    std::int64_t start_step = 0, end_step = 0;              // clock at the beginning and at the end of the chunk

    [[nodiscard]] std::size_t n_samples() const;
};

struct SimulationRecord {
    double dt = 0;                    // seconds
    std::int64_t interval_steps = 1;  // steps between samples
    std::size_t n_candidates = 0;
    std::vector<std::string> variables;  // recorded ones, "spike" not among them
    bool spikes = false;
    std::vector<RecordedChunk> chunks;                // those in which something was recorded
    std::map<std::string, std::vector<double>> data;  // whatever the experiment wants to say: stimuli, durations, ...

    // Samples of one variable of one candidate. All throw ConfigError with what there is for an unknown name, chunk or candidate.
    [[nodiscard]] std::span<const double> trace(std::string_view variable, std::size_t chunk = 0,
                                                std::size_t candidate = 0) const;
    [[nodiscard]] std::vector<double> times(std::size_t chunk = 0) const;  // seconds, label of each sample
    [[nodiscard]] std::vector<double> spike_times(std::size_t chunk = 0, std::size_t candidate = 0) const;  // seconds
    [[nodiscard]] SimulationRecord candidate(std::size_t candidate) const;  // a record of this one alone
};

// Times and values of one variable over periods and chunks. Gaps between periods: left out, NaN, a number, or the nearest sample (of
// two equally near ones the earlier).
enum class GapFill : std::uint8_t { none, nan, nearest, value };
// sequential: each chunk has its own times, which after a reset begin at 0 again; consecutive: a chunk begins one interval after the
// last sample of the one before.
enum class ChunkTimes : std::uint8_t { sequential, consecutive };
struct CombinedTrace {
    std::vector<double> times;  // seconds
    std::vector<double> values;
};
[[nodiscard]] CombinedTrace combine_periods(const SimulationRecord& record, std::string_view variable,
                                            std::size_t chunk = 0, std::size_t candidate = 0,
                                            GapFill fill = GapFill::none, double fill_value = 0);
// All chunks. What was not recorded at the beginning of a chunk and between its periods is NaN; what was not recorded at its end is left
// out.
[[nodiscard]] CombinedTrace combine_chunks(const SimulationRecord& record, std::string_view variable,
                                           std::size_t candidate = 0, ChunkTimes times = ChunkTimes::sequential);

}  // namespace spikesmith
