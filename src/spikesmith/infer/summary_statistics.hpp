// Summary statistics: the numbers x by which an inference compares simulations with a recording.
//
//     {electrophysiology("v", {"Spikecount", "AP_amplitude"}, {{0.1, 0.6}}),
//      own_feature("spikes", "first_spike", [](const SummaryInput& in) { return in.values.empty() ? NAN : in.values[0]; }),
//      raw_trace("v", 20)}
//
// x is ordered by feature group, then by trace, then by feature within the group. A value that does not exist is NaN and counts
// as missing (simulations.hpp).
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/features/features.hpp"

namespace spikesmith {

// One trace of one output, on the samples that the recording has; or one spike train.
struct SummaryInput {
    std::span<const double> values;  // SI; of spikes: times in seconds
    double dt = 0;                   // seconds between samples
    double duration = 0;             // seconds
    std::size_t trace = 0;           // its number
};

struct SummaryGroup {
    std::string output;  // of the recordings; "spikes" for spike trains
    std::vector<std::string>
        names;  // of the values of one trace; empty: as many values as the trace has samples / `decimation`
    std::size_t decimation = 1;  // of raw traces
    // Writes one value per name. Called from several threads. Absent for raw traces.
    std::function<void(const SummaryInput& input, std::span<double> values)> compute{};
    // Instead, where it is given: of several simulations of one trace at once, into a row for each. Traces of one length lie one
    // after the other in memory.
    std::function<void(std::span<const SummaryInput> inputs, Array2& values)> compute_block{};
};

// Features by the names of features/features.hpp; of one with a value per spike the mean. `stimuli`: one for all traces, or one per
// trace. `volts_per_unit`: of a dimensionless output, 1e-3 if it is in mV.
[[nodiscard]] SummaryGroup electrophysiology(std::string output, std::vector<std::string> names,
                                             std::vector<StimulusWindow> stimuli, const FeatureSettings& settings = {},
                                             double volts_per_unit = 1);

// A function of one's own: one number of one trace or spike train; NaN if there is none. Must be callable from several threads.
[[nodiscard]] SummaryGroup own_feature(std::string output, std::string name,
                                       std::function<double(const SummaryInput&)> function);

// The same for several simulations of one trace at once, where a call costs more than the arithmetic: one number for each.
[[nodiscard]] SummaryGroup own_block_feature(
    std::string output, std::string name,
    std::function<void(std::span<const SummaryInput> inputs, std::span<double> values)> function);

// Every `decimation`-th sample of the traces, for networks that find their own features.
[[nodiscard]] SummaryGroup raw_trace(std::string output, std::size_t decimation = 1);

}  // namespace spikesmith
