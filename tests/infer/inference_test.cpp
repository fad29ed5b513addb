// Every method against posteriors in closed form; files, checkpoints, missing features, calibration.
#include "spikesmith/infer/inference.hpp"

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tbb/global_control.h>
#include <unistd.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/calibration.hpp"
#include "spikesmith/infer/committee.hpp"
#include "spikesmith/infer/losses.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/infer/sequential_inference.hpp"
#include "spikesmith/infer/training_checkpoint.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// theta ~ N(0, 1) in two dimensions, x = theta + noise of deviation 0.5: the posterior is N(0.8 x, 0.2).
Prior normal_2d() {
    return Prior({normal_prior("a", {0, {}}, {1, {}}), normal_prior("b", {0, {}}, {1, {}})});
}

Array2 noisy(const Array2& theta, std::uint64_t first) {
    Array2 x = theta;
    math::RandomStream random(77, 1);
    random.set_position(first * theta.columns);
    for (double& value : x.values) value += 0.5 * random.next_normal();
    return x;
}

struct Moments {
    std::vector<double> mean, deviation;
};

Moments moments(const Array2& samples) {
    Moments m{std::vector<double>(samples.columns), std::vector<double>(samples.columns)};
    const auto n = static_cast<double>(samples.rows);
    for (std::size_t d = 0; d < samples.columns; ++d) {
        for (std::size_t i = 0; i < samples.rows; ++i) m.mean[d] += samples(i, d) / n;
        for (std::size_t i = 0; i < samples.rows; ++i) m.deviation[d] += std::pow(samples(i, d) - m.mean[d], 2) / n;
        m.deviation[d] = std::sqrt(m.deviation[d]);
    }
    return m;
}

TrainingOptions quick() {
    return {.learning_rate = 2e-3, .stop_after_epochs = 8, .max_num_epochs = 60, .seed = 3};
}

InferenceOptions with(InferenceMethod method, nets::DensityKind kind = nets::DensityKind::maf) {
    return {.method = method,
            .density_estimators = {kind},
            .density = {.hidden_features = 24, .num_transforms = 2, .num_bins = 5},
            .classifiers = {nets::ClassifierKind::mlp},
            .num_atoms = 5};
}

Inference trained(const InferenceOptions& options, std::size_t n = 3000) {
    const Prior prior = normal_2d();
    Inference inference(prior, options);
    const Array2 theta = prior.sample(n, 1);
    inference.append({theta, noisy(theta, 0), {}}, SimulatedFrom::prior);
    inference.train(quick());
    return inference;
}

const std::vector<double> observation{1.0, -0.5};

void expect_the_posterior(const Posterior& posterior, double tolerance) {
    const Moments m = moments(posterior.sample(3000, 5));
    EXPECT_NEAR(m.mean[0], 0.8, tolerance);
    EXPECT_NEAR(m.mean[1], -0.4, tolerance);
    EXPECT_NEAR(m.deviation[0], std::sqrt(0.2), tolerance);
    EXPECT_NEAR(m.deviation[1], std::sqrt(0.2), tolerance);
}

struct Method {
    InferenceMethod method;
    nets::DensityKind density = nets::DensityKind::maf;
};

class Methods : public testing::TestWithParam<Method> {};

TEST_P(Methods, FindTheClosedForm) {
    const Inference inference = trained(with(GetParam().method, GetParam().density));
    const Posterior posterior(inference.prior(), inference.estimator(), observation);
    expect_the_posterior(posterior, 0.17);
    const Modes modes = posterior.map({.num_starts = 10});
    EXPECT_NEAR(modes.modes.front().theta[0], 0.8, 0.25);
    EXPECT_NEAR(modes.modes.front().theta[1], -0.4, 0.25);
    // the density falls as it should: one deviation away by a half
    Array2 points(2, 2);
    points.values = {0.8, -0.4, 0.8 + std::sqrt(0.2), -0.4};
    const std::vector<double> log_p = posterior.log_prob(points);
    EXPECT_NEAR(log_p[0] - log_p[1], 0.5, 0.35);
}

