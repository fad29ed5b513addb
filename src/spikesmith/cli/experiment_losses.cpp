#include "spikesmith/cli/experiment_losses.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/fit/experiment_loss.hpp"

namespace spikesmith {
namespace {

// Where the protocol runs a phase: which chunk, between which steps of its clock.
struct PhaseSpan {
    std::string name;
    std::size_t chunk = 0;       // among the recorded ones
    double first = 0, last = 0;  // seconds on the clock of the chunk
};

std::vector<PhaseSpan> spans_of(const Protocol& protocol, double dt) {
    std::vector<PhaseSpan> spans;
    std::size_t chunk = 0;  // recorded ones so far
    bool recorded = false;  // something in the present chunk
    double clock = 0;
    for (std::size_t k = 0; k < protocol.phases.size(); ++k) {
        const Phase& phase = protocol.phases[k];
        if (k > 0 && phase.reset) {
            chunk += recorded ? 1 : 0;
            recorded = false;
            clock = 0;
        }
        const double ratio = phase.duration / dt;
        const double steps = std::abs(ratio - std::round(ratio)) <= 1e-6 ? std::round(ratio) : std::ceil(ratio);
        const double end = clock + steps * dt;
        if (phase.record) {
            recorded = true;
            spans.push_back({phase.name, chunk, clock, end});
        }
        clock = end;
    }
    return spans;
}

// The samples and spikes of a chunk whose labels are within [first, last).
RecordedChunk part_of(const RecordedChunk& chunk, std::int64_t interval, std::int64_t first, std::int64_t last) {
    RecordedChunk part;
    part.parameters = chunk.parameters;
    part.end_step = std::min(chunk.end_step, last) - first;
    std::vector<std::size_t> kept;
    std::size_t at = 0;
    for (const RecordedPeriod& period : chunk.periods) {
        RecordedPeriod own{.first_step = 0, .n_samples = 0};
        for (std::size_t k = 0; k < period.n_samples; ++k, ++at) {
            const std::int64_t label = period.first_step + static_cast<std::int64_t>(k) * interval;
            if (label < first || label >= last) continue;
            if (own.n_samples == 0) own.first_step = label - first;
            ++own.n_samples;
            kept.push_back(at);
        }
        if (own.n_samples > 0) part.periods.push_back(own);
    }
    for (const Array2& values : chunk.values) {
        Array2 own(values.rows, kept.size());
        for (std::size_t r = 0; r < values.rows; ++r) {
            for (std::size_t k = 0; k < kept.size(); ++k) own(r, k) = values(r, kept[k]);
        }
        part.values.push_back(std::move(own));
    }
    for (const auto& train : chunk.spike_steps) {
        std::vector<std::int64_t> own;
        for (const std::int64_t step : train) {
            if (step >= first && step < last) own.push_back(step - first);
        }
        part.spike_steps.push_back(std::move(own));
    }
    return part;
}

ExperimentLoss loss_of(const ExperimentProblem& problem, const ExperimentLossConfig& config) {
    const double precision = config.precision ? config.precision->quantity.value : 2e-3;
    if (config.type == "rmse") return rmse_loss(config.variable.name);
    if (config.type == "gamma") return spike_loss(SpikeDistance::gamma_factor, precision);
    if (config.type == "van_rossum") return spike_loss(SpikeDistance::van_rossum, precision);
    if (config.type == "victor_purpura") return spike_loss(SpikeDistance::victor_purpura, 1 / precision);
    if (config.type == "spike_count") return spike_loss(SpikeDistance::count);
    if (config.type == "spike_features") {
        std::vector<std::string> names;
        for (const auto& [name, scale] : config.features) names.push_back(name.name);
        return spike_feature_loss(names);
    }
    const Dimension dimension = problem.model.find(config.variable.name)->dimension;
    const bool volts = dimension == dimensions::volt;
    if (!volts && !dimension.dimensionless())
        fail_at(config.variable.place,
                fmt::format("features are of voltages, but `{}` is in {}", config.variable.name, dimension.name()));
    const std::size_t n_chunks = config.phases.empty() ? problem.chunk_names.size() : config.phases.size();
    if (config.stimuli.size() > 1 && config.stimuli.size() != n_chunks)
        fail_at(config.stimuli_place,
                fmt::format("there are {} stimuli for {} recorded stretches", config.stimuli.size(), n_chunks),
                "give one for all, or one for each");
    const double to_millivolt = volts ? 1e3 : config.volts_per_unit.value_or(1e-3) * 1e3;
    if (config.type == "efel") {
        EfelLossOptions options{
            .variable = config.variable.name, .to_millivolt = to_millivolt, .stimuli = config.stimuli};
        for (const auto& [name, scale] : config.features) options.features.push_back(name.name);
        return efel_loss(options);
    }
    FeatureLossOptions options{.variable = config.variable.name,
                               .missing = config.missing,
                               .to_millivolt = to_millivolt,
                               .stimuli = config.stimuli};
    for (const auto& [name, scale] : config.features) options.scales[name.name] = scale;
    return feature_loss(options);
}

}  // namespace

SimulationRecord phases_of(const SimulationRecord& record, const Protocol& protocol,
                           const std::vector<std::string>& names, double dt) {
    SimulationRecord part = record;
    part.chunks.clear();
    const auto spans = spans_of(protocol, dt);
    for (const std::string& name : names) {
        const auto span = std::ranges::find(spans, name, &PhaseSpan::name);
        if (span == spans.end() || span->chunk >= record.chunks.size())
            throw ConfigError(fmt::format("there is no recording of the phase `{}`", name));
        part.chunks.push_back(part_of(record.chunks[span->chunk], record.interval_steps,
                                      std::llround(span->first / record.dt), std::llround(span->last / record.dt)));
    }
    return part;
}

ExperimentLoss experiment_loss(const ExperimentProblem& problem) {
    const ExperimentFitConfig& fit = *problem.config.experiment_fit;
    const double dt = problem.config.model.dt.quantity.value;
    std::vector<std::pair<ExperimentLoss, double>> losses;
    for (const ExperimentLossConfig& config : fit.losses) {
        ExperimentLoss loss = located(config.place, [&] { return loss_of(problem, config); });
        if (!config.phases.empty()) {
            std::vector<std::string> known, names;
            for (const Phase& phase : problem.protocol.phases) {
                if (phase.record) known.push_back(phase.name);
            }
            for (const ConfigName& name : config.phases) {
                if (std::ranges::find(known, name.name) == known.end()) {
                    std::string hint = did_you_mean(name.name, known);
                    fail_at(name.place, fmt::format("no recorded phase is called `{}`", name.name), std::move(hint));
                }
                names.push_back(name.name);
            }
            loss = [inner = std::move(loss), protocol = problem.protocol, names, dt](const SimulationRecord& candidate,
                                                                                     const SimulationRecord& target) {
                return inner(phases_of(candidate, protocol, names, dt), phases_of(target, protocol, names, dt));
            };
        }
        losses.emplace_back(std::move(loss), 1.0);
    }
    return losses.size() == 1 ? losses.front().first : combined_loss(std::move(losses));
}

std::vector<double> loss_weights(const ExperimentProblem& problem) {
    std::vector<double> weights;
    for (const ExperimentLossConfig& config : problem.config.experiment_fit->losses)
        weights.insert(weights.end(), config.phases.empty() ? problem.chunk_names.size() : config.phases.size(),
                       config.weight);
    return weights;
}

std::vector<std::string> loss_names(const ExperimentProblem& problem) {
    std::vector<std::string> names;
    for (const ExperimentLossConfig& config : problem.config.experiment_fit->losses) {
        const std::string what =
            config.variable.name.empty() ? config.type : config.type + " of " + config.variable.name;
        if (config.phases.empty()) {
            for (const std::string& chunk : problem.chunk_names) names.push_back(fmt::format("{}, {}", what, chunk));
        } else {
            for (const ConfigName& phase : config.phases) names.push_back(fmt::format("{}, {}", what, phase.name));
        }
    }
    return names;
}

}  // namespace spikesmith
