#include "spikesmith/fit/opt_search.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/opt_candidates.hpp"
#include "spikesmith/optimize/designs.hpp"
#include "spikesmith/optimize/pareto.hpp"

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

// First standard deviations of CMA-ES, in the unit cube.
constexpr double widest_start = 0.25, narrowest_start = 0.02;
constexpr double narrowest_polish = 1e-8;

std::string key_of(const OptNeuronRunOptions& run) {
    std::string key = run.optimizer ? run.optimizer->description : run.method;
    if (!run.optimizer) {
        for (const auto& [option, value] : run.optimizer_options) key += fmt::format("\n{}={}", option, value);
    }
    return key + fmt::format("\npolish {}", run.polish_evaluations);
}

// The evaluations with finite losses, the best first.
std::vector<OptEvaluation> sorted_by_loss(std::span<const OptEvaluation> evaluations) {
    std::vector<OptEvaluation> known;
    std::ranges::copy_if(evaluations, std::back_inserter(known),
                         [](const OptEvaluation& e) { return std::isfinite(e.loss); });
    std::ranges::sort(known, [](const auto& a, const auto& b) {
        return a.loss != b.loss ? a.loss < b.loss : a.variables < b.variables;
    });
    return known;
}

std::vector<double> mean_of(const Array2& points) {
    std::vector<double> mean(points.columns, 0);
    for (std::size_t r = 0; r < points.rows; ++r) {
        for (std::size_t j = 0; j < points.columns; ++j) mean[j] += points(r, j) / static_cast<double>(points.rows);
    }
    return mean;
}

// Root of the mean square distance along one axis.
double spread_round(const Array2& points, std::span<const double> center) {
    double squares = 0;
    for (std::size_t r = 0; r < points.rows; ++r) {
        for (std::size_t j = 0; j < points.columns; ++j)
            squares += (points(r, j) - center[j]) * (points(r, j) - center[j]);
    }
    return std::sqrt(squares / static_cast<double>(points.rows * points.columns));
}

}  // namespace

std::span<const OptEvaluation> OptHistory::add(std::vector<OptEvaluation> generation,
                                               std::span<const std::string> causes, double seconds) {
    const std::size_t first = evaluations.size();
    std::ranges::move(generation, std::back_inserter(evaluations));
    OptGeneration entry{.evaluations = evaluations.size(),
                        .mean = not_a_number,
                        .deviation = not_a_number,
                        .minimum = not_a_number,
                        .maximum = not_a_number,
                        .best = not_a_number,
                        .seconds = seconds};
    double sum = 0;
    double squares = 0;
    std::size_t n = 0;
    for (std::size_t k = first; k < evaluations.size(); ++k) {
        const double loss = evaluations[k].loss;
        if (!std::isfinite(loss)) {
            ++entry.failed;
            if (k - first >= causes.size()) continue;
            const std::string& cause = causes[k - first];
            const auto known = std::ranges::find(failures, cause, &FailureCause::what);
            if (known == failures.end()) {
                failures.push_back({cause, 1, k});
            } else {
                ++known->count;
            }
            continue;
        }
        if (loss < best_loss) {
            best_loss = loss;
            best = k;
        }
        entry.minimum = n == 0 ? loss : std::min(entry.minimum, loss);
        entry.maximum = n == 0 ? loss : std::max(entry.maximum, loss);
        sum += loss;
        ++n;
    }
    const std::span<const OptEvaluation> added = std::span<const OptEvaluation>(evaluations).subspan(first);
    if (n > 0) {
        entry.mean = sum / static_cast<double>(n);
        for (const OptEvaluation& e : added)
            if (std::isfinite(e.loss)) squares += (e.loss - entry.mean) * (e.loss - entry.mean);
        entry.deviation = std::sqrt(squares / static_cast<double>(n));
    }
    if (std::isfinite(best_loss)) entry.best = best_loss;
    n_failed += entry.failed;
    logbook.push_back(entry);
    return added;
}

