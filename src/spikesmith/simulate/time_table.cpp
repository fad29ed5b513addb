#include "spikesmith/simulate/time_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

std::size_t sample_index(double t, double D, double h, std::size_t n) {
    const double upsampling = std::max(std::exp2(std::ceil(std::log2(8 * (D / h)))), 1.0);
    const double epsilon = D / upsampling;
    const double index = std::trunc((t / epsilon + 0.5) / upsampling);
    if (!(index > 0) || n == 0) return 0;
    return index >= static_cast<double>(n - 1) ? n - 1 : static_cast<std::size_t>(index);
}

namespace {

std::string describe(const TimeInput& input) {
    switch (input.kind) {
        case TimeInput::Kind::input:
            return fmt::format("input `{}`", input.name);
        case TimeInput::Kind::target:
            return fmt::format("target of `{}`", input.name);
        case TimeInput::Kind::weight:
            return fmt::format("weight of `{}`", input.name);
    }
    return input.name;
}

const std::map<std::string, TimeSeries>& series_of_kind(TimeInput::Kind kind, const EnsembleData& data) {
    switch (kind) {
        case TimeInput::Kind::input:
            return data.inputs;
        case TimeInput::Kind::target:
            return data.targets;
        case TimeInput::Kind::weight:
            break;
    }
    return data.weights;
}

const TimeSeries& find_series(const TimeInput& input, const EnsembleData& data) {
    const auto& all = series_of_kind(input.kind, data);
    const auto found = all.find(input.name);
    if (found == all.end()) {
        std::vector<std::string> names;
        names.reserve(all.size());
        for (const auto& [name, series] : all) names.push_back(name);
        throw DataError(fmt::format("there are no data for the {}", describe(input)), did_you_mean(input.name, names));
    }
    return found->second;
}

void check_shape(const TimeInput& input, const TimeSeries& series, std::size_t n_traces) {
    const Array2& values = series.values;
    if ((!series.trace_dt.empty() && series.trace_dt.size() != values.rows) ||
        (!series.trace_samples.empty() && series.trace_samples.size() != values.rows)) {
        throw DataError(fmt::format("the {} has {} rows, but intervals for {} and lengths for {}", describe(input),
                                    values.rows, series.trace_dt.size(), series.trace_samples.size()));
    }
    for (std::size_t row = 0; row < values.rows; ++row) {
        const double interval = series.interval(row);
        if (!(interval > 0) || !std::isfinite(interval)) {
            throw DataError(fmt::format("the sampling interval of the {} is {} s", describe(input), interval),
                            "it must be a positive number of seconds");
        }
        if (series.samples(row) == 0 || series.samples(row) > values.columns) {
            throw DataError(fmt::format("trace {} of the {} has {} of {} samples", row + 1, describe(input),
                                        series.samples(row), values.columns));
        }
    }
    if (values.columns == 0 || series.numbers().size() != values.rows * values.columns) {
        throw DataError(fmt::format("the {} has no samples or an inconsistent shape ({} x {}, {} values)",
                                    describe(input), values.rows, values.columns, series.numbers().size()));
    }
    if (values.rows != 1 && values.rows != n_traces) {
        throw DataError(fmt::format("the {} has {} rows for {} traces", describe(input), values.rows, n_traces),
                        "give one row per trace, or a single row for all of them");
    }
}

[[noreturn]] void throw_bad_value(const TimeInput& input, double value, std::size_t trace, double time,
                                  std::string_view what, std::string_view hint) {
    throw DataError(
        fmt::format("the {} is {} at t = {:.9g} s in trace {}{}", describe(input), value, time, trace + 1, what),
        std::string(hint));
}

// For each time input: does it reach the states, the recorded outputs or the spikes, and not the online errors only?
std::vector<bool> read_by_model(const UpdateProgram& program) {
    std::vector<bool> needed(program.step.size(), false);
    const auto need = [&](ValueId id) {
        if (id != no_value) needed[static_cast<std::size_t>(id)] = true;
    };
    std::vector<bool> sums(program.states.size(), false);  // that only compare with the targets
    const auto is_sum = [&](std::int32_t state) {
        if (state >= 0) sums[static_cast<std::size_t>(state)] = true;
    };
    std::ranges::for_each(program.online_errors, is_sum);
    if (program.normal_equations) {
        std::ranges::for_each(program.normal_equations->gradient, is_sum);
        std::ranges::for_each(program.normal_equations->gauss_newton, is_sum);
    }
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        if (!sums[s]) need(program.states[s].next);
    }
    for (const ProgramOutput& output : program.outputs) need(output.value);
    for (const MatrixExponential& matrix : program.matrix_exponentials) std::ranges::for_each(matrix.entries, need);
    need(program.spike);

