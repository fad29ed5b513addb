// Spike trains on disk: one train of spike times per trace.
//
// Read are
//   * text with the columns `trace` (a whole number from 1) and `time`: all trains in one file, as `spikesmith simulate` writes;
//   * text with one column of times, or a one-dimensional .npy: one train;
//   * .npz with the arrays `spikes_1`, `spikes_2`, ..., or one array named by `key`.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace spikesmith {

struct SpikeSource {
    std::string path;
    std::string key;   // array of an .npz file; empty: spikes_1, spikes_2, ...
    std::string unit;  // of the times, "ms"; empty: what the header says, else seconds
    // traces of the experiment: in a text with the column `trace` those without a line are silent, also the last ones
    std::size_t n_traces = 0;  // 0: as many as the text names
};

// Trains in seconds, each in order. Throws DataError: file, line, what is wrong and what would be right.
[[nodiscard]] std::vector<std::vector<double>> load_spikes(const SpikeSource& source);
// The same for the bytes of a file; `source.path` is what errors call them.
[[nodiscard]] std::vector<std::vector<double>> parse_spikes(std::string bytes, const SpikeSource& source);

}  // namespace spikesmith
