// Recordings that are not all alike: lengths, sampling intervals, several inputs, weights of traces, gaps. The oracle is the closed
// form of the leaky membrane.
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "fit/problems.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/metrics/mse.hpp"

namespace spikesmith {
namespace {

using test::leaky_bounds;
using test::leaky_dt;
using test::leaky_options;
using test::leaky_voltage;
using test::message_of;
using test::mixed_series;
using test::not_a_number;
using test::one_trace;
using test::random_points;
using test::recorded_voltage;

constexpr double I_of_trace(std::size_t trace) {
    return trace == 0 ? 1e-10 : -5e-11;
}

// Mean squared difference from a recording with these sample times and values.
double closed_form_error(std::span<const double> p, std::size_t trace, std::span<const double> times,
                         std::span<const double> values) {
    double sum = 0;
    double n = 0;
    for (std::size_t k = 0; k < times.size(); ++k) {
        if (std::isnan(values[k])) continue;
        sum += std::pow(leaky_voltage(times[k], trace, p[0], p[1], p[2]) - values[k], 2);
        ++n;
    }
    return sum / n;
}

struct Samples {
    std::vector<double> times, values;
};

Samples recorded(std::size_t trace, double dt, std::size_t n) {
    Samples samples;
    for (std::size_t k = 0; k < n; ++k) {
        samples.times.push_back(static_cast<double>(k) * dt);
        samples.values.push_back(recorded_voltage(samples.times.back(), trace));
    }
    return samples;
}

// Checks every evaluation of a fit against the mean of closed forms.
template <class Expected>
void expect_errors(const Fitter& fitter, Expected expected, double tolerance = 1e-11) {
    ASSERT_GT(fitter.evaluations().size(), 0U);
    for (std::size_t i = 0; i < fitter.evaluations().size(); ++i) {
        const double value = expected(fitter.evaluations().parameter_values(i));
        ASSERT_NEAR(fitter.evaluations().error(i), value, tolerance * value) << i;
    }
}

// Trace 1: 300 samples every 0.1 ms. Trace 2: 40 samples every 0.5 ms. Trace 3: 90 every 0.05 ms, twice as fine as the steps.
const std::vector<double> intervals{1e-4, 5e-4, 5e-5};
const std::vector<std::size_t> lengths{300, 40, 90};

FitterOptions mixed_options() {
    FitterOptions options = leaky_options();
    options.recordings.inputs = {
        {"I", mixed_series({1e-4, 1e-3, 2e-4}, {300, 20, 23}, [](std::size_t r, double) { return I_of_trace(r); })}};
    options.recordings.outputs = {
        {"v", mixed_series(intervals, lengths, [](std::size_t r, double t) { return recorded_voltage(t, r); })}};
    return options;
}

TEST(MixedRecordings, EqualTheClosedFormAtTheirOwnSamples) {
    TraceFitter fitter(mixed_options());
    EXPECT_EQ(fitter.n_traces(), 3U);
    EXPECT_EQ(fitter.n_steps(), 300U);
    EXPECT_THAT(fitter.data().trace_steps, testing::ElementsAre(300, 200, 45));
    static_cast<void>(fitter.fit(random_points(leaky_bounds())));
    const Samples first = recorded(0, 1e-4, 300);
    const Samples second = recorded(1, 5e-4, 40);
    const Samples third = recorded(2, 1e-4, 45);  // of the finer recording, the samples at the steps
    expect_errors(fitter, [&](auto p) {
        return (closed_form_error(p, 0, first.times, first.values) +
                closed_form_error(p, 1, second.times, second.values) +
                closed_form_error(p, 2, third.times, third.values)) /
               3;
    });
}

TEST(MixedRecordings, EqualSeparateFits) {
    for (const MetricPointer& metric : {mse({.t_start = 1e-3}), test::squares_of_traces()}) {
        std::vector<double> mean(40);
        const Array2 together = [&] {
            TraceFitter fitter(mixed_options());
            FitOptions fit = random_points(leaky_bounds());
            fit.metric = metric;
            static_cast<void>(fitter.fit(fit));
            const auto errors = fitter.evaluations().column("error");
            for (std::size_t i = 0; i < 40; ++i) mean[i] -= errors[i];
            return fitter.generate_traces()["v"];
        }();
        for (std::size_t r = 0; r < 3; ++r) {
            FitterOptions options = mixed_options();
            for (auto* series : {&options.recordings.inputs[0].second, &options.recordings.outputs[0].second}) {
                const auto trace = series->trace(r);
                *series = one_trace(series->interval(r), {trace.begin(), trace.end()});
            }
            TraceFitter fitter(options);
            FitOptions fit = random_points(leaky_bounds());
            fit.metric = metric;
            static_cast<void>(fitter.fit(fit));
            const auto errors = fitter.evaluations().column("error");
            for (std::size_t i = 0; i < 40; ++i) mean[i] += errors[i] / 3;
        }
        for (const double difference : mean) EXPECT_NEAR(difference, 0, 1e-16);
        for (std::size_t k = 0; k < 300; ++k) {
            EXPECT_TRUE(std::isfinite(together(0, k)));
            EXPECT_EQ(std::isnan(together(1, k)), k >= 200);
            EXPECT_EQ(std::isnan(together(2, k)), k >= 45);
        }
    }
}

TEST(MixedRecordings, AreInterpolatedLinearlyBetweenSamples) {
    // 0.15 ms is no multiple of 0.1 ms. 101 samples end at 15 ms = step 150.
    FitterOptions options = leaky_options();
    options.recordings.outputs = {{"v", mixed_series({1.5e-4, 1.5e-4}, {101, 101},
                                                     [](std::size_t r, double t) { return recorded_voltage(t, r); })}};
    TraceFitter fitter(options);
    EXPECT_EQ(fitter.n_steps(), 151U);
    static_cast<void>(fitter.fit(random_points(leaky_bounds())));
    std::vector<Samples> traces(2);
    for (std::size_t r = 0; r < 2; ++r) {
        for (std::size_t k = 0; k <= 150; ++k) {
            // In units of half a step every sample is at a whole number: 3*j.
            const std::size_t j = 2 * k / 3;
            const double share = static_cast<double>(2 * k - 3 * j) / 3;
            const double left = recorded_voltage(static_cast<double>(j) * 1.5e-4, r);
            const double right = recorded_voltage(static_cast<double>(j + 1) * 1.5e-4, r);
            traces[r].times.push_back(static_cast<double>(k) * leaky_dt);
            traces[r].values.push_back(share == 0 ? left : (1 - share) * left + share * right);
        }
    }
    expect_errors(fitter, [&](auto p) {
        return (closed_form_error(p, 0, traces[0].times, traces[0].values) +
                closed_form_error(p, 1, traces[1].times, traces[1].values)) /
               2;
    });
}

TEST(MixedRecordings, InterpolationIsInTheGapBesideAGap) {
    FitterOptions options = leaky_options();
    TimeSeries recording =
        mixed_series({1.5e-4, 1.5e-4}, {101, 101}, [](std::size_t r, double t) { return recorded_voltage(t, r); });
    recording.values(0, 2) = not_a_number;  // 0.3 ms: step 3, and steps 2 and 4 beside it
    options.recordings.outputs = {{"v", recording}};
    TraceFitter fitter(options);
    const RecordedTrace& trace = fitter.data().outputs[0].traces[0];
    ASSERT_EQ(trace.counted.size(), 151U);
    for (std::size_t k = 0; k < 151; ++k) EXPECT_EQ(trace.counted[k], k < 2 || k > 4) << k;
    EXPECT_TRUE(fitter.data().outputs[0].traces[1].counted.empty());
}

TEST(MixedRecordings, SeveralInputsWithTheirOwnIntervals) {
    // J is 0 before 10 ms and 40 pA after, sampled every 5 ms; I is constant. One J serves both traces.
    FitterOptions options = leaky_options();
    options.model = parse_brian({.equations = {"equations", R"(
                                     dv/dt = (E - v + R*(I + J))/tau : volt
                                     E : volt (constant)
                                     R : ohm (constant)
                                     tau : second (constant)
                                 )"},
                                 .inputs = {"I", "J"},
                                 .input_dimensions = {{"I", dimensions::ampere}, {"J", dimensions::ampere}},
                                 .initial_values = {{"v", "E"}}});
    options.recordings.inputs.emplace_back("J", one_trace(5e-3, {0, 0, 4e-11, 4e-11, 4e-11, 4e-11}));
    TraceFitter fitter(options);
    static_cast<void>(fitter.fit(random_points(leaky_bounds())));
    const TimeSeries& recording = options.recordings.outputs[0].second;
    expect_errors(fitter, [&](auto p) {
        double sum = 0;
        for (std::size_t r = 0; r < 2; ++r) {
            for (std::size_t k = 0; k < test::leaky_steps; ++k) {
                const double t = static_cast<double>(k) * leaky_dt;
                double v = leaky_voltage(t, r, p[0], p[1], p[2]);
                if (k > 100) v += p[1] * 4e-11 * -std::expm1(-(t - 0.01) / p[2]);
                sum += std::pow(v - recording.values(r, k), 2);
            }
        }
        return sum / (2 * test::leaky_steps);
    });
    options.recordings.inputs.pop_back();
    EXPECT_THAT(message_of<DataError>([&] { TraceFitter{options}; }),
                testing::HasSubstr("there are no data for the input `J` of the model"));
}

TEST(MixedRecordings, RefusesLengthsThatContradict) {
    const auto refusal = [](auto change) {
        FitterOptions options = mixed_options();
        change(options.recordings);
        return message_of<Error>([&] { TraceFitter{options}; });
    };
    using R = Recordings;
    EXPECT_THAT(refusal([](R& r) { r.inputs[0].second.trace_samples[1] = 19; }),
                testing::HasSubstr("the input `I` lasts 0.019 s, but the recordings last 0.02 s (trace 2)"));
    EXPECT_THAT(refusal([](R& r) { r.outputs[0].second.trace_dt[2] = 0; }),
                testing::HasSubstr("the sampling interval of the recording of `v` must be a positive time, not 0 s"));
    EXPECT_THAT(refusal([](R& r) { r.outputs[0].second.trace_dt[0] = not_a_number; }),
                testing::HasSubstr("must be a positive time, not nan s"));
    EXPECT_THAT(refusal([](R& r) { r.outputs[0].second.trace_samples[0] = 301; }),
                testing::HasSubstr("trace 1 of the recording of `v` cannot have 301 samples of 300"));
    EXPECT_THAT(refusal([](R& r) {
                    r.outputs.push_back({"tau", r.outputs[0].second});
                }),
                testing::HasSubstr("`tau` is neither a state nor a subexpression"));
    // All samples between which something could be compared are gaps.
    EXPECT_THAT(refusal([](R& r) {
                    r.outputs[0].second.trace_samples[2] = 1;
                    r.outputs[0].second.values(2, 0) = not_a_number;
                }),
                testing::HasSubstr("trace 3 of the recording of `v` has no sample that is a number"));
}

TEST(MixedRecordings, ASampleThatNothingComparesIsNoRecording) {
    // Every second sample of the finer trace falls between steps; those at the steps are all gaps.
    FitterOptions options = mixed_options();
    Array2& values = options.recordings.outputs[0].second.values;
    for (std::size_t k = 0; k < 90; k += 2) values(2, k) = not_a_number;
    TraceFitter fitter(options);
    EXPECT_THAT(message_of<DataError>([&] { static_cast<void>(fitter.fit(random_points(leaky_bounds()))); }),
                testing::HasSubstr("trace 3 has gaps wherever the metric looks at it"));
}

TEST(TraceWeights, ActAsInAWeightedMean) {
    for (const MetricPointer& metric : {mse(), test::squares_of_traces()}) {
        FitterOptions options = mixed_options();
        options.recordings.trace_weights = {3, 0.5, 1.25};
        TraceFitter fitter(options);
        FitOptions fit = random_points(leaky_bounds());
        fit.metric = metric;
        static_cast<void>(fitter.fit(fit));
        const Samples first = recorded(0, 1e-4, 300);
        const Samples second = recorded(1, 5e-4, 40);
        const Samples third = recorded(2, 1e-4, 45);
        expect_errors(fitter, [&](auto p) {
            return (3 * closed_form_error(p, 0, first.times, first.values) +
                    0.5 * closed_form_error(p, 1, second.times, second.values) +
                    1.25 * closed_form_error(p, 2, third.times, third.values)) /
                   4.75;
        });
    }
}

TEST(TraceWeights, OnlyRatiosMatter) {
    const auto errors = [](std::vector<double> weights) {
        FitterOptions options = mixed_options();
        options.recordings.trace_weights = std::move(weights);
        TraceFitter fitter(options);
        static_cast<void>(fitter.fit({.parameters = leaky_bounds(), .n_rounds = 3}));
        return fitter.evaluations().column("error");
    };
    EXPECT_EQ(errors({1, 1, 1}), errors({}));
    EXPECT_EQ(errors({8, 2, 4}), errors({4, 1, 2}));
    EXPECT_NE(errors({1, 2, 1}), errors({}));
}

TEST(TraceWeights, ZeroIsAbsent) {
    // sqrt(I) is NaN in trace 2, and so is the state x; the trace neither counts nor fails; nor does the penalty see it.
    FitterOptions options = leaky_options();
    options.method = "euler";
    options.model =
        test::leaky_model("w = sqrt(I*amp)*ohm : volt\ndx/dt = w/second : volt\ncost = (v - E + w + x)**2 : volt**2\n");
    options.penalty = "cost";
    const auto run = [&](const MetricPointer& metric) {
        TraceFitter fitter(options);
        FitOptions fit{.parameters = leaky_bounds(), .metric = metric, .n_rounds = 3};
        const FitResult result = fitter.fit(fit);
        EXPECT_EQ(result.n_failed, 0U);
        EXPECT_TRUE(result.best.has_value());
        return fitter.evaluations().column("error");
    };
    const MetricPointer normalized = mse({.normalization = {1, {}}});
    options.recordings.trace_weights = {2.5, 0};
    const auto without = run(normalized);
    options.recordings.trace_weights.clear();
    for (auto* series : {&options.recordings.inputs[0].second, &options.recordings.outputs[0].second}) {
        const auto trace = series->trace(0);
        *series = one_trace(series->dt, {trace.begin(), trace.end()});
    }
    EXPECT_EQ(run(normalized), without);
}

TEST(TraceWeights, RefusesWhatIsNoWeight) {
    const auto refusal = [](std::vector<double> weights) {
        FitterOptions options = leaky_options();
        options.recordings.trace_weights = std::move(weights);
        return message_of<ConfigError>([&] { TraceFitter{options}; });
    };
    EXPECT_THAT(refusal({1, 2, 3}), testing::HasSubstr("there are 3 trace weights for 2 traces"));
    EXPECT_THAT(refusal({1, -1}), testing::HasSubstr("trace weights must be finite and not negative"));
    EXPECT_THAT(refusal({1, not_a_number}), testing::HasSubstr("trace weights must be finite and not negative"));
    EXPECT_THAT(refusal({1, std::numeric_limits<double>::infinity()}), testing::HasSubstr("must be finite"));
    EXPECT_THAT(refusal({1e308, 1.7e308}), testing::HasSubstr("the sum of the trace weights must be positive"));
}

TEST(Gaps, AreIgnored) {
    // The same gaps with and without online form, on the steps and on a coarser grid.
    for (const std::size_t coarser : {1, 3}) {
        FitterOptions options = leaky_options();
        const double dt = leaky_dt * static_cast<double>(coarser);
        const std::size_t n = test::leaky_steps / coarser;
        std::vector<Samples> traces{recorded(0, dt, n), recorded(1, dt, n)};
        for (std::size_t k = 0; k < n; ++k) {
            if (k % 7 == 3 || (k > 20 && k < 50)) traces[0].values[k] = not_a_number;
            if (k == 0 || k == n - 1) traces[1].values[k] = not_a_number;
        }
        TimeSeries recording{.dt = dt, .values = Array2(2, n)};
        for (std::size_t r = 0; r < 2; ++r) std::ranges::copy(traces[r].values, recording.values.row(r).begin());
        options.recordings.outputs = {{"v", recording}};
        for (const MetricPointer& metric : {mse(), test::squares_of_traces()}) {
            TraceFitter fitter(options);
            FitOptions fit = random_points(leaky_bounds());
            fit.metric = metric;
            EXPECT_EQ(fitter.fit(fit).n_failed, 0U);
            expect_errors(fitter, [&](auto p) {
                return (closed_form_error(p, 0, traces[0].times, traces[0].values) +
                        closed_form_error(p, 1, traces[1].times, traces[1].values)) /
                       2;
            });
        }
    }
}

TEST(Gaps, MayCoverWhatIsNotComparedOnly) {
    FitterOptions options = leaky_options();
    Array2& values = options.recordings.outputs[0].second.values;
    for (std::size_t k = 0; k < 100; ++k) values(1, k) = not_a_number;
    TraceFitter fitter(options);
    FitOptions fit = random_points(leaky_bounds());
    fit.metric = mse({.t_start = 5e-3});
    EXPECT_NO_THROW(static_cast<void>(fitter.fit(fit)));
    for (std::size_t k = 100; k < 299; ++k) values(1, k) = not_a_number;
    fit.metric = mse({.windows = {{.from = 0, .to = 0.02, .weight = 1}}});
    TraceFitter empty(options);
    EXPECT_THAT(message_of<DataError>([&] { static_cast<void>(empty.fit(fit)); }),
                testing::HasSubstr("trace 2 has gaps wherever the metric looks at it"));
}

TEST(MixedRecordings, OutputsOnDifferentGridsMayEndTogether) {
    // 101 samples every 3 steps end with the sample at step 300; 301 samples at every step do too.
    FitterOptions options = leaky_options();
    options.recordings.inputs[0].second = test::leaky_currents(303);
    TimeSeries fine = test::leaky_recordings(leaky_dt, 301);
    const TimeSeries coarse = test::leaky_recordings(3 * leaky_dt, 101);
    options.recordings.outputs = {{"v", coarse}};
    EXPECT_EQ(TraceFitter(options).n_steps(), 303);
    options.model = parse_brian({.equations = {"equations",
                                               "dv/dt = (E - v + R*I)/tau : volt\nw = v : volt\nE : volt\n"
                                               "R : ohm\ntau : second"},
                                 .inputs = {"I"},
                                 .input_dimensions = {{"I", dimensions::ampere}},
                                 .initial_values = {{"v", "E"}}});
    options.recordings.outputs = {{"v", coarse}, {"w", fine}};
    EXPECT_EQ(TraceFitter(options).n_steps(), 301);
    options.recordings.outputs = {{"v", coarse}, {"w", test::leaky_recordings(leaky_dt, 300)}};
    EXPECT_THAT(message_of<DataError>([&] { TraceFitter fitter(options); }),
                testing::HasSubstr("the recordings of trace 1 last from 300 to 301 steps"));
}

}  // namespace
}  // namespace spikesmith
