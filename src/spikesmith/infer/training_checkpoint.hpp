// The state of a training in a file, with the checksum of what it belongs to: networks, data, options (internal to inference.cpp).
#pragma once

#include <cstdint>
#include <filesystem>

#include "spikesmith/infer/training.hpp"

namespace spikesmith {

// The state in the file if that is whole and has this identity, else a new one.
[[nodiscard]] TrainingState read_checkpoint(const std::filesystem::path& path, std::uint64_t identity);
void write_checkpoint(const std::filesystem::path& path, std::uint64_t identity, const TrainingState& state);

}  // namespace spikesmith
