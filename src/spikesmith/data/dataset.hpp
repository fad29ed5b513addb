// Dataset: what a fit compares with: input traces that drive the model and output traces that it should reproduce, checked to fit
// together.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/units/dimension.hpp"

namespace spikesmith {

struct Series {
    std::string name;  // of the model's variable
    Dimension dimension;
    Array2 values;       // n_traces x samples of the longest, SI; NaN in gaps of a recording
    double dt = 0;       // sampling interval in seconds; 0: that of the dataset
    std::string source;  // file, for messages; may be empty
    // for traces of different length or sampling, one per trace; empty: all alike
    std::vector<double> trace_dt{};            // seconds
    std::vector<std::size_t> trace_samples{};  // samples in use

    [[nodiscard]] bool uniform() const { return trace_dt.empty() && trace_samples.empty(); }
    [[nodiscard]] std::size_t samples(std::size_t trace) const {
        return trace_samples.empty() ? values.columns : trace_samples[trace];
    }
};

struct Dataset {
    double dt = 0;  // sampling interval of the outputs, seconds
    std::vector<Series> inputs;
    std::vector<Series> outputs;
    std::optional<std::vector<std::vector<double>>> spikes{};  // seconds, one train per trace

    [[nodiscard]] std::size_t n_traces() const;  // 0 if there is no series
    [[nodiscard]] std::size_t n_steps() const;   // samples of an output, or of an input if there is no output
    [[nodiscard]] const Series* find_input(std::string_view name) const;
    [[nodiscard]] const Series* find_output(std::string_view name) const;
};

// Checks that dt is positive; that names are given once; that no array is empty and every number is finite (outputs may have NaN: gaps);
// that all series have the same number of traces; and of series whose traces are all alike that those with the same sampling
// interval have the same number of samples and that inputs last as long as outputs. Throws DataError, for example
// "output `v` has 5 traces of 1497 samples, input `I` has 5 of 1500".
void check_dataset(const Dataset& dataset);

}  // namespace spikesmith
