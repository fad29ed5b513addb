// TraceData: stimuli and recordings, checked against the model and against each other, and the grid on which they are compared.
//
// A recording may be sampled at another interval than the simulation if one is a multiple of the other: where the recording
// is coarser only the steps at its samples are compared, where it is finer only its samples at the steps.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

struct RecordedOutput {
    std::string name;
    Dimension dimension;
    std::size_t stride = 1;  // simulation steps from one compared sample to the next
    double dt = 0;           // seconds between compared samples
    Array2 target;           // n_traces x n_samples, on the compared samples
};

struct TraceData {
    double dt = 0;  // simulation step
    std::size_t n_traces = 0;
    std::size_t n_steps = 0;
    std::vector<RecordedOutput> outputs;       // in the order given
    std::map<std::string, TimeSeries> inputs;  // as the ensemble reads them
    std::map<std::string, TimeSeries> targets;
};

// Throws ConfigError, DataError, ModelError as TraceFitter's constructor does.
[[nodiscard]] TraceData check_trace_data(const TraceFitterOptions& options);

// Copies every `stride`-th value of `trace`.
void pick(std::span<const double> trace, std::size_t stride, std::span<double> destination);

}  // namespace spikesmith
