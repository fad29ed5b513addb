#include "spikesmith/data/recording.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith {
namespace {

constexpr double grid_tolerance = 0.1;    // of dt: how far a printed time may lie from its place in an even grid
constexpr double round_tolerance = 1e-3;  // of dt: how far the last time may move when dt is rounded to four digits
constexpr std::size_t surely_times = 10;  // so many numbers do not rise by chance

[[noreturn]] void fail(const std::string& source, std::string message, std::string hint = {}) {
    throw DataError(Diagnostic{.message = std::move(message), .source = source, .hint = std::move(hint)});
}

// The lines of samples (columns or rows) of any file, before it is known which of them are traces.
struct SampleLines {
    std::string source;
    std::string word = "trace";  // what the user calls one: column or row
    Array2 values;               // one line of samples a row
    std::vector<std::string> names;
    std::vector<std::string> units;
    std::vector<std::size_t> text_lines;  // of each sample, for messages; empty if it has none
};

Array2 transposed(const Array2& array) {
    Array2 out(array.columns, array.rows);
    for (std::size_t r = 0; r < array.rows; ++r) {
        for (std::size_t c = 0; c < array.columns; ++c) out(c, r) = array(r, c);
    }
    return out;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return out;
}

std::optional<Unit> unit_or_nothing(const std::string& text) {
    try {
        return text.empty() ? std::nullopt : std::optional(parse_recorded_unit(text));
    } catch (const UnitError&) {
        return std::nullopt;
    }
}

std::string describe(const SampleLines& lines, std::size_t i) {
    return lines.names.empty() || lines.names[i].empty() ? fmt::format("{} {}", lines.word, i + 1)
                                                         : fmt::format("{} `{}`", lines.word, lines.names[i]);
}

// By name, else by number from 1. `option` is what the user wrote it for.
std::size_t find_line(const SampleLines& lines, const std::string& wanted, std::string_view option) {
    const auto count = std::count(lines.names.begin(), lines.names.end(), wanted);
    if (count > 1) {
        fail(lines.source, fmt::format("`{}`: the name `{}` stands for {} {}s", option, wanted, count, lines.word),
             fmt::format("give the number of the {}, counted from 1", lines.word));
    }
    if (count == 1)
        return static_cast<std::size_t>(std::find(lines.names.begin(), lines.names.end(), wanted) -
                                        lines.names.begin());
    std::size_t number = 0;
    const auto [stop, error] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), number);
    if (error == std::errc{} && stop == wanted.data() + wanted.size()) {
        if (number >= 1 && number <= lines.values.rows) return number - 1;
        fail(lines.source, fmt::format("`{}`: there is no {} {}", option, lines.word, wanted),
             fmt::format("the file has {} {}{}, counted from 1", lines.values.rows, lines.word,
                         lines.values.rows == 1 ? "" : "s"));
    }
    auto hint = did_you_mean(wanted, lines.names);
    if (hint.empty() && lines.names.empty())
        hint = fmt::format("the {}s of this file have no names; count them from 1", lines.word);
    if (hint.empty()) hint = fmt::format("there are `{}`", fmt::join(lines.names, "`, `"));
    fail(lines.source, fmt::format("`{}`: there is no {} `{}`", option, lines.word, wanted), std::move(hint));
}

bool strictly_rising(std::span<const double> x) {
    return std::adjacent_find(x.begin(), x.end(), [](double a, double b) {
               return !(b > a) || !std::isfinite(a) || !std::isfinite(b);
           }) == x.end();
}

// Never falls and seldom stays: variable time steps, perhaps printed with few digits.
bool mostly_rising(std::span<const double> x) {
    std::size_t rises = 0;
    for (std::size_t i = 1; i < x.size(); ++i) {
        if (!(x[i] >= x[i - 1])) return false;
        rises += x[i] > x[i - 1] ? 1 : 0;
    }
    return static_cast<double>(rises) >= 0.9 * static_cast<double>(x.size() - 1);
}

