// Values and gradients against libtorch's automatic derivatives of the same networks. Built where libtorch is found.
#if defined(SPIKESMITH_HAS_TORCH)

#include "nets/network_cases.hpp"
#include "nets/torch_networks.hpp"
#include <gtest/gtest.h>

namespace spikesmith::nets::tests {
namespace {

constexpr std::int64_t rows = 75;

torch::Tensor tensor(const std::vector<double>& values, std::int64_t columns) {
    return torch::tensor(values, torch::kFloat64).to(torch::kFloat32).view({-1, columns});
}

// `value(theta, x)` of the reference against ours: values, and the gradient of their mean.
template <class Network, class Value>
void compare(Network& network, reference::Parameters& parameters, const Value& value) {
    ASSERT_EQ(parameters.used(), network.parameters().size());
    const auto D = static_cast<std::int64_t>(network.specification().theta_dimensions);
    const auto C = static_cast<std::int64_t>(network.specification().x_dimensions);
    const auto theta = normals(static_cast<std::size_t>(rows * D), 1);
    const auto x = normals(static_cast<std::size_t>(rows * C), 2);
    const torch::Tensor expected = value(tensor(theta, D), tensor(x, C));
    (-expected.mean()).backward();

    const TrainingData data = network.prepare(theta, x);
    const auto samples = counting(rows);
    const Minibatch batch{.x = samples, .theta = samples};
    std::vector<float> gradient(network.parameters().size(), 0.0F);
    Workspace workspace;
    std::vector<double> values(rows);
    const PairLoss loss = [&](std::size_t first, std::size_t count, std::span<const double> v,
                              std::span<double> derivatives) {
        std::copy(v.begin(), v.end(), values.begin() + static_cast<std::ptrdiff_t>(first));
        std::fill_n(derivatives.begin(), count, -1.0 / rows);
        return 0.0;
    };
    network.accumulate(data, batch, loss, gradient, workspace);
    for (std::int64_t i = 0; i < rows; ++i) {
        const auto v = static_cast<double>(expected[i].item<float>());
        EXPECT_NEAR(values[static_cast<std::size_t>(i)], v, 3e-5 * (1 + std::fabs(v)));
    }
    std::size_t offset = 0;
    double largest = 0;
    for (const torch::Tensor& leaf : parameters.leaves)
        largest = std::max(largest, leaf.grad().abs().max().template item<double>());
    for (std::size_t l = 0; l < parameters.leaves.size(); ++l) {
        const torch::Tensor flat = parameters.leaves[l].grad().flatten().contiguous();
        double error = 0;
        for (std::int64_t i = 0; i < flat.numel(); ++i) {
            error = std::max(error, std::fabs(static_cast<double>(gradient[offset++]) -
                                              static_cast<double>(flat.data_ptr<float>()[i])));
        }
        EXPECT_LT(error, 1e-5 * largest) << "parameter block " << l << " of shape " << parameters.leaves[l].sizes();
    }
}

ConditionalDensity density(DensityKind kind, std::size_t D, std::size_t C) {
    torch::set_num_threads(1);
    DensitySpecification what{.kind = kind, .theta_dimensions = D, .x_dimensions = C};
    ConditionalDensity q(what, 7);
    disturb(q, 0.05);
    return q;
}

TEST(Torch, Maf) {
    ConditionalDensity q = density(DensityKind::maf, 5, 7);
    reference::Parameters parameters(q.parameters());
    const reference::Maf net(parameters, 5, 7, 50, 5, 7);
    compare(q, parameters, [&](const auto& theta, const auto& x) { return net.log_prob(theta, x); });
}

TEST(Torch, Nsf) {
    ConditionalDensity q = density(DensityKind::nsf, 5, 7);
    reference::Parameters parameters(q.parameters());
    const reference::Nsf net(parameters, 5, 7, 50, 5, 10);
    compare(q, parameters, [&](const auto& theta, const auto& x) { return net.log_prob(theta, x); });
}

TEST(Torch, Mdn) {
    ConditionalDensity q = density(DensityKind::mdn, 4, 7);
    reference::Parameters parameters(q.parameters());
    const reference::Mdn net(parameters, 4, 7, 50, 10);
    compare(q, parameters, [&](const auto& theta, const auto& x) { return net.log_prob(theta, x); });
}

TEST(Torch, Made) {
    ConditionalDensity q = density(DensityKind::made, 4, 7);
    reference::Parameters parameters(q.parameters());
    const reference::MixtureMade net(parameters, 4, 7, 50, 5, 10);
    compare(q, parameters, [&](const auto& theta, const auto& x) { return net.log_prob(theta, x); });
}

TEST(Torch, Classifiers) {
    for (const auto& [kind, other] : {std::pair{ClassifierKind::mlp, reference::Classifier::mlp},
                                      std::pair{ClassifierKind::resnet, reference::Classifier::resnet}}) {
        RatioEstimator ratio(RatioSpecification{.kind = kind, .theta_dimensions = 4, .x_dimensions = 7}, 3);
        disturb(ratio, 0.05);
        reference::Parameters parameters(ratio.parameters());
        const reference::Ratio net(parameters, other, 4, 7, 50);
        compare(ratio, parameters, [&](const auto& theta, const auto& x) { return net.logit(theta, x); });
    }
}

TEST(Torch, YulenetBeforeMaf) {
    torch::set_num_threads(1);
    DensitySpecification what{.kind = DensityKind::maf, .theta_dimensions = 2, .x_dimensions = 600};
    what.embedding = {.kind = EmbeddingKind::yulenet, .output_features = 5};
    ConditionalDensity q(what, 7);
    disturb(q, 0.05);
    reference::Parameters parameters(q.parameters());
    const reference::Yulenet embedding(parameters, 600, 5);
    const reference::Maf net(parameters, 2, 5, 50, 5, 7);
    compare(q, parameters, [&](const auto& theta, const auto& x) { return net.log_prob(theta, embedding(x)); });
}

}  // namespace
}  // namespace spikesmith::nets::tests

#endif
