#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/opt_candidates.hpp"
#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/optimize/cma_es.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace spikesmith {

namespace {

double number_of(const std::string& option, const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size())
        throw ConfigError(fmt::format("the option `{}` must be a number, not `{}`", option, text));
    return value;
}

// As the type of the option asks.
OptionValue value_of(const OptionInfo& info, const std::string& text) {
    if (info.type == "true or false") {
        if (text != "true" && text != "false")
            throw ConfigError(fmt::format("the option `{}` must be true or false, not `{}`", info.name, text));
        return text == "true";
    }
    if (info.type == "number" || info.type == "whole number") return number_of(info.name, text);
    return text;
}

std::string own_name(const std::string& method, const std::string& option) {
    return method == "deap" && option == "lambda_" ? "population" : option;
}

}  // namespace

OptimizerChoice warm_cma_es(const std::string& name, const std::map<std::string, std::string>& options,
                            std::vector<double> start, double step) {
    CmaEsOptions cma{.step = step, .start = std::move(start)};
    const std::vector<OptionInfo> known = list_options(cma);
    for (const auto& [option, text] : options) {
        const std::string own = own_name(name, option);
        const auto info = std::ranges::find(known, own, &OptionInfo::name);
        set_option(cma, own, info == known.end() ? OptionValue(text) : value_of(*info, text));
    }
    return cma_es(std::move(cma));
}

OptimizerChoice opt_neuron_method(const std::string& name, const std::map<std::string, std::string>& options) {
    if (name == "sbi") {
        throw ConfigError("`sbi` looks for a posterior, not for a minimum",
                          "call infer_opt_neuron (infer/opt_neuron_posterior.hpp)");
    }
    std::string ours = name;
    if (name == "deap") ours = "cma_es";
    if (name == "bads") ours = "bayesian";
    const std::unique_ptr<OptimizerMethod> method = optimizer_method(ours);
    if (name == "bads") method->set("trust_region", true);
    const std::vector<OptionInfo> known = method->options();
    for (const auto& [option, text] : options) {
        const std::string own = own_name(name, option);
        const auto info = std::ranges::find(known, own, &OptionInfo::name);
        method->set(own, info == known.end() ? OptionValue(text) : value_of(*info, text));
    }
    return method->choice();
}

std::size_t generation_size(std::string_view optimizer, std::size_t evaluations) {
    constexpr std::array<std::string_view, 4> step_by_step{"tpe", "bayesian", "nelder_mead", "one_plus_lambda"};
    if (std::ranges::any_of(step_by_step, [&](std::string_view name) { return optimizer == name; })) return 8;
    return std::clamp<std::size_t>(evaluations / 40, 8, 64);
}

}  // namespace spikesmith
