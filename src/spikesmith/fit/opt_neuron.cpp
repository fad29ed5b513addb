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

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/checkpoint_clock.hpp"
#include "spikesmith/fit/opt_candidates.hpp"
#include "spikesmith/fit/opt_checkpoint.hpp"
#include "spikesmith/fit/opt_search.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

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

}  // namespace

struct OptNeuron::Implementation {
    OptNeuronOptions options;
    OptVariables variables;
    OptCandidates candidates;
    SimulationRecord target;
    std::vector<std::string> warnings;
    double target_compile_seconds = 0;

    OptProblemSums sums;

    std::optional<OptSearch> searching;
    OptHistory history;
    OptStop stop = OptStop::max_evaluations;
    std::string method;  // of the last run, as it was named
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
            if (const auto& divergence = simulation.divergences().front())
                throw NumericalError(fmt::format("the target model fails: {}", cause_of(*divergence)),
                                     "a smaller time step, or other values of its parameters");
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
        sums.model.add(to_string(candidates.program()));
        add_to(sums.experiment, first);
        add_to(sums.target, target);
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
        for (const auto& parts : losses) sums.loss.add(parts);
    }

    // --- run --------------------------------------------------------------------------------------------------------

    std::span<const OptEvaluation> evaluate(const Array2& points, const std::atomic<bool>* cancelled,
                                            Clock::time_point start) {
        Array2 values(points.rows, points.columns);
        for (std::size_t r = 0; r < points.rows; ++r) variables.space().to_values(points.row(r), values.row(r));
        auto [found, failures] = candidates.evaluate(values, history.evaluations.size(), target, cancelled);
        return history.add(std::move(found), failures, seconds + seconds_since(start));
    }

    OptStop generations(const OptNeuronRunOptions& run, Clock::time_point start) {
        const std::size_t end = history.evaluations.size() + run.max_evaluations;
        const auto good_enough = [&] { return run.stop_at_loss && history.best_loss <= *run.stop_at_loss; };
        CheckpointClock clock(run.checkpoint_seconds);
        try {
            while (history.evaluations.size() < end) {
                if (good_enough()) return OptStop::loss_reached;
                if (run.cancelled != nullptr && run.cancelled->load()) return OptStop::cancelled;
                const Array2& points = searching->next(end - history.evaluations.size(), history);
                candidates.set_block(std::max(points.rows, std::min(searching->block(), run.max_evaluations)));
                searching->tell(evaluate(points, run.cancelled, start));
                if (!run.checkpoint.empty() && clock.due()) {
                    const auto began = Clock::now();
                    save(run.checkpoint);
                    clock.written(began);
                }
                if (!std::isfinite(history.best_loss)) continue;
                const OptEvaluation& best = history.evaluations[history.best];
                if (!good_enough() && run.callback && run.callback(history.evaluations.size(), best))
                    return OptStop::callback;
            }
        } catch (const Interrupted&) {
            return OptStop::cancelled;
        }
        return good_enough() ? OptStop::loss_reached : OptStop::max_evaluations;
    }

    void save(const std::filesystem::path& path) {
        write_checkpoint(identity_of(options, variables, sums, *searching), *searching, history, path);
    }

    static void check(const OptNeuronRunOptions& run) {
        if (run.population > most_candidates) {
            throw ConfigError(fmt::format("{} candidates per generation are too many", run.population),
                              fmt::format("at most {}", most_candidates));
        }
        if (run.stop_at_loss && std::isnan(*run.stop_at_loss)) throw ConfigError("stop_at_loss is not a number");
    }

    OptSearch new_search(const OptNeuronRunOptions& run, const OptHistory& known) const {
        return {options, variables, candidates.n_parts(), run, known};
    }

    void run(const OptNeuronRunOptions& given) {
        check(given);
        if (given.max_evaluations == 0 && !searching)
            throw ConfigError("max_evaluations must be at least 1", "it counts candidates, whatever the method");
        const auto start = Clock::now();
        if (given.max_evaluations > 0) {
            if (!searching || !searching->continues(given)) searching.emplace(new_search(given, history));
            method = given.optimizer ? given.optimizer->description : given.method;
            if (!given.checkpoint.empty())
                save(given.checkpoint);  // what cannot be saved is said before the work begins
        }
        stop = generations(given, start);
        if (!given.checkpoint.empty()) save(given.checkpoint);
        seconds += seconds_since(start);
    }

    std::size_t resume(const std::filesystem::path& path, const OptNeuronRunOptions& given) {
        check(given);
        const Checkpoint checkpoint = parse_checkpoint(read_file(path));
        OptNeuronRunOptions planned = given;
        planned.planned_evaluations = checkpoint.planned_rounds;
        OptHistory known;
        OptSearch fresh = new_search(planned, known);
        require_same_problem(checkpoint.problem, identity_of(options, variables, sums, fresh));
        replay(checkpoint, variables, candidates.n_parts(), fresh, known);
        searching.emplace(std::move(fresh));
        history = std::move(known);
        method = given.optimizer ? given.optimizer->description : given.method;
        seconds = 0;
        return history.evaluations.size();
    }

    // What is known without any fit.
    [[nodiscard]] OptNeuronResult plain_result() const {
        OptNeuronResult result;
        result.fitted = variables.fitted();
        result.target = target;
        result.repetitions = options.repetitions;
        result.warnings = warnings;
        result.seed = options.seed;
        for (const OptVariable& entry : variables.given()) {
            if (!entry.expression.empty()) result.expressions.emplace_back(entry.name, entry.expression);
        }
        return result;
    }

    [[nodiscard]] OptNeuronResult result() {
        if (!searching) throw ConfigError("there is no result before the first run");
        OptNeuronResult result = plain_result();
        result.loss = result.best_loss = not_a_number;
        result.history = history.evaluations;
        result.logbook = history.logbook;
        for (const OptGeneration& generation : history.logbook) result.best_loss_after.push_back(generation.best);
        result.population = searching->population();
        result.n_failed = history.n_failed;
        result.failures = history.failures;
        std::ranges::sort(result.failures, [](const FailureCause& a, const FailureCause& b) {
            return a.count > b.count || (a.count == b.count && a.evaluation < b.evaluation);
        });
        result.optimizer = searching->description();
        result.method = method;
        result.stop = stop;
        if (searching->n_objectives() > 1) result.front = searching->front(history.evaluations);
        if (std::isfinite(history.best_loss)) {
            add_best(result, history.evaluations[history.best].variables);
            result.best_loss = history.best_loss;
        }
        result.seconds = seconds;
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
        const OptEvaluation again = candidates.evaluate(one, 0, target, nullptr, noise).evaluations.front();
        result.loss = again.loss;
        result.deviation = again.loss_deviation;
        result.all_loss = again.parts;
        result.results = candidates.record(one, 0, noise);
    }
};

