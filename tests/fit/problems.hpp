// What the tests of mixed recordings, objectives, spikes and checkpoints share, beside models.hpp.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "fit/models.hpp"
#include <gtest/gtest.h>

#include "spikesmith/fit/fitter.hpp"
#include "spikesmith/metrics/own_metric.hpp"
#include "spikesmith/optimize/designs.hpp"

namespace spikesmith::test {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// A series whose traces differ: `value(trace, t)` at intervals[trace], samples[trace] times.
template <class Value>
TimeSeries mixed_series(const std::vector<double>& intervals, const std::vector<std::size_t>& samples, Value value) {
    std::size_t longest = 0;
    for (const std::size_t n : samples) longest = std::max(longest, n);
    TimeSeries series{.dt = intervals.front(),
                      .values = Array2(samples.size(), longest, not_a_number),
                      .trace_dt = intervals,
                      .trace_samples = samples};
    for (std::size_t r = 0; r < samples.size(); ++r) {
        for (std::size_t k = 0; k < samples[r]; ++k)
            series.values(r, k) = value(r, static_cast<double>(k) * intervals[r]);
    }
    return series;
}

// A series of one trace.
inline TimeSeries one_trace(double dt, std::vector<double> values) {
    Array2 array(1, values.size());
    array.values = std::move(values);
    return {.dt = dt, .values = std::move(array)};
}

// A recording of the leaky model that it cannot reproduce, so that no error is 0.
inline double recorded_voltage(double t, std::size_t trace) {
    return leaky_voltage(t, trace) + 1e-3 * std::sin(800 * t + static_cast<double>(trace));
}

// The evaluations at points that do not depend on errors, so that fits with other metrics or recordings see the same points.
inline FitOptions random_points(std::vector<FitParameter> parameters, std::size_t n_rounds = 1) {
    return {.parameters = std::move(parameters), .optimizer = random_search(), .n_rounds = n_rounds};
}

// The mean of `term(simulated - recorded)` over the samples that are not gaps, as a metric without online form.
inline MetricPointer mean_of(const std::string& name, std::function<double(double)> term) {
    return own_trace_metric(name, [term = std::move(term)](auto simulated, auto recorded, double) {
        double sum = 0;
        double n = 0;
        for (std::size_t k = 0; k < recorded.size(); ++k) {
            if (std::isnan(recorded[k])) continue;
            sum += term(simulated[k] - recorded[k]);
            ++n;
        }
        return sum / n;
    });
}

inline MetricPointer squares_of_traces() {
    return mean_of("squares", [](double difference) { return difference * difference; });
}

// Everything about a fit that must repeat, as words of 64 bits.
inline std::vector<std::uint64_t> record_of(const Fitter& fitter) {
    std::vector<std::uint64_t> record;
    const auto add = [&](double number) {
        record.push_back(std::isnan(number) ? ~std::uint64_t{0} : std::bit_cast<std::uint64_t>(number));
    };
    const auto add_all = [&](std::span<const double> numbers) {
        record.push_back(numbers.size());
        for (const double number : numbers) add(number);
    };
    const Evaluations& evaluations = fitter.evaluations();
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        add_all(evaluations.parameter_values(i));
        add(evaluations.error(i));
        add_all(evaluations.objective_errors(i));
        record.push_back(evaluations.round(i));
        record.push_back(evaluations.sample(i));
    }
    const FitResult result = fitter.result();
    record.insert(record.end(), {result.n_rounds, result.n_evaluations, result.n_failed, result.best ? 1U : 0U});
    if (result.best) {
        add_all(result.best->parameters);
        add(result.best->error);
        add(result.best->penalty);
        record.push_back(result.best->evaluation);
        for (const ObjectiveError& objective : result.best->objectives) {
            add(objective.raw);
            add(objective.normalized);
        }
    }
    for (const FittedParameter& parameter : result.parameters) {
        add(result.best ? parameter.value : 0);
        record.push_back(parameter.at_bound ? 1 : 0);
    }
    for (const RoundRecord& round : result.history) {
        add(round.best_error);
        add(round.round_best_error);
        record.push_back(round.n_failed);
    }
    for (const FailureCause& failure : result.failures) {
        record.insert(record.end(), {std::hash<std::string>{}(failure.what), failure.count, failure.evaluation});
    }
    for (const ParetoPoint& point : result.pareto_front) {
        record.push_back(point.evaluation);
        add_all(point.parameters);
        add_all(point.objectives);
    }
    return record;
}

}  // namespace spikesmith::test
