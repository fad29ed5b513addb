// The adjoint of a program: the gradient of its online errors at a cost that hardly depends on the number of parameters.
//
// A simulation runs forward and records of each step what the backward sweep reads; then the adjoint program runs through the steps
// backwards. `simulate/adjoint.hpp` does all that; these are the programs, made from the linearised graph of the forward step by
// reverse accumulation (A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008, chapter 3).
//
// What depends on the parameters only is the same in all steps. So the backward steps only sum the derivatives by those of these
// values that the steps read, and the way from there to the parameters is gone once, at the end.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

struct AdjointProgram {
    // The program itself with what is to be recorded as its outputs: states, and results that are dear to compute again.
    UpdateProgram forward;
    // One step backwards. States: `@adjoint_<state>` of every state, then sums over steps. Reads the recording of the step. Run for
    // k = last, ..., 0, from zero.
    UpdateProgram step;
    // Takes the states of `step` to half the gradient, one output per parameter asked for, and adds what initial values contribute.
    // Run once, as step -1.
    UpdateProgram last;
};

// Throws NumericalError where `differentiability` says no, and for the methods with tangents only: adaptive ones, and `exact` for
// coupled equations whose coefficients depend on the parameters.
[[nodiscard]] AdjointProgram adjoint_of(const UpdateProgram& program, const std::vector<std::string>& parameters);

}  // namespace spikesmith
