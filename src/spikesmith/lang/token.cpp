#include "spikesmith/lang/token.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace spikesmith::lang {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_word(char c) {
    return is_letter(c) || is_digit(c);
}
bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

int digit_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return 99;
}

// Longest first, so that the first that fits is the right one.
constexpr std::array<std::string_view, 28> symbols{
    "**=", "//=", "**", "//", "<=", ">=", "==", "!=", "+=", "-=", "*=", "/=", "%=", "+",
    "-",   "*",   "/",  "%",  "<",  ">",  "=",  "(",  ")",  ",",  ":",  ";",  "[",  "]"};

// What people write from habit, and what to write here.
constexpr std::array<std::pair<std::string_view, std::string_view>, 25> habits{{
    {"&&", "write `and`"},
    {"||", "write `or`"},
    {"&", "write `and`"},
    {"|", "write `or`"},
    {"^", "write `**` for a power"},
    {"~", "write `not`"},
    {"!", "write `not`"},
    {"@", "write `*` for a product"},
    {"\"", "quoted text has no meaning in equations"},
    {"'", "quoted text has no meaning in equations"},
    {"\\", "an expression continues on the next line without any mark"},
    {"{", "write parentheses `(` `)`"},
    {"}", "write parentheses `(` `)`"},
    {"?", "write `where(condition, a, b)`"},
    {".", "names have no parts; a number needs a digit beside the point"},
    {"\xE2\x88\x92", "write the plain minus sign `-`"},                    // minus sign
    {"\xE2\x80\x93", "write the plain minus sign `-`"},                    // en dash
    {"\xC3\x97", "write `*` for a product"},                               // multiplication sign
    {"\xC2\xB7", "write `*` for a product"},                               // middle dot
    {"\xE2\x8B\x85", "write `*` for a product"},                           // dot operator
    {"\xC2\xB2", "write `**2`"},                                           // superscript two
    {"\xC2\xB3", "write `**3`"},                                           // superscript three
    {"\xC2\xB5", "write `u` for micro, as in `uA`"},                       // micro sign
    {"\xCE\xBC", "write `u` for micro, as in `uA`"},                       // Greek mu
    {"\xC2\xA0", "this is a non-breaking space: type an ordinary blank"},  // non-breaking space
}};

class Lexer {
  public:
    Lexer(const SourceText& source, bool caret) : source_(source), text_(source.text), caret_(caret) {}

    std::vector<Token> run() {
        if (text_.size() > largest_text) {
            throw ModelError(Diagnostic{.message = fmt::format("the text has {} characters", text_.size()),
                                        .source = source_.name,
                                        .hint = fmt::format("at most {} are accepted", largest_text)});
        }
        if (text_.starts_with("\xEF\xBB\xBF")) position_ = 3;  // byte order mark
        while (position_ < text_.size()) step();
        add(Token::Kind::end, 0);
        return std::move(tokens_);
    }

  private:
    void step() {
        const char c = text_[position_];
        if (is_blank(c)) {
            ++position_;
        } else if (c == '#') {
            position_ = std::min(text_.find('\n', position_), text_.size());
        } else if (c == '\n') {
            add(Token::Kind::newline, 1);
        } else if (is_letter(c)) {
            name();
        } else if (is_digit(c) || (c == '.' && is_digit(at(position_ + 1)))) {
            number();
        } else {
            symbol();
        }
    }

    [[nodiscard]] char at(std::size_t index) const { return index < text_.size() ? text_[index] : '\0'; }

    [[nodiscard]] std::size_t word_length(std::size_t begin) const {
        std::size_t end = begin;
        while (is_word(at(end))) ++end;
        return end - begin;
    }

    void name() {
        const std::size_t length = word_length(position_);
        if (length > longest_name) {
            throw ModelError(diagnose(source_, {position_, length}, fmt::format("the name has {} characters", length),
                                      fmt::format("at most {} are accepted", longest_name)));
        }
        add(Token::Kind::name, length);
    }

    Token& add(Token::Kind kind, std::size_t length) {
        tokens_.push_back({.kind = kind, .span = {position_, length}, .text = text_.substr(position_, length)});
        position_ += length;
        return tokens_.back();
    }

    // End of the digits from `begin`; single underscores may stand between digits.
    [[nodiscard]] std::size_t digits_end(std::size_t begin, int base) const {
        std::size_t end = begin;
        while (digit_value(at(end)) < base || (at(end) == '_' && end > begin && digit_value(at(end + 1)) < base)) ++end;
        return end;
    }

