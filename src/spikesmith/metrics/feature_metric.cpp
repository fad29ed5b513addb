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
    std::vector<std::optional<double>> values;

    // To the last bit, so that gaps (NaN) compare equal too.
    [[nodiscard]] bool is(std::span<const double> other, double other_dt) const {
        return dt == other_dt && trace.size() == other.size() &&
               std::memcmp(trace.data(), other.data(), other.size_bytes()) == 0;
    }
};

namespace {

void require(bool fine, const std::string& what) {
    if (!fine) throw ConfigError("feature metric: " + what);
}

void check_feature(const ComparedFeature& feature, std::set<std::string>& names) {
    static_cast<void>(feature_index(feature.name));
    require(names.insert(feature.name).second, fmt::format("the feature `{}` is listed twice", feature.name));
    const auto at_least_zero = [](double value) { return std::isfinite(value) && value >= 0; };
    require(at_least_zero(feature.weight),
            fmt::format("the weight of `{}` must be a number of at least 0, not {:g}", feature.name, feature.weight));
    require(at_least_zero(feature.absent_penalty),
            fmt::format("the absent_penalty of `{}` must be a number of at least 0, not {:g}", feature.name,
                        feature.absent_penalty));
    require(std::isfinite(feature.scale) && feature.scale > 0,
            fmt::format("the scale of `{}` must be a positive number, not {:g}", feature.name, feature.scale));
}

std::string text_of(const FeatureSettings& settings) {
    const FeatureSettings standard;
    std::string text;
    const auto add = [&](const char* name, auto given, auto usual) {
        if (given != usual) text += fmt::format(", {} {}", name, given);
    };
    add("threshold", settings.threshold, standard.threshold);
    add("derivative_threshold", settings.derivative_threshold, standard.derivative_threshold);
    add("derivative_window", settings.derivative_window, standard.derivative_window);
    add("interpolation_step", settings.interpolation_step, standard.interpolation_step);
    add("strict_stimulus_interval", settings.strict_stimulus_interval, standard.strict_stimulus_interval);
    add("ignore_first_interval", settings.ignore_first_interval, standard.ignore_first_interval);
    add("voltage_base_start", settings.voltage_base_start, standard.voltage_base_start);
    add("voltage_base_end", settings.voltage_base_end, standard.voltage_base_end);
    if (settings.voltage_base_mode == BaseMode::median) text += ", voltage_base_mode median";
    add("precision", settings.precision, standard.precision);
    return text;
}

}  // namespace

FeatureMetric::FeatureMetric(FeatureMetricOptions options) : options_(std::move(options)) {
    require(!options_.stimuli.empty(), "the time window of the stimulus is missing");
    for (const auto& [start, end] : options_.stimuli) {
        require(std::isfinite(start) && std::isfinite(end) && start >= 0 && start < end,
                fmt::format("the stimulus from {:g} s to {:g} s is empty or begins before the recording", start, end));
        require(options_.t_start <= start,
                fmt::format("t_start = {:g} s is after the start of the stimulus at {:g} s", options_.t_start, start));
    }
    require(!options_.features.empty(), "no features are listed");
    std::set<std::string> names;
    for (const ComparedFeature& feature : options_.features) {
        check_feature(feature, names);
        indices_.push_back(feature_index(feature.name));
    }
    require(std::isfinite(options_.t_start) && options_.t_start >= 0,
            fmt::format("t_start must be a time of at least 0 s, not {:g} s", options_.t_start));
    require(std::isfinite(options_.normalization) && options_.normalization > 0,
            fmt::format("the normalization must be a positive number, not {:g}", options_.normalization));
    require(std::isfinite(options_.volts_per_unit) && options_.volts_per_unit >= 0,
            fmt::format("volts_per_unit must be a positive voltage, not {:g} V", options_.volts_per_unit));
    require(static_cast<bool>(options_.combine) != options_.combine_name.empty(),
            "combine and combine_name belong together");
    spikesmith::check(options_.settings);
}

FeatureMetric::~FeatureMetric() = default;

