// Integration methods: Model -> UpdateProgram.
//
//   exact (linear)      matrix exponential of a jointly linear system; homogeneous form, so singular, defective and complex cases are fine
//   euler               forward Euler; Euler-Maruyama with additive noise (Ito = Stratonovich there)
//   heun                Euler-Heun for any noise, Stratonovich; without noise it is forward Euler
//   milstein            derivative-free Milstein for diagonal noise, Stratonovich; without noise it is forward Euler
//   rk2, rk4            midpoint; classic fourth order
//   exponential_euler   x + dt*f*exprel(A*dt), A the coefficient of x; nonlinear remainders are frozen at the old value
//   gsl, gsl_rkf45, gsl_rk2, gsl_rk4, gsl_rkck, gsl_rk8pd, adaptive   adaptive embedded Runge-Kutta inside each dt
//
// A model with Model::updates has an order and methods of its own, and is given none here (`as_written`).
//
// References: Brian 2's published description of its methods; Kloeden & Platen (1992) for the stochastic schemes; Hochbruck &
// Ostermann (2010) for exponential integrators; Hairer, Norsett & Wanner (1993) for the embedded pairs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/model/model.hpp"
#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

struct IntegrationOptions {
    std::string
        method;     // empty: as the model says; else exact, else euler, else heun, the first that accepts the model
    double dt = 0;  // seconds, > 0
    std::vector<std::string> outputs;     // states, subexpressions, parameters or inputs to record
    std::vector<std::string> parameters;  // order of the parameter arrays; empty: as declared
    double absolute_error = 1e-6;  // of the adaptive methods, in volt, or in 1, or in nA, nS, ... for other dimensions
    double relative_error = 1e-6;
    int max_adaptive_steps = 100;
};

// Throws NumericalError if the method cannot integrate the model (with the reason and a method that can), ModelError for
// unknown outputs or parameters, ConfigError for an unknown method name.
[[nodiscard]] UpdateProgram integrate(const Model& model, const IntegrationOptions& options);

[[nodiscard]] const std::vector<std::string>& method_names();

}  // namespace spikesmith
