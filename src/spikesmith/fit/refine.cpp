#include "spikesmith/fit/refine.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/refine_derivatives.hpp"
#include "spikesmith/fit/refine_spikes.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/optimize/box_minimization.hpp"
#include "spikesmith/optimize/minimize.hpp"

namespace spikesmith {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double bound_slack = 1e-9;  // of the box, by which a start may lie outside for rounding

// The fit's parameters with those that are given instead.
std::vector<FitParameter> merged(std::vector<FitParameter> parameters, const std::vector<FitParameter>& instead) {
    for (const FitParameter& parameter : instead) {
        const auto own = std::ranges::find(parameters, parameter.name, &FitParameter::name);
        if (own == parameters.end()) {
            parameters.push_back(parameter);
        } else {
            *own = parameter;
        }
    }
    return parameters;
}

// A fitter of its own, so that nothing of the given one changes.
Fitter private_fitter(const FitterOptions& fitter, FitOptions options, const RefineProblem& problem) {
    options.parameters = merged(options.parameters, problem.parameters);
    if (options.parameters.empty()) {
        throw ConfigError("there is nothing to refine: neither parameters with bounds were given nor a fit was run",
                          "fit first, or give the parameters and their bounds");
    }
    if (problem.metric || !problem.metrics.empty()) {
        options.metric = problem.metric;
        options.metrics = problem.metrics;
    }
    options.n_rounds = 0;
    options.start_iteration = static_cast<std::size_t>(refine_iteration);
    Fitter own(fitter);
    static_cast<void>(own.fit(options));
    return own;
}

bool has_random(const Code& code) {
    return std::ranges::any_of(code, [](const Instruction& instruction) {
        return instruction.source == Source::operation &&
               (instruction.op == Op::uniform || instruction.op == Op::normal || instruction.op == Op::poisson);
    });
}

bool is_squares(const Objective& objective) {
    return objective.online && std::dynamic_pointer_cast<const MSEMetric>(objective.trace_metric) != nullptr;
}

RefineMethod choose_method(RefineMethod wanted, const FitSetup& setup, bool penalty) {
    const bool squares = !penalty && std::ranges::all_of(setup.objectives, is_squares);
    const bool spikes = !penalty && std::ranges::all_of(setup.objectives, [](const Objective& objective) {
        return objective.spike_metric != nullptr;
    });
    const char* cause = penalty ? "the error has a penalty" : "an error is no mean square of traces";
    if (wanted == RefineMethod::least_squares && !squares) {
        throw ConfigError(fmt::format("least squares cannot refine this fit: {}", cause),
                          "leave the method out: it is then chosen by the metric");
    }
    if (wanted == RefineMethod::spike_times && !spikes) {
        throw ConfigError("spike times cannot refine this fit: it compares other things than spikes",
                          "leave the method out: it is then chosen by the metric");
    }
    if (wanted != RefineMethod::automatic) return wanted;
    return squares ? RefineMethod::least_squares : spikes ? RefineMethod::spike_times : RefineMethod::quasi_newton;
}

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

}  // namespace

struct Refiner::Implementation {
    Fitter fitter;
    FitSetup setup;
    std::optional<std::vector<double>> best;  // of the fit, all parameters
    RefineMethod method = RefineMethod::automatic;
    Derivatives derivatives = Derivatives::differences;
    std::unique_ptr<NormalEquationsOfFit> equations;  // of least squares
    std::unique_ptr<ResidualRecorder> recorder;
    std::unique_ptr<SpikeTimeEquations> spike_equations;
    std::vector<std::string> notes;
    std::size_t n_simulations = 0;

