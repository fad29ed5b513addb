// A random order (R. Fisher, F. Yates 1938; internal).
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

template <class T>
void shuffle(std::span<T> items, math::RandomStream& random) {
    for (std::size_t k = items.size(); k > 1; --k) std::swap(items[k - 1], items[random.next_index(k)]);
}

}  // namespace spikesmith
