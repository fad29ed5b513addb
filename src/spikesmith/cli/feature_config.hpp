// What configurations say about features: settings, stimulus windows and the section [features]. Used by that section and by
// metrics of the type "features".
#pragma once

#include <string_view>
#include <vector>

#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/features/features.hpp"

namespace spikesmith {

// `mode`, `voltage_base_mode`, `current_base_mode` and every name of feature_settings().
[[nodiscard]] const std::vector<std::string_view>& feature_setting_keys();
// Those of the keys that the section has.
[[nodiscard]] FeatureSettings read_feature_settings(const Section& section);

// `stimuli = [["100 ms", "600 ms"], ...]`, in seconds.
[[nodiscard]] std::vector<StimulusWindow> read_stimuli(const TomlValue& value);

// `stimulus_currents = ["100 pA", ...]`, in amperes; none if the section has none.
[[nodiscard]] std::vector<double> read_stimulus_currents(const Section& section);

// The table in which a feature is sought, for messages with a place.
void require_feature(const ConfigName& name, FeatureMode mode);

// [features]: what `spikesmith features` prints
struct FeaturesConfig {
    Place place;
    FeatureSettings settings;
    std::vector<ConfigName> features;  // none: all
    std::vector<StimulusWindow> stimuli;
    std::vector<double> stimulus_currents;
};
[[nodiscard]] FeaturesConfig read_features(const TomlValue& table);

}  // namespace spikesmith
