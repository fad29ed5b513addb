// Networks as blocks of bytes (internal). The format is in docs/nets.md.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "spikesmith/nets/pair_network.hpp"

namespace spikesmith::nets {

struct StoredNetwork {
    std::shared_ptr<const PairNetwork> network;
    std::vector<float> parameters;
};

[[nodiscard]] std::vector<std::byte> write_network(const PairNetwork& network, std::span<const float> parameters);
[[nodiscard]] StoredNetwork read_network(std::span<const std::byte> block);  // throws DataError

}  // namespace spikesmith::nets
