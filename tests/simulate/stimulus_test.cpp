// Waveforms against closed forms; noise against its moments.
#include "spikesmith/simulate/stimulus.hpp"

#include <cmath>
#include <numbers>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr double ms = 1e-3;
constexpr double pi = std::numbers::pi;

std::string message_of(const Waveform& wave, std::size_t n_steps, double dt) {
    try {
        (void)sample(wave, n_steps, dt);
    } catch (const ConfigError& error) {
        return error.what();
    }
    return "no error";
}

TEST(Waveforms, ConstantAndNothing) {
    EXPECT_THAT(sample(ConstantWave{2.5}, 3, ms), ElementsAre(2.5, 2.5, 2.5));
    EXPECT_TRUE(sample(ConstantWave{2.5}, 0, ms).empty());
}

TEST(Waveforms, StepsBeginAndEndAtWholeSteps) {
    EXPECT_THAT(sample(StepWave{1, 5, 2 * ms, 4 * ms}, 6, ms), ElementsAre(1, 1, 5, 5, 1, 1));
    EXPECT_THAT(sample(StepWave{.from = 1, .to = 5, .start = 2 * ms}, 4, ms), ElementsAre(1, 1, 5, 5));
    EXPECT_THAT(sample(StepWave{1, 5, -1, 10}, 3, ms), Each(5)) << "from before the phase until after it";
    // 0.3 = 3 * 0.1 up to rounding, in whatever way it was computed
    for (const double start : {0.3 * ms, 3 * 0.1 * ms, 0.1 * ms + 0.2 * ms})
        EXPECT_THAT(sample(StepWave{.from = 0, .to = 1, .start = start}, 5, 0.1 * ms), ElementsAre(0, 0, 0, 1, 1));
    EXPECT_THAT(sample(StepWave{.from = 0, .to = 1, .start = 0.15 * ms}, 4, 0.1 * ms), ElementsAre(0, 0, 1, 1));
}

TEST(Waveforms, RampsReachBothEnds) {
    EXPECT_THAT(sample(RampWave{-1, 3}, 5, ms), ElementsAre(-1, 0, 1, 2, 3));
    EXPECT_THAT(sample(RampWave{-1, 3}, 1, ms), ElementsAre(-1));
    const auto long_ramp = sample(RampWave{0.1, 0.7}, 1000, ms);
    EXPECT_EQ(long_ramp.front(), 0.1);
    EXPECT_EQ(long_ramp.back(), 0.7);
}

TEST(Waveforms, StaircasesHaveEqualPlateaus) {
    EXPECT_THAT(sample(StaircaseWave{0, 10, 3}, 9, ms), ElementsAre(0, 0, 0, 5, 5, 5, 10, 10, 10));
    EXPECT_THAT(sample(StaircaseWave{4, 10, 1}, 3, ms), Each(4));
    // 10 steps, 4 plateaus: lengths differ by one step at most
    const auto uneven = sample(StaircaseWave{0, 3, 4}, 10, ms);
    for (double plateau = 0; plateau < 4; ++plateau)
        EXPECT_THAT(std::ranges::count(uneven, plateau), testing::AllOf(testing::Ge(2), testing::Le(3)));
}

TEST(Waveforms, Sine) {
    const auto wave = sample(SineWave{.offset = 2, .amplitude = 3, .frequency = 7, .phase = 0.4}, 5000, 0.1 * ms);
    for (std::size_t k = 0; k < wave.size(); ++k) {
        const double t = static_cast<double>(k) * 0.1 * ms;
        ASSERT_NEAR(wave[k], 2 + 3 * std::sin(2 * pi * 7 * t + 0.4), 1e-12) << k;
    }
    // a whole number of periods later the same value, however long that is
    const auto long_wave = sample(SineWave{.amplitude = 1, .frequency = 125}, 1'000'001, ms);
    EXPECT_NEAR(long_wave[1'000'000], 0, 1e-9);
}

