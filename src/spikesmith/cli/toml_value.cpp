#include "spikesmith/cli/toml_value.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;
constexpr int max_depth = 32;      // of nested tables and arrays
constexpr int max_key_parts = 64;  // of one dotted key; a very long one would exhaust the stack of the parser

// Translates toml++'s positions (lines and code points, from 1) to offsets of bytes.
class Lines {
  public:
    explicit Lines(std::string_view text) : text_(text) {
        starts_.push_back(0);
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '\n') starts_.push_back(i + 1);
        }
    }
    [[nodiscard]] std::size_t offset(const toml::source_position& position) const {
        if (position.line == 0 || position.line > starts_.size()) return text_.size();
        std::size_t at = starts_[position.line - 1];
        if (position.line == 1 && text_.starts_with("\xEF\xBB\xBF")) at += 3;
        for (std::uint32_t column = 1; column < position.column && at < text_.size(); ++column) {
            do ++at;
            while (at < text_.size() && (static_cast<unsigned char>(text_[at]) & 0xC0U) == 0x80U);
        }
        return std::min(at, text_.size());
    }

  private:
    std::string_view text_;
    std::vector<std::size_t> starts_;
};

void append_utf8(std::string& out, std::uint32_t code) {
    const auto byte = [&](std::uint32_t b) { out += static_cast<char>(b); };
    if (code < 0x80) {
        byte(code);
    } else if (code < 0x800) {
        byte(0xC0 | (code >> 6));
        byte(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        byte(0xE0 | (code >> 12));
        byte(0x80 | ((code >> 6) & 0x3F));
        byte(0x80 | (code & 0x3F));
    } else {
        byte(0xF0 | (code >> 18));
        byte(0x80 | ((code >> 12) & 0x3F));
        byte(0x80 | ((code >> 6) & 0x3F));
        byte(0x80 | (code & 0x3F));
    }
}

// Where each character of a decoded string stands: decodes the literal that starts at `at` once more. `end` becomes the offset
// behind the closing quotes. Empty if the literal does not decode to `expected` (then only the whole string has a place).
std::vector<std::size_t> string_offsets(std::string_view source, std::size_t at, std::string_view expected,
                                        std::size_t& end) {
    end = std::min(at + 1, source.size());
    if (at >= source.size() || (source[at] != '"' && source[at] != '\'')) return {};
    const char quote = source[at];
    const bool literal = quote == '\'';
    const bool multiline = source.substr(at, 3) == std::string(3, quote);
    std::string decoded;
    std::vector<std::size_t> offsets;
    std::size_t i = at + (multiline ? 3 : 1);
    const auto push = [&](std::uint32_t code, std::size_t from) {
        append_utf8(decoded, code);
        offsets.resize(decoded.size(), from);
    };
    if (multiline && source.substr(i, 1) == "\n") i += 1;
    if (multiline && source.substr(i, 2) == "\r\n") i += 2;
    while (i < source.size()) {
        if (source[i] == quote) {
            if (!multiline) {
                end = i + 1;
                break;
            }
            if (source.substr(i, 3) == std::string(3, quote)) {
                // Up to two quotes may belong to the text before the closing three.
                while (source.substr(i, 4) == std::string(4, quote)) {
                    decoded += quote;
                    offsets.push_back(i++);
                }
                end = i + 3;
                break;
            }
        }
        if (!literal && source[i] == '\\' && i + 1 < source.size()) {
            const std::size_t from = i;
            const char c = source[i + 1];
            i += 2;
            switch (c) {
                case 'b':
                    push('\b', from);
                    break;
                case 't':
                    push('\t', from);
                    break;
                case 'n':
                    push('\n', from);
                    break;
                case 'f':
                    push('\f', from);
                    break;
                case 'r':
                    push('\r', from);
                    break;
                case 'e':
                    push(0x1B, from);
                    break;
                case '"':
                    push('"', from);
                    break;
                case '\\':
                    push('\\', from);
                    break;
                case 'x':
                case 'u':
                case 'U': {
                    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
                    std::uint32_t code = 0;
                    for (std::size_t k = 0; k < digits && i < source.size(); ++k, ++i) {
                        const char d = source[i];
                        const int value = d >= '0' && d <= '9'   ? d - '0'
                                          : d >= 'a' && d <= 'f' ? d - 'a' + 10
                                          : d >= 'A' && d <= 'F' ? d - 'A' + 10
                                                                 : 0;
                        code = code * 16 + static_cast<std::uint32_t>(value);
                    }
                    push(code, from);
                    break;
                }
                default:  // a backslash at the end of a line joins lines
                    while (i < source.size() &&
                           (source[i] == ' ' || source[i] == '\t' || source[i] == '\r' || source[i] == '\n'))
                        ++i;
            }
            continue;
        }
        if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n' && decoded.size() < expected.size() &&
            expected[decoded.size()] == '\n') {
            ++i;
            continue;
        }
        decoded += source[i];
        offsets.push_back(i++);
    }
    if (decoded != expected) return {};
    return offsets;
}

