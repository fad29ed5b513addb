// What makes a density: it integrates to one, samples follow it, it learns, it survives being stored.
#include <algorithm>
#include <array>

#include "nets/network_cases.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/adam.hpp"

namespace spikesmith::nets::tests {
namespace {

class Kinds : public testing::TestWithParam<DensityKind> {};

DensitySpecification small(DensityKind kind, std::size_t D) {
    DensitySpecification what{.kind = kind, .theta_dimensions = D, .x_dimensions = 2};
    what.options.hidden_features = 20;
    what.options.num_components = 4;
    return what;
}

TEST_P(Kinds, IntegratesToOneOverALine) {
    ConditionalDensity q(small(GetParam(), 1), 3);
    disturb(q);
    const std::vector<double> x = {0.3, -0.7};
    std::vector<double> theta;
    const double step = 2e-3;
    for (double v = -40; v < 40; v += step) theta.push_back(v);
    double total = 0;
    for (const double v : q.log_prob(theta, x)) total += std::exp(v) * step;
    EXPECT_NEAR(total, 1, 1e-4);
}

TEST_P(Kinds, IntegratesToOneOverABox) {
    DensitySpecification what = small(GetParam(), 2);
    what.support = {.lower = {-1, 2}, .upper = {3, 2.5}};
    what.theta_scale = {.mean = {0.2, -0.1},
                        .deviation = {0.2, 0.15}};  // away from the edges, where the grid is too coarse
    ConditionalDensity q(what, 3);
    disturb(q);
    const std::vector<double> x = {0.3, -0.7};
    const std::size_t n = 400;
    std::vector<double> theta;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            theta.push_back(-1 + 4 * (static_cast<double>(i) + 0.5) / n);
            theta.push_back(2 + 0.5 * (static_cast<double>(j) + 0.5) / n);
        }
    }
    double total = 0;
    for (const double v : q.log_prob(theta, x)) total += std::exp(v) * 4 * 0.5 / (n * n);
    EXPECT_NEAR(total, 1, 5e-3);
    const std::vector<double> outside = {-1.001, 2.2, 0, 2.6};
    for (const double v : q.log_prob(outside, x)) EXPECT_EQ(v, -std::numeric_limits<double>::infinity());
}

// Counts of samples in cells against the density's integral over them.
TEST_P(Kinds, SamplesFollowTheDensity) {
    DensitySpecification what = small(GetParam(), 2);
    what.support = {.lower = {-2, -2}, .upper = {2, 2}};
    what.theta_scale = {.mean = {0, 0}, .deviation = {0.15, 0.15}};
    ConditionalDensity q(what, 8);
    disturb(q);
    const ObservedDensity at = q.at(std::vector<double>{0.5, 1.0});
    const std::size_t n = 20000;
    const auto samples = at.sample(n, 11);
    constexpr std::size_t cells = 5;
    constexpr std::size_t fine = 40;
    std::array<double, cells * cells> expected{};
    std::array<double, cells * cells> counted{};
    for (std::size_t i = 0; i < n; ++i) {
        const auto cell = [&](double v) {
            return std::min<std::size_t>(cells - 1, static_cast<std::size_t>((v + 2) / 4 * cells));
        };
        ASSERT_GE(samples[2 * i], -2);
        ASSERT_LE(samples[2 * i + 1], 2);
        counted[cell(samples[2 * i]) * cells + cell(samples[2 * i + 1])] += 1;
    }
    std::vector<double> theta;
    for (std::size_t i = 0; i < cells * fine; ++i) {
        for (std::size_t j = 0; j < cells * fine; ++j) {
            theta.push_back(-2 + 4 * (static_cast<double>(i) + 0.5) / (cells * fine));
            theta.push_back(-2 + 4 * (static_cast<double>(j) + 0.5) / (cells * fine));
        }
    }
    std::vector<double> values(theta.size() / 2);
    Workspace workspace;
    at.log_prob(theta, values, workspace);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t row = i / (cells * fine) / fine;
        const std::size_t column = i % (cells * fine) / fine;
        expected[row * cells + column] += std::exp(values[i]) * 16 / static_cast<double>(values.size()) * n;
    }
    double chi_square = 0;
    for (std::size_t c = 0; c < expected.size(); ++c) {
        if (expected[c] > 5) chi_square += (counted[c] - expected[c]) * (counted[c] - expected[c]) / expected[c];
    }
    EXPECT_LT(chi_square, 60);  // 24 degrees of freedom: exceeded with probability 6e-5
}

