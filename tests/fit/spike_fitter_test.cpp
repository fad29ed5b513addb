// Fits to spike trains, alone and together with traces. The oracle is a neuron that fires at known steps.
#include <cmath>
#include <limits>
#include <vector>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/metrics/spike_distance.hpp"

namespace spikesmith {
namespace {

using test::message_of;
using test::quantity;
using test::random_points;

constexpr double dt = 1e-3;

// v rises by a*drive every step from 0 and is reset above 1: it fires when the n-th step since the reset has n*a*drive*dt > 1.
Model counting_model(const std::string& more = {}) {
    return parse_brian({.equations = {"equations", "dv/dt = a*drive : 1\na : Hz (constant)\n" + more},
                        .inputs = {"drive"},
                        .input_dimensions = {{"drive", dimensions::none}},
                        .threshold = "v > 1",
                        .reset = "v = 0"});
}

// Spikes of that neuron over `steps` steps, in seconds.
std::vector<double> counted_spikes(double a, double drive, std::size_t steps) {
    std::vector<double> times;
    double v = 0;
    for (std::size_t k = 0; k < steps; ++k) {
        v += dt * (a * drive);
        if (!(v > 1)) continue;
        times.push_back(static_cast<double>(k) * dt);
        v = 0;
    }
    return times;
}

constexpr std::size_t steps = 400;

// Three traces, the last one silent.
FitterOptions spike_options() {
    Array2 drive(3, steps, 1.0);
    for (std::size_t k = 0; k < steps; ++k) {
        drive(1, k) = 2;
        drive(2, k) = 0;
    }
    return {.model = counting_model(),
            .recordings = {.inputs = {{"drive", {.dt = dt, .values = drive}}},
                           .spikes = {{counted_spikes(35, 1, steps), counted_spikes(35, 2, steps), {}}},
                           .dt = dt},
            .method = "euler",
            .seed = 2};
}

std::vector<FitParameter> rate_bounds() {
    return {{"a", quantity("5 Hz"), quantity("100 Hz")}};
}

TEST(SpikeFitter, ComparesWithTheGammaFactorUnlessToldOtherwise) {
    SpikeFitter fitter(spike_options());
    EXPECT_EQ(fitter.n_steps(), steps);
    EXPECT_EQ(fitter.n_traces(), 3U);
    const FitResult result = fitter.fit({.parameters = rate_bounds(), .n_rounds = 8});
    EXPECT_EQ(result.n_evaluations, 240U);  // 30 per round
    EXPECT_THAT(result.metrics, testing::ElementsAre(gamma_factor({.delta = 2e-3})->description()));
    EXPECT_THAT(result.outputs, testing::ElementsAre("spikes"));
    EXPECT_TRUE(result.error_dimension.dimensionless());
    EXPECT_NEAR(result["a"], 35, 0.02 * 35);
    EXPECT_LT(result.best->error, 1e-12);
}

TEST(SpikeFitter, ErrorsAreThoseOfTheTrainsUnderEveryMetric) {
    for (const MetricPointer& metric :
         {gamma_factor({.delta = 4e-3, .t_start = 0.02}), gamma_factor({.delta = 4e-3, .time = 2.0}),
          van_rossum({.tau = 10e-3, .normalization = 2}), victor_purpura({.cost = 100}),
          own_spike_metric("count", [](auto simulated, auto recorded, double duration, double step) {
              EXPECT_EQ(duration, 0.4);
              EXPECT_EQ(step, dt);
              return std::fabs(static_cast<double>(simulated.size()) - static_cast<double>(recorded.size()));
          })}) {
        const FitterOptions options = spike_options();
        SpikeFitter fitter(options);
        FitOptions fit = random_points(rate_bounds());
        fit.metric = metric;
        const FitResult result = fitter.fit(fit);
        EXPECT_EQ(result.n_failed, 0U);
        const auto& spike_metric = dynamic_cast<const SpikeMetric&>(*metric);
        for (std::size_t i = 0; i < fitter.evaluations().size(); ++i) {
            const double a = fitter.evaluations().parameter_values(i)[0];
            double sum = 0;
            for (std::size_t r = 0; r < 3; ++r) {
                const auto simulated = counted_spikes(a, r == 0 ? 1 : r == 1 ? 2 : 0, steps);
                sum += spike_metric.feature(simulated, (*options.recordings.spikes)[r], 0.4, dt);
            }
            EXPECT_NEAR(fitter.evaluations().error(i), sum / 3, 1e-12 * (1 + sum))
                << metric->description() << " a=" << a;
        }
        EXPECT_EQ(result.best->objectives[0].raw, metric->unnormalized(result.best->error));
    }
}

TEST(SpikeFitter, GeneratesTheBestSpikes) {
    SpikeFitter fitter(spike_options());
    const FitResult result =
        fitter.fit({.parameters = rate_bounds(), .metric = van_rossum({.tau = 5e-3}), .n_rounds = 8});
    const auto spikes = fitter.generate_spikes();
    ASSERT_EQ(spikes.size(), 3U);
    EXPECT_EQ(spikes[0], counted_spikes(result["a"], 1, steps));
    EXPECT_EQ(spikes[1], counted_spikes(result["a"], 2, steps));
    EXPECT_TRUE(spikes[2].empty());
    const auto other = fitter.generate({.outputs = {"v"}, .parameters = {{"a", 47.0}}, .initial_values = {{"v", 0.5}}});
    EXPECT_EQ(other["v"](0, 0), 0.5);
    EXPECT_EQ(other.spikes[0].front(), 0.010);  // 0.5 + 11*0.047 > 1 after the 11th step
}

TEST(SpikeFitter, TakesItsDurationFromTheOptionOrTheInputs) {
    FitterOptions options = spike_options();
    options.recordings.duration = 0.2;
    for (auto& train : *options.recordings.spikes) std::erase_if(train, [](double t) { return t >= 0.2; });
    EXPECT_EQ(SpikeFitter(options).n_steps(), 200U);

    // Without inputs; a duration that is a whole number of steps but for rounding is that number.
    const auto steps_for = [](double duration, double step) {
        const FitterOptions free{
            .model = parse_brian(
                {.equations = {"equations", "dv/dt = a : 1\na : Hz"}, .threshold = "v > 1", .reset = "v = 0"}),

            .recordings = {.spikes = std::vector<std::vector<double>>(1), .dt = step, .duration = duration}};
        return SpikeFitter(free).n_steps();
    };
    EXPECT_EQ(steps_for(0.1, 1e-3), 100U);
    EXPECT_EQ(steps_for(0.1005, 1e-3), 100U);
    EXPECT_EQ(steps_for(0.3, 1e-4), 3000U);
    EXPECT_EQ(steps_for(2, 1e-6), 2'000'000U);
    EXPECT_EQ(steps_for(100, 1e-5), 10'000'000U);
    EXPECT_THAT(message_of<ConfigError>([&] { steps_for(0, 1e-3); }),
                testing::HasSubstr("how long to simulate is not known: there is no recorded trace and no input"));
    EXPECT_THAT(message_of<ConfigError>([&] { steps_for(-1, 1e-3); }),
                testing::HasSubstr("the duration must be a positive time, not -1 s"));
    EXPECT_THAT(message_of<ConfigError>([&] { steps_for(1e-4, 1e-3); }), testing::HasSubstr("shorter than one step"));
    EXPECT_THAT(message_of<ConfigError>([&] { steps_for(1e30, 1e-3); }),
                testing::HasSubstr("a trace would take 1e+33 steps"));
    EXPECT_THAT(message_of<ConfigError>([&] { steps_for(1, 0); }),
                testing::HasSubstr("the time step must be a positive time"));

    options = spike_options();
    options.recordings.duration = 0.5;
    EXPECT_THAT(message_of<ConfigError>([&] { SpikeFitter{options}; }),
                testing::HasSubstr("the input `drive` lasts 0.4 s, but the duration is 0.5 s"));
}

TEST(SpikeFitter, TakesSpikesAsTheyCome) {
    FitterOptions options = spike_options();
    const SpikeFitter plain(options);
    EXPECT_THAT(plain.data().warnings, testing::IsEmpty());
    auto& trains = *options.recordings.spikes;
    std::ranges::reverse(trains[0]);
    EXPECT_THAT(SpikeFitter(options).data().warnings, testing::IsEmpty());
    EXPECT_EQ(SpikeFitter(options).data().spikes, plain.data().spikes);
    // The trace lasts 0.4 s: what cannot be simulated is not compared.
    trains[0].push_back(0.4);
    EXPECT_THAT(
        SpikeFitter(options).data().warnings,
        testing::ElementsAre("1 of 40 recorded spikes is before the start or after the end of a trace: left out, "
                             "as no simulation can have it"));
    trains[2] = {7, -1e-3};
    SpikeFitter fitter(options);
    EXPECT_THAT(fitter.data().warnings,
                testing::ElementsAre("3 of 42 recorded spikes are before the start or after the end of a trace: left "
                                     "out, as no simulation can have them"));
    EXPECT_EQ(fitter.data().spikes, plain.data().spikes);
    const FitResult result = fitter.fit({.parameters = rate_bounds(), .n_rounds = 8});
    EXPECT_LT(result.best->error, 1e-12);
    trains[2] = {0.2, 0.2};  // at the same time, by rounding
    EXPECT_EQ(SpikeFitter(options).data().spikes->at(2).size(), 2U);
}

TEST(SpikeFitter, RefusesWrongSpikes) {
    const auto refusal = [](std::vector<std::vector<double>> trains) {
        FitterOptions options = spike_options();
        options.recordings.spikes = std::move(trains);
        return message_of<Error>([&] { SpikeFitter{options}; });
    };
    EXPECT_THAT(refusal({{}, {}, {test::not_a_number}}), testing::HasSubstr("spike 1 of trace 3 is at nan s"));
    EXPECT_THAT(refusal({{}, {0.5, -INFINITY}, {}}), testing::HasSubstr("spike 2 of trace 2 is at -inf s"));
    EXPECT_THAT(refusal({}),
                testing::HasSubstr("the recording of spikes has no trace\nhint: a silent trace is an empty train"));
    EXPECT_THAT(refusal({{}, {}}),
                testing::HasSubstr("the recording of spikes has 2 traces, but the input `drive` has 3"));
    // One train does not stand for all traces.
    EXPECT_THAT(refusal({{0.1}}),
                testing::HasSubstr("the recording of spikes has 1 trace, but the input `drive` has 3"));

    FitterOptions options = spike_options();
    options.recordings.spikes.reset();
    EXPECT_THAT(message_of<ConfigError>([&] { SpikeFitter{options}; }),
                testing::HasSubstr("a SpikeFitter needs recorded spike times"));
    options = spike_options();
    options.model.threshold.reset();
    EXPECT_THAT(message_of<ModelError>([&] { SpikeFitter{options}; }),
                testing::HasSubstr("the model has no threshold, so it makes no spikes"));
}

TEST(SpikeFitter, RefusesMetricsThatDoNotFit) {
    SpikeFitter fitter(spike_options());
    const auto refusal = [&](FitOptions fit) {
        fit.parameters = rate_bounds();
        return message_of<Error>([&] { static_cast<void>(fitter.fit(fit)); });
    };
    EXPECT_THAT(refusal({.metric = mse()}), testing::HasSubstr("compares traces, but only spikes are recorded"));
    EXPECT_THAT(refusal({.metrics = {{"spikes", mse()}}}),
                testing::HasSubstr("spikes cannot be compared by the metric \"mean squared error\""));
    EXPECT_THAT(refusal({.metrics = {{"v", mse()}}}),
                testing::HasSubstr("there is a metric for `v`, which has no recording"));
    EXPECT_THAT(refusal({.metric = gamma_factor({.delta = 2e-3, .t_start = 0.5})}), testing::HasSubstr("t_start"));
    EXPECT_THAT(refusal({.metric = van_rossum({.tau = 5e-3, .t_start = 0.5})}), testing::HasSubstr("t_start"));
    EXPECT_THAT(refusal({.metric = victor_purpura({.cost = 100, .t_start = 0.5})}), testing::HasSubstr("t_start"));
}

TEST(SpikeFitter, WarnsOfADeltaThatIsTooLarge) {
    SpikeFitter fitter(spike_options());
    const MetricPointer wide = gamma_factor({.delta = 0.1});
    const auto warnings = [&](std::multimap<std::string, MetricPointer> metrics) {
        return metric_warnings(fitter.data(),
                               {.trace_metric = {}, .spike_metric = wide, .by_output = std::move(metrics)});
    };
    const auto too_large = testing::HasSubstr("delta = 0.1 s of the Gamma factor is too large for the 26 spikes");
    EXPECT_THAT(warnings({}), testing::ElementsAre(too_large));
    EXPECT_THAT(warnings({{"spikes", usual_spike_metric()}}), testing::IsEmpty());
    EXPECT_THAT(warnings({{"spikes", usual_spike_metric()}, {"spikes", wide}}), testing::ElementsAre(too_large));
    const FitResult result = fitter.fit({.parameters = rate_bounds(), .metric = wide, .n_rounds = 8});
    EXPECT_EQ(result.best->error, 0);
}

TEST(SpikeFitter, WeighsTraces) {
    FitterOptions options = spike_options();
    options.recordings.trace_weights = {0, 1, 0};
    SpikeFitter weighted(options);
    FitOptions fit = random_points(rate_bounds());
    static_cast<void>(weighted.fit(fit));
    const GammaFactor gamma({.delta = 2e-3});
    for (std::size_t i = 0; i < 30; ++i) {
        const auto simulated = counted_spikes(weighted.evaluations().parameter_values(i)[0], 2, steps);
        const double expected = gamma.feature(simulated, (*options.recordings.spikes)[1], 0.4, dt);
        EXPECT_NEAR(weighted.evaluations().error(i), expected, 1e-13 * (1 + expected));
    }
}

TEST(SpikeFitter, ComparesTracesOfDifferentLength) {
    FitterOptions options = spike_options();
    options.recordings.inputs[0].second.trace_samples = {400, 100, 250};
    options.recordings.spikes = {{counted_spikes(35, 1, 400), counted_spikes(35, 2, 100), {}}};
    SpikeFitter fitter(options);
    EXPECT_THAT(fitter.data().trace_steps, testing::ElementsAre(400, 100, 250));
    FitOptions fit = random_points(rate_bounds());
    fit.metric = victor_purpura({.cost = 50});
    static_cast<void>(fitter.fit(fit));
    for (std::size_t i = 0; i < 30; ++i) {
        const double a = fitter.evaluations().parameter_values(i)[0];
        const double expected = (victor_purpura_distance(counted_spikes(a, 1, 400), counted_spikes(35, 1, 400), 50) +
                                 victor_purpura_distance(counted_spikes(a, 2, 100), counted_spikes(35, 2, 100), 50)) /
                                3;
        EXPECT_NEAR(fitter.evaluations().error(i), expected, 1e-12 * (1 + expected));
    }
    EXPECT_EQ(fitter.generate({.parameters = {{"a", 80.0}}}).spikes[1], counted_spikes(80, 2, 100));
}

TEST(SpikesAndTraces, AreFittedTogether) {
    // A state, a subexpression and the spikes at once.
    FitterOptions options = spike_options();
    options.model = counting_model("half = v/2 : 1\n");
    Array2 v(3, steps);
    Array2 half(3, steps);
    for (std::size_t r = 0; r < 3; ++r) {
        double value = 0;
        for (std::size_t k = 0; k < steps; ++k) {
            v(r, k) = value;
            half(r, k) = value / 2 + 0.01;
            value += dt * (35 * (r == 0 ? 1.0 : r == 1 ? 2.0 : 0.0));
            if (value > 1) value = 0;
        }
    }
    options.recordings.outputs = {{"v", {.dt = dt, .values = v}}, {"half", {.dt = dt, .values = half}}};
    TraceFitter fitter(options);
    FitOptions fit{.parameters = rate_bounds(),
                   .metrics = {{"spikes", gamma_factor({.delta = 3e-3})}, {"spikes", van_rossum({.tau = 0.01})}},
                   .n_rounds = 4};
    const FitResult result = fitter.fit(fit);
    EXPECT_THAT(result.outputs, testing::ElementsAre("v", "half", "spikes_1", "spikes_2"));
    EXPECT_EQ(result.n_evaluations, 240U);  // 60 per round, since there are traces
    for (std::size_t i = 0; i < result.n_evaluations; ++i) {
        const auto errors = fitter.evaluations().objective_errors(i);
        EXPECT_DOUBLE_EQ(fitter.evaluations().error(i), errors[0] + errors[1] + errors[2] + errors[3]);
    }
    EXPECT_NEAR(result["a"], 35, 0.35);
    // The same errors one by one.
    SpikeFitter spikes(spike_options());
    for (const std::size_t i : {0U, 100U, 239U}) {
        const double a = fitter.evaluations().parameter_values(i)[0];
        const Generated traces = fitter.generate({.parameters = {{"a", a}}});
        double sum = 0;
        for (std::size_t k = 0; k < v.values.size(); ++k) sum += std::pow(traces["v"].values[k] - v.values[k], 2);
        EXPECT_NEAR(fitter.evaluations().objective_errors(i)[0], sum / static_cast<double>(v.values.size()), 1e-12);
        double distance = 0;
        for (std::size_t r = 0; r < 3; ++r)
            distance += van_rossum_distance(traces.spikes[r], (*options.recordings.spikes)[r], 0.01) / 3;
        EXPECT_NEAR(fitter.evaluations().objective_errors(i)[3], distance, 1e-10);
    }
    // Another unit of one output cannot be added to the Gamma factor.
    FitterOptions mixed = options;
    mixed.model =
        parse_brian({.equations = {"equations", "dv/dt = a*drive : 1\nhalf = v*mV : volt\na : Hz (constant)\n"},
                     .inputs = {"drive"},
                     .input_dimensions = {{"drive", dimensions::none}},
                     .threshold = "v > 1",
                     .reset = "v = 0"});
    TraceFitter wrong(mixed);
    EXPECT_THROW(static_cast<void>(wrong.fit({.parameters = rate_bounds()})), UnitError);
}

TEST(SpikesAndTraces, ContinueWithTheMetricsTheyHave) {
    FitterOptions options = spike_options();
    options.recordings.outputs = {{"v", {.dt = dt, .values = Array2(3, steps, 0.5)}}};
    TraceFitter fitter(options);
    const FitOptions first{.parameters = rate_bounds(),
                           .metric = van_rossum({.tau = 0.01}),  // of the spikes
                           .metrics = {{"v", mse()}}};
    static_cast<void>(fitter.fit(first));
    EXPECT_EQ(fitter.fit(first).n_rounds, 2U);
    EXPECT_EQ(fitter.fit({.metrics = {{"v", mse()}}}).n_rounds, 3U);
    EXPECT_EQ(fitter.fit({.metric = van_rossum({.tau = 0.01})}).n_rounds, 4U);
    EXPECT_THAT(message_of<ConfigError>([&] { static_cast<void>(fitter.fit({.metric = van_rossum({.tau = 0.02})})); }),
                testing::HasSubstr("the metric cannot change"));
}

}  // namespace
}  // namespace spikesmith
