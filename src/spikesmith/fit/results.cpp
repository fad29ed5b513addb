#include "spikesmith/fit/results.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/optimize/pareto.hpp"

namespace spikesmith {

namespace {

// Three decimals in the unit that suits the number ("61.675 Mohm"); three significant digits without unit.
std::string show(double value, const Dimension& dimension) {
    if (dimension.dimensionless() || !std::isfinite(value)) return fmt::format("{:.3g}", value);
    const Unit unit = display_unit(dimension, std::span(&value, 1));
    const double number = value / unit.scale;
    const double magnitude = std::fabs(number);
    const bool plain = number == 0 || (magnitude >= 0.1 && magnitude < 1e5);
    return (plain ? fmt::format("{:.3f} ", number) : fmt::format("{:.4g} ", number)) + unit.name;
}

std::string show_total(double value, const Dimension& dimension) {
    return dimension.dimensionless() ? fmt::format("{:.4g}", value) : show(value, dimension);
}

std::string show_objective(const ObjectiveError& objective) {
    const bool normalized =
        !(objective.raw_dimension == objective.normalized_dimension) || objective.raw != objective.normalized;
    std::string text =
        fmt::format("{} ({}", show(objective.normalized, objective.normalized_dimension), objective.output);
    if (normalized) text += fmt::format(", unnormalized error: {}", show(objective.raw, objective.raw_dimension));
    return text + ")";
}

std::string_view reason(StopReason stop) {
    switch (stop) {
        case StopReason::rounds_done:
            return "all rounds were done";
        case StopReason::callback:
            return "the callback stopped the fit";
        case StopReason::cancelled:
            return "the fit was interrupted";
    }
    return "";
}

std::string count(std::size_t n, std::string_view what) {
    return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

Evaluations::Evaluations(std::vector<std::string> parameters, std::vector<std::string> outputs)
    : parameters_(std::move(parameters)), outputs_(std::move(outputs)) {}

void Evaluations::append(Array2 round) {
    const std::size_t few = parameters_.size() + 1;
    if (round.columns != few && round.columns != few + outputs_.size()) {
        throw ConfigError(fmt::format("a round of evaluations has {} columns", round.columns));
    }
    first_.push_back(size());
    rounds_.push_back(std::move(round));
}

std::size_t Evaluations::round(std::size_t i) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(first_, i) - first_.begin()) - 1;
}

std::size_t Evaluations::sample(std::size_t i) const {
    return i - first_[round(i)];
}

std::span<const double> Evaluations::row(std::size_t i) const {
    if (i >= size()) throw ConfigError(fmt::format("there is no evaluation {}: there are {}", i, size()));
    const std::size_t r = round(i);
    return rounds_[r].row(i - first_[r]);
}

std::span<const double> Evaluations::parameter_values(std::size_t i) const {
    return row(i).first(parameters_.size());
}

double Evaluations::error(std::size_t i) const {
    return row(i)[parameters_.size()];
}

std::span<const double> Evaluations::objective_errors(std::size_t i) const {
    const auto values = row(i);
    return values.last(values.size() == parameters_.size() + 1 ? 1 : outputs_.size());
}

std::vector<double> Evaluations::column(std::string_view name) const {
    std::vector<double> result;
    result.reserve(size());
    const auto parameter = std::ranges::find(parameters_, name);
    const auto j = static_cast<std::size_t>(parameter - parameters_.begin());
    if (parameter == parameters_.end() && name != "error" && name != "round" && name != "sample") {
        std::vector<std::string> known = parameters_;
        known.insert(known.end(), {"error", "round", "sample"});
        throw ConfigError(fmt::format("the evaluations have no column `{}`", name), did_you_mean(name, known));
    }
    for (std::size_t r = 0; r < rounds_.size(); ++r) {
        for (std::size_t s = 0; s < rounds_[r].rows; ++s) {
            if (parameter != parameters_.end()) {
                result.push_back(rounds_[r](s, j));
            } else {
                result.push_back(name == "error"   ? rounds_[r](s, parameters_.size())
                                 : name == "round" ? static_cast<double>(r)
                                                   : static_cast<double>(s));
            }
        }
    }
    return result;
}

std::vector<std::size_t> pareto_front(const Evaluations& evaluations) {
    ParetoArchive archive;
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        if (std::isfinite(evaluations.error(i))) archive.add(i, {}, evaluations.objective_errors(i));
    }
    std::vector<std::size_t> front;
    for (const auto& entry : archive.entries()) front.push_back(static_cast<std::size_t>(entry.id));
    std::ranges::sort(front, {}, [&](std::size_t i) { return std::pair(evaluations.objective_errors(i).front(), i); });
    return front;
}

