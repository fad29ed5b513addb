// What drives a simulation, and when samples are taken.
#include <cmath>

#include "simulate/simulation_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {
namespace {

using test::adapting_neuron;
using test::library_neuron;
using test::ms;
using test::set_up;
using test::values_of;
using testing::ElementsAre;

TEST(Simulation, ADriveIsTheSameAsSettingBeforeEveryStep) {
    struct Case {
        Model model;
        std::string method, driven;
        double scale;
    };
    std::vector<Case> cases;
    for (const char* method : {"euler", "rk2", "rk4", "exponential_euler"})
        cases.push_back({adapting_neuron(), method, "I", 0.4e-9});
    cases.push_back({adapting_neuron(), "rk4", "E", -0.05});
    cases.push_back({library_neuron("Izhikevich2007"), "", "I_app", 300});
    for (const Case& one : cases) {
        SCOPED_TRACE(one.method + one.driven);
        const SimulationOptions options{
            .n_candidates = 2, .dt = 0.5 * ms, .method = one.method, .record = {"v", "spike"}};
        const auto start = [&](Simulation& s) {
            if (s.has("R")) set_up(s, 2);
            s.set(one.driven, one.scale / 2);
            s.start_recording();
            s.run(5 * ms);
        };
        const Waveform wave = SineWave{.offset = one.scale, .amplitude = 0.2 * one.scale, .frequency = 20};
        Simulation driven(one.model, options), set(one.model, options);
        start(driven);
        driven.run(100 * ms, {.drive = {{one.driven, wave}}});
        EXPECT_EQ(driven.get(one.driven)[1], one.scale / 2) << "the former value";
        start(set);
        for (const double value : sample(wave, 200, 0.5 * ms)) {
            set.set(one.driven, value);
            set.run(0.5 * ms);
        }
        const auto a = driven.results(), b = set.results();
        ASSERT_EQ(a.trace("v").size(), b.trace("v").size());
        for (std::size_t k = 0; k < a.trace("v").size(); ++k)  // constants of a step are computed in another order
            ASSERT_NEAR(a.trace("v", 0, 1)[k], b.trace("v", 0, 1)[k], 1e-9 * std::fabs(b.trace("v", 0, 1)[k])) << k;
        EXPECT_EQ(a.chunks[0].spike_steps, b.chunks[0].spike_steps);
        EXPECT_FALSE(a.chunks[0].spike_steps[0].empty());
    }
}

TEST(Simulation, RecordsWhatDrivesIt) {
    for (const bool annarchy : {false, true}) {
        const Model model = annarchy ? library_neuron("Izhikevich2007") : adapting_neuron();
        const std::string driven = annarchy ? "I_app" : "I";
        Simulation s(model, {.dt = ms, .record = {driven, "v"}});
        if (!annarchy) set_up(s, 1);
        s.set(driven, 7);
        s.start_recording();
        s.run(2 * ms);
        s.run(3 * ms, {.drive = {{driven, RampWave{1, 3}}}});
        s.run(1 * ms);
        EXPECT_THAT(s.results().trace(driven), ElementsAre(7, 7, 1, 2, 3, 7));
    }
}

TEST(Simulation, ReadsTargetsLikeInputs) {
    const Model model =
        parse_brian({.equations = {"equations", "dv/dt = (v_target - v)/(1*ms) : 1\n"}, .targets = {"v"}});
    Simulation s(model, {.dt = ms, .method = "euler", .record = {"v"}});
    s.start_recording();
    s.run(3 * ms, {.drive = {{"v_target", ArrayWave{.values = {3, 5, 7}}}}});
    EXPECT_THAT(s.results().trace("v"), ElementsAre(0, 3, 5));
    EXPECT_EQ(s.get("v")[0], 7);
}

TEST(Simulation, RecordsSubexpressionsBeforeTheStep) {
    Simulation s(adapting_neuron(), {.dt = ms, .record = {"drive_force", "v", "E"}});
    set_up(s, 1);
    s.set("v", -0.065);
    s.start_recording();
    s.run(4 * ms);
    const auto record = s.results();
    for (std::size_t k = 0; k < 4; ++k)
        EXPECT_DOUBLE_EQ(record.trace("drive_force")[k], record.trace("E")[k] - record.trace("v")[k]);
}

TEST(Simulation, SamplesAsAsked) {
    const auto run = [](const Model& model, SampleTime when) {
        Simulation s(model, {.dt = ms, .record = {"x"}, .sample_time = when});
        s.start_recording();
        s.run(3 * ms);
        return values_of(s.results().trace("x"));
    };
    const Model brian = parse_brian({.equations = {"equations", "dx/dt = 1/(1*ms) : 1\n"}});
    const Model annarchy = parse_annarchy({.equations = {"equations", "dx/dt = 1\nr = x"}});
    const std::vector<double> before{0, 1, 2}, after{1, 2, 3};
    EXPECT_EQ(run(brian, SampleTime::automatic), before);
    EXPECT_EQ(run(brian, SampleTime::after_step), after);
    EXPECT_EQ(run(annarchy, SampleTime::automatic), after);
    EXPECT_EQ(run(annarchy, SampleTime::before_step), before);
}

TEST(Simulation, SinglePrecisionIsNear) {
    SimulationOptions options{.n_candidates = 3, .dt = 0.1 * ms, .record = {"v", "spike"}};
    std::vector<SimulationRecord> records;
    for (const Precision precision : {Precision::double_precision, Precision::single_precision}) {
        options.kernel.precision = precision;
        Simulation s(library_neuron("HHneuronCorbit"), options);
        s.start_recording();
        s.run(50 * ms, {.drive = {{"I_app", ConstantWave{2}}}});
        records.push_back(s.results());
    }
    for (std::size_t k = 0; k < 500; ++k)
        ASSERT_NEAR(records[0].trace("v", 0, 2)[k], records[1].trace("v", 0, 2)[k], 1e-2) << k;
    EXPECT_NE(records[0].trace("v")[400], records[1].trace("v")[400]);
}

}  // namespace
}  // namespace spikesmith