class Converter {
  public:
    explicit Converter(std::shared_ptr<const SourceText> source) : source_(std::move(source)), lines_(source_->text) {}

    TomlValue convert(const toml::node& node, int depth) const {
        TomlValue value;
        const std::size_t begin = lines_.offset(node.source().begin);
        const std::size_t end = lines_.offset(node.source().end);
        value.place = {source_, {begin, end > begin ? end - begin : 1}};
        if (depth > max_depth)
            fail_at(value.place, fmt::format("tables and arrays are nested more than {} deep", max_depth));
        if (const auto* table = node.as_table()) {
            value.kind = Kind::table;
            for (const auto& [key, child] : *table) {
                TomlMember member{std::string(key.str()), {}, convert(child, depth + 1)};
                std::size_t from = lines_.offset(key.source().begin);
                if (key.source().begin.line == 0) from = member.value.place.span.offset;
                member.place = {source_, {from, key_length(from, member.key)}};
                value.members.push_back(std::move(member));
            }
            std::ranges::sort(value.members, [](const auto& a, const auto& b) {
                return std::tie(a.place.span.offset, a.key) < std::tie(b.place.span.offset, b.key);
            });
        } else if (const auto* array = node.as_array()) {
            value.kind = Kind::array;
            for (const auto& child : *array) value.elements.push_back(convert(child, depth + 1));
        } else if (const auto* text = node.as_string()) {
            value.kind = Kind::string;
            value.text = text->get();
            std::size_t behind = 0;
            value.offsets = string_offsets(source_->text, begin, value.text, behind);
            value.place.span.length = std::max<std::size_t>(1, behind - std::min(behind, begin));
        } else if (const auto* integer = node.as_integer()) {
            value.kind = Kind::integer;
            value.integer = integer->get();
            value.real = static_cast<double>(value.integer);
        } else if (const auto* real = node.as_floating_point()) {
            value.kind = Kind::real;
            value.real = real->get();
        } else if (const auto* boolean = node.as_boolean()) {
            value.kind = Kind::boolean;
            value.boolean = boolean->get();
        } else {
            value.kind = Kind::time;
            value.text = source_->text.substr(begin, value.place.span.length);
        }
        return value;
    }

  private:
    // Keys may stand in quotes; those belong to what is marked.
    [[nodiscard]] std::size_t key_length(std::size_t from, const std::string& key) const {
        const std::string_view text = source_->text;
        const bool quoted = from < text.size() && (text[from] == '"' || text[from] == '\'');
        return std::max<std::size_t>(1, key.size() + (quoted ? 2 : 0));
    }

    std::shared_ptr<const SourceText> source_;
    Lines lines_;
};

// Where no name follows the bracket at `at`, which begins a statement, but something that toml++ takes for one without looking.
std::optional<std::size_t> nameless_header(std::string_view text, std::size_t at) {
    const auto skip_blanks = [&](std::size_t from) {
        return std::min(text.find_first_not_of(" \t", from), text.size());
    };
    std::size_t name = skip_blanks(at + 1);
    if (name == at + 1 && name < text.size() && text[name] == '[') name = skip_blanks(name + 1);
    if (name == text.size()) return std::nullopt;
    const char c = text[name];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || std::string_view("_-\"']").find(c) != std::string_view::npos) return std::nullopt;
    return name;
}

