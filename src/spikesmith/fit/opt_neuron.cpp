#include "spikesmith/fit/opt_neuron.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/opt_candidates.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/pareto.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Repetitions beyond those of the evaluations, so that their noise is its own.
constexpr std::uint64_t best_repetition = std::uint64_t{1} << 32;
constexpr std::uint64_t target_repetition = std::uint64_t{1} << 33;

constexpr std::size_t most_candidates = 1'000'000;  // of a generation

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

OptNeuronOptions checked(OptNeuronOptions options) {
    if (!options.experiment)
        throw ConfigError("there is no experiment", "give a function that takes a Simulation and returns its results");
    if (!options.loss) throw ConfigError("there is no loss", "for example rmse_loss(\"v\")");
    if (options.target && options.target_model)
        throw ConfigError("both a target and a target model are given", "give one of them");
    if (options.repetitions == 0) throw ConfigError("the number of repetitions must be at least 1");
    if (options.target_repetitions == 0)
        throw ConfigError("the number of repetitions of the target must be at least 1");
    if (options.threads < 0) throw ConfigError(fmt::format("threads must not be negative, but is {}", options.threads));
    for (const double weight : options.loss_weights) {
        if (!(weight >= 0) || !std::isfinite(weight))
            throw ConfigError(fmt::format("the weight of a loss must not be negative, but is {:g}", weight));
    }
    return options;
}

// What the user should know of the names: not wrong, but often a slip.
std::vector<std::string> name_warnings(const Model& model, const OptVariables& variables) {
    std::set<std::string> attributes;
    for (const Parameter& parameter : model.parameters) attributes.insert(parameter.name);
    for (const State& state : model.states) attributes.insert(state.name);
    std::vector<std::string> outside;
    for (const OptVariable& entry : variables.given()) {
        if (attributes.erase(entry.name) == 0) outside.push_back(entry.name);
    }
    std::vector<std::string> warnings;
    if (!attributes.empty())
        warnings.push_back(
            fmt::format("attributes of the model that are not among the variables: {}", fmt::join(attributes, ", ")));
    if (!outside.empty())
        warnings.push_back(fmt::format("variables that are no attributes of the model, used in expressions only: {}",
                                       fmt::join(outside, ", ")));
    return warnings;
}

// One search, as long as runs continue it.
struct Search {
    std::string key;  // method and options as they were given
    std::string description;
    std::unique_ptr<Optimizer> optimizer;
    std::size_t population = 0;
    std::size_t n_objectives = 1;
    std::optional<Candidates> unfinished;  // of a generation that was interrupted
    bool guessed = false;                  // the guesses have been evaluated
};

}  // namespace

struct OptNeuron::Implementation {
    OptNeuronOptions options;
    OptVariables variables;
    OptCandidates candidates;
    SimulationRecord target;
    std::vector<std::string> warnings;
    double target_compile_seconds = 0;

    std::optional<Search> search;
    std::vector<OptEvaluation> history;
    std::vector<OptGeneration> logbook;
    std::size_t best = 0;  // in the history, if best_loss is finite
    double best_loss = infinity;
    std::size_t n_failed = 0;
    double seconds = 0;  // of former runs

    explicit Implementation(OptNeuronOptions given)
        : options(checked(std::move(given))),
          variables(options.variables, options.allow_outside_bounds),
          candidates(options, variables),
          warnings(name_warnings(options.model, variables)) {
        make_target();
        dry_run();
    }

    void make_target() {
        if (options.target) {
            target = *options.target;
            if (target.n_candidates != 1)
                throw ConfigError(fmt::format("the target has {} candidates", target.n_candidates),
                                  "a target is the record of one neuron");
        }
        if (!options.target_model) return;
        Simulation simulation(*options.target_model, simulation_options(options, 1, nullptr));
        for (std::size_t k = 0; k < options.target_repetitions; ++k) {
            simulation.restart(0, target_repetition + k, options.noise);
            simulation.store();
            SimulationRecord record = options.experiment(simulation);
            if (k == 0) {
                target = std::move(record);
            } else {
                std::ranges::move(record.chunks, std::back_inserter(target.chunks));
            }
        }
        target_compile_seconds = simulation.compile_seconds();
    }

