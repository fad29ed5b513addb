#include "spikesmith/fit/fit_round.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// All parameters of the program for samples of the searched ones.
Array2 program_parameters(const FitSearch& current, const Array2& samples) {
    Array2 result(samples.rows, current.parameters.list().size());
    for (std::size_t s = 0; s < samples.rows; ++s) current.parameters.complete(samples.row(s), result.row(s));
    return result;
}

// Simulates, and gives the features of each objective (n_samples x n_traces).
std::vector<Array2> simulate(const FitProblem& problem, FitSearch& current, const Array2& parameters, RunResult& result,
                             const std::atomic<bool>* cancelled, std::optional<std::uint64_t> noise) {
    std::vector<Array2> features(current.objectives.size());
    RunRequest request{.iteration = static_cast<double>(current.iteration),
                       .first_evaluation = noise.value_or(current.evaluations.size()),
                       .same_noise = noise.has_value(),
                       .final_states = problem.penalty.has_value(),
                       .cancelled = cancelled};
    for (std::size_t k = 0; k < current.objectives.size(); ++k) {
        const Objective& objective = current.objectives[k];
        if (objective.online) continue;
        features[k] = Array2(parameters.rows, problem.data.n_traces);
        (objective.spike_metric ? request.spikes : request.outputs) = true;
    }
    if (request.outputs || request.spikes) {
        request.observer = [&](const BlockView& block) {
            for (std::size_t k = 0; k < current.objectives.size(); ++k) {
                const Objective& objective = current.objectives[k];
                if (!objective.online) add_features(block, objective, problem.data, features[k]);
            }
        };
    }
    result = current.ensemble.run(parameters, request);
    std::size_t online = 0;
    for (std::size_t k = 0; k < current.objectives.size(); ++k) {
        if (current.objectives[k].online) features[k] = std::move(result.online_errors[online++]);
    }
    return features;
}

double trace_factor(const TraceData& data, std::size_t trace) {
    return data.trace_factors.empty() ? 1 : data.trace_factors[trace];
}

// Why a sample failed; empty if it did not.
std::string failure_of(const FitProblem& problem, const FitSearch& current, std::size_t sample, const RunResult& result,
                       const std::vector<Array2>& features, const FitRound& round) {
    for (std::size_t r = 0; r < problem.data.n_traces; ++r) {
        if (result.diverged[sample * problem.data.n_traces + r] == 0 || trace_factor(problem.data, r) == 0) continue;
        return fmt::format("a state or error became NaN or infinite in trace {}", r + 1);
    }
    for (std::size_t k = 0; k < features.size(); ++k) {
        for (std::size_t r = 0; r < problem.data.n_traces; ++r) {
            if (std::isfinite(features[k](sample, r))) continue;
            return fmt::format("the error of `{}` in trace {} is NaN or infinite", current.objectives[k].name, r + 1);
        }
        if (!std::isfinite(round.objectives(sample, k)))
            return fmt::format("the error of `{}` is NaN or infinite", current.objectives[k].name);
    }
    if (!round.penalties.empty() && !std::isfinite(round.penalties[sample]))
        return fmt::format("the penalty `{}` is NaN or infinite", problem.options.penalty);
    return std::isfinite(round.errors[sample]) ? "" : "the sum of the errors is NaN or infinite";
}

// One number for the errors of all objectives: their sum. Those of unlike units have none: of them it is the distance
// from a perfect fit, where all errors are 0, with each error in units of its scale.
double combined_error(const FitSearch& current, std::span<const double> objectives) {
    double sum = 0;
    for (std::size_t k = 0; k < objectives.size(); ++k) {
        const double scaled = current.scales.empty() ? objectives[k] : objectives[k] / current.scales[k];
        sum += current.unlike_units ? scaled * scaled : scaled;
    }
    return current.unlike_units ? std::sqrt(sum) : sum;
}

