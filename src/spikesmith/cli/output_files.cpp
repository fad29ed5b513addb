#include "spikesmith/cli/output_files.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "spikesmith/data/delimited.hpp"

namespace spikesmith {
namespace {

std::string unit_of(const Dimension& dimension) {
    return dimension.dimensionless() ? "" : dimension.name();
}

std::size_t steps_of(const Generated& traces) {
    return traces.outputs.empty() ? 0 : traces.outputs.front().values.columns;
}

}  // namespace

NamedArrays trace_arrays(const Generated& traces) {
    NamedArrays arrays;
    NpyArray time{{steps_of(traces)}, {}};
    for (std::size_t k = 0; k < time.shape.front(); ++k) time.values.push_back(static_cast<double>(k) * traces.dt);
    arrays.emplace_back("t", std::move(time));
    for (const auto& output : traces.outputs) arrays.emplace_back(output.name, to_npy(output.values));
    const bool any =
        std::any_of(traces.spikes.begin(), traces.spikes.end(), [](const auto& train) { return !train.empty(); });
    for (std::size_t trace = 0; any && trace < traces.spikes.size(); ++trace) {
        arrays.emplace_back(fmt::format("spikes_{}", trace + 1),
                            NpyArray{{traces.spikes[trace].size()}, traces.spikes[trace]});
    }
    return arrays;
}

std::string traces_csv(const Generated& traces) {
    DelimitedTable table;
    table.names.emplace_back("time");
    table.units.emplace_back("second");
    for (const auto& output : traces.outputs) {
        for (std::size_t trace = 0; trace < output.values.rows; ++trace) {
            table.names.push_back(output.values.rows == 1 ? output.name : fmt::format("{}_{}", output.name, trace + 1));
            table.units.push_back(unit_of(output.dimension));
        }
    }
    table.values = Array2(steps_of(traces), table.names.size());
    for (std::size_t k = 0; k < table.values.rows; ++k) {
        std::size_t column = 0;
        table.values(k, column++) = static_cast<double>(k) * traces.dt;
        for (const auto& output : traces.outputs) {
            for (std::size_t trace = 0; trace < output.values.rows; ++trace)
                table.values(k, column++) = output.values(trace, k);
        }
    }
    return format_delimited(table);
}

std::string spikes_csv(const std::vector<std::vector<double>>& spikes) {
    std::string out = "trace,time (second)\n";
    for (std::size_t trace = 0; trace < spikes.size(); ++trace) {
        for (const double time : spikes[trace]) out += fmt::format("{},{}\n", trace + 1, time);
    }
    return out;
}

}  // namespace spikesmith
