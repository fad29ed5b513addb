#include "spikesmith/optimize/decision_trees.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

Array2 random_points(std::size_t n, std::size_t dimension, std::uint64_t seed) {
    math::RandomStream random(seed, 0);
    Array2 points(n, dimension);
    for (double& u : points.values) u = random.next_uniform();
    return points;
}

RegressionTree tree_of(const Array2& points, const std::vector<double>& values, const TreeOptions& options) {
    std::vector<std::size_t> samples(points.rows);
    std::iota(samples.begin(), samples.end(), std::size_t{0});
    math::RandomStream random(1, 1);
    return {points, values, samples, options, random};
}

TEST(RegressionTree, SplitsWhereTheValuesChange) {
    Array2 points(6, 2);
    const std::vector<double> x{0.1, 0.2, 0.3, 0.7, 0.8, 0.9};
    for (std::size_t r = 0; r < 6; ++r) {
        points(r, 0) = 0.5;
        points(r, 1) = x[r];
    }
    const std::vector<double> values{1, 2, 3, 11, 12, 13};
    const RegressionTree tree = tree_of(points, values, {.smallest_leaf = 3});
    ASSERT_EQ(tree.nodes().size(), 3U);
    EXPECT_EQ(tree.nodes()[0].coordinate, 1U);
    EXPECT_DOUBLE_EQ(tree.nodes()[0].threshold, 0.5);
    EXPECT_DOUBLE_EQ(tree.leaf(std::vector{0.0, 0.4}).value, 2);
    EXPECT_DOUBLE_EQ(tree.leaf(std::vector{0.0, 0.6}).value, 12);
    EXPECT_NEAR(tree.leaf(std::vector{0.0, 0.6}).variance, 2.0 / 3, 1e-14);
    EXPECT_EQ(tree_of(points, values, {.smallest_leaf = 4}).nodes().size(), 1U);
    EXPECT_EQ(tree_of(points, values, {.smallest_leaf = 1, .depth = 1}).nodes().size(), 3U);
    EXPECT_EQ(tree_of(points, values, {.smallest_leaf = 1}).nodes().size(), 11U);
}

TEST(RegressionTree, TheSplitIsTheBestOfAll) {
    const Array2 points = random_points(40, 3, 2);
    std::vector<double> values;
    for (std::size_t r = 0; r < 40; ++r) values.push_back(std::sin(5 * points(r, 1)) + 0.3 * points(r, 2));
    const RegressionTree::Node root = tree_of(points, values, {.smallest_leaf = 3, .depth = 1}).nodes()[0];
    const auto squares = [&](std::size_t j, double threshold) {
        double total = 0;
        for (const bool left : {true, false}) {
            std::vector<double> side;
            for (std::size_t r = 0; r < 40; ++r) {
                if ((points(r, j) <= threshold) == left) side.push_back(values[r]);
            }
            if (side.size() < 3) return 1e9;
            const double mean = std::accumulate(side.begin(), side.end(), 0.0) / static_cast<double>(side.size());
            for (const double v : side) total += (v - mean) * (v - mean);
        }
        return total;
    };
    const double found = squares(root.coordinate, root.threshold);
    for (std::size_t j = 0; j < 3; ++j) {
        for (std::size_t r = 0; r < 40; ++r) EXPECT_GE(squares(j, points(r, j)), found - 1e-12);
    }
}

TEST(Forest, PredictsAStepAndKnowsWhereItIsUnsure) {
    const Array2 points = random_points(300, 2, 3);
    std::vector<double> values;
    for (std::size_t r = 0; r < points.rows; ++r) values.push_back(points(r, 0) < 0.5 ? 1 : 5);
    for (const auto kind : {ForestKind::random, ForestKind::extremely_randomized}) {
        const Forest forest = fit_forest(points, values, {.kind = kind}, 7);
        EXPECT_EQ(forest.trees.size(), 100U);
        EXPECT_NEAR(forest.predict(std::vector{0.2, 0.5}).mean, 1, 0.02);
        EXPECT_NEAR(forest.predict(std::vector{0.8, 0.5}).mean, 5, 0.02);
        EXPECT_LT(forest.predict(std::vector{0.2, 0.5}).deviation, 0.2);
        EXPECT_GT(forest.predict(std::vector{0.5, 0.5}).deviation, 0.5);
    }
}

