#include "spikesmith/metrics/feature_metric.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

struct FeatureMetric::Recorded {
    std::vector<double> trace;
    double dt = 0;
    std::vector<std::vector<double>> values;

    // To the last bit, so that gaps (NaN) compare equal too.
    [[nodiscard]] bool is(std::span<const double> other, double other_dt) const {
        return dt == other_dt && trace.size() == other.size() &&
               std::memcmp(trace.data(), other.data(), other.size_bytes()) == 0;
    }
};

struct FeatureMetric::Calculator {
    Calculator(const FeatureSettings& settings, const FeatureTable& table) : features(settings, table) {}

    TraceFeatures features;
    std::vector<double> scaled{};  // a trace in volts
};

namespace {

void require(bool fine, const std::string& what) {
    if (!fine) throw ConfigError("feature metric: " + what);
}

// Positions of the features in the table, after checking everything that the two metrics share.
std::vector<std::size_t> checked(const std::vector<ComparedFeature>& features, const FeatureTable& table,
                                 double normalization, const FeatureDifference& combine,
                                 const std::string& combine_name, const FeatureSettings& settings) {
    require(!features.empty(), "no features are listed");
    std::set<std::string> names;
    std::vector<std::size_t> indices;
    for (const ComparedFeature& feature : features) {
        indices.push_back(table.index(feature.name));
        require(names.insert(feature.name).second, fmt::format("the feature `{}` is listed twice", feature.name));
        check(feature);
    }
    require(std::isfinite(normalization) && normalization > 0,
            fmt::format("the normalization must be a positive number, not {:g}", normalization));
    require(static_cast<bool>(combine) != combine_name.empty(), "combine and combine_name belong together");
    check(settings);
    return indices;
}

void check_window(const StimulusWindow& stimulus) {
    require(std::isfinite(stimulus.start) && std::isfinite(stimulus.end) && stimulus.start >= 0 &&
                stimulus.start < stimulus.end,
            fmt::format("the stimulus from {:g} s to {:g} s is empty or begins before the recording", stimulus.start,
                        stimulus.end));
}

std::string text_of(const std::vector<ComparedFeature>& features) {
    std::string text;
    for (const ComparedFeature& feature : features) {
        text += (text.empty() ? " " : ", ") + description(feature);
    }
    return text;
}

bool finite(std::span<const double> values) {
    return std::ranges::all_of(values, [](double v) { return std::isfinite(v); });
}

}  // namespace

FeatureMetric::FeatureMetric(FeatureMetricOptions options)
    : options_(std::move(options)),
      table_(options_.table ? options_.table.get() : &standard_features(options_.settings.mode)) {
    require(!options_.stimuli.empty(), "the time window of the stimulus is missing");
    for (const StimulusWindow& stimulus : options_.stimuli) {
        check_window(stimulus);
        require(options_.t_start <= stimulus.start,
                fmt::format("t_start = {:g} s is after the start of the stimulus at {:g} s", options_.t_start,
                            stimulus.start));
    }
    indices_ = checked(options_.features, *table_, options_.normalization, options_.combine, options_.combine_name,
                       options_.settings);
    require(std::isfinite(options_.t_start) && options_.t_start >= 0,
            fmt::format("t_start must be a time of at least 0 s, not {:g} s", options_.t_start));
    require(std::isfinite(options_.volts_per_unit) && options_.volts_per_unit >= 0,
            fmt::format("volts_per_unit must be a positive voltage, not {:g} V", options_.volts_per_unit));
    require(finite(options_.stimulus_currents), "stimulus_currents must be finite");
    require(static_cast<bool>(options_.table) != options_.table_name.empty(), "table and table_name belong together");
}

FeatureMetric::~FeatureMetric() = default;

std::string FeatureMetric::description() const {
    std::string text = "features" + text_of(options_.features);
    for (const auto& [start, end] : options_.stimuli) text += fmt::format(", stimulus {} to {} s", start, end);
    for (const double current : options_.stimulus_currents) text += fmt::format(", current {} A", current);
    if (options_.t_start != 0) text += fmt::format(", t_start {} s", options_.t_start);
    if (options_.normalization != 1) text += fmt::format(", normalization {}", options_.normalization);
    if (options_.sum_over_traces) text += ", sum over traces";
    if (options_.volts_per_unit != 0) text += fmt::format(", volts_per_unit {}", options_.volts_per_unit);
    if (options_.combine) text += fmt::format(", combine {}", options_.combine_name);
    if (options_.table) text += fmt::format(", table {}", options_.table_name);
    return text + spikesmith::description(options_.settings);
}

