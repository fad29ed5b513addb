// Physical dimensions: exponents of the seven SI base units. Fractional exponents are allowed (`volt**0.5`).
#pragma once

#include <array>
#include <cstddef>
#include <string>

namespace spikesmith {

class Dimension {
  public:
    static constexpr int count = 7;  // metre, kilogram, second, ampere, kelvin, mole, candela
    constexpr Dimension() = default;
    constexpr explicit Dimension(std::array<double, count> exponents) : exponents_(exponents) {}

    [[nodiscard]] double exponent(int base) const { return exponents_[static_cast<std::size_t>(base)]; }
    [[nodiscard]] bool dimensionless() const;
    [[nodiscard]] Dimension power(double exponent) const;

    friend Dimension operator*(const Dimension& a, const Dimension& b);
    friend Dimension operator/(const Dimension& a, const Dimension& b);
    friend bool operator==(const Dimension& a, const Dimension& b);  // exponents equal to 1e-9

    // In words a user knows: "volt", "siemens", "volt / second", "kilogram * metre ** 2", "1". parse_unit reads it
    // back.
    [[nodiscard]] std::string name() const;

  private:
    std::array<double, count> exponents_{};
};

namespace dimensions {
inline constexpr Dimension none{};
inline constexpr Dimension second{{0, 0, 1, 0, 0, 0, 0}};
inline constexpr Dimension ampere{{0, 0, 0, 1, 0, 0, 0}};
inline constexpr Dimension volt{{2, 1, -3, -1, 0, 0, 0}};
inline constexpr Dimension siemens{{-2, -1, 3, 2, 0, 0, 0}};
}  // namespace dimensions

}  // namespace spikesmith
