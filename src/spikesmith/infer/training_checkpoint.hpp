// The state of a training in files, with the checksum of what it belongs to: networks, data, options (internal to inference.cpp).
//
// Two files: `path` is flushed to the disk, so it outlives a power cut, but flushing takes longer than an epoch of a small network;
// `path` with ".epoch" is left to the operating system, which outlives the process.
#pragma once

#include <cstdint>
#include <filesystem>

#include "spikesmith/infer/training.hpp"

namespace spikesmith {

// The later of the states in the files that are whole and have this identity, else a new one.
[[nodiscard]] TrainingState read_checkpoint(const std::filesystem::path& path, std::uint64_t identity);
// Flushed to the disk or not.
void write_checkpoint(const std::filesystem::path& path, std::uint64_t identity, const TrainingState& state,
                      bool flush);

}  // namespace spikesmith
