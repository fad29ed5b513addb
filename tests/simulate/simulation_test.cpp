// Simulation against the interpreter, against the reference numbers of ANNarchy's neurons, and against itself: whatever way a
// simulation is cut into runs, blocks and candidates, the bits are the same.
#include "spikesmith/simulate/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "simulate/simulation_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {
namespace {

using test::adapting_neuron;
using test::library_neuron;
using test::ms;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> values_of(std::span<const double> values) {
    return {values.begin(), values.end()};
}

// Candidate values of a simple spread.
std::vector<double> spread(std::size_t n, double first, double last) {
    std::vector<double> out(n);
    for (std::size_t c = 0; c < n; ++c)
        out[c] = n == 1 ? first : first + (last - first) * static_cast<double>(c) / static_cast<double>(n - 1);
    return out;
}

void set_up(Simulation& s, std::size_t n) {
    s.set("E", -0.07);
    s.set("R", 100e6);
    s.set("tau", spread(n, 8e-3, 20e-3));
}

TEST(Simulation, GivesTheBitsOfTheInterpreter) {
    const Model model = adapting_neuron();
    constexpr std::size_t n = 5;
    Simulation s(model,
                 {.n_candidates = n, .dt = 0.1 * ms, .method = "exponential_euler", .record = {"v", "w", "spike"}});
    set_up(s, n);
    s.set("I", spread(n, 0.1e-9, 0.5e-9));
    s.start_recording();
    s.run(0.1);
    const SimulationRecord record = s.results();
    ASSERT_EQ(record.chunks.size(), 1u);
    EXPECT_EQ(record.variables, (std::vector<std::string>{"v", "w"}));
    EXPECT_EQ(record.chunks[0].n_samples(), 1000u);

    Model constant = model;  // the stimulus as a parameter
    constant.inputs.clear();
    constant.parameters.push_back({.name = "I"});
    const std::vector<std::string> parameters{"E", "R", "tau", "jump", "I"};
    const auto program = integrate(
        constant, {.method = "exponential_euler", .dt = 0.1 * ms, .outputs = {"v", "w"}, .parameters = parameters});
    const auto taus = spread(n, 8e-3, 20e-3), currents = spread(n, 0.1e-9, 0.5e-9);
    std::size_t spikes = 0;
    for (std::size_t c = 0; c < n; ++c) {
        Interpreter interpreter(program);
        interpreter.start(std::vector<double>{-0.07, 100e6, taus[c], 1e-3, currents[c]}, {}, {});
        std::vector<double> v, w;
        std::vector<std::int64_t> times;
        for (std::int64_t k = 0; k < 1000; ++k) {
            interpreter.step(k, {});
            v.push_back(interpreter.outputs()[0]);
            w.push_back(interpreter.outputs()[1]);
            if (interpreter.spiked()) times.push_back(k);
        }
        EXPECT_EQ(values_of(record.trace("v", 0, c)), v);
        EXPECT_EQ(values_of(record.trace("w", 0, c)), w);
        EXPECT_EQ(record.chunks[0].spike_steps[c], times);
        spikes += times.size();
    }
    EXPECT_GT(spikes, 10u);
}

// The numbers that ANNarchy's own code gives: states after a step, spike steps. Two candidates, so that nothing depends on the first.
TEST(Simulation, SamplesAnnarchysNeuronsAfterTheStep) {
    const Model model = library_neuron("Izhikevich2007");
    Simulation s(model, {.n_candidates = 2, .dt = 0.1 * ms, .record = {"v", "u", "spike"}});
    s.set("I_app", 100);
    s.start_recording();
    s.run(1);
    const auto record = s.results();
    for (const std::size_t c : {0u, 1u}) {
        const auto v = record.trace("v", 0, c), u = record.trace("u", 0, c);
        ASSERT_EQ(v.size(), 10000u);
        EXPECT_NEAR(v[0], 1.78, 1e-10);
        EXPECT_NEAR(u[0], -0.36, 1e-11);
        EXPECT_NEAR(v[1], 3.68717788, 1e-10);
        EXPECT_NEAR(v[100], -54.074033377, 1e-8);
        EXPECT_NEAR(v[9999], -1.74853324758, 1e-4);
        EXPECT_EQ(s.get("v")[c], v[9999]);
        EXPECT_THAT(record.chunks[0].spike_steps[c],
                    ElementsAre(12, 888, 1644, 2406, 3167, 3927, 4687, 5448, 6208, 6970, 7730, 8490, testing::_));
        EXPECT_EQ(v[12], -50) << "the value after the reset";
    }
    EXPECT_EQ(record.times().front(), 0);
    EXPECT_DOUBLE_EQ(record.times().back(), 999.9 * ms);
}

TEST(Simulation, RunsPhasesOneAfterTheOther) {
    const Model model = library_neuron("Izhikevich2007", {{"v", "-60"}});
    Simulation s(model, {.n_candidates = 1, .dt = 0.1 * ms, .record = {"v", "spike"}});
    s.start_recording();
    s.run(0.5);
    s.set("I_app", 100);
    s.run(0.5);
    const auto record = s.results();
    ASSERT_EQ(record.chunks.size(), 1u);
    ASSERT_EQ(record.chunks[0].periods.size(), 1u) << "no pause, one period";
    EXPECT_THAT(record.chunks[0].spike_steps[0], ElementsAre(5483, 6219, 6981, 7741, 8501, 9263));
    EXPECT_NEAR(record.trace("v")[5000], -59.9, 1e-9);
    EXPECT_NEAR(record.trace("v")[9999], -14.2809504298, 1e-7);
}

}  // namespace
}  // namespace spikesmith
