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

TEST(FeatureMetric, MissingInOneCostsAPenaltyAndInBothNothing) {
    const MissingCost seven{MissingRule::penalty, 7};
    const auto features =
        compare({{.name = "time_to_first_spike", .weight = 2},
                 {.name = "AP_amplitude", .weight = 3, .simulated_missing = seven, .recorded_missing = seven},
                 {.name = "voltage_base"}});
    EXPECT_NEAR(errors(features, {silent}, target).at(0), 2 * 250 + 3 * 7 + 5, 1e-6);
    EXPECT_NEAR(errors(features, {target}, silent).at(0), 2 * 250 + 3 * 7 + 5, 1e-6);
    EXPECT_NEAR(errors(features, {trace_of(-0.066, 0, {})}, silent).at(0), 1, 1e-6);
}

TEST(FeatureMetric, EveryRuleForMissingValuesDoesWhatItSays) {
    // time_to_first_spike is 50 ms in the recording
    const auto error = [](MissingCost simulated_missing, MissingCost recorded_missing, bool simulated_lacks) {
        const auto options = compare({{.name = "time_to_first_spike",
                                       .weight = 2,
                                       .scale = 10,
                                       .simulated_missing = simulated_missing,
                                       .recorded_missing = recorded_missing}});
        return simulated_lacks ? errors(options, {silent}, target).at(0) : errors(options, {target}, silent).at(0);
    };
    const MissingCost none{MissingRule::ignore, 0};
    EXPECT_NEAR(error({MissingRule::penalty, 100}, none, true), 200, 1e-6);
    EXPECT_NEAR(error({MissingRule::difference, 100}, none, true), 20, 1e-6);
    EXPECT_NEAR(error({MissingRule::value, 99}, none, true), 2 * 49 / 10.0, 1e-6);
    EXPECT_NEAR(error({MissingRule::value, -50}, none, true), 2 * 100 / 10.0, 1e-6);
    EXPECT_EQ(error(none, {}, true), 0);
    EXPECT_TRUE(std::isnan(error({MissingRule::fail, 0}, none, true)));
    // the other side has its own rule
    EXPECT_EQ(error({}, none, false), 0);
    EXPECT_NEAR(error(none, {MissingRule::penalty, 5}, false), 10, 1e-6);
    EXPECT_NEAR(error(none, {MissingRule::value, 20}, false), 2 * 30 / 10.0, 1e-6);
    EXPECT_TRUE(std::isnan(error(none, {MissingRule::fail, 0}, false)));
}

TEST(FeatureMetric, SequencesAreComparedValueByValue) {
    const auto error = [](const std::vector<double>& simulated, ComparedFeature feature) {
        feature.comparison = FeatureComparison::sequence;
        return errors(compare({feature}), {trace_of(-0.070, 0.020, simulated)}, target).at(0);
    };
    // peaks at 150, 250, 350 ms
    EXPECT_NEAR(error({0.15, 0.25, 0.35}, {.name = "peak_time"}), 0, 1e-6);
    EXPECT_NEAR(error({0.16, 0.25, 0.33}, {.name = "peak_time"}), (10 + 0 + 20) / 3.0, 1e-6);
    EXPECT_NEAR(error({0.16, 0.25, 0.33}, {.name = "peak_time", .weight = 3, .scale = 5}), 3 * 30 / 5.0 / 3, 1e-6);
    // the means are equal, the sequences are not
    EXPECT_NEAR(errors(compare({{.name = "peak_time"}}), {trace_of(-0.070, 0.020, {0.14, 0.25, 0.36})}, target).at(0),
                0, 1e-6);
    EXPECT_NEAR(error({0.14, 0.25, 0.36}, {.name = "peak_time"}), 20 / 3.0, 1e-6);
    // a value without partner is missing on the other side
    EXPECT_NEAR(error({0.16, 0.25}, {.name = "peak_time", .simulated_missing = {MissingRule::penalty, 7}}),
                (10 + 7) / 3.0, 1e-6);
    EXPECT_NEAR(
        error({0.15, 0.25, 0.35, 0.39}, {.name = "peak_time", .recorded_missing = {MissingRule::difference, 40}}),
        40 / 4.0, 1e-6);
    EXPECT_NEAR(error({}, {.name = "peak_time"}), 250, 1e-6);
    EXPECT_TRUE(std::isnan(error({0.15}, {.name = "peak_time", .simulated_missing = {MissingRule::fail, 0}})));
}

