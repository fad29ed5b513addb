// The two reference fits of OptNeuron, and other small problems with known answers.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/fit/experiment_loss.hpp"
#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/lang/brian.hpp"

namespace spikesmith::test {

inline Model rate_neuron() {
    return parse_annarchy({.name = "linear",
                           .parameters = {"parameters", "a = 0.0\nb = 0.0\nI_app = 0.0"},
                           .equations = {"equations", "r = a*I_app + b"}});
}

// r = 6*I_app
inline Model sum_of_three() {
    return parse_annarchy({.parameters = {"parameters",
                                          "m_1 = 1.0\nm_2 = 2.0\nm_3 = 3.0\nn_1 = 1.0\nn_2 = 0.0\n"
                                          "n_3 = -1.0\nI_app = 0.0"},
                           .equations = {"equations", "r = m_1*I_app + n_1 + m_2*I_app + n_2 + m_3*I_app + n_3"}});
}

// Two current steps of 2 x `half` seconds, from 0 to 5 and from 0 to 10.
inline Experiment two_steps(double half = 0.5) {
    return [half](Simulation& simulation) {
        simulation.start_recording();
        simulation.set("I_app", 0);
        simulation.run(half);
        simulation.set("I_app", 5);
        simulation.run(half);
        simulation.reset();
        simulation.set("I_app", 0);
        simulation.run(half);
        simulation.set("I_app", 10);
        simulation.run(half);
        return simulation.results();
    };
}

// r of the rate neuron with a = 0.8 and b = 2 in the two steps.
inline SimulationRecord rate_data(std::size_t half = 500) {
    SimulationRecord record{.dt = 1e-3, .n_candidates = 1, .variables = {"r"}, .chunks = {}, .data = {}};
    for (const double high : {6.0, 10.0}) {
        RecordedChunk chunk;
        chunk.periods = {{0, 2 * half}};
        chunk.end_step = static_cast<std::int64_t>(2 * half);
        chunk.values.emplace_back(1, 2 * half, 2.0);
        std::fill(chunk.values[0].values.begin() + static_cast<std::ptrdiff_t>(half), chunk.values[0].values.end(),
                  high);
        record.chunks.push_back(std::move(chunk));
    }
    return record;
}

inline OptNeuronOptions data_fit(std::size_t half = 500) {
    return {.model = rate_neuron(),
            .variables = {{.name = "a", .bounds = {{-50, 100}}}, {.name = "b", .bounds = {{-50, 150}}}},
            .experiment = two_steps(static_cast<double>(half) * 1e-3),
            .loss = rmse_loss("r"),
            .target = rate_data(half),
            .record = {"r"}};
}

inline OptNeuronOptions model_fit(std::size_t half = 500) {
    OptNeuronOptions options = data_fit(half);
    options.target.reset();
    options.target_model = sum_of_three();
    return options;
}

// dv/dt = (m - v)/tau + noise: after some time v is normal round m with the standard deviation s.
inline Model noisy_membrane() {
    return parse_brian({.equations = {"equations", R"(
                            dv/dt = (m - v)/tau + s*sqrt(2/tau)*xi : 1
                            m : 1
                            s : 1
                            tau : second
                        )"},
                        .initial_values = {{"tau", "1*ms"}, {"s", "1"}}});
}

}  // namespace spikesmith::test
