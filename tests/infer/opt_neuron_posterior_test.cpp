#include "spikesmith/infer/opt_neuron_posterior.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "fit/opt_neuron_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsNan;

// After 10 time constants v is normal with mean m and standard deviation 1; the target ended at 5.
OptNeuronOptions noisy() {
    SimulationRecord target{.dt = 1e-4, .n_candidates = 1, .variables = {"v"}, .chunks = {}, .data = {}};
    RecordedChunk chunk;
    chunk.periods = {{0, 100}};
    chunk.end_step = 100;
    chunk.values.emplace_back(1, 100, 5.0);
    target.chunks.push_back(chunk);
    return {.model = test::noisy_membrane(),
            .variables = {{.name = "m", .bounds = {{0, 10}}}},
            .experiment =
                [](Simulation& simulation) {
                    simulation.start_recording();
                    simulation.run(0.01);
                    return simulation.results();
                },
            .loss = rmse_loss("v"),
            .target = target,
            .time_step = 1e-4,
            .method = "euler",
            .record = {"v"},
            .seed = 5};
}

std::vector<double> last_value(const SimulationRecord& candidate) {
    return {candidate.trace("v").back()};
}

OptNeuronPosteriorOptions quick() {
    OptNeuronPosteriorOptions options;
    options.summary = last_value;
    options.n_simulations = 1500;
    options.n_samples = 4000;
    options.inference.density_estimators = {nets::DensityKind::mdn};
    return options;
}

TEST(OptNeuronPosterior, IsTheKnownOne) {
    OptNeuron neuron(noisy());
    const OptNeuronPosterior found = infer_opt_neuron(neuron, quick());
    double mean = 0;
    double variance = 0;
    const auto n = static_cast<double>(found.samples.rows);
    for (const double m : found.samples.values) mean += m / n;
    for (const double m : found.samples.values) variance += (m - mean) * (m - mean) / n;
    EXPECT_NEAR(mean, 5, 0.2);
    EXPECT_NEAR(std::sqrt(variance), 1, 0.15);
    EXPECT_NEAR(found.fit["m"], 5, 0.35);
    EXPECT_EQ(found.fit.best[0].second, found.modes.modes[0].theta[0]);
    EXPECT_EQ(found.fit.method, "sbi");
    EXPECT_THAT(found.observation, ElementsAre(5));
    ASSERT_TRUE(found.predictions.has_value());
    EXPECT_TRUE(found.predictions->passed) << found.predictions->summary();
    EXPECT_THAT(found.summary(), HasSubstr("m = "));
    EXPECT_EQ(found.fit.results.n_candidates, 1U);

    const auto file = std::filesystem::temp_directory_path() / "OptNeuronPosterior_IsTheKnownOne.spk";
    found.posterior.save(file);
    EXPECT_EQ(Posterior::load(file).sample(10, 1).values, found.posterior.sample(10, 1).values);
    std::filesystem::remove(file);
}

TEST(OptNeuronPosterior, SameSeedSameBitsForAnyThreads) {
    const auto samples = [](int threads, std::uint64_t seed) {
        OptNeuronOptions options = noisy();
        options.threads = threads;
        options.seed = seed;
        OptNeuron neuron(options);
        OptNeuronPosteriorOptions small = quick();
        small.n_simulations = 200;
        small.n_samples = 50;
        small.training.max_num_epochs = 5;
        small.assessed_draws = 0;
        return infer_opt_neuron(neuron, small).samples.values;
    };
    const auto one = samples(1, 1);
    EXPECT_EQ(one, samples(2, 1));
    EXPECT_NE(one, samples(1, 2));
}

TEST(OptNeuronPosterior, FindsTheReferenceFit) {
    OptNeuronOptions options = test::model_fit(10);  // r = 6*I_app
    OptNeuron neuron(options);
    OptNeuronPosteriorOptions settings;
    settings.n_simulations = 500;
    settings.n_rounds = 2;
    settings.n_samples = 500;
    std::size_t seen = 0;
    settings.progress = [&](std::size_t simulations) { seen = simulations; };
    const OptNeuronPosterior found = infer_opt_neuron(neuron, settings);
    EXPECT_NEAR(found.fit["a"], 6, 2);
    EXPECT_NEAR(found.fit["b"], 0, 4);
    EXPECT_EQ(found.reports.size(), 2U);
    EXPECT_EQ(seen, 1200U);
    EXPECT_EQ(found.posterior.prior().names(),
              options.variables.size() == 2 ? neuron.fitted() : std::vector<std::string>{});
}

