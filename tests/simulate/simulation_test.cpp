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
using test::set_up;
using test::spread;
using test::values_of;
using testing::ElementsAre;
using testing::HasSubstr;

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

// The other neurons of the reference: first spikes, after a quiet time where there is one.
TEST(Simulation, GivesTheReferenceSpikesOfTheLibrary) {
    struct Case {
        const char* name;
        std::vector<std::pair<std::string, double>> set;
        double dt, quiet, current, duration;
        std::vector<std::int64_t> first_spikes;
        std::size_t n_spikes;
    };
    const std::vector<Case> cases{
        {"HHneuronBischop", {}, 0.01, 500, 300, 500, {50279, 51100, 51984, 52898, 53819, 54743, 55667, 56590}, 54},
        {"HHneuronCorbit", {}, 0.01, 500, 6, 500, {50511, 51931, 53337, 54742, 56145}, 36},
        {"IF_curr_exp", {{"i_offset", 1}, {"tau_refrac", 5}}, 1, 0, 0, 200, {27, 60, 93, 126, 159, 192}, 6},
        {"EIF_cond_exp_isfa_ista",
         {{"i_offset", 0.8}},
         0.1,
         0,
         0,
         500,
         {177, 407, 717, 1151, 1725, 2373, 3040, 3711, 4382},
         9}};
    for (const Case& one : cases) {
        SCOPED_TRACE(one.name);
        Simulation s(library_neuron(one.name), {.n_candidates = 2, .dt = one.dt * ms, .record = {"spike"}});
        for (const auto& [name, value] : one.set) s.set(name, value);
        s.start_recording();
        s.run(one.quiet * ms);
        s.run(one.duration * ms,
              one.current == 0 ? RunDrive{} : RunDrive{.drive = {{"I_app", ConstantWave{one.current}}}});
        const auto record = s.results();
        for (const auto& spikes : record.chunks[0].spike_steps) {
            EXPECT_EQ(spikes.size(), one.n_spikes);
            EXPECT_TRUE(std::equal(one.first_spikes.begin(), one.first_spikes.end(), spikes.begin()));
        }
    }
}

// A.2 of the reference: two linear equations under every method, after steps 0, 1, 9, 19.
TEST(Simulation, GivesTheReferenceNumbersOfEveryMethod) {
    struct Case {
        const char* method;
        std::vector<std::pair<double, double>> after;
    };
    const std::vector<Case> cases{
        {"explicit", {{0.75, 0.65}, {0.905, 0.38}, {0.84897489905, -0.2761034662}, {0.619917813141, -0.221832002723}}},
        {"midpoint",
         {{0.7025, 0.69}, {0.8341375, 0.44595}, {0.851257627204, -0.232912826061}, {0.639895277985, -0.227063922828}}},
        {"rk4",
         {{0.706522916667, 0.687658333333},
          {0.84058658447, 0.441862018021},
          {0.854596429135, -0.237512846144},
          {0.639065234966, -0.227463099156}}},
        {"exponential",
         {{0.73790645491, 0.697621257462},
          {0.895622833563, 0.453059902678},
          {0.911445323717, -0.261543895342},
          {0.637493442834, -0.234953732008}}},
        {"semiimplicit",
         {{0.727272727273, 0.730769230769},
          {0.88493324857, 0.506186121571},
          {0.962213929147, -0.239365735304},
          {0.660276938969, -0.247089797404}}},
        {"implicit",
         {{0.675862068966, 0.71724137931},
          {0.794530321046, 0.490606420927},
          {0.854620453269, -0.200650991213},
          {0.655968709629, -0.229344832753}}}};
    for (const Case& one : cases) {
        SCOPED_TRACE(one.method);
        const Model model = parse_annarchy(
            {.equations = {"equations", "10*dv/dt = -v + 2*u + 1 : init=0.5\ndu/dt = -0.3*u - 0.1*v : init=1.0\nr = v"},
             .method = one.method});
        Simulation s(model, {.n_candidates = 3, .dt = ms, .record = {"v", "u"}});
        s.start_recording();
        s.run(20 * ms);
        const auto record = s.results();
        const std::vector<std::size_t> steps{0, 1, 9, 19};
        for (std::size_t k = 0; k < steps.size(); ++k) {
            EXPECT_NEAR(record.trace("v", 0, 2)[steps[k]], one.after[k].first, 2e-11);
            EXPECT_NEAR(record.trace("u", 0, 2)[steps[k]], one.after[k].second, 2e-11);
        }
    }
}

