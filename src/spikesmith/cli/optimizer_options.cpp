#include "spikesmith/cli/optimizer_options.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace spikesmith {
namespace {

using Kind = TomlValue::Kind;

OptionValue option_value(const OptionConfig& option) {
    switch (option.value.kind) {
        case Kind::boolean:
            return option.value.boolean;
        case Kind::integer:
        case Kind::real:
            return option.value.real;
        default:
            return option.value.text;
    }
}

// What the optimiser refuses is shown where it was written.
template <class Action>
auto shown_at(const Place& place, Action action) {
    try {
        return action();
    } catch (const ConfigError& error) {
        fail_at(place, error.diagnostic().message, error.diagnostic().hint);
    }
}

}  // namespace

OptimizerChoice read_optimizer(const OptimizerConfig& config) {
    const ConfigName standard{std::string(standard_optimizer), {}};
    const ConfigName& name = config.method ? *config.method : standard;
    const auto method = shown_at(name.place, [&] { return optimizer_method(name.name); });
    std::vector<std::string> known{"method"};
    for (const OptionInfo& option : method->options()) known.push_back(option.name);
    for (const OptionConfig& option : config.options) {
        if (std::ranges::find(known, option.name.name) == known.end()) {
            std::string hint = did_you_mean(option.name.name, known);
            if (hint.empty()) hint = fmt::format("its options: {}", fmt::join(known, ", "));
            fail_at(option.name.place, fmt::format("`{}` has no option `{}`", name.name, option.name.name),
                    std::move(hint));
        }
        shown_at(option.value.place, [&] { method->set(option.name.name, option_value(option)); });
    }
    return method->choice();
}

}  // namespace spikesmith
