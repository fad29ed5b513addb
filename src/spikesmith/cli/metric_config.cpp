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
#include "spikesmith/cli/feature_config.hpp"
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

// What a feature costs that only one side has: "ignore", "fail", {penalty = 250}, {difference = 20}, {value = 0}.
void read_missing(const Section& section, std::string_view key, MissingCost& policy) {
    const auto* given = section.find(key);
    if (given == nullptr) return;
    if (given->kind == Kind::string) {
        const bool ignored = section.choice(key, {"ignore", "fail"}, 0) == 0;
        policy.rule = ignored ? MissingRule::ignore : MissingRule::fail;
        return;
    }
    const std::string example = fmt::format("for example `{} = {{penalty = 250}}`, or \"ignore\" or \"fail\"", key);
    if (given->kind != Kind::table || given->members.size() != 1) {
        wrong_type(key, "a word or a table with one rule", *given, example);
    }
    const Section rules(*given, fmt::format("{}.{}", section.path(), key), {"penalty", "difference", "value"});
    const std::string& rule = given->members.front().key;
    policy.rule = rule == "penalty"      ? MissingRule::penalty
                  : rule == "difference" ? MissingRule::difference
                                         : MissingRule::value;
    read_number(rules, rule, policy.amount);
}

// Also for the other side, unless that has a rule of its own.
void read_missing(const Section& section, ComparedFeature& feature) {
    read_missing(section, "missing", feature.simulated_missing);
    if (section.find("missing") != nullptr) feature.recorded_missing = feature.simulated_missing;
    read_missing(section, "missing_in_recording", feature.recorded_missing);
}

// A number or one for each trace.
std::vector<double> read_numbers(const Section& section, std::string_view key) {
    const auto* given = section.find(key);
    if (given == nullptr) return {};
    const auto number = [&](const TomlValue& value) {
        if (value.kind != Kind::integer && value.kind != Kind::real) {
            wrong_type(key, "a number, or an array with one for each trace", value);
        }
        return value.real;
    };
    if (given->kind != Kind::array) return {number(*given)};
    std::vector<double> numbers;
    for (const TomlValue& element : given->elements) numbers.push_back(number(element));
    if (numbers.empty()) wrong_type(key, "a number, or an array with one for each trace", *given);
    return numbers;
}

// `standard` has the rules of the whole metric.
ComparedFeature read_feature(const std::string& path, const TomlValue& value, const ComparedFeature& standard,
                             FeatureMode mode) {
    ComparedFeature feature = standard;
    if (value.kind == Kind::string) {
        feature.name = value.text;
        require_feature({feature.name, value.place}, mode);
        return feature;
    }
    if (value.kind != Kind::table) {
        wrong_type("features", "an array of names or tables", value,
                   "for example `features = [\"spike_count\", {name = \"AP_amplitude\", scale = 5}]`");
    }
    const Section section(value, path + ".features",
                          {"name", "weight", "scale", "mean", "std", "compare", "missing", "missing_in_recording"});
    const auto& name = section.required("name", "name = \"spike_count\"");
    if (name.kind != Kind::string) wrong_type("name", "the name of a feature", name);
    feature.name = name.text;
    require_feature({feature.name, name.place}, mode);
    read_number(section, "weight", feature.weight);
    feature.means = read_numbers(section, "mean");
    const auto* deviation = section.find("std");
    if (deviation != nullptr && section.find("scale") != nullptr) {
        fail_at(deviation->place, "`std` and `scale` are the same: by how much a difference is divided",
                "give one of them");
    }
    const auto scales = read_numbers(section, deviation != nullptr ? "std" : "scale");
    if (scales.size() == 1) feature.scale = scales[0];
    if (scales.size() > 1) feature.scales = scales;
    feature.comparison =
        section.choice("compare", {"mean", "sequence"}, 0) == 0 ? FeatureComparison::mean : FeatureComparison::sequence;
    read_missing(section, feature);
    return feature;
}

std::vector<ComparedFeature> read_features(const Section& section, FeatureMode mode) {
    ComparedFeature standard;
    read_missing(section, standard);
    const auto& given = section.required("features", "features = [\"spike_count\"]");
    if (given.kind != Kind::array) wrong_type("features", "an array of names or tables", given);
    std::vector<ComparedFeature> features;
    for (const auto& feature : given.elements) {
        features.push_back(read_feature(section.path(), feature, standard, mode));
    }
    return features;
}

MetricPointer make_features(const Section& section, const MetricConfig& metric) {
    FeatureMetricOptions options;
    options.settings = read_feature_settings(section);
    options.stimuli = read_stimuli(section.required("stimuli", "stimuli = [[\"100 ms\", \"600 ms\"]]"));
    options.features = read_features(section, options.settings.mode);
    if (const auto t_start = section.duration("t_start", true)) options.t_start = t_start->quantity.value;
    options.normalization = plain_normalization(metric);
    read_number(section, "volts_per_unit", options.volts_per_unit);
    options.stimulus_currents = read_stimulus_currents(section);
    return feature_metric(std::move(options));
}

MetricPointer make_spike_features(const Section& section, const MetricConfig& metric) {
    SpikeFeatureMetricOptions options;
    options.settings = read_feature_settings(section);
    const auto& stimuli = section.required("stimuli", "stimuli = [[\"100 ms\", \"600 ms\"]]");
    const auto windows = read_stimuli(stimuli);
    if (windows.size() != 1) fail_at(stimuli.place, "spike trains share one stimulus window", "give one pair of times");
    options.stimulus = windows[0];
    options.features = read_features(section, options.settings.mode);
    options.normalization = plain_normalization(metric);
    return spike_feature_metric(std::move(options));
}

using Keys = std::vector<std::string_view>;

struct MetricType {
    std::string_view name;
    bool spikes;
    Keys keys;
    MetricPointer (*make)(const Section&, MetricConfig&);
};

Keys feature_keys(const Keys& own) {
    Keys keys = feature_setting_keys();
    keys.insert(keys.end(), {"stimuli", "features", "missing", "missing_in_recording"});
    keys.insert(keys.end(), own.begin(), own.end());
    return keys;
}

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
        {"features", false, feature_keys({"t_start", "volts_per_unit", "stimulus_currents"}),
         [](const Section& section, MetricConfig& metric) { return make_features(section, metric); }},
        {"features", true, feature_keys({}),
         [](const Section& section, MetricConfig& metric) { return make_spike_features(section, metric); }},
    };
    return types;
}

const MetricType& type_of(const TomlValue& table, bool spikes) {
    const auto* type = table.find("type");
    if (type == nullptr) return metric_types()[spikes ? 1 : 0];
    if (type->value.kind != Kind::string) wrong_type("type", "a string", type->value);
    std::vector<std::string> names;
    for (const MetricType& known : metric_types()) {
        if (known.name == type->value.text && known.spikes == spikes) return known;
    }
    for (const MetricType& known : metric_types()) {
        if (known.name == type->value.text) {
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
