#include "spikesmith/data/delimited.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (static_cast<unsigned char>(c) & 0x80) != 0;
}
bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

bool has_letter(std::string_view text) {
    return std::any_of(text.begin(), text.end(), is_letter);
}
bool all_digits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

struct Line {
    std::string_view text;
    std::size_t number = 0;
};

struct Field {
    std::string_view text;   // without blanks and quotes around it
    std::size_t offset = 0;  // in its line
    bool quoted = false;
};

// Numbers as people and programs write them. Too small a number is zero; too large a one is no number.
std::optional<double> parse_number(std::string_view text) {
    if (!text.empty() && text.front() == '+') text.remove_prefix(1);
    if (text.empty() || text.front() == '+' || text.find('(') != std::string_view::npos) return std::nullopt;
    double value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (stop != text.data() + text.size()) return std::nullopt;
    if (error == std::errc::result_out_of_range) {
        const auto exponent = text.find_first_of("eE");
        const bool tiny = exponent == std::string_view::npos ? text.find_first_of("123456789") > text.find('.')
                                                             : text.substr(exponent + 1).starts_with('-');
        return tiny ? std::optional(text.front() == '-' ? -0.0 : 0.0) : std::nullopt;
    }
    return error == std::errc{} ? std::optional(value) : std::nullopt;
}

// "-65,3": a number with a decimal comma.
bool has_decimal_comma(std::string_view text) {
    const auto comma = text.find(',');
    if (comma == std::string_view::npos || comma + 1 >= text.size() || comma == 0) return false;
    if (!is_digit(text[comma - 1]) || !is_digit(text[comma + 1])) return false;
    std::string with_point(text);
    with_point[comma] = '.';
    return parse_number(with_point).has_value();
}

constexpr std::string_view decimal_point_hint =
    "write numbers with a decimal point and separate them with commas, tabs or blanks";

class Parser {
  public:
    Parser(std::string_view text, std::string_view source_name, const DelimitedOptions& options)
        : text_(text), source_name_(source_name), options_(options) {}

    DelimitedTable parse() {
        check_encoding();
        split_lines();
        table_.delimiter = options_.delimiter != '\0' ? options_.delimiter : detect_delimiter();
        read_header();
        read_rows();
        if (table_.names.empty() && options_.header == Header::automatic) read_commented_header();
        check_decimal_commas();
        return std::move(table_);
    }

  private:
    [[noreturn]] void fail(const Line& line, std::size_t offset, std::size_t length, std::string message,
                           std::string hint = {}) const {
        const SourceText source{std::string(source_name_), std::string(line.text)};
        Diagnostic d = diagnose(source, {offset, length}, std::move(message), std::move(hint));
        d.line = line.number;
        throw DataError(std::move(d));
    }
    [[noreturn]] void fail(std::string message, std::string hint = {}) const {
        throw DataError(
            Diagnostic{.message = std::move(message), .source = std::string(source_name_), .hint = std::move(hint)});
    }

    void check_encoding() {
        if (text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF")) {
            fail("this is text in UTF-16", "save it as UTF-8 (in spreadsheets: \"CSV UTF-8\")");
        }
        if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
        const auto zero = text_.find('\0');
        if (zero != std::string_view::npos) fail(fmt::format("this is not a text file: byte {} is zero", zero));
    }

    static bool is_comment(std::string_view content) {
        return content.starts_with('#') || content.starts_with('%') || content.starts_with("//");
    }

    void split_lines() {
        std::size_t number = 0;
        for (std::size_t begin = 0; begin < text_.size();) {
            const std::size_t end = std::min(text_.find_first_of("\r\n", begin), text_.size());
            ++number;
            const Line line{text_.substr(begin, end - begin), number};
            const auto content = trimmed(line.text);
            if (is_comment(content)) {
                if (lines_.empty()) last_comment_ = line;
            } else if (!content.empty()) {
                lines_.push_back(line);
            }
            begin = end + (text_.substr(end, 2) == "\r\n" ? 2 : 1);
        }
        if (lines_.empty()) {
            fail(text_.empty() ? "the file is empty" : "there are no numbers in this file",
                 text_.empty() ? "" : "it has only blank lines and comments");
        }
    }

