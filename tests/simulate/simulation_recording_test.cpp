// Chunks, periods, times and resets of Simulation, with a clock as the model: x counts milliseconds, so every sample tells when it was
// taken.
#include <cmath>
#include <limits>

#include "simulate/simulation_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith {
namespace {

using test::ms;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// x counts steps of a millisecond (after the step, as ANNarchy samples: the sample labelled t is t + 1), y is n times as fast.
Model clocks() {
    return parse_annarchy(
        {.parameters = {"parameters", "n = 2"}, .equations = {"equations", "dx/dt = 1\ndy/dt = n\nr = x"}});
}

Simulation clock_simulation(double interval = 0, double dt = ms) {
    return {clocks(), {.n_candidates = 2, .dt = dt, .record = {"x", "y"}, .recording_interval = interval}};
}

std::vector<double> milliseconds(const std::vector<double>& seconds) {
    std::vector<double> out;
    for (const double s : seconds) out.push_back(std::round(s * 1e9) / 1e6);
    return out;
}

std::string message_of(const auto& function) {
    try {
        function();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

// ---- periods and chunks ----

TEST(SimulationRecording, NothingWithoutAStart) {
    auto s = clock_simulation();
    s.run(5 * ms);
    EXPECT_FALSE(s.recording());
    s.pause_recording();
    s.reset();
    s.run(5 * ms);
    const auto record = s.results();
    EXPECT_THAT(record.chunks, IsEmpty());
    EXPECT_THAT(message_of([&] { (void)record.trace("x"); }), HasSubstr("nothing was recorded"));
}

TEST(SimulationRecording, PausesLeaveNoGapInTheDataButInTheTimes) {
    auto s = clock_simulation();
    s.start_recording();
    s.start_recording();
    s.run(2 * ms);
    s.pause_recording();
    s.run(3 * ms);
    s.start_recording();
    s.pause_recording();  // no steps, no trace
    s.start_recording();
    s.run(2 * ms);
    s.run(1 * ms);
    s.pause_recording();
    s.run(1 * ms);
    const auto record = s.results();
    ASSERT_EQ(record.chunks.size(), 1u);
    ASSERT_EQ(record.chunks[0].periods.size(), 2u);
    EXPECT_THAT(milliseconds(record.times()), ElementsAre(0, 1, 5, 6, 7));
    EXPECT_THAT(record.trace("x"), ElementsAre(1, 2, 6, 7, 8));
    EXPECT_THAT(record.trace("y", 0, 1), ElementsAre(2, 4, 12, 14, 16));
    EXPECT_EQ(record.chunks[0].end_step, 9);
    EXPECT_EQ(s.step(), 9) << "results leave the time alone";
    EXPECT_FALSE(s.recording());
    s.run(ms);
    EXPECT_THAT(s.results().chunks, IsEmpty()) << "recording is off, all was handed over";
}

TEST(SimulationRecording, ResetsBeginChunks) {
    auto s = clock_simulation();
    s.start_recording();
    s.run(3 * ms);
    s.reset();
    s.run(2 * ms);
    s.reset({.model = false});
    s.run(1 * ms);  // a chunk of one sample
    s.reset();
    s.reset();  // a chunk of none
    s.pause_recording();
    s.run(4 * ms);
    s.reset();  // a chunk without a record
    s.start_recording();
    s.run(2 * ms);
    const auto record = s.results();
    ASSERT_EQ(record.chunks.size(), 4u);
    EXPECT_THAT(milliseconds(record.times(0)), ElementsAre(0, 1, 2));
    EXPECT_THAT(milliseconds(record.times(1)), ElementsAre(0, 1));
    EXPECT_THAT(milliseconds(record.times(2)), ElementsAre(2));
    EXPECT_THAT(milliseconds(record.times(3)), ElementsAre(0, 1));
    EXPECT_THAT(record.trace("x", 2), ElementsAre(3));
    EXPECT_THAT(record.trace("x", 3), ElementsAre(1, 2));
    EXPECT_EQ(record.chunks[2].start_step, 2);
    EXPECT_EQ(record.chunks[2].end_step, 3);
}

TEST(SimulationRecording, SamplesAreAtMultiplesOfTheInterval) {
    auto s = clock_simulation(3 * ms);
    s.run(1 * ms);
    s.start_recording();
    s.run(6 * ms);  // steps 1 ... 6
    s.pause_recording();
    s.run(ms);
    s.start_recording();
    s.run(ms);  // step 8
    s.pause_recording();
    s.start_recording();
    s.run(ms);  // step 9
    const auto record = s.results();
    EXPECT_EQ(record.interval_steps, 3);
    EXPECT_THAT(milliseconds(record.times()), ElementsAre(3, 6, 9));
    EXPECT_THAT(record.trace("x"), ElementsAre(4, 7, 10));
    EXPECT_EQ(record.chunks[0].periods.size(), 3u);
    EXPECT_EQ(record.chunks[0].periods[1].n_samples, 0u) << "between two samples";
}

// The arithmetic of the specification of the established tool, where floating-point times go wrong at 43 % of the starts.
TEST(SimulationRecording, CountsSamplesInWholeNumbers) {
    auto s = clock_simulation(0.1 * ms, 0.1 * ms);
    for (int start = 0; start < 200; ++start) {
        s.restart();
        s.run(start * 0.1 * ms);
        s.start_recording();
        s.run(100 * ms);
        const auto record = s.results();
        ASSERT_EQ(record.trace("x").size(), 1000u) << start;
        ASSERT_EQ(record.chunks[0].periods[0].first_step, start);
    }
}

TEST(SimulationRecording, KeepsTheParametersAtTheEndOfTheChunk) {
    auto s = clock_simulation();
    s.set("n", std::vector<double>{2, 3});
    s.store();
    s.start_recording();
    s.run(ms);
    s.set("n", std::vector<double>{4, 5});
    s.reset();
    s.run(ms);
    const auto record = s.results();
    EXPECT_EQ(record.chunks[0].parameters.at("n"), (std::vector<double>{4, 5}));
    EXPECT_EQ(record.chunks[1].parameters.at("n"), (std::vector<double>{2, 3}));
    EXPECT_EQ(record.candidate(1).chunks[1].parameters.at("n"), (std::vector<double>{3}));
}

TEST(SimulationRecording, OfSpikesAlone) {
    const Model model = parse_annarchy({.equations = {"equations", "dv/dt = 1"}, .spike = "v >= 3", .reset = "v = 0"});
    Simulation s(model, {.dt = ms, .record = {"spike"}, .recording_interval = 50 * ms});
    s.start_recording();
    s.run(7 * ms);
    s.pause_recording();
    s.run(3 * ms);
    s.start_recording();
    s.run(5 * ms);
    const auto record = s.results();
    EXPECT_THAT(record.variables, IsEmpty());
    EXPECT_THAT(record.chunks[0].spike_steps[0], ElementsAre(2, 5, 11, 14)) << "not the one at 8";
    EXPECT_THAT(milliseconds(record.spike_times()), ElementsAre(2, 5, 11, 14));
    EXPECT_THAT(milliseconds(record.candidate(0).spike_times()), ElementsAre(2, 5, 11, 14));
}

TEST(SimulationRecording, OfNothingHasNoChunks) {
    Simulation s(clocks(), {.dt = ms});
    s.start_recording();
    s.run(3 * ms);
    s.data["note"] = {1, 2};
    const auto record = s.results();
    EXPECT_THAT(record.chunks, IsEmpty());
    EXPECT_EQ(record.data.at("note"), (std::vector<double>{1, 2}));
    EXPECT_EQ(record.dt, ms);
    EXPECT_EQ(record.n_candidates, 1u);
}

// ---- what a reset resets ----

class SimulationReset : public testing::Test {
  protected:
    // After 3 ms with changed values, of which n = 5, x = 20 were stored at first.
    Simulation changed() {
        auto s = clock_simulation();
        s.set("n", 5);
        s.set("x", 20);
        s.store();
        s.run(3 * ms);
        s.set("n", 7);
        return s;
    }
    static std::vector<double> of(const Simulation& s) {
        return {static_cast<double>(s.step()), s.get("x")[1], s.get("y")[1], s.get("n")[1]};
    }
};

TEST_F(SimulationReset, ReturnsToWhatWasStored) {
    auto s = changed();
    EXPECT_THAT(of(s), ElementsAre(3, 23, 15, 7));
    s.reset();
    EXPECT_THAT(of(s), ElementsAre(0, 20, 0, 5));
}

TEST_F(SimulationReset, KeepsParametersIfAsked) {
    auto s = changed();
    s.reset({.parameters = false});
    EXPECT_THAT(of(s), ElementsAre(0, 20, 0, 7));
    s.run(ms);
    EXPECT_THAT(of(s), ElementsAre(1, 21, 7, 7));
    s.reset();
    EXPECT_THAT(of(s), ElementsAre(0, 20, 0, 5)) << "what was stored is still there";
}

TEST_F(SimulationReset, KeepsPopulationsIfAsked) {
    auto s = changed();
    s.reset({.populations = false});
    EXPECT_THAT(of(s), ElementsAre(0, 23, 15, 7));
}

TEST_F(SimulationReset, KeepsTheModelIfAsked) {
    for (const bool parameters : {false, true}) {
        for (const bool populations : {false, true}) {
            auto s = changed();
            s.reset({.model = false, .populations = populations, .parameters = parameters});
            EXPECT_THAT(of(s), ElementsAre(3, 23, 15, 7)) << "other flags have no say";
        }
    }
}

TEST_F(SimulationReset, WithoutStoreReturnsToTheInitialValuesOfTheModel) {
    auto s = clock_simulation();
    s.set("n", 5);
    s.set("x", 20);
    s.run(3 * ms);
    s.reset({.parameters = false});
    EXPECT_THAT(of(s), ElementsAre(0, 0, 0, 5));
    s.reset();
    EXPECT_THAT(of(s), ElementsAre(0, 0, 0, 2));
}

TEST_F(SimulationReset, StoresTheStateOfAnyMoment) {
    auto s = clock_simulation();
    s.run(3 * ms);
    s.store();
    s.run(4 * ms);
    s.reset();
    EXPECT_THAT(of(s), ElementsAre(0, 3, 6, 2)) << "time is 0, the state that of 3 ms";
}

TEST_F(SimulationReset, ClearsRefractorinessAndTheLastSpike) {
    const Model model = parse_annarchy({.equations = {"equations", "v = v + 1\nsince = t - t_last"},
                                        .spike = "v == 3",
                                        .reset = "v = 1",
                                        .refractory = "3"});
    Simulation s(model, {.dt = ms, .record = {"v", "since"}});
    s.start_recording();
    s.run(4 * ms);
    s.reset();
    s.run(8 * ms);
    const auto record = s.results();
    EXPECT_THAT(record.trace("v", 0), ElementsAre(1, 2, 1, 1));
    EXPECT_THAT(record.trace("v", 1), ElementsAre(1, 2, 1, 1, 1, 1, 2, 1)) << "as if nothing had been";
    EXPECT_EQ(record.trace("since", 0)[0], record.trace("since", 1)[0]);
}

TEST_F(SimulationReset, OfTheTimeAloneLetsRefractorinessGoOn) {
    const Model model = parse_annarchy({.equations = {"equations", "v = v + 1\nsince = t - t_last"},
                                        .spike = "v == 3",
                                        .reset = "v = 1",
                                        .refractory = "3"});
    Simulation s(model, {.dt = ms, .record = {"v", "since"}});
    s.start_recording();
    s.run(4 * ms);  // spike at 2, refractory in 3, 4, 5
    s.reset({.populations = false});
    s.run(4 * ms);
    const auto record = s.results();
    EXPECT_THAT(record.trace("v", 0), ElementsAre(1, 2, 1, 1));
    EXPECT_THAT(record.trace("v", 1), ElementsAre(1, 1, 2, 1)) << "as the interpreter has it in one go";
    EXPECT_NEAR(record.trace("since", 1)[2], 4, 1e-9) << "at 6 of the old clock, 4 after the spike at 2";
}

// ---- records by hand ----

SimulationRecord record_by_hand() {
    SimulationRecord record{
        .dt = ms, .interval_steps = 2, .n_candidates = 1, .variables = {"x"}, .chunks = {}, .data = {}};
    RecordedChunk first;
    first.periods = {{.first_step = 2, .n_samples = 2}, {.first_step = 12, .n_samples = 2}};
    first.values.emplace_back(1, 4);
    first.values[0].values = {10, 11, 12, 13};
    first.end_step = 20;
    RecordedChunk second;
    second.start_step = 20;
    second.periods = {{.first_step = 24, .n_samples = 1}};
    second.values.emplace_back(1, 1);
    second.values[0].values = {14};
    second.end_step = 26;
    record.chunks = {first, second};
    return record;
}

std::vector<double> with_marks(std::vector<double> values) {
    for (double& value : values) {
        if (std::isnan(value)) value = -1;
    }
    return values;
}

TEST(SimulationRecords, CombinePeriods) {
    const auto record = record_by_hand();
    const auto plain = combine_periods(record, "x");
    EXPECT_THAT(milliseconds(plain.times), ElementsAre(2, 4, 12, 14));
    EXPECT_THAT(plain.values, ElementsAre(10, 11, 12, 13));
    const auto nan = combine_periods(record, "x", 0, 0, GapFill::nan);
    EXPECT_THAT(milliseconds(nan.times), ElementsAre(2, 4, 6, 8, 10, 12, 14));
    EXPECT_THAT(with_marks(nan.values), ElementsAre(10, 11, -1, -1, -1, 12, 13));
    const auto number = combine_periods(record, "x", 0, 0, GapFill::value, 0.5);
    EXPECT_THAT(number.values, ElementsAre(10, 11, 0.5, 0.5, 0.5, 12, 13));
    const auto nearest = combine_periods(record, "x", 0, 0, GapFill::nearest);
    EXPECT_THAT(nearest.values, ElementsAre(10, 11, 11, 11, 12, 12, 13)) << "the middle is as near to the earlier";
    EXPECT_THAT(combine_periods(record, "x", 1, 0, GapFill::nan).values, ElementsAre(14));
}

TEST(SimulationRecords, CombineChunks) {
    const auto record = record_by_hand();
    const auto own = combine_chunks(record, "x");
    EXPECT_THAT(milliseconds(own.times), ElementsAre(0, 2, 4, 6, 8, 10, 12, 14, 20, 22, 24));
    EXPECT_THAT(with_marks(own.values), ElementsAre(-1, 10, 11, -1, -1, -1, 12, 13, -1, -1, 14));
    const auto consecutive = combine_chunks(record, "x", 0, ChunkTimes::consecutive);
    EXPECT_THAT(milliseconds(consecutive.times), ElementsAre(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20));
    EXPECT_THAT(with_marks(consecutive.values), ElementsAre(-1, 10, 11, -1, -1, -1, 12, 13, -1, -1, 14));
}

TEST(SimulationRecords, ConsecutiveTimesGoOnOverResets) {
    auto s = clock_simulation();
    s.start_recording();
    s.run(3 * ms);
    s.reset();
    s.run(2 * ms);
    const auto record = s.results();
    EXPECT_THAT(milliseconds(combine_chunks(record, "x").times), ElementsAre(0, 1, 2, 0, 1));
    const auto consecutive = combine_chunks(record, "x", 1, ChunkTimes::consecutive);
    EXPECT_THAT(milliseconds(consecutive.times), ElementsAre(0, 1, 2, 3, 4));
    EXPECT_THAT(consecutive.values, ElementsAre(1, 2, 3, 1, 2));
}

TEST(SimulationRecords, SayWhatThereIs) {
    const auto record = record_by_hand();
    EXPECT_THAT(message_of([&] { (void)record.trace("y"); }), HasSubstr("`y` was not recorded"));
    EXPECT_THAT(message_of([&] { (void)record.trace("x", 2); }), HasSubstr("there is no chunk 2"));
    EXPECT_THAT(message_of([&] { (void)record.trace("x", 0, 1); }), HasSubstr("there is no candidate 1"));
    EXPECT_THAT(message_of([&] { (void)record.times(7); }), HasSubstr("chunks count from 0; there are 2"));
    EXPECT_THAT(message_of([&] { (void)record.spike_times(); }), HasSubstr("spikes were not recorded"));
    EXPECT_THAT(message_of([&] { (void)record.candidate(3); }), HasSubstr("there is no candidate 3"));
    EXPECT_THAT(message_of([&] { (void)combine_periods(record, "x", 9); }), HasSubstr("there is no chunk 9"));
    EXPECT_THAT(message_of([&] { (void)combine_chunks(record, "z"); }), HasSubstr("`z` was not recorded"));
}

TEST(SimulationRecords, OfOneCandidateAreItsOwn) {
    auto s = clock_simulation();
    s.set("n", std::vector<double>{2, 3});
    s.start_recording();
    s.run(3 * ms);
    const auto record = s.results(), one = record.candidate(1);
    EXPECT_EQ(one.n_candidates, 1u);
    EXPECT_THAT(one.trace("y"), ElementsAre(3, 6, 9));
    EXPECT_EQ(one.times(), record.times());
    EXPECT_EQ(one.chunks[0].end_step, 3);
}

}  // namespace
}  // namespace spikesmith
