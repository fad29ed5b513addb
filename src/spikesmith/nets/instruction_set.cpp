#include "spikesmith/nets/instruction_set.hpp"

#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/kernel_choice.hpp"
#include "spikesmith/nets/kernels.hpp"

namespace spikesmith::nets {

const std::vector<InstructionSet>& instruction_sets() {
    static const std::vector<InstructionSet> sets = [] {
        std::vector<InstructionSet> result = {InstructionSet::portable};
#if defined(__x86_64__)
        if (avx2_kernels() != nullptr && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
            result.push_back(InstructionSet::avx2);
        if (avx512_kernels() != nullptr && __builtin_cpu_supports("avx512f")) result.push_back(InstructionSet::avx512);
#endif
        return result;
    }();
    return sets;
}

const Kernels& kernels(InstructionSet instructions) {
    for (const InstructionSet set : instruction_sets()) {
        if (set != instructions) continue;
        if (set == InstructionSet::avx512) return *avx512_kernels();
        return set == InstructionSet::avx2 ? *avx2_kernels() : *portable_kernels();
    }
    throw Error("this machine does not have the vector instructions that were asked for");
}

}  // namespace spikesmith::nets
