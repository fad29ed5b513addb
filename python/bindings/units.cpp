#include "spikesmith/units/units.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "shown_text.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace spikesmith::python {

std::string shown(const ShownNumber& number, int digits) {
    const auto& [value, exponents] = number;
    const Quantity quantity{value, exponents ? to_dimension(*exponents) : Dimension{}};
    if (quantity.dimension.dimensionless() || !std::isfinite(value)) return format_quantity(quantity, digits);
    const Unit unit = display_unit(quantity.dimension, {&value, 1});
    std::string text = fmt::format("{:.3f}", value / unit.scale);
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
    return text == "0" || text == "-0" ? format_quantity(quantity, digits) : text + " " + unit.name;
}

std::string round_text(std::size_t index, std::vector<std::pair<std::string, ShownNumber>> best,
                       const std::optional<ShownNumber>& error, const std::vector<std::string>& outputs,
                       const std::vector<ShownNumber>& raw, const std::vector<ShownNumber>& normalized) {
    const auto unnormalized = [&](std::size_t k) {
        return normalized[k].first == raw[k].first ? "" : ", unnormalized error: " + shown(raw[k], 3);
    };
    std::ranges::sort(best, {}, [](const auto& parameter) { return parameter.first; });
    std::vector<std::string> parameters;
    for (const auto& [name, value] : best) parameters.push_back(name + "=" + shown(value, 3));
    std::string errors = error ? shown(*error, outputs.size() > 1 ? 4 : 3) : "none yet";
    const bool known = normalized.size() == outputs.size() && raw.size() == outputs.size();
    if (outputs.size() > 1 && known) {
        std::vector<std::string> parts;
        for (std::size_t k = 0; k < outputs.size(); ++k)
            parts.push_back(fmt::format("{} ({}{})", shown(normalized[k], 3), outputs[k], unnormalized(k)));
        errors += fmt::format(" = {}", fmt::join(parts, " + "));
    } else if (!outputs.empty()) {
        errors += fmt::format(" ({}{})", fmt::join(outputs, ", "), known ? unnormalized(0) : "");
    }
    const std::string begin = fmt::format("Round {}: ", index);
    return fmt::format("{}Best parameters {}\n{:{}}Best error: {}", begin,
                       parameters.empty() ? "none yet" : fmt::format("{}", fmt::join(parameters, ", ")), "",
                       begin.size(), errors);
}

void bind_units(nb::module_& module) {
    module.def("shown_number", &shown, nb::arg("number"), nb::arg("digits") = 3,
               "A number with its exponents (or None) as text.");
    module.def("round_text", &round_text, nb::arg("index"), nb::arg("best_params"), nb::arg("best_error").none(),
               nb::arg("outputs"), nb::arg("raw"), nb::arg("normalized"),
               "What is printed after a round of a fit: numbers with their exponents (or None).");
    module.def("unit_names", &unit_names, "All unit names that equations know.");
    module.def(
        "find_unit",
        [](const std::string& name) -> std::optional<PlainQuantity> {
            const Unit* unit = find_unit(name);
            if (unit == nullptr) return std::nullopt;
            return PlainQuantity{unit->scale, to_exponents(unit->dimension)};
        },
        nb::arg("name"), "Scale and dimension exponents of the unit of that exact name, or None.");
    module.def(
        "parse_quantity",
        [](const std::string& text) {
            const Quantity quantity = parse_quantity(text);
            return PlainQuantity{quantity.value, to_exponents(quantity.dimension)};
        },
        nb::arg("text"), "'20 nS' -> (2e-8, exponents).");
    module.def(
        "format_quantity",
        [](double value, const Exponents& exponents, int digits) {
            return format_quantity({value, to_dimension(exponents)}, digits);
        },
        nb::arg("value"), nb::arg("exponents"), nb::arg("digits") = 4);
    module.def(
        "display_unit",
        [](const Exponents& exponents, const Vector& values) {
            const Unit unit = display_unit(to_dimension(exponents), {values.data(), values.size()});
            return std::pair{unit.name, unit.scale};
        },
        nb::arg("exponents"), nb::arg("values"), "Name and scale of the unit in which `values` read best.");
    module.def(
        "dimension_name", [](const Exponents& exponents) { return to_dimension(exponents).name(); },
        nb::arg("exponents"));
}

}  // namespace spikesmith::python