    Implementation(const FitterOptions& given, FitOptions search, const RefineProblem& problem)
        : fitter(private_fitter(given, std::move(search), problem)), setup(fitter.setup()) {
        static_cast<void>(summed_dimension(setup.objectives));
        if (has_random(setup.program.step) || has_random(setup.program.init)) {
            throw ConfigError("a model with random numbers cannot be refined: its error is not the same twice",
                              "fit with more samples instead");
        }
        const bool penalty = !given.penalty.empty();
        method = choose_method(problem.method, setup, penalty);
        for (const FittedParameter& parameter : setup.parameters.list()) {
            if (parameter.searched() && parameter.integer)
                notes.push_back(fmt::format("`{}` takes whole numbers only, so it stays at its start", parameter.name));
        }
        const auto& ranges = setup.parameters.space().ranges();
        if (std::ranges::all_of(ranges, &ParameterRange::integer))
            throw ConfigError("there is nothing to refine: all searched parameters are whole numbers");
        if (method == RefineMethod::least_squares) {
            choose_derivatives(problem.derivatives);
            recorder = std::make_unique<ResidualRecorder>(setup);
        }
        if (method == RefineMethod::spike_times) {
            spike_equations = std::make_unique<SpikeTimeEquations>(setup, given, fitter.data());
            notes.emplace_back(
                "derivatives are differences of interpolated spike times, which move by whole steps after a reset: "
                "standard errors are approximate");
        }
        if (method == RefineMethod::quasi_newton) {
            const bool squares = !penalty && std::ranges::all_of(setup.objectives, is_squares);
            std::string reason;
            if (squares && problem.derivatives != Derivatives::differences)
                equations = exact_normal_equations(setup, reason);
            if (equations) {
                derivatives = Derivatives::exact;
                recorder = std::make_unique<ResidualRecorder>(setup);
            } else if (!squares) {
                notes.push_back(
                    fmt::format("{}, so derivatives are differences and there are no standard errors",
                                penalty ? "the error has a penalty" : "an error is no mean square of traces"));
            }
        }
        if (problem.derivatives == Derivatives::exact && !equations) {
            throw ConfigError("exact derivatives are for mean squared errors of traces only",
                              "leave `derivatives` out");
        }
    }

    void choose_derivatives(Derivatives wanted) {
        if (wanted != Derivatives::differences) {
            std::string reason;
            equations = exact_normal_equations(setup, reason);
            if (equations) {
                derivatives = Derivatives::exact;
                if (!reason.empty()) notes.push_back(reason);
                return;
            }
            if (wanted == Derivatives::exact)
                throw ConfigError(fmt::format("there are no exact derivatives: {}", reason),
                                  "leave `derivatives` out: differences are then used");
            notes.push_back(fmt::format("derivatives are differences: {}", reason));
        }
        equations = difference_normal_equations(setup);
    }

    // ------------------------------------------------------------------------------------------------------- starts

    [[nodiscard]] std::vector<double> start_of(const std::map<std::string, double>& given) const {
        const auto& list = setup.parameters.list();
        const std::vector<std::string> names = names_of(list);
        for (const auto& [name, value] : given) {
            const auto found = std::ranges::find(names, name);
            if (found == names.end())
                throw ConfigError(fmt::format("a start names `{}`, which is no parameter of the fit", name),
                                  did_you_mean(name, names));
            const FittedParameter& parameter = list[static_cast<std::size_t>(found - names.begin())];
            if (!parameter.searched())
                throw ConfigError(
                    fmt::format("a start names `{}`, which is {}", name, parameter.fixed ? "fixed" : "tied to others"),
                    "leave it out of the start");
            if (!std::isfinite(value)) throw ConfigError(fmt::format("the start of `{}` is not finite", name));
        }
        std::vector<double> point;
        for (std::size_t j = 0; j < list.size(); ++j) {
            const FittedParameter& parameter = list[j];
            if (!parameter.searched()) continue;
            const auto own = given.find(parameter.name);
            if (own == given.end() && !best) {
                throw ConfigError(fmt::format("`{}` has no value to start from", parameter.name),
                                  "fit first, or give the values of all parameters to start from");
            }
            const double value = own != given.end() ? own->second : (*best)[j];
            const double slack = bound_slack * (parameter.high - parameter.low);
            if (value < parameter.low - slack || value > parameter.high + slack) {
                const auto show = [&](double v) { return format_quantity({v, parameter.dimension}, 6); };
                throw ConfigError(fmt::format("`{}` starts at {}, outside its bounds {} and {}", parameter.name,
                                              show(value), show(parameter.low), show(parameter.high)),
                                  "widen the bounds, or start inside");
            }
            if (parameter.integer && value != std::floor(value))
                throw ConfigError(fmt::format("`{}` takes whole numbers, but starts at {}", parameter.name, value));
            point.push_back(
                setup.parameters.space().to_coordinate(point.size(), std::clamp(value, parameter.low, parameter.high)));
        }
        return point;
    }

