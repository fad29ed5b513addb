// One recursive-descent parser for all texts with units:
//
//     product := signed { ("*" | "/" | nothing) signed }      "nothing" is juxtaposition, not right after a division
//     signed  := { "+" | "-" } power
//     power   := primary [ ("**" | "^") signed ]              the exponent is made of numbers
//     primary := number | name | "(" product ")"
//
// What the four kinds of text allow beyond that is told by `Kind`.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/units/unit_table.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {
namespace {

enum class Kind {
    quantity,       // numbers and units
    unit,           // units; no number but 1
    recorded_unit,  // as unit, also SI symbols and words
    variable,       // units with scale 1; no number but 1
};

constexpr int deepest_nesting = 60;
constexpr double largest_exponent = 64;  // of a base unit: anything beyond is a slip

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (static_cast<unsigned char>(c) & 0x80) != 0;
}

class Parser {
  public:
    Parser(const SourceText& source, SourceSpan span, Kind kind)
        : source_(source),
          text_(source.text),
          position_(std::min(span.offset, source.text.size())),
          end_(position_ + std::min(span.length, source.text.size() - position_)),
          kind_(kind) {}

    Quantity parse() {
        skip_blanks();
        if (position_ == end_) fail(position_, 1, missing(), missing_hint());
        const Quantity result = product();
        if (position_ < end_) unexpected();
        return result;
    }

  private:
    [[noreturn]] void fail(std::size_t offset, std::size_t length, std::string message, std::string hint = {}) const {
        throw UnitError(diagnose(source_, {offset, length}, std::move(message), std::move(hint)));
    }

    [[nodiscard]] std::string missing() const {
        return kind_ == Kind::quantity ? "a number with a unit is missing here" : "the unit is missing here";
    }
    [[nodiscard]] std::string missing_hint() const {
        return kind_ == Kind::quantity   ? "for example `20 nS`, or `0.5` if dimensionless"
               : kind_ == Kind::variable ? "for example `volt`, or `1` if dimensionless"
                                         : "for example `mV`, or `1` if dimensionless";
    }

    void skip_blanks() {
        while (position_ < end_ && is_blank(text_[position_])) ++position_;
    }
    [[nodiscard]] char peek(std::size_t ahead = 0) const {
        return position_ + ahead < end_ ? text_[position_ + ahead] : '\0';
    }
    [[nodiscard]] bool at_end() const { return position_ >= end_; }
    bool accept(std::string_view token) {
        if (text_.substr(position_, end_ - position_).substr(0, token.size()) != token) return false;
        position_ += token.size();
        skip_blanks();
        return true;
    }
    [[nodiscard]] bool at_number() const { return is_digit(peek()) || (peek() == '.' && is_digit(peek(1))); }
    [[nodiscard]] bool at_operand() const { return at_number() || (!at_end() && begins_name(peek())) || peek() == '('; }

