#include "spikesmith/fit/trace_fitter.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <sstream>
#include <vector>

#include "fit/models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"

namespace spikesmith {
namespace {

using test::all_evaluations;
using test::leaky_bounds;
using test::leaky_options;
using test::message_of;
using test::quantity;

// The mean squared error without its online form.
class FromTraces final : public TraceMetric {
  public:
    explicit FromTraces(MSEOptions options) : metric_(std::move(options)) {}
    [[nodiscard]] std::string description() const override { return "from traces: " + metric_.description(); }
    [[nodiscard]] Dimension error_dimension(const Dimension& output) const override {
        return metric_.error_dimension(output);
    }
    [[nodiscard]] Dimension normalized_dimension(const Dimension& output) const override {
        return metric_.normalized_dimension(output);
    }
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override {
        return metric_.features(simulated, target, dt);
    }

  private:
    MSEMetric metric_;
};

TEST(TraceFitter, RecoversALeakyIntegrator) {
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = leaky_bounds(), .n_rounds = 150});
    ASSERT_TRUE(result.best.has_value());
    EXPECT_NEAR(result["E"], -0.07, 1e-8);
    EXPECT_NEAR(result["R"], 1e8, 10);
    EXPECT_NEAR(result["tau"], 0.01, 1e-8);
    EXPECT_LT(result.best->error, 1e-15);
    EXPECT_EQ(result.n_evaluations, 6000U);
    EXPECT_EQ(result.n_failed, 0U);
    EXPECT_EQ(result.error_dimension, dimensions::volt.power(2));
    EXPECT_EQ(result.method, "exact");
    EXPECT_EQ(result.stop_reason, StopReason::rounds_done);
    EXPECT_THAT(result.metrics, testing::ElementsAre("mean squared error"));
    // The history falls and ends at the best.
    ASSERT_EQ(result.history.size(), 150U);
    for (std::size_t k = 1; k < result.history.size(); ++k)
        EXPECT_LE(result.history[k].best_error, result.history[k - 1].best_error);
    EXPECT_EQ(result.history.back().best_error, result.best->error);
    EXPECT_EQ(fitter.evaluations().error(result.best->evaluation), result.best->error);
}

TEST(TraceFitter, RecoversTheHodgkinHuxleyTutorial) {
    for (const std::uint64_t seed : {1, 2, 3}) {
        FitterOptions options = test::hodgkin_huxley_options();
        options.seed = seed;
        TraceFitter fitter(std::move(options));
        const FitResult result = fitter.fit({.parameters = test::hodgkin_huxley_bounds(), .n_rounds = 40});
        EXPECT_LT(result.history[29].best_error, 1.1e-6) << "seed " << seed;
        EXPECT_LT(result.best->error, 1.01 * 9.9497e-7) << "seed " << seed;
        EXPECT_GE(result.best->error, 9.9496e-7) << "seed " << seed;
        EXPECT_NEAR(result["gl"], 10e-9, 0.03 * 10e-9) << "seed " << seed;
        EXPECT_NEAR(result["g_na"], 20e-6, 0.01 * 20e-6) << "seed " << seed;
        EXPECT_NEAR(result["g_kd"], 6e-6, 0.01 * 6e-6) << "seed " << seed;
    }
}

TEST(TraceFitter, GivesThePublishedErrorOfTheTruth) {
    FitterOptions options = test::hodgkin_huxley_options();
    const Array2 recordings = options.recordings.outputs.front().second.values;
    TraceFitter fitter(std::move(options));
    const Generated truth = fitter.generate({.parameters = {{"gl", 1e-8}, {"g_na", 2e-5}, {"g_kd", 6e-6}}});
    const Array2& v = truth["v"];
    const TraceBlock block{.n_samples = 1, .n_traces = v.rows, .n_steps = v.columns, .values = v.values};
    EXPECT_NEAR(calculate(MSEMetric(), block, recordings, 1e-5).at(0), 9.9508e-7, 1e-11);
}