INSTANTIATE_TEST_SUITE_P(
    All, Methods,
    testing::Values(Method{InferenceMethod::snpe}, Method{InferenceMethod::snpe, nets::DensityKind::nsf},
                    Method{InferenceMethod::snle}, Method{InferenceMethod::snle, nets::DensityKind::nsf},
                    Method{InferenceMethod::snre_a}, Method{InferenceMethod::snre_b}, Method{InferenceMethod::snre_c}),
    [](const auto& tested) { return name_of(tested.param.method) + "_" + nets::name_of(tested.param.density); });

TEST(Posterior, IsNormalisedAndNeverLeaks) {
    // a box whose edge cuts the posterior: x at the corner
    const Prior prior({uniform_prior("a", {-1, {}}, {1, {}}), uniform_prior("b", {-1, {}}, {1, {}})});
    for (const nets::DensityKind kind : {nets::DensityKind::maf, nets::DensityKind::made}) {
        Inference inference(prior, with(InferenceMethod::snpe, kind));
        const Array2 theta = prior.sample(3000, 1);
        inference.append({theta, noisy(theta, 0), {}}, SimulatedFrom::prior);
        inference.train(quick());
        const Posterior posterior(prior, inference.estimator(), std::vector<double>{1.2, 0.0});
        const Array2 samples = posterior.sample(5000, 2);
        for (std::size_t i = 0; i < samples.rows; ++i) ASSERT_TRUE(prior.contains(samples.row(i)));
        const int n = 100;
        Array2 grid(static_cast<std::size_t>(n) * n, 2);
        for (int i = 0; i < n; ++i) {
            for (int j = 0; j < n; ++j) {
                grid(static_cast<std::size_t>(i * n + j), 0) = -1 + 2 * (i + 0.5) / n;
                grid(static_cast<std::size_t>(i * n + j), 1) = -1 + 2 * (j + 0.5) / n;
            }
        }
        double sum = 0;
        for (const double log_p : posterior.log_prob(grid)) sum += std::exp(log_p) * 4 / (n * n);
        EXPECT_NEAR(sum, 1, 0.02);
        Array2 outside(1, 2);
        outside.values = {1.5, 0};
        EXPECT_EQ(posterior.log_prob(outside)[0], -std::numeric_limits<double>::infinity());
    }
}

// theta uniform in a box, x = theta + noise: the posterior is that noise, cut at the box. A MADE can be just that.
TEST(Posterior, OfAMadeEndsAtBoundsAsItShould) {
    const Prior prior(
        {uniform_prior("a", {-1, {}}, {1, {}}), log_uniform_prior("b", {std::exp(-1), {}}, {std::exp(1), {}})});
    const auto simulate = [&](const Array2& theta) {
        Array2 logarithms = theta;
        for (std::size_t i = 0; i < theta.rows; ++i) logarithms(i, 1) = std::log(theta(i, 1));
        return noisy(logarithms, 0);
    };
    Inference inference(prior, {.density_estimators = {nets::DensityKind::made}});
    const Array2 theta = prior.sample(10000, 1);
    inference.append({theta, simulate(theta), {}}, SimulatedFrom::prior);
    inference.train({.seed = 3});
    const std::vector<double> x{0.95, -1.3};
    const Posterior posterior(prior, inference.estimator(), x);
    const Array2 samples = posterior.sample(5000, 2);
    const auto below = [](double value) { return 0.5 * std::erfc(-value / (0.5 * std::sqrt(2.0))); };
    for (std::size_t d = 0; d < 2; ++d) {
        std::vector<double> values;
        for (std::size_t i = 0; i < samples.rows; ++i)
            values.push_back(d == 0 ? samples(i, d) : std::log(samples(i, d)));
        std::ranges::sort(values);
        EXPECT_GE(values.front(), -1);
        EXPECT_LE(values.back(), 1);
        double worst = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            const double truth = (below(values[i] - x[d]) - below(-1 - x[d])) / (below(1 - x[d]) - below(-1 - x[d]));
            worst = std::max(worst, std::fabs(truth - static_cast<double>(i) / static_cast<double>(values.size())));
        }
        EXPECT_LT(worst, 0.05) << d;  // of the distribution functions
    }
}

