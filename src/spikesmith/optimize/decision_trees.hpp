// Regression by decision trees: forests and boosted quantile trees, as rough guesses of a function of many parameters.
//
//     const Forest forest = fit_forest(points, values, {.kind = ForestKind::extremely_randomized}, seed);
//     const Prediction at = forest.predict(point);                // mean and standard deviation
//
// They make no assumption of smoothness and predict steps; with few points and smooth errors a Gaussian process is better.
//
//   L. Breiman: Random forests. Machine Learning 45 (2001) 5-32
//   P. Geurts, D. Ernst, L. Wehenkel: Extremely randomized trees. Machine Learning 63 (2006) 3-42
//   J. Friedman: Greedy function approximation: a gradient boosting machine. Ann. Statist. 29 (2001) 1189-1232
//   F. Hutter, L. Xu, H. Hoos, K. Leyton-Brown: Artif. Intelligence 206 (2014) 79-111: the variance of a forest (4.3.2)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/gaussian_process.hpp"

namespace spikesmith {

struct TreeOptions {
    std::size_t smallest_leaf = 3;  // samples in a leaf, at least 1
    std::size_t depth = 0;          // largest; 0: any
    bool random_thresholds =
        false;  // one uniform threshold per coordinate, of which the best is taken, not the best of all
};

// Splits reduce the sum of squared deviations from the leaves' means most.
class RegressionTree {
  public:
    struct Node {
        std::size_t coordinate = 0;
        double threshold = 0;  // left: coordinate <= threshold
        std::size_t left = 0;  // 0: a leaf
        std::size_t right = 0;
        double value = 0;     // mean of the samples
        double variance = 0;  // of the samples
    };

    // `samples`: rows of `points`, repeated ones count repeatedly; they are put into the order of the leaves.
    RegressionTree(const Array2& points, std::span<const double> values, std::span<std::size_t> samples,
                   const TreeOptions& options, math::RandomStream& random);

    [[nodiscard]] const Node& leaf(std::span<const double> point) const { return nodes_[leaf_index(point)]; }
    [[nodiscard]] std::size_t leaf_index(std::span<const double> point) const;
    [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
    void set_value(std::size_t node, double value) { nodes_[node].value = value; }

  private:
    std::vector<Node> nodes_;
};

enum class ForestKind : std::uint8_t {
    random,                // trees of bootstrap samples, best thresholds
    extremely_randomized,  // trees of all samples, random thresholds
};

struct ForestOptions {
    ForestKind kind = ForestKind::random;
    std::size_t trees = 100;
    std::size_t smallest_leaf = 3;
};

// Mean of the trees; variance: of the trees' means plus the mean of the leaves' variances.
struct Forest {
    std::vector<RegressionTree> trees;
    [[nodiscard]] Prediction predict(std::span<const double> point) const;
};
[[nodiscard]] Forest fit_forest(const Array2& points, std::span<const double> values, const ForestOptions& options,
                                std::uint64_t seed);

struct BoostingOptions {
    std::size_t trees = 30;
    double learning_rate = 0.1;
    std::size_t depth = 3;
    std::size_t smallest_leaf = 1;
};

// A quantile of the values as a function of the point: trees that each lower the quantile (pinball) loss.
struct BoostedQuantile {
    double start = 0;
    double learning_rate = 0;
    std::vector<RegressionTree> trees;
    [[nodiscard]] double predict(std::span<const double> point) const;
};
[[nodiscard]] BoostedQuantile fit_boosted_quantile(const Array2& points, std::span<const double> values,
                                                   double quantile, const BoostingOptions& options, std::uint64_t seed);

// The median, and half the distance of the quantiles 0.16 and 0.84 as deviation.
struct BoostedTrees {
    std::array<BoostedQuantile, 3> quantiles;
    [[nodiscard]] Prediction predict(std::span<const double> point) const;
};
[[nodiscard]] BoostedTrees fit_boosted_trees(const Array2& points, std::span<const double> values,
                                             const BoostingOptions& options, std::uint64_t seed);

}  // namespace spikesmith
