// Refinement of fits: the tutorial's recording, closed forms, and what it says about parameters.
#include "spikesmith/fit/refine.hpp"

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"

namespace spikesmith {
namespace {

using test::message_of;
using test::quantity;
using testing::HasSubstr;

// A fit that only sets up.
FitOptions set_up(std::vector<FitParameter> parameters) {
    return {.parameters = std::move(parameters), .n_rounds = 0};
}

TraceFitter hodgkin_huxley_fit(bool noise) {
    FitterOptions options = test::hodgkin_huxley_options();
    if (!noise) {
        const NpzArchive archive = read_npz(SPIKESMITH_TEST_DATA "/golden/hh.npz");
        options.recordings.outputs.front().second.values =
            // the same array as hh_truth_exponential_euler.v (duplicates.json)
            to_array2(archive.array("hh_spikes_v_exponential_euler.v"), "truth");
    }
    options.n_samples = 100;
    options.seed = 1;
    TraceFitter fitter(options);
    (void)fitter.fit(
        {.parameters = test::hodgkin_huxley_bounds(), .optimizer = differential_evolution(), .n_rounds = 10});
    return fitter;
}

TEST(Refine, FindsTheConductancesThatMadeTheTutorialsTraces) {
    const TraceFitter fitter = hodgkin_huxley_fit(false);
    for (const Derivatives derivatives : {Derivatives::automatic, Derivatives::differences}) {
        const RefineResult refined = refine(fitter, {}, {.derivatives = derivatives});
        SCOPED_TRACE(refined.full_report());
        EXPECT_NEAR(refined["gl"], 10e-9, 1e-6 * 10e-9);
        EXPECT_NEAR(refined["g_na"], 20e-6, 1e-6 * 20e-6);
        EXPECT_NEAR(refined["g_kd"], 6e-6, 1e-6 * 6e-6);
        EXPECT_LT(refined.error, 1e-18);  // V^2; rounding of the reference
        EXPECT_LT(refined.best().derivative_evaluations, 15U);
        EXPECT_TRUE(refined.statistics.undetermined.empty()) << refined.full_report();
    }
}

TEST(Refine, FindsTheOptimumOfTheTutorialsRecording) {
    const TraceFitter fitter = hodgkin_huxley_fit(true);
    const std::vector<std::uint64_t> before = test::record_of(fitter);
    for (const Derivatives derivatives : {Derivatives::automatic, Derivatives::differences}) {
        const RefineResult refined = refine(fitter, {}, {.derivatives = derivatives});
        SCOPED_TRACE(refined.full_report());
        EXPECT_NEAR(refined.error, 9.9497e-7, 1e-11);
        EXPECT_NEAR(refined["gl"], 10.077e-9, 1e-12);
        EXPECT_NEAR(refined["g_na"], 20.018e-6, 1e-9);
        EXPECT_NEAR(refined["g_kd"], 6.0055e-6, 1e-10);
        EXPECT_LT(refined.best().derivative_evaluations, 15U);
        const std::map<std::string, double> truth{{"gl", 10e-9}, {"g_na", 20e-6}, {"g_kd", 6e-6}};
        const ParameterStatistics& statistics = refined.statistics;
        for (std::size_t j = 0; j < refined.parameters.size(); ++j) {
            const double expected = truth.at(refined.parameters[j].name);
            EXPECT_LT(statistics.confidence_low[j], expected);
            EXPECT_GT(statistics.confidence_high[j], expected);
            EXPECT_LT(statistics.standard_errors[j], 0.02 * expected);
        }
        EXPECT_EQ(statistics.n_residuals, 5U * 1497U);
        EXPECT_NEAR(statistics.autocorrelation, 0, 0.05);
    }
    EXPECT_EQ(test::record_of(fitter), before);
}

// Straight lines, whose statistics are those of linear regression: v = slope*t + offset under one trace.
FitterOptions line_options(const std::vector<double>& recorded, double dt) {
    return {.model = parse_brian({.equations = {"equations", R"(
                                      v = slope*t + offset : volt
                                      slope : volt/second (constant)
                                      offset : volt (constant)
                                  )"},
                                  .inputs = {}}),
            .recordings = {.outputs = {{"v", test::one_trace(dt, recorded)}}, .dt = dt},
            .n_samples = 10,
            .method = "euler"};
}

std::vector<FitParameter> line_bounds() {
    return {{"slope", quantity("-10 volt/second"), quantity("10 volt/second")},
            {"offset", quantity("-1 volt"), quantity("1 volt")}};
}

TEST(Refine, StatisticsOfALineAreThoseOfLinearRegression) {
    constexpr std::size_t n = 50;
    constexpr double dt = 1e-3;
    math::RandomStream random(7, 1);
    std::vector<double> recorded;
    double sum_t = 0, sum_y = 0, sum_tt = 0, sum_ty = 0;
    for (std::size_t k = 0; k < n; ++k) {
        const double t = static_cast<double>(k) * dt;
        recorded.push_back(2 * t + 0.1 + 1e-3 * random.next_normal());
        sum_t += t;
        sum_y += recorded.back();
        sum_tt += t * t;
        sum_ty += t * recorded.back();
    }
    const double determinant = n * sum_tt - sum_t * sum_t;
    const double slope = (n * sum_ty - sum_t * sum_y) / determinant;
    const double offset = (sum_y - slope * sum_t) / n;
    double squares = 0;
    for (std::size_t k = 0; k < n; ++k) {
        const double difference = recorded[k] - slope * static_cast<double>(k) * dt - offset;
        squares += difference * difference;
    }
    const double variance = squares / (n - 2);

    TraceFitter fitter(line_options(recorded, dt));
    (void)fitter.fit(set_up(line_bounds()));
    for (const Derivatives derivatives : {Derivatives::automatic, Derivatives::differences}) {
        const RefineResult refined =
            refine(fitter, {.starts = {{{"slope", -5}, {"offset", 0.5}}}}, {.derivatives = derivatives});
        SCOPED_TRACE(refined.full_report());
        EXPECT_NEAR(refined["slope"], slope, 1e-9);
        EXPECT_NEAR(refined["offset"], offset, 1e-10);
        EXPECT_NEAR(refined.error, squares / n, 1e-15);
        const ParameterStatistics& statistics = refined.statistics;
        EXPECT_NEAR(statistics.standard_errors[0], std::sqrt(variance * n / determinant), 1e-7);
        EXPECT_NEAR(statistics.standard_errors[1], std::sqrt(variance * sum_tt / determinant), 1e-9);
        EXPECT_NEAR(statistics.correlation(0, 1), -sum_t / std::sqrt(n * sum_tt), 1e-6);
        const double t_quantile = 2.0106347546;  // 48 degrees of freedom, 97.5 %
        EXPECT_NEAR(statistics.confidence_high[0] - refined["slope"], t_quantile * statistics.standard_errors[0],
                    1e-5 * statistics.standard_errors[0]);
    }
}

TEST(Refine, QuantilesOfStudentsDistributionAreThoseOfTables) {
    const std::map<int, double> table{{1, 12.70620474}, {2, 4.30265273},  {3, 3.18244631},  {4, 2.77644511},
                                      {5, 2.57058184},  {10, 2.22813885}, {30, 2.04227246}, {120, 1.97993041}};
    for (const auto& [degrees, quantile] : table)
        EXPECT_NEAR(student_quantile(0.975, degrees), quantile, 2e-4 * quantile) << degrees;
    EXPECT_NEAR(student_quantile(0.975, 1e6), 1.95996636, 1e-6);
    EXPECT_NEAR(student_quantile(0.995, 10), 3.16927267, 1e-4);
}

TEST(Refine, SaysWhichParametersTheDataDoNotDetermine) {
    // only the product of a and b matters, and c not at all
    const FitterOptions options{
        .model = parse_brian({.equations = {"equations", R"(
                                                          v = a*b*sin(100*t/second) : volt
                                                          a : volt (constant)
                                                          b : 1 (constant)
                                                          c : siemens (constant)
                                                      )"},
                              .inputs = {}}),
        .recordings = {.outputs = {{"v", test::one_trace(1e-3,
                                                         [] {
                                                             std::vector<double> v;
                                                             for (int k = 0; k < 40; ++k)
                                                                 v.push_back(std::sin(0.1 * k) + 1e-3 * (k % 3));
                                                             return v;
                                                         }())}},
                       .dt = 1e-3},
        .n_samples = 10,
        .method = "euler"};
    TraceFitter fitter(options);
    (void)fitter.fit(set_up({{"a", quantity("0.1 volt"), quantity("10 volt")},
                             {"b", quantity("0.1"), quantity("10")},
                             {"c", quantity("1 nS"), quantity("2 nS")}}));
    const RefineResult refined = refine(fitter, {.starts = {{{"a", 2}, {"b", 1}, {"c", 1.5e-9}}}});
    EXPECT_NEAR(refined["a"] * refined["b"], 1, 0.01);
    EXPECT_EQ(refined["c"], 1.5e-9);
    EXPECT_THAT(refined.statistics.undetermined,
                testing::Contains(testing::AllOf(HasSubstr("`a`, `b` singly"), HasSubstr("change together"))));
    EXPECT_THAT(refined.statistics.undetermined, testing::Contains("the data do not determine `c`"));
    EXPECT_THAT(refined.full_report(), HasSubstr("the data do not determine `c`"));
    EXPECT_THAT(refined.statistics.standard_errors, testing::Each(testing::IsNan())) << "there is none to tell";
}

TEST(Refine, TakesBoundsScalesTiesFixedAndWholeParameters) {
    FitterOptions options = test::leaky_options();
    TraceFitter fitter(options);
    // the membrane again, with a tie that holds at the truth: tau = 10 ms = R * 100 pF
    const Expression tie = Expression::symbol("R") * Expression(1e-10);
    (void)fitter.fit(set_up({{"E", quantity("-90 mV"), quantity("-50 mV")},
                             {"R", quantity("1 Mohm"), quantity("1 Gohm"), Scale::logarithmic},
                             {.name = "tau", .tied = tie}}));
    const RefineResult refined = refine(fitter, {.starts = {{{"E", -0.06}, {"R", 3e7}}}});
    SCOPED_TRACE(refined.full_report());
    EXPECT_NEAR(refined["E"], -0.07, 1e-9);
    EXPECT_NEAR(refined["R"], 1e8, 1);
    EXPECT_NEAR(refined["tau"], 0.01, 1e-10);
    EXPECT_NEAR(refined.statistics.standard_errors[2], refined.statistics.standard_errors[1] * 1e-10,
                1e-6 * refined.statistics.standard_errors[2] + 1e-20);
    // one parameter held elsewhere, and a bound that cuts the optimum off
    const RefineResult held =
        refine(fitter, {.starts = {{{"R", 3e7}}}},
               {.parameters = {{.name = "E", .fixed = quantity("-70 mV")},
                               {"R", quantity("1 Mohm"), quantity("50 Mohm"), Scale::logarithmic}}});
    EXPECT_EQ(held["E"], -0.07);
    EXPECT_EQ(held["R"], 5e7);
    EXPECT_TRUE(held.parameters[1].at_bound);
    EXPECT_TRUE(std::isnan(held.statistics.standard_errors[1]));
    // whole numbers stay
    const RefineResult whole =
        refine(fitter, {.starts = {{{"E", -0.06}, {"R", 1e8}}}},
               {.parameters = {{.name = "R", .low = quantity("1 Mohm"), .high = quantity("1 Gohm"), .integer = true}}});
    EXPECT_EQ(whole["R"], 1e8);
    EXPECT_NEAR(whole["E"], -0.07, 1e-9);
    EXPECT_THAT(whole.notes, testing::Contains(HasSubstr("`R` takes whole numbers only")));
}

TEST(Refine, ManyStartsCallbackAndFieldWork) {
    TraceFitter fitter(test::leaky_options());
    (void)fitter.fit(set_up(test::leaky_bounds()));
    std::vector<std::map<std::string, double>> starts;
    for (const double E : {-0.085, -0.06, -0.052}) starts.push_back({{"E", E}, {"R", 3e8}, {"tau", 0.03}});
    std::size_t calls = 0;
    Refiner refiner(fitter);
    const RefineResult refined = refiner.refine({.starts = starts, .callback = [&](const RefineProgress& progress) {
                                                     ++calls;
                                                     EXPECT_LT(progress.start, 3U);
                                                     return CallbackAction::proceed;
                                                 }});
    ASSERT_EQ(refined.starts.size(), 3U);
    EXPECT_GT(calls, 6U);
    for (const RefinedStart& start : refined.starts) {
        EXPECT_NEAR(start.parameters[0], -0.07, 1e-8);
        EXPECT_NEAR(start.parameters[1], 1e8, 10);
        EXPECT_LT(start.error, 1e-18);
    }
    const RefineResult stopped =
        refiner.refine({.starts = {starts[0]}, .callback = [](const RefineProgress&) { return CallbackAction::stop; }});
    EXPECT_EQ(stopped.best().stop, RefineStop::callback);
    EXPECT_EQ(stopped.best().iterations, 1U);
    EXPECT_LT(stopped.error, stopped.start_error);

    // the gradient of the field against differences of its own errors
    Array2 points(3, 3, 0.4);
    points(1, 1) += 1e-5;
    points(2, 1) -= 1e-5;
    const Refiner::Field field = refiner.field(points, true);
    EXPECT_NEAR(field.gradient(0, 1), (field.errors[1] - field.errors[2]) / 2e-5,
                1e-5 * std::fabs(field.gradient(0, 1)));
}

TEST(Refine, RobustLossesWeightsNormalisationAndSeveralOutputs) {
    // the leaky membrane with an artefact, and its current as a second output
    FitterOptions options = test::leaky_options();
    options.model = test::leaky_model("\ni_m = (v - E)/R : amp");
    auto& voltage = options.recordings.outputs.front().second;
    for (std::size_t k = 100; k < 105; ++k) voltage.values(0, k) += 0.05;
    TimeSeries current{.dt = test::leaky_dt, .values = Array2(2, test::leaky_steps)};
    for (std::size_t r = 0; r < 2; ++r) {
        for (std::size_t k = 0; k < test::leaky_steps; ++k)
            current.values(r, k) = (test::leaky_voltage(static_cast<double>(k) * test::leaky_dt, r) + 0.07) / 1e8 +
                                   (k % 2 == 0 ? 1e-13 : -1e-13);
    }
    options.recordings.outputs.emplace_back("i_m", current);
    TraceFitter fitter(options);
    FitOptions fit = set_up(test::leaky_bounds());
    fit.metrics.emplace("v", mse({.t_start = 1e-3,
                                  .normalization = quantity("10 mV"),
                                  .loss = Loss::cauchy,
                                  .loss_scale = quantity("0.1 mV")}));
    fit.metrics.emplace("i_m", mse({.normalization = quantity("100 pA")}));
    (void)fitter.fit(fit);
    const std::map<std::string, double> start{{"E", -0.068}, {"R", 1.2e8}, {"tau", 0.012}};
    std::vector<double> errors;
    for (const Derivatives derivatives : {Derivatives::automatic, Derivatives::differences}) {
        const RefineResult refined = refine(fitter, {.starts = {start}}, {.derivatives = derivatives});
        SCOPED_TRACE(refined.full_report());
        EXPECT_NEAR(refined["E"], -0.07, 2e-5);  // the artefact counts little
        EXPECT_NEAR(refined["R"], 1e8, 2e5);
        EXPECT_NEAR(refined["tau"], 0.01, 2e-4);
        EXPECT_EQ(refined.statistics.n_residuals, 2U * (test::leaky_steps - 10) + 2U * test::leaky_steps);
        errors.push_back(refined.error);
    }
    EXPECT_NEAR(errors[0], errors[1], 1e-9 * errors[0]);
}

TEST(Refine, OtherMetricsAreRefinedByDifferences) {
    TraceFitter fitter(test::leaky_options());
    FitOptions fit = set_up(test::leaky_bounds());
    fit.metric = test::squares_of_traces();
    (void)fitter.fit(fit);
    const RefineResult refined = refine(fitter, {.starts = {{{"E", -0.069}, {"R", 1.05e8}, {"tau", 0.0105}}}});
    SCOPED_TRACE(refined.full_report());
    EXPECT_EQ(refined.method, RefineMethod::quasi_newton);
    EXPECT_NEAR(refined["E"], -0.07, 1e-5);
    EXPECT_NEAR(refined["R"], 1e8, 1e5);
    EXPECT_NEAR(refined["tau"], 0.01, 1e-4);
    EXPECT_TRUE(refined.statistics.empty());
    EXPECT_THAT(refined.full_report(), HasSubstr("no standard errors"));
}

TEST(Refine, QuasiNewtonComesToTheSameOptimum) {
    const TraceFitter fitter = hodgkin_huxley_fit(true);
    for (const Derivatives derivatives : {Derivatives::exact, Derivatives::differences}) {
        const RefineResult refined =
            refine(fitter, {}, {.method = parse_refine_method("l_bfgs_b"), .derivatives = derivatives});
        SCOPED_TRACE(refined.full_report());
        EXPECT_EQ(refined.method, RefineMethod::quasi_newton);
        EXPECT_EQ(refined.derivatives, derivatives);
        EXPECT_NEAR(refined.error, 9.9497e-7, 2e-11);
        EXPECT_NEAR(refined["g_na"], 20.018e-6, 2e-8);
        EXPECT_FALSE(refined.statistics.empty());
    }
}

TEST(Refine, SaysWhatIsWrong) {
    TraceFitter fitter(test::leaky_options());
    EXPECT_THAT(message_of<ConfigError>([&] { (void)refine(fitter); }), HasSubstr("nothing to refine"));
    (void)fitter.fit(set_up(test::leaky_bounds()));
    EXPECT_THAT(message_of<ConfigError>([&] { (void)refine(fitter); }), HasSubstr("`E` has no value to start from"));
    const auto refine_from = [&](std::map<std::string, double> start, RefineProblem problem = {}) {
        return message_of<ConfigError>([&] { (void)refine(fitter, {.starts = {start}}, problem); });
    };
    EXPECT_THAT(refine_from({{"E", -0.07}, {"R", 1e8}, {"taw", 1}}), HasSubstr("did you mean `tau`?"));
    EXPECT_THAT(refine_from({{"E", -0.2}, {"R", 1e8}, {"tau", 0.01}}),
                HasSubstr("outside its bounds -90 mV and -50 mV"));
    EXPECT_THAT(refine_from({{"E", NAN}, {"R", 1e8}, {"tau", 0.01}}), HasSubstr("not finite"));
    EXPECT_THAT(refine_from({{"E", -0.07}, {"R", 1e8}}, {.parameters = {{.name = "tau", .fixed = quantity("10 ms")}},
                                                         .metric = test::squares_of_traces(),
                                                         .method = RefineMethod::least_squares}),
                HasSubstr("no mean square"));
    EXPECT_THAT(message_of<ConfigError>([] { (void)parse_refine_method("lest_squares"); }),
                HasSubstr("did you mean `least_squares`?"));
}

TEST(Refine, InterruptGivesTheBestSoFar) {
    TraceFitter fitter(test::leaky_options());
    (void)fitter.fit(set_up(test::leaky_bounds()));
    std::atomic<bool> cancelled = false;
    const RefineResult refined = refine(fitter, {.starts = {{{"E", -0.06}, {"R", 3e8}, {"tau", 0.03}}},
                                                 .callback =
                                                     [&](const RefineProgress&) {
                                                         cancelled = true;
                                                         return CallbackAction::proceed;
                                                     },
                                                 .cancelled = &cancelled});
    EXPECT_EQ(refined.best().stop, RefineStop::cancelled);
    EXPECT_EQ(refined.best().iterations, 1U);
    EXPECT_LT(refined.error, refined.start_error);
}

}  // namespace
}  // namespace spikesmith
