// The posterior's file: docs/posterior_format.md. Posterior::to_bytes and from_bytes are defined in posterior_file.cpp.
#pragma once

#include <cstdint>
#include <string_view>

#include "spikesmith/infer/binary.hpp"
#include "spikesmith/infer/prior.hpp"

namespace spikesmith {

inline constexpr std::string_view posterior_magic = "SPKPOST\n";
inline constexpr std::uint64_t posterior_version = 3;

void write(BinaryWriter& writer, const Prior& prior);
[[nodiscard]] Prior read_prior(BinaryReader& reader);

}  // namespace spikesmith
