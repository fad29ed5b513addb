#include "spikesmith/infer/binary.hpp"

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

void BinaryWriter::integer(std::uint64_t value) {
    for (int k = 0; k < 8; ++k) bytes_.push_back(static_cast<char>((value >> (8 * k)) & 0xff));
}

void BinaryWriter::real(double value) {
    integer(std::bit_cast<std::uint64_t>(value));
}

void BinaryWriter::text(std::string_view value) {
    integer(value.size());
    bytes_ += value;
}

void BinaryWriter::reals(std::span<const double> values) {
    integer(values.size());
    for (const double value : values) real(value);
}

void BinaryWriter::floats(std::span<const float> values) {
    integer(values.size());
    std::size_t at = bytes_.size();
    bytes_.resize(at + 4 * values.size());
    for (const float value : values) {
        const auto word = std::bit_cast<std::uint32_t>(value);
        for (unsigned k = 0; k < 4; ++k) bytes_[at + k] = static_cast<char>((word >> (8 * k)) & 0xff);
        at += 4;
    }
}

void BinaryWriter::block(std::span<const std::byte> values) {
    integer(values.size());
    for (const std::byte value : values) bytes_.push_back(static_cast<char>(value));
}

void BinaryReader::damaged() const {
    throw DataError(fmt::format("{} is damaged or incomplete", what_));
}

std::string_view BinaryReader::take(std::size_t n) {
    if (n > bytes_.size() - position_) damaged();
    const std::string_view taken = bytes_.substr(position_, n);
    position_ += n;
    return taken;
}

std::uint64_t BinaryReader::integer() {
    std::uint64_t value = 0;
    const std::string_view bytes = take(8);
    for (int k = 0; k < 8; ++k)
        value |= std::uint64_t{static_cast<unsigned char>(bytes[static_cast<std::size_t>(k)])} << (8 * k);
    return value;
}

std::uint64_t BinaryReader::count(std::size_t bytes_each) {
    const std::uint64_t n = integer();
    if (n > (bytes_.size() - position_) / bytes_each) damaged();
    return n;
}

double BinaryReader::real() {
    return std::bit_cast<double>(integer());
}

std::string BinaryReader::text() {
    return std::string(take(count(1)));
}

std::vector<double> BinaryReader::reals() {
    std::vector<double> values(count(8));
    for (double& value : values) value = real();
    return values;
}

std::vector<float> BinaryReader::floats() {
    std::vector<float> values(count(4));
    for (float& value : values) {
        std::uint32_t word = 0;
        const std::string_view bytes = take(4);
        for (int k = 0; k < 4; ++k)
            word |= std::uint32_t{static_cast<unsigned char>(bytes[static_cast<std::size_t>(k)])} << (8 * k);
        value = std::bit_cast<float>(word);
    }
    return values;
}

std::vector<std::byte> BinaryReader::block() {
    const std::string_view bytes = take(count(1));
    std::vector<std::byte> values(bytes.size());
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

void BinaryReader::end() const {
    if (position_ != bytes_.size()) damaged();
}

}  // namespace spikesmith
