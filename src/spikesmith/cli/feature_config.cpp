#include "spikesmith/cli/feature_config.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <variant>

#include <fmt/format.h>

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;

void read_setting(const Section& section, const FeatureSetting& setting, FeatureSettings& settings) {
    const auto* given = section.find(setting.name);
    if (given == nullptr) return;
    if (const auto* number = std::get_if<double FeatureSettings::*>(&setting.member)) {
        if (given->kind != Kind::integer && given->kind != Kind::real) {
            wrong_type(setting.name, setting.unit == "1" ? "a number" : fmt::format("a number, in {}", setting.unit),
                       *given);
        }
        settings.*(*number) = given->real;
    } else if (const auto* count = std::get_if<int FeatureSettings::*>(&setting.member)) {
        settings.*(*count) = static_cast<int>(*section.integer(setting.name, 0, 1'000'000));
    } else if (const auto* flag = std::get_if<bool FeatureSettings::*>(&setting.member)) {
        settings.*(*flag) = *section.boolean(setting.name);
    }
}

}  // namespace

const std::vector<std::string_view>& feature_setting_keys() {
    static const std::vector<std::string_view> keys = [] {
        std::vector<std::string_view> list{"mode", "voltage_base_mode", "current_base_mode"};
        for (const FeatureSetting& setting : feature_settings()) list.push_back(setting.name);
        return list;
    }();
    return keys;
}

FeatureSettings read_feature_settings(const Section& section) {
    FeatureSettings settings;
    settings.mode = section.choice("mode", {"efel", "native"}, 0) == 0 ? FeatureMode::efel : FeatureMode::native;
    const auto base_mode = [&](std::string_view key) {
        return section.choice(key, {"mean", "median"}, 0) == 0 ? BaseMode::mean : BaseMode::median;
    };
    settings.voltage_base_mode = base_mode("voltage_base_mode");
    settings.current_base_mode = base_mode("current_base_mode");
    for (const FeatureSetting& setting : feature_settings()) read_setting(section, setting, settings);
    return settings;
}

std::vector<StimulusWindow> read_stimuli(const TomlValue& value) {
    const std::string example = "for example `stimuli = [[\"100 ms\", \"600 ms\"]]`";
    if (value.kind != Kind::array) wrong_type("stimuli", "an array of pairs of times", value, example);
    std::vector<StimulusWindow> stimuli;
    for (const TomlValue& pair : value.elements) {
        if (pair.kind != Kind::array || pair.elements.size() != 2)
            wrong_type("stimuli", "an array of pairs of times", pair, example);
        const StimulusWindow window{read_duration(pair.elements[0], "stimuli", true).quantity.value,
                                    read_duration(pair.elements[1], "stimuli", false).quantity.value};
        if (!(window.start < window.end)) fail_at(pair.place, "the stimulus ends before it starts");
        stimuli.push_back(window);
    }
    return stimuli;
}

std::vector<double> read_stimulus_currents(const Section& section) {
    std::vector<double> currents;
    const auto* given = section.find("stimulus_currents");
    if (given == nullptr) return currents;
    if (given->kind != Kind::array) {
        wrong_type("stimulus_currents", "an array of currents", *given,
                   "for example `stimulus_currents = [\"100 pA\", \"200 pA\"]`");
    }
    for (const TomlValue& element : given->elements) {
        const ConfigQuantity current = read_quantity(element, "stimulus_currents");
        const bool zero = current.quantity.value == 0 && current.quantity.dimension.dimensionless();
        if (!zero && !(current.quantity.dimension == dimensions::ampere)) {
            fail_at(element.place, "`stimulus_currents` are currents", "for example \"100 pA\"");
        }
        currents.push_back(current.quantity.value);
    }
    return currents;
}

void require_feature(const ConfigName& name, FeatureMode mode) {
    try {
        static_cast<void>(standard_features(mode).index(name.name));
    } catch (const ConfigError& error) {
        fail_at(name.place, error.diagnostic().message, error.diagnostic().hint);
    }
}

FeaturesConfig read_features(const TomlValue& table) {
    std::vector<std::string_view> keys = feature_setting_keys();
    keys.insert(keys.end(), {"list", "stimuli", "stimulus_currents"});
    const Section section(table, "features", keys);
    FeaturesConfig features;
    features.place = table.place;
    features.settings = read_feature_settings(section);
    try {
        check(features.settings);
    } catch (const ConfigError& error) {
        fail_at(table.place, error.diagnostic().message, error.diagnostic().hint);
    }
    features.features = section.names("list", "list = [\"spike_count\", \"AP_amplitude\"]");
    for (const ConfigName& name : features.features) require_feature(name, features.settings.mode);
    if (const auto* stimuli = section.find("stimuli")) features.stimuli = read_stimuli(*stimuli);
    features.stimulus_currents = read_stimulus_currents(section);
    return features;
}

}  // namespace spikesmith
