#include "spikesmith/features/features.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

const std::vector<FeatureDefinition>& definitions() {
    static const std::vector<FeatureDefinition> all = [] {
        std::vector<FeatureDefinition> list;
        for (const auto family : {spike_features(), timing_features(), subthreshold_features()}) {
            list.insert(list.end(), family.begin(), family.end());
        }
        std::ranges::sort(list, {}, [](const FeatureDefinition& definition) { return definition.info.name; });
        return list;
    }();
    return all;
}

// Seconds in ms. A time that is a decimal number in ms (0.1 ms, 1204.98 ms) becomes the double nearest to it, as if it had
// been given in ms: which sample is the first of the stimulus may hang on the last bit.
double milliseconds(double seconds) {
    const double product = seconds * 1e3;
    const double decimal = std::nearbyint(product * 1e9) / 1e9;
    const bool same = std::fabs(decimal - product) <= 1e-15 * std::fabs(product);
    return same ? decimal : product;
}

// A grid of `step` by repeated addition from the first time on, up to the first point at or beyond the last time, and the
// voltage interpolated to it.
void interpolate(const FeatureTrace& trace, double step, std::vector<double>& time, std::vector<double>& voltage) {
    const double dt = milliseconds(trace.dt);
    const std::size_t n = trace.voltage.size();
    const auto x = [&](std::size_t k) { return static_cast<double>(trace.first_sample + k) * dt; };
    const auto y = [&](std::size_t k) { return trace.voltage[k] * 1e3; };
    const double last = x(n - 1);
    const auto intervals = static_cast<std::size_t>(std::ceil((last - x(0)) / step));
    double now = x(0);
    std::size_t j = 0;
    for (std::size_t i = 0;; ++i, now += step) {
        if (i > intervals || (i == intervals && time.back() >= last)) return;
        time.push_back(now);
        while (j + 1 < n && x(j + 1) < now) ++j;
        if (j + 1 == n) {
            voltage.push_back(y(n - 1));
            return;
        }
        voltage.push_back(y(j) + (y(j + 1) - y(j)) / (x(j + 1) - x(j)) * (now - x(j)));
    }
}

}  // namespace

void check(const FeatureSettings& settings) {
    const auto require = [](bool fine, std::string_view what) {
        if (!fine) throw ConfigError(fmt::format("features: {}", what));
    };
    require(std::isfinite(settings.threshold), "the threshold must be a finite voltage");
    require(std::isfinite(settings.derivative_threshold), "the derivative threshold must be finite");
    require(settings.derivative_window >= 1, "the derivative window must have at least one sample");
    require(std::isfinite(settings.interpolation_step) && settings.interpolation_step > 0,
            "the interpolation step must be a positive time");
    require(std::isfinite(settings.voltage_base_start) && std::isfinite(settings.voltage_base_end) &&
                std::isfinite(settings.precision),
            "the window of voltage_base must be finite");
}

double FeatureValue::mean() const {
    return mean_of(values);
}

const std::vector<FeatureInfo>& feature_list() {
    static const std::vector<FeatureInfo> list = [] {
        std::vector<FeatureInfo> infos;
        for (const FeatureDefinition& definition : definitions()) infos.push_back(definition.info);
        return infos;
    }();
    return list;
}

std::size_t feature_index(std::string_view name) {
    const auto& list = feature_list();
    const auto place = std::ranges::lower_bound(list, name, {}, &FeatureInfo::name);
    if (place != list.end() && place->name == name) return static_cast<std::size_t>(place - list.begin());
    std::vector<std::string> names;
    for (const FeatureInfo& info : list) names.emplace_back(info.name);
    throw ConfigError(fmt::format("unknown feature `{}`", name), did_you_mean(name, names));
}

TraceFeatures::TraceFeatures(const FeatureTrace& trace, const FeatureSettings& settings)
    : settings_(settings),
      stimulus_start_(milliseconds(trace.stimulus.start)),
      stimulus_end_(milliseconds(trace.stimulus.end)),
      values_(feature_list().size()) {
    check(settings);
    if (trace.voltage.size() < 3) throw DataError("features need traces of at least 3 samples");
    if (!(trace.dt > 0) || !std::isfinite(trace.dt)) {
        throw DataError(fmt::format("features need a positive sampling interval, not {:g} s", trace.dt));
    }
    if (!std::isfinite(stimulus_start_) || !std::isfinite(stimulus_end_) || !(stimulus_end_ > stimulus_start_)) {
        throw ConfigError(
            fmt::format("the stimulus from {:g} s to {:g} s is empty", trace.stimulus.start, trace.stimulus.end),
            "features need the times at which the stimulus starts and ends");
    }
    if (!std::ranges::all_of(trace.voltage, [](double v) { return std::isfinite(v); })) {
        throw DataError("features need voltages without gaps, NaN and infinity");
    }
    constexpr double largest_grid = 1e9;
    if (static_cast<double>(trace.voltage.size()) * trace.dt * 1e3 / settings.interpolation_step > largest_grid) {
        throw ConfigError(fmt::format("the interpolation step of {:g} ms is too small for traces of {:g} s",
                                      settings.interpolation_step,
                                      static_cast<double>(trace.voltage.size()) * trace.dt));
    }
    interpolate(trace, settings_.interpolation_step, time_, voltage_);
}

const FeatureValue& TraceFeatures::get(std::size_t index) {
    auto& value = values_.at(index);
    if (!value) {
        FeatureValue computed = definitions()[index].compute(*this);
        if (computed.present() && !std::ranges::all_of(computed.values, [](double x) { return std::isfinite(x); })) {
            computed = absent("the value is not finite");
        }
        value = std::move(computed);
    }
    return *value;
}

std::size_t TraceFeatures::index_at(double time) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(time_, time) - time_.begin());
}

const std::vector<double>& TraceFeatures::derivative() {
    if (derivative_.empty()) {
        const std::size_t n = size();
        const auto central = [n](const std::vector<double>& x, std::size_t i) {
            if (i == 0) return x[1] - x[0];
            if (i == n - 1) return x[n - 1] - x[n - 2];
            return (x[i + 1] - x[i - 1]) / 2;
        };
        derivative_.resize(n);
        for (std::size_t i = 0; n > 1 && i < n; ++i) derivative_[i] = central(voltage_, i) / central(time_, i);
    }
    return derivative_;
}

}  // namespace spikesmith
