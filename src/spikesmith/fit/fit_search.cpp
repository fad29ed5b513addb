#include "spikesmith/fit/fit_search.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/optimize/automatic.hpp"

namespace spikesmith {

FitSearch begin_search(const FitProblem& problem, const FitOptions& fit, std::size_t planned_rounds) {
    FitParameters parameters(problem.options.model, fit.parameters);
    MetricChoice metrics = problem.choose_metrics(fit);
    std::vector<Objective> objectives = make_objectives(problem.data, metrics);
    for (const Objective& objective : objectives) {
        if (objective.online || !problem.options.online_only) continue;
        throw ConfigError(
            fmt::format("the metric \"{}\" cannot be computed while simulating", objective.metric().description()),
            "use a TraceFitter for it");
    }
    OptimizerChoice choice = fit.optimizer ? *fit.optimizer : automatic();
    const std::size_t dimension = parameters.space().dimension();
    auto optimizer = choice({.dimension = dimension,
                             .batch = problem.options.n_samples,
                             .rounds = planned_rounds,
                             .seed = problem.options.seed,
                             .objectives = objectives.size()});
    if (!optimizer || optimizer->dimension() != dimension) {
        throw ConfigError(
            fmt::format("the optimizer \"{}\" does not search {} parameters", choice.description, dimension));
    }
    // A front needs no sum, so its errors may have any units.
    const bool front = choice.multi_objective && objectives.size() > 1;
    if (front && fit.polish.every > 0)
        throw ConfigError("a Pareto front cannot be polished: it has no best point", "leave polish out");
    const bool one_unit = std::ranges::all_of(objectives, [&](const Objective& objective) {
        return objective.normalized_dimension == objectives.front().normalized_dimension;
    });
    // A penalty is added to every error, so these need one unit too.
    const bool unlike_units = front && !one_unit && !problem.penalty;
    const Dimension error_dimension = unlike_units ? dimensions::none : summed_dimension(objectives);
    if (problem.penalty) require_unit_of_error(*problem.penalty, problem.options.penalty, error_dimension);
    UpdateProgram used = problem.program;
    std::map<std::string, TimeSeries> weights;
    for (const Objective& objective : objectives) {
        if (!objective.online) continue;
        add_online_error(used, objective.online_error);
        weights.emplace(objective.name, objective.step_weights);
    }
    std::vector<std::string> names = names_of(parameters.space().ranges());
    std::vector<std::string> objective_names = names_of(objectives);
    return {.parameters = std::move(parameters),
            .choice = std::move(choice),
            .planned_rounds = planned_rounds,
            .optimizer = std::move(optimizer),
            .metrics = std::move(metrics),
            .objectives = std::move(objectives),
            .error_dimension = error_dimension,
            .unlike_units = unlike_units,
            .scales = {},
            .ensemble = problem.make_ensemble(std::move(used), std::move(weights)),
            .evaluations = Evaluations(std::move(names), std::move(objective_names)),
            .points = {},
            .history = {},
            .failures = {},
            .best = {},
            .unfinished = {},
            .polish = fit.polish,
            .polished = {}};
}

void require_same(const FitProblem& problem, const FitSearch& current, const FitOptions& fit) {
    const std::string hint = "leave it out to continue, or set restart to begin anew";
    if (!fit.parameters.empty() && !(FitParameters(problem.options.model, fit.parameters) == current.parameters)) {
        throw ConfigError("the parameters and their bounds cannot change while a fit continues", hint);
    }
    if (fit.optimizer && fit.optimizer->description != current.choice.description) {
        throw ConfigError("the optimizer cannot change while a fit continues", hint);
    }
    if (fit.polish.every != 0 && !(fit.polish == current.polish))
        throw ConfigError("the polishing cannot change while a fit continues", hint);
    if (!fit.metric && fit.metrics.empty()) return;
    MetricChoice metrics = problem.choose_metrics(fit);
    if (!fit.metric) {
        metrics.trace_metric = current.metrics.trace_metric;
        metrics.spike_metric = current.metrics.spike_metric;
    }
    if (fit.metrics.empty()) metrics.by_output = current.metrics.by_output;
    const auto same_metric = [](const Objective& a, const Objective& b) {
        return a.name == b.name && a.metric().description() == b.metric().description();
    };
    if (!std::ranges::equal(make_objectives(problem.data, metrics), current.objectives, same_metric)) {
        throw ConfigError("the metric cannot change while a fit continues", hint);
    }
}

std::vector<FittedParameter> listed_parameters(const FitSearch& current) {
    return current.best ? current.parameters.with_values(current.best->parameters) : current.parameters.list();
}

std::vector<double> all_parameters(const FitSearch& current, std::span<const double> searched) {
    std::vector<double> all(current.parameters.list().size());
    current.parameters.complete(searched, all);
    return all;
}

std::vector<ObjectiveError> objective_errors(const FitSearch& current, std::span<const double> normalized) {
    std::vector<ObjectiveError> result;
    for (std::size_t k = 0; k < current.objectives.size(); ++k) {
        const Objective& objective = current.objectives[k];
        result.push_back({.output = objective.name,
                          .raw = objective.metric().unnormalized(normalized[k]),
                          .normalized = normalized[k],
                          .raw_dimension = objective.raw_dimension,
                          .normalized_dimension = objective.normalized_dimension});
    }
    return result;
}

bool keeps_objectives(const FitProblem& problem, const FitSearch& current) {
    return current.objectives.size() > 1 || problem.penalty.has_value();
}

FitResult result_of(const FitProblem& problem, const FitSearch& current) {
    FitResult result{.error_dimension = {}, .method = problem.program.method, .seed = problem.options.seed};
    result.parameters = listed_parameters(current);
    result.best = current.best;
    result.error_dimension = current.error_dimension;
    result.n_rounds = current.history.size();
    result.n_evaluations = current.evaluations.size();
    result.n_failed = current.n_failed;
    result.failures = current.failures;
    std::ranges::sort(result.failures, [](const FailureCause& a, const FailureCause& b) {
        return a.count > b.count || (a.count == b.count && a.evaluation < b.evaluation);
    });
    result.history = current.history;
    result.stop_reason = current.stop_reason;
    result.optimizer = current.choice.description;
    for (const Objective& objective : current.objectives) {
        result.outputs.push_back(objective.name);
        result.metrics.push_back(objective.metric().description());
    }
    if (current.choice.multi_objective && current.objectives.size() > 1) {
        for (const std::size_t i : pareto_front(current.evaluations)) {
            const auto objectives = current.evaluations.objective_errors(i);
            result.pareto_front.push_back({i,
                                           all_parameters(current, current.evaluations.parameter_values(i)),
                                           {objectives.begin(), objectives.end()}});
        }
    }
    result.seconds = current.seconds;
    result.compile_seconds = current.ensemble.compile_seconds();
    return result;
}

}  // namespace spikesmith
