// Experiments as lists of phases.
#include "spikesmith/fit/protocol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/annarchy.hpp"

namespace spikesmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr double ms = 1e-3;

// x integrates I times k.
Model integrator() {
    return parse_annarchy(
        {.parameters = {"parameters", "I = 0; k = 1"}, .equations = {"equations", "dx/dt = k*I\nr = x"}});
}

SimulationRecord run(const Protocol& protocol, std::size_t n = 1) {
    Simulation s(integrator(), {.n_candidates = n, .dt = ms, .record = {"x"}});
    s.store();
    return make_experiment(protocol)(s);
}

std::string message_of(const Protocol& protocol) {
    try {
        (void)run(protocol);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

TEST(Protocols, ArePhasesFromTheStoredState) {
    const auto record = run({{{.name = "step", .duration = 3 * ms, .set = {{"I", 2}, {"k", 3}}},
                              {.name = "ramp", .duration = 3 * ms, .drive = {{"I", RampWave{1, 3}}}},
                              {.name = "wait", .duration = 2 * ms, .record = false, .reset = false},
                              {.name = "go on", .duration = 2 * ms, .set = {{"I", 5}}, .reset = false}}},
                            2);
    ASSERT_EQ(record.chunks.size(), 2u);
    EXPECT_THAT(record.trace("x", 0, 1), ElementsAre(6, 12, 18));
    EXPECT_THAT(record.trace("x", 1, 1), ElementsAre(1, 3, 6, 11, 16)) << "k is 1 again; I is 0 while waiting";
    ASSERT_EQ(record.chunks[1].periods.size(), 2u);
    EXPECT_EQ(record.chunks[1].periods[1].first_step, 5);
    EXPECT_THAT(record.data.at("phase_durations"), ElementsAre(3 * ms, 3 * ms, 2 * ms, 2 * ms));
    EXPECT_THAT(record.data.at("I"), ElementsAre(2, 2, 2, 1, 2, 3, 0, 0, 5, 5));
    EXPECT_THAT(record.data.at("k"), ElementsAre(3, 3, 3, 1, 1, 1, 1, 1, 1, 1));
}

TEST(Protocols, MayKeepParametersOverAReset) {
    const auto record = run({{{.duration = 2 * ms, .set = {{"I", 2}}},
                              {.duration = 2 * ms, .reset_parameters = false},
                              {.duration = 2 * ms, .set = {{"x", 7}}}}});
    EXPECT_THAT(record.trace("x", 0), ElementsAre(2, 4));
    EXPECT_THAT(record.trace("x", 1), ElementsAre(2, 4));
    EXPECT_THAT(record.trace("x", 2), ElementsAre(7, 7));
    EXPECT_FALSE(record.data.contains("x")) << "a state is no stimulus";
}

TEST(Protocols, MayBeRunAgain) {
    Simulation s(integrator(), {.dt = ms, .record = {"x"}});
    const Experiment experiment = make_experiment({{{.duration = 2 * ms, .drive = {{"I", ConstantWave{1}}}}}});
    for (int repeat = 0; repeat < 2; ++repeat) {
        s.restart();
        s.store();
        const auto record = experiment(s);
        EXPECT_THAT(record.trace("x"), ElementsAre(1, 2));
        EXPECT_THAT(record.data.at("I"), ElementsAre(1, 1));
    }
}

TEST(Protocols, SayWhichPhaseIsWrong) {
    EXPECT_THAT(message_of({}), HasSubstr("an experiment without phases"));
    EXPECT_THAT(message_of({{{.name = "a", .duration = ms}, {.name = "b", .duration = 0}}}),
                HasSubstr("phase 2 (`b`) lasts 0 s"));
    EXPECT_THAT(message_of({{{.duration = ms}, {.duration = ms, .set = {{"II", 1}}}}}), HasSubstr("phase 2: `II`"));
    EXPECT_THAT(message_of({{{.duration = ms, .drive = {{"I", SineWave{.frequency = 1e4}}}}}}),
                HasSubstr("phase 1: the waveform of `I`: a sine wave of 10000 Hz"));
}

}  // namespace
}  // namespace spikesmith
