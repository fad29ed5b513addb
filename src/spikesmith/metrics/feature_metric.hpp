// FeatureMetric: how far electrophysiological features of simulated traces are from those of the recordings, or from means and
// standard deviations that are given.
//
//     feature[s, r] = sum_f weight_f * difference_f / normalization       (feature_comparison.hpp)
//     difference_f  = |simulated value - recorded value| / scale_f
//     error[s]      = mean_r feature[s, r]
//
//     FeatureMetric({.stimuli = {{0.7, 2.7}},
//                    .features = {{.name = "spike_count", .scale = 1},
//                                 {.name = "AP_amplitude", .scale = 5},                // mV, say the standard deviation
//                                 {.name = "ISI_values", .scale = 10, .comparison = FeatureComparison::sequence},
//                                 {.name = "mean_frequency", .scale = 1.5, .means = {12.4}}}});
//
// Definitions, units and the two modes: docs/features.md. Of a feature with a value per spike the mean is compared, or the sequence.
// What a feature costs that only one side has is stated for each (MissingCost); what neither has costs nothing. A simulated
// trace that is not finite gives NaN, a failure.
//
// The output must be a membrane potential in volts; for a dimensionless output (`v` in mV without unit) say what 1 is in
// volts. Voltages are never scaled by the normalization. With t_start the earlier samples are cut, but times stay those of the
// recording. Features of a recording are computed once and kept.
//
// SpikeFeatureMetric is the same for spike trains: features of times and intervals only.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/features/features.hpp"
#include "spikesmith/metrics/feature_comparison.hpp"
#include "spikesmith/metrics/metric.hpp"

namespace spikesmith {

struct FeatureMetricOptions {
    std::vector<StimulusWindow> stimuli;    // one for all traces, or one per trace; seconds
    std::vector<ComparedFeature> features;  // at least one
    double t_start = 0;                     // seconds; not after the start of a stimulus
    double normalization = 1;               // > 0; the error is divided by it
    bool sum_over_traces = false;           // the error is the sum over traces instead of their mean
    double volts_per_unit = 0;              // of a dimensionless output: 1e-3 if it is in mV; 0: the output is in volts
    FeatureSettings settings{};             // also the mode
    FeatureDifference combine{};            // absent: the absolute difference
    std::string combine_name{};             // tells metrics apart; needed with `combine`
    // Amplitudes of the steps in amperes, for features such as ohmic_input_resistance: none, one, or one per trace.
    std::vector<double> stimulus_currents{};
    // Features of one's own. Absent: standard_features(settings.mode).
    std::shared_ptr<const FeatureTable> table{};
    std::string table_name{};  // tells metrics apart; needed with `table`
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
    // Also throws ConfigError if the number of stimuli, means or scales is neither 1 nor that of the traces.
    void check(const TraceShape& shape) const override;
    // Throws DataError for a recording with gaps, unless only given means are compared.
    [[nodiscard]] Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const override;
    [[nodiscard]] std::vector<double> errors(const Array2& features) const override;
    [[nodiscard]] double unnormalized(double error) const override { return error * options_.normalization; }

    // Whether all features have given means, so that recordings are not read.
    [[nodiscard]] bool needs_no_recording() const;

    // The values of one trace, in the order of the features; empty for a feature that is missing.
    [[nodiscard]] std::vector<std::vector<double>> values(std::span<const double> trace, std::size_t trace_number,
                                                          double dt) const;

  private:
    struct Recorded;    // a recording and its values
    struct Calculator;  // what one thread computes with

    [[nodiscard]] const StimulusWindow& stimulus(std::size_t trace) const;
    [[nodiscard]] std::shared_ptr<const Recorded> recorded(std::span<const double> target, std::size_t trace,
                                                           double dt) const;
    void load(Calculator& calculator, std::span<const double> trace, std::size_t trace_number, double dt) const;
    [[nodiscard]] std::unique_ptr<Calculator> take() const;
    void give_back(std::unique_ptr<Calculator> calculator) const;

    FeatureMetricOptions options_;
    const FeatureTable* table_;
    std::vector<std::size_t> indices_;                               // of the features
    mutable std::mutex mutex_;                                       // of what follows
    mutable std::vector<std::shared_ptr<const Recorded>> recorded_;  // by trace
    mutable std::vector<std::unique_ptr<Calculator>> idle_;
};

[[nodiscard]] MetricPointer feature_metric(FeatureMetricOptions options);

struct SpikeFeatureMetricOptions {
    StimulusWindow stimulus;                // seconds, of all traces
    std::vector<ComparedFeature> features;  // at least one; with at most one mean and scale each
    double normalization = 1;
    FeatureSettings settings{};
    FeatureDifference combine{};
    std::string combine_name{};
};

class SpikeFeatureMetric final : public SpikeMetric {
  public:
    // Throws ConfigError as FeatureMetric does, and for features that need the membrane potential.
    explicit SpikeFeatureMetric(SpikeFeatureMetricOptions options);

    [[nodiscard]] std::string description() const override;
    void check(SpikeTrain target, double duration, double dt) const override;
    [[nodiscard]] double feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const override;
    [[nodiscard]] double unnormalized(double error) const override { return error * options_.normalization; }

  private:
    SpikeFeatureMetricOptions options_;
    std::vector<std::size_t> indices_;
};

[[nodiscard]] MetricPointer spike_feature_metric(SpikeFeatureMetricOptions options);

}  // namespace spikesmith
