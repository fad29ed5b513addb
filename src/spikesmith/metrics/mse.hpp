// MSEMetric: the mean squared difference between simulated and recorded traces, or a robust relative of it.
//
//     feature[s, r] = sum_k w_k * rho((simulated[s, r, k] - recorded[r, k])**2) / (N**2 * sum_k w_k)
//     error[s]      = mean_r feature[s, r]
//
// w_k is the weight of the sample: 1 from t_start on, or `t_weights`, or by `windows`; 0 where the recording has a gap
// (NaN). N is `normalization`. rho is the identity for squares; the robust losses of numerics/online_error.hpp grow more
// slowly beyond a difference of `loss_scale`, so that artefacts and missed spikes count less: rho(e**2) is
// c**2*loss((e/c)**2) with the scale c. Since the sum is divided by the weights that counted, a recording may have gaps and
// traces may differ in length and sampling.
#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/metrics/metric.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

// Samples from round(from/dt) to before round(to/dt) get the weight. Weights of windows that overlap add up; a window may
// reach beyond the end of a trace.
struct TimeWindow {
    double from = 0;                                      // seconds
    double to = std::numeric_limits<double>::infinity();  // seconds; infinity: the end of the trace
    double weight = 1;                                    // > 0
};

struct MSEOptions {
    double t_start = 0;               // seconds; samples before round(t_start/dt) are ignored
    std::vector<double> t_weights{};  // one per sample, the same for every trace; only ratios matter; excludes t_start
    std::vector<TimeWindow>
        windows{};  // in seconds, so that they serve traces of any length; samples outside all of them
                    // are ignored; excludes t_start and t_weights
    Quantity normalization{
        1, {}};  // > 0; a plain number, or a quantity of the output's dimension: then the error is dimensionless
    Loss loss = Loss::squared;
    std::optional<Quantity> loss_scale{};  // > 0; the difference from which on the robust losses grow more slowly: a
                                           // quantity of the output's dimension, or a plain number in its SI base unit.
                                           // Needed for all losses but `squared`, which has none.
};

class MSEMetric final : public TraceMetric {
  public:
    // Throws ConfigError for t_start that is negative or not finite, weights that are negative, not finite or all zero,
    // windows that are empty, several of t_start, t_weights and windows, a normalisation or a loss scale that is not a
    // positive finite number, and a loss scale that is missing or of no use.
    explicit MSEMetric(MSEOptions options = {});

    [[nodiscard]] const MSEOptions& options() const { return options_; }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] Dimension error_dimension(const Dimension& output) const override;  // output**2
    [[nodiscard]] Dimension normalized_dimension(
        const Dimension& output) const override;  // output**2 / dimension(N)**2
    void check(const TraceShape& shape) const override;
    // Throws DataError, as online_form does, if a recording is a gap wherever it is weighted.
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override;
    [[nodiscard]] double unnormalized(double error) const override;
    [[nodiscard]] std::optional<OnlineForm> online_form(const TraceShape& shape,
                                                        const std::vector<bool>& counted) const override;

  private:
    [[nodiscard]] std::vector<double> sample_weights(const TraceShape& shape) const;

    MSEOptions options_;
};

[[nodiscard]] MetricPointer mse(MSEOptions options = {});

}  // namespace spikesmith
