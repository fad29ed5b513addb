#include "spikesmith/metrics/feature_metric.hpp"

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

constexpr double dt = 1e-4;
constexpr std::size_t n_steps = 5000;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// 0.5 s at `base`, and triangular spikes at the given times that peak at `peak`; 50 V/s.
std::vector<double> trace_of(double base, double peak, const std::vector<double>& times) {
    std::vector<double> v(n_steps, base);
    for (const double time : times) {
        const auto centre = static_cast<std::size_t>(std::lround(time / dt));
        for (std::size_t k = centre - 20; k <= centre + 20; ++k) {
            const double distance = std::fabs(static_cast<double>(k) - static_cast<double>(centre));
            v[k] = std::max(v[k], peak - 0.005 * distance);
        }
    }
    return v;
}

Array2 rows(const std::vector<std::vector<double>>& traces) {
    Array2 result(traces.size(), traces[0].size());
    for (std::size_t r = 0; r < traces.size(); ++r) std::ranges::copy(traces[r], result.row(r).begin());
    return result;
}

// Errors of samples of one trace each.
std::vector<double> errors(const FeatureMetricOptions& options, const std::vector<std::vector<double>>& simulated,
                           const std::vector<double>& target) {
    const Array2 block = rows(simulated);
    return calculate(FeatureMetric(options),
                     {.n_samples = block.rows, .n_traces = 1, .n_steps = block.columns, .values = block.values},
                     rows({target}), dt);
}

FeatureMetricOptions compare(std::vector<ComparedFeature> features) {
    return {.stimuli = {{0.1, 0.4}}, .features = std::move(features)};
}

const std::vector<double> target = trace_of(-0.070, 0.020, {0.15, 0.25, 0.35});
const std::vector<double> other = trace_of(-0.067, 0.020, {0.17, 0.25, 0.27, 0.36});
const std::vector<double> silent = trace_of(-0.065, 0.020, {});

TEST(FeatureMetric, SumsScaledDifferences) {
    EXPECT_NEAR(errors(compare({{.name = "Spikecount"}}), {other}, target).at(0), 1, 1e-12);
    EXPECT_NEAR(errors(compare({{.name = "voltage_base"}}), {other}, target).at(0), 3, 1e-9);
    EXPECT_NEAR(errors(compare({{.name = "time_to_first_spike"}}), {other}, target).at(0), 20, 1e-6);
    const auto small = trace_of(-0.065, 0.020, {0.2, 0.3});
    EXPECT_NEAR(errors(compare({{.name = "AP_amplitude"}}), {small}, target).at(0), 5, 1e-6);  // of the means
    EXPECT_NEAR(errors(compare({{.name = "Spikecount", .weight = 5, .scale = 2},
                                {.name = "voltage_base", .scale = 0.5},
                                {.name = "time_to_first_spike", .weight = 0.1}}),
                       {other}, target)
                    .at(0),
                5 * 1 / 2.0 + 3 / 0.5 + 0.1 * 20, 1e-6);
    EXPECT_EQ(errors(compare({{.name = "Spikecount"}, {.name = "AP_amplitude"}}), {target}, target).at(0), 0);
}

TEST(FeatureMetric, AbsentInOneCostsAPenaltyAndInBothNothing) {
    const auto features = compare({{.name = "time_to_first_spike", .weight = 2},
                                   {.name = "AP_amplitude", .weight = 3, .absent_penalty = 7},
                                   {.name = "voltage_base"}});
    EXPECT_NEAR(errors(features, {silent}, target).at(0), 2 * 250 + 3 * 7 + 5, 1e-6);
    EXPECT_NEAR(errors(features, {target}, silent).at(0), 2 * 250 + 3 * 7 + 5, 1e-6);
    EXPECT_NEAR(errors(features, {trace_of(-0.066, 0, {})}, silent).at(0), 1, 1e-6);
}

