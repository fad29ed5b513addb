#include "spikesmith/metrics/mse.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

constexpr double dt = 1e-4;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

TraceShape shape(std::size_t n_steps, double interval, std::size_t trace = 0) {
    return {.trace = trace, .n_traces = trace + 1, .n_steps = n_steps, .dt = interval};
}

// Two samples, three traces of eight samples each, and recordings, all different.
struct Case {
    static constexpr std::size_t samples = 2, traces = 3, steps = 8;
    std::vector<double> simulated;
    Array2 recorded{traces, steps};

    Case() {
        for (std::size_t i = 0; i < samples * traces * steps; ++i)
            simulated.push_back(1e-3 * std::sin(1.7 * static_cast<double>(i)));
        for (std::size_t i = 0; i < recorded.values.size(); ++i)
            recorded.values[i] = 1e-3 * std::cos(0.9 * static_cast<double>(i));
    }
    [[nodiscard]] TraceBlock block() const {
        return {.n_samples = samples, .n_traces = traces, .n_steps = steps, .values = simulated};
    }
    [[nodiscard]] std::vector<double> errors(MSEOptions options) const {
        return calculate(MSEMetric(std::move(options)), block(), recorded, dt);
    }
};

template <class Failure, class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const Failure& failure) {
        return failure.what();
    }
    return "no error";
}

TEST(MSEMetric, ClosedFormOfConstantDifference) {
    // A difference of 3 mV everywhere in trace 0 and 4 mV in trace 1: (9 + 16)/2 mV^2.
    std::vector<double> simulated(10, 0.003);
    std::fill(simulated.begin() + 5, simulated.end(), 0.004);
    const TraceBlock block{.n_samples = 1, .n_traces = 2, .n_steps = 5, .values = simulated};
    const Array2 recorded(2, 5, 0.0);
    EXPECT_DOUBLE_EQ(calculate(MSEMetric(), block, recorded, dt).at(0), 12.5e-6);
    const Array2 features = MSEMetric().features(block, recorded, dt);
    EXPECT_DOUBLE_EQ(features(0, 0), 9e-6);
    EXPECT_DOUBLE_EQ(features(0, 1), 16e-6);
}

TEST(MSEMetric, MeansOverSamplesAndTraces) {
    const Case data;
    const auto errors = data.errors({});
    for (std::size_t s = 0; s < Case::samples; ++s) {
        long double sum = 0;
        for (std::size_t i = 0; i < Case::traces * Case::steps; ++i) {
            const long double difference = data.simulated[s * Case::traces * Case::steps + i] - data.recorded.values[i];
            sum += difference * difference;
        }
        EXPECT_NEAR(errors[s], static_cast<double>(sum / (Case::traces * Case::steps)), 1e-15 * errors[s]);
    }
}

TEST(MSEMetric, StartIsAsWeightsOfZeroAndOne) {
    const Case data;
    const auto late = data.errors({.t_start = 4 * dt});
    const auto weighted = data.errors({.t_weights = {0, 0, 0, 0, 7, 7, 7, 7}});
    for (std::size_t s = 0; s < Case::samples; ++s) EXPECT_NEAR(late[s], weighted[s], 1e-14 * late[s]);
    EXPECT_NE(late[0], data.errors({})[0]);
}

TEST(MSEMetric, OnlyRatiosOfWeightsMatter) {
    const Case data;
    const auto small = data.errors({.t_weights = {1, 2, 3, 4, 5, 6, 7, 8}});
    const auto large = data.errors({.t_weights = {1024, 2048, 3072, 4096, 5120, 6144, 7168, 8192}});
    EXPECT_EQ(small, large);
}

TEST(MSEMetric, NormalizationDividesTheSquare) {
    const Case data;
    const MSEMetric metric({.normalization = {2e-3, dimensions::volt}});
    const auto plain = data.errors({});
    const auto normalized = calculate(metric, data.block(), data.recorded, dt);
    for (std::size_t s = 0; s < Case::samples; ++s) {
        EXPECT_NEAR(normalized[s], plain[s] / 4e-6, 1e-14 * normalized[s]);
        EXPECT_NEAR(metric.unnormalized(normalized[s]), plain[s], 1e-14 * plain[s]);
    }
    EXPECT_TRUE(metric.normalized_dimension(dimensions::volt).dimensionless());
    EXPECT_EQ(metric.error_dimension(dimensions::volt), dimensions::volt.power(2));
    EXPECT_EQ(MSEMetric().normalized_dimension(dimensions::volt), dimensions::volt.power(2));
}

