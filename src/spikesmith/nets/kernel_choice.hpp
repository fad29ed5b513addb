// The kernels of an instruction set (internal).
#pragma once

#include "spikesmith/nets/instruction_set.hpp"
#include "spikesmith/nets/kernels.hpp"

namespace spikesmith::nets {

[[nodiscard]] const Kernels& kernels(InstructionSet instructions);  // throws Error where the machine does not have them

}  // namespace spikesmith::nets
