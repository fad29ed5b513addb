// Reading and writing an optimiser's state as text: lines of a key and values, numbers exact as hexadecimal floats.
//
//     spikesmith-optimizer 1
//     method differential_evolution
//     population 180 0x1.8p-1 0x1.0cp-2 ...
//     end
//
// For the states of optimisers and the checkpoints of fits.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spikesmith {

class StateWriter {
  public:
    void word(std::string_view key, std::string_view value);     // no blanks in either
    void sentence(std::string_view key, std::string_view text);  // single blanks between words, no line breaks
    void integer(std::string_view key, std::uint64_t value);
    void reals(std::string_view key, std::span<const double> values);
    void integers(std::string_view key, std::span<const std::uint64_t> values);
    [[nodiscard]] const std::string& lines() const { return text_; }  // so far
    [[nodiscard]] std::string text() const;                           // with the closing line

  private:
    std::string text_;
};

// Reads what a StateWriter wrote, key by key in the same order. Every call throws DataError with the line if the next line
// does not hold what is asked for.
class StateReader {
  public:
    explicit StateReader(std::string_view text) : rest_(text) {}
    [[nodiscard]] std::string_view next_key() const;  // of the next line; empty at the end
    [[nodiscard]] std::string word(std::string_view key);
    [[nodiscard]] std::string sentence(std::string_view key);
    [[nodiscard]] std::uint64_t integer(std::string_view key);
    [[nodiscard]] std::vector<double> reals(std::string_view key);
    [[nodiscard]] std::vector<double> reals(std::string_view key, std::size_t count);  // exactly so many
    [[nodiscard]] std::vector<std::uint64_t> integers(std::string_view key);
    void end();

  private:
    [[nodiscard]] std::vector<std::string_view> line(std::string_view key);
    [[nodiscard]] std::vector<std::string_view> list(std::string_view key);
    [[noreturn]] void damaged(const std::string& why) const;

    std::string_view rest_;
    std::size_t line_ = 0;
};

}  // namespace spikesmith
