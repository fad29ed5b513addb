// What happens in one step, in which order: samples, threshold, reset, refractoriness, special names.
#include <cmath>

#include "numerics/small_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::model_of;
using test::run;
using test::symbol;

const Expression v = symbol("v");

// v' = 1: crosses 1 after ten steps of 0.1; spikes and resets to 0.
Model ramp() {
    Model model = model_of({{"v", 1.0}}, {0});
    model.threshold = apply(Op::greater, v, 0.95);
    model.reset = {{.name = "v", .value = 0.0}};
    return model;
}

TEST(Step, SampleIsTheStateBeforeTheStepAndTheInputActsAfterIt) {
    Model model = model_of({{"v", symbol("s")}}, {0});
    model.inputs = {{.name = "s"}};
    const auto program = integrate(model, {.method = "euler", .dt = 1, .outputs = {"v", "s"}});
    ASSERT_EQ(program.time_inputs.size(), 1U);
    const auto result = run(program, 5, {}, {{0}, {1}, {2}, {3}, {4}});
    EXPECT_THAT(result.outputs,
                testing::ElementsAre(testing::ElementsAre(0, 0), testing::ElementsAre(0, 1), testing::ElementsAre(1, 2),
                                     testing::ElementsAre(3, 3), testing::ElementsAre(6, 4)));
}

TEST(Step, RungeKuttaReadsTheNextSampleAtTheEnd) {
    Model model = model_of({{"v", symbol("s")}}, {0});
    model.inputs = {{.name = "s"}};
    const auto program = integrate(model, {.method = "rk4", .dt = 1});
    std::vector<double> offsets;
    for (const auto& input : program.time_inputs) offsets.push_back(input.offset);
    EXPECT_THAT(offsets, testing::UnorderedElementsAre(0, 0.5, 1));
}

TEST(Spikes, AreStampedWithTheStepOfTheCrossingAndNeverShown) {
    const auto result = run(integrate(ramp(), {.method = "euler", .dt = 0.1, .outputs = {"v"}}), 25);
    EXPECT_THAT(result.spikes, testing::ElementsAre(9, 19));
    for (const auto& row : result.outputs) EXPECT_LT(row[0], 0.95);
    EXPECT_EQ(result.outputs[10][0], 0);
}

TEST(Spikes, ANeuronThatStartsAboveThresholdSpikesAtZero) {
    Model model = ramp();
    model.initial_values[0].value = 5.0;
    EXPECT_EQ(run(model, "euler", 0.1, 3).spikes.front(), 0);
}

TEST(Reset, RunsInOrderWithTemporariesAndChangesParameters) {
    Model model = ramp();
    model.parameters = {{.name = "count"}, {.name = "gain"}};
    model.reset = {{.name = "v", .value = 0.0},
                   {.name = "step", .value = symbol("gain") * 2.0, .temporary = true},
                   {.name = "count", .value = symbol("count") + symbol("step") + v}};
    const auto program = integrate(model, {.method = "euler", .dt = 0.1, .outputs = {"count"}});
    const auto result = run(program, 25, {100, 3});
    EXPECT_EQ(result.outputs[9][0], 100);
    EXPECT_EQ(result.outputs[10][0], 106);
    EXPECT_EQ(result.outputs[24][0], 112);
}

TEST(Refractory, DurationBlocksSpikesAndFreezesVariables) {
    Model model = ramp();
    model.states[0].unless_refractory = true;
    for (const auto& [duration, period] : std::vector<std::pair<double, std::int64_t>>{
             {0.0, 10}, {0.16, 10}, {0.25, 11}, {0.3, 12}, {0.29999, 12}, {0.5, 14}}) {
        model.refractory = {.kind = Refractory::Kind::duration, .value = duration};
        const auto spikes = run(model, "euler", 0.1, 60).spikes;
        ASSERT_GE(spikes.size(), 2U);
        EXPECT_EQ(spikes[1] - spikes[0], period) << duration;
    }
}

TEST(Refractory, DurationWithoutFreezingOnlyBlocks) {
    Model model = model_of({{"v", 0.0}}, {2});
    model.threshold = apply(Op::greater, v, 1.0);
    model.refractory = {.kind = Refractory::Kind::duration, .value = 0.5};
    EXPECT_THAT(run(model, "euler", 0.1, 16).spikes, testing::ElementsAre(0, 5, 10, 15));
}

TEST(Refractory, DurationIsDrawnOncePerSpike) {
    Model model = model_of({{"v", 0.0}}, {2});
    model.threshold = apply(Op::greater, v, 1.0);
    model.refractory = {.kind = Refractory::Kind::duration, .value = 1.0 + 9.0 * Expression::random(Op::uniform, 0)};
    const auto spikes = run(model, "euler", 0.1, 40000).spikes;
    const double mean =
        static_cast<double>(spikes.back() - spikes.front()) / static_cast<double>(spikes.size() - 1) * 0.1;
    EXPECT_NEAR(mean, 5.45, 0.3);  // uniform on [1, 10), rounded down to steps
}

