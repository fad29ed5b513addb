// Refinements in words.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/refine.hpp"

namespace spikesmith {

namespace {

std::string show(double value, const Dimension& dimension, int digits = 6) {
    return std::isfinite(value) ? format_quantity({value, dimension}, digits) : "-";
}

template <class Value>
Value parse_word(std::string_view text, std::string_view what,
                 const std::vector<std::pair<std::string, Value>>& words) {
    std::vector<std::string> names;
    for (const auto& [name, value] : words) {
        if (name == text) return value;
        names.push_back(name);
    }
    const std::string hint = did_you_mean(text, names);
    throw ConfigError(fmt::format("there is no {} `{}`", what, text),
                      hint.empty() ? fmt::format("there are: {}", fmt::join(names, ", ")) : hint);
}

}  // namespace

RefineMethod parse_refine_method(std::string_view text) {
    return parse_word<RefineMethod>(text, "method of refining",
                                    {{"automatic", RefineMethod::automatic},
                                     {"least_squares", RefineMethod::least_squares},
                                     {"spike_times", RefineMethod::spike_times},
                                     {"quasi_newton", RefineMethod::quasi_newton},
                                     {"bfgs", RefineMethod::quasi_newton},
                                     {"l_bfgs_b", RefineMethod::quasi_newton},
                                     {"slsqp", RefineMethod::quasi_newton}});
}

std::string_view name_of(RefineMethod method) {
    switch (method) {
        case RefineMethod::automatic:
            return "automatic";
        case RefineMethod::least_squares:
            return "least_squares";
        case RefineMethod::spike_times:
            return "spike_times";
        case RefineMethod::quasi_newton:
            return "quasi_newton";
    }
    return "";
}

Derivatives parse_derivatives(std::string_view text) {
    return parse_word<Derivatives>(text, "kind of derivatives",
                                   {{"automatic", Derivatives::automatic},
                                    {"exact", Derivatives::exact},
                                    {"adjoint", Derivatives::adjoint},
                                    {"differences", Derivatives::differences}});
}

std::string_view name_of(Derivatives derivatives) {
    switch (derivatives) {
        case Derivatives::automatic:
            return "automatic";
        case Derivatives::exact:
            return "exact";
        case Derivatives::adjoint:
            return "adjoint";
        case Derivatives::differences:
            return "differences";
    }
    return "";
}

double RefineResult::operator[](std::string_view name) const {
    const auto found = std::ranges::find(parameters, name, &FittedParameter::name);
    if (found != parameters.end()) return found->value;
    throw ConfigError(fmt::format("there is no parameter `{}`", name), did_you_mean(name, names_of(parameters)));
}

std::string RefineResult::summary() const {
    return fmt::format("Refined parameters {}\n  error {} (was {})\n", describe_parameters(parameters),
                       show(error, error_dimension), show(start_error, error_dimension));
}

std::string RefineResult::full_report() const {
    std::string text;
    const auto line = [&text](std::string_view what, std::string_view value) {
        text += fmt::format("{:<14}{}\n", what, value);
    };
    const bool known = !statistics.empty();
    text += fmt::format("{:<14} {:>16} {:>14} {:>34}  {}\n", "parameter", "refined", "std. error",
                        known ? fmt::format("{:g} % interval", 100 * statistics.confidence) : "interval", "");
    for (std::size_t j = 0; j < parameters.size(); ++j) {
        const FittedParameter& parameter = parameters[j];
        const double error_of = known ? statistics.standard_errors[j] : NAN;
        const std::string interval =
            std::isfinite(error_of)
                ? fmt::format("{} .. {}", show(statistics.confidence_low[j], parameter.dimension, 5),
                              show(statistics.confidence_high[j], parameter.dimension, 5))
                : "-";
        std::string remark;
        if (parameter.fixed) remark = "fixed";
        if (!parameter.tied.empty()) remark = "= " + parameter.tied;
        if (parameter.searched() && parameter.integer) remark = "whole number, not refined";
        if (parameter.searched() && parameter.at_bound) remark = "at a bound";
        text +=
            fmt::format("{:<14} {:>16} {:>14} {:>34}  {}", parameter.name, show(parameter.value, parameter.dimension),
                        show(error_of, parameter.dimension, 3), interval, remark);
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    text += "\n";
    line("error", fmt::format("{} (was {})", show(error, error_dimension), show(start_error, error_dimension)));
    std::vector<std::size_t> correlated;
    for (std::size_t j = 0; known && j < parameters.size(); ++j) {
        if (std::isfinite(statistics.standard_errors[j])) correlated.push_back(j);
    }
    if (correlated.size() > 1) {
        std::string head;
        for (const std::size_t j : correlated) head += fmt::format(" {:>10}", parameters[j].name);
        line("correlation", "");
        text += fmt::format("{:<14}{}\n", "", head);
        for (const std::size_t j : correlated) {
            std::string row;
            for (const std::size_t i : correlated) row += fmt::format(" {:>10.4f}", statistics.correlation(j, i));
            text += fmt::format("  {:<12}{}\n", parameters[j].name, row);
        }
    }
    if (known) {
        line("residuals",
             fmt::format("{}, autocorrelation {:.3f}", statistics.n_residuals, statistics.autocorrelation));
        std::vector<std::string> values;
        for (const double value : statistics.singular_values) values.push_back(fmt::format("{:.3g}", value));
        line("singular", fmt::format("values {}", fmt::join(values, ", ")));
        for (const std::string& sentence : statistics.undetermined) line("", sentence);
    }
    const RefinedStart& leader = best();
    line("ended", leader.reason);
    line("iterations", fmt::format("{}, {} evaluations of derivatives, {} simulations of the error", leader.iterations,
                                   leader.derivative_evaluations, n_simulations));
    if (starts.size() > 1) line("starts", fmt::format("{}, the best is number {}", starts.size(), best_start + 1));
    line("method", fmt::format("{}, derivatives: {}", name_of(method), name_of(derivatives)));
    for (const std::string& note : notes) line("note", note);
    line("time", fmt::format("{:.3g} s, and {:.3g} s compiling", seconds, compile_seconds));
    return text;
}

}  // namespace spikesmith
