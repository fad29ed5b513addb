#include "spikesmith/fit/refine.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/refine_problem.hpp"
#include "spikesmith/fit/refine_search.hpp"

namespace spikesmith {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double error_difference = 1e-4;  // width of differences of an error of unknown kind, share of the box

std::optional<BestFit> best_of(const Fitter& fitter) {
    return fitter.has_search() ? fitter.result().best : std::nullopt;
}

// The searches' ends, also if they were interrupted.
RefineOutcome search(RefinedProblem& problem, const RefineOptions& options, const Array2& starts) {
    RefineJournal journal(problem, options, starts.rows);
    try {
        return search_optima(problem, options, starts, journal);
    } catch (const Interrupted&) {
        RefineOutcome outcome{.points = starts, .starts = {}};
        for (std::size_t s = 0; s < starts.rows; ++s) {
            const auto& [point, iterations] = journal.reached[s];
            if (!point.empty()) std::ranges::copy(point, outcome.points.row(s).begin());
            outcome.starts.push_back(
                {.stop = RefineStop::cancelled, .reason = "interrupted", .iterations = iterations});
        }
        return outcome;
    }
}

RefineResult run(RefinedProblem& problem, const RefineOptions& options) {
    if (!(options.confidence > 0 && options.confidence < 1))
        throw ConfigError(fmt::format("the confidence must be between 0 and 1, not {}", options.confidence));
    if (options.hops > 0 && problem.method != RefineMethod::quasi_newton)
        throw ConfigError("hops are for the method quasi_newton", "set the method, or leave the hops out");
    const Array2 starts = problem.starts(options);
    problem.n_simulations = 0;
    const double compiled_before = problem.compile_seconds();
    const auto begin = Clock::now();
    const std::vector<double> start_errors = problem.errors(starts, nullptr);
    RefineOutcome outcome = search(problem, options, starts);
    const std::vector<double> ends = problem.errors(outcome.points, nullptr);

    RefineResult result{.parameters = {},
                        .error_dimension = problem.setup.error_dimension,
                        .starts = std::move(outcome.starts),
                        .statistics = {},
                        .method = problem.method,
                        .derivatives = problem.derivatives,
                        .notes = problem.notes};
    for (std::size_t s = 0; s < starts.rows; ++s) {
        RefinedStart& start = result.starts[s];
        start.start = problem.all_at(starts.row(s));
        start.start_error = start_errors[s];
        const bool better = ends[s] <= start_errors[s] || !std::isfinite(start_errors[s]);
        if (!better) std::ranges::copy(starts.row(s), outcome.points.row(s).begin());
        start.parameters = problem.all_at(outcome.points.row(s));
        start.error = better ? ends[s] : start_errors[s];
        const RefinedStart& leader = result.starts[result.best_start];
        if (start.error < leader.error || (!std::isfinite(leader.error) && std::isfinite(start.error)))
            result.best_start = s;
    }
    const RefinedStart& leader = result.best();
    if (!std::isfinite(leader.error))
        throw NumericalError("the error is NaN or infinite at every start", "start from parameters that work");
    result.error = leader.error;
    result.start_error = leader.start_error;
    result.parameters = problem.setup.parameters.with_values(leader.parameters);
    if (leader.stop != RefineStop::cancelled)
        result.statistics = problem.statistics(outcome.points.row(result.best_start), options.confidence);
    result.n_simulations = problem.n_simulations;
    result.compile_seconds = problem.compile_seconds() - compiled_before;
    result.seconds = std::chrono::duration<double>(Clock::now() - begin).count() - result.compile_seconds;
    return result;
}

// Central differences of errors, all points side by side for each coordinate.
Array2 error_differences(RefinedProblem& problem, const Array2& points, std::span<const double> errors,
                         const std::atomic<bool>* cancelled) {
    Array2 gradient(points.rows, points.columns);
    for (const std::size_t k : moving_coordinates(problem.setup.parameters)) {
        Array2 both(2 * points.rows, points.columns);
        std::vector<DifferenceOffsets> offsets;
        for (std::size_t s = 0; s < points.rows; ++s) {
            offsets.push_back(offsets_around(points(s, k), error_difference));
            for (std::size_t side = 0; side < 2; ++side) {
                std::ranges::copy(points.row(s), both.row(2 * s + side).begin());
                both(2 * s + side, k) += side == 0 ? offsets[s].a : offsets[s].b;
            }
        }
        const std::vector<double> around = problem.errors(both, cancelled);
        for (std::size_t s = 0; s < points.rows; ++s)
            gradient(s, k) = offsets[s].slope(around[2 * s] - errors[s], around[2 * s + 1] - errors[s]);
    }
    return gradient;
}

}  // namespace

struct Refiner::Implementation {
    RefinedProblem problem;

    Implementation(const FitterOptions& fitter, const FitOptions& search, const RefineProblem& wanted,
                   const std::optional<BestFit>& best)
        : problem(fitter, search, wanted, best) {}
};

Refiner::Refiner(const Fitter& fitter, const RefineProblem& problem)
    : implementation_(std::make_unique<Implementation>(
          fitter.options(), fitter.has_search() ? fitter.search_options() : FitOptions{}, problem, best_of(fitter))) {}
Refiner::Refiner(const FitterOptions& fitter, const FitOptions& search, const RefineProblem& problem)
    : implementation_(std::make_unique<Implementation>(fitter, search, problem, std::nullopt)) {}
Refiner::Refiner(Refiner&&) noexcept = default;
Refiner& Refiner::operator=(Refiner&&) noexcept = default;
Refiner::~Refiner() = default;

RefineResult Refiner::refine(const RefineOptions& options) {
    return run(implementation_->problem, options);
}

Refiner::Field Refiner::field(const Array2& points, bool gradient, const std::atomic<bool>* cancelled) {
    RefinedProblem& problem = implementation_->problem;
    Field field{.errors = problem.errors(points, cancelled), .gradient = {}};
    if (!gradient) return field;
    if (!problem.gradients) {
        field.gradient = error_differences(problem, points, field.errors, cancelled);
        return field;
    }
    field.gradient = Array2(points.rows, points.columns);
    const std::vector<LeastSquaresPoint> at = problem.gradients->at(points, cancelled);
    for (std::size_t s = 0; s < points.rows; ++s) {
        for (std::size_t k = 0; k < points.columns; ++k) field.gradient(s, k) = 2 * at[s].gradient[k];
    }
    return field;
}

const FitParameters& Refiner::parameters() const {
    return implementation_->problem.setup.parameters;
}

const Dimension& Refiner::error_dimension() const {
    return implementation_->problem.setup.error_dimension;
}

const std::vector<std::string>& Refiner::notes() const {
    return implementation_->problem.notes;
}

RefineResult refine(const Fitter& fitter, const RefineOptions& options, const RefineProblem& problem) {
    return Refiner(fitter, problem).refine(options);
}

}  // namespace spikesmith
