// MSEMetric: the mean squared difference between simulated and recorded traces.
//
//     feature[s, r] = mean_k( w_k * ((simulated[s, r, k] - recorded[r, k]) / N)**2 )
//     error[s]      = mean_r feature[s, r]
//
// w_k = t_weights[k]/mean(t_weights), or 1; the mean is over samples from t_start on; N is `normalization`.
#pragma once

#include <vector>

#include "spikesmith/metrics/metric.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

struct MSEOptions {
    double t_start = 0;             // seconds; samples before round(t_start/dt) are ignored
    std::vector<double> t_weights;  // one per sample; only ratios matter; excludes t_start
    Quantity normalization{
        1, {}};  // > 0; a plain number, or a quantity of the output's dimension: then the error is dimensionless
};

class MSEMetric final : public Metric {
  public:
    // Throws ConfigError for t_start that is negative or not finite, weights that are negative, not finite or all zero,
    // weights together with t_start, and a normalisation that is not a positive finite number.
    explicit MSEMetric(MSEOptions options = {});

    [[nodiscard]] const MSEOptions& options() const { return options_; }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] Dimension error_dimension(const Dimension& output) const override;  // output**2
    [[nodiscard]] Dimension normalized_dimension(
        const Dimension& output) const override;  // output**2 / dimension(N)**2
    void check(std::size_t n_steps, double dt) const override;
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override;
    [[nodiscard]] double unnormalized(double error) const override;
    [[nodiscard]] std::optional<std::vector<double>> online_weights(std::size_t n_steps, double dt) const override;

  private:
    MSEOptions options_;
};

[[nodiscard]] MetricPointer mse(MSEOptions options = {});

}  // namespace spikesmith