// The first sample that is off the even grid between the first and the last, if any.
std::optional<std::size_t> off_grid(std::span<const double> x) {
    if (x.size() < 3) return std::nullopt;
    const double step = (x.back() - x.front()) / static_cast<double>(x.size() - 1);
    for (std::size_t i = 0; i < x.size(); ++i) {
        if (!(std::abs(x[i] - (x.front() + static_cast<double>(i) * step)) <= grid_tolerance * step)) return i;
    }
    return std::nullopt;
}

// Where the first unusually long or short step is: that tells more than where the grid is left.
std::size_t odd_step(std::span<const double> x) {
    std::vector<double> steps;
    for (std::size_t i = 1; i < x.size(); ++i) steps.push_back(x[i] - x[i - 1]);
    auto sorted = steps;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    const double usual = *middle;
    const auto odd = std::max_element(
        steps.begin(), steps.end(), [usual](double a, double b) { return std::abs(a - usual) < std::abs(b - usual); });
    return static_cast<std::size_t>(odd - steps.begin()) + 1;
}

bool is_time_name(std::string_view name) {
    const auto word = lower(name);
    constexpr std::array<std::string_view, 5> words{"t", "time", "times", "timestamp", "timestamps"};
    return std::find(words.begin(), words.end(), word) != words.end() || word.starts_with("time_") ||
           word.starts_with("time ");
}

bool is_index_name(std::string_view name) {
    const auto word = lower(name);
    constexpr std::array<std::string_view, 5> words{"", "index", "sample", "samples", "step"};
    return is_time_name(name) || std::find(words.begin(), words.end(), word) != words.end();
}

// Which line has times or sample numbers, if any.
std::optional<std::size_t> find_index(const SampleLines& lines, const RecordingSource& source) {
    if (source.index == "none" || source.index.empty()) return std::nullopt;
    if (source.index != "auto") return find_line(lines, source.index, "index");
    if (lines.values.rows < 2) return std::nullopt;
    if (!lines.names.empty()) {
        const auto unit = unit_or_nothing(lines.units[0]);
        const bool is_time = unit && unit->dimension == dimensions::second;
        return is_time || is_index_name(lines.names[0]) ? std::optional<std::size_t>(0) : std::nullopt;
    }
    const auto first = lines.values.row(0);
    if (first.size() >= 3 && strictly_rising(first) && !off_grid(first)) return 0;
    if (first.size() >= surely_times && mostly_rising(first)) {
        const auto at = odd_step(first);
        const auto where =
            lines.text_lines.empty() ? fmt::format("sample {}", at + 1) : fmt::format("line {}", lines.text_lines[at]);
        fail(lines.source,
             fmt::format("{} rises all along, but in unequal steps (see {}): are these times?", describe(lines, 0),
                         where),
             "resample times to equal steps; if it is a trace, write index = \"none\"");
    }
    return std::nullopt;
}

// Checks that the times (or sample numbers) are even, and gives the interval in seconds if the unit is known.
std::optional<double> sampling_interval(const SampleLines& lines, std::size_t index, const RecordingSource& source) {
    const auto times = lines.values.row(index);
    const auto where = [&](std::size_t i) {
        return lines.text_lines.empty() ? fmt::format("sample {}", i + 1) : fmt::format("line {}", lines.text_lines[i]);
    };
    for (std::size_t i = 0; i < times.size(); ++i) {
        if (!std::isfinite(times[i]) || (i > 0 && !(times[i] > times[i - 1]))) {
            fail(lines.source,
                 fmt::format("{} must rise, but has {:.9g} at {}", describe(lines, index), times[i], where(i)),
                 "if it is a trace and not the time, write index = \"none\"");
        }
    }
    if (off_grid(times)) {
        const auto at = odd_step(times);
        fail(lines.source,
             fmt::format("{} must rise in equal steps, but goes from {:.9g} to {:.9g} at {}", describe(lines, index),
                         times[at - 1], times[at], where(at)),
             "resample the recording to one interval");
    }
    const std::string& header_unit = lines.units.empty() ? std::string{} : lines.units[index];
    std::optional<Unit> unit = source.index_unit.empty()
                                   ? unit_or_nothing(header_unit)
                                   : std::optional(parse_recorded_unit(source.index_unit, "index_unit"));
    if (!source.index_unit.empty() && !(unit->dimension == dimensions::second)) {
        fail(lines.source, fmt::format("`index_unit`: `{}` is not a unit of time", source.index_unit),
             "for example `ms`");
    }
    if (!unit || !(unit->dimension == dimensions::second) || times.size() < 2) return std::nullopt;
    // Printed times are rounded: 0.1 ms from 0.30000001 - 0.2. Take the nearest number of four digits if the whole grid agrees with it.
    const auto steps = static_cast<double>(times.size() - 1);
    const double dt = (times.back() - times.front()) / steps;
    double rounded = dt;
    const auto text = fmt::format("{:.3e}", dt);
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    return (std::abs(rounded - dt) * steps <= round_tolerance * dt ? rounded : dt) * unit->scale;
}

