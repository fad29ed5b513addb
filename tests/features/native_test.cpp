// Native mode against known truth: a Hodgkin-Huxley neuron simulated a hundred times finer than it is sampled, closed forms of
// membranes, and traces that hover at the threshold.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/features/features.hpp"
#include "spikesmith/features/native_exponential.hpp"
#include "spikesmith/features/native_interpolation.hpp"
#include "spikesmith/features/native_spikes.hpp"

namespace spikesmith {
namespace {

using Values = std::vector<double>;

Values values_of(const FeatureTrace& trace, const FeatureSettings& settings, const std::string& name) {
    TraceFeatures features(settings);
    features.load(trace);
    const FeatureValue& value = features.get(name);
    return {value.values.begin(), value.values.end()};
}

FeatureTrace quoted(const Values& voltage, double dt, StimulusWindow stimulus) {
    return {.voltage = voltage, .dt = dt, .stimulus = stimulus, .units = TraceUnits::quoted};
}

// A cheap source of noise, the same everywhere: uniform in [-1, 1].
class Noise {
  public:
    explicit Noise(unsigned long long seed = 1) : state_(seed) {}
    double operator()() {
        state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
        return static_cast<double>(state_ >> 11) * 0x1p-52 - 1;
    }

  private:
    unsigned long long state_;
};

// ---- truth: a neuron simulated finely ---------------------------------------------------------------------------------

constexpr double fine = 1e-3;  // ms

// The squid axon of Hodgkin and Huxley (J. Physiol. 117:500, 1952), shifted to a rest of -65 mV, under a step of current from
// 20 to 120 ms; fourth-order Runge-Kutta.
Values squid_axon(double current, double duration) {
    struct State {
        double v, m, h, n;
    };
    const auto rate = [&](const State& s, double t) {
        const double i = t >= 20 && t < 120 ? current : 0;
        const double am = 0.1 * (s.v + 40) / (1 - std::exp(-(s.v + 40) / 10));
        const double bm = 4 * std::exp(-(s.v + 65) / 18);
        const double ah = 0.07 * std::exp(-(s.v + 65) / 20);
        const double bh = 1 / (1 + std::exp(-(s.v + 35) / 10));
        const double an = 0.01 * (s.v + 55) / (1 - std::exp(-(s.v + 55) / 10));
        const double bn = 0.125 * std::exp(-(s.v + 65) / 80);
        return State{
            i - 120 * s.m * s.m * s.m * s.h * (s.v - 50) - 36 * std::pow(s.n, 4) * (s.v + 77) - 0.3 * (s.v + 54.4),
            am * (1 - s.m) - bm * s.m, ah * (1 - s.h) - bh * s.h, an * (1 - s.n) - bn * s.n};
    };
    const auto moved = [](const State& s, const State& d, double h) {
        return State{s.v + h * d.v, s.m + h * d.m, s.h + h * d.h, s.n + h * d.n};
    };
    State s{-65, 0.0529, 0.5961, 0.3177};
    Values trace;
    const auto steps = static_cast<std::size_t>(duration / fine);
    for (std::size_t k = 0; k <= steps; ++k) {
        trace.push_back(s.v);
        const double t = static_cast<double>(k) * fine;
        const State a = rate(s, t);
        const State b = rate(moved(s, a, fine / 2), t + fine / 2);
        const State c = rate(moved(s, b, fine / 2), t + fine / 2);
        const State d = rate(moved(s, c, fine), t + fine);
        s = moved(s,
                  {a.v + 2 * b.v + 2 * c.v + d.v, a.m + 2 * b.m + 2 * c.m + d.m, a.h + 2 * b.h + 2 * c.h + d.h,
                   a.n + 2 * b.n + 2 * c.n + d.n},
                  fine / 6);
    }
    return trace;
}

// What the definitions say, on samples so fine that straight lines and parabolas between them are exact.
std::map<std::string, Values> truth_of(const Values& v) {
    std::map<std::string, Values> truth;
    const auto time = [](std::size_t k) { return static_cast<double>(k) * fine; };
    std::vector<std::size_t> peaks;
    for (std::size_t k = 1; k + 1 < v.size(); ++k) {
        if (v[k] > -20 && v[k] > v[k - 1] && v[k] >= v[k + 1]) peaks.push_back(k);
    }
    const auto top = [&](std::size_t k) {  // of the parabola
        return time(k) + fine * (v[k - 1] - v[k + 1]) / (2 * (v[k - 1] - 2 * v[k] + v[k + 1]));
    };
    for (std::size_t s = 0; s < peaks.size(); ++s) {
        const std::size_t peak = peaks[s];
        const std::size_t end = s + 1 < peaks.size() ? peaks[s + 1] : v.size();
        std::size_t minimum = peak;
        while (minimum + 1 < end && v[minimum + 1] <= v[minimum]) ++minimum;
        std::size_t onset = peak;
        while (v[onset] > -30 || v[onset + 1] - v[onset - 1] >= 2 * fine * 10) --onset;
        const auto before = [&](double level) {
            std::size_t k = peak;
            while (v[k] > level) --k;
            return time(k) + fine * (level - v[k]) / (v[k + 1] - v[k]);
        };
        const auto after = [&](double level) {
            std::size_t k = peak;
            while (v[k] > level) ++k;
            return time(k) - fine * (level - v[k]) / (v[k - 1] - v[k]);
        };
        const auto slope = [&](std::size_t k) { return (v[k + 1] - v[k - 1]) / (2 * fine); };
        const double begin = time(onset) + fine * (10 - slope(onset)) / (slope(onset + 1) - slope(onset));
        const double peak_time = top(peak);
        const auto width = [&](double level) { return after(level) - before(level); };
        double upstroke = 0;
        double downstroke = 0;
        for (std::size_t k = onset; k < minimum; ++k) {
            upstroke = std::max(upstroke, (v[k + 1] - v[k - 1]) / (2 * fine));
            downstroke = std::min(downstroke, (v[k + 1] - v[k - 1]) / (2 * fine));
        }
        truth["peak_time"].push_back(peak_time);
        truth["peak_voltage"].push_back(v[peak]);
        truth["AP_begin_time"].push_back(begin);
        truth["AP_begin_voltage"].push_back(v[onset]);
        truth["AP_amplitude"].push_back(v[peak] - v[onset]);
        truth["AP_duration_half_width"].push_back(width((v[peak] + v[onset]) / 2));
        truth["spike_half_width"].push_back(width((v[peak] + v[minimum]) / 2));
        truth["AP_width"].push_back(width(-20));
        truth["min_AHP_values"].push_back(v[minimum]);
        truth["AHP_time_from_peak"].push_back(top(minimum) - peak_time);
        truth["AHP_depth_from_peak"].push_back(v[peak] - v[minimum]);
        truth["AP_rise_time"].push_back(peak_time - begin);
        truth["AP_peak_upstroke"].push_back(upstroke);
        truth["AP_peak_downstroke"].push_back(downstroke);
        if (s > 0) truth["all_ISI_values"].push_back(peak_time - top(peaks[s - 1]));
    }
    return truth;
}

// Root mean square errors of a feature over all spikes; the trace is sampled every 0.1 ms, beginning at ten places.
double error_of(const Values& trace, const std::string& name, const Values& truth, FeatureMode mode) {
    double sum = 0;
    double n = 0;
    const bool is_time = name == "peak_time" || name == "AP_begin_time";
    for (std::size_t phase = 0; phase < 100; phase += 10) {
        Values sampled;
        for (std::size_t k = phase; k < trace.size(); k += 100) sampled.push_back(trace[k]);
        const double shift = static_cast<double>(phase) * fine;
        const Values found = values_of(quoted(sampled, 0.1, {20 - shift, 120 - shift}), {.mode = mode}, name);
        EXPECT_EQ(found.size(), truth.size()) << name << " " << name_of(mode);
        if (found.size() != truth.size()) return NAN;
        for (std::size_t k = 0; k < truth.size(); ++k, ++n) {
            const double difference = found[k] + (is_time ? shift : 0) - truth[k];
            sum += difference * difference;
        }
    }
    return std::sqrt(sum / n);
}

TEST(NativeFeatures, ErrorsOnASimulatedNeuronAreAtLeastFiveTimesSmallerThanInEfelMode) {
    const Values trace = squid_axon(10, 135);
    const auto truth = truth_of(trace);
    ASSERT_GE(truth.at("peak_time").size(), 6U);
    for (const auto& [name, values] : truth) {
        const double efel = error_of(trace, name, values, FeatureMode::efel);
        const double native = error_of(trace, name, values, FeatureMode::native);
        const double factor = name == "AP_peak_upstroke" ? 4 : 5;  // a slope, which lasts for a few samples only
        EXPECT_LT(native * factor, efel) << name << ": " << native << " and " << efel << " in efel mode";
        RecordProperty(name, fmt::format("{:.3g} {:.3g}", native, efel));
    }
}

// ---- traps ------------------------------------------------------------------------------------------------------------

// A spike of 60 mV and 2 ms.
void add_spike(Values& v, std::size_t peak, double height = 60) {
    for (std::size_t k = peak - 10; k <= peak + 10; ++k) {
        const double x = (static_cast<double>(k) - static_cast<double>(peak)) / 10;
        v[k] += height * std::pow(std::cos(x * std::numbers::pi / 2), 2);
    }
}

TEST(NativeFeatures, ATraceThatHoversAtTheThresholdCountsItsRealSpikes) {
    for (const double hover : {-24.0, -21.0, -20.0, -19.5, -17.0}) {
        Noise noise;
        Values v(10000, -70);
        for (std::size_t k = 1000; k < 9000; ++k) v[k] = hover;
        for (double& x : v) x += 4 * noise();  // 8 mV from peak to peak
        for (const std::size_t peak : {2000U, 3500U, 5000U, 6500U, 8000U}) add_spike(v, peak);
        const auto trace = quoted(v, 0.1, {100, 900});
        EXPECT_EQ(values_of(trace, {.mode = FeatureMode::native}, "spike_count"), Values{5}) << hover;
        EXPECT_GT(values_of(trace, {}, "spike_count").at(0), hover < -23 ? 0 : 20) << hover;  // plain crossings
        const Values times = values_of(trace, {.mode = FeatureMode::native}, "peak_time");
        ASSERT_EQ(times.size(), 5U);
        for (std::size_t k = 0; k < 5; ++k) EXPECT_NEAR(times[k], 200 + 150 * static_cast<double>(k), 0.5);
    }
}

TEST(NativeFeatures, SpikesOnAPlateauAboveTheThresholdCount) {
    Values v(6000, -70);
    for (std::size_t k = 1000; k < 5000; ++k) v[k] = -10;
    for (const std::size_t peak : {2000U, 3000U, 4000U}) add_spike(v, peak, 35);
    const auto trace = quoted(v, 0.1, {100, 500});
    EXPECT_EQ(values_of(trace, {.mode = FeatureMode::native}, "spike_count"), Values{3});
    EXPECT_EQ(values_of(trace, {}, "spike_count"), Values{1});  // it never comes down to the threshold
}

TEST(NativeFeatures, SpikesCutByTheEndsDoNotCount) {
    Values v(2000, -70);
    add_spike(v, 1000, 90);
    const Values whole = v;
    EXPECT_EQ(values_of(quoted(whole, 0.1, {50, 150}), {.mode = FeatureMode::native}, "spike_count"), Values{1});
    const Values no_end(whole.begin(), whole.begin() + 1001);
    EXPECT_EQ(values_of(quoted(no_end, 0.1, {50, 150}), {.mode = FeatureMode::native}, "spike_count"), Values{0});
    const Values no_beginning(whole.begin() + 1000, whole.end());
    EXPECT_EQ(values_of(quoted(no_beginning, 0.1, {50, 90}), {.mode = FeatureMode::native}, "spike_count"), Values{0});
}

// The search in blocks finds what a search sample by sample finds.
TEST(NativeFeatures, DetectionAgreesWithAPlainSearch) {
    Noise noise;
    for (int round = 0; round < 200; ++round) {
        Values v(static_cast<std::size_t>(50 + 700 * std::fabs(noise())));
        double x = -60;
        const double stride = 30 * std::fabs(noise());
        for (double& value : v) value = x = std::clamp(x + stride * noise(), -90.0, 50.0);
        std::vector<double> expected;
        double low = v[0];
        std::size_t highest = 0;
        bool up = false;
        for (std::size_t k = 0; k < v.size(); ++k) {
            if (!up) {
                low = std::min(low, v[k]);
                if (v[k] >= low + 20) {
                    up = true;
                    highest = k;
                }
            } else if (v[k] > v[highest]) {
                highest = k;
            } else if (v[k] <= v[highest] - 20) {
                if (v[highest] >= -20) expected.push_back(static_cast<double>(highest));
                up = false;
                low = v[k];
            }
        }
        std::vector<double> found;
        find_spikes(v, -20, 20, found);
        ASSERT_EQ(found, expected);
    }
}

// ---- reset models -----------------------------------------------------------------------------------------------------

// A model is reset after its spike: nothing may be read from beyond the jump.
TEST(NativeFeatures, APeakBeforeAResetIsItsSample) {
    Values v(3000, -70);
    for (std::size_t spike : {1000U, 2000U}) {
        for (std::size_t k = 0; k < 30; ++k) v[spike - k] = 20 - 90 * (1 - std::exp(-static_cast<double>(k) / 5));
        for (std::size_t k = 1; k < 300; ++k) v[spike + k] = -60 - 10 * (1 - std::exp(-static_cast<double>(k) / 100));
    }
    const auto trace = quoted(v, 0.1, {50, 250});
    const FeatureSettings native{.mode = FeatureMode::native};
    EXPECT_EQ(values_of(trace, native, "peak_voltage"), (Values{20, 20}));
    EXPECT_THAT(values_of(trace, native, "peak_time"),
                testing::ElementsAre(testing::DoubleNear(100, 1e-9), testing::DoubleNear(200, 1e-9)));
    const Values onset = values_of(trace, native, "AP_begin_voltage");
    ASSERT_EQ(onset.size(), 2U);
    // dV/dt = 10 mV/ms where (20 + 70 - 90*(1 - e)) / 0.5 ms = 10: 5 mV above -70 mV
    for (const double voltage : onset) EXPECT_NEAR(voltage, -65, 0.2);
}

// ---- levels and time constants ----------------------------------------------------------------------------------------

// A membrane of 10 ms under a hyperpolarising step that starts and ends between samples.
struct Membrane {
    double rest = -70, depth = 10, tau = 10, start = 100.037, end = 300.061;
    [[nodiscard]] double at(double t) const {
        if (t < start) return rest;
        const double charged = depth * (1 - std::exp(-(std::min(t, end) - start) / tau));
        return rest - (t < end ? charged : charged * std::exp(-(t - end) / tau));
    }
    [[nodiscard]] Values sampled(double dt, double noise_size = 0, unsigned long long seed = 1) const {
        Noise noise(seed);
        Values v;
        for (double t = 0; t < 400; t = static_cast<double>(v.size()) * dt) v.push_back(at(t) + noise_size * noise());
        return v;
    }
};

TEST(NativeFeatures, TimeConstantsAreThoseOfTheMembrane) {
    for (const double tau : {4.0, 10.0, 23.0}) {
        const Membrane membrane{.tau = tau};
        const Values v = membrane.sampled(0.1);
        const auto trace = quoted(v, 0.1, {membrane.start, membrane.end});
        for (const std::string name : {"time_constant", "decay_time_constant_after_stim"}) {
            const Values native = values_of(trace, {.mode = FeatureMode::native}, name);
            const Values efel = values_of(trace, {}, name);
            ASSERT_EQ(native.size(), 1U) << name << " " << tau;
            ASSERT_EQ(efel.size(), 1U) << name << " " << tau;
            EXPECT_LT(5 * std::fabs(native[0] - tau), std::fabs(efel[0] - tau)) << name << " " << tau;
            EXPECT_NEAR(native[0], tau, 1e-4 * tau) << name;
        }
    }
}

TEST(NativeFeatures, TimeConstantsOfNoisyMembranesAreCloserThanInEfelMode) {
    double native_error = 0;
    double efel_error = 0;
    constexpr int n = 40;
    for (int k = 0; k < n; ++k) {
        const Membrane membrane{.tau = 12, .start = 100 + 0.01 * k};
        const Values v = membrane.sampled(0.1, 0.3, static_cast<unsigned long long>(k) * 1000003 + 17);
        const auto trace = quoted(v, 0.1, {membrane.start, membrane.end});
        const std::string name = "decay_time_constant_after_stim";
        native_error += std::pow(values_of(trace, {.mode = FeatureMode::native}, name).at(0) - 12, 2);
        efel_error += std::pow(values_of(trace, {}, name).at(0) - 12, 2);
    }
    EXPECT_LT(3 * native_error, efel_error);  // squares
    EXPECT_LT(std::sqrt(native_error / n), 0.25);
}

TEST(NativeFeatures, LevelsAreMeansOverTime) {
    const Membrane membrane{.tau = 60};
    for (const double dt : {0.02, 0.1, 0.25}) {
        const Values v = membrane.sampled(dt);
        const auto trace = quoted(v, dt, {membrane.start, membrane.end});
        const FeatureSettings native{.mode = FeatureMode::native};
        // mean of rest - depth*(1 - exp(-(t - start)/tau)) from a to b
        const auto mean = [&](double a, double b) {
            const auto integral = [&](double t) {
                return -membrane.tau * std::exp(-(t - membrane.start) / membrane.tau);
            };
            return membrane.rest - membrane.depth + membrane.depth * (integral(b) - integral(a)) / (b - a);
        };
        const double length = membrane.end - membrane.start;
        EXPECT_NEAR(values_of(trace, native, "steady_state_voltage_stimend").at(0),
                    mean(membrane.end - 0.1 * length, membrane.end), 1e-5);
        EXPECT_NEAR(values_of(trace, native, "steady_state_hyper").at(0), mean(membrane.end - 3.5, membrane.end - 0.5),
                    1e-4);
        EXPECT_NEAR(values_of(trace, native, "voltage_deflection").at(0),
                    mean(membrane.end - 1, membrane.end - 0.5) + 70, 1e-4);
        EXPECT_NEAR(values_of(trace, native, "voltage_deflection_begin").at(0),
                    mean(membrane.start + 0.05 * length, membrane.start + 0.15 * length) + 70, 1e-4);
        EXPECT_NEAR(values_of(trace, native, "voltage_base").at(0), -70, 1e-9);
    }
}

// ---- between samples --------------------------------------------------------------------------------------------------

TEST(NativeInterpolation, PolynomialsAreReproduced) {
    const auto f = [](double x) { return 3 - 0.5 * (x - 7.3) * (x - 7.3) + 0.01 * std::pow(x - 7.3, 4); };
    Values v;
    for (int k = 0; k < 15; ++k) v.push_back(f(k));
    for (const std::size_t half_width : {2U, 3U, 5U}) {
        const Extremum top = refined_extremum(v, 7, half_width);
        EXPECT_NEAR(top.place, 7.3, 1e-9);
        EXPECT_NEAR(top.value, 3, 1e-9);
    }
    for (double& x : v) x = -x;
    EXPECT_NEAR(refined_extremum(v, 7, 2).value, -3, 1e-9);
    Values cubic;
    for (int k = 0; k < 10; ++k) cubic.push_back(std::pow(k - 4.6, 3) + k);
    EXPECT_NEAR(crossing(cubic, 5, 4.6), 4.6, 1e-9);
    EXPECT_NEAR(value_at(cubic, 5.25), std::pow(0.65, 3) + 5.25, 1e-9);
    for (const std::size_t half_width : {2U, 4U}) EXPECT_NEAR(slope_at(cubic, 4, half_width), 3 * 0.36 + 1, 1e-9);
    EXPECT_NEAR(slope_at(cubic, 0, 4), cubic[1] - cubic[0], 1e-12);
    const Values line{0, 1, 2, 3, 4};
    EXPECT_NEAR(mean_between(line, 0.5, 3.5), 2, 1e-12);
    EXPECT_NEAR(mean_between(line, 1.25, 1.5), 1.375, 1e-12);
    EXPECT_NEAR(mean_between(line, 0, 4), 2, 1e-12);
}

TEST(NativeInterpolation, JumpsAreNotOvershot) {
    Values v(20, -50);
    for (std::size_t k = 0; k <= 10; ++k) v[k] = -50 + 6 * static_cast<double>(k);  // then reset
    EXPECT_EQ(refined_extremum(v, 10, 2).value, 10);
    EXPECT_EQ(refined_extremum(v, 10, 5).value, 10);
    Values spike(20, -50);
    spike[9] = 30;  // drawn in
    EXPECT_EQ(refined_extremum(spike, 9, 2).value, 30);
    const double place = crossing(v, 11, -20);
    EXPECT_NEAR(place, 10 + 30 / 60.0, 1e-12);  // straight across the jump
}

TEST(NativeExponential, FindsTheLeastSquares) {
    Noise noise;
    for (const double tau : {3.0, 17.0, 120.0}) {
        Values y;
        for (int k = 0; k < 400; ++k) y.push_back(-65 + 8 * std::exp(-k * 0.1 / tau));
        const auto exact = fit_exponential(y, 0.1);
        ASSERT_TRUE(exact);
        EXPECT_NEAR(exact->tau, tau, 1e-6 * tau);
        EXPECT_NEAR(exact->offset, -65, 1e-5);
        EXPECT_NEAR(exact->amplitude, 8, 1e-5);
        const auto fixed = fit_exponential(y, 0.1, -65);
        ASSERT_TRUE(fixed);
        EXPECT_NEAR(fixed->tau, tau, 1e-6 * tau);
    }
    Values flat(50, 3);
    EXPECT_FALSE(fit_exponential(flat, 0.1));
    flat[7] = NAN;
    EXPECT_FALSE(fit_exponential(flat, 0.1));
    Values line;
    for (int k = 0; k < 50; ++k) line.push_back(k);
    EXPECT_FALSE(fit_exponential(line, 0.1));  // no time constant
    EXPECT_FALSE(fit_exponential(Values{1, 2}, 0.1));
}

// ---- spike trains and names -------------------------------------------------------------------------------------------

TEST(NativeFeatures, NamesUnitsAndCountsAreThoseOfEfelMode) {
    const auto& efel = standard_features(FeatureMode::efel);
    const auto& native = standard_features(FeatureMode::native);
    for (const FeatureDefinition& definition : efel.definitions()) {
        if (!definition.listed) continue;
        const std::size_t k = native.find(definition.name);
        ASSERT_LT(k, native.size()) << definition.name;
        EXPECT_EQ(native[k].unit, definition.unit) << definition.name;
        EXPECT_EQ(native[k].single, definition.single) << definition.name;
    }
    for (const FeatureDefinition& definition : native.definitions()) {
        if (!definition.listed) continue;
        EXPECT_LT(efel.find(definition.name), efel.size()) << definition.name;
    }
}

TEST(NativeFeatures, EveryResultNamesItsMode) {
    const Values v(1000, -70);
    TraceFeatures features({.mode = FeatureMode::native});
    features.load(quoted(v, 0.1, {20, 50}));
    EXPECT_EQ(features.get("voltage_base").mode, FeatureMode::native);
    EXPECT_EQ(features.get("AP_amplitude").mode, FeatureMode::native);
    EXPECT_FALSE(features.get("AP_amplitude").present());
}

}  // namespace
}  // namespace spikesmith
