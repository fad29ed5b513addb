#include "spikesmith/fit/callback.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {
namespace {

const Dimension volt2 = dimensions::volt.power(2);

std::vector<FittedParameter> parameters() {
    return {{.name = "E", .dimension = dimensions::volt, .value = -0.0612218},
            {.name = "R", .dimension = dimensions::volt / dimensions::ampere, .value = 61.6752e6},
            {.name = "k", .value = 0.123456},
            {.name = "C", .fixed = true, .value = 1}};
}

BestFit best(double normalization = 1) {
    BestFit result{.error = 683.4723e-6 / normalization};
    result.objectives = {{.output = "v",
                          .raw = 683.4723e-6,
                          .normalized = 683.4723e-6 / normalization,
                          .raw_dimension = volt2,
                          .normalized_dimension = normalization == 1 ? volt2 : dimensions::none}};
    return result;
}

RoundReport report(std::size_t round, std::size_t n_rounds, const std::vector<FittedParameter>& fitted,
                   const std::optional<BestFit>& found, std::size_t failed = 0) {
    static const Array2 no_samples;
    return {.round = round,
            .n_rounds = n_rounds,
            .iteration = round,
            .parameters = fitted,
            .samples = no_samples,
            .errors = {},
            .best = found,
            .error_dimension = volt2,
            .n_evaluations = 10 * (round + 1),
            .n_failed = failed,
            .elapsed_seconds = 12,
            .remaining_seconds = 75};
}

TEST(Callback, TextShowsBestParametersAndError) {
    std::ostringstream out;
    const auto fitted = parameters();
    const std::optional<BestFit> found = best();
    EXPECT_EQ(text_callback(out)(report(0, 3, fitted, found)), CallbackAction::proceed);
    EXPECT_EQ(out.str(),
              "Round 0: Best parameters E=-61.222 mV, R=61.675 Mohm, k=0.123\n"
              "         Best error: 683.472 mV^2 (v)\n");
}

TEST(Callback, ErrorsAreDescribedWithTheirParts) {
    BestFit one = best(2.71e-4);
    EXPECT_EQ(describe_error(one, {}), "2.52 (v, unnormalized error: 683.472 mV^2)");
    one.objectives.push_back(
        {.output = "w", .raw = 9.81, .normalized = 9.81, .raw_dimension = {}, .normalized_dimension = {}});
    one.error += 9.81;
    EXPECT_EQ(describe_error(one, {}), "12.33 = 2.52 (v, unnormalized error: 683.472 mV^2) + 9.81 (w)");
    one.penalty = 0.5;
    one.error += 0.5;
    EXPECT_EQ(describe_error(one, {}), "12.83 = 2.52 (v, unnormalized error: 683.472 mV^2) + 9.81 (w) + 0.5 (penalty)");
}

TEST(Callback, ProgressBarRedrawsOneLineOnATerminal) {
    std::ostringstream out;
    const auto fitted = parameters();
    const std::optional<BestFit> found = best();
    const FitCallback bar = progress_bar(out, true);
    static_cast<void>(bar(report(11, 24, fitted, found, 3)));
    EXPECT_EQ(out.str(),
              "\r\x1b[K[############            ] 12/24  best error 683.5 mV^2, 3 of 120 failed, 1 min 15 s left");
    out.str("");
    static_cast<void>(bar(report(23, 24, fitted, found)));
    EXPECT_EQ(out.str(), "\r\x1b[K[########################] 24/24  best error 683.5 mV^2, 12 s\n");
}

TEST(Callback, ProgressIsPlainLinesElsewhere) {
    std::ostringstream out;
    const auto fitted = parameters();
    const std::optional<BestFit> found = best();
    const FitCallback lines = progress_bar(out, false);
    for (std::size_t round = 0; round < 1000; ++round) static_cast<void>(lines(report(round, 1000, fitted, found)));
    const std::string text = out.str();
    EXPECT_EQ(std::ranges::count(text, '\n'), 20);
    EXPECT_THAT(text, testing::HasSubstr("round 50/1000: best error 683.5 mV^2, 1 min 15 s left\n"));
    EXPECT_THAT(text, testing::EndsWith("round 1000/1000: best error 683.5 mV^2\n"));
    EXPECT_EQ(text.find('\r'), std::string::npos);
    out.str("");
    const std::optional<BestFit> none;
    static_cast<void>(lines(report(0, 2, fitted, none, 10)));
    EXPECT_EQ(out.str(), "round 1/2: no finite error yet, 10 of 10 failed, 1 min 15 s left\n");
}

TEST(Evaluations, GiveRowsAndColumns) {
    Evaluations evaluations({"a", "b"}, {"v", "w"});
    EXPECT_EQ(evaluations.size(), 0U);
    Array2 round(2, 5);
    for (std::size_t i = 0; i < 10; ++i) round.values[i] = static_cast<double>(i);
    evaluations.append(round);
    evaluations.append(round);
    EXPECT_EQ(evaluations.size(), 4U);
    EXPECT_EQ(evaluations.round(3), 1U);
    EXPECT_EQ(evaluations.sample(3), 1U);
    EXPECT_THAT(evaluations.parameter_values(1), testing::ElementsAre(5, 6));
    EXPECT_EQ(evaluations.error(1), 7);
    EXPECT_THAT(evaluations.objective_errors(1), testing::ElementsAre(8, 9));
    EXPECT_THAT(evaluations.column("b"), testing::ElementsAre(1, 6, 1, 6));
    EXPECT_THAT(evaluations.column("error"), testing::ElementsAre(2, 7, 2, 7));
    EXPECT_THAT(evaluations.column("round"), testing::ElementsAre(0, 0, 1, 1));
    EXPECT_THAT(evaluations.column("sample"), testing::ElementsAre(0, 1, 0, 1));
    EXPECT_THROW(static_cast<void>(evaluations.column("c")), ConfigError);
    EXPECT_THROW(static_cast<void>(evaluations.error(4)), ConfigError);
    EXPECT_THROW(evaluations.append(Array2(1, 4)), ConfigError);
}

}  // namespace
}  // namespace spikesmith
