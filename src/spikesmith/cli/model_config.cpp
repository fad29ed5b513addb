#include "spikesmith/cli/model_config.hpp"

#include <array>
#include <string_view>

#include <fmt/format.h>

#include "spikesmith/cli/config_section.hpp"

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;

// Text of the model; a plain number is the same as its text.
TomlValue read_text(const TomlValue& value, std::string_view key, std::string_view example) {
    TomlValue text = value;
    if (text.kind == Kind::integer) {
        text.text = fmt::format("{}", text.integer);
    } else if (text.kind == Kind::real) {
        text.text = fmt::format("{}", text.real);
    } else if (text.kind != Kind::string) {
        wrong_type(key, "a quantity or an expression", text, fmt::format("for example `{}`", example));
    }
    return text;
}

std::vector<std::pair<std::string, TomlValue>> read_texts(const TomlValue* table, const std::string& example) {
    std::vector<std::pair<std::string, TomlValue>> result;
    if (table == nullptr) return result;
    for (const auto& member : table->members)
        result.emplace_back(member.key, read_text(member.value, member.key, example));
    return result;
}

std::optional<TomlValue> optional_string(const Section& section, std::string_view key, std::string_view example) {
    const auto* value = section.string(key, example);
    return value == nullptr ? std::nullopt : std::optional<TomlValue>(*value);
}

void read_equations(const Section& section, const std::filesystem::path& folder, std::string_view example,
                    ModelConfig& model) {
    const auto* equations = section.string("equations", example);
    const auto* file = section.find("file");
    if (equations != nullptr && file != nullptr)
        fail_at(file->place, "the model has both `equations` and `file`", "give one of them");
    if (equations == nullptr && file == nullptr) {
        fail_at(section.value().place, fmt::format("{} needs `equations` or `file`", section_title(section.path())),
                fmt::format("for example `{}`", example));
    }
    if (equations != nullptr) model.equations = *equations;
    if (file != nullptr) {
        if (file->kind != Kind::string)
            wrong_type("file", "a string", *file, "the path of a file, relative to this one");
        if (file->text.empty() || file->text.find('\0') != std::string::npos)
            fail_at(file->place, "`file` is not a path");
        model.file = ConfigPath{(folder / file->text).lexically_normal(), file->place};
    }
}

void read_brian(const Section& section, const std::filesystem::path& folder, ModelConfig& model) {
    read_equations(section, folder, "equations = '''dv/dt = -v/(10*ms) : volt'''", model);
    model.constants = read_texts(section.table("constants"), "Cm = \"200 pF\"");
    model.initial_values = read_texts(section.table("initial_values"), "v = \"-65 mV\"");
    model.threshold = optional_string(section, "threshold", "threshold = \"v > -50*mV\"");
    model.reset = optional_string(section, "reset", "reset = \"v = -65*mV\"");
    model.refractory = optional_string(section, "refractory", "refractory = \"2 ms\"");
    if (const auto* value = section.string("method", "method = \"rk4\"")) {
        model.method = value->text;
        model.method_place = value->place;
    }
    if (const auto* options = section.table("method_options")) {
        const Section adaptive(*options, section.path() + ".method_options",
                               {"absolute_error", "relative_error", "max_steps"});
        model.absolute_error = adaptive.positive("absolute_error").value_or(model.absolute_error);
        model.relative_error = adaptive.positive("relative_error").value_or(model.relative_error);
        model.max_steps = static_cast<int>(adaptive.integer("max_steps", 1, 1'000'000).value_or(model.max_steps));
    }
}

void read_annarchy(const Section& section, const std::filesystem::path& folder, ModelConfig& model) {
    read_equations(section, folder, "equations = '''tau*dr/dt + r = I_app'''", model);
    model.parameters = optional_string(section, "parameters", "parameters = '''tau = 10.0'''");
    model.functions = optional_string(section, "functions", "functions = '''logistic(x) = 1/(1 + exp(-x))'''");
    model.constants = read_texts(section.table("constants"), "E = -70");
    model.initial_values = read_texts(section.table("initial_values"), "v = -65");
    model.threshold = optional_string(section, "spike", "spike = \"v > 30\"");
    model.reset = optional_string(section, "reset", "reset = \"v = c; u += d\"");
    if (const auto* value = section.find("refractory"))
        model.refractory = read_text(*value, "refractory", "refractory = 5.0");
    model.equation_method = optional_string(section, "method", "method = \"exponential\"");
    if (model.equation_method) model.method_place = model.equation_method->place;
}

