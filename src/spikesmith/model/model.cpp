#include "spikesmith/model/model.hpp"

#include <algorithm>

namespace spikesmith {
namespace {

template <class Item>
std::optional<std::size_t> index_of(const std::vector<Item>& items, std::string_view name) {
    const auto found = std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
    if (found == items.end()) return std::nullopt;
    return static_cast<std::size_t>(found - items.begin());
}

constexpr std::string_view target_suffix = "_target";

}  // namespace

std::optional<Model::Variable> Model::find(std::string_view variable) const {
    using Kind = Variable::Kind;
    if (const auto k = index_of(states, variable))
        return Variable{Kind::state, *k, states[*k].dimension, ValueType::real};
    if (const auto k = index_of(parameters, variable))
        return Variable{Kind::parameter, *k, parameters[*k].dimension, parameters[*k].type};
    if (const auto k = index_of(subexpressions, variable)) {
        return Variable{Kind::subexpression, *k, subexpressions[*k].dimension, subexpressions[*k].type};
    }
    if (const auto k = index_of(inputs, variable))
        return Variable{Kind::input, *k, inputs[*k].dimension, ValueType::real};
    if (!variable.ends_with(target_suffix)) return std::nullopt;
    const std::string_view output = variable.substr(0, variable.size() - target_suffix.size());
    const auto target = std::find(targets.begin(), targets.end(), output);
    if (target == targets.end()) return std::nullopt;
    const auto found = find(output);
    if (!found) return std::nullopt;
    return Variable{Kind::target, static_cast<std::size_t>(target - targets.begin()), found->dimension, found->type};
}

std::vector<std::string> Model::parameter_names() const {
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const auto& parameter : parameters) names.push_back(parameter.name);
    return names;
}

std::vector<std::string> Model::variable_names() const {
    std::vector<std::string> names;
    names.reserve(states.size() + parameters.size() + subexpressions.size() + inputs.size() + targets.size());
    for (const auto& state : states) names.push_back(state.name);
    for (const auto& parameter : parameters) names.push_back(parameter.name);
    for (const auto& subexpression : subexpressions) names.push_back(subexpression.name);
    for (const auto& input : inputs) names.push_back(input.name);
    for (const auto& target : targets) names.push_back(target + std::string(target_suffix));
    return names;
}

Expression Model::inlined(const Expression& expression) const {
    // Each subexpression uses only earlier ones, so one pass suffices.
    Substitution values;
    for (const auto& subexpression : subexpressions) {
        if (!subexpression.constant_over_dt)
            values.emplace(subexpression.name, substitute(subexpression.value, values));
    }
    return substitute(expression, values);
}

}  // namespace spikesmith
