#include "spikesmith/metrics/metric.hpp"

#include <cmath>
#include <string>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

Dimension Metric::error_dimension(const Dimension& /*output*/) const {
    return dimensions::none;
}

Dimension Metric::normalized_dimension(const Dimension& /*output*/) const {
    return dimensions::none;
}

void Metric::check(std::size_t n_steps, double dt) const {
    if (n_steps == 0) throw ConfigError("a metric needs traces of at least one sample");
    if (!(dt > 0) || !std::isfinite(dt)) {
        throw ConfigError(fmt::format("the sampling interval must be a positive time, not {:g} s", dt));
    }
}

std::vector<double> Metric::errors(const Array2& features) const {
    std::vector<double> result(features.rows);
    for (std::size_t s = 0; s < features.rows; ++s) {
        double sum = 0;
        for (const double feature : features.row(s)) sum += feature;
        result[s] = sum / static_cast<double>(features.columns);
    }
    return result;
}

std::optional<std::vector<double>> Metric::online_weights(std::size_t /*n_steps*/, double /*dt*/) const {
    return std::nullopt;
}

std::vector<double> calculate(const Metric& metric, const TraceBlock& simulated, const Array2& target, double dt) {
    metric.check(simulated.n_steps, dt);
    if (target.rows != simulated.n_traces || target.columns != simulated.n_steps) {
        throw DataError(fmt::format("simulated traces ({} of {} samples) and recorded ones ({} of {}) differ in shape",
                                    simulated.n_traces, simulated.n_steps, target.rows, target.columns));
    }
    if (simulated.n_traces == 0) throw DataError("a metric needs at least one trace");
    if (simulated.values.size() != simulated.n_samples * simulated.n_traces * simulated.n_steps) {
        throw DataError(fmt::format("a block of {} x {} x {} samples has {} values", simulated.n_samples,
                                    simulated.n_traces, simulated.n_steps, simulated.values.size()));
    }
    return metric.errors(metric.features(simulated, target, dt));
}

std::size_t first_sample(double t_start, double dt, std::size_t n_steps) {
    if (!std::isfinite(t_start) || t_start < 0) {
        throw ConfigError(fmt::format("t_start must be a time of at least 0 s, not {:g} s", t_start));
    }
    const double sample = std::nearbyint(t_start / dt);  // halves to even
    if (!(sample < static_cast<double>(n_steps))) {
        throw ConfigError(fmt::format("t_start = {:g} s is beyond the end of the trace", t_start),
                          fmt::format("the trace has {} samples at {:g} s and ends at {:g} s", n_steps, dt,
                                      static_cast<double>(n_steps) * dt));
    }
    return static_cast<std::size_t>(sample);
}

}  // namespace spikesmith
