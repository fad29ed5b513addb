#include "spikesmith/infer/training_checkpoint.hpp"

#include <string>
#include <string_view>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/binary.hpp"

namespace spikesmith {

namespace {

constexpr std::string_view checkpoint_magic = "spikesmith training 1";

}  // namespace

TrainingState read_checkpoint(const std::filesystem::path& path, std::uint64_t identity) {
    if (path.empty() || !std::filesystem::exists(path)) return {};
    const std::string bytes = read_file(path);
    try {
        BinaryReader reader(bytes, "the checkpoint");
        if (reader.text() != checkpoint_magic || reader.integer() != identity) return {};
        const std::string state = reader.text();
        Checksum sum;
        sum.add(state);
        if (reader.integer() != sum.value()) return {};
        return parse_training_state(state);
    } catch (const DataError&) {
        return {};
    }
}

void write_checkpoint(const std::filesystem::path& path, std::uint64_t identity, const TrainingState& state) {
    const std::string text = to_bytes(state);
    Checksum sum;
    sum.add(text);
    BinaryWriter writer;
    writer.text(checkpoint_magic);
    writer.integer(identity);
    writer.text(text);
    writer.integer(sum.value());
    write_file_atomically(path, writer.bytes());
}

}  // namespace spikesmith
