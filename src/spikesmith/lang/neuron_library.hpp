// Neuron models from the literature, by name, in ANNarchy's language: those that come with ANNarchy and with CompNeuroPy.
//
// Parameters have the names and default values of the originals, and so have initial values: the Izhikevich neurons of CompNeuroPy
// start at v = 0 and spike at once, unless `initial_values` say otherwise. No parameter is population-wide, so every one can be
// fitted. docs/annarchy.md has the list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/lang/annarchy.hpp"

namespace spikesmith {

struct LibraryNeuron {
    std::string name;
    std::string alias;        // an older name; may be empty
    std::string description;  // one line
    std::string reference;    // the publication
    AnnarchyNeuronText text;
};

[[nodiscard]] const std::vector<LibraryNeuron>& neuron_library();

// By name or alias. Throws ModelError with the nearest name.
[[nodiscard]] const LibraryNeuron& find_library_neuron(std::string_view name);

}  // namespace spikesmith
