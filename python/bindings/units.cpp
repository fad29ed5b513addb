#include "spikesmith/units/units.hpp"

#include <stdexcept>

#include "convert.hpp"

namespace spikesmith::python {

void bind_units(nb::module_& module) {
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