// A.3: equations side by side are simultaneous, assignments are not.
TEST(Simulation, KeepsTheOrderOfEquations) {
    const auto run = [](const std::string& equations) {
        Simulation s(parse_annarchy({.equations = {"equations", equations}}),
                     {.dt = 0.5 * ms, .record = {"v", "x", "u"}});
        s.start_recording();
        s.run(1.5 * ms);
        return s.results();
    };
    const std::string u = "du/dt = v : init=0", v = "dv/dt = -v + u : init=1", x = "x = v", r = "r = x";
    const auto split = run(v + "\n" + x + "\n" + u + "\n" + r), one = run(x + "\n" + v + "\n" + u + "\n" + r);
    EXPECT_THAT(split.trace("v"), ElementsAre(.5, .375, .40625));
    EXPECT_THAT(split.trace("x"), ElementsAre(.5, .375, .40625));
    EXPECT_THAT(split.trace("u"), ElementsAre(.25, .4375, .640625));
    EXPECT_THAT(one.trace("v"), ElementsAre(.5, .5, .625));
    EXPECT_THAT(one.trace("x"), ElementsAre(1, .5, .5));
    EXPECT_THAT(one.trace("u"), ElementsAre(.5, .75, 1));
    Simulation bounded(parse_annarchy({.equations = {"equations", "dv/dt = 10 : max=3\ndu/dt = v\nr = u"}}),
                       {.dt = 0.5 * ms, .record = {"v", "u"}});
    bounded.start_recording();
    bounded.run(1.5 * ms);
    const auto limits = bounded.results();
    EXPECT_THAT(limits.trace("v"), ElementsAre(3, 3, 3));
    EXPECT_THAT(limits.trace("u"), ElementsAre(0, 1.5, 3));
}

void expect_same(const SimulationRecord& a, const SimulationRecord& b) {
    ASSERT_EQ(a.chunks.size(), b.chunks.size());
    for (std::size_t c = 0; c < a.chunks.size(); ++c) {
        SCOPED_TRACE(c);
        ASSERT_EQ(a.chunks[c].values.size(), b.chunks[c].values.size());
        for (std::size_t v = 0; v < a.chunks[c].values.size(); ++v)
            EXPECT_EQ(a.chunks[c].values[v].values, b.chunks[c].values[v].values) << a.variables[v];
        EXPECT_EQ(a.chunks[c].spike_steps, b.chunks[c].spike_steps);
        EXPECT_EQ(a.chunks[c].parameters, b.chunks[c].parameters);
        EXPECT_EQ(a.chunks[c].end_step, b.chunks[c].end_step);
        EXPECT_EQ(a.times(c), b.times(c));
    }
}

// Noise in a neuron of each language, spikes, refractoriness, a random initial value.
Model noisy_brian() {
    return parse_brian({.equations = {"equations",
                                      "dv/dt = (2 - v)/tau + sigma*xi*tau**-0.5 : 1 (unless refractory)\n"
                                      "tau : second\nsigma : 1\n"},
                        .threshold = "v > 1.5",
                        .reset = "v = 0.5*rand() + 0.001*i + 0.0001*N + 0.01*poisson(2.0)",
                        .refractory = "1*ms",
                        .initial_values = {{"v", "rand()"}, {"tau", "10*ms"}, {"sigma", "0.3"}}});
}

// An experiment with everything: sets, drives, pauses, resets.
SimulationRecord experiment(Simulation& s, const std::string& driven) {
    s.start_recording();
    s.run(20 * ms);
    s.set(driven, 0.2);
    s.run(10 * ms);
    s.pause_recording();
    s.run(5 * ms);
    s.start_recording();
    s.reset({.model = false});
    s.run(10 * ms, {.drive = {{driven, RampWave{0, 1}}}});
    s.reset();
    s.run(20 * ms, {.drive = {{driven, NoiseWave{.mean = 0.3, .deviation = 0.1, .correlation = 5 * ms, .seed = 3}}}});
    return s.results();
}

