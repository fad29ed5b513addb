#include "spikesmith/cli/config_section.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;

// Where a key belongs that stands in the wrong table.
struct Home {
    std::string_view key, section;
};
constexpr std::array homes{
    Home{"equations", "model"},
    Home{"constants", "model"},
    Home{"initial_values", "model"},
    Home{"threshold", "model"},
    Home{"reset", "model"},
    Home{"refractory", "model"},
    Home{"inputs", "data"},
    Home{"n_samples", "fit"},
    Home{"n_rounds", "fit"},
    Home{"optimizer", "fit"},
    Home{"metric", "fit"},
    Home{"duration", "simulate"},
    Home{"seed", "run"},
    Home{"threads", "run"},
    Home{"width", "run"},
    Home{"precision", "run"},
    Home{"folder", "run"},
    Home{"t_start", "fit.metric"},
    Home{"t_weights", "fit.metric"},
    Home{"normalization", "fit.metric"},
    Home{"method_options", "model"},
    Home{"dt", "model"},
    Home{"method", "model"},
    Home{"parameters", "fit"},
};

}  // namespace

std::string section_title(std::string_view path) {
    return path.empty() ? "the file" : fmt::format("[{}]", path);
}

void wrong_type(std::string_view key, std::string_view expected, const TomlValue& value, std::string hint) {
    fail_at(value.place, fmt::format("`{}` must be {}, not {}", key, expected, kind_name(value.kind)), std::move(hint));
}

Section::Section(const TomlValue& table, std::string path, std::initializer_list<std::string_view> keys)
    : Section(table, std::move(path), std::vector<std::string_view>(keys)) {}

Section::Section(const TomlValue& table, std::string path, const std::vector<std::string_view>& keys)
    : table_(table), path_(std::move(path)) {
    for (const auto& member : table.members) {
        if (std::find(keys.begin(), keys.end(), member.key) != keys.end()) continue;
        std::string hint = did_you_mean(member.key, std::vector<std::string>(keys.begin(), keys.end()));
        if (hint.empty()) {
            const auto home = std::find_if(homes.begin(), homes.end(),
                                           [&](const Home& h) { return h.key == member.key && h.section != path_; });
            hint = home != homes.end()
                       ? fmt::format("`{}` belongs to [{}]", member.key, home->section)
                       : fmt::format("known {}: {}", path_.empty() ? "sections" : "keys", fmt::join(keys, ", "));
        }
        const bool is_section = path_.empty() && member.value.kind == Kind::table;
        fail_at(member.place,
                is_section ? fmt::format("unknown section `{}`", member.key)
                           : fmt::format("unknown key `{}` in {}", member.key, section_title(path_)),
                std::move(hint));
    }
}

const TomlValue* Section::find(std::string_view key) const {
    const auto* member = table_.find(key);
    return member == nullptr ? nullptr : &member->value;
}

const TomlValue& Section::required(std::string_view key, std::string_view example) const {
    if (const auto* value = find(key)) return *value;
    fail_at(table_.place, fmt::format("{} needs `{}`", section_title(path_), key),
            fmt::format("for example `{}`", example));
}

const TomlValue* Section::string(std::string_view key, std::string_view example) const {
    const auto* value = find(key);
    if (value != nullptr && value->kind != Kind::string) {
        wrong_type(key, "a string", *value, example.empty() ? "" : fmt::format("for example `{}`", example));
    }
    return value;
}

std::string Section::text_or(std::string_view key, std::string_view otherwise) const {
    const auto* value = string(key, "");
    return value == nullptr ? std::string(otherwise) : value->text;
}

std::optional<std::int64_t> Section::integer(std::string_view key, std::int64_t least, std::int64_t most) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != Kind::integer) wrong_type(key, "an integer", *value);
    if (value->integer < least || value->integer > most) {
        fail_at(value->place,
                fmt::format("`{}` is {}, but must be between {} and {}", key, value->integer, least, most));
    }
    return value->integer;
}

std::optional<double> Section::positive(std::string_view key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != Kind::real && value->kind != Kind::integer) wrong_type(key, "a number", *value);
    if (!(value->real > 0) || !std::isfinite(value->real))
        fail_at(value->place, fmt::format("`{}` must be positive", key));
    return value->real;
}