void note_best(FitSearch& current, const FitRound& round) {
    for (std::size_t s = 0; s < round.errors.size(); ++s) {
        const double error = round.errors[s];
        if (!std::isfinite(error) || (current.best && current.best->error <= error)) continue;
        current.best = BestFit{.parameters = all_parameters(current, round.samples.row(s)),
                               .error = error,
                               .objectives = objective_errors(current, round.objectives.row(s)),
                               .penalty = round.penalties.empty() ? 0 : round.penalties[s],
                               .evaluation = current.evaluations.size() + s};
    }
}

void note_failures(FitSearch& current, const FitRound& round) {
    for (const auto& [sample, cause] : round.failures) {
        const auto known = std::ranges::find(current.failures, cause, &FailureCause::what);
        if (known == current.failures.end()) {
            current.failures.push_back({cause, 1, current.evaluations.size() + sample});
        } else {
            ++known->count;
        }
    }
}

}  // namespace

FitRound evaluate_points(const FitProblem& problem, FitSearch& current, const Array2& points,
                         const std::atomic<bool>* cancelled, std::optional<std::uint64_t> noise) {
    FitRound round;
    round.samples = values_of(current, points);
    const Array2 parameters = program_parameters(current, round.samples);
    RunResult result;
    std::vector<Array2> features = simulate(problem, current, parameters, result, cancelled, noise);
    for (std::size_t r = 0; r < problem.data.n_traces && !problem.data.trace_factors.empty(); ++r) {
        for (Array2& of_objective : features) {
            for (std::size_t s = 0; s < points.rows; ++s)
                of_objective(s, r) =
                    trace_factor(problem.data, r) == 0 ? 0 : of_objective(s, r) * trace_factor(problem.data, r);
        }
    }
    round.objectives = Array2(points.rows, current.objectives.size());
    for (std::size_t k = 0; k < current.objectives.size(); ++k) {
        const Metric& metric = current.objectives[k].metric();
        const std::vector<double> errors = metric.errors(features[k]);
        if (errors.size() != points.rows) {
            throw ConfigError(fmt::format("the metric \"{}\" gave {} errors for {} samples", metric.description(),
                                          errors.size(), points.rows));
        }
        for (std::size_t s = 0; s < points.rows; ++s) round.objectives(s, k) = errors[s];
    }
    note_scales(current, round.objectives);
    for (std::size_t s = 0; s < points.rows; ++s)
        round.errors.push_back(combined_error(current, round.objectives.row(s)));
    if (problem.penalty) {
        const std::vector<std::string> states = names_of(current.ensemble.program().states);
        round.penalties = problem.penalty->values(problem.data, current.ensemble.program().parameters, parameters,
                                                  states, result.final_states, static_cast<double>(current.iteration));
        for (std::size_t s = 0; s < points.rows; ++s) round.errors[s] += round.penalties[s];
    }
    for (std::size_t s = 0; s < points.rows; ++s) {
        std::string cause = failure_of(problem, current, s, result, features, round);
        if (cause.empty()) continue;
        if (std::isfinite(round.errors[s])) round.errors[s] = not_a_number;  // diverged unseen by the metric
        round.failures.emplace_back(s, std::move(cause));
    }
    // The sign of a NaN depends on the machine, and a file does not keep it.
    for (auto* numbers : {&round.errors, &round.penalties, &round.objectives.values}) {
        for (double& number : *numbers) number = std::isnan(number) ? not_a_number : number;
    }
    return round;
}

Array2 values_of(const FitSearch& current, const Array2& points) {
    Array2 samples(points.rows, points.columns);
    for (std::size_t s = 0; s < points.rows; ++s) current.space().to_values(points.row(s), samples.row(s));
    return samples;
}

void note_scales(FitSearch& current, const Array2& objectives) {
    if (!current.unlike_units || !current.scales.empty()) return;
    std::vector<std::size_t> complete;
    for (std::size_t s = 0; s < objectives.rows; ++s) {
        if (std::ranges::all_of(objectives.row(s), [](double error) { return std::isfinite(error); }))
            complete.push_back(s);
    }
    for (std::size_t k = 0; !complete.empty() && k < objectives.columns; ++k) {
        std::vector<double> errors;
        for (const std::size_t s : complete) {
            if (objectives(s, k) != 0) errors.push_back(std::fabs(objectives(s, k)));
        }
        if (errors.empty()) errors.push_back(1);  // all are perfect: any scale will do
        const auto middle = errors.begin() + static_cast<std::ptrdiff_t>(errors.size() / 2);
        std::ranges::nth_element(errors, middle);
        current.scales.push_back(*middle);
    }
}

