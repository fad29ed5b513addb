// Every sequence of bytes is an array, an archive, or a DataError. What is an array can be written and read back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "spikesmith/data/numpy.hpp"

namespace {

void check(const spikesmith::NpyArray& array) {
    const auto again = spikesmith::parse_npy(spikesmith::format_npy(array), "again");
    if (again.shape != array.shape || again.values.size() != array.values.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string bytes(reinterpret_cast<const char*>(data), size);
    try {
        check(spikesmith::parse_npy(bytes, "fuzz"));
    } catch (const spikesmith::DataError&) {
    }
    try {
        const spikesmith::NpzArchive archive(bytes, "fuzz");
        for (const auto& name : archive.names()) {
            try {
                check(archive.array(name));
            } catch (const spikesmith::DataError&) {
            }
        }
    } catch (const spikesmith::DataError&) {
    }
    return 0;
}
