// The Inferencer on a passive membrane, whose voltage is known in closed form.
#include "spikesmith/infer/inferencer.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <span>

#include "fit/models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith::test {
namespace {

// Voltage at the start, after 10 ms and at the end of each trace.
std::vector<SummaryGroup> three_points() {
    const auto sample = [](std::string name, double place) {
        return own_feature("v", std::move(name), [place](const SummaryInput& input) {
            return input.values[static_cast<std::size_t>(place * static_cast<double>(input.values.size() - 1))];
        });
    };
    return {sample("start", 0), sample("early", 1.0 / 3), sample("end", 1)};
}

InferencerOptions leaky_inference() {
    return {.model = leaky_model(),
            .recordings = leaky_options().recordings,
            .features = three_points(),
            .method = "exact",
            .seed = 1};
}

std::vector<ParameterPrior> leaky_prior() {
    // in another order than the model's
    return {log_uniform_prior("R", quantity("50 Mohm"), quantity("200 Mohm")),
            uniform_prior("tau", quantity("1 ms"), quantity("50 ms")),
            uniform_prior("E", quantity("-90 mV"), quantity("-50 mV"))};
}

InferOptions quick() {
    return {.prior = leaky_prior(),
            .n_samples = 2000,
            .training = {.training_batch_size = 50, .learning_rate = 5e-3, .stop_after_epochs = 15}};
}

std::vector<double> column(const Array2& samples, std::size_t d) {
    std::vector<double> values;
    for (std::size_t i = 0; i < samples.rows; ++i) values.push_back(samples(i, d));
    std::ranges::sort(values);
    return values;
}

void expect_truth_inside(const Array2& samples, double narrower) {
    const std::vector<double> truth{1e8, 0.01, -0.07};
    const std::vector<double> width{1.386, 0.049, 0.04};  // of the prior; of log R
    for (std::size_t d = 0; d < 3; ++d) {
        const std::vector<double> values = column(samples, d);
        const double low = values[values.size() / 200];
        const double high = values[values.size() - 1 - values.size() / 200];
        EXPECT_LT(low, truth[d]) << d;
        EXPECT_GT(high, truth[d]) << d;
        EXPECT_LT(d == 0 ? std::log(high / low) : high - low, width[d] / narrower) << d;
    }
}

TEST(Inferencer, ObservationIsThatOfTheRecordings) {
    const Inferencer inferencer(leaky_inference());
    ASSERT_EQ(inferencer.observation().size(), 6U);  // by feature, then by trace
    EXPECT_NEAR(inferencer.observation()[0], -0.07, 1e-12);
    EXPECT_NEAR(inferencer.observation()[5], leaky_voltage((leaky_steps - 1) * leaky_dt, 1), 1e-12);
    EXPECT_THAT(inferencer.feature_names(),
                testing::ElementsAre("v[0].start", "v[1].start", "v[0].early", "v[1].early", "v[0].end", "v[1].end"));
    InferencerOptions raw = leaky_inference();
    raw.features = {};
    EXPECT_EQ(Inferencer(raw).observation().size(), 2 * leaky_steps);
    raw.features = {raw_trace("v", 7)};
    EXPECT_EQ(Inferencer(raw).observation().size(), 2 * ((leaky_steps + 6) / 7));
}

TEST(Inferencer, SimulationsAreTheClosedFormInAnyOrderOfParameters) {
    Inferencer inferencer(leaky_inference());
    const Prior prior = inferencer.init_prior(leaky_prior());
    const Array2 theta = inferencer.generate_training_data(20);
    const Array2 x = inferencer.extract_summary_statistics(theta);
    for (std::size_t i = 0; i < 20; ++i) {
        const double end = leaky_voltage((leaky_steps - 1) * leaky_dt, 0, theta(i, 2), theta(i, 0), theta(i, 1));
        EXPECT_NEAR(x(i, 4), end, 1e-9);
    }
}

TEST(Inferencer, TolerancesReachTheIntegration) {
    const auto missing = [](double error, int steps) {
        InferencerOptions options = leaky_inference();
        options.method = "gsl_rkf45";
        options.absolute_error = options.relative_error = error;
        options.max_adaptive_steps = steps;
        Inferencer inferencer(options);
        inferencer.init_prior(leaky_prior());
        const Array2 x = inferencer.extract_summary_statistics(inferencer.generate_training_data(20));
        return std::ranges::count_if(x.values, [](double value) { return std::isnan(value); });
    };
    EXPECT_EQ(missing(1e-6, 1), 0);
    EXPECT_GT(missing(1e-16, 1), 0);  // one step does not reach this precision
}

TEST(Inferencer, SimulationsAreWatchedAndCanBeStopped) {
    std::atomic<std::size_t> most = 0;
    std::atomic<std::size_t> all = 0;
    std::atomic<bool> cancelled = false;
    InferencerOptions options = leaky_inference();
    options.simulations = {.progress =
                               [&](std::size_t done, std::size_t total) {
                                   all = total;
                                   std::size_t before = most;
                                   while (before < done && !most.compare_exchange_weak(before, done)) {
                                   }
                               },
                           .cancelled = &cancelled};
    Inferencer inferencer(options);
    inferencer.init_prior(leaky_prior());
    (void)inferencer.extract_summary_statistics(inferencer.generate_training_data(300));
    EXPECT_EQ(all, 300 * inferencer.data().n_traces);
    EXPECT_EQ(most, all);
    cancelled = true;
    EXPECT_THROW((void)inferencer.extract_summary_statistics(inferencer.generate_training_data(300)), Interrupted);
    cancelled = false;
    EXPECT_EQ(inferencer.extract_summary_statistics(inferencer.generate_training_data(10)).rows, 10U);
}

TEST(Inferencer, OneRoundFindsTheTruthAndPredictsTheData) {
    Inferencer inferencer(leaky_inference());
    inferencer.infer(quick());
    expect_truth_inside(inferencer.sample(4000), 2);
    EXPECT_EQ(inferencer.n_simulations(), 2000U);
    const PredictiveTraces traces = inferencer.generate_traces(60);
    const PredictiveTraces::Output& v = traces["v"];
    for (std::size_t k = 5; k < leaky_steps; k += 50) {
        EXPECT_LE(v.low(0, k), v.median(0, k));
        EXPECT_LE(v.median(0, k), v.high(0, k));
        EXPECT_NEAR(v.median(0, k), leaky_voltage(static_cast<double>(k) * leaky_dt, 0), 2e-3);
    }
    EXPECT_TRUE(inferencer.check_predictions().passed) << inferencer.check_predictions().summary();
    // judged by itself
    ASSERT_TRUE(inferencer.assessment().has_value());
    EXPECT_EQ(inferencer.assessment()->calibration->pairs, 300U);
    EXPECT_TRUE(inferencer.assessment()->predictions->passed);
    EXPECT_THAT(inferencer.assessment()->summary(), testing::HasSubstr("The observation looks like"));
    EXPECT_EQ(inferencer.assessment()->trustworthy(),
              inferencer.assessment()->calibration->verdict == CalibrationVerdict::calibrated);
    const CalibrationReport report = inferencer.calibrate(100);
    EXPECT_EQ(report.pairs, 100U);
    EXPECT_NE(report.verdict, CalibrationVerdict::undecided);
    EXPECT_NEAR(inferencer.map().modes.front().theta[2], -0.07, 4e-3);
}

TEST(Inferencer, ChoosesTheMethodByItself) {
    Inferencer inferencer(leaky_inference());
    InferOptions options = quick();
    options.n_samples = 600;
    options.automatic = true;
    options.assess = false;
    options.inference.density = {.hidden_features = 16, .num_transforms = 2, .num_bins = 4};
    options.training.max_num_epochs = 40;
    for (const std::size_t rounds : {1U, 2U}) {
        options.n_rounds = rounds;
        inferencer.infer(options);
        ASSERT_TRUE(inferencer.choice().has_value());
        EXPECT_EQ(inferencer.choice()->candidates.size(), 2U);
        EXPECT_EQ(inferencer.reports().size(), rounds);
        EXPECT_EQ(inferencer.n_simulations(), 600 * rounds);
        expect_truth_inside(inferencer.sample(2000), 1.3);
        options.restart = true;
    }
    const std::vector<double> two_rounds = inferencer.sample(50).values;
    // round after round, with simulations that were made before, the same; and one more
    options.n_rounds = 1;
    options.n_samples = 0;
    for (std::size_t round = 0; round < 3; ++round) {
        if (round == 0) inferencer.init_prior(options.prior);
        const Array2 theta = inferencer.generate_training_data(600);
        inferencer.set_summary_statistics(theta, inferencer.extract_summary_statistics(theta),
                                          round == 0 ? SimulatedFrom::prior : SimulatedFrom::truncated_prior);
        options.restart = false;
        inferencer.infer(options);
        if (round == 1) {
            EXPECT_EQ(inferencer.sample(50).values, two_rounds);
        }
    }
    EXPECT_EQ(inferencer.reports().size(), 3U);
    expect_truth_inside(inferencer.sample(2000), 1.5);
    // step by step
    inferencer.init_prior(options.prior);
    inferencer.init_inference(options.inference, true);
    EXPECT_THROW(inferencer.build_posterior(), ConfigError);
    std::size_t most = 0;
    TrainingControl control;
    control.progress = [&](std::size_t network, std::size_t networks, const TrainingState&) {
        EXPECT_EQ(networks, 6U);
        most = std::max(most, network);
    };
    inferencer.infer_step(100, {.max_num_epochs = 2}, {}, control);
    EXPECT_EQ(most, 5U);
    // a choice of methods knows no correction for other proposals
    inferencer.set_summary_statistics(inferencer.sample(10), Array2(10, inferencer.observation().size()),
                                      SimulatedFrom::proposal);
    EXPECT_THROW(inferencer.train(), ConfigError);
}

TEST(Inferencer, MoreRoundsFocus) {
    Inferencer inferencer(leaky_inference());
    InferOptions options = quick();
    options.n_samples = 800;
    options.n_rounds = 2;
    inferencer.infer(options);
    const auto width = [&] {
        const std::vector<double> tau = column(inferencer.sample(2000), 1);
        return tau[1900] - tau[100];
    };
    const double before = width();
    // one more round with what was said before
    inferencer.infer({.training = options.training, .assess = false});
    EXPECT_FALSE(inferencer.assessment().has_value());
    EXPECT_EQ(inferencer.n_simulations(), 2400U);
    EXPECT_EQ(inferencer.reports().size(), 3U);
    EXPECT_LT(width(), 1.5 * before);
    expect_truth_inside(inferencer.sample(4000), 2);
    options.restart = true;
    options.n_rounds = 1;
    inferencer.infer(options);
    EXPECT_EQ(inferencer.reports().size(), 1U);
}

TEST(Inferencer, StepByStepAndThroughFilesIsTheSame) {
    const std::string stem =
        (std::filesystem::temp_directory_path() / ("inferencer_steps_" + std::to_string(getpid()))).string();
    InferOptions options = quick();
    options.n_samples = 400;
    Inferencer whole(leaky_inference());
    whole.infer(options);

    Inferencer steps(leaky_inference());
    EXPECT_THROW((void)steps.posterior(), ConfigError);
    EXPECT_THROW(steps.save_summary_statistics(stem + ".npz"), ConfigError);
    steps.init_prior(leaky_prior());
    steps.extract_summary_statistics(steps.generate_training_data(400));
    steps.save_summary_statistics(stem + ".npz");

    Inferencer later(leaky_inference());
    later.init_prior(leaky_prior());
    const auto [theta, x] = later.load_summary_statistics(stem + ".npz");
    EXPECT_EQ(theta.rows, 400U);
    EXPECT_EQ(x.columns, 6U);
    later.init_inference(options.inference);
    later.train(options.training);
    later.build_posterior();
    EXPECT_EQ(later.sample(100).values, whole.sample(100).values);

    later.save_posterior(stem + ".spk");
    Inferencer last(leaky_inference());
    last.load_posterior(stem + ".spk");
    EXPECT_EQ(last.sample(100).values, whole.sample(100).values);
    EXPECT_EQ(last.generate_traces(3)["v"].traces[0].values, whole.generate_traces(3)["v"].traces[0].values);
    write_npz(stem + ".npz", {{"theta", to_npy(theta)}});
    EXPECT_THROW((void)last.load_summary_statistics(stem + ".npz"), DataError);
    std::filesystem::remove(stem + ".npz");
    std::filesystem::remove(stem + ".spk");
}

TEST(Inferencer, MissingFeaturesAreCountedAndLearned) {
    InferencerOptions options = leaky_inference();
    // the recovery time exists only if the membrane depolarises by 5 mV
    options.features.push_back(own_feature("v", "crossing", [](const SummaryInput& input) {
        for (std::size_t k = 0; k < input.values.size(); ++k) {
            if (input.values[k] > input.values[0] + 5e-3) return static_cast<double>(k) * input.dt;
        }
        return std::nan("");
    }));
    Inferencer inferencer(options);
    EXPECT_TRUE(std::isnan(inferencer.observation().back()));  // the second stimulus hyperpolarises
    inferencer.infer(quick());
    EXPECT_EQ(inferencer.reports().back().missing.incomplete, 2000U);
    expect_truth_inside(inferencer.sample(2000), 1.5);
}

// The same numbers, with one call for many simulations; those that failed and those without the feature stay missing.
TEST(Inferencer, FeaturesOfBlocksAreThoseOfSingleTraces) {
    InferencerOptions single = leaky_inference();
    InferencerOptions blocks = leaky_inference();
    const auto largest = [](const SummaryInput& input) {
        const double value = *std::ranges::max_element(input.values);
        return value > input.values[0] + 5e-3 ? value : std::nan("");
    };
    single.features.insert(single.features.begin() + 1, own_feature("v", "largest", largest));
    std::atomic<std::size_t> calls = 0;
    std::atomic<std::size_t> most = 0;
    const auto largest_of_all = [&](std::span<const SummaryInput> inputs, std::span<double> values) {
        ++calls;
        most = std::max<std::size_t>(most, inputs.size());
        ASSERT_EQ(values.size(), inputs.size());
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            EXPECT_EQ(inputs[i].trace, inputs[0].trace);
            EXPECT_EQ(inputs[i].values.data(), inputs[0].values.data() + i * inputs[0].values.size());
            values[i] = largest(inputs[i]);
        }
    };
    blocks.features.insert(blocks.features.begin() + 1, own_block_feature("v", "largest", largest_of_all));
    Inferencer a(single);
    Inferencer b(blocks);
    EXPECT_THAT(b.observation(), testing::Pointwise(testing::NanSensitiveDoubleEq(), a.observation()));
    a.init_prior(leaky_prior());
    b.init_prior(leaky_prior());
    const Array2 theta = a.generate_training_data(100);
    const Array2 given = a.extract_summary_statistics(theta);
    const Array2 found = b.extract_summary_statistics(theta);
    EXPECT_THAT(found.values, testing::Pointwise(testing::NanSensitiveDoubleEq(), given.values));
    EXPECT_TRUE(std::ranges::any_of(given.values, [](double x) { return std::isnan(x); }));
    EXPECT_GT(most, 1U);
    EXPECT_LT(calls, 100U);
    EXPECT_THROW((void)own_block_feature("v", "none", {}), ConfigError);
}