    // A separator stands in every line of numbers; tabs before semicolons before commas, because numbers and names may have the later
    // ones inside.
    [[nodiscard]] char detect_delimiter() const {
        constexpr std::size_t sample = 50;
        constexpr std::size_t longest_header = 2;
        const std::size_t first = lines_.size() > longest_header ? longest_header : lines_.size() - 1;
        for (const char delimiter : {'\t', ';', ','}) {
            bool everywhere = true;
            for (std::size_t i = first; i < std::min(lines_.size(), sample) && everywhere; ++i) {
                bool quoted = false;
                bool found = false;
                for (const char c : trimmed(lines_[i].text)) {
                    if (c == '"') quoted = !quoted;
                    found |= !quoted && c == delimiter;
                }
                everywhere = found;
            }
            if (everywhere) return delimiter;
        }
        return ' ';
    }

    [[nodiscard]] bool separates(char c) const { return table_.delimiter == ' ' ? is_blank(c) : c == table_.delimiter; }

    void split(const Line& line, std::vector<Field>& fields) const {
        fields.clear();
        const std::string_view text = line.text;
        std::size_t i = 0;
        const auto skip_blanks = [&] {
            while (i < text.size() && is_blank(text[i]) && (table_.delimiter != '\t' || text[i] != '\t')) ++i;
        };
        while (true) {
            skip_blanks();
            if (i >= text.size() && table_.delimiter == ' ') {
                if (text.find_first_of("([") != std::string_view::npos) join_bracketed(fields, text);
                return;
            }
            if (i < text.size() && text[i] == '"') {
                const std::size_t open = i++;
                while (i < text.size() && (text[i] != '"' || (i + 1 < text.size() && text[i + 1] == '"')))
                    i += text[i] == '"' ? 2 : 1;
                if (i >= text.size()) fail(line, open, 1, "this quotation mark is not closed on its line");
                fields.push_back({trimmed(text.substr(open + 1, i - open - 1)), open, true});
                ++i;
                const std::size_t after = i;
                skip_blanks();
                if (i < text.size() && !separates(text[i]) && (table_.delimiter != ' ' || i == after)) {
                    fail(line, i, 1, "text after the closing quotation mark",
                         "a quotation mark inside a quoted field is written twice");
                }
            } else {
                const std::size_t begin = i;
                while (i < text.size() && !separates(text[i])) ++i;
                fields.push_back({trimmed(text.substr(begin, i - begin)), begin, false});
            }
            if (table_.delimiter == ' ') continue;
            if (i >= text.size()) return;
            ++i;
        }
    }

    [[nodiscard]] static bool numeric(const std::vector<Field>& fields, std::size_t from = 0) {
        return fields.size() > from && std::all_of(fields.begin() + static_cast<std::ptrdiff_t>(from), fields.end(),
                                                   [](const Field& f) { return parse_number(f.text).has_value(); });
    }

    // "0.O", "-65mV", ".5x": begins as a number.
    [[nodiscard]] static bool is_mistyped(std::string_view text) {
        const auto first = text.find_first_not_of("+-.");
        return first <= 2 && first < text.size() && is_digit(text[first]);
    }

    [[nodiscard]] static bool is_word(const Field& f) {
        return f.quoted ? !parse_number(f.text) : has_letter(f.text) && !is_mistyped(f.text) && !parse_number(f.text);
    }

    // A row label is a word; numbers follow.
    [[nodiscard]] static bool labelled(const std::vector<Field>& fields) {
        return fields.size() > 1 && is_word(fields[0]) && parse_number(fields[1].text).has_value();
    }

    // Names of columns: words, perhaps with whole numbers among them ("time, 1, 2"), but the first is never a number.
    [[nodiscard]] static bool is_header(const std::vector<Field>& fields) {
        return !parse_number(fields[0].text) && std::all_of(fields.begin(), fields.end(), [](const Field& f) {
            return f.text.empty() || all_digits(f.text.substr(f.text.starts_with('-') ? 1 : 0)) || is_word(f);
        });
    }

    [[nodiscard]] static std::string_view without_brackets(std::string_view text) {
        if (text.size() >= 2 &&
            ((text.front() == '(' && text.back() == ')') || (text.front() == '[' && text.back() == ']'))) {
            return trimmed(text.substr(1, text.size() - 2));
        }
        return text;
    }

    [[nodiscard]] static bool is_unit(std::string_view text) {
        if (text.size() > 64) return false;
        try {
            (void)parse_recorded_unit(text);
            return true;
        } catch (const UnitError&) {
            return false;
        }
    }