    [[nodiscard]] Array2 starts_of(const RefineOptions& options) const {
        std::vector<std::map<std::string, double>> all = options.starts;
        if (all.empty()) all.emplace_back();
        Array2 points(all.size(), setup.parameters.space().dimension());
        for (std::size_t s = 0; s < all.size(); ++s) std::ranges::copy(start_of(all[s]), points.row(s).begin());
        return points;
    }

    [[nodiscard]] std::vector<double> all_at(std::span<const double> point) const {
        Array2 points(1, point.size());
        std::ranges::copy(point, points.values.begin());
        return parameters_at(setup.parameters, points).values;
    }

    // ----------------------------------------------------------------------------------------------------- searches

    std::vector<double> errors(const Array2& points, const std::atomic<bool>* cancelled) {
        n_simulations += points.rows;
        return fitter.errors(points, cancelled);
    }

    // Where the searches are; kept outside of them, since an interrupt leaves them.
    struct Reached {
        std::vector<std::vector<double>> points;
        std::vector<double> errors;
        std::vector<std::size_t> iterations;
        bool callback_stopped = false;
    };

    bool tell(const RefineOptions& options, Reached& reached, std::size_t start, std::size_t iteration,
              std::span<const double> point, double error) const {
        reached.points[start].assign(point.begin(), point.end());
        reached.errors[start] = error;
        reached.iterations[start] = iteration;
        if (!options.callback) return false;
        const std::vector<FittedParameter> parameters = setup.parameters.with_values(all_at(point));
        const RefineProgress progress{.start = start, .iteration = iteration, .parameters = parameters, .error = error};
        reached.callback_stopped = options.callback(progress) == CallbackAction::stop;
        return reached.callback_stopped;
    }

    // Ends of all starts: points, statistics of the best.
    struct Outcome {
        Array2 points;
        std::vector<RefinedStart> starts;   // but for values of parameters and errors
        std::vector<LeastSquaresPoint> at;  // with derivatives; empty where unknown
    };

    Outcome squares(const RefineOptions& options, const Array2& starts, Reached& reached) {
        const std::size_t d = starts.columns;
        const std::vector<double> low(d, 0.0);
        const std::vector<double> high(d, 1.0);
        const LeastSquaresFunction function = [&](const Array2& points, bool wanted) {
            if (spike_equations) {
                n_simulations += wanted ? 0 : points.rows;
                return spike_equations->at(points, wanted, pairing_, options.cancelled);
            }
            if (wanted) return equations->at(points, options.cancelled);
            std::vector<LeastSquaresPoint> answers;
            for (const double error : errors(points, options.cancelled)) answers.push_back({.cost = error});
            return answers;
        };
        const LeastSquaresOptions settings{
            .max_iterations = options.max_iterations,
            // spike times jump by parts of a step: finer differences of the cost mean nothing
            .cost_tolerance = spike_equations ? std::max(options.cost_tolerance, 1e-6) : options.cost_tolerance,
            .step_tolerance = spike_equations ? std::max(options.step_tolerance, 1e-7) : options.step_tolerance,
            .callback = [&](const LeastSquaresProgress& progress) {
                if (spike_equations)
                    visited_.push_back({progress.start, {progress.point.begin(), progress.point.end()}});
                return tell(options, reached, progress.start, progress.iteration, progress.point, progress.cost);
            }};
        Outcome outcome{.points = starts, .starts = {}, .at = {}};
        for (const LeastSquaresResult& result : minimize_least_squares(function, starts, low, high, settings)) {
            const std::size_t s = outcome.starts.size();
            std::ranges::copy(result.point, outcome.points.row(s).begin());
            outcome.starts.push_back({.stop = stop_of(result.stop),
                                      .reason = std::string(describe(result.stop)),
                                      .iterations = result.iterations,
                                      .derivative_evaluations = result.derivative_evaluations});
            outcome.at.push_back(result.at);
        }
        return outcome;
    }

    // The metric decides which of the points that were visited is the end; of equal ones the last.
    void choose_by_metric(const RefineOptions& options, const Array2& starts, Outcome& outcome) {
        Array2 points = starts;
        std::vector<std::size_t> of_start;
        for (std::size_t s = 0; s < starts.rows; ++s) of_start.push_back(s);
        for (const auto& [start, point] : visited_) {
            of_start.push_back(start);
            points.values.insert(points.values.end(), point.begin(), point.end());
            ++points.rows;
        }
        const std::vector<double> errors_of_points = errors(points, options.cancelled);
        for (std::size_t s = 0; s < starts.rows; ++s) {
            std::size_t chosen = s;
            for (std::size_t k = starts.rows; k < points.rows; ++k) {
                if (of_start[k] == s && errors_of_points[k] <= errors_of_points[chosen]) chosen = k;
            }
            std::ranges::copy(points.row(chosen), outcome.points.row(s).begin());
        }
        outcome.at = spike_equations->at(outcome.points, true, SpikePairing::nearest, options.cancelled);
        visited_.clear();
    }