void read_library(const Section& section, ModelConfig& model) {
    const TomlValue& neuron = *section.string("neuron", "neuron = \"Izhikevich2007\"");
    model.neuron = ConfigName{neuron.text, neuron.place};
    model.initial_values = read_texts(section.table("parameters"), "a = 0.02");
    for (auto& initial : read_texts(section.table("initial_values"), "v = -60")) {
        for (const auto& [name, value] : model.initial_values) {
            if (name == initial.first)
                fail_at(initial.second.place, fmt::format("`{}` stands in `parameters` and in `initial_values`", name),
                        "give it once");
        }
        model.initial_values.push_back(std::move(initial));
    }
}

ModelLanguage language_of(const TomlValue& table, const std::string& path) {
    const auto* stated = table.find("language");
    const bool library = table.find("neuron") != nullptr;
    if (stated == nullptr) {
        if (library) return ModelLanguage::annarchy;
        for (const auto* key : {"spike", "functions", "parameters"}) {
            const auto* member = table.find(key);
            if (member == nullptr) continue;
            fail_at(member->place, fmt::format("`{}` is a part of neurons in ANNarchy's language", key),
                    fmt::format("write `language = \"annarchy\"` into {}", section_title(path)));
        }
        return ModelLanguage::brian;
    }
    constexpr std::array words{"brian", "annarchy"};
    if (stated->value.kind != Kind::string) wrong_type("language", "a string", stated->value);
    for (std::size_t k = 0; k < words.size(); ++k) {
        if (stated->value.text != words[k]) continue;
        if (library && k == 0)
            fail_at(stated->value.place, "neurons of the library are in ANNarchy's language", "leave `language` out");
        return static_cast<ModelLanguage>(k);
    }
    fail_at(stated->value.place, fmt::format("`language` cannot be `{}`", stated->value.text),
            "there are \"brian\" and \"annarchy\"");
}

std::vector<std::string_view> keys_of(ModelLanguage language, bool library) {
    if (library) return {"name", "language", "neuron", "parameters", "initial_values", "inputs", "dt"};
    if (language == ModelLanguage::annarchy)
        return {"name",       "language",  "parameters", "equations", "file",           "spike",  "reset",
                "refractory", "functions", "method",     "constants", "initial_values", "inputs", "dt"};
    return {"name",  "language",   "equations", "file", "constants", "initial_values", "threshold",
            "reset", "refractory", "inputs",    "dt",   "method",    "method_options"};
}

}  // namespace

ModelConfig read_model_config(const TomlValue& table, const std::string& path, const std::filesystem::path& folder,
                              const std::string& default_name, const std::optional<ConfigQuantity>& standard_dt) {
    ModelConfig model;
    model.place = table.place;
    model.language = language_of(table, path);
    const bool library = table.find("neuron") != nullptr;
    const Section section(table, path, keys_of(model.language, library));
    model.name = section.text_or("name", library ? section.text_or("neuron", default_name) : default_name);
    if (library) {
        read_library(section, model);
    } else if (model.language == ModelLanguage::annarchy) {
        read_annarchy(section, folder, model);
    } else {
        read_brian(section, folder, model);
    }
    model.inputs = section.names("inputs", "inputs = [\"I\"]");
    if (const auto* dt = section.find("dt")) {
        model.dt = read_duration(*dt, "dt", false);
    } else if (standard_dt) {
        model.dt = *standard_dt;
    } else {
        model.dt = read_duration(section.required("dt", "dt = \"0.01 ms\""), "dt", false);
    }
    return model;
}

}  // namespace spikesmith