TEST(TraceFitter, OnlineErrorsAreThoseOfTheTraces) {
    const std::vector<MSEOptions> settings{
        {},
        {.t_start = 0.0105},
        {.t_weights = std::vector<double>(test::leaky_steps, 2.5), .normalization = {1e-3, dimensions::volt}}};
    for (MSEOptions settings_of_one : settings) {
        if (!settings_of_one.t_weights.empty()) settings_of_one.t_weights[7] = 100;
        TraceFitter online(leaky_options());
        TraceFitter offline(leaky_options());
        const FitResult a = online.fit({.parameters = leaky_bounds(), .metric = mse(settings_of_one)});
        const FitResult b =
            offline.fit({.parameters = leaky_bounds(), .metric = std::make_shared<FromTraces>(settings_of_one)});
        EXPECT_FALSE(online.program().online_errors.empty());
        EXPECT_TRUE(offline.program().online_errors.empty());
        for (std::size_t i = 0; i < online.evaluations().size(); ++i) {
            EXPECT_NEAR(online.evaluations().error(i), offline.evaluations().error(i),
                        1e-12 * online.evaluations().error(i));
        }
        EXPECT_EQ(a.best->parameters, b.best->parameters);
        EXPECT_NEAR(a.best->objectives[0].raw,
                    b.best->objectives[0].normalized * std::pow(settings_of_one.normalization.value, 2),
                    1e-12 * a.best->objectives[0].raw);
    }
}

TEST(TraceFitter, TwoFitsAreOneLongerFit) {
    TraceFitter once(leaky_options());
    TraceFitter twice(leaky_options());
    static_cast<void>(once.fit({.parameters = leaky_bounds(), .n_rounds = 12}));
    static_cast<void>(twice.fit({.parameters = leaky_bounds(), .n_rounds = 5}));
    const FitResult result = twice.fit({.n_rounds = 7});
    EXPECT_EQ(all_evaluations(twice), all_evaluations(once));
    EXPECT_EQ(result.n_rounds, 12U);
    EXPECT_EQ(result.n_evaluations, 480U);
    EXPECT_EQ(result.best->error, once.result().best->error);
    EXPECT_EQ(twice.evaluations().round(5 * 40 - 1), 4U);
    EXPECT_EQ(twice.evaluations().sample(5 * 40 + 3), 3U);
}

TEST(TraceFitter, ContinuingAcceptsTheSameAndRefusesOtherSettings) {
    TraceFitter fitter(leaky_options());
    static_cast<void>(
        fitter.fit({.parameters = leaky_bounds(), .optimizer = differential_evolution({.population = 40})}));
    EXPECT_NO_THROW(static_cast<void>(fitter.fit(
        {.parameters = leaky_bounds(), .optimizer = differential_evolution({.population = 40}), .metric = mse()})));
    auto other = leaky_bounds();
    other[0].low = quantity("-80 mV");
    const auto refuse = [&](const FitOptions& options) {
        return message_of<ConfigError>([&] { static_cast<void>(fitter.fit(options)); });
    };
    EXPECT_THAT(refuse({.parameters = other}), testing::HasSubstr("parameters and their bounds cannot change"));
    EXPECT_THAT(refuse({.optimizer = differential_evolution()}), testing::HasSubstr("the optimizer cannot change"));
    EXPECT_THAT(refuse({.metric = mse({.t_start = 1e-3})}), testing::HasSubstr("the metric cannot change"));
    EXPECT_EQ(fitter.result().n_rounds, 2U);
    EXPECT_EQ(fitter.fit({.parameters = other, .metric = mse({.t_start = 1e-3}), .restart = true}).n_rounds, 1U);
}

TEST(TraceFitter, RestartForgetsEverything) {
    TraceFitter fitter(leaky_options());
    static_cast<void>(fitter.fit({.parameters = leaky_bounds(), .n_rounds = 4}));
    const auto first = all_evaluations(fitter);
    static_cast<void>(fitter.fit({.parameters = leaky_bounds(), .n_rounds = 4, .restart = true}));
    EXPECT_EQ(all_evaluations(fitter), first);
    // A restart that is refused forgets nothing.
    EXPECT_THROW(static_cast<void>(fitter.fit({.restart = true})), ConfigError);
    EXPECT_EQ(all_evaluations(fitter), first);
}

TEST(TraceFitter, SeedDecidesTheResult) {
    const auto evaluations = [](std::uint64_t seed) {
        FitterOptions options = leaky_options();
        options.seed = seed;
        TraceFitter fitter(std::move(options));
        static_cast<void>(fitter.fit({.parameters = leaky_bounds(), .n_rounds = 3}));
        return all_evaluations(fitter);
    };
    EXPECT_EQ(evaluations(3), evaluations(3));
    EXPECT_NE(evaluations(3), evaluations(4));
}

