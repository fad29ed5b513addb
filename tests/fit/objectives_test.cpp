// What is compared: losses, several metrics and outputs, metrics and optimisers of one's own, errors that are no numbers, fronts.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/objective.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"
#include "spikesmith/optimize/nsga2.hpp"
#include "spikesmith/optimize/own_optimizer.hpp"

namespace spikesmith {
namespace {

using test::leaky_bounds;
using test::leaky_options;
using test::message_of;
using test::quantity;
using test::random_points;
using test::record_of;

// The leaky membrane with its leak current as a second output, of another unit.
FitterOptions two_outputs() {
    FitterOptions options = leaky_options();
    options.model = test::leaky_model("I_leak = (v - E)/R : amp\n");
    TimeSeries leak = test::leaky_recordings();
    for (double& value : leak.values.values) value = (value + 0.071) / 1e8;  // does not fit together with v
    options.recordings.outputs.emplace_back("I_leak", leak);
    return options;
}

FitOptions two_metrics() {
    return {.parameters = leaky_bounds(),
            .metrics = {{"v", mse({.normalization = quantity("10 mV")})},
                        {"I_leak", mse({.normalization = quantity("100 pA")})}},
            .n_rounds = 3};
}

TEST(Objectives, RobustLossesAreThoseOfTheTraces) {
    // rho(e**2) with the scale c = 2 mV, written out from the literature.
    constexpr double c = 2e-3;
    const std::map<Loss, std::function<double(double)>> losses{
        {Loss::squared, [](double e) { return e * e; }},
        {Loss::soft_l1, [](double e) { return 2 * c * c * (std::sqrt(1 + e * e / (c * c)) - 1); }},
        {Loss::huber, [](double e) { return std::fabs(e) <= c ? e * e : 2 * c * std::fabs(e) - c * c; }},
        {Loss::cauchy, [](double e) { return c * c * std::log1p(e * e / (c * c)); }}};
    for (const auto& [loss, term] : losses) {
        MSEOptions settings{.loss = loss};
        if (loss != Loss::squared) settings.loss_scale = quantity("2 mV");
        FitOptions fit = random_points(leaky_bounds());
        fit.metric = mse(settings);
        TraceFitter online(leaky_options());
        static_cast<void>(online.fit(fit));
        EXPECT_EQ(online.program().online_errors.size(), 1U);
        fit.metric = test::mean_of("loss", term);
        TraceFitter from_traces(leaky_options());
        static_cast<void>(from_traces.fit(fit));
        EXPECT_TRUE(from_traces.program().online_errors.empty());
        for (std::size_t i = 0; i < 40; ++i) {
            const double expected = from_traces.evaluations().error(i);
            EXPECT_NEAR(online.evaluations().error(i), expected, 1e-11 * expected) << static_cast<int>(loss);
        }
    }
}

TEST(Objectives, ARobustLossForgivesAnArtefact) {
    FitterOptions options = leaky_options();
    options.recordings.outputs[0].second.values(0, 100) = 1.0;  // 1 V
    const auto fitted = [&](const MetricPointer& metric) {
        TraceFitter fitter(options);
        return fitter.fit({.parameters = leaky_bounds(), .metric = metric, .n_rounds = 60})["E"];
    };
    EXPECT_GT(std::fabs(fitted(mse()) + 0.07), 1e-3);
    EXPECT_NEAR(fitted(mse({.loss = Loss::cauchy, .loss_scale = quantity("1 mV")})), -0.07, 2e-5);
}

TEST(Objectives, AreNumberedWhereAnOutputHasSeveralMetrics) {
    TraceFitter fitter(two_outputs());
    FitOptions fit = random_points(leaky_bounds());
    fit.metrics = {{"v", mse({.normalization = quantity("10 mV")})},
                   {"v", mse({.t_start = 0.02, .normalization = quantity("1 mV")})},
                   {"v", test::squares_of_traces()},
                   {"I_leak", mse({.normalization = quantity("1 nA")})}};
    const FitResult result = fitter.fit(fit);
    EXPECT_THAT(result.outputs, testing::ElementsAre("v_1", "v_2", "v_3", "I_leak"));
    EXPECT_EQ(fitter.evaluations().outputs(), result.outputs);
    EXPECT_EQ(fitter.program().online_errors.size(), 3U);
    // Each is what it is alone; the error is their sum.
    std::vector<std::vector<double>> alone;
    for (const auto& [output, metric] : fit.metrics) {
        FitterOptions options = leaky_options();
        if (output != "v") {
            options = two_outputs();
            options.recordings.outputs.erase(options.recordings.outputs.begin());
        }
        TraceFitter single(options);
        FitOptions one = random_points(leaky_bounds());
        one.metric = metric;
        static_cast<void>(single.fit(one));
        alone.push_back(single.evaluations().column("error"));
    }
    // `metrics` is ordered by name: I_leak first.
    for (std::size_t i = 0; i < 40; ++i) {
        const auto objectives = fitter.evaluations().objective_errors(i);
        ASSERT_EQ(objectives.size(), 4U);
        EXPECT_EQ(objectives[3], alone[0][i]);
        for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(objectives[k], alone[k + 1][i]);
        EXPECT_DOUBLE_EQ(fitter.evaluations().error(i), objectives[0] + objectives[1] + objectives[2] + objectives[3]);
    }
}

TEST(Objectives, RefuseNamesThatMeanTwoThings) {
    FitterOptions options = leaky_options();
    options.model = test::leaky_model("v_1 = v : volt\nspikes = v : volt\n");
    options.recordings.outputs.emplace_back("v_1", options.recordings.outputs[0].second);
    TraceFitter fitter(options);
    FitOptions fit = random_points(leaky_bounds());
    EXPECT_NO_THROW(static_cast<void>(fitter.fit(fit)));
    fit.metrics = {{"v", mse()}, {"v", mse({.t_start = 0.02})}};
    fit.restart = true;
    EXPECT_THAT(message_of<ConfigError>([&] { static_cast<void>(fitter.fit(fit)); }),
                testing::HasSubstr("two errors would be called `v_1`"));
    options.recordings.outputs.emplace_back("spikes", options.recordings.outputs[0].second);
    EXPECT_THAT(message_of<ConfigError>([&] { TraceFitter{options}; }),
                testing::HasSubstr("an output cannot be called `spikes`: the name is that of the spike trains"));
}

TEST(Objectives, RefuseMetricsOfTheWrongKind) {
    TraceFitter fitter(leaky_options());
    const auto refusal = [&](FitOptions fit) {
        fit.parameters = leaky_bounds();
        return message_of<ConfigError>([&] { static_cast<void>(fitter.fit(fit)); });
    };
    EXPECT_THAT(refusal({.metric = gamma_factor({.delta = 2e-3})}),
                testing::HasSubstr("traces of `v` cannot be compared by the metric"));
    EXPECT_THAT(refusal({.metrics = {{"v", nullptr}}}), testing::HasSubstr("the metric of `v` is empty"));
    EXPECT_THAT(refusal({.metrics = {{"spikes", gamma_factor({.delta = 2e-3})}}}),
                testing::HasSubstr("there is a metric for `spikes`, which has no recording"));
}

// --------------------------------------------------------------------------------------------- OnlineTraceFitter

TEST(OnlineTraceFitter, GivesTheNumbersOfATraceFitter) {
    TraceFitter traces(two_outputs());
    OnlineTraceFitter online(two_outputs());
    static_cast<void>(traces.fit(two_metrics()));
    static_cast<void>(online.fit(two_metrics()));
    EXPECT_EQ(record_of(online), record_of(traces));
}

TEST(OnlineTraceFitter, RefusesWhatNeedsTracesInMemory) {
    OnlineTraceFitter fitter(leaky_options());
    EXPECT_THAT(
        message_of<ConfigError>([&] {
            static_cast<void>(fitter.fit({.parameters = leaky_bounds(), .metric = test::squares_of_traces()}));
        }),
        testing::HasSubstr("the metric \"squares\" cannot be computed while simulating\nhint: use a TraceFitter"));
    FitterOptions options = leaky_options();
    options.recordings.spikes = {{0.01}, {}};
    EXPECT_THAT(message_of<ConfigError>([&] { OnlineTraceFitter{options}; }),
                testing::HasSubstr("an OnlineTraceFitter does not compare spikes"));
    options = leaky_options();
    options.recordings.outputs.clear();
    EXPECT_THAT(message_of<ConfigError>([&] { OnlineTraceFitter{options}; }),
                testing::HasSubstr("a OnlineTraceFitter needs the recorded traces"));
}

// ------------------------------------------------------------------------------------- metrics and optimisers of one's own

TEST(OwnMetric, CombinesTracesInItsOwnWay) {
    // The worse of the two traces, in volts.
    class Worst final : public TraceMetric {
      public:
        [[nodiscard]] std::string description() const override { return "worst trace"; }
        [[nodiscard]] Dimension error_dimension(const Dimension& output) const override { return output; }
        [[nodiscard]] Dimension normalized_dimension(const Dimension& output) const override { return output; }
        [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double) const override {
            Array2 result(simulated.n_samples, simulated.n_traces);
            for (std::size_t s = 0; s < simulated.n_samples; ++s) {
                for (std::size_t r = 0; r < simulated.n_traces; ++r)
                    result(s, r) = std::fabs(simulated.trace(s, r).back() - target.row(r).back());
            }
            return result;
        }
        [[nodiscard]] std::vector<double> errors(const Array2& features) const override {
            std::vector<double> result;
            for (std::size_t s = 0; s < features.rows; ++s) result.push_back(std::ranges::max(features.row(s)));
            return result;
        }
    };
    TraceFitter fitter(leaky_options());
    FitOptions fit = random_points(leaky_bounds());
    fit.metric = std::make_shared<Worst>();
    EXPECT_EQ(fitter.fit(fit).error_dimension, dimensions::volt);
    const double t = 299 * test::leaky_dt;
    for (std::size_t i = 0; i < 40; ++i) {
        const auto p = fitter.evaluations().parameter_values(i);
        double worst = 0;
        for (std::size_t r = 0; r < 2; ++r)
            worst = std::max(worst, std::fabs(test::leaky_voltage(t, r, p[0], p[1], p[2]) - test::leaky_voltage(t, r)));
        EXPECT_NEAR(fitter.evaluations().error(i), worst, 1e-12);
    }
}

TEST(OwnMetric, ThatThrowsEndsTheFitWithItsMessageAndNoHarm) {
    std::atomic<bool> broken = true;
    const auto metric = own_trace_metric("moody", [&](auto simulated, auto, double) -> double {
        if (broken) throw DataError("not today");
        return std::fabs(simulated.back());
    });
    TraceFitter fitter(leaky_options());
    EXPECT_EQ(message_of<DataError>([&] {
                  static_cast<void>(fitter.fit({.parameters = leaky_bounds(), .metric = metric, .n_rounds = 3}));
              }),
              "not today");
    EXPECT_EQ(fitter.evaluations().size(), 0U);
    broken = false;
    static_cast<void>(fitter.fit({.n_rounds = 3}));
    TraceFitter well(leaky_options());
    static_cast<void>(well.fit({.parameters = leaky_bounds(), .metric = metric, .n_rounds = 3}));
    EXPECT_EQ(record_of(fitter), record_of(well));
}

// Random points; remembers what it was told.
struct Remembering {
    explicit Remembering(const SearchSetting& given) : setting(given), random(given.seed, 7) {}
    Array2 ask(std::size_t n) {
        Array2 points(n, setting.dimension);
        for (double& u : points.values) u = random.next_uniform();
        return points;
    }
    static void tell(const Array2& points, std::span<const double> errors) {
        n_points += points.rows;
        told.insert(told.end(), errors.begin(), errors.end());
    }
    SearchSetting setting;
    math::RandomStream random;
    static inline std::vector<double> told;
    static inline std::size_t n_points = 0;
};

TEST(OwnOptimizer, AsksAndIsTold) {
    Remembering::told.clear();
    Remembering::n_points = 0;
    FitterOptions options = leaky_options();
    options.model = test::leaky_model("y = v + 0*sqrt(E + 75*mV)*volt**0.5 : volt\n");  // no number below -75 mV
    options.recordings.outputs[0].first = "y";
    TraceFitter fitter(options);
    const FitResult result = fitter.fit(
        {.parameters = leaky_bounds(), .optimizer = own_optimizer<Remembering>("remembering"), .n_rounds = 5});
    EXPECT_EQ(result.optimizer, "remembering");
    EXPECT_EQ(Remembering::n_points, 200U);
    const auto errors = fitter.evaluations().column("error");
    const auto E = fitter.evaluations().column("E");
    ASSERT_EQ(Remembering::told.size(), errors.size());
    for (std::size_t i = 0; i < errors.size(); ++i) {
        EXPECT_EQ(Remembering::told[i], E[i] < -0.075 ? std::numeric_limits<double>::infinity() : errors[i]);
        EXPECT_EQ(std::isfinite(errors[i]), E[i] >= -0.075);
    }
    EXPECT_EQ(result.best->error, std::ranges::min(Remembering::told));
    EXPECT_GT(result.n_failed, 20U);
}

// -------------------------------------------------------------------------------------------------------- failures

TEST(Failures, UnseenByTheMetricAreFailuresNonetheless) {
    // w explodes if a*w(0) is large; v does not know. Euler's method is repeated here step by step.
    FitterOptions options{.model = parse_brian({.equations = {"equations", R"(
                                                    dv/dt = (b - v)/(10*ms) : 1
                                                    dw/dt = a*w**2 : 1
                                                    a : Hz
                                                    b : 1)"},
                                                .initial_values = {{"w", "1"}}}),
                          .recordings = {.outputs = {{"v", {.dt = 1e-3, .values = Array2(1, 50, 0.3)}}}},
                          .n_samples = 50,
                          .method = "euler"};
    const auto explodes = [](double a) {
        double w = 1;
        for (int k = 0; k < 50; ++k) w += 1e-3 * a * w * w;
        return !std::isfinite(w);
    };
    TraceFitter fitter(options);
    const FitResult result = fitter.fit(
        {.parameters = {{"a", quantity("0 Hz"), quantity("200 Hz")}, {"b", {0, {}}, {1, {}}}}, .n_rounds = 10});
    const Evaluations& evaluations = fitter.evaluations();
    std::size_t failed = 0;
    std::size_t first = evaluations.size();
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        const bool fails = explodes(evaluations.parameter_values(i)[0]);
        EXPECT_EQ(std::isfinite(evaluations.error(i)), !fails);
        if (fails && failed++ == 0) first = i;
    }
    EXPECT_GT(failed, 20U);
    EXPECT_EQ(result.n_failed, failed);
    ASSERT_EQ(result.failures.size(), 1U);
    EXPECT_EQ(result.failures[0].what, "a state or error became NaN or infinite in trace 1");
    EXPECT_EQ(result.failures[0].count, failed);
    EXPECT_EQ(result.failures[0].evaluation, first);
    EXPECT_FALSE(explodes(result["a"]));
    EXPECT_NEAR(result["b"], 0.3, 0.15);  // v starts at 0, so b is above what is recorded at first
}

TEST(Failures, AreAttributedToTraceAndObjective) {
    // The metric gives infinity for one trace, NaN for another, by the sign of E + 70 mV.
    const auto metric = own_trace_metric("picky", [](auto simulated, auto, double) {
        if (simulated[0] < -0.08) return std::numeric_limits<double>::infinity();
        return simulated[0] < -0.07 && simulated.back() > simulated[0] ? test::not_a_number : std::fabs(simulated[0]);
    });
    TraceFitter fitter(leaky_options());
    FitOptions fit = random_points(leaky_bounds(), 5);
    fit.metric = metric;
    const FitResult result = fitter.fit(fit);
    // Currents are positive in trace 1, negative in trace 2, so NaN comes in trace 1 only; both causes have its name.
    std::size_t failed = 0;
    for (const double E : fitter.evaluations().column("E")) failed += E < -0.07 ? 1 : 0;
    EXPECT_EQ(result.n_failed, failed);
    ASSERT_EQ(result.failures.size(), 1U);
    EXPECT_EQ(result.failures[0].what, "the error of `v` in trace 1 is NaN or infinite");
    EXPECT_EQ(result.failures[0].count, failed);
    EXPECT_GE(result["E"], -0.07);
    for (std::size_t k = 0; k < 5; ++k) {
        std::size_t of_round = 0;
        for (std::size_t i = 40 * k; i < 40 * (k + 1); ++i)
            of_round += std::isfinite(fitter.evaluations().error(i)) ? 0 : 1;
        EXPECT_EQ(result.history[k].n_failed, of_round);
    }
}

TEST(Failures, AnErrorBeyondTheRangeOfNumbersFails) {
    // v is finite, its square is not; with one metric in the kernel and one from traces.
    for (const MetricPointer& metric : {mse(), test::squares_of_traces()}) {
        FitterOptions options = leaky_options();
        options.model = test::leaky_model("y = v*1e160*int(E > -70*mV) + v : volt\n");
        options.recordings.outputs[0].first = "y";
        TraceFitter fitter(options);
        FitOptions fit = random_points(leaky_bounds());
        fit.metric = metric;
        const FitResult result = fitter.fit(fit);
        for (std::size_t i = 0; i < 40; ++i)
            EXPECT_EQ(std::isfinite(fitter.evaluations().error(i)),
                      fitter.evaluations().parameter_values(i)[0] <= -0.07);
        EXPECT_GT(result.n_failed, 5U);
        EXPECT_LE(result["E"], -0.07);
        ASSERT_EQ(result.failures.size(), 1U);
        EXPECT_THAT(result.failures[0].what, testing::HasSubstr("in trace 1"));
    }
}

// ----------------------------------------------------------------------------------------------------- Pareto fronts

TEST(ParetoFront, IsCompleteAndOfAnyUnits) {
    FitterOptions options = two_outputs();
    options.model = test::leaky_model("I_leak = (v - E)/R + 0*sqrt(E + 85*mV)/volt**0.5*amp : amp\n");
    TraceFitter fitter(options);
    const FitResult result =
        fitter.fit({.parameters = leaky_bounds(), .optimizer = nsga2(), .metric = mse(), .n_rounds = 30});
    EXPECT_TRUE(result.error_dimension.dimensionless());
    EXPECT_GT(result.n_failed, 0U);
    const Evaluations& evaluations = fitter.evaluations();
    // By brute force: who is not dominated.
    std::set<std::pair<double, double>> expected;
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        if (!std::isfinite(evaluations.error(i))) continue;
        const auto a = evaluations.objective_errors(i);
        bool dominated = false;
        for (std::size_t j = 0; j < evaluations.size() && !dominated; ++j) {
            if (!std::isfinite(evaluations.error(j))) continue;
            const auto b = evaluations.objective_errors(j);
            dominated = b[0] <= a[0] && b[1] <= a[1] && (b[0] < a[0] || b[1] < a[1]);
        }
        if (!dominated) expected.insert({a[0], a[1]});
    }
    std::set<std::pair<double, double>> found;
    for (std::size_t k = 0; k < result.pareto_front.size(); ++k) {
        const ParetoPoint& point = result.pareto_front[k];
        found.insert({point.objectives[0], point.objectives[1]});
        if (k > 0) {
            EXPECT_GE(point.objectives[0], result.pareto_front[k - 1].objectives[0]);
        }
        const auto of_evaluation = evaluations.objective_errors(point.evaluation);
        EXPECT_THAT(point.objectives, testing::ElementsAreArray(of_evaluation));
        EXPECT_THAT(point.parameters, testing::ElementsAreArray(evaluations.parameter_values(point.evaluation)));
    }
    EXPECT_EQ(found, expected);
    EXPECT_GT(found.size(), 5U);
    EXPECT_THAT(result.full_report(), testing::HasSubstr("Pareto front"));
}