TEST(Simulation, OfACandidateIsTheSameAloneAndAmongOthers) {
    struct Case {
        Model model;
        std::string fitted, driven;
        double first, last;
        std::vector<std::string> record;
    };
    const std::vector<Case> cases{
        {noisy_brian(), "tau", "sigma", 5 * ms, 20 * ms, {"v", "spike"}},
        {library_neuron("Izhikevich2007NoisyBase", {{"v", "-60"}, {"base_mean", "300"}, {"rate_base_noise", "200"}}),
         "C",
         "base_noise",
         80,
         120,
         {"v", "u", "I_v", "spike"}}};
    for (const Case& one : cases) {
        SCOPED_TRACE(one.fitted);
        constexpr std::size_t n = 37;
        const auto values = spread(n, one.first, one.last);
        SimulationOptions options{.n_candidates = n, .dt = 0.1 * ms, .record = one.record, .seed = 8};
        const auto run = [&](const SimulationOptions& how, std::span<const double> of, std::uint64_t evaluation) {
            Simulation s(one.model, how);
            s.restart(evaluation);
            s.set(one.fitted, of);
            s.store();
            return experiment(s, one.driven);
        };
        const auto all = run(options, values, 100);
        std::size_t spikes = 0;
        for (const auto& steps : all.chunks[0].spike_steps) spikes += steps.size();
        EXPECT_GT(spikes, n);
        for (const std::size_t c : {std::size_t{0}, std::size_t{11}, n - 1}) {
            auto alone = options;
            alone.n_candidates = 1;
            expect_same(all.candidate(c), run(alone, std::span(values).subspan(c, 1), 100 + c));
        }
        for (const int width : available_widths()) {
            auto other = options;
            other.threads = width == 1 ? 1 : 2;
            other.kernel.width = width;
            expect_same(all, run(other, values, 100));
        }
    }
}

TEST(Simulation, MayBeCutIntoRunsAnywhere) {
    const Model model = noisy_brian();
    const SimulationOptions options{
        .n_candidates = 3, .dt = 0.1 * ms, .record = {"v", "spike"}, .recording_interval = 0.3 * ms};
    const auto run = [&](const std::vector<int>& pieces) {
        Simulation s(model, options);
        s.start_recording();
        for (const int steps : pieces) s.run(steps * 0.1 * ms);
        return s.results();
    };
    const auto whole = run({500});
    EXPECT_EQ(whole.chunks[0].n_samples(), 167u);
    expect_same(whole, run({1, 2, 3, 494}));
    expect_same(whole, run({250, 0, 250}));
    expect_same(whole, run(std::vector<int>(500, 1)));
}

TEST(Simulation, RestartsAsNew) {
    const Model model = library_neuron("Izhikevich2007NoisyAmpa", {{"rates_noise", "300"}, {"increase_noise", "40"}});
    const SimulationOptions options{.n_candidates = 4, .dt = 0.1 * ms, .record = {"v", "spike"}};
    Simulation s(model, options);
    const auto evaluate = [&](std::uint64_t evaluation, double current) {
        s.restart(evaluation);
        s.set("I_app", current);
        s.store();
        s.data["current"] = {current};
        return experiment(s, "increase_noise");
    };
    const auto first = evaluate(0, 50);
    (void)evaluate(4, 80);
    const auto again = evaluate(0, 50);
    expect_same(first, again);
    EXPECT_EQ(again.data.at("current"), std::vector<double>{50});
    s.restart();
    EXPECT_TRUE(s.data.empty());
    EXPECT_FALSE(s.recording());
    EXPECT_EQ(s.step(), 0);
    EXPECT_EQ(s.get("I_app")[0], 0);
}

// ---- values ----

TEST(Simulation, InitialValuesFollowWhatIsSetBeforeTheFirstRun) {
    Simulation s(adapting_neuron(), {.n_candidates = 2, .dt = ms});
    EXPECT_TRUE(std::isnan(s.get("E")[0])) << "no value yet";
    EXPECT_TRUE(std::isnan(s.get("v")[1])) << "v starts at E";
    EXPECT_EQ(s.get("jump"), (std::vector<double>{1e-3, 1e-3}));
    EXPECT_EQ(s.get("I"), (std::vector<double>{0, 0})) << "inputs are 0";
    s.set("E", std::vector<double>{-0.07, -0.06});
    EXPECT_EQ(s.get("v"), (std::vector<double>{-0.07, -0.06}));
    s.set("v", -0.08);
    s.set("E", -0.05);
    EXPECT_EQ(s.get("v"), (std::vector<double>{-0.08, -0.08})) << "what is set stays";
    s.set("R", 1e8);
    s.set("tau", 10 * ms);
    s.run(0);
    s.set("E", -0.04);
    EXPECT_EQ(s.get("v")[0], -0.08);
    EXPECT_TRUE(s.has("v") && s.has("E") && s.has("I") && !s.has("drive_force") && !s.has("nothing"));
}

