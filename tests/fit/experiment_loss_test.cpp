#include "spikesmith/fit/experiment_loss.hpp"

#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::IsNan;

constexpr double ms = 1e-3;

struct Chunk {
    std::vector<double> values{};
    std::vector<std::int64_t> spikes{};
    std::int64_t start = 0;
};

// One candidate with `v` and spikes, a sample per step.
SimulationRecord record_of(const std::vector<Chunk>& chunks, double dt = 1 * ms) {
    SimulationRecord record{.dt = dt, .n_candidates = 1, .variables = {"v"}, .spikes = true, .chunks = {}, .data = {}};
    for (const Chunk& chunk : chunks) {
        RecordedChunk one;
        one.start_step = chunk.start;
        one.end_step = chunk.start + static_cast<std::int64_t>(chunk.values.size());
        one.periods = {{chunk.start, chunk.values.size()}};
        one.values.emplace_back(1, chunk.values.size());
        one.values[0].values = chunk.values;
        one.spike_steps = {chunk.spikes};
        record.chunks.push_back(std::move(one));
    }
    return record;
}

SimulationRecord spikes_of(const std::vector<std::int64_t>& steps, std::size_t n = 1000) {
    return record_of({{.values = std::vector<double>(n, -70.0), .spikes = steps}});
}

TEST(RmseLoss, IsOnePerChunk) {
    const auto a = record_of({{{1, 2, 3, 4}}, {{0, 0}}});
    const auto b = record_of({{{1, 2, 3, 8}}, {{3, 4}}});
    EXPECT_THAT(rmse_loss("v")(a, b), ElementsAre(2, std::sqrt(12.5)));
    EXPECT_THAT(rmse_loss("v")(a, a), ElementsAre(0, 0));
}

TEST(RmseLoss, InterpolatesATargetOfOtherSampling) {
    std::vector<double> line, coarse, cut;
    for (int k = 0; k < 100; ++k) line.push_back(3.0 * k);
    for (int k = 0; k < 20; ++k) coarse.push_back(15.0 * k + 2);  // every 5 ms, 2 more
    EXPECT_THAT(rmse_loss("v")(record_of({{line}}), record_of({{coarse}}, 5 * ms)), ElementsAre(DoubleNear(2, 1e-12)));
    // a chunk that began later is compared from its beginning
    EXPECT_THAT(rmse_loss("v")(record_of({{.values = line, .start = 700}}), record_of({{coarse}}, 5 * ms)),
                ElementsAre(DoubleNear(2, 1e-12)));
}

TEST(RmseLoss, KnowsFailures) {
    EXPECT_THAT(rmse_loss("v")(record_of({{{1, NAN}}}), record_of({{{1, 2}}})), ElementsAre(IsNan()));
    EXPECT_THROW(rmse_loss("v")(record_of({{{1}}, {{1}}}), record_of({{{1}}})), ConfigError);
    EXPECT_THROW(rmse_loss("v")(record_of({{{1}}}), SimulationRecord{}), ConfigError);
    EXPECT_THROW(rmse_loss("v")(SimulationRecord{}, record_of({{{1}}})), ConfigError);
    EXPECT_THROW(rmse_loss("u")(record_of({{{1}}}), record_of({{{1}}})), ConfigError);
}

TEST(SpikeLoss, IsTheDistanceOfTheTrains) {
    const auto a = spikes_of({100, 200, 300});
    const auto b = spikes_of({101, 205, 300, 500});
    EXPECT_THAT(spike_loss(SpikeDistance::count)(a, b), ElementsAre(1));
    // moving by 1 ms costs 1/10, by 5 ms 1/2, one spike more 1
    EXPECT_THAT(spike_loss(SpikeDistance::victor_purpura, 10 * ms)(a, b), ElementsAre(DoubleNear(1.6, 1e-12)));
    // tau so short that no spikes but those at 300 ms see each other: 2 + 3 lone spikes
    EXPECT_THAT(spike_loss(SpikeDistance::van_rossum, 1e-6)(a, b), ElementsAre(DoubleNear(5, 1e-9)));
    EXPECT_THAT(spike_loss(SpikeDistance::gamma_factor, 2 * ms)(b, b), ElementsAre(DoubleNear(0, 1e-12)));
    // coincidences: 100 with 101, and 300
    const double rate = 4, chance = 2 * 0.002 * rate * 4, norm = 0.5 * (1 - 2 * 0.002 * rate);
    EXPECT_THAT(spike_loss(SpikeDistance::gamma_factor, 2 * ms)(a, b),
                ElementsAre(DoubleNear(1 + 2 * 1.0 / 4 - (2 - chance) / (norm * 7), 1e-12)));
}

