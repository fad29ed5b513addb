// Every text is a table, or an error. A table can be written and read back as the same numbers; a recording has the numbers of one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "spikesmith/data/delimited.hpp"
#include "spikesmith/data/recording.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
        const auto table = spikesmith::parse_delimited(text, "fuzz.csv");
        const auto& values = table.values;
        if (values.values.size() != values.rows * values.columns || values.rows == 0) std::abort();
        if (!table.names.empty() && (table.names.size() != values.columns || table.units.size() != values.columns))
            std::abort();
        if (!table.labels.empty() && (table.labels.size() != values.rows || table.label_units.size() != values.rows))
            std::abort();
        auto bare = table;
        bare.names.clear();
        bare.units.clear();
        bare.labels.clear();
        bare.label_units.clear();
        const auto again =
            spikesmith::parse_delimited(spikesmith::format_delimited(bare), "again.csv",
                                        {.delimiter = table.delimiter, .header = spikesmith::Header::absent});
        if (again.values.rows != values.rows || again.values.columns != values.columns) std::abort();
        for (std::size_t i = 0; i < values.values.size(); ++i) {
            const bool both_nan =
                values.values[i] != values.values[i] && again.values.values[i] != again.values.values[i];
            if (!both_nan && std::memcmp(&values.values[i], &again.values.values[i], sizeof(double)) != 0) std::abort();
        }
        (void)spikesmith::format_delimited(table);
    } catch (const spikesmith::DataError&) {
    }
    try {
        spikesmith::RecordingSource source;
        source.path = "fuzz.csv";
        (void)spikesmith::parse_recording(text, source);
    } catch (const spikesmith::Error&) {
    }
    return 0;
}
