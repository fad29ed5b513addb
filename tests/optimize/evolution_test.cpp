#include "spikesmith/optimize/evolution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith::evolution {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// How often each of `d` coordinates comes from the donor.
std::vector<double> shares(Crossover crossover, double rate, std::size_t d) {
    const std::vector<double> parent(d, 0.25);
    std::vector<double> count(d), trial(d);
    math::RandomStream random(1, 1);
    constexpr int n = 20000;
    for (int k = 0; k < n; ++k) {
        cross(crossover, rate, BoundRule::midpoint, random, parent, trial, [](std::size_t) { return 0.75; });
        EXPECT_GT(std::ranges::count(trial, 0.75), 0);
        for (std::size_t j = 0; j < d; ++j) count[j] += trial[j] == 0.75 ? 1.0 / n : 0;
    }
    return count;
}

TEST(Evolution, CrossoverTakesTheExpectedShare) {
    using testing::DoubleNear;
    using testing::Each;
    // binomial: one coordinate is forced, the others follow with the rate
    EXPECT_THAT(shares(Crossover::binomial, 0.3, 5), Each(DoubleNear(0.2 + 0.8 * 0.3, 0.015)));
    EXPECT_THAT(shares(Crossover::binomial, 1, 5), Each(DoubleNear(1, 1e-9)));
    EXPECT_THAT(shares(Crossover::binomial, 0, 5), Each(DoubleNear(0.2, 0.015)));
    EXPECT_THAT(shares(Crossover::sparse, 0.9, 5), Each(DoubleNear(0.2 + 0.8 * 0.2, 0.015)));
    EXPECT_THAT(shares(Crossover::two_points, 0.9, 6), Each(DoubleNear(0.5, 0.015)));  // lengths 1 ... 5
    EXPECT_THAT(shares(Crossover::two_points, 0.9, 3), Each(DoubleNear(1 / 3.0 + 2 / 3.0 * 0.5, 0.015)));
    EXPECT_THAT(shares(Crossover::two_points, 0.9, 1), Each(DoubleNear(1, 1e-9)));
}

TEST(Evolution, TwoPointCrossoverTakesNeighbours) {
    const std::vector<double> parent(8, 0.0);
    std::vector<double> trial(8);
    math::RandomStream random(2, 1);
    for (int k = 0; k < 200; ++k) {
        cross(Crossover::two_points, 0, BoundRule::midpoint, random, parent, trial, [](std::size_t) { return 1.0; });
        int changes = 0;
        for (std::size_t j = 0; j < 8; ++j) changes += trial[j] != trial[(j + 1) % 8] ? 1 : 0;
        EXPECT_EQ(changes, 2);
    }
}

TEST(Evolution, BoundRules) {
    EXPECT_EQ(within(BoundRule::midpoint, 0.3, 0.9), 0.9);
    EXPECT_DOUBLE_EQ(within(BoundRule::midpoint, 0.3, -7), 0.15);
    EXPECT_DOUBLE_EQ(within(BoundRule::midpoint, 0.3, 1.01), 0.65);
    EXPECT_DOUBLE_EQ(within(BoundRule::reflect, 0.3, 1.25), 0.75);
    EXPECT_DOUBLE_EQ(within(BoundRule::reflect, 0.3, -0.25), 0.25);
    EXPECT_DOUBLE_EQ(within(BoundRule::reflect, 0.3, 2.25), 0.25);
}

TEST(Evolution, PickAvoidsWhatIsTaken) {
    math::RandomStream random(3, 1);
    std::array<int, 4> hits{};
    for (int k = 0; k < 4000; ++k) ++hits[pick(random, 4, {1, 3})];
    EXPECT_EQ(hits[1] + hits[3], 0);
    EXPECT_NEAR(hits[0], 2000, 130);
}

