// A 64-bit checksum of numbers and texts, the same on every machine: to notice that two things differ, not against malice.
//
// Fowler-Noll-Vo (FNV-1a) steps over 64-bit words with a rotation, so that high bits matter too.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>

namespace spikesmith {

class Checksum {
  public:
    void add(std::uint64_t word) { value_ = std::rotl((value_ ^ word) * 0x9e3779b97f4a7c15, 27); }
    void add(double number) { add(std::bit_cast<std::uint64_t>(number)); }
    void add(std::span<const double> numbers) {
        add(std::uint64_t{numbers.size()});
        for (const double number : numbers) add(number);
    }
    void add(std::string_view text) {
        add(std::uint64_t{text.size()});
        for (const char c : text) add(std::uint64_t{static_cast<unsigned char>(c)});
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace spikesmith