TEST(FeatureMetric, NormalizationDividesTheErrorOnceAndScalesNoVoltage) {
    auto options = compare({{.name = "Spikecount"}, {.name = "voltage_base"}});
    options.normalization = 4;
    EXPECT_NEAR(errors(options, {other}, target).at(0), (1 + 3) / 4.0, 1e-9);
    EXPECT_NEAR(FeatureMetric(options).unnormalized(1), 4, 1e-15);
}

TEST(FeatureMetric, CombineReplacesTheDifference) {
    auto options = compare({{.name = "voltage_base", .weight = 2, .scale = 10}});
    options.combine = [](double simulated, double recorded) { return (simulated - recorded) * (simulated - recorded); };
    EXPECT_THROW(FeatureMetric{options}, ConfigError);  // without a name
    options.combine_name = "squares";
    EXPECT_NEAR(errors(options, {other}, target).at(0), 2 * 9 / 10.0, 1e-8);
}

TEST(FeatureMetric, StartCutsTheTraceButNotTheTimes) {
    auto options = compare({{.name = "time_to_first_spike"}, {.name = "Spikecount"}});
    const auto early = trace_of(-0.070, 0.020, {0.03, 0.15, 0.25, 0.35});  // the spike at 0.03 s is cut
    options.t_start = 0.05;
    EXPECT_NEAR(errors(options, {early}, target).at(0), 0, 1e-6);
    options.t_start = 0;
    EXPECT_NEAR(errors(options, {early}, target).at(0), 1 + 120, 1e-6);
}

TEST(FeatureMetric, EachTraceHasItsStimulus) {
    FeatureMetricOptions options{.stimuli = {{0.1, 0.4}, {0.2, 0.4}}, .features = {{.name = "time_to_first_spike"}}};
    const FeatureMetric metric(options);
    const auto late = trace_of(-0.070, 0.020, {0.26});
    const Array2 simulated = rows({other, late});
    const TraceBlock block{.n_samples = 1, .n_traces = 2, .n_steps = n_steps, .values = simulated.values};
    const Array2 recorded = rows({target, trace_of(-0.070, 0.020, {0.25})});
    EXPECT_NEAR(calculate(metric, block, recorded, dt).at(0), (20 + 10) / 2.0, 1e-6);
    EXPECT_NEAR(metric.values(late, 1, dt).at(0).value(), 60, 1e-6);
    const TraceBlock second{
        .n_samples = 1, .n_traces = 1, .n_steps = n_steps, .values = simulated.row(1), .first_trace = 1};
    EXPECT_NEAR(metric.features(second, rows({trace_of(-0.070, 0.020, {0.25})}), dt)(0, 0), 10, 1e-6);
    EXPECT_THROW(metric.check({.trace = 0, .n_traces = 3, .n_steps = n_steps, .dt = dt}), ConfigError);
}

