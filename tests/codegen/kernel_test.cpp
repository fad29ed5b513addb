// Kernels of small programs written by hand, against closed forms and the interpreter.
#include "spikesmith/codegen/kernel.hpp"

#include <cfenv>
#include <limits>

#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::Experiment;
using test::ProgramWriter;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// dx/dt = (p - x)*rate by Euler steps, x(0) = 1.
UpdateProgram decay() {
    ProgramWriter w(0.5);
    const auto p = w.parameter(), rate = w.parameter(), x = w.state(1);
    w.next(0, w.fused(w.apply(Op::multiply, rate, w.number(0.5)), w.apply(Op::subtract, p, x), x));
    w.output(x);
    return w.program;
}

// x grows by the parameter and restarts at 0 when it passes 1: spikes at regular steps.
UpdateProgram oscillator() {
    ProgramWriter w;
    const auto p = w.parameter(), x = w.state(0);
    const auto grown = w.apply(Op::add, x, p);
    const auto spike = w.apply(Op::greater_equal, grown, w.number(1));
    w.next(0, w.apply(Op::select, spike, w.number(0), grown));
    w.output(x);
    w.program.spike = spike;
    return w.program;
}

Experiment lanes_with(std::vector<std::vector<double>> parameters, std::int64_t steps) {
    Experiment e;
    e.parameters = std::move(parameters);
    e.steps = steps;
    return e;
}

TEST(Kernel, SolvesDecayLikeTheClosedForm) {
    const auto program = decay();
    const auto e = lanes_with({{0, 1}, {2, 0.5}, {-3, 0.25}}, 10);
    for (const int width : available_widths()) {
        const auto out = test::run_kernel(program, e, {.width = width, .disk_cache = false});
        for (std::size_t l = 0; l < e.parameters.size(); ++l) {
            const double p = e.parameters[l][0], factor = 1 - 0.5 * e.parameters[l][1];
            EXPECT_NEAR(out.states[l][0], p + (1 - p) * std::pow(factor, 10), 1e-14)
                << "width " << width << ", lane " << l;
        }
    }
}

TEST(Kernel, AgreesWithTheInterpreterForAnyNumberOfLanes) {
    const auto program = decay();
    for (const std::size_t lanes : {1U, 7U, 16U, 33U}) {
        Experiment e;
        e.steps = 20;
        for (std::size_t l = 0; l < lanes; ++l)
            e.parameters.push_back({std::sin(static_cast<double>(l)), 0.1 * static_cast<double>(l)});
        test::expect_kernels_agree(program, e);
    }
}

TEST(Kernel, GivesTheSameInChunksOfSteps) {
    const auto e = lanes_with({{0.3, 1}, {2, 0.7}}, 23);
    test::expect_kernels_agree(decay(), e, 5);
    test::expect_kernels_agree(oscillator(), lanes_with({{0.11}, {0.4}}, 23), 5);
}

TEST(Kernel, RecordsOutputsBeforeEachStep) {
    const auto out = test::run_kernel(decay(), lanes_with({{0, 1}}, 3), {.disk_cache = false});
    EXPECT_EQ(out.outputs[0][0][0], 1);
    EXPECT_EQ(out.outputs[1][0][0], 0.5);
    EXPECT_EQ(out.outputs[2][0][0], 0.25);
    EXPECT_EQ(out.states[0][0], 0.125);
}

TEST(Kernel, RunsNoStepsAndNoLanesWithoutTouchingAnything) {
    const auto kernel = Kernel::compile(decay(), {.disk_cache = false});
    std::vector<double> states(static_cast<std::size_t>(kernel.lanes()), 7), parameters(states.size() * 2);
    KernelArguments a;
    a.states = states.data();
    a.parameters = parameters.data();
    a.lanes = kernel.lanes();
    kernel.run(a);
    a.last_step = 3;
    a.lanes = 0;
    kernel.run(a);
    EXPECT_EQ(states, std::vector<double>(states.size(), 7));
}

