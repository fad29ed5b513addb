// Neurons of ANNarchy's language in text files for the tests, in the sections of model_file.hpp.
#pragma once

#include "lang/model_file.hpp"

#include "spikesmith/lang/annarchy.hpp"

namespace spikesmith::test {

inline AnnarchyNeuronText annarchy_of(const std::map<std::string, std::string>& sections) {
    AnnarchyNeuronText text;
    for (const auto& [name, content] : sections) {
        if (name == "equations")
            text.equations.text = content;
        else if (name == "parameters")
            text.parameters.text = content;
        else if (name == "spike")
            text.spike = content;
        else if (name == "reset")
            text.reset = content;
        else if (name == "refractory")
            text.refractory = content;
        else if (name == "functions")
            text.functions.text = content;
        else if (name == "method")
            text.method = content;
        else if (name == "constants")
            text.constants = read_pairs(content, '=');
        else if (name == "initial values")
            text.initial_values = read_pairs(content, '=');
        else if (name == "inputs") {
            for (const auto& [input, nothing] : read_pairs(content, ':')) text.inputs.push_back(input);
        } else if (name == "targets") {
            for (const auto& [target, nothing] : read_pairs(content, ':')) text.targets.push_back(target);
        } else if (name != "message" && name != "warnings") {
            throw std::runtime_error("unknown section [" + name + "]");
        }
    }
    return text;
}

}  // namespace spikesmith::test