TEST(SpikeLoss, CountsFromTheBeginningOfTheChunk) {
    const auto late = record_of({{.values = std::vector<double>(100, 0.0), .spikes = {510, 550}, .start = 500}});
    const auto early = record_of({{.values = std::vector<double>(100, 0.0), .spikes = {10, 50}}});
    EXPECT_THAT(spike_loss(SpikeDistance::victor_purpura)(late, early), ElementsAre(DoubleNear(0, 1e-9)));
}

TEST(SpikeLoss, ADivergedCandidateFailsThoughItIsSilent) {
    auto diverged = spikes_of({});
    diverged.chunks[0].values[0].values[500] = NAN;
    EXPECT_THAT(spike_loss(SpikeDistance::count)(diverged, spikes_of({})), ElementsAre(IsNan()));
    EXPECT_THROW(spike_loss(SpikeDistance::van_rossum, 0), ConfigError);
    EXPECT_THROW(spike_loss(SpikeDistance::van_rossum, NAN), ConfigError);
}

// Worked out by hand from the table in the header: 1000 ms, so counts are close at 5, times at 50 ms.
TEST(SpikeFeatureLoss, FollowsTheTable) {
    const auto a = spikes_of({100, 200, 300});       // ISI_CV 0
    const auto b = spikes_of({150, 200, 300, 500});  // intervals 50, 100, 200: mean 116.67, deviation 62.36
    const double cv = std::sqrt((200.0 * 200 + 50 * 50 + 250.0 * 250) / 9 / 3) / (350.0 / 3);
    const auto loss = [&](const std::string& name) { return spike_feature_loss({name})(a, b)[0]; };
    EXPECT_DOUBLE_EQ(loss("spike_count"), 1.0 / 5);
    EXPECT_DOUBLE_EQ(loss("time_to_first_spike"), 1);
    EXPECT_DOUBLE_EQ(loss("time_to_second_spike"), 0);
    EXPECT_DOUBLE_EQ(loss("time_to_third_spike"), 0);
    EXPECT_DOUBLE_EQ(loss("time_to_last_spike"), 4);
    EXPECT_NEAR(loss("ISI_CV"), cv / 0.1, 1e-12);
    EXPECT_NEAR(spike_feature_loss()(a, b)[0], (0.2 + 1 + 4 + cv / 0.1) / 6, 1e-12);
}

TEST(SpikeFeatureLoss, WhatOneLacksCostsTheMost) {
    const auto silent = spikes_of({});
    const auto one = spikes_of({400});
    EXPECT_THAT(spike_feature_loss()(silent, silent), ElementsAre(0));
    EXPECT_DOUBLE_EQ(spike_feature_loss({"time_to_first_spike"})(silent, one)[0], 1000.0 / 50);
    EXPECT_DOUBLE_EQ(spike_feature_loss({"ISI_CV"})(spikes_of({1, 2}), one)[0], 1 / 0.1);
    // 40 ms: close is 5 ms, at least; and one spike
    EXPECT_DOUBLE_EQ(spike_feature_loss({"time_to_first_spike"})(spikes_of({10}, 40), spikes_of({20}, 40))[0], 2);
    EXPECT_DOUBLE_EQ(spike_feature_loss({"spike_count"})(spikes_of({10}, 40), spikes_of({}, 40))[0], 1);
    EXPECT_THROW(spike_feature_loss({"ISI_CW"}), ConfigError);
}

// -70 mV, during the stimulus from 200 to 800 ms `level`; a triangular spike to 20 mV at each of `spikes` (samples of 0.1 ms).
SimulationRecord response(double level, const std::vector<std::size_t>& spikes) {
    std::vector<double> v(10000, -70);
    for (std::size_t k = 2001; k < 8000; ++k) v[k] = level;
    for (const std::size_t s : spikes) {
        for (std::size_t k = 0; k < 20; ++k)
            v[s + k] = level + (20 - level) * (1 - std::fabs(static_cast<double>(k) - 10) / 10);
    }
    return record_of({{.values = v}}, 0.1 * ms);
}

