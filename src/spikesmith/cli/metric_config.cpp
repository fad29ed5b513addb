#include "spikesmith/cli/metric_config.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/metrics/feature_metric.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/metrics/spike_distance.hpp"

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;

// A stretch of time whose samples count `weight` times.
struct WeightWindow {
    double from = 0, to = 0, weight = 1;
};

std::vector<WeightWindow> read_windows(const Section& section, MetricConfig& metric) {
    std::vector<WeightWindow> windows;
    const auto* weights = section.find("t_weights");
    if (weights == nullptr) return windows;
    const std::string example = "for example `t_weights = [{from = \"2 ms\", to = \"5 ms\", weight = 10}]`";
    if (weights->kind != Kind::array) wrong_type("t_weights", "an array of tables", *weights, example);
    for (const auto& element : weights->elements) {
        if (element.kind != Kind::table) wrong_type("t_weights", "an array of tables", element, example);
        const Section window(element, section.path() + ".t_weights", {"from", "to", "weight"});
        const auto from = read_duration(window.required("from", "from = \"2 ms\""), "from", true);
        const auto to = read_duration(window.required("to", "to = \"5 ms\""), "to", false);
        const auto& weight = window.required("weight", "weight = 10");
        if (weight.kind != Kind::integer && weight.kind != Kind::real) wrong_type("weight", "a number", weight);
        if (!(weight.real >= 0) || !std::isfinite(weight.real))
            fail_at(weight.place, "`weight` must be zero or positive");
        if (!(from.quantity.value < to.quantity.value)) fail_at(to.place, "`to` is not after `from`");
        windows.push_back({from.quantity.value, to.quantity.value, weight.real});
        metric.windows.push_back(from);
    }
    return windows;
}

// Samples in a window count as the last window that contains them says, others once.
std::vector<TimeWindow> weighted_stretches(const std::vector<WeightWindow>& windows) {
    std::set<double> borders{0.0};
    for (const WeightWindow& window : windows) borders.insert({window.from, window.to});
    std::vector<TimeWindow> stretches;
    for (auto border = borders.begin(); border != borders.end(); ++border) {
        const auto next = std::next(border);
        TimeWindow stretch{.from = *border,
                           .to = next == borders.end() ? std::numeric_limits<double>::infinity() : *next,
                           .weight = 1};
        for (const WeightWindow& window : windows) {
            if (window.from <= stretch.from && stretch.to <= window.to) stretch.weight = window.weight;
        }
        if (stretch.weight > 0) stretches.push_back(stretch);
    }
    return stretches;
}

double plain_normalization(const MetricConfig& metric) {
    if (!metric.normalization) return 1;
    if (!metric.normalization->quantity.dimension.dimensionless()) {
        fail_at(metric.normalization->place,
                "the error of this metric is a plain number, and so must `normalization` be");
    }
    return metric.normalization->quantity.value;
}

MetricPointer make_mse(const Section& section, MetricConfig& metric) {
    MSEOptions options;
    const auto t_start = section.duration("t_start", true);
    const auto windows = read_windows(section, metric);
    if (t_start && t_start->quantity.value > 0 && !windows.empty()) {
        fail_at(t_start->place, "`t_start` and `t_weights` exclude each other",
                "give the time before the start a weight of 0");
    }
    if (t_start) {
        options.t_start = t_start->quantity.value;
        metric.windows.push_back(*t_start);
    }
    if (!windows.empty()) options.windows = weighted_stretches(windows);
    if (metric.normalization) options.normalization = metric.normalization->quantity;
    constexpr std::array losses{Loss::squared, Loss::soft_l1, Loss::huber, Loss::cauchy};
    options.loss = losses[section.choice("loss", {"squared", "soft_l1", "huber", "cauchy"}, 0)];
    if (const auto* scale = section.find("loss_scale"))
        options.loss_scale = read_quantity(*scale, "loss_scale").quantity;
    return mse(std::move(options));
}

MetricPointer make_gamma(const Section& section, const MetricConfig& metric) {
    GammaFactorOptions options;
    options.delta = read_duration(section.required("delta", "delta = \"2 ms\""), "delta", false).quantity.value;
    if (const auto t_start = section.duration("t_start", true)) options.t_start = t_start->quantity.value;
    options.normalization = plain_normalization(metric);
    options.rate_correction = section.boolean("rate_correction").value_or(true);
    options.matching = section.choice("matching", {"one_to_one", "nearest"}, 0) == 0 ? SpikeMatching::one_to_one
                                                                                     : SpikeMatching::nearest;
    return gamma_factor(options);
}

