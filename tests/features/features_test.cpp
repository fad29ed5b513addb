// Features of synthetic traces against closed forms, what settings do, why values are missing.
#include "spikesmith/features/features.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/features/fourier.hpp"

namespace spikesmith {
namespace {

using testing::ElementsAre;

constexpr double dt = 1e-4;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

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

FeatureTrace trace_of(const std::vector<double>& v) {
    return {.voltage = v, .dt = dt, .stimulus = {0.3, 0.8}};
}

std::vector<double> values(TraceFeatures& features, std::string_view name) {
    const auto found = features.get(name).values;
    return {found.begin(), found.end()};
}

double value(TraceFeatures& features, std::string_view name) {
    const FeatureValue& found = features.get(name);
    EXPECT_TRUE(found.present()) << name << ": " << found.sentence();
    EXPECT_EQ(found.values.size(), 1U) << name;
    return found.present() ? found.values[0] : nan;
}

template <class Failure, class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const Failure& failure) {
        return failure.what();
    }
    return "no error";
}

// ---- closed forms -------------------------------------------------------------------------------------------------

TEST(Features, ClosedFormsOfASyntheticTrain) {
    const auto v = synthetic({0.35, 0.40, 0.50, 0.55, 0.9});
    TraceFeatures features(trace_of(v));
    EXPECT_EQ(value(features, "Spikecount"), 5);
    EXPECT_EQ(value(features, "spike_count_stimint"), 4);
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
    EXPECT_NEAR(value(features, "irregularity_index"), (50.0 + 300.0) / 2, 1e-6);
    // The central derivative is above 10 mV/ms from the last flat sample on, which is the onset.
    for (const double amplitude : values(features, "AP_amplitude")) EXPECT_NEAR(amplitude, 80, 1e-6);
    EXPECT_THAT(values(features, "peak_indices"), ElementsAre(3500, 4000, 5000, 5500, 9000));
    for (const double width : values(features, "spike_half_width")) EXPECT_NEAR(width, 2 * 40 / 50.0, 0.21);
    for (const double slope : values(features, "AP_peak_upstroke")) EXPECT_NEAR(slope, 50, 1e-3);
    EXPECT_EQ(features.get("Spikecount").mode, FeatureMode::efel);
}

TEST(Features, TimeConstantsOfExponentials) {
    // Hyperpolarised from 0.2 s to 0.7 s; 20 ms on the way down, 8 ms on the way back.
    std::vector<double> v(10000, -70);
    for (std::size_t k = 2000; k < v.size(); ++k) {
        const double t = static_cast<double>(k) * 0.1;
        const double down = -70 - 10 * (1 - std::exp(-(std::min(t, 700.0) - 200) / 20));
        v[k] = t < 700 ? down : -70 + (down + 70) * std::exp(-(t - 700) / 8);
    }
    TraceFeatures features(
        {.voltage = v, .dt = 0.1, .stimulus = {199.95, 699.95}, .stimulus_current = -0.1, .units = TraceUnits::quoted});
    EXPECT_NEAR(value(features, "time_constant"), 20, 1.5);
    EXPECT_NEAR(value(features, "decay_time_constant_after_stim"), 8, 0.01);
    EXPECT_NEAR(value(features, "ohmic_input_resistance"), 100, 0.01);
    EXPECT_NEAR(value(features, "ohmic_input_resistance_vb_ssse"), 100, 0.01);
    EXPECT_EQ(value(features, "depol_block_bool"), 0);  // without any onset
}

TEST(Features, CurrentsOfVoltageClamp) {
    // Activation with 3 ms to a maximum, then inactivation with 12 ms, until 150 ms.
    std::vector<double> y(3000, 0);
    for (std::size_t k = 500; k < 1500; ++k) {
        const double t = static_cast<double>(k - 500) * 0.1;
        y[k] = t < 15 ? 5 - 4 * std::exp(-t / 3) : 2 + 2.97 * std::exp(-(t - 15) / 12);
    }
    TraceFeatures features({.voltage = y, .dt = 0.1, .stimulus = {50, 150}, .units = TraceUnits::quoted});
    EXPECT_NEAR(value(features, "activation_time_constant"), 3, 1e-2);
    EXPECT_NEAR(value(features, "inactivation_time_constant"), 12, 0.1);
    for (std::size_t k = 500; k < 1500; ++k) y[k] = 1 + 7 * std::exp(-static_cast<double>(k - 500) * 0.1 / 9);
    features.load({.voltage = y, .dt = 0.1, .stimulus = {50.05, 149.95}, .units = TraceUnits::quoted});
    EXPECT_NEAR(value(features, "deactivation_time_constant"), 9, 1e-6);
    EXPECT_EQ(features.get("activation_time_constant").missing, Missing::too_few_samples);
}