TEST(FeatureMetric, GivenMeansReplaceTheRecording) {
    auto options = compare({{.name = "spike_count", .weight = 2, .scale = 0.5, .means = {6}},
                            {.name = "voltage_base", .scale = 3, .means = {-64}}});
    EXPECT_NEAR(errors(options, {other}, target).at(0), 2 * 2 / 0.5 + 3 / 3.0, 1e-6);
    // The recording is not read, so it may have gaps.
    EXPECT_TRUE(FeatureMetric(options).needs_no_recording());
    const std::vector<double> gap(n_steps, nan);
    EXPECT_NEAR(errors(options, {other}, gap).at(0), 9, 1e-6);
    // What the simulation lacks is missing.
    EXPECT_NEAR(errors(compare({{.name = "AP_amplitude", .means = {80}}}), {silent}, gap).at(0), 250, 1e-6);
    // One mean and scale per trace; NaN: not compared there.
    FeatureMetricOptions several{.stimuli = {{0.1, 0.4}},
                                 .features = {{.name = "voltage_base", .means = {-66, nan}, .scales = {0.5, 2}},
                                              {.name = "spike_count", .means = {4}, .scales = {1, 0.25}}}};
    const Array2 simulated = rows({other, target});
    const TraceBlock block{.n_samples = 1, .n_traces = 2, .n_steps = n_steps, .values = simulated.values};
    const Array2 found = FeatureMetric(several).features(block, rows({gap, gap}), dt);
    EXPECT_NEAR(found(0, 0), 1 / 0.5 + 0, 1e-6);
    EXPECT_NEAR(found(0, 1), 0 + 1 / 0.25, 1e-6);
    EXPECT_NEAR(FeatureMetric(several).errors(found).at(0), 3, 1e-6);
    FeatureMetricOptions summed = several;
    summed.sum_over_traces = true;
    EXPECT_NEAR(FeatureMetric(summed).errors(found).at(0), 6, 1e-6);
    EXPECT_NE(FeatureMetric(summed).description(), FeatureMetric(several).description());
    several.features[0].means = {-66, -66, -66};
    EXPECT_THROW(FeatureMetric(several).check({.n_traces = 2, .n_steps = n_steps, .dt = dt}), ConfigError);
}

TEST(FeatureMetric, ModesAndOwnTablesAreChoices) {
    // The peak lies between two samples: native mode finds it.
    const auto between = [](double shift) {
        std::vector<double> v(n_steps, -0.070);
        for (std::size_t k = 2000; k < 2100; ++k) {
            const double t = static_cast<double>(k) - 2050 - shift;
            v[k] += 0.090 * std::exp(-t * t / 50);
        }
        return v;
    };
    auto options = compare({{.name = "peak_time"}});
    EXPECT_LT(errors(options, {between(0.4)}, between(0)).at(0), 1e-6);
    options.settings.mode = FeatureMode::native;
    EXPECT_NEAR(errors(options, {between(0.4)}, between(0)).at(0), 0.04, 1e-4);

    auto table = std::make_shared<FeatureTable>(standard_features());
    table->add({.name = "twice_the_base",
                .unit = "mV",
                .needs = "voltage_base",
                .compute = [](const FeatureInputs& in, std::vector<double>& values) {
                    values = {2 * in.number(0)};
                    return Missing::none;
                }});
    options = compare({{.name = "twice_the_base"}});
    EXPECT_THROW(FeatureMetric{options}, ConfigError);
    options.table = table;
    EXPECT_THROW(FeatureMetric{options}, ConfigError);  // without a name
    options.table_name = "with twice the base";
    EXPECT_NEAR(errors(options, {other}, target).at(0), 6, 1e-9);
}

