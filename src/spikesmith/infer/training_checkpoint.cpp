#include "spikesmith/infer/training_checkpoint.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/infer/binary.hpp"

namespace spikesmith {

namespace {

constexpr std::string_view checkpoint_magic = "spikesmith training 1";

// By words of eight bytes, eight times as quick as by bytes: this is done every epoch.
std::uint64_t checksum_of(std::string_view text) {
    Checksum sum;
    sum.add(std::uint64_t{text.size()});
    while (!text.empty()) {
        std::uint64_t word = 0;
        const std::size_t n = std::min(text.size(), sizeof word);
        std::memcpy(&word, text.data(), n);
        sum.add(word);
        text.remove_prefix(n);
    }
    return sum.value();
}

std::filesystem::path of_last_epoch(std::filesystem::path path) {
    return path += ".epoch";
}

TrainingState read_one(const std::filesystem::path& path, std::uint64_t identity) {
    if (path.empty() || !std::filesystem::exists(path)) return {};
    const std::string bytes = read_file(path);
    try {
        BinaryReader reader(bytes, "the checkpoint");
        if (reader.text() != checkpoint_magic || reader.integer() != identity) return {};
        const std::string state = reader.text();
        if (reader.integer() != checksum_of(state)) return {};
        return parse_training_state(state);
    } catch (const DataError&) {
        return {};
    }
}

}  // namespace

TrainingState read_checkpoint(const std::filesystem::path& path, std::uint64_t identity) {
    if (path.empty()) return {};
    TrainingState flushed = read_one(path, identity);
    TrainingState last = read_one(of_last_epoch(path), identity);
    return last.epoch > flushed.epoch ? last : flushed;
}

void write_checkpoint(const std::filesystem::path& path, std::uint64_t identity, const TrainingState& state,
                      bool flush) {
    const std::string text = to_bytes(state);
    BinaryWriter writer;
    writer.text(checkpoint_magic);
    writer.integer(identity);
    writer.text(text);
    writer.integer(checksum_of(text));
    if (flush) {
        write_file_atomically(path, writer.bytes());
        std::filesystem::remove(of_last_epoch(path));
    } else {
        write_file_unflushed(of_last_epoch(path), writer.bytes());
    }
}

}  // namespace spikesmith
