#include "spikesmith/fit/trace_data.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {

namespace {

using Kind = Model::Variable::Kind;

constexpr double relative_rounding = 1e-6;  // of times and intervals in files
constexpr std::size_t most_steps = 1'000'000'000;

// Shape, intervals and numbers. Gaps (NaN) only where `gaps`.
void check_series(const std::string& what, const TimeSeries& series, bool gaps) {
    const Array2& values = series.values;
    if (values.rows == 0 || values.columns == 0) throw DataError(fmt::format("{} is empty", what));
    if (series.numbers().size() != values.rows * values.columns) {
        throw DataError(fmt::format("{} is said to have {} x {} values, but has {}", what, values.rows, values.columns,
                                    series.numbers().size()));
    }
    if ((!series.trace_dt.empty() && series.trace_dt.size() != values.rows) ||
        (!series.trace_samples.empty() && series.trace_samples.size() != values.rows)) {
        throw DataError(fmt::format("{} has {} traces, but sampling intervals for {} and lengths for {}", what,
                                    values.rows, series.trace_dt.size(), series.trace_samples.size()),
                        "give one per trace, or none");
    }
    for (std::size_t r = 0; r < values.rows; ++r) {
        if (!(series.interval(r) > 0) || !std::isfinite(series.interval(r))) {
            throw DataError(fmt::format("the sampling interval of {} must be a positive time, not {:g} s", what,
                                        series.interval(r)));
        }
        if (series.samples(r) == 0 || series.samples(r) > values.columns) {
            throw DataError(fmt::format("trace {} of {} cannot have {} samples of {}", r + 1, what, series.samples(r),
                                        values.columns));
        }
        const auto trace = series.row(r).first(series.samples(r));
        const auto bad = std::ranges::find_if(
            trace, [gaps](double value) { return !std::isfinite(value) && !(gaps && std::isnan(value)); });
        if (bad != trace.end()) {
            throw DataError(
                fmt::format("{} has {} at sample {} of trace {}", what, *bad, bad - trace.begin() + 1, r + 1),
                gaps ? "data must be finite numbers, or NaN in gaps" : "data must be finite numbers");
        }
        if (gaps && std::ranges::all_of(trace, [](double value) { return std::isnan(value); })) {
            throw DataError(fmt::format("trace {} of {} has no sample that is a number", r + 1, what));
        }
    }
}

std::string join(const std::vector<std::string>& names) {
    return fmt::format("`{}`", fmt::join(names, "`, `"));
}

// The whole number that `ratio` is but for rounding, or 0.
std::size_t whole(double ratio) {
    const double nearest_number = std::round(ratio);
    if (!(nearest_number >= 1) || nearest_number > 1e9 ||
        std::fabs(ratio - nearest_number) > relative_rounding * nearest_number)
        return 0;
    return static_cast<std::size_t>(nearest_number);
}

// Numbers in memory that copies of the series share.
std::shared_ptr<const double> shared(std::vector<double> numbers) {
    const auto kept = std::make_shared<const std::vector<double>>(std::move(numbers));
    return {kept, kept->data()};
}

void read_inputs(const Model& model, const Recordings& recordings, TraceData& data) {
    const std::vector<std::string> known = names_of(model.inputs);
    for (const auto& [name, given] : recordings.inputs) {
        if (std::ranges::find(known, name) == known.end()) {
            std::string hint = did_you_mean(name, known);
            if (hint.empty())
                hint = known.empty() ? "the model has no inputs" : "the inputs of the model are " + join(known);
            throw ModelError(fmt::format("the model has no input `{}`", name), hint);
        }
        TimeSeries series = given;
        if (series.dt == 0) series.dt = data.dt;
        check_series(fmt::format("the input `{}`", name), series, false);
        share(series);
        if (!data.inputs.emplace(name, std::move(series)).second) {
            throw ConfigError(fmt::format("the input `{}` is given twice", name));
        }
    }
    for (const std::string& name : known) {
        if (!data.inputs.contains(name))
            throw DataError(fmt::format("there are no data for the input `{}` of the model", name));
    }
}

void read_outputs(const Model& model, const Recordings& recordings, TraceData& data) {
    if (recordings.outputs.empty() && !recordings.spikes) {
        throw ConfigError("there is no recording to fit", "give data for at least one output");
    }
    for (const auto& [name, given] : recordings.outputs) {
        if (name == spikes_output) {
            throw ConfigError(
                fmt::format("an output cannot be called `{}`: the name is that of the spike trains", name),
                "rename the variable in the equations");
        }
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
        check_series(fmt::format("the recording of `{}`", name), series, true);
        share(series);
        if (!data.targets.emplace(name, std::move(series)).second) {
            throw ConfigError(fmt::format("the output `{}` is given twice", name));
        }
        data.outputs.push_back({.name = name, .dimension = variable->dimension, .traces = {}});
    }
    if (recordings.spikes && !model.threshold) {
        throw ModelError("the model has no threshold, so it makes no spikes to fit", "give it a threshold");
    }
    data.spikes = recordings.spikes;
}

void check_trace_counts(TraceData& data) {
    std::string first;
    data.n_traces = 1;
    const auto look = [&](const std::string& what, std::size_t rows) {
        if (rows == 1) return;
        if (data.n_traces != 1 && rows != data.n_traces) {
            throw DataError(fmt::format("{} has {} traces, but {} has {}", what, rows, first, data.n_traces),
                            "every input and output needs the same number of traces, or one that serves all");
        }
        if (data.n_traces == 1) first = what;
        data.n_traces = rows;
    };
    for (const auto& [name, series] : data.inputs) look(fmt::format("the input `{}`", name), series.values.rows);
    for (const RecordedOutput& output : data.outputs) {
        look(fmt::format("the recording of `{}`", output.name), data.targets.at(output.name).values.rows);
    }
    if (!data.spikes) return;
    if (data.spikes->empty())
        throw DataError("the recording of spikes has no trace", "a silent trace is an empty train");
    look("the recording of spikes", data.spikes->size());
    if (data.spikes->size() != data.n_traces) {
        throw DataError(fmt::format("the recording of spikes has 1 trace, but {} has {}", first, data.n_traces),
                        "give one train per trace; that of a silent trace is empty");
    }
}

// Linear interpolation at the steps; a step beside a gap is in the gap. The last step is at or before the last sample.
std::vector<double> interpolated(std::span<const double> trace, double interval, double dt) {
    const double steps = std::floor(static_cast<double>(trace.size() - 1) * interval / dt * (1 + 1e-12));
    std::vector<double> result(static_cast<std::size_t>(steps) + 1);
    for (std::size_t k = 0; k < result.size(); ++k) {
        const double place = static_cast<double>(k) * dt / interval;
        const auto left = std::min(static_cast<std::size_t>(place), trace.size() - 1);
        const double share = place - static_cast<double>(left);
        result[k] = left + 1 == trace.size() || share == 0 ? trace[left]
                                                           : trace[left] + share * (trace[left + 1] - trace[left]);
    }
    return result;
}

// The samples of a recorded trace (a row of a shared series) that are compared.
RecordedTrace lay_out(const TimeSeries& series, std::size_t row, double dt) {
    const double interval = series.interval(row);
    const std::span<const double> trace = series.trace(row);
    RecordedTrace result{.stride = 1, .dt = dt, .target = {}, .counted = {}};
    const auto own = [&](std::vector<double> target) {
        const std::size_t n = target.size();
        result.memory = shared(std::move(target));
        result.target = {result.memory.get(), n};
    };
    if (const std::size_t coarser = whole(interval / dt); coarser != 0) {
        result.stride = coarser;
        result.dt = interval;
        result.target = trace;
        result.memory = series.memory;
    } else if (const std::size_t finer = whole(dt / interval); finer != 0) {
        std::vector<double> picked((trace.size() + finer - 1) / finer);
        pick(trace, finer, picked);
        own(std::move(picked));
    } else {
        own(interpolated(trace, interval, dt));
    }
    if (std::ranges::any_of(result.target, [](double value) { return std::isnan(value); })) {
        for (const double value : result.target) result.counted.push_back(!std::isnan(value));
    }
    return result;
}

// Lays out all traces of an output. Where samples do not fall on steps, the target becomes one that does.
void lay_out(TraceData& data, RecordedOutput& output) {
    TimeSeries& series = data.targets.at(output.name);
    std::vector<RecordedTrace> rows;
    bool resampled = false;
    for (std::size_t r = 0; r < series.values.rows; ++r) {
        const double interval = series.interval(r);
        rows.push_back(lay_out(series, r, data.dt));
        resampled = resampled || (whole(interval / data.dt) == 0 && whole(data.dt / interval) == 0);
    }
    if (resampled) {
        std::size_t longest = 0;
        for (const RecordedTrace& row : rows) longest = std::max(longest, row.target.size());
        TimeSeries fresh{.dt = data.dt, .values = Array2(rows.size(), longest)};
        for (std::size_t r = 0; r < rows.size(); ++r) {
            std::ranges::copy(rows[r].target, fresh.values.row(r).begin());
            fresh.trace_dt.push_back(rows[r].dt);
            fresh.trace_samples.push_back(rows[r].target.size());
        }
        share(fresh);
        series = std::move(fresh);
    }
    for (std::size_t r = 0; r < data.n_traces; ++r) output.traces.push_back(rows[series.row_of(r)]);
}

// How long each trace lasts: as its recordings, else as asked for, else as its inputs.
void find_durations(const Recordings& recordings, TraceData& data) {
    for (std::size_t r = 0; r < data.n_traces; ++r) {
        // A recording lasts from its last sample to before the next one would come; all of a trace must have a time in common.
        std::size_t steps = std::numeric_limits<std::size_t>::max();
        std::size_t needed = 0;
        for (const RecordedOutput& output : data.outputs) {
            const RecordedTrace& trace = output.traces[r];
            steps = std::min(steps, trace.target.size() * trace.stride);
            needed = std::max(needed, (trace.target.size() - 1) * trace.stride + 1);
        }
        if (!data.outputs.empty() && needed > steps) {
            throw DataError(fmt::format("the recordings of trace {} last from {} to {} steps", r + 1, steps, needed),
                            "all recordings of a trace must last equally long");
        }
        if (data.outputs.empty()) {
            double duration = recordings.duration;
            if (duration == 0) {
                duration = std::numeric_limits<double>::infinity();
                for (const auto& [name, series] : data.inputs) {
                    const std::size_t row = series.row_of(r);
                    duration = std::min(duration, static_cast<double>(series.samples(row)) * series.interval(row));
                }
            }
            if (!(duration > 0) || !std::isfinite(duration)) {
                throw ConfigError("how long to simulate is not known: there is no recorded trace and no input",
                                  "give a duration");
            }
            const double ratio = std::min(duration / data.dt, 2.0 * static_cast<double>(most_steps));
            steps = whole(ratio);
            if (steps == 0) steps = static_cast<std::size_t>(std::floor(ratio));
            if (steps == 0) throw ConfigError("the traces are shorter than one step of the simulation");
            if (steps > most_steps) {
                throw ConfigError(fmt::format("a trace would take {:.3g} steps", duration / data.dt),
                                  "are the duration and the time step as intended?");
            }
        }
        data.trace_steps.push_back(steps);
        data.n_steps = std::max(data.n_steps, steps);
    }
    if (!data.outputs.empty() && recordings.duration != 0) {
        throw ConfigError("a duration is for spikes without recorded traces", "leave it out: the recordings tell");
    }
    for (const auto& [name, series] : data.inputs) {
        for (std::size_t r = 0; r < data.n_traces; ++r) {
            const std::size_t row = series.row_of(r);
            const double lasts = static_cast<double>(series.samples(row)) * series.interval(row);
            const double grid = std::max(series.interval(row), data.dt);
            if (lasts > data.duration(r) - grid * (1 - relative_rounding)) continue;
            if (recordings.duration != 0) {
                throw ConfigError(fmt::format("the input `{}` lasts {:g} s, but the duration is {:g} s", name, lasts,
                                              recordings.duration));
            }
            throw DataError(fmt::format("the input `{}` lasts {:g} s, but the recordings last {:g} s{}", name, lasts,
                                        data.duration(r), data.n_traces > 1 ? fmt::format(" (trace {})", r + 1) : ""));
        }
    }
}

// Puts the spikes in order, and leaves out those that no simulation can have.
void take_spikes(TraceData& data) {
    if (!data.spikes) return;
    std::size_t recorded = 0;
    std::size_t outside = 0;
    for (std::size_t r = 0; r < data.n_traces; ++r) {
        auto& train = (*data.spikes)[r];
        for (std::size_t k = 0; k < train.size(); ++k) {
            if (!std::isfinite(train[k])) {
                throw DataError(fmt::format("spike {} of trace {} is at {:g} s, outside the trace of {:g} s", k + 1,
                                            r + 1, train[k], data.duration(r)),
                                "spike times are in seconds from the start of the trace");
            }
        }
        recorded += train.size();
        outside += std::erase_if(train, [&](double time) { return time < 0 || time >= data.duration(r); });
        std::ranges::sort(train);
    }
    if (outside == 0) return;
    data.warnings.push_back(
        fmt::format("{} of {} recorded spikes {} before the start or after the end of a trace: "
                    "left out, as no simulation can have {}",
                    outside, recorded, outside == 1 ? "is" : "are", outside == 1 ? "it" : "them"));
}

void read_weights(const Recordings& recordings, TraceData& data) {
    const auto& weights = recordings.trace_weights;
    if (weights.empty()) return;
    if (weights.size() != data.n_traces) {
        throw ConfigError(fmt::format("there are {} trace weights for {} traces", weights.size(), data.n_traces));
    }
    if (!std::ranges::all_of(weights, [](double w) { return std::isfinite(w) && w >= 0; })) {
        throw ConfigError("trace weights must be finite and not negative");
    }
    const double mean = std::accumulate(weights.begin(), weights.end(), 0.0) / static_cast<double>(weights.size());
    if (!(mean > 0) || !std::isfinite(mean)) throw ConfigError("the sum of the trace weights must be positive");
    for (const double weight : weights) data.trace_factors.push_back(weight / mean);
}

}  // namespace