TEST(Refractory, ConditionReleasesOnlyBelow) {
    Model model = model_of({{"v", apply(Op::cos, symbol("t"))}}, {0});  // v = sin t
    model.threshold = apply(Op::greater_equal, v, 0.5);
    model.refractory = {.kind = Refractory::Kind::condition, .value = apply(Op::greater_equal, v, 0.5)};
    EXPECT_EQ(run(model, "rk4", 0.01, 1885).spikes.size(), 3U);  // once per upward crossing in three periods
}

TEST(SpecialNames, LastSpikeTimeAndStepsAreReadable) {
    Model model = ramp();
    model.subexpressions = {
        {.name = "since", .value = symbol("t") - symbol("lastspike")},
        {.name = "steps",
         .value = symbol("t_in_timesteps") + symbol("iteration") + symbol("i") * 10.0 + symbol("N") * 1000.0}};
    const auto program = integrate(model, {.method = "euler", .dt = 0.1, .outputs = {"since", "steps"}});
    const auto result =
        run(program, 15, {}, {}, {.sample = 2, .trace = 1, .n_samples = 4, .n_traces = 3, .iteration = 100});
    EXPECT_DOUBLE_EQ(result.outputs[0][0], 1e4);
    EXPECT_NEAR(result.outputs[12][0], 0.3, 1e-12);
    EXPECT_EQ(result.outputs[5][1], 5 + 100 + 70 + 12000);
}

TEST(InitialValues, MayUseParametersAndEachOther) {
    Model model = model_of({{"v", 0.0}, {"w", 0.0}}, {0, 0}, {"a"});
    model.initial_values = {{.name = "v", .value = symbol("a") * 2.0}, {.name = "w", .value = v + 1.0}};
    const auto result = run(model, "euler", 0.1, 1, {3.5});
    EXPECT_EQ(result.states, (std::vector<double>{7, 8}));
}

TEST(FixedParameters, AreComputedOncePerParameterSet) {
    Model model = model_of({{"v", symbol("g") * v}}, {1}, {"a", "g"});
    model.initial_values.push_back({.name = "g", .value = -symbol("a") / 2.0});
    const auto program = integrate(model, {.method = "exact", .dt = 1});
    EXPECT_EQ(program.parameters, std::vector<std::string>{"a"});
    EXPECT_NEAR(run(program, 3, {1.0}).states[0], std::exp(-1.5), 1e-15);
    for (const auto& i : program.step) {
        EXPECT_TRUE(i.source != Source::operation || i.op != Op::exprel || i.stage == Stage::parameter);
    }
}

TEST(FixedParameters, ThatAreMissingAreNamed) {
    const Model model = model_of({{"v", symbol("g") * v}}, {1}, {"a", "g"});
    EXPECT_THROW((void)integrate(model, {.method = "exact", .dt = 1, .parameters = {"a"}}), ModelError);
    EXPECT_THROW((void)integrate(model, {.method = "exact", .dt = 1, .parameters = {"a", "h"}}), ModelError);
    EXPECT_THROW((void)integrate(model, {.method = "exact", .dt = 1, .outputs = {"u"}}), ModelError);
}

TEST(ConstantOverDt, IsOneDrawPerStepForAllUses) {
    Model model = model_of({{"v", symbol("r")}, {"w", symbol("r")}}, {0, 0});
    model.subexpressions = {{.name = "r", .value = Expression::random(Op::normal, 0), .constant_over_dt = true}};
    const auto result = run(model, "rk4", 0.1, 50);
    EXPECT_EQ(result.states[0], result.states[1]);
    EXPECT_NE(result.states[0], 0);
}

TEST(Printing, ShowsTheStages) {
    Model model = model_of({{"v", symbol("g") * (apply(Op::exp, symbol("s")) - v)}}, {1}, {"g"});
    model.inputs = {{.name = "s"}};
    const auto text = to_string(integrate(model, {.method = "exponential_euler", .dt = 0.5, .outputs = {"v"}}));
    EXPECT_THAT(text, testing::HasSubstr("method exponential_euler, dt = 0.5 s"));
    EXPECT_THAT(text, testing::ContainsRegex("once per parameter set:\n( .*\n)*.*exprel"));
    EXPECT_THAT(text, testing::ContainsRegex("once per step, for all parameter sets:\n.*exp\\(s\\(t\\)\\)"));
    EXPECT_THAT(text, testing::HasSubstr("record v = v"));
}

}  // namespace
}  // namespace spikesmith
