#include "spikesmith/core/error.hpp"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

namespace spikesmith {
namespace {

// Tabs would shift the caret; control characters would disturb a terminal.
std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte == '\t' ? ' ' : (byte < 0x20 || byte == 0x7f) ? '?' : c;
    }
    return out;
}

// Characters of UTF-8 text: the bytes that continue a character do not count.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t substitution = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substitution});
        }
    }
    return row.back();
}

}  // namespace

Diagnostic diagnose(const SourceText& source, SourceSpan span, std::string message, std::string hint) {
    Diagnostic d;
    d.message = std::move(message);
    d.hint = std::move(hint);
    d.source = source.name;
    const std::string_view text = source.text;
    const std::size_t offset = std::min(span.offset, text.size());
    const std::size_t begin = offset == 0 ? 0 : text.rfind('\n', offset - 1) + 1;  // npos + 1 == 0
    const std::size_t end = std::min(text.find('\n', offset), text.size());
    d.line =
        1 + static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(begin), '\n'));
    d.column = offset - begin + 1;
    d.line_text = printable(text.substr(begin, end - begin));
    d.length = std::max<std::size_t>(1, std::min(span.length, end - offset));
    return d;
}

std::string render(const Diagnostic& d) {
    std::string out;
    if (d.line > 0) {
        const std::size_t column = width(std::string_view(d.line_text).substr(0, d.column - 1)) + 1;
        out += fmt::format("{}{}{}:{}: ", d.source, d.source.empty() ? "line " : ":", d.line, column);
    } else if (!d.source.empty()) {
        out += d.source + ": ";
    }
    out += d.message;
    if (d.line > 0) {
        constexpr std::size_t widest = 160;  // a longer line is shown around the caret
        std::string line = d.line_text;
        std::size_t column = d.column;
        if (line.size() > widest) {
            const std::size_t first = column > widest / 2 ? column - widest / 2 : 0;
            line = line.substr(std::min(first, line.size()), widest);
            column -= first;
        }
        const std::size_t before = std::min(column - 1, line.size());
        const std::size_t under = width(std::string_view(line).substr(before, d.length));
        out += fmt::format("\n    {}\n    {:>{}}{}", line, "^", width(std::string_view(line).substr(0, before)) + 1,
                           std::string(std::max<std::size_t>(under, 1) - 1, '~'));
    }
    if (!d.hint.empty()) out += "\nhint: " + d.hint;
    return out;
}

Error::Error(std::string message, std::string hint)
    : Error(Diagnostic{.message = std::move(message), .hint = std::move(hint)}) {}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    if (word.size() > 64) return best;
    std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        const auto distance = edit_distance(word, candidate);
        if (distance < best_distance && distance < candidate.size()) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
    const auto best = nearest(word, candidates);
    return best.empty() ? std::string{} : fmt::format("did you mean `{}`?", best);
}

}  // namespace spikesmith