// Samples are keyed by their number: any split gives the same; the same for every instruction set.
TEST_P(Kinds, SamplesDoNotDependOnCallsOrInstructions) {
    ConditionalDensity q(small(GetParam(), 3), 8);
    disturb(q);
    const ObservedDensity at = q.at(std::vector<double>{0.5, 1.0});
    const auto whole = at.sample(700, 4);
    const auto tail = at.sample(13, 4, 600);
    EXPECT_TRUE(std::equal(tail.begin(), tail.end(), whole.begin() + 600 * 3));
    for (const InstructionSet set : instruction_sets()) {
        Workspace workspace(set);
        std::vector<double> again(700 * 3);
        at.sample(again, 4, 0, workspace);
        EXPECT_EQ(again, whole) << static_cast<int>(set);
    }
}

// With one transform the first dimension in order has no other way to learn of x. The same noise under another x must move every dimension.
TEST_P(Kinds, EveryDimensionDependsOnX) {
    if (GetParam() == DensityKind::nsf) GTEST_SKIP() << "a coupling step leaves half of the dimensions to the next";
    DensitySpecification what = small(GetParam(), 3);
    what.options.num_transforms = 1;
    ConditionalDensity q(what, 8);
    disturb(q);
    const auto one = q.at(std::vector<double>{0.5, 1.0}).sample(20, 4);
    const auto other = q.at(std::vector<double>{-0.5, 0.3}).sample(20, 4);
    for (std::size_t i = 0; i < one.size(); ++i) EXPECT_GT(std::fabs(one[i] - other[i]), 1e-4) << i;
}

// The first dimension of an affine autoregressive step is normal. Two steps in the same order would leave it so; here neither dimension is,
// whatever the seed: the third derivative of the logarithm of its density does not vanish.
TEST(Maf, TwoStepsSeeTwoDimensionsInBothOrders) {
    DensitySpecification what = small(DensityKind::maf, 2);
    what.options.num_transforms = 2;
    constexpr double reach = 12;
    constexpr std::size_t n = 1200;
    const std::vector<double> x = {0.3, -0.7};
    for (std::uint64_t seed = 1; seed <= 8; ++seed) {
        ConditionalDensity q(what, seed);
        disturb(q);
        for (float& parameter : q.parameters()) parameter *= 2;
        for (const std::size_t kept : {0U, 1U}) {
            const std::vector<double> at = {-2.5, -1.5, -0.5, 0.5, 1.5, 2.5};
            std::vector<double> theta;
            for (const double value : at) {
                for (std::size_t k = 0; k < n; ++k) {
                    const double other = reach * (2 * (static_cast<double>(k) + 0.5) / n - 1);
                    theta.push_back(kept == 0 ? value : other);
                    theta.push_back(kept == 0 ? other : value);
                }
            }
            const std::vector<double> logs = q.log_prob(theta, x);
            std::vector<double> marginal(at.size());
            for (std::size_t i = 0; i < logs.size(); ++i) marginal[i / n] += std::exp(logs[i]);
            double largest = 0;
            for (std::size_t k = 3; k < at.size(); ++k) {
                const double third =
                    std::log(marginal[k] / marginal[k - 3]) - 3 * std::log(marginal[k - 1] / marginal[k - 2]);
                largest = std::max(largest, std::fabs(third));
            }
            EXPECT_GT(largest, 1e-4) << "seed " << seed << ", dimension " << kept;
        }
    }
}

TEST_P(Kinds, OneObservationGivesTheSameBitsAsMany) {
    ConditionalDensity q(small(GetParam(), 3), 8);
    disturb(q);
    const std::vector<double> x = {0.5, 1.0};
    const auto theta = normals(3 * 301, 3);
    const auto expected = q.log_prob(theta, x);
    Workspace workspace;
    std::vector<double> values(301);
    std::vector<double> gradient(theta.size());
    std::vector<double> other_gradient(theta.size());
    q.at(x).log_prob_gradient(theta, values, gradient, workspace);
    EXPECT_EQ(values, expected);
    q.log_prob_gradient(theta, x, values, other_gradient, {}, workspace);
    EXPECT_EQ(gradient, other_gradient);
    std::vector<double> one(1);
    q.at(x).log_prob(std::span<const double>(theta).subspan(3 * 290, 3), one, workspace);
    EXPECT_EQ(one[0], expected[290]);
}