TEST(Inferencer, WrongInputIsRefusedWithAReason) {
    Inferencer inferencer(leaky_inference());
    EXPECT_THROW(inferencer.generate_training_data(5), ConfigError);  // no prior
    auto prior = leaky_prior();
    prior.pop_back();
    EXPECT_THROW(inferencer.init_prior(prior), ConfigError);
    prior.push_back(uniform_prior("E", quantity("1 nS"), quantity("2 nS")));
    EXPECT_THROW(inferencer.init_prior(prior), UnitError);
    prior.back() = uniform_prior("Em", quantity("-90 mV"), quantity("-50 mV"));
    EXPECT_THROW(inferencer.init_prior(prior), ConfigError);
    EXPECT_THROW(inferencer.infer({.prior = leaky_prior()}), ConfigError);  // n_samples
    EXPECT_THROW(inferencer.infer({.prior = leaky_prior(), .n_samples = 10, .n_rounds = 0}), ConfigError);
    InferencerOptions options = leaky_inference();
    options.features = {raw_trace("w")};
    EXPECT_THROW(Inferencer{options}, ConfigError);
    options.features = {own_feature(
        "spikes", "count", [](const SummaryInput& input) { return static_cast<double>(input.values.size()); })};
    EXPECT_THROW(Inferencer{options}, ConfigError);
    EXPECT_THROW((void)electrophysiology("v", {"AP_amplitud"}, {{0, 1}}), ConfigError);
}

}  // namespace
}  // namespace spikesmith::test
