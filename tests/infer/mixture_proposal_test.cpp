// The closed form of SNPE-C against integrals, differences and a posterior that is known.
#include "spikesmith/infer/mixture_proposal.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/distribution.hpp"
#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/infer/sequential_inference.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

nets::GaussianMixture mixture_2d() {
    return {.components = 2,
            .dimensions = 2,
            .log_weights = {std::log(0.3), std::log(0.7)},
            .means = {0.4, -0.3, -0.8, 0.5},
            .precision_factors = {1.2, 0.3, 0, 0.9, 2.0, -0.5, 0, 1.4}};
}

// no component wider than N(0, I)
MixtureProposal proposal_2d() {
    return {.components = 2,
            .dimensions = 2,
            .log_weights = {std::log(0.6), std::log(0.4)},
            .means = {0.5, 0.2, -0.4, 0.9},
            .precision_factors = {1.5, 0.2, 0, 1.3, 1.8, -0.3, 0, 2.5}};
}

nets::Standardization scale_2d() {
    return {.mean = {0.2, -0.1}, .deviation = {0.8, 1.3}};
}

nets::GaussianMixture zeros(const nets::GaussianMixture& like) {
    nets::GaussianMixture result = like;
    for (auto* values : {&result.log_weights, &result.means, &result.precision_factors})
        std::fill(values->begin(), values->end(), 0.0);
    return result;
}

TEST(CorrectedMixture, IsANormalisedDensityProportionalToTheProduct) {
    const nets::GaussianMixture q = mixture_2d();
    const MixtureProposal proposal = proposal_2d();
    const nets::Standardization scale = scale_2d();
    const CorrectedMixtureLoss loss(proposal, scale);
    double sum = 0;
    const double step = 0.04;
    const auto product = [&](double a, double b) {
        const std::vector<double> z{a, b};
        const std::vector<double> u{scale.mean[0] + scale.deviation[0] * a, scale.mean[1] + scale.deviation[1] * b};
        return std::exp(log_density(q, z) + log_density(proposal, u) - normal_log_density(u[0]) -
                        normal_log_density(u[1]));
    };
    const auto corrected = [&](double a, double b) {
        nets::GaussianMixture unused = zeros(q);
        const std::vector<float> z{static_cast<float>(a), static_cast<float>(b)};
        return std::exp(-loss(q, z, 1, unused));
    };
    for (double a = -6; a < 6; a += step) {
        for (double b = -6; b < 6; b += step) {
            sum += corrected(a, b) * step * step;
        }
    }
    EXPECT_NEAR(sum, 1, 1e-3);
    EXPECT_NEAR(corrected(0.3, 0.1) / corrected(-0.5, 0.6), product(0.3, 0.1) / product(-0.5, 0.6), 1e-5);
}

TEST(CorrectedMixture, DerivativesAreSlopes) {
    const CorrectedMixtureLoss loss(proposal_2d(), scale_2d());
    const std::vector<float> z{0.3F, -0.2F};
    const nets::GaussianMixture center = mixture_2d();
    for (const bool corrected : {true, false}) {
        const auto value = [&](const nets::GaussianMixture& at, nets::GaussianMixture& derivatives) {
            return corrected ? loss(at, z, 0.7, derivatives) : mixture_likelihood_loss(at, z, 0.7, derivatives);
        };
        nets::GaussianMixture derivatives = zeros(center);
        value(center, derivatives);
        const auto check = [&](auto member, std::size_t i) {
            const double h = 1e-5;
            nets::GaussianMixture up = center;
            nets::GaussianMixture down = center;
            (up.*member)[i] += h;
            (down.*member)[i] -= h;
            nets::GaussianMixture unused = zeros(center);
            EXPECT_NEAR((value(up, unused) - value(down, unused)) / (2 * h), (derivatives.*member)[i], 1e-7) << i;
        };
        for (std::size_t i = 0; i < 2; ++i) check(&nets::GaussianMixture::log_weights, i);
        for (std::size_t i = 0; i < 4; ++i) check(&nets::GaussianMixture::means, i);
        for (const std::size_t i : {0, 1, 3, 4, 5, 7}) check(&nets::GaussianMixture::precision_factors, i);
        EXPECT_EQ(derivatives.precision_factors[2], 0);
    }
}

