// OptNeuron as Python holds it.
#pragma once

#include <atomic>

#include "convert.hpp"

#include "spikesmith/fit/opt_neuron.hpp"

namespace spikesmith::python {

struct PythonOptNeuron {
    OptNeuron fit;
    std::atomic<bool> cancelled = false;
};

// Everything of a result; see spikesmith/opt_neuron.py for what becomes of it.
[[nodiscard]] nb::dict to_dict(OptNeuronResult result);

void bind_opt_neuron_posterior(nb::module_& module);

}  // namespace spikesmith::python