    // Two candidates: one with the first bounds of all variables, one in the middle.
    void dry_run() {
        const std::size_t n = variables.fitted().size();
        Array2 two(2, n);
        std::size_t j = 0;
        for (const OptVariable& entry : options.variables) {
            if (!entry.bounds) continue;
            two(0, j) = entry.bounds->first;
            two(1, j) = variables.space().to_value(j, 0.5);
            ++j;
        }
        const SimulationRecord first = candidates.record(two, 0);
        if (!options.record.empty() && first.chunks.empty()) {
            throw ConfigError("the experiment recorded nothing",
                              "it must call start_recording before it runs, and return the results of the simulation");
        }
        const std::string repeated = difference_of(first, candidates.record(two, 0), true);
        if (!repeated.empty()) {
            throw ConfigError(fmt::format("the experiment gives something else the second time: {}", repeated),
                              "it must not keep anything between its runs, and draw random numbers from fixed seeds");
        }
        Array2 one(1, n);
        std::ranges::copy(two.row(1), one.values.begin());
        const std::string alone = difference_of(first.candidate(1), candidates.record(one, 1), false);
        if (!alone.empty()) {
            throw ConfigError(fmt::format("a candidate gives something else alone than among others: {}", alone),
                              "the experiment must treat every candidate the same, however many there are");
        }
        check_losses(first);
    }

    void check_losses(const SimulationRecord& record) {
        const auto losses = candidates.losses(record, record.n_candidates, target);
        const std::size_t n_parts = losses[0].size();
        if (losses[1].size() != n_parts) {
            throw ConfigError(
                fmt::format("the loss gives {} values for one candidate and {} for another", n_parts, losses[1].size()),
                "it must give the same number for every candidate");
        }
        if (!options.loss_weights.empty() && options.loss_weights.size() != n_parts) {
            throw ConfigError(fmt::format("the loss gives {} values, but there are {} weights", n_parts,
                                          options.loss_weights.size()));
        }
        candidates.set_parts(n_parts);
        const auto again = candidates.losses(record, record.n_candidates, target);
        const auto equal = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
        for (std::size_t c = 0; c < losses.size(); ++c) {
            if (!std::ranges::equal(losses[c], again[c], equal)) {
                warnings.emplace_back(
                    "the loss gives another value for the same record: the fit cannot be repeated exactly");
                return;
            }
        }
    }

    // --- run --------------------------------------------------------------------------------------------------------

    static std::string key_of(const OptNeuronRunOptions& run) {
        if (run.optimizer) return run.optimizer->description;
        std::string key = run.method;
        for (const auto& [option, value] : run.optimizer_options) key += fmt::format("\n{}={}", option, value);
        return key;
    }

    // Known solutions say where CMA-ES begins, and how wide: as far as they are apart.
    [[nodiscard]] OptimizerChoice choice_of(const OptNeuronRunOptions& run) const {
        if (run.optimizer) return *run.optimizer;
        const bool starts_somewhere = run.method == "cma_es" || run.method == "CMA" || run.method == "deap";
        if (run.source_solutions.empty() || !starts_somewhere)
            return opt_neuron_method(run.method, run.optimizer_options);
        const Array2 points = points_of(run.source_solutions);
        const auto n = static_cast<double>(points.rows);
        std::vector<double> mean(points.columns, 0);
        double squares = 0;
        for (std::size_t j = 0; j < points.columns; ++j) {
            for (std::size_t r = 0; r < points.rows; ++r) mean[j] += points(r, j) / n;
            for (std::size_t r = 0; r < points.rows; ++r)
                squares += (points(r, j) - mean[j]) * (points(r, j) - mean[j]);
        }
        const double spread = std::sqrt(squares / (n * static_cast<double>(points.columns)));
        return warm_cma_es(run.method, run.optimizer_options, std::move(mean), std::clamp(spread, 0.02, 0.25));
    }

    void begin(const OptNeuronRunOptions& run, const OptimizerChoice& choice) {
        const bool front = choice.multi_objective && candidates.n_parts() > 1;
        const std::size_t planned = run.planned_evaluations != 0 ? run.planned_evaluations : run.max_evaluations;
        const std::size_t dimension = variables.fitted().size();
        std::size_t population = run.population;
        if (population == 0) {
            const std::unique_ptr<Optimizer> probe = choice({.dimension = dimension, .batch = 8, .seed = options.seed});
            population = generation_size(probe ? probe->name() : "", planned);
        }
        Search next{.key = key_of(run),
                    .description = choice.description,
                    .optimizer = choice({.dimension = dimension,
                                         .batch = population,
                                         .rounds = (planned + population - 1) / population,
                                         .seed = options.seed,
                                         .objectives = front ? candidates.n_parts() : 1}),
                    .population = population,
                    .n_objectives = front ? candidates.n_parts() : 1,
                    .unfinished = {}};
        if (!next.optimizer || next.optimizer->dimension() != dimension) {
            throw ConfigError(
                fmt::format("the optimizer \"{}\" does not search {} variables", choice.description, dimension));
        }
        search.emplace(std::move(next));
        // what another method has found
        std::vector<OptEvaluation> known;
        std::ranges::copy_if(history, std::back_inserter(known),
                             [](const OptEvaluation& e) { return std::isfinite(e.loss); });
        std::ranges::sort(known, [](const auto& a, const auto& b) {
            return a.loss != b.loss ? a.loss < b.loss : a.variables < b.variables;
        });
        known.resize(std::min(known.size(), population));
        tell_foreign(known);
    }

