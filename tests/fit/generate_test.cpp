#include <cmath>
#include <vector>

#include "fit/models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/metrics/mse.hpp"

namespace spikesmith {
namespace {

using test::leaky_bounds;
using test::leaky_options;
using test::message_of;

const std::map<std::string, double> truth{{"E", -0.07}, {"R", 1e8}, {"tau", 0.01}};

TEST(Generate, GivesTheClosedForm) {
    TraceFitter fitter(leaky_options());
    const Generated traces = fitter.generate({.parameters = truth});
    EXPECT_EQ(traces.dt, test::leaky_dt);
    ASSERT_EQ(traces["v"].rows, 2U);
    ASSERT_EQ(traces["v"].columns, test::leaky_steps);
    EXPECT_EQ(traces.outputs[0].dimension, dimensions::volt);
    for (std::size_t r = 0; r < 2; ++r) {
        for (std::size_t k = 0; k < test::leaky_steps; ++k) {
            EXPECT_NEAR(traces["v"](r, k), test::leaky_voltage(static_cast<double>(k) * test::leaky_dt, r), 1e-15);
        }
    }
    EXPECT_THROW(static_cast<void>(traces["w"]), ConfigError);
}

TEST(Generate, UsesTheBestParametersAndGivesTheirError) {
    TraceFitter fitter(leaky_options());
    const FitResult result = fitter.fit({.parameters = leaky_bounds(), .n_rounds = 3});
    const Array2 v = fitter.generate_traces()["v"];
    const TraceBlock block{.n_samples = 1, .n_traces = 2, .n_steps = test::leaky_steps, .values = v.values};
    const double error = calculate(MSEMetric(), block, test::leaky_recordings().values, test::leaky_dt).at(0);
    EXPECT_NEAR(error, result.best->error, 1e-12 * error);
    // A parameter that is given replaces the best value.
    const Array2 other = fitter.generate({.parameters = {{"E", -0.05}}})["v"];
    EXPECT_EQ(other(0, 0), -0.05);
}

TEST(Generate, RecordsAnyVariableFromAnyStart) {
    FitterOptions options = leaky_options();
    options.model = test::leaky_model("drive = R*I : volt\n");
    TraceFitter fitter(options);
    const Generated traces =
        fitter.generate({.outputs = {"drive", "v", "I"}, .parameters = truth, .initial_values = {{"v", -0.05}}});
    EXPECT_DOUBLE_EQ(traces["drive"](0, 3), 0.01);
    EXPECT_EQ(traces["I"](1, 3), -5e-11);
    for (std::size_t k = 0; k < test::leaky_steps; ++k) {
        const double decay = std::exp(-static_cast<double>(k) * test::leaky_dt / 0.01);
        EXPECT_NEAR(traces["v"](0, k), -0.06 + 0.01 * decay, 1e-15);
    }
    EXPECT_EQ(fitter.generate({.parameters = truth})["v"](0, 0), -0.07);
}

TEST(Generate, GivesSpikeTimes) {
    // v rises by 1 per second and is reset at 0.0105: spikes at steps 10, 21, 32, ...
    FitterOptions options{
        .model = parse_brian(
            {.equations = {"equations", "dv/dt = a : 1\na : Hz"}, .threshold = "v > 0.0105", .reset = "v = 0"}),
        .recordings = {.outputs = {{"v", {.dt = 1e-3, .values = Array2(1, 40)}}}},
        .method = "euler"};
    TraceFitter fitter(options);
    const Generated traces = fitter.generate({.parameters = {{"a", 1.0}}});
    ASSERT_EQ(traces.spikes.size(), 1U);
    ASSERT_EQ(traces.spikes[0].size(), 3U);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(traces.spikes[0][k], 0.010 + 0.011 * static_cast<double>(k), 1e-12);
}

TEST(Generate, RefusesWhatIsUnknown) {
    TraceFitter fitter(leaky_options());
    const auto refuse = [&](const GenerateOptions& options) {
        return message_of<Error>([&] { static_cast<void>(fitter.generate(options)); });
    };
    EXPECT_THAT(refuse({}), testing::HasSubstr("the parameter `E` has no value"));
    EXPECT_THAT(refuse({.parameters = {{"taus", 1}}}), testing::HasSubstr("did you mean `tau`?"));
    EXPECT_THAT(refuse({.parameters = {{"E", std::nan("")}}}), testing::HasSubstr("the value of `E` is not finite"));
    EXPECT_THAT(refuse({.outputs = {"vv"}, .parameters = truth}),
                testing::HasSubstr("`vv` is not a variable of the model"));
    EXPECT_THAT(refuse({.parameters = truth, .initial_values = {{"w", 1}}}),
                testing::HasSubstr("`w` has no initial value"));
}

}  // namespace
}  // namespace spikesmith
