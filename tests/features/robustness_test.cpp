// Any trace gives values or reasons, in both modes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "features/recordings.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using namespace testing_features;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Numbers in [0, 1) that are the same everywhere.
class Numbers {
  public:
    explicit Numbers(unsigned seed) : state_(seed * 2654435761U + 1) {}
    double next() {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<double>(state_ >> 11) * 0x1p-53;
    }

  private:
    unsigned long long state_;
};

std::vector<std::vector<double>> nasty_traces() {
    std::vector<std::vector<double>> traces{{},
                                            {-70},
                                            {-70, 20},
                                            {-70, 20, -70},
                                            std::vector<double>(3, 0.0),
                                            std::vector<double>(800, -70.0),
                                            std::vector<double>(800, -20.0),
                                            std::vector<double>(800, 40.0),
                                            std::vector<double>(500, nan),
                                            std::vector<double>(500, infinity),
                                            std::vector<double>(500, 1e308),
                                            {-70, 10, -70, 10, -70},
                                            {10, -70, 10, -70, 10},
                                            {-20, -10, -20, -30},
                                            {1e300, -1e300, 1e300, -1e300, 1e300, -1e300}};
    std::vector<double> gap(1000, -70);
    gap[500] = nan;
    traces.push_back(gap);
    for (unsigned seed = 0; seed < 6; ++seed) {
        Numbers numbers(seed);
        std::vector<double> noise;
        for (int k = 0; k < 600; ++k) noise.push_back(-60 + 90 * (numbers.next() - 0.5) * (seed + 1) / 3);
        if (seed % 2 == 1) {
            for (double& x : noise) x = std::round(x / 5) * 5;  // many equal samples, many at the threshold
        }
        traces.push_back(noise);
    }
    // Spikes of 2 ms every 10 ms; cut in the middle of one, and beginning in the middle of one.
    std::vector<double> train;
    for (int k = 0; k < 1200; ++k)
        train.push_back(k % 100 < 20 ? -70 + 100 * std::sin(k % 100 * 0.157) : -70 - 0.01 * (k % 100));
    traces.push_back(train);
    traces.emplace_back(train.begin(), train.begin() + 1110);
    traces.emplace_back(train.begin() + 10, train.end());
    return traces;
}

std::vector<FeatureSettings> nasty_settings() {
    return {{},
            {.strict_stimulus_interval = true},
            {.threshold = -75, .derivative_threshold = -100, .derivative_window = 500, .ignore_first_interval = false},
            {.interpolation_step = 0.37,
             .phaseslope_range = 1000,
             .max_skipped_spikes = 1000000,
             .initial_fraction = 1,
             .inactivation_end_skip = 1000000},
            {.down_derivative_threshold = -1e300,
             .rise_start = 2,
             .rise_end = -1,
             .skip_fraction = 0.999,
             .offset = -1e9,
             .burst_factor = 1e-9,
             .strict_burst_factor = 1e-9,
             .initburst_frequency = -1,
             .initburst_sahp_start = -1e6,
             .initburst_sahp_end = 1e6,
             .sahp_start = -1e6,
             .voltage_base_start = -5,
             .voltage_base_end = 50,
             .decay_start = -1e6,
             .decay_end = 1e6,
             .impedance_max_frequency = 1e9},
            {.min_spike_height = 0,
             .sahp_start = 1e300,
             .voltage_base_mode = BaseMode::median,
             .precision = 1e9,
             .decay_start = 10,
             .decay_end = 1,
             .impedance_max_frequency = -1}};
}

void check_all(TraceFeatures& features, const std::string& what) {
    const FeatureTable& table = features.table();
    for (std::size_t f = 0; f < table.size(); ++f) {
        const FeatureValue& value = features.get(f);
        const std::string name = what + " " + table[f].name;
        EXPECT_EQ(value.mode, features.settings().mode) << name;
        EXPECT_EQ(value.present(), !value.values.empty()) << name;
        EXPECT_EQ(value.present(), value.sentence().empty()) << name;
        if (!value.present()) continue;
        EXPECT_TRUE(std::ranges::any_of(value.values, [](double x) { return std::isfinite(x); })) << name;
        EXPECT_TRUE(!table[f].single || value.values.size() == 1) << name;
        const double samples = static_cast<double>(features.get("time").values.size());
        if (table[f].unit != "index" || !table[f].listed) continue;
        for (const double i : value.values) EXPECT_TRUE(i >= 0 && i < samples && i == std::floor(i)) << name;
    }
}

