// Runs a neuron written in ANNarchy's language step by step, in milliseconds, as the tests of that language look at it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith::test {

struct AnnarchyRun {
    std::map<std::string, std::vector<double>> values;  // of every variable after each step
    std::vector<std::int64_t> spikes;                   // step numbers
    [[nodiscard]] double at(const std::string& name, std::size_t step) const { return values.at(name).at(step); }
};

// `inputs[step]` are the values of the model's inputs in the order of the program's time inputs.
inline AnnarchyRun run_annarchy(const AnnarchyNeuronText& text, double dt_ms, std::int64_t steps,
                                const std::vector<std::string>& parameters = {},
                                const std::vector<double>& parameter_values = {},
                                const std::vector<std::vector<double>>& inputs = {}, const LaneContext& lane = {}) {
    const Model model = parse_annarchy(text);
    const UpdateProgram program = integrate(model, {.dt = dt_ms / 1000, .parameters = parameters});
    Interpreter interpreter(program);
    const auto row = [&](std::int64_t k) {
        return inputs.empty() ? std::vector<double>{} : inputs[static_cast<std::size_t>(k)];
    };
    interpreter.start(parameter_values, row(0), lane);
    AnnarchyRun out;
    for (std::int64_t k = 0; k < steps; ++k) {
        interpreter.step(k, row(k));
        for (std::size_t s = 0; s < model.states.size(); ++s)
            out.values[model.states[s].name].push_back(interpreter.states()[s]);
        if (interpreter.spiked()) out.spikes.push_back(k);
    }
    return out;
}

}  // namespace spikesmith::test
