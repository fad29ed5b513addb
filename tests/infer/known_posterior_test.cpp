// Raw traces, the YuleNet layout and named features, each on a problem whose posterior is known.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "fit/models.hpp"
#include <gtest/gtest.h>

#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/inferencer.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::test {
namespace {

// Traces theta_1 b_1 + theta_2 b_2 + noise with theta ~ N(0, 1) and orthogonal b, sine and cosine or a constant and nothing: the posterior
// is normal, with precision p = 1 + |b|^2 / noise^2 and mean b'x / noise^2 / p for each parameter.
struct Traces {
    std::size_t length;
    double noise = 1;
    bool constant = false;
    [[nodiscard]] double basis(std::size_t d, std::size_t k) const {
        if (constant) return d == 0 ? 1 : 0;
        const double phase = 2 * std::numbers::pi * 3 * static_cast<double>(k) / static_cast<double>(length);
        return d == 0 ? std::sin(phase) : std::cos(phase);
    }
    [[nodiscard]] double precision(std::size_t d) const {
        double sum = 0;
        for (std::size_t k = 0; k < length; ++k) sum += basis(d, k) * basis(d, k);
        return 1 + sum / (noise * noise);
    }
    [[nodiscard]] Array2 simulate(const Array2& theta, std::uint64_t seed) const {
        Array2 x(theta.rows, length);
        math::RandomStream random(seed, 5);
        for (std::size_t i = 0; i < theta.rows; ++i) {
            for (std::size_t k = 0; k < length; ++k)
                x(i, k) = theta(i, 0) * basis(0, k) + theta(i, 1) * basis(1, k) + noise * random.next_normal();
        }
        return x;
    }
};

// `wider`: by how much the posterior may be wider than the known one; a network learns the sums over the trace from few simulations.
void expect_known_posterior(const Traces& traces, const nets::Embedding& embedding, std::size_t simulations,
                            const TrainingOptions& training, double tolerance, double wider) {
    const Prior prior({normal_prior("a", {0, {}}, {1, {}}), normal_prior("b", {0, {}}, {1, {}})});
    const Array2 theta = prior.sample(simulations, 1);
    Inference inference(prior, {.density_estimators = {nets::DensityKind::mdn},
                                .density = {.hidden_features = 20, .num_components = 1},
                                .embedding = embedding,
                                .z_score_x = nets::ZScore::structured});
    inference.append({theta, traces.simulate(theta, 1), {}}, SimulatedFrom::prior);
    inference.train(training);
    Array2 truth(1, 2);
    truth.values = {0.7, -0.9};
    const Array2 x = traces.simulate(truth, 99);
    const Array2 samples = Posterior(prior, inference.estimator(), x).sample(4000, 3);
    for (std::size_t d = 0; d < 2; ++d) {
        double expected = 0;
        for (std::size_t k = 0; k < traces.length; ++k)
            expected += traces.basis(d, k) * x(0, k) / (traces.noise * traces.noise * traces.precision(d));
        double mean = 0;
        double square = 0;
        for (std::size_t i = 0; i < samples.rows; ++i) {
            mean += samples(i, d) / 4000;
            square += samples(i, d) * samples(i, d) / 4000;
        }
        EXPECT_NEAR(mean, expected, tolerance) << d;
        const double ratio = std::sqrt(square - mean * mean) * std::sqrt(traces.precision(d));
        EXPECT_GT(ratio, 0.75) << d;
        EXPECT_LT(ratio, wider) << d;
    }
}

TEST(KnownPosterior, OfRawTraces) {
    expect_known_posterior({20}, {}, 4000, {.training_batch_size = 50, .learning_rate = 2e-3, .max_num_epochs = 40},
                           0.15, 1.35);
}

TEST(KnownPosterior, OfRawTracesThroughAnMlp) {
    expect_known_posterior({40, 2}, {.kind = nets::EmbeddingKind::mlp, .output_features = 5}, 8000,
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