TEST(Features, ImpedanceOfAResonator) {
    // A sweep of sines from 1 to 40 Hz; the potential is largest where the filter resonates, at about 12 Hz.
    constexpr double step = 0.1;  // ms
    const std::size_t n = 40000;
    std::vector<double> current(n, 0);
    std::vector<double> v(n, -70);
    double x = 0;
    double rate = 0;
    const double omega = 2 * std::numbers::pi * 0.012;  // 1/ms
    for (std::size_t k = 0; k < n; ++k) {
        const double t = static_cast<double>(k) * step;
        const double sweep = t < 500 ? 0 : std::sin(2 * std::numbers::pi * (0.001 + 0.000006 * (t - 500)) * (t - 500));
        current[k] = 0.1 * sweep;
        rate += step * (sweep - 0.05 * rate - omega * omega * x);
        x += step * rate;
        v[k] = -70 + 0.01 * x;
    }
    TraceFeatures features(
        {.voltage = v, .dt = step, .stimulus = {500, 3900}, .current = current, .units = TraceUnits::quoted});
    // The smoothing, of 10 bins, moves the largest value towards the flatter side.
    double best = 0;
    double largest = 0;
    for (double f = 0.25; f < 40; f += 0.25) {
        double sum = 0;
        for (int k = -40; k <= 40; ++k) {
            const double w = 2 * std::numbers::pi * 0.001 * std::fabs(f + 0.25 * k);
            sum += std::exp(-k * k / 200.0) / std::hypot(omega * omega - w * w, 0.05 * w);
        }
        if (sum > largest) best = f;
        largest = std::max(largest, sum);
    }
    EXPECT_NEAR(value(features, "impedance"), best, 0.5);
    EXPECT_EQ(features.get("current").values.size(), features.get("voltage").values.size());
    TraceFeatures without({.voltage = v, .dt = step, .stimulus = {500, 3900}, .units = TraceUnits::quoted});
    EXPECT_EQ(without.get("impedance").missing, Missing::no_current);
}

TEST(Features, FourierTransformIsTheSum) {
    for (const std::size_t n : {1U, 2U, 7U, 16U, 45U}) {
        std::vector<double> series(n);
        for (std::size_t j = 0; j < n; ++j) series[j] = std::sin(1.7 * static_cast<double>(j * j)) + 0.3;
        const auto transform = fourier_transform(series);
        ASSERT_EQ(transform.size(), n);
        for (std::size_t k = 0; k < n; ++k) {
            std::complex<double> sum = 0;
            for (std::size_t j = 0; j < n; ++j) {
                sum += series[j] *
                       std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(j * k) / static_cast<double>(n));
            }
            EXPECT_LT(std::abs(transform[k] - sum), 1e-12) << n << " " << k;
        }
    }
    EXPECT_TRUE(fourier_transform({}).empty());
}

TEST(Features, SeveralStimuliDecayEach) {
    std::vector<double> v(10000, -70);
    const std::vector<StimulusWindow> stimuli{{99.95, 299.95}, {499.95, 699.95}};
    for (std::size_t k = 0; k < v.size(); ++k) {
        const double t = static_cast<double>(k) * 0.1;
        if (t >= 100 && t < 300) v[k] = -65;
        if (t >= 300 && t < 500) v[k] = -70 + 5 * std::exp(-(t - 300) / 5);
        if (t >= 500 && t < 700) v[k] = -60;
        if (t >= 700) v[k] = -70 + 10 * std::exp(-(t - 700) / 15);
    }
    v[1000] = -70;  // the reference is the sample at the start of each stimulus
    v[5000] = -70;
    TraceFeatures features(
        {.voltage = v, .dt = 0.1, .stimulus = {499.95, 699.95}, .stimuli = stimuli, .units = TraceUnits::quoted});
    const auto found = values(features, "multiple_decay_time_constant_after_stim");
    ASSERT_EQ(found.size(), 2U) << features.get("multiple_decay_time_constant_after_stim").sentence();
    EXPECT_NEAR(found[0], 5, 0.01);
    EXPECT_NEAR(found[1], 15, 0.01);
}

