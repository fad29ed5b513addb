#include "spikesmith/fit/trace_fitter.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/objective.hpp"
#include "spikesmith/fit/penalty.hpp"
#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {

namespace {

constexpr double bound_share = 1e-3;  // a value this near to a bound, in parts of the range, is at the bound
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

bool has_initial_value(const Model& model, const std::string& name) {
    return std::ranges::find(model.initial_values, name, &InitialValue::name) != model.initial_values.end();
}

// Parameters that a fit or the caller must give: those without an initial value in the model.
std::vector<Parameter> open_parameters(const Model& model) {
    std::vector<Parameter> result;
    for (const Parameter& parameter : model.parameters) {
        if (!has_initial_value(model, parameter.name)) result.push_back(parameter);
    }
    return result;
}

double value_of(const Quantity& quantity, const std::string& what, const Parameter& parameter) {
    const bool fits =
        quantity.dimension == parameter.dimension || (quantity.value == 0 && quantity.dimension.dimensionless());
    if (!fits) {
        throw UnitError(fmt::format("the {} of `{}` is in {}, but the parameter in {}", what, parameter.name,
                                    quantity.dimension.name(), parameter.dimension.name()));
    }
    return quantity.value;
}

FittedParameter resolve(const FitParameter& given, const Parameter& parameter) {
    FittedParameter result{.name = parameter.name, .dimension = parameter.dimension, .scale = given.scale};
    if (given.fixed) {
        result.value = value_of(*given.fixed, "fixed value", parameter);
        if (!std::isfinite(result.value))
            throw ConfigError(fmt::format("the fixed value of `{}` is not finite", parameter.name));
        result.low = result.high = result.value;
        result.fixed = true;
        return result;
    }
    if (parameter.type != ValueType::real) {
        throw ConfigError(fmt::format("`{}` is no real number, so it cannot be fitted", parameter.name),
                          "give it a fixed value");
    }
    result.low = value_of(given.low, "lower bound", parameter);
    result.high = value_of(given.high, "upper bound", parameter);
    result.value = not_a_number;
    return result;
}

// The parameters of the fit in the order of the model. Throws for names that are unknown, doubled or missing.
std::vector<FittedParameter> resolve_parameters(const Model& model, const std::vector<FitParameter>& given) {
    const std::vector<Parameter> open = open_parameters(model);
    const std::vector<std::string> names = names_of(open);
    for (auto fit = given.begin(); fit != given.end(); ++fit) {
        if (std::ranges::find(names, fit->name) == names.end()) {
            if (has_initial_value(model, fit->name)) {
                throw ConfigError(
                    fmt::format("`{}` has an initial value in the model, so it cannot be fitted or fixed", fit->name),
                    "remove its initial value");
            }
            std::string hint = did_you_mean(fit->name, names);
            if (hint.empty() && !names.empty())
                hint = fmt::format("the parameters of the model are `{}`", fmt::join(names, "`, `"));
            throw ConfigError(fmt::format("the model has no parameter `{}`", fit->name), hint);
        }
        if (std::find_if(given.begin(), fit, [&](const FitParameter& earlier) { return earlier.name == fit->name; }) !=
            fit) {
            throw ConfigError(fmt::format("the parameter `{}` is given twice", fit->name));
        }
    }
    std::vector<FittedParameter> result;
    for (const Parameter& parameter : open) {
        const auto fit = std::ranges::find(given, parameter.name, &FitParameter::name);
        if (fit == given.end()) {
            throw ConfigError(fmt::format("the parameter `{}` is neither fitted nor fixed", parameter.name),
                              "give it bounds or a fixed value");
        }
        result.push_back(resolve(*fit, parameter));
    }
    return result;
}

ParameterSpace search_space(const std::vector<FittedParameter>& parameters) {
    std::vector<ParameterRange> ranges;
    for (const FittedParameter& parameter : parameters) {
        if (!parameter.fixed) ranges.push_back({parameter.name, parameter.low, parameter.high, parameter.scale});
    }
    return ParameterSpace(std::move(ranges));
}

bool same(const FittedParameter& a, const FittedParameter& b) {
    return a.name == b.name && a.low == b.low && a.high == b.high && (a.fixed || a.scale == b.scale) &&
           a.fixed == b.fixed;
}

// Everything that `restart` forgets.
struct Search {
    std::vector<FittedParameter> parameters;
    ParameterSpace space;
    OptimizerChoice choice;
    std::unique_ptr<Optimizer> optimizer;
    MetricPointer metric;                          // as given, for all outputs
    std::map<std::string, MetricPointer> metrics;  // as given, per output
    std::vector<Objective> objectives;
    Dimension error_dimension;
    Ensemble ensemble;
    Evaluations evaluations;
    std::vector<RoundRecord> history;
    std::optional<BestFit> best;
    std::size_t n_failed = 0;
    std::size_t iteration = 0;             // of the next round
    std::optional<Candidates> unfinished;  // of a round that was interrupted
    StopReason stop_reason = StopReason::rounds_done;
    double seconds = 0;
};

// A round before it is entered into the books.
struct Round {
    Array2 samples;  // n_samples x fitted parameters, SI
    std::vector<double> errors;
    std::vector<double> penalties;                // empty without penalty
    std::vector<std::vector<double>> objectives;  // per output
};

}  // namespace

