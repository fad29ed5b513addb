// Loops that take every case for the usual one: wherever a lane needs another, the bits are those of the interpreter.
#include <random>

#include "../../bench/benchmark_models.hpp"
#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>

#include "spikesmith/codegen/program_analysis.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {
namespace {

using test::Experiment;
using test::ProgramWriter;

// Two states. The first relaxes by exprel(-p*I), which has its usual case for p*I between 0 and 0.45; the second by q/(e^q - 1) from e^q
// as a quotient, usual for |q| above 1/64, where q = x0 + offset. A spike where x0 passes the threshold.
UpdateProgram program_with_cases(double threshold) {
    ProgramWriter w;
    const auto p = w.parameter(), offset = w.parameter();
    const auto x = w.state(0.1), y = w.state(0.2), input = w.time_input();
    const auto argument = w.apply(Op::negate, w.apply(Op::multiply, p, input));
    const auto relaxed = w.apply(Op::multiply, w.apply(Op::exprel, argument), w.number(0.25));
    const auto q = w.apply(Op::add, x, offset);
    const auto e = w.apply(Op::exp, q);
    const auto denominator = w.apply(Op::subtract, e, w.number(1));
    const auto rate = w.apply(Op::x_over_expm1_given, q, q, denominator);
    const auto next_x = w.fused(x, w.number(0.5), relaxed);
    w.next(0, next_x);
    w.next(1, w.fused(y, w.number(0.75), w.apply(Op::multiply, rate, w.apply(Op::exp, argument))));
    w.output(x);
    w.output(w.apply(Op::add, rate, y));
    w.program.spike = w.apply(Op::less, w.number(threshold), next_x);
    return w.program;
}

constexpr double never = 1e300;

// 19 lanes with q far from 0 and p*I = 0.1, but for the lanes that are told otherwise.
Experiment usual_lanes(std::int64_t steps) {
    Experiment e;
    for (int l = 0; l < 19; ++l) e.parameters.push_back({1 + 0.01 * l, 2 + 0.1 * l});
    e.time_inputs.assign(static_cast<std::size_t>(steps), {0.1});
    e.steps = steps;
    return e;
}

// States of a kernel that records nothing.
std::vector<std::vector<double>> final_states(const UpdateProgram& program, const Experiment& e,
                                              KernelOptions options) {
    const Kernel kernel = Kernel::compile(program, options);
    const auto together = static_cast<std::size_t>(kernel.lanes());
    const std::size_t used = e.parameters.size(), lanes = (used + together - 1) / together * together;
    const auto initial = test::initial_states(program, e);
    std::vector<double> states, parameters;
    const auto lane = [&](std::size_t l) { return std::min(l, used - 1); };
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        for (std::size_t l = 0; l < lanes; ++l) states.push_back(initial[lane(l)][s]);
    }
    for (std::size_t p = 0; p < program.parameters.size(); ++p) {
        for (std::size_t l = 0; l < lanes; ++l) parameters.push_back(e.parameters[lane(l)][p]);
    }
    std::vector<std::vector<double>> series(program.time_inputs.size());
    for (const auto& row : e.time_inputs) {
        for (std::size_t input = 0; input < series.size(); ++input) series[input].push_back(row.at(input));
    }
    std::vector<const double*> inputs;
    for (const auto& numbers : series) inputs.push_back(numbers.data());
    KernelArguments a;
    a.first_step = a.first_time_row = e.first_step;
    a.last_step = e.first_step + e.steps;
    a.lanes = static_cast<std::int64_t>(lanes);
    a.states = states.data();
    a.parameters = parameters.data();
    a.time_inputs = inputs.data();
    kernel.run(a);
    std::vector<std::vector<double>> result(used);
    for (std::size_t l = 0; l < used; ++l) {
        for (std::size_t s = 0; s < program.states.size(); ++s) result[l].push_back(states[s * lanes + l]);
    }
    return result;
}

TEST(Speculation, IsChosenWhereFunctionsHaveUsualCases) {
    if (available_widths().front() < 8) GTEST_SKIP() << "for AVX-512 only";
    const auto speculates = [](const UpdateProgram& program) {
        return kernel_ir(program, {.record_spikes = program.spike != no_value}).find("\nfirst_half:") !=
               std::string::npos;
    };
    EXPECT_TRUE(speculates(program_with_cases(never)));
    for (const auto& model : bench::benchmark_models()) {
        const auto program =
            integrate(parse_brian(model.text),
                      {.method = model.method, .dt = model.dt, .outputs = {"v"}, .parameters = model.parameters});
        EXPECT_EQ(speculates(program), model.name == "HH") << model.name;
    }
}