TEST(Waveforms, ChirpsHaveTheIntegralOfTheirFrequencyAsPhase) {
    constexpr std::size_t n = 20000;
    constexpr double dt = 0.1 * ms, T = n * dt;
    const auto linear =
        sample(ChirpWave{.offset = 1, .amplitude = 2, .first_frequency = 1, .last_frequency = 40}, n, dt);
    const auto zap =
        sample(ChirpWave{.amplitude = 2, .first_frequency = 0.5, .last_frequency = 50, .exponential = true}, n, dt);
    // the integral by Simpson's rule, independent of the closed form
    double linear_turns = 0, zap_turns = 0;
    const auto linear_frequency = [&](double t) { return 1 + 39 * t / T; };
    const auto zap_frequency = [&](double t) { return 0.5 * std::pow(100, t / T); };
    const auto simpson = [&](const auto& f, double t) { return dt / 6 * (f(t) + 4 * f(t + dt / 2) + f(t + dt)); };
    for (std::size_t k = 0; k < n; ++k) {
        ASSERT_NEAR(linear[k], 1 + 2 * std::sin(2 * pi * linear_turns), 1e-8) << k;
        ASSERT_NEAR(zap[k], 2 * std::sin(2 * pi * zap_turns), 1e-8) << k;
        linear_turns += simpson(linear_frequency, static_cast<double>(k) * dt);
        zap_turns += simpson(zap_frequency, static_cast<double>(k) * dt);
    }
    // at equal frequencies both are a sine
    const auto still =
        sample(ChirpWave{.amplitude = 1, .first_frequency = 5, .last_frequency = 5, .exponential = true}, 100, ms);
    const auto sine = sample(SineWave{.amplitude = 1, .frequency = 5}, 100, ms);
    for (std::size_t k = 0; k < 100; ++k) EXPECT_NEAR(still[k], sine[k], 1e-13);
}

TEST(Waveforms, PulseTrains) {
    const PulseTrainWave train{.base = 1, .height = 4, .start = 1 * ms, .width = 2 * ms, .period = 3 * ms, .pulses = 2};
    EXPECT_THAT(sample(train, 9, ms), ElementsAre(1, 4, 4, 1, 4, 4, 1, 1, 1));
    PulseTrainWave endless = train;
    endless.pulses = 0;
    EXPECT_THAT(sample(endless, 9, ms), ElementsAre(1, 4, 4, 1, 4, 4, 1, 4, 4));
    EXPECT_THAT(sample(PulseTrainWave{.base = 0, .height = 1, .start = ms, .width = ms, .pulses = 1}, 3, ms),
                ElementsAre(0, 1, 0));
}

double mean_of(const std::vector<double>& x) {
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double covariance_at(const std::vector<double>& x, std::size_t lag, double mean) {
    double sum = 0;
    for (std::size_t k = 0; k + lag < x.size(); ++k) sum += (x[k] - mean) * (x[k + lag] - mean);
    return sum / static_cast<double>(x.size() - lag);
}

TEST(Waveforms, OrnsteinUhlenbeckNoiseHasItsMomentsAtAnyStep) {
    constexpr double deviation = 2, tau = 5 * ms;
    for (const double dt : {0.5 * ms, 5 * ms, 20 * ms}) {
        SCOPED_TRACE(dt);
        constexpr std::size_t n = 400'000;
        const auto x = sample(NoiseWave{.mean = 3, .deviation = deviation, .correlation = tau, .seed = 11}, n, dt);
        const double kept = std::exp(-dt / tau);
        // standard errors of the mean and of the variance of an autoregressive process of first order
        const double mean_error = deviation * std::sqrt((1 + kept) / (1 - kept) / n);
        const double variance_error = deviation * deviation * std::sqrt(2 * (1 + kept * kept) / (1 - kept * kept) / n);
        EXPECT_NEAR(mean_of(x), 3, 4.5 * mean_error);
        for (const std::size_t lag : {0u, 1u, 3u}) {
            const double expected = deviation * deviation * std::pow(kept, static_cast<double>(lag));
            EXPECT_NEAR(covariance_at(x, lag, 3), expected, 4.5 * variance_error) << "lag " << lag;
        }
    }
}

TEST(Waveforms, OrnsteinUhlenbeckNoiseIsStationaryFromTheFirstValueOn) {
    constexpr int seeds = 20000;
    double first = 0, second = 0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto x = sample(NoiseWave{.deviation = 1, .correlation = 50 * ms, .seed = seed}, 2, ms);
        first += x[0] * x[0] / seeds;
        second += x[1] * x[1] / seeds;
    }
    EXPECT_NEAR(first, 1, 4.5 * std::sqrt(2.0 / seeds));
    EXPECT_NEAR(second, 1, 4.5 * std::sqrt(2.0 / seeds));
}

TEST(Waveforms, NoiseDependsOnItsSeedAlone) {
    const NoiseWave white{.mean = 0, .deviation = 1, .seed = 4};
    const auto a = sample(white, 1000, ms), longer = sample(white, 2000, ms);
    EXPECT_TRUE(std::equal(a.begin(), a.end(), longer.begin())) << "a longer phase begins alike";
    EXPECT_NEAR(covariance_at(longer, 1, 0), 0, 4.5 / std::sqrt(2000.0));
    EXPECT_NEAR(covariance_at(longer, 0, 0), 1, 4.5 * std::sqrt(2.0 / 2000));
    auto other = white;
    other.seed = 5;
    EXPECT_NE(a, sample(other, 1000, ms));
    EXPECT_EQ(a, sample(white, 1000, 0.1 * ms)) << "white noise is per step";
}