std::string FeatureMetric::description() const {
    std::string text = "features";
    for (const ComparedFeature& feature : options_.features) {
        text += fmt::format("{} {} weight {} scale {} absent {}", &feature == &options_.features.front() ? "" : ",",
                            feature.name, feature.weight, feature.scale, feature.absent_penalty);
    }
    for (const auto& [start, end] : options_.stimuli) text += fmt::format(", stimulus {} to {} s", start, end);
    if (options_.t_start != 0) text += fmt::format(", t_start {} s", options_.t_start);
    if (options_.normalization != 1) text += fmt::format(", normalization {}", options_.normalization);
    if (options_.volts_per_unit != 0) text += fmt::format(", volts_per_unit {}", options_.volts_per_unit);
    if (options_.combine) text += fmt::format(", combine {}", options_.combine_name);
    return text + text_of(options_.settings);
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
    require(options_.stimuli.size() == 1 || options_.stimuli.size() == shape.n_traces,
            fmt::format("there are {} stimuli for {} traces; give one for all or one per trace",
                        options_.stimuli.size(), shape.n_traces));
    const std::size_t first = first_sample(options_.t_start, shape.dt, shape.n_steps);
    require(shape.n_steps - first >= 3, fmt::format("trace {} has fewer than 3 samples", shape.trace + 1));
    const double end = static_cast<double>(shape.n_steps) * shape.dt;
    require(stimulus(shape.trace).start < end,
            fmt::format("the stimulus of trace {} starts at {:g} s, but the trace ends at {:g} s", shape.trace + 1,
                        stimulus(shape.trace).start, end));
}

std::vector<std::optional<double>> FeatureMetric::values(std::span<const double> trace, std::size_t trace_number,
                                                         double dt) const {
    const std::size_t first = first_sample(options_.t_start, dt, trace.size());
    std::vector<double> scaled;
    if (options_.volts_per_unit != 0) {
        scaled.assign(trace.begin(), trace.end());
        for (double& v : scaled) v *= options_.volts_per_unit;
        trace = scaled;
    }
    TraceFeatures features(
        {.voltage = trace.subspan(first), .dt = dt, .stimulus = stimulus(trace_number), .first_sample = first},
        options_.settings);
    std::vector<std::optional<double>> result;
    result.reserve(indices_.size());
    for (const std::size_t index : indices_) {
        const FeatureValue& value = features.get(index);
        result.push_back(value.present() ? std::optional(value.mean()) : std::nullopt);
    }
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
    if (!std::ranges::all_of(target.subspan(first), [](double v) { return std::isfinite(v); })) {
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

double FeatureMetric::cost(const std::vector<std::optional<double>>& simulated,
                           const std::vector<std::optional<double>>& target) const {
    double sum = 0;
    for (std::size_t f = 0; f < options_.features.size(); ++f) {
        const ComparedFeature& feature = options_.features[f];
        if (simulated[f].has_value() != target[f].has_value()) {
            sum += feature.weight * feature.absent_penalty;
        } else if (simulated[f]) {
            const double difference =
                options_.combine ? options_.combine(*simulated[f], *target[f]) : std::fabs(*simulated[f] - *target[f]);
            sum += feature.weight * difference / feature.scale;
        }
    }
    return sum / options_.normalization;
}

Array2 FeatureMetric::features(const TraceBlock& simulated, const Array2& target, double dt) const {
    Array2 result(simulated.n_samples, simulated.n_traces);
    for (std::size_t r = 0; r < simulated.n_traces; ++r) {
        const std::size_t trace = simulated.first_trace + r;
        const auto data = recorded(target.row(r), trace, dt);
        const std::size_t first = first_sample(options_.t_start, dt, simulated.n_steps);
        for (std::size_t s = 0; s < simulated.n_samples; ++s) {
            const auto model = simulated.trace(s, r);
            const bool finite = std::ranges::all_of(model.subspan(first), [](double v) { return std::isfinite(v); });
            result(s, r) =
                finite ? cost(values(model, trace, dt), data->values) : std::numeric_limits<double>::quiet_NaN();
        }
    }
    return result;
}

MetricPointer feature_metric(FeatureMetricOptions options) {
    return std::make_shared<const FeatureMetric>(std::move(options));
}

}  // namespace spikesmith
