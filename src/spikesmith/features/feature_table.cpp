#include "spikesmith/features/feature_table.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/features/definitions.hpp"

namespace spikesmith {

namespace {

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

std::vector<std::string_view> split(std::string_view text) {
    std::vector<std::string_view> parts;
    while (!trimmed(text).empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        parts.push_back(trimmed(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return parts;
}

enum class Visit : std::uint8_t { unseen, open, done };

Definitions definitions_of(FeatureMode mode) {
    Definitions all;
    for (const auto family :
         {timing_features, burst_features, spike_features, shape_features, subthreshold_features, fitted_features}) {
        std::ranges::move(family(), std::back_inserter(all));
    }
    if (mode == FeatureMode::efel) return all;
    for (FeatureDefinition& own : native_features()) {
        const auto place = std::ranges::find(all, own.name, &FeatureDefinition::name);
        if (place == all.end()) {
            all.push_back(std::move(own));
        } else {
            *place = std::move(own);
        }
    }
    return all;
}

}  // namespace

FeatureTable::FeatureTable(std::vector<FeatureDefinition> definitions) : definitions_(std::move(definitions)) {
    std::ranges::sort(definitions_, {}, &FeatureDefinition::name);
    const auto twice = std::ranges::adjacent_find(definitions_, {}, &FeatureDefinition::name);
    if (twice != definitions_.end()) throw ConfigError(fmt::format("the feature `{}` is defined twice", twice->name));
    resolve();
}

void FeatureTable::add(FeatureDefinition definition) {
    FeatureTable copy = *this;
    const auto place = std::ranges::lower_bound(copy.definitions_, definition.name, {}, &FeatureDefinition::name);
    if (place != copy.definitions_.end() && place->name == definition.name) {
        *place = std::move(definition);
    } else {
        copy.definitions_.insert(place, std::move(definition));
    }
    copy.resolve();
    *this = std::move(copy);
}

// Names to positions, and a walk along the needs that finds circles.
void FeatureTable::resolve() {
    needs_.assign(size(), {});
    for (std::size_t f = 0; f < size(); ++f) {
        const FeatureDefinition& definition = definitions_[f];
        if (definition.name.empty() || !definition.compute) {
            throw ConfigError(fmt::format("the feature `{}` lacks a name or a function", definition.name));
        }
        for (std::string_view name : split(definition.needs)) {
            const bool optional = name.ends_with('?');
            if (optional) name.remove_suffix(1);
            if (find(name) == size()) {
                throw ConfigError(
                    fmt::format("the feature `{}` needs `{}`, which does not exist", definition.name, name));
            }
            needs_[f].indices.push_back(find(name));
            needs_[f].optional.push_back(optional);
        }
    }
    std::vector<Visit> visits(size(), Visit::unseen);
    const auto walk = [&](const auto& self, std::size_t f) -> void {
        if (visits[f] == Visit::done) return;
        if (visits[f] == Visit::open) {
            throw ConfigError(fmt::format("the feature `{}` needs itself", definitions_[f].name));
        }
        visits[f] = Visit::open;
        for (const std::size_t need : needs_[f].indices) self(self, need);
        visits[f] = Visit::done;
    };
    for (std::size_t f = 0; f < size(); ++f) walk(walk, f);
}

std::size_t FeatureTable::find(std::string_view name) const {
    const auto place = std::ranges::lower_bound(definitions_, name, {},
                                                [](const FeatureDefinition& d) { return std::string_view(d.name); });
    if (place == definitions_.end() || place->name != name) return size();
    return static_cast<std::size_t>(place - definitions_.begin());
}

std::size_t FeatureTable::index(std::string_view name) const {
    const std::size_t found = find(name);
    if (found < size()) return found;
    std::vector<std::string> names;
    for (const FeatureDefinition& definition : definitions_) {
        if (definition.listed) names.push_back(definition.name);
    }
    throw ConfigError(fmt::format("unknown feature `{}`", name), did_you_mean(name, names));
}

std::span<const std::size_t> FeatureTable::needs(std::size_t index) const {
    return needs_.at(index).indices;
}

bool FeatureTable::optional(std::size_t index, std::size_t need) const {
    return needs_.at(index).optional.at(need);
}

const FeatureTable& standard_features(FeatureMode mode) {
    static const FeatureTable efel(definitions_of(FeatureMode::efel));
    static const FeatureTable native(definitions_of(FeatureMode::native));
    return mode == FeatureMode::native ? native : efel;
}

}  // namespace spikesmith