TEST_P(Kinds, StoredAndReadGivesTheSameBits) {
    DensitySpecification what = small(GetParam(), 3);
    what.support = {.lower = {-9, -9, -9}, .upper = {9, 9, 9}};
    what.x_scale = {.mean = {1, 2}, .deviation = {3, 4}};
    ConditionalDensity q(what, 8);
    disturb(q);
    auto block = q.save();
    const ConditionalDensity again = ConditionalDensity::load(block);
    const std::vector<double> x = {0.5, 1.0};
    EXPECT_EQ(again.at(x).sample(50, 1), q.at(x).sample(50, 1));
    const auto theta = normals(30, 3);
    EXPECT_EQ(again.log_prob(theta, x), q.log_prob(theta, x));
    EXPECT_EQ(again.save(), block);
    block[block.size() / 2] ^= std::byte{4};
    EXPECT_THROW((void)ConditionalDensity::load(block), DataError);
    for (std::size_t cut = 0; cut < block.size(); cut += 37) {
        EXPECT_THROW((void)ConditionalDensity::load(std::span(block).first(cut)), DataError);
    }
}

// theta = (x0, x0 / 2 + x1) + correlated Gaussian noise: the loss reaches the entropy of the noise.
TEST_P(Kinds, LearnsALinearGaussianDownToItsEntropy) {
    const std::size_t n = 4000;
    const auto x = normals(2 * n, 21);
    const auto noise = normals(2 * n, 22);
    std::vector<double> theta(2 * n);
    for (std::size_t i = 0; i < n; ++i) {
        theta[2 * i] = x[2 * i] + 0.5 * noise[2 * i];
        theta[2 * i + 1] = 0.5 * x[2 * i] + x[2 * i + 1] + 0.4 * noise[2 * i] + 0.3 * noise[2 * i + 1];
    }
    DensitySpecification what = small(GetParam(), 2);
    what.options.num_transforms = 3;
    what.options.num_blocks = 2;
    what.theta_scale = measure(theta, 2);
    what.x_scale = measure(x, 2);
    ConditionalDensity q(what, 5);
    const std::size_t train = 3000;
    const TrainingData data = q.prepare(theta, x);
    Adam adam(q.parameters().size(), {.learning_rate = 2e-3});
    std::vector<float> gradient(q.parameters().size(), 0.0F);
    Workspace workspace;
    std::vector<std::uint32_t> order = counting(train);
    for (std::uint64_t epoch = 0; epoch < 50; ++epoch) {
        if (epoch == 35) adam.set_learning_rate(3e-4);
        math::RandomStream random(6, epoch);
        for (std::size_t i = train; i > 1; --i) std::swap(order[i - 1], order[random.next_index(i)]);
        for (std::size_t first = 0; first + 100 <= train; first += 100) {
            const std::span<const std::uint32_t> rows(order.data() + first, 100);
            const Minibatch batch{.x = rows, .theta = rows};
            q.accumulate(data, batch, likelihood_loss(batch), gradient, workspace);
            adam.step(q.parameters(), gradient);
        }
    }
    double loss = 0;
    double truth = 0;
    const auto values = q.log_prob(theta, x);
    for (std::size_t i = train; i < n; ++i) {
        loss -= values[i] / static_cast<double>(n - train);
        const double squares = noise[2 * i] * noise[2 * i] + noise[2 * i + 1] * noise[2 * i + 1];
        truth +=
            (std::log(2 * 3.14159265358979) + std::log(0.5 * 0.3) + 0.5 * squares) / static_cast<double>(n - train);
    }
    EXPECT_LT(loss, truth + 0.08);
    EXPECT_GT(loss, truth - 0.02);
}

INSTANTIATE_TEST_SUITE_P(All, Kinds,
                         testing::Values(DensityKind::mdn, DensityKind::made, DensityKind::maf, DensityKind::nsf),
                         [](const auto& one) { return name_of(one.param); });

TEST(Mdn, MixtureIsTheDensity) {
    ConditionalDensity q(small(DensityKind::mdn, 3), 8);
    disturb(q);
    const std::vector<double> x = {0.5, 1.0};
    const GaussianMixture mixture = q.mixture(x);
    const std::vector<double> theta = {0.3, -0.4, 1.1};
    double density = 0;
    double weights = 0;
    for (std::size_t k = 0; k < mixture.components; ++k) {
        double log_density = mixture.log_weights[k] - 3 * 0.91893853320467274178;
        for (std::size_t i = 0; i < 3; ++i) {
            double y = 0;
            for (std::size_t j = 0; j < 3; ++j)
                y += mixture.precision_factors[(k * 3 + i) * 3 + j] * (theta[j] - mixture.means[k * 3 + j]);
            log_density += std::log(mixture.precision_factors[(k * 3 + i) * 3 + i]) - 0.5 * y * y;
        }
        density += std::exp(log_density);
        weights += std::exp(mixture.log_weights[k]);
    }
    EXPECT_NEAR(weights, 1, 1e-6);
    EXPECT_NEAR(q.log_prob(theta, x)[0], std::log(density), 1e-5);
    EXPECT_THROW((void)ConditionalDensity(small(DensityKind::maf, 3), 1).mixture(x), ConfigError);
}