TEST(TraceFitter, ThreadsAndVectorWidthChangeNothing) {
    const auto evaluations = [](int threads, int width) {
        FitterOptions options = test::hodgkin_huxley_options();
        options.threads = threads;
        options.kernel.width = width;
        options.n_samples = 37;
        TraceFitter fitter(std::move(options));
        static_cast<void>(fitter.fit({.parameters = test::hodgkin_huxley_bounds(), .n_rounds = 2}));
        return all_evaluations(fitter);
    };
    const auto expected = evaluations(1, 0);
    EXPECT_EQ(evaluations(2, 0), expected);
    for (const int width : available_widths()) EXPECT_EQ(evaluations(1, width), expected) << "width " << width;
}

TEST(TraceFitter, NoiseIsReproducedWhenContinued) {
    FitterOptions options = leaky_options();
    options.model = parse_brian({.equations = {"equations", R"(dv/dt = (E - v + R*I)/tau + 1*mV*xi*tau**-0.5 : volt
                                                               E : volt
                                                               R : ohm
                                                               tau : second)"},
                                 .inputs = {"I"},
                                 .input_dimensions = {{"I", dimensions::ampere}}});
    options.method = "euler";
    TraceFitter once(options);
    TraceFitter twice(options);
    static_cast<void>(once.fit({.parameters = leaky_bounds(), .n_rounds = 4}));
    static_cast<void>(twice.fit({.parameters = leaky_bounds(), .n_rounds = 1, .planned_rounds = 4}));
    static_cast<void>(twice.fit({.n_rounds = 3}));
    EXPECT_EQ(all_evaluations(twice), all_evaluations(once));
}

TEST(TraceFitter, FixedParametersKeepTheirValue) {
    auto parameters = leaky_bounds();
    parameters[0] = {.name = "E", .fixed = quantity("-70 mV")};
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 60});
    EXPECT_EQ(result["E"], -0.07);
    EXPECT_NEAR(result["tau"], 0.01, 1e-5);
    EXPECT_THAT(fitter.evaluations().parameters(), testing::ElementsAre("R", "tau"));
    EXPECT_EQ(fitter.generate_traces()["v"](0, 0), -0.07);
}

TEST(TraceFitter, MarksValuesAtABound) {
    auto parameters = leaky_bounds();
    parameters[2].high = quantity("8 ms");  // the truth is 10 ms
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = parameters, .n_rounds = 60});
    EXPECT_TRUE(result.parameters[2].at_bound);
    EXPECT_FALSE(result.parameters[0].at_bound);
    EXPECT_THAT(result.full_report(), testing::HasSubstr("at a bound"));
}

TEST(TraceFitter, SeveralOutputsAddTheirErrors) {
    FitterOptions options = leaky_options();
    options.model = test::leaky_model("I_leak = (v - E)/R : amp\n");
    TimeSeries leak = test::leaky_recordings();
    for (double& value : leak.values.values) value = (value + 0.07) / 1e8;
    options.recordings.outputs.emplace_back("I_leak", leak);
    TraceFitter fitter(options);
    const FitOptions fit{.parameters = leaky_bounds(),
                         .metrics = {{"v", mse({.normalization = quantity("10 mV")})},
                                     {"I_leak", mse({.normalization = quantity("100 pA")})}},
                         .n_rounds = 3};
    const FitResult result = fitter.fit(fit);
    ASSERT_EQ(result.best->objectives.size(), 2U);
    const auto& [v, leaking] = std::pair(result.best->objectives[0], result.best->objectives[1]);
    EXPECT_DOUBLE_EQ(result.best->error, v.normalized + leaking.normalized);
    EXPECT_NEAR(v.raw, v.normalized * 1e-4, 1e-15 * v.raw);
    EXPECT_NEAR(leaking.raw, leaking.normalized * 1e-20, 1e-12 * leaking.raw);
    EXPECT_EQ(leaking.raw_dimension, dimensions::ampere.power(2));
    EXPECT_TRUE(result.error_dimension.dimensionless());
    const auto objectives = fitter.evaluations().objective_errors(result.best->evaluation);
    EXPECT_THAT(objectives, testing::ElementsAre(v.normalized, leaking.normalized));
    EXPECT_THAT(result.summary(), testing::HasSubstr("(v, unnormalized error: "));

    TraceFitter mixed(options);
    EXPECT_THAT(message_of<UnitError>([&] { static_cast<void>(mixed.fit({.parameters = leaky_bounds()})); }),
                testing::AllOf(testing::HasSubstr("the errors of `v`"), testing::HasSubstr("cannot be added")));
}

