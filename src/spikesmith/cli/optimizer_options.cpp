#include "spikesmith/cli/optimizer_options.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/optimize/differential_evolution.hpp"

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;

double real(const OptionConfig& option) {
    if (option.value.kind != Kind::real && option.value.kind != Kind::integer)
        wrong_type(option.name.name, "a number", option.value);
    return option.value.real;
}

std::size_t count(const OptionConfig& option) {
    if (option.value.kind != Kind::integer) wrong_type(option.name.name, "an integer", option.value);
    if (option.value.integer < 0 || option.value.integer > 10'000'000)
        fail_at(option.value.place, fmt::format("`{}` must be between 0 and 10000000", option.name.name));
    return static_cast<std::size_t>(option.value.integer);
}

const std::string& word(const OptionConfig& option) {
    if (option.value.kind != Kind::string) wrong_type(option.name.name, "a string", option.value);
    return option.value.text;
}

template <class Options>
using Setters = std::map<std::string, std::function<void(Options&, const OptionConfig&)>>;

// Applies each option; what a setter or `check` refuses is shown at the option.
template <class Options>
Options read_options(const OptimizerConfig& config, const Setters<Options>& setters,
                     const std::function<void(const Options&)>& check) {
    Options options;
    for (const auto& option : config.options) {
        const auto setter = setters.find(option.name.name);
        if (setter == setters.end()) {
            std::vector<std::string> names{"method"};
            for (const auto& [name, unused] : setters) names.push_back(name);
            std::string hint = did_you_mean(option.name.name, names);
            if (hint.empty()) hint = fmt::format("its options: {}", fmt::join(names, ", "));
            fail_at(option.name.place, fmt::format("`{}` has no option `{}`", config.method.name, option.name.name),
                    std::move(hint));
        }
        try {
            setter->second(options, option);
            check(options);
        } catch (const ConfigError& error) {
            if (error.diagnostic().line > 0) throw;
            fail_at(option.value.place, error.diagnostic().message, error.diagnostic().hint);
        }
    }
    return options;
}

OptimizerChoice read_differential_evolution(const OptimizerConfig& config) {
    using Options = DifferentialEvolutionOptions;
    const Setters<Options> setters{
        {"donor", [](Options& o, const OptionConfig& v) { o.donor = parse_donor_rule(word(v)); }},
        {"population", [](Options& o, const OptionConfig& v) { o.population = count(v); }},
        {"weight", [](Options& o, const OptionConfig& v) { o.weight = real(v); }},
        {"weight_dither", [](Options& o, const OptionConfig& v) { o.weight_dither = real(v); }},
        {"crossover_rate", [](Options& o, const OptionConfig& v) { o.crossover_rate = real(v); }},
        {"p_best", [](Options& o, const OptionConfig& v) { o.p_best = real(v); }},
        {"archive", [](Options& o, const OptionConfig& v) { o.archive = real(v); }},
        {"memory", [](Options& o, const OptionConfig& v) { o.memory = count(v); }},
        {"bounds", [](Options& o, const OptionConfig& v) { o.bounds = parse_bound_rule(word(v)); }},
        {"initial", [](Options& o, const OptionConfig& v) { o.initial = parse_initial_design(word(v)); }},
    };
    return differential_evolution(
        read_options<Options>(config, setters, [](const Options& options) { (void)differential_evolution(options); }));
}

}  // namespace

OptimizerChoice read_optimizer(const OptimizerConfig& config) {
    static const std::map<std::string, OptimizerChoice (*)(const OptimizerConfig&)> methods{
        {"differential_evolution", read_differential_evolution},
        {"DE", read_differential_evolution},
    };
    const auto method = methods.find(config.method.name);
    if (method != methods.end()) return method->second(config);
    std::vector<std::string> names;
    for (const auto& [name, unused] : methods) names.push_back(name);
    std::string hint = did_you_mean(config.method.name, names);
    if (hint.empty()) hint = fmt::format("one of: {}", fmt::join(names, ", "));
    fail_at(config.method.place, fmt::format("unknown optimizer `{}`", config.method.name), std::move(hint));
}

}  // namespace spikesmith