// For any density f inside the support of q, the mean of f / q over samples of q is 1: in many dimensions, where cells
// are no use.
TEST_P(Kinds, SamplesAndDensityBelongTogetherInSixDimensions) {
    DensitySpecification what = small(GetParam(), 6);
    what.options.hidden_features = 50;
    ConditionalDensity q(what, 8);
    disturb(q, 0.03);
    const ObservedDensity at = q.at(std::vector<double>{0.5, 1.0});
    const std::size_t n = 40000;
    const auto samples = at.sample(n, 3);
    std::vector<double> values(n);
    Workspace workspace;
    at.log_prob(samples, values, workspace);
    const Standardization spread = measure(samples, 6);
    double ratio = 0;
    for (std::size_t i = 0; i < n; ++i) {
        double log_f = 0;  // an independent Gaussian, narrower than the samples
        for (std::size_t d = 0; d < 6; ++d) {
            const double deviation = 0.6 * spread.deviation[d];
            const double v = (samples[i * 6 + d] - spread.mean[d]) / deviation;
            log_f += -0.5 * v * v - 0.91893853320467274178 - std::log(deviation);
        }
        ratio += std::exp(log_f - values[i]) / static_cast<double>(n);
    }
    EXPECT_NEAR(ratio, 1, 0.06);
}

TEST(Density, SaysWhatIsWrong) {
    const DensitySpecification good = small(DensityKind::maf, 2);
    const ConditionalDensity q(good, 1);
    const std::vector<double> theta = {0, 0};
    const double nan = std::numeric_limits<double>::quiet_NaN();
    EXPECT_THROW((void)q.log_prob(theta, std::vector<double>{0, nan}), DataError);
    EXPECT_THROW((void)q.log_prob(std::vector<double>{nan, 0}, std::vector<double>{0, 0}), DataError);
    EXPECT_THROW((void)q.log_prob(theta, std::vector<double>{0, 0, 0}), DataError);
    EXPECT_THROW((void)q.at(std::vector<double>{0}), DataError);
    EXPECT_THROW((void)q.prepare(theta, std::vector<double>{0}), DataError);
    EXPECT_THROW((void)density_kind("mfa"), ConfigError);
    DensitySpecification bad = good;
    bad.options.hidden_features = 0;
    EXPECT_THROW(ConditionalDensity(bad, 1), ConfigError);
    bad = good;
    bad.support = {.lower = {1, 1}, .upper = {0, 2}};
    EXPECT_THROW(ConditionalDensity(bad, 1), ConfigError);
    bad = good;
    bad.embedding.kind = EmbeddingKind::yulenet;
    EXPECT_THROW(ConditionalDensity(bad, 1), ConfigError);
    bad = good;
    bad.x_scale = {.mean = {0, 0}, .deviation = {1, 0}};
    EXPECT_THROW(ConditionalDensity(bad, 1), ConfigError);
    DensitySpecification box = good;
    box.support = {.lower = {0, 0}, .upper = {1, 1}};
    EXPECT_THROW((void)ConditionalDensity(box, 1).prepare(std::vector<double>{2, 0}, std::vector<double>{0, 0}),
                 DataError);
}

TEST(Density, MissingValuesAreAFlagNotANumber) {
    DensitySpecification what = small(DensityKind::maf, 2);
    what.mask_missing = true;
    ConditionalDensity q(what, 1);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<double> theta = {0.2, 0.1};
    const double missing = q.log_prob(theta, std::vector<double>{0.4, nan})[0];
    const double zero = q.log_prob(theta, std::vector<double>{0.4, 0.0})[0];
    EXPECT_TRUE(std::isfinite(missing));
    EXPECT_NE(missing, zero);
    EXPECT_THROW((void)q.log_prob(theta, std::vector<double>{0.4, std::numeric_limits<double>::infinity()}), DataError);
}

TEST(Standardization, LeavesOutWhatIsMissingAndNamesConstants) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<double> rows = {1, 5, 2, 5, nan, 5, 6, 5};
    const Standardization s = measure(rows, 2);
    EXPECT_DOUBLE_EQ(s.mean[0], 3);
    EXPECT_NEAR(s.deviation[0], std::sqrt(7.0), 1e-12);
    EXPECT_EQ(s.constant, std::vector<std::size_t>{1});
    EXPECT_EQ(s.deviation[1], 1);
    const Standardization structured = measure(std::vector<double>{0, 2, 4, 10}, 2, ZScore::structured);
    EXPECT_DOUBLE_EQ(structured.mean[0], 4);
    EXPECT_NEAR(structured.deviation[1], (std::sqrt(2.0) + std::sqrt(18.0)) / 2, 1e-12);
}

}  // namespace
}  // namespace spikesmith::nets::tests
