// Metric: how far simulated traces are from recorded ones.
//
// A metric maps traces to features, one per sample and trace, and features to errors, one per sample. It knows nothing
// of models and optimisers. A metric of one's own derives from Metric and writes `name`, `features` and, unless the
// error is the mean over traces, `errors`; it is handed blocks of traces from several threads at once, so both must be
// const in earnest.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/units/dimension.hpp"

namespace spikesmith {

// Simulated traces of one output: n_samples x n_traces x n_steps, row-major, SI units. `first_trace` is the number of
// the first trace of the block among all traces of the experiment.
struct TraceBlock {
    std::size_t n_samples = 0;
    std::size_t n_traces = 0;
    std::size_t n_steps = 0;
    std::span<const double> values;
    std::size_t first_trace = 0;

    [[nodiscard]] std::span<const double> trace(std::size_t sample, std::size_t trace) const {
        return values.subspan((sample * n_traces + trace) * n_steps, n_steps);
    }
};

class Metric {
  public:
    virtual ~Metric() = default;

    // Name and settings in one line; equal metrics have equal descriptions.
    [[nodiscard]] virtual std::string description() const = 0;

    // Dimension of the error before and after normalisation, for an output of dimension `output`. The defaults are
    // dimensionless. Throws UnitError if the metric cannot be used for such an output.
    [[nodiscard]] virtual Dimension error_dimension(const Dimension& output) const;
    [[nodiscard]] virtual Dimension normalized_dimension(const Dimension& output) const;

    // Throws ConfigError if the settings do not fit traces of `n_steps` samples at intervals of `dt` seconds.
    virtual void check(std::size_t n_steps, double dt) const;

    // Features (n_samples x n_traces of the block) after normalisation. `target`: the n_traces recorded traces of the
    // block (n_traces x n_steps).
    [[nodiscard]] virtual Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const = 0;

    // Error of each sample from features of all traces (n_samples x n_traces). The default is the mean over traces.
    [[nodiscard]] virtual std::vector<double> errors(const Array2& features) const;

    // The error before normalisation.
    [[nodiscard]] virtual double unnormalized(double error) const { return error; }

    // The online form, if the metric has one: weights w such that the feature of a trace is
    // sum_k w[k]*(simulated[k] - target[k])**2, so that a kernel can compute it while it simulates.
    [[nodiscard]] virtual std::optional<std::vector<double>> online_weights(std::size_t n_steps, double dt) const;
};

using MetricPointer = std::shared_ptr<const Metric>;

// errors(features(...)) of all traces at once, after check().
[[nodiscard]] std::vector<double> calculate(const Metric& metric, const TraceBlock& simulated, const Array2& target,
                                            double dt);

// Index of the first sample at or after `t_start`: round(t_start/dt), halves to the even number.
// Throws ConfigError unless t_start is finite, not negative and before the end of the trace.
[[nodiscard]] std::size_t first_sample(double t_start, double dt, std::size_t n_steps);

}  // namespace spikesmith
