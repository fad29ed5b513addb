// PredictiveTraces: what a model does under parameters drawn from a posterior (posterior predictive).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

struct EnsembleRecord;

struct PredictiveTraces {
    struct Output {
        std::string name;
        Dimension dimension;
        std::vector<Array2> traces;      // per stimulus: draws x steps, SI
        Array2 mean, median, low, high;  // stimuli x steps; low and high: 2.5 % and 97.5 %
    };
    double dt = 0;
    Array2 theta;  // the draws
    std::vector<std::size_t> trace_steps;
    std::vector<Output> outputs;
    std::vector<std::vector<std::vector<double>>> spikes;  // per draw, per stimulus: seconds

    [[nodiscard]] const Output& operator[](std::string_view output) const;  // throws ConfigError for an unknown name
};

// Sums up the recorded `traces` stimuli of each output. `dimensions`: of the outputs. Values that are not finite are left out of means and
// bands.
[[nodiscard]] std::vector<PredictiveTraces::Output> summarize_traces(const EnsembleRecord& recorded,
                                                                     const std::vector<std::string>& outputs,
                                                                     const std::vector<Dimension>& dimensions,
                                                                     std::size_t traces);

}  // namespace spikesmith