TEST(FeatureMetric, StimulusCurrentsGiveResistances) {
    std::vector<double> step(n_steps, -0.070);
    for (std::size_t k = 1001; k < 4000; ++k) step[k] = -0.080;  // the sample at the start belongs to the base
    auto options = compare({{.name = "ohmic_input_resistance_vb_ssse", .means = {100}}});
    options.stimulus_currents = {-50e-12};  // 200 MOhm
    EXPECT_NEAR(errors(options, {step}, step).at(0), 100, 1e-6);
    options.stimulus_currents = {};
    EXPECT_NEAR(errors(options, {step}, step).at(0), 250, 1e-6);  // missing
}

TEST(SpikeFeatureMetric, ComparesTimesAndIntervals) {
    SpikeFeatureMetricOptions options{
        .stimulus = {0.1, 0.6},
        .features = {{.name = "spike_count"},
                     {.name = "time_to_first_spike", .scale = 5},
                     {.name = "all_ISI_values", .scale = 10, .comparison = FeatureComparison::sequence}}};
    const SpikeFeatureMetric metric(options);
    const std::vector<double> data{0.15, 0.25, 0.37};
    EXPECT_EQ(metric.feature(data, data, 1, 1e-4), 0);
    const std::vector<double> model{0.16, 0.27, 0.37};
    EXPECT_NEAR(metric.feature(model, data, 1, 1e-4), 0 + 10 / 5.0 + (10 + 20) / 10.0 / 2, 1e-9);
    EXPECT_NEAR(metric.feature({}, data, 1, 1e-4), 3 + 250 + 250, 1e-9);
    EXPECT_NEAR(metric.feature({}, {}, 1, 1e-4), 0, 1e-9);
    options.features = {{.name = "spike_count"}, {.name = "AP_amplitude"}};
    EXPECT_THROW(SpikeFeatureMetric{options}, ConfigError);
    options.features = {{.name = "spike_count", .means = {4}}};
    EXPECT_NEAR(SpikeFeatureMetric(options).feature(model, {}, 1, 1e-4), 1, 1e-9);
    EXPECT_THROW(metric.check({}, 0.05, 1e-4), ConfigError);
    EXPECT_THAT(metric.description(), testing::StartsWith("spike features spike_count weight 1"));
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
    EXPECT_THAT(metric.values(late, 1, dt).at(0), testing::ElementsAre(testing::DoubleNear(60, 1e-6)));
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
    EXPECT_THAT(refuse(compare({{.name = "Spikecount", .simulated_missing = {MissingRule::penalty, nan}}})),
                testing::HasSubstr("missing `Spikecount`"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecount", .recorded_missing = {MissingRule::penalty, -1}}})),
                testing::HasSubstr("at least 0"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecount", .scales = {1, 0}}})), testing::HasSubstr("scales of"));
    EXPECT_THAT(refuse(compare({{.name = "Spikecount", .comparison = FeatureComparison::sequence, .means = {2}}})),
                testing::HasSubstr("sequence"));
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
    EXPECT_THAT(refuse(options), testing::HasSubstr("interpolation_step"));
    const FeatureMetric metric(compare(fine));
    EXPECT_THROW(metric.check({.n_steps = 500, .dt = dt}), ConfigError);  // ends before the stimulus
    EXPECT_NO_THROW(metric.check({.n_steps = n_steps, .dt = dt}));
}

TEST(FeatureMetric, DescriptionsTellSettingsApart) {
    auto options = compare({{.name = "Spikecount"}, {.name = "voltage_base", .weight = 2, .scale = 0.5}});
    EXPECT_EQ(FeatureMetric(options).description(),
              "features Spikecount weight 1 scale 1 missing penalty 250, voltage_base weight 2 scale 0.5 missing "
              "penalty 250, "
              "stimulus 0.1 to 0.4 s");
    options.settings.threshold = -10;
    options.settings.mode = FeatureMode::native;
    options.features[0] = {
        .name = "ISI_values", .comparison = FeatureComparison::sequence, .recorded_missing = {MissingRule::ignore, 0}};
    EXPECT_THAT(FeatureMetric(options).description(),
                testing::AllOf(testing::HasSubstr(", mode native, threshold -10"),
                               testing::HasSubstr(
                                   "ISI_values weight 1 scale 1 sequence missing penalty 250 in recording ignore")));
}

}  // namespace
}  // namespace spikesmith
