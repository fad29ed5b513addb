// A loop over steps in which every case is the usual one: steps as blocks without branches, one turn overlapping the next.
//
// Where some lane turns out to need more than the usual case, the loop is left with the states before that step, for code that does
// everything; what the loop has written to memory for that step and the next is written again. It is also left before the last
// step.
//
// For this room only; includes LLVM.
#pragma once

#include <vector>

#include <llvm/IR/Instructions.h>

#include "spikesmith/codegen/ir_operations.hpp"

namespace spikesmith::codegen {

// One step, as a block that nothing leads to and nothing follows, written with `speculation`; states by piece.
struct StepCode {
    llvm::BasicBlock* block;
    llvm::PHINode* k;  // the step and the states before it: without incoming values
    std::vector<llvm::PHINode*> states;
    std::vector<llvm::Value*> next;  // the states after it
    const Speculation* speculation;  // of lanes
    const Speculation* shared;       // of values that are the same for all lanes
};

// Where usual steps are tried from and where they end. The caller adds incoming values and branches.
struct SpeculativeLoop {
    llvm::BasicBlock* begin;
    llvm::PHINode* k;
    std::vector<llvm::PHINode*> states;
    struct Exit {
        llvm::BasicBlock* from;
        llvm::Value* k;  // a step that is not done
        std::vector<llvm::Value*> states;
    };
    std::vector<Exit> exits;  // lack their branch
};

// Makes the loop from the step, which is used up. `last_step` is the first step that is not done. Leaves the insertion point anywhere.
[[nodiscard]] SpeculativeLoop make_speculative_loop(const IrEmitter& lanes, const IrEmitter& shared,
                                                    const StepCode& step, llvm::Value* last_step);

}  // namespace spikesmith::codegen