TEST(MSEMetric, OnlineFormAgrees) {
    Case data;
    for (const std::size_t gap : {2U, 5U, 6U}) data.recorded(1, gap) = nan;
    const Quantity scale{0.4e-3, dimensions::volt};
    const std::vector<MSEOptions> settings{
        {},
        {.t_start = 3 * dt},
        {.normalization = {3e-3, dimensions::volt}},
        {.t_weights = {0, 1, 5, 2, 0, 0, 1e-3, 4}, .normalization = {0.1, {}}},
        {.windows = {{.from = dt, .to = 4 * dt, .weight = 2}, {.from = 3 * dt}}},
        {.loss = Loss::soft_l1, .loss_scale = scale},
        {.t_start = dt, .loss = Loss::huber, .loss_scale = scale},
        {.normalization = {2e-3, dimensions::volt}, .loss = Loss::cauchy, .loss_scale = Quantity{0.4e-3, {}}}};
    for (const MSEOptions& options : settings) {
        const MSEMetric metric(options);
        const Array2 features = metric.features(data.block(), data.recorded, dt);
        for (std::size_t r = 0; r < Case::traces; ++r) {
            std::vector<bool> counted;
            for (const double value : data.recorded.row(r)) counted.push_back(!std::isnan(value));
            const auto form = metric.online_form(shape(Case::steps, dt, r), counted);
            ASSERT_TRUE(form.has_value());
            for (std::size_t s = 0; s < Case::samples; ++s) {
                double online = 0;
                for (std::size_t k = 0; k < Case::steps; ++k) {
                    if (form->weights[k] == 0) continue;
                    EXPECT_TRUE(counted[k]);
                    const double difference = (data.block().trace(s, r)[k] - data.recorded(r, k)) / form->scale;
                    online +=
                        form->weights[k] * form->scale * form->scale * loss_value(form->loss, difference * difference);
                }
                EXPECT_NEAR(online, features(s, r), 1e-12 * features(s, r)) << metric.description();
            }
        }
        const auto without_gaps = metric.online_form(shape(Case::steps, dt), {});
        double sum = 0;
        for (const double weight : without_gaps->weights) sum += weight;
        EXPECT_NEAR(sum * options.normalization.value * options.normalization.value, 1, 1e-14) << metric.description();
    }
}

TEST(MSEMetric, GapsDoNotCount) {
    Case data;
    for (const std::size_t gap : {0U, 3U, 4U}) data.recorded(2, gap) = nan;
    const Array2 features = MSEMetric().features(data.block(), data.recorded, dt);
    double expected = 0;
    for (const std::size_t k : {1U, 2U, 5U, 6U, 7U}) {
        const double difference = data.block().trace(1, 2)[k] - data.recorded(2, k);
        expected += difference * difference / 5;
    }
    EXPECT_NEAR(features(1, 2), expected, 1e-14 * expected);

    for (std::size_t k = 4; k < Case::steps; ++k) data.recorded(1, k) = nan;
    EXPECT_NO_THROW((void)data.errors({}));
    EXPECT_THAT(message_of<DataError>([&] { (void)data.errors({.t_start = 4 * dt}); }),
                testing::HasSubstr("trace 2 has gaps wherever the metric looks at it"));
    EXPECT_THROW((void)MSEMetric().online_form(shape(3, dt), {false, false, false}), DataError);
    EXPECT_THROW((void)MSEMetric().online_form(shape(3, dt), {true, true}), DataError);
}

TEST(MSEMetric, RobustLossesAreTheirClosedForms) {
    // Differences of 0.5, 1 and 3 times the scale of 2 mV.
    const std::vector<double> simulated{1e-3, 2e-3, -6e-3};
    const TraceBlock block{.n_samples = 1, .n_traces = 1, .n_steps = 3, .values = simulated};
    const Array2 recorded(1, 3, 0.0);
    const auto error = [&](Loss loss) {
        return calculate(MSEMetric({.loss = loss, .loss_scale = Quantity{2e-3, dimensions::volt}}), block, recorded, dt)
                   .at(0) *
               3 / 4e-6;
    };
    EXPECT_NEAR(error(Loss::soft_l1), 2 * (std::sqrt(1.25) + std::sqrt(2.0) + std::sqrt(10.0) - 3), 1e-14);
    EXPECT_NEAR(error(Loss::huber), 0.25 + 1 + (2 * 3 - 1), 1e-14);
    EXPECT_NEAR(error(Loss::cauchy), std::log(1.25) + std::log(2.0) + std::log(10.0), 1e-14);
    const MSEMetric huge_scale({.loss = Loss::soft_l1, .loss_scale = Quantity{1e3, {}}});
    EXPECT_NEAR(calculate(huge_scale, block, recorded, dt).at(0), 41e-6 / 3, 1e-9);  // the squares
}

