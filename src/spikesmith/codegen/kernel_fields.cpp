#include "spikesmith/codegen/kernel_fields.hpp"

#include <cstddef>

#include "spikesmith/codegen/kernel.hpp"

namespace spikesmith::codegen {

KernelFields read_fields(llvm::IRBuilder<>& builder, llvm::Value* arguments) {
    const auto field = [&](std::size_t offset, llvm::Type* type) -> llvm::Value* {
        return builder.CreateLoad(type, builder.CreateConstInBoundsGEP1_64(builder.getInt8Ty(), arguments, offset));
    };
    auto* integer = builder.getInt64Ty();
    auto* pointer = builder.getPtrTy();
    using A = KernelArguments;
    return {.first_step = field(offsetof(A, first_step), integer),
            .last_step = field(offsetof(A, last_step), integer),
            .lanes = field(offsetof(A, lanes), integer),
            .states = field(offsetof(A, states), pointer),
            .parameters = field(offsetof(A, parameters), pointer),
            .time_inputs = field(offsetof(A, time_inputs), pointer),
            .outputs = field(offsetof(A, outputs), pointer),
            .spike_steps = field(offsetof(A, spike_steps), pointer),
            .spike_counts = field(offsetof(A, spike_counts), pointer),
            .spike_capacity = field(offsetof(A, spike_capacity), integer),
            .seed = field(offsetof(A, seed), integer),
            .random_sample = field(offsetof(A, random_sample), integer),
            .sample = field(offsetof(A, sample), integer),
            .trace = field(offsetof(A, trace), integer),
            .n_samples = field(offsetof(A, n_samples), integer),
            .n_traces = field(offsetof(A, n_traces), integer),
            .iteration = field(offsetof(A, iteration), builder.getDoubleTy()),
            .random_stride = field(offsetof(A, random_stride), integer),
            .first_time_row = field(offsetof(A, first_time_row), integer),
            .recorded = field(offsetof(A, recorded), pointer)};
}

}  // namespace spikesmith::codegen
