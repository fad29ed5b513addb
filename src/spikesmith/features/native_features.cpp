// The definitions of native mode: those that replace eFEL's. All others are the same in both modes, on what these give.
#include <utility>

#include "spikesmith/features/native_definitions.hpp"

namespace spikesmith {

Definitions native_features() {
    Definitions list = native_spike_features();
    for (FeatureDefinition& definition : native_subthreshold_features()) list.push_back(std::move(definition));
    return list;
}

}  // namespace spikesmith