Dimension FeatureMetric::error_dimension(const Dimension& output) const {
    if (options_.volts_per_unit == 0 && !(output == dimensions::volt)) {
        throw UnitError(fmt::format("features need an output in volt, not in {}", output.name()),
                        output.dimensionless() ? "say what 1 is in volts with volts_per_unit, such as 1 mV" : "");
    }
    if (options_.volts_per_unit != 0 && !output.dimensionless()) {
        throw UnitError(
            fmt::format("volts_per_unit is for dimensionless outputs, but the output is in {}", output.name()));
    }
    return dimensions::none;
}

Dimension FeatureMetric::normalized_dimension(const Dimension& output) const {
    return error_dimension(output);
}

const StimulusWindow& FeatureMetric::stimulus(std::size_t trace) const {
    if (options_.stimuli.size() == 1) return options_.stimuli[0];
    if (trace < options_.stimuli.size()) return options_.stimuli[trace];
    throw ConfigError(
        fmt::format("feature metric: there are {} stimuli, but a trace {}", options_.stimuli.size(), trace + 1));
}

void FeatureMetric::check(const TraceShape& shape) const {
    TraceMetric::check(shape);
    const auto fits = [&](std::size_t n) { return n == 1 || n == shape.n_traces; };
    require(fits(options_.stimuli.size()),
            fmt::format("there are {} stimuli for {} traces; give one for all or one per trace",
                        options_.stimuli.size(), shape.n_traces));
    require(options_.stimulus_currents.empty() || fits(options_.stimulus_currents.size()),
            fmt::format("there are {} stimulus_currents for {} traces; give one for all or one per trace",
                        options_.stimulus_currents.size(), shape.n_traces));
    for (const ComparedFeature& feature : options_.features) check_traces(feature, shape.n_traces);
    const std::size_t first = first_sample(options_.t_start, shape.dt, shape.n_steps);
    require(shape.n_steps - first >= 3, fmt::format("trace {} has fewer than 3 samples", shape.trace + 1));
    const double end = static_cast<double>(shape.n_steps) * shape.dt;
    require(stimulus(shape.trace).start < end,
            fmt::format("the stimulus of trace {} starts at {:g} s, but the trace ends at {:g} s", shape.trace + 1,
                        stimulus(shape.trace).start, end));
}

bool FeatureMetric::needs_no_recording() const {
    return std::ranges::none_of(options_.features,
                                [](const ComparedFeature& feature) { return feature.means.empty(); });
}

std::unique_ptr<FeatureMetric::Calculator> FeatureMetric::take() const {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            auto calculator = std::move(idle_.back());
            idle_.pop_back();
            return calculator;
        }
    }
    return std::make_unique<Calculator>(options_.settings, *table_);
}

void FeatureMetric::give_back(std::unique_ptr<Calculator> calculator) const {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(calculator));
}

void FeatureMetric::load(Calculator& calculator, std::span<const double> trace, std::size_t trace_number,
                         double dt) const {
    const std::size_t first = first_sample(options_.t_start, dt, trace.size());
    trace = trace.subspan(first);
    if (options_.volts_per_unit != 0) {
        calculator.scaled.assign(trace.begin(), trace.end());
        for (double& v : calculator.scaled) v *= options_.volts_per_unit;
        trace = calculator.scaled;
    }
    const auto& currents = options_.stimulus_currents;
    calculator.features.load({.voltage = trace,
                              .dt = dt,
                              .stimulus = stimulus(trace_number),
                              .first_sample = first,
                              .stimulus_current = currents.empty()       ? std::numeric_limits<double>::quiet_NaN()
                                                  : currents.size() == 1 ? currents[0]
                                                                         : currents.at(trace_number)});
}

std::vector<std::vector<double>> FeatureMetric::values(std::span<const double> trace, std::size_t trace_number,
                                                       double dt) const {
    auto calculator = take();
    load(*calculator, trace, trace_number, dt);
    std::vector<std::vector<double>> result;
    for (const std::size_t index : indices_) {
        const FeatureValue& value = calculator->features.get(index);
        result.emplace_back(value.values.begin(), value.values.end());
    }
    give_back(std::move(calculator));
    return result;
}

// The latest recording of each trace is kept, which in a fit is the only one.
std::shared_ptr<const FeatureMetric::Recorded> FeatureMetric::recorded(std::span<const double> target,
                                                                       std::size_t trace, double dt) const {
    {
        const std::lock_guard lock(mutex_);
        if (trace < recorded_.size() && recorded_[trace] && recorded_[trace]->is(target, dt)) return recorded_[trace];
    }
    const std::size_t first = first_sample(options_.t_start, dt, target.size());
    if (!finite(target.subspan(first))) {
        throw DataError(fmt::format("features need recordings without gaps, but trace {} has some", trace + 1),
                        "leave the trace out, or compare it with a mean squared error");
    }
    auto computed =
        std::make_shared<const Recorded>(Recorded{{target.begin(), target.end()}, dt, values(target, trace, dt)});
    const std::lock_guard lock(mutex_);
    if (trace >= recorded_.size()) recorded_.resize(trace + 1);
    recorded_[trace] = computed;
    return computed;
}

