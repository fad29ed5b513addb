// Dataset: what a fit compares with: input traces that drive the model and output traces that it should reproduce, checked to fit
// together.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/units/dimension.hpp"

namespace spikesmith {

struct Series {
    std::string name;  // of the model's variable
    Dimension dimension;
    Array2 values;       // n_traces x n_steps, SI
    double dt = 0;       // sampling interval in seconds; 0: that of the dataset
    std::string source;  // file, for messages; may be empty
};

struct Dataset {
    double dt = 0;  // sampling interval of the outputs, seconds
    std::vector<Series> inputs;
    std::vector<Series> outputs;

    [[nodiscard]] std::size_t n_traces() const;  // 0 if there is no series
    [[nodiscard]] std::size_t n_steps() const;   // samples of an output, or of an input if there is no output
    [[nodiscard]] const Series* find_input(std::string_view name) const;
    [[nodiscard]] const Series* find_output(std::string_view name) const;
};

// Checks that dt is positive; that names are given once; that no array is empty and every number is finite; that all series have the same
// number of traces; that outputs have the same dt and number of samples; that an input with the dataset's dt has as many samples as the
// outputs, and that an input with its own dt lasts at least as long. Throws DataError, for example
// "output `v` has 5 traces of 1497 samples, input `I` has 5 of 1500".
void check_dataset(const Dataset& dataset);

}  // namespace spikesmith
