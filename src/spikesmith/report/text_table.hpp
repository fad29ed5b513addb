// Tables for terminals: columns aligned by the width of their widest cell.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace spikesmith {

enum class Align : std::uint8_t { left, right };

struct TableColumn {
    std::string title;
    Align align = Align::left;
};

// Every row has at most as many cells as there are columns. Lines end without blanks; `indent` blanks come before each.
[[nodiscard]] std::string text_table(const std::vector<TableColumn>& columns,
                                     const std::vector<std::vector<std::string>>& rows, std::size_t indent = 2);

// Characters as a terminal counts them: bytes of UTF-8 that start a character.
[[nodiscard]] std::size_t display_width(std::string_view text);

}  // namespace spikesmith
