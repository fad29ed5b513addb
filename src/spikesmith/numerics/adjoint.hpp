// The adjoint of a program: the gradient of its online errors at a cost that hardly depends on the number of parameters.
//
// A simulation runs forward and its states are kept (or computed again from checkpoints); then the adjoint program runs through the
// steps backwards. `simulate/adjoint.hpp` does all that; this is the program of one backward step, made from the linearised graph of
// the forward step by reverse accumulation (A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3).
#pragma once

#include <string>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

struct AdjointProgram {
    // What the backward steps need that depends on the parameters only: outputs, once per parameter set. Steps are run one by one, so
    // it would be computed in each of them.
    UpdateProgram prepared;
    // States: `@adjoint_<state>` of every state, then `@gradient_<parameter>`: half the gradient summed so far. Parameters: the
    // program's own, its states before the step, the outputs of `prepared`. Run for k = last, ..., 0, from zero.
    UpdateProgram step;
    // The same states, the program's own parameters: adds what initial values contribute. Run once at the end, as step -1.
    UpdateProgram initial;
    std::vector<std::int32_t> gradient;  // state numbers of the gradient, one per parameter asked for
};

// Throws NumericalError where `differentiability` says no, and for the methods with tangents only: adaptive ones, and `exact` for
// coupled equations whose coefficients depend on the parameters.
[[nodiscard]] AdjointProgram adjoint_of(const UpdateProgram& program, const std::vector<std::string>& parameters);

}  // namespace spikesmith
