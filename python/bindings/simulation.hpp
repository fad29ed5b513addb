// A Simulation for Python: driven by experiments written there.
#pragma once

#include "convert.hpp"

#include "spikesmith/simulate/simulation.hpp"

namespace spikesmith::python {

// A waveform as Python writes it: ("ramp", {"from": 0.0, "to": 1.0}), an array in "values".
[[nodiscard]] Waveform to_waveform(const std::string& kind, const nb::dict& values);

void bind_neurons(nb::module_& module);
void bind_simulation(nb::module_& module);
void bind_opt_neuron(nb::module_& module);

}  // namespace spikesmith::python