// Refuses what toml++ 3.3 cannot parse safely: keys with thousands of dots, which exhaust its stack, brackets of tables without
// a name or closed by a brace, and characters beyond ASCII where blanks are looked for, which its tables do not foresee. None is
// valid TOML, except such a character right behind a backslash that joins lines.
void refuse_unsafe_text(const std::shared_ptr<const SourceText>& source) {
    enum class Inside : std::uint8_t { nothing, comment, text, block } inside = Inside::nothing;
    const std::string_view text = source->text;
    char quote = 0;
    int dots = 0;
    std::string open;    // brackets and braces
    bool begins = true;  // a statement
    std::size_t i = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
    const auto beyond_ascii = [&](std::size_t at) {
        return at < text.size() && static_cast<unsigned char>(text[at]) >= 0x80;
    };
    const auto character_length = [&](std::size_t at) {
        std::size_t length = 1;
        while (at + length < text.size() && (static_cast<unsigned char>(text[at + length]) & 0xC0U) == 0x80U) ++length;
        return length;
    };
    for (; i < text.size(); ++i) {
        const char c = text[i];
        switch (inside) {
            case Inside::nothing:
                if (beyond_ascii(i)) {
                    fail_at({source, {i, character_length(i)}},
                            "not valid TOML: this character may stand only in strings and comments",
                            "put keys and values with it in quotes");
                }
                dots = c == '.' ? dots + 1 : std::string_view("=,\n[]{}#").find(c) != std::string_view::npos ? 0 : dots;
                if (dots > max_key_parts)
                    fail_at({source, {i, 1}}, fmt::format("a key has more than {} parts", max_key_parts));
                if (begins && c == '[') {
                    if (const auto wrong = nameless_header(text, i)) {
                        fail_at({source, {*wrong, 1}}, "not valid TOML: a table needs a name in its brackets",
                                "as in `[model]`");
                    }
                }
                if (c == '[' || c == '{') open += c;
                if ((c == ']' || c == '}') && !open.empty()) {
                    const char closes = open.back() == '[' ? ']' : '}';
                    if (c != closes)
                        fail_at({source, {i, 1}}, fmt::format("not valid TOML: `{}` is missing before this", closes));
                    open.pop_back();
                }
                if (c == '\n') begins = open.empty();
                if (std::string_view(" \t\r\n").find(c) == std::string_view::npos) begins = false;
                if (c == '#') inside = Inside::comment;
                if (c == '"' || c == '\'') {
                    quote = c;
                    const bool block = text.substr(i, 3) == std::string(3, c);
                    inside = block ? Inside::block : Inside::text;
                    if (block) i += 2;
                }
                break;
            case Inside::comment:
                if (c == '\n') {
                    inside = Inside::nothing;
                    begins = open.empty();
                }
                break;
            case Inside::text:
            case Inside::block:
                if (c == '\\' && quote == '"') {
                    ++i;
                    while (inside == Inside::block && i < text.size() &&
                           std::string_view(" \t\r\n").find(text[i]) != std::string_view::npos)
                        ++i;
                    if (beyond_ascii(i))
                        fail_at({source, {i, character_length(i)}}, "a backslash cannot stand before this character");
                    if (i > 0 && std::string_view(" \t\r\n").find(text[i - 1]) != std::string_view::npos) --i;
                } else if (inside == Inside::text && (c == quote || c == '\n')) {
                    inside = Inside::nothing;
                } else if (inside == Inside::block && text.substr(i, 3) == std::string(3, quote)) {
                    while (text.substr(i, 4) == std::string(4, quote)) ++i;
                    i += 2;
                    inside = Inside::nothing;
                }
                break;
        }
    }
}

// First `=` that is not inside quotes.
std::size_t find_equals(std::string_view text) {
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (quote != 0) {
            if (text[i] == quote) quote = 0;
        } else if (text[i] == '"' || text[i] == '\'') {
            quote = text[i];
        } else if (text[i] == '=') {
            return i;
        }
    }
    return std::string_view::npos;
}

void shift_places(TomlValue& value, const std::shared_ptr<const SourceText>& source) {
    value.place.source = source;
    for (auto& member : value.members) {
        member.place.source = source;
        shift_places(member.value, source);
    }
    for (auto& element : value.elements) shift_places(element, source);
}

bool is_bare_key(std::string_view key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\t':
                out += "\\t";
                break;
            case '\r':
                out += "\\r";
                break;
            default:
                if (byte < 0x20 || byte == 0x7F) {
                    out += fmt::format("\\u{:04X}", byte);
                } else {
                    out += c;
                }
        }
    }
    return out + '"';
}

