// Recordings on disk: from "which numbers of which file, in which unit" to traces in SI units.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/data/delimited.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

// How the traces lie in a two-dimensional array.
enum class Orientation {
    automatic,  // .npy and .npz: rows. Text: rows if only rows have names (labels), columns if only columns have (a header) or an
                // index column is named; else along the longer side (a square is refused)
    rows,     // one trace a row
    columns,  // one trace a column
};

// Where a recording is. Only `path` is required.
struct RecordingSource {
    std::string path;  // .npy, .npz, or text (.csv, .tsv, .txt, .dat, .asc, ...)
    std::string key;   // array of an .npz file; may be empty if it has only one
    std::string unit;  // of the numbers, "mV"; empty: what the header says, else SI
    std::vector<std::string>
        columns;  // text: which columns (or labelled rows), by name or by number from 1; empty: all but the index
    Orientation orientation = Orientation::automatic;

    // Text: the column of sample times or numbers, which is not a trace: a name, a number from 1, "none", or "auto": the first column if
    // it is called t, time, time_<unit>, index, sample or nothing, or has a unit of time; without header, if it rises in equal steps and is
    // not the only one. With traces in rows the same holds for the first row.
    std::string index = "auto";
    std::string index_unit;  // of the times in it, "ms"; empty: what the header says, else not known
    Header header = Header::automatic;
    char delimiter = '\0';  // text: see DelimitedOptions
};

struct Recording {
    Array2 values;                       // n_traces x n_steps, SI
    std::vector<std::string> names;      // of the traces, if the file has names for them
    std::optional<Dimension> dimension;  // if `unit` or the header tells
    std::optional<double> dt;            // seconds, if there is a time column whose unit is known
    std::string source;                  // the file (and array), for messages
};

// Throws DataError: file, line, column, what is wrong and what would be right. Relative paths are relative to the working directory.
[[nodiscard]] Recording load_recording(const RecordingSource& source);

// The same for bytes in memory; `source.path` names them and tells their type.
[[nodiscard]] Recording parse_recording(std::string bytes, const RecordingSource& source);

// Throws DataError, which names the recording, if its dimension is known and is another one. `what` is what it is for: "input `I`".
void require_dimension(const Recording& recording, const Dimension& expected, const std::string& what);

}  // namespace spikesmith