    [[noreturn]] void unexpected() const {
        if (at_end()) fail(position_, 1, "something is missing at the end", "a number, a unit or `(` must follow");
        const char c = peek();
        if (c == ')') fail(position_, 1, "this `)` was never opened");
        if (c == ',' && position_ > 0 && is_digit(text_[position_ - 1]) && is_digit(peek(1))) {
            fail(position_, 1, "a decimal comma is not a number", "write a decimal point: `1.5`");
        }
        if (c == '+' || c == '-') {
            fail(position_, 1, fmt::format("`{}` between two terms is not possible here", c),
                 kind_ == Kind::quantity ? "one number times units; work out the sum first"
                                         : "only `*`, `/` and `**` combine units");
        }
        if (c == '^') fail(position_, 1, "`^` is not an operator here", "write `**` for a power");
        if (c == '.') fail(position_, 1, "a `.` alone is not a number");
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) fail(position_, 1, "unexpected control character");
        fail(position_, 1, fmt::format("unexpected `{}`", c),
             kind_ == Kind::quantity ? "for example `20 nS`" : "for example `mV`");
    }

    void check(const Quantity& result, bool infinite_operands, std::size_t offset, std::size_t length) const {
        if (std::isnan(result.value)) fail(offset, length, "the result is not a number");
        if (std::isinf(result.value) && !infinite_operands)
            fail(offset, length, "the result is too large for a number");
        for (int i = 0; i < Dimension::count; ++i) {
            if (!(std::abs(result.dimension.exponent(i)) <= largest_exponent)) {
                fail(offset, length, fmt::format("the unit is raised to a power beyond {}", largest_exponent));
            }
        }
    }

    Quantity product() {
        Quantity left = signed_power();
        bool divided = false;
        while (!at_end()) {
            const std::size_t offset = position_;
            const bool multiply = peek() == '*' && peek(1) != '*';
            const bool divide = peek() == '/' && peek(1) != '/';
            if (!multiply && !divide) {
                if (!at_operand()) break;
                check_juxtaposition(divided);
            } else {
                ++position_;
                skip_blanks();
            }
            const Quantity right = signed_power();
            const bool infinite = std::isinf(left.value) || std::isinf(right.value);
            if (divide) {
                if (right.value == 0) fail(offset, 1, "division by zero");
                left = {left.value / right.value, left.dimension / right.dimension};
                divided = true;
            } else {
                left = {scaled(left.value, right.value), left.dimension * right.dimension};
                divided = divided && !multiply;
            }
            check(left, infinite, offset, 1);
        }
        return left;
    }

    // value * factor; a factor such as 1e-6 is no double, but its inverse is: `200 uS` is 200/1e6, the double nearest to 2e-4.
    static double scaled(double value, double factor) {
        const double inverse = std::round(1 / factor);
        const bool decimal =
            std::abs(factor) < 1 && std::abs(inverse) <= 1e15 && std::abs(inverse * factor - 1) < 1e-12;
        return decimal ? value / inverse : value * factor;
    }

    void check_juxtaposition(bool divided) const {
        if (kind_ == Kind::variable)
            fail(position_, 1, "an operator is missing before this", "write `*` between units, as in `volt * second`");
        if (at_number()) fail(position_, 1, "an operator is missing before this number", "write `*`, `/` or `**`");
        if (exponent_depth_ > 0) fail(position_, 1, "an operator is missing before this");
        if (divided) {
            fail(position_, 1, "a product without `*` after a division can be read in two ways",
                 "write `*` if this multiplies, or put what is divided by in parentheses: `1/(5 ms)`");
        }
    }

    Quantity signed_power() {
        bool negative = false;
        while (peek() == '-' || peek() == '+') {
            if (kind_ != Kind::quantity && exponent_depth_ == 0) fail(position_, 1, "a unit has no sign");
            negative ^= peek() == '-';
            ++position_;
            skip_blanks();
        }
        Quantity result = power();
        if (negative) result.value = -result.value;
        return result;
    }

    Quantity power() {
        const Quantity base = primary();
        const std::size_t offset = position_;
        const bool is_power = accept("**") || (kind_ != Kind::variable && accept("^"));
        if (!is_power) return base;
        const Nesting nesting(*this, offset);
        ++exponent_depth_;
        const double exponent = signed_power().value;
        --exponent_depth_;
        if (base.value == 0 && exponent < 0) fail(offset, 1, "zero to a negative power");
        const Quantity result{std::pow(base.value, exponent), base.dimension.power(exponent)};
        check(result, std::isinf(base.value) || std::isinf(exponent), offset,
              std::max<std::size_t>(1, position_ - offset));
        return result;
    }

    Quantity primary() {
        const std::size_t offset = position_;
        if (peek() == '(') {
            const Nesting nesting(*this, offset);
            ++position_;
            skip_blanks();
            const Quantity inside = product();
            if (peek() != ')') {
                if (at_end()) fail(offset, 1, "this `(` is never closed");
                unexpected();
            }
            ++position_;
            skip_blanks();
            return inside;
        }
        if (at_number()) return number();
        if (!at_end() && begins_name(peek())) return name();
        unexpected();
    }

    Quantity number() {
        const std::size_t offset = position_;
        double value = 0;
        const auto [stop, error] = std::from_chars(text_.data() + position_, text_.data() + end_, value);
        position_ = static_cast<std::size_t>(stop - text_.data());
        const std::size_t length = position_ - offset;
        if (error == std::errc::result_out_of_range) fail(offset, length, "this number is too large or too small");
        if (error != std::errc{}) fail(offset, 1, "this is not a number");
        skip_blanks();
        if (kind_ != Kind::quantity && exponent_depth_ == 0 && value != 1) {
            fail(offset, length, "a unit has no number",
                 "`1` stands for dimensionless; use a unit with a prefix such as `mV` for other scales");
        }
        return {value, {}};
    }

    Quantity name() {
        const std::size_t offset = position_;
        while (!at_end() && (begins_name(peek()) || is_digit(peek()))) ++position_;
        const std::string_view word = text_.substr(offset, position_ - offset);
        skip_blanks();
        if (exponent_depth_ > 0) fail(offset, word.size(), "an exponent is a plain number");
        if (word == "inf" && kind_ == Kind::quantity) return {HUGE_VAL, {}};
        const auto* entry = unit_table::find(word);
        if (entry == nullptr && (kind_ == Kind::recorded_unit || kind_ == Kind::quantity))
            entry = unit_table::find_symbol(word);
        if (entry == nullptr) unknown(offset, word);
        if (kind_ == Kind::variable && entry->base != entry->unit.name) {
            fail(offset, word.size(), fmt::format("`{}` is not a base unit: variables are stored in base units", word),
                 fmt::format("did you mean `{}`?", entry->base));
        }
        return {entry->unit.scale, entry->unit.dimension};
    }

    [[noreturn]] void unknown(std::size_t offset, std::string_view word) const {
        std::string hint;
        if (kind_ == Kind::variable) {
            constexpr std::array<std::pair<std::string_view, std::string_view>, 7> types{{{"bool", "boolean"},
                                                                                          {"int", "integer"},
                                                                                          {"float", "1"},
                                                                                          {"real", "1"},
                                                                                          {"double", "1"},
                                                                                          {"boolean", ""},
                                                                                          {"integer", ""}}};
            for (const auto& [wrong, right] : types) {
                if (word == wrong && !right.empty()) hint = fmt::format("did you mean `{}`?", right);
                if (word == wrong && right.empty()) {
                    fail(offset, word.size(), fmt::format("`{}` cannot be combined with a unit", word),
                         "it stands alone");
                }
            }
            if (hint.empty()) hint = base_unit_hint(word);
        } else {
            hint = word == "nan" || word == "NaN" ? "a quantity is a number" : unknown_unit_hint(word);
        }
        fail(offset, word.size(), fmt::format("unknown unit `{}`", word), std::move(hint));
    }

    // The base unit that stands for what was probably meant.
    static std::string base_unit_hint(std::string_view word) {
        const auto* entry = unit_table::find_symbol(word);
        if (entry == nullptr && word != "celsius") entry = unit_table::find(unit_table::nearest_name(word));
        if (entry != nullptr) return fmt::format("did you mean `{}`?", entry->base);
        const auto hint = unknown_unit_hint(word);
        return hint.empty()
                   ? "base units are amp, volt, siemens, farad, ohm, second, hertz, metre, kilogram, kelvin, mole, "
                     "mmolar, coulomb, joule, newton, ...; `1` if dimensionless"
                   : hint;
    }

    // Guards the depth of recursion.
    class Nesting {
      public:
        Nesting(Parser& parser, std::size_t offset) : parser_(parser) {
            if (++parser_.depth_ > deepest_nesting)
                parser_.fail(offset, 1, fmt::format("nested more than {} levels deep", deepest_nesting));
        }
        Nesting(const Nesting&) = delete;
        Nesting& operator=(const Nesting&) = delete;
        ~Nesting() { --parser_.depth_; }

      private:
        Parser& parser_;
    };

    const SourceText& source_;
    std::string_view text_;
    std::size_t position_;
    std::size_t end_;
    Kind kind_;
    int depth_ = 0;
    int exponent_depth_ = 0;
};

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

