// Sensitivity equations: a model with the derivatives of its variables by parameters as further differential equations.
//
// For people, and for other simulators: the result is an ordinary Model that can be printed, parsed again and integrated by any method.
// For dx/dt = f(x, p, t) each pair of a variable x and a parameter p gets
//
//     dS_x_p/dt = sum_y (df/dy)*S_y_p + df/dp : unit of x / unit of p
//
// (R. P. Dickinson and R. J. Gelinas, J. Comput. Phys. 21 (1976) 123). Explicit methods give the derivative of the discrete trajectory
// with it, `exponential_euler` only approximates it: fits use the exact tangents of `tangents.hpp`. Equations that stay zero, also by
// way of others, are left out. Initial values and resets carry the derivatives along: after a reset `v = E`, S_v_E is 1, which is the
// jump of the discrete scheme; what a moved spike time adds is not seen.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/model/model.hpp"

namespace spikesmith {

// `outputs`: subexpressions whose sensitivities are wanted too, as subexpressions `S_<output>_<parameter>`. The result's `text` are
// its equations in the language of docs/language.md; inputs stand there as parameters. Throws ModelError for names that the model does
// not have or that are taken, NumericalError
// for resets of parameters that depend on those.
[[nodiscard]] Model sensitivity_equations(const Model& model, const std::vector<std::string>& parameters,
                                          const std::vector<std::string>& outputs = {});

// The equations of a model as text that `parse_brian` reads, numbers with the units they need.
[[nodiscard]] std::string equations_text(const Model& model);

}  // namespace spikesmith
