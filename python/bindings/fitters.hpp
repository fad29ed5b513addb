// What the bindings of the fitter, of refine and of inference share: recordings and parameters as Python hands them over, and the
// fitter as Python holds it.
#pragma once

#include <algorithm>
#include <atomic>
#include <limits>

#include "interruptible.hpp"

#include "spikesmith/fit/fitter.hpp"

namespace spikesmith::python {

MetricPointer metric_of(const nb::object& handle);

// name, traces (rows of a matrix or arrays of different length), sampling interval (seconds) of all or of each
using SeriesArgument = std::tuple<std::string, std::vector<Vector>, std::vector<double>>;

// The rows of one NumPy array are borrowed: the series keeps the array alive. Others are copied.
inline TimeSeries to_series(const SeriesArgument& argument) {
    const auto& [name, traces, intervals] = argument;
    TimeSeries series;
    if (intervals.size() == 1) {
        series.dt = intervals.front();
    } else {
        series.trace_dt = intervals;
    }
    const std::size_t length = traces.empty() ? 0 : traces.front().size();
    bool adjoining = length > 0;
    for (std::size_t r = 0; r < traces.size(); ++r)
        adjoining = adjoining && traces[r].size() == length && traces[r].data() == traces[0].data() + r * length;
    if (adjoining) {
        series.values.rows = traces.size();
        series.values.columns = length;
        series.memory = {traces.front().data(),
                         [owners = std::make_shared<std::vector<Vector>>(traces)](const double*) mutable {
                             const nb::gil_scoped_acquire lock;
                             owners.reset();
                         }};
        return series;
    }
    std::size_t columns = 0;
    bool ragged = false;
    for (const auto& trace : traces) {
        ragged = ragged || trace.size() != traces.front().size();
        columns = std::max(columns, trace.size());
    }
    series.values = Array2(traces.size(), columns, ragged ? std::numeric_limits<double>::quiet_NaN() : 0.0);
    for (std::size_t r = 0; r < traces.size(); ++r) {
        std::copy_n(traces[r].data(), traces[r].size(), series.values.row(r).begin());
        if (ragged) series.trace_samples.push_back(traces[r].size());
    }
    return series;
}

inline std::vector<std::pair<std::string, TimeSeries>> to_all_series(const std::vector<SeriesArgument>& arguments) {
    std::vector<std::pair<std::string, TimeSeries>> list;
    for (const auto& argument : arguments) list.emplace_back(std::get<0>(argument), to_series(argument));
    return list;
}

inline Recordings to_recordings(const std::vector<SeriesArgument>& inputs, const std::vector<SeriesArgument>& outputs,
                                const std::optional<std::vector<Vector>>& spikes, double dt, double duration) {
    Recordings recordings;
    recordings.inputs = to_all_series(inputs);
    recordings.outputs = to_all_series(outputs);
    if (spikes) {
        recordings.spikes.emplace();
        for (const auto& train : *spikes) recordings.spikes->push_back(to_vector(train));
    }
    recordings.dt = dt;
    recordings.duration = duration;
    return recordings;
}

// name, low, high, scale ("linear", "log"), integer, fixed
using ParameterArgument =
    std::tuple<std::string, PlainQuantity, PlainQuantity, std::string, bool, std::optional<PlainQuantity>>;

inline std::vector<FitParameter> to_fit_parameters(const std::vector<ParameterArgument>& arguments) {
    std::vector<FitParameter> parameters;
    for (const auto& [name, low, high, scale, integer, fixed] : arguments) {
        FitParameter parameter{.name = name, .low = to_quantity(low), .high = to_quantity(high)};
        parameter.scale = parse_scale(scale);
        parameter.integer = integer;
        if (fixed) parameter.fixed = to_quantity(*fixed);
        parameters.push_back(std::move(parameter));
    }
    return parameters;
}

struct PythonFitter {
    Fitter fitter;
    std::atomic<bool> cancelled{false};
    double seconds_per_round = std::numeric_limits<double>::infinity();  // of the last call
};

}  // namespace spikesmith::python