OptSearch::OptSearch(const OptNeuronOptions& options, const OptVariables& variables, std::size_t n_parts,
                     const OptNeuronRunOptions& run, const OptHistory& history)
    : options_(&options),
      variables_(&variables),
      key_(key_of(run)),
      population_(run.population),
      first_(history.evaluations.size()),
      planned_(run.planned_evaluations != 0 ? run.planned_evaluations : run.max_evaluations),
      polish_(run.polish_evaluations) {
    const OptimizerChoice choice = choice_of(run);
    description_ = choice.description;
    if (polish_ > 0) {
        if (polish_ >= planned_)
            throw ConfigError(
                fmt::format("{} evaluations for polishing leave none of {} for the search before", polish_, planned_),
                "they are part of all evaluations");
        description_ += fmt::format(", the last {} evaluations CMA-ES round the best", polish_);
    }
    const std::size_t dimension = variables.fitted().size();
    if (population_ == 0) {
        const std::unique_ptr<Optimizer> probe = choice({.dimension = dimension, .batch = 8, .seed = options.seed});
        population_ = generation_size(probe ? probe->name() : "", planned_);
    }
    if (choice.multi_objective && n_parts > 1) n_objectives_ = n_parts;
    optimizer_ = choice({.dimension = dimension,
                         .batch = population_,
                         .rounds = (planned_ - polish_ + population_ - 1) / population_,
                         .seed = options.seed,
                         .objectives = n_objectives_});
    if (!optimizer_ || optimizer_->dimension() != dimension) {
        throw ConfigError(
            fmt::format("the optimizer \"{}\" does not search {} variables", choice.description, dimension));
    }
    guessed_ = variables.guessed_box().empty() || !history.evaluations.empty();
    // what another method has found
    std::vector<OptEvaluation> known = sorted_by_loss(history.evaluations);
    known.resize(std::min(known.size(), population_));
    tell_foreign(known);
    for (const OptEvaluation& source : run.source_solutions) {
        sources_.add(source.variables);
        sources_.add(source.loss);
    }
    tell_foreign(run.source_solutions);
}

bool OptSearch::continues(const OptNeuronRunOptions& run) const {
    return key_ == key_of(run) && (run.population == 0 || run.population == population_);
}

// CMA-ES begins where solutions are known, as wide as they are apart, or within the guesses.
OptimizerChoice OptSearch::choice_of(const OptNeuronRunOptions& run) const {
    if (run.optimizer) return *run.optimizer;
    const bool starts_somewhere = run.method == "cma_es" || run.method == "CMA" || run.method == "deap";
    if (!starts_somewhere) return opt_neuron_method(run.method, run.optimizer_options);
    if (!run.source_solutions.empty()) {
        const Array2 points = points_of(run.source_solutions);
        std::vector<double> mean = mean_of(points);
        const double step = std::clamp(spread_round(points, mean), narrowest_start, widest_start);
        return warm_cma_es(run.method, run.optimizer_options, std::move(mean), step);
    }
    const auto box = variables_->guessed_box();
    if (box.empty() || first_ > 0) return opt_neuron_method(run.method, run.optimizer_options);
    Array2 corners(2, box.size());
    for (std::size_t j = 0; j < box.size(); ++j) {
        corners(0, j) = box[j].first;
        corners(1, j) = box[j].second;
    }
    std::vector<double> middle = mean_of(corners);
    const double step = std::clamp(spread_round(corners, middle) / 2, 1e-3, widest_start);
    return warm_cma_es(run.method, run.optimizer_options, std::move(middle), step);
}

// Points of the unit cube.
Array2 OptSearch::points_of(const std::vector<OptEvaluation>& known) const {
    const std::size_t n = variables_->fitted().size();
    Array2 points(known.size(), n);
    for (std::size_t r = 0; r < known.size(); ++r) {
        if (known[r].variables.size() != n) {
            throw ConfigError(fmt::format("a source solution has {} values, but {} variables are fitted",
                                          known[r].variables.size(), n),
                              fmt::format("in the order {}", fmt::join(variables_->fitted(), ", ")));
        }
        for (std::size_t j = 0; j < n; ++j) {
            const ParameterRange& range = variables_->space().ranges()[j];
            const double value = known[r].variables[j];
            if (!(value >= range.low && value <= range.high)) {
                throw ConfigError(fmt::format("`{}` is {:g} in a source solution, outside of the bounds {:g} and {:g}",
                                              range.name, value, range.low, range.high));
            }
            points(r, j) = variables_->space().to_coordinate(j, value);
        }
    }
    return points;
}

void OptSearch::tell_foreign(const std::vector<OptEvaluation>& known) {
    if (!known.empty()) optimizer_->tell_foreign(points_of(known), errors_of(known));
}