    // Spikes are paired by number first, which finds the rate from afar, then with the nearest.
    Outcome spike_times(const RefineOptions& options, const Array2& starts, Reached& reached) {
        pairing_ = SpikePairing::by_number;
        Outcome outcome = squares(options, starts, reached);
        if (!reached.callback_stopped) {
            pairing_ = SpikePairing::nearest;
            const std::vector<RefinedStart> first = outcome.starts;
            choose_by_metric(options, starts, outcome);
            const Array2 between = outcome.points;
            outcome = squares(options, between, reached);
            for (std::size_t s = 0; s < first.size(); ++s) {
                outcome.starts[s].iterations += first[s].iterations;
                outcome.starts[s].derivative_evaluations += first[s].derivative_evaluations;
            }
            choose_by_metric(options, between, outcome);
            return outcome;
        }
        choose_by_metric(options, starts, outcome);
        return outcome;
    }

    // Quasi-Newton with exact gradients, one start after the other. Errors are measured by that of the start.
    Outcome newton_exact(const RefineOptions& options, const Array2& starts, Reached& reached) const {
        Outcome outcome{.points = starts, .starts = {}, .at = {}};
        const std::size_t d = starts.columns;
        const std::vector<double> low(d, 0.0);
        const std::vector<double> high(d, 1.0);
        for (std::size_t s = 0; s < starts.rows; ++s) {
            const double unit = reached.errors[s];
            std::size_t iteration = 0;
            double lowest = unit;
            const DifferentiableFunction function = [&](std::span<const double> point, std::span<double> gradient) {
                std::ranges::fill(gradient, 0.0);
                if (reached.callback_stopped) return std::numeric_limits<double>::infinity();
                Array2 row(1, d);
                std::ranges::copy(point, row.values.begin());
                const LeastSquaresPoint at = equations->at(row, options.cancelled).front();
                for (std::size_t k = 0; k < d; ++k) gradient[k] = 2 * at.gradient[k] / unit;
                if (at.cost < lowest) {
                    lowest = at.cost;
                    tell(options, reached, s, ++iteration, point, at.cost);
                }
                return at.cost / unit;
            };
            const BoxMinimizationOptions settings{.evaluations = 10 * options.max_iterations,
                                                  .first_step = 0.01,
                                                  .gradient_tolerance = 1e-12,
                                                  .value_tolerance = options.cost_tolerance};
            RefinedStart start{.stop = RefineStop::failed, .reason = "the error is NaN or infinite at the start"};
            if (std::isfinite(unit) && unit > 0) {
                const BoxMinimum minimum = minimize_smooth_in_box(function, starts.row(s), low, high, settings);
                std::ranges::copy(minimum.point, outcome.points.row(s).begin());
                const bool all = minimum.evaluations >= settings.evaluations;
                start = {.stop = all ? RefineStop::max_iterations : RefineStop::converged,
                         .reason = all ? "the largest number of iterations was reached"
                                       : "converged: no step lowers the error"};
                start.derivative_evaluations = minimum.evaluations;
            }
            if (reached.callback_stopped) {
                if (!reached.points[s].empty()) std::ranges::copy(reached.points[s], outcome.points.row(s).begin());
                start.stop = RefineStop::callback;
                start.reason = "stopped by the callback";
            }
            start.iterations = iteration;
            outcome.starts.push_back(std::move(start));
        }
        outcome.at = equations->at(outcome.points, options.cancelled);
        return outcome;
    }

