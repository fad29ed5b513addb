// Tables of numbers in text files: CSV, TSV, semicolons or blanks between the fields.
//
// What is understood: comment lines (`#`, `%` or `//` first), blank lines, a byte order mark, Windows line ends, quoted fields, `nan`
// and `inf` in any case, a header of names with or without units in brackets ("v (mV)", "I [pA]"), a second header line of units,
// a header in the last comment line before the data (as numpy.savetxt writes it), and row labels. A decimal comma, a row that is
// longer or shorter than the others, an empty field and a word among numbers are errors that show the line.
//
// This is the table as it stands in the file; which part of it is a recording is decided by recording.hpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/core/error.hpp"

namespace spikesmith {

enum class Header {
    automatic,  // present if the first line has no number where the next one has
    present,
    absent,
};

struct DelimitedOptions {
    char delimiter = '\0';  // ',', ';', '\t', ' ' (any run of blanks) or '\0' to find out
    Header header = Header::automatic;
};

struct DelimitedTable {
    // Of the columns, without their unit; empty if there is no header. Brackets that hold no unit stay in the name.
    std::vector<std::string> names;
    // As written, "" where there is none; as long as `names`. "soma" for "v (soma)": whether that matters is for the reader to say.
    std::vector<std::string> units;
    std::vector<std::string> labels;       // of the rows, if each begins with a word; else empty
    std::vector<std::string> label_units;  // as `units`, for labels such as "v (mV)"; as long as `labels`
    Array2 values;                         // rows and columns of the file, in the file's units
    std::vector<std::size_t> lines;        // line of each row, counted from 1
    std::size_t header_line = 0;           // 0 if there is no header
    char delimiter = ',';
};

// Throws DataError with file, line, column, the line itself and a hint. `source_name` is what errors call the text.
[[nodiscard]] DelimitedTable parse_delimited(std::string_view text, std::string_view source_name,
                                             const DelimitedOptions& options = {});
[[nodiscard]] DelimitedTable read_delimited(const std::filesystem::path& path, const DelimitedOptions& options = {});

// Numbers are written with the fewest digits that give the same double back; units in brackets after the names. Uses `names`, `units`,
// `labels`, `values` and `delimiter`. Throws DataError if their sizes disagree.
[[nodiscard]] std::string format_delimited(const DelimitedTable& table);
void write_delimited(const std::filesystem::path& path, const DelimitedTable& table);

}  // namespace spikesmith
