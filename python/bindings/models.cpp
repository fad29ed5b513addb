#include "convert.hpp"

#include "spikesmith/lang/brian.hpp"
#include "spikesmith/model/model.hpp"

namespace spikesmith::python {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

// Names with the exponents of their dimensions.
template <class Items>
std::vector<std::pair<std::string, Exponents>> dimensions_of(const Items& items) {
    std::vector<std::pair<std::string, Exponents>> list;
    for (const auto& item : items) list.emplace_back(item.name, to_exponents(item.dimension));
    return list;
}

}  // namespace

void bind_models(nb::module_& module) {
    nb::class_<Model>(module, "Model", "A checked model.")
        .def_ro("name", &Model::name)
        .def_ro("text", &Model::text)
        .def_prop_ro("states", [](const Model& model) { return dimensions_of(model.states); })
        .def_prop_ro("parameters", [](const Model& model) { return dimensions_of(model.parameters); })
        .def_prop_ro("subexpressions", [](const Model& model) { return dimensions_of(model.subexpressions); })
        .def_prop_ro("inputs", [](const Model& model) { return dimensions_of(model.inputs); })
        .def_prop_ro("has_threshold", [](const Model& model) { return model.threshold.has_value(); })
        .def_prop_ro("initial_names", [](const Model& model) {
            std::vector<std::string> names;
            for (const auto& initial : model.initial_values) names.push_back(initial.name);
            return names;
        });
    module.def(
        "parse_brian",
        [](const std::string& equations, const Texts& constants, const std::vector<std::string>& inputs,
           const std::map<std::string, Exponents>& input_dimensions, const std::vector<std::string>& targets,
           std::optional<std::string> threshold, std::optional<std::string> reset, const std::string& refractory,
           const Texts& initial_values) {
            BrianModelText text;
            text.equations = {"equations", equations};
            text.constants = constants;
            text.inputs = inputs;
            for (const auto& [name, exponents] : input_dimensions) {
                text.input_dimensions.emplace(name, to_dimension(exponents));
            }
            text.targets = targets;
            text.threshold = std::move(threshold);
            text.reset = std::move(reset);
            text.refractory = refractory;
            text.initial_values = initial_values;
            std::vector<std::string> warnings;
            Model model = parse_brian(text, &warnings);
            return std::pair{std::move(model), std::move(warnings)};
        },
        nb::arg("equations"), nb::arg("constants"), nb::arg("inputs"), nb::arg("input_dimensions"), nb::arg("targets"),
        nb::arg("threshold").none(), nb::arg("reset").none(), nb::arg("refractory"), nb::arg("initial_values"),
        "Checked model and warnings.");
}

}  // namespace spikesmith::python
