#include "spikesmith/optimize/surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/decision_trees.hpp"

namespace spikesmith {

namespace {

constexpr double noise_of_failures = 1.0;  // variance relative to the signal's

class GaussianProcessSurrogate final : public Surrogate {
  public:
    GaussianProcessSurrogate(const SurrogateData& data, GaussianProcessKernel kernel)
        : process_(data.points, data.values, std::move(kernel)) {
        const double worst = *std::ranges::max_element(data.values);
        for (std::size_t r = 0; r < data.failed.rows; ++r) process_.add(data.failed.row(r), worst, noise_of_failures);
    }

    void watch(const Array2& points) override { process_.watch(points); }
    [[nodiscard]] std::span<const double> watched_means() const override { return process_.watched_means(); }
    [[nodiscard]] std::span<const double> watched_deviations() const override { return process_.watched_deviations(); }
    [[nodiscard]] Prediction predict(std::span<const double> point) const override { return process_.predict(point); }
    [[nodiscard]] bool smooth() const override { return true; }
    [[nodiscard]] Prediction predict(std::span<const double> point, std::span<double> mean_gradient,
                                     std::span<double> deviation_gradient) const override {
        return process_.predict(point, mean_gradient, deviation_gradient);
    }
    void believe(std::span<const double> point, std::optional<double> value) override {
        process_.add(point, value ? *value : process_.predict(point).mean);
    }
    [[nodiscard]] std::span<const double> length_scales() const override { return process_.kernel().length_scales; }

  private:
    GaussianProcess process_;
};

class TreeSurrogate final : public Surrogate {
  public:
    TreeSurrogate(const SurrogateData& data, TreeKind kind, std::uint64_t seed)
        : believed_(0, data.points.columns), length_scales_(data.points.columns, 1.0) {
        Array2 points = data.points;
        std::vector<double> values = data.values;
        points.values.insert(points.values.end(), data.failed.values.begin(), data.failed.values.end());
        points.rows += data.failed.rows;
        values.resize(points.rows, *std::ranges::max_element(data.values));
        const auto n = static_cast<double>(points.rows);
        radius_ = 0.1 * std::pow(n, -1 / static_cast<double>(points.columns));
        if (kind == TreeKind::gradient_boosting) {
            model_ = [trees = fit_boosted_trees(points, values, {}, seed)](std::span<const double> point) {
                return trees.predict(point);
            };
        } else {
            const ForestKind forest_kind =
                kind == TreeKind::random_forest ? ForestKind::random : ForestKind::extremely_randomized;
            model_ = [forest = fit_forest(points, values, {.kind = forest_kind}, seed)](std::span<const double> point) {
                return forest.predict(point);
            };
        }
    }

    void watch(const Array2& points) override {
        watched_ = points;
        means_.resize(points.rows);
        deviations_.resize(points.rows);
        for (std::size_t r = 0; r < points.rows; ++r) {
            const Prediction at = predict(points.row(r));
            means_[r] = at.mean;
            deviations_[r] = at.deviation;
        }
    }
    [[nodiscard]] std::span<const double> watched_means() const override { return means_; }
    [[nodiscard]] std::span<const double> watched_deviations() const override { return deviations_; }

    [[nodiscard]] Prediction predict(std::span<const double> point) const override {
        Prediction result = model_(point);
        for (std::size_t r = 0; r < believed_.rows; ++r) result.deviation *= left(point, believed_.row(r));
        return result;
    }
    [[nodiscard]] bool smooth() const override { return false; }
    [[nodiscard]] Prediction predict(std::span<const double> /*point*/, std::span<double> /*mean_gradient*/,
                                     std::span<double> /*deviation_gradient*/) const override {
        throw Error("trees have no gradients");
    }

    void believe(std::span<const double> point, std::optional<double> /*value*/) override {
        believed_.values.insert(believed_.values.end(), point.begin(), point.end());
        ++believed_.rows;
        for (std::size_t r = 0; r < watched_.rows; ++r) deviations_[r] *= left(watched_.row(r), point);
    }
    [[nodiscard]] std::span<const double> length_scales() const override { return length_scales_; }

  private:
    // The share of the uncertainty that a believed point leaves.
    [[nodiscard]] double left(std::span<const double> point, std::span<const double> believed) const {
        double square = 0;
        for (std::size_t j = 0; j < point.size(); ++j) square += (point[j] - believed[j]) * (point[j] - believed[j]);
        return -std::expm1(-0.5 * square / (radius_ * radius_));
    }

    std::function<Prediction(std::span<const double>)> model_;
    Array2 believed_;
    double radius_ = 0;
    std::vector<double> length_scales_;
    Array2 watched_;
    std::vector<double> means_;
    std::vector<double> deviations_;
};

}  // namespace

std::unique_ptr<Surrogate> gaussian_process_surrogate(const SurrogateData& data, GaussianProcessKernel kernel) {
    return std::make_unique<GaussianProcessSurrogate>(data, std::move(kernel));
}

std::unique_ptr<Surrogate> tree_surrogate(const SurrogateData& data, TreeKind kind, std::uint64_t seed) {
    return std::make_unique<TreeSurrogate>(data, kind, seed);
}

}  // namespace spikesmith