std::vector<double> FeatureMetric::errors(const Array2& features) const {
    std::vector<double> errors = TraceMetric::errors(features);
    if (options_.sum_over_traces) {
        for (double& error : errors) error *= static_cast<double>(features.columns);
    }
    return errors;
}

Array2 FeatureMetric::features(const TraceBlock& simulated, const Array2& target, double dt) const {
    Array2 result(simulated.n_samples, simulated.n_traces);
    const bool given = needs_no_recording();
    auto calculator = take();
    for (std::size_t r = 0; r < simulated.n_traces; ++r) {
        const std::size_t trace = simulated.first_trace + r;
        const auto data = given ? nullptr : recorded(target.row(r), trace, dt);
        const std::size_t first = first_sample(options_.t_start, dt, simulated.n_steps);
        for (std::size_t s = 0; s < simulated.n_samples; ++s) {
            const auto model = simulated.trace(s, r);
            if (!finite(model.subspan(first))) {
                result(s, r) = std::numeric_limits<double>::quiet_NaN();
                continue;
            }
            load(*calculator, model, trace, dt);
            double sum = 0;
            for (std::size_t f = 0; f < indices_.size(); ++f) {
                sum += cost(options_.features[f], trace, calculator->features.get(indices_[f]).values,
                            given ? FeatureValues{} : FeatureValues(data->values[f]), options_.combine);
            }
            result(s, r) = sum / options_.normalization;
        }
    }
    give_back(std::move(calculator));
    return result;
}

MetricPointer feature_metric(FeatureMetricOptions options) {
    return std::make_shared<const FeatureMetric>(std::move(options));
}

// ---- spike trains ---------------------------------------------------------------------------------------------------

SpikeFeatureMetric::SpikeFeatureMetric(SpikeFeatureMetricOptions options) : options_(std::move(options)) {
    check_window(options_.stimulus);
    indices_ = checked(options_.features, standard_features(options_.settings.mode), options_.normalization,
                       options_.combine, options_.combine_name, options_.settings);
    // A train that has everything: what is missing here needs the membrane potential.
    std::vector<double> times;
    for (int burst = 0; burst < 8; ++burst) {
        for (int k = 0; k < 5; ++k) times.push_back(1 + burst * 0.5 + k * 0.01);
    }
    TraceFeatures features({.times = times, .stimulus = {0.5, 6}}, options_.settings);
    for (std::size_t f = 0; f < indices_.size(); ++f) {
        require(
            features.get(indices_[f]).missing != Missing::no_voltage,
            fmt::format("`{}` needs the membrane potential, but only spikes are compared", options_.features[f].name));
        check_traces(options_.features[f], 1);
    }
}

std::string SpikeFeatureMetric::description() const {
    std::string text = "spike features" + text_of(options_.features);
    text += fmt::format(", stimulus {} to {} s", options_.stimulus.start, options_.stimulus.end);
    if (options_.normalization != 1) text += fmt::format(", normalization {}", options_.normalization);
    if (options_.combine) text += fmt::format(", combine {}", options_.combine_name);
    return text + spikesmith::description(options_.settings);
}

void SpikeFeatureMetric::check(SpikeTrain target, double duration, double dt) const {
    SpikeMetric::check(target, duration, dt);
    require(
        options_.stimulus.start < duration,
        fmt::format("the stimulus starts at {:g} s, but the trace ends at {:g} s", options_.stimulus.start, duration));
}

double SpikeFeatureMetric::feature(SpikeTrain simulated, SpikeTrain target, double, double) const {
    TraceFeatures model({.times = simulated, .stimulus = options_.stimulus}, options_.settings);
    TraceFeatures recorded({.times = target, .stimulus = options_.stimulus}, options_.settings);
    double sum = 0;
    for (std::size_t f = 0; f < indices_.size(); ++f) {
        sum += cost(options_.features[f], 0, model.get(indices_[f]).values, recorded.get(indices_[f]).values,
                    options_.combine);
    }
    return sum / options_.normalization;
}

MetricPointer spike_feature_metric(SpikeFeatureMetricOptions options) {
    return std::make_shared<const SpikeFeatureMetric>(std::move(options));
}

}  // namespace spikesmith
