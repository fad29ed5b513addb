// Stimuli and recordings: what fits the model and each other, at which samples they are compared, and what is refused.
#include <cmath>
#include <limits>
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
using test::quantity;

std::string refusal(const FitterOptions& options) {
    return message_of<Error>([&] { TraceFitter{options}; });
}

std::string refusal(const std::vector<FitParameter>& parameters) {
    TraceFitter fitter(leaky_options());
    return message_of<Error>([&] { static_cast<void>(fitter.fit({.parameters = parameters})); });
}

TEST(TraceData, RecordingMayBeCoarserOrFinerThanTheSimulation) {
    // Of a recording in closed form the error at the truth is rounding, whatever the two grids, with and without online form.
    for (const std::size_t coarser : {1, 5}) {
        for (const std::size_t finer : {1, 4}) {
            if (coarser != 1 && finer != 1) continue;
            FitterOptions options = leaky_options();
            const double dt = test::leaky_dt * static_cast<double>(coarser) / static_cast<double>(finer);
            options.recordings.outputs = {{"v", test::leaky_recordings(dt, test::leaky_steps / coarser * finer)}};
            options.n_samples = 5;
            TraceFitter fitter(options);
            EXPECT_EQ(fitter.n_steps(), test::leaky_steps);
            auto parameters = leaky_bounds();
            parameters[0] = {.name = "E", .fixed = quantity("-70 mV")};
            parameters[1] = {.name = "R", .fixed = quantity("100 Mohm")};
            parameters[2].low = quantity("10 ms");
            parameters[2].high = quantity("10.000001 ms");
            const FitResult result = fitter.fit({.parameters = parameters});
            EXPECT_LT(result.best->error, 1e-18) << coarser << " " << finer;
            // A wrong time constant is seen, with the error in closed form at the samples compared.
            parameters[2] = {.name = "tau", .fixed = quantity("20 ms")};
            parameters[0] = leaky_bounds()[0];
            parameters[0].low = quantity("-70 mV");
            parameters[0].high = quantity("-69.9999999 mV");
            const FitResult wrong = fitter.fit({.parameters = parameters, .restart = true});
            const std::size_t n = test::leaky_steps / coarser;
            double expected = 0;
            for (std::size_t r = 0; r < 2; ++r) {
                for (std::size_t k = 0; k < n; ++k) {
                    const double t = static_cast<double>(k * coarser) * test::leaky_dt;
                    expected += std::pow(test::leaky_voltage(t, r) - test::leaky_voltage(t, r, -0.07, 1e8, 0.02), 2) /
                                static_cast<double>(2 * n);
                }
            }
            EXPECT_NEAR(wrong.best->error, expected, 1e-5 * expected) << coarser << " " << finer;
        }
    }
}

TEST(TraceData, OneStimulusMayServeAllRecordings) {
    FitterOptions options = leaky_options();
    options.recordings.inputs[0].second.values = Array2(1, test::leaky_steps, 1e-10);
    TraceFitter fitter(options);
    EXPECT_EQ(fitter.n_traces(), 2U);
}

TEST(TraceData, TimeStepDefaultsToTheRecording) {
    FitterOptions options = leaky_options();
    options.recordings.dt = 0;
    options.recordings.inputs[0].second.dt = 0;
    EXPECT_EQ(TraceFitter(options).dt(), test::leaky_dt);
}

TEST(TraceData, RefusesDataThatDoNotFit) {
    const auto changed = [](auto change) {
        FitterOptions options = leaky_options();
        change(options);
        return refusal(options);
    };
    using O = FitterOptions;
    EXPECT_THAT(changed([](O& o) { o.recordings.inputs[0].first = "Iext"; }),
                testing::HasSubstr("the model has no input `Iext`\nhint: the inputs of the model are `I`"));
    EXPECT_THAT(changed([](O& o) { o.recordings.inputs.clear(); }),
                testing::HasSubstr("there are no data for the input `I`"));
    EXPECT_THAT(changed([](O& o) { o.recordings.inputs.push_back(o.recordings.inputs[0]); }),
                testing::HasSubstr("the input `I` is given twice"));
    EXPECT_THAT(changed([](O& o) { o.recordings.outputs.clear(); }),
                testing::HasSubstr("a TraceFitter needs the recorded traces of at least one output"));
    EXPECT_THAT(changed([](O& o) { o.recordings.outputs[0].first = "u"; }),
                testing::HasSubstr("the model has no variable `u`"));
    EXPECT_THAT(changed([](O& o) { o.recordings.outputs[0].first = "tau"; }),
                testing::HasSubstr("`tau` is neither a state nor a subexpression"));
    EXPECT_THAT(changed([](O& o) { o.recordings.outputs.push_back(o.recordings.outputs[0]); }),
                testing::HasSubstr("the output `v` is given twice"));
    EXPECT_THAT(changed([](O& o) { o.recordings.outputs[0].second.values = {}; }),
                testing::HasSubstr("the recording of `v` is empty"));
    EXPECT_THAT(
        changed([](O& o) { o.recordings.outputs[0].second.values(1, 7) = std::numeric_limits<double>::infinity(); }),
        testing::HasSubstr("the recording of `v` has inf at sample 8 of trace 2"));
    EXPECT_THAT(
        changed([](O& o) { o.recordings.outputs[0].second.values = Array2(2, test::leaky_steps, std::nan("")); }),
        testing::HasSubstr("trace 1 of the recording of `v` has no sample that is a number"));
    EXPECT_THAT(changed([](O& o) { o.recordings.inputs[0].second.values(0, 3) = std::nan(""); }),
                testing::HasSubstr("the input `I` has nan at sample 4 of trace 1"));
    EXPECT_THAT(changed([](O& o) { o.recordings.inputs[0].second.values = Array2(3, test::leaky_steps); }),
                testing::HasSubstr("the recording of `v` has 2 traces, but the input `I` has 3"));
    EXPECT_THAT(changed([](O& o) { o.recordings.inputs[0].second = test::leaky_currents(200); }),
                testing::HasSubstr("the input `I` lasts 0.02 s, but the recordings last 0.03 s"));
    EXPECT_THAT(changed([](O& o) { o.recordings.outputs[0].second.trace_dt = {1e-4}; }),
                testing::HasSubstr("has 2 traces, but sampling intervals for 1 and lengths for 0"));
    EXPECT_THAT(changed([](O& o) {
                    o.recordings.outputs[0].second.trace_samples = {test::leaky_steps, 0};
                }),
                testing::HasSubstr("trace 2 of the recording of `v` cannot have 0 samples"));
    EXPECT_THAT(changed([](O& o) { o.recordings.duration = 0.1; }),
                testing::HasSubstr("a duration is for spikes without recorded traces"));
    EXPECT_THAT(changed([](O& o) { o.recordings.spikes.emplace(1); }),
                testing::HasSubstr("the model has no threshold"));
    EXPECT_THAT(changed([](O& o) { o.recordings.trace_weights = {1}; }),
                testing::HasSubstr("there are 1 trace weights for 2 traces"));
    EXPECT_THAT(changed([](O& o) {
                    o.recordings.trace_weights = {0, 0};
                }),
                testing::HasSubstr("the sum of the trace weights must be positive"));
    EXPECT_THAT(changed([](O& o) { o.recordings.dt = -1; }),
                testing::HasSubstr("the time step must be a positive time, not -1 s"));
    EXPECT_THAT(changed([](O& o) { o.threads = -2; }), testing::HasSubstr("threads must not be negative"));
    EXPECT_THAT(changed([](O& o) { o.method = "eular"; }), testing::HasSubstr("did you mean `euler`?"));
}

