#include "spikesmith/report/fit_files.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/report/fit_plots.hpp"

namespace spikesmith {
namespace {

using testing::HasSubstr;

constexpr double nan_value = std::numeric_limits<double>::quiet_NaN();

Evaluations example_evaluations() {
    Evaluations evaluations({"g", "C"}, {"v"});
    Array2 first(2, 3);
    first.values = {0.1, 2, 5e-7, 1.0 / 3, 1e-12, nan_value};
    Array2 second(1, 3);
    second.values = {0.25, 3, 1e-7};
    evaluations.append(first);
    evaluations.append(second);
    return evaluations;
}

FitResult example_result() {
    FitResult result;
    result.parameters = {
        {.name = "g",
         .dimension = dimensions::siemens,
         .low = 1e-9,
         .high = 1e-7,
         .scale = Scale::logarithmic,
         .value = 1e-7,
         .at_bound = true},
        {.name = "E", .dimension = dimensions::volt, .low = -0.07, .high = -0.07, .fixed = true, .value = -0.07}};
    result.best = BestFit{
        .parameters = {1e-7, -0.07},
        .error = 1e-7,
        .objectives = {{"v", 1e-7, 1e-7, dimensions::volt * dimensions::volt, dimensions::volt * dimensions::volt}},
        .evaluation = 2};
    result.error_dimension = dimensions::volt * dimensions::volt;
    result.n_rounds = 2;
    result.n_evaluations = 3;
    result.n_failed = 1;
    result.history = {{.best_error = 5e-7, .round_best_error = 5e-7, .n_failed = 1},
                      {.best_error = 1e-7, .round_best_error = 1e-7}};
    result.outputs = {"v"};
    result.metrics = {"mse"};
    return result;
}

TEST(EvaluationsCsv, IsExactAndShort) {
    EXPECT_EQ(evaluations_csv(example_evaluations()),
              "round,sample,g,C,error\n"
              "0,0,0.1,2,5e-07\n"
              "0,1,0.3333333333333333,1e-12,nan\n"
              "1,0,0.25,3,1e-07\n");
}

TEST(EvaluationsCsv, HasAColumnPerOutputIfThereAreSeveral) {
    Evaluations evaluations({"g"}, {"v", "w"});
    Array2 round(1, 4);
    round.values = {2, 0.75, 0.5, 0.25};
    evaluations.append(round);
    EXPECT_EQ(evaluations_csv(evaluations), "round,sample,g,error,error_v,error_w\n0,0,2,0.75,0.5,0.25\n");
}

TEST(CsvCell, QuotesWhereNeeded) {
    EXPECT_EQ(csv_cell("gl"), "gl");
    EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
    EXPECT_EQ(csv_cell("a\"b"), "\"a\"\"b\"");
}

TEST(ResultJson, SaysWhatTheResultSays) {
    const auto json = to_json(example_result());
    EXPECT_EQ(json["best_error"], 1e-7);
    EXPECT_EQ(json["n_failed"], 1);
    EXPECT_EQ(json["parameters"][0]["name"], "g");
    EXPECT_EQ(json["parameters"][0]["unit"], "siemens");
    EXPECT_EQ(json["parameters"][0]["at_bound"], true);
    EXPECT_EQ(json["parameters"][1]["fixed"], true);
    EXPECT_FALSE(json["parameters"][1].contains("low"));
    EXPECT_EQ(json["outputs"][0]["error"], 1e-7);
    EXPECT_EQ(json["history"].size(), 2U);
    EXPECT_EQ(nlohmann::json::parse(json.dump()), nlohmann::json(json));
}

TEST(ResultJson, HasNullWhereThereIsNoNumber) {
    FitResult result = example_result();
    result.best.reset();
    result.history[0].best_error = nan_value;
    const auto json = nlohmann::json::parse(to_json(result).dump());
    EXPECT_TRUE(json["best_error"].is_null());
    EXPECT_TRUE(json["parameters"][0]["value"].is_null());
    EXPECT_TRUE(json["history"][0]["best_error"].is_null());
}

TEST(TracePlot, HasAPanelPerTraceAndOutputInSensibleUnits) {
    const std::vector<TraceComparison> outputs{
        {"v", dimensions::volt, Array2(2, 100, -0.065), 1e-5, Array2(2, 100, -0.06), 1e-5},
        {"w", dimensions::ampere, {}, 0, Array2(2, 100, 2e-10), 1e-5}};
    const Plot plot = trace_plot("model", outputs);
    ASSERT_EQ(plot.panels.size(), 4U);
    EXPECT_EQ(plot.columns, 2);
    EXPECT_EQ(plot.panels[0].y_label, "v (mV)");
    EXPECT_EQ(plot.panels[1].y_label, "w (pA)");
    ASSERT_EQ(plot.panels[0].curves.size(), 2U);
    EXPECT_EQ(plot.panels[1].curves.size(), 1U);
    EXPECT_NEAR(plot.panels[0].curves[0].y[7], -65, 1e-12);
    EXPECT_NEAR(plot.panels[0].curves[1].y[7], -60, 1e-12);
    EXPECT_EQ(plot.panels[2].x_label.substr(0, 4), "time");
}

TEST(TracePlot, ShowsTheFirstOfManyTraces) {
    const std::vector<TraceComparison> outputs{{"v", dimensions::volt, Array2(40, 5), 1e-3, {}, 0}};
    const Plot plot = trace_plot("", outputs);
    EXPECT_EQ(plot.panels.size(), 16U);
    EXPECT_THAT(plot.panels.back().title, HasSubstr("of 40"));
}

TEST(ConvergencePlot, FollowsTheBestOverTheEvaluations) {
    const Plot plot = convergence_plot("", example_result(), example_evaluations());
    ASSERT_EQ(plot.panels.size(), 2U);  // the error and the one free parameter
    EXPECT_TRUE(plot.panels[0].log_y);
    const Curve& best = plot.panels[0].curves.back();
    EXPECT_EQ(best.x, (std::vector<double>{2, 3}));
    EXPECT_THAT(best.y, testing::Pointwise(testing::DoubleNear(1e-12), {0.5, 0.1}));  // mV^2
    EXPECT_EQ(plot.panels[0].y_label, "error (mV^2)");
    EXPECT_TRUE(plot.panels[1].log_y);
    const Curve& values = plot.panels[1].curves.back();
    EXPECT_EQ(values.x, (std::vector<double>{0, 2, 2, 3}));
    EXPECT_GT(values.y[0], values.y[2] * 0.3);
    EXPECT_THAT(svg(plot), HasSubstr("evaluations"));
}

}  // namespace
}  // namespace spikesmith