    // "mV", "(mV)", nothing: a second header line that gives the units.
    [[nodiscard]] static bool is_unit_line(const std::vector<Field>& fields) {
        return std::all_of(fields.begin(), fields.end(), [](const Field& f) {
            const auto unit = without_brackets(f.text);
            return unit.empty() || unit == "-" || is_unit(unit);
        });
    }

    // "v (mV)" is a name and a unit; `quotes` are doubled inside a quoted field.
    static void add_name(const Field& field, std::vector<std::string>& names, std::vector<std::string>& units) {
        std::string name(field.text);
        for (auto at = name.find("\"\""); field.quoted && at != std::string::npos; at = name.find("\"\"", at + 1))
            name.erase(at, 1);
        std::string unit;
        const char close = name.empty() ? '\0' : name.back();
        const auto open = close == ')' ? name.rfind('(') : close == ']' ? name.rfind('[') : std::string::npos;
        if (open != std::string::npos) {
            const std::string inside(trimmed(std::string_view(name).substr(open + 1, name.size() - open - 2)));
            if (is_unit(inside)) name = trimmed(std::string_view(name).substr(0, open));
            if (has_letter(inside) || is_unit(inside)) unit = inside;
        }
        names.push_back(std::move(name));
        units.push_back(std::move(unit));
    }

    // Between blanks, "v (mV)" falls into two fields.
    static void join_bracketed(std::vector<Field>& fields, std::string_view line) {
        std::vector<Field> joined;
        for (const auto& field : fields) {
            const bool bracketed = without_brackets(field.text) != field.text;
            if (bracketed && !joined.empty() && !joined.back().quoted && !field.quoted) {
                joined.back().text =
                    line.substr(joined.back().offset, field.offset + field.text.size() - joined.back().offset);
            } else {
                joined.push_back(field);
            }
        }
        fields = std::move(joined);
    }

    void read_header() {
        std::vector<Field> fields;
        std::vector<Field> next;
        split(lines_[0], fields);
        if (lines_.size() > 1) split(lines_[1], next);
        const bool next_is_data = numeric(next) || labelled(next);
        bool present = options_.header == Header::present;
        if (options_.header == Header::automatic && !numeric(fields)) {
            const bool labelled_row = labelled(fields) && numeric(fields, 1) && (next.empty() || labelled(next));
            present = !labelled_row && is_header(fields) && (next_is_data || next.empty() || !numeric(fields, 1));
        }
        if (!present) return;
        if (lines_.size() == 1) fail(lines_[0], 0, 1, "there are names but no numbers in this file");
        for (const auto& field : fields) add_name(field, table_.names, table_.units);
        table_.header_line = lines_[0].number;
        first_row_ = 1;
        if (!next_is_data && lines_.size() > 2 && next.size() == fields.size() && is_unit_line(next)) {
            for (std::size_t i = 0; i < next.size(); ++i) {
                const auto unit = without_brackets(next[i].text);
                if (!unit.empty() && unit != "-") table_.units[i] = unit;
            }
            first_row_ = 2;
        }
    }

    void read_rows() {
        std::vector<Field> fields;
        split(lines_[first_row_], fields);
        const bool with_labels = labelled(fields);
        // Some programs end every line with a separator.
        const bool open_ended = fields.size() > 1 && fields.back().text.empty() && !fields.back().quoted;
        const std::size_t width = fields.size();
        const std::size_t columns = width - (with_labels ? 1 : 0) - (open_ended ? 1 : 0);
        match_header(columns, with_labels, open_ended);
        table_.values.columns = columns;
        table_.values.values.reserve(columns * (lines_.size() - first_row_));
        table_.lines.reserve(lines_.size() - first_row_);
        for (std::size_t r = first_row_; r < lines_.size(); ++r) {
            Line line = lines_[r];
            const auto comment = line.text.find('#');
            if (comment != std::string_view::npos && line.text.find('"') == std::string_view::npos)
                line.text = line.text.substr(0, comment);
            split(line, fields);
            if (fields.size() != width) ragged(line, fields, width);
            if (open_ended && !fields.back().text.empty()) {
                fail(line, fields.back().offset, fields.back().text.size(),
                     "this field has no counterpart in the rows before",
                     fmt::format("the rows before have {} numbers", columns));
            }
            if (with_labels) {
                if (parse_number(fields[0].text)) {
                    const auto& first = lines_[first_row_];
                    fail(line, fields[0].offset, fields[0].text.size(),
                         fmt::format("this row begins with a number, line {} with a word", first.number),
                         "either all rows have a label or none");
                }
                add_name(fields[0], table_.labels, table_.label_units);
            }
            for (std::size_t i = with_labels ? 1 : 0; i < columns + (with_labels ? 1 : 0); ++i)
                table_.values.values.push_back(number(line, fields[i]));
            table_.lines.push_back(line.number);
        }
        table_.values.rows = table_.lines.size();
    }

