// Features against the values of eFEL on 13 recordings, and against closed forms on synthetic traces.
#include "spikesmith/features/features.hpp"

#include <cmath>
#include <fstream>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "spikesmith/core/error.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith {
namespace {

const std::string folder = std::string(SPIKESMITH_TEST_DATA) + "/features/";

template <class Failure, class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const Failure& failure) {
        return failure.what();
    }
    return "no error";
}

// ---- eFEL ---------------------------------------------------------------------------------------------------------

// Numbers of the reference; empty for those that eFEL does not give, or gives as NaN.
std::vector<double> reference_values(const nlohmann::json& reference) {
    if (reference.is_null()) return {};
    std::vector<double> values;
    for (const auto& value : reference) {
        if (value.is_string()) return {};
        values.push_back(value);
    }
    return values;
}

TEST(Features, AgreeWithReferenceValuesOfRecordings) {
    std::ifstream file(folder + "oracle_efel.json");
    const auto oracle = nlohmann::json::parse(file);
    int present = 0;
    int absent = 0;
    std::set<std::string> seen;
    for (const std::string setting : {"default", "strict"}) {
        for (const auto& [name, recording] : oracle.at(setting).items()) {
            std::vector<double> volts = to_array2(read_npz(folder + name + ".npz").array("v_mV"), name).values;
            for (double& v : volts) v *= 1e-3;
            FeatureSettings settings;
            settings.strict_stimulus_interval = setting == "strict";
            TraceFeatures features({.voltage = volts,
                                    .dt = recording.at("dt_ms").get<double>() * 1e-3,
                                    .stimulus = {recording.at("stim_start").get<double>() * 1e-3,
                                                 recording.at("stim_end").get<double>() * 1e-3}},
                                   settings);
            for (const auto& [feature, reference] : recording.at("features").items()) {
                const FeatureValue& value = features.get(feature);
                const std::vector<double> expected = reference_values(reference);
                ASSERT_EQ(value.values.size(), expected.size())
                    << name << " " << setting << " " << feature << " " << value.absent;
                EXPECT_EQ(value.present(), !expected.empty()) << name << " " << setting << " " << feature;
                for (std::size_t k = 0; k < expected.size(); ++k) {
                    EXPECT_NEAR(value.values[k], expected[k], 1e-9 * (1 + std::fabs(expected[k])))
                        << name << " " << setting << " " << feature << "[" << k << "]";
                }
                (expected.empty() ? absent : present) += 1;
                seen.insert(feature);
            }
        }
    }
    EXPECT_GE(seen.size() + 2, feature_list().size());  // all but the aliases Spikecount and Spikecount_stimint
    EXPECT_GT(present, 800);
    EXPECT_GT(absent, 50);
}

// ---- closed forms -------------------------------------------------------------------------------------------------

constexpr double dt = 1e-4;

// 1 s at -70 mV; -60 mV from 0.3 s to 0.8 s; triangular spikes to +20 mV with slopes of 50 mV/ms, peaks at the given times.
std::vector<double> synthetic(const std::vector<double>& peaks) {
    std::vector<double> v(10000, -0.070);
    for (std::size_t k = 3000; k < 8000; ++k) v[k] = -0.060;
    for (const double peak : peaks) {
        const auto centre = static_cast<std::size_t>(std::lround(peak / dt));
        for (std::size_t k = centre - 20; k <= std::min(centre + 20, v.size() - 1); ++k) {
            const double distance = std::fabs(static_cast<double>(k) - static_cast<double>(centre));
            v[k] = std::max(v[k], 0.020 - 0.005 * distance);
        }
    }
    return v;
}

TraceFeatures of(const std::vector<double>& v, const FeatureSettings& settings = {}) {
    return TraceFeatures({.voltage = v, .dt = dt, .stimulus = {0.3, 0.8}}, settings);
}

double value(TraceFeatures& features, std::string_view name) {
    const FeatureValue& found = features.get(name);
    EXPECT_TRUE(found.present()) << name << ": " << found.absent;
    EXPECT_EQ(found.values.size(), 1U) << name;
    return found.present() ? found.values[0] : std::numeric_limits<double>::quiet_NaN();
}

