// What the kernel builder concludes from a program: variation, need, and the order of emission.
#include "spikesmith/codegen/program_analysis.hpp"

#include <algorithm>

#include "../../bench/benchmark_models.hpp"
#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>

#include "spikesmith/numerics/methods.hpp"

namespace spikesmith::codegen {
namespace {

using test::ProgramWriter;

TEST(ProgramAnalysis, TellsWhatVariesWithWhat) {
    ProgramWriter w;
    const auto p = w.parameter(), input = w.time_input(), x = w.state(0), two = w.number(2);
    const auto iteration = w.source(Source::iteration, Stage::parameter);
    const auto of_parameter = w.apply(Op::multiply, p, iteration), of_time = w.apply(Op::multiply, input, two);
    const auto both = w.apply(Op::add, of_parameter, of_time), draw = w.add({.op = Op::uniform});
    const auto v = variations_of(w.program);
    const auto is = [&](ValueId id, bool lane, bool time) {
        return v[index_of(id)].lane == lane && v[index_of(id)].time == time;
    };
    EXPECT_TRUE(is(two, false, false) && is(iteration, false, false));
    EXPECT_TRUE(is(of_parameter, true, false));
    EXPECT_TRUE(is(of_time, false, true));
    EXPECT_TRUE(is(both, true, true) && is(x, true, true) && is(draw, true, true));
}

TEST(ProgramAnalysis, NeedsOutputsAndSpikesOnlyWhenRecorded) {
    ProgramWriter w;
    const auto x = w.state(0), one = w.number(1);
    const auto next = w.apply(Op::add, x, one), output = w.apply(Op::exp, x), spike = w.apply(Op::greater, next, one);
    w.next(0, next);
    w.output(output);
    w.program.spike = spike;
    EXPECT_EQ(live_values(w.program, false, false), (std::vector<bool>{true, true, true, false, false}));
    EXPECT_EQ(live_values(w.program, true, false), (std::vector<bool>{true, true, true, true, false}));
    EXPECT_EQ(live_values(w.program, false, true), (std::vector<bool>{true, true, true, false, true}));
}

TEST(ProgramAnalysis, PutsIndependentCallsSideBySide) {
    ProgramWriter w;
    const auto x = w.state(0), y = w.state(0);
    const auto a = w.apply(Op::exp, x), b = w.apply(Op::log, a), c = w.apply(Op::exp, y), d = w.apply(Op::exp, b),
               e = w.apply(Op::log, y);
    const auto sum = w.apply(Op::add, w.apply(Op::add, c, d), e);
    w.next(0, sum);
    w.next(1, sum);
    const std::vector<bool> all(w.program.step.size(), true);
    std::vector<bool> calls(all.size(), false);
    for (const auto id : {a, b, c, d, e}) calls[index_of(id)] = true;
    const auto order = emission_order(w.program, all, calls, 4);
    EXPECT_NE(std::find(order.begin(), order.end(), std::vector<ValueId>{a, c}), order.end());
    EXPECT_NE(std::find(order.begin(), order.end(), std::vector<ValueId>{b, e}),
              order.end());  // e waits for b: nobody waits for e
    for (const auto& group : emission_order(w.program, all, calls, 1)) EXPECT_EQ(group.size(), 1U);
}

TEST(ProgramAnalysis, EmitsEveryValueOnceAndOperandsFirst) {
    for (const auto& model : bench::benchmark_models()) {
        const auto program =
            integrate(parse_brian(model.text), {.method = model.method, .dt = model.dt, .outputs = {"v"}});
        const std::vector<bool> all(program.step.size(), true);
        std::vector<bool> calls;
        for (const auto& i : program.step) calls.push_back(is_elementary_function(i));
        std::vector<bool> done(program.step.size(), false);
        for (const auto& group : emission_order(program, all, calls, 3)) {
            ASSERT_LE(group.size(), 3U);
            for (const ValueId id : group) {
                for_each_operand(program, program.step[index_of(id)],
                                 [&](ValueId a) { EXPECT_TRUE(done[index_of(a)]) << model.name << " value " << id; });
                EXPECT_EQ(program.step[index_of(id)].op, program.step[index_of(group.front())].op);
            }
            for (const ValueId id : group) {
                EXPECT_FALSE(done[index_of(id)]);
                done[index_of(id)] = true;
            }
        }
        EXPECT_EQ(std::count(done.begin(), done.end(), false), 0) << model.name;
    }
}

TEST(ProgramAnalysis, AdvancesMoreVectorsOfShortPrograms) {
    const auto interleave = [](const bench::BenchmarkModel& model, const std::string& method) {
        return chosen_interleave(integrate(parse_brian(model.text), {.method = method, .dt = model.dt}), 8);
    };
    EXPECT_EQ(interleave(bench::izhikevich(), "euler"), 4);
    EXPECT_EQ(interleave(bench::hodgkin_huxley(), "exponential_euler"), 2);
    EXPECT_EQ(interleave(bench::hodgkin_huxley(), "gsl_rk8pd"), 1);
}

}  // namespace
}  // namespace spikesmith::codegen