TEST(Speculation, IsNotChosenForCallsAndLongPrograms) {
    const auto worth = [](const UpdateProgram& program) {
        return codegen::worth_speculating(program, codegen::live_values(program, true, true),
                                          codegen::variations_of(program));
    };
    ProgramWriter short_one;
    auto x = short_one.state(0.1);
    short_one.next(0, short_one.apply(Op::exprel, x));
    EXPECT_TRUE(worth(short_one.program));

    ProgramWriter long_one;
    x = long_one.state(0.1);
    auto value = long_one.apply(Op::exprel, x);
    for (int n = 0; n < 400; ++n) value = long_one.apply(Op::multiply, value, x);
    long_one.next(0, value);
    EXPECT_FALSE(worth(long_one.program));

    ProgramWriter calls;
    x = calls.state(0.1);
    calls.next(0, calls.apply(Op::add, calls.apply(Op::exprel, x),
                              calls.add({.op = Op::poisson, .stage = Stage::step, .args = {x}})));
    EXPECT_FALSE(worth(calls.program));
}

TEST(Speculation, KeepsTheBitsForAnyNumberOfSteps) {
    for (const std::int64_t steps : {1, 2, 3, 33}) {
        SCOPED_TRACE(steps);
        test::expect_kernels_agree(program_with_cases(never), usual_lanes(steps));
    }
}

TEST(Speculation, KeepsTheBitsWhereOneLaneNeedsAnotherCaseAtOneStep) {
    constexpr std::int64_t steps = 12;
    const auto program = program_with_cases(never);
    for (std::size_t k = 0; k < steps; ++k) {
        auto e = usual_lanes(steps);
        e.first_step = 1000;
        e.time_inputs[k] = {0.3};
        e.parameters[(5 * k) % e.parameters.size()][0] = 2;  // 0.6 then
        const auto expected = test::interpret(program, e);
        for (const int width : {available_widths().front(), 1}) {
            test::expect_same(expected, test::run_kernel(program, e, {.width = width, .disk_cache = false}),
                              e.spike_capacity, "step " + std::to_string(k) + ", width " + std::to_string(width));
            if (HasFatalFailure()) return;
        }
    }
}

TEST(Speculation, KeepsTheBitsWhereCasesChangeAtRandom) {
    std::mt19937 random(11);
    for (const double share : {0.02, 0.5, 1.0}) {
        SCOPED_TRACE(share);
        auto e = usual_lanes(300);
        e.first_step = 77;
        for (auto& row : e.time_inputs) row = {std::bernoulli_distribution(share)(random) ? 0.5 : 0.01};
        test::expect_kernels_agree(program_with_cases(never), e);
        test::expect_kernels_agree(program_with_cases(never), e, 37);
        if (HasFatalFailure()) return;
    }
}

TEST(Speculation, LeavesQuotientsThatCancel) {
    std::mt19937 random(5);
    auto e = usual_lanes(200);
    for (auto& row : e.time_inputs) row = {std::uniform_real_distribution<double>(0, 0.35)(random)};
    for (auto& parameters : e.parameters) parameters[1] = std::uniform_real_distribution<double>(-1.5, 0.5)(random);
    e.parameters[3][1] = -0.5;  // q wanders about 0
    e.parameters[17][1] = 1e3;  // beyond the usual case on the other side
    e.parameters[18][1] = std::numeric_limits<double>::quiet_NaN();
    test::expect_kernels_agree(program_with_cases(never), e);
    test::expect_kernels_agree(program_with_cases(never), e, 41);
}

// The slope, and a second rate whose argument is near the first.
TEST(Speculation, LeavesSlopesBesideZero) {
    ProgramWriter w;
    const auto p = w.parameter(), offset = w.parameter();
    const auto x = w.state(0.1), y = w.state(0.2), input = w.time_input();
    const auto rate_of = [&](ValueId q) {
        const auto e = w.apply(Op::exp, q);
        return w.apply(Op::x_over_expm1_given, q, q, w.apply(Op::subtract, e, w.number(1)));
    };
    const auto q = w.apply(Op::add, x, offset);
    const auto rate = rate_of(q);
    const auto slope = w.apply(Op::x_over_expm1_slope, q, rate);
    const auto second = rate_of(w.apply(Op::subtract, rate, w.number(0.9)));
    w.next(0, w.fused(x, w.number(0.5), w.apply(Op::multiply, p, input)));
    w.next(1, w.fused(y, w.number(0.75), w.apply(Op::multiply, slope, second)));
    w.output(slope);
    w.output(second);
    w.program.spike = w.apply(Op::less, w.number(never), y);

    std::mt19937 random(6);
    auto e = usual_lanes(200);
    for (auto& row : e.time_inputs) row = {std::uniform_real_distribution<double>(-0.3, 0.3)(random)};
    for (auto& parameters : e.parameters) parameters[1] = std::uniform_real_distribution<double>(-0.6, 0.6)(random);
    test::expect_kernels_agree(w.program, e);
    test::expect_kernels_agree(w.program, e, 41);
}

