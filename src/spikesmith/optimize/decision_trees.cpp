#include "spikesmith/optimize/decision_trees.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

struct Split {
    double gain = 0;  // sum of the squared sums of both sides, each divided by its size
    std::size_t coordinate = 0;
    double threshold = 0;
    bool found = false;
};

// Grows one tree by recursion over ranges of `samples`.
class Grower {
  public:
    Grower(const Array2& points, std::span<const double> values, const TreeOptions& options, math::RandomStream& random,
           std::vector<RegressionTree::Node>& nodes)
        : points_(points), values_(values), options_(options), random_(random), nodes_(nodes) {}

    std::size_t grow(std::span<std::size_t> samples, std::size_t depth) {
        const std::size_t index = nodes_.size();
        nodes_.push_back(leaf_of(samples));
        if (nodes_[index].variance <= 0 || samples.size() < 2 * options_.smallest_leaf ||
            (options_.depth != 0 && depth == options_.depth)) {
            return index;
        }
        const Split split = options_.random_thresholds ? random_split(samples) : best_split(samples);
        if (!split.found) return index;
        std::size_t n_left = 0;
        std::vector<std::size_t> right;
        for (const std::size_t s : samples) {
            if (points_(s, split.coordinate) <= split.threshold) {
                samples[n_left++] = s;
            } else {
                right.push_back(s);
            }
        }
        std::ranges::copy(right, samples.begin() + static_cast<std::ptrdiff_t>(n_left));
        nodes_[index].coordinate = split.coordinate;
        nodes_[index].threshold = split.threshold;
        const std::size_t left_child = grow(samples.first(n_left), depth + 1);
        const std::size_t right_child = grow(samples.subspan(n_left), depth + 1);
        nodes_[index].left = left_child;
        nodes_[index].right = right_child;
        return index;
    }

  private:
    [[nodiscard]] RegressionTree::Node leaf_of(std::span<const std::size_t> samples) const {
        RegressionTree::Node node;
        const auto n = static_cast<double>(samples.size());
        for (const std::size_t s : samples) node.value += values_[s] / n;
        for (const std::size_t s : samples) {
            node.variance += (values_[s] - node.value) * (values_[s] - node.value) / n;
        }
        return node;
    }

    [[nodiscard]] Split best_split(std::span<const std::size_t> samples) {
        Split best;
        const double mean = std::accumulate(samples.begin(), samples.end(), 0.0,
                                            [&](double sum, std::size_t s) { return sum + values_[s]; }) /
                            static_cast<double>(samples.size());
        for (std::size_t j = 0; j < points_.columns; ++j) {
            sorted_.clear();
            for (const std::size_t s : samples) sorted_.emplace_back(points_(s, j), values_[s] - mean);
            std::ranges::sort(sorted_);
            double left = 0;
            double total = 0;
            for (const auto& [x, y] : sorted_) total += y;
            for (std::size_t k = 1; k < sorted_.size(); ++k) {
                left += sorted_[k - 1].second;
                const std::size_t n_right = sorted_.size() - k;
                if (k < options_.smallest_leaf || n_right < options_.smallest_leaf) continue;
                if (sorted_[k - 1].first == sorted_[k].first) continue;
                const double right = total - left;
                const double gain = left * left / static_cast<double>(k) + right * right / static_cast<double>(n_right);
                if (best.found && gain <= best.gain) continue;
                // the middle, unless rounding puts it onto the larger one
                double middle = std::midpoint(sorted_[k - 1].first, sorted_[k].first);
                if (middle >= sorted_[k].first) middle = sorted_[k - 1].first;
                best = {gain, j, middle, true};
            }
        }
        return best;
    }

    [[nodiscard]] Split random_split(std::span<const std::size_t> samples) {
        Split best;
        for (std::size_t j = 0; j < points_.columns; ++j) {
            double low = points_(samples.front(), j);
            double high = low;
            for (const std::size_t s : samples) {
                low = std::min(low, points_(s, j));
                high = std::max(high, points_(s, j));
            }
            const double threshold = low + random_.next_uniform() * (high - low);
            if (!(low < high) || threshold >= high) continue;
            double left = 0;
            double total = 0;
            std::size_t n_left = 0;
            for (const std::size_t s : samples) {
                total += values_[s];
                if (points_(s, j) > threshold) continue;
                left += values_[s];
                ++n_left;
            }
            const std::size_t n_right = samples.size() - n_left;
            if (n_left < options_.smallest_leaf || n_right < options_.smallest_leaf) continue;
            const double right = total - left;
            const double gain =
                left * left / static_cast<double>(n_left) + right * right / static_cast<double>(n_right);
            if (!best.found || gain > best.gain) best = {gain, j, threshold, true};
        }
        return best;
    }

    const Array2& points_;
    std::span<const double> values_;
    const TreeOptions& options_;
    math::RandomStream& random_;
    std::vector<RegressionTree::Node>& nodes_;
    std::vector<std::pair<double, double>> sorted_;
};

