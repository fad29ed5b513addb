// Short ways to make models in the tests of this room.
#pragma once

#include <map>
#include <stdexcept>
#include <string>

#include "spikesmith/lang/brian.hpp"

namespace spikesmith::test {

using Values = std::map<std::string, double>;

inline Model parse(const std::string& equations) {
    return parse_brian({.equations = {"equations", equations}});
}

inline double value(const Expression& expression, const Values& values = {}) {
    return evaluate(expression, [&](const std::string& name) {
        const auto found = values.find(name);
        if (found == values.end()) throw std::runtime_error("the test gives no value for " + name);
        return found->second;
    });
}

// Value of `text` as a subexpression with that unit; `declarations` defines the other names.
inline double value_of(const std::string& text, const std::string& unit = "1", const Values& values = {},
                       const std::string& declarations = {}) {
    const Model model = parse("result = " + text + " : " + unit + "\n" + declarations);
    const auto found = model.find("result");
    return value(model.inlined(model.subexpressions.at(found->index).value), values);
}

// The first line of the message of the error that `text` gives.
inline std::string error_of(const BrianModelText& text) {
    try {
        (void)parse_brian(text);
    } catch (const Error& error) {
        const std::string message = error.what();
        return message.substr(0, message.find('\n'));
    }
    return "accepted";
}

inline std::string error_of(const std::string& equations) {
    return error_of(BrianModelText{.equations = {"equations", equations}});
}

}  // namespace spikesmith::test
