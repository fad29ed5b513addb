// A TorchScript network as embedding: derivatives, a known posterior, files, checkpoints, errors.
#include "spikesmith/infer/torch_embedding.hpp"

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>

#include "infer/normal_traces.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"

namespace spikesmith::test {
namespace {

nets::Embedding embedding_of(const std::string& file, const std::string& device = "cpu") {
    nets::Embedding what{.kind = nets::EmbeddingKind::torchscript};
    what.file = file;
    what.device = device;
    return what;
}

TEST(TorchEmbedding, IsNoneOfLikelihoods) {
    EXPECT_THROW(
        Inference(normal_traces_prior(), {.method = InferenceMethod::snle, .embedding = embedding_of("network.pt")}),
        ConfigError);
}

TEST(TorchEmbedding, WithoutTheLibrarySaysSo) {
    const std::string file = (std::filesystem::temp_directory_path() / "torch_embedding_without.pt").string();
    write_file_atomically(file, "anything");
    setenv("SPIKESMITH_TORCH", "/nowhere/libspikesmith_torch.so", 1);
    EXPECT_FALSE(torch_available());
    try {
        const TorchEmbedding embedding(embedding_of(file), 3, {}, false);
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("libtorch"));
    }
    unsetenv("SPIKESMITH_TORCH");
    std::filesystem::remove(file);
}

#ifdef SPIKESMITH_TORCHSCRIPT

std::string network(const std::string& name) {
    return std::string(SPIKESMITH_TORCHSCRIPT "/") + name + ".pt";
}

std::string temporary(const std::string& name) {
    return (std::filesystem::temp_directory_path() / ("torch_embedding_" + name + std::to_string(getpid()))).string();
}

constexpr NormalTraces traces{40, 2};

Inference learning(const std::string& file, std::size_t simulations) {
    const Prior prior = normal_traces_prior();
    const Array2 theta = prior.sample(simulations, 1);
    Inference inference(prior, {.density_estimators = {nets::DensityKind::mdn},
                                .density = {.hidden_features = 20, .num_components = 1},
                                .embedding = embedding_of(network(file)),
                                .z_score_x = nets::ZScore::structured});
    inference.append({theta, traces.simulate(theta, 1), {}}, SimulatedFrom::prior);
    return inference;
}

TEST(TorchEmbedding, DerivativesAreThoseOfDifferences) {
    TorchEmbedding embedding(embedding_of(network("perceptron")), 40, {}, false);
    ASSERT_EQ(embedding.outputs(), 4U);
    ASSERT_EQ(embedding.parameters(), 40U * 12 + 12 + 12 * 4);
    const Array2 x = traces.simulate(normal_traces_prior().sample(5, 3), 4);
    const std::vector<float> prepared = embedding.prepare(x);
    const std::vector<std::uint32_t> rows{3, 0, 4};
    std::vector<float> parameters(embedding.parameters());
    embedding.get_parameters(parameters);
    std::vector<float> weights(rows.size() * 4);
    for (std::size_t k = 0; k < weights.size(); ++k) weights[k] = std::sin(static_cast<float>(k));
    const auto value = [&](std::uint64_t key) {
        std::vector<float> values;
        embedding.forward(prepared, rows, key, values);
        return std::inner_product(values.begin(), values.end(), weights.begin(), 0.0);
    };
    const double plain = value(1);
    std::vector<float> gradient(parameters.size(), 0.0F);
    embedding.backward(weights, gradient);
    EXPECT_DOUBLE_EQ(value(0), plain);
    for (const std::size_t k : {0U, 17U, 250U, 479U, 485U, 500U, 539U}) {
        const float step = 5e-3F;
        std::vector<float> moved = parameters;
        moved[k] += step;
        embedding.set_parameters(moved);
        const double above = value(0);
        moved[k] -= 2 * step;
        embedding.set_parameters(moved);
        EXPECT_NEAR(gradient[k], (above - value(0)) / (2 * static_cast<double>(step)), 2e-3) << k;
    }
}

TEST(TorchEmbedding, KnownPosterior) {
    Inference inference = learning("perceptron", 6000);
    const TrainingReport report =
        inference.train({.training_batch_size = 100, .learning_rate = 2e-3, .max_num_epochs = 40});
    EXPECT_LT(report.networks.front().validation_losses.back(), report.networks.front().validation_losses.front());
    const Array2 x = observed_trace(traces);
    expect_known(traces, x, Posterior(normal_traces_prior(), inference.estimator(), x).sample(4000, 3), 0.15, 1.4);
}

TEST(TorchEmbedding, KnownPosteriorByRatio) {
    const Prior prior = normal_traces_prior();
    const Array2 theta = prior.sample(6000, 1);
    Inference inference(prior, {.method = InferenceMethod::snre_b,
                                .embedding = embedding_of(network("perceptron")),
                                .z_score_x = nets::ZScore::structured});
    inference.append({theta, traces.simulate(theta, 1), {}}, SimulatedFrom::prior);
    inference.train({.training_batch_size = 100, .learning_rate = 2e-3, .max_num_epochs = 25});
    const Array2 x = observed_trace(traces);
    expect_known(traces, x, Posterior(prior, inference.estimator(), x).sample(2000, 3), 0.2, 1.5);
}

TEST(TorchEmbedding, IsSavedWithThePosterior) {
    Inference inference = learning("stateful", 400);
    inference.train({.training_batch_size = 50, .max_num_epochs = 3});
    const Posterior posterior(normal_traces_prior(), inference.estimator(), observed_trace(traces));
    const std::string bytes = posterior.to_bytes();
    const Posterior again = Posterior::from_bytes(bytes, "the test");
    EXPECT_EQ(again.sample(50, 2).values, posterior.sample(50, 2).values);
    EXPECT_EQ(again.to_bytes(), Posterior::from_bytes(again.to_bytes(), "the test").to_bytes());
    setenv("SPIKESMITH_TORCH", "/nowhere/libspikesmith_torch.so", 1);
    EXPECT_THROW((void)Posterior::from_bytes(bytes, "the test"), ConfigError);
    unsetenv("SPIKESMITH_TORCH");
}

// Dropout and running means included.
TEST(TorchEmbedding, ContinuesFromACheckpointBitForBit) {
    const std::string folder = temporary("checkpoint");
    const TrainingOptions options{.training_batch_size = 50, .max_num_epochs = 6};
    Inference whole = learning("stateful", 300);
    const TrainingReport expected = whole.train(options);

    std::atomic<bool> cancelled = false;
    const auto stop = [&](std::size_t, std::size_t, const TrainingState& state) { cancelled = state.epoch == 3; };
    EXPECT_THROW(
        learning("stateful", 300)
            .train(options, {.progress = stop, .checkpoint = folder, .flush_seconds = 0, .cancelled = &cancelled}),
        Interrupted);
    Inference resumed = learning("stateful", 300);
    const TrainingReport report = resumed.train(options, {.checkpoint = folder});
    EXPECT_EQ(report.networks.front().validation_losses, expected.networks.front().validation_losses);
    const Array2 x = observed_trace(traces);
    EXPECT_EQ(Posterior(normal_traces_prior(), resumed.estimator(), x).sample(20, 1).values,
              Posterior(normal_traces_prior(), whole.estimator(), x).sample(20, 1).values);
    std::filesystem::remove_all(folder);
}

TEST(TorchEmbedding, MissingValuesAreFlagged) {
    const TorchEmbedding embedding(embedding_of(network("perceptron")), 40, {}, true);
    EXPECT_EQ(embedding.outputs(), 44U);
    std::vector<double> x(40, 0.5);
    std::vector<double> zero = x;
    x[7] = std::nan("");
    zero[7] = 0;
    const std::vector<double> missing = embedding.embed(x);
    const std::vector<double> there = embedding.embed(zero);
    for (std::size_t k = 0; k < 44; ++k) EXPECT_EQ(missing[k] - there[k], k == 4 + 7 ? 1 : 0) << k;
}

TEST(TorchEmbedding, WrongNetworksAreRefusedWithAReason) {
    const auto message = [](const std::string& file, std::size_t features, const std::string& device = "cpu") {
        try {
            const TorchEmbedding embedding(embedding_of(file, device), features, {}, false);
        } catch (const Error& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    EXPECT_THAT(message(network("perceptron"), 30), testing::HasSubstr("30 features"));
    EXPECT_THAT(message(network("one_dimension"), 40), testing::HasSubstr("shape [1]"));
    EXPECT_THAT(message(network("perceptron"), 40, "gpu"), testing::HasSubstr("unknown device"));
    EXPECT_THAT(message("", 40), testing::HasSubstr("needs a file"));
    EXPECT_THAT(message(network("none"), 40), testing::HasSubstr("none.pt"));
    const std::string other = temporary("other");
    write_file_atomically(other, "no network");
    EXPECT_THAT(message(other, 40), testing::HasSubstr("cannot be used"));
    std::filesystem::remove(other);
    // a machine with a GPU trains there
    const std::string cuda = message(network("perceptron"), 40, "cuda");
    EXPECT_TRUE(cuda.empty() || cuda.find("no CUDA device") != std::string::npos) << cuda;
}

#endif

}  // namespace
}  // namespace spikesmith::test
