// Gaussian process regression: a smooth function guessed from some of its values, with the uncertainty of the guess.
//
//     GaussianProcessKernel kernel = fit_kernel(points, values);        // length scales and noise by maximum likelihood
//     GaussianProcess process(points, values, kernel);
//     Prediction at = process.predict(point);                           // mean and standard deviation
//     process.add(point, at.mean);                                      // one more value, without a refit
//
// The kernel is Matern 5/2 with one length scale per coordinate (ARD). A coordinate may be skewed first, so that the function
// may change faster near one end of its range, as errors do near small conductances. The mean is constant; it and the variance of the
// signal have closed forms given the kernel and are always estimated (the "profile" or "concentrated" likelihood), so that
// predictions scale and shift with the values. Made for some hundred points: the cost grows with their cube.
//
//   C. Rasmussen, C. Williams: Gaussian Processes for Machine Learning. MIT Press (2006), ch. 2, 4.2, 5.4
//   J. Snoek, K. Swersky, R. Zemel, R. Adams: Input warping for Bayesian optimization. ICML (2014)
//   J. Sacks, W. Welch, T. Mitchell, H. Wynn: Design and analysis of computer experiments. Statist. Sci. 4 (1989) 409-423
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "spikesmith/core/array.hpp"

namespace spikesmith {

struct GaussianProcessKernel {
    std::vector<double> length_scales;  // one per coordinate, positive
    double noise = 1e-6;                // variance of the noise relative to that of the signal, positive
    // One per coordinate: the kernel sees skewed(u, skew) = (1 - exp(-skew*u))/(1 - exp(-skew)), which stretches the range near
    // 0 (positive) or near 1 (negative). Empty: u itself.
    std::vector<double> skews{};

    friend bool operator==(const GaussianProcessKernel&, const GaussianProcessKernel&) = default;
};

// Profile log likelihood without its constant: -(n log s2 + log det R)/2, where R is the correlation matrix of the points
// plus noise and s2 the estimated variance. -infinity if R is not positive definite.
struct ProfileLikelihood {
    double value = 0;
    // With respect to the logarithms of the length scales, then of the noise, then to the skews if there are any.
    std::vector<double> gradient;
};
[[nodiscard]] ProfileLikelihood profile_likelihood(const Array2& points, std::span<const double> values,
                                                   const GaussianProcessKernel& kernel);

struct KernelFitOptions {
    std::vector<GaussianProcessKernel> starts;  // besides the standard start; the best end wins
    bool standard_start = true;                 // length scales 0.5, noise 1e-4
    std::size_t evaluations = 60;               // of the likelihood, from each start
    double shortest_length = 0.01;              // bounds; points lie in the unit cube
    double longest_length = 30;
    double smallest_noise = 1e-8;
    double largest_noise = 1;
    // A weak prior, so that a few points do not give extreme kernels: log-normal with median
    // `typical_length`*sqrt(dimension) and these standard deviations of the logarithms.
    double typical_length = 0.6;
    double length_deviation = 1.2;
    double typical_noise = 1e-5;
    double noise_deviation = 3;
    double skew_deviation = 2.5;  // of a normal distribution round 0; 0: no skews
    double largest_skew = 6;
};

// The kernel of largest likelihood times prior. At least two points and two different values, else the first start.
[[nodiscard]] GaussianProcessKernel fit_kernel(const Array2& points, std::span<const double> values,
                                               const KernelFitOptions& options = {});

struct Prediction {
    double mean = 0;
    double deviation = 0;  // standard deviation of the function, without the noise of a value
};

class GaussianProcess {
  public:
    // `points`: one per row. Throws NumericalError for points that are not finite or a kernel that does not fit them.
    GaussianProcess(const Array2& points, std::span<const double> values, GaussianProcessKernel kernel);
    GaussianProcess(GaussianProcess&&) noexcept;
    GaussianProcess& operator=(GaussianProcess&&) noexcept;
    ~GaussianProcess();

    // One more value, by a new row of the Cholesky factor; kernel, mean and variance stay. `extra_noise`: variance of this
    // value's own noise relative to that of the signal.
    void add(std::span<const double> point, double value, double extra_noise = 0);

    [[nodiscard]] Prediction predict(std::span<const double> point) const;
    // Also the gradients of both with respect to the point.
    [[nodiscard]] Prediction predict(std::span<const double> point, std::span<double> mean_gradient,
                                     std::span<double> deviation_gradient) const;

    // Predictions at fixed points, kept up to date while values are added: each addition costs one product per point and
    // value instead of a solution.
    void watch(const Array2& points);
    [[nodiscard]] std::span<const double> watched_means() const;
    [[nodiscard]] std::span<const double> watched_deviations() const;

    [[nodiscard]] std::size_t size() const;  // values, added ones too
    [[nodiscard]] double mean() const;       // estimated constant
    [[nodiscard]] double variance() const;   // estimated, of the signal
    [[nodiscard]] const GaussianProcessKernel& kernel() const;

  private:
    struct Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace spikesmith
