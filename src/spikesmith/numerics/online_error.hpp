// Online errors: sums over steps that a kernel computes while it simulates, so that traces need not be kept.
//
//     E = sum_k weight(k) * scale**2 * rho(((output(k) - target(k)) / scale)**2)
//
// rho is the loss: z (squares), or one that grows more slowly, so that outliers count less:
//
//     squared   z
//     soft_l1   2*(sqrt(1 + z) - 1)
//     huber     z if z <= 1, else 2*sqrt(z) - 1
//     cauchy    log(1 + z)
//
// as in Triggs et al., Bundle adjustment: a modern synthesis (2000), section 3, and P. Huber, Ann. Math. Stat. 35 (1964) 73.
#pragma once

#include <cstdint>
#include <string>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

// Appends the error as a hidden state `@error:<name>`, with the time inputs {target, output} and {weight, name}. The
// weights carry normalisation, t_start, t_weights and 1/n. Throws ModelError if the program has no such output.
void add_online_error(UpdateProgram& program, const OnlineError& error);

// Values of the step, for derivatives of the error: w*rho'(z), and half the derivative by the output, w*rho'(z)*(output - target).
class ProgramBuilder;
struct ErrorSlopes {
    ValueId weight;
    ValueId weighted_difference;
};
[[nodiscard]] ErrorSlopes error_slopes(const UpdateProgram& program, ProgramBuilder& builder, const OnlineError& error);

// rho(z) for z >= 0.
[[nodiscard]] double loss_value(Loss loss, double z);

}  // namespace spikesmith