TEST(Simulation, IntegersAndBooleansHoldWhatTheirTypesCan) {
    const Model model = parse_annarchy(
        {.parameters = {"parameters", "n = 2 : int\nflag = True : bool"}, .equations = {"equations", "r = n + flag"}});
    Simulation s(model, {.dt = ms});
    s.set("n", -2.7);
    s.set("flag", 0.3);
    EXPECT_EQ(s.get("n")[0], -2);
    EXPECT_EQ(s.get("flag")[0], 1);
}

TEST(Simulation, ParametersThatTheResetChangesAreStatesInside) {
    const Model model = parse_brian({.equations = {"equations", "dv/dt = 1/(1*ms) : 1\nthreshold : 1\n"},
                                     .threshold = "v > threshold",
                                     .reset = "v = 0; threshold += 1",
                                     .initial_values = {{"threshold", "1.5"}}});
    Simulation s(model, {.n_candidates = 2, .dt = ms, .record = {"threshold", "spike"}});
    s.set("threshold", std::vector<double>{1.5, 2.5});
    s.store();
    s.start_recording();
    s.run(6 * ms);
    const auto record = s.results();
    EXPECT_THAT(record.trace("threshold", 0, 0), ElementsAre(1.5, 1.5, 2.5, 2.5, 2.5, 3.5));
    EXPECT_THAT(record.trace("threshold", 0, 1), ElementsAre(2.5, 2.5, 2.5, 3.5, 3.5, 3.5));
    EXPECT_EQ(s.get("threshold"), (std::vector<double>{3.5, 3.5}));
    EXPECT_EQ(record.chunks[0].parameters.at("threshold"), (std::vector<double>{3.5, 3.5}));
    s.reset({.parameters = false});
    EXPECT_EQ(s.get("threshold")[0], 3.5);
    s.reset();
    EXPECT_EQ(s.get("threshold"), (std::vector<double>{1.5, 2.5}));
    EXPECT_THROW(s.run(ms, {.drive = {{"threshold", ConstantWave{1}}}}), ConfigError);
}

// ---- durations ----

TEST(Simulation, DurationsAreWholeSteps) {
    const Model model = parse_brian({.equations = {"equations", "dx/dt = 1/(1*ms) : 1\n"}});
    const auto steps = [&](double seconds, double dt) {
        Simulation s(model, {.dt = dt});
        s.run(seconds);
        return s.step();
    };
    EXPECT_EQ(steps(0.07 * ms, 0.01 * ms), 7) << "0.07/0.01 is 7.000000000000001";
    EXPECT_EQ(steps(0.6 * ms, 0.1 * ms), 6);
    EXPECT_EQ(steps(0.61 * ms, 0.1 * ms), 7) << "what is no whole number rounds up";
    EXPECT_EQ(steps(0.6000002 * ms, 0.1 * ms), 7);
    EXPECT_EQ(steps(0, ms), 0);
    for (int k = 1; k < 3000; ++k) ASSERT_EQ(steps(k * 1e-4, 1e-4), k);
}

TEST(Simulation, StopsWhenItIsCancelled) {
    std::atomic<bool> cancelled = false;
    Simulation s(noisy_brian(),
                 {.n_candidates = 64, .dt = 0.01 * ms, .record = {"spike"}, .threads = 2, .cancelled = &cancelled});
    s.start_recording();
    s.run(ms);
    std::thread later([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(30));
        cancelled = true;
    });
    EXPECT_THROW(s.run(10000), Interrupted);
    later.join();
    cancelled = false;
    const auto kept = s.results();
    EXPECT_EQ(kept.chunks[0].n_samples(), 100u) << "what was recorded before";
    for (const auto& steps : kept.chunks[0].spike_steps) EXPECT_TRUE(steps.empty() || steps.back() < 100);
    s.restart();
    s.run(ms);
    EXPECT_EQ(s.step(), 100);
}

