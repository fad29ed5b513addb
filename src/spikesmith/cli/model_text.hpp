// From the sections of a configuration that describe a neuron to the checked Model; errors point into the configuration.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/cli/model_config.hpp"
#include "spikesmith/model/model.hpp"

namespace spikesmith {

// What other sections say about the names of a model.
struct ModelSurroundings {
    std::vector<ConfigName> inputs{};                      // that data drive
    std::map<std::string, Dimension> input_dimensions{};   // where the data tell
    std::vector<ConfigName> outputs{};                     // with recordings
    std::vector<std::pair<ConfigName, TomlValue>> ties{};  // of tied parameters: read like initial values
};

[[nodiscard]] Model load_model(const ModelConfig& config, const ModelSurroundings& surroundings,
                               std::vector<std::string>& warnings);

// The model in which these parameters are open. In ANNarchy's language every parameter has a value, which a section that names it
// overrides; in Brian's, a parameter with an initial value stays closed.
[[nodiscard]] Model with_open_parameters(Model model, ModelLanguage language, std::span<const std::string> names);

}  // namespace spikesmith
