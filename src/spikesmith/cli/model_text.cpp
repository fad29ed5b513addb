#include "spikesmith/cli/model_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/lang/neuron_library.hpp"

namespace spikesmith {
namespace {

// The parts of a model under the names that the languages' errors give to them.
struct Places {
    std::vector<NamedText> texts;

    std::string add(const std::optional<TomlValue>& value, const char* name) {
        if (!value) return {};
        texts.push_back({name, &*value});
        return value->text;
    }
    std::vector<std::pair<std::string, std::string>> add_all(
        const std::vector<std::pair<std::string, TomlValue>>& values, const char* what) {
        std::vector<std::pair<std::string, std::string>> result;
        for (const auto& [name, value] : values) {
            result.emplace_back(name, value.text);
            texts.push_back({fmt::format("{} {}", what, name), &value});
        }
        return result;
    }
};

SourceText equations_of(const ModelConfig& config, Places& places) {
    if (config.file) {
        return {config.file->path.string(), located(config.file->place, [&] { return read_file(config.file->path); })};
    }
    places.texts.push_back({"equations", &config.equations});
    return {"equations", config.equations.text};
}

void add_ties(const ModelSurroundings& surroundings, Places& places,
              std::vector<std::pair<std::string, std::string>>& initial_values) {
    for (const auto& [name, tie] : surroundings.ties) {
        std::erase_if(initial_values, [&](const auto& value) { return value.first == name.name; });
        initial_values.emplace_back(name.name, tie.text);
        places.texts.push_back({fmt::format("initial value of {}", name.name), &tie});
    }
}

std::vector<ConfigName> all_inputs(const ModelConfig& config, const ModelSurroundings& surroundings) {
    std::vector<ConfigName> inputs = surroundings.inputs;
    for (const ConfigName& name : config.inputs) {
        if (std::ranges::find(inputs, name.name, &ConfigName::name) == inputs.end()) inputs.push_back(name);
    }
    return inputs;
}

std::vector<std::string> plain_names(const std::vector<ConfigName>& names) {
    std::vector<std::string> result;
    for (const ConfigName& name : names) result.push_back(name.name);
    return result;
}

Model parse(const ModelConfig& config, const ModelSurroundings& surroundings, Places& places,
            std::vector<std::string>& warnings) {
    const std::vector<std::string> inputs = plain_names(all_inputs(config, surroundings));
    if (config.language == ModelLanguage::brian) {
        BrianModelText text;
        text.equations = equations_of(config, places);
        text.constants = places.add_all(config.constants, "constant");
        text.initial_values = places.add_all(config.initial_values, "initial value of");
        add_ties(surroundings, places, text.initial_values);
        if (config.threshold) text.threshold = places.add(config.threshold, "threshold");
        if (config.reset) text.reset = places.add(config.reset, "reset");
        text.refractory = places.add(config.refractory, "refractory");
        text.inputs = inputs;
        text.input_dimensions = surroundings.input_dimensions;
        text.targets = plain_names(surroundings.outputs);
        Model model;
        with_positions_in(places.texts, [&] { model = parse_brian(text, &warnings); });
        return model;
    }
    AnnarchyNeuronText text;
    if (config.neuron) {
        text = located(config.neuron->place, [&] { return find_library_neuron(config.neuron->name).text; });
    } else {
        text.equations = equations_of(config, places);
        text.parameters.text = places.add(config.parameters, "parameters");
        text.functions.text = places.add(config.functions, "functions");
        if (config.threshold) text.spike = places.add(config.threshold, "spike");
        text.reset = places.add(config.reset, "reset");
        text.refractory = places.add(config.refractory, "refractory");
        if (config.equation_method) text.method = places.add(config.equation_method, "method");
        text.constants = places.add_all(config.constants, "constant");
    }
    // Those of a library neuron stay where the configuration says nothing.
    for (auto& [name, value] : places.add_all(config.initial_values, "initial value of")) {
        std::erase_if(text.initial_values, [&](const auto& own) { return own.first == name; });
        text.initial_values.emplace_back(name, value);
    }
    add_ties(surroundings, places, text.initial_values);
    text.inputs = inputs;
    text.targets = plain_names(surroundings.outputs);
    Model model;
    with_positions_in(places.texts, [&] { model = parse_annarchy(text, &warnings); });
    return model;
}

// To the languages, inputs and outputs are lists of names and a method is a word; here each has a place.
[[noreturn]] void rethrow_at_its_place(const ModelError& error, const ModelConfig& config,
                                       const ModelSurroundings& surroundings) {
    const Diagnostic& d = error.diagnostic();
    const auto at = [&](const Place& place) {
        if (place.source) throw ModelError(diagnose(*place.source, place.span, d.message, d.hint));
    };
    if (d.line > 0) throw error;
    const bool inputs = d.source == "inputs";
    if (inputs || d.source == "outputs" || d.source == "targets") {
        for (const ConfigName& name : inputs ? all_inputs(config, surroundings) : surroundings.outputs) {
            if (d.message.find(fmt::format("`{}`", name.name)) != std::string::npos) at(name.place);
        }
    }
    if (d.source == "constants") {
        for (const auto& [name, value] : config.constants) {
            if (d.message.find(fmt::format("`{}`", name)) != std::string::npos) at(value.place);
        }
    }
    at(config.place);
    throw error;
}

}  // namespace

Model load_model(const ModelConfig& config, const ModelSurroundings& surroundings, std::vector<std::string>& warnings) {
    try {
        Places places;
        Model model = parse(config, surroundings, places, warnings);
        model.name = config.name;
        return model;
    } catch (const ModelError& error) {
        rethrow_at_its_place(error, config, surroundings);
    }
}

Model with_open_parameters(Model model, ModelLanguage language, std::span<const std::string> names) {
    if (language == ModelLanguage::brian) return model;
    std::erase_if(model.initial_values, [&](const InitialValue& initial) {
        const bool parameter =
            std::ranges::find(model.parameters, initial.name, &Parameter::name) != model.parameters.end();
        return parameter && std::ranges::find(names, initial.name) != names.end();
    });
    return model;
}

}  // namespace spikesmith
