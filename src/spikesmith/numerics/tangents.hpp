// Derivatives of the simulated trajectory by parameters: a program becomes a program that also advances the tangents dx/dp.
//
// The derivative is that of the discrete trajectory that is simulated, for every integration method, because the program's
// straight-line code is differentiated and not the equations: through initial values, subexpressions, `clip`, `abs`, `where`,
// `int(...)`, and through threshold, reset and refractoriness, whose selections carry the derivative of the branch that was taken
// (the jump conditions of the discrete scheme). It is exact wherever the trajectory is differentiable: between the parameter values
// at which a spike moves to another step or a condition changes. With random numbers it is the derivative for the same draws.
// Adaptive methods are differentiated at the step lengths that were accepted; their simulation jumps where a trial step is accepted for one
// value of a parameter and rejected for the next, and between the jumps its lengths change, which tangents leave out (docs/gradients.md).
//
// Values that all parameters share are computed once. Chains of operations between states are multiplied out where that is cheaper
// than to carry p tangents through them (elimination in the linearised computational graph: A. Griewank and A. Walther, Evaluating
// Derivatives, 2nd ed., SIAM 2008, chapters 9 and 10). Tangents that are identically zero have no code and no state.
#pragma once

#include <span>
#include <string>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

struct TangentOptions {
    std::vector<std::string> parameters;  // by which to differentiate; each once
    bool states = true;  // tangents of all states; false: of those only that outputs and normal equations need
    bool outputs =
        false;  // records `S_<output>_<parameter>` for each output and parameter, after the program's own outputs
    // Accumulates, for E the sum of all online errors, y an output, w its weights, rho its loss and z = ((y - target)/scale)**2:
    //     gradient      sum_k w*rho'(z)*(y - target) * dy/dp              half of dE/dp
    //     gauss_newton  sum_k w*rho'(z) * dy/dp * dy/dq                   J^T J; iterated reweighting for losses but squares
    bool normal_equations = false;
};

// The program with tangents as hidden states `@S_<state>_<parameter>`; its own states, outputs and errors keep their numbers and
// bits. Throws ModelError for names that are not parameters of the program, NumericalError where `differentiability` says no.
[[nodiscard]] UpdateProgram with_tangents(const UpdateProgram& program, const TangentOptions& options);

// May this parameter be fitted by its derivative?
struct Differentiability {
    bool differentiable = true;
    std::string reason{};  // why not; or, if differentiable, what the derivative does not see (empty: nothing)
};

// Not differentiable: parameters that act only through comparisons and rounding (a threshold, a refractory period), so that the
// derivative is zero although the parameter matters; means of Poisson numbers; matrices too large to differentiate. Throws
// ModelError if the program has no such parameter.
[[nodiscard]] Differentiability differentiability(const UpdateProgram& program, const std::string& parameter);

}  // namespace spikesmith