struct TraceFitter::Implementation {
    TraceFitterOptions options;
    TraceData data;
    std::optional<Penalty> penalty;
    UpdateProgram program;  // without online errors
    std::optional<Search> search;
    Evaluations no_evaluations;

    // The ensemble of the last generate.
    struct Generator {
        std::vector<std::string> outputs;
        std::map<std::string, double> initial_values;
        Ensemble ensemble;
    };
    std::optional<Generator> generator;

    // ------------------------------------------------------------------------------------------------------ set-up

    explicit Implementation(TraceFitterOptions given) : options(std::move(given)), data(check_trace_data(options)) {
        if (options.n_samples == 0) throw ConfigError("n_samples must be at least 1");
        if (options.threads < 0)
            throw ConfigError(fmt::format("threads must not be negative, but is {}", options.threads));
        if (!options.penalty.empty()) penalty.emplace(options.model, options.penalty);
        program = make_program(options.model, recorded_names());
    }

    [[nodiscard]] std::vector<std::string> recorded_names() const { return names_of(data.outputs); }

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
                                   .weights = std::move(weights)};
        EnsembleOptions ensemble_options{.threads = options.threads, .kernel = options.kernel, .seed = options.seed};
        return {std::move(used), std::move(ensemble_data), ensemble_options};
    }

    [[nodiscard]] Search begin(const FitOptions& fit) const {
        std::vector<FittedParameter> parameters = resolve_parameters(options.model, fit.parameters);
        ParameterSpace space = search_space(parameters);
        OptimizerChoice choice = fit.optimizer ? *fit.optimizer : differential_evolution();
        auto optimizer = choice(
            {.dimension = space.dimension(), .batch = options.n_samples, .rounds = fit.n_rounds, .seed = options.seed});
        if (!optimizer || optimizer->dimension() != space.dimension()) {
            throw ConfigError(fmt::format("the optimizer \"{}\" does not search {} parameters", choice.description,
                                          space.dimension()));
        }
        const MetricPointer metric = fit.metric ? fit.metric : mse();
        std::vector<Objective> objectives = make_objectives(data, metric, fit.metrics);
        const Dimension error_dimension = objectives.front().normalized_dimension;
        if (penalty && !(penalty->dimension() == error_dimension)) {
            throw UnitError(fmt::format("the penalty `{}` is in {}, but the error in {}", options.penalty,
                                        penalty->dimension().name(), error_dimension.name()),
                            "they are added, so they need the same unit");
        }
        UpdateProgram used = program;
        std::map<std::string, TimeSeries> weights;
        for (const Objective& objective : objectives) {
            if (!objective.online()) continue;
            add_online_error(used, objective.output);
            TimeSeries series{.dt = data.dt, .values = Array2(1, data.n_steps)};
            series.values.values = objective.step_weights;
            weights.emplace(objective.output, std::move(series));
        }
        std::vector<std::string> names = names_of(space.ranges());
        return {.parameters = std::move(parameters),
                .space = std::move(space),
                .choice = std::move(choice),
                .optimizer = std::move(optimizer),
                .metric = metric,
                .metrics = fit.metrics,
                .objectives = std::move(objectives),
                .error_dimension = error_dimension,
                .ensemble = make_ensemble(std::move(used), std::move(weights)),
                .evaluations = Evaluations(std::move(names), recorded_names()),
                .history = {},
                .best = {},
                .unfinished = {}};
    }

    // Continuing with other settings would mix errors that cannot be compared.
    void require_same(const Search& current, const FitOptions& fit) const {
        const std::string hint = "leave it out to continue, or set restart to begin anew";
        if (!fit.parameters.empty()) {
            const auto parameters = resolve_parameters(options.model, fit.parameters);
            if (!std::ranges::equal(parameters, current.parameters, same)) {
                throw ConfigError("the parameters and their bounds cannot change while a fit continues", hint);
            }
        }
        if (fit.optimizer && fit.optimizer->description != current.choice.description) {
            throw ConfigError("the optimizer cannot change while a fit continues", hint);
        }
        if (!fit.metric && fit.metrics.empty()) return;
        const auto objectives = make_objectives(data, fit.metric ? fit.metric : current.metric,
                                                fit.metrics.empty() ? current.metrics : fit.metrics);
        const auto same_metric = [](const Objective& a, const Objective& b) {
            return a.metric == b.metric || a.metric->description() == b.metric->description();
        };
        if (!std::ranges::equal(objectives, current.objectives, same_metric)) {
            throw ConfigError("the metric cannot change while a fit continues", hint);
        }
    }

    // -------------------------------------------------------------------------------------------------- one round

    // All parameters of the program for samples of the fitted ones.
    [[nodiscard]] static Array2 program_parameters(const Search& current, const Array2& samples) {
        Array2 result(samples.rows, current.parameters.size());
        for (std::size_t s = 0; s < samples.rows; ++s) {
            std::size_t fitted = 0;
            for (std::size_t j = 0; j < current.parameters.size(); ++j) {
                const FittedParameter& parameter = current.parameters[j];
                result(s, j) = parameter.fixed ? parameter.low : samples(s, fitted++);
            }
        }
        return result;
    }

    [[nodiscard]] Round evaluate_candidates(Search& current, const Array2& points,
                                            const std::atomic<bool>* cancelled) const {
        Round round;
        round.samples = Array2(points.rows, points.columns);
        for (std::size_t s = 0; s < points.rows; ++s) current.space.to_values(points.row(s), round.samples.row(s));
        const Array2 parameters = program_parameters(current, round.samples);

        std::vector<Array2> features(current.objectives.size());
        RunRequest request{.iteration = static_cast<double>(current.iteration),
                           .first_evaluation = current.evaluations.size(),
                           .final_states = penalty.has_value(),
                           .cancelled = cancelled};
        for (std::size_t k = 0; k < current.objectives.size(); ++k) {
            if (current.objectives[k].online()) continue;
            features[k] = Array2(points.rows, data.n_traces);
            request.outputs = true;
        }
        if (request.outputs) {
            request.observer = [&](const BlockView& block) {
                for (std::size_t k = 0; k < current.objectives.size(); ++k) {
                    const Objective& objective = current.objectives[k];
                    if (!objective.online()) add_features(block, k, data.outputs[k], *objective.metric, features[k]);
                }
            };
        }
        RunResult result = current.ensemble.run(parameters, request);

        std::size_t online = 0;
        for (std::size_t k = 0; k < current.objectives.size(); ++k) {
            const Objective& objective = current.objectives[k];
            if (objective.online()) features[k] = std::move(result.online_errors[online++]);
            round.objectives.push_back(objective.metric->errors(features[k]));
            if (round.objectives.back().size() != points.rows) {
                throw ConfigError(fmt::format("the metric \"{}\" gave {} errors for {} samples",
                                              objective.metric->description(), round.objectives.back().size(),
                                              points.rows));
            }
        }
        round.errors = round.objectives.front();
        for (std::size_t k = 1; k < round.objectives.size(); ++k) {
            for (std::size_t s = 0; s < points.rows; ++s) round.errors[s] += round.objectives[k][s];
        }
        if (penalty) {
            const std::vector<std::string> states = names_of(current.ensemble.program().states);
            round.penalties = penalty->values(data, current.ensemble.program().parameters, parameters, states,
                                              result.final_states, static_cast<double>(current.iteration));
            for (std::size_t s = 0; s < points.rows; ++s) round.errors[s] += round.penalties[s];
        }
        return round;
    }

    void note_best(Search& current, const Round& round) const {
        for (std::size_t s = 0; s < round.errors.size(); ++s) {
            const double error = round.errors[s];
            if (!std::isfinite(error) || (current.best && current.best->error <= error)) continue;
            BestFit best{.error = error, .evaluation = current.evaluations.size() + s};
            best.penalty = round.penalties.empty() ? 0 : round.penalties[s];
            for (std::size_t k = 0; k < current.objectives.size(); ++k) {
                const Objective& objective = current.objectives[k];
                const double normalized = round.objectives[k][s];
                best.objectives.push_back({.output = objective.output,
                                           .raw = objective.metric->unnormalized(normalized),
                                           .normalized = normalized,
                                           .raw_dimension = objective.raw_dimension,
                                           .normalized_dimension = objective.normalized_dimension});
            }
            std::size_t fitted = 0;
            for (FittedParameter& parameter : current.parameters) {
                if (!parameter.fixed) {
                    parameter.value = round.samples(s, fitted);
                    const double coordinate = current.space.to_coordinate(fitted, parameter.value);
                    parameter.at_bound = coordinate <= bound_share || coordinate >= 1 - bound_share;
                    ++fitted;
                }
                best.parameters.push_back(parameter.value);
            }
            current.best = std::move(best);
        }
    }

    void enter(Search& current, const Round& round) const {
        note_best(current, round);
        RoundRecord record{.best_error = current.best ? current.best->error : not_a_number,
                           .round_best_error = not_a_number};
        const bool details = current.objectives.size() > 1 || penalty.has_value();
        const std::size_t d = current.space.dimension();
        Array2 rows(round.errors.size(), d + 1 + (details ? current.objectives.size() : 0));
        for (std::size_t s = 0; s < round.errors.size(); ++s) {
            const double error = round.errors[s];
            if (!std::isfinite(error)) {
                ++record.n_failed;
            } else if (!(record.round_best_error <= error)) {
                record.round_best_error = error;
            }
            std::ranges::copy(round.samples.row(s), rows.row(s).begin());
            rows(s, d) = error;
            for (std::size_t k = 0; details && k < current.objectives.size(); ++k)
                rows(s, d + 1 + k) = round.objectives[k][s];
        }
        current.evaluations.append(std::move(rows));
        current.n_failed += record.n_failed;
        current.history.push_back(record);
        ++current.iteration;
    }

    // A round that is interrupted is evaluated again when the fit continues, so that nothing is lost and nothing differs.
    Round run_round(Search& current, const std::atomic<bool>* cancelled) const {
        if (!current.unfinished) current.unfinished = current.optimizer->ask(options.n_samples);
        Round round = evaluate_candidates(current, current.unfinished->points, cancelled);
        const Candidates candidates = *std::exchange(current.unfinished, std::nullopt);
        current.optimizer->tell(candidates.ids, round.errors);
        enter(current, round);
        return round;
    }

    void fit(const FitOptions& given) {
        if (!search || given.restart) {
            search.emplace(begin(given));
        } else {
            require_same(*search, given);
        }
        Search& current = *search;
        if (given.start_iteration) current.iteration = *given.start_iteration;
        current.stop_reason = StopReason::rounds_done;
        const auto start = Clock::now();
        for (std::size_t k = 0; k < given.n_rounds; ++k) {
            Round round;
            try {
                if (given.cancelled != nullptr && given.cancelled->load()) throw Interrupted("the fit was stopped");
                round = run_round(current, given.cancelled);
            } catch (const Interrupted&) {
                current.stop_reason = StopReason::cancelled;
                break;
            }
            current.seconds = seconds_since(start);
            if (!given.callback) continue;
            const double per_round = current.seconds / static_cast<double>(k + 1);
            const RoundReport report{.round = k,
                                     .n_rounds = given.n_rounds,
                                     .iteration = current.iteration - 1,
                                     .parameters = current.parameters,
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
        current.seconds = seconds_since(start);
    }

    [[nodiscard]] FitResult result() const {
        FitResult result{
            .error_dimension = {}, .method = program.method, .outputs = recorded_names(), .seed = options.seed};
        if (!search) return result;
        result.parameters = search->parameters;
        result.best = search->best;
        result.error_dimension = search->error_dimension;
        result.n_rounds = search->history.size();
        result.n_evaluations = search->evaluations.size();
        result.n_failed = search->n_failed;
        result.history = search->history;
        result.stop_reason = search->stop_reason;
        result.optimizer = search->choice.description;
        for (const Objective& objective : search->objectives) result.metrics.push_back(objective.metric->description());
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
            } else if (!search->best && !search->parameters[j].fixed) {
                throw NumericalError(no_best_message(search->evaluations.size()), "give all parameters a value");
            } else {
                values(0, j) = search->parameters[j].value;
            }
        }
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
        const std::vector<std::string> outputs = given.outputs.empty() ? recorded_names() : given.outputs;
        if (!generator || generator->outputs != outputs || generator->initial_values != given.initial_values) {
            UpdateProgram used = make_program(with_initial_values(given.initial_values), outputs);
            generator.emplace(Generator{outputs, given.initial_values, make_ensemble(std::move(used), {})});
        }
        Ensemble& ensemble = generator->ensemble;
        RunRequest request{
            .iteration = given.iteration, .outputs = true, .spikes = options.model.threshold.has_value()};
        if (given.parameters.empty() && search && search->best) request.first_evaluation = search->best->evaluation;
        EnsembleRecord recorded = record(ensemble, parameters, request);

        Generated result{.dt = data.dt, .outputs = {}, .spikes = std::vector<std::vector<double>>(data.n_traces)};
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

TraceFitter::TraceFitter(TraceFitterOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(options))) {}
TraceFitter::TraceFitter(TraceFitter&&) noexcept = default;
TraceFitter& TraceFitter::operator=(TraceFitter&&) noexcept = default;
TraceFitter::~TraceFitter() = default;

FitResult TraceFitter::fit(const FitOptions& options) {
    implementation_->fit(options);
    return implementation_->result();
}

FitResult TraceFitter::result() const {
    return implementation_->result();
}

const Evaluations& TraceFitter::evaluations() const {
    return implementation_->search ? implementation_->search->evaluations : implementation_->no_evaluations;
}

Generated TraceFitter::generate(const GenerateOptions& options) {
    return implementation_->generate(options);
}

const UpdateProgram& TraceFitter::program() const {
    return implementation_->search ? implementation_->search->ensemble.program() : implementation_->program;
}

std::size_t TraceFitter::n_traces() const {
    return implementation_->data.n_traces;
}
std::size_t TraceFitter::n_steps() const {
    return implementation_->data.n_steps;
}
double TraceFitter::dt() const {
    return implementation_->data.dt;
}

}  // namespace spikesmith
