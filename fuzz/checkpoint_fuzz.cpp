// Every text is a checkpoint or a DataError. What is read can be written and read back to the same. Since no change of a text
// gets past its checksum, each input is read twice: as it is, and with the checksum that it ought to have.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/checkpoint.hpp"

namespace {

void check(std::string_view text) {
    try {
        const spikesmith::Checkpoint checkpoint = spikesmith::parse_checkpoint(text);
        for (const auto& round : checkpoint.rounds) {
            if (round.objectives.values.size() != round.objectives.rows * round.objectives.columns) std::abort();
        }
        const std::string written = spikesmith::to_text(checkpoint);
        if (spikesmith::to_text(spikesmith::parse_checkpoint(written)) != written) std::abort();
        spikesmith::require_same_problem(checkpoint.problem, spikesmith::parse_checkpoint(written).problem);
    } catch (const spikesmith::DataError& error) {
        if (error.diagnostic().message.empty()) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string text(reinterpret_cast<const char*>(data), size);
    check(text);
    text = text.substr(0, text.rfind("\nchecksum ")) + "\n";
    spikesmith::Checksum sum;
    sum.add(std::string_view(text));
    check(text + fmt::format("checksum {}\nend\n", sum.value()));
    return 0;
}