TEST(Features, BurstsOfAKnownPattern) {
    // Three bursts of 4 spikes, 5 ms apart, every 100 ms; a lone spike before them.
    std::vector<double> peaks{0.31};
    for (const double begin : {0.40, 0.50, 0.60}) {
        for (int k = 0; k < 4; ++k) peaks.push_back(begin + 0.005 * k);
    }
    const auto v = synthetic(peaks);
    TraceFeatures features(trace_of(v));
    EXPECT_THAT(values(features, "burst_begin_indices"), ElementsAre(1, 5, 9));
    EXPECT_THAT(values(features, "burst_end_indices"), ElementsAre(4, 8, 12));
    EXPECT_THAT(values(features, "spikes_per_burst"), ElementsAre(4, 4, 4));
    EXPECT_EQ(value(features, "strict_burst_number"), 3);
    for (const double rate : values(features, "strict_burst_mean_freq")) EXPECT_NEAR(rate, 4 / 0.015, 1e-6);
    for (const double gap : values(features, "interburst_duration")) EXPECT_NEAR(gap, 85, 1e-6);
    EXPECT_THAT(values(features, "burst_ISI_indices"), ElementsAre(4, 8));
    EXPECT_EQ(value(features, "spikes_in_burst1_burstlast_diff"), 0);
}

// ---- settings -----------------------------------------------------------------------------------------------------

TEST(Features, SettingsAct) {
    const auto v = synthetic({0.35, 0.40, 0.50, 0.9});
    const auto with = [&](const FeatureSettings& settings, std::string_view name) {
        TraceFeatures features(trace_of(v), settings);
        return value(features, name);
    };
    EXPECT_EQ(with({.strict_stimulus_interval = true}, "Spikecount"), 3);
    EXPECT_NE(with({.ignore_first_interval = false}, "ISI_CV"), with({}, "ISI_CV"));
    TraceFeatures above(trace_of(v), {.threshold = 30});
    EXPECT_EQ(value(above, "Spikecount"), 0);
    EXPECT_EQ(above.get("time_to_first_spike").sentence(), "no spikes (peak_indices)");
    TraceFeatures coarse(trace_of(v), {.interpolation_step = 0.5});
    EXPECT_THAT(values(coarse, "peak_indices"), ElementsAre(700, 800, 1000, 1800));
    TraceFeatures steep(trace_of(v), {.derivative_threshold = 60});
    EXPECT_EQ(steep.get("AP_begin_indices").missing, Missing::no_onset);
    EXPECT_NEAR(with({.voltage_base_mode = BaseMode::median}, "voltage_base"), -70, 1e-9);
    EXPECT_NEAR(with({.voltage_base_start = 1.2, .voltage_base_end = 1.3}, "voltage_base"), -60 + 80.0 * 40 / 50 / 16,
                4);
    EXPECT_EQ(with({.initial_fraction = 0.3}, "number_initial_spikes"), 2);
    EXPECT_NEAR(with({.sahp_start = 3}, "steady_state_voltage"), with({}, "steady_state_voltage"), 0);
}

TEST(Features, EverySettingIsListedOnce) {
    std::size_t n = 0;
    for (const FeatureSetting& setting : feature_settings()) {
        FeatureSettings changed;
        std::visit(
            [&](auto member) {
                changed.*member = static_cast<std::decay_t<decltype(changed.*member)>>(changed.*member == 0 ? 1 : 0);
            },
            setting.member);
        EXPECT_FALSE(changed == FeatureSettings{}) << setting.name;
        EXPECT_FALSE(setting.efel_name.empty()) << setting.name;
        ++n;
    }
    EXPECT_EQ(n, 30U);
}

// ---- missing values -----------------------------------------------------------------------------------------------

