#include "spikesmith/units/dimension.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace spikesmith {
namespace {

constexpr double tolerance = 1e-9;  // of an exponent: 3 * (1/3) is 1

struct Word {
    std::string_view name;
    Dimension dimension;
};

// In the order of preference; only the first `combining` take part in products such as "volt / second".
// The order of exponents is metre, kilogram, second, ampere, kelvin, mole, candela.
constexpr std::size_t combining = 12;
constexpr std::array<Word, 20> words{{
    {"volt", Dimension{{2, 1, -3, -1, 0, 0, 0}}},    {"amp", Dimension{{0, 0, 0, 1, 0, 0, 0}}},
    {"siemens", Dimension{{-2, -1, 3, 2, 0, 0, 0}}}, {"farad", Dimension{{-2, -1, 4, 2, 0, 0, 0}}},
    {"ohm", Dimension{{2, 1, -3, -2, 0, 0, 0}}},     {"coulomb", Dimension{{0, 0, 1, 1, 0, 0, 0}}},
    {"metre", Dimension{{1, 0, 0, 0, 0, 0, 0}}},     {"mole", Dimension{{0, 0, 0, 0, 0, 1, 0}}},
    {"kelvin", Dimension{{0, 0, 0, 0, 1, 0, 0}}},    {"kilogram", Dimension{{0, 1, 0, 0, 0, 0, 0}}},
    {"candle", Dimension{{0, 0, 0, 0, 0, 0, 1}}},    {"second", Dimension{{0, 0, 1, 0, 0, 0, 0}}},
    {"hertz", Dimension{{0, 0, -1, 0, 0, 0, 0}}},    {"mmolar", Dimension{{-3, 0, 0, 0, 0, 1, 0}}},
    {"joule", Dimension{{2, 1, -2, 0, 0, 0, 0}}},    {"watt", Dimension{{2, 1, -3, 0, 0, 0, 0}}},
    {"newton", Dimension{{1, 1, -2, 0, 0, 0, 0}}},   {"pascal", Dimension{{-1, 1, -2, 0, 0, 0, 0}}},
    {"tesla", Dimension{{0, 1, -2, -1, 0, 0, 0}}},   {"henry", Dimension{{2, 1, -2, -2, 0, 0, 0}}},
}};

constexpr std::array<std::string_view, Dimension::count> base_names{"metre",  "kilogram", "second", "amp",
                                                                    "kelvin", "mole",     "candle"};

// The p with dimension == word ** p, if there is one.
std::optional<double> exponent_of(const Dimension& dimension, const Dimension& word) {
    std::optional<double> p;
    for (int i = 0; i < Dimension::count; ++i) {
        if (word.exponent(i) != 0) {
            p = dimension.exponent(i) / word.exponent(i);
            break;
        }
    }
    return p && std::abs(*p) > tolerance && word.power(*p) == dimension ? p : std::nullopt;
}

// "a * b ** 2 / c", "1 / c".
std::string product(const std::vector<std::pair<std::string_view, double>>& factors) {
    std::string out;
    const auto append = [&out](std::string_view name, double exponent) {
        out += name;
        if (std::abs(exponent - 1) > tolerance) out += fmt::format(" ** {:.9g}", exponent);
    };
    for (const auto& [name, exponent] : factors) {
        if (exponent <= 0) continue;
        if (!out.empty()) out += " * ";
        append(name, exponent);
    }
    if (out.empty()) out.push_back('1');
    for (const auto& [name, exponent] : factors) {
        if (exponent >= 0) continue;
        out += " / ";
        append(name, -exponent);
    }
    return out;
}

// How much explaining an exponent needs.
int awkwardness(double exponent) {
    const double size = std::abs(exponent);
    if (std::abs(size - 1) <= tolerance) return 0;
    if (std::abs(size - 2) <= tolerance) return 1;
    return std::abs(size - std::round(size)) <= tolerance ? 2 : 3;
}

}  // namespace

bool Dimension::dimensionless() const {
    return *this == Dimension{};
}

Dimension Dimension::power(double exponent) const {
    Dimension result;
    std::transform(exponents_.begin(), exponents_.end(), result.exponents_.begin(),
                   [exponent](double e) { return e * exponent; });
    return result;
}

Dimension operator*(const Dimension& a, const Dimension& b) {
    Dimension result;
    std::transform(a.exponents_.begin(), a.exponents_.end(), b.exponents_.begin(), result.exponents_.begin(),
                   [](double x, double y) { return x + y; });
    return result;
}

Dimension operator/(const Dimension& a, const Dimension& b) {
    return a * b.power(-1);
}

bool operator==(const Dimension& a, const Dimension& b) {
    return std::equal(a.exponents_.begin(), a.exponents_.end(), b.exponents_.begin(),
                      [](double x, double y) { return std::abs(x - y) <= tolerance; });
}

std::string Dimension::name() const {
    if (dimensionless()) return "1";
    for (const auto& word : words) {
        if (word.dimension == *this) return std::string(word.name);
    }
    for (const auto& word : words) {
        if (const auto p = exponent_of(*this, word.dimension)) return product({{word.name, *p}});
    }
    std::string best;
    int least = 100;
    for (const double p : {1.0, 2.0, 0.5}) {
        for (const auto& first : std::span(words).first<combining>()) {
            const Dimension rest = *this / first.dimension.power(p);
            for (const auto& second : std::span(words).first<combining>()) {
                const auto q = exponent_of(rest, second.dimension);
                if (!q) continue;
                const int cost = awkwardness(p) + awkwardness(*q);
                if (cost < least) {
                    least = cost;
                    best = product({{first.name, p}, {second.name, *q}});
                }
            }
        }
    }
    if (!best.empty()) return best;
    std::vector<std::pair<std::string_view, double>> factors;
    for (int i = 0; i < count; ++i) {
        if (std::abs(exponent(i)) > tolerance)
            factors.emplace_back(base_names[static_cast<std::size_t>(i)], exponent(i));
    }
    return product(factors);
}

}  // namespace spikesmith
