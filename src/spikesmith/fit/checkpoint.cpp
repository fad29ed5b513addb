#include "spikesmith/fit/checkpoint.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/state_text.hpp"

namespace spikesmith {

namespace {

constexpr std::string_view magic = "spikesmith-checkpoint";
constexpr std::uint64_t version = 2;

constexpr const char* unchanged = "it must be the unchanged file that a fit wrote";

[[noreturn]] void contradiction() {
    throw DataError("the checkpoint contradicts itself", unchanged);
}

std::uint64_t checksum_of(std::string_view text) {
    Checksum sum;
    sum.add(text);
    return sum.value();
}

// The last but one line is a checksum of all lines before it.
void check_sum(std::string_view text) {
    constexpr std::string_view key = "\nchecksum ";
    const std::size_t place = text.rfind(key);
    if (place != std::string_view::npos) {
        StateWriter expected;
        expected.integer("checksum", checksum_of(text.substr(0, place + 1)));
        if (text.substr(place + 1) == expected.text()) return;
    }
    throw DataError("the checkpoint is damaged or incomplete", unchanged);
}

}  // namespace

std::string to_text(const Checkpoint& checkpoint) {
    StateWriter writer;
    writer.integer(magic, version);
    writer.integer("aspects", checkpoint.problem.entries.size());
    for (const auto& [aspect, value] : checkpoint.problem.entries) {
        writer.sentence("aspect", aspect);
        writer.sentence("value", value);
    }
    writer.integer("planned_rounds", checkpoint.planned_rounds);
    writer.integer("iteration", checkpoint.iteration);
    writer.integer("rounds", checkpoint.rounds.size());
    for (const Checkpoint::Round& round : checkpoint.rounds) {
        writer.reals("errors", round.errors);
        writer.reals("objectives", round.objectives.values);
    }
    writer.integer("polished", checkpoint.polished.size());
    for (const Polished& polished : checkpoint.polished) {
        writer.integer("after_rounds", polished.after_rounds);
        writer.reals("point", polished.point);
        writer.reals("errors", std::vector<double>{polished.error, polished.penalty});
        writer.reals("objectives", polished.objectives);
    }
    writer.integer("failures", checkpoint.failures.size());
    for (const FailureCause& failure : checkpoint.failures) {
        writer.sentence("cause", failure.what);
        writer.integers("count", std::vector<std::uint64_t>{failure.count, failure.evaluation});
    }
    std::vector<double> best;
    if (checkpoint.best) {
        best = {checkpoint.best->error, checkpoint.best->penalty};
        for (const ObjectiveError& objective : checkpoint.best->objectives) best.push_back(objective.normalized);
    }
    writer.reals("best", best);
    writer.integer("best_evaluation", checkpoint.best ? checkpoint.best->evaluation : 0);
    writer.integer("points", checkpoint.points);
    writer.integer("checksum", checksum_of(writer.lines()));
    return writer.text();
}

Checkpoint parse_checkpoint(std::string_view text) {
    if (!text.starts_with(magic)) throw DataError("this file is no checkpoint of a fit");
    StateReader reader(text);
    Checkpoint checkpoint;
    if (const auto found = reader.integer(magic); found != version) {
        throw DataError(fmt::format("the checkpoint has version {}; this program reads version {}", found, version));
    }
    check_sum(text);
    const std::uint64_t aspects = reader.integer("aspects");
    for (std::uint64_t k = 0; k < aspects; ++k) {
        std::string aspect = reader.sentence("aspect");
        checkpoint.problem.entries.emplace_back(std::move(aspect), reader.sentence("value"));
    }
    checkpoint.planned_rounds = reader.integer("planned_rounds");
    checkpoint.iteration = reader.integer("iteration");
    const std::uint64_t rounds = reader.integer("rounds");
    for (std::uint64_t k = 0; k < rounds; ++k) {
        Checkpoint::Round round{.errors = reader.reals("errors"), .objectives = {}};
        round.objectives.values = reader.reals("objectives");
        if (round.errors.empty() || round.objectives.values.size() % round.errors.size() != 0) contradiction();
        round.objectives.rows = round.errors.size();
        round.objectives.columns = round.objectives.values.size() / round.errors.size();
        checkpoint.rounds.push_back(std::move(round));
    }
    const std::uint64_t n_polished = reader.integer("polished");
    for (std::uint64_t k = 0; k < n_polished; ++k) {
        Polished polished{.after_rounds = reader.integer("after_rounds"), .point = reader.reals("point")};
        const auto errors = reader.reals("errors", 2);
        polished.error = errors[0];
        polished.penalty = errors[1];
        polished.objectives = reader.reals("objectives");
        checkpoint.polished.push_back(std::move(polished));
    }
    const std::uint64_t failures = reader.integer("failures");
    for (std::uint64_t k = 0; k < failures; ++k) {
        FailureCause failure{.what = reader.sentence("cause")};
        const auto counts = reader.integers("count");
        if (counts.size() != 2) contradiction();
        failure.count = counts[0];
        failure.evaluation = counts[1];
        checkpoint.failures.push_back(std::move(failure));
    }
    const auto best = reader.reals("best");
    const std::uint64_t evaluation = reader.integer("best_evaluation");
    if (best.size() == 1) contradiction();
    if (!best.empty()) {
        checkpoint.best =
            BestFit{.parameters = {}, .error = best[0], .objectives = {}, .penalty = best[1], .evaluation = evaluation};
        for (std::size_t k = 2; k < best.size(); ++k) {
            checkpoint.best->objectives.push_back(
                {.output = {}, .raw = 0, .normalized = best[k], .raw_dimension = {}, .normalized_dimension = {}});
        }
    }
    checkpoint.points = reader.integer("points");
    static_cast<void>(reader.integer("checksum"));
    reader.end();
    return checkpoint;
}

void require_same_problem(const ProblemIdentity& found, const ProblemIdentity& expected) {
    const std::string hint = "continue with the settings of the run that wrote it, or begin anew";
    for (const auto& [aspect, value] : expected.entries) {
        const auto other = std::ranges::find(found.entries, aspect, &std::pair<std::string, std::string>::first);
        // What was written went through StateWriter::sentence: compare the same way.
        StateWriter writer;
        writer.sentence("value", value);
        const std::string text = writer.text();
        if (other != found.entries.end() && StateReader(text).sentence("value") == other->second) continue;
        throw DataError(fmt::format("the checkpoint is of another problem: the {} is `{}` there and `{}` here", aspect,
                                    other == found.entries.end() ? "absent" : other->second, value),
                        hint);
    }
    if (found.entries.size() != expected.entries.size()) throw DataError("the checkpoint is of another problem", hint);
}

}  // namespace spikesmith
