// Three of ten simulations lack a feature; the posterior is still the exact one, whether the observation has the feature or not.
#include <cmath>
#include <limits>
#include <string>

#include "infer/two_sample_test.hpp"
#include <gtest/gtest.h>

#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::test {
namespace {

constexpr std::size_t dimension = 3;
constexpr double noise = 0.5;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// x = theta + noise with theta ~ N(0, I). The last feature is missing where it would be below its 30 % quantile, as the latency
// of a neuron that responds too weakly to spike.
const double threshold = -0.5244005127 * std::sqrt(1 + noise * noise);

Array2 simulate(const Array2& theta, std::uint64_t seed) {
    Array2 x = theta;
    math::RandomStream random(seed, 11);
    for (double& value : x.values) value += noise * random.next_normal();
    for (std::size_t i = 0; i < x.rows; ++i) {
        if (x(i, dimension - 1) < threshold) x(i, dimension - 1) = nan;
    }
    return x;
}

// N(x / (1 + noise^2), noise^2 / (1 + noise^2)) where x is known, else parameters whose feature, drawn again, is missing.
Array2 exact_posterior(const std::vector<double>& x, std::size_t n) {
    Array2 theta(n, dimension);
    math::RandomStream random(5, 12);
    const double kept = 1 / (1 + noise * noise);
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t d = 0; d < dimension; ++d) {
            if (!std::isnan(x[d])) {
                theta(i, d) = kept * x[d] + noise * std::sqrt(kept) * random.next_normal();
                continue;
            }
            do {
                theta(i, d) = random.next_normal();
            } while (theta(i, d) + noise * random.next_normal() >= threshold);
        }
    }
    return theta;
}

void expect_exact(InferenceMethod method, const std::vector<double>& x) {
    const Prior prior({normal_prior("a", {0, {}}, {1, {}}), normal_prior("b", {0, {}}, {1, {}}),
                       normal_prior("c", {0, {}}, {1, {}})});
    const Array2 theta = prior.sample(method == InferenceMethod::snpe ? 6000 : 12000, 1);
    Inference inference(prior, {.method = method,
                                .density = {.hidden_features = 24, .num_transforms = 3},
                                .classifier = {.hidden_features = 32}});
    inference.append({theta, simulate(theta, 1), {}}, SimulatedFrom::prior);
    const TrainingReport report = inference.train(
        {.training_batch_size = 100, .learning_rate = 2e-3, .stop_after_epochs = 8, .max_num_epochs = 60}, {}, x);
    EXPECT_NEAR(static_cast<double>(report.missing.incomplete) / static_cast<double>(theta.rows), 0.3, 0.02);
    const Array2 samples = Posterior(prior, inference.estimator(), x).sample(2500, 2);
    const double accuracy = c2st(exact_posterior(x, 2500), samples);
    EXPECT_LT(accuracy, 0.55) << name_of(method);
    testing::Test::RecordProperty(name_of(method), std::to_string(accuracy));
}

TEST(MissingPosterior, OfACompleteObservationIsExact) {
    for (const InferenceMethod method : {InferenceMethod::snpe, InferenceMethod::snle, InferenceMethod::snre_b})
        expect_exact(method, {0.8, -0.6, 0.3});
}

TEST(MissingPosterior, OfAnObservationThatLacksTheFeatureIsExact) {
    for (const InferenceMethod method : {InferenceMethod::snpe, InferenceMethod::snle})
        expect_exact(method, {0.8, -0.6, nan});
}

}  // namespace
}  // namespace spikesmith::test
