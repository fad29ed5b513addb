// FeatureMetric: how far electrophysiological features of simulated traces are from those of the recordings.
//
//     feature[s, r] = sum_f weight_f * difference_f / scale_f / normalization
//     difference_f  = |simulated value - recorded value|, or what `combine` gives
//     error[s]      = mean_r feature[s, r]
//
// The features are those of features/features.hpp; of one with a value per spike (AP_amplitude) the mean is compared.
//
//     FeatureMetric({.stimuli = {{0.7, 2.7}},
//                    .features = {{.name = "Spikecount", .scale = 1},
//                                 {.name = "AP_amplitude", .scale = 5},                 // mV, say the standard deviation
//                                 {.name = "voltage_base", .weight = 2, .scale = 1}}});
//
// A feature that neither trace has costs nothing; one that only one of them has (no spike, so no amplitude) costs
// weight * absent_penalty. The default of 250 is beyond any sensible difference in units of a standard deviation; BluePyOpt
// uses the same. A simulated trace that is not finite gives NaN, a failure.
//
// The output must be a membrane potential in volts; for a dimensionless output (`v` in mV without unit) say what 1 is in
// volts. Voltages are never scaled by the normalization. With t_start the earlier samples are cut, but times stay those of the
// recording. Features of a recording are computed once and kept.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/features/features.hpp"
#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

struct ComparedFeature {
    std::string name;   // as in feature_list()
    double weight = 1;  // >= 0
    double scale = 1;   // > 0, in the unit of the feature (mV, ms, Hz, 1): the difference that costs one weight
    double absent_penalty = 250;  // >= 0; see above
};

// Of simulated and recorded value, in the unit of the feature.
using FeatureDifference = std::function<double(double simulated, double recorded)>;

struct FeatureMetricOptions {
    std::vector<StimulusWindow> stimuli;    // one for all traces, or one per trace; seconds
    std::vector<ComparedFeature> features;  // at least one
    double t_start = 0;                     // seconds; not after the start of a stimulus
    double normalization = 1;               // > 0; the error is divided by it
    double volts_per_unit = 0;              // of a dimensionless output: 1e-3 if it is in mV; 0: the output is in volts
    FeatureSettings settings{};
    FeatureDifference combine{};  // absent: the absolute difference
    std::string combine_name{};   // tells metrics apart; needed with `combine`
};

class FeatureMetric final : public TraceMetric {
  public:
    // Throws ConfigError for unknown or repeated features and values out of range.
    explicit FeatureMetric(FeatureMetricOptions options);
    ~FeatureMetric() override;
    FeatureMetric(const FeatureMetric&) = delete;
    FeatureMetric& operator=(const FeatureMetric&) = delete;

    [[nodiscard]] const FeatureMetricOptions& options() const { return options_; }
    [[nodiscard]] std::string description() const override;
    [[nodiscard]] Dimension error_dimension(const Dimension& output) const override;  // none; UnitError unless volts
    [[nodiscard]] Dimension normalized_dimension(const Dimension& output) const override;
    // Also throws ConfigError if the number of stimuli is neither 1 nor that of the traces.
    void check(const TraceShape& shape) const override;
    // Throws DataError for a recording with gaps.
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override;
    [[nodiscard]] double unnormalized(double error) const override { return error * options_.normalization; }

    // The compared values of one trace, in the order of the features; nothing for a feature that is absent.
    [[nodiscard]] std::vector<std::optional<double>> values(std::span<const double> trace, std::size_t trace_number,
                                                            double dt) const;

  private:
    struct Recorded;  // a recording and its values

    [[nodiscard]] const StimulusWindow& stimulus(std::size_t trace) const;
    [[nodiscard]] std::shared_ptr<const Recorded> recorded(std::span<const double> target, std::size_t trace,
                                                           double dt) const;
    [[nodiscard]] double cost(const std::vector<std::optional<double>>& simulated,
                              const std::vector<std::optional<double>>& target) const;

    FeatureMetricOptions options_;
    std::vector<std::size_t> indices_;                               // of the features
    mutable std::mutex mutex_;                                       // of recorded_
    mutable std::vector<std::shared_ptr<const Recorded>> recorded_;  // by trace
};

[[nodiscard]] MetricPointer feature_metric(FeatureMetricOptions options);

}  // namespace spikesmith
