// ParameterSpace: the box that is searched, and its map to the unit cube in which every optimiser works.
//
// A coordinate u in [0, 1] is the value low + u*(high - low) on a linear scale and low*(high/low)**u on a logarithmic
// one. Whole numbers share the interval evenly (on their scale), with half a unit more at both ends. Values are SI
// doubles; nothing here knows units or neurons.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spikesmith {

enum class Scale : std::uint8_t { linear, logarithmic };

struct ParameterRange {
    std::string name;
    double low = 0;
    double high = 1;
    Scale scale = Scale::linear;
    bool integer = false;  // whole numbers only; so are the bounds

    friend bool operator==(const ParameterRange&, const ParameterRange&) = default;
};

class ParameterSpace {
  public:
    // Throws ConfigError unless there is at least one range, names differ, bounds are finite, low < high, and low > 0
    // on a logarithmic scale; bounds of whole numbers are whole and below 2^52.
    explicit ParameterSpace(std::vector<ParameterRange> ranges);

    [[nodiscard]] std::size_t dimension() const { return ranges_.size(); }
    [[nodiscard]] const std::vector<ParameterRange>& ranges() const { return ranges_; }  // in declaration order

    // Coordinate <-> value of parameter `j`. Both directions end inside the box; the bounds of real numbers map to 0
    // and 1 exactly, a whole number to the middle of its share.
    [[nodiscard]] double to_value(std::size_t j, double coordinate) const;
    [[nodiscard]] double to_coordinate(std::size_t j, double value) const;

    // A whole point; `point` and `values` have `dimension()` entries.
    void to_values(std::span<const double> point, std::span<double> values) const;
    void to_point(std::span<const double> values, std::span<double> point) const;

  private:
    std::vector<ParameterRange> ranges_;
};

// "linear", "log" (or "logarithmic"). Throws ConfigError with a hint for anything else.
[[nodiscard]] Scale parse_scale(std::string_view text);
[[nodiscard]] std::string_view scale_name(Scale scale);  // "linear", "log"

}  // namespace spikesmith