std::optional<bool> Section::boolean(std::string_view key) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind != Kind::boolean) wrong_type(key, "true or false", *value);
    return value->boolean;
}

const TomlValue* Section::table(std::string_view key) const {
    const auto* value = find(key);
    if (value != nullptr && value->kind != Kind::table) wrong_type(key, "a table", *value);
    return value;
}

std::optional<ConfigQuantity> Section::duration(std::string_view key, bool zero_allowed) const {
    const auto* value = find(key);
    if (value == nullptr) return std::nullopt;
    return read_duration(*value, key, zero_allowed);
}

std::vector<ConfigName> Section::names(std::string_view key, std::string_view example) const {
    const auto* value = find(key);
    if (value == nullptr) return {};
    const std::string hint = fmt::format("for example `{}`", example);
    if (value->kind == Kind::string) return {{value->text, value->place}};
    if (value->kind != Kind::array) wrong_type(key, "a name or an array of names", *value, hint);
    if (value->elements.empty()) fail_at(value->place, fmt::format("`{}` is empty", key), hint);
    std::vector<ConfigName> result;
    for (const auto& element : value->elements) {
        if (element.kind != Kind::string) wrong_type(key, "a name or an array of names", element, hint);
        for (const auto& earlier : result) {
            if (earlier.name == element.text)
                fail_at(element.place, fmt::format("`{}` names `{}` twice", key, element.text));
        }
        result.push_back({element.text, element.place});
    }
    return result;
}

std::size_t Section::choice(std::string_view key, std::initializer_list<std::string_view> words,
                            std::size_t otherwise) const {
    const auto* value = string(key, "");
    if (value == nullptr) return otherwise;
    const auto found = std::find(words.begin(), words.end(), value->text);
    if (found == words.end()) {
        std::string hint = did_you_mean(value->text, std::vector<std::string>(words.begin(), words.end()));
        if (hint.empty()) hint = fmt::format("one of: {}", fmt::join(words, ", "));
        fail_at(value->place, fmt::format("`{}` cannot be `{}`", key, value->text), std::move(hint));
    }
    return static_cast<std::size_t>(found - words.begin());
}

ConfigQuantity read_quantity(const TomlValue& value, std::string_view key) {
    ConfigQuantity result{{}, value.place};
    if (value.kind == Kind::integer || value.kind == Kind::real) {
        result.quantity.value = value.real;
    } else if (value.kind == Kind::string) {
        const NamedText named{"quantity", &value};
        with_positions_in({&named, 1}, [&] { result.quantity = parse_quantity(value.text, named.name); });
    } else {
        wrong_type(key, "a quantity", value, "a string with a number and a unit, such as \"20 nS\", or a plain number");
    }
    if (!std::isfinite(result.quantity.value)) fail_at(value.place, fmt::format("`{}` is not a finite number", key));
    return result;
}

ConfigQuantity read_duration(const TomlValue& value, std::string_view key, bool zero_allowed) {
    ConfigQuantity result = read_quantity(value, key);
    const auto hint = "write it like \"0.1 ms\"";
    if (!(result.quantity.dimension == dimensions::second)) {
        const bool plain = value.kind != Kind::string && result.quantity.value != 0;
        if (plain || result.quantity.value != 0 || !result.quantity.dimension.dimensionless()) {
            fail_at(value.place,
                    result.quantity.dimension.dimensionless()
                        ? fmt::format("`{}` is a time and needs a unit", key)
                        : fmt::format("`{}` is a time, but this is in {}", key, result.quantity.dimension.name()),
                    hint);
        }
        result.quantity.dimension = dimensions::second;
    }
    if (result.quantity.value < 0 || (result.quantity.value == 0 && !zero_allowed)) {
        fail_at(value.place, fmt::format("`{}` must be {}", key, zero_allowed ? "zero or positive" : "positive"));
    }
    return result;
}

ConfigPath read_path(const TomlValue& value, std::string_view key, const std::filesystem::path& folder) {
    if (value.kind != TomlValue::Kind::string)
        wrong_type(key, "a string", value, "the path of a file, relative to this one");
    if (value.text.empty() || value.text.find('\0') != std::string::npos)
        fail_at(value.place, fmt::format("`{}` is not a path", key));
    return {(folder / value.text).lexically_normal(), value.place};
}

}  // namespace spikesmith
