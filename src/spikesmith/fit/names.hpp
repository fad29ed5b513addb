// The names of parameters, states, outputs and whatever else has a `name`, for hints and lists.
#pragma once

#include <string>
#include <vector>

namespace spikesmith {

template <class Items>
[[nodiscard]] std::vector<std::string> names_of(const Items& items) {
    std::vector<std::string> names;
    names.reserve(items.size());
    for (const auto& item : items) names.push_back(item.name);
    return names;
}

}  // namespace spikesmith