// Text of several lines stays readable; what a literal block cannot hold is escaped.
std::string string_text(const std::string& text) {
    const bool block = text.find('\n') != std::string::npos && text.find("'''") == std::string::npos &&
                       !text.ends_with('\'') && std::none_of(text.begin(), text.end(), [](char c) {
                           const auto byte = static_cast<unsigned char>(c);
                           return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
                       });
    return block ? "'''\n" + text + "'''" : quoted(text);
}

std::string key_text(const std::string& key) {
    return is_bare_key(key) ? key : quoted(key);
}

std::string inline_text(const TomlValue& value) {
    switch (value.kind) {
        case Kind::string:
            return string_text(value.text);
        case Kind::integer:
            return fmt::format("{}", value.integer);
        case Kind::real: {
            if (std::isnan(value.real)) return "nan";
            if (std::isinf(value.real)) return value.real > 0 ? "inf" : "-inf";
            std::string text = fmt::format("{}", value.real);
            if (text.find_first_of(".e") == std::string::npos) text += ".0";
            return text;
        }
        case Kind::boolean:
            return value.boolean ? "true" : "false";
        case Kind::time:
            return value.text;
        case Kind::array: {
            std::string text = "[";
            for (const auto& element : value.elements) text += (text.size() > 1 ? ", " : "") + inline_text(element);
            return text + "]";
        }
        case Kind::table: {
            std::string text = "{";
            for (const auto& member : value.members) {
                text += (text.size() > 1 ? ", " : "") + key_text(member.key) + " = " + inline_text(member.value);
            }
            return text + "}";
        }
    }
    return {};
}

// Sub-tables get sections of their own, but only behind the last plain value, so that the order of keys stays.
void write_table(const TomlValue& table, const std::string& path, std::string& out) {
    auto sections = table.members.end();
    while (sections != table.members.begin() && std::prev(sections)->value.kind == Kind::table) --sections;
    if (!path.empty() && (sections != table.members.begin() || table.members.empty())) {
        out += fmt::format("{}[{}]\n", out.empty() ? "" : "\n", path);
    }
    for (auto member = table.members.begin(); member != sections; ++member) {
        out += key_text(member->key) + " = " + inline_text(member->value) + "\n";
    }
    for (auto member = sections; member != table.members.end(); ++member) {
        write_table(member->value, path.empty() ? key_text(member->key) : path + "." + key_text(member->key), out);
    }
}

}  // namespace

void fail_at(const Place& place, std::string message, std::string hint) {
    if (!place.source) throw ConfigError(std::move(message), std::move(hint));
    throw ConfigError(diagnose(*place.source, place.span, std::move(message), std::move(hint)));
}

const TomlMember* TomlValue::find(std::string_view key) const {
    const auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.key == key; });
    return found == members.end() ? nullptr : &*found;
}

TomlMember* TomlValue::find(std::string_view key) {
    const auto found = std::find_if(members.begin(), members.end(), [&](const auto& m) { return m.key == key; });
    return found == members.end() ? nullptr : &*found;
}

std::string_view kind_name(TomlValue::Kind kind) {
    switch (kind) {
        case Kind::table:
            return "a table";
        case Kind::array:
            return "an array";
        case Kind::string:
            return "a string";
        case Kind::integer:
            return "an integer";
        case Kind::real:
            return "a number";
        case Kind::boolean:
            return "a boolean";
        case Kind::time:
            return "a date or time";
    }
    return "";
}

TomlValue parse_toml(const std::shared_ptr<const SourceText>& source) {
    refuse_unsafe_text(source);
    try {
        const toml::table table = toml::parse(std::string_view(source->text), std::string_view(source->name));
        TomlValue root = Converter(source).convert(table, 0);
        root.place = {source, {0, 1}};
        return root;
    } catch (const toml::parse_error& error) {
        const Lines lines(source->text);
        std::string message(error.description());
        if (message.ends_with('.')) message.pop_back();
        std::string hint;
        if (message.find("control characters") != std::string::npos) {
            message = "this string does not end on its line";
            hint = "close it with its quote; text of several lines stands between ''' and '''";
        } else if (message.starts_with("Error while parsing ")) {
            if (const auto colon = message.find(": "); colon != std::string::npos) message.erase(0, colon + 2);
        }
        if (message.starts_with("cannot redefine")) hint = "each key stands once";
        fail_at({source, {lines.offset(error.source().begin), 1}}, fmt::format("not valid TOML: {}", message),
                std::move(hint));
    }
}