TEST(Features, MissingOnesSayWhy) {
    const auto v = synthetic({});
    TraceFeatures features(trace_of(v));
    for (const auto* name : {"time_to_first_spike", "mean_frequency", "AP_amplitude", "ISI_CV", "AHP_depth"}) {
        EXPECT_EQ(features.get(name).missing, Missing::no_spikes) << name;
        EXPECT_EQ(features.get(name).because, "peak_indices") << name;
        EXPECT_TRUE(features.get(name).values.empty());
        EXPECT_TRUE(std::isnan(features.get(name).mean()));
    }
    const auto reason_of = [&](const std::vector<double>& peaks, std::string_view name) {
        const auto train = synthetic(peaks);
        features.load(trace_of(train));
        return features.get(name).missing;
    };
    EXPECT_EQ(reason_of({0.4}, "doublet_ISI"), Missing::too_few_spikes);
    EXPECT_EQ(reason_of({0.4, 0.5}, "ISI_CV"), Missing::no_interval);
    EXPECT_EQ(reason_of({0.4, 0.5, 0.6}, "ISI_CV"), Missing::too_few_intervals);
    EXPECT_EQ(reason_of({0.1, 0.5, 0.6}, "trace_check"), Missing::spikes_outside_stimulus);
    EXPECT_EQ(reason_of({0.31, 0.35}, "is_not_stuck"), Missing::stopped_early);
    EXPECT_EQ(reason_of({0.31}, "sag_amplitude"), Missing::depolarising);
    EXPECT_EQ(reason_of({0.31}, "ohmic_input_resistance"), Missing::no_stimulus_current);
    features.load({.voltage = v, .dt = dt, .stimulus = {0, 0.8}});
    EXPECT_EQ(features.get("voltage_base").missing, Missing::no_base);
    features.load({.voltage = v, .dt = dt, .stimulus = {3, 4}});
    EXPECT_EQ(features.get("maximum_voltage").missing, Missing::empty_window);
    EXPECT_EQ(features.get("depol_block").missing, Missing::empty_window);
}

TEST(Features, EveryReasonIsASentence) {
    for (int k = 1; k <= static_cast<int>(Missing::undefined); ++k) {
        EXPECT_GT(reason(static_cast<Missing>(k)).size(), 5U) << k;
    }
    EXPECT_TRUE(reason(Missing::none).empty());
}

// ---- kinds of input -----------------------------------------------------------------------------------------------

TEST(Features, TracesThatWereCutKeepTheirTimes) {
    const auto v = synthetic({0.35, 0.40, 0.50});
    TraceFeatures whole(trace_of(v));
    TraceFeatures cut({.voltage = std::span(v).subspan(2000), .dt = dt, .stimulus = {0.3, 0.8}, .first_sample = 2000});
    for (const auto* name : {"time_to_first_spike", "mean_frequency", "voltage_base", "AP1_amp", "minimum_voltage"}) {
        EXPECT_NEAR(value(cut, name), value(whole, name), 2e-4) << name;
    }
}

TEST(Features, TimesMayBeUneven) {
    // A line between two samples is a line, however many samples there are between them.
    const auto v = synthetic({0.35, 0.40, 0.50});
    std::vector<double> time;
    std::vector<double> some;
    for (std::size_t k = 0; k < v.size(); ++k) {
        const bool straight = k > 1 && k + 2 < v.size() && v[k - 1] == v[k] && v[k] == v[k + 1];
        if (straight && k % 7 != 0) continue;
        time.push_back(static_cast<double>(k) * dt);
        some.push_back(v[k]);
    }
    ASSERT_LT(some.size(), v.size() / 3);
    TraceFeatures even(trace_of(v));
    TraceFeatures uneven({.voltage = some, .stimulus = {0.3, 0.8}, .time = time});
    for (const auto* name : {"time_to_first_spike", "voltage_base", "AP1_amp", "steady_state_voltage", "AP1_width"}) {
        EXPECT_NEAR(value(uneven, name), value(even, name), 1e-6) << name;
    }
}