TEST(Kernel, RefusesArgumentsThatDoNotFit) {
    const auto kernel =
        Kernel::compile(oscillator(), {.width = 2, .interleave = 1, .record_spikes = true, .disk_cache = false});
    std::vector<double> states(2), parameters(2);
    std::vector<std::int32_t> counts(2);
    KernelArguments a{.last_step = 1,
                      .lanes = 2,
                      .states = states.data(),
                      .parameters = parameters.data(),
                      .spike_counts = counts.data()};
    EXPECT_NO_THROW(kernel.run(a));
    a.lanes = 3;
    EXPECT_THROW(kernel.run(a), std::invalid_argument);
    a.lanes = 2;
    a.parameters = nullptr;
    EXPECT_THROW(kernel.run(a), std::invalid_argument);
    a.parameters = parameters.data();
    a.spike_counts = nullptr;
    EXPECT_THROW(kernel.run(a), std::invalid_argument);
}

TEST(Kernel, RefusesWidthsAndInterleavesItCannotDo) {
    EXPECT_THROW(Kernel::compile(decay(), {.width = 3}), NumericalError);
    EXPECT_THROW(Kernel::compile(decay(), {.interleave = 9}), ConfigError);
    EXPECT_THROW(Kernel::compile(decay(), {.interleave = -1}), ConfigError);
    if (available_widths().front() == 8) {
        EXPECT_THROW(Kernel::compile(decay(), {.width = 8, .interleave = 5, .precision = Precision::single_precision}),
                     ConfigError);
    }
}

TEST(Kernel, TellsWhatItIs) {
    const auto kernel = Kernel::compile(decay(), {.width = 2, .interleave = 3, .disk_cache = false});
    EXPECT_EQ(kernel.lanes(), 6);
    EXPECT_EQ(kernel.width(), 2);
    EXPECT_FALSE(kernel.from_cache());
    EXPECT_GT(kernel.compile_seconds(), 0);
    const auto single = Kernel::compile(
        decay(), {.width = 2, .interleave = 3, .precision = Precision::single_precision, .disk_cache = false});
    EXPECT_EQ(single.lanes(), 12);
    EXPECT_EQ(Kernel::compile(decay(), {.disk_cache = false}).width(), available_widths().front());
    EXPECT_EQ(available_widths().back(), 1);
}

TEST(Kernel, IgnoresAForeignFloatingPointEnvironmentAndRestoresIt) {
    const auto e = lanes_with({{0.3, 0.9}, {1e-310, 0.1}}, 40);
    const auto expected = test::interpret(decay(), e);
    ASSERT_EQ(std::fesetround(FE_UPWARD), 0);
    const auto out = test::run_kernel(decay(), e, {.disk_cache = false});
    EXPECT_EQ(std::fegetround(), FE_UPWARD);
    std::fesetround(FE_TONEAREST);
    test::expect_same(expected, out, e.spike_capacity, "rounding upward outside");
}

TEST(Kernel, ReadsTimeInputsByStep) {
    ProgramWriter w;
    const auto p = w.parameter(), a = w.time_input(), b = w.time_input(), x = w.state(0);
    const auto mixed = w.apply(Op::multiply, w.apply(Op::exp, a), b);  // the same for all lanes
    w.next(0, w.fused(mixed, p, x));
    w.output(w.apply(Op::greater, a, b));
    auto e = lanes_with({{1}, {2}, {-0.5}}, 9);
    for (int k = 0; k < 9; ++k) e.time_inputs.push_back({0.3 * k, 1.0 - 0.2 * k});
    test::expect_kernels_agree(w.program, e);
    test::expect_kernels_agree(w.program, e, 4);
}

TEST(Kernel, KnowsTimeStepLaneCountAndIteration) {
    ProgramWriter w(0.1);
    w.next(0, w.state(0));
    w.output(w.source(Source::time, Stage::time, 0));
    w.output(w.source(Source::time, Stage::time, 0.5));
    w.output(w.source(Source::step_index, Stage::time));
    const auto lane = w.source(Source::lane_index, Stage::parameter);
    w.output(lane);
    const auto count = w.source(Source::lane_count, Stage::parameter);
    w.output(w.apply(Op::divide, lane, count));
    w.output(w.apply(Op::subtract, w.source(Source::iteration, Stage::parameter), count));
    auto e = lanes_with(std::vector<std::vector<double>>(19), 4);
    e.context = {.sample = 5, .trace = 2, .n_samples = 40, .n_traces = 3, .iteration = 12};
    test::expect_kernels_agree(w.program, e);
    const auto out = test::run_kernel(w.program, e, {.disk_cache = false});
    EXPECT_EQ(out.outputs[3][1][0], (3 + 0.5) * 0.1);
    EXPECT_EQ(out.outputs[3][3][4], (5 + 4) * 3 + 2);
    EXPECT_EQ(out.outputs[0][5][0], 12 - 120);
}