    // Points of the unit cube.
    [[nodiscard]] Array2 points_of(const std::vector<OptEvaluation>& known) const {
        const std::size_t n = variables.fitted().size();
        Array2 points(known.size(), n);
        for (std::size_t r = 0; r < known.size(); ++r) {
            if (known[r].variables.size() != n) {
                throw ConfigError(fmt::format("a source solution has {} values, but {} variables are fitted",
                                              known[r].variables.size(), n),
                                  fmt::format("in the order {}", fmt::join(variables.fitted(), ", ")));
            }
            for (std::size_t j = 0; j < n; ++j) {
                const ParameterRange& range = variables.space().ranges()[j];
                const double value = known[r].variables[j];
                if (!(value >= range.low && value <= range.high)) {
                    throw ConfigError(
                        fmt::format("`{}` is {:g} in a source solution, outside of the bounds {:g} and {:g}",
                                    range.name, value, range.low, range.high));
                }
                points(r, j) = variables.space().to_coordinate(j, value);
            }
        }
        return points;
    }

    void tell_foreign(const std::vector<OptEvaluation>& known) {
        if (known.empty()) return;
        const Array2 points = points_of(known);
        Array2 errors(known.size(), search->n_objectives);
        for (std::size_t r = 0; r < known.size(); ++r) note_errors(errors.row(r), known[r]);
        search->optimizer->tell_foreign(points, errors);
    }

    // What the optimiser is told: the loss, or weighted parts.
    void note_errors(std::span<double> errors, const OptEvaluation& evaluation) const {
        if (errors.size() == 1) {
            errors[0] = evaluation.loss;
            return;
        }
        if (evaluation.parts.size() != errors.size())
            throw ConfigError(fmt::format("a source solution has {} parts of the loss, but there are {}",
                                          evaluation.parts.size(), errors.size()));
        for (std::size_t k = 0; k < errors.size(); ++k) {
            const double weight = options.loss_weights.empty() ? 1 : options.loss_weights[k];
            errors[k] = std::isfinite(evaluation.loss) ? weight * evaluation.parts[k] : not_a_number;
        }
    }

    // Evaluates points of the unit cube and puts them into the history.
    std::span<const OptEvaluation> evaluate(const Array2& points, const std::atomic<bool>* cancelled,
                                            Clock::time_point start) {
        Array2 values(points.rows, points.columns);
        for (std::size_t r = 0; r < points.rows; ++r) variables.space().to_values(points.row(r), values.row(r));
        std::vector<OptEvaluation> found = candidates.evaluate(values, history.size(), target, cancelled);
        const std::size_t first = history.size();
        std::ranges::move(found, std::back_inserter(history));
        const std::span<const OptEvaluation> generation = std::span<const OptEvaluation>(history).subspan(first);
        note_generation(generation, first, seconds + seconds_since(start));
        return generation;
    }

    void note_generation(std::span<const OptEvaluation> generation, std::size_t first, double at) {
        OptGeneration entry{.evaluations = history.size(),
                            .mean = not_a_number,
                            .deviation = not_a_number,
                            .minimum = not_a_number,
                            .maximum = not_a_number,
                            .best = not_a_number,
                            .seconds = at};
        double sum = 0;
        double squares = 0;
        std::size_t n = 0;
        for (std::size_t k = 0; k < generation.size(); ++k) {
            const double loss = generation[k].loss;
            if (!std::isfinite(loss)) {
                ++entry.failed;
                continue;
            }
            if (loss < best_loss) {
                best_loss = loss;
                best = first + k;
            }
            entry.minimum = n == 0 ? loss : std::min(entry.minimum, loss);
            entry.maximum = n == 0 ? loss : std::max(entry.maximum, loss);
            sum += loss;
            ++n;
        }
        if (n > 0) {
            entry.mean = sum / static_cast<double>(n);
            for (const OptEvaluation& e : generation)
                if (std::isfinite(e.loss)) squares += (e.loss - entry.mean) * (e.loss - entry.mean);
            entry.deviation = std::sqrt(squares / static_cast<double>(n));
        }
        if (std::isfinite(best_loss)) entry.best = best_loss;
        n_failed += entry.failed;
        logbook.push_back(entry);
    }

