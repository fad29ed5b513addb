// Runs a program by a kernel and by the interpreter, so that tests can compare them bit for bit.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith::test {

// What is run: `parameters[lane][parameter]`, `time_inputs[step][input]`.
struct Experiment {
    std::vector<std::vector<double>> parameters;
    std::vector<std::vector<double>> time_inputs;
    std::int64_t steps = 0;
    std::int64_t spike_capacity = 16;
    LaneContext context;              // of lane 0
    std::int64_t first_step = 0;      // step of the first row of time_inputs
    std::uint32_t random_stride = 1;  // from lane to lane

    [[nodiscard]] LaneContext lane(std::size_t l) const {
        LaneContext c = context;
        c.sample += static_cast<std::uint32_t>(l);
        c.random_sample += static_cast<std::uint32_t>(l) * random_stride;
        return c;
    }
    [[nodiscard]] std::vector<double> row(std::int64_t k) const {
        return time_inputs.empty() ? std::vector<double>{} : time_inputs.at(static_cast<std::size_t>(k - first_step));
    }
};

// Indexed [lane][state], [step][output][lane], [lane][spike].
struct Outcome {
    std::vector<std::vector<double>> states;
    std::vector<std::vector<std::vector<double>>> outputs;
    std::vector<std::vector<std::int32_t>> spikes;  // all, of the interpreter; what the capacity holds, of a kernel
    std::vector<std::int32_t> spike_counts;
};

inline std::vector<std::vector<double>> initial_states(const UpdateProgram& program, const Experiment& e) {
    std::vector<std::vector<double>> states;
    Interpreter interpreter(program);
    for (std::size_t l = 0; l < e.parameters.size(); ++l) {
        interpreter.start(e.parameters[l], e.row(e.first_step), e.lane(l));
        states.emplace_back(interpreter.states().begin(), interpreter.states().end());
    }
    return states;
}

inline Outcome interpret(const UpdateProgram& program, const Experiment& e) {
    Outcome out;
    out.outputs.assign(
        static_cast<std::size_t>(e.steps),
        std::vector<std::vector<double>>(program.outputs.size(), std::vector<double>(e.parameters.size())));
    for (std::size_t l = 0; l < e.parameters.size(); ++l) {
        Interpreter interpreter(program);
        interpreter.start(e.parameters[l], e.row(e.first_step), e.lane(l));
        auto& spikes = out.spikes.emplace_back();
        for (std::int64_t k = 0; k < e.steps; ++k) {
            interpreter.step(e.first_step + k, e.row(e.first_step + k));
            for (std::size_t o = 0; o < program.outputs.size(); ++o)
                out.outputs[static_cast<std::size_t>(k)][o][l] = interpreter.outputs()[o];
            if (interpreter.spiked()) spikes.push_back(static_cast<std::int32_t>(e.first_step + k));
        }
        out.states.emplace_back(interpreter.states().begin(), interpreter.states().end());
        out.spike_counts.push_back(static_cast<std::int32_t>(spikes.size()));
    }
    return out;
}

