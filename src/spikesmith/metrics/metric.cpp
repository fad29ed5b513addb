#include "spikesmith/metrics/metric.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/metrics/spike_trains.hpp"

namespace spikesmith {

Dimension Metric::error_dimension(const Dimension& /*output*/) const {
    return dimensions::none;
}

Dimension Metric::normalized_dimension(const Dimension& /*output*/) const {
    return dimensions::none;
}

void TraceMetric::check(const TraceShape& shape) const {
    if (shape.n_steps == 0) throw ConfigError("a metric needs traces of at least one sample");
    if (!(shape.dt > 0) || !std::isfinite(shape.dt)) {
        throw ConfigError(fmt::format("the sampling interval must be a positive time, not {:g} s", shape.dt));
    }
}

void SpikeMetric::check(SpikeTrain target, double duration, double dt) const {
    if (!(duration > 0) || !std::isfinite(duration)) {
        throw ConfigError(fmt::format("the duration must be a positive time, not {:g} s", duration));
    }
    if (!(dt > 0) || !std::isfinite(dt)) {
        throw ConfigError(fmt::format("the time step must be a positive time, not {:g} s", dt));
    }
    if (!std::ranges::is_sorted(target)) throw DataError("the spike times of a recording must be in order");
    if (!std::ranges::all_of(target, [](double time) { return std::isfinite(time); }))
        throw DataError("spike times must be finite numbers");
}

std::optional<std::string> SpikeMetric::warning(const std::vector<std::vector<double>>& /*targets*/,
                                                std::span<const double> /*durations*/, double /*dt*/) const {
    return std::nullopt;
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

std::optional<TraceMetric::OnlineForm> TraceMetric::online_form(const TraceShape& /*shape*/,
                                                                const std::vector<bool>& /*counted*/) const {
    return std::nullopt;
}

std::vector<double> calculate(const TraceMetric& metric, const TraceBlock& simulated, const Array2& target, double dt) {
    if (target.rows != simulated.n_traces || target.columns != simulated.n_steps) {
        throw DataError(fmt::format("simulated traces ({} of {} samples) and recorded ones ({} of {}) differ in shape",
                                    simulated.n_traces, simulated.n_steps, target.rows, target.columns));
    }
    if (simulated.n_traces == 0) throw DataError("a metric needs at least one trace");
    if (simulated.values.size() != simulated.n_samples * simulated.n_traces * simulated.n_steps) {
        throw DataError(fmt::format("a block of {} x {} x {} samples has {} values", simulated.n_samples,
                                    simulated.n_traces, simulated.n_steps, simulated.values.size()));
    }
    for (std::size_t r = 0; r < simulated.n_traces; ++r) {
        metric.check({.trace = simulated.first_trace + r,
                      .n_traces = simulated.first_trace + simulated.n_traces,
                      .n_steps = simulated.n_steps,
                      .dt = dt});
    }
    return metric.errors(metric.features(simulated, target, dt));
}

std::vector<double> calculate(const SpikeMetric& metric, const std::vector<std::vector<std::vector<double>>>& simulated,
                              const std::vector<std::vector<double>>& target, double duration, double dt) {
    if (target.empty()) throw DataError("a metric needs at least one trace");
    std::vector<std::vector<double>> recorded;
    for (const auto& train : target) {
        recorded.push_back(in_order(train));
        metric.check(recorded.back(), duration, dt);
    }
    Array2 features(simulated.size(), target.size());
    for (std::size_t s = 0; s < simulated.size(); ++s) {
        if (simulated[s].size() != target.size()) {
            throw DataError(fmt::format("sample {} has {} spike trains for {} recorded ones", s, simulated[s].size(),
                                        target.size()));
        }
        for (std::size_t r = 0; r < target.size(); ++r)
            features(s, r) = metric.feature(in_order(simulated[s][r]), recorded[r], duration, dt);
    }
    return metric.errors(features);
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