TEST(MSEMetric, WindowsServeTracesOfAnyLengthAndSampling) {
    // A difference of 1 before 10 s, of 2 from then on; 10 s are 10 samples of 1 s or 40 of 0.25 s.
    const MSEMetric metric({.windows = {{.from = 0, .to = 10, .weight = 3}, {.from = 10, .to = 20}}});
    for (const double step : {1.0, 0.25}) {
        const auto half = static_cast<std::size_t>(10 / step);
        std::vector<double> simulated(5 * half, 1e9);  // far off after 20 s
        std::fill_n(simulated.begin(), half, 1);
        std::fill_n(simulated.begin() + static_cast<std::ptrdiff_t>(half), half, 2);
        for (const std::size_t n : {2 * half, 5 * half}) {
            const TraceBlock block{
                .n_samples = 1, .n_traces = 1, .n_steps = n, .values = std::span(simulated).first(n)};
            EXPECT_NEAR(calculate(metric, block, Array2(1, n, 0.0), step).at(0), (3 * 1 + 1 * 4) / 4.0, 1e-14);
        }
    }
    const Case data;
    EXPECT_EQ(data.errors({.windows = {{.from = 2.5 * dt}}}), data.errors({.t_start = 2.5 * dt}));
    EXPECT_THAT(message_of<ConfigError>([] { MSEMetric({.windows = {{.from = 5}}}).check(shape(50, 0.1, 2)); }),
                testing::HasSubstr("no window has a sample of trace 3"));
}

TEST(MSEMetric, StartIsRoundedToTheEvenSample) {
    EXPECT_EQ(first_sample(2.5, 1, 10), 2U);
    EXPECT_EQ(first_sample(3.5, 1, 10), 4U);
    EXPECT_EQ(first_sample(2.4999, 1, 10), 2U);
    EXPECT_EQ(first_sample(0, 1, 10), 0U);
    EXPECT_EQ(first_sample(9.4, 1, 10), 9U);
}

TEST(MSEMetric, RefusesWhatMakesNoSense) {
    const auto refuse = [](MSEOptions options) { return message_of<ConfigError>([&] { MSEMetric{options}; }); };
    EXPECT_THAT(refuse({.t_start = -1}), testing::HasSubstr("t_start must be a time of at least 0 s, not -1 s"));
    EXPECT_THAT(refuse({.t_start = nan}), testing::HasSubstr("not nan s"));
    EXPECT_THAT(refuse({.t_weights = {1, -2}}), testing::HasSubstr("not negative; number 2 is -2"));
    EXPECT_THAT(refuse({.t_weights = {1, nan}}), testing::HasSubstr("number 2 is nan"));
    EXPECT_THAT(refuse({.t_weights = {0, 0, 0}}), testing::HasSubstr("all zero"));
    EXPECT_THAT(refuse({.t_start = dt, .t_weights = {1, 1}}), testing::HasSubstr("exclude each other"));
    EXPECT_THAT(refuse({.normalization = {0, {}}}), testing::HasSubstr("must be a positive number, not 0"));
    EXPECT_THAT(refuse({.normalization = {1e-200, {}}}), testing::HasSubstr("beyond the range"));
    EXPECT_THAT(message_of<ConfigError>([] { MSEMetric({.t_start = 1}).check(shape(10, 0.1)); }),
                testing::HasSubstr("t_start = 1 s is beyond the end of the trace"));
    EXPECT_NO_THROW(MSEMetric({.t_start = 0.9}).check(shape(10, 0.1)));
    EXPECT_THAT(message_of<ConfigError>([] {
                    MSEMetric({.t_weights = {1, 1}}).check(shape(3, 0.1));
                }),
                testing::HasSubstr("2 t_weights for 3 samples of trace 1"));
    EXPECT_THAT(message_of<UnitError>([] {
                    static_cast<void>(
                        MSEMetric({.normalization = {1, dimensions::ampere}}).normalized_dimension(dimensions::volt));
                }),
                testing::HasSubstr("normalization of the error is in"));
    EXPECT_THAT(refuse({.loss = Loss::huber}), testing::HasSubstr("the loss `huber` needs a loss_scale"));
    EXPECT_THAT(refuse({.loss_scale = Quantity{1, {}}}), testing::HasSubstr("`squared` has no scale"));
    EXPECT_THAT(refuse({.loss = Loss::huber, .loss_scale = Quantity{-1, {}}}), testing::HasSubstr("not -1"));
    EXPECT_THAT(refuse({.windows = {{.from = 2, .to = 2}}}), testing::HasSubstr("window 1 from 2 s to 2 s is empty"));
    EXPECT_THAT(refuse({.windows = {{.from = nan}}}), testing::HasSubstr("window 1 from nan s"));
    EXPECT_THAT(refuse({.windows = {{}, {.weight = 0}}}), testing::HasSubstr("the weight of window 2"));
    EXPECT_THAT(refuse({.t_start = 1, .windows = {{}}}), testing::HasSubstr("windows exclude t_start"));
    EXPECT_THAT(message_of<UnitError>([] {
                    const MSEMetric metric({.loss = Loss::huber, .loss_scale = Quantity{1, dimensions::ampere}});
                    static_cast<void>(metric.normalized_dimension(dimensions::volt));
                }),
                testing::HasSubstr("loss_scale of the error is in"));
}

