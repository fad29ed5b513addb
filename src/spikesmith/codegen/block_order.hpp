// Order of the instructions in a loop over steps that is one block.
//
// A processor looks ahead over about a hundred operations that wait, half of that where two threads share a core, so an operation
// should not come before others that it has to wait for. Where the operations of a step wait for each other all along, a turn
// of the loop ends one step and begins the next (software pipelining: M. Lam, PLDI 1988).
//
// For this room only; includes LLVM.
#pragma once

#include <utility>
#include <vector>

#include <llvm/IR/BasicBlock.h>
#include <llvm/IR/Instructions.h>

namespace spikesmith::codegen {

// A value that one turn of a loop hands to the next, where it goes by another name.
using Carried = std::pair<const llvm::PHINode*, const llvm::Value*>;

// Which instructions of `step`, without phis and terminator, a turn should do for the step after the one that it ends: with an
// instruction all that it needs.
[[nodiscard]] std::vector<bool> early_part(llvm::BasicBlock& step, const std::vector<Carried>& carried);

// Puts the instructions of `step`, a loop of one block, into the order in which a processor with two
// vector units would best begin them. The code generator must be told to keep that order (keeps_order in machine_code.hpp).
void order_loop(llvm::BasicBlock& step);

}  // namespace spikesmith::codegen