TEST(Waveforms, Arrays) {
    EXPECT_THAT(sample(ArrayWave{.values = {1, 2, 3, 4}}, 3, ms), ElementsAre(1, 2, 3));
    EXPECT_THAT(sample(ArrayWave{.values = {1, 2, 3}, .interval = 2 * ms}, 6, ms), ElementsAre(1, 1, 2, 2, 3, 3));
    EXPECT_THAT(sample(ArrayWave{.values = {1, 2, 3, 4}, .interval = 0.5 * ms}, 2, ms), ElementsAre(1, 3));
    const auto fine = sample(ArrayWave{.values = {1, 2, 3}, .interval = 0.3 * ms}, 9, 0.1 * ms);
    EXPECT_THAT(fine, ElementsAre(1, 1, 1, 2, 2, 2, 3, 3, 3));
}

// The protocol helpers of the established tool, as waveforms.
TEST(Waveforms, ExpressTheUsualProtocolHelpers) {
    constexpr double dt = 0.1 * ms;
    // attribute_step(t1=500, t2=500, v1=0, v2=100)
    const auto step = sample(StepWave{.from = 0, .to = 100, .start = 500 * ms}, 10000, dt);
    EXPECT_EQ(std::ranges::count(step, 0.0), 5000);
    EXPECT_EQ(step[5000], 100);
    // attr_ramp(v0=0, v1=10, dur=n*0.3, n): the original refuses plateaus of 0.3 ms at dt = 0.1 ms
    const auto ramp = sample(StaircaseWave{.from = 0, .to = 10, .plateaus = 5}, 15, dt);
    EXPECT_THAT(ramp, ElementsAre(0, 0, 0, 2.5, 2.5, 2.5, 5, 5, 5, 7.5, 7.5, 7.5, 10, 10, 10));
    // increasing_attr(v0=1, dv=2, nr_steps=3)
    EXPECT_THAT(sample(StaircaseWave{.from = 1, .to = 1 + 2 * 2, .plateaus = 3}, 6, dt), ElementsAre(1, 1, 3, 3, 5, 5));
}

TEST(Waveforms, ThatMakeNoSenseAreErrors) {
    EXPECT_THAT(message_of(SineWave{.amplitude = 1, .frequency = 600}, 10, ms),
                HasSubstr("a sine wave of 600 Hz cannot be represented by steps of 0.001 s"));
    EXPECT_THAT(message_of(SineWave{.amplitude = 1, .frequency = -1}, 10, ms), HasSubstr("negative frequency"));
    EXPECT_EQ(message_of(SineWave{.amplitude = 1, .frequency = 500}, 10, ms), "no error");
    EXPECT_THAT(message_of(ChirpWave{.first_frequency = 1, .last_frequency = 501}, 10, ms), HasSubstr("501 Hz"));
    EXPECT_THAT(message_of(ChirpWave{.first_frequency = 0, .last_frequency = 5, .exponential = true}, 10, ms),
                HasSubstr("a zap cannot begin or end at 0 Hz"));
    EXPECT_THAT(message_of(StaircaseWave{0, 1, 0}, 10, ms), HasSubstr("no plateaus"));
    EXPECT_THAT(message_of(StaircaseWave{0, 1, 11}, 10, ms), HasSubstr("11 plateaus"));
    EXPECT_THAT(message_of(StepWave{0, 1, 5, 2}, 10, ms), HasSubstr("ends at 2 s, before it starts"));
    EXPECT_THAT(message_of(PulseTrainWave{.width = 2, .period = 1}, 10, ms), HasSubstr("overlap"));
    EXPECT_THAT(message_of(PulseTrainWave{.width = 0}, 10, ms), HasSubstr("period of 0 s"));
    EXPECT_THAT(message_of(PulseTrainWave{.width = -1, .period = 1}, 10, ms), HasSubstr("not negative"));
    EXPECT_THAT(message_of(NoiseWave{.deviation = -1}, 10, ms), HasSubstr("standard deviation of -1"));
    EXPECT_THAT(message_of(NoiseWave{.deviation = 1, .correlation = -1}, 10, ms), HasSubstr("correlation time"));
    EXPECT_THAT(message_of(ArrayWave{.values = {1, 2}}, 3, ms), HasSubstr("lasts 0.002 s, the phase 0.003 s"));
    EXPECT_THAT(message_of(ArrayWave{.values = {1, std::nan("")}}, 2, ms), HasSubstr("not finite"));
    EXPECT_THAT(message_of(ArrayWave{.values = {1, 1}, .interval = -1}, 2, ms), HasSubstr("interval of -1"));
    EXPECT_THAT(message_of(ConstantWave{INFINITY}, 2, ms), HasSubstr("not finite"));
    EXPECT_THAT(message_of(ConstantWave{}, 2, 0), HasSubstr("every 0 s"));
}

}  // namespace
}  // namespace spikesmith
