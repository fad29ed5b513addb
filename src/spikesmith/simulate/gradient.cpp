#include "spikesmith/simulate/gradient.hpp"

#include <cmath>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/tangents.hpp"

namespace spikesmith {
namespace {

UpdateProgram with_sums(const UpdateProgram& program, const std::vector<std::string>& parameters) {
    if (program.online_errors.empty())
        throw ConfigError("a gradient was asked for, but the program has no online error", "give an output a target");
    return with_tangents(program, {.parameters = parameters, .states = false, .normal_equations = true});
}

// Sums of one trace, samples x states; zero for states that do not exist.
Array2 of_trace(const std::vector<Array2>& final_states, const std::vector<std::int32_t>& states, std::size_t n_samples,
                std::size_t trace, double factor) {
    Array2 out(n_samples, states.size());
    for (std::size_t k = 0; k < states.size(); ++k) {
        if (states[k] < 0) continue;
        const Array2& values = final_states[static_cast<std::size_t>(states[k])];
        for (std::size_t s = 0; s < n_samples; ++s) out(s, k) = factor * values(s, trace);
    }
    return out;
}

void add(Array2& total, const Array2& more) {
    for (std::size_t k = 0; k < total.values.size(); ++k) total.values[k] += more.values[k];
}

}  // namespace

struct GradientEnsemble::Implementation {
    std::vector<std::string> parameters;
    Ensemble ensemble;
};

GradientEnsemble::GradientEnsemble(const UpdateProgram& program, const std::vector<std::string>& parameters,
                                   EnsembleData data, EnsembleOptions options)
    : implementation_(std::make_unique<Implementation>(
          Implementation{parameters, Ensemble(with_sums(program, parameters), std::move(data), options)})) {}

GradientEnsemble::~GradientEnsemble() = default;
GradientEnsemble::GradientEnsemble(GradientEnsemble&&) noexcept = default;
GradientEnsemble& GradientEnsemble::operator=(GradientEnsemble&&) noexcept = default;

GradientResult GradientEnsemble::run(const Array2& parameters, const GradientRequest& request) {
    Ensemble& ensemble = implementation_->ensemble;
    RunResult run = ensemble.run(parameters, {.iteration = request.iteration,
                                              .first_evaluation = request.first_evaluation,
                                              .same_noise = request.same_noise,
                                              .final_states = true,
                                              .cancelled = request.cancelled});
    const NormalEquations& sums = ensemble.program().normal_equations.value();
    const std::size_t n_samples = parameters.rows, n_traces = ensemble.data().n_traces;
    GradientResult result;
    result.error.assign(n_samples, 0.0);
    result.gradient = Array2(n_samples, sums.gradient.size());
    result.gauss_newton = Array2(n_samples, sums.gauss_newton.size());
    for (std::size_t trace = 0; trace < n_traces; ++trace) {
        for (const Array2& errors : run.online_errors) {
            for (std::size_t s = 0; s < n_samples; ++s) result.error[s] += errors(s, trace);
        }
        Array2 gradient = of_trace(run.final_states, sums.gradient, n_samples, trace, 2);
        Array2 gauss_newton = of_trace(run.final_states, sums.gauss_newton, n_samples, trace, 1);
        add(result.gradient, gradient);
        add(result.gauss_newton, gauss_newton);
        if (!request.per_trace) continue;
        result.trace_gradient.push_back(std::move(gradient));
        result.trace_gauss_newton.push_back(std::move(gauss_newton));
    }
    result.online_errors = std::move(run.online_errors);
    result.diverged = std::move(run.diverged);
    result.non_finite = run.non_finite;
    return result;
}

const std::vector<std::string>& GradientEnsemble::parameters() const {
    return implementation_->parameters;
}
const UpdateProgram& GradientEnsemble::program() const {
    return implementation_->ensemble.program();
}
double GradientEnsemble::compile_seconds() const {
    return implementation_->ensemble.compile_seconds();
}

}  // namespace spikesmith