TEST(FeatureRobustness, ValuesOrReasonsForAnyTrace) {
    const std::vector<StimulusWindow> stimuli{{0, 0.05},   {20, 60},       {50, 50.25},     {1e6, 2e6},   {-50, -20},
                                              {-1e9, 1e9}, {99.9, 150.05}, {149.95, 1e300}, {3, 3 + 1e-9}};
    const auto traces = nasty_traces();
    for (const FeatureMode mode : {FeatureMode::efel, FeatureMode::native}) {
        std::size_t s = 0;
        for (FeatureSettings settings : nasty_settings()) {
            settings.mode = mode;
            TraceFeatures features(settings);
            for (std::size_t t = 0; t < traces.size(); ++t) {
                for (std::size_t w = 0; w < stimuli.size(); ++w) {
                    features.load(
                        {.voltage = traces[t],
                         .dt = 0.1,
                         .stimulus = stimuli[w],
                         .current = w % 2 == 0 ? std::span<const double>(traces[t]) : std::span<const double>{},
                         .stimulus_current = 0.1,
                         .stimuli = stimuli,
                         .units = TraceUnits::quoted});
                    check_all(features, std::string(name_of(mode)) + " settings " + std::to_string(s) + " trace " +
                                            std::to_string(t) + " stimulus " + std::to_string(w));
                }
            }
            ++s;
        }
    }
}

TEST(FeatureRobustness, EverythingIsMissingWithoutASoundTrace) {
    const std::vector<double> v{-70, 20, -70, -70};
    const std::vector<double> one{-70};
    const std::vector<double> gap{-70, nan, -70, -70};
    const std::vector<double> back{0, 1, 0.5, 2};
    const std::vector<double> still{0, 1, 1, 2};
    const std::vector<double> lost{0, 1, nan, 2};
    const std::vector<double> few{0, 1, 2};
    const std::vector<double> far{0, 1, 2, 1e12};
    const std::vector<double> endless{0, 1, 2, infinity};
    struct Case {
        std::span<const double> voltage;
        std::span<const double> time;
        Missing missing;
    };
    for (const FeatureMode mode : {FeatureMode::efel, FeatureMode::native}) {
        for (const Case& c :
             {Case{{}, {}, Missing::too_short}, Case{one, {}, Missing::too_short}, Case{gap, {}, Missing::gaps},
              Case{v, back, Missing::time_not_increasing}, Case{v, still, Missing::time_not_increasing},
              Case{v, lost, Missing::time_not_increasing}, Case{v, few, Missing::lengths_differ},
              Case{v, far, Missing::grid_too_large}, Case{v, endless, Missing::time_not_increasing}}) {
            if (mode == FeatureMode::native && c.missing == Missing::grid_too_large) continue;
            TraceFeatures features(
                {.voltage = c.voltage, .dt = 1, .stimulus = {1, 2}, .time = c.time, .units = TraceUnits::quoted},
                {.mode = mode});
            for (const FeatureDefinition& definition : features.table().definitions()) {
                const bool of_voltage = definition.unit != "nA" && definition.name != "time";
                if (c.missing == Missing::gaps && !of_voltage) continue;
                EXPECT_EQ(features.get(definition.name).missing, c.missing) << definition.name;
            }
        }
    }
}

TEST(FeatureRobustness, UnevenTimes) {
    for (unsigned seed = 0; seed < 4; ++seed) {
        Numbers numbers(seed);
        std::vector<double> time{numbers.next() * 100 - 50};
        std::vector<double> voltage{-70};
        for (int k = 0; k < 800; ++k) {
            time.push_back(time.back() + std::pow(10, -6 + 7 * numbers.next()));
            voltage.push_back(-70 + 100 * std::pow(numbers.next(), 3));
        }
        for (const FeatureMode mode : {FeatureMode::efel, FeatureMode::native}) {
            TraceFeatures features(
                {.voltage = voltage, .stimulus = {20, 200}, .time = time, .units = TraceUnits::quoted}, {.mode = mode});
            check_all(features, "uneven " + std::to_string(seed));
        }
    }
}

// Recordings cut at many places, so that spikes are cut by either end.
TEST(FeatureRobustness, RecordingsCutAnywhere) {
    const std::vector<double> whole = read_array("ibw_bluepyefe_B6_Ch3_IDRest_185", "v_mV");
    for (const FeatureMode mode : {FeatureMode::efel, FeatureMode::native}) {
        TraceFeatures features({.mode = mode});
        for (std::size_t n = 2900; n < 3300; n += 7) {
            features.load({.voltage = std::span(whole).subspan(n % 13 * 200, n - n % 13 * 200),
                           .dt = 0.25,
                           .stimulus = {700, 720 + static_cast<double>(n % 50) * 3},
                           .units = TraceUnits::quoted});
            check_all(features, "cut at " + std::to_string(n));
        }
    }
}

}  // namespace
}  // namespace spikesmith
