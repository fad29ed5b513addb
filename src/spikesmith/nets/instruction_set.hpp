// The vector instructions that the networks may use. All give the same bits.
#pragma once

#include <vector>

namespace spikesmith::nets {

enum class InstructionSet { portable, avx2, avx512 };

// Those of this machine, narrowest first.
[[nodiscard]] const std::vector<InstructionSet>& instruction_sets();

}  // namespace spikesmith::nets
