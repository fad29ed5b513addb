// Version of Spikesmith. The build reads it from here, so this is the one place to change it.
#pragma once

#include <string_view>

namespace spikesmith {

inline constexpr std::string_view version = "0.1.0";

}  // namespace spikesmith