// Quotients of the stimulus are computed once a step; those of a state in each lane.
TEST(Speculation, LeavesQuotientsThatCancelForAllLanes) {
    ProgramWriter w;
    const auto p = w.parameter();
    const auto x = w.state(0.1), input = w.time_input();
    const auto rate_of = [&](ValueId q) {
        return w.apply(Op::x_over_expm1_given, q, q, w.apply(Op::subtract, w.apply(Op::exp, q), w.number(1)));
    };
    const auto first = rate_of(input), second = rate_of(w.apply(Op::subtract, input, w.number(0.25)));
    const auto of_state = w.apply(Op::add, rate_of(x), rate_of(w.apply(Op::subtract, x, p)));
    w.next(0, w.fused(x, w.number(-0.5), w.fused(first, second, w.apply(Op::multiply, of_state, w.number(0.25)))));
    w.output(of_state);

    std::mt19937 random(7);
    Experiment e;
    e.steps = 300;
    for (int l = 0; l < 21; ++l) e.parameters.push_back({std::uniform_real_distribution<double>(0.5, 2)(random)});
    for (int k = 0; k < e.steps; ++k) {
        const double far = std::uniform_real_distribution<double>(0.3, 0.6)(random);
        e.time_inputs.push_back({k % 17 == 0 ? 0.001 * (k % 20) : far});
    }
    test::expect_kernels_agree(w.program, e);
    test::expect_kernels_agree(w.program, e, 43);
}

TEST(Speculation, RepeatsStepsWithSpikes) {
    std::mt19937 random(8);
    auto e = usual_lanes(250);
    for (auto& row : e.time_inputs) row = {std::uniform_real_distribution<double>(-0.5, 0.34)(random)};
    const auto program = program_with_cases(0.5);
    const auto counts = test::interpret(program, e).spike_counts;
    ASSERT_GT(*std::max_element(counts.begin(), counts.end()), e.spike_capacity);
    test::expect_kernels_agree(program, e);
    test::expect_kernels_agree(program, e, 29);
}

TEST(Speculation, KeepsTheBitsWithoutRecording) {
    std::mt19937 random(9);
    auto e = usual_lanes(150);
    e.first_step = 5;
    for (auto& row : e.time_inputs) row = {std::bernoulli_distribution(0.05)(random) ? 0.5 : 0.1};
    e.parameters[7][1] = -0.5;
    const auto program = program_with_cases(never);
    const auto expected = test::interpret(program, e).states;
    for (const int width : available_widths()) {
        for (const int interleave : {1, 2, 4}) {
            const auto states =
                final_states(program, e, {.width = width, .interleave = interleave, .disk_cache = false});
            for (std::size_t l = 0; l < expected.size(); ++l) {
                for (std::size_t s = 0; s < expected[l].size(); ++s)
                    ASSERT_TRUE(test::same_bits(expected[l][s], states[l][s])) << width << ", lane " << l;
            }
        }
    }
}

// A call of one step has none to speculate on, so it is the oracle here: the interpreter knows no single precision.
TEST(Speculation, KeepsTheBitsInSinglePrecision) {
    std::mt19937 random(10);
    auto e = usual_lanes(150);
    for (auto& row : e.time_inputs) row = {std::bernoulli_distribution(0.1)(random) ? -0.5 : 0.1};
    e.parameters[2][1] = -0.5;
    const auto program = program_with_cases(0.6);
    const auto expected = test::run_kernel<float>(program, e, {.width = 1, .disk_cache = false}, 1);
    for (const int width : available_widths()) {
        const auto actual = test::run_kernel<float>(program, e, {.width = width, .disk_cache = false});
        test::expect_same(expected, actual, e.spike_capacity, std::to_string(width));
    }
}

}  // namespace
}  // namespace spikesmith