TEST(Kernel, ChoosesLanesByConditionsAndLogic) {
    ProgramWriter w;
    const auto a = w.parameter(), b = w.parameter(), x = w.state(0);
    std::vector<ValueId> conditions;
    for (const Op op : {Op::less, Op::less_equal, Op::greater, Op::greater_equal, Op::equal, Op::not_equal}) {
        conditions.push_back(w.apply(op, w.apply(Op::add, a, x), b));
        w.output(conditions.back());
    }
    w.output(w.apply(Op::logical_and, conditions[0], conditions[5]));
    w.output(w.apply(Op::logical_or, conditions[2], a));  // a number counts as true where it is not 0
    w.output(w.apply(Op::logical_not, b));
    w.output(w.apply(Op::select, conditions[1], a, conditions[4]));
    w.output(w.apply(Op::add, conditions[0], conditions[3]));  // conditions count as 0 and 1
    w.next(0, w.apply(Op::select, conditions[0], x, w.number(0)));
    Experiment e;
    e.steps = 2;
    for (const double p : {0.0, -0.0, 1.0, -2.0, infinity, nan}) {
        for (const double q : {0.0, 1.0, -infinity, nan}) e.parameters.push_back({p, q});
    }
    test::expect_kernels_agree(w.program, e);
}

TEST(Kernel, AppendsSpikesAndCountsOnBeyondTheCapacity) {
    auto e = lanes_with({{0.0}, {0.1}, {0.25}, {0.5}, {1.0}, {nan}, {-0.1}, {infinity}, {0.34}}, 40);
    e.spike_capacity = 10;
    test::expect_kernels_agree(oscillator(), e);
    const auto out = test::run_kernel(oscillator(), e, {.disk_cache = false});
    EXPECT_EQ(out.spikes[2], (std::vector<std::int32_t>{3, 7, 11, 15, 19, 23, 27, 31, 35, 39}));
    EXPECT_EQ(out.spike_counts[4], 40);
    EXPECT_EQ(out.spikes[4].size(), 10U);
    EXPECT_EQ(out.spike_counts[5], 0);  // NaN never passes a threshold
    e.spike_capacity = 0;
    EXPECT_EQ(test::run_kernel(oscillator(), e, {.disk_cache = false}).spike_counts[4], 40);
}

TEST(Kernel, TakesMatrixExponentialsPerLaneAndPerStep) {
    ProgramWriter w;
    const auto p = w.parameter(), zero = w.number(0), x = w.state(1), y = w.state(0);
    w.program.matrix_exponentials.push_back(
        {.n = 2, .entries = {zero, p, w.apply(Op::negate, p), zero}});  // a rotation by p
    const auto entry = [&](std::int32_t call, std::int32_t index, Stage stage) {
        return w.add(
            {.source = Source::matrix_exponential, .stage = stage, .args = {call, no_value, no_value}, .index = index});
    };
    const auto cosine = entry(0, 0, Stage::parameter), sine = entry(0, 1, Stage::parameter);
    w.next(0, w.fused(cosine, x, w.apply(Op::multiply, sine, y)));
    w.next(1, w.apply(Op::subtract, w.apply(Op::multiply, cosine, y), w.apply(Op::multiply, sine, x)));
    w.output(cosine);
    w.program.matrix_exponentials.push_back({.n = 1, .entries = {w.apply(Op::multiply, x, p)}});  // changes every step
    w.output(entry(1, 0, Stage::step));
    w.program.matrix_exponentials.push_back(
        {.n = 1, .entries = {w.source(Source::time, Stage::time)}});  // the same for all lanes
    w.output(entry(2, 0, Stage::time));
    const auto e = lanes_with({{0}, {0.3}, {-2}, {40}, {nan}}, 5);
    test::expect_kernels_agree(w.program, e);
    const auto out = test::run_kernel(w.program, e, {.disk_cache = false});
    EXPECT_NEAR(out.outputs[0][0][1], std::cos(0.3), 1e-15);
    EXPECT_NEAR(out.outputs[4][2][0], std::exp(4e-3), 1e-15);
}