TEST(Posterior, SavedAndLoadedGivesTheSameBits) {
    for (const InferenceMethod method : {InferenceMethod::snpe, InferenceMethod::snle, InferenceMethod::snre_b}) {
        const Inference inference = trained(with(method), 300);
        const Posterior posterior(inference.prior(), inference.estimator(), observation);
        const std::filesystem::path file = std::filesystem::temp_directory_path() /
                                           ("posterior_saved_and_loaded_" + std::to_string(getpid()) + ".spk");
        posterior.save(file);
        const Posterior again = Posterior::load(file);
        std::filesystem::remove(file);
        EXPECT_EQ(posterior.sample(200, 9).values, again.sample(200, 9).values);
        EXPECT_EQ(posterior.log_prob(posterior.sample(20, 1)), again.log_prob(posterior.sample(20, 1)));
        EXPECT_EQ(again.prior().names(), posterior.prior().names());
        EXPECT_EQ(again.to_bytes(), posterior.to_bytes());
    }
}

TEST(Posterior, DamagedFilesAreRefused) {
    const Inference inference = trained(with(InferenceMethod::snpe), 200);
    const std::string bytes = Posterior(inference.prior(), inference.estimator(), observation).to_bytes();
    EXPECT_THROW((void)Posterior::from_bytes("nonsense", "file"), DataError);
    for (const std::size_t length : {std::size_t{8}, std::size_t{20}, bytes.size() / 2, bytes.size() - 1})
        EXPECT_THROW((void)Posterior::from_bytes(std::string_view(bytes).substr(0, length), "file"), DataError);
    for (std::size_t place = 0; place < bytes.size(); place += bytes.size() / 37) {
        std::string damaged = bytes;
        damaged[place] = static_cast<char>(damaged[place] ^ 0x40);
        EXPECT_THROW((void)Posterior::from_bytes(damaged, "file"), DataError) << place;
    }
}

class Committees : public testing::TestWithParam<InferenceMethod> {};

TEST_P(Committees, PoolTheirMembers) {
    InferenceOptions options = with(GetParam());
    options.ensemble = 3;
    auto estimator = std::make_shared<Estimator>(*trained(options, 300).estimator());
    const std::vector<double> weights{0.5, 0.2, 0.3};
    for (std::size_t k = 0; k < 3; ++k) estimator->members[k].weight = weights[k];
    Array2 x(1, 2);
    x.values = observation;
    Array2 u(2, 2);
    u.values = {0.7, -0.3, -0.4, 1.1};
    const auto density = [&](const Estimator& e, Array2* gradients) {
        std::vector<double> values(2);
        ConditionedEstimator(std::make_shared<const Estimator>(e), x).log_density(u, values, gradients);
        return values;
    };
    std::vector<double> expected(2, 0.0);
    for (std::size_t k = 0; k < 3; ++k) {
        Estimator alone = *estimator;
        alone.members = {estimator->members[k]};
        alone.members[0].weight = 1;
        const std::vector<double> values = density(alone, nullptr);
        const bool linear = GetParam() == InferenceMethod::snpe;
        for (std::size_t i = 0; i < 2; ++i) expected[i] += weights[k] * (linear ? std::exp(values[i]) : values[i]);
    }
    Array2 gradients(2, 2);
    const std::vector<double> pooled = density(*estimator, &gradients);
    for (std::size_t i = 0; i < 2; ++i)
        EXPECT_NEAR(pooled[i], GetParam() == InferenceMethod::snpe ? std::log(expected[i]) : expected[i], 1e-9);
    for (std::size_t d = 0; d < 2; ++d) {
        const double step = 0.002;  // rectifiers have kinks
        const Array2 at = u;
        u(0, d) = at(0, d) + step;
        const double above = density(*estimator, nullptr)[0];
        u(0, d) = at(0, d) - step;
        const double below = density(*estimator, nullptr)[0];
        u = at;
        EXPECT_NEAR(gradients(0, d), (above - below) / (2 * step), 0.02) << d;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Committees,
                         testing::Values(InferenceMethod::snpe, InferenceMethod::snle, InferenceMethod::snre_b),
                         [](const auto& tested) { return name_of(tested.param); });

TEST(Inference, SameBitsForAnyNumberOfThreads) {
    const auto draw = [](std::size_t threads) {
        const tbb::global_control control(tbb::global_control::max_allowed_parallelism, threads);
        InferenceOptions options = with(InferenceMethod::snpe);
        options.ensemble = 3;
        const Inference inference = trained(options, 300);
        return Posterior(inference.prior(), inference.estimator(), observation).sample(300, 4).values;
    };
    EXPECT_EQ(draw(1), draw(4));
}

TEST(Inference, ContinuesAnInterruptedTrainingBitForBit) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("training_checkpoint_" + std::to_string(getpid()));
    const Prior prior = normal_2d();
    const Array2 theta = prior.sample(300, 1);
    const auto begin = [&] {
        Inference inference(prior, with(InferenceMethod::snpe));
        inference.append({theta, noisy(theta, 0), {}}, SimulatedFrom::prior);
        return inference;
    };
    Inference whole = begin();
    const TrainingReport report = whole.train(quick());

    const auto stop_and_continue = [&](std::uint64_t last, double flush_seconds) {
        std::atomic<bool> cancelled = false;
        Inference first = begin();
        EXPECT_THROW(
            first.train(quick(), {.progress = [&](std::size_t, std::size_t,
                                                  const TrainingState& state) { cancelled = state.epoch == last; },
                                  .checkpoint = folder,
                                  .flush_seconds = flush_seconds,
                                  .cancelled = &cancelled}),
            Interrupted);
        Inference second = begin();
        std::uint64_t first_epoch = 0;
        second.train(quick(), {.progress =
                                   [&](std::size_t, std::size_t, const TrainingState& state) {
                                       if (first_epoch == 0) first_epoch = state.epoch;
                                   },
                               .checkpoint = folder,
                               .flush_seconds = flush_seconds});
        EXPECT_EQ(first_epoch, last + 1);
        EXPECT_EQ(Posterior(prior, whole.estimator(), observation).to_bytes(),
                  Posterior(prior, second.estimator(), observation).to_bytes());
        std::filesystem::remove_all(folder);
    };
    stop_and_continue(5, 0);
    stop_and_continue(5, 1e9);  // nothing is flushed to the disk, but a killed process loses no more than its epoch
    const auto& losses = report.networks.front().validation_losses;
    ASSERT_GT(losses.size(), 20U);
    stop_and_continue(losses.size() - 3, 1e9);  // while the learning rate falls
}

