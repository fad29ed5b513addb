// UpdateProgram -> LLVM IR of one function that advances all lanes of a call over all its steps.
//
//     for each tile of lanes()
//         values that depend on parameters only; states into registers
//         for each step, or backwards
//             values that are the same for all lanes, as scalars
//             the other values; outputs and spikes to memory if recorded
//         states back to memory
//
// Where it pays, the steps are done by two such loops: see speculative_loop.hpp.
//
// For this room only; includes LLVM.
#pragma once

#include <memory>

#include <llvm/IR/Module.h>

#include "spikesmith/codegen/ir_operations.hpp"
#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/codegen/machine_code.hpp"

namespace spikesmith::codegen {

inline constexpr const char* kernel_entry = "kernel";

// The compiled function. `functions` are the addresses in the order of BuiltKernel::functions.
using KernelFunction = void (*)(const KernelArguments* arguments, const FunctionTable::Function* functions);

struct BuiltKernel {
    std::unique_ptr<llvm::LLVMContext> context;
    std::unique_ptr<llvm::Module> module;
    FunctionTable functions;
    int lanes = 1;
};

// `options.width` and `options.interleave` must be decided. `named` keeps the names of values, for people.
[[nodiscard]] BuiltKernel build_kernel(const UpdateProgram& program, const KernelOptions& options, const Target& target,
                                       bool named);

}  // namespace spikesmith::codegen
