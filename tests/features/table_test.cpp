// The table of features: what it refuses, features of one's own, and that the manual says what it says.
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/features/feature_table.hpp"
#include "spikesmith/features/features.hpp"

namespace spikesmith {
namespace {

using testing::HasSubstr;

template <class Action>
std::string message_of(Action action) {
    try {
        action();
    } catch (const ConfigError& failure) {
        return failure.what();
    }
    return "no error";
}

Missing nothing(const FeatureInputs& /*in*/, std::vector<double>& values) {
    values = {1};
    return Missing::none;
}

TEST(FeatureTable, HasEveryNameInBothModes) {
    const FeatureTable& efel = standard_features(FeatureMode::efel);
    const FeatureTable& native = standard_features(FeatureMode::native);
    std::size_t listed = 0;
    for (std::size_t f = 0; f < efel.size(); ++f) {
        const FeatureDefinition& definition = efel[f];
        EXPECT_EQ(efel.index(definition.name), f);
        EXPECT_FALSE(definition.unit.empty() || definition.definition.empty()) << definition.name;
        EXPECT_TRUE(definition.definition.ends_with('.')) << definition.name;
        listed += definition.listed ? 1 : 0;
        ASSERT_LT(native.find(definition.name), native.size()) << definition.name;
        const FeatureDefinition& other = native[native.find(definition.name)];
        EXPECT_EQ(other.unit, definition.unit) << definition.name;
        EXPECT_EQ(other.single, definition.single) << definition.name;
    }
    EXPECT_EQ(listed, 179U);
    for (const FeatureDefinition& definition : native.definitions()) {
        EXPECT_TRUE(!definition.listed || efel.find(definition.name) < efel.size()) << definition.name;
    }
}

TEST(FeatureTable, UnknownNamesGetAHint) {
    EXPECT_THAT(message_of([] { (void)standard_features().index("voltage_bas"); }),
                HasSubstr("did you mean `voltage_base`?"));
    EXPECT_EQ(standard_features().find("voltage_bas"), standard_features().size());
}

TEST(FeatureTable, RefusesWhatCannotBeComputed) {
    FeatureTable table = standard_features();
    const std::size_t size = table.size();
    EXPECT_THAT(message_of([&] { table.add({.name = "mine", .needs = "voltage, voltege", .compute = nothing}); }),
                HasSubstr("the feature `mine` needs `voltege`, which does not exist"));
    EXPECT_THAT(message_of([&] { table.add({.name = "mine", .needs = "mine", .compute = nothing}); }),
                HasSubstr("the feature `mine` needs itself"));
    EXPECT_THAT(message_of([&] { table.add({.name = "peak_indices", .needs = "AP_amplitude", .compute = nothing}); }),
                HasSubstr("needs itself"));
    EXPECT_THAT(message_of([&] { table.add({.name = "mine"}); }), HasSubstr("lacks a name or a function"));
    EXPECT_THAT(message_of([] {
                    FeatureTable({{.name = "a", .compute = nothing}, {.name = "a", .compute = nothing}});
                }),
                HasSubstr("the feature `a` is defined twice"));
    EXPECT_EQ(table.size(), size);
    EXPECT_NE(table[table.index("peak_indices")].needs, "AP_amplitude");
}

TEST(FeatureTable, FeaturesOfOnesOwnShareResults) {
    FeatureTable table = standard_features();
    table.add({.name = "amplitude_over_base",
               .unit = "1",
               .single = false,
               .needs = "AP_amplitude, voltage_base",
               .definition = "AP_amplitude over voltage_base.",
               .compute = [](const FeatureInputs& in, std::vector<double>& values) {
                   if (in.number(1) == 0) return Missing::zero_denominator;
                   for (const double amplitude : in[0]) values.push_back(amplitude / in.number(1));
                   return Missing::none;
               }});
    table.add({.name = "twice",
               .needs = "amplitude_over_base, time_constant?",
               .compute = [](const FeatureInputs& in, std::vector<double>& values) {
                   values = {2 * in[0][0] + static_cast<double>(in[1].size())};
                   return Missing::none;
               }});
    table.add({.name = "never", .needs = "voltage", .compute = [](const FeatureInputs&, std::vector<double>&) {
                   return Missing::none;
               }});
    std::vector<double> v(1000, -70);
    for (const std::size_t peak : {300U, 500U}) {
        for (std::size_t k = 0; k < 20; ++k) v[peak - k] = v[peak + k] = 30 - 5 * static_cast<double>(k);
    }
    TraceFeatures features(FeatureSettings{}, table);
    features.load({.voltage = v, .dt = 0.1, .stimulus = {20, 80}, .units = TraceUnits::quoted});
    const auto amplitudes = features.get("AP_amplitude").values;
    const double base = features.get("voltage_base").values[0];
    ASSERT_EQ(features.get("amplitude_over_base").values.size(), amplitudes.size());
    EXPECT_EQ(features.get("amplitude_over_base").values[1], amplitudes[1] / base);
    EXPECT_FALSE(features.get("time_constant").present());
    EXPECT_EQ(features.get("twice").values[0], 2 * amplitudes[0] / base);
    EXPECT_EQ(features.get("never").missing, Missing::undefined);
    v.assign(1000, -70);
    features.load({.voltage = v, .dt = 0.1, .stimulus = {20, 80}, .units = TraceUnits::quoted});
    EXPECT_EQ(features.get("twice").sentence(), "no spikes (peak_indices)");
}

// ---- the manual ---------------------------------------------------------------------------------------------------

std::string code_names(const std::string& needs) {
    std::string text;
    std::istringstream stream(needs);
    for (std::string name; std::getline(stream >> std::ws, name, ',');) {
        const bool optional = name.ends_with('?');
        if (optional) name.pop_back();
        text += fmt::format("{}`{}`{}", text.empty() ? "" : ", ", name, optional ? " if present" : "");
    }
    return text.empty() ? "what is given" : text;
}

std::string row(const FeatureDefinition& definition) {
    return fmt::format("| `{}` | {} | {} | {} | {} |\n", definition.name, definition.unit,
                       definition.single ? "one" : "array", code_names(definition.needs), definition.definition);
}

std::string tables() {
    const std::string head = "| name | unit | values | needs | definition |\n|---|---|---|---|---|\n";
    std::string text = "### Every feature, in `efel` mode\n\n" + head;
    const FeatureTable& efel = standard_features(FeatureMode::efel);
    for (const FeatureDefinition& definition : efel.definitions()) text += row(definition);
    text +=
        "\n### What is different in `native` mode\n\nThe others have the same definition, with these under them.\n\n" +
        head;
    for (const FeatureDefinition& definition : standard_features(FeatureMode::native).definitions()) {
        const std::size_t same = efel.find(definition.name);
        if (same == efel.size() || row(efel[same]) != row(definition)) text += row(definition);
    }
    text += "\n### Settings\n\n| setting | of eFEL | unit | default |\n|---|---|---|---|\n";
    const FeatureSettings defaults;
    for (const FeatureSetting& setting : feature_settings()) {
        const std::string value =
            std::visit([&](auto member) { return fmt::format("{}", defaults.*member); }, setting.member);
        text += fmt::format("| `{}` | `{}` | {} | {} |\n", setting.name, setting.efel_name,
                            setting.unit.empty() ? "switch" : setting.unit, value);
    }
    return text;
}

// With SPIKESMITH_UPDATE_MANUAL set the tables are written into the manual.
TEST(FeatureTable, IsInTheManual) {
    const std::string path = std::string(SPIKESMITH_TEST_DATA) + "/../../docs/features.md";
    const std::string begin = "<!-- tables: begin -->\n";
    const std::string end = "<!-- tables: end -->";
    std::ifstream file(path);
    std::string manual((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const std::size_t from = manual.find(begin);
    const std::size_t to = manual.find(end);
    ASSERT_TRUE(from != std::string::npos && to != std::string::npos && from < to) << path;
    const std::size_t first = from + begin.size();
    if (std::getenv("SPIKESMITH_UPDATE_MANUAL") != nullptr) {
        manual.replace(first, to - first, tables());
        std::ofstream(path) << manual;
        return;
    }
    EXPECT_TRUE(manual.substr(first, to - first) == tables())
        << "docs/features.md differs from the table; run this test with SPIKESMITH_UPDATE_MANUAL=1";
}

}  // namespace
}  // namespace spikesmith