    void number() {
        if (text_[position_] == '0' && based_number()) return;
        std::size_t end = digits_end(position_, 10);
        bool integer = true;
        if (at(end) == '.') {
            integer = false;
            end = digits_end(end + 1, 10);
        }
        if (at(end) == 'e' || at(end) == 'E') {
            const std::size_t sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
            if (is_digit(at(end + 1 + sign))) {
                integer = false;
                end = digits_end(end + 1 + sign, 10);
            }
        }
        const std::size_t length = end - position_;
        std::string digits(text_.substr(position_, length));
        std::erase(digits, '_');
        if (integer && digits.size() > 1 && digits[0] == '0' && digits.find_first_not_of('0') != std::string::npos) {
            throw ModelError(diagnose(source_, {position_, length},
                                      fmt::format("the number `{}` starts with a zero", digits),
                                      "remove the zero, or write `0o` before an octal number"));
        }
        double value = 0;
        const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (result.ec != std::errc{}) {
            throw ModelError(diagnose(source_, {position_, length},
                                      fmt::format("the number `{}` is out of range", digits),
                                      "numbers lie between 5e-324 and 1.8e308 in magnitude"));
        }
        Token& token = add(Token::Kind::number, length);
        token.number = value;
        token.integer = integer;
    }

    // 0x1F, 0o17, 0b11
    bool based_number() {
        int base = 0;
        switch (at(position_ + 1)) {
            case 'x':
            case 'X':
                base = 16;
                break;
            case 'o':
            case 'O':
                base = 8;
                break;
            case 'b':
            case 'B':
                base = 2;
                break;
            default:
                return false;
        }
        const std::size_t begin = position_ + 2;
        const std::size_t end = digits_end(begin, base);
        if (end == begin) return false;
        double value = 0;
        for (std::size_t i = begin; i < end; ++i) {
            if (text_[i] != '_') value = value * base + digit_value(text_[i]);
        }
        if (end - begin > 200) {
            throw ModelError(diagnose(source_, {position_, end - position_}, "the number has too many digits"));
        }
        Token& token = add(Token::Kind::number, end - position_);
        token.number = value;
        token.integer = true;
        return true;
    }

    void symbol() {
        const std::string_view rest = text_.substr(position_);
        for (const auto candidate : symbols) {
            if (rest.starts_with(candidate)) {
                add(Token::Kind::symbol, candidate.size());
                return;
            }
        }
        if (caret_ && rest[0] == '^') {
            add(Token::Kind::symbol, 1);
            return;
        }
        unknown_character(rest);
    }

    [[noreturn]] void unknown_character(std::string_view rest) const {
        for (const auto& [written, hint] : habits) {
            if (rest.starts_with(written)) {
                throw ModelError(
                    diagnose(source_, {position_, 1}, fmt::format("unexpected `{}`", written), std::string(hint)));
            }
        }
        const auto byte = static_cast<unsigned char>(rest[0]);
        if (byte < 0x20 || byte == 0x7f) {
            throw ModelError(
                diagnose(source_, {position_, 1}, fmt::format("unexpected control character (code {})", byte)));
        }
        if (byte < 0x80) throw ModelError(diagnose(source_, {position_, 1}, fmt::format("unexpected `{}`", rest[0])));
        const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        const std::string_view character = rest.substr(0, length);
        const bool complete = length > 1 && character.size() == length &&
                              std::all_of(character.begin() + 1, character.end(),
                                          [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; });
        throw ModelError(diagnose(
            source_, {position_, 1},
            complete ? fmt::format("unexpected `{}`", character) : fmt::format("unexpected byte (code {})", byte),
            "names have ASCII letters, digits and underscores"));
    }

    const SourceText& source_;
    std::string_view text_;
    bool caret_;
    std::size_t position_ = 0;
    std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> tokenize(const SourceText& source, bool caret) {
    return Lexer(source, caret).run();
}

std::string describe(const Token& token) {
    switch (token.kind) {
        case Token::Kind::newline:
            return "the end of the line";
        case Token::Kind::end:
            return "the end of the text";
        default:
            return fmt::format("`{}`", token.text.substr(0, 60));
    }
}

std::string text_of(const SourceText& source, SourceSpan span) {
    const std::string_view text =
        std::string_view(source.text).substr(std::min(span.offset, source.text.size()), span.length);
    std::string out;
    bool comment = false;
    for (const char c : text) {
        if (c == '#') comment = true;
        if (c == '\n') comment = false;
        if (comment) continue;
        if (!is_blank(c) && c != '\n') {
            out += c;
        } else if (!out.empty() && out.back() != ' ') {
            out += ' ';
        }
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

std::string excerpt(const SourceText& source, SourceSpan span) {
    constexpr std::size_t widest = 48;
    std::string text = text_of(source, {span.offset, std::min<std::size_t>(span.length, 4 * widest)});
    if (text.size() > widest || span.length > 4 * widest) {
        std::size_t end = std::min(text.size(), widest - 3);
        text.resize(end);
        text += "...";
    }
    return text;
}

}  // namespace spikesmith::lang