TEST(MSEMetric, ShapesAreChecked) {
    const Case data;
    EXPECT_THROW(static_cast<void>(calculate(MSEMetric(), data.block(), Array2(3, 7), dt)), DataError);
    EXPECT_THROW(static_cast<void>(calculate(MSEMetric(), data.block(), Array2(2, 8), dt)), DataError);
}

TEST(MSEMetric, NaNStaysNaN) {
    Case data;
    data.simulated[5] = nan;
    const auto errors = data.errors({});
    EXPECT_TRUE(std::isnan(errors[0]));
    EXPECT_TRUE(std::isfinite(errors[1]));
}

TEST(MSEMetric, DescriptionsTellSettingsApart) {
    EXPECT_EQ(MSEMetric().description(), "mean squared error");
    EXPECT_EQ(MSEMetric({.t_start = 0.001}).description(), "mean squared error, t_start 0.001 s");
    EXPECT_NE(MSEMetric({.t_weights = {1, 2}}).description(), MSEMetric({.t_weights = {2, 1}}).description());
    EXPECT_EQ(MSEMetric({.windows = {{.to = 0.5, .weight = 2}},
                         .loss = Loss::huber,
                         .loss_scale = Quantity{0.005, dimensions::volt}})
                  .description(),
              "mean squared error, window 0 to 0.5 s weight 2, loss huber of scale 0.005 volt");
}

// A metric of a user: the largest difference; its error is the worst trace.
class WorstDifference final : public TraceMetric {
  public:
    [[nodiscard]] std::string description() const override { return "worst difference"; }
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double /*dt*/) const override {
        Array2 result(simulated.n_samples, simulated.n_traces);
        for (std::size_t s = 0; s < simulated.n_samples; ++s) {
            for (std::size_t r = 0; r < simulated.n_traces; ++r) {
                for (std::size_t k = 0; k < simulated.n_steps; ++k) {
                    result(s, r) = std::max(result(s, r), std::fabs(simulated.trace(s, r)[k] - target(r, k)));
                }
            }
        }
        return result;
    }
    [[nodiscard]] std::vector<double> errors(const Array2& features) const override {
        std::vector<double> result;
        for (std::size_t s = 0; s < features.rows; ++s)
            result.push_back(*std::max_element(features.row(s).begin(), features.row(s).end()));
        return result;
    }
};

TEST(Metric, UsersMetricNeedsTwoFunctions) {
    const std::vector<double> simulated{1, 2, 3, 1, 1, 8};
    const TraceBlock block{.n_samples = 1, .n_traces = 2, .n_steps = 3, .values = simulated};
    EXPECT_DOUBLE_EQ(calculate(WorstDifference(), block, Array2(2, 3, 1.0), dt).at(0), 7);
    EXPECT_FALSE(WorstDifference().online_form(shape(3, dt), {}).has_value());
}

}  // namespace
}  // namespace spikesmith
