// Models for the tests of Simulation, in both languages.
#pragma once

#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/lang/neuron_library.hpp"

namespace spikesmith::test {

inline constexpr double ms = 1e-3;

// Leaky integrate-and-fire with adaptation, a stimulus and refractoriness, in volts and seconds.
inline Model adapting_neuron(const std::string& refractory = "3*ms") {
    return parse_brian({.equations = {"equations",
                                      "dv/dt = (E - v + R*I - w)/tau : volt (unless refractory)\n"
                                      "dw/dt = -w/(80*ms) : volt\n"
                                      "drive_force = E - v : volt\n"
                                      "I : amp\n"
                                      "E : volt (constant)\n"
                                      "R : ohm (constant)\n"
                                      "tau : second (constant)\n"
                                      "jump : volt (constant)\n"},
                        .inputs = {"I"},
                        .threshold = "v > -50*mV",
                        .reset = "v = E\nw += jump",
                        .refractory = refractory,
                        .initial_values = {{"v", "E"}, {"jump", "1*mV"}}});
}

inline Model library_neuron(const std::string& name,
                            const std::vector<std::pair<std::string, std::string>>& values = {}) {
    auto text = find_library_neuron(name).text;
    text.initial_values = values;
    return parse_annarchy(text);
}

}  // namespace spikesmith::test
