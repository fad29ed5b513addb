// Objective: from simulations of an ensemble to errors of one output under one metric, while it runs (online) or from its
// traces and spikes.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

struct Objective {
    std::string name;                                 // the output, numbered if it has several metrics
    std::string output;                               // recorded variable, or "spikes"
    std::size_t number = 0;                           // of the recorded variable
    std::shared_ptr<const TraceMetric> trace_metric;  // one of these two is set
    std::shared_ptr<const SpikeMetric> spike_metric;
    Dimension raw_dimension;
    Dimension normalized_dimension;
    // the online form, if the metric has one
    bool online = false;
    OnlineError online_error;
    TimeSeries step_weights;  // at the steps of each trace

    [[nodiscard]] const Metric& metric() const {
        return trace_metric ? static_cast<const Metric&>(*trace_metric) : *spike_metric;
    }
};

// What to compare with: metrics by output ("spikes" for spikes), several for one output if wanted. Outputs that are not
// named use `trace_metric` and `spike_metric`.
struct MetricChoice {
    MetricPointer trace_metric;
    MetricPointer spike_metric;
    std::multimap<std::string, MetricPointer> by_output;
};

// The objectives in the order of the outputs, spikes last. Throws ConfigError for metrics of unknown outputs, of the wrong
// kind, or with settings that do not fit the recordings.
[[nodiscard]] std::vector<Objective> make_objectives(const TraceData& data, const MetricChoice& metrics);

// "v", or "v_2" if the output has several metrics; `number` counts from 0.
[[nodiscard]] std::string objective_name(const std::string& output, std::size_t number, bool several);

// What spikes are compared by where nothing is said: the Gamma factor with a window of 2 ms.
[[nodiscard]] MetricPointer usual_spike_metric();

// Throws what make_objectives throws if the metric does not fit the recordings of `output`, which must be there.
void check_metric(const TraceData& data, const std::string& output, const MetricPointer& metric);

// What is doubtful about these metrics for these recordings, a sentence each.
[[nodiscard]] std::vector<std::string> metric_warnings(const TraceData& data, const MetricChoice& metrics);

// The dimension of the sum. Throws UnitError if the errors cannot be added.
[[nodiscard]] Dimension summed_dimension(const std::vector<Objective>& objectives);

// Features of a block of one trace, for metrics without online form: fills one column of `features` (n_samples x n_traces).
void add_features(const BlockView& block, const Objective& objective, const TraceData& data, Array2& features);

}  // namespace spikesmith