Unit parse_as(std::string_view text, std::string_view source_name, Kind kind) {
    const SourceText source{std::string(source_name), std::string(text)};
    const Quantity one = Parser(source, {0, text.size()}, kind).parse();
    if (!(one.value > 0) || std::isinf(one.value)) {
        throw UnitError(
            diagnose(source, {0, text.size()}, "the scale of this unit is too large or too small for a number"));
    }
    return {std::string(trimmed(text)), one.value, one.dimension};
}

}  // namespace

Quantity parse_quantity(std::string_view text, std::string_view source_name) {
    const SourceText source{std::string(source_name), std::string(text)};
    return Parser(source, {0, text.size()}, Kind::quantity).parse();
}

Unit parse_unit(std::string_view text, std::string_view source_name) {
    return parse_as(text, source_name, Kind::unit);
}

Unit parse_recorded_unit(std::string_view text, std::string_view source_name) {
    return parse_as(text, source_name, Kind::recorded_unit);
}

VariableUnit parse_variable_unit(const SourceText& source, SourceSpan span) {
    const std::size_t offset = std::min(span.offset, source.text.size());
    const std::string_view word = trimmed(std::string_view(source.text).substr(offset, span.length));
    if (word == "boolean") return {{}, ValueType::boolean};
    if (word == "integer") return {{}, ValueType::integer};
    return {Parser(source, span, Kind::variable).parse().dimension, ValueType::real};
}

}  // namespace spikesmith