TEST(TraceFitter, PenaltyIsTheValueAtTheEnd) {
    FitterOptions options = leaky_options();
    options.model = test::leaky_model("cost = 1e-3*(v - E)**2 + 1*mV**2 : volt**2\n");
    options.penalty = "cost";
    TraceFitter fitter(options);
    const FitResult result = fitter.fit({.parameters = leaky_bounds(), .n_rounds = 2});
    const Evaluations& evaluations = fitter.evaluations();
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        const auto p = evaluations.parameter_values(i);
        double expected = 0;
        for (std::size_t r = 0; r < 2; ++r) {
            const double v = test::leaky_voltage(test::leaky_steps * test::leaky_dt, r, p[0], p[1], p[2]);
            expected += 0.5 * (1e-3 * (v - p[0]) * (v - p[0]) + 1e-6);
        }
        const double penalty = evaluations.error(i) - evaluations.objective_errors(i)[0];
        EXPECT_NEAR(penalty, expected, 1e-12 * evaluations.error(i));
    }
    EXPECT_NEAR(result.best->error, result.best->objectives[0].normalized + result.best->penalty,
                1e-15 * result.best->error);
    EXPECT_THAT(result.summary(), testing::HasSubstr("(penalty)"));

    options.penalty = "v";
    TraceFitter wrong(options);
    EXPECT_THAT(message_of<UnitError>([&] { static_cast<void>(wrong.fit({.parameters = leaky_bounds()})); }),
                testing::HasSubstr("the penalty `v` is in volt"));
    options.penalty = "costs";
    EXPECT_THAT(message_of<ModelError>([&] { TraceFitter{options}; }), testing::HasSubstr("did you mean `cost`?"));
}

TEST(TraceFitter, IterationCountsRoundsOfAllFits) {
    // The error is (iteration + x - 5)**2, so the model tells which iteration it saw.
    FitterOptions options{
        .model = parse_brian({.equations = {"equations", "dq/dt = 0/second : 1\ny = q + iteration + x : 1\nx : 1"}}),
        .recordings = {.outputs = {{"y", {.dt = 1e-3, .values = Array2(1, 4, 5.0)}}}},
        .n_samples = 3};
    TraceFitter fitter(options);
    std::vector<std::size_t> seen;
    const FitCallback callback = [&](const RoundReport& report) {
        seen.push_back(report.iteration);
        for (std::size_t s = 0; s < 3; ++s) {
            const double expected = static_cast<double>(report.iteration) + report.samples(s, 0) - 5;
            EXPECT_NEAR(report.errors[s], expected * expected, 1e-12 * report.errors[s]);
        }
        return CallbackAction::proceed;
    };
    const std::vector<FitParameter> parameters{{"x", {0, {}}, {1, {}}}};
    static_cast<void>(fitter.fit({.parameters = parameters, .n_rounds = 2, .callback = callback}));
    static_cast<void>(fitter.fit({.n_rounds = 1, .callback = callback}));
    static_cast<void>(fitter.fit({.n_rounds = 2, .callback = callback, .start_iteration = 17}));
    static_cast<void>(fitter.fit({.n_rounds = 1, .callback = callback}));
    static_cast<void>(fitter.fit({.parameters = parameters, .n_rounds = 1, .callback = callback, .restart = true}));
    EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 17, 18, 19, 0));
    EXPECT_GE(fitter.generate_traces()["y"](0, 0), 1e9);
    EXPECT_LT(fitter.generate({.iteration = 3})["y"](0, 0), 5);
}

TEST(TraceFitter, CallbackSeesTheRoundAndMayStop) {
    TraceFitter fitter(leaky_options());
    std::size_t calls = 0;
    const FitResult result =
        fitter.fit({.parameters = leaky_bounds(), .n_rounds = 10, .callback = [&](const RoundReport& report) {
                        EXPECT_EQ(report.round, calls);
                        EXPECT_EQ(report.n_rounds, 10U);
                        EXPECT_EQ(report.errors.size(), 40U);
                        EXPECT_EQ(report.n_evaluations, 40 * (calls + 1));
                        const auto errors = fitter.evaluations().column("error");
                        EXPECT_EQ(report.best->error, *std::ranges::min_element(errors));
                        return ++calls == 3 ? CallbackAction::stop : CallbackAction::proceed;
                    }});
    EXPECT_EQ(calls, 3U);
    EXPECT_EQ(result.stop_reason, StopReason::callback);
    EXPECT_EQ(result.n_rounds, 3U);
}

