#include "spikesmith/simulate/record.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {

std::span<const double> EnsembleRecord::trace(std::string_view output, std::size_t sample, std::size_t trace) const {
    const auto found = std::ranges::find(outputs, output);
    if (found == outputs.end()) {
        throw ConfigError(fmt::format("`{}` was not recorded", output), did_you_mean(output, outputs));
    }
    return values.at(static_cast<std::size_t>(found - outputs.begin()))
        .row(sample * n_traces + trace)
        .first(trace_steps.at(trace));
}

std::vector<double> EnsembleRecord::spike_times(std::size_t sample, std::size_t trace) const {
    std::vector<double> times;
    for (const std::int32_t step : spike_steps.at(sample * n_traces + trace)) times.push_back(step * dt);
    return times;
}

EnsembleRecord record(Ensemble& ensemble, const Array2& parameters, RunRequest request) {
    EnsembleRecord recording;
    recording.dt = ensemble.program().dt;
    recording.n_samples = parameters.rows;
    recording.n_traces = ensemble.data().n_traces;
    recording.n_steps = ensemble.data().n_steps;
    for (std::size_t r = 0; r < recording.n_traces; ++r) recording.trace_steps.push_back(ensemble.data().steps(r));
    const std::size_t n_rows = recording.n_samples * recording.n_traces;
    if (request.outputs) {
        for (const ProgramOutput& output : ensemble.program().outputs) {
            recording.outputs.push_back(output.name);
            recording.values.emplace_back(n_rows, recording.n_steps, std::numeric_limits<double>::quiet_NaN());
        }
    }
    if (request.spikes) recording.spike_steps.resize(n_rows);

    // Blocks are disjoint rows, so the calls need no lock.
    request.observer = [&](const BlockView& block) {
        for (std::size_t s = 0; s < block.n_samples; ++s) {
            const std::size_t row = (block.first_sample + s) * recording.n_traces + block.trace;
            for (std::size_t o = 0; o < recording.values.size(); ++o)
                block.copy_output(o, s, recording.values[o].row(row).first(block.n_steps));
            if (request.spikes) {
                const auto steps = block.spikes(s);
                recording.spike_steps[row].assign(steps.begin(), steps.end());
            }
        }
    };
    recording.result = ensemble.run(parameters, request);
    return recording;
}

}  // namespace spikesmith
