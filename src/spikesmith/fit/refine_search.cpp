#include "spikesmith/fit/refine_search.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "spikesmith/optimize/minimize.hpp"

namespace spikesmith {

namespace {

constexpr double first_step = 0.01;            // of quasi-Newton with gradients, share of the box
constexpr double spike_cost_tolerance = 1e-6;  // spike times jump by parts of a step: finer differences of the cost
constexpr double spike_step_tolerance = 1e-7;  // mean nothing

RefineStop stop_of(LeastSquaresStop stop) {
    switch (stop) {
        case LeastSquaresStop::cost_tolerance:
        case LeastSquaresStop::step_tolerance:
            return RefineStop::converged;
        case LeastSquaresStop::max_iterations:
        case LeastSquaresStop::max_evaluations:
            return RefineStop::max_iterations;
        case LeastSquaresStop::callback:
            return RefineStop::callback;
        case LeastSquaresStop::not_finite:
            return RefineStop::failed;
    }
    return RefineStop::failed;
}

// Least squares with the cost of `function`; `visited` gets the points on the way, with their starts.
RefineOutcome minimize_squares(const LeastSquaresFunction& function, const Array2& starts, LeastSquaresOptions settings,
                               RefineJournal& journal) {
    settings.callback = [&, told = settings.callback](const LeastSquaresProgress& progress) {
        if (told) static_cast<void>(told(progress));
        return journal.tell(progress.start, progress.iteration, progress.point, progress.cost);
    };
    const std::vector<double> low(starts.columns, 0.0);
    const std::vector<double> high(starts.columns, 1.0);
    RefineOutcome outcome{.points = starts, .starts = {}};
    for (const LeastSquaresResult& result : minimize_least_squares(function, starts, low, high, settings)) {
        std::ranges::copy(result.point, outcome.points.row(outcome.starts.size()).begin());
        outcome.starts.push_back({.stop = stop_of(result.stop),
                                  .reason = std::string(describe(result.stop)),
                                  .iterations = result.iterations,
                                  .derivative_evaluations = result.derivative_evaluations});
    }
    return outcome;
}

RefineOutcome least_squares(RefinedProblem& problem, const RefineOptions& options, const Array2& starts,
                            RefineJournal& journal) {
    const LeastSquaresFunction function = [&](const Array2& points, bool derivatives) {
        if (derivatives) return problem.gradients->at(points, options.cancelled);
        std::vector<LeastSquaresPoint> answers;
        for (const double error : problem.errors(points, options.cancelled)) answers.push_back({.cost = error});
        return answers;
    };
    return minimize_squares(function, starts,
                            {.max_iterations = options.max_iterations,
                             .cost_tolerance = options.cost_tolerance,
                             .step_tolerance = options.step_tolerance},
                            journal);
}

// Spikes are paired by number first, which finds the rate from afar, then with the nearest. The metric decides which of the points that
// were visited is the end; of equal ones the last.
RefineOutcome spike_times(RefinedProblem& problem, const RefineOptions& options, const Array2& starts,
                          RefineJournal& journal) {
    RefineOutcome outcome{.points = starts, .starts = std::vector<RefinedStart>(starts.rows)};
    for (const SpikePairing pairing : {SpikePairing::by_number, SpikePairing::nearest}) {
        if (journal.callback_stopped) break;
        Array2 visited = outcome.points;
        std::vector<std::size_t> of_start;
        for (std::size_t s = 0; s < starts.rows; ++s) of_start.push_back(s);
        const LeastSquaresFunction function = [&](const Array2& points, bool derivatives) {
            problem.n_simulations += derivatives ? 0 : points.rows;
            return problem.spike_equations->at(points, derivatives, pairing, options.cancelled);
        };
        const RefineOutcome found = minimize_squares(
            function, outcome.points,
            {.max_iterations = options.max_iterations,
             .cost_tolerance = std::max(options.cost_tolerance, spike_cost_tolerance),
             .step_tolerance = std::max(options.step_tolerance, spike_step_tolerance),
             .callback =
                 [&](const LeastSquaresProgress& progress) {
                     of_start.push_back(progress.start);
                     visited.values.insert(visited.values.end(), progress.point.begin(), progress.point.end());
                     ++visited.rows;
                     return false;
                 }},
            journal);
        const std::vector<double> errors = problem.errors(visited, options.cancelled);
        for (std::size_t s = 0; s < starts.rows; ++s) {
            std::size_t chosen = s;
            for (std::size_t k = starts.rows; k < visited.rows; ++k) {
                if (of_start[k] == s && errors[k] <= errors[chosen]) chosen = k;
            }
            std::ranges::copy(visited.row(chosen), outcome.points.row(s).begin());
            RefinedStart& start = outcome.starts[s];
            start.stop = found.starts[s].stop;
            start.reason = found.starts[s].reason;
            start.iterations += found.starts[s].iterations;
            start.derivative_evaluations += found.starts[s].derivative_evaluations;
        }
    }
    return outcome;
}

RefinedStart ended(const MinimizeResult& result, bool gradients, bool callback_stopped) {
    RefinedStart start{.stop = RefineStop::converged,
                       .reason = "converged: no step lowers the error",
                       .iterations = result.batches,
                       .derivative_evaluations = gradients ? result.evaluations : 0};
    if (result.stop == MinimizeStop::not_finite) {
        start.stop = RefineStop::failed;
        start.reason = "the error is NaN or infinite at the start";
    } else if (result.stop == MinimizeStop::callback && callback_stopped) {
        start.stop = RefineStop::callback;
        start.reason = "stopped by the callback";
    } else if (result.stop != MinimizeStop::converged) {
        start.stop = RefineStop::max_iterations;
        start.reason = "the largest number of iterations was reached";
    }
    return start;
}

// Quasi-Newton, alone or in basin hopping. The search sees the coordinates that move only, so starts with different whole numbers are
// searches of their own.
RefineOutcome quasi_newton(RefinedProblem& problem, const RefineOptions& options, const Array2& starts,
                           RefineJournal& journal) {
    const std::vector<std::size_t> moving = moving_coordinates(problem.setup.parameters);
    std::map<std::vector<double>, std::vector<std::size_t>> groups;  // starts with the same whole numbers
    for (std::size_t s = 0; s < starts.rows; ++s) {
        std::vector<double> whole(starts.row(s).begin(), starts.row(s).end());
        for (const std::size_t k : moving) whole[k] = 0;
        groups[whole].push_back(s);
    }
    RefineOutcome outcome{.points = starts, .starts = std::vector<RefinedStart>(starts.rows)};
    for (const auto& [whole, members] : groups) {
        Array2 parts(members.size(), moving.size());
        for (std::size_t r = 0; r < parts.rows; ++r) {
            for (std::size_t m = 0; m < moving.size(); ++m) parts(r, m) = starts(members[r], moving[m]);
        }
        const auto completed = [&, &unmoved = whole](std::span<const double> part) {
            std::vector<double> point = unmoved;
            for (std::size_t m = 0; m < moving.size(); ++m) point[moving[m]] = part[m];
            return point;
        };
        const auto all_completed = [&](const Array2& points) {
            Array2 full(points.rows, starts.columns);
            for (std::size_t r = 0; r < points.rows; ++r)
                std::ranges::copy(completed(points.row(r)), full.row(r).begin());
            return full;
        };
        MinimizeOptions settings{.hops = options.hops, .seed = problem.fitter.options().seed};
        settings.callback = [&, &of_group = members](const MinimizeProgress& progress) {
            return journal.tell(of_group[progress.start], progress.batch, completed(progress.point), progress.error) ||
                   (options.hops == 0 && progress.batch >= options.max_iterations);
        };
        std::vector<MinimizeResult> results;
        if (journal.callback_stopped) {
            for (std::size_t r = 0; r < parts.rows; ++r)
                results.push_back(
                    {.best = {{parts.row(r).begin(), parts.row(r).end()}}, .stop = MinimizeStop::callback});
        } else if (problem.gradients) {
            settings.first_difference = first_step;
            if (options.hops == 0) settings.tolerance = options.cost_tolerance;
            const auto gradients = [&](const Array2& points) {
                ErrorsWithGradients answers{.errors = {}, .gradients = Array2(points.rows, moving.size())};
                const std::vector<LeastSquaresPoint> at =
                    problem.gradients->at(all_completed(points), options.cancelled);
                for (std::size_t r = 0; r < points.rows; ++r) {
                    answers.errors.push_back(at[r].cost);
                    for (std::size_t m = 0; m < moving.size(); ++m)
                        answers.gradients(r, m) = 2 * at[r].gradient[moving[m]];
                }
                return answers;
            };
            results = minimize_with_gradients(gradients, parts, settings);
        } else {
            const auto errors = [&](const Array2& points) {
                return problem.errors(all_completed(points), options.cancelled);
            };
            results = minimize(errors, parts, settings);
        }
        for (std::size_t r = 0; r < parts.rows; ++r) {
            std::ranges::copy(completed(results[r].best.point), outcome.points.row(members[r]).begin());
            outcome.starts[members[r]] = ended(results[r], problem.gradients != nullptr, journal.callback_stopped);
        }
    }
    return outcome;
}

}  // namespace

bool RefineJournal::tell(std::size_t start, std::size_t iteration, std::span<const double> point, double error) {
    reached[start] = {{point.begin(), point.end()}, iteration};
    if (!options_.callback) return false;
    const std::vector<FittedParameter> parameters = problem_.setup.parameters.with_values(problem_.all_at(point));
    const RefineProgress progress{.start = start, .iteration = iteration, .parameters = parameters, .error = error};
    callback_stopped = options_.callback(progress) == CallbackAction::stop;
    return callback_stopped;
}

RefineOutcome search_optima(RefinedProblem& problem, const RefineOptions& options, const Array2& starts,
                            RefineJournal& journal) {
    switch (problem.method) {
        case RefineMethod::spike_times:
            return spike_times(problem, options, starts, journal);
        case RefineMethod::quasi_newton:
            return quasi_newton(problem, options, starts, journal);
        default:
            return least_squares(problem, options, starts, journal);
    }
}

}  // namespace spikesmith