// dx/dt = p*x - x^3 + t*drive, dy/dt = -100*y
UpdateProgram adaptive_program(AdaptiveSolve::Tableau tableau, int max_steps) {
    ProgramWriter w(0.5);
    const auto p = w.parameter(), drive = w.time_input(), x = w.state(0.5), y = w.state(1);
    AdaptiveSolve solve{
        .tableau = tableau, .relative_error = 1e-6, .absolute_errors = {1e-6, 1e-6}, .max_steps = max_steps};
    const auto add = [&](Instruction i) {
        i.stage = Stage::step;
        solve.code.push_back(i);
        return static_cast<ValueId>(solve.code.size() - 1);
    };
    const auto inner_x = add({.source = Source::solver_state, .index = 0}),
               inner_y = add({.source = Source::solver_state, .index = 1});
    const auto t = add({.source = Source::solver_time});
    const auto inner_p = add({.source = Source::outer, .args = {p, no_value, no_value}});
    const auto inner_drive = add({.source = Source::outer, .args = {drive, no_value, no_value}});
    const auto square = add({.op = Op::multiply, .args = {inner_x, inner_x, no_value}});
    const auto rate = add({.op = Op::subtract, .args = {inner_p, square, no_value}});
    const auto forced = add({.op = Op::multiply, .args = {t, inner_drive, no_value}});
    const auto dx = add({.source = Source::fused, .op = Op::add, .args = {rate, inner_x, forced}});
    const auto minus_hundred = add({.number = -100});
    const auto dy = add({.op = Op::multiply, .args = {minus_hundred, inner_y, no_value}});
    solve.states = {0, 1};
    solve.start = {x, y};
    solve.derivative = {dx, dy};
    w.program.adaptive = solve;
    for (std::int32_t s = 0; s < 2; ++s)
        w.next(static_cast<std::size_t>(s), w.add({.source = Source::adaptive, .stage = Stage::step, .index = s}));
    w.output(x);
    w.output(y);
    return w.program;
}

TEST(Kernel, SolvesAdaptivelyEachLaneOnItsOwn) {
    using Tableau = AdaptiveSolve::Tableau;
    auto e = lanes_with({{1}, {0.1}, {-30}, {nan}, {5}, {infinity}, {200}, {0}, {1e5}}, 4);
    e.time_inputs = {{0}, {1}, {-1}, {0.5}};
    for (const auto tableau : {Tableau::fehlberg45, Tableau::cash_karp45, Tableau::bogacki_shampine23,
                               Tableau::dormand_prince54, Tableau::dormand_prince87}) {
        SCOPED_TRACE(static_cast<int>(tableau));
        test::expect_kernels_agree(adaptive_program(tableau, 100), e);
    }
    const auto program = adaptive_program(Tableau::dormand_prince54, 100);
    const auto out = test::run_kernel(program, e, {.disk_cache = false});
    EXPECT_NEAR(out.outputs[1][0][7], 0.5 / std::sqrt(1 + 2 * 0.25 * 0.5), 1e-5);  // dx/dt = -x^3
    EXPECT_NEAR(out.outputs[1][1][0], 0, 1e-5);
    EXPECT_TRUE(std::isnan(out.states[3][0]));
    const auto hasty = test::run_kernel(adaptive_program(Tableau::dormand_prince54, 2), e, {.disk_cache = false});
    EXPECT_TRUE(std::isnan(hasty.states[0][1]));  // two trials are too few
}

TEST(Kernel, WritesValidIr) {
    for (const auto& program : {decay(), oscillator(), adaptive_program(AdaptiveSolve::Tableau::cash_karp45, 10)}) {
        for (const int width : available_widths()) {
            for (const auto precision : {Precision::double_precision, Precision::single_precision}) {
                const auto ir = kernel_ir(
                    program, {.width = width, .precision = precision, .record_outputs = true, .record_spikes = true});
                EXPECT_NE(ir.find("define void @kernel"), std::string::npos);
                EXPECT_EQ(ir.find(" fast "), std::string::npos);
            }
        }
    }
}

}  // namespace
}  // namespace spikesmith
