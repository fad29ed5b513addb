// Which unit a number is shown in.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "spikesmith/units/unit_table.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {
namespace {

// A base name, the symbol that stands behind prefixes, and the range of SI prefixes in which people write it.
struct Customary {
    std::string_view base;
    std::string_view symbol;
    int smallest;
    int largest;
};

constexpr std::array<Customary, 16> customary{{{"volt", "V", -9, 3},
                                               {"amp", "A", -15, 3},
                                               {"siemens", "S", -15, 3},
                                               {"farad", "F", -15, 0},
                                               {"ohm", "ohm", -3, 12},
                                               {"second", "s", -12, 0},
                                               {"hertz", "Hz", -3, 12},
                                               {"metre", "m", -9, 3},
                                               {"coulomb", "C", -15, 0},
                                               {"mole", "mole", -15, 0},
                                               {"molar", "M", -12, 0},
                                               {"gram", "g", -12, 3},
                                               {"joule", "J", -15, 9},
                                               {"watt", "W", -15, 9},
                                               {"newton", "N", -12, 6},
                                               {"pascal", "Pa", -3, 9}}};

// The units that a number of this dimension may be shown in, smallest first; empty if there is no custom.
std::vector<Unit> candidates(const Dimension& dimension) {
    constexpr double per_square_centimetre = 1e4;
    const Dimension area = Dimension{{2, 0, 0, 0, 0, 0, 0}};
    std::vector<Unit> out;
    for (const auto& [base, symbol, smallest, largest] : customary) {
        const Dimension one = find_unit(base)->dimension;
        const bool plain = dimension == one;
        const bool square = dimension == one.power(2);
        const bool density = dimension == one / area;
        if (!plain && !square && !density) continue;
        for (int exponent = smallest; exponent <= largest; exponent += 3) {
            const Unit& unit = unit_table::prefixed(base, exponent).unit;
            const std::string name = exponent == 0 ? unit.name : unit.name.front() + std::string(symbol);
            if (plain) {
                out.push_back({name, unit.scale, dimension});
            } else if (square) {
                out.push_back({name + "^2", unit.scale * unit.scale, dimension});
            } else {
                out.push_back({name + "/cm^2", unit.scale * per_square_centimetre, dimension});
            }
        }
        return out;
    }
    return out;
}

// Decades between `magnitude` and [1, 1000).
double decades_outside(double magnitude) {
    if (magnitude < 1) return -std::log10(magnitude);
    return magnitude < 1000 ? 0 : std::log10(magnitude / 1000) + 1e-6;
}

double rounded(double value, int significant_digits) {
    const std::string text = fmt::format("{:.{}e}", value, significant_digits - 1);
    double result = value;
    std::from_chars(text.data(), text.data() + text.size(), result);
    return result;
}

Unit base_unit(const Dimension& dimension) {
    const auto name = dimension.name();
    return {name, 1, dimension};
}

}  // namespace

Unit display_unit(const Dimension& dimension, std::span<const double> values) {
    double largest = 0;
    for (const double value : values) {
        if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    }
    const auto units = candidates(dimension);
    if (units.empty() || largest == 0) return base_unit(dimension);
    const Unit* best = nullptr;
    double least = 0;
    for (const auto& unit : units) {
        const double outside = decades_outside(rounded(largest / unit.scale, 12));
        if (best == nullptr || outside < least) {
            best = &unit;
            least = outside;
        }
        if (least == 0) break;  // no other is better
    }
    return *best;
}

std::string format_quantity(const Quantity& quantity, int significant_digits) {
    const int digits = std::clamp(significant_digits, 1, 17);
    const double value = std::isfinite(quantity.value) ? rounded(quantity.value, digits) : quantity.value;
    if (quantity.dimension.dimensionless()) return fmt::format("{:.{}g}", value, digits);
    const Unit unit = display_unit(quantity.dimension, std::span(&value, 1));
    // 100 to 999 in scientific notation would be read with effort.
    const double number = value / unit.scale;
    const int shown = std::abs(number) >= 1 && std::abs(number) < 1000 ? std::max(digits, 3) : digits;
    const bool reciprocal = unit.name.starts_with("1 / ");  // "0.5 / volt"
    return fmt::format("{:.{}g} {}", rounded(number, digits), shown, reciprocal ? unit.name.substr(2) : unit.name);
}

}  // namespace spikesmith
