#include "spikesmith/fit/fitter.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/checkpoint.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/objective.hpp"
#include "spikesmith/fit/penalty.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/optimize/automatic.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double checkpoint_share = 0.05;       // of the time that writing checkpoints may take
constexpr double standard_spike_window = 2e-3;  // seconds

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Everything that `restart` forgets.
struct Search {
    FitParameters parameters;
    OptimizerChoice choice;
    std::size_t planned_rounds = 0;
    std::unique_ptr<Optimizer> optimizer;
    MetricChoice metrics;
    std::vector<Objective> objectives;
    Dimension error_dimension;
    Ensemble ensemble;
    Evaluations evaluations;
    Checksum points;  // of all points
    std::vector<RoundRecord> history;
    std::vector<FailureCause> failures;
    std::optional<BestFit> best;
    std::size_t n_failed = 0;
    std::size_t iteration = 0;             // of the next round
    std::optional<Candidates> unfinished;  // of a round that was interrupted
    PolishOptions polish;
    std::vector<Polished> polished;
    std::size_t polished_at = 0;  // rounds that were done when it was tried last
    StopReason stop_reason = StopReason::rounds_done;
    double seconds = 0;

    [[nodiscard]] const ParameterSpace& space() const { return parameters.space(); }
};

// A round before it is entered into the books.
struct Round {
    Array2 samples;  // n_samples x searched parameters, SI
    std::vector<double> errors;
    std::vector<double> penalties;                              // empty without penalty
    Array2 objectives;                                          // n_samples x objectives
    std::vector<std::pair<std::size_t, std::string>> failures;  // sample, cause
};

// When checkpoints are written: not so often that it takes a noticeable share of the time.
class CheckpointClock {
  public:
    explicit CheckpointClock(double at_least) : at_least_(at_least) {}
    [[nodiscard]] bool due() const { return first_ || seconds_since(last_) >= wait_; }
    void written(Clock::time_point start) {
        last_ = Clock::now();
        wait_ = std::max(at_least_, seconds_since(start) / checkpoint_share);
        first_ = false;
    }

  private:
    double at_least_;
    bool first_ = true;
    Clock::time_point last_;
    double wait_ = 0;
};

}  // namespace

struct Fitter::Implementation {
    FitterOptions options;
    TraceData data;
    std::optional<Penalty> penalty;
    UpdateProgram program;  // without online errors
    std::optional<Search> search;
    FitOptions search_options;  // parameters and metrics of the search
    std::optional<Polisher> polisher;
    Evaluations no_evaluations;

    // The ensemble of the last generate.
    struct Generator {
        std::vector<std::string> outputs;
        std::map<std::string, double> initial_values;
        Ensemble ensemble;
    };
    std::optional<Generator> generator;

    // ------------------------------------------------------------------------------------------------------ set-up

    explicit Implementation(FitterOptions given)
        : options(std::move(given)), data(check_trace_data(options.model, options.recordings)) {
        if (options.n_samples == 0) options.n_samples = data.outputs.empty() ? 30 : 60;
        if (options.threads < 0)
            throw ConfigError(fmt::format("threads must not be negative, but is {}", options.threads));
        if (!options.penalty.empty()) penalty.emplace(options.model, options.penalty);
        program = make_program(options.model, names_of(data.outputs));
    }

    [[nodiscard]] UpdateProgram make_program(const Model& model, std::vector<std::string> outputs) const {
        IntegrationOptions integration{.method = options.method, .dt = data.dt, .outputs = std::move(outputs)};
        integration.parameters = names_of(open_parameters(model));
        integration.absolute_error = options.absolute_error;
        integration.relative_error = options.relative_error;
        integration.max_adaptive_steps = options.max_adaptive_steps;
        return integrate(model, integration);
    }

    [[nodiscard]] Ensemble make_ensemble(UpdateProgram used, std::map<std::string, TimeSeries> weights) const {
        EnsembleData ensemble_data{.n_traces = data.n_traces,
                                   .n_steps = data.n_steps,
                                   .inputs = data.inputs,
                                   .targets = data.targets,
                                   .weights = std::move(weights),
                                   .trace_steps = data.trace_steps};
        EnsembleOptions ensemble_options{.threads = options.threads, .kernel = options.kernel, .seed = options.seed};
        return {std::move(used), std::move(ensemble_data), ensemble_options};
    }