    Outcome newton(const RefineOptions& options, const Array2& starts, Reached& reached) {
        if (equations && options.hops == 0) return newton_exact(options, starts, reached);
        // Whole numbers stay: the search sees the other coordinates only, so each start is a search of its own.
        std::vector<std::size_t> moving;
        const auto& ranges = setup.parameters.space().ranges();
        for (std::size_t k = 0; k < ranges.size(); ++k) {
            if (!ranges[k].integer) moving.push_back(k);
        }
        Outcome outcome{.points = starts, .starts = {}, .at = {}};
        const auto whole = [&](std::size_t start, std::span<const double> part) {
            std::vector<double> point(starts.row(start).begin(), starts.row(start).end());
            for (std::size_t m = 0; m < moving.size(); ++m) point[moving[m]] = part[m];
            return point;
        };
        for (std::size_t s = 0; s < starts.rows; ++s) {
            Array2 part(1, moving.size());
            for (std::size_t m = 0; m < moving.size(); ++m) part(0, m) = starts(s, moving[m]);
            const BatchFunction function = [&](const Array2& points) {
                Array2 full(points.rows, starts.columns);
                for (std::size_t r = 0; r < points.rows; ++r)
                    std::ranges::copy(whole(s, points.row(r)), full.row(r).begin());
                return errors(full, options.cancelled);
            };
            const MinimizeOptions settings{.hops = options.hops,
                                           .seed = fitter.options().seed + s,
                                           .callback = [&](const MinimizeProgress& progress) {
                                               return tell(options, reached, s, progress.batch,
                                                           whole(s, progress.point), progress.error) ||
                                                      (options.hops == 0 && progress.batch >= options.max_iterations);
                                           }};
            const MinimizeResult result = minimize(function, part, settings).front();
            std::ranges::copy(whole(s, result.best.point), outcome.points.row(s).begin());
            RefinedStart start{.stop = RefineStop::converged, .reason = "converged: no step lowers the error"};
            if (result.stop == MinimizeStop::not_finite)
                start = {.stop = RefineStop::failed, .reason = "the error is NaN or infinite at the start"};
            if (result.stop == MinimizeStop::max_evaluations ||
                (result.stop == MinimizeStop::callback && !reached.callback_stopped))
                start = {.stop = RefineStop::max_iterations, .reason = "the largest number of iterations was reached"};
            if (result.stop == MinimizeStop::callback && reached.callback_stopped)
                start = {.stop = RefineStop::callback, .reason = "stopped by the callback"};
            start.iterations = result.batches;
            outcome.starts.push_back(std::move(start));
            if (!reached.callback_stopped) continue;
            for (++s; s < starts.rows; ++s)
                outcome.starts.push_back({.stop = RefineStop::callback, .reason = "stopped by the callback"});
        }
        return outcome;
    }