TEST(Evolution, PopulationKeepsTheBetterAndShrinksToTheBest) {
    Population population(4, 1);
    const auto challenge = [&](std::size_t member, double value, double error) {
        population.challenge(member, std::vector{value}, error, true);
    };
    for (std::size_t s = 0; s < 4; ++s)
        challenge(s, 0.1 * static_cast<double>(s), std::array{3.0, 1.0, infinity, 2.0}[s]);
    EXPECT_THAT(population.order(), testing::ElementsAre(1, 3, 0, 2));
    challenge(1, 0.9, 1.5);  // worse
    EXPECT_EQ(population.point(1)[0], 0.1);
    challenge(0, 0.8, 3.0);  // as good: replaces without archive
    EXPECT_EQ(population.point(0)[0], 0.8);
    EXPECT_EQ(population.archived(), 0U);
    challenge(3, 0.7, 0.5);  // better: the member is archived
    EXPECT_EQ(population.archived(), 1U);
    EXPECT_DOUBLE_EQ(population.point(4)[0], 0.1 * 3);
    challenge(2, 0.6, 9);  // a failed member is not worth keeping
    EXPECT_EQ(population.archived(), 1U);
    population.challenge_worst(std::vector{0.55}, 10);
    EXPECT_EQ(population.error(2), 9);
    population.challenge_worst(std::vector{0.5}, 2);
    EXPECT_EQ(population.error(2), 2);

    population.shrink(2);
    ASSERT_EQ(population.size(), 2U);
    EXPECT_THAT((std::vector{population.error(population.order()[0]), population.error(population.order()[1])}),
                testing::ElementsAre(0.5, 1));
    EXPECT_EQ(population.point(population.order()[0])[0], 0.7);
    math::RandomStream random(1, 1);
    population.trim_archive(0, random);
    EXPECT_EQ(population.archived(), 0U);
}

TEST(Evolution, SuccessesGainRanks) {
    Population population(3, 1);
    const std::vector point{0.5};
    for (std::size_t s = 0; s < 3; ++s) population.challenge(s, point, std::array{10.0, 20.0, infinity}[s], false);
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Generation generation{.points = Array2(4, 1),
                                .trials = {{0, 0.1, 0.2}, {1, 0.3, 0.4}, {2, 0.5, 0.6}, {0, 0.7, 0.8}},
                                .errors = {5, 25, 15, nan}};
    // sorted: 5 10 15 20 25, infinity last
    const auto list = successes(generation, population);
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].weight, 0.1);
    EXPECT_EQ(list[0].gain, 1);
    EXPECT_EQ(list[1].rate, 0.6);
    EXPECT_EQ(list[1].gain, 3);
}

TEST(Evolution, HistoryLearnsLehmerMeans) {
    // one cell, so that draws show it: F is Cauchy about it, CR normal with deviation 0.1
    const auto mean_rate = [](const SuccessHistory& history) {
        math::RandomStream random(5, 1);
        double sum = 0;
        for (int k = 0; k < 20000; ++k) sum += history.draw(random).rate / 20000;
        return sum;
    };
    const auto median_weight = [](const SuccessHistory& history) {
        math::RandomStream random(5, 1);
        std::vector<double> weights;
        for (int k = 0; k < 20001; ++k) weights.push_back(history.draw(random).weight);
        std::ranges::nth_element(weights, weights.begin() + 10000);
        return weights[10000];
    };
    SuccessHistory history({.cells = 1, .first_weight = 0.5, .first_rate = 0.5});
    EXPECT_NEAR(mean_rate(history), 0.5, 0.005);
    const std::vector<Success> list{{0.4, 0.3, 1}, {0.6, 0.5, 3}};
    const double weight = (0.4 * 0.4 + 3 * 0.6 * 0.6) / (0.4 + 3 * 0.6);
    const double rate = (0.3 * 0.3 + 3 * 0.5 * 0.5) / (0.3 + 3 * 0.5);
    history.learn(list);
    EXPECT_NEAR(mean_rate(history), rate, 0.005);
    EXPECT_NEAR(median_weight(history), weight, 0.02);
    history.learn({});  // nothing succeeded: nothing changes
    EXPECT_NEAR(mean_rate(history), rate, 0.005);

    SuccessHistory averaging({.cells = 1, .first_weight = 0.5, .first_rate = 0.9, .average = true});
    averaging.learn(list);
    EXPECT_NEAR(mean_rate(averaging), (0.9 + rate) / 2, 0.01);
}

}  // namespace
}  // namespace spikesmith::evolution
