// Every sequence of bytes is a list of increasing spike trains, or a DataError that says where. What is read can be written as
// text and read back to the same.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/data/spike_recording.hpp"

namespace {

using Trains = std::vector<std::vector<double>>;

void check(const Trains& trains) {
    if (trains.empty()) std::abort();
    std::string text = "trace,time\n";
    bool silent = true;
    for (std::size_t r = 0; r < trains.size(); ++r) {
        for (std::size_t k = 0; k < trains[r].size(); ++k) {
            if (!std::isfinite(trains[r][k]) || (k > 0 && !(trains[r][k] > trains[r][k - 1]))) std::abort();
            text += fmt::format("{},{}\n", r + 1, trains[r][k]);
            silent = false;
        }
    }
    if (silent) return;  // a text without a spike is none
    if (spikesmith::parse_spikes(text, {.path = "again.csv", .n_traces = trains.size()}) != trains) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    for (const char* unit : {"", "ms"}) {
        try {
            check(spikesmith::parse_spikes(bytes, {.path = "fuzz", .unit = unit}));
        } catch (const spikesmith::DataError& error) {
            if (error.diagnostic().message.empty()) std::abort();
        } catch (const spikesmith::UnitError&) {
        }
    }
    return 0;
}
