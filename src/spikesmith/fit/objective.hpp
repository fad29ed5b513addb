// Objective: from simulations of an ensemble to errors of one output, while it runs (online) or from its traces.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

struct Objective {
    std::string output;
    MetricPointer metric;
    Dimension raw_dimension;
    Dimension normalized_dimension;
    std::vector<double>
        step_weights;  // of the squared difference, one per simulation step; empty: the metric has no online form

    [[nodiscard]] bool online() const { return !step_weights.empty(); }
};

// The objective of each recorded output. Throws ConfigError for metrics of unknown outputs or settings that do not fit the
// recordings, UnitError if normalised errors cannot be added.
[[nodiscard]] std::vector<Objective> make_objectives(const TraceData& data, const MetricPointer& metric,
                                                     const std::map<std::string, MetricPointer>& metrics);

// Features of a block of one trace from the recorded traces, for metrics without online form: fills one column of
// `features` (n_samples x n_traces). `output`: number of the output in the block.
void add_features(const BlockView& block, std::size_t output, const RecordedOutput& recorded, const Metric& metric,
                  Array2& features);

}  // namespace spikesmith
