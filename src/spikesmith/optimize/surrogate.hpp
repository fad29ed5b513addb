// Surrogates: cheap guesses of the error of points not tried, with their uncertainty. What Bayesian optimisation
// (bayesian.hpp) asks of a Gaussian process or of trees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/optimize/gaussian_process.hpp"

namespace spikesmith {

// What is known: points with values (finite, warped), and points whose evaluation failed.
struct SurrogateData {
    Array2 points;
    std::vector<double> values;
    Array2 failed;
};

class Surrogate {
  public:
    Surrogate() = default;
    Surrogate(const Surrogate&) = delete;
    Surrogate& operator=(const Surrogate&) = delete;
    virtual ~Surrogate() = default;

    // Points whose predictions are wanted again and again.
    virtual void watch(const Array2& points) = 0;
    [[nodiscard]] virtual std::span<const double> watched_means() const = 0;
    [[nodiscard]] virtual std::span<const double> watched_deviations() const = 0;

    [[nodiscard]] virtual Prediction predict(std::span<const double> point) const = 0;
    // Whether there are gradients; without them the next function must not be called.
    [[nodiscard]] virtual bool smooth() const = 0;
    [[nodiscard]] virtual Prediction predict(std::span<const double> point, std::span<double> mean_gradient,
                                             std::span<double> deviation_gradient) const = 0;

    // A point is being evaluated; until its error is known assume `value`, or what is predicted if there is none.
    virtual void believe(std::span<const double> point, std::optional<double> value) = 0;

    // How far the function stretches along each coordinate; all 1 if unknown.
    [[nodiscard]] virtual std::span<const double> length_scales() const = 0;
};

// A Gaussian process. Failed points count as observations of the worst value whose noise is as large as the signal: a
// single failure among good points changes little, a region full of failures is avoided. `kernel`: as found by fit_kernel.
[[nodiscard]] std::unique_ptr<Surrogate> gaussian_process_surrogate(const SurrogateData& data,
                                                                    GaussianProcessKernel kernel);

enum class TreeKind : std::uint8_t { random_forest, extra_trees, gradient_boosting };

// Trees (decision_trees.hpp). Failed points have the worst value. A believed point takes away the uncertainty around it:
// deviations are multiplied by 1 - exp(-(d/r)**2/2), d its distance and r a tenth of the mean distance of neighbours.
[[nodiscard]] std::unique_ptr<Surrogate> tree_surrogate(const SurrogateData& data, TreeKind kind, std::uint64_t seed);

}  // namespace spikesmith
