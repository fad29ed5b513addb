// Gradients against finite differences of the values, for every network; values for every width of vectors.
#include <algorithm>
#include <bit>

#include "nets/network_cases.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/adam.hpp"

namespace spikesmith::nets::tests {
namespace {

constexpr std::size_t samples = 37;

// The data of a case; x has missing values where they are allowed.
template <class Specification>
std::pair<std::vector<double>, std::vector<double>> data_for(const Specification& what) {
    auto theta = normals(samples * what.theta_dimensions, 1);
    for (double& v : theta) v = std::clamp(v, -1.9, 2.9);
    auto x = normals(samples * what.x_dimensions, 2);
    if (what.mask_missing) {
        for (std::size_t i = 0; i < x.size(); i += 5) x[i] = std::numeric_limits<double>::quiet_NaN();
    }
    return {theta, x};
}

void evaluate(const ConditionalDensity& q, std::span<const double> theta, std::span<const double> x,
              std::span<double> values, std::span<double> theta_gradient, std::span<double> x_gradient,
              Workspace& workspace) {
    q.log_prob_gradient(theta, x, values, theta_gradient, x_gradient, workspace);
}
void evaluate(const RatioEstimator& r, std::span<const double> theta, std::span<const double> x,
              std::span<double> values, std::span<double> theta_gradient, std::span<double> x_gradient,
              Workspace& workspace) {
    r.log_ratio_gradient(theta, x, values, theta_gradient, x_gradient, workspace);
}

// Along the gradient restricted to eighths of the parameters, and along random directions.
template <class Network>
void check_parameter_gradient(Network network, bool contrasts) {
    disturb(network);
    const auto [theta, x] = data_for(network.specification());
    const TrainingData data = network.prepare(theta, x);
    const auto rows = counting(samples);
    std::vector<std::uint32_t> candidates = rows;
    if (contrasts) {
        for (std::uint32_t shift = 1; shift < 4; ++shift) {
            for (std::uint32_t i = 0; i < samples; ++i)
                candidates.push_back(static_cast<std::uint32_t>((i + shift) % samples));
        }
    }
    const Minibatch batch{.x = rows, .theta = candidates};
    std::vector<double> subtract = normals(samples, 9, 0.3);
    std::vector<std::uint8_t> combined(samples);
    for (std::size_t i = 0; i < samples; ++i) combined[i] = i % 3 == 0;
    const PairLoss loss = contrasts ? contrastive_loss(batch, subtract, combined) : likelihood_loss(batch);
    Workspace workspace;
    std::vector<float> gradient(network.parameters().size(), 0.0F);
    network.accumulate(data, batch, loss, gradient, workspace);

    const std::vector<float> start(network.parameters().begin(), network.parameters().end());
    const auto loss_along = [&](const std::vector<double>& direction, double step) {
        for (std::size_t i = 0; i < start.size(); ++i)
            network.parameters()[i] = start[i] + static_cast<float>(step * direction[i]);
        return network.accumulate(data, batch, loss, {}, workspace);
    };
    double whole = 0;
    for (const float g : gradient) whole += static_cast<double>(g) * static_cast<double>(g);
    whole = std::sqrt(whole);
    ASSERT_GT(whole, 1e-3);
    math::RandomStream random(3, 3);
    for (int trial = 0; trial < 12; ++trial) {
        std::vector<double> direction(start.size(), 0.0);
        double norm = 0;
        for (std::size_t i = 0; i < start.size(); ++i) {
            const double sign = random.next_uniform() < 0.5 ? -1 : 1;
            const bool chosen = trial >= 8 || i * 8 / start.size() == static_cast<std::size_t>(trial);
            if (chosen && start[i] != 0.0F) direction[i] = trial >= 8 ? sign : static_cast<double>(gradient[i]);
            norm += direction[i] * direction[i];
        }
        if (norm == 0) continue;
        double expected = 0;
        for (std::size_t i = 0; i < start.size(); ++i) {
            direction[i] /= std::sqrt(norm);
            expected += direction[i] * static_cast<double>(gradient[i]);
        }
        const auto slope = [&](double h) { return (loss_along(direction, h) - loss_along(direction, -h)) / (2 * h); };
        // Coarse steps suffer from the kinks of ReLU, fine ones from rounding.
        double measured = slope(4e-3);
        for (const double h : {1e-3, 2.5e-4, 6e-5}) {
            const double finer = slope(h);
            if (std::fabs(finer - expected) < std::fabs(measured - expected)) measured = finer;
        }
        EXPECT_NEAR(measured, expected, 2e-3 * std::fabs(expected) + 1e-3 * whole) << "direction " << trial;
    }
}

template <class Network>
void check_input_gradients(Network network) {
    disturb(network);
    const auto [theta, x] = data_for(network.specification());
    const std::size_t D = network.specification().theta_dimensions;
    const std::size_t C = network.specification().x_dimensions;
    Workspace workspace;
    std::vector<double> values(samples);
    std::vector<double> theta_gradient(samples * D);
    std::vector<double> x_gradient(samples * C);
    evaluate(network, theta, x, values, theta_gradient, x_gradient, workspace);
    const auto check = [&](const std::vector<double>& center, const std::vector<double>& gradient, std::size_t width,
                           bool is_theta) {
        std::size_t rough = 0;
        for (std::size_t d = 0; d < width; d += std::max<std::size_t>(1, width / 9)) {
            const auto moved_by = [&](double h) {
                std::vector<double> moved = center;
                for (std::size_t i = 0; i < samples; ++i) moved[i * width + d] += h;
                std::vector<double> result(samples);
                evaluate(network, is_theta ? moved : theta, is_theta ? x : moved, result, {}, {}, workspace);
                return result;
            };
            std::vector<std::vector<double>> slopes;
            for (const double h : {1e-2, 1e-3}) {
                slopes.push_back(moved_by(h));
                const auto down = moved_by(-h);
                for (std::size_t i = 0; i < samples; ++i) slopes.back()[i] = (slopes.back()[i] - down[i]) / (2 * h);
            }
            for (std::size_t i = 0; i < samples; ++i) {
                const double expected = std::isnan(center[i * width + d]) ? 0 : gradient[i * width + d];
                double error = std::numeric_limits<double>::infinity();
                for (const auto& slope : slopes)
                    error = std::min(error, std::fabs((std::isnan(slope[i]) ? 0 : slope[i]) - expected));
                // Kinks of ReLU and of the spline lie between the two points now and then.
                if (error > 5e-3 + 1e-2 * std::fabs(expected)) ++rough;
            }
        }
        EXPECT_LE(rough, samples * std::min<std::size_t>(width, 9) / 12) << (is_theta ? "theta" : "x");
    };
    check(theta, theta_gradient, D, true);
    check(x, x_gradient, C, false);
}

template <class Network>
void check_same_bits(const Network& network) {
    const auto [theta, x] = data_for(network.specification());
    const TrainingData data = network.prepare(theta, x);
    const auto rows = counting(samples);
    std::vector<std::uint32_t> candidates = rows;
    for (std::uint32_t i = 0; i < samples; ++i) candidates.push_back(static_cast<std::uint32_t>((i + 5) % samples));
    const Minibatch batch{.x = rows, .theta = candidates};
    std::vector<std::vector<float>> parameters;
    std::vector<std::vector<double>> values;
    for (const InstructionSet set : instruction_sets()) {
        Network copy = network;
        disturb(copy);
        Workspace workspace(set);
        Adam adam(copy.parameters().size(), {}, set);
        std::vector<float> gradient(copy.parameters().size(), 0.0F);
        for (int step = 0; step < 3; ++step) {
            copy.accumulate(data, batch, contrastive_loss(batch), gradient, workspace);
            adam.step(copy.parameters(), gradient);
        }
        parameters.emplace_back(copy.parameters().begin(), copy.parameters().end());
        std::vector<double> result(samples);
        std::vector<double> theta_gradient(theta.size());
        evaluate(copy, theta, x, result, theta_gradient, {}, workspace);
        result.insert(result.end(), theta_gradient.begin(), theta_gradient.end());
        values.push_back(result);
    }
    for (std::size_t i = 1; i < parameters.size(); ++i) {
        EXPECT_EQ(parameters[i], parameters[0]) << "instruction set " << i;
        EXPECT_EQ(values[i], values[0]) << "instruction set " << i;
    }
}

class Densities : public testing::TestWithParam<DensityCase> {};
class Ratios : public testing::TestWithParam<RatioCase> {};

TEST_P(Densities, GradientOfTheLikelihoodLossIsItsSlope) {
    check_parameter_gradient(ConditionalDensity(GetParam().what, 6), false);
}
TEST_P(Densities, GradientOfTheAtomicLossIsItsSlope) {
    check_parameter_gradient(ConditionalDensity(GetParam().what, 2), true);
}
TEST_P(Densities, GradientsByThetaAndXAreSlopes) {
    check_input_gradients(ConditionalDensity(GetParam().what, 3));
}
TEST_P(Densities, AllInstructionSetsGiveTheSameBits) {
    check_same_bits(ConditionalDensity(GetParam().what, 4));
}
TEST_P(Ratios, GradientOfTheLossIsItsSlope) {
    check_parameter_gradient(RatioEstimator(GetParam().what, 1), true);
}
TEST_P(Ratios, GradientsByThetaAndXAreSlopes) {
    check_input_gradients(RatioEstimator(GetParam().what, 3));
}
TEST_P(Ratios, AllInstructionSetsGiveTheSameBits) {
    check_same_bits(RatioEstimator(GetParam().what, 4));
}

// The likelihood written as a function of whole mixtures has the loss and gradient of the likelihood of pairs.
TEST(Mixtures, LossesOfWholeMixturesHaveTheirGradient) {
    for (const DensityCase& one : density_cases()) {
        if (one.what.kind != DensityKind::mdn) continue;
        ConditionalDensity q(one.what, 6);
        disturb(q);
        const std::size_t D = one.what.theta_dimensions;
        const auto [theta, x] = data_for(one.what);
        const TrainingData data = q.prepare(theta, x);
        const auto rows = counting(samples);
        const Minibatch batch{.x = rows, .theta = rows};
        Workspace workspace;
        std::vector<float> expected(q.parameters().size(), 0.0F);
        const double expected_loss = q.accumulate(data, batch, likelihood_loss(batch), expected, workspace);
        const MixtureLoss loss = [&](std::size_t row, const GaussianMixture& mixture, std::span<const float> z,
                                     GaussianMixture& derivatives) {
            const auto share = 1.0 / static_cast<double>(samples);
            std::vector<double> terms;
            std::vector<std::vector<double>> offsets;  // A (z - mean)
            for (std::size_t k = 0; k < mixture.components; ++k) {
                const double* const a = mixture.precision_factors.data() + k * D * D;
                double value = mixture.log_weights[k] - 0.5 * std::log(2 * M_PI) * static_cast<double>(D);
                offsets.emplace_back(D, 0.0);
                for (std::size_t i = 0; i < D; ++i) {
                    for (std::size_t j = i; j < D; ++j)
                        offsets[k][i] += a[i * D + j] * (static_cast<double>(z[j]) - mixture.means[k * D + j]);
                    value += std::log(a[i * D + i]) - 0.5 * offsets[k][i] * offsets[k][i];
                }
                terms.push_back(value);
            }
            const double highest = *std::max_element(terms.begin(), terms.end());
            double sum = 0;
            for (const double term : terms) sum += std::exp(term - highest);
            for (std::size_t k = 0; k < mixture.components; ++k) {
                const double r = -share * std::exp(terms[k] - highest) / sum;
                const double* const a = mixture.precision_factors.data() + k * D * D;
                derivatives.log_weights[k] = r;
                for (std::size_t i = 0; i < D; ++i) {
                    derivatives.precision_factors[(k * D + i) * D + i] = r / a[i * D + i];
                    for (std::size_t j = i; j < D; ++j) {
                        derivatives.means[k * D + j] += r * a[i * D + j] * offsets[k][i];
                        derivatives.precision_factors[(k * D + i) * D + j] -=
                            r * offsets[k][i] * (static_cast<double>(z[j]) - mixture.means[k * D + j]);
                    }
                }
            }
            return -share * (highest + std::log(sum) + data.log_volume_change[row]);
        };
        std::vector<float> gradient(q.parameters().size(), 0.0F);
        EXPECT_NEAR(q.accumulate_mixtures(data, rows, loss, gradient, workspace), expected_loss, 1e-5) << one.name;
        for (std::size_t i = 0; i < gradient.size(); ++i)
            EXPECT_NEAR(gradient[i], expected[i], 1e-5F + 1e-4F * std::fabs(expected[i])) << one.name << " " << i;
        EXPECT_EQ(q.accumulate_mixtures(data, rows, loss, {}, workspace),
                  q.accumulate_mixtures(data, rows, loss, gradient, workspace));
    }
    const ConditionalDensity flow(density_cases()[6].what, 1);
    Workspace workspace;
    EXPECT_THROW((void)flow.accumulate_mixtures({}, {}, {}, {}, workspace), ConfigError);
}

// Shares of contrasts that are far from the data underflow. They would slow the backward pass down a hundred times.
TEST(Subnormals, AreZeroInGradientsAndStayOutside) {
#if !defined(__SSE__)
    GTEST_SKIP() << "no penalty here";
#endif
    volatile float tiny = 1e-39F;
    for (const RatioCase& one : ratio_cases()) {
        RatioEstimator r(one.what, 1);
        disturb(r);
        const auto [theta, x] = data_for(one.what);
        const TrainingData data = r.prepare(theta, x);
        const auto rows = counting(samples);
        const Minibatch batch{.x = rows, .theta = rows};
        const auto gradient_for = [&](double derivative) {
            const PairLoss loss = [=](std::size_t, std::size_t, std::span<const double> values,
                                      std::span<double> derivatives) {
                std::ranges::fill(derivatives, derivative);
                return values[0];
            };
            Workspace workspace;
            std::vector<float> gradient(r.parameters().size(), 0.0F);
            r.accumulate(data, batch, loss, gradient, workspace);
            return gradient;
        };
        const auto is_zero = [](float g) { return g == 0; };
        EXPECT_TRUE(std::ranges::all_of(gradient_for(1e-39), is_zero)) << one.name;
        EXPECT_FALSE(std::ranges::all_of(gradient_for(1e-30), is_zero)) << one.name;
        std::vector<float> subnormal(r.parameters().size(), 1e-39F);
        Adam adam(subnormal.size());
        EXPECT_EQ(adam.step(r.parameters(), subnormal), 0) << one.name;
        EXPECT_GT(tiny * 0.5F, 0.0F) << "as before the call";
    }
}

// Two rows with three candidates each; the first row's sample is marked.
TEST(ContrastiveLoss, AddsTheLikelihoodWithItsWeight) {
    const std::vector<std::uint32_t> rows{0, 1};
    const std::vector<std::uint32_t> candidates{0, 1, 2, 3, 4, 5};
    const Minibatch batch{.x = rows, .theta = candidates};
    const std::vector<std::uint8_t> marked{1, 0};
    const std::vector<double> values{-0.3, 0.4, 0.1, -1.0, 0.7, 0.2};
    std::vector<double> plain(6), weighed(6);
    const double without = contrastive_loss(batch)(0, 2, values, plain);
    const double with = contrastive_loss(batch, {}, marked, 0.1)(0, 2, values, weighed);
    EXPECT_NEAR(with, without + 0.1 * 0.3 / 2, 1e-15);
    EXPECT_NEAR(weighed[0], plain[0] - 0.1 / 2, 1e-15);
    for (std::size_t k = 1; k < 6; ++k) EXPECT_EQ(weighed[k], plain[k]);
}

INSTANTIATE_TEST_SUITE_P(All, Densities, testing::ValuesIn(density_cases()),
                         [](const auto& one) { return one.param.name; });
INSTANTIATE_TEST_SUITE_P(All, Ratios, testing::ValuesIn(ratio_cases()), [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace spikesmith::nets::tests