    // Metrics as given, with the usual ones where none are.
    [[nodiscard]] MetricChoice choose_metrics(const FitOptions& fit) const {
        MetricChoice metrics{.trace_metric = fit.metric, .spike_metric = {}, .by_output = fit.metrics};
        if (!metrics.trace_metric) metrics.trace_metric = mse();
        metrics.spike_metric = std::dynamic_pointer_cast<const SpikeMetric>(fit.metric);
        if (fit.metric && !metrics.spike_metric && data.outputs.empty()) {
            throw ConfigError(fmt::format("the metric \"{}\" compares traces, but only spikes are recorded",
                                          fit.metric->description()),
                              "use a metric of spike trains, such as the Gamma factor");
        }
        if (!metrics.spike_metric) metrics.spike_metric = gamma_factor({.delta = standard_spike_window});
        return metrics;
    }

    [[nodiscard]] Search begin(const FitOptions& fit, std::size_t planned_rounds) const {
        FitParameters parameters(options.model, fit.parameters);
        MetricChoice metrics = choose_metrics(fit);
        std::vector<Objective> objectives = make_objectives(data, metrics);
        for (const Objective& objective : objectives) {
            if (objective.online || !options.online_only) continue;
            throw ConfigError(
                fmt::format("the metric \"{}\" cannot be computed while simulating", objective.metric().description()),
                "use a TraceFitter for it");
        }
        OptimizerChoice choice = fit.optimizer ? *fit.optimizer : automatic();
        const std::size_t dimension = parameters.space().dimension();
        auto optimizer = choice({.dimension = dimension,
                                 .batch = options.n_samples,
                                 .rounds = planned_rounds,
                                 .seed = options.seed,
                                 .objectives = objectives.size()});
        if (!optimizer || optimizer->dimension() != dimension) {
            throw ConfigError(
                fmt::format("the optimizer \"{}\" does not search {} parameters", choice.description, dimension));
        }
        // A front needs no sum; a sum is still what `best` means if the errors have one unit.
        const bool front = choice.multi_objective && objectives.size() > 1;
        if (front && fit.polish.every > 0)
            throw ConfigError("a Pareto front cannot be polished: it has no best point", "leave polish out");
        const bool one_unit = std::ranges::all_of(objectives, [&](const Objective& objective) {
            return objective.normalized_dimension == objectives.front().normalized_dimension;
        });
        // A penalty is added to every error, so these need one unit too.
        const Dimension error_dimension =
            front && !one_unit && !penalty ? dimensions::none : summed_dimension(objectives);
        if (penalty && !(penalty->dimension() == error_dimension)) {
            throw UnitError(fmt::format("the penalty `{}` is in {}, but the error in {}", options.penalty,
                                        penalty->dimension().name(), error_dimension.name()),
                            "they are added, so they need the same unit");
        }
        UpdateProgram used = program;
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
                .ensemble = make_ensemble(std::move(used), std::move(weights)),
                .evaluations = Evaluations(std::move(names), std::move(objective_names)),
                .points = {},
                .history = {},
                .failures = {},
                .best = {},
                .unfinished = {},
                .polish = fit.polish,
                .polished = {}};
    }

    // Continuing with other settings would mix errors that cannot be compared.
    void require_same(const Search& current, const FitOptions& fit) const {
        const std::string hint = "leave it out to continue, or set restart to begin anew";
        if (!fit.parameters.empty() && !(FitParameters(options.model, fit.parameters) == current.parameters)) {
            throw ConfigError("the parameters and their bounds cannot change while a fit continues", hint);
        }
        if (fit.optimizer && fit.optimizer->description != current.choice.description) {
            throw ConfigError("the optimizer cannot change while a fit continues", hint);
        }
        if (fit.polish.every != 0 && !(fit.polish == current.polish))
            throw ConfigError("the polishing cannot change while a fit continues", hint);
        if (!fit.metric && fit.metrics.empty()) return;
        MetricChoice metrics = choose_metrics(fit);
        if (!fit.metric) {
            metrics.trace_metric = current.metrics.trace_metric;
            metrics.spike_metric = current.metrics.spike_metric;
        }
        if (fit.metrics.empty()) metrics.by_output = current.metrics.by_output;
        const auto same_metric = [](const Objective& a, const Objective& b) {
            return a.name == b.name && a.metric().description() == b.metric().description();
        };
        if (!std::ranges::equal(make_objectives(data, metrics), current.objectives, same_metric)) {
            throw ConfigError("the metric cannot change while a fit continues", hint);
        }
    }

    // -------------------------------------------------------------------------------------------------- one round

    // All parameters of the program for samples of the searched ones.
    [[nodiscard]] static Array2 program_parameters(const Search& current, const Array2& samples) {
        Array2 result(samples.rows, current.parameters.list().size());
        for (std::size_t s = 0; s < samples.rows; ++s) current.parameters.complete(samples.row(s), result.row(s));
        return result;
    }

    [[nodiscard]] static Array2 values_of(const Search& current, const Array2& points) {
        Array2 samples(points.rows, points.columns);
        for (std::size_t s = 0; s < points.rows; ++s) current.space().to_values(points.row(s), samples.row(s));
        return samples;
    }

    // Simulates, and gives the features of each objective (n_samples x n_traces).
    [[nodiscard]] std::vector<Array2> simulate(Search& current, const Array2& parameters, RunResult& result,
                                               const std::atomic<bool>* cancelled) const {
        std::vector<Array2> features(current.objectives.size());
        RunRequest request{.iteration = static_cast<double>(current.iteration),
                           .first_evaluation = current.evaluations.size(),
                           .final_states = penalty.has_value(),
                           .cancelled = cancelled};
        for (std::size_t k = 0; k < current.objectives.size(); ++k) {
            const Objective& objective = current.objectives[k];
            if (objective.online) continue;
            features[k] = Array2(parameters.rows, data.n_traces);
            (objective.spike_metric ? request.spikes : request.outputs) = true;
        }
        if (request.outputs || request.spikes) {
            request.observer = [&](const BlockView& block) {
                for (std::size_t k = 0; k < current.objectives.size(); ++k) {
                    const Objective& objective = current.objectives[k];
                    if (!objective.online) add_features(block, objective, data, features[k]);
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

    [[nodiscard]] double trace_factor(std::size_t trace) const {
        return data.trace_factors.empty() ? 1 : data.trace_factors[trace];
    }

    // Why a sample failed; empty if it did not.
    [[nodiscard]] std::string failure_of(const Search& current, std::size_t sample, const RunResult& result,
                                         const std::vector<Array2>& features, const Round& round) const {
        for (std::size_t r = 0; r < data.n_traces; ++r) {
            if (result.diverged[sample * data.n_traces + r] == 0 || trace_factor(r) == 0) continue;
            return fmt::format("a state or error became NaN or infinite in trace {}", r + 1);
        }
        for (std::size_t k = 0; k < features.size(); ++k) {
            for (std::size_t r = 0; r < data.n_traces; ++r) {
                if (std::isfinite(features[k](sample, r))) continue;
                return fmt::format("the error of `{}` in trace {} is NaN or infinite", current.objectives[k].name,
                                   r + 1);
            }
            if (!std::isfinite(round.objectives(sample, k)))
                return fmt::format("the error of `{}` is NaN or infinite", current.objectives[k].name);
        }
        if (!round.penalties.empty() && !std::isfinite(round.penalties[sample]))
            return fmt::format("the penalty `{}` is NaN or infinite", options.penalty);
        return std::isfinite(round.errors[sample]) ? "" : "the sum of the errors is NaN or infinite";
    }

    [[nodiscard]] Round evaluate_candidates(Search& current, const Array2& points,
                                            const std::atomic<bool>* cancelled) const {
        Round round;
        round.samples = values_of(current, points);
        const Array2 parameters = program_parameters(current, round.samples);
        RunResult result;
        std::vector<Array2> features = simulate(current, parameters, result, cancelled);
        for (std::size_t r = 0; r < data.n_traces && !data.trace_factors.empty(); ++r) {
            for (Array2& of_objective : features) {
                for (std::size_t s = 0; s < points.rows; ++s)
                    of_objective(s, r) = trace_factor(r) == 0 ? 0 : of_objective(s, r) * trace_factor(r);
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
        for (std::size_t s = 0; s < points.rows; ++s) {
            double sum = 0;
            for (const double error : round.objectives.row(s)) sum += error;
            round.errors.push_back(sum);
        }
        if (penalty) {
            const std::vector<std::string> states = names_of(current.ensemble.program().states);
            round.penalties = penalty->values(data, current.ensemble.program().parameters, parameters, states,
                                              result.final_states, static_cast<double>(current.iteration));
            for (std::size_t s = 0; s < points.rows; ++s) round.errors[s] += round.penalties[s];
        }
        for (std::size_t s = 0; s < points.rows; ++s) {
            std::string cause = failure_of(current, s, result, features, round);
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

    // Objectives of a best evaluation with their dimensions.
    static std::vector<ObjectiveError> objective_errors(const Search& current, std::span<const double> normalized) {
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

    [[nodiscard]] static std::vector<double> all_parameters(const Search& current, std::span<const double> searched) {
        std::vector<double> all(current.parameters.list().size());
        current.parameters.complete(searched, all);
        return all;
    }

    void note_best(Search& current, const Round& round) const {
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

    static void note_failures(Search& current, const Round& round) {
        for (const auto& [sample, cause] : round.failures) {
            const auto known = std::ranges::find(current.failures, cause, &FailureCause::what);
            if (known == current.failures.end()) {
                current.failures.push_back({cause, 1, current.evaluations.size() + sample});
            } else {
                ++known->count;
            }
        }
    }

    [[nodiscard]] bool keeps_objectives(const Search& current) const {
        return current.objectives.size() > 1 || penalty.has_value();
    }

    // Enters errors into the books and tells the optimiser.
    void enter(Search& current, const Candidates& candidates, const Array2& samples, std::span<const double> errors,
               const Array2& objectives) const {
        if (current.choice.multi_objective && current.objectives.size() > 1) {
            Array2 told = objectives;
            for (std::size_t s = 0; s < told.rows; ++s) {
                double rest = errors[s];  // the penalty, which is added to every objective
                for (const double error : objectives.row(s)) rest -= error;
                for (double& error : told.row(s)) error += penalty ? rest : std::isfinite(errors[s]) ? 0 : not_a_number;
            }
            current.optimizer->tell(candidates.ids, told);
        } else {
            current.optimizer->tell(candidates.ids, errors);
        }
        current.points.add(candidates.points.values);

        RoundRecord record{.best_error = not_a_number, .round_best_error = not_a_number};
        const bool details = keeps_objectives(current);
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

    // A polished point better than all before: enters the books and is told to the optimiser.
    void enter_polished(Search& current, const Polished& polished) const {
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

    // Refines the best if it is time. An interrupted attempt is made again when the fit continues.
    void polish_if_due(Search& current, const std::atomic<bool>* cancelled) {
        const std::size_t rounds = current.history.size();
        if (current.polish.every == 0 || !current.best || rounds == 0 || rounds % current.polish.every != 0 ||
            rounds == current.polished_at)
            return;
        if (!polisher) polisher.emplace(options, search_options, current.polish);
        const std::optional<Array2> point = polisher->polish(listed(current), cancelled);
        if (!point) return;
        const Round round = evaluate_candidates(current, *point, nullptr);
        current.polished_at = rounds;
        if (!(round.errors[0] < current.best->error)) return;
        enter_polished(current, {.after_rounds = rounds,
                                 .point = point->values,
                                 .error = round.errors[0],
                                 .objectives = {round.objectives.row(0).begin(), round.objectives.row(0).end()},
                                 .penalty = round.penalties.empty() ? 0 : round.penalties[0]});
    }

    // A round that is interrupted is evaluated again when the fit continues, so that nothing is lost and nothing differs.
    Round run_round(Search& current, const std::atomic<bool>* cancelled) const {
        if (!current.unfinished) current.unfinished = current.optimizer->ask(options.n_samples);
        Round round = evaluate_candidates(current, current.unfinished->points, cancelled);
        const Candidates candidates = *std::exchange(current.unfinished, std::nullopt);
        note_best(current, round);
        note_failures(current, round);
        enter(current, candidates, round.samples, round.errors, round.objectives);
        return round;
    }

    void fit(const FitOptions& given) {
        if (!search || given.restart) {
            search.emplace(begin(given, given.planned_rounds == 0 ? given.n_rounds : given.planned_rounds));
            keep_options(given);
            polisher.reset();
        } else {
            require_same(*search, given);
        }
        Search& current = *search;
        if (given.start_iteration) current.iteration = *given.start_iteration;
        current.stop_reason = StopReason::rounds_done;
        const auto start = Clock::now();
        // set up now, so that what cannot be polished is said before the work begins
        if (current.polish.every > 0 && !polisher) polisher.emplace(options, search_options, current.polish);
        polish_if_due(current, given.cancelled);
        CheckpointClock clock(given.checkpoint_seconds);
        for (std::size_t k = 0; k < given.n_rounds; ++k) {
            Round round;
            try {
                if (given.cancelled != nullptr && given.cancelled->load()) throw Interrupted("the fit was stopped");
                round = run_round(current, given.cancelled);
                polish_if_due(current, given.cancelled);
            } catch (const Interrupted&) {
                current.stop_reason = StopReason::cancelled;
                break;
            }
            current.seconds = seconds_since(start);
            if (!given.checkpoint.empty() && clock.due()) {
                const auto began = Clock::now();
                write_checkpoint(current, given.checkpoint);
                clock.written(began);
            }
            if (!given.callback) continue;
            const double per_round = current.seconds / static_cast<double>(k + 1);
            const std::vector<FittedParameter> parameters = listed(current);
            const RoundReport report{.round = k,
                                     .n_rounds = given.n_rounds,
                                     .iteration = current.iteration - 1,
                                     .parameters = parameters,
                                     .samples = round.samples,
                                     .errors = round.errors,
                                     .best = current.best,
                                     .error_dimension = current.error_dimension,
                                     .n_evaluations = current.evaluations.size(),
                                     .n_failed = current.n_failed,
                                     .elapsed_seconds = current.seconds,
                                     .remaining_seconds = per_round * static_cast<double>(given.n_rounds - k - 1)};
            if (given.callback(report) == CallbackAction::stop) {
                current.stop_reason = StopReason::callback;
                break;
            }
        }
        if (!given.checkpoint.empty()) write_checkpoint(current, given.checkpoint);
        current.seconds = seconds_since(start);
    }

    // ------------------------------------------------------------------------------------------------- checkpoints

    [[nodiscard]] ProblemIdentity identity(const Search& current) const {
        Checksum program_sum;
        program_sum.add(to_string(current.ensemble.program()));
        Checksum data_sum;
        const auto add_series = [&](const std::map<std::string, TimeSeries>& all) {
            for (const auto& [name, series] : all) {
                data_sum.add(name);
                data_sum.add(series.dt);
                data_sum.add(series.values.values);
                data_sum.add(series.trace_dt);
                for (const std::size_t n : series.trace_samples) data_sum.add(std::uint64_t{n});
            }
        };
        add_series(data.inputs);
        add_series(data.targets);
        if (data.spikes) {
            for (const auto& train : *data.spikes) data_sum.add(train);
        }
        for (const std::size_t steps : data.trace_steps) data_sum.add(std::uint64_t{steps});
        data_sum.add(data.trace_factors);

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
                 {"seed", fmt::format("{}", options.seed)},
                 {"number of samples per round", fmt::format("{}", options.n_samples)},
                 {"precision", options.kernel.precision == Precision::single_precision ? "single" : "double"},
                 {"penalty", options.penalty.empty() ? "none" : options.penalty},
                 {"interval of polishing", fmt::format("{}", current.polish.every)},
                 {"checksum of the model", fmt::format("{:016x}", program_sum.value())},
                 {"checksum of the data", fmt::format("{:016x}", data_sum.value())}}};
    }

    void write_checkpoint(const Search& current, const std::filesystem::path& path) const {
        Checkpoint checkpoint{.problem = identity(current),
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
            if (keeps_objectives(current)) round.objectives = Array2(end - next, current.objectives.size());
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

    std::size_t resume(const std::filesystem::path& path, const FitOptions& given) {
        const Checkpoint checkpoint = parse_checkpoint(read_file(path));
        Search fresh = begin(given, checkpoint.planned_rounds);
        require_same_problem(checkpoint.problem, identity(fresh));
        const auto damaged = [] {
            throw DataError("the checkpoint contradicts itself", "it must be the unchanged file that a fit wrote");
        };
        for (const Checkpoint::Round& round : checkpoint.rounds) {
            const bool details = keeps_objectives(fresh);
            if (round.errors.size() != options.n_samples ||
                round.objectives.columns != (details ? fresh.objectives.size() : 0)) {
                damaged();
            }
            Array2 objectives = round.objectives;
            if (!details) {
                objectives = Array2(round.errors.size(), 1);
                std::ranges::copy(round.errors, objectives.values.begin());
            }
            const Candidates candidates = fresh.optimizer->ask(options.n_samples);
            enter(fresh, candidates, values_of(fresh, candidates.points), round.errors, objectives);
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
        search.emplace(std::move(fresh));
        keep_options(given);
        polisher.reset();
        return search->history.size();
    }

    // ------------------------------------------------------------------------------------------- for other searches

    void keep_options(const FitOptions& given) {
        search_options = {.parameters = given.parameters, .metric = given.metric, .metrics = given.metrics};
    }

    const Search& require_search() const {
        if (search) return *search;
        throw ConfigError("the parameters and their bounds are not known yet",
                          "fit first; with n_rounds = 0 a fit only sets up");
    }

    [[nodiscard]] std::vector<double> errors(const Array2& points, const std::atomic<bool>* cancelled) {
        static_cast<void>(require_search());
        return evaluate_candidates(*search, points, cancelled).errors;
    }

    [[nodiscard]] FitSetup setup() const {
        const Search& current = require_search();
        Ensemble plain = make_ensemble(program, {});
        return {.parameters = current.parameters,
                .objectives = current.objectives,
                .program = program,
                .data = plain.data(),
                .ensemble = plain.options(),
                .trace_factors = data.trace_factors,
                .error_dimension = current.error_dimension,
                .multi_objective = current.choice.multi_objective && current.objectives.size() > 1};
    }

    // ------------------------------------------------------------------------------------------------------ results

    [[nodiscard]] static std::vector<FittedParameter> listed(const Search& current) {
        return current.best ? current.parameters.with_values(current.best->parameters) : current.parameters.list();
    }

    [[nodiscard]] FitResult result() const {
        FitResult result{.error_dimension = {}, .method = program.method, .seed = options.seed};
        if (!search) return result;
        result.parameters = listed(*search);
        result.best = search->best;
        result.error_dimension = search->error_dimension;
        result.n_rounds = search->history.size();
        result.n_evaluations = search->evaluations.size();
        result.n_failed = search->n_failed;
        result.failures = search->failures;
        std::ranges::sort(result.failures, [](const FailureCause& a, const FailureCause& b) {
            return a.count > b.count || (a.count == b.count && a.evaluation < b.evaluation);
        });
        result.history = search->history;
        result.stop_reason = search->stop_reason;
        result.optimizer = search->choice.description;
        for (const Objective& objective : search->objectives) {
            result.outputs.push_back(objective.name);
            result.metrics.push_back(objective.metric().description());
        }
        if (search->choice.multi_objective && search->objectives.size() > 1) {
            for (const std::size_t i : pareto_front(search->evaluations)) {
                const auto objectives = search->evaluations.objective_errors(i);
                result.pareto_front.push_back({i,
                                               all_parameters(*search, search->evaluations.parameter_values(i)),
                                               {objectives.begin(), objectives.end()}});
            }
        }
        result.seconds = search->seconds;
        result.compile_seconds = search->ensemble.compile_seconds();
        return result;
    }

    // -------------------------------------------------------------------------------------------------- generating

    // The parameters of a generated trace: given, else best or fixed.
    [[nodiscard]] Array2 generated_parameters(const std::map<std::string, double>& given) const {
        const std::vector<std::string>& names = program.parameters;
        for (const auto& [name, value] : given) {
            if (std::ranges::find(names, name) == names.end()) {
                throw ConfigError(fmt::format("the model has no parameter `{}` to set", name),
                                  has_initial_value(options.model, name) ? "give it among the initial values"
                                                                         : did_you_mean(name, names));
            }
            if (!std::isfinite(value)) throw ConfigError(fmt::format("the value of `{}` is not finite", name));
        }
        Array2 values(1, names.size());
        for (std::size_t j = 0; j < names.size(); ++j) {
            if (const auto own = given.find(names[j]); own != given.end()) {
                values(0, j) = own->second;
            } else if (!search) {
                throw NumericalError(fmt::format("the parameter `{}` has no value", names[j]),
                                     "give it one, or fit first");
            } else if (search->best) {
                values(0, j) = search->best->parameters[j];
            } else if (search->parameters.list()[j].fixed) {
                values(0, j) = search->parameters.list()[j].value;
            } else if (search->parameters.list()[j].tied.empty()) {
                throw NumericalError(no_best_message(search->evaluations.size()), "give all parameters a value");
            }
        }
        if (search)
            search->parameters.follow(values.row(0), [&](const std::string& name) { return given.contains(name); });
        return values;
    }

    [[nodiscard]] Model with_initial_values(const std::map<std::string, double>& given) const {
        Model model = options.model;
        for (const auto& [name, value] : given) {
            const auto variable = model.find(name);
            const bool state = variable && variable->kind == Model::Variable::Kind::state;
            if (!state && !has_initial_value(model, name)) {
                std::vector<std::string> names = names_of(model.states);
                for (const std::string& known : names_of(model.initial_values)) names.push_back(known);
                throw ConfigError(fmt::format("`{}` has no initial value to set", name), did_you_mean(name, names));
            }
            if (!std::isfinite(value)) throw ConfigError(fmt::format("the initial value of `{}` is not finite", name));
            std::erase_if(model.initial_values, [&name](const InitialValue& old) { return old.name == name; });
            model.initial_values.insert(model.initial_values.begin(), {name, Expression(value)});
        }
        return model;
    }

    Generated generate(const GenerateOptions& given) {
        const Array2 parameters = generated_parameters(given.parameters);
        const std::vector<std::string> outputs = given.outputs.empty() ? names_of(data.outputs) : given.outputs;
        if (!generator || generator->outputs != outputs || generator->initial_values != given.initial_values) {
            UpdateProgram used = make_program(with_initial_values(given.initial_values), outputs);
            generator.emplace(Generator{outputs, given.initial_values, make_ensemble(std::move(used), {})});
        }
        Ensemble& ensemble = generator->ensemble;
        RunRequest request{
            .iteration = given.iteration, .outputs = !outputs.empty(), .spikes = options.model.threshold.has_value()};
        if (given.parameters.empty() && search && search->best) request.first_evaluation = search->best->evaluation;
        EnsembleRecord recorded = record(ensemble, parameters, request);

        Generated result{.dt = data.dt,
                         .trace_steps = data.trace_steps,
                         .outputs = {},
                         .spikes = std::vector<std::vector<double>>(data.n_traces)};
        for (std::size_t k = 0; k < outputs.size(); ++k) {
            result.outputs.push_back(
                {outputs[k], ensemble.program().outputs[k].dimension, std::move(recorded.values[k])});
        }
        for (std::size_t r = 0; request.spikes && r < data.n_traces; ++r) result.spikes[r] = recorded.spike_times(0, r);
        return result;
    }
};

const Array2& Generated::operator[](std::string_view output) const {
    const auto found = std::ranges::find(outputs, output, &Output::name);
    if (found != outputs.end()) return found->values;
    const std::vector<std::string> names = names_of(outputs);
    throw ConfigError(fmt::format("`{}` was not generated", output), did_you_mean(output, names));
}

Fitter::Fitter(FitterOptions options) : implementation_(std::make_unique<Implementation>(std::move(options))) {}
Fitter::Fitter(Fitter&&) noexcept = default;
Fitter& Fitter::operator=(Fitter&&) noexcept = default;
Fitter::~Fitter() = default;

FitResult Fitter::fit(const FitOptions& options) {
    implementation_->fit(options);
    return implementation_->result();
}

FitResult Fitter::result() const {
    return implementation_->result();
}

const Evaluations& Fitter::evaluations() const {
    return implementation_->search ? implementation_->search->evaluations : implementation_->no_evaluations;
}

Generated Fitter::generate(const GenerateOptions& options) {
    return implementation_->generate(options);
}

std::vector<double> Fitter::errors(const Array2& points, const std::atomic<bool>* cancelled) {
    return implementation_->errors(points, cancelled);
}

const FitterOptions& Fitter::options() const {
    return implementation_->options;
}

bool Fitter::has_search() const {
    return implementation_->search.has_value();
}

const FitOptions& Fitter::search_options() const {
    static_cast<void>(implementation_->require_search());
    return implementation_->search_options;
}

FitSetup Fitter::setup() const {
    return implementation_->setup();
}

const UpdateProgram& Fitter::program() const {
    return implementation_->search ? implementation_->search->ensemble.program() : implementation_->program;
}

const TraceData& Fitter::data() const {
    return implementation_->data;
}

std::size_t Fitter::resume(const std::filesystem::path& checkpoint, const FitOptions& options) {
    return implementation_->resume(checkpoint, options);
}

}  // namespace spikesmith
