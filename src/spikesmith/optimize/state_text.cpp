#include "spikesmith/optimize/state_text.hpp"

#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

// Hexadecimal digits of the mantissa and a binary exponent: exact, and read by std::from_chars.
void append_real(std::string& text, double value) {
    if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();  // whose sign would not be read back
    char buffer[40];
    const auto result = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::hex);
    text.append(buffer, result.ptr);
}

}  // namespace

void StateWriter::word(std::string_view key, std::string_view value) {
    text_ += fmt::format("{} {}\n", key, value);
}

void StateWriter::sentence(std::string_view key, std::string_view text) {
    text_ += key;
    bool blank = true;
    for (const char c : text) {
        const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
        if (!space) text_ += blank ? fmt::format(" {}", c) : std::string(1, c);
        blank = space;
    }
    text_ += '\n';
}

void StateWriter::integer(std::string_view key, std::uint64_t value) {
    text_ += fmt::format("{} {}\n", key, value);
}

void StateWriter::reals(std::string_view key, std::span<const double> values) {
    text_ += fmt::format("{} {}", key, values.size());
    for (const double value : values) {
        text_ += ' ';
        append_real(text_, value);
    }
    text_ += '\n';
}

void StateWriter::integers(std::string_view key, std::span<const std::uint64_t> values) {
    text_ += fmt::format("{} {}", key, values.size());
    for (const std::uint64_t value : values) text_ += fmt::format(" {}", value);
    text_ += '\n';
}

std::string StateWriter::text() const {
    return text_ + "end\n";
}

void StateReader::damaged(const std::string& why) const {
    throw DataError(fmt::format("the saved state of the optimizer cannot be read: line {}: {}", line_, why),
                    "the state must be the unchanged text of save_state");
}

std::vector<std::string_view> StateReader::line(std::string_view key) {
    ++line_;
    const std::size_t length = rest_.find('\n');
    if (length == std::string_view::npos) damaged(fmt::format("the text ends before `{}`", key));
    std::string_view text = rest_.substr(0, length);
    rest_.remove_prefix(length + 1);
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const std::size_t blank = text.find(' ');
        words.push_back(text.substr(0, blank));
        text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    }
    if (words.empty() || words.front() != key) {
        damaged(fmt::format("expected `{}`, found `{}`", key,
                            words.empty() ? std::string_view{} : words.front().substr(0, 40)));
    }
    words.erase(words.begin());
    return words;
}

namespace {

bool read(std::string_view text, std::uint64_t& value) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

bool read(std::string_view text, double& value) {
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::hex);
    return result.ec == std::errc{} && result.ptr == text.data() + text.size();
}

}  // namespace

std::string_view StateReader::next_key() const {
    return rest_.substr(0, rest_.find_first_of(" \n"));
}

std::string StateReader::word(std::string_view key) {
    const auto words = line(key);
    if (words.size() != 1) damaged(fmt::format("`{}` needs one value", key));
    return std::string(words.front());
}

std::string StateReader::sentence(std::string_view key) {
    return fmt::format("{}", fmt::join(line(key), " "));
}

std::uint64_t StateReader::integer(std::string_view key) {
    const std::string text = word(key);
    std::uint64_t value = 0;
    if (!read(text, value)) damaged(fmt::format("`{}` is no whole number", text.substr(0, 40)));
    return value;
}

std::vector<std::string_view> StateReader::list(std::string_view key) {
    auto words = line(key);
    std::uint64_t count = 0;
    if (words.empty() || !read(words.front(), count)) damaged(fmt::format("`{}` needs a count", key));
    if (count != words.size() - 1)
        damaged(fmt::format("`{}` has {} values instead of {}", key, words.size() - 1, count));
    words.erase(words.begin());
    return words;
}

std::vector<double> StateReader::reals(std::string_view key) {
    std::vector<double> values;
    for (const std::string_view text : list(key)) {
        values.emplace_back();
        if (!read(text, values.back())) damaged(fmt::format("`{}` is no number", text.substr(0, 40)));
    }
    return values;
}

std::vector<double> StateReader::reals(std::string_view key, std::size_t count) {
    auto values = reals(key);
    if (values.size() != count) damaged(fmt::format("`{}` has {} values instead of {}", key, values.size(), count));
    return values;
}

std::vector<std::uint64_t> StateReader::integers(std::string_view key) {
    std::vector<std::uint64_t> values;
    for (const std::string_view text : list(key)) {
        values.emplace_back();
        if (!read(text, values.back())) damaged(fmt::format("`{}` is no whole number", text.substr(0, 40)));
    }
    return values;
}

void StateReader::end() {
    if (!line("end").empty() || !rest_.empty()) damaged("there is text after the end");
}

}  // namespace spikesmith
