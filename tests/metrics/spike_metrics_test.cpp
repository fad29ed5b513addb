// Gamma factor and spike train distances against published values, closed forms and brute force.
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "spikesmith/core/error.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/own_metric.hpp"
#include "spikesmith/metrics/spike_distance.hpp"

namespace spikesmith {
namespace {

using Train = std::vector<double>;

constexpr double dt = 1e-4;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Train random_train(std::mt19937_64& random, std::size_t n, int last_step) {
    std::uniform_int_distribution<int> step(0, last_step);
    Train train;
    for (std::size_t k = 0; k < n; ++k) train.push_back(step(random) * dt);
    std::ranges::sort(train);
    return train;
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

// ---- Gamma factor -------------------------------------------------------------------------------------------------

TEST(GammaFactor, ReproducesBrian2modelfittingWithNearestMatching) {
    std::ifstream file(std::string(SPIKESMITH_TEST_DATA) + "/golden/metrics.json");
    const auto cases = nlohmann::json::parse(file).at("gamma");
    int compared = 0;
    for (const auto& golden : cases) {
        const auto data = golden.at("data").get<Train>();
        if (data.empty()) continue;  // infinite or a failure there; defined here, see EmptyTrains
        const GammaFactor metric({.delta = golden.at("delta"),
                                  .rate_correction = golden.at("rate_correction"),
                                  .matching = SpikeMatching::nearest});
        const double duration = golden.at("time");
        metric.check(data, duration, golden.at("dt"));
        EXPECT_NEAR(metric.feature(golden.at("model").get<Train>(), data, duration, golden.at("dt")),
                    golden.at("error"), 1e-13)
            << golden.at("case") << " " << golden.at("delta");
        ++compared;
    }
    EXPECT_GE(compared, 50);
}

TEST(GammaFactor, ClosedForms) {
    // 10 recorded spikes in 1 s, delta 5 ms: 2*delta*r = 0.1, so Gamma = (c - 1)/(0.45*(n_m + 10)).
    const GammaFactorOptions options{.delta = 5e-3};
    Train data;
    for (int k = 0; k < 10; ++k) data.push_back(0.05 + 0.1 * k);
    EXPECT_NEAR(GammaFactor(options).feature(data, data, 1, dt), 0, 1e-15);
    const Train half(data.begin(), data.begin() + 5);
    EXPECT_NEAR(GammaFactor(options).feature(half, data, 1, dt), 2 - 4 / (0.45 * 15), 1e-14);
    Train shifted = data;
    for (double& time : shifted) time += 0.0051;
    EXPECT_NEAR(GammaFactor(options).feature(shifted, data, 1, dt), 1 + 1 / (0.45 * 20), 1e-14);
    for (double& time : shifted) time -= 1e-4;  // exactly delta apart, whatever the last bits say
    EXPECT_NEAR(GammaFactor(options).feature(shifted, data, 1, dt), 0, 1e-14);

    GammaFactorOptions normalized = options;
    normalized.normalization = 0.5;
    EXPECT_NEAR(GammaFactor(normalized).feature(half, data, 1, dt), 2 * (2 - 4 / (0.45 * 15)), 1e-14);
    EXPECT_NEAR(GammaFactor(normalized).unnormalized(3), 1.5, 1e-15);
}

TEST(GammaFactor, EmptyTrains) {
    const Train none;
    const Train one{0.05};
    const Train three{0.01, 0.04, 0.07};
    for (const auto matching : {SpikeMatching::one_to_one, SpikeMatching::nearest}) {
        const GammaFactor corrected({.delta = 2e-3, .matching = matching});
        const GammaFactor plain({.delta = 2e-3, .rate_correction = false, .matching = matching});
        EXPECT_EQ(corrected.feature(none, none, 0.1, dt), 0);
        EXPECT_EQ(plain.feature(none, none, 0.1, dt), 0);
        EXPECT_EQ(corrected.feature(one, none, 0.1, dt), 3);
        EXPECT_EQ(corrected.feature(three, none, 0.1, dt), 7);
        EXPECT_EQ(plain.feature(three, none, 0.1, dt), 1);
        EXPECT_NEAR(corrected.feature(none, one, 0.1, dt), 3 + 0.04 / 0.48, 1e-14);  // 3.083
        EXPECT_NEAR(plain.feature(none, one, 0.1, dt), 1 + 0.04 / 0.48, 1e-14);      // 1.083
        EXPECT_EQ(corrected.feature(one, one, 0.1, dt), 0);
    }
    // One of two spikes is missing: 0.39 without correction.
    EXPECT_NEAR(GammaFactor({.delta = 2e-3, .rate_correction = false}).feature(Train{0.02}, Train{0.02, 0.07}, 0.1, dt),
                0.39, 0.005);
}

TEST(GammaFactor, ASpikeCannotStandForABurst) {
    const Train burst{0.050, 0.051, 0.052};
    EXPECT_EQ(count_coincidences(Train{0.051}, burst, 2e-3, dt, SpikeMatching::nearest), 3U);
    EXPECT_EQ(count_coincidences(Train{0.051}, burst, 2e-3, dt, SpikeMatching::one_to_one), 1U);
    EXPECT_EQ(count_coincidences(burst, Train{0.051}, 2e-3, dt, SpikeMatching::nearest), 1U);
}

// The largest matching by trying everything: each simulated spike is left alone or paired.
std::size_t largest_matching(const Train& simulated, const Train& target, double delta, std::size_t i,
                             std::vector<bool>& taken) {
    if (i == simulated.size()) return 0;
    std::size_t best = largest_matching(simulated, target, delta, i + 1, taken);
    for (std::size_t j = 0; j < target.size(); ++j) {
        if (taken[j] || std::lround(std::fabs(simulated[i] - target[j]) / dt) > std::lround(delta / dt)) continue;
        taken[j] = true;
        best = std::max(best, 1 + largest_matching(simulated, target, delta, i + 1, taken));
        taken[j] = false;
    }
    return best;
}

TEST(GammaFactor, CountsTheLargestMatching) {
    std::mt19937_64 random(5);
    for (int trial = 0; trial < 400; ++trial) {
        const Train a = random_train(random, random() % 7, 60);
        const Train b = random_train(random, random() % 7, 60);
        const double delta = dt * static_cast<double>(random() % 12);
        std::vector<bool> taken(b.size(), false);
        EXPECT_EQ(count_coincidences(a, b, delta, dt, SpikeMatching::one_to_one),
                  largest_matching(a, b, delta, 0, taken));
        std::size_t near = 0;
        for (const double time : b) {
            near += std::ranges::any_of(
                a, [&](double s) { return std::lround(std::fabs(s - time) / dt) <= std::lround(delta / dt); });
        }
        EXPECT_EQ(count_coincidences(a, b, delta, dt, SpikeMatching::nearest), near);
    }
}

TEST(GammaFactor, StartCutsSpikesAndTime) {
    const Train simulated{0.02, 0.2, 0.31, 0.45};
    const Train target{0.11, 0.2, 0.3, 0.46};
    const GammaFactor late({.delta = 4e-3, .t_start = 0.2});  // the spikes at 0.2 s count
    const GammaFactor whole({.delta = 4e-3});
    const auto shift = [](const Train& train) {
        Train result;
        for (const double time : train) {
            if (time >= 0.2) result.push_back(time - 0.2);
        }
        return result;
    };
    EXPECT_NEAR(late.feature(simulated, target, 0.5, dt), whole.feature(shift(simulated), shift(target), 0.3, dt),
                1e-14);
    EXPECT_NE(late.feature(simulated, target, 0.5, dt), whole.feature(simulated, target, 0.5, dt));
}

TEST(GammaFactor, RatesAreThoseOfTheGivenTime) {
    const Train simulated{0.02, 0.2, 0.31};
    const Train target{0.11, 0.2, 0.3, 0.46};
    const GammaFactor given({.delta = 4e-3, .time = 2.0});
    const GammaFactor whole({.delta = 4e-3});
    EXPECT_EQ(given.feature(simulated, target, 0.5, dt), whole.feature(simulated, target, 2, dt));
    EXPECT_NE(given.feature(simulated, target, 0.5, dt), whole.feature(simulated, target, 0.5, dt));
    const GammaFactor late({.delta = 4e-3, .time = 2.0, .t_start = 0.2});
    EXPECT_EQ(late.feature(simulated, target, 0.5, dt),
              GammaFactor({.delta = 4e-3, .t_start = 0.2}).feature(simulated, target, 2, dt));
    EXPECT_EQ(late.description(), "Gamma factor, delta 0.004 s, time 2 s, t_start 0.2 s");
}

TEST(GammaFactor, IsNotCorrectedForChanceWhereDeltaIsTooLarge) {
    // 4 spikes in 0.1 s and delta 20 ms: 2*delta*r = 1.6, so Gamma = 2c/(n_m + 4).
    const Train data{0.010, 0.030, 0.055, 0.080};
    const Train three{0.011, 0.031, 0.056};
    for (const auto matching : {SpikeMatching::one_to_one, SpikeMatching::nearest}) {
        const GammaFactor corrected({.delta = 20e-3, .matching = matching});
        const GammaFactor plain({.delta = 20e-3, .rate_correction = false, .matching = matching});
        EXPECT_NO_THROW(corrected.check(data, 0.1, dt));
        EXPECT_EQ(corrected.feature(data, data, 0.1, dt), 0);
        EXPECT_EQ(plain.feature(data, data, 0.1, dt), 0);
        EXPECT_EQ(corrected.feature(Train{}, data, 0.1, dt), 3);
        EXPECT_EQ(plain.feature(Train{}, data, 0.1, dt), 1);
        EXPECT_NEAR(corrected.feature(three, data, 0.1, dt), 1.5 - 6.0 / 7, 1e-15);
        EXPECT_NEAR(plain.feature(three, data, 0.1, dt), 1 - 6.0 / 7, 1e-15);
        // a spike between all others counts for one of them
        EXPECT_NEAR(plain.feature(Train{0.02}, data, 0.1, dt), 1 - 2.0 / 5, 1e-15);
        EXPECT_NEAR(plain.feature(Train{0.010, 0.030, 0.055, 0.099, 0.0995, 0.0999}, data, 0.1, dt), 1 - 8.0 / 10,
                    1e-15);
        // half the mean interval is the border
        EXPECT_EQ(GammaFactor({.delta = 12.5e-3, .matching = matching}).feature(Train{}, data, 0.1, dt), 3);
        EXPECT_GT(GammaFactor({.delta = 12.4e-3, .matching = matching}).feature(Train{}, data, 0.1, dt), 100);
    }
    // The rate is that of the time from t_start on, and of a time that is given.
    EXPECT_EQ(GammaFactor({.delta = 20e-3, .t_start = 0.05}).feature(Train{}, data, 0.1, dt), 3);
    EXPECT_GT(GammaFactor({.delta = 20e-3, .time = 0.5}).feature(Train{}, data, 0.1, dt), 3);
    EXPECT_NEAR(GammaFactor({.delta = 20e-3, .normalization = 0.5}).feature(three, data, 0.1, dt), 3 - 12.0 / 7, 1e-14);
}

TEST(GammaFactor, WarnsOfADeltaThatIsTooLarge) {
    const std::vector<Train> trains{{0.01, 0.09}, {0.01, 0.02, 0.03, 0.04}, {}, {0.01, 0.03, 0.05, 0.07, 0.09, 0.11}};
    const std::vector<double> durations{0.1, 0.1, 0.1, 0.2};
    const auto warning = [&](const GammaFactorOptions& options) {
        return GammaFactor(options).warning(trains, durations, dt).value_or("none");
    };
    EXPECT_EQ(warning({.delta = 4e-3}), "none");
    EXPECT_EQ(warning({.delta = 15e-3}),
              "delta = 0.015 s of the Gamma factor is too large for the 4 spikes in 0.1 s of trace 2 (40 Hz): "
              "coincidences by chance are not taken off there, as they would be for a delta below 0.0125 s");
    EXPECT_THAT(warning({.delta = 20e-3}), testing::HasSubstr("(40 Hz), and for those of another one: "));
    EXPECT_THAT(warning({.delta = 60e-3}), testing::HasSubstr("(40 Hz), and for those of 2 others: "));
    EXPECT_THAT(warning({.delta = 30e-3, .t_start = 0.05}),
                testing::HasSubstr("the 4 spikes in 0.15 s of trace 4 (26.67 Hz), and for those of another one: "));
    EXPECT_EQ(warning({.delta = 60e-3, .time = 1.0}), "none");
    EXPECT_FALSE(VanRossum({.tau = 1}).warning(trains, durations, dt).has_value());
}

TEST(GammaFactor, RefusesWhatMakesNoSense) {
    EXPECT_THAT(message_of<ConfigError>([] { GammaFactor({}); }), testing::HasSubstr("needs delta"));
    EXPECT_THROW(GammaFactor({.delta = -1}), ConfigError);
    EXPECT_THROW(GammaFactor({.delta = nan}), ConfigError);
    EXPECT_THROW(GammaFactor({.delta = 1e-3, .t_start = -1}), ConfigError);
    EXPECT_THROW(GammaFactor({.delta = 1e-3, .normalization = 0}), ConfigError);
    EXPECT_THROW(GammaFactor({.delta = 1e-3, .time = 0.0}), ConfigError);
    EXPECT_THROW(GammaFactor({.delta = 1e-3, .time = 0.1, .t_start = 0.1}), ConfigError);
    const GammaFactor metric({.delta = 5e-3, .t_start = 0.1});
    EXPECT_THROW(metric.check(Train{}, 0.1, dt), ConfigError);      // t_start at the end
    EXPECT_THROW(metric.check(Train{0.3, 0.2}, 1, dt), DataError);  // not in order
    EXPECT_THROW(metric.check(Train{INFINITY}, 1, dt), DataError);
    EXPECT_THROW(metric.check(Train{0.3}, nan, dt), ConfigError);
    EXPECT_NO_THROW(metric.check(Train{0.15, 0.17}, 0.2, dt));
}

// ---- van Rossum ---------------------------------------------------------------------------------------------------

TEST(VanRossum, ClosedForms) {
    const double tau = 0.01;
    EXPECT_EQ(van_rossum_distance(Train{}, Train{}, tau), 0);
    EXPECT_EQ(van_rossum_distance(Train{0.3}, Train{}, tau), 1);
    EXPECT_EQ(van_rossum_distance(Train{}, Train{0.1, 0.1}, tau), 4);
    EXPECT_EQ(van_rossum_distance(Train{0.1, 0.2, 0.25}, Train{0.1, 0.2, 0.25}, tau), 0);
    for (const double shift : {1e-4, 3e-3, 0.02, 1.0}) {
        EXPECT_NEAR(van_rossum_distance(Train{0.1}, Train{0.1 + shift}, tau), 2 * (1 - std::exp(-shift / tau)), 1e-14);
    }
    EXPECT_NEAR(van_rossum_distance(Train{0, 1, 2, 3}, Train{0.5}, 1e-3), 5, 1e-12);  // spikes that do not coincide
    EXPECT_NEAR(van_rossum_distance(Train{0, 1, 2, 3}, Train{0.5}, 1e9), 9, 1e-6);    // difference of counts, squared
}

TEST(VanRossum, IsTheIntegralOfTheFilteredDifference) {
    std::mt19937_64 random(2);
    for (int trial = 0; trial < 20; ++trial) {
        const Train a = random_train(random, random() % 9, 500);
        const Train b = random_train(random, random() % 9, 500);
        const double tau = 2e-3 + 1e-3 * static_cast<double>(random() % 20);
        // By the sums over pairs, which cancel, and by numerical integration (midpoints; spikes lie on its grid).
        double pairs = 0;
        const auto add_pairs = [&](const Train& x, const Train& y, double sign) {
            for (const double s : x)
                for (const double t : y) pairs += sign * std::exp(-std::fabs(s - t) / tau);
        };
        add_pairs(a, a, 1);
        add_pairs(b, b, 1);
        add_pairs(a, b, -2);
        EXPECT_NEAR(van_rossum_distance(a, b, tau), pairs, 1e-11);

        const double h = dt / 10;
        double integral = 0;
        const auto filtered = [&](const Train& train, double time) {
            double sum = 0;
            for (const double spike : train) sum += time > spike ? std::exp(-(time - spike) / tau) : 0;
            return sum;
        };
        for (double time = h / 2; time < 0.05 + 15 * tau; time += h) {
            const double difference = filtered(a, time) - filtered(b, time);
            integral += difference * difference * h;
        }
        EXPECT_NEAR(van_rossum_distance(a, b, tau), 2 / tau * integral, 1e-4 * (1 + pairs));
    }
}

TEST(VanRossum, SettingsAct) {
    const Train simulated{0.05, 0.3};
    const Train target{0.1, 0.3};
    const double whole = VanRossum({.tau = 0.02}).feature(simulated, target, 1, dt);
    EXPECT_NEAR(whole, 2 * (1 - std::exp(-0.05 / 0.02)), 1e-14);
    EXPECT_EQ(VanRossum({.tau = 0.02, .t_start = 0.2}).feature(simulated, target, 1, dt), 0);
    EXPECT_EQ(VanRossum({.tau = 0.02, .normalization = 4}).feature(simulated, target, 1, dt), whole / 4);
    EXPECT_THAT(message_of<ConfigError>([] { VanRossum({}); }), testing::HasSubstr("needs tau"));
    EXPECT_THROW(VanRossum({.tau = -1}), ConfigError);
    EXPECT_THROW(VanRossum({.tau = 1, .t_start = nan}), ConfigError);
    EXPECT_THROW(VanRossum({.tau = 1, .t_start = 2}).check(Train{}, 2, dt), ConfigError);
}

// ---- Victor and Purpura -------------------------------------------------------------------------------------------

// All ways of pairing by recursion.
double cheapest(SpikeTrain a, SpikeTrain b, double cost) {
    if (a.empty() || b.empty()) return static_cast<double>(a.size() + b.size());
    return std::min({1 + cheapest(a.subspan(1), b, cost), 1 + cheapest(a, b.subspan(1), cost),
                     cost * std::fabs(a[0] - b[0]) + cheapest(a.subspan(1), b.subspan(1), cost)});
}

TEST(VictorPurpura, IsTheCheapestTransformation) {
    std::mt19937_64 random(3);
    for (int trial = 0; trial < 100; ++trial) {
        const Train a = random_train(random, random() % 7, 200);
        const Train b = random_train(random, random() % 7, 200);
        const double cost = 50 * static_cast<double>(1 + random() % 20);
        EXPECT_NEAR(victor_purpura_distance(a, b, cost), cheapest(a, b, cost), 1e-12);
        EXPECT_EQ(victor_purpura_distance(a, b, cost), victor_purpura_distance(b, a, cost));
    }
}

TEST(VictorPurpura, ClosedForms) {
    EXPECT_EQ(victor_purpura_distance(Train{}, Train{}, 100), 0);
    EXPECT_EQ(victor_purpura_distance(Train{0.1, 0.2}, Train{}, 100), 2);
    EXPECT_EQ(victor_purpura_distance(Train{0.1, 0.2}, Train{0.1, 0.2}, 100), 0);
    EXPECT_NEAR(victor_purpura_distance(Train{0.1}, Train{0.112}, 100), 1.2, 1e-12);
    EXPECT_NEAR(victor_purpura_distance(Train{0.1}, Train{0.13}, 100), 2, 1e-12);  // deleted and added
}

TEST(VictorPurpura, SettingsAct) {
    const Train simulated{0.05, 0.3};
    const Train target{0.055, 0.3};
    EXPECT_NEAR(VictorPurpura({.cost = 100}).feature(simulated, target, 1, dt), 0.5, 1e-12);
    EXPECT_NEAR(VictorPurpura({.cost = 100, .normalization = 2}).feature(simulated, target, 1, dt), 0.25, 1e-12);
    EXPECT_EQ(VictorPurpura({.cost = 100, .t_start = 0.1}).feature(simulated, target, 1, dt), 0);
    EXPECT_THAT(message_of<ConfigError>([] { VictorPurpura({}); }), testing::HasSubstr("needs the cost q"));
    EXPECT_THROW(VictorPurpura({.cost = nan}), ConfigError);
}

// ---- all of them --------------------------------------------------------------------------------------------------

TEST(SpikeMetrics, ErrorIsTheMeanOverTraces) {
    const std::vector<std::vector<Train>> simulated{{{0.1}, {0.1, 0.2}}, {{}, {0.5}}};
    const std::vector<Train> target{{0.1}, {0.1}};
    const VictorPurpura metric({.cost = 100});
    const auto errors = calculate(metric, simulated, target, 1, dt);
    EXPECT_NEAR(errors.at(0), 0.5, 1e-14);
    EXPECT_NEAR(errors.at(1), 1.5, 1e-14);
    EXPECT_THROW((void)calculate(metric, {{{0.1}}}, target, 1, dt), DataError);
}

TEST(SpikeMetrics, TrainsAreComparedAsTheyAre) {
    const std::vector<std::vector<Train>> simulated{{{0.3, -0.1, 0.2}}};
    const Train ordered{-0.1, 0.2, 0.3};
    for (const MetricPointer& pointer :
         {gamma_factor({.delta = 2e-3}), van_rossum({.tau = 0.01}), victor_purpura({.cost = 100})}) {
        const auto& metric = dynamic_cast<const SpikeMetric&>(*pointer);
        EXPECT_EQ(calculate(metric, simulated, {{0.2, 0.3, -0.1}}, 1, dt).at(0), 0);
        // a spike before the start and one after the end count like others
        EXPECT_EQ(calculate(metric, simulated, {{2, 0.2}}, 1, dt).at(0), metric.feature(ordered, Train{0.2, 2}, 1, dt));
        EXPECT_THROW((void)calculate(metric, simulated, {{nan}}, 1, dt), DataError);
        EXPECT_THROW((void)calculate(metric, {{{nan}}}, {{0.1}}, 1, dt), DataError);
    }
}

TEST(SpikeMetrics, DescriptionsTellSettingsApart) {
    EXPECT_EQ(gamma_factor({.delta = 2e-3})->description(), "Gamma factor, delta 0.002 s");
    EXPECT_EQ(gamma_factor({.delta = 2e-3,
                            .t_start = 0.1,
                            .normalization = 2,
                            .rate_correction = false,
                            .matching = SpikeMatching::nearest})
                  ->description(),
              "Gamma factor, delta 0.002 s, t_start 0.1 s, normalization 2, no rate correction, nearest spikes");
    EXPECT_EQ(van_rossum({.tau = 0.01, .t_start = 0.1})->description(),
              "van Rossum distance, tau 0.01 s, t_start 0.1 s");
    EXPECT_EQ(victor_purpura({.cost = 200, .normalization = 3})->description(),
              "Victor-Purpura distance, cost 200 /s, normalization 3");
}

TEST(OwnMetric, IsTheMeanOfTheFunction) {
    const auto pointer = own_trace_metric("worst difference", [](auto simulated, auto recorded, double) {
        double largest = 0;
        for (std::size_t k = 0; k < simulated.size(); ++k) {
            if (!std::isnan(recorded[k])) largest = std::max(largest, std::fabs(simulated[k] - recorded[k]));
        }
        return largest;
    });
    const auto& metric = dynamic_cast<const TraceMetric&>(*pointer);
    const std::vector<double> simulated{1, 2, 3, 1, 1, 8};
    Array2 target(2, 3, 1.0);
    target(1, 2) = nan;
    const TraceBlock block{.n_samples = 1, .n_traces = 2, .n_steps = 3, .values = simulated};
    EXPECT_EQ(calculate(metric, block, target, dt).at(0), 1);  // 2 and, because of the gap, 0
    EXPECT_EQ(metric.description(), "worst difference");

    const auto count = own_spike_metric("spike count", [](auto a, auto b, double duration, double) {
        return std::fabs(static_cast<double>(a.size()) - static_cast<double>(b.size())) / duration;
    });
    EXPECT_EQ(calculate(dynamic_cast<const SpikeMetric&>(*count), {{{0.1, 0.2}}}, {{0.3}}, 2, dt).at(0), 0.5);
    EXPECT_THROW((void)own_trace_metric("", [](auto, auto, double) { return 0.0; }), ConfigError);
    EXPECT_THROW((void)own_spike_metric("x", nullptr), ConfigError);
}

}  // namespace
}  // namespace spikesmith
