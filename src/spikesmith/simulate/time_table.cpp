#include "spikesmith/simulate/time_table.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/simulate/program_parts.hpp"

namespace spikesmith {

namespace {

// `sample_index` for one series.
class SampleRule {
  public:
    SampleRule(double D, double h)
        : upsampling_(std::max(std::exp2(std::ceil(std::log2(8 * (D / h)))), 1.0)), epsilon_(D / upsampling_) {}
    [[nodiscard]] std::size_t operator()(double t, std::size_t n) const {
        const double index = std::trunc((t / epsilon_ + 0.5) / upsampling_);
        if (!(index > 0) || n == 0) return 0;
        return index >= static_cast<double>(n - 1) ? n - 1 : static_cast<std::size_t>(index);
    }

  private:
    double upsampling_, epsilon_;
};

}  // namespace

std::size_t sample_index(double t, double D, double h, std::size_t n) {
    return SampleRule(D, h)(t, n);
}

std::vector<double> at_steps(const TimeSeries& series, std::size_t trace, double dt, std::size_t n_steps) {
    const std::span<const double> samples = series.trace(trace);
    const SampleRule rule(series.interval(series.row_of(trace)), dt);
    std::vector<double> values(n_steps);
    for (std::size_t k = 0; k < n_steps; ++k) values[k] = samples[rule(static_cast<double>(k) * dt, samples.size())];
    return values;
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

void check_lengths(const EnsembleData& data) {
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
}

// The weights of the online errors that compare with a target, among the time inputs.
std::vector<std::size_t> weights_of(const UpdateProgram& program, const std::string& target) {
    std::vector<std::size_t> weights;
    for (std::size_t j = 0; j < program.time_inputs.size(); ++j) {
        const TimeInput& input = program.time_inputs[j];
        const bool own = input.name == target || std::ranges::any_of(program.observed, [&](const OnlineError& error) {
                             return error.output == target && error.name == input.name;
                         });
        if (input.kind == TimeInput::Kind::weight && own) weights.push_back(j);
    }
    return weights;
}

// A series is coarse if a sample lasts so many steps on average: then writing it out costs next to nothing.
constexpr std::size_t coarse_steps = 16;

}  // namespace

TimeTable::Row TimeTable::make_row(const TimeInput& input, const TimeSeries& series, std::size_t row, double dt,
                                   std::size_t n_steps) {
    Row made;
    const std::size_t n_samples = series.samples(row);
    const std::span<const double> samples = series.row(row).first(n_samples);
    const auto is_number = [](double value) { return std::isfinite(value); };
    if (series.interval(row) == dt && input.offset <= 0.5 && n_samples >= n_steps) {
        // gaps of a target become zeros, which the array of others must not
        if (input.kind == TimeInput::Kind::target && !std::ranges::all_of(samples.first(n_steps), is_number)) {
            made.written.assign(samples.begin(), samples.begin() + static_cast<std::ptrdiff_t>(n_steps));
        } else {
            made.in_place = samples.data();
            made.owner = series.memory;
        }
        return made;
    }
    const SampleRule rule(series.interval(row), dt);
    const auto sample_at = [&](std::size_t k) { return rule((static_cast<double>(k) + input.offset) * dt, n_samples); };
    std::size_t before = n_samples;
    for (std::size_t k = 0; k < n_steps; ++k) {
        const std::size_t sample = sample_at(k);
        if (sample == before) continue;
        if (made.samples.size() * coarse_steps >= n_steps && !made.samples.empty()) {  // it is not coarse
            made = {};
            made.written.reserve(n_steps);
            for (std::size_t j = 0; j < n_steps; ++j) made.written.push_back(samples[sample_at(j)]);
            return made;
        }
        made.first_steps.push_back(k);
        made.samples.push_back(samples[sample]);
        before = sample;
    }
    return made;
}

void TimeTable::write_out(const Row& row, std::size_t first_step, std::size_t n_steps, double* destination) {
    const auto& starts = row.first_steps;
    auto sample = static_cast<std::size_t>(std::ranges::upper_bound(starts, first_step) - starts.begin()) - 1;
    for (std::size_t k = first_step; k < first_step + n_steps; ++sample) {
        const std::size_t end =
            sample + 1 < starts.size() ? std::min(starts[sample + 1], first_step + n_steps) : first_step + n_steps;
        std::fill_n(destination + (k - first_step), end - k, row.samples[sample]);
        k = end;
    }
}

TimeTable::TimeTable(const UpdateProgram& program, const EnsembleData& data) {
    check_lengths(data);
    for (const TimeInput& input : program.time_inputs) {
        const TimeSeries& series = find_series(input, data);
        check_shape(input, series, data.n_traces);
        std::vector<Row>& rows = inputs_.emplace_back();
        for (std::size_t r = 0; r < series.values.rows; ++r) {
            rows.push_back(
                make_row(input, series, r, program.dt, series.values.rows == 1 ? data.n_steps : data.steps(r)));
        }
    }
    check(program, data);
    for (std::size_t j = 0; j < inputs_.size(); ++j) {  // gaps of targets, which do not count
        if (program.time_inputs[j].kind != TimeInput::Kind::target) continue;
        for (Row& row : inputs_[j]) {
            const auto is_gap = [](double value) { return !std::isfinite(value); };
            std::ranges::replace_if(row.written, is_gap, 0.0);
            std::ranges::replace_if(row.samples, is_gap, 0.0);
        }
    }
}

const double* const* TimeTable::look(std::size_t trace, std::size_t first_step, std::size_t n_steps,
                                     Window& window) const {
    window.pointers.resize(inputs_.size());
    std::size_t n_coarse = 0;
    for (std::size_t j = 0; j < inputs_.size(); ++j) n_coarse += row_of(j, trace).coarse() ? 1 : 0;
    if (window.written.size() < n_coarse * n_steps) window.written.resize(n_coarse * n_steps);
    double* place = window.written.data();
    for (std::size_t j = 0; j < inputs_.size(); ++j) {
        const Row& row = row_of(j, trace);
        if (row.coarse()) {
            write_out(row, first_step, n_steps, place);
            window.pointers[j] = place;
            place += n_steps;
        } else {
            window.pointers[j] = (row.written.empty() ? row.in_place : row.written.data()) + first_step;
        }
    }
    return window.pointers.data();
}

std::vector<double> TimeTable::row(std::size_t trace, std::size_t step) const {
    Window window;
    const double* const* numbers = look(trace, step, 1, window);
    std::vector<double> result;
    for (std::size_t j = 0; j < inputs_.size(); ++j) result.push_back(numbers[j][0]);
    return result;
}

bool TimeTable::read_in_place(std::size_t input) const {
    return std::ranges::all_of(inputs_.at(input), [](const Row& row) { return row.written.empty(); });
}

std::size_t TimeTable::common_steps(std::size_t input, std::size_t trace, std::size_t other_trace,
                                    std::size_t n_steps) const {
    if (inputs_[input].size() == 1) return n_steps;
    constexpr std::size_t most_steps = 4096;  // looked at together
    Window window, other_window;
    for (std::size_t k = 0; k < n_steps; k += most_steps) {
        const std::size_t n = std::min(most_steps, n_steps - k);
        const double* one = look(trace, k, n, window)[input];
        const double* other = look(other_trace, k, n, other_window)[input];
        const auto same_bits = [](double a, double b) {
            return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
        };
        const auto common = static_cast<std::size_t>(std::mismatch(one, one + n, other, same_bits).first - one);
        if (common < n) return k + common;
    }
    return n_steps;
}

void TimeTable::check(const UpdateProgram& program, const EnsembleData& data) const {
    constexpr std::size_t most_steps = 4096;  // looked at together
    const std::vector<bool> model_reads = read_by_model(program);
    const bool all_alike = std::ranges::all_of(inputs_, [](const auto& rows) { return rows.size() == 1; });
    Window window;
    for (std::size_t j = 0; j < inputs_.size(); ++j) {
        const TimeInput& input = program.time_inputs[j];
        const std::vector<std::size_t> weights = weights_of(program, input.name);
        for (std::size_t trace = 0; trace < (all_alike ? 1 : data.n_traces); ++trace) {
            const std::size_t n_steps = all_alike ? data.n_steps : data.steps(trace);
            for (std::size_t k = 0; k < n_steps; ++k) {
                const std::size_t place = k % most_steps;
                if (place == 0) look(trace, k, std::min(most_steps, n_steps - k), window);
                const double value = window.pointers[j][place];
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
                const bool counts = std::ranges::any_of(
                    weights, [&](std::size_t weight) { return window.pointers[weight][place] != 0; });
                if (weights.empty() || counts) {
                    throw_bad_value(input, value, trace, time, ", where its weight is not zero",
                                    "give such samples the weight 0, or repair the recording");
                }
            }
        }
    }
}

}  // namespace spikesmith
