#include "spikesmith/fit/search_checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/checkpoint.hpp"
#include "spikesmith/fit/fit_round.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

ProblemIdentity identity(const FitProblem& problem, const FitSearch& current) {
    Checksum program_sum;
    program_sum.add(to_string(current.ensemble.program()));
    Checksum data_sum;
    const auto add_series = [&](const std::map<std::string, TimeSeries>& all) {
        for (const auto& [name, series] : all) {
            data_sum.add(name);
            data_sum.add(series.dt);
            data_sum.add(series.numbers());
            data_sum.add(series.trace_dt);
            for (const std::size_t n : series.trace_samples) data_sum.add(std::uint64_t{n});
        }
    };
    add_series(problem.data.inputs);
    add_series(problem.data.targets);
    if (problem.data.spikes) {
        for (const auto& train : *problem.data.spikes) data_sum.add(train);
    }
    for (const std::size_t steps : problem.data.trace_steps) data_sum.add(std::uint64_t{steps});
    data_sum.add(problem.data.trace_factors);

    std::vector<std::string> metrics;
    for (const Objective& objective : current.objectives)
        metrics.push_back(fmt::format("{}: {}", objective.name, objective.metric().description()));
    std::vector<std::string> parameters;
    for (const FittedParameter& p : current.parameters.list()) {
        parameters.push_back(p.searched()
                                 ? fmt::format("{} [{}, {}] {}{}", p.name, p.low, p.high, scale_name(p.scale),
                                               p.integer ? " integer" : "")
                                 : fmt::format("{} = {}", p.name, p.fixed ? fmt::format("{}", p.low) : p.tied));
    }
    return {{{"optimizer", current.choice.description},
             {"list of parameters", fmt::format("{}", fmt::join(parameters, ", "))},
             {"metric", fmt::format("{}", fmt::join(metrics, "; "))},
             {"seed", fmt::format("{}", problem.options.seed)},
             {"number of samples per round", fmt::format("{}", problem.options.n_samples)},
             {"precision", problem.options.kernel.precision == Precision::single_precision ? "single" : "double"},
             {"penalty", problem.options.penalty.empty() ? "none" : problem.options.penalty},
             {"interval of polishing", fmt::format("{}", current.polish.every)},
             {"checksum of the model", fmt::format("{:016x}", program_sum.value())},
             {"checksum of the data", fmt::format("{:016x}", data_sum.value())}}};
}

}  // namespace

void write_checkpoint(const FitProblem& problem, const FitSearch& current, const std::filesystem::path& path) {
    Checkpoint checkpoint{.problem = identity(problem, current),
                          .planned_rounds = current.planned_rounds,
                          .iteration = current.iteration,
                          .rounds = {},
                          .failures = current.failures,
                          .best = current.best,
                          .points = current.points.value()};
    const Evaluations& all = current.evaluations;
    std::size_t next = 0;
    for (std::size_t k = 0; k < all.n_rounds(); ++k) {
        const std::size_t end = k + 1 < all.n_rounds() ? all.first_of_round(k + 1) : all.size();
        Checkpoint::Round round;
        if (keeps_objectives(problem, current)) round.objectives = Array2(end - next, current.objectives.size());
        for (std::size_t s = 0; next < end; ++next, ++s) {
            round.errors.push_back(all.error(next));
            if (!round.objectives.empty())
                std::ranges::copy(all.objective_errors(next), round.objectives.row(s).begin());
        }
        checkpoint.rounds.push_back(std::move(round));
    }
    checkpoint.polished = current.polished;
    write_file_atomically(path, to_text(checkpoint));
}

FitSearch resume_search(const FitProblem& problem, const std::filesystem::path& path, const FitOptions& given) {
    const Checkpoint checkpoint = parse_checkpoint(read_file(path));
    FitSearch fresh = begin_search(problem, given, checkpoint.planned_rounds);
    require_same_problem(checkpoint.problem, identity(problem, fresh));
    const auto damaged = [] {
        throw DataError("the checkpoint contradicts itself", "it must be the unchanged file that a fit wrote");
    };
    for (const Checkpoint::Round& round : checkpoint.rounds) {
        const bool details = keeps_objectives(problem, fresh);
        if (round.errors.size() != problem.options.n_samples ||
            round.objectives.columns != (details ? fresh.objectives.size() : 0)) {
            damaged();
        }
        Array2 objectives = round.objectives;
        if (!details) {
            objectives = Array2(round.errors.size(), 1);
            std::ranges::copy(round.errors, objectives.values.begin());
        }
        const Candidates candidates = fresh.optimizer->ask(problem.options.n_samples);
        enter(problem, fresh, candidates, values_of(fresh, candidates.points), round.errors, objectives);
        for (const Polished& polished : checkpoint.polished) {
            if (polished.after_rounds != fresh.history.size()) continue;
            if (polished.point.size() != fresh.space().dimension() ||
                polished.objectives.size() != fresh.objectives.size())
                damaged();
            enter_polished(fresh, polished);
            fresh.polished_at = polished.after_rounds;
        }
    }
    if (fresh.points.value() != checkpoint.points) damaged();
    fresh.iteration = checkpoint.iteration;
    fresh.failures = checkpoint.failures;
    std::size_t n_failed = 0;
    for (const FailureCause& failure : fresh.failures) n_failed += failure.count;
    const double best_error = fresh.history.empty() ? not_a_number : fresh.history.back().best_error;
    if (n_failed != fresh.n_failed || checkpoint.best.has_value() != std::isfinite(best_error)) damaged();
    if (checkpoint.best) {
        const BestFit& best = *checkpoint.best;
        if (best.evaluation >= fresh.evaluations.size() || best.objectives.size() != fresh.objectives.size() ||
            best.error != best_error) {
            damaged();
        }
        const bool polished = !fresh.polished.empty() && fresh.polished.back().error == best_error;
        if (!polished && fresh.evaluations.error(best.evaluation) != best_error) damaged();
        const std::vector<double> parameters =
            polished ? fresh.best->parameters
                     : all_parameters(fresh, fresh.evaluations.parameter_values(best.evaluation));
        std::vector<double> normalized;
        for (const ObjectiveError& objective : best.objectives) normalized.push_back(objective.normalized);
        fresh.best = BestFit{.parameters = parameters,
                             .error = best.error,
                             .objectives = objective_errors(fresh, normalized),
                             .penalty = best.penalty,
                             .evaluation = best.evaluation,
                             .polished = polished};
    }
    return fresh;
}

}  // namespace spikesmith