// Networks go on from the round before: what validated then must not be learned from now.
TEST(Inference, ValidatesWithTheSameSimulationsInAllRounds) {
    const Prior prior({uniform_prior("a", {-2, {}}, {2, {}}), uniform_prior("b", {-2, {}}, {2, {}})});
    Inference inference(prior, with(InferenceMethod::snpe));
    std::vector<std::size_t> before;
    for (std::uint64_t round = 0; round < 3; ++round) {
        const Array2 theta = prior.sample(100, round);
        inference.append({theta, theta, {}}, round == 0 ? SimulatedFrom::prior : SimulatedFrom::proposal);
        const std::vector<std::size_t> now = inference.train({.max_num_epochs = 1, .seed = round}).validation;
        EXPECT_EQ(now.size(), 10 * (round + 1));
        EXPECT_TRUE(std::ranges::includes(now, before));
        before = now;
    }
    inference.set_region([](const Array2& u) {
        std::vector<std::uint8_t> inside;
        for (std::size_t i = 0; i < u.rows; ++i) inside.push_back(u(i, 0) > 0 ? 1 : 0);
        return inside;
    });
    const std::vector<std::size_t> within = inference.train({.max_num_epochs = 1}).validation;
    EXPECT_TRUE(std::ranges::includes(before, within));
    EXPECT_LT(within.size(), before.size());
    inference.set_region({});
    EXPECT_EQ(inference.train({.validation_fraction = 0.5, .max_num_epochs = 1}).validation.size(), 150U);
}

