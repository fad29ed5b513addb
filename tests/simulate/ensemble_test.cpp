// The interpreter, walking lane by lane, is the oracle: same bits for any threads, width, precision of blocks and chunks.
#include "spikesmith/simulate/ensemble.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <mutex>
#include <set>
#include <thread>

#include "simulate/integrate_and_fire.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/simulate/record.hpp"
#include "spikesmith/simulate/time_table.hpp"

namespace spikesmith {
namespace {

using test::integrate_and_fire;
using test::ms;
using test::symbol;

// A random walk from a random start.
Model random_walk() {
    Model model;
    model.states.push_back({"x", {}, symbol("scale") * symbol("xi"), false, ""});
    model.parameters.push_back({"scale", {}, ValueType::real, true, false});
    model.noise = {"xi"};
    model.initial_values.push_back({"x", Expression::random(Op::normal, 1)});
    return model;
}

UpdateProgram program_of(const Model& model, const std::string& output, bool online_error) {
    UpdateProgram program = integrate(model, {.method = "euler", .dt = 0.1 * ms, .outputs = {output}});
    if (online_error) add_online_error(program, {.output = output});
    return program;
}

EnsembleData stimulated(std::size_t n_traces, std::size_t n_steps) {
    EnsembleData data{.n_traces = n_traces, .n_steps = n_steps};
    Array2 current(n_traces, n_steps / 2 + 1);
    Array2 target(n_traces, n_steps);
    for (std::size_t r = 0; r < n_traces; ++r) {
        for (std::size_t k = 0; k < current.columns; ++k)
            current(r, k) = 0.6 + 0.3 * static_cast<double>((k / 50 + r) % 4);
        for (std::size_t k = 0; k < n_steps; ++k)
            target(r, k) = 0.5 + 0.1 * std::sin(0.01 * static_cast<double>(k * (r + 1)));
    }
    data.inputs["I"] = {0.2 * ms, current};
    data.targets["v"] = {0.1 * ms, target};
    data.weights["v"] = {0.1 * ms, Array2(1, n_steps, 1.0 / static_cast<double>(n_steps))};
    return data;
}

Array2 parameter_table(std::size_t n_samples) {
    Array2 table(n_samples, 3);
    for (std::size_t s = 0; s < n_samples; ++s) {
        const auto x = static_cast<double>(s);
        table(s, 0) = 0.2 + 0.01 * std::fmod(7 * x, 31);
        table(s, 1) = (5 + std::fmod(3 * x, 11)) * ms;
        table(s, 2) = 0.9 * std::fmod(0.37 * x, 1);
    }
    return table;
}

// What the interpreter computes for one lane.
struct Oracle {
    std::vector<double> output, final_states;
    std::vector<std::int32_t> spikes;
};

Oracle interpret(const UpdateProgram& program, const EnsembleData& data, const Array2& parameters, std::size_t sample,
                 std::size_t trace, std::uint64_t seed = 0) {
    const TimeTable table(program, data);
    const auto row = [&](std::size_t k) { return table.row(trace, k); };
    Interpreter interpreter(program);
    LaneContext lane;
    lane.seed = seed;
    lane.random_sample = lane.sample = static_cast<std::uint32_t>(sample);
    lane.trace = static_cast<std::uint32_t>(trace);
    lane.n_samples = static_cast<std::uint32_t>(parameters.rows);
    lane.n_traces = static_cast<std::uint32_t>(data.n_traces);
    interpreter.start(parameters.row(sample), row(0), lane);
    Oracle oracle;
    for (std::size_t k = 0; k < data.n_steps; ++k) {
        interpreter.step(static_cast<std::int64_t>(k), row(k));
        oracle.output.push_back(interpreter.outputs()[0]);
        if (interpreter.spiked()) oracle.spikes.push_back(static_cast<std::int32_t>(k));
    }
    oracle.final_states.assign(interpreter.states().begin(), interpreter.states().end());
    return oracle;
}

bool same_bits(std::span<const double> a, std::span<const double> b) {
    return std::ranges::equal(
        a, b, {}, [](double x) { return std::bit_cast<std::uint64_t>(x); },
        [](double x) { return std::bit_cast<std::uint64_t>(x); });
}

void expect_same(const EnsembleRecord& a, const EnsembleRecord& b, const std::string& what) {
    ASSERT_EQ(a.values.size(), b.values.size());
    for (std::size_t o = 0; o < a.values.size(); ++o)
        EXPECT_TRUE(same_bits(a.values[o].values, b.values[o].values)) << what;
    EXPECT_EQ(a.spike_steps, b.spike_steps) << what;
    for (std::size_t e = 0; e < a.result.online_errors.size(); ++e) {
        EXPECT_TRUE(same_bits(a.result.online_errors[e].values, b.result.online_errors[e].values)) << what;
    }
    for (std::size_t s = 0; s < a.result.final_states.size(); ++s) {
        EXPECT_TRUE(same_bits(a.result.final_states[s].values, b.result.final_states[s].values)) << what;
    }
}

const RunRequest everything{.outputs = true, .spikes = true, .final_states = true};

TEST(Ensemble, GivesTheBitsOfTheInterpreter) {
    const UpdateProgram program = program_of(integrate_and_fire(), "v", true);
    const EnsembleData data = stimulated(3, 700);
    const Array2 parameters = parameter_table(21);  // not a multiple of any vector
    Ensemble ensemble(program, data);
    const EnsembleRecord recording = record(ensemble, parameters, everything);
    std::size_t spikes = 0;
    for (std::size_t s = 0; s < parameters.rows; ++s) {
        for (std::size_t r = 0; r < data.n_traces; ++r) {
            const Oracle oracle = interpret(program, data, parameters, s, r);
            EXPECT_TRUE(same_bits(recording.trace("v", s, r), oracle.output)) << s << " " << r;
            EXPECT_EQ(recording.spike_steps[s * data.n_traces + r], oracle.spikes) << s << " " << r;
            for (std::size_t i = 0; i < program.states.size(); ++i) {
                EXPECT_EQ(recording.result.final_states[i](s, r), oracle.final_states[i]) << program.states[i].name;
            }
            spikes += oracle.spikes.size();
        }
    }
    EXPECT_GT(spikes, 100U);  // the comparison must have something to compare
    EXPECT_EQ(recording.result.non_finite, 0U);
}

TEST(Ensemble, FollowsForwardEulerWrittenByHand) {
    const EnsembleData data = stimulated(2, 400);
    const Array2 parameters = parameter_table(9);
    Ensemble ensemble(program_of(integrate_and_fire(), "v", false), data);
    const EnsembleRecord recording = record(ensemble, parameters, everything);
    for (std::size_t s = 0; s < parameters.rows; ++s) {
        for (std::size_t r = 0; r < 2; ++r) {
            double v = parameters(s, 2);
            std::vector<std::int32_t> spikes;
            for (std::size_t k = 0; k < data.n_steps; ++k) {
                ASSERT_NEAR(recording.trace("v", s, r)[k], v, 1e-11);
                v += 0.1 * ms * (parameters(s, 0) - v + data.inputs.at("I").values(r, k / 2)) / parameters(s, 1);
                if (v > 1) {
                    v = 0;
                    spikes.push_back(static_cast<std::int32_t>(k));
                }
            }
            EXPECT_EQ(recording.spike_steps[s * 2 + r], spikes);
            const std::vector<double> times = recording.spike_times(s, r);
            ASSERT_EQ(times.size(), spikes.size());
            for (std::size_t i = 0; i < times.size(); ++i) EXPECT_EQ(times[i], spikes[i] * (0.1 * ms));
        }
    }
}

TEST(Ensemble, GivesTheSameBitsForAnyThreadsWidthAndBlocks) {
    const UpdateProgram program = program_of(integrate_and_fire(), "v", true);
    const EnsembleData data = stimulated(3, 300);
    const Array2 parameters = parameter_table(203);
    Ensemble reference_ensemble(program, data, {.threads = 1, .kernel = {.width = 1, .interleave = 1}});
    const EnsembleRecord reference = record(reference_ensemble, parameters, everything);
    for (const int width : available_widths()) {
        for (const int threads : {1, 2, 5}) {
            for (const std::size_t lanes : {0, 1, 24, 1000}) {
                Ensemble ensemble(program, data,
                                  {.threads = threads, .block_lanes = lanes, .kernel = {.width = width}});
                expect_same(reference, record(ensemble, parameters, everything),
                            "width " + std::to_string(width) + ", threads " + std::to_string(threads) + ", lanes " +
                                std::to_string(lanes));
            }
        }
    }
}

TEST(Ensemble, RandomNumbersBelongToTheSampleNotToItsPlace) {
    const UpdateProgram program = program_of(random_walk(), "x", false);
    const EnsembleData data{.n_traces = 2, .n_steps = 200};
    const Array2 parameters(50, 1, 0.5);
    Ensemble one_block(program, data, {.threads = 1, .kernel = {.width = 1}, .seed = 7});
    Ensemble many_blocks(program, data, {.threads = 2, .block_lanes = 1, .seed = 7});
    const EnsembleRecord reference = record(one_block, parameters, {.outputs = true, .final_states = true});
    expect_same(reference, record(many_blocks, parameters, {.outputs = true, .final_states = true}), "blocks");
    EXPECT_TRUE(same_bits(reference.trace("x", 33, 1), interpret(program, data, parameters, 33, 1, 7).output));

    std::set<double> ends(reference.result.final_states[0].values.begin(),
                          reference.result.final_states[0].values.end());
    EXPECT_EQ(ends.size(), 100U);  // each lane has its own stream
    Ensemble other_seed(program, data, {.seed = 8});
    EXPECT_NE(record(other_seed, parameters).trace("x", 0, 0)[0], reference.trace("x", 0, 0)[0]);

    // Evaluation 10 + s of a later run is evaluation s + 10 of the first.
    const EnsembleRecord later = record(many_blocks, Array2(40, 1, 0.5), {.first_evaluation = 10, .outputs = true});
    EXPECT_TRUE(same_bits(later.trace("x", 5, 0), reference.trace("x", 15, 0)));

    // Held noise: every sample draws what evaluation 13 draws.
    for (const int width : available_widths()) {
        Ensemble other_width(program, data, {.kernel = {.width = width, .disk_cache = false}, .seed = 7});
        const EnsembleRecord held =
            record(other_width, Array2(40, 1, 0.5), {.first_evaluation = 13, .same_noise = true, .outputs = true});
        for (const std::size_t sample : {0U, 7U, 39U})
            EXPECT_TRUE(same_bits(held.trace("x", sample, 0), reference.trace("x", 13, 0))) << width;
    }
}

TEST(Ensemble, OnlineErrorIsTheWeightedSumOfSquares) {
    EnsembleData data = stimulated(2, 500);
    for (std::size_t k = 0; k < 500; ++k)
        data.weights["v"].values(0, k) = k < 100 ? 0.0 : 1.0 / static_cast<double>(300 + k);
    for (std::size_t k = 0; k < 100; ++k) data.targets["v"].values(1, k) = std::nan("");  // does not count
    const Array2 parameters = parameter_table(40);
    Ensemble ensemble(program_of(integrate_and_fire(), "v", true), data);
    const EnsembleRecord recording = record(ensemble, parameters);
    for (std::size_t s = 0; s < parameters.rows; ++s) {
        for (std::size_t r = 0; r < 2; ++r) {
            double expected = 0;
            for (std::size_t k = 100; k < 500; ++k) {
                const double difference = recording.trace("v", s, r)[k] - data.targets["v"].values(r, k);
                expected += difference * difference / static_cast<double>(300 + k);
            }
            EXPECT_NEAR(recording.result.online_errors.at(0)(s, r), expected, 1e-13 * expected);
        }
    }
    // The same errors without recording anything.
    EXPECT_TRUE(
        same_bits(ensemble.run(parameters).online_errors.at(0).values, recording.result.online_errors.at(0).values));
}

TEST(Ensemble, ShowsEachBlockOnceAndAllOfThem) {
    const EnsembleData data = stimulated(3, 50);
    const Array2 parameters = parameter_table(100);
    Ensemble ensemble(program_of(integrate_and_fire(), "v", false), data, {.threads = 2, .block_lanes = 16});
    std::mutex mutex;
    std::vector<int> seen(300, 0);
    RunRequest request{.outputs = true};
    request.observer = [&](const BlockView& block) {
        const std::lock_guard lock(mutex);
        EXPECT_EQ(block.n_steps, 50U);
        EXPECT_THAT(std::vector(block.outputs.begin(), block.outputs.end()), testing::ElementsAre("v"));
        for (std::size_t s = 0; s < block.n_samples; ++s) ++seen.at((block.first_sample + s) * 3 + block.trace);
        std::vector<double> wrong(49);
        EXPECT_THROW(block.copy_output(0, 0, wrong), std::invalid_argument);
        EXPECT_THROW((void)block.spikes(0), std::invalid_argument);  // were not asked for
    };
    ensemble.run(parameters, request);
    EXPECT_THAT(seen, testing::Each(1));
}

TEST(Ensemble, CountsLanesThatEndNonFinite) {
    const EnsembleData data = stimulated(2, 100);
    Array2 parameters = parameter_table(30);
    parameters(4, 0) = std::numeric_limits<double>::infinity();
    parameters(17, 1) = 0;  // 0/0 or x/0
    parameters(29, 2) = std::nan("");
    Model model = integrate_and_fire();
    model.threshold.reset();
    model.reset.clear();
    Ensemble ensemble(program_of(model, "v", true), data);
    const RunResult result = ensemble.run(parameters);
    EXPECT_EQ(result.non_finite, 6U);
    for (std::size_t s = 0; s < 30; ++s) {
        EXPECT_EQ(std::isfinite(result.online_errors[0](s, 1)), s != 4 && s != 17 && s != 29) << s;
    }
}

TEST(Ensemble, RecordsASpikeInEveryStepOfALongRun) {
    Model model = integrate_and_fire();
    model.reset = {{"v", Expression(5.0), false}};
    EnsembleData data = stimulated(1, 100000);
    Ensemble ensemble(program_of(model, "v", false), data);
    const EnsembleRecord recording = record(ensemble, Array2(3, 3, 2.0), {.spikes = true});
    for (const auto& spikes : recording.spike_steps) {
        ASSERT_EQ(spikes.size(), 100000U);
        for (std::size_t k = 0; k < spikes.size(); ++k) ASSERT_EQ(spikes[k], static_cast<std::int32_t>(k));
    }
}

TEST(Ensemble, RunsInSinglePrecision) {
    const EnsembleData data = stimulated(2, 300);
    const Array2 parameters = parameter_table(37);
    Model model = integrate_and_fire();
    model.threshold.reset();  // rounding may move a spike
    model.reset.clear();
    Ensemble wide(program_of(model, "v", true), data);
    Ensemble narrow(program_of(model, "v", true), data, {.kernel = {.precision = Precision::single_precision}});
    const EnsembleRecord reference = record(wide, parameters);
    const EnsembleRecord recording = record(narrow, parameters);
    double largest = 0;
    for (std::size_t i = 0; i < reference.values[0].values.size(); ++i) {
        largest = std::max(largest, std::fabs(reference.values[0].values[i] - recording.values[0].values[i]));
    }
    EXPECT_LT(largest, 2e-5);
    EXPECT_GT(largest, 0);
    EXPECT_NEAR(recording.result.online_errors[0](36, 1), reference.result.online_errors[0](36, 1), 1e-4);
}

TEST(Ensemble, StopsPromptlyWhenCancelled) {
    EnsembleData data{.n_traces = 1, .n_steps = 1'000'000};
    data.inputs["I"] = {0.1 * ms, Array2(1, 1, 0.5)};
    Ensemble ensemble(program_of(integrate_and_fire(), "v", false), data, {.threads = 2});
    std::atomic<bool> cancelled = false;
    RunRequest request;
    request.cancelled = &cancelled;
    ensemble.run(Array2(0, 3), request);  // compiles
    std::chrono::steady_clock::time_point asked;
    std::thread user([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        asked = std::chrono::steady_clock::now();
        cancelled = true;
    });
    EXPECT_THROW(ensemble.run(parameter_table(100'000), request), Interrupted);  // minutes, if nothing stops it
    const auto stopped = std::chrono::steady_clock::now();
    user.join();
    EXPECT_LT(stopped - asked, std::chrono::milliseconds(500));  // 50 ms of work, on a machine that may be busy
    EXPECT_THROW(ensemble.run(parameter_table(1), request), Interrupted);  // still cancelled
}

TEST(Ensemble, PassesOnWhatAnObserverThrows) {
    Ensemble ensemble(program_of(integrate_and_fire(), "v", false), stimulated(2, 20), {.threads = 2});
    RunRequest request;
    request.observer = [](const BlockView&) { throw DataError("enough"); };
    EXPECT_THROW(ensemble.run(parameter_table(200), request), DataError);
    EXPECT_NO_THROW(ensemble.run(parameter_table(200)));  // and is usable afterwards
}

TEST(Ensemble, RefusesWhatDoesNotFit) {
    Model model = integrate_and_fire();
    model.threshold.reset();
    model.reset.clear();
    Ensemble ensemble(program_of(model, "v", false), stimulated(1, 10));
    EXPECT_THROW(ensemble.run(Array2(4, 2)), DataError);
    EXPECT_THROW(ensemble.run(parameter_table(1), {.spikes = true}), ConfigError);
    EXPECT_THROW(Ensemble(program_of(model, "v", false), stimulated(1, 10), {.threads = -1}), ConfigError);
    EXPECT_THROW(Ensemble(program_of(model, "v", false), EnsembleData{.n_traces = 1, .n_steps = 10}), DataError);
    EXPECT_THROW((void)record(ensemble, parameter_table(1)).trace("w", 0, 0), ConfigError);
    EXPECT_TRUE(ensemble.run(Array2(0, 3), {.final_states = true}).final_states.at(0).values.empty());
}

}  // namespace
}  // namespace spikesmith
