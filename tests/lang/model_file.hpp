// Models in text files for the tests: sections that start with a line `[name]`.
//
//     [equations]       the text as it is; so are [reset], [refractory], of Brian's language [threshold], of ANNarchy's [parameters],
//                       [spike], [functions], [method]
//     [constants]       one `name = text` per line; so are [initial values]
//     [inputs]          one name per line, with `: unit` if the data have a unit
//     [targets]         one name per line
//     [message]         the whole error message
#pragma once

#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/lang/brian.hpp"

namespace spikesmith::test {

inline std::map<std::string, std::string> read_sections(const std::string& text) {
    std::map<std::string, std::string> sections;
    std::istringstream lines(text);
    std::string* section = nullptr;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with('[') && line.ends_with(']')) {
            section = &sections[line.substr(1, line.size() - 2)];
        } else if (section != nullptr) {
            *section += (section->empty() ? "" : "\n") + line;
        }
    }
    for (auto& [name, content] : sections) {
        while (content.ends_with('\n')) content.pop_back();
    }
    return sections;
}

// "name <separator> text" of each line; the text is empty without a separator.
inline std::vector<std::pair<std::string, std::string>> read_pairs(const std::string& text, char separator) {
    const auto trim = [](const std::string& s) {
        const auto begin = s.find_first_not_of(' ');
        return begin == std::string::npos ? std::string{} : s.substr(begin, s.find_last_not_of(' ') - begin + 1);
    };
    std::vector<std::pair<std::string, std::string>> pairs;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (trim(line).empty()) continue;
        const auto at = line.find(separator);
        pairs.emplace_back(trim(line.substr(0, at)),
                           at == std::string::npos ? std::string{} : trim(line.substr(at + 1)));
    }
    return pairs;
}

// The sections that both languages have; false for any other name.
template <class Text>
bool read_common_section(Text& text, const std::string& name, const std::string& content) {
    if (name == "equations")
        text.equations.text = content;
    else if (name == "reset")
        text.reset = content;
    else if (name == "refractory")
        text.refractory = content;
    else if (name == "constants")
        text.constants = read_pairs(content, '=');
    else if (name == "initial values")
        text.initial_values = read_pairs(content, '=');
    else if (name == "inputs") {
        for (const auto& [input, unit] : read_pairs(content, ':')) text.inputs.push_back(input);
    } else if (name == "targets") {
        for (const auto& [target, nothing] : read_pairs(content, ':')) text.targets.push_back(target);
    } else {
        return name == "message" || name == "warnings";
    }
    return true;
}

inline BrianModelText model_of(const std::map<std::string, std::string>& sections) {
    BrianModelText text;
    for (const auto& [name, content] : sections) {
        if (name == "threshold") {
            text.threshold = content;
        } else if (!read_common_section(text, name, content)) {
            throw std::runtime_error("unknown section [" + name + "]");
        } else if (name == "inputs") {
            for (const auto& [input, unit] : read_pairs(content, ':')) {
                if (!unit.empty()) text.input_dimensions[input] = parse_unit(unit).dimension;
            }
        }
    }
    return text;
}

inline AnnarchyNeuronText annarchy_of(const std::map<std::string, std::string>& sections) {
    AnnarchyNeuronText text;
    for (const auto& [name, content] : sections) {
        if (name == "parameters")
            text.parameters.text = content;
        else if (name == "spike")
            text.spike = content;
        else if (name == "functions")
            text.functions.text = content;
        else if (name == "method")
            text.method = content;
        else if (!read_common_section(text, name, content))
            throw std::runtime_error("unknown section [" + name + "]");
    }
    return text;
}

}  // namespace spikesmith::test