double FitResult::operator[](std::string_view name) const {
    const auto parameter = std::ranges::find(parameters, name, &FittedParameter::name);
    if (parameter == parameters.end()) {
        const std::vector<std::string> names = names_of(parameters);
        throw ConfigError(fmt::format("the fit has no parameter `{}`", name), did_you_mean(name, names));
    }
    if (!best && !parameter->fixed) throw NumericalError(no_best_message(n_evaluations));
    return parameter->value;
}

std::string describe_parameters(std::span<const FittedParameter> parameters) {
    std::vector<std::string> parts;
    for (const FittedParameter& parameter : parameters) {
        if (!parameter.fixed)  // tied ones are shown too
            parts.push_back(fmt::format("{}={}", parameter.name, show(parameter.value, parameter.dimension)));
    }
    return fmt::format("{}", fmt::join(parts, ", "));
}

std::string describe_error(const BestFit& best, const Dimension& error_dimension) {
    std::vector<std::string> terms;
    for (const ObjectiveError& objective : best.objectives) terms.push_back(show_objective(objective));
    if (best.penalty != 0) terms.push_back(fmt::format("{} (penalty)", show(best.penalty, error_dimension)));
    const bool one_unit = std::ranges::all_of(best.objectives, [&](const ObjectiveError& objective) {
        return objective.normalized_dimension == best.objectives.front().normalized_dimension;
    });
    if (!one_unit) return fmt::format("{:.4g} from {}", best.error, fmt::join(terms, " and "));  // there is no sum
    const std::string sum = fmt::format("{}", fmt::join(terms, " + "));
    return terms.size() == 1 ? sum : fmt::format("{} = {}", show_total(best.error, error_dimension), sum);
}

std::string no_best_message(std::size_t n_evaluations) {
    if (n_evaluations == 0) return "there is no best parameter set: no round has been run";
    return fmt::format(
        "there is no best parameter set: the error of {} was NaN or infinite",
        n_evaluations == 1 ? "the only evaluation" : fmt::format("each of the {} evaluations", n_evaluations));
}

std::string FitResult::summary() const {
    if (!best) return no_best_message(n_evaluations);
    return fmt::format("Best parameters {}\nBest error: {} after {}", describe_parameters(parameters),
                       describe_error(*best, error_dimension), count(n_evaluations, "evaluation"));
}

std::string FitResult::full_report() const {
    std::string text;
    const auto line = [&text](std::string_view what, std::string_view value) {
        text += fmt::format("{:<14}{}\n", what, value);
    };
    text += fmt::format("{:<14} {:>16} {:>16} {:>16}  {}\n", "parameter", "best", "low", "high", "scale");
    for (const FittedParameter& parameter : parameters) {
        const auto cell = [&](double value) { return show(value, parameter.dimension); };
        if (parameter.fixed) {
            text += fmt::format("{:<14} {:>16} {:>16} {:>16}  fixed\n", parameter.name, cell(parameter.value), "", "");
            continue;
        }
        if (!parameter.tied.empty()) {
            text += fmt::format("{:<14} {:>16} {:>16} {:>16}  = {}\n", parameter.name,
                                best ? cell(parameter.value) : "-", "", "", parameter.tied);
            continue;
        }
        text += fmt::format("{:<14} {:>16} {:>16} {:>16}  {}{}{}\n", parameter.name, best ? cell(parameter.value) : "-",
                            cell(parameter.low), cell(parameter.high), scale_name(parameter.scale),
                            parameter.integer ? ", whole" : "", parameter.at_bound && best ? ", at a bound" : "");
    }
    text += "\n";
    line("best error", best ? describe_error(*best, error_dimension) : no_best_message(n_evaluations));
    line("evaluations", fmt::format("{} in {}", n_evaluations, count(n_rounds, "round")));
    if (n_failed > 0) line("failed", fmt::format("{} with a NaN or infinite error", n_failed));
    constexpr std::size_t shown_causes = 5;
    for (std::size_t k = 0; k < std::min(failures.size(), shown_causes); ++k) {
        line("", fmt::format("{} x {}, first in evaluation {}", failures[k].count, failures[k].what,
                             failures[k].evaluation));
    }
    if (failures.size() > shown_causes) line("", fmt::format("and {} other causes", failures.size() - shown_causes));
    if (!pareto_front.empty()) line("Pareto front", count(pareto_front.size(), "point"));
    line("ended", reason(stop_reason));
    line("optimizer", optimizer);
    for (std::size_t k = 0; k < metrics.size(); ++k) line("metric", fmt::format("{}: {}", outputs[k], metrics[k]));
    line("integration", method);
    line("seed", fmt::format("{}", seed));
    line("time", fmt::format("{:.3g} s, of which {:.3g} s compiling", seconds, compile_seconds));
    return text;
}

}  // namespace spikesmith