// What the optimiser is told: the loss, or weighted parts.
void OptSearch::note_errors(std::span<double> errors, const OptEvaluation& evaluation) const {
    if (errors.size() == 1) {
        errors[0] = evaluation.loss;
        return;
    }
    if (evaluation.parts.size() != errors.size())
        throw ConfigError(fmt::format("a source solution has {} parts of the loss, but there are {}",
                                      evaluation.parts.size(), errors.size()));
    for (std::size_t k = 0; k < errors.size(); ++k) {
        const double weight = options_->loss_weights.empty() ? 1 : options_->loss_weights[k];
        errors[k] = std::isfinite(evaluation.loss) ? weight * evaluation.parts[k] : not_a_number;
    }
}

Array2 OptSearch::errors_of(std::span<const OptEvaluation> evaluations) const {
    Array2 errors(evaluations.size(), polishing_ ? 1 : n_objectives_);
    for (std::size_t r = 0; r < evaluations.size(); ++r) note_errors(errors.row(r), evaluations[r]);
    return errors;
}

// The first points, where the user guesses the minimum to be.
Array2 OptSearch::guesses(std::size_t most) const {
    const auto box = variables_->guessed_box();
    Array2 points(std::min(most, population_), box.size());
    const Design design = sobol_design(box.size(), options_->seed);
    for (std::size_t r = 0; r < points.rows; ++r) {
        design.point(r, points.row(r));
        for (std::size_t j = 0; j < box.size(); ++j)
            points(r, j) = box[j].first + points(r, j) * (box[j].second - box[j].first);
    }
    return points;
}

std::size_t OptSearch::polishing_population() const {
    const double usual = 4 + std::floor(3 * std::log(static_cast<double>(variables_->fitted().size())));
    return std::min(population_, std::max<std::size_t>(8, static_cast<std::size_t>(usual)));
}

// CMA-ES from the best, as wide as the best few are apart from it.
void OptSearch::begin_polishing(const OptHistory& history) {
    std::vector<OptEvaluation> best =
        sorted_by_loss(std::span<const OptEvaluation>(history.evaluations).subspan(first_));
    if (best.empty()) return;  // the search goes on
    const std::size_t dimension = variables_->fitted().size();
    best.resize(std::min(best.size(), 2 * (dimension + 1)));
    const Array2 points = points_of(best);
    const std::vector<double> start(points.row(0).begin(), points.row(0).end());
    const double step = std::clamp(spread_round(points, start), narrowest_polish, widest_start);
    const std::size_t batch = polishing_population();
    optimizer_ = warm_cma_es("cma_es", {}, start, step)(
        {.dimension = dimension, .batch = batch, .rounds = (polish_ + batch - 1) / batch, .seed = options_->seed});
    polishing_ = true;
}

const Array2& OptSearch::next(std::size_t most, const OptHistory& history) {
    if (!open_.points.empty()) return open_.points;
    if (!guessed_) {
        open_.points = guesses(most);
        guessing_ = true;
        return open_.points;
    }
    const std::size_t done = history.evaluations.size() - first_;
    const std::size_t before_polish = planned_ - polish_;
    if (polish_ > 0 && !polishing_ && done >= before_polish) begin_polishing(history);
    std::size_t n = std::min(most, block());
    if (polish_ > 0 && done < before_polish) n = std::min(n, before_polish - done);
    open_ = optimizer_->ask(n);
    return open_.points;
}

void OptSearch::tell(std::span<const OptEvaluation> generation) {
    points_.add(open_.points.values);
    const Array2 errors = errors_of(generation);
    if (guessing_) {
        optimizer_->tell_foreign(open_.points, errors);
        guessing_ = false;
        guessed_ = true;
    } else {
        optimizer_->tell(open_.ids, errors);
    }
    open_ = {};
}

std::vector<OptEvaluation> OptSearch::front(std::span<const OptEvaluation> evaluations) const {
    ParetoArchive archive;
    std::vector<double> errors(n_objectives_);
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        if (!std::isfinite(evaluations[i].loss)) continue;
        note_errors(errors, evaluations[i]);
        archive.add(i, {}, errors);
    }
    std::vector<std::size_t> order;
    for (const auto& entry : archive.entries()) order.push_back(static_cast<std::size_t>(entry.id));
    std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(evaluations[i].parts.front(), i); });
    std::vector<OptEvaluation> result;
    for (const std::size_t i : order) result.push_back(evaluations[i]);
    return result;
}

}  // namespace spikesmith
