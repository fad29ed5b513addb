#include "spikesmith/fit/opt_checkpoint.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"

namespace spikesmith {

namespace {

std::string words_of(const OptVariable& entry) {
    if (entry.value) return fmt::format("{} = {}", entry.name, *entry.value);
    if (!entry.bounds) return fmt::format("{} = {}", entry.name, entry.expression);
    std::string text =
        fmt::format("{} [{}, {}] {}", entry.name, entry.bounds->first, entry.bounds->second, scale_name(entry.scale));
    if (entry.integer) text += " integer";
    if (entry.guess) text += fmt::format(" within {} and {}", entry.guess->first, entry.guess->second);
    return text;
}

std::string words_of(const Checksum& sum) {
    return fmt::format("{:016x}", sum.value());
}

[[noreturn]] void contradiction() {
    throw DataError("the checkpoint contradicts itself", "it must be the unchanged file that a fit wrote");
}

}  // namespace

void add_to(Checksum& sum, const SimulationRecord& record) {
    sum.add(record.dt);
    for (const RecordedChunk& chunk : record.chunks) {
        sum.add(static_cast<std::uint64_t>(chunk.start_step));
        sum.add(static_cast<std::uint64_t>(chunk.end_step));
        for (const Array2& values : chunk.values) sum.add(values.values);
        for (const auto& steps : chunk.spike_steps) {
            sum.add(std::uint64_t{steps.size()});
            for (const std::int64_t step : steps) sum.add(static_cast<std::uint64_t>(step));
        }
    }
}

ProblemIdentity identity_of(const OptNeuronOptions& options, const OptVariables& variables, const OptProblemSums& sums,
                            const OptSearch& search) {
    std::vector<std::string> entries;
    for (const OptVariable& entry : variables.given()) entries.push_back(words_of(entry));
    return {{{"optimizer", search.description()},
             {"list of variables", fmt::format("{}", fmt::join(entries, ", "))},
             {"seed", fmt::format("{}", options.seed)},
             {"number of candidates per generation", fmt::format("{}", search.population())},
             {"number of repetitions", fmt::format("{}", options.repetitions)},
             {"noise", options.noise == NoiseStreams::common ? "common" : "independent"},
             {"list of weights", fmt::format("{}", fmt::join(options.loss_weights, ", "))},
             {"precision", options.kernel.precision == Precision::single_precision ? "single" : "double"},
             {"search outside of the bounds", options.allow_outside_bounds ? "allowed" : "not allowed"},
             {"checksum of the known solutions", words_of(search.sources())},
             {"checksum of the model", words_of(sums.model)},
             {"checksum of the experiment", words_of(sums.experiment)},
             {"checksum of the target", words_of(sums.target)},
             {"checksum of the loss", words_of(sums.loss)}}};
}

void write_checkpoint(const ProblemIdentity& identity, const OptSearch& search, const OptHistory& history,
                      const std::filesystem::path& path) {
    if (search.first_evaluation() > 0)
        throw ConfigError("a checkpoint holds one search, but another method has searched before this one",
                          "make another OptNeuron for it");
    Checkpoint checkpoint{.problem = identity,
                          .planned_rounds = search.planned_evaluations(),
                          .rounds = {},
                          .polished = {},
                          .failures = history.failures,
                          .best = {},
                          .points = search.points().value()};
    std::size_t next = 0;
    for (const OptGeneration& generation : history.logbook) {
        Checkpoint::Round round;
        // the parts of the loss and, in the last column, its standard deviation
        const std::size_t n_parts = history.evaluations[next].parts.size();
        round.objectives = Array2(generation.evaluations - next, n_parts + 1);
        for (std::size_t row = 0; next < generation.evaluations; ++next, ++row) {
            const OptEvaluation& evaluation = history.evaluations[next];
            round.errors.push_back(evaluation.loss);
            std::ranges::copy(evaluation.parts, round.objectives.row(row).begin());
            round.objectives(row, n_parts) = evaluation.loss_deviation;
        }
        checkpoint.rounds.push_back(std::move(round));
    }
    write_file_atomically(path, to_text(checkpoint));
}

void replay(const Checkpoint& checkpoint, const OptVariables& variables, std::size_t n_parts, OptSearch& search,
            OptHistory& history) {
    for (const Checkpoint::Round& round : checkpoint.rounds) {
        const Array2& points = search.next(round.errors.size(), history);
        if (points.rows != round.errors.size() || round.objectives.columns != n_parts + 1) contradiction();
        std::vector<OptEvaluation> generation(points.rows);
        for (std::size_t row = 0; row < points.rows; ++row) {
            OptEvaluation& evaluation = generation[row];
            evaluation.variables.resize(points.columns);
            variables.space().to_values(points.row(row), evaluation.variables);
            evaluation.loss = round.errors[row];
            const auto stored = round.objectives.row(row);
            evaluation.parts.assign(stored.begin(), stored.end() - 1);
            evaluation.loss_deviation = stored.back();
        }
        search.tell(history.add(std::move(generation), {}, 0));
    }
    history.failures = checkpoint.failures;
    std::size_t n_failed = 0;
    for (const FailureCause& failure : history.failures) n_failed += failure.count;
    if (search.points().value() != checkpoint.points || n_failed != history.n_failed) contradiction();
}

}  // namespace spikesmith
