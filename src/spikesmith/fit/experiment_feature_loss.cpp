#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/features/features.hpp"
#include "spikesmith/features/sample_grid.hpp"
#include "spikesmith/fit/experiment_loss.hpp"
#include "spikesmith/fit/recorded_chunks.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double milliseconds(double seconds) {
    return in_milliseconds(seconds, TraceUnits::si);
}

StimulusWindow stimulus_of(const std::vector<StimulusWindow>& stimuli, const SimulationRecord& record,
                           std::size_t chunk) {
    if (stimuli.empty()) return {0, milliseconds(chunk_duration(record, chunk))};
    if (stimuli.size() != 1 && stimuli.size() != record.chunks.size()) {
        throw ConfigError(fmt::format("{} stimuli, but {} chunks", stimuli.size(), record.chunks.size()),
                          "give one for all chunks, or one for each");
    }
    const StimulusWindow& stimulus = stimuli[stimuli.size() == 1 ? 0 : chunk];
    return {milliseconds(stimulus.start), milliseconds(stimulus.end)};
}

std::vector<double> times_in_milliseconds(const SimulationRecord& record, std::size_t chunk) {
    std::vector<double> times = chunk_times(record, chunk);
    for (double& time : times) time = milliseconds(time);
    return times;
}

std::vector<double> millivolts(const SimulationRecord& record, std::size_t chunk, const std::string& variable,
                               double factor) {
    const std::span<const double> trace = record.trace(variable, chunk);
    std::vector<double> result(trace.begin(), trace.end());
    for (double& value : result) value *= factor;
    return result;
}

void check_factor(double factor) {
    if (!(factor > 0) || !std::isfinite(factor))
        throw ConfigError(fmt::format("to_millivolt must be positive, not {:g}", factor),
                          "1 for a variable in millivolts, 1000 for one in volts");
}

// A feature of a trace: its mean value; nothing if it is missing.
std::optional<double> value_of(TraceFeatures& features, const std::string& name) {
    const FeatureValue& value = features.get(name);
    if (!value.present()) return std::nullopt;
    const double mean = value.mean();
    return std::isfinite(mean) ? std::optional(mean) : std::nullopt;
}

// |a - b|, 0 if both lack it, `most` if one does.
double difference(const std::optional<double>& a, const std::optional<double>& b, double most) {
    if (!a && !b) return 0;
    return a && b ? std::fabs(*a - *b) : most;
}

struct Tolerance {
    double most = 0;
    double close = 1;
};

// A tenth of a duration in ms.
double close_time(double duration) {
    return std::clamp(0.1 * duration, 5.0, 50.0);
}

double close_count(double duration) {
    return std::max(1.0, std::ceil(duration / 200));
}

std::vector<std::string> known_features(std::vector<std::string> chosen, const std::vector<std::string>& known) {
    if (chosen.empty()) return known;
    for (const std::string& name : chosen) {
        if (std::ranges::find(known, name) != known.end()) continue;
        const std::string hint = did_you_mean(name, known);
        throw ConfigError(fmt::format("this loss has no feature `{}`", name),
                          hint.empty() ? fmt::format("one of: {}", fmt::join(known, ", ")) : hint);
    }
    return chosen;
}

// ---- of spikes ----

struct SpikeFeatures {
    explicit SpikeFeatures(const SimulationRecord& record, std::size_t chunk) {
        for (const double time : chunk_spikes(record, chunk)) times.push_back(milliseconds(time));
    }
    [[nodiscard]] std::optional<double> spike(std::size_t number) const {
        return number < times.size() ? std::optional(times[number]) : std::nullopt;
    }
    [[nodiscard]] std::optional<double> interval_variation() const {
        if (times.size() < 2) return std::nullopt;
        const auto n = static_cast<double>(times.size() - 1);
        const double mean = (times.back() - times.front()) / n;
        double squares = 0;
        for (std::size_t k = 1; k < times.size(); ++k) {
            const double deviation = times[k] - times[k - 1] - mean;
            squares += deviation * deviation;
        }
        return std::sqrt(squares / n) / mean;
    }
    [[nodiscard]] std::optional<double> get(std::string_view name) const {
        if (name == "spike_count") return static_cast<double>(times.size());
        if (name == "time_to_first_spike") return spike(0);
        if (name == "time_to_second_spike") return spike(1);
        if (name == "time_to_third_spike") return spike(2);
        if (name == "time_to_last_spike") return times.empty() ? std::nullopt : spike(times.size() - 1);
        return interval_variation();
    }
    std::vector<double> times;
};

Tolerance spike_tolerance(std::string_view name, double duration, double steps) {
    if (name == "spike_count") return {steps, close_count(duration)};
    if (name == "ISI_CV") return {1, 0.1};
    return {duration, close_time(duration)};
}

// ---- of voltages ----

struct EfelChunk {
    std::vector<double> voltage;  // mV
    std::vector<double> time;     // ms
    StimulusWindow stimulus;      // ms

    [[nodiscard]] bool plausible() const {
        return std::ranges::all_of(voltage, [](double v) { return v >= -200 && v <= 100; });
    }
    [[nodiscard]] Tolerance tolerance(std::string_view name) const {
        const double end = time.empty() ? 0 : time.back();
        const double rest = end - stimulus.start;
        if (name.starts_with("time_to")) return {rest, close_time(rest)};
        if (name == "spike_count") return {static_cast<double>(voltage.size()), close_count(end)};
        if (name == "spike_count_stimint") {
            const auto inside =
                std::ranges::count_if(time, [&](double t) { return t >= stimulus.start && t <= stimulus.end; });
            return {static_cast<double>(inside), close_count(end)};
        }
        if (name == "ISI_CV") return {1, 0.1};
        return {200, 10};
    }
};