TEST(Inference, TakesTheLaterOfTwoCheckpointsThatAreWhole) {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("later_checkpoint_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder);
    const std::filesystem::path file = folder / "network_1.state";
    TrainingState state;
    state.epoch = 3;
    write_checkpoint(file, 7, state, true);
    state.epoch = 4;
    write_checkpoint(file, 7, state, false);
    EXPECT_EQ(read_checkpoint(file, 7).epoch, 4U);
    EXPECT_EQ(read_checkpoint(file, 8).epoch, 0U);  // of another problem
    const std::string bytes = read_file(folder / "network_1.state.epoch");
    write_file_atomically(folder / "network_1.state.epoch", bytes.substr(0, bytes.size() / 2));
    EXPECT_EQ(read_checkpoint(file, 7).epoch, 3U);
    std::filesystem::remove_all(folder);
}

// No other weights of two members are better, of densities and of ratios.
TEST(CommitteeWeights, AreTheBest) {
    math::RandomStream random(8, 1);
    Judgement judgement{.truth = {{}, {}}, .all = {}};
    for (std::size_t i = 0; i < 500; ++i) {
        for (std::size_t k = 0; k < 2; ++k)
            judgement.truth[k].push_back(k == 0 ? random.next_normal() : 2 * random.next_normal() - 1);
    }
    const auto gain = [&](double first) {
        double sum = std::log(first) + std::log(1 - first);  // the pseudo-observations
        for (std::size_t i = 0; i < 500; ++i)
            sum += std::log(first * std::exp(judgement.truth[0][i]) + (1 - first) * std::exp(judgement.truth[1][i]));
        return sum;
    };
    const std::vector<double> weights = committee_weights(judgement);
    EXPECT_NEAR(weights[0] + weights[1], 1, 1e-12);
    double best = -1e300;
    for (double first = 0.002; first < 1; first += 0.002) best = std::max(best, gain(first));
    EXPECT_GT(gain(weights[0]), best - 1e-3);
    EXPECT_GT(gain(weights[0]), gain(0.5) + 1);

    // Who has a tenth of the mass at the candidates counts for nothing, though ratios do not show it.
    Judgement ratios = judgement;
    ratios.all = {std::vector<double>(500, 0.0), std::vector<double>(500, 0.0)};
    EXPECT_NEAR(committee_weights(ratios)[0], weights[0], 1e-12);
    for (std::size_t i = 0; i < 500; ++i) {
        ratios.truth[0][i] = ratios.truth[1][i] - std::log(10.0);
        ratios.all[0][i] -= std::log(10.0);
    }
    EXPECT_LT(committee_weights(ratios)[0], 0.01);
}

// Groups of ten: whoever is a contrast of one has it as a contrast too, and is nearer than a random one.
TEST(Contrasts, OfNeighboursComeFromGroups) {
    Array2 points(300, 3);
    math::RandomStream random(4, 1);
    for (double& value : points.values) value = random.next_normal();
    std::vector<std::uint32_t> samples;
    for (std::uint32_t i = 0; i < 105; ++i) samples.push_back(2 * i + 7);
    const std::size_t n = samples.size();
    std::vector<std::uint32_t> candidates;
    const auto mean_distance = [&] {
        double sum = 0;
        for (std::size_t k = n; k < candidates.size(); ++k) {
            const auto a = points.row(candidates[k]);
            const auto b = points.row(samples[k % n]);
            sum += std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]) / static_cast<double>(candidates.size() - n);
        }
        return sum;
    };
    draw_candidates(samples, 9, 1, 2, candidates);
    const double random_distance = mean_distance();
    draw_neighbours(samples, points, 9, 1, 2, candidates);
    EXPECT_LT(mean_distance(), 0.7 * random_distance);
    std::map<std::uint32_t, std::set<std::uint32_t>> group;  // with itself
    for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(candidates[i], samples[i]);
        for (std::size_t m = 0; m < 10; ++m) group[samples[i]].insert(candidates[m * n + i]);
        EXPECT_EQ(group[samples[i]].size(), 10U);
    }
    std::size_t alone = 0;
    for (const auto& [sample, others] : group) {
        const bool mutual = std::ranges::all_of(others, [&](std::uint32_t other) { return group[other] == others; });
        alone += mutual ? 0 : 1;
    }
    EXPECT_EQ(alone, 5U);  // the remainder
}

