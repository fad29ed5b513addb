// Raw traces, the YuleNet layout and named features, each on a problem whose posterior is known.
#include <algorithm>
#include <cmath>

#include "fit/models.hpp"
#include "infer/normal_traces.hpp"
#include <gtest/gtest.h>

#include "spikesmith/infer/inferencer.hpp"

namespace spikesmith::test {
namespace {

void expect_known_posterior(const NormalTraces& traces, const nets::Embedding& embedding, std::size_t simulations,
                            const TrainingOptions& training, double tolerance, double wider) {
    const Prior prior = normal_traces_prior();
    const Array2 theta = prior.sample(simulations, 1);
    Inference inference(prior, {.density_estimators = {nets::DensityKind::mdn},
                                .density = {.hidden_features = 20, .num_components = 1},
                                .embedding = embedding,
                                .z_score_x = nets::ZScore::structured});
    inference.append({theta, traces.simulate(theta, 1), {}}, SimulatedFrom::prior);
    inference.train(training);
    const Array2 x = observed_trace(traces);
    expect_known(traces, x, Posterior(prior, inference.estimator(), x).sample(4000, 3), tolerance, wider);
}

TEST(KnownPosterior, OfRawTraces) {
    expect_known_posterior({20}, {}, 4000, {.training_batch_size = 50, .learning_rate = 2e-3, .max_num_epochs = 40},
                           0.15, 1.35);
}

TEST(KnownPosterior, OfRawTracesThroughAnMlp) {
    expect_known_posterior({40, 2}, {.kind = nets::EmbeddingKind::mlp, .output_features = 5}, 16000,
                           {.training_batch_size = 100, .learning_rate = 2e-3, .max_num_epochs = 40}, 0.15, 1.4);
}

// Its pooling forgets where in the trace things are, but not the level.
TEST(KnownPosterior, OfRawTracesThroughYuleNet) {
    expect_known_posterior({300, 8, true}, {.kind = nets::EmbeddingKind::yulenet, .output_features = 10}, 3000,
                           {.training_batch_size = 50, .learning_rate = 3e-3, .max_num_epochs = 25}, 0.25, 1.8);
}

// The lowest voltage of the first trace, which depolarises, is E; known in steps of 5 mV, the posterior of E is uniform over one step,
// that of the others their prior.
TEST(KnownPosterior, OfNamedFeatures) {
    SummaryGroup steps = electrophysiology("v", {"minimum_voltage"}, {{0, leaky_steps * leaky_dt}});
    steps.compute = [lowest = steps.compute](const SummaryInput& input, std::span<double> values) {
        lowest(input, values);
        values[0] = input.trace == 0 ? std::floor((values[0] + 1e-9) / 5 + 0.5) : 0;
    };
    Inferencer inferencer(
        {.model = leaky_model(), .recordings = leaky_options().recordings, .features = {steps}, .method = "exact"});
    ASSERT_EQ(inferencer.observation()[0], -14);  // E = -70 mV
    inferencer.infer({.prior = {log_uniform_prior("R", quantity("50 Mohm"), quantity("200 Mohm")),
                                uniform_prior("tau", quantity("1 ms"), quantity("50 ms")),
                                uniform_prior("E", quantity("-90 mV"), quantity("-50 mV"))},
                      .n_samples = 3000,
                      .inference = {.density_estimators = {nets::DensityKind::nsf},
                                    .density = {.hidden_features = 24, .num_transforms = 3}},
                      .training = {.training_batch_size = 50, .learning_rate = 2e-3, .max_num_epochs = 40},
                      .assess = false});
    const Array2 samples = inferencer.sample(4000);
    const auto moments = [&](std::size_t d) {
        double mean = 0;
        double square = 0;
        for (std::size_t i = 0; i < samples.rows; ++i) mean += samples(i, d) / 4000;
        for (std::size_t i = 0; i < samples.rows; ++i) square += std::pow(samples(i, d) - mean, 2) / 4000;
        return std::pair(mean, std::sqrt(square));
    };
    EXPECT_NEAR(moments(2).first, -0.07, 0.5e-3);
    EXPECT_NEAR(moments(2).second, 5e-3 / std::sqrt(12.0), 0.5e-3);
    EXPECT_NEAR(moments(1).first, 0.0255, 2.5e-3);
    EXPECT_NEAR(moments(1).second, 0.049 / std::sqrt(12.0), 1.5e-3);
}

}  // namespace
}  // namespace spikesmith::test