TEST(CorrectedMixture, ProposalsWiderThanThePriorAreRefused) {
    MixtureProposal wide = proposal_2d();
    wide.precision_factors[0] = 0.5;
    EXPECT_THROW(CorrectedMixtureLoss(wide, {}), NumericalError);
}

TEST(MixtureProposal, SamplesHaveItsMoments) {
    const MixtureProposal mixture = proposal_2d();
    const Array2 u = sample_mixture(mixture, 40000, 3);
    double mean = 0;
    double density = 0;
    for (std::size_t i = 0; i < u.rows; ++i) {
        mean += u(i, 1) / 40000;
        density += std::exp(log_density(mixture, u.row(i))) / 40000;
    }
    EXPECT_NEAR(mean, 0.6 * 0.2 + 0.4 * 0.9, 0.02);
    // the mean density of samples is the integral of its square
    double expected = 0;
    for (double a = -5; a < 5; a += 0.05) {
        for (double b = -5; b < 5; b += 0.05)
            expected += std::exp(2 * log_density(mixture, std::vector<double>{a, b})) * 0.05 * 0.05;
    }
    EXPECT_NEAR(density, expected, 0.02 * expected);
    EXPECT_EQ(sample_mixture(mixture, 10, 3).values, std::vector<double>(u.values.begin(), u.values.begin() + 20));
}

// theta ~ N(0, 1), x = theta + noise of deviation 0.5: the posterior is N(0.8 x, 0.2), here far out in the prior.
TEST(MixtureProposal, RoundsInClosedFormFindTheKnownPosterior) {
    const Prior prior({normal_prior("a", {0, {}}, {1, {}}), normal_prior("b", {0, {}}, {1, {}})});
    const Simulator simulator = [](const Array2& theta, std::uint64_t first) {
        Array2 x = theta;
        math::RandomStream random(77, 1);
        random.set_position(first * theta.columns);
        for (double& value : x.values) value += 0.5 * random.next_normal();
        return x;
    };
    const std::vector<double> observation{1.5, -1.5};
    SequentialOptions options{
        .rounds = 3,
        .simulations_per_round = 1000,
        .inference = {.density_estimators = {nets::DensityKind::mdn},
                      .density = {.hidden_features = 20, .num_components = 3}},
        .training = {.training_batch_size = 50, .learning_rate = 2e-3, .stop_after_epochs = 8, .max_num_epochs = 60},
        .proposal = ProposalKind::posterior};
    const SequentialResult result = infer_sequentially(prior, simulator, observation, options);
    const Posterior posterior(prior, result.estimator, observation);
    EXPECT_TRUE(is_mixture(*result.estimator));
    const Array2 samples = posterior.sample(4000, 1);
    for (std::size_t d = 0; d < 2; ++d) {
        double mean = 0;
        double square = 0;
        for (std::size_t i = 0; i < samples.rows; ++i) {
            mean += samples(i, d) / 4000;
            square += samples(i, d) * samples(i, d) / 4000;
        }
        EXPECT_NEAR(mean, 0.8 * observation[d], 0.1);
        EXPECT_NEAR(std::sqrt(square - mean * mean), std::sqrt(0.2), 0.06);
    }
    // proposals were drawn from the mixture, not the prior
    double second_round = 0;
    for (std::size_t i = 1000; i < 2000; ++i) second_round += result.simulations.theta(i, 0) / 1000;
    EXPECT_NEAR(second_round, 1.2, 0.25);
}

}  // namespace
}  // namespace spikesmith
