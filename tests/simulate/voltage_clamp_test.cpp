// Clamped states and the currents they need, against solutions by hand.
#include <cmath>

#include "simulate/simulation_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {
namespace {

using test::library_neuron;
using test::ms;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

std::string message_of(const auto& function) {
    try {
        function();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

// A leak and one gate, in SI units.
Model gated() {
    return parse_brian(
        {.equations = {"equations",
                       "dv/dt = (gl*(El - v) + gk*n**4*(Ek - v) + I)/C : volt\n"
                       "dn/dt = (ninf - n)/tau : 1\n"
                       "ninf = 1/(1 + exp(-(v + 40*mV)/(10*mV))) : 1\n"
                       "tau = 2*ms + 3*ms*exp(-((v + 40*mV)/(30*mV))**2) : second\n"
                       "I : amp\n"},
         .constants = {{"gl", "10*nS"}, {"El", "-65*mV"}, {"gk", "1*uS"}, {"Ek", "-90*mV"}, {"C", "100*pF"}},
         .inputs = {"I"},
         .initial_values = {{"v", "El"}}});
}

TEST(VoltageClamp, HoldsTheVoltageAndGivesTheCurrentOfAStep) {
    constexpr double dt = 0.05 * ms;
    Simulation s(gated(),
                 {.n_candidates = 3, .dt = dt, .method = "exponential_euler", .record = {"v", "n", "v_clamp_current"}});
    s.set("n", std::vector<double>{0, 0.2, 0.9});
    s.start_recording();
    s.run(1 * ms);
    s.run(20 * ms, {.clamp = {{"v", ConstantWave{-0.02}}}});
    s.run(1 * ms);
    const auto record = s.results();
    const double v = -0.02, ninf = 1 / (1 + std::exp(-2)), tau = 2 * ms + 3 * ms * std::exp(-std::pow(2.0 / 3, 2));
    for (const std::size_t c : {0u, 1u, 2u}) {
        const auto voltage = record.trace("v", 0, c), gate = record.trace("n", 0, c),
                   current = record.trace("v_clamp_current", 0, c);
        ASSERT_EQ(voltage.size(), 440u);
        EXPECT_EQ(current[0], 0) << "no clamp, no current";
        EXPECT_EQ(current[425], 0);
        const double start = gate[20];
        for (std::size_t k = 0; k < 400; ++k) {
            const double n = ninf + (start - ninf) * std::exp(-static_cast<double>(k) * dt / tau);
            ASSERT_EQ(voltage[20 + k], v);
            ASSERT_NEAR(gate[20 + k], n, 1e-12) << "a gate relaxes exactly at a fixed voltage";
            const double expected = 10e-9 * (v + 0.065) + 1e-6 * std::pow(n, 4) * (v + 0.09);
            ASSERT_NEAR(current[20 + k], expected, 1e-19 + 1e-11 * expected) << k;
        }
        EXPECT_EQ(voltage[420], v) << "released from the last command";
        EXPECT_LT(voltage[439], v);
    }
}

TEST(VoltageClamp, CurrentComesOnTopOfWhatFlows) {
    Simulation s(gated(), {.dt = 0.1 * ms, .method = "euler", .record = {"v_clamp_current"}});
    s.set("I", 2e-10);
    s.start_recording();
    s.run(0.1 * ms, {.clamp = {{"v", ConstantWave{-0.05}}}});
    EXPECT_NEAR(s.results().trace("v_clamp_current")[0], 10e-9 * 0.015 - 2e-10, 1e-20);
}

TEST(VoltageClamp, FollowsAnyWaveform) {
    Simulation s(gated(), {.dt = 0.1 * ms, .method = "rk4", .record = {"v", "v_clamp_current"}});
    s.start_recording();
    s.run(0.4 * ms, {.clamp = {{"v", RampWave{-0.09, -0.06}}}});
    const auto record = s.results();
    const auto v = record.trace("v"), current = record.trace("v_clamp_current");
    EXPECT_THAT(v, ElementsAre(-0.09, testing::DoubleEq(-0.08), testing::DoubleEq(-0.07), -0.06));
    EXPECT_NEAR(current[0], 10e-9 * (-0.09 + 0.065), 1e-20) << "n is 0";
    EXPECT_EQ(s.get("v")[0], -0.06);
}

// The clamped copy that the established tool ships has the current as an equation of its own.
TEST(VoltageClamp, AgreesWithTheClampedNeuronOfTheLibrary) {
    for (const double command : {-75.0, -55.0, -35.0, 10.0}) {
        SCOPED_TRACE(command);
        const SimulationOptions options{.n_candidates = 2, .dt = 0.1 * ms, .record = {"v", "u", "v_clamp_current"}};
        Simulation clamped(library_neuron("Izhikevich2007"), options);
        Simulation library(library_neuron("Izhikevich2007VoltageClamp"),
                           {.n_candidates = 2, .dt = 0.1 * ms, .record = {"v", "u", "I_inf"}});
        for (Simulation* s : {&clamped, &library}) {
            s->set("b", std::vector<double>{-2, 5});
            s->set("v", command);
            s->set("I_app", 30);
            s->start_recording();
        }
        clamped.run(300 * ms, {.clamp = {{"v", ConstantWave{command}}}});
        library.run(300 * ms);
        const auto a = clamped.results(), b = library.results();
        for (const std::size_t c : {0u, 1u}) {
            const double offset = command + 60, rate = 0.03 * 0.1, u_end = (c == 0 ? -2 : 5) * offset;
            for (std::size_t k = 0; k < 3000; ++k) {
                const double u = u_end * (1 - std::pow(1 - rate, static_cast<double>(k + 1)));
                const double current = -(0.7 * offset * (command + 40) - u + 30);
                ASSERT_EQ(a.trace("v", 0, c)[k], command);
                ASSERT_NEAR(a.trace("u", 0, c)[k], u, 1e-10);
                ASSERT_NEAR(a.trace("v_clamp_current", 0, c)[k], current, 1e-9);
                ASSERT_NEAR(a.trace("v_clamp_current", 0, c)[k], -b.trace("I_inf", 0, c)[k], 1e-10);
            }
        }
    }
}

TEST(VoltageClamp, WorksForTheHodgkinHuxleyNeuronsOfTheLibrary) {
    for (const double command : {-80.0, -40.0, 0.0}) {
        Simulation clamped(library_neuron("HHneuronCorbit"), {.dt = 0.01 * ms, .record = {"h_Na", "v_clamp_current"}});
        Simulation library(library_neuron("HHneuronCorbitVoltageClamp"),
                           {.dt = 0.01 * ms, .record = {"h_Na", "I_inf"}});
        clamped.start_recording();
        clamped.run(20 * ms, {.clamp = {{"v", ConstantWave{command}}}});
        library.set("v", command);
        library.start_recording();
        library.run(20 * ms);
        const auto a = clamped.results(), b = library.results();
        for (std::size_t k = 0; k < 2000; ++k) {
            ASSERT_NEAR(a.trace("h_Na")[k], b.trace("h_Na")[k], 1e-12) << k;
            if (k == 0) continue;  // the library's currents are those of its voltage before the first step
            ASSERT_NEAR(a.trace("v_clamp_current")[k], -b.trace("I_inf")[k],
                        1e-9 * (1 + std::fabs(b.trace("I_inf")[k])))
                << k;
        }
    }
}

// Sampled before the step, the current right after a voltage step is that of the new voltage and the old gates, though this model computes
// its currents by assignments.
TEST(VoltageClamp, CurrentRightAfterAStepIsThatOfTheNewVoltage) {
    Simulation s(library_neuron("HHneuronCorbit"), {.dt = 0.01 * ms,
                                                    .record = {"h_Na", "n_Kv3", "m_Kv1", "h_Kv1", "v_clamp_current"},
                                                    .sample_time = SampleTime::before_step});
    s.run(5 * ms, {.clamp = {{"v", ConstantWave{-60}}}});
    s.start_recording();
    const double v = -20;
    s.run(0.01 * ms, {.clamp = {{"v", ConstantWave{v}}}});
    const auto record = s.results();
    const auto at = [&](const char* name) { return record.trace(name)[0]; };
    const double m_na = 1 / (1 + std::exp((-24 - v) / 11.5));
    const double expected = 0.25 * (v + 70) + 112.5 * std::pow(m_na, 3) * at("h_Na") * (v - 50) +
                            225 * std::pow(at("n_Kv3"), 2) * (v + 90) +
                            0.39 * std::pow(at("m_Kv1"), 3) * at("h_Kv1") * (v + 90);
    EXPECT_NEAR(at("v_clamp_current"), expected, 1e-10 * std::fabs(expected));
}

TEST(VoltageClamp, HoldsEachCandidateAtItsOwnVoltage) {
    const SimulationOptions options{
        .n_candidates = 3, .dt = 0.1 * ms, .method = "exponential_euler", .record = {"v", "v_clamp_current"}};
    Simulation held(gated(), options), clamped(gated(), options);
    const std::vector<double> voltages{-0.08, -0.05, -0.01};
    held.set("v", voltages);
    held.start_recording();
    held.run(10 * ms, {.hold = {"v"}});
    held.run(10 * ms);
    const auto record = held.results();
    for (std::size_t c = 0; c < 3; ++c) {
        clamped.restart();
        clamped.start_recording();
        clamped.run(10 * ms, {.clamp = {{"v", ConstantWave{voltages[c]}}}});
        clamped.run(10 * ms);
        const auto one = clamped.results();
        for (std::size_t k = 0; k < 200; ++k) {
            ASSERT_NEAR(record.trace("v", 0, c)[k], one.trace("v", 0, 0)[k], 1e-14);
            ASSERT_NEAR(record.trace("v_clamp_current", 0, c)[k], one.trace("v_clamp_current", 0, 0)[k], 1e-20);
        }
        EXPECT_EQ(record.trace("v", 0, c)[100], voltages[c]);
        EXPECT_NE(record.trace("v", 0, c)[110], voltages[c]);
    }
    EXPECT_THAT(message_of([&] {
                    held.run(ms, {.clamp = {{"v", ConstantWave{0}}}, .hold = {"v"}});
                }),
                HasSubstr("`v` cannot be held and follow a waveform at once"));
}

TEST(VoltageClamp, OfTheOnlyStateLeavesNothingToIntegrate) {
    const Model model =
        parse_annarchy({.parameters = {"parameters", "I = 0"}, .equations = {"equations", "dr/dt = I - r"}});
    for (const bool current : {false, true}) {
        Simulation s(model, {.n_candidates = 2, .dt = ms, .record = {"r"}});
        if (current) s = Simulation(model, {.n_candidates = 2, .dt = ms, .record = {"r", "r_clamp_current"}});
        s.start_recording();
        s.run(2 * ms, {.clamp = {{"r", RampWave{1, 2}}}});
        s.run(1 * ms);
        const auto record = s.results();
        EXPECT_THAT(record.trace("r", 0, 1), ElementsAre(1, 2, 0))
            << "r decays from 2 to 0 in a step of its time constant";
        if (current) {
            EXPECT_THAT(record.trace("r_clamp_current", 0, 1), ElementsAre(1, 2, 0));
        }
    }
}

TEST(VoltageClamp, OtherStatesMayBeClampedAsWell) {
    Simulation s(gated(), {.dt = 0.1 * ms, .method = "euler", .record = {"n", "v"}});
    s.start_recording();
    s.run(1 * ms, {.clamp = {{"n", ConstantWave{0}}}});
    const auto record = s.results();
    EXPECT_THAT(record.trace("n"), Each(0));
    EXPECT_THAT(record.trace("v"), Each(testing::DoubleNear(-0.065, 1e-15))) << "without the gate the leak alone";
}

TEST(VoltageClamp, OfASpikingNeuronLeavesTheVoltageAlone) {
    const Model model = parse_annarchy({.parameters = {"parameters", "I = 0"},
                                        .equations = {"equations", "dv/dt = I - v\ndw/dt = 0"},
                                        .spike = "v > 5",
                                        .reset = "v = 0; w += 1"});
    Simulation s(model, {.dt = ms, .record = {"v", "w", "spike"}});
    s.start_recording();
    s.run(3 * ms, {.clamp = {{"v", ArrayWave{.values = {1, 9, 1}}}}});
    const auto record = s.results();
    EXPECT_THAT(record.trace("v"), ElementsAre(1, 9, 1));
    EXPECT_THAT(record.trace("w"), ElementsAre(0, 1, 1)) << "the rest of the reset happens";
    EXPECT_THAT(record.chunks[0].spike_steps[0], ElementsAre(1));
}

TEST(VoltageClamp, NeedsACurrentThatCanBeSolvedFor) {
    const auto run = [](const std::string& parameters, const std::string& equations, const std::string& current = "") {
        Simulation s(parse_annarchy({.parameters = {"parameters", parameters}, .equations = {"equations", equations}}),
                     {.dt = ms, .record = {"v_clamp_current"}});
        s.start_recording();
        RunDrive drive{.clamp = {{"v", ConstantWave{2}}}};
        if (!current.empty()) drive.clamp_currents["v"] = current;
        s.run(ms, drive);
        return s.results().trace("v_clamp_current")[0];
    };
    const std::string rate = "\nr = v";
    EXPECT_EQ(run("J = 1", "dv/dt = J - v" + rate), 1) << "the only parameter that enters linearly";
    EXPECT_EQ(run("k = 1; J = 1", "5*dv/dt = 0.5*J - k*v" + rate), 3);
    EXPECT_EQ(run("A = 1; B = 1; I_app = 0", "dv/dt = A + B + I_app - v" + rate), 0) << "by its name";
    EXPECT_EQ(run("A = 1; B = 1", "dv/dt = A + 4*B - v" + rate, "B"), -0.75);
    EXPECT_THAT(message_of([&] { run("A = 1; B = 1", "dv/dt = A + B - v" + rate); }),
                HasSubstr("name the current with the clamp; possible here: A, B"));
    EXPECT_THAT(message_of([&] { run("k = 1", "dv/dt = -k*v" + rate); }),
                HasSubstr("the clamp current of `v` cannot be computed"));
    EXPECT_THAT(message_of([&] { run("I = 1", "dv/dt = I**2 - v" + rate); }), HasSubstr("cannot be computed"));
    EXPECT_THAT(message_of([&] { run("k = 1; I = 1", "dv/dt = I - k*v" + rate, "k"); }),
                HasSubstr("the derivative of `v` cannot be solved for the current `k`"));
    EXPECT_THAT(message_of([&] { run("I = 1", "dv/dt = I - v" + rate, "J"); }), HasSubstr("`J`"));
    Simulation unclamped(parse_annarchy({.equations = {"equations", "dv/dt = -v" + rate}}), {.dt = ms});
    EXPECT_THAT(message_of([&] { unclamped.run(ms, {.clamp_currents = {{"v", "r"}}}); }), HasSubstr("not clamped"));
    EXPECT_EQ(message_of([&] {
                  unclamped.run(ms, {.clamp = {{"v", ConstantWave{1}}}});
              }),
              "no error")
        << "the current matters only where it is recorded";
}

}  // namespace
}  // namespace spikesmith