MetricPointer make_van_rossum(const Section& section, const MetricConfig& metric) {
    VanRossumOptions options;
    options.tau = read_duration(section.required("tau", "tau = \"10 ms\""), "tau", false).quantity.value;
    if (const auto t_start = section.duration("t_start", true)) options.t_start = t_start->quantity.value;
    options.normalization = plain_normalization(metric);
    return van_rossum(options);
}

MetricPointer make_victor_purpura(const Section& section, const MetricConfig& metric) {
    VictorPurpuraOptions options;
    const ConfigQuantity cost = read_quantity(section.required("cost", "cost = \"200 Hz\""), "cost");
    if (!(cost.quantity.dimension == dimensions::second.power(-1))) {
        fail_at(cost.place, "`cost` is per time: moving a spike by 1/cost costs as much as deleting it",
                "for example `cost = \"200 Hz\"`");
    }
    options.cost = cost.quantity.value;
    if (const auto t_start = section.duration("t_start", true)) options.t_start = t_start->quantity.value;
    options.normalization = plain_normalization(metric);
    return victor_purpura(options);
}

// A number; absent: `value` stays.
void read_number(const Section& section, std::string_view key, double& value) {
    if (const auto* given = section.find(key)) {
        if (given->kind != Kind::integer && given->kind != Kind::real) wrong_type(key, "a number", *given);
        value = given->real;
    }
}

StimulusWindow read_stimulus(const TomlValue& value) {
    const std::string example = "for example `stimuli = [[\"100 ms\", \"600 ms\"]]`";
    if (value.kind != Kind::array || value.elements.size() != 2)
        wrong_type("stimuli", "an array of pairs of times", value, example);
    return {read_duration(value.elements[0], "stimuli", true).quantity.value,
            read_duration(value.elements[1], "stimuli", false).quantity.value};
}

ComparedFeature read_feature(const std::string& path, const TomlValue& value) {
    ComparedFeature feature;
    if (value.kind == Kind::string) {
        feature.name = value.text;
        return feature;
    }
    if (value.kind != Kind::table) {
        wrong_type("features", "an array of names or tables", value,
                   "for example `features = [\"Spikecount\", {name = \"AP_amplitude\", scale = 5}]`");
    }
    const Section section(value, path + ".features", {"name", "weight", "scale", "absent_penalty"});
    const auto& name = section.required("name", "name = \"Spikecount\"");
    if (name.kind != Kind::string) wrong_type("name", "the name of a feature", name);
    feature.name = name.text;
    read_number(section, "weight", feature.weight);
    read_number(section, "scale", feature.scale);
    read_number(section, "absent_penalty", feature.absent_penalty);
    return feature;
}

MetricPointer make_features(const Section& section, const MetricConfig& metric) {
    FeatureMetricOptions options;
    const auto& stimuli = section.required("stimuli", "stimuli = [[\"100 ms\", \"600 ms\"]]");
    if (stimuli.kind != Kind::array) wrong_type("stimuli", "an array of pairs of times", stimuli);
    for (const auto& stimulus : stimuli.elements) options.stimuli.push_back(read_stimulus(stimulus));
    const auto& features = section.required("features", "features = [\"Spikecount\"]");
    if (features.kind != Kind::array) wrong_type("features", "an array of names or tables", features);
    for (const auto& feature : features.elements) options.features.push_back(read_feature(section.path(), feature));
    if (const auto t_start = section.duration("t_start", true)) options.t_start = t_start->quantity.value;
    options.normalization = plain_normalization(metric);
    read_number(section, "volts_per_unit", options.volts_per_unit);
    FeatureSettings& settings = options.settings;
    read_number(section, "threshold", settings.threshold);
    read_number(section, "derivative_threshold", settings.derivative_threshold);
    read_number(section, "interpolation_step", settings.interpolation_step);
    read_number(section, "voltage_base_start", settings.voltage_base_start);
    read_number(section, "voltage_base_end", settings.voltage_base_end);
    settings.voltage_base_mode =
        section.choice("voltage_base_mode", {"mean", "median"}, 0) == 0 ? BaseMode::mean : BaseMode::median;
    settings.derivative_window =
        static_cast<int>(section.integer("derivative_window", 1, 1'000'000).value_or(settings.derivative_window));
    settings.strict_stimulus_interval =
        section.boolean("strict_stimulus_interval").value_or(settings.strict_stimulus_interval);
    settings.ignore_first_interval = section.boolean("ignore_first_interval").value_or(settings.ignore_first_interval);
    return feature_metric(std::move(options));
}