// The unit of one line: `unit` of the source and that of the header must not contradict each other.
std::optional<Unit> unit_of(const SampleLines& lines, std::size_t i, const RecordingSource& source) {
    const std::string header = lines.units.empty() ? std::string{} : lines.units[i];
    auto from_header = unit_or_nothing(header);
    if (source.unit.empty()) {
        if (!header.empty() && !from_header) {
            fail(lines.source, fmt::format("unknown unit `{}` of {}", header, describe(lines, i)),
                 "give the unit of the numbers with `unit`, for example `mV`");
        }
        return from_header;
    }
    Unit unit = parse_recorded_unit(source.unit, "unit");
    const bool same = !from_header || (from_header->dimension == unit.dimension &&
                                       std::abs(from_header->scale - unit.scale) <= 1e-9 * unit.scale);
    if (!same) {
        fail(lines.source,
             fmt::format("{} is in `{}` by its header, but `unit` is `{}`", describe(lines, i), header, source.unit),
             "remove `unit`, or correct the header");
    }
    return unit;
}

std::string unit_words(const std::optional<Unit>& unit) {
    return unit ? fmt::format("in `{}`", unit->name) : "without a unit";
}

Recording to_recording(const SampleLines& lines, const RecordingSource& source) {
    if (lines.values.empty()) fail(lines.source, "there are no numbers in this file");
    Recording out;
    out.source = lines.source;
    const auto index = find_index(lines, source);
    if (index) out.dt = sampling_interval(lines, *index, source);
    if (!index && !source.index_unit.empty())
        fail(lines.source, "`index_unit` is given, but no column of times was found", "name it with `index`");
    std::vector<std::size_t> chosen;
    for (const auto& wanted : source.columns) chosen.push_back(find_line(lines, wanted, "columns"));
    for (std::size_t i = 0; source.columns.empty() && i < lines.values.rows; ++i) {
        if (i != index) chosen.push_back(i);
    }
    if (chosen.empty())
        fail(lines.source, fmt::format("the only {} of this file is the index", lines.word),
             "if it is a trace, write index = \"none\"");
    const auto unit = unit_of(lines, chosen[0], source);
    out.values = Array2(chosen.size(), lines.values.columns);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        const auto own = unit_of(lines, chosen[i], source);
        if (own.has_value() != unit.has_value() || (own && !(own->dimension == unit->dimension))) {
            fail(lines.source,
                 fmt::format("{} is {}, {} is {}", describe(lines, chosen[0]), unit_words(unit),
                             describe(lines, chosen[i]), unit_words(own)),
                 "choose the traces of one kind with `columns`");
        }
        const double scale = own ? own->scale : 1;
        const auto from = lines.values.row(chosen[i]);
        std::transform(from.begin(), from.end(), out.values.row(i).begin(), [scale](double x) { return x * scale; });
        if (!lines.names.empty()) out.names.push_back(lines.names[chosen[i]]);
    }
    if (unit) out.dimension = unit->dimension;
    return out;
}

bool traces_in_rows(const DelimitedTable& table, const RecordingSource& source, const std::string& name) {
    if (source.orientation != Orientation::automatic) return source.orientation == Orientation::rows;
    if (!table.labels.empty() && table.names.empty()) return true;
    if ((!table.names.empty() && table.labels.empty()) || (source.index != "auto" && source.index != "none"))
        return false;
    if (table.values.rows == table.values.columns && table.values.rows > 1) {
        fail(name,
             fmt::format("{} rows and {} columns: it is not clear which are the traces", table.values.rows,
                         table.values.columns),
             "write orientation = \"rows\" or \"columns\"");
    }
    return table.values.columns > table.values.rows;
}