    std::vector<bool> read(program.time_inputs.size(), false);
    const auto reads = [&](const Instruction& instruction) {
        if (instruction.source == Source::time_input) read[static_cast<std::size_t>(instruction.index)] = true;
    };
    if (program.adaptive) {
        std::ranges::for_each(program.adaptive->start, need);
        for (const Instruction& instruction : program.adaptive->code) {
            if (instruction.source == Source::outer) need(instruction.args[0]);
            reads(instruction);
        }
    }
    for (std::size_t i = program.step.size(); i-- > 0;) {
        const Instruction& instruction = program.step[i];
        if (!needed[i]) continue;
        reads(instruction);
        if (instruction.source == Source::operation || instruction.source == Source::fused) {
            std::ranges::for_each(instruction.args, need);
        }
    }
    std::ranges::for_each(program.init, reads);
    return read;
}

// Whether step k of every trace reads sample k of a series in the memory of another, and all samples are good.
bool reads_in_place(const UpdateProgram& program, const TimeSeries& series, const EnsembleData& data) {
    const TimeInput& input = program.time_inputs.front();
    if (!series.memory || input.kind != TimeInput::Kind::input || input.offset != 0) return false;
    for (std::size_t r = 0; r < series.values.rows; ++r) {
        if (series.interval(r) != program.dt || series.samples(r) < data.n_steps) return false;
        const auto samples = series.row(r).first(data.n_steps);
        if (!std::ranges::all_of(samples, [](double value) { return std::isfinite(value); })) return false;
    }
    return true;
}

}  // namespace

TimeTable expand_time_inputs(const UpdateProgram& program, const EnsembleData& data) {
    if (data.n_traces == 0) throw DataError("there are no traces to simulate");
    if (data.n_steps == 0) throw DataError("there are no time steps to simulate");
    if (!data.trace_steps.empty() &&
        (data.trace_steps.size() != data.n_traces ||
         !std::ranges::all_of(data.trace_steps, [&](std::size_t n) { return n >= 1 && n <= data.n_steps; }))) {
        throw DataError(fmt::format("each of the {} traces needs from 1 to {} steps", data.n_traces, data.n_steps));
    }
    if (data.n_steps > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw DataError(fmt::format("{} time steps are too many", data.n_steps),
                        "use a longer dt or a shorter recording");
    }

    const std::size_t n_inputs = program.time_inputs.size();
    std::vector<const TimeSeries*> series;
    series.reserve(n_inputs);
    bool shared = true;
    for (const TimeInput& input : program.time_inputs) {
        series.push_back(&find_series(input, data));
        check_shape(input, *series.back(), data.n_traces);
        shared = shared && series.back()->values.rows == 1;
    }

    if (n_inputs == 1 && reads_in_place(program, *series.front(), data))
        return {data.n_steps, n_inputs, shared ? 1 : data.n_traces, {}, *series.front()};
    TimeTable table{data.n_steps, n_inputs, shared ? 1 : data.n_traces, {}};
    table.values.resize(table.n_tables * data.n_steps * n_inputs);
    const auto cell = [&](std::size_t trace, std::size_t step, std::size_t column) -> double& {
        return table.values[(trace * data.n_steps + step) * n_inputs + column];
    };
    for (std::size_t j = 0; j < n_inputs; ++j) {
        const bool same_times = series[j]->trace_dt.empty() && series[j]->trace_samples.empty();
        for (std::size_t k = 0; k < data.n_steps; ++k) {
            const double t = (static_cast<double>(k) + program.time_inputs[j].offset) * program.dt;
            std::size_t sample = 0;
            for (std::size_t trace = 0; trace < table.n_tables; ++trace) {
                const std::size_t row = series[j]->row_of(trace);
                if (trace == 0 || !same_times)
                    sample = sample_index(t, series[j]->interval(row), program.dt, series[j]->samples(row));
                cell(trace, k, j) = series[j]->row(row)[sample];
            }
        }
    }

    const std::vector<bool> model_reads = read_by_model(program);
    for (std::size_t j = 0; j < n_inputs; ++j) {
        const TimeInput& input = program.time_inputs[j];
        const auto weight = std::ranges::find_if(program.time_inputs, [&](const TimeInput& other) {
            return other.kind == TimeInput::Kind::weight && other.name == input.name;
        });
        const auto weight_column = static_cast<std::size_t>(weight - program.time_inputs.begin());
        for (std::size_t trace = 0; trace < table.n_tables; ++trace) {
            const std::size_t n_steps = table.n_tables == 1 ? data.n_steps : data.steps(trace);
            for (std::size_t k = 0; k < n_steps; ++k) {
                double& value = cell(trace, k, j);
                const double time = static_cast<double>(k) * program.dt;
                if (input.kind == TimeInput::Kind::weight && value < 0) {
                    throw_bad_value(input, value, trace, time, "", "weights are zero or positive");
                }
                if (std::isfinite(value)) continue;
                if (input.kind != TimeInput::Kind::target)
                    throw_bad_value(input, value, trace, time, "", "it must be finite");
                if (model_reads[j]) {
                    throw_bad_value(input, value, trace, time, ", and the model itself reads it",
                                    "fill the gap in the recording, or leave the target out of the equations");
                }
                if (weight_column == n_inputs || cell(trace, k, weight_column) != 0) {
                    throw_bad_value(input, value, trace, time, ", where its weight is not zero",
                                    "give such samples the weight 0, or repair the recording");
                }
                value = 0;
            }
        }
    }
    return table;
}

}  // namespace spikesmith
