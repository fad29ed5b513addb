#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/opt_neuron.hpp"

namespace spikesmith {

namespace {

std::string reason(OptStop stop) {
    switch (stop) {
        case OptStop::loss_reached:
            return "the loss that was asked for is reached";
        case OptStop::callback:
            return "stopped by the callback";
        case OptStop::cancelled:
            return "stopped by the user";
        case OptStop::max_evaluations:
            break;
    }
    return "all evaluations done";
}

std::string no_best_message(const OptNeuronResult& result) {
    return fmt::format("there is no best candidate: all {} evaluations failed", result.history.size());
}

}  // namespace

double OptNeuronResult::operator[](std::string_view name) const {
    const auto found = std::ranges::find(parameters, name, [](const auto& entry) { return entry.first; });
    if (found != parameters.end()) return found->second;
    if (best.empty()) throw ConfigError(no_best_message(*this));
    std::vector<std::string> names;
    for (const auto& entry : parameters) names.push_back(entry.first);
    std::string hint = did_you_mean(name, names);
    if (hint.empty()) hint = fmt::format("there are {}", fmt::join(names, ", "));
    throw ConfigError(fmt::format("the result has no variable `{}`", name), hint);
}

std::string OptNeuronResult::summary() const {
    if (best.empty()) return no_best_message(*this);
    std::vector<std::string> values;
    for (const auto& [name, value] : best) values.push_back(fmt::format("{} = {:.6g}", name, value));
    std::string text = fmt::format("Best: {}\nLoss: {:.6g}", fmt::join(values, ", "), loss);
    if (repetitions > 1) text += fmt::format(" +- {:.2g} (of {} repetitions)", deviation, repetitions);
    if (!history.empty()) text += fmt::format(" after {} evaluations", history.size());
    if (n_failed > 0) text += fmt::format(", of which {} failed", n_failed);
    return text;
}

std::string OptNeuronResult::full_report() const {
    std::string text;
    const auto line = [&text](std::string_view what, const std::string& value) {
        text += fmt::format("{:<14}{}\n", what, value);
    };
    std::size_t width = 8;
    for (const auto& entry : parameters) width = std::max(width, entry.first.size());
    text += fmt::format("{:<{}}  {:>16}\n", "variable", width, "value");
    for (const auto& [name, value] : parameters) {
        const auto expression = std::ranges::find(expressions, name, [](const auto& entry) { return entry.first; });
        const bool searched = std::ranges::any_of(best, [&](const auto& entry) { return entry.first == name; });
        const std::string remark = searched                          ? "fitted"
                                   : expression != expressions.end() ? "= " + expression->second
                                                                     : "constant";
        text += fmt::format("{:<{}}  {:>16.9g}  {}\n", name, width, value, remark);
    }
    text += "\n";
    if (best.empty()) {
        line("loss", no_best_message(*this));
    } else {
        line("loss", repetitions > 1 ? fmt::format("{:.6g}, standard deviation {:.3g} over {} repetitions", loss,
                                                   deviation, repetitions)
                                     : fmt::format("{:.6g}", loss));
        if (best_loss != loss && std::isfinite(best_loss)) line("", fmt::format("{:.6g} while fitting", best_loss));
        if (all_loss.size() > 1) line("parts", fmt::format("{:.4g}", fmt::join(all_loss, ", ")));
    }
    line("evaluations", fmt::format("{} in {} generations of {}", history.size(), logbook.size(), population));
    if (n_failed > 0) line("failed", fmt::format("{} with a loss that is not finite", n_failed));
    constexpr std::size_t shown_causes = 5;
    for (std::size_t k = 0; k < std::min(failures.size(), shown_causes); ++k) {
        line("", fmt::format("{} x {}, first in evaluation {}", failures[k].count, failures[k].what,
                             failures[k].evaluation));
    }
    if (failures.size() > shown_causes) line("", fmt::format("and {} other causes", failures.size() - shown_causes));
    if (!front.empty()) line("Pareto front", fmt::format("{} points", front.size()));
    line("ended", reason(stop));
    line("optimizer", optimizer == method ? optimizer : fmt::format("{} ({})", optimizer, method));
    line("seed", fmt::format("{}", seed));
    line("time", fmt::format("{:.3g} s; compiling took {:.3g} s", seconds, compile_seconds));
    for (const std::string& warning : warnings) line("warning", warning);
    return text;
}

}  // namespace spikesmith