// The mean of numbers, learned from small batches: with a rate that falls the noise of the batches is averaged away.
TEST(Training, FallingRateEndsAtTheMean) {
    math::RandomStream random(5, 1);
    std::vector<double> numbers(1000);
    for (double& number : numbers) number = random.next_normal();
    const TrainingSplit split = split_samples(numbers.size(), 0.1, 3);
    double mean = 0;
    for (const std::uint32_t i : split.training) mean += numbers[i] / static_cast<double>(split.training.size());
    const auto error = [&](double final_learning_rate) {
        std::vector<float> parameter = {3.0F};
        const BatchLoss loss = [&](std::span<const std::uint32_t> samples, std::uint64_t, std::span<float> gradient) {
            double sum = 0;
            const auto n = static_cast<double>(samples.size());
            for (const std::uint32_t i : samples) {
                const double distance = double{parameter[0]} - numbers[i];
                sum += distance * distance / 2 / n;
                if (!gradient.empty()) gradient[0] += static_cast<float>(distance / n);
            }
            return sum;
        };
        const TrainingState state = train_network(parameter, loss, split,
                                                  {.training_batch_size = 20,
                                                   .learning_rate = 0.1,
                                                   .max_num_epochs = 400,
                                                   .final_learning_rate = final_learning_rate},
                                                  0, {}, {});
        EXPECT_LT(state.epoch, 400U);
        return std::fabs(double{state.parameters[0]} - mean);  // after the last epoch, whichever was best
    };
    EXPECT_LT(error(0.001), 0.005);
    EXPECT_GT(error(1), 4 * error(0.001));
}

