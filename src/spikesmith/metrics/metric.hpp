// Metric: how far a simulation is from a recording.
//
// A metric maps what was simulated to features, one per sample and trace, and features to errors, one per sample. It knows
// nothing of models and optimisers. There are two kinds: a TraceMetric compares traces, a SpikeMetric compares spike trains.
//
// A metric of one's own derives from one of them and writes `description`, `features` (or `feature`) and, unless the error
// is the mean over traces, `errors`; own_metric.hpp makes one from a function. Metrics are called from several threads at
// once with blocks as they are finished, so all calls must be const in earnest.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/units/dimension.hpp"

namespace spikesmith {

class Metric {
  public:
    virtual ~Metric() = default;

    // Name and settings in one line; equal metrics have equal descriptions.
    [[nodiscard]] virtual std::string description() const = 0;

    // Dimension of the error before and after normalisation, for an output of dimension `output`. The defaults are
    // dimensionless. Throws UnitError if the metric cannot be used for such an output.
    [[nodiscard]] virtual Dimension error_dimension(const Dimension& output) const;
    [[nodiscard]] virtual Dimension normalized_dimension(const Dimension& output) const;

    // Error of each sample from features of all traces (n_samples x n_traces). The default is the mean over traces.
    [[nodiscard]] virtual std::vector<double> errors(const Array2& features) const;

    // The error before normalisation.
    [[nodiscard]] virtual double unnormalized(double error) const { return error; }
};

using MetricPointer = std::shared_ptr<const Metric>;

// One trace of an experiment as it is compared.
struct TraceShape {
    std::size_t trace = 0;     // its number
    std::size_t n_traces = 1;  // of the experiment
    std::size_t n_steps = 0;   // samples
    double dt = 0;             // seconds between samples
};

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

class TraceMetric : public Metric {
  public:
    // Throws ConfigError if the settings do not fit such a trace. Called for every trace before a fit.
    virtual void check(const TraceShape& shape) const;

    // Features (n_samples x n_traces of the block) after normalisation. `target`: the n_traces recorded traces of the
    // block (n_traces x n_steps); NaN where the recording has a gap.
    [[nodiscard]] virtual Array2 features(const TraceBlock& simulated, const Array2& target, double dt) const = 0;

    // The online form, if the metric has one: the feature of a trace is
    // sum_k weights[k] * scale**2 * rho(((simulated[k] - target[k]) / scale)**2), so that a kernel can compute it while it
    // simulates (numerics/online_error.hpp). `counted[k]` is false where the recording has a gap: the weight there is 0;
    // empty: no gaps.
    struct OnlineForm {
        std::vector<double> weights;
        Loss loss = Loss::squared;
        double scale = 1;
    };
    [[nodiscard]] virtual std::optional<OnlineForm> online_form(const TraceShape& shape,
                                                                const std::vector<bool>& counted) const;
};

// A spike train that is compared: finite times in seconds, in order; in a fit within [0, duration).
using SpikeTrain = std::span<const double>;

class SpikeMetric : public Metric {
  public:
    // Throws ConfigError or DataError if the settings do not fit a recorded train of such a duration (seconds), compared
    // at a resolution of `dt` seconds. Called for every trace before a fit.
    virtual void check(SpikeTrain target, double duration, double dt) const;

    // A sentence on what is doubtful about comparing with these recorded trains, one per trace, which passed check(); `durations` of
    // the traces in seconds. The default has no doubts.
    [[nodiscard]] virtual std::optional<std::string> warning(const std::vector<std::vector<double>>& targets,
                                                             std::span<const double> durations, double dt) const;

    // Feature of one simulated train, after normalisation.
    [[nodiscard]] virtual double feature(SpikeTrain simulated, SpikeTrain target, double duration, double dt) const = 0;
};

// errors(features(...)) of all traces at once, after check().
[[nodiscard]] std::vector<double> calculate(const TraceMetric& metric, const TraceBlock& simulated,
                                            const Array2& target, double dt);
// The same for spikes: `simulated[sample][trace]`. Trains may be in any order, and are compared as they are: also what lies outside of
// the duration.
[[nodiscard]] std::vector<double> calculate(const SpikeMetric& metric,
                                            const std::vector<std::vector<std::vector<double>>>& simulated,
                                            const std::vector<std::vector<double>>& target, double duration, double dt);

// Index of the first sample at or after `t_start`: round(t_start/dt), halves to the even number.
// Throws ConfigError unless t_start is finite, not negative and before the end of the trace.
[[nodiscard]] std::size_t first_sample(double t_start, double dt, std::size_t n_steps);

}  // namespace spikesmith
