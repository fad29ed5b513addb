// KernelArguments as compiled code reads them, once, at its entry.
//
// For this room only; includes LLVM.
#pragma once

#include <llvm/IR/IRBuilder.h>

namespace spikesmith::codegen {

struct KernelFields {
    llvm::Value *first_step, *last_step, *lanes, *states, *parameters, *time_inputs, *outputs, *spike_steps,
        *spike_counts, *spike_capacity, *seed, *random_sample, *sample, *trace, *n_samples, *n_traces, *iteration,
        *random_stride, *first_time_row, *recorded;
};

// Emits the loads.
[[nodiscard]] KernelFields read_fields(llvm::IRBuilder<>& builder, llvm::Value* arguments);

}  // namespace spikesmith::codegen