void apply_override(TomlValue& root, std::string_view assignment, std::string_view source_name) {
    const auto source =
        std::make_shared<const SourceText>(SourceText{std::string(source_name), std::string(assignment)});
    const std::size_t equals = find_equals(assignment);
    const std::string example = "write it as `fit.n_rounds=20`";
    if (equals == std::string_view::npos)
        fail_at({source, {0, assignment.size()}}, "an override needs a key, `=` and a value", example);

    // The key alone tells the path; then the value is read where it stands, so that positions are right.
    const std::string key_only = std::string(assignment.substr(0, equals)) + "=0";
    TomlValue path;
    try {
        path = parse_toml(std::make_shared<const SourceText>(SourceText{source->name, key_only}));
    } catch (const ConfigError&) {
        fail_at({source, {0, equals}}, "this is not a dotted key", example);
    }
    TomlValue value;
    try {
        value = parse_toml(source);
        shift_places(value, source);
    } catch (const ConfigError&) {
        // Not TOML: a string without its quotes.
        std::size_t begin = equals + 1;
        while (begin < assignment.size() && assignment[begin] == ' ') ++begin;
        value.kind = Kind::string;
        value.text = std::string(assignment.substr(begin));
        if (value.text.find_first_of("\"'[{") == 0) {
            fail_at({source, {begin, assignment.size() - begin}}, "this value is not valid TOML",
                    "a string may stand without quotes, but quotes and brackets must match");
        }
        for (std::size_t i = begin; i < assignment.size(); ++i) value.offsets.push_back(i);
        value.place = {source, {begin, std::max<std::size_t>(1, assignment.size() - begin)}};
    }

    TomlValue* table = &root;
    const TomlValue* level = &path;
    std::string walked;
    while (true) {
        if (level->members.size() != 1) fail_at({source, {0, equals}}, "this is not a dotted key", example);
        const TomlMember& step = level->members.front();
        const Place place{source, {std::min(step.place.span.offset, equals), step.place.span.length}};
        if (value.kind == Kind::table && value.find(step.key) != nullptr) {
            TomlValue inner = std::move(value.find(step.key)->value);
            value = std::move(inner);
        }
        TomlMember* member = table->find(step.key);
        if (step.value.kind != Kind::table) {  // the last part of the key
            if (member == nullptr) {
                table->members.push_back({step.key, place, std::move(value)});
            } else {
                member->place = place;
                member->value = std::move(value);
            }
            return;
        }
        walked += (walked.empty() ? "" : ".") + step.key;
        if (member == nullptr) {
            TomlValue made;
            made.place = place;
            table->members.push_back({step.key, place, std::move(made)});
            member = &table->members.back();
        } else if (member->value.kind != Kind::table) {
            fail_at(place, fmt::format("`{}` is {}, not a table", walked, kind_name(member->value.kind)),
                    fmt::format("set `{}` as a whole", walked));
        }
        table = &member->value;
        level = &step.value;
    }
}

std::string to_toml(const TomlValue& root) {
    std::string out;
    write_table(root, "", out);
    return out;
}

Diagnostic moved_into(const TomlValue& text, Diagnostic diagnostic) {
    if (!text.place.source) return diagnostic;
    SourceSpan span = text.place.span;
    if (diagnostic.line > 0 && !text.offsets.empty()) {
        std::size_t at = 0;
        for (std::size_t line = 1; line < diagnostic.line; ++line) {
            const auto next = text.text.find('\n', at);
            if (next == std::string::npos) break;
            at = next + 1;
        }
        at += diagnostic.column - 1;
        span.offset = at < text.offsets.size() ? text.offsets[at] : text.offsets.back() + 1;
        span.length = diagnostic.length;
    }
    return diagnose(*text.place.source, span, std::move(diagnostic.message), std::move(diagnostic.hint));
}

void with_positions_in(std::span<const NamedText> texts, const std::function<void()>& action) {
    const auto moved = [&](const Error& error) {
        for (const auto& [name, text] : texts) {
            if (name == error.diagnostic().source && !name.empty()) return moved_into(*text, error.diagnostic());
        }
        return error.diagnostic();
    };
    try {
        action();
    } catch (const ModelError& error) {
        throw ModelError(moved(error));
    } catch (const UnitError& error) {
        throw UnitError(moved(error));
    } catch (const NumericalError& error) {
        throw NumericalError(moved(error));
    }
}

}  // namespace spikesmith