TEST(Features, SpikeTrainsHaveTimesOnly) {
    const std::vector<double> times{0.35, 0.40, 0.50, 0.55, 0.9};
    const auto v = synthetic(times);
    TraceFeatures trace(trace_of(v));
    TraceFeatures spikes(FeatureSpikes{.times = times, .stimulus = {0.3, 0.8}});
    for (const auto* name : {"spike_count", "mean_frequency", "ISI_CV", "adaptation_index2", "time_to_last_spike",
                             "inv_first_ISI", "spike_count_stimint", "number_initial_spikes"}) {
        EXPECT_NEAR(value(spikes, name), value(trace, name), 1e-6) << name;
    }
    for (const auto* name : {"AP_amplitude", "voltage_base", "peak_indices", "time_constant", "impedance"}) {
        EXPECT_EQ(spikes.get(name).missing, Missing::no_voltage) << name;
    }
    spikes.load(FeatureSpikes{.times = {}, .stimulus = {0.3, 0.8}});
    EXPECT_EQ(value(spikes, "spike_count"), 0);
    EXPECT_EQ(spikes.get("mean_frequency").missing, Missing::no_spikes);
    const std::vector<double> wrong{0.5, 0.4};
    EXPECT_THROW(spikes.load(FeatureSpikes{.times = wrong, .stimulus = {0.3, 0.8}}), DataError);
}

TEST(Features, LoadingAgainForgetsTheFormerTrace) {
    const auto first = synthetic({0.35, 0.40, 0.50});
    const auto second = synthetic({0.36, 0.42});
    TraceFeatures reused(trace_of(first));
    const FeatureTable& table = reused.table();
    for (std::size_t f = 0; f < table.size(); ++f) (void)reused.get(f);
    reused.load({.voltage = std::span(second).first(7000), .dt = 2e-4, .stimulus = {0.3, 0.8}});
    reused.load(trace_of(second));
    TraceFeatures fresh(trace_of(second));
    for (std::size_t f = 0; f < table.size(); ++f) {
        EXPECT_EQ(reused.get(f).missing, fresh.get(f).missing) << table[f].name;
        EXPECT_TRUE(std::ranges::equal(reused.get(f).values, fresh.get(f).values)) << table[f].name;
    }
}

TEST(Features, ManyTracesAtOnce) {
    const auto first = synthetic({0.35, 0.40, 0.50});
    const auto second = synthetic({});
    const std::vector<FeatureTrace> traces{trace_of(first), trace_of(second), trace_of(first)};
    const FeatureTable& table = standard_features();
    const std::vector<std::size_t> wanted{table.index("AP_amplitude"), table.index("spike_count")};
    const FeatureMatrix matrix = compute_features(traces, wanted, {}, table);
    EXPECT_EQ(matrix.at(0, 0).values.size(), 3U);
    EXPECT_EQ(matrix.at(1, 0).missing, Missing::no_spikes);
    EXPECT_EQ(matrix.at(1, 0).because, "peak_indices");
    EXPECT_EQ(matrix.at(1, 1).values[0], 0);
    EXPECT_TRUE(std::ranges::equal(matrix.at(2, 0).values, matrix.at(0, 0).values));
}

// ---- refusals -----------------------------------------------------------------------------------------------------

TEST(Features, RefuseWhatMakesNoSense) {
    const auto v = synthetic({});
    EXPECT_THROW(TraceFeatures({.voltage = v, .dt = dt, .stimulus = {0.8, 0.3}}), ConfigError);
    EXPECT_THROW(TraceFeatures({.voltage = v, .dt = dt, .stimulus = {nan, 0.3}}), ConfigError);
    EXPECT_THROW(TraceFeatures({.voltage = v, .dt = 0, .stimulus = {0.3, 0.8}}), DataError);
    EXPECT_THAT(message_of<ConfigError>([] { TraceFeatures({.threshold = nan}); }),
                testing::HasSubstr("threshold must be a finite number"));
    for (const FeatureSettings& settings :
         {FeatureSettings{.derivative_window = 0}, FeatureSettings{.interpolation_step = 0},
          FeatureSettings{.phaseslope_range = -1}, FeatureSettings{.skip_fraction = 1},
          FeatureSettings{.initial_fraction = 2}, FeatureSettings{.burst_factor = 0}}) {
        EXPECT_THROW(TraceFeatures{settings}, ConfigError);
    }
}

}  // namespace
}  // namespace spikesmith