using Keys = std::vector<std::string_view>;

struct MetricType {
    std::string_view name;
    bool spikes;
    Keys keys;
    MetricPointer (*make)(const Section&, MetricConfig&);
};

const std::vector<MetricType>& metric_types() {
    static const std::vector<MetricType> types{
        {"mse", false, {"t_start", "t_weights", "loss", "loss_scale"}, make_mse},
        {"gamma",
         true,
         {"delta", "t_start", "rate_correction", "matching"},
         [](const Section& section, MetricConfig& metric) { return make_gamma(section, metric); }},
        {"van_rossum",
         true,
         {"tau", "t_start"},
         [](const Section& section, MetricConfig& metric) { return make_van_rossum(section, metric); }},
        {"victor_purpura",
         true,
         {"cost", "t_start"},
         [](const Section& section, MetricConfig& metric) { return make_victor_purpura(section, metric); }},
        {"features",
         false,
         {"stimuli", "features", "t_start", "volts_per_unit", "threshold", "derivative_threshold", "derivative_window",
          "interpolation_step", "strict_stimulus_interval", "ignore_first_interval", "voltage_base_start",
          "voltage_base_end", "voltage_base_mode"},
         [](const Section& section, MetricConfig& metric) { return make_features(section, metric); }},
    };
    return types;
}

const MetricType& type_of(const TomlValue& table, bool spikes) {
    const auto* type = table.find("type");
    if (type == nullptr) return metric_types()[spikes ? 1 : 0];
    if (type->value.kind != Kind::string) wrong_type("type", "a string", type->value);
    std::vector<std::string> names;
    for (const MetricType& known : metric_types()) {
        if (known.name == type->value.text) {
            if (known.spikes == spikes) return known;
            fail_at(type->value.place,
                    known.spikes ? fmt::format("`{}` compares spike trains, not traces", known.name)
                                 : fmt::format("`{}` compares traces, not spike trains", known.name),
                    known.spikes ? "it belongs to [fit.metric.outputs.spikes]" : "for example `type = \"gamma\"`");
        }
        if (known.spikes == spikes) names.emplace_back(known.name);
    }
    const std::string hint = did_you_mean(type->value.text, names);
    fail_at(type->value.place, fmt::format("unknown metric `{}`", type->value.text),
            hint.empty() ? fmt::format("one of: {}", fmt::join(names, ", ")) : hint);
}

// `own` with what it lacks from `base`.
TomlValue inherited(const TomlValue& own, const TomlValue& base) {
    TomlValue result = own;
    for (const TomlMember& member : base.members) {
        if (member.key == "t_start" && own.find("t_weights") != nullptr) continue;  // they exclude each other
        if (member.key == "t_weights" && own.find("t_start") != nullptr) continue;
        if (member.key != "outputs" && own.find(member.key) == nullptr) result.members.push_back(member);
    }
    return result;
}

}  // namespace

MetricConfig read_metric(const TomlValue& table, const std::string& path, const MetricConfig* base, bool spikes) {
    const bool inherits = base != nullptr && !spikes && table.find("type") == nullptr;
    MetricConfig metric{
        .type = {}, .metric = {}, .place = table.place, .normalization = {}, .windows = {}, .table = {}};
    metric.table = inherits ? inherited(table, base->table) : table;
    const MetricType& type = type_of(metric.table, spikes);
    metric.type = type.name;
    Keys keys = type.keys;
    keys.insert(keys.end(), {"type", "normalization"});
    if (base == nullptr) keys.emplace_back("outputs");
    const Section section(metric.table, path, keys);
    if (const auto* value = section.find("normalization")) {
        metric.normalization = read_quantity(*value, "normalization");
        if (!(metric.normalization->quantity.value > 0)) fail_at(value->place, "`normalization` must be positive");
    }
    try {
        metric.metric = type.make(section, metric);
    } catch (const ConfigError& error) {
        if (error.diagnostic().line > 0) throw;
        fail_at(metric.place, error.diagnostic().message, error.diagnostic().hint);
    }
    return metric;
}

}  // namespace spikesmith
