#include "spikesmith/lang/neuron_library.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/neuron_library_parts.hpp"

namespace spikesmith {

const std::vector<LibraryNeuron>& neuron_library() {
    static const std::vector<LibraryNeuron> neurons = [] {
        std::vector<LibraryNeuron> all;
        for (const auto& family :
             {lang::izhikevich_2003_neurons(), lang::izhikevich_2007_neurons(), lang::hodgkin_huxley_neurons(),
              lang::artificial_neurons(), lang::annarchy_neurons()}) {
            all.insert(all.end(), family.begin(), family.end());
        }
        for (auto& neuron : all) neuron.text.name = neuron.name;
        return all;
    }();
    return neurons;
}

const LibraryNeuron& find_library_neuron(std::string_view name) {
    const auto& neurons = neuron_library();
    const auto found = std::find_if(neurons.begin(), neurons.end(), [&](const LibraryNeuron& neuron) {
        return neuron.name == name || (!neuron.alias.empty() && neuron.alias == name);
    });
    if (found != neurons.end()) return *found;
    std::vector<std::string> names;
    for (const auto& neuron : neurons) {
        names.push_back(neuron.name);
        if (!neuron.alias.empty()) names.push_back(neuron.alias);
    }
    throw ModelError(fmt::format("the library has no neuron `{}`", name.substr(0, 100)), did_you_mean(name, names));
}

}  // namespace spikesmith
