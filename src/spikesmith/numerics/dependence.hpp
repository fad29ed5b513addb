// Which parameters a program's values depend on: smoothly (through derivatives) or at all. For `tangents` and `adjoint`.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

using Pattern = std::vector<bool>;  // per parameter asked for

struct Dependence {
    std::vector<Pattern> states;              // per state, at any step
    std::vector<Pattern> init, step, solver;  // per value of the codes
    std::vector<Pattern> solver_states;       // per state of the adaptive solver
};

enum class Influence : std::uint8_t {
    smooth,  // a derivative that is not identically zero
    any,     // also through conditions and rounding
};

// `parameters` are numbers of parameters of the program.
[[nodiscard]] Dependence dependence_on(const UpdateProgram& program, const std::vector<std::int32_t>& parameters,
                                       Influence influence);

// Values of the step whose derivatives those of `wanted` need, over any number of steps; these included.
[[nodiscard]] std::vector<bool> values_behind(const UpdateProgram& program, const std::vector<ValueId>& wanted);

[[nodiscard]] bool any(const Pattern& pattern);

}  // namespace spikesmith