// Linear interpolation between order statistics.
double quantile_of(std::vector<double> values, double quantile) {
    std::ranges::sort(values);
    const double place = quantile * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return values[below] + (place - static_cast<double>(below)) * (values[above] - values[below]);
}

void check(const Array2& points, std::span<const double> values) {
    if (points.rows == 0 || points.rows != values.size()) {
        throw NumericalError("trees need as many values as points, and at least one");
    }
}

}  // namespace

RegressionTree::RegressionTree(const Array2& points, std::span<const double> values, std::span<std::size_t> samples,
                               const TreeOptions& options, math::RandomStream& random) {
    check(points, values);
    if (samples.empty()) throw NumericalError("a tree needs at least one sample");
    Grower(points, values, options, random, nodes_).grow(samples, 0);
}

std::size_t RegressionTree::leaf_index(std::span<const double> point) const {
    std::size_t node = 0;
    while (nodes_[node].left != 0) {
        node = point[nodes_[node].coordinate] <= nodes_[node].threshold ? nodes_[node].left : nodes_[node].right;
    }
    return node;
}

Forest fit_forest(const Array2& points, std::span<const double> values, const ForestOptions& options,
                  std::uint64_t seed) {
    check(points, values);
    const bool random_kind = options.kind == ForestKind::random;
    const TreeOptions tree{.smallest_leaf = options.smallest_leaf, .random_thresholds = !random_kind};
    Forest forest;
    forest.trees.reserve(options.trees);
    std::vector<std::size_t> samples(points.rows);
    for (std::size_t t = 0; t < options.trees; ++t) {
        math::RandomStream random(seed, t);
        std::iota(samples.begin(), samples.end(), std::size_t{0});
        if (random_kind) {
            for (std::size_t& s : samples) s = random.next_index(points.rows);
        }
        forest.trees.emplace_back(points, values, samples, tree, random);
    }
    return forest;
}

Prediction Forest::predict(std::span<const double> point) const {
    double mean = 0;
    double squares = 0;
    double variances = 0;
    double n = 0;
    for (const RegressionTree& tree : trees) {
        const auto& leaf = tree.leaf(point);
        n += 1;
        const double from_mean = leaf.value - mean;
        mean += from_mean / n;
        squares += from_mean * (leaf.value - mean);
        variances += leaf.variance;
    }
    return {mean, std::sqrt((squares + variances) / n)};
}

BoostedQuantile fit_boosted_quantile(const Array2& points, std::span<const double> values, double quantile,
                                     const BoostingOptions& options, std::uint64_t seed) {
    check(points, values);
    BoostedQuantile model;
    model.start = quantile_of({values.begin(), values.end()}, quantile);
    model.learning_rate = options.learning_rate;
    std::vector<double> predicted(values.size(), model.start);
    std::vector<double> gradient(values.size());
    std::vector<std::size_t> samples(values.size());
    const TreeOptions tree_options{.smallest_leaf = options.smallest_leaf, .depth = options.depth};
    for (std::size_t t = 0; t < options.trees; ++t) {
        for (std::size_t s = 0; s < values.size(); ++s) {
            gradient[s] = values[s] > predicted[s] ? quantile : quantile - 1;
        }
        std::iota(samples.begin(), samples.end(), std::size_t{0});
        math::RandomStream random(seed, t);
        RegressionTree tree(points, gradient, samples, tree_options, random);
        // The leaf's step is the quantile of what is left there (Friedman 2001, section 4.3, for any quantile).
        std::vector<std::vector<double>> residuals(tree.nodes().size());
        std::vector<std::size_t> leaves(values.size());
        for (std::size_t s = 0; s < values.size(); ++s) {
            leaves[s] = tree.leaf_index(points.row(s));
            residuals[leaves[s]].push_back(values[s] - predicted[s]);
        }
        for (std::size_t node = 0; node < residuals.size(); ++node) {
            if (!residuals[node].empty()) tree.set_value(node, quantile_of(residuals[node], quantile));
        }
        for (std::size_t s = 0; s < values.size(); ++s) {
            predicted[s] += options.learning_rate * tree.nodes()[leaves[s]].value;
        }
        model.trees.push_back(std::move(tree));
    }
    return model;
}

double BoostedQuantile::predict(std::span<const double> point) const {
    double sum = start;
    for (const RegressionTree& tree : trees) sum += learning_rate * tree.leaf(point).value;
    return sum;
}

BoostedTrees fit_boosted_trees(const Array2& points, std::span<const double> values, const BoostingOptions& options,
                               std::uint64_t seed) {
    return {{fit_boosted_quantile(points, values, 0.16, options, seed),
             fit_boosted_quantile(points, values, 0.5, options, seed),
             fit_boosted_quantile(points, values, 0.84, options, seed)}};
}

Prediction BoostedTrees::predict(std::span<const double> point) const {
    const double low = quantiles[0].predict(point);
    const double high = quantiles[2].predict(point);
    return {quantiles[1].predict(point), std::max(0.5 * (high - low), 0.0)};
}

}  // namespace spikesmith
