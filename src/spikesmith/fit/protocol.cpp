#include "spikesmith/fit/protocol.hpp"

#include <cmath>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

std::string name_of(const Protocol& protocol, std::size_t phase) {
    const std::string& name = protocol.phases[phase].name;
    return name.empty() ? fmt::format("phase {}", phase + 1) : fmt::format("phase {} (`{}`)", phase + 1, name);
}

void check(const Protocol& protocol) {
    if (protocol.phases.empty()) throw ConfigError("an experiment without phases", "describe at least one phase");
    for (std::size_t p = 0; p < protocol.phases.size(); ++p) {
        const double duration = protocol.phases[p].duration;
        if (!(duration > 0) || !std::isfinite(duration)) {
            throw ConfigError(fmt::format("{} lasts {} s", name_of(protocol, p), duration), "give a positive duration");
        }
    }
}

// The values of the stimuli during a phase that was just run.
void append_stimuli(const std::set<std::string>& names, const Phase& phase, std::size_t n_steps,
                    Simulation& simulation) {
    for (const std::string& name : names) {
        const auto driven = phase.drive.find(name);
        const std::vector<double> values = driven != phase.drive.end()
                                               ? sample(driven->second, n_steps, simulation.dt())
                                               : std::vector<double>(n_steps, simulation.get(name).front());
        auto& all = simulation.data[name];
        all.insert(all.end(), values.begin(), values.end());
    }
}

// Parameters and inputs that some phase drives or sets.
std::set<std::string> stimuli(const Protocol& protocol, const Simulation& simulation) {
    std::set<std::string> names;
    const auto add = [&](const std::string& name) {
        const auto found = simulation.model().find(name);
        if (simulation.has(name) && found && found->kind != Model::Variable::Kind::state) names.insert(name);
    };
    for (const Phase& phase : protocol.phases) {
        for (const auto& [name, wave] : phase.drive) add(name);
        for (const auto& [name, value] : phase.set) add(name);
    }
    return names;
}

SimulationRecord run(const Protocol& protocol, Simulation& simulation) {
    const std::set<std::string> names = stimuli(protocol, simulation);
    for (const std::string& name : names) simulation.data[name].clear();
    auto& durations = simulation.data["phase_durations"];
    durations.clear();
    for (const Phase& phase : protocol.phases) durations.push_back(phase.duration);
    for (std::size_t p = 0; p < protocol.phases.size(); ++p) {
        const Phase& phase = protocol.phases[p];
        if (p > 0 && phase.reset) simulation.reset({.parameters = phase.reset_parameters});
        if (phase.record) {
            simulation.start_recording();
        } else {
            simulation.pause_recording();
        }
        try {
            for (const auto& [name, value] : phase.set) simulation.set(name, value);
            const std::int64_t first = simulation.step();
            simulation.run(phase.duration,
                           {.drive = phase.drive, .clamp = phase.clamp, .clamp_currents = phase.clamp_currents});
            append_stimuli(names, phase, static_cast<std::size_t>(simulation.step() - first), simulation);
        } catch (const ConfigError& error) {
            throw ConfigError(fmt::format("{}: {}", name_of(protocol, p), error.diagnostic().message),
                              error.diagnostic().hint);
        }
    }
    return simulation.results();
}

}  // namespace

Experiment make_experiment(Protocol protocol) {
    check(protocol);
    return [protocol = std::move(protocol)](Simulation& simulation) { return run(protocol, simulation); };
}

}  // namespace spikesmith
