#include "spikesmith/report/text_table.hpp"

#include <algorithm>

namespace spikesmith {

std::size_t display_width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string text_table(const std::vector<TableColumn>& columns, const std::vector<std::vector<std::string>>& rows,
                       std::size_t indent) {
    std::vector<std::size_t> widths;
    for (const auto& column : columns) widths.push_back(display_width(column.title));
    for (const auto& row : rows) {
        for (std::size_t c = 0; c < std::min(row.size(), widths.size()); ++c)
            widths[c] = std::max(widths[c], display_width(row[c]));
    }
    std::string out;
    const auto line = [&](const auto& cell_of, std::size_t n) {
        std::string text(indent, ' ');
        for (std::size_t c = 0; c < n; ++c) {
            const std::string& cell = cell_of(c);
            const std::string blanks(widths[c] - display_width(cell), ' ');
            if (c > 0) text += "  ";
            text += columns[c].align == Align::right ? blanks + cell : cell + blanks;
        }
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + '\n';
    };
    line([&](std::size_t c) -> const std::string& { return columns[c].title; }, columns.size());
    for (const auto& row : rows)
        line([&](std::size_t c) -> const std::string& { return row[c]; }, std::min(row.size(), columns.size()));
    return out;
}

}  // namespace spikesmith