// Runs steps in chunks of `chunk` (0: all at once) from the interpreter's initial states, lanes padded with copies of the last one.
template <class Float = double>
Outcome run_kernel(const UpdateProgram& program, const Experiment& e, KernelOptions options, std::int64_t chunk = 0) {
    options.precision = sizeof(Float) == 4 ? Precision::single_precision : Precision::double_precision;
    options.record_outputs = options.record_spikes = true;
    const Kernel kernel = Kernel::compile(program, options);
    const std::size_t used = e.parameters.size(), together = static_cast<std::size_t>(kernel.lanes());
    const std::size_t lanes = (used + together - 1) / together * together;
    const auto initial = initial_states(program, e);
    std::vector<Float> states(program.states.size() * lanes), parameters(program.parameters.size() * lanes);
    for (std::size_t l = 0; l < lanes; ++l) {
        const std::size_t source = std::min(l, used - 1);
        for (std::size_t s = 0; s < program.states.size(); ++s)
            states[s * lanes + l] = static_cast<Float>(initial[source][s]);
        for (std::size_t p = 0; p < program.parameters.size(); ++p)
            parameters[p * lanes + l] = static_cast<Float>(e.parameters[source][p]);
    }
    std::vector<std::vector<double>> series(program.time_inputs.size());
    for (const auto& row : e.time_inputs) {
        for (std::size_t input = 0; input < series.size(); ++input) series[input].push_back(row.at(input));
    }
    std::vector<const double*> time_inputs;
    for (const auto& numbers : series) time_inputs.push_back(numbers.data());
    std::vector<Float> outputs(static_cast<std::size_t>(e.steps) * program.outputs.size() * lanes);
    std::vector<std::int32_t> spike_steps(lanes * static_cast<std::size_t>(e.spike_capacity), -1),
        spike_counts(lanes, 0);

    KernelArguments a;
    a.lanes = static_cast<std::int64_t>(lanes);
    a.states = states.data();
    a.parameters = parameters.data();
    a.time_inputs = time_inputs.data();
    a.spike_steps = spike_steps.data();
    a.spike_counts = spike_counts.data();
    a.spike_capacity = e.spike_capacity;
    a.seed = e.context.seed;
    a.random_sample = e.context.random_sample;
    a.random_stride = e.random_stride;
    a.first_time_row = e.first_step;
    a.sample = e.context.sample;
    a.trace = e.context.trace;
    a.n_samples = e.context.n_samples;
    a.n_traces = e.context.n_traces;
    a.iteration = e.context.iteration;
    if (chunk == 0) chunk = e.steps;
    for (std::int64_t done = 0; done < e.steps; done += chunk) {
        a.first_step = e.first_step + done;
        a.last_step = e.first_step + std::min(e.steps, done + chunk);
        a.outputs = outputs.data() + static_cast<std::size_t>(done) * program.outputs.size() * lanes;
        kernel.run(a);
    }

    Outcome out;
    for (std::int64_t k = 0; k < e.steps; ++k) {
        auto& step = out.outputs.emplace_back();
        for (std::size_t o = 0; o < program.outputs.size(); ++o) {
            const auto first =
                outputs.begin() +
                static_cast<std::ptrdiff_t>((static_cast<std::size_t>(k) * program.outputs.size() + o) * lanes);
            step.emplace_back(first, first + static_cast<std::ptrdiff_t>(used));
        }
    }
    for (std::size_t l = 0; l < used; ++l) {
        auto& lane = out.states.emplace_back();
        for (std::size_t s = 0; s < program.states.size(); ++s)
            lane.push_back(static_cast<double>(states[s * lanes + l]));
        const auto first =
            spike_steps.begin() + static_cast<std::ptrdiff_t>(l * static_cast<std::size_t>(e.spike_capacity));
        out.spikes.emplace_back(first, first + std::min<std::int64_t>(e.spike_capacity, spike_counts[l]));
        out.spike_counts.push_back(spike_counts[l]);
    }
    return out;
}

// Equal bits; any NaN equals any NaN, since IEEE 754 leaves its sign and payload open.
inline bool same_bits(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) || std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