// Errors in V^2 and A^2 have no sum: the best is nearest to a perfect fit, each error in units of its median over the first
// round.
TEST(ParetoFront, OfUnlikeUnitsHasABest) {
    TraceFitter fitter(two_outputs());
    const FitResult result =
        fitter.fit({.parameters = leaky_bounds(), .optimizer = nsga2(), .metric = mse(), .n_rounds = 5});
    ASSERT_TRUE(result.best);
    const Evaluations& evaluations = fitter.evaluations();
    std::array<std::vector<double>, 2> first;
    for (std::size_t i = 0; i < evaluations.first_of_round(1); ++i) {
        for (std::size_t k = 0; k < 2; ++k) first[k].push_back(evaluations.objective_errors(i)[k]);
    }
    std::array<double, 2> scale{};
    for (std::size_t k = 0; k < 2; ++k) {
        std::ranges::sort(first[k]);
        scale[k] = first[k][first[k].size() / 2];
    }
    double nearest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        const auto errors = evaluations.objective_errors(i);
        const double distance = std::hypot(errors[0] / scale[0], errors[1] / scale[1]);
        EXPECT_NEAR(evaluations.error(i), distance, 1e-12 * distance);
        nearest = std::min(nearest, distance);
    }
    EXPECT_NEAR(result.best->error, nearest, 1e-12 * nearest);
    EXPECT_EQ(result.history.back().best_error, result.best->error);
    const auto of_best = [&](const ParetoPoint& point) { return point.evaluation == result.best->evaluation; };
    EXPECT_TRUE(std::ranges::any_of(result.pareto_front, of_best));
    EXPECT_THAT(result.summary(), testing::HasSubstr(" from "));

    // The unit of one error changes nothing, nor does continuing.
    FitOptions other{.parameters = leaky_bounds(),
                     .optimizer = nsga2(),
                     .metrics = {{"v", mse({.normalization = quantity("10 mV")})}, {"I_leak", mse()}},
                     .n_rounds = 2,
                     .planned_rounds = 5};
    TraceFitter again(two_outputs());
    again.fit(other);
    const FitResult continued = again.fit({.n_rounds = 3});
    EXPECT_NEAR(continued.best->error, result.best->error, 1e-9 * result.best->error);
    EXPECT_TRUE(continued.error_dimension.dimensionless());
}