OptNeuron::OptNeuron(OptNeuronOptions options)
    : implementation_(std::make_unique<Implementation>(std::move(options))) {}
OptNeuron::~OptNeuron() = default;
OptNeuron::OptNeuron(OptNeuron&&) noexcept = default;
OptNeuron& OptNeuron::operator=(OptNeuron&&) noexcept = default;

OptNeuronResult OptNeuron::run(const OptNeuronRunOptions& options) {
    if (search(options) == OptStop::cancelled && !std::isfinite(implementation_->history.best_loss))
        throw Interrupted("the fit was stopped before it had found anything");
    return result();
}

OptStop OptNeuron::search(const OptNeuronRunOptions& options) {
    implementation_->run(options);
    return implementation_->stop;
}

OptNeuronResult OptNeuron::result() {
    return implementation_->result();
}

std::size_t OptNeuron::resume(const std::filesystem::path& checkpoint, const OptNeuronRunOptions& options) {
    return implementation_->resume(checkpoint, options);
}

OptNeuronResult OptNeuron::result_at(const std::vector<double>& fitted) {
    Implementation& own = *implementation_;
    if (fitted.size() != own.variables.fitted().size())
        throw ConfigError(
            fmt::format("{} values, but {} variables are fitted", fitted.size(), own.variables.fitted().size()));
    OptNeuronResult result = own.plain_result();
    own.add_best(result, fitted);
    result.best_loss = result.loss;
    result.compile_seconds = own.candidates.compile_seconds() + own.target_compile_seconds;
    return result;
}

std::vector<std::vector<double>> OptNeuron::losses(const Array2& variables, std::uint64_t first_evaluation) {
    Implementation& own = *implementation_;
    own.candidates.set_block(std::clamp<std::size_t>(variables.rows, 1, 64));
    std::vector<std::vector<double>> result;
    for (OptEvaluation& evaluation : own.candidates.evaluate(variables, first_evaluation, own.target).evaluations)
        result.push_back(std::move(evaluation.parts));
    return result;
}

SimulationRecord OptNeuron::record(const Array2& variables, std::uint64_t first_evaluation,
                                   const std::atomic<bool>* cancelled, std::vector<std::string>* failures) {
    implementation_->candidates.set_block(64);
    return implementation_->candidates.record(variables, first_evaluation, 0, cancelled, failures);
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