inline void expect_same(const Outcome& expected, const Outcome& actual, std::int64_t spike_capacity,
                        const std::string& what) {
    SCOPED_TRACE(what);
    for (std::size_t k = 0; k < expected.outputs.size(); ++k) {
        for (std::size_t o = 0; o < expected.outputs[k].size(); ++o) {
            for (std::size_t l = 0; l < expected.outputs[k][o].size(); ++l) {
                ASSERT_TRUE(same_bits(expected.outputs[k][o][l], actual.outputs[k][o][l]))
                    << "output " << o << " of lane " << l << " at step " << k << ": " << std::hexfloat
                    << expected.outputs[k][o][l] << " expected, " << actual.outputs[k][o][l] << " computed";
            }
        }
    }
    for (std::size_t l = 0; l < expected.states.size(); ++l) {
        for (std::size_t s = 0; s < expected.states[l].size(); ++s) {
            ASSERT_TRUE(same_bits(expected.states[l][s], actual.states[l][s]))
                << "state " << s << " of lane " << l << ": " << std::hexfloat << expected.states[l][s] << " expected, "
                << actual.states[l][s] << " computed";
        }
        ASSERT_EQ(expected.spike_counts[l], actual.spike_counts[l]) << "lane " << l;
        auto kept = expected.spikes[l];
        if (kept.size() > static_cast<std::size_t>(spike_capacity))
            kept.resize(static_cast<std::size_t>(spike_capacity));
        ASSERT_EQ(kept, actual.spikes[l]) << "lane " << l;
    }
}

// The kernel of every width and several interleaves against the interpreter.
inline void expect_kernels_agree(const UpdateProgram& program, const Experiment& e, std::int64_t chunk = 0) {
    const Outcome expected = interpret(program, e);
    for (const int width : available_widths()) {
        for (const int interleave : {1, 2}) {
            const KernelOptions options{.width = width, .interleave = interleave, .disk_cache = false};
            expect_same(expected, run_kernel(program, e, options, chunk), e.spike_capacity,
                        fmt::format("width {}, interleave {}", width, interleave));
            if (testing::Test::HasFatalFailure()) return;
        }
    }
}

// Writes programs by hand.
class ProgramWriter {
  public:
    UpdateProgram program;
    explicit ProgramWriter(double dt = 1e-3) { program.dt = dt; }

    ValueId add(const Instruction& instruction) {
        program.step.push_back(instruction);
        return static_cast<ValueId>(program.step.size() - 1);
    }
    ValueId number(double value) { return add({.number = value}); }
    ValueId parameter() {
        const auto index = static_cast<std::int32_t>(program.parameters.size());
        program.parameters.push_back(fmt::format("p{}", index));
        return add({.source = Source::parameter, .stage = Stage::parameter, .index = index});
    }
    // A state that starts at a number; `next` is set later.
    ValueId state(double initial) {
        const auto index = static_cast<std::int32_t>(program.states.size());
        program.init.push_back({.number = initial});
        program.states.push_back(
            {.name = fmt::format("x{}", index), .initial = static_cast<ValueId>(program.init.size() - 1)});
        return add({.source = Source::state, .stage = Stage::step, .index = index});
    }
    ValueId time_input() {
        const auto index = static_cast<std::int32_t>(program.time_inputs.size());
        program.time_inputs.push_back({.name = fmt::format("I{}", index)});
        return add({.source = Source::time_input, .stage = Stage::time, .index = index});
    }
    ValueId source(Source kind, Stage stage, double value = 0) {
        return add({.source = kind, .stage = stage, .number = value});
    }
    ValueId apply(Op op, ValueId a, ValueId b = no_value, ValueId c = no_value) {
        Stage stage = Stage::constant;
        for (const ValueId v : {a, b, c}) {
            if (v != no_value) stage = std::max(stage, program.step[static_cast<std::size_t>(v)].stage);
        }
        return add({.op = op,
                    .type = is_boolean(op) ? ProgramType::boolean : ProgramType::real,
                    .stage = stage,
                    .args = {a, b, c}});
    }
    ValueId fused(ValueId a, ValueId b, ValueId c) {
        return add({.source = Source::fused, .op = Op::add, .stage = Stage::step, .args = {a, b, c}});
    }
    void output(ValueId value) {
        program.outputs.push_back({.name = fmt::format("y{}", program.outputs.size()), .value = value});
    }
    void next(std::size_t state, ValueId value) { program.states[state].next = value; }
};

}  // namespace spikesmith::test