    void match_header(std::size_t columns, bool with_labels, bool open_ended) {
        auto& names = table_.names;
        if (names.empty()) return;
        if (open_ended && names.size() > columns && names.back().empty()) {
            names.pop_back();
            table_.units.pop_back();
        }
        if (with_labels && names.size() == columns + 1) {  // the name of the labels
            names.erase(names.begin());
            table_.units.erase(table_.units.begin());
        }
        if (names.size() == columns) return;
        const Line& row = lines_[first_row_];
        if (table_.delimiter == ',' && columns == 2 * names.size() && !with_labels)
            decimal_comma(row, row.text.find(','));
        const auto count = names.size();
        fail(row, 0, row.text.size(),
             fmt::format("{} number{} in this row, but {} name{} in the header (line {})", columns,
                         columns == 1 ? "" : "s", count, count == 1 ? "" : "s", table_.header_line));
    }

    [[noreturn]] void decimal_comma(const Line& line, std::size_t offset) const {
        fail(line, offset, 1, "this looks like a decimal comma", std::string(decimal_point_hint));
    }

    [[noreturn]] void ragged(const Line& line, const std::vector<Field>& fields, std::size_t width) const {
        for (const auto& field : fields) {
            if (has_decimal_comma(field.text)) decimal_comma(line, field.offset + field.text.find(','));
        }
        const std::size_t offset = fields.size() > width ? fields[width].offset : line.text.size();
        fail(line, offset, 1,
             fmt::format("{} field{} in this row, but {} in line {}", fields.size(), fields.size() == 1 ? "" : "s",
                         width, lines_[first_row_].number),
             fields.size() < width ? "write `nan` for a missing value" : "");
    }

    [[nodiscard]] double number(const Line& line, const Field& field) const {
        if (const auto value = parse_number(field.text)) return *value;
        const std::size_t length = std::max<std::size_t>(1, field.text.size());
        if (field.text.empty())
            fail(line, field.offset, length, "this field is empty", "write `nan` for a missing value");
        if (has_decimal_comma(field.text)) decimal_comma(line, field.offset + field.text.find(','));
        std::string hint;
        if (table_.delimiter == ',' && field.text.find(' ') != std::string_view::npos) {
            hint = "the comma was taken for the separator; if it is a decimal comma, write a point";
        } else if (is_digit(field.text.front()) || field.text.front() == '-' || field.text.front() == '.') {
            const auto end = field.text.find_first_not_of("+-.0123456789eE");
            if (end == std::string_view::npos) {
                hint = "";
            } else if (field.text[end] == 'D' || field.text[end] == 'd') {
                hint = "write the exponent with `e`";
            } else if (is_letter(field.text[end])) {
                hint = "units belong into the header, as in `v (mV)`";
            }
        }
        fail(line, field.offset, length, fmt::format("`{}` is not a number", field.text.substr(0, 40)),
             std::move(hint));
    }

    // numpy.savetxt writes the header as a comment. A sentence in a comment is not one: it has another number of words, or has
    // no separators.
    void read_commented_header() {
        if (last_comment_.number == 0) return;
        Line line = last_comment_;
        while (!line.text.empty() && (is_blank(line.text.front()) ||
                                      std::string_view("#%/").find(line.text.front()) != std::string_view::npos)) {
            line.text.remove_prefix(1);
        }
        if (line.text.find('"') != std::string_view::npos) return;
        std::vector<Field> fields;
        split(line, fields);
        const std::size_t columns = table_.values.columns;
        const bool words = std::all_of(fields.begin(), fields.end(), [](const Field& f) { return has_letter(f.text); });
        if (fields.size() != columns || !words || !table_.labels.empty()) return;
        std::vector<std::string> names;
        std::vector<std::string> units;
        for (const auto& field : fields) add_name(field, names, units);
        if (columns == 1 && std::any_of(names[0].begin(), names[0].end(), is_blank)) return;
        table_.names = std::move(names);
        table_.units = std::move(units);
        table_.header_line = last_comment_.number;
    }

