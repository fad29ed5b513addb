#include "spikesmith/units/unit_table.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace spikesmith::unit_table {
namespace {

struct Prefix {
    std::string_view letter;
    int exponent;
};

// Brian 2 offers these 16 for every unit, and the last four for litres only.
constexpr std::array<Prefix, 20> prefixes{
    {{"y", -24}, {"z", -21}, {"a", -18}, {"f", -15}, {"p", -12}, {"n", -9}, {"u", -6}, {"m", -3}, {"k", 3},  {"M", 6},
     {"G", 9},   {"T", 12},  {"P", 15},  {"E", 18},  {"Z", 21},  {"Y", 24}, {"c", -2}, {"d", -1}, {"da", 1}, {"h", 2}}};
constexpr std::size_t common_prefixes = 16;

enum class Prefixes { none, common, all };

struct Base {
    std::string_view name;
    Dimension dimension;
    int exponent;  // scale = 10 ** exponent
    Prefixes prefixes;
    bool powers;            // square and cube have names
    std::string_view base;  // what has scale 1; empty: itself
};

constexpr Dimension dim(double m, double kg, double s, double a, double k = 0, double mol = 0, double cd = 0) {
    return Dimension{{m, kg, s, a, k, mol, cd}};
}

// Neuroscience first: ties between hints go to the first.
constexpr std::array<Base, 37> bases{{
    {"volt", dim(2, 1, -3, -1), 0, Prefixes::common, true, ""},
    {"amp", dim(0, 0, 0, 1), 0, Prefixes::common, true, ""},
    {"ampere", dim(0, 0, 0, 1), 0, Prefixes::common, true, ""},
    {"siemens", dim(-2, -1, 3, 2), 0, Prefixes::common, true, ""},
    {"farad", dim(-2, -1, 4, 2), 0, Prefixes::common, true, ""},
    {"ohm", dim(2, 1, -3, -2), 0, Prefixes::common, true, ""},
    {"second", dim(0, 0, 1, 0), 0, Prefixes::common, true, ""},
    {"hertz", dim(0, 0, -1, 0), 0, Prefixes::common, true, ""},
    {"metre", dim(1, 0, 0, 0), 0, Prefixes::common, true, ""},
    {"meter", dim(1, 0, 0, 0), 0, Prefixes::common, true, ""},
    {"coulomb", dim(0, 0, 1, 1), 0, Prefixes::common, true, ""},
    {"mole", dim(0, 0, 0, 0, 0, 1), 0, Prefixes::common, true, ""},
    {"mol", dim(0, 0, 0, 0, 0, 1), 0, Prefixes::common, true, ""},
    {"molar", dim(-3, 0, 0, 0, 0, 1), 3, Prefixes::common, true, "mmolar"},
    {"kelvin", dim(0, 0, 0, 0, 1), 0, Prefixes::none, true, ""},
    {"kilogram", dim(0, 1, 0, 0), 0, Prefixes::none, true, ""},
    {"kilogramme", dim(0, 1, 0, 0), 0, Prefixes::none, true, ""},
    {"gram", dim(0, 1, 0, 0), -3, Prefixes::common, true, "kilogram"},
    {"gramme", dim(0, 1, 0, 0), -3, Prefixes::common, true, "kilogram"},
    {"litre", dim(3, 0, 0, 0), -3, Prefixes::all, false, "metre ** 3"},
    {"liter", dim(3, 0, 0, 0), -3, Prefixes::all, false, "metre ** 3"},
    {"newton", dim(1, 1, -2, 0), 0, Prefixes::common, true, ""},
    {"pascal", dim(-1, 1, -2, 0), 0, Prefixes::common, true, ""},
    {"joule", dim(2, 1, -2, 0), 0, Prefixes::common, true, ""},
    {"watt", dim(2, 1, -3, 0), 0, Prefixes::common, true, ""},
    {"weber", dim(2, 1, -2, -1), 0, Prefixes::common, true, ""},
    {"tesla", dim(0, 1, -2, -1), 0, Prefixes::common, true, ""},
    {"henry", dim(2, 1, -2, -2), 0, Prefixes::common, true, ""},
    {"radian", dim(0, 0, 0, 0), 0, Prefixes::common, true, ""},
    {"steradian", dim(0, 0, 0, 0), 0, Prefixes::common, true, ""},
    {"candle", dim(0, 0, 0, 0, 0, 0, 1), 0, Prefixes::common, true, ""},
    {"lumen", dim(0, 0, 0, 0, 0, 0, 1), 0, Prefixes::common, true, ""},
    {"lux", dim(-2, 0, 0, 0, 0, 0, 1), 0, Prefixes::common, true, ""},
    {"becquerel", dim(0, 0, -1, 0), 0, Prefixes::common, true, ""},
    {"gray", dim(2, 0, -2, 0), 0, Prefixes::common, true, ""},
    {"sievert", dim(2, 0, -2, 0), 0, Prefixes::common, true, ""},
    {"katal", dim(0, 0, -1, 0, 0, 1), 0, Prefixes::common, true, ""},
}};

struct ShortName {
    std::string_view name;
    std::string_view base;
    int prefix;
    int power;
};

constexpr std::array<ShortName, 28> short_names{{
    {"mV", "volt", -3, 1},   {"pA", "amp", -12, 1},    {"nA", "amp", -9, 1},     {"uA", "amp", -6, 1},
    {"mA", "amp", -3, 1},    {"nS", "siemens", -9, 1}, {"uS", "siemens", -6, 1}, {"mS", "siemens", -3, 1},
    {"pF", "farad", -12, 1}, {"nF", "farad", -9, 1},   {"uF", "farad", -6, 1},   {"ms", "second", -3, 1},
    {"us", "second", -6, 1}, {"Hz", "hertz", 0, 1},    {"kHz", "hertz", 3, 1},   {"MHz", "hertz", 6, 1},
    {"cm", "metre", -2, 1},  {"mm", "metre", -3, 1},   {"um", "metre", -6, 1},   {"cm2", "metre", -2, 2},
    {"mm2", "metre", -3, 2}, {"um2", "metre", -6, 2},  {"cm3", "metre", -2, 3},  {"mm3", "metre", -3, 3},
    {"um3", "metre", -6, 3}, {"mM", "molar", -3, 1},   {"uM", "molar", -6, 1},   {"nM", "molar", -9, 1},
}};

// Symbols and words that files and habits use beside the names of the table.
constexpr std::array<std::pair<std::string_view, std::string_view>, 36> symbols{{
    {"V", "volt"},     {"A", "amp"},          {"S", "siemens"},        {"F", "farad"},      {"Ohm", "ohm"},
    {"OHM", "ohm"},    {"\xCE\xA9", "ohm"},   {"\xE2\x84\xA6", "ohm"}, {"s", "second"},     {"sec", "second"},
    {"Hz", "hertz"},   {"m", "metre"},        {"C", "coulomb"},        {"M", "molar"},      {"K", "kelvin"},
    {"g", "gram"},     {"L", "litre"},        {"l", "litre"},          {"N", "newton"},     {"Pa", "pascal"},
    {"J", "joule"},    {"W", "watt"},         {"Wb", "weber"},         {"T", "tesla"},      {"H", "henry"},
    {"rad", "radian"}, {"volts", "volt"},     {"amps", "amp"},         {"amperes", "amp"},  {"farads", "farad"},
    {"ohms", "ohm"},   {"seconds", "second"}, {"secs", "second"},      {"metres", "metre"}, {"meters", "metre"},
    {"moles", "mole"},
}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 16> prefix_symbols{{
    {"f", "f"},
    {"p", "p"},
    {"n", "n"},
    {"u", "u"},
    {"\xC2\xB5", "u"},
    {"\xCE\xBC", "u"},
    {"m", "m"},
    {"k", "k"},
    {"M", "M"},
    {"G", "G"},
    {"pico", "p"},
    {"nano", "n"},
    {"micro", "u"},
    {"milli", "m"},
    {"kilo", "k"},
    {"mega", "M"},
}};

// The double nearest to 10 ** exponent, as a literal would be.
double power_of_ten(int exponent) {
    const std::string text = fmt::format("1e{}", exponent);
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

struct Table {
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
    std::vector<std::string> names;

    void add(std::string name, const Base& base, int prefix_exponent, int power) {
        const int exponent = (base.exponent + prefix_exponent) * power;
        std::string scale_one;
        if (exponent == 0 && power == 1) {
            scale_one = name;
        } else {
            scale_one = base.base.empty() ? base.name : base.base;
            if (power > 1) scale_one += fmt::format(" ** {}", power);
        }
        Unit unit{name, power_of_ten(exponent), base.dimension.power(power)};
        entries.emplace(name, Entry{std::move(unit), std::move(scale_one)});
        names.push_back(std::move(name));
    }

    Table() {
        static constexpr std::array<std::string_view, 3> suffixes{"", "2", "3"};
        for (const auto& base : bases) add(std::string(base.name), base, 0, 1);
        for (const auto& name : short_names) {
            const auto base =
                std::find_if(bases.begin(), bases.end(), [&](const Base& b) { return b.name == name.base; });
            add(std::string(name.name), *base, name.prefix, name.power);
        }
        for (int power = 1; power <= 3; ++power) {
            for (const auto& base : bases) {
                if (power > 1 && !base.powers) continue;
                const auto suffix = suffixes[static_cast<std::size_t>(power - 1)];
                if (power > 1) add(fmt::format("{}{}", base.name, suffix), base, 0, power);
                const std::size_t count = base.prefixes == Prefixes::none     ? 0
                                          : base.prefixes == Prefixes::common ? common_prefixes
                                                                              : prefixes.size();
                for (std::size_t i = 0; i < count; ++i) {
                    add(fmt::format("{}{}{}", prefixes[i].letter, base.name, suffix), base, prefixes[i].exponent,
                        power);
                }
            }
        }
    }
};

const Table& table() {
    static const Table instance;  // immutable
    return instance;
}

// `mvolt` is better known as `mV`.
const Entry* usual(const Entry* entry) {
    for (const auto& name : short_names) {
        const Entry* candidate = find(name.name);
        if (candidate->unit.scale == entry->unit.scale && candidate->unit.dimension == entry->unit.dimension)
            return candidate;
    }
    return entry;
}

const Entry* base_of_symbol(std::string_view symbol) {
    for (const auto& [text, base] : symbols) {
        if (text == symbol) return find(base);
    }
    const auto base = std::find_if(bases.begin(), bases.end(), [&](const Base& b) { return b.name == symbol; });
    return base == bases.end() ? nullptr : find(base->name);
}

}  // namespace

const Entry* find(std::string_view name) {
    const auto& entries = table().entries;
    const auto found = entries.find(name);
    return found == entries.end() ? nullptr : &found->second;
}

const Entry* find_symbol(std::string_view symbol) {
    if (symbol == "kg") return find("kilogram");
    if (const Entry* base = base_of_symbol(symbol)) return base;
    for (const auto& [text, letter] : prefix_symbols) {
        if (!symbol.starts_with(text)) continue;
        const Entry* base = base_of_symbol(symbol.substr(text.size()));
        const Entry* entry = base == nullptr ? nullptr : find(std::string(letter) + base->unit.name);
        if (entry != nullptr) return usual(entry);
    }
    return nullptr;
}

std::string nearest_name(std::string_view word) {
    // Of 1711 names only those of about the same length, and squares and cubes only if there is a digit: this runs for every bracket
    // in the header of a table.
    const bool digits = word.find_first_of("0123456789") != std::string_view::npos;
    const std::size_t slips = std::max<std::size_t>(1, word.size() / 3);
    std::vector<std::string> candidates;
    for (const auto& name : table().names) {
        const bool power = name.back() == '2' || name.back() == '3';
        if ((digits || !power) && name.size() + slips >= word.size() && name.size() <= word.size() + slips)
            candidates.push_back(name);
    }
    return nearest(word, candidates);
}

const Entry& prefixed(std::string_view base, int exponent) {
    if (exponent == 0) return *usual(find(base));
    const auto prefix =
        std::find_if(prefixes.begin(), prefixes.end(), [exponent](const Prefix& p) { return p.exponent == exponent; });
    const Entry& entry = *find(fmt::format("{}{}", prefix->letter, base));
    return *usual(&entry);
}

}  // namespace spikesmith::unit_table

namespace spikesmith {

const Unit* find_unit(std::string_view name) {
    const auto* entry = unit_table::find(name);
    return entry == nullptr ? nullptr : &entry->unit;
}

const std::vector<std::string>& unit_names() {
    return unit_table::table().names;
}

std::string unknown_unit_hint(std::string_view name) {
    if (name == "celsius" || name == "degC" ||
        name ==
            "\xC2\xB0"
            "C") {
        return "a temperature in celsius is not a multiple of a unit: write `(T + 273.15)*kelvin`, or `kelvin` for a "
               "difference";
    }
    if (name == "minute" || name == "minutes" || name == "min") return "write `60*second`";
    if (name == "hour" || name == "hours") return "write `3600*second`";
    if (const auto* entry = unit_table::find_symbol(name)) return fmt::format("did you mean `{}`?", entry->unit.name);
    const auto near = unit_table::nearest_name(name);
    return near.empty() ? near : fmt::format("did you mean `{}`?", near);
}

}  // namespace spikesmith