void enter(const FitProblem& problem, FitSearch& current, const Candidates& candidates, const Array2& samples,
           std::span<const double> errors, const Array2& objectives) {
    note_scales(current, objectives);
    if (current.choice.multi_objective && current.objectives.size() > 1) {
        Array2 told = objectives;
        for (std::size_t s = 0; s < told.rows; ++s) {
            double rest = errors[s];  // the penalty, which is added to every objective
            for (const double error : objectives.row(s)) rest -= error;
            for (double& error : told.row(s))
                error += problem.penalty ? rest : std::isfinite(errors[s]) ? 0 : not_a_number;
        }
        current.optimizer->tell(candidates.ids, told);
    } else {
        current.optimizer->tell(candidates.ids, errors);
    }
    current.points.add(candidates.points.values);

    RoundRecord record{.best_error = not_a_number, .round_best_error = not_a_number};
    const bool details = keeps_objectives(problem, current);
    const std::size_t d = current.space().dimension();
    Array2 rows(errors.size(), d + 1 + (details ? current.objectives.size() : 0));
    for (std::size_t s = 0; s < errors.size(); ++s) {
        const double error = errors[s];
        if (!std::isfinite(error)) {
            ++record.n_failed;
        } else if (!(record.round_best_error <= error)) {
            record.round_best_error = error;
        }
        std::ranges::copy(samples.row(s), rows.row(s).begin());
        rows(s, d) = error;
        if (details) std::ranges::copy(objectives.row(s), rows.row(s).begin() + static_cast<std::ptrdiff_t>(d) + 1);
    }
    const double before = current.history.empty() ? not_a_number : current.history.back().best_error;
    record.best_error =
        before <= record.round_best_error || std::isnan(record.round_best_error) ? before : record.round_best_error;
    current.evaluations.append(std::move(rows));
    current.n_failed += record.n_failed;
    current.history.push_back(record);
    ++current.iteration;
}

bool polish_is_due(const FitSearch& current) {
    const std::size_t rounds = current.history.size();
    return current.polish.every != 0 && current.best && rounds != 0 && rounds % current.polish.every == 0 &&
           rounds != current.polished_at;
}

void try_polished(const FitProblem& problem, FitSearch& current, const Array2& point) {
    const FitRound round = evaluate_points(problem, current, point, nullptr);
    current.polished_at = current.history.size();
    if (!(round.errors[0] < current.best->error)) return;
    enter_polished(current, {.after_rounds = current.polished_at,
                             .point = point.values,
                             .error = round.errors[0],
                             .objectives = {round.objectives.row(0).begin(), round.objectives.row(0).end()},
                             .penalty = round.penalties.empty() ? 0 : round.penalties[0]});
}

void enter_polished(FitSearch& current, const Polished& polished) {
    Array2 points(1, polished.point.size());
    std::ranges::copy(polished.point, points.values.begin());
    current.optimizer->tell_foreign(points, std::span(&polished.error, 1));
    current.points.add(points.values);
    current.best = BestFit{.parameters = all_parameters(current, values_of(current, points).row(0)),
                           .error = polished.error,
                           .objectives = objective_errors(current, polished.objectives),
                           .penalty = polished.penalty,
                           .evaluation = current.best ? current.best->evaluation : 0,
                           .polished = true};
    current.history.back().best_error = polished.error;
    current.polished.push_back(polished);
}

FitRound run_round(const FitProblem& problem, FitSearch& current, const std::atomic<bool>* cancelled) {
    if (!current.unfinished) current.unfinished = current.optimizer->ask(problem.options.n_samples);
    FitRound round = evaluate_points(problem, current, current.unfinished->points, cancelled);
    const Candidates candidates = *std::exchange(current.unfinished, std::nullopt);
    note_best(current, round);
    note_failures(current, round);
    enter(problem, current, candidates, round.samples, round.errors, round.objectives);
    return round;
}

}  // namespace spikesmith