TEST(TraceData, RefusesParametersThatDoNotFit) {
    const auto changed = [](auto change) {
        auto parameters = leaky_bounds();
        change(parameters);
        return refusal(parameters);
    };
    using P = std::vector<FitParameter>;
    EXPECT_THAT(changed([](P& p) { p.pop_back(); }),
                testing::HasSubstr("the parameter `tau` is neither fitted nor fixed"));
    EXPECT_THAT(changed([](P& p) { p[2].name = "taus"; }),
                testing::HasSubstr("the model has no parameter `taus`\nhint: did you mean `tau`?"));
    EXPECT_THAT(changed([](P& p) { p.push_back(p[0]); }), testing::HasSubstr("the parameter `E` is given twice"));
    EXPECT_THAT(changed([](P& p) { p[0].low = quantity("-80 nS"); }),
                testing::HasSubstr("the lower bound of `E` is in siemens, but the parameter in volt"));
    EXPECT_THAT(changed([](P& p) { p[0].high = {-0.05, {}}; }), testing::HasSubstr("the upper bound of `E` is in 1"));
    EXPECT_THAT(changed([](P& p) { std::swap(p[0].low, p[0].high); }),
                testing::HasSubstr("must be below the upper bound"));
    EXPECT_THAT(changed([](P& p) {
                    p[1].low = {0, {}};
                }),
                testing::HasSubstr("a logarithmic scale needs a lower bound above 0"));
    EXPECT_THAT(changed([](P& p) { p[2].fixed = quantity("1 mV"); }),
                testing::HasSubstr("the fixed value of `tau` is in volt"));
    EXPECT_THAT(changed([](P& p) {
                    for (FitParameter& one : p) one.fixed = one.low;
                }),
                testing::HasSubstr("there is no parameter to search"));

    FitterOptions options = leaky_options();
    options.model =
        parse_brian({.equations = {"equations", "dv/dt = (E - v + R*I)/tau : volt\nE : volt\nR : ohm\ntau : second"},
                     .inputs = {"I"},
                     .input_dimensions = {{"I", dimensions::ampere}},
                     .initial_values = {{"tau", "10 ms"}}});
    TraceFitter fitter(options);
    EXPECT_THAT(message_of<ConfigError>([&] { static_cast<void>(fitter.fit({.parameters = leaky_bounds()})); }),
                testing::HasSubstr("`tau` has an initial value in the model"));
}

TEST(TraceData, RefusesMetricsThatDoNotFit) {
    TraceFitter fitter(leaky_options());
    const auto refuse = [&](FitOptions options) {
        options.parameters = leaky_bounds();
        return message_of<Error>([&] { static_cast<void>(fitter.fit(options)); });
    };
    EXPECT_THAT(refuse({.metric = mse({.t_start = 1})}),
                testing::HasSubstr("t_start = 1 s is beyond the end of the trace"));
    EXPECT_THAT(refuse({.metric = mse({.t_weights = {1, 2, 3}})}),
                testing::HasSubstr("3 t_weights for 300 samples of trace 1"));
    EXPECT_THAT(refuse({.metric = mse({.normalization = quantity("1 nA")})}),
                testing::HasSubstr("the normalization of the error is in"));
    EXPECT_THAT(refuse({.metrics = {{"w", mse()}}}),
                testing::HasSubstr("there is a metric for `w`, which has no recording"));
}

}  // namespace
}  // namespace spikesmith