    // The first evaluations, where the user guesses the minimum to be.
    void evaluate_guesses(std::size_t most, const std::atomic<bool>* cancelled, Clock::time_point start) {
        if (std::exchange(search->guessed, true)) return;
        const auto box = variables.guessed_box();
        if (box.empty() || !history.empty()) return;
        Array2 points(std::min(most, search->population), box.size());
        const Design design = sobol_design(box.size(), options.seed);
        for (std::size_t r = 0; r < points.rows; ++r) {
            design.point(r, points.row(r));
            for (std::size_t j = 0; j < box.size(); ++j)
                points(r, j) = box[j].first + points(r, j) * (box[j].second - box[j].first);
        }
        const auto generation = evaluate(points, cancelled, start);
        Array2 errors(points.rows, search->n_objectives);
        for (std::size_t r = 0; r < points.rows; ++r) note_errors(errors.row(r), generation[r]);
        search->optimizer->tell_foreign(points, errors);
    }

    void one_generation(std::size_t n, const std::atomic<bool>* cancelled, Clock::time_point start) {
        if (!search->unfinished) search->unfinished = search->optimizer->ask(n);
        const Candidates& asked = *search->unfinished;
        const auto generation = evaluate(asked.points, cancelled, start);
        Array2 errors(generation.size(), search->n_objectives);
        for (std::size_t r = 0; r < generation.size(); ++r) note_errors(errors.row(r), generation[r]);
        search->optimizer->tell(asked.ids, errors);
        search->unfinished.reset();
    }

    OptStop generations(const OptNeuronRunOptions& run, Clock::time_point start) {
        const std::size_t end = history.size() + run.max_evaluations;
        const auto stops = [&]() -> std::optional<OptStop> {
            if (!std::isfinite(best_loss)) return std::nullopt;
            if (run.stop_at_loss && best_loss <= *run.stop_at_loss) return OptStop::loss_reached;
            if (run.callback && run.callback(history.size(), history[best])) return OptStop::callback;
            return std::nullopt;
        };
        try {
            const std::size_t before = history.size();
            evaluate_guesses(run.max_evaluations, run.cancelled, start);
            if (history.size() > before) {
                if (const auto stop = stops()) return *stop;
            }
            while (history.size() < end) {
                if (run.cancelled != nullptr && run.cancelled->load()) return OptStop::cancelled;
                one_generation(std::min(search->population, end - history.size()), run.cancelled, start);
                if (const auto stop = stops()) return *stop;
            }
        } catch (const Interrupted&) {
            return OptStop::cancelled;
        }
        return OptStop::max_evaluations;
    }

    OptNeuronResult run(const OptNeuronRunOptions& given) {
        if (given.max_evaluations == 0)
            throw ConfigError("max_evaluations must be at least 1", "it counts candidates, whatever the method");
        if (given.population > most_candidates) {
            throw ConfigError(fmt::format("{} candidates per generation are too many", given.population),
                              fmt::format("at most {}", most_candidates));
        }
        if (given.stop_at_loss && std::isnan(*given.stop_at_loss)) throw ConfigError("stop_at_loss is not a number");
        const auto start = Clock::now();
        const bool continued =
            search && search->key == key_of(given) && (given.population == 0 || given.population == search->population);
        if (!continued) begin(given, choice_of(given));
        tell_foreign(given.source_solutions);
        candidates.set_block(std::min(search->population, given.max_evaluations));
        const OptStop stop = generations(given, start);
        if (stop == OptStop::cancelled && !std::isfinite(best_loss))
            throw Interrupted("the fit was stopped before it had found anything");
        OptNeuronResult result = result_of();
        result.stop = stop;
        result.method = given.optimizer ? given.optimizer->description : given.method;
        result.seconds = seconds += seconds_since(start);
        return result;
    }

