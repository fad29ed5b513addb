// TomlValue: a TOML text as a tree in which every key and every value knows its place.
//
// For the configuration reader (`config.hpp`), which must point at what is wrong. toml++ does the parsing; what this adds is
// the order as written, positions inside strings (an error in the third line of an equation is shown at its line of the
// file), overrides from the command line with positions of their own, and writing. Nothing here knows what a key means.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

// Where something is written. Without a source there is no position.
struct Place {
    std::shared_ptr<const SourceText> source;
    SourceSpan span;
};

// A ConfigError at that place.
[[noreturn]] void fail_at(const Place& place, std::string message, std::string hint = {});

struct TomlMember;

struct TomlValue {
    enum class Kind : std::uint8_t { table, array, string, integer, real, boolean, time };
    Kind kind = Kind::table;
    std::string text;                  // of a string, without quotes and escapes; of a time, as written
    std::vector<std::size_t> offsets;  // of a string: where each character of `text` stands in the source
    std::int64_t integer = 0;
    double real = 0;  // of a real or an integer
    bool boolean = false;
    std::vector<TomlMember> members;  // of a table, in the order written
    std::vector<TomlValue> elements;  // of an array
    Place place;

    [[nodiscard]] const TomlMember* find(std::string_view key) const;
    [[nodiscard]] TomlMember* find(std::string_view key);
};

struct TomlMember {
    std::string key;
    Place place;  // of the key
    TomlValue value;
};

// "a string", "an integer", ... for messages.
[[nodiscard]] std::string_view kind_name(TomlValue::Kind kind);

// Throws ConfigError at the place of a syntax error.
[[nodiscard]] TomlValue parse_toml(const std::shared_ptr<const SourceText>& source);

// Sets a value from "fit.n_rounds=5": a dotted key and a TOML value; a value that is not TOML is a string, so that the
// quotes a shell removes are not missed (`model.dt=0.02 ms`). Tables on the way are made if needed. `source_name` is what
// errors show before the text, such as "--set".
void apply_override(TomlValue& root, std::string_view assignment, std::string_view source_name);

// The tree as TOML text that parse_toml reads back to an equal tree.
[[nodiscard]] std::string to_toml(const TomlValue& root);

// A string of the tree under the name that another room's errors give to it.
struct NamedText {
    std::string name;
    const TomlValue* text = nullptr;
};

// Runs `action`; a spikesmith::Error that has a position in a text of one of these names is thrown again with the same type
// and words, but at its place in the TOML text.
void with_positions_in(std::span<const NamedText> texts, const std::function<void()>& action);

// The diagnostic of a place inside a string of the tree, given the one of that place in the string by itself.
[[nodiscard]] Diagnostic moved_into(const TomlValue& text, Diagnostic diagnostic);

}  // namespace spikesmith