TEST(TraceFitter, InterruptedFitContinuesAsIfNothingHadHappened) {
    TraceFitter whole(leaky_options());
    static_cast<void>(whole.fit({.parameters = leaky_bounds(), .n_rounds = 6}));

    // The metric of the second round raises the flag, so the simulation is interrupted while it runs.
    std::atomic<bool> cancelled = false;
    class Interrupting final : public TraceMetric {
      public:
        explicit Interrupting(std::atomic<bool>& flag) : flag_(flag) {}
        [[nodiscard]] std::string description() const override { return "interrupting"; }
        [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override {
            seen_ += simulated.n_samples;
            if (seen_ > 80) flag_ = true;  // a round has 40 samples of two traces
            return MSEMetric().features(simulated, target, dt);
        }

      private:
        std::atomic<bool>& flag_;
        mutable std::atomic<std::size_t> seen_ = 0;
    };
    FitterOptions options = leaky_options();
    options.threads = 1;
    TraceFitter fitter(options);
    const FitResult first = fitter.fit({.parameters = leaky_bounds(),
                                        .metric = std::make_shared<Interrupting>(cancelled),
                                        .n_rounds = 6,
                                        .cancelled = &cancelled});
    EXPECT_EQ(first.stop_reason, StopReason::cancelled);
    EXPECT_EQ(first.n_rounds, 1U);
    EXPECT_TRUE(first.best.has_value());
    EXPECT_EQ(fitter.fit({.n_rounds = 5, .cancelled = &cancelled}).n_rounds, 1U);  // still raised
    cancelled = false;
    EXPECT_EQ(fitter.fit({.n_rounds = 5}).n_rounds, 6U);
    const auto found = all_evaluations(fitter);
    const auto expected = all_evaluations(whole);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12 * std::fabs(expected[i]));
}

TEST(TraceFitter, FailingSamplesAreCountedAndNeverBest) {
    FitterOptions options = leaky_options();
    options.model =
        parse_brian({.equations = {"equations", R"(dv/dt = (E - v + R*I)/tau + 0*sqrt(E + 75*mV)*volt**0.5/second : volt
                                                               E : volt
                                                               R : ohm
                                                               tau : second)"},
                     .inputs = {"I"},
                     .input_dimensions = {{"I", dimensions::ampere}},
                     .initial_values = {{"v", "E"}}});
    options.method = "euler";
    TraceFitter fitter(options);
    FitOptions fit{.parameters = leaky_bounds(), .n_rounds = 50};
    const FitResult result = fitter.fit(fit);
    std::size_t failed = 0;
    for (const double error : fitter.evaluations().column("error")) failed += std::isfinite(error) ? 0 : 1;
    EXPECT_GT(failed, 10U);
    EXPECT_EQ(result.n_failed, failed);
    EXPECT_NEAR(result["E"], -0.07, 1e-4);
    EXPECT_THAT(result.full_report(), testing::HasSubstr("with a NaN or infinite error"));

    // Every sample fails.
    fit.parameters[0].low = quantity("-90 mV");
    fit.parameters[0].high = quantity("-80 mV");
    fit.restart = true;
    std::ostringstream text;
    fit.callback = text_callback(text);
    fit.n_rounds = 2;
    const FitResult none = fitter.fit(fit);
    EXPECT_FALSE(none.best.has_value());
    EXPECT_EQ(none.n_failed, 80U);
    EXPECT_THAT(none.summary(), testing::HasSubstr("the error of each of the 80 evaluations was NaN or infinite"));
    EXPECT_THAT(text.str(), testing::HasSubstr("Round 1: there is no best parameter set"));
    EXPECT_THROW(static_cast<void>(none["E"]), NumericalError);
    EXPECT_THROW(static_cast<void>(fitter.generate_traces()), NumericalError);
}

TEST(TraceFitter, NoRoundsOnlyChecks) {
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = leaky_bounds(), .n_rounds = 0});
    EXPECT_FALSE(result.best.has_value());
    EXPECT_EQ(result.parameters.size(), 3U);
    EXPECT_THAT(result.summary(), testing::HasSubstr("no round has been run"));
    EXPECT_EQ(fitter.fit({.n_rounds = 2}).n_rounds, 2U);
}

}  // namespace
}  // namespace spikesmith