    [[nodiscard]] OptNeuronResult result_of() {
        OptNeuronResult result;
        result.loss = result.best_loss = not_a_number;
        result.fitted = variables.fitted();
        result.target = target;
        result.history = history;
        result.logbook = logbook;
        for (const OptGeneration& generation : logbook) result.best_loss_after.push_back(generation.best);
        result.population = search->population;
        result.n_failed = n_failed;
        result.repetitions = options.repetitions;
        result.optimizer = search->description;
        result.warnings = warnings;
        result.seed = options.seed;
        if (search->n_objectives > 1) result.front = front();
        for (const OptVariable& entry : variables.given()) {
            if (!entry.expression.empty()) result.expressions.emplace_back(entry.name, entry.expression);
        }
        if (std::isfinite(best_loss)) add_best(result, history[best].variables);
        result.best_loss = std::isfinite(best_loss) ? best_loss : not_a_number;
        result.compile_seconds = candidates.compile_seconds() + target_compile_seconds;
        return result;
    }

    // Values, losses and record of these fitted values.
    void add_best(OptNeuronResult& result, const std::vector<double>& values) {
        const std::vector<std::string>& names = variables.fitted();
        for (std::size_t j = 0; j < names.size(); ++j) result.best.emplace_back(names[j], values[j]);
        const std::vector<double> all = variables.complete(values);
        for (std::size_t j = 0; j < all.size(); ++j) result.parameters.emplace_back(variables.given()[j].name, all[j]);
        Array2 one(1, values.size());
        one.values = values;
        const std::uint64_t noise = options.noise == NoiseStreams::common ? 0 : best_repetition;
        const OptEvaluation again = candidates.evaluate(one, 0, target, nullptr, noise).front();
        result.loss = again.loss;
        result.deviation = again.loss_deviation;
        result.all_loss = again.parts;
        result.results = candidates.record(one, 0, noise);
    }

    [[nodiscard]] std::vector<OptEvaluation> front() const {
        ParetoArchive archive;
        std::vector<double> errors(search->n_objectives);
        for (std::size_t i = 0; i < history.size(); ++i) {
            if (!std::isfinite(history[i].loss)) continue;
            note_errors(errors, history[i]);
            archive.add(i, {}, errors);
        }
        std::vector<std::size_t> order;
        for (const auto& entry : archive.entries()) order.push_back(static_cast<std::size_t>(entry.id));
        std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(history[i].parts.front(), i); });
        std::vector<OptEvaluation> result;
        for (const std::size_t i : order) result.push_back(history[i]);
        return result;
    }
};

OptNeuron::OptNeuron(OptNeuronOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(options))) {}
OptNeuron::~OptNeuron() = default;
OptNeuron::OptNeuron(OptNeuron&&) noexcept = default;
OptNeuron& OptNeuron::operator=(OptNeuron&&) noexcept = default;

OptNeuronResult OptNeuron::run(const OptNeuronRunOptions& options) {
    return implementation_->run(options);
}

OptNeuronResult OptNeuron::result_at(const std::vector<double>& fitted) {
    Implementation& own = *implementation_;
    if (fitted.size() != own.variables.fitted().size())
        throw ConfigError(
            fmt::format("{} values, but {} variables are fitted", fitted.size(), own.variables.fitted().size()));
    OptNeuronResult result;
    result.fitted = own.variables.fitted();
    result.target = own.target;
    result.repetitions = own.options.repetitions;
    result.warnings = own.warnings;
    result.seed = own.options.seed;
    for (const OptVariable& entry : own.variables.given()) {
        if (!entry.expression.empty()) result.expressions.emplace_back(entry.name, entry.expression);
    }
    own.add_best(result, fitted);
    result.best_loss = result.loss;
    result.compile_seconds = own.candidates.compile_seconds() + own.target_compile_seconds;
    return result;
}

std::vector<std::vector<double>> OptNeuron::losses(const Array2& variables, std::uint64_t first_evaluation) {
    Implementation& own = *implementation_;
    own.candidates.set_block(std::clamp<std::size_t>(variables.rows, 1, 64));
    std::vector<std::vector<double>> result;
    for (OptEvaluation& evaluation : own.candidates.evaluate(variables, first_evaluation, own.target))
        result.push_back(std::move(evaluation.parts));
    return result;
}

SimulationRecord OptNeuron::record(const Array2& variables, std::uint64_t first_evaluation,
                                   const std::atomic<bool>* cancelled) {
    implementation_->candidates.set_block(64);
    return implementation_->candidates.record(variables, first_evaluation, 0, cancelled);
}

const OptNeuronOptions& OptNeuron::options() const {
    return implementation_->options;
}

const OptVariables& OptNeuron::variables() const {
    return implementation_->variables;
}

const std::vector<std::string>& OptNeuron::fitted() const {
    return implementation_->variables.fitted();
}

const SimulationRecord& OptNeuron::target() const {
    return implementation_->target;
}

const std::vector<std::string>& OptNeuron::warnings() const {
    return implementation_->warnings;
}

}  // namespace spikesmith