TEST(Features, ClosedFormsOfASyntheticTrain) {
    const auto v = synthetic({0.35, 0.40, 0.50, 0.55, 0.9});
    TraceFeatures features = of(v);
    EXPECT_EQ(value(features, "Spikecount"), 5);
    EXPECT_EQ(value(features, "Spikecount_stimint"), 4);
    EXPECT_NEAR(value(features, "mean_frequency"), 4 / 0.25, 1e-6);
    EXPECT_NEAR(value(features, "time_to_first_spike"), 50, 1e-6);
    EXPECT_NEAR(value(features, "time_to_last_spike"), 600, 1e-6);
    EXPECT_NEAR(value(features, "voltage_base"), -70 + 10.0 / 301, 2e-4);  // the sample at the start counts
    EXPECT_NEAR(value(features, "steady_state_voltage_stimend"), -60, 1e-9);
    EXPECT_NEAR(value(features, "minimum_voltage"), -60, 1e-6);
    EXPECT_NEAR(value(features, "maximum_voltage"), 20, 1e-9);
    // Intervals without the first: 100, 50, 350 ms.
    const double mean = 500.0 / 3;
    const double variance = ((100 - mean) * (100 - mean) + (50 - mean) * (50 - mean) + (350 - mean) * (350 - mean)) / 2;
    EXPECT_NEAR(value(features, "ISI_CV"), std::sqrt(variance) / mean, 1e-9);
    // The central derivative is above 10 mV/ms from the last flat sample on, which is the onset.
    for (const double amplitude : features.get("AP_amplitude").values) EXPECT_NEAR(amplitude, 80, 1e-6);
    EXPECT_THAT(features.get("peak_indices").values, testing::ElementsAre(3500, 4000, 5000, 5500, 9000));
}

TEST(Features, SettingsAct) {
    const auto v = synthetic({0.35, 0.40, 0.50, 0.9});
    const auto with = [&](const FeatureSettings& settings, std::string_view name) {
        TraceFeatures features = of(v, settings);
        return value(features, name);
    };
    EXPECT_EQ(with({.strict_stimulus_interval = true}, "Spikecount"), 3);
    EXPECT_NE(with({.ignore_first_interval = false}, "ISI_CV"), with({}, "ISI_CV"));
    TraceFeatures above = of(v, {.threshold = 30});
    EXPECT_EQ(value(above, "Spikecount"), 0);
    EXPECT_EQ(above.get("time_to_first_spike").absent, "no spikes");
    TraceFeatures coarse = of(v, {.interpolation_step = 0.5});
    EXPECT_THAT(coarse.get("peak_indices").values, testing::ElementsAre(700, 800, 1000, 1800));
    TraceFeatures steep = of(v, {.derivative_threshold = 60});
    EXPECT_EQ(steep.get("AP_begin_indices").absent, "no onset of a spike");
    EXPECT_NEAR(with({.voltage_base_mode = BaseMode::median}, "voltage_base"), -70, 1e-9);
}

TEST(Features, AbsentOnesSayWhy) {
    TraceFeatures silent = of(synthetic({}));
    for (const auto* name : {"time_to_first_spike", "mean_frequency", "AP_amplitude", "ISI_CV", "AHP_depth"}) {
        EXPECT_EQ(silent.get(name).absent, "no spikes") << name;
        EXPECT_TRUE(silent.get(name).values.empty());
    }
    TraceFeatures two = of(synthetic({0.4, 0.5}));
    EXPECT_EQ(two.get("ISI_CV").absent, "no interval beside the first");
    TraceFeatures three = of(synthetic({0.4, 0.5, 0.6}));
    EXPECT_EQ(three.get("ISI_CV").absent, "fewer than 2 intervals");
    const auto v = synthetic({});
    TraceFeatures from_the_start({.voltage = v, .dt = dt, .stimulus = {0, 0.8}});
    EXPECT_EQ(from_the_start.get("voltage_base").absent, "no time before the stimulus");
}

