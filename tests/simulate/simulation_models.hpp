// Models in both languages, and helpers, for the tests of Simulation.
#pragma once

#include <span>
#include <vector>

#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/lang/neuron_library.hpp"
#include "spikesmith/simulate/simulation.hpp"

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

inline std::vector<double> values_of(std::span<const double> values) {
    return {values.begin(), values.end()};
}

// Candidate values of a simple spread.
inline std::vector<double> spread(std::size_t n, double first, double last) {
    std::vector<double> out(n);
    for (std::size_t c = 0; c < n; ++c)
        out[c] = n == 1 ? first : first + (last - first) * static_cast<double>(c) / static_cast<double>(n - 1);
    return out;
}

// Values for what `adapting_neuron` leaves open.
inline void set_up(Simulation& s, std::size_t n) {
    s.set("E", -0.07);
    s.set("R", 100e6);
    s.set("tau", spread(n, 8e-3, 20e-3));
}

}  // namespace spikesmith::test
