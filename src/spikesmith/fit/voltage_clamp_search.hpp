// voltage_clamp_search: parameters of a simple neuron from the voltage clamp of a detailed one, without fitting any spike.
//
//     const auto found = voltage_clamp_search({.detailed = hodgkin_huxley, .simple = izhikevich,
//                                              .parameters = {{"k", 0.01, 1}, {"v_t", -90, -40}, {"b", -5, 5}}});
//
// The detailed neuron is held at each of a row of voltages until it is at rest, then stepped to each of another row: the current right
// after the step and the current in the end are measured. The simple neuron's currents follow from its equations by algebra: at rest all
// its derivatives are 0, right after a step its other variables are still those of the old voltage. The search makes them agree.
// It finds what the currents depend on, and neither capacities nor time constants. (E. M. Izhikevich, Dynamical systems in
// neuroscience, MIT Press 2007, section 5.2, on such currents.)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/model/model.hpp"
#include "spikesmith/optimize/parameter_space.hpp"

namespace spikesmith {

struct VoltageClampSearchOptions {
    Model detailed{};
    Model simple{};  // derivatives of its other variables linear in these variables
    std::vector<ParameterRange>
        parameters{};           // of the simple model; those that its currents do not contain are not searched
    std::string voltage = "v";  // a state of both models, in one unit
    std::string detailed_current{}, simple_current{};  // see RunDrive::clamp_currents; empty: chosen
    std::string rest_parameter =
        "v_r";  // of the simple model: gets the resting voltage of the detailed one; empty: none
    double lowest_voltage = -90, highest_voltage = -40;  // of both rows, in the unit of the models
    std::size_t start_voltages = 20, step_voltages = 20;
    double hold = 0.2;                 // seconds until the detailed neuron is at rest
    double settle = 1;                 // seconds of its run without clamp, after which it has its resting voltage
    double time_step = 1e-5;           // seconds, of the detailed neuron
    std::string optimizer = "cma_es";  // any of optimize/methods.hpp
    std::size_t population = 24;
    std::size_t max_evaluations = 6000;
    std::uint64_t seed = 0;
    int threads = 0;
};

struct VoltageClampSearchResult {
    std::vector<std::pair<std::string, double>> parameters;  // found
    std::vector<std::string> unused;                         // not in the currents of the simple neuron
    double error = 0;                                        // root mean square over all currents
    double resting_voltage = 0;                              // of the detailed neuron
    std::vector<double> start_voltages, step_voltages;
    // Currents of the clamp. Instantaneous: start x step voltages; holding: of the step voltages.
    Array2 detailed_instantaneous, simple_instantaneous;
    std::vector<double> detailed_holding, simple_holding;
    std::size_t evaluations = 0;
};

// Throws ModelError where the clamp current or the state at rest cannot be computed from the equations, ConfigError for other options,
// NumericalError if the detailed neuron's currents are not finite.
[[nodiscard]] VoltageClampSearchResult voltage_clamp_search(const VoltageClampSearchOptions& options);

}  // namespace spikesmith