EfelChunk efel_chunk(const SimulationRecord& record, std::size_t chunk, const EfelLossOptions& options) {
    return {.voltage = millivolts(record, chunk, options.variable, options.to_millivolt),
            .time = times_in_milliseconds(record, chunk),
            .stimulus = stimulus_of(options.stimuli, record, chunk)};
}

double efel_loss_of(const EfelChunk& candidate, const EfelChunk& target, const std::vector<std::string>& names) {
    const bool compared = candidate.plausible() && target.plausible();
    TraceFeatures a{FeatureSettings{}};
    TraceFeatures b{FeatureSettings{}};
    const auto load = [](TraceFeatures& features, const EfelChunk& chunk) {
        features.load({.voltage = chunk.voltage,
                       .dt = 0,
                       .stimulus = chunk.stimulus,
                       .time = chunk.time,
                       .units = TraceUnits::quoted});
    };
    if (compared) {
        load(a, candidate);
        load(b, target);
    }
    double sum = 0;
    for (const std::string& name : names) {
        const Tolerance tolerance = candidate.tolerance(name);
        const double distance =
            compared ? difference(value_of(a, name), value_of(b, name), tolerance.most) : tolerance.most;
        sum += distance / tolerance.close;
    }
    return sum / static_cast<double>(names.size());
}

// The loss of a pair of records as one value per chunk.
template <class LossOfChunk>
std::vector<double> per_chunk(const SimulationRecord& candidate, const SimulationRecord& target, std::string_view name,
                              const LossOfChunk& loss_of_chunk) {
    require_comparable(candidate, target, name);
    std::vector<double> losses;
    for (std::size_t chunk = 0; chunk < candidate.chunks.size(); ++chunk)
        losses.push_back(has_failed(candidate, chunk) ? not_a_number : loss_of_chunk(chunk));
    return losses;
}

}  // namespace

ExperimentLoss feature_loss(FeatureLossOptions options) {
    check_factor(options.to_millivolt);
    check(options.settings);
    if (options.scales.empty())
        throw ConfigError("a loss of features needs at least one feature with its scale",
                          "for example AP_amplitude with 5 (mV)");
    if (!(options.missing >= 0))
        throw ConfigError(
            fmt::format("what a missing feature costs must not be negative, but is {:g}", options.missing));
    for (const auto& [name, scale] : options.scales) {
        static_cast<void>(standard_features(options.settings.mode).index(name));
        if (!(scale > 0) || !std::isfinite(scale))
            throw ConfigError(fmt::format("the scale of `{}` must be positive, not {:g}", name, scale));
    }
    return [options = std::move(options)](const SimulationRecord& candidate, const SimulationRecord& target) {
        return per_chunk(candidate, target, "of features", [&](std::size_t chunk) {
            TraceFeatures simulated(options.settings);
            TraceFeatures wanted(options.settings);
            const auto load = [&](TraceFeatures& features, const SimulationRecord& record) {
                const std::vector<double> voltage = millivolts(record, chunk, options.variable, options.to_millivolt);
                const std::vector<double> time = times_in_milliseconds(record, chunk);
                features.load({.voltage = voltage,
                               .dt = 0,
                               .stimulus = stimulus_of(options.stimuli, record, chunk),
                               .time = time,
                               .units = TraceUnits::quoted});
            };
            load(simulated, candidate);
            load(wanted, target);
            double sum = 0;
            for (const auto& [name, scale] : options.scales) {
                // `missing` is in units of the scale already
                const auto a = value_of(simulated, name);
                const auto b = value_of(wanted, name);
                sum += a && b ? difference(a, b, 0) / scale : difference(a, b, options.missing);
            }
            return sum / static_cast<double>(options.scales.size());
        });
    };
}

ExperimentLoss spike_feature_loss(std::vector<std::string> features) {
    features = known_features(std::move(features), {"spike_count", "time_to_first_spike", "time_to_second_spike",
                                                    "time_to_third_spike", "time_to_last_spike", "ISI_CV"});
    return [features = std::move(features)](const SimulationRecord& candidate, const SimulationRecord& target) {
        return per_chunk(candidate, target, "of features of spikes", [&](std::size_t chunk) {
            const SpikeFeatures simulated(candidate, chunk);
            const SpikeFeatures wanted(target, chunk);
            const double seconds = chunk_duration(candidate, chunk);
            const double duration = milliseconds(seconds);
            const double steps = std::round(seconds / candidate.dt);
            double sum = 0;
            for (const std::string& name : features) {
                const Tolerance tolerance = spike_tolerance(name, duration, steps);
                sum += difference(simulated.get(name), wanted.get(name), tolerance.most) / tolerance.close;
            }
            return sum / static_cast<double>(features.size());
        });
    };
}

ExperimentLoss efel_loss(EfelLossOptions options) {
    check_factor(options.to_millivolt);
    options.features =
        known_features(std::move(options.features),
                       {"steady_state_voltage_stimend", "steady_state_voltage", "voltage_base", "voltage_after_stim",
                        "minimum_voltage", "time_to_first_spike", "time_to_second_spike", "time_to_last_spike",
                        "spike_count", "spike_count_stimint", "ISI_CV"});
    return [options = std::move(options)](const SimulationRecord& candidate, const SimulationRecord& target) {
        return per_chunk(candidate, target, "of electrophysiology features", [&](std::size_t chunk) {
            return efel_loss_of(efel_chunk(candidate, chunk, options), efel_chunk(target, chunk, options),
                                options.features);
        });
    };
}

}  // namespace spikesmith