TEST(ParetoFront, NeedsSeveralErrorsAndAMethodForThem) {
    TraceFitter one(leaky_options());
    const FitResult single = one.fit({.parameters = leaky_bounds(), .optimizer = nsga2(), .n_rounds = 3});
    EXPECT_TRUE(single.pareto_front.empty());
    EXPECT_EQ(single.error_dimension, dimensions::volt.power(2));
    TraceFitter sum(two_outputs());
    EXPECT_TRUE(sum.fit(two_metrics()).pareto_front.empty());
}

TEST(ParetoFront, APenaltyIsAddedToEachError) {
    FitterOptions options = two_outputs();
    options.model = test::leaky_model("I_leak = (v - E)/R : amp\ncost = (E + 70*mV)**2/(10*mV)**2 : 1\n");
    options.penalty = "cost";
    TraceFitter fitter(options);
    FitOptions fit = two_metrics();
    fit.optimizer = nsga2();
    const FitResult result = fitter.fit(fit);
    ASSERT_TRUE(result.best);
    EXPECT_NEAR(result.best->penalty, std::pow((result["E"] + 0.07) / 0.01, 2), 1e-12);
    EXPECT_DOUBLE_EQ(result.best->error, result.best->objectives[0].normalized + result.best->objectives[1].normalized +
                                             result.best->penalty);
    fit.metrics.clear();
    fit.restart = true;
    EXPECT_THAT(message_of<UnitError>([&] { static_cast<void>(fitter.fit(fit)); }),
                testing::HasSubstr("the errors of `v` (volt ** 2) and `I_leak` (amp ** 2) cannot be added"));
}