TEST(OptNeuronPosterior, SimulationsThatDivergeAreCountedThoughOnlySpikesAreRecorded) {
    // A spike every T ms; w runs away if T is above 30.
    const auto clock = [](const std::string& period) {
        return parse_annarchy({.parameters = {"parameters", "T = " + period},
                               .equations = {"equations",
                                             "v = v + 1.0\n"
                                             "dw/dt = if T > 30.0: w*w*w else: -w : init=2.0"},
                               .spike = "v >= T",
                               .reset = "v = 0.0"});
    };
    OptNeuron neuron({.model = clock("20.0"),
                      .variables = {{.name = "T", .bounds = {{10, 50}}}},
                      .experiment =
                          [](Simulation& simulation) {
                              simulation.start_recording();
                              simulation.run(1.0);
                              return simulation.results();
                          },
                      .loss = [](const auto&, const auto&) { return std::vector{1.0}; },
                      .target_model = clock("20.0"),
                      .record = {"spike"}});
    const OptNeuronPosterior found = infer_opt_neuron(neuron, {.n_simulations = 800, .n_samples = 1000});
    const auto counted = std::ranges::find_if(
        found.fit.warnings, [](const std::string& text) { return text.find("became NaN") != std::string::npos; });
    ASSERT_NE(counted, found.fit.warnings.end());
    EXPECT_THAT(*counted, HasSubstr("them the state `w` became NaN or infinite in chunk 1"));
    std::vector<double> values = found.samples.values;
    std::ranges::sort(values);
    EXPECT_NEAR(values[500], 20, 1.5);
    EXPECT_LT(values[975], 30);
}

TEST(OptNeuronPosterior, RefusesWhatHasNoPosterior) {
    const auto refused = [](const std::function<void(OptNeuronOptions&, OptNeuronPosteriorOptions&)>& change) {
        OptNeuronOptions options = noisy();
        OptNeuronPosteriorOptions settings = quick();
        settings.n_simulations = 10;
        change(options, settings);
        try {
            OptNeuron neuron(options);
            static_cast<void>(infer_opt_neuron(neuron, settings));
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(refused([](auto& o, auto&) {
                    o.target.reset();
                    o.loss = [](const auto&, const auto&) { return std::vector{1.0}; };
                }),
                HasSubstr("needs a target"));
    EXPECT_THAT(refused([](auto& o, auto&) { o.noise = NoiseStreams::common; }), HasSubstr("independent noise"));
    EXPECT_THAT(refused([](auto& o, auto&) { o.variables[0].integer = true; }), HasSubstr("whole number"));
    EXPECT_THAT(refused([](auto&, auto& s) {
                    s.prior = {{"n", {}, Distribution(UniformDistribution{0, 1})}};
                }),
                HasSubstr("`m` has no prior"));
    EXPECT_THAT(refused([](auto&, auto& s) {
                    s.prior = {{"m", {}, Distribution(UniformDistribution{0, 1})},
                               {"s", {}, Distribution(UniformDistribution{0, 1})}};
                }),
                HasSubstr("`s`, which is not fitted"));
    EXPECT_THAT(refused([](auto&, auto& s) {
                    s.summary = [](const SimulationRecord& r) {
                        return std::vector<double>(r.chunks[0].parameters.empty() ? 1 : 2, 0.0);
                    };
                }),
                HasSubstr("the summary of a candidate has 2 numbers, that of the target 1"));
    EXPECT_THAT(refused([](auto&, auto& s) { s.summary = [](const auto&) { return std::vector{1.0}; }; }),
                HasSubstr("all simulations give the same record"));
}

TEST(RecordSummary, IsWorkedOutByHand) {
    SimulationRecord record{
        .dt = 1e-3, .n_candidates = 1, .variables = {"v"}, .spikes = true, .chunks = {}, .data = {}};
    RecordedChunk chunk;
    chunk.start_step = 100;
    chunk.end_step = 106;
    chunk.periods = {{100, 6}};
    chunk.values.emplace_back(1, 6);
    chunk.values[0].values = {1, 3, 4, 4, 0, 6};
    chunk.spike_steps = {{101, 102, 105}};
    record.chunks.push_back(chunk);
    const double mean_log = (std::log(1e-3) + std::log(3e-3)) / 2;
    const double variance = (1 + 9 + 16 + 16 + 0 + 36) / 6.0 - 9;
    EXPECT_THAT(summary_of_record(record),
                ElementsAre(DoubleNear(3, 1e-12), DoubleNear(std::sqrt(variance), 1e-12), 2, 1, 4, 0, 3, 3,  // v
                            3, 1, 1, 1, 1e-3, DoubleNear(mean_log, 1e-12), DoubleNear(std::log(3) / 2, 1e-12)));
    const auto names = summary_names(record);
    ASSERT_EQ(names.size(), 15U);
    EXPECT_EQ(names[2], "v[0] mean, first third");
    EXPECT_EQ(names[9], "spikes[0] number, first third");
    record.chunks[0].spike_steps = {{}};
    const auto silent = summary_of_record(record);
    EXPECT_EQ(silent[8], 0);
    EXPECT_THAT(silent[12], IsNan());
    EXPECT_THAT(silent[13], IsNan());
}

}  // namespace
}  // namespace spikesmith
