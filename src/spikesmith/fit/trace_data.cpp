#include "spikesmith/fit/trace_data.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {

namespace {

using Kind = Model::Variable::Kind;

void check_series(const std::string& what, const TimeSeries& series) {
    const Array2& values = series.values;
    if (values.rows == 0 || values.columns == 0) throw DataError(fmt::format("{} is empty", what));
    if (values.values.size() != values.rows * values.columns) {
        throw DataError(fmt::format("{} is said to have {} x {} values, but has {}", what, values.rows, values.columns,
                                    values.values.size()));
    }
    if (!(series.dt > 0) || !std::isfinite(series.dt)) {
        throw DataError(
            fmt::format("the sampling interval of {} must be a positive time, not {:g} s", what, series.dt));
    }
    const auto bad = std::ranges::find_if(values.values, [](double value) { return !std::isfinite(value); });
    if (bad != values.values.end()) {
        const auto place = static_cast<std::size_t>(bad - values.values.begin());
        throw DataError(fmt::format("{} has {} at sample {} of trace {} (counted from 0)", what, *bad,
                                    place % values.columns, place / values.columns),
                        "data must be finite numbers");
    }
}

std::string join(const std::vector<std::string>& names) {
    return fmt::format("`{}`", fmt::join(names, "`, `"));
}

// The whole number that `ratio` is but for rounding, or 0.
std::size_t whole(double ratio) {
    const double nearest_number = std::round(ratio);
    if (!(nearest_number >= 1) || nearest_number > 1e9 || std::fabs(ratio - nearest_number) > 1e-6 * nearest_number)
        return 0;
    return static_cast<std::size_t>(nearest_number);
}

void read_inputs(const TraceFitterOptions& options, TraceData& data) {
    const Model& model = options.model;
    const std::vector<std::string> known = names_of(model.inputs);
    for (const auto& [name, given] : options.inputs) {
        if (std::ranges::find(known, name) == known.end()) {
            std::string hint = did_you_mean(name, known);
            if (hint.empty())
                hint = known.empty() ? "the model has no inputs" : "the inputs of the model are " + join(known);
            throw ModelError(fmt::format("the model has no input `{}`", name), hint);
        }
        TimeSeries series = given;
        if (series.dt == 0) series.dt = data.dt;
        check_series(fmt::format("the input `{}`", name), series);
        if (!data.inputs.emplace(name, std::move(series)).second) {
            throw ConfigError(fmt::format("the input `{}` is given twice", name));
        }
    }
    for (const std::string& name : known) {
        if (!data.inputs.contains(name))
            throw DataError(fmt::format("there are no data for the input `{}` of the model", name));
    }
}

void read_outputs(const TraceFitterOptions& options, TraceData& data) {
    const Model& model = options.model;
    if (options.outputs.empty()) throw ConfigError("there is no recording to fit", "give data for at least one output");
    for (const auto& [name, given] : options.outputs) {
        const auto variable = model.find(name);
        if (!variable)
            throw ModelError(fmt::format("the model has no variable `{}`", name),
                             did_you_mean(name, model.variable_names()));
        if (variable->kind != Kind::state && variable->kind != Kind::subexpression) {
            throw ModelError(
                fmt::format("`{}` is neither a state nor a subexpression of the model, so it cannot be fitted", name));
        }
        if (variable->type == ValueType::boolean) {
            throw ModelError(fmt::format("`{}` is true or false, so it cannot be compared with a recording", name));
        }
        TimeSeries series = given;
        if (series.dt == 0) series.dt = data.dt;
        check_series(fmt::format("the recording of `{}`", name), series);
        if (!data.targets.emplace(name, std::move(series)).second) {
            throw ConfigError(fmt::format("the output `{}` is given twice", name));
        }
        data.outputs.push_back({.name = name, .dimension = variable->dimension, .stride = 1, .dt = 0, .target = {}});
    }
}

void check_trace_counts(TraceData& data) {
    std::string first;
    data.n_traces = 1;
    const auto look = [&](const std::string& what, const TimeSeries& series) {
        const std::size_t rows = series.values.rows;
        if (rows == 1) return;
        if (data.n_traces != 1 && rows != data.n_traces) {
            throw DataError(fmt::format("{} has {} traces, but {} has {}", what, rows, first, data.n_traces),
                            "every input and output needs the same number of traces, or one that serves all");
        }
        if (data.n_traces == 1) first = what;
        data.n_traces = rows;
    };
    for (const auto& [name, series] : data.inputs) look(fmt::format("the input `{}`", name), series);
    for (const RecordedOutput& output : data.outputs) {
        look(fmt::format("the recording of `{}`", output.name), data.targets.at(output.name));
    }
}

// The samples of a recording that are compared, and the number of steps that it lasts.
std::size_t lay_out(const TraceData& data, const TimeSeries& series, RecordedOutput& output) {
    const std::size_t coarser = whole(series.dt / data.dt);
    const std::size_t finer = whole(data.dt / series.dt);
    if (coarser == 0 && finer == 0) {
        throw DataError(fmt::format("the recording of `{}` is sampled at {:g} s and simulated at {:g} s", output.name,
                                    series.dt, data.dt),
                        "one of the two must be a multiple of the other");
    }
    output.stride = std::max<std::size_t>(coarser, 1);
    output.dt = coarser != 0 ? series.dt : data.dt;
    const std::size_t skip = coarser != 0 ? 1 : finer;
    const std::size_t samples = (series.values.columns + skip - 1) / skip;
    output.target = Array2(data.n_traces, samples);
    for (std::size_t r = 0; r < data.n_traces; ++r) {
        pick(series.values.row(series.values.rows == 1 ? 0 : r), skip, output.target.row(r));
    }
    return samples * output.stride;
}

}  // namespace

void pick(std::span<const double> trace, std::size_t stride, std::span<double> destination) {
    for (std::size_t k = 0; k < destination.size(); ++k) destination[k] = trace[k * stride];
}

TraceData check_trace_data(const TraceFitterOptions& options) {
    TraceData data;
    data.dt = options.dt;
    if (data.dt == 0 && !options.outputs.empty()) data.dt = options.outputs.front().second.dt;
    if (!(data.dt > 0) || !std::isfinite(data.dt)) {
        throw ConfigError(fmt::format("the time step must be a positive time, not {:g} s", data.dt),
                          "give dt, or the sampling interval of the recording");
    }
    read_inputs(options, data);
    read_outputs(options, data);
    check_trace_counts(data);
    for (RecordedOutput& output : data.outputs) {
        const std::size_t steps = lay_out(data, data.targets.at(output.name), output);
        if (data.n_steps != 0 && steps != data.n_steps) {
            throw DataError(fmt::format("the recordings of `{}` and `{}` last {} and {} steps",
                                        data.outputs.front().name, output.name, data.n_steps, steps),
                            "all recordings must last equally long");
        }
        data.n_steps = steps;
    }
    const double duration = static_cast<double>(data.n_steps) * data.dt;
    for (const auto& [name, series] : data.inputs) {
        const double lasts = static_cast<double>(series.values.columns) * series.dt;
        const double grid = std::max(series.dt, data.dt);
        if (lasts <= duration - grid * (1 - 1e-6)) {
            throw DataError(
                fmt::format("the input `{}` lasts {:g} s, but the recordings last {:g} s", name, lasts, duration));
        }
    }
    return data;
}

}  // namespace spikesmith
