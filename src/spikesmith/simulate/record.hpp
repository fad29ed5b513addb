// Runs an ensemble and keeps everything: outputs of every step and spike times. For small runs (generate, `spikesmith
// simulate`, tests); a fit uses Ensemble with an observer, whose memory stays bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

struct EnsembleRecord {
    double dt = 0;  // seconds
    std::size_t n_samples = 0;
    std::size_t n_traces = 0;
    std::size_t n_steps = 0;               // of the longest trace
    std::vector<std::size_t> trace_steps;  // of each trace
    std::vector<std::string> outputs;
    std::vector<Array2>
        values;  // one per output: (samples x traces) x steps; row sample*n_traces + trace; NaN after the end
    std::vector<std::vector<std::int32_t>>
        spike_steps;  // by sample*n_traces + trace; empty unless spikes were asked for
    RunResult result;

    // Output at t = k*dt, before step k: trace_steps[trace] values, SI. Throws ConfigError if the output was not recorded.
    [[nodiscard]] std::span<const double> trace(std::string_view output, std::size_t sample, std::size_t trace) const;
    // Seconds, increasing: step * dt.
    [[nodiscard]] std::vector<double> spike_times(std::size_t sample, std::size_t trace) const;
};

// Runs what `request` asks for (its observer is replaced) and keeps it.
[[nodiscard]] EnsembleRecord record(Ensemble& ensemble, const Array2& parameters,
                                    RunRequest request = {.outputs = true});

}  // namespace spikesmith
