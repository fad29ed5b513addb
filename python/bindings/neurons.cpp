// Neurons in ANNarchy's language, and those of the library.
#include <algorithm>

#include "simulation.hpp"

#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/lang/neuron_library.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith::python {
namespace {

using Texts = std::vector<std::pair<std::string, std::string>>;

nb::dict text_of(const AnnarchyNeuronText& text) {
    nb::dict result;
    result["parameters"] = text.parameters.text;
    result["equations"] = text.equations.text;
    result["spike"] = text.spike;
    result["reset"] = text.reset;
    result["refractory"] = text.refractory;
    result["functions"] = text.functions.text;
    result["method"] = text.method;
    result["constants"] = text.constants;
    result["initial_values"] = text.initial_values;
    return result;
}

}  // namespace

void bind_neurons(nb::module_& module) {
    module.def(
        "parse_annarchy",
        [](const std::string& name, const std::string& parameters, const std::string& equations,
           std::optional<std::string> spike, const std::string& reset, const std::string& refractory,
           const std::string& functions, const std::string& method, const Texts& constants,
           const std::vector<std::string>& inputs, const std::vector<std::string>& targets, const Texts& initial_values,
           const std::vector<std::string>& free) {
            AnnarchyNeuronText text;
            text.name = name;
            text.parameters.text = parameters;
            text.equations.text = equations;
            text.spike = std::move(spike);
            text.reset = reset;
            text.refractory = refractory;
            text.functions.text = functions;
            text.method = method;
            text.constants = constants;
            text.inputs = inputs;
            text.targets = targets;
            text.initial_values = initial_values;
            std::vector<std::string> warnings;
            Model model = parse_annarchy(text, &warnings);
            std::erase_if(model.initial_values, [&](const InitialValue& initial) {
                return std::ranges::find(free, initial.name) != free.end();
            });
            return std::pair{std::move(model), std::move(warnings)};
        },
        nb::kw_only(), nb::arg("name"), nb::arg("parameters"), nb::arg("equations"), nb::arg("spike").none(),
        nb::arg("reset"), nb::arg("refractory"), nb::arg("functions"), nb::arg("method"), nb::arg("constants"),
        nb::arg("inputs"), nb::arg("targets"), nb::arg("initial_values"), nb::arg("free") = std::vector<std::string>{},
        "Checked model and warnings. Those named in `free` lose their values.");
    module.def(
        "neuron_library",
        [] {
            std::vector<std::tuple<std::string, std::string, std::string, std::string>> list;
            for (const LibraryNeuron& neuron : neuron_library())
                list.emplace_back(neuron.name, neuron.alias, neuron.description, neuron.reference);
            return list;
        },
        "Name, older name, description and publication of every neuron of the library.");
    module.def(
        "library_neuron", [](const std::string& name) { return text_of(find_library_neuron(name).text); },
        nb::arg("name"), nb::sig("def library_neuron(name: str) -> dict[str, typing.Any]"),
        "The parts of a neuron of the library, by name or older name.");
    module.def(
        "initial_values",
        [](const Model& model) {
            std::vector<std::pair<std::string, std::string>> list;
            for (const InitialValue& initial : model.initial_values)
                list.emplace_back(initial.name, to_string(initial.value));
            return list;
        },
        nb::arg("model"), "Names and expressions, in the order in which they are evaluated.");
    module.def(
        "describe_step",
        [](const Model& model, double dt) { return to_string(integrate(model, {.method = {}, .dt = dt})); },
        nb::arg("model"), nb::arg("dt"), "The program of one step.");
}

}  // namespace spikesmith::python