    RefineResult refine(const RefineOptions& options) {
        if (!(options.confidence > 0 && options.confidence < 1))
            throw ConfigError(fmt::format("the confidence must be between 0 and 1, not {}", options.confidence));
        if (options.hops > 0 && method != RefineMethod::quasi_newton)
            throw ConfigError("hops are for the method quasi_newton", "set the method, or leave the hops out");
        const Array2 starts = starts_of(options);
        n_simulations = 0;
        visited_.clear();
        const double compiled_before = compile_seconds();
        const auto begin = Clock::now();
        const std::vector<double> start_errors = errors(starts, nullptr);
        Reached reached{.points = std::vector<std::vector<double>>(starts.rows),
                        .errors = start_errors,
                        .iterations = std::vector<std::size_t>(starts.rows, 0)};
        Outcome outcome;
        try {
            outcome = method == RefineMethod::quasi_newton  ? newton(options, starts, reached)
                      : method == RefineMethod::spike_times ? spike_times(options, starts, reached)
                                                            : squares(options, starts, reached);
        } catch (const Interrupted&) {
            outcome = {.points = starts, .starts = {}, .at = {}};
            for (std::size_t s = 0; s < starts.rows; ++s) {
                if (!reached.points[s].empty()) std::ranges::copy(reached.points[s], outcome.points.row(s).begin());
                outcome.starts.push_back(
                    {.stop = RefineStop::cancelled, .reason = "interrupted", .iterations = reached.iterations[s]});
            }
        }
        const std::vector<double> ends = errors(outcome.points, nullptr);

        RefineResult result{.parameters = {},
                            .error_dimension = setup.error_dimension,
                            .starts = std::move(outcome.starts),
                            .statistics = {},
                            .method = method,
                            .derivatives = derivatives,
                            .notes = notes};
        for (std::size_t s = 0; s < starts.rows; ++s) {
            RefinedStart& start = result.starts[s];
            start.start = all_at(starts.row(s));
            start.start_error = start_errors[s];
            const bool better = ends[s] <= start_errors[s] || !std::isfinite(start_errors[s]);
            if (!better) std::ranges::copy(starts.row(s), outcome.points.row(s).begin());
            start.parameters = all_at(outcome.points.row(s));
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
        result.parameters = setup.parameters.with_values(leader.parameters);
        if (leader.stop != RefineStop::cancelled && result.best_start < outcome.at.size()) {
            const auto point = outcome.points.row(result.best_start);
            const Residuals residuals = spike_equations ? spike_equations->residuals(point) : recorder->at(point);
            result.statistics =
                parameter_statistics(setup.parameters, leader.parameters, outcome.at[result.best_start], residuals,
                                     options.confidence, spike_equations ? 1e-3 : equations->accuracy());
        }
        result.n_simulations = n_simulations;
        result.compile_seconds = compile_seconds() - compiled_before;
        result.seconds = std::chrono::duration<double>(Clock::now() - begin).count() - result.compile_seconds;
        return result;
    }

    [[nodiscard]] double compile_seconds() const {
        return fitter.result().compile_seconds + (equations ? equations->compile_seconds() : 0) +
               (recorder ? recorder->compile_seconds() : 0) +
               (spike_equations ? spike_equations->compile_seconds() : 0);
    }

    Field field(const Array2& points, bool gradient, const std::atomic<bool>* cancelled) {
        Field field{.errors = errors(points, cancelled), .gradient = {}};
        if (!gradient) return field;
        const std::size_t d = points.columns;
        field.gradient = Array2(points.rows, d);
        if (equations) {
            const std::vector<LeastSquaresPoint> at = equations->at(points, cancelled);
            for (std::size_t s = 0; s < points.rows; ++s) {
                for (std::size_t k = 0; k < d; ++k) field.gradient(s, k) = 2 * at[s].gradient[k];
            }
            return field;
        }
        constexpr double width = 1e-4;  // of differences of an error of unknown kind
        for (std::size_t k = 0; k < d; ++k) {
            if (setup.parameters.space().ranges()[k].integer) continue;
            Array2 both(2 * points.rows, d);
            std::vector<DifferenceOffsets> offsets;
            for (std::size_t s = 0; s < points.rows; ++s) {
                offsets.push_back(offsets_around(points(s, k), width));
                for (std::size_t side = 0; side < 2; ++side) {
                    std::ranges::copy(points.row(s), both.row(2 * s + side).begin());
                    both(2 * s + side, k) += side == 0 ? offsets[s].a : offsets[s].b;
                }
            }
            const std::vector<double> around = errors(both, cancelled);
            for (std::size_t s = 0; s < points.rows; ++s) {
                field.gradient(s, k) =
                    offsets[s].slope(around[2 * s] - field.errors[s], around[2 * s + 1] - field.errors[s]);
            }
        }
        return field;
    }

  private:
    std::vector<std::pair<std::size_t, std::vector<double>>> visited_;  // start, point; of spike times
    SpikePairing pairing_ = SpikePairing::by_number;
};

Refiner::Refiner(const Fitter& fitter, const RefineProblem& problem)
    : implementation_(std::make_unique<Implementation>(
          fitter.options(), fitter.has_search() ? fitter.search_options() : FitOptions{}, problem)) {
    if (!fitter.has_search()) return;
    const FitResult result = fitter.result();
    if (result.best) implementation_->best = result.best->parameters;
}
Refiner::Refiner(const FitterOptions& fitter, const FitOptions& search, const RefineProblem& problem)
    : implementation_(std::make_unique<Implementation>(fitter, search, problem)) {}
Refiner::Refiner(Refiner&&) noexcept = default;
Refiner& Refiner::operator=(Refiner&&) noexcept = default;
Refiner::~Refiner() = default;

RefineResult Refiner::refine(const RefineOptions& options) {
    return implementation_->refine(options);
}

Refiner::Field Refiner::field(const Array2& points, bool gradient, const std::atomic<bool>* cancelled) {
    return implementation_->field(points, gradient, cancelled);
}

const FitParameters& Refiner::parameters() const {
    return implementation_->setup.parameters;
}

const Dimension& Refiner::error_dimension() const {
    return implementation_->setup.error_dimension;
}

const std::vector<std::string>& Refiner::notes() const {
    return implementation_->notes;
}

RefineResult refine(const Fitter& fitter, const RefineOptions& options, const RefineProblem& problem) {
    return Refiner(fitter, problem).refine(options);
}

}  // namespace spikesmith