TEST(Features, TracesThatWereCutKeepTheirTimes) {
    const auto v = synthetic({0.35, 0.40, 0.50});
    TraceFeatures whole = of(v);
    TraceFeatures cut({.voltage = std::span(v).subspan(2000), .dt = dt, .stimulus = {0.3, 0.8}, .first_sample = 2000});
    for (const auto* name : {"time_to_first_spike", "mean_frequency", "voltage_base", "AP1_amp", "minimum_voltage"}) {
        EXPECT_NEAR(value(cut, name), value(whole, name), 2e-4) << name;
    }
}

TEST(Features, EveryFeatureOfEveryTraceIsFiniteOrAbsentWithAReason) {
    const std::vector<std::vector<double>> traces{std::vector<double>(3, -0.07),
                                                  std::vector<double>(3, 0.0),
                                                  std::vector<double>(5000, -0.02),
                                                  synthetic({0.002}),
                                                  synthetic({0.3, 0.8}),
                                                  {-0.07, 0.01, -0.07, 0.01, -0.07},
                                                  {0.01, -0.07, 0.01, -0.07, 0.01},
                                                  {-0.02, -0.01, -0.02, -0.03},
                                                  synthetic({0.30, 0.304, 0.308, 0.79, 0.998})};
    for (const auto& v : traces) {
        for (const bool strict : {false, true}) {
            for (const StimulusWindow stimulus :
                 {StimulusWindow{0, 1e-4}, StimulusWindow{0.3, 0.8}, StimulusWindow{5, 6}, StimulusWindow{0.9999, 7}}) {
                TraceFeatures features({.voltage = v, .dt = dt, .stimulus = stimulus},
                                       {.strict_stimulus_interval = strict});
                for (const FeatureInfo& info : feature_list()) {
                    const FeatureValue& found = features.get(info.name);
                    EXPECT_EQ(found.present(), !found.values.empty()) << info.name;
                    for (const double x : found.values) EXPECT_TRUE(std::isfinite(x)) << info.name;
                    EXPECT_TRUE(!info.single || found.values.size() <= 1) << info.name;
                }
            }
        }
    }
}

TEST(Features, ListIsSortedAndWithoutDoubles) {
    const auto& list = feature_list();
    for (std::size_t k = 0; k < list.size(); ++k) {
        EXPECT_EQ(feature_index(list[k].name), k);
        EXPECT_FALSE(list[k].unit.empty() || list[k].summary.empty()) << list[k].name;
        EXPECT_TRUE(k == 0 || list[k - 1].name < list[k].name) << list[k].name;
    }
    EXPECT_THAT(message_of<ConfigError>([] { (void)feature_index("voltage_bas"); }),
                testing::HasSubstr("did you mean `voltage_base`?"));
}

TEST(Features, RefuseWhatMakesNoSense) {
    const auto v = synthetic({});
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_THROW(TraceFeatures({.voltage = v, .dt = dt, .stimulus = {0.8, 0.3}}), ConfigError);
    EXPECT_THROW(TraceFeatures({.voltage = v, .dt = dt, .stimulus = {nan, 0.3}}), ConfigError);
    EXPECT_THROW(TraceFeatures({.voltage = v, .dt = 0, .stimulus = {0.3, 0.8}}), DataError);
    EXPECT_THROW(TraceFeatures({.voltage = std::span(v).first(2), .dt = dt, .stimulus = {0.3, 0.8}}), DataError);
    const std::vector<double> gap{0, nan, 0, 0};
    EXPECT_THROW(TraceFeatures({.voltage = gap, .dt = dt, .stimulus = {0.3, 0.8}}), DataError);
    EXPECT_THROW(of(v, {.threshold = nan}), ConfigError);
    EXPECT_THROW(of(v, {.derivative_window = 0}), ConfigError);
    EXPECT_THROW(of(v, {.interpolation_step = 0}), ConfigError);
    EXPECT_THROW(of(v, {.interpolation_step = 1e-9}), ConfigError);
}

}  // namespace
}  // namespace spikesmith
