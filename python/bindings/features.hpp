// Settings and windows of features as Python hands them over.
#pragma once

#include "convert.hpp"
#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/features/features.hpp"

namespace spikesmith::python {

using Windows = std::vector<std::pair<double, double>>;

inline std::vector<StimulusWindow> to_windows(const Windows& pairs) {
    std::vector<StimulusWindow> windows;
    for (const auto& [start, end] : pairs) windows.push_back({start, end});
    return windows;
}

// "efel" or "native", and numbers and switches by our names or eFEL's.
inline FeatureSettings to_settings(const std::string& mode, const std::map<std::string, double>& values) {
    FeatureSettings settings;
    if (mode == name_of(FeatureMode::native)) {
        settings.mode = FeatureMode::native;
    } else if (mode != name_of(FeatureMode::efel)) {
        throw ConfigError(fmt::format("there is no mode `{}` of features", mode), "`efel` or `native`");
    }
    for (const auto& [name, value] : values) {
        const FeatureSetting* found = nullptr;
        for (const FeatureSetting& setting : feature_settings()) {
            if (setting.name == name || setting.efel_name == name) found = &setting;
        }
        if (found == nullptr) {
            std::vector<std::string> names;
            for (const FeatureSetting& setting : feature_settings()) names.emplace_back(setting.name);
            throw ConfigError(fmt::format("there is no setting `{}` of features", name), did_you_mean(name, names));
        }
        std::visit(
            [&](auto member) {
                settings.*member = static_cast<std::remove_reference_t<decltype(settings.*member)>>(value);
            },
            found->member);
    }
    check(settings);
    return settings;
}

}  // namespace spikesmith::python
