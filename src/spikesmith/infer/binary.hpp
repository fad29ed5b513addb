// Numbers and texts as bytes, little endian, the same on every machine: for posteriors and checkpoints on disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spikesmith {

class BinaryWriter {
  public:
    void integer(std::uint64_t value);
    void real(double value);
    void text(std::string_view value);           // its length, then its bytes
    void reals(std::span<const double> values);  // their number, then each
    void floats(std::span<const float> values);
    void block(std::span<const std::byte> values);
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

// Reads what BinaryWriter wrote. Throws DataError that names `what` for anything that cannot have been written so.
class BinaryReader {
  public:
    BinaryReader(std::string_view bytes, std::string what) : bytes_(bytes), what_(std::move(what)) {}
    std::uint64_t integer();
    std::uint64_t count(std::size_t bytes_each);  // an integer that many items of this size can follow
    double real();
    std::string text();
    std::vector<double> reals();
    std::vector<float> floats();
    std::vector<std::byte> block();
    void end() const;  // nothing must be left
    [[noreturn]] void damaged() const;

  private:
    std::string_view take(std::size_t n);

    std::string_view bytes_;
    std::size_t position_ = 0;
    std::string what_;
};

}  // namespace spikesmith
