// [model] and [target.model]: a neuron in the language of Brian or of ANNarchy, or one of the library by name.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/cli/config_values.hpp"
#include "spikesmith/cli/toml_value.hpp"

namespace spikesmith {

enum class ModelLanguage : std::uint8_t { brian, annarchy };

struct ModelConfig {
    ModelLanguage language = ModelLanguage::brian;
    Place place;
    std::string name;                                               // default: name of the configuration file
    std::optional<ConfigName> neuron;                               // of the library; then there are no equations
    TomlValue equations;                                            // a string; empty if `file` or `neuron` is given
    std::optional<ConfigPath> file;                                 // equations in a file of their own
    std::vector<std::pair<std::string, TomlValue>> constants;       // strings, in the order written
    std::vector<std::pair<std::string, TomlValue>> initial_values;  // strings, in the order written; others start at 0
    std::vector<ConfigName> inputs;                                 // beside those of [data.inputs]
    std::optional<TomlValue> threshold;                             // ANNarchy: `spike`
    std::optional<TomlValue> reset;
    std::optional<TomlValue> refractory;
    std::string method;  // empty: chosen from the equations; not of ANNarchy's equations, which have one each
    Place method_place;
    ConfigQuantity dt;             // time step of the simulation
    double absolute_error = 1e-6;  // of the adaptive methods, in SI units
    double relative_error = 1e-6;
    int max_steps = 100;  // of the adaptive methods, per dt
    // ANNarchy only
    std::optional<TomlValue> parameters;
    std::optional<TomlValue> functions;
    std::optional<TomlValue> equation_method;  // of equations without a flag
};

// `path` is the name of the section for messages. Without `dt` in the table it is `standard_dt`; without both it is missing.
[[nodiscard]] ModelConfig read_model_config(const TomlValue& table, const std::string& path,
                                            const std::filesystem::path& folder, const std::string& default_name,
                                            const std::optional<ConfigQuantity>& standard_dt = std::nullopt);

}  // namespace spikesmith
