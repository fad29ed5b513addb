#include "spikesmith/data/spike_recording.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/data/delimited.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {
namespace {

using Trains = std::vector<std::vector<double>>;

constexpr double most_traces = 1e6;

[[noreturn]] void fail(const SpikeSource& source, std::string message, std::string hint = {}) {
    throw DataError(Diagnostic{.message = std::move(message), .source = source.path, .hint = std::move(hint)});
}

// Seconds per unit of the file.
double scale_of(const SpikeSource& source, const std::string& header) {
    const std::string& text = source.unit.empty() ? header : source.unit;
    if (text.empty()) return 1;
    const Unit unit = parse_recorded_unit(text, "unit");
    if (!(unit.dimension == dimensions::second)) {
        fail(source, fmt::format("spike times are in {}, not in time", unit.dimension.name()),
             "for example `unit = \"ms\"`");
    }
    return unit.scale;
}

Trains from_table(const DelimitedTable& table, const SpikeSource& source) {
    const auto column = [&](std::string_view name) {
        return static_cast<std::size_t>(std::ranges::find(table.names, name) - table.names.begin());
    };
    const std::size_t n_columns = table.values.columns;
    const bool one_line = table.values.rows == 1 && n_columns > 1 && table.names.empty();  // of times
    const std::size_t trace_column = column("trace");
    std::size_t time_column = column("time");
    const bool with_traces = trace_column < table.names.size();
    if (with_traces && time_column >= table.names.size()) {
        fail(source, "there is a column `trace`, but no column `time`");
    }
    if (!with_traces) {
        if (n_columns > 1 && !one_line && time_column >= table.names.size()) {
            fail(source, fmt::format("{} columns: it is not clear which are spike times", n_columns),
                 "one column of times, or two called `trace` and `time`");
        }
        if (time_column >= table.names.size()) time_column = 0;
    }
    const double scale = scale_of(source, time_column < table.units.size() ? table.units[time_column] : "");
    Trains trains(with_traces ? std::max<std::size_t>(1, source.n_traces) : 1);
    if (!with_traces) {
        if (one_line) {
            for (const double time : table.values.row(0)) trains[0].push_back(time * scale);
        } else {
            for (std::size_t r = 0; r < table.values.rows; ++r)
                trains[0].push_back(table.values(r, time_column) * scale);
        }
        return trains;
    }
    for (std::size_t r = 0; r < table.values.rows; ++r) {
        const double trace = table.values(r, trace_column);
        if (!(trace >= 1) || trace != std::floor(trace) || trace > most_traces) {
            fail(source, fmt::format("line {}: `trace` must be a whole number from 1, not {}", table.lines[r], trace));
        }
        const auto number = static_cast<std::size_t>(trace);
        if (trains.size() < number) trains.resize(number);
        trains[number - 1].push_back(table.values(r, time_column) * scale);
    }
    return trains;
}

std::vector<double> one_train(const NpyArray& array, const SpikeSource& source, double scale) {
    if (array.shape.size() > 1 && *std::ranges::max_element(array.shape) != array.values.size()) {
        fail(source, "an array of spike times must have one dimension", "save each train as an array of its own");
    }
    std::vector<double> train = array.values;
    for (double& time : train) time *= scale;
    return train;
}

Trains from_archive(const NpzArchive& archive, const SpikeSource& source, double scale) {
    Trains trains;
    if (!source.key.empty()) {
        trains.push_back(one_train(archive.array(source.key), source, scale));
        return trains;
    }
    const auto& names = archive.names();
    for (std::size_t k = 1;; ++k) {
        const std::string name = fmt::format("spikes_{}", k);
        if (std::ranges::find(names, name) == names.end()) break;
        trains.push_back(one_train(archive.array(name), source, scale));
    }
    if (trains.empty()) fail(source, "there is no array `spikes_1` in this archive", "name an array with `key`");
    return trains;
}

}  // namespace

std::vector<std::vector<double>> load_spikes(const SpikeSource& source) {
    if (source.path.empty()) throw DataError("the path of a recording of spikes is empty");
    return parse_spikes(read_file(source.path), source);
}

std::vector<std::vector<double>> parse_spikes(std::string bytes, const SpikeSource& source) {
    Trains trains;
    if (bytes.starts_with("PK\x03\x04")) {
        trains = from_archive(NpzArchive(std::move(bytes), source.path), source, scale_of(source, ""));
    } else if (bytes.starts_with("\x93NUMPY")) {
        trains.push_back(one_train(parse_npy(bytes, source.path), source, scale_of(source, "")));
    } else {
        trains = from_table(parse_delimited(bytes, source.path), source);
    }
    for (std::size_t r = 0; r < trains.size(); ++r) {
        for (std::size_t k = 0; k < trains[r].size(); ++k) {
            if (!std::isfinite(trains[r][k])) {
                fail(source, fmt::format("spike {} of train {} is {}", k + 1, r + 1, trains[r][k]),
                     "spike times must be numbers");
            }
        }
        std::ranges::sort(trains[r]);
    }
    return trains;
}

}  // namespace spikesmith
