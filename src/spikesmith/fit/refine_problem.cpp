#include "spikesmith/fit/refine_problem.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/numerics/tangents.hpp"

namespace spikesmith {

namespace {

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

bool has_op(const UpdateProgram& program, std::initializer_list<Op> ops) {
    const auto is_one = [&](const Instruction& i) {
        return i.source == Source::operation && std::ranges::find(ops, i.op) != ops.end();
    };
    return std::ranges::any_of(program.step, is_one) || std::ranges::any_of(program.init, is_one);
}

bool is_squares(const Objective& objective) {
    return objective.online && std::dynamic_pointer_cast<const MSEMetric>(objective.trace_metric) != nullptr;
}

RefineMethod choose_method(const RefineProblem& wanted, const FitSetup& setup, bool squares, bool penalty) {
    const bool spikes = !penalty && std::ranges::all_of(setup.objectives, [](const Objective& objective) {
        return objective.spike_metric != nullptr;
    });
    if (wanted.method == RefineMethod::least_squares && !squares) {
        throw ConfigError(fmt::format("least squares cannot refine this fit: {}",
                                      penalty ? "the error has a penalty" : "an error is no mean square of traces"),
                          "leave the method out: it is then chosen by the metric");
    }
    if (wanted.method == RefineMethod::spike_times && !spikes) {
        throw ConfigError("spike times cannot refine this fit: it compares other things than spikes",
                          "leave the method out: it is then chosen by the metric");
    }
    if (wanted.method == RefineMethod::least_squares && wanted.derivatives == Derivatives::adjoint) {
        throw ConfigError("least squares needs the derivatives of each residual, the adjoint gives that of their sum",
                          "set the method to quasi_newton, or leave it out");
    }
    if (wanted.method != RefineMethod::automatic) return wanted.method;
    if (squares)
        return wanted.derivatives == Derivatives::adjoint ? RefineMethod::quasi_newton : RefineMethod::least_squares;
    return spikes ? RefineMethod::spike_times : RefineMethod::quasi_newton;
}

}  // namespace

RefinedProblem::RefinedProblem(const FitterOptions& given, FitOptions search, const RefineProblem& problem,
                               const std::optional<BestFit>& best_of_fit)
    : fitter(private_fitter(given, std::move(search), problem)), setup(fitter.setup()) {
    if (best_of_fit) {
        best = best_of_fit->parameters;
        setup.noise = best_of_fit->evaluation;
    }
    static_cast<void>(summed_dimension(setup.objectives));
    if (has_op(setup.program, {Op::uniform, Op::normal, Op::poisson})) {
        notes.push_back(fmt::format(
            "the model has random numbers: those of evaluation {} are held, and others have another optimum",
            setup.noise));
    }
    for (const FittedParameter& parameter : setup.parameters.list()) {
        if (parameter.searched() && parameter.integer)
            notes.push_back(fmt::format("`{}` takes whole numbers only, so it stays at its start", parameter.name));
        if (parameter.fixed || parameter.integer || !has_op(setup.program, {Op::poisson})) continue;
        if (const auto answer = differentiability(setup.program, parameter.name); !answer.differentiable)
            throw ConfigError(fmt::format("this model cannot be refined: {}", answer.reason));
    }
    if (moving_coordinates(setup.parameters).empty())
        throw ConfigError("there is nothing to refine: all searched parameters are whole numbers");
    const bool penalty = !given.penalty.empty();
    squares_ = !penalty && std::ranges::all_of(setup.objectives, is_squares);
    method = choose_method(problem, setup, squares_, penalty);
    if (!squares_ && (problem.derivatives == Derivatives::exact || problem.derivatives == Derivatives::adjoint)) {
        throw ConfigError("exact derivatives are for mean squared errors of traces only", "leave `derivatives` out");
    }
    if (squares_) {
        recorder_ = std::make_unique<ResidualRecorder>(setup);
        choose_derivatives(problem.derivatives);
    } else if (method == RefineMethod::spike_times) {
        spike_equations = std::make_unique<SpikeTimeEquations>(setup, given, fitter.data());
        notes.emplace_back(
            "derivatives are differences of interpolated spike times, which move by whole steps after a reset: "
            "standard errors are approximate");
    } else {
        notes.push_back(fmt::format("{}, so derivatives are differences and there are no standard errors",
                                    penalty ? "the error has a penalty" : "an error is no mean square of traces"));
    }
}

void RefinedProblem::choose_derivatives(Derivatives wanted) {
    const std::size_t n = moving_coordinates(setup.parameters).size();
    std::string reason;
    const auto take = [&](Derivatives kind) {
        gradients = kind == Derivatives::adjoint ? adjoint_of_fit(setup, reason) : tangents_of_fit(setup, reason);
        if (!gradients) return false;
        derivatives = kind;
        if (!reason.empty()) notes.push_back(reason);
        return true;
    };
    const bool many = n > most_tangents;
    if (wanted == Derivatives::exact || wanted == Derivatives::adjoint) {
        if (!take(wanted))
            throw ConfigError(fmt::format("there are no such derivatives: {}", reason), "leave `derivatives` out");
        return;
    }
    if (wanted == Derivatives::automatic) {
        if (many && method == RefineMethod::quasi_newton && take(Derivatives::adjoint)) return;
        if (!many && take(Derivatives::exact)) return;
        if (reason.empty()) reason = fmt::format("for {} parameters they cost less than exact ones", n);
        notes.push_back(fmt::format("derivatives are differences: {}", reason));
    }
    if (method == RefineMethod::least_squares) gradients = differences_of_fit(setup);
}

std::vector<double> RefinedProblem::errors(const Array2& points, const std::atomic<bool>* cancelled) {
    n_simulations += points.rows;
    return fitter.errors(points, cancelled, setup.noise);
}

Array2 RefinedProblem::starts(const RefineOptions& options) const {
    const auto& list = setup.parameters.list();
    const std::vector<std::string> names = names_of(list);
    const auto start_of = [&](const std::map<std::string, double>& given) {
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
    };
    std::vector<std::map<std::string, double>> all = options.starts;
    if (all.empty()) all.emplace_back();
    Array2 points(all.size(), setup.parameters.space().dimension());
    for (std::size_t s = 0; s < all.size(); ++s) std::ranges::copy(start_of(all[s]), points.row(s).begin());
    return points;
}

std::vector<double> RefinedProblem::all_at(std::span<const double> point) const {
    Array2 points(1, point.size());
    std::ranges::copy(point, points.values.begin());
    return parameters_at(setup.parameters, points).values;
}

ParameterStatistics RefinedProblem::statistics(std::span<const double> point, double confidence) {
    Array2 row(1, point.size());
    std::ranges::copy(point, row.values.begin());
    if (spike_equations) {
        const LeastSquaresPoint at = spike_equations->at(row, true, SpikePairing::nearest, nullptr).front();
        return parameter_statistics(setup.parameters, all_at(point), at, spike_equations->residuals(point), confidence,
                                    1e-3);
    }
    if (!squares_) return {};
    FitDerivatives* source = gradients.get();
    if (source == nullptr || derivatives == Derivatives::adjoint) {
        if (!differences_) differences_ = differences_of_fit(setup);
        source = differences_.get();
    }
    return parameter_statistics(setup.parameters, all_at(point), source->at(row, nullptr).front(), recorder_->at(point),
                                confidence, source->accuracy());
}

double RefinedProblem::compile_seconds() const {
    return fitter.result().compile_seconds + (gradients ? gradients->compile_seconds() : 0) +
           (differences_ ? differences_->compile_seconds() : 0) + (recorder_ ? recorder_->compile_seconds() : 0) +
           (spike_equations ? spike_equations->compile_seconds() : 0);
}

}  // namespace spikesmith