SampleLines from_text(std::string_view bytes, const RecordingSource& source) {
    auto table = parse_delimited(bytes, source.path, {source.delimiter, source.header});
    SampleLines lines;
    lines.source = source.path;
    if (traces_in_rows(table, source, source.path)) {
        lines.word = "row";
        lines.values = std::move(table.values);
        lines.names = std::move(table.labels);
        lines.units = std::move(table.label_units);
    } else {
        lines.word = "column";
        lines.values = transposed(table.values);
        lines.names = std::move(table.names);
        lines.units = std::move(table.units);
        lines.text_lines = std::move(table.lines);
    }
    return lines;
}

Recording from_array(const NpyArray& array, const RecordingSource& source, std::string name) {
    if (source.index != "auto" && source.index != "none")
        fail(name, "`index` is for text files", "save times and traces as arrays of their own");
    SampleLines lines;
    lines.source = std::move(name);
    auto table = to_array2(array, lines.source);
    const bool columns = source.orientation == Orientation::columns && array.shape.size() == 2;
    lines.values = columns ? transposed(table) : std::move(table);
    RecordingSource without_index = source;
    without_index.index = "none";
    return to_recording(lines, without_index);
}

std::string only_array(const NpzArchive& archive, const RecordingSource& source) {
    if (!source.key.empty()) return source.key;
    const auto& names = archive.names();
    if (names.empty())
        fail(source.path, "there are no NumPy arrays in this archive",
             source.path.ends_with(".xlsx") ? "export the table as CSV" : "");
    if (names.size() > 1)
        fail(source.path, "this archive has several arrays; which one?",
             fmt::format("write `key`: one of `{}`", fmt::join(names, "`, `")));
    return names[0];
}

// Formats that would fail in a strange place if they were taken for text.
void refuse_other_formats(std::string_view bytes, const std::string& path) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> formats{
        {{"\x1F\x8B", "gzip-compressed"},
         {"\x89HDF", "HDF5 (NWB, MATLAB 7.3)"},
         {"ABF ", "Axon Binary Format"},
         {"ABF2", "Axon Binary Format"},
         {"ATF\t", "Axon Text Format"},
         {"MATLAB 5.0", "MATLAB"}}};
    for (const auto& [begin, name] : formats) {
        if (bytes.starts_with(begin))
            fail(path, fmt::format("this file is {}, which is not read", name),
                 "unpack it or export it as CSV or .npy");
    }
}

}  // namespace

Recording parse_recording(std::string bytes, const RecordingSource& source) {
    const bool npz =
        bytes.starts_with("PK\x03\x04") || bytes.starts_with("PK\x05\x06") || source.path.ends_with(".npz");
    const bool npy = bytes.starts_with("\x93NUMPY") || source.path.ends_with(".npy");
    if (!npz && !source.key.empty())
        fail(source.path, "`key` chooses an array of an .npz file, which this is not",
             npy ? "" : "choose columns with `columns`");
    refuse_other_formats(bytes, source.path);
    if (npz) {
        const NpzArchive archive(std::move(bytes), source.path);
        const auto name = only_array(archive, source);
        return from_array(archive.array(name), source, fmt::format("{}[{}]", source.path, name));
    }
    if (npy) return from_array(parse_npy(bytes, source.path), source, source.path);
    return to_recording(from_text(bytes, source), source);
}

Recording load_recording(const RecordingSource& source) {
    if (source.path.empty()) throw DataError("the path of a recording is empty");
    return parse_recording(read_file(source.path), source);
}

void require_dimension(const Recording& recording, const Dimension& expected, const std::string& what) {
    if (!recording.dimension || *recording.dimension == expected) return;
    fail(recording.source,
         fmt::format("{} needs data in {}, but these are in {}", what, expected.name(), recording.dimension->name()));
}

}  // namespace spikesmith
