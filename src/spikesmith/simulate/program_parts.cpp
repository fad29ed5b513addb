#include "spikesmith/simulate/program_parts.hpp"

#include <algorithm>

namespace spikesmith {

std::vector<bool> comparing_states(const UpdateProgram& program) {
    std::vector<bool> sums(program.states.size(), false);
    const auto is_sum = [&](std::int32_t state) {
        if (state >= 0) sums[static_cast<std::size_t>(state)] = true;
    };
    std::ranges::for_each(program.online_errors, is_sum);
    if (program.normal_equations) {
        std::ranges::for_each(program.normal_equations->gradient, is_sum);
        std::ranges::for_each(program.normal_equations->gauss_newton, is_sum);
    }
    return sums;
}

std::vector<bool> read_by_model(const UpdateProgram& program) {
    std::vector<bool> needed(program.step.size(), false);
    const auto need = [&](ValueId id) {
        if (id != no_value) needed[static_cast<std::size_t>(id)] = true;
    };
    const std::vector<bool> sums = comparing_states(program);
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        if (!sums[s]) need(program.states[s].next);
    }
    for (const ProgramOutput& output : program.outputs) need(output.value);
    for (const MatrixExponential& matrix : program.matrix_exponentials) std::ranges::for_each(matrix.entries, need);
    need(program.spike);

    std::vector<bool> read(program.time_inputs.size(), false);
    const auto reads = [&](const Instruction& instruction) {
        if (instruction.source == Source::time_input) read[static_cast<std::size_t>(instruction.index)] = true;
    };
    if (program.adaptive) {
        std::ranges::for_each(program.adaptive->start, need);
        for (const Instruction& instruction : program.adaptive->code) {
            if (instruction.source == Source::outer) need(instruction.args[0]);
            reads(instruction);
        }
    }
    for (std::size_t i = program.step.size(); i-- > 0;) {
        const Instruction& instruction = program.step[i];
        if (!needed[i]) continue;
        reads(instruction);
        if (instruction.source == Source::operation || instruction.source == Source::fused) {
            std::ranges::for_each(instruction.args, need);
        }
    }
    std::ranges::for_each(program.init, reads);
    return read;
}

}  // namespace spikesmith