// ------------------------------------------------------------------------------------------ restarting and counting

TEST(Restart, WithAnotherMetricOrOptimizerIsAFreshFit) {
    TraceFitter fitter(two_outputs());
    static_cast<void>(fitter.fit(two_metrics()));
    FitOptions fit = two_metrics();
    fit.metrics = {{"v", mse({.normalization = quantity("1 mV")})},
                   {"v", test::squares_of_traces()},
                   {"I_leak", test::squares_of_traces()}};
    fit.optimizer = nsga2();
    fit.parameters[0].high = quantity("-60 mV");
    fit.restart = true;
    static_cast<void>(fitter.fit(fit));
    TraceFitter fresh(two_outputs());
    static_cast<void>(fresh.fit(fit));
    EXPECT_EQ(record_of(fitter), record_of(fresh));
    EXPECT_EQ(fitter.evaluations().outputs().size(), 3U);
    // And back again.
    fit = two_metrics();
    fit.restart = true;
    static_cast<void>(fitter.fit(fit));
    TraceFitter first(two_outputs());
    static_cast<void>(first.fit(two_metrics()));
    EXPECT_EQ(record_of(fitter), record_of(first));
}

TEST(StartIteration, IsWhereTheModelBeginsToCount) {
    FitterOptions options{
        .model = parse_brian({.equations = {"equations", "dq/dt = 0/second : 1\ny = q + iteration + x : 1\nx : 1"}}),
        .recordings = {.outputs = {{"y", {.dt = 1e-3, .values = Array2(1, 4, 7.0)}}}},
        .n_samples = 5};
    TraceFitter fitter(options);
    static_cast<void>(fitter.fit({.parameters = {{"x", {0, {}}, {1, {}}}}, .n_rounds = 3, .start_iteration = 5}));
    static_cast<void>(fitter.fit({.n_rounds = 1}));
    for (std::size_t i = 0; i < 20; ++i) {
        const double difference = 5 + static_cast<double>(i / 5) + fitter.evaluations().parameter_values(i)[0] - 7;
        EXPECT_NEAR(fitter.evaluations().error(i), difference * difference, 1e-13);
    }
}

}  // namespace
}  // namespace spikesmith
