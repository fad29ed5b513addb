// What a kernel builder must know about a program before it writes code: what varies with what, what is needed, and in which
// order to write it. No LLVM here.
#pragma once

#include <cstddef>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith::codegen {

[[nodiscard]] inline std::size_t index_of(ValueId id) {
    return static_cast<std::size_t>(id);
}
[[nodiscard]] inline bool is_number(const Instruction& i) {
    return i.source == Source::operation && i.op == Op::number;
}
[[nodiscard]] inline bool is_random(Op op) {
    return op == Op::uniform || op == Op::normal || op == Op::poisson;
}

// A function that takes tens of machine instructions.
[[nodiscard]] bool is_elementary_function(const Instruction& instruction);

// Visits the values of the step's code that an instruction of it needs.
template <class Visit>
void for_each_operand(const UpdateProgram& program, const Instruction& instruction, Visit visit) {
    if (instruction.source == Source::matrix_exponential) {
        for (const ValueId entry : program.matrix_exponentials.at(index_of(instruction.args[0])).entries) visit(entry);
    } else if (instruction.source == Source::adaptive) {
        for (const ValueId start : program.adaptive.value().start) visit(start);
        for (const auto& inner : program.adaptive->code) {
            if (inner.source == Source::outer) visit(inner.args[0]);
        }
    } else {
        for (const ValueId a : instruction.args) {
            if (a != no_value) visit(a);
        }
    }
}

// How a value varies decides where it is computed (before or in the time loop) and in what form (for all lanes at once, or one
// per lane).
struct Variation {
    bool lane = false;
    bool time = false;
};
[[nodiscard]] std::vector<Variation> variations_of(const UpdateProgram& program);

// Which values of the step's code the next states need, and outputs and spikes if they are recorded.
[[nodiscard]] std::vector<bool> live_values(const UpdateProgram& program, bool outputs, bool spikes);

// An order for the values marked in `emitted` that keeps operands before their users and puts independent calls of one function
// side by side, at most `largest_group` of those marked in `groupable`: processors look ahead too little to find that much
// independent work by themselves. The other values are groups of one.
[[nodiscard]] std::vector<std::vector<ValueId>> emission_order(const UpdateProgram& program,
                                                               const std::vector<bool>& emitted,
                                                               const std::vector<bool>& groupable,
                                                               std::size_t largest_group);

// Whether a loop that takes every case for the usual one pays, besides code that does everything: where functions have usual cases,
// nothing in the step calls or repeats anything by itself, and the step is not too long for it.
[[nodiscard]] bool worth_speculating(const UpdateProgram& program, const std::vector<bool>& live,
                                     const std::vector<Variation>& variations);

// Vectors to advance together: short programs need several to hide the latency of one step's chain of operations, long ones
// have enough independent operations of their own (measured: bench/kernel_bench.cpp).
[[nodiscard]] int chosen_interleave(const UpdateProgram& program, int width);

}  // namespace spikesmith::codegen
