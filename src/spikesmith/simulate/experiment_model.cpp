#include "spikesmith/simulate/experiment_model.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/symbolic/linear_parts.hpp"

namespace spikesmith {
namespace {

constexpr std::string_view clamp_suffix = "_clamp_current";

// Names that a current from outside usually has.
constexpr std::array<std::string_view, 8> current_names{"I_app", "I",      "I_ext",    "I_inj",
                                                        "I_e",   "I_stim", "i_offset", "Iapp"};

const State& state_of(const Model& model, std::string_view name) {
    return *std::ranges::find(model.states, name, &State::name);
}

bool has_state(const Model& model, const Expression& expression) {
    return std::ranges::any_of(model.states, [&](const State& s) { return depends_on(expression, s.name); });
}

// df/dcurrent, if f is linear in the current and the factor is the same in all states.
std::optional<Expression> factor_of(const Model& model, const Expression& derivative, const std::string& current) {
    const auto parts = linear_parts(derivative, std::span(&current, 1));
    if (!parts || parts->coefficients[0].is_number(0) || has_state(model, parts->coefficients[0])) return std::nullopt;
    return parts->coefficients[0];
}

}  // namespace

Model with_inputs_as_parameters(const Model& model) {
    Model out = model;
    const auto add = [&](const std::string& name, const Dimension& dimension) {
        out.parameters.push_back({.name = name, .dimension = dimension});
        out.initial_values.push_back({.name = name, .value = Expression(0.0)});
    };
    for (const Input& input : model.inputs) add(input.name, input.dimension);
    for (const std::string& target : model.targets) add(target + "_target", model.find(target)->dimension);
    out.inputs.clear();
    out.targets.clear();
    return out;
}

Model with_driven(const Model& model, const DrivenNames& names) {
    Model out = model;
    for (const auto& name : names.driven) {
        if (std::ranges::any_of(model.reset, [&](const Assignment& a) { return a.name == name; })) {
            throw ConfigError(fmt::format("`{}` cannot follow a waveform: the reset of the model changes it", name));
        }
        out.inputs.push_back({.name = name, .dimension = model.find(name)->dimension});
    }
    for (const auto& [name, current] : names.clamped) {
        if (!names.held.contains(name)) out.inputs.push_back({.name = name, .dimension = model.find(name)->dimension});
    }

    const auto is_input = [&](const auto& item) {
        return names.driven.contains(item.name) || names.clamped.contains(item.name);
    };
    std::erase_if(out.parameters, is_input);
    for (const auto& name : names.held)
        out.parameters.push_back({.name = name, .dimension = model.find(name)->dimension});
    std::erase_if(out.initial_values, is_input);
    std::erase_if(out.reset, is_input);
    std::erase_if(out.states, is_input);
    std::erase_if(out.updates, [&](const Update& u) { return is_input(model.states[u.state]); });
    for (Update& update : out.updates) {
        const auto place = std::ranges::find(out.states, model.states[update.state].name, &State::name);
        update.state = static_cast<std::size_t>(place - out.states.begin());
    }
    return out;
}

Expression clamp_current(const Model& model, std::string_view state, const std::string& current,
                         const std::vector<std::string>& inputs) {
    const State& clamped = state_of(model, state);
    const Expression derivative = substitute(model.inlined(clamped.derivative), assigned_values(model, state));
    if (!current.empty()) {
        const auto factor = factor_of(model, derivative, current);
        if (factor) return -clamped.derivative / *factor;
        throw ModelError(fmt::format("the derivative of `{}` cannot be solved for the current `{}`", state, current),
                         "its factor in the equation must be constant");
    }
    std::vector<std::string> possible;
    std::vector<std::string> preferred;
    const auto consider = [&](const std::string& name, bool prefer) {
        if (!factor_of(model, derivative, name)) return;
        possible.push_back(name);
        if (prefer) preferred.push_back(name);
    };
    const Dimension& ampere = dimensions::ampere;
    for (const Parameter& parameter : model.parameters) {
        if (parameter.type != ValueType::real) continue;
        const bool is_input = std::ranges::find(inputs, parameter.name) != inputs.end();
        consider(parameter.name, is_input || std::ranges::find(current_names, parameter.name) != current_names.end() ||
                                     parameter.dimension == ampere);
    }
    if (preferred.empty() && possible.size() == 1) preferred = possible;
    // An input is what data drive, so it goes before everything else.
    std::vector<std::string> driven;
    for (const auto& name : preferred) {
        if (std::ranges::find(inputs, name) != inputs.end()) driven.push_back(name);
    }
    if (driven.size() == 1) preferred = driven;
    if (preferred.size() > 1) {
        // by the usual names, in their order
        for (const std::string_view usual : current_names) {
            if (std::ranges::find(preferred, usual) == preferred.end()) continue;
            preferred = {std::string(usual)};
            break;
        }
    }
    if (preferred.size() == 1) return -clamped.derivative / *factor_of(model, derivative, preferred[0]);
    throw ModelError(
        fmt::format("the clamp current of `{}` cannot be computed: {}", state,
                    preferred.empty()
                        ? "no parameter or input enters its equation as a current does"
                        : fmt::format("several currents enter its equation ({})", fmt::join(preferred, ", "))),
        possible.empty()
            ? std::string("the equation must be linear in a current with a constant factor")
            : fmt::format("name the current with the clamp; possible here: {}", fmt::join(possible, ", ")));
}

Substitution assigned_values(const Model& model, std::string_view state) {
    Substitution assigned;
    for (const Update& update : model.updates) {
        const State& target = model.states[update.state];
        if (target.name == state) break;
        const Expression value = substitute(model.inlined(update.value), assigned);
        if (update.method == Update::Method::assignment && update.type == ValueType::real && !update.minimum &&
            !update.maximum && !depends_on(value, target.name)) {
            assigned.insert_or_assign(target.name, value);
        } else {
            assigned.erase(target.name);
        }
    }
    return assigned;
}

std::optional<std::string> clamped_state_of(const Model& model, std::string_view name) {
    if (!name.ends_with(clamp_suffix) || model.find(name)) return std::nullopt;
    const std::string_view state = name.substr(0, name.size() - clamp_suffix.size());
    const auto found = model.find(state);
    if (!found || found->kind != Model::Variable::Kind::state) return std::nullopt;
    return std::string(state);
}

Model initial_value_model(const Model& model, const std::set<std::string>& given) {
    Model out;
    out.subexpressions = model.subexpressions;
    for (const InitialValue& initial : model.initial_values) {
        if (!given.contains(initial.name)) out.initial_values.push_back(initial);
    }
    const auto initial = [&](const std::string& name) {
        return std::ranges::find(out.initial_values, name, &InitialValue::name) != out.initial_values.end();
    };
    const auto add = [&](const auto& variable, bool known) {
        if (known) {
            out.parameters.push_back({.name = variable.name, .dimension = variable.dimension});
        } else {
            out.states.push_back(
                {.name = variable.name, .dimension = variable.dimension, .derivative = {}, .text = {}});
        }
    };
    for (const State& state : model.states) add(state, given.contains(state.name));
    for (const Parameter& parameter : model.parameters)
        add(parameter, given.contains(parameter.name) || !initial(parameter.name));
    return out;
}

}  // namespace spikesmith
