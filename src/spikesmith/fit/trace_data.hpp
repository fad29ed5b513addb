// TraceData: stimuli and recordings, checked against the model and against each other, and the grid on which they are compared.
//
// Traces may differ in length and in sampling interval. A recording need not be sampled at the steps of the simulation:
// where it is coarser by a whole factor only the steps at its samples are compared, where it is finer by a whole factor only
// its samples at the steps; else it is interpolated linearly at the steps. Samples that are NaN are gaps: nothing is
// compared there.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

inline constexpr const char* spikes_output = "spikes";  // the name under which spike trains are fitted

// What a fit works with, as the user gives it.
struct Recordings {
    // stimulus by input name; every input of the model
    std::vector<std::pair<std::string, TimeSeries>> inputs{};
    // recordings by name of a state or subexpression, SI
    std::vector<std::pair<std::string, TimeSeries>> outputs{};
    // spike times in seconds, in any order, one train per trace; absent: spikes are not fitted
    std::optional<std::vector<std::vector<double>>> spikes{};
    double dt = 0;                        // simulation step in seconds; 0: sampling interval of the first recording
    double duration = 0;                  // seconds, without recorded traces; 0: as long as the inputs
    std::vector<double> trace_weights{};  // of the traces in the error, >= 0; empty: equal
};

// A trace on the samples that are compared.
struct RecordedTrace {
    std::size_t stride = 1;                  // simulation steps from one compared sample to the next
    double dt = 0;                           // seconds between compared samples
    std::span<const double> target;          // NaN in gaps; of the recording, if all its samples are compared
    std::vector<bool> counted;               // false in gaps; empty: no gaps
    std::shared_ptr<const double> memory{};  // keeps the target alive
};

struct RecordedOutput {
    std::string name;
    Dimension dimension;
    std::vector<RecordedTrace> traces;
};

struct TraceData {
    double dt = 0;  // simulation step
    std::size_t n_traces = 0;
    std::size_t n_steps = 0;                                 // of the longest trace
    std::vector<std::size_t> trace_steps;                    // of each
    std::vector<RecordedOutput> outputs;                     // in the order given
    std::optional<std::vector<std::vector<double>>> spikes;  // in order, within [0, duration)
    std::map<std::string, TimeSeries> inputs;                // as the ensemble reads them; copies share the numbers
    std::map<std::string, TimeSeries> targets;
    std::vector<double> trace_factors;  // of the traces in the error: weight / mean weight; empty: all 1
    std::vector<std::string> warnings;  // what was left out

    [[nodiscard]] double duration(std::size_t trace) const { return static_cast<double>(trace_steps[trace]) * dt; }
};

// Throws ConfigError, DataError, ModelError for recordings that do not fit the model or each other.
[[nodiscard]] TraceData check_trace_data(const Model& model, const Recordings& recordings);

// Moves the numbers of a series to memory that its copies share.
void share(TimeSeries& series);

// Copies every `stride`-th value of `trace`.
void pick(std::span<const double> trace, std::size_t stride, std::span<double> destination);

}  // namespace spikesmith
