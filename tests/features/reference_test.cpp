// efel mode against the values of eFEL, on 13 recordings with two settings and on eFEL's own test data.
#include <set>

#include "features/recordings.hpp"
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

using namespace testing_features;

// Largest relative difference allowed where only the order of a summation differs.
constexpr double tolerance = 1e-9;

void expect_values(const FeatureValue& value, const std::vector<double>& expected, const std::string& what) {
    EXPECT_EQ(value.mode, FeatureMode::efel);
    EXPECT_EQ(value.present(), !expected.empty()) << what << " " << value.sentence();
    EXPECT_TRUE(value.present() || !value.sentence().empty()) << what;
    ASSERT_EQ(value.values.size(), expected.size()) << what << " " << value.sentence();
    for (std::size_t k = 0; k < expected.size(); ++k) {
        if (std::isnan(expected[k])) {
            EXPECT_TRUE(std::isnan(value.values[k])) << what << "[" << k << "]";
        } else {
            EXPECT_NEAR(value.values[k], expected[k], tolerance * (1e-3 + std::fabs(expected[k])))
                << what << "[" << k << "]";
        }
    }
}

TEST(FeatureReference, ValuesOfRecordings) {
    const auto oracle = read_json("oracle_efel.json");
    int present = 0;
    int missing = 0;
    std::set<std::string> seen;
    for (const std::string setting : {"default", "strict"}) {
        TraceFeatures features({.strict_stimulus_interval = setting == "strict"});
        for (const auto& [name, recording] : oracle.at(setting).items()) {
            const std::vector<double> millivolts = read_array(name, "v_mV");
            features.load({.voltage = millivolts,
                           .dt = recording.at("dt_ms"),
                           .stimulus = {recording.at("stim_start"), recording.at("stim_end")},
                           .stimulus_current = recording.at("stimulus_current_nA"),
                           .units = TraceUnits::quoted});
            for (const auto& [feature, reference] : recording.at("features").items()) {
                const std::vector<double> expected = reference_values(reference);
                expect_values(features.get(feature), expected, name + " " + setting + " " + feature);
                (expected.empty() ? missing : present) += 1;
                seen.insert(feature);
            }
        }
    }
    EXPECT_EQ(seen.size(), 167U);
    EXPECT_GT(present, 2200);
    EXPECT_GT(missing, 1500);
}

// In volts and seconds the last bits of the samples differ.
TEST(FeatureReference, ValuesOfRecordingsInSiUnits) {
    const auto oracle = read_json("oracle_efel.json");
    TraceFeatures features{FeatureSettings{}};
    for (const auto& [name, recording] : oracle.at("default").items()) {
        std::vector<double> volts = read_array(name, "v_mV");
        for (double& v : volts) v *= 1e-3;
        features.load({.voltage = volts,
                       .dt = recording.at("dt_ms").get<double>() * 1e-3,
                       .stimulus = {recording.at("stim_start").get<double>() * 1e-3,
                                    recording.at("stim_end").get<double>() * 1e-3},
                       .stimulus_current = recording.at("stimulus_current_nA").get<double>() * 1e-9});
        for (const auto& [feature, reference] : recording.at("features").items()) {
            expect_values(features.get(feature), reference_values(reference), name + " SI " + feature);
        }
    }
}

TEST(FeatureReference, ExpectedResultsOfTheEstablishedTool) {
    const auto expected = read_json("efel_expectedresults.json").at("features");
    EXPECT_EQ(expected.size(), 170U);
    TraceFeatures features{FeatureSettings{}};
    const auto load = [&](const std::string& file, StimulusWindow stimulus) {
        const std::vector<double> time = read_array(file, "t_ms");
        const std::vector<double> voltage = read_array(file, "v_mV");
        features.load({.voltage = voltage, .stimulus = stimulus, .time = time, .units = TraceUnits::quoted});
    };
    load("efel_testdata", {700, 2700});
    for (const auto& [feature, reference] : expected.items()) {
        if (feature.starts_with("depol_block")) continue;
        std::vector<double> values = reference_values(reference);
        if (feature == "voltage" || feature == "time") {  // every 500th
            const auto all = features.get(feature).values;
            ASSERT_EQ((all.size() + 499) / 500, values.size());
            for (std::size_t k = 0; k < values.size(); ++k) EXPECT_NEAR(all[500 * k], values[k], 1e-9) << feature;
        } else {
            expect_values(features.get(feature), values, "testdata " + feature);
        }
    }
    load("efel_testdbdata", {419.995, 1419.995});
    for (const std::string feature : {"depol_block", "depol_block_bool"}) {
        expect_values(features.get(feature), reference_values(expected.at(feature)), "testdbdata " + feature);
    }
}

}  // namespace
}  // namespace spikesmith