TEST(FeatureMetric, ThreadsAndNewRecordingsGetTheRightValues) {
    const FeatureMetric metric(compare({{.name = "Spikecount"}, {.name = "voltage_base"}}));
    const Array2 simulated = rows({other});
    const TraceBlock block{.n_samples = 1, .n_traces = 1, .n_steps = n_steps, .values = simulated.values};
    const Array2 first = rows({target});
    const Array2 second = rows({silent});
    std::vector<std::thread> threads;
    std::vector<int> wrong(4, 0);
    for (std::size_t t = 0; t < wrong.size(); ++t) {
        threads.emplace_back([&, t] {
            for (int k = 0; k < 50; ++k) {
                const bool which = (static_cast<std::size_t>(k) + t) % 2 == 0;
                const double found = metric.features(block, which ? first : second, dt)(0, 0);
                wrong[t] += std::fabs(found - (which ? 1 + 3 : 4 + 2)) > 1e-6;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_THAT(wrong, testing::Each(0));
}

TEST(FeatureMetric, FailuresAndGaps) {
    auto broken = other;
    broken[4000] = std::numeric_limits<double>::infinity();
    const auto found = errors(compare({{.name = "Spikecount"}}), {broken, other}, target);
    EXPECT_TRUE(std::isnan(found.at(0)));
    EXPECT_EQ(found.at(1), 1);
    auto gap = target;
    gap[100] = nan;
    EXPECT_THROW((void)errors(compare({{.name = "Spikecount"}}), {other}, gap), DataError);
    auto options = compare({{.name = "Spikecount"}});
    options.t_start = 0.05;
    EXPECT_EQ(errors(options, {other}, gap).at(0), 1);  // the gap is cut
}

TEST(FeatureMetric, OutputsAreVoltages) {
    auto options = compare({{.name = "voltage_base"}});
    EXPECT_TRUE(FeatureMetric(options).error_dimension(dimensions::volt).dimensionless());
    EXPECT_THROW((void)FeatureMetric(options).error_dimension(dimensions::ampere), UnitError);
    EXPECT_THROW((void)FeatureMetric(options).normalized_dimension(dimensions::none), UnitError);
    options.volts_per_unit = 1e-3;
    EXPECT_NO_THROW((void)FeatureMetric(options).error_dimension(dimensions::none));
    EXPECT_THROW((void)FeatureMetric(options).error_dimension(dimensions::volt), UnitError);
    auto millivolts = other;
    auto recorded = target;
    for (double& v : millivolts) v *= 1e3;
    for (double& v : recorded) v *= 1e3;
    EXPECT_NEAR(errors(options, {millivolts}, recorded).at(0), 3, 1e-9);
}

TEST(FeatureMetric, RefusesWhatMakesNoSense) {
    const auto refuse = [](const FeatureMetricOptions& options) {
        try {
            FeatureMetric metric(options);
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    const std::vector<ComparedFeature> fine{{.name = "Spikecount"}};
    EXPECT_THAT(refuse({.features = fine}), testing::HasSubstr("stimulus is missing"));
    EXPECT_THAT(refuse({.stimuli = {{0.4, 0.1}}, .features = fine}),
                testing::HasSubstr("from 0.4 s to 0.1 s is empty"));
    EXPECT_THAT(refuse({.stimuli = {{nan, 0.1}}, .features = fine}), testing::HasSubstr("is empty"));
    EXPECT_THAT(refuse({.stimuli = {{0, 1}}}), testing::HasSubstr("no features"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecont"}})), testing::HasSubstr("did you mean `Spikecount`?"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecount"}, {.name = "Spikecount"}})), testing::HasSubstr("twice"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecount", .weight = -1}})), testing::HasSubstr("weight of `Spikecount`"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecount", .scale = 0}})), testing::HasSubstr("scale of `Spikecount`"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecount", .absent_penalty = nan}})), testing::HasSubstr("absent_penalty"));
    auto options = compare(fine);
    options.t_start = 0.2;
    EXPECT_THAT(refuse(options), testing::HasSubstr("t_start = 0.2 s is after the start of the stimulus"));
    options.t_start = nan;
    EXPECT_THAT(refuse(options), testing::HasSubstr("t_start"));
    options = compare(fine);
    options.normalization = 0;
    EXPECT_THAT(refuse(options), testing::HasSubstr("normalization"));
    options = compare(fine);
    options.settings.interpolation_step = -1;
    EXPECT_THAT(refuse(options), testing::HasSubstr("interpolation step"));
    const FeatureMetric metric(compare(fine));
    EXPECT_THROW(metric.check({.n_steps = 500, .dt = dt}), ConfigError);  // ends before the stimulus
    EXPECT_NO_THROW(metric.check({.n_steps = n_steps, .dt = dt}));
}

TEST(FeatureMetric, DescriptionsTellSettingsApart) {
    auto options = compare({{.name = "Spikecount"}, {.name = "voltage_base", .weight = 2, .scale = 0.5}});
    EXPECT_EQ(
        FeatureMetric(options).description(),
        "features Spikecount weight 1 scale 1 absent 250, voltage_base weight 2 scale 0.5 absent 250, stimulus 0.1 "
        "to 0.4 s");
    options.settings.threshold = -10;
    EXPECT_THAT(FeatureMetric(options).description(), testing::HasSubstr(", threshold -10"));
}

}  // namespace
}  // namespace spikesmith
