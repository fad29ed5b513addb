#include "spikesmith/numerics/step_context.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {

StepContext::StepContext(const Model& model, const IntegrationOptions& options, UpdateProgram& program)
    : model_(model), options_(options), program_(program), builder_(program.step) {
    for (const auto& state : model.states) derivatives_.push_back(stabilise(model.inlined(state.derivative)));
}

ValueId StepContext::add_state(const std::string& state_name, const Dimension& dimension, ValueId initial,
                               ProgramType type) {
    const auto index = static_cast<std::int32_t>(program_.states.size());
    const ValueId stored = builder_.source(Source::state, index, Stage::step);
    program_.states.push_back({.name = state_name, .dimension = dimension, .next = stored, .initial = initial});
    return type == ProgramType::boolean ? builder_.apply(Op::not_equal, stored, builder_.number(0)) : stored;
}

ValueId StepContext::time_input(ProgramBuilder& builder, TimeInput::Kind kind, const std::string& input,
                                double offset) {
    auto& inputs = program_.time_inputs;
    auto it = std::find_if(inputs.begin(), inputs.end(),
                           [&](const TimeInput& t) { return t.kind == kind && t.name == input && t.offset == offset; });
    if (it == inputs.end()) it = inputs.insert(inputs.end(), {.kind = kind, .name = input, .offset = offset});
    return builder.source(Source::time_input, static_cast<std::int32_t>(it - inputs.begin()), Stage::time);
}

Moment StepContext::start() {
    Moment moment;
    for (std::size_t s = 0; s < model_.states.size(); ++s) {  // the model's states are the first states of the program
        moment.states.push_back(builder_.source(Source::state, static_cast<std::int32_t>(s), Stage::step));
    }
    return moment;
}

Lowering StepContext::at(const Moment& moment) {
    return {builder_, [this, moment](Lowering& self, const std::string& symbol) {
                for (std::size_t s = 0; s < model_.states.size(); ++s) {
                    if (model_.states[s].name == symbol) return moment.states[s];
                }
                if (const auto it = bound.find(symbol); it != bound.end()) return it->second;
                return other_name(symbol, moment.offset, self);
            }};
}

Lowering StepContext::at_initialisation(ProgramBuilder& init, const std::map<std::string, ValueId>& states) {
    return {init, [this, &init, &states](Lowering& self, const std::string& symbol) {
                if (const auto it = states.find(symbol); it != states.end()) return it->second;
                const auto is_it = [&](const State& s) { return s.name == symbol; };
                if (std::any_of(model_.states.begin(), model_.states.end(), is_it)) return init.number(0);
                if (symbol == "t" || symbol == "t_in_timesteps") return init.number(0);
                if (symbol == "lastspike") return init.number(never_spiked);
                return other_name(symbol, 0, self);
            }};
}

ValueId StepContext::other_name(const std::string& symbol, double offset, Lowering& lowering) {
    ProgramBuilder& builder = lowering.builder();
    if (const auto it = parameter_index.find(symbol); it != parameter_index.end())
        return builder.source(Source::parameter, it->second, Stage::parameter);
    if (symbol == "t") return builder.source(Source::time, 0, Stage::time, offset);
    if (symbol == "dt") return builder.number(options_.dt);
    if (symbol == "t_in_timesteps") return builder.source(Source::step_index, 0, Stage::time);
    if (symbol == "i") return builder.source(Source::lane_index, 0, Stage::parameter);
    if (symbol == "N") return builder.source(Source::lane_count, 0, Stage::parameter);
    if (symbol == "iteration") return builder.source(Source::iteration, 0, Stage::parameter);
    if (symbol == "not_refractory") return builder.number(1);  // without refractoriness
    for (const auto& subexpression : model_.subexpressions) {
        if (subexpression.name == symbol) {
            const ValueId value = lowering.value(stabilise(subexpression.value));
            return subexpression.type == ValueType::integer ? builder.apply(Op::truncate, value) : value;
        }
    }
    if (const auto variable = model_.find(symbol)) {
        if (variable->kind == Model::Variable::Kind::input)
            return time_input(builder, TimeInput::Kind::input, symbol, offset);
        if (variable->kind == Model::Variable::Kind::target) {
            return time_input(builder, TimeInput::Kind::target,
                              symbol.substr(0, symbol.size() - std::string_view("_target").size()), offset);
        }
    }
    throw ModelError(fmt::format("`{}` has no value in this model", symbol));
}

ValueId StepContext::active(std::size_t state) const {
    return model_.states[state].unless_refractory ? not_refractory : no_value;
}

ValueId StepContext::if_active(std::size_t state, ValueId changed, ValueId kept) {
    return active(state) == no_value ? changed : builder_.select(not_refractory, changed, kept);
}

std::optional<DriftAndNoise> separate_noise(const Model& model, const Expression& derivative) {
    DriftAndNoise parts{.drift = derivative};
    const auto noisy = [&](const Expression& e) {
        return std::any_of(model.noise.begin(), model.noise.end(),
                           [&](const std::string& xi) { return depends_on(e, xi); });
    };
    for (const auto& xi : model.noise) {
        const auto polynomial = polynomial_in(parts.drift, xi, 1);
        if (!polynomial) return std::nullopt;
        const auto coefficient = [&](int power) {
            const auto it = polynomial->find(power);
            return it == polynomial->end() ? Expression(0.0) : it->second;
        };
        parts.noise.push_back(coefficient(1));
        parts.drift = coefficient(0);
        if (noisy(parts.noise.back())) return std::nullopt;
    }
    if (noisy(parts.drift)) return std::nullopt;
    return parts;
}

}  // namespace spikesmith
