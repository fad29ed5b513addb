// A small model and helpers for the tests of Ensemble.
#pragma once

#include <string>

#include "spikesmith/model/model.hpp"

namespace spikesmith::test {

inline constexpr double ms = 1e-3;

inline Expression symbol(const std::string& name) {
    return Expression::symbol(name);
}

// Leaky integrate-and-fire with a stimulus, dimensionless; starts at the parameter `start`.
inline Model integrate_and_fire() {
    Model model;
    model.states.push_back({"v", {}, (symbol("E") - symbol("v") + symbol("I")) / symbol("tau"), false, ""});
    for (const char* name : {"E", "tau", "start"}) model.parameters.push_back({name, {}, ValueType::real, true, false});
    model.inputs.push_back({"I", {}});
    model.targets = {"v"};
    model.threshold = apply(Op::greater, symbol("v"), Expression(1.0));
    model.reset.push_back({"v", Expression(0.0), false});
    model.initial_values.push_back({"v", symbol("start")});
    return model;
}

}  // namespace spikesmith::test
