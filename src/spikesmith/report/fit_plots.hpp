// Pictures of a fit: recorded against simulated traces, and how the error fell.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/results.hpp"
#include "spikesmith/report/svg_plot.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

// Traces of one output, SI; rows are traces, NaN in gaps and after the end of shorter ones. Either table may be empty.
struct TraceComparison {
    std::string output;
    Dimension dimension;
    Array2 recorded;
    double recorded_dt = 0;  // seconds
    Array2 simulated;
    double simulated_dt = 0;
    std::vector<double> recorded_trace_dt{};  // seconds, per trace; empty: recorded_dt

    [[nodiscard]] double recorded_interval(std::size_t trace) const {
        return recorded_trace_dt.empty() ? recorded_dt : recorded_trace_dt[trace];
    }
};

// One panel per trace and output, outputs side by side; the first 16 traces.
[[nodiscard]] Plot trace_plot(std::string title, std::span<const TraceComparison> outputs);

// Recorded and simulated spikes, one row per trace. Times in seconds.
[[nodiscard]] Plot spike_plot(std::string title, const std::vector<std::vector<double>>& recorded,
                              const std::vector<std::vector<double>>& simulated);

// The Pareto front of a fit with several objectives: each pair of objectives in a panel, all evaluations behind.
[[nodiscard]] Plot pareto_plot(std::string title, const FitResult& result, const Evaluations& evaluations);

// Best error so far and best of each round over the evaluations made, on a logarithmic axis; below it the best values of the
// parameters so far, each on its scale.
[[nodiscard]] Plot convergence_plot(std::string title, const FitResult& result, const Evaluations& evaluations);

}  // namespace spikesmith