// ---- errors ----

template <class Function>
std::string message_of(Function function) {
    try {
        function();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

TEST(Simulation, SaysWhatIsWrong) {
    const Model model = adapting_neuron();
    Simulation s(model, {.n_candidates = 2, .dt = ms, .record = {"v"}});
    EXPECT_THAT(message_of([&] { s.run(ms); }), HasSubstr("parameters without a value: E, R, tau"));
    set_up(s, 2);
    EXPECT_THAT(message_of([&] { s.set("taau", 1); }), HasSubstr("did you mean `tau`?"));
    EXPECT_THAT(message_of([&] { (void)s.get("drive_force"); }), HasSubstr("is computed from other variables"));
    EXPECT_THAT(message_of([&] {
                    s.set("tau", std::vector<double>{1, 2, 3});
                }),
                HasSubstr("3 values of `tau` for 2 candidates"));
    EXPECT_THAT(message_of([&] { s.run(-1); }), HasSubstr("a run of -1 s"));
    EXPECT_THAT(message_of([&] { s.run(std::nan("")); }), HasSubstr("a run of nan s"));
    EXPECT_THAT(message_of([&] { s.run(1e9); }), HasSubstr("too many steps"));
    EXPECT_THAT(message_of([&] { s.run(ms, {.drive = {{"J", ConstantWave{1}}}}); }), HasSubstr("`J`"));
    EXPECT_THAT(message_of([&] {
                    s.run(ms, {.drive = {{"v", ConstantWave{1}}}});
                }),
                HasSubstr("`v` is a state: only parameters and inputs can be driven"));
    EXPECT_THAT(message_of([&] { s.run(ms, {.clamp = {{"I", ConstantWave{1}}}}); }), HasSubstr("`I` is no state"));
    EXPECT_THAT(message_of([&] {
                    s.run(ms, {.drive = {{"I", SineWave{.frequency = 9e9}}}});
                }),
                HasSubstr("the waveform of `I`: a sine wave of"));
    EXPECT_EQ(s.step(), 0) << "nothing was simulated";
    EXPECT_THAT(message_of([&] { s.restart(std::uint64_t{1} << 32); }), HasSubstr("evaluation"));

    const auto made = [&](SimulationOptions options) { return message_of([&] { (void)Simulation(model, options); }); };
    EXPECT_THAT(made({.record = {"vv"}}), HasSubstr("`vv` cannot be recorded"));
    EXPECT_THAT(made({.record = {"drive_force"}, .sample_time = SampleTime::after_step}),
                HasSubstr("cannot be recorded after the step"));
    EXPECT_THAT(made({.n_candidates = 0}), HasSubstr("no candidates"));
    EXPECT_THAT(made({.dt = 0}), HasSubstr("dt must be a positive time"));
    EXPECT_THAT(made({.dt = ms, .recording_interval = 1.5 * ms}), HasSubstr("no multiple of dt"));
    EXPECT_THAT(made({.dt = ms, .recording_interval = -ms}), HasSubstr("no multiple of dt"));
    EXPECT_THAT(made({.threads = -1}), HasSubstr("-1 threads"));
    EXPECT_THAT(made({.method = "exakt"}), HasSubstr("unknown integration method"));
    const Model rate = parse_annarchy({.equations = {"equations", "r = 1"}});
    EXPECT_THAT(message_of([&] { (void)Simulation(rate, {.record = {"spike"}}); }), HasSubstr("no threshold"));
}

TEST(Simulation, NotANumberGoesOnInItsCandidateAlone) {
    Simulation s(adapting_neuron(), {.n_candidates = 3, .dt = ms, .record = {"v"}});
    set_up(s, 3);
    s.set("R", std::vector<double>{1e8, std::nan(""), 1e8});
    s.start_recording();
    s.run(5 * ms);
    const auto record = s.results();
    EXPECT_TRUE(std::isnan(record.trace("v", 0, 1)[4]));
    EXPECT_TRUE(std::isfinite(record.trace("v", 0, 0)[4]) && std::isfinite(record.trace("v", 0, 2)[4]));
}

}  // namespace
}  // namespace spikesmith
