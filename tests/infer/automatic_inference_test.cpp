// The automatic choice on a posterior that is known.
#include "spikesmith/infer/automatic_inference.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

struct Case {
    Prior prior{{normal_prior("a", {0, {}}, {1, {}}), normal_prior("b", {0, {}}, {1, {}})}};
    Simulations simulations;
};

// x = theta + noise of deviation 0.5: the posterior is N(0.8 x, 0.2).
Case noisy(std::size_t n) {
    Case one;
    one.simulations.theta = one.prior.sample(n, 1);
    one.simulations.x = one.simulations.theta;
    math::RandomStream random(77, 1);
    for (double& value : one.simulations.x.values) value += 0.5 * random.next_normal();
    return one;
}

AutomaticOptions quick() {
    return {
        .inference = {.density = {.hidden_features = 20, .num_transforms = 2, .num_bins = 5}},
        .training = {.training_batch_size = 100, .learning_rate = 2e-3, .stop_after_epochs = 6, .max_num_epochs = 50}};
}

TEST(AutomaticInference, ScoresAreTheLogDensityOfTheTruth) {
    const Case one = noisy(2000);
    const AutomaticResult result = infer_automatically(one.prior, one.simulations, {1.0, -0.5}, quick());
    ASSERT_EQ(result.candidates.size(), 2U);
    // the expectation of log N(theta; 0.8 x, 0.2) in two dimensions
    const double exact = -std::log(2 * std::numbers::pi * 0.2) - 1;
    for (const auto& candidate : result.candidates)
        EXPECT_NEAR(candidate.score, exact, 0.25) << name_of(candidate.method);
    // both are as good as can be, and then the posterior serves
    EXPECT_EQ(result.method, InferenceMethod::snpe);
    EXPECT_EQ(result.estimator->role, EstimatorRole::posterior);
    EXPECT_THAT(result.summary(), testing::HasSubstr("chosen: " + name_of(result.method)));
    const Array2 samples = Posterior(one.prior, result.estimator, std::vector<double>{1.0, -0.5}).sample(2000, 1);
    double mean = 0;
    for (std::size_t i = 0; i < samples.rows; ++i) mean += samples(i, 0) / 2000;
    EXPECT_NEAR(mean, 0.8, 0.12);
}

// Two rounds: the second is drawn where the posterior of the first is, and the posterior is that of the prior all the same.
TEST(AutomaticInference, RoundsCloseInOnTheObservation) {
    const Case one;
    std::vector<std::size_t> firsts;
    const Simulator simulator = [&](const Array2& theta, std::uint64_t first) {
        firsts.push_back(first);
        Array2 x = theta;
        for (std::size_t i = 0; i < x.rows; ++i) {
            math::RandomStream random(7, first + i);
            for (double& value : x.row(i)) value += 0.2 * random.next_normal();
        }
        return x;
    };
    AutomaticOptions options = quick();
    options.simulations = 3000;
    options.shares = {1, 2};
    const std::vector<double> x{1.0, -0.5};
    const AutomaticResult result = infer_automatically(one.prior, simulator, x, options);
    EXPECT_EQ(firsts, (std::vector<std::size_t>{0, 1000}));
    ASSERT_EQ(result.drawn.size(), 3000U);
    EXPECT_EQ(std::ranges::count(result.drawn.round, 1U), 2000);
    ASSERT_TRUE(result.region);
    EXPECT_LT(result.region->prior_probability(), 0.6);
    std::size_t near = 0;
    for (std::size_t i = 1000; i < 3000; ++i) {
        const double distance = std::hypot(result.drawn.theta(i, 0) - 1 / 1.04, result.drawn.theta(i, 1) + 0.5 / 1.04);
        near += distance < 2 ? 1 : 0;
    }
    EXPECT_GT(near, 1800U);  // of 2000; tails of the first round's networks let some others in
    ASSERT_EQ(result.candidates.size(), 2U);
    EXPECT_NEAR(result.candidates[0].score, result.candidates[1].score, 0.4);
    const Array2 samples = Posterior(one.prior, result.estimator, x).sample(3000, 1);
    for (std::size_t d = 0; d < 2; ++d) {
        double mean = 0;
        double squares = 0;
        for (std::size_t i = 0; i < samples.rows; ++i) mean += samples(i, d) / 3000;
        for (std::size_t i = 0; i < samples.rows; ++i) squares += std::pow(samples(i, d) - mean, 2) / 3000;
        EXPECT_NEAR(mean, x[d] / 1.04, 0.05);
        EXPECT_NEAR(std::sqrt(squares), 0.2 / std::sqrt(1.04), 0.04);
    }
    options.shares = {1, 0};
    EXPECT_THROW((void)infer_automatically(one.prior, simulator, x, options), ConfigError);
    options.shares = {1, 1e-6};
    EXPECT_THROW((void)infer_automatically(one.prior, simulator, x, options), ConfigError);
}

// A posterior learned outside the region would be wrong there; a likelihood is the same everywhere, but judged inside only.
TEST(AutomaticInference, LikelihoodsLearnOutsideTheRegionToo) {
    const Case one = noisy(1000);
    const auto right = [](const Array2& u) {
        std::vector<std::uint8_t> inside;
        for (std::size_t i = 0; i < u.rows; ++i) inside.push_back(u(i, 0) > 0 ? 1 : 0);
        return inside;
    };
    const std::vector<std::uint8_t> marks = right(one.prior.to_normal(one.simulations.theta));
    const auto n_inside = static_cast<std::size_t>(std::ranges::count(marks, 1));
    const auto learned = [&](InferenceMethod method, bool nonsense_outside) {
        Simulations simulations = one.simulations;
        for (std::size_t i = 0; i < marks.size() && nonsense_outside; ++i) {
            if (marks[i] == 0) simulations.x(i, 0) += 2;
        }
        InferenceOptions options = quick().inference;
        options.method = method;
        Inference inference(one.prior, options);
        inference.append(simulations, SimulatedFrom::truncated_prior);
        inference.set_region(right);
        TrainingOptions training = quick().training;
        training.max_num_epochs = 3;
        return inference.train(training);
    };
    const TrainingReport posterior = learned(InferenceMethod::snpe, false);
    EXPECT_EQ(posterior.simulations, n_inside);
    EXPECT_EQ(learned(InferenceMethod::snpe, true).networks[0].validation_losses,
              posterior.networks[0].validation_losses);
    const TrainingReport likelihood = learned(InferenceMethod::snle, false);
    EXPECT_EQ(likelihood.simulations, 1000U);
    EXPECT_NE(learned(InferenceMethod::snle, true).networks[0].validation_losses,
              likelihood.networks[0].validation_losses);
}

TEST(AutomaticInference, MissingFeaturesLeaveThePosterior) {
    Case one = noisy(300);
    for (std::size_t i = 0; i < 300; i += 7) one.simulations.x(i, 1) = std::nan("");
    AutomaticOptions options = quick();
    options.training.max_num_epochs = 5;
    const AutomaticResult result = infer_automatically(one.prior, one.simulations, {1.0, -0.5}, options);
    EXPECT_EQ(result.candidates.size(), 1U);
    EXPECT_EQ(result.method, InferenceMethod::snpe);
}

}  // namespace
}  // namespace spikesmith
