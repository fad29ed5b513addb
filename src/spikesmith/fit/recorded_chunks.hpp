// What losses of experiments need to know of a record of one candidate, chunk by chunk. For the files of this room.
#pragma once

#include <string_view>
#include <vector>

#include "spikesmith/simulate/simulation_record.hpp"

namespace spikesmith {

// Throws ConfigError unless both have the same number of chunks, and at least one.
void require_comparable(const SimulationRecord& candidate, const SimulationRecord& target, std::string_view loss);

// Seconds from the beginning of the chunk to its end.
[[nodiscard]] double chunk_duration(const SimulationRecord& record, std::size_t chunk);

// Spike times since the beginning of the chunk, in seconds.
[[nodiscard]] std::vector<double> chunk_spikes(const SimulationRecord& record, std::size_t chunk);

// Times of the samples since the beginning of the chunk, in seconds.
[[nodiscard]] std::vector<double> chunk_times(const SimulationRecord& record, std::size_t chunk);

// Whether a recorded value of the chunk is not finite: the simulation has failed.
[[nodiscard]] bool has_failed(const SimulationRecord& candidate, std::size_t chunk);

}  // namespace spikesmith
