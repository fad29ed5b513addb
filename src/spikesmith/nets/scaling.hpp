// From theta and x to the numbers that a network sees, and back: change of variables, z-scores, flags of missing values
// (internal).
#pragma once

#include <cstddef>
#include <span>

#include "spikesmith/nets/kernels.hpp"
#include "spikesmith/nets/specification.hpp"

namespace spikesmith::nets {

// One value's change of variables u(v).
struct Changed {
    double value;           // u
    double slope;           // du/dv
    double log_slope;       // log du/dv
    double log_slope_rate;  // d log_slope / dv
};

// The normal distribution function, and its inverse for 0 < p < 1.
[[nodiscard]] double normal_share(double u);
[[nodiscard]] double normal_quantile(double p);

struct Scaling {
    std::size_t theta_dimensions = 0;
    std::size_t x_dimensions = 0;
    Support support;
    std::vector<std::size_t> cut;  // see DensitySpecification
    Standardization theta_scale;
    Standardization x_scale;
    bool mask_missing = false;

    // Throws ConfigError for sizes that do not fit, bounds that exclude everything, deviations that are not positive.
    void check() const;
    [[nodiscard]] std::size_t x_inputs() const { return mask_missing ? 2 * x_dimensions : x_dimensions; }

    // The network's theta; the result is log |d network variables / d theta|, -infinity outside the support (then the
    // inputs are zero). Throws DataError for NaN.
    double theta_inputs(std::span<const double> theta, float* inputs) const;
    // From the gradient by the network's inputs to that of value + log volume by theta.
    void theta_gradient(std::span<const double> theta, const float* inputs_gradient, std::size_t stride,
                        std::span<double> gradient) const;
    // The inverse; always inside the support.
    void theta_values(const float* inputs, std::span<double> theta) const;

    // Where the densities of the network's theta are cut: D intervals.
    [[nodiscard]] std::vector<Interval> intervals() const;

    void x_inputs(std::span<const double> x, float* inputs) const;
    void x_gradient(std::span<const double> x, const float* inputs_gradient, std::size_t stride,
                    std::span<double> gradient) const;

  private:
    [[nodiscard]] bool is_cut(std::size_t d) const;
    [[nodiscard]] Changed change(std::size_t d, double value) const;
};

}  // namespace spikesmith::nets