    // "-65,03" between line ends only: two columns of whole numbers to the eye of a parser. Digits that no whole number has give it
    // away: a zero before others, or "-0".
    void check_decimal_commas() const {
        if (options_.delimiter != '\0' || table_.delimiter != ',' || table_.values.columns % 2 != 0 ||
            !table_.names.empty() || !table_.labels.empty())
            return;
        std::vector<Field> fields;
        const Line* witness = nullptr;
        std::size_t offset = 0;
        for (const auto& line : lines_) {
            split(line, fields);
            for (std::size_t i = 0; i < fields.size(); ++i) {
                auto digits = fields[i].text;
                const bool minus = i % 2 == 0 && digits.starts_with('-');
                if (minus) digits.remove_prefix(1);
                if (!all_digits(digits)) return;
                const bool telling = i % 2 == 0 ? minus && digits == "0" : digits.size() > 1 && digits.front() == '0';
                if (telling && witness == nullptr) {
                    witness = &line;
                    offset = fields[i].offset;
                    while (line.text[offset] != ',' && offset > 0 && i % 2 == 1) --offset;
                    if (i % 2 == 0) offset = line.text.find(',', offset);
                }
            }
        }
        if (witness != nullptr) decimal_comma(*witness, offset);
    }

    std::string_view text_;
    std::string_view source_name_;
    DelimitedOptions options_;
    DelimitedTable table_;
    std::vector<Line> lines_;
    Line last_comment_;  // before the first line with content
    std::size_t first_row_ = 0;
};

std::string quoted_if_needed(const std::string& text, char delimiter) {
    const bool plain = !text.empty() && text.find_first_of("\"\r\n#%/") == std::string::npos &&
                       text.find(delimiter) == std::string::npos && trimmed(text) == text;
    if (plain) return text;
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c == '\n' || c == '\r' ? ' ' : c;
    }
    return out + '"';
}

std::string with_unit(const std::string& name, const std::string& unit) {
    const bool has_it = unit.empty() || name.ends_with("(" + unit + ")") || name.ends_with("[" + unit + "]");
    return has_it ? name : fmt::format("{} ({})", name, unit);
}

}  // namespace

DelimitedTable parse_delimited(std::string_view text, std::string_view source_name, const DelimitedOptions& options) {
    return Parser(text, source_name, options).parse();
}

DelimitedTable read_delimited(const std::filesystem::path& path, const DelimitedOptions& options) {
    return parse_delimited(read_file(path), path.string(), options);
}

std::string format_delimited(const DelimitedTable& table) {
    const auto& values = table.values;
    const bool fits = values.values.size() == values.rows * values.columns &&
                      (table.names.empty() || table.names.size() == values.columns) &&
                      (table.units.empty() || table.units.size() == table.names.size()) &&
                      (table.labels.empty() || table.labels.size() == values.rows) &&
                      (table.label_units.empty() || table.label_units.size() == table.labels.size());
    if (!fits) throw DataError("the names, units or labels of a table do not match its numbers");
    std::string out;
    const auto unit_of = [](const std::vector<std::string>& units, std::size_t i) {
        return units.empty() ? std::string{} : units[i];
    };
    if (!table.names.empty()) {
        if (!table.labels.empty()) out += quoted_if_needed("", table.delimiter) + table.delimiter;
        for (std::size_t c = 0; c < values.columns; ++c) {
            if (c > 0) out += table.delimiter;
            out += quoted_if_needed(with_unit(table.names[c], unit_of(table.units, c)), table.delimiter);
        }
        out += '\n';
    }
    for (std::size_t r = 0; r < values.rows; ++r) {
        if (!table.labels.empty())
            out += quoted_if_needed(with_unit(table.labels[r], unit_of(table.label_units, r)), table.delimiter) +
                   table.delimiter;
        for (std::size_t c = 0; c < values.columns; ++c) {
            if (c > 0) out += table.delimiter;
            std::array<char, 32> digits{};
            const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), values(r, c)).ptr;
            out.append(digits.data(), end);
        }
        out += '\n';
    }
    return out;
}

void write_delimited(const std::filesystem::path& path, const DelimitedTable& table) {
    write_file_atomically(path, format_delimited(table));
}

}  // namespace spikesmith