TEST(Training, BatchesFollowTheNumberOfSimulations) {
    EXPECT_EQ(batch_size({}, 900), 50U);
    EXPECT_EQ(batch_size({}, 10'000), 100U);
    EXPECT_EQ(batch_size({}, 90'000), 200U);
    EXPECT_EQ(batch_size({.training_batch_size = 7}, 90'000), 7U);
}

TEST(Inference, CommitteesWeighTheirMembers) {
    InferenceOptions options = with(InferenceMethod::snpe);
    options.density_estimators = {nets::DensityKind::mdn, nets::DensityKind::maf, nets::DensityKind::nsf};
    const Inference inference = trained(options, 1500);
    double sum = 0;
    for (const TrainedNetwork& member : inference.estimator()->members) sum += member.weight;
    EXPECT_NEAR(sum, 1, 1e-12);
    ASSERT_EQ(inference.estimator()->members.size(), 3U);
    EXPECT_EQ(inference.estimator()->members[2].kind, "nsf");
    expect_the_posterior({inference.prior(), inference.estimator(), observation}, 0.15);
}

TEST(Inference, SeveralIndependentObservations) {
    const Inference inference = trained(with(InferenceMethod::snle));
    Array2 x(4, 2);  // mean (1, -0.5): posterior N(mean * 16 / 17, 1 / 17)
    x.values = {0.5, -1.0, 1.5, 0.0, 1.2, -0.2, 0.8, -0.8};
    const Posterior posterior(inference.prior(), inference.estimator(), x);
    const Moments m = moments(posterior.sample(2000, 5));
    EXPECT_NEAR(m.mean[0], 16.0 / 17, 0.1);
    EXPECT_NEAR(m.mean[1], -8.0 / 17, 0.1);
    EXPECT_NEAR(m.deviation[0], std::sqrt(1.0 / 17), 0.06);
}

TEST(Sequential, ProposalsOfEveryKind) {
    const Prior prior = normal_2d();
    const auto run = [&](InferenceMethod method, ProposalKind proposal, bool combined, double tolerance = 0.16) {
        SequentialOptions options{.rounds = 3,
                                  .simulations_per_round = 700,
                                  .inference = with(method),
                                  .training = quick(),
                                  .proposal = proposal};
        options.training.training_batch_size = 50;
        options.inference.use_combined_loss = combined;
        const SequentialResult result = infer_sequentially(prior, noisy, observation, options);
        EXPECT_EQ(result.simulations.size(), 2100U);
        expect_the_posterior({prior, result.estimator, observation}, tolerance);
        return result;
    };
    const SequentialResult truncated = run(InferenceMethod::snpe, ProposalKind::truncated, false);
    // every proposal of the last round is in the region that holds all but 1e-4 of the posterior, and that is not everything
    ASSERT_TRUE(truncated.region.has_value());
    EXPECT_LT(truncated.region->prior_probability(), 0.98);
    EXPECT_GT(truncated.region->prior_probability(), 0.2);
    run(InferenceMethod::snpe, ProposalKind::posterior, false, 0.2);
    run(InferenceMethod::snpe, ProposalKind::posterior, true, 0.2);
    run(InferenceMethod::snle, ProposalKind::automatic, false);
}

// The second feature exists only with probability 1 / (1 + exp(-2 b)).
Array2 with_gaps(const Array2& theta, std::uint64_t first) {
    Array2 x = noisy(theta, first);
    math::RandomStream random(78, 1);
    random.set_position(first);
    for (std::size_t i = 0; i < x.rows; ++i) {
        if (random.next_uniform() > 1 / (1 + std::exp(-2 * theta(i, 1)))) x(i, 1) = nan;
    }
    return x;
}

// Moments of b given that the feature is missing or is `x`, by summing over a fine grid.
std::pair<double, double> exact_moments(double x) {
    double weight = 0;
    double mean = 0;
    double square = 0;
    for (double b = -5; b < 5; b += 1e-3) {
        const double present = 1 / (1 + std::exp(-2 * b));
        const double likelihood = std::isnan(x) ? 1 - present : present * std::exp(-0.5 * std::pow((x - b) / 0.5, 2));
        const double p = std::exp(-0.5 * b * b) * likelihood;
        weight += p;
        mean += p * b;
        square += p * b * b;
    }
    mean /= weight;
    return {mean, std::sqrt(square / weight - mean * mean)};
}

TEST(MissingFeatures, EveryMethodAndPolicyIsRight) {
    const Prior prior = normal_2d();
    const Array2 theta = prior.sample(4000, 1);
    const auto check = [&](InferenceMethod method, MissingPolicy policy, double x) {
        InferenceOptions options = with(method);
        options.missing = policy;
        Inference inference(prior, options);
        inference.append({theta, with_gaps(theta, 0), {}}, SimulatedFrom::prior);
        const std::vector<double> observed{1.0, x};
        const TrainingReport report = inference.train(quick(), {}, observed);
        EXPECT_NEAR(static_cast<double>(report.missing.incomplete), 2000, 200);
        EXPECT_EQ(report.missing.failed, 0U);
        EXPECT_EQ(report.missing.of_feature[0], 0U);
        const Moments m = moments(Posterior(prior, inference.estimator(), observed).sample(3000, 5));
        const auto [mean, deviation] = exact_moments(x);
        const std::string what =
            name_of(method) + " " + std::to_string(static_cast<int>(policy)) + " " + std::to_string(x);
        EXPECT_NEAR(m.mean[0], 0.8, 0.15) << what;
        EXPECT_NEAR(m.mean[1], mean, 0.15) << what;
        EXPECT_NEAR(m.deviation[1], deviation, 0.12) << what;
        return report;
    };
    for (const InferenceMethod method : {InferenceMethod::snpe, InferenceMethod::snle, InferenceMethod::snre_b}) {
        check(method, MissingPolicy::mask, nan);
        check(method, MissingPolicy::mask, 0.3);
        EXPECT_GT(check(method, MissingPolicy::drop, 0.3).missing.dropped, 1000U);
    }
}

// The chance of completeness rises with b, so the restricted region leaves out low values of b.
TEST(MissingFeatures, RestrictedRegionsAreWhereSimulationsAreComplete) {
    const Prior prior = normal_2d();
    InferenceOptions options = with(InferenceMethod::snpe);
    options.missing = MissingPolicy::restrict_prior;
    Inference inference(prior, options);
    const Array2 theta = prior.sample(3000, 1);
    inference.append({theta, with_gaps(theta, 0), {}}, SimulatedFrom::prior);
    const std::vector<double> observed{1.0, 0.3};
    inference.train(quick(), {}, observed);
    const Posterior posterior(prior, inference.estimator(), observed);
    const Region whole(posterior, 0.02, 5000, 7);
    const Region restricted(posterior, 0.02, 5000, 7, true);
    EXPECT_LT(restricted.prior_probability(), whole.prior_probability());
    const auto lowest = [](const Array2& samples) {
        double low = samples(0, 1);
        for (std::size_t i = 1; i < samples.rows; ++i) low = std::min(low, samples(i, 1));
        return low;
    };
    const Array2 drawn = restricted.sample(3000, 3);
    EXPECT_GT(lowest(drawn), lowest(whole.sample(3000, 3)) + 0.05);
    for (const std::uint8_t inside : whole.contains(prior.to_normal(drawn))) EXPECT_EQ(inside, 1);
    // an estimator that never saw gaps has nothing to restrict
    const Inference complete = trained(with(InferenceMethod::snpe), 300);
    const Posterior other(prior, complete.estimator(), observation);
    EXPECT_EQ(Region(other, 0.02, 1000, 7, true).prior_probability(), Region(other, 0.02, 1000, 7).prior_probability());
}

TEST(MissingFeatures, WhatCannotBeIsRefused) {
    const Prior prior = normal_2d();
    const Array2 theta = prior.sample(50, 1);
    Inference inference(prior, with(InferenceMethod::snpe));
    EXPECT_THROW(inference.append({theta, Array2(50, 2, nan), {}}, SimulatedFrom::prior), DataError);
    EXPECT_THROW(inference.append({theta, Array2(49, 2, 0.0), {}}, SimulatedFrom::prior), DataError);
    EXPECT_THROW((void)inference.estimator(), ConfigError);
    inference.append({theta, noisy(theta, 0), {}}, SimulatedFrom::prior);
    inference.train(quick());
    EXPECT_THROW(Posterior(prior, inference.estimator(), std::vector<double>{nan, 0}), DataError);
    EXPECT_THROW(Posterior(prior, inference.estimator(), std::vector<double>{1}), DataError);
    EXPECT_THROW((void)inference_method("SNOE"), ConfigError);
}

TEST(Calibration, TellsGoodFromOverconfident) {
    const Inference inference = trained(with(InferenceMethod::snpe), 6000);
    const Posterior posterior(inference.prior(), inference.estimator(), observation);
    const Array2 theta = inference.prior().sample(300, 99);
    const CalibrationReport good = calibrate(posterior, theta, noisy(theta, 1000000));
    EXPECT_EQ(good.verdict, CalibrationVerdict::calibrated) << good.summary();
    EXPECT_NEAR(good.expected_coverage(0.5), 0.5, 0.12);
    // data with twice the noise that the networks learned: the posterior is too sure
    Array2 noisier = noisy(noisy(noisy(theta, 2000000), 3000000), 4000000);
    EXPECT_EQ(calibrate(posterior, theta, noisier).verdict, CalibrationVerdict::overconfident);
    // data shifted: biased or overconfident, but never calibrated
    for (double& value : noisier.values) value += 1;
    EXPECT_NE(calibrate(posterior, theta, noisier).verdict, CalibrationVerdict::calibrated);
    EXPECT_EQ(calibrate(posterior, inference.prior().sample(10, 1), noisy(inference.prior().sample(10, 1), 5)).verdict,
              CalibrationVerdict::undecided);
    const std::atomic<bool> cancelled = true;
    EXPECT_THROW((void)calibrate(posterior, theta, noisier, {.cancelled = &cancelled}), Interrupted);
}

TEST(Calibration, PredictiveCheckSeesForeignData) {
    const Inference inference = trained(with(InferenceMethod::snpe));
    const Posterior posterior(inference.prior(), inference.estimator(), observation);
    const Array2 simulated = noisy(posterior.sample(1000, 3), 7000000);
    EXPECT_TRUE(check_predictions(simulated, observation, {"a", "b"}).passed);
    const PredictiveCheck foreign = check_predictions(simulated, std::vector<double>{1.0, 9.0}, {"a", "b"});
    EXPECT_FALSE(foreign.passed);
    EXPECT_THAT(foreign.summary(), testing::HasSubstr("b: observed 9"));
}

TEST(Calibration, UniformityPValues) {
    std::vector<double> even;
    for (int k = 0; k < 100; ++k) even.push_back((k + 0.5) / 100);
    EXPECT_GT(uniformity_p_value(even), 0.99);
    for (double& value : even) value *= value;
    EXPECT_LT(uniformity_p_value(even), 1e-4);
    // the 5 % point of the Kolmogorov distribution is 1.3581
    std::vector<double> shifted;
    for (int k = 0; k < 10000; ++k) shifted.push_back(std::min(1.0, (k + 0.5) / 10000 + 0.013581));
    EXPECT_NEAR(uniformity_p_value(shifted), 0.05, 0.003);
}

}  // namespace
}  // namespace spikesmith