TEST(EfelLoss, FollowsTheTable) {
    const auto a = response(-60, {3000});
    const auto b = response(-64, {3500, 5000});
    const auto loss = [&](const std::string& name) {
        return efel_loss({.features = {name}, .stimuli = {{0.2, 0.8}}})(a, b)[0];
    };
    EXPECT_NEAR(loss("steady_state_voltage_stimend"), 0.4, 1e-9);
    EXPECT_NEAR(loss("voltage_base"), 0, 1e-9);
    EXPECT_NEAR(loss("minimum_voltage"), 0.4, 1e-9);
    EXPECT_NEAR(loss("time_to_first_spike"), 1, 1e-6);            // 50 ms; close: 50 ms of 799.9
    EXPECT_NEAR(loss("time_to_second_spike"), 799.9 / 50, 1e-9);  // missing in one
    EXPECT_NEAR(loss("spike_count"), 1.0 / 5, 1e-12);
    EXPECT_NEAR(loss("spike_count_stimint"), 1.0 / 5, 1e-12);
    EXPECT_NEAR(loss("ISI_CV"), 0, 1e-12);  // missing in both
    const auto impossible = response(150, {});
    EXPECT_NEAR(efel_loss({.features = {"voltage_base"}, .stimuli = {{0.2, 0.8}}})(impossible, a)[0], 20, 1e-12);
    EXPECT_NEAR(efel_loss({.stimuli = {{0.2, 0.8}}})(a, a)[0], 0, 1e-12);
    EXPECT_THROW(efel_loss({.features = {"AP_width"}}), ConfigError);
}

TEST(FeatureLoss, DividesByScales) {
    const auto a = response(-60, {3000});
    const auto b = response(-64, {});
    const auto loss =
        feature_loss({.scales = {{"voltage_base", 2}, {"steady_state_voltage_stimend", 2}}, .stimuli = {{0.2, 0.8}}});
    EXPECT_NEAR(loss(a, b)[0], (0 + 2) / 2.0, 1e-9);
    const auto missing =
        feature_loss({.scales = {{"AP_amplitude", 5}, {"Spikecount", 1}}, .missing = 7, .stimuli = {{0.2, 0.8}}});
    EXPECT_NEAR(missing(a, b)[0], (7 + 1) / 2.0, 1e-9);
    EXPECT_NEAR(missing(b, b)[0], 0, 1e-12);
    EXPECT_THROW(feature_loss({}), ConfigError);
    EXPECT_THROW(feature_loss({.scales = {{"AP_amplitud", 1}}}), ConfigError);
    EXPECT_THROW(feature_loss({.scales = {{"AP_amplitude", 0}}}), ConfigError);
    EXPECT_THROW(feature_loss({.scales = {{"AP_amplitude", 1}}, .stimuli = {{0, 1}, {0, 1}}})(a, b), ConfigError);
}

TEST(FeatureLoss, VoltsAreScaled) {
    auto volts = response(-60, {});
    for (double& v : volts.chunks[0].values[0].values) v *= 1e-3;
    const auto loss = feature_loss({.scales = {{"voltage_base", 1}}, .to_millivolt = 1000, .stimuli = {{0.2, 0.8}}});
    auto more = volts;
    for (double& v : more.chunks[0].values[0].values) v += 5e-3;
    EXPECT_NEAR(loss(volts, more)[0], 5, 1e-9);
}

TEST(CombinedLoss, WeighsAndKeepsTheParts) {
    const auto a = spikes_of({100});
    auto b = spikes_of({100, 300});
    for (double& v : b.chunks[0].values[0].values) v += 2;
    const auto loss = combined_loss({{rmse_loss("v"), 0.5}, {spike_loss(SpikeDistance::count), 3}});
    EXPECT_THAT(loss(a, b), ElementsAre(1, 3));
    EXPECT_THROW(combined_loss({}), ConfigError);
    EXPECT_THROW(combined_loss({{rmse_loss("v"), -1}}), ConfigError);
}

}  // namespace
}  // namespace spikesmith