void share(TimeSeries& series) {
    if (!series.memory) series.memory = shared(std::exchange(series.values.values, {}));
}

void pick(std::span<const double> trace, std::size_t stride, std::span<double> destination) {
    for (std::size_t k = 0; k < destination.size(); ++k) destination[k] = trace[k * stride];
}

TraceData check_trace_data(const Model& model, const Recordings& recordings) {
    TraceData data;
    data.dt = recordings.dt;
    if (data.dt == 0 && !recordings.outputs.empty()) data.dt = recordings.outputs.front().second.dt;
    if (!(data.dt > 0) || !std::isfinite(data.dt)) {
        throw ConfigError(fmt::format("the time step must be a positive time, not {:g} s", data.dt),
                          "give dt, or the sampling interval of the recording");
    }
    if (recordings.duration < 0 || !std::isfinite(recordings.duration)) {
        throw ConfigError(fmt::format("the duration must be a positive time, not {:g} s", recordings.duration));
    }
    read_inputs(model, recordings, data);
    read_outputs(model, recordings, data);
    check_trace_counts(data);
    for (RecordedOutput& output : data.outputs) lay_out(data, output);
    find_durations(recordings, data);
    take_spikes(data);
    read_weights(recordings, data);
    return data;
}

}  // namespace spikesmith
