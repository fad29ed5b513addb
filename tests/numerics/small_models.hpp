// Models made by hand and a loop over the interpreter: what the tests of the integration methods share.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith::test {

inline Expression symbol(const std::string& name) {
    return Expression::symbol(name);
}

// States with their derivatives and initial values; everything is dimensionless.
inline Model model_of(const std::vector<std::pair<std::string, Expression>>& derivatives,
                      const std::vector<double>& initial, const std::vector<std::string>& parameters = {}) {
    Model model;
    for (std::size_t s = 0; s < derivatives.size(); ++s) {
        model.states.push_back({.name = derivatives[s].first, .derivative = derivatives[s].second});
        model.initial_values.push_back({.name = derivatives[s].first, .value = initial[s]});
    }
    for (const auto& p : parameters) model.parameters.push_back({.name = p});
    return model;
}

struct Run {
    std::vector<std::vector<double>> outputs;  // [step][output], before each step
    std::vector<double> states;                // after the last step
    std::vector<std::int64_t> spikes;
};

inline Run run(const UpdateProgram& program, std::int64_t steps, const std::vector<double>& parameters = {},
               const std::vector<std::vector<double>>& time_inputs = {}, const LaneContext& lane = {}) {
    Interpreter interpreter(program);
    const auto row = [&](std::int64_t k) {
        return time_inputs.empty() ? std::vector<double>{} : time_inputs[static_cast<std::size_t>(k)];
    };
    interpreter.start(parameters, row(0), lane);
    Run result;
    for (std::int64_t k = 0; k < steps; ++k) {
        interpreter.step(k, row(k));
        result.outputs.emplace_back(interpreter.outputs().begin(), interpreter.outputs().end());
        if (interpreter.spiked()) result.spikes.push_back(k);
    }
    result.states.assign(interpreter.states().begin(), interpreter.states().end());
    return result;
}

inline Run run(const Model& model, const std::string& method, double dt, std::int64_t steps,
               const std::vector<double>& parameters = {}) {
    return run(integrate(model, {.method = method, .dt = dt}), steps, parameters);
}

}  // namespace spikesmith::test
