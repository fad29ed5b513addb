// The families of the neuron library, and texts that they share. For neuron_library.cpp and its neighbours only.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/lang/neuron_library.hpp"

namespace spikesmith::lang {

[[nodiscard]] std::vector<LibraryNeuron> izhikevich_2003_neurons();
[[nodiscard]] std::vector<LibraryNeuron> izhikevich_2007_neurons();
[[nodiscard]] std::vector<LibraryNeuron> hodgkin_huxley_neurons();
[[nodiscard]] std::vector<LibraryNeuron> artificial_neurons();
[[nodiscard]] std::vector<LibraryNeuron> annarchy_neurons();

// Lines of equations. `exponential_synapses`: both conductances decay. `noisy_synapses`: Poisson events at rates_noise Hz raise g_ampa.
[[nodiscard]] inline std::string exponential_synapses() {
    return "dg_ampa/dt = -g_ampa/tau_ampa\n"
           "dg_gaba/dt = -g_gaba/tau_gaba\n";
}
[[nodiscard]] inline std::string noisy_synapses() {
    return "dg_ampa/dt = ite(Uniform(0.0, 1.0)*1000.0/dt > rates_noise, 0.0, increase_noise/dt) - g_ampa/tau_ampa\n"
           "dg_gaba/dt = -g_gaba/tau_gaba\n";
}
// AMPA can only depolarise, GABA only hyperpolarise.
[[nodiscard]] inline std::string synaptic_current() {
    return "(-neg(g_ampa*(v - E_ampa)) - pos(g_gaba*(v - E_gaba)))";
}
// A baseline current that is drawn anew at rate_base_noise Hz.
[[nodiscard]] inline std::string noisy_baseline() {
    return "offset_base = ite(Uniform(0.0, 1.0)*1000.0/dt > rate_base_noise, offset_base, base_noise*Normal(0.0, "
           "1.0))\n"
           "I_base = base_mean + offset_base\n";
}

}  // namespace spikesmith::lang
