#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/experiment_losses.hpp"
#include "spikesmith/cli/experiment_problem.hpp"
#include "spikesmith/report/text_table.hpp"

namespace spikesmith {
namespace {

std::string value_text(const ConfigQuantity& value) {
    return format_quantity(value.quantity);
}

std::string wave_text(const WaveConfig& wave) {
    if (wave.kind == "constant") return fmt::format("{} = {}", wave.driven.name, value_text(wave.quantities[0].second));
    std::vector<std::string> parts;
    for (const auto& [key, value] : wave.quantities) parts.push_back(fmt::format("{} {}", key, value_text(value)));
    if (wave.kind == "staircase") parts.push_back(fmt::format("{} plateaus", wave.count));
    if (wave.kind == "pulses" && wave.count > 0) parts.push_back(fmt::format("{} pulses", wave.count));
    if (wave.file) parts.push_back(wave.file->path.string());
    return fmt::format("{}: {}{}{}", wave.driven.name, wave.kind, parts.empty() ? "" : ", ", fmt::join(parts, ", "));
}

std::string what_happens(const PhaseConfig& phase) {
    std::vector<std::string> parts;
    for (const auto& [name, value] : phase.set) parts.push_back(fmt::format("{} = {}", name.name, value_text(value)));
    for (const WaveConfig& wave : phase.drive) parts.push_back(wave_text(wave));
    for (const WaveConfig& wave : phase.clamp) parts.push_back("clamp " + wave_text(wave));
    return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

std::string describe_experiment(const ExperimentProblem& problem) {
    const ExperimentConfig& experiment = *problem.config.experiment;
    std::vector<std::vector<std::string>> rows;
    for (std::size_t k = 0; k < experiment.phases.size(); ++k) {
        const PhaseConfig& phase = experiment.phases[k];
        std::vector<std::string> notes;
        if (!phase.record) notes.emplace_back("not recorded");
        if (k > 0 && !phase.reset) notes.emplace_back("goes on");
        if (k > 0 && phase.reset && !phase.reset_parameters) notes.emplace_back("keeps parameters");
        rows.push_back(
            {phase.name, value_text(phase.duration), what_happens(phase), fmt::format("{}", fmt::join(notes, ", "))});
    }
    std::string out =
        fmt::format("\nExperiment, recording {}\n{}", fmt::join(problem.record, ", "),
                    text_table({{"phase"}, {"duration", Align::right}, {"set, driven, clamped"}, {""}}, rows));
    if (problem.target) {
        out += "\nTarget: recordings\n";
        for (std::size_t c = 0; c < problem.target->chunks.size(); ++c) {
            const RecordedChunk& chunk = problem.target->chunks[c];
            out += fmt::format("  {}: {} samples", problem.chunk_names[c], chunk.n_samples());
            if (problem.target->spikes) out += fmt::format(", {} spikes", chunk.spike_steps.front().size());
            out += '\n';
        }
    }
    return out;
}

std::string describe_experiment_fit(const ExperimentProblem& problem) {
    if (!problem.config.experiment_fit) return {};
    const ExperimentFitConfig& fit = *problem.config.experiment_fit;
    std::string out = fmt::format(
        "\nFit: {} evaluations{}, {}{}\n", fit.n_evaluations,
        fit.repetitions > 1 ? fmt::format(" of {} repetitions", fit.repetitions) : "",
        fit.method ? fit.method->name : "auto",
        fit.polish_evaluations > 0 ? fmt::format(", the last {} to polish the best", fit.polish_evaluations) : "");
    std::vector<std::vector<std::string>> rows;
    for (const VariableConfig& variable : fit.variables) {
        const auto known = problem.model.find(variable.name.name);
        const char* role = !known                                            ? "of expressions only"
                           : known->kind == Model::Variable::Kind::parameter ? ""
                           : known->kind == Model::Variable::Kind::state     ? "initial value"
                                                                             : "of expressions only";
        if (variable.bounds) {
            rows.push_back(
                {variable.name.name, value_text(variable.bounds->first) + " to " + value_text(variable.bounds->second),
                 std::string(variable.logarithmic ? "log" : "linear") + (variable.integer ? ", whole" : ""), role});
        } else {
            const std::string value = variable.value ? value_text(*variable.value) : variable.expression->text;
            rows.push_back({variable.name.name, "= " + value, "", role});
        }
    }
    out += text_table({{"parameter"}, {"bounds"}, {"scale"}, {""}}, rows);
    out += "\nLoss, the sum of\n";
    const std::vector<std::string> names = loss_names(problem);
    std::size_t at = 0;
    for (const ExperimentLossConfig& loss : fit.losses) {
        const std::size_t parts = loss.phases.empty() ? problem.chunk_names.size() : loss.phases.size();
        for (std::size_t k = 0; k < parts; ++k, ++at) out += fmt::format("  {} times {}\n", loss.weight, names[at]);
    }
    return out;
}

}  // namespace spikesmith