TEST(Forest, VarianceIsThatOfTheMixtureOfLeaves) {
    const Array2 points = random_points(50, 2, 4);
    std::vector<double> values;
    for (std::size_t r = 0; r < points.rows; ++r) values.push_back(points(r, 0) * 10);
    const Forest forest = fit_forest(points, values, {}, 8);
    const std::vector<double> x{0.3, 0.6};
    double mean = 0;
    double second = 0;
    for (const RegressionTree& tree : forest.trees) {
        mean += tree.leaf(x).value / 100;
        second += (tree.leaf(x).variance + tree.leaf(x).value * tree.leaf(x).value) / 100;
    }
    EXPECT_NEAR(forest.predict(x).mean, mean, 1e-12);
    EXPECT_NEAR(forest.predict(x).deviation, std::sqrt(second - mean * mean), 1e-9);
}

TEST(Forest, SeedDecides) {
    const Array2 points = random_points(50, 2, 5);
    const std::vector<double> values(points.values.begin(), points.values.begin() + 50);
    for (const auto kind : {ForestKind::random, ForestKind::extremely_randomized}) {
        const auto at = [&](std::uint64_t seed) {
            return fit_forest(points, values, {.kind = kind}, seed).predict(std::vector{0.37, 0.61}).mean;
        };
        EXPECT_EQ(at(1), at(1));
        EXPECT_NE(at(1), at(2));
    }
}

TEST(BoostedTrees, FindQuantilesOfNoise) {
    const Array2 points = random_points(2000, 1, 6);
    math::RandomStream random(9, 0);
    std::vector<double> values;
    for (std::size_t r = 0; r < points.rows; ++r) {
        values.push_back((points(r, 0) < 0.5 ? 0 : 10) + (points(r, 0) < 0.5 ? 1 : 3) * random.next_normal());
    }
    const BoostedTrees trees = fit_boosted_trees(points, values, {.trees = 200}, 1);
    // median 0 and 10; the quantiles 0.16 and 0.84 of a normal distribution are one deviation away
    EXPECT_NEAR(trees.predict(std::vector{0.25}).mean, 0, 0.4);
    EXPECT_NEAR(trees.predict(std::vector{0.25}).deviation, 1, 0.3);
    EXPECT_NEAR(trees.predict(std::vector{0.75}).mean, 10, 1);
    EXPECT_NEAR(trees.predict(std::vector{0.75}).deviation, 3, 0.8);
}

TEST(BoostedTrees, EachTreeLowersThePinballLoss) {
    const Array2 points = random_points(100, 2, 10);
    std::vector<double> values;
    for (std::size_t r = 0; r < points.rows; ++r) values.push_back(std::exp(3 * points(r, 0)) + points(r, 1));
    for (const double q : {0.16, 0.5, 0.84}) {
        const auto loss = [&](std::size_t n_trees) {
            const BoostedQuantile model = fit_boosted_quantile(points, values, q, {.trees = n_trees}, 1);
            double sum = 0;
            for (std::size_t r = 0; r < points.rows; ++r) {
                const double left = values[r] - model.predict(points.row(r));
                sum += left > 0 ? q * left : (q - 1) * left;
            }
            return sum;
        };
        double last = loss(0);
        for (const std::size_t n : {1, 5, 10, 30}) {
            EXPECT_LT(loss(n), last) << q;
            last = loss(n);
        }
    }
}

TEST(DecisionTrees, WrongInputIsRefused) {
    EXPECT_THROW(fit_forest(Array2(0, 2), {}, {}, 1), NumericalError);
    EXPECT_THROW(fit_boosted_trees(Array2(3, 2), std::vector{1.0}, {}, 1), NumericalError);
}

}  // namespace
}  // namespace spikesmith
