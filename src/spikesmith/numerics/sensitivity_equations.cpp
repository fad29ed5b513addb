#include "spikesmith/numerics/sensitivity_equations.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/symbolic/calculus.hpp"

namespace spikesmith {
namespace {

std::string sensitivity_name(const std::string& variable, const std::string& parameter) {
    return fmt::format("S_{}_{}", variable, parameter);
}

// The sensitivities by one parameter.
class Sensitivities {
  public:
    Sensitivities(const Model& model, std::string parameter) : model_(model), parameter_(std::move(parameter)) {
        changing_.insert(parameter_);
        for (std::size_t before = 0; before != changing_.size();) {
            before = changing_.size();
            for (const auto& s : model.subexpressions) {
                if (s.constant_over_dt) join(s.name, s.value);
            }
            for (const auto& s : model.states) join(s.name, s.derivative);
            for (const auto& i : model.initial_values) join(i.name, i.value);
            for (const auto& a : model.reset) join(a.name, a.value);
        }
    }

    // Is there a sensitivity of that variable?
    [[nodiscard]] bool has(const std::string& variable) const {
        return variable != parameter_ && changing_.contains(variable);
    }

    // sum_y (de/dy)*S_y_p + de/dp
    [[nodiscard]] Expression of(const Expression& expression) const {
        const Expression e = model_.inlined(expression);
        Expression total = 0.0;
        for (const auto& name : symbols_of(e)) {
            if (!changing_.contains(name)) continue;
            const Expression slope = differentiate(e, name);
            if (slope.is_number(0)) continue;
            total =
                total + (name == parameter_ ? slope : slope * Expression::symbol(sensitivity_name(name, parameter_)));
        }
        return total;
    }

  private:
    void join(const std::string& name, const Expression& value) {
        if (changing_.contains(name) || value.op() == Op::number) return;
        const Expression e = model_.inlined(value);
        const auto names = symbols_of(e);
        if (std::any_of(names.begin(), names.end(), [&](const std::string& symbol) {
                return changing_.contains(symbol) && !differentiate(e, symbol).is_number(0);
            }))
            changing_.insert(name);
    }

    const Model& model_;
    std::string parameter_;
    std::set<std::string> changing_;  // what depends smoothly on the parameter, itself included
};

// The one `xi` of a model stands in several equations now, so it needs a name.
void share_noise(Model& model) {
    const auto it = std::find(model.noise.begin(), model.noise.end(), "xi");
    if (it == model.noise.end()) return;
    std::string shared = "xi_1";
    while (std::find(model.noise.begin(), model.noise.end(), shared) != model.noise.end()) shared += "1";
    *it = shared;
    const Substitution renamed{{"xi", Expression::symbol(shared)}};
    for (auto& s : model.states) s.derivative = substitute(s.derivative, renamed);
    for (auto& s : model.subexpressions) s.value = substitute(s.value, renamed);
}

}  // namespace

Model sensitivity_equations(const Model& model, const std::vector<std::string>& parameters,
                            const std::vector<std::string>& outputs) {
    Model made = model;
    made.reset.clear();
    made.initial_values.clear();
    const auto dimension_of = [&](const std::string& name) { return model.find(name)->dimension; };
    std::vector<Sensitivities> all;
    for (const auto& parameter : parameters) {
        const auto variable = model.find(parameter);
        if (!variable || variable->kind != Model::Variable::Kind::parameter) {
            throw ModelError(fmt::format("`{}` is not a parameter of the model", parameter),
                             did_you_mean(parameter, model.parameter_names()));
        }
        for (const auto& name : model.variable_names()) {
            if (model.find(sensitivity_name(name, parameter)))
                throw ModelError(fmt::format("`{}` is taken", sensitivity_name(name, parameter)),
                                 "rename that variable: sensitivities have such names");
        }
        all.emplace_back(model, parameter);
    }
    for (std::size_t p = 0; p < parameters.size(); ++p) {
        const Dimension per = dimension_of(parameters[p]);
        const auto add_subexpression = [&](const Subexpression& s) {
            made.subexpressions.push_back({.name = sensitivity_name(s.name, parameters[p]),
                                           .dimension = s.dimension / per,
                                           .value = all[p].of(s.value),
                                           .constant_over_dt = s.constant_over_dt});
        };
        for (const auto& s : model.subexpressions) {
            if (s.constant_over_dt && all[p].has(s.name)) add_subexpression(s);
        }
        for (const auto& name : outputs) {
            const auto variable = model.find(name);
            if (!variable || variable->kind != Model::Variable::Kind::subexpression)
                throw ModelError(fmt::format("`{}` is not a subexpression of the model", name),
                                 did_you_mean(name, model.variable_names()));
            if (!model.subexpressions[variable->index].constant_over_dt)
                add_subexpression(model.subexpressions[variable->index]);
        }
        for (const auto& s : model.states) {
            if (!all[p].has(s.name)) continue;
            made.states.push_back({.name = sensitivity_name(s.name, parameters[p]),
                                   .dimension = s.dimension / per,
                                   .derivative = all[p].of(s.derivative),
                                   .unless_refractory = s.unless_refractory});
        }
    }
    const auto is_state = [&](const std::string& name) {
        const auto variable = model.find(name);
        return variable && variable->kind == Model::Variable::Kind::state;
    };
    for (const auto& initial : model.initial_values) {
        for (std::size_t p = 0; p < parameters.size(); ++p) {
            const Expression value = all[p].of(initial.value);
            if (is_state(initial.name) && all[p].has(initial.name) && !value.is_number(0))
                made.initial_values.push_back({sensitivity_name(initial.name, parameters[p]), value});
        }
        made.initial_values.push_back(initial);
    }
    // Each assignment's derivative uses what was there before it.
    for (const auto& assignment : model.reset) {
        for (std::size_t p = 0; p < parameters.size(); ++p) {
            if (!all[p].has(assignment.name)) continue;
            if (!is_state(assignment.name) && !assignment.temporary)
                throw NumericalError(fmt::format("the reset changes the parameter `{}`, which depends on `{}`",
                                                 assignment.name, parameters[p]),
                                     "use tangents: they follow parameters through resets");
            made.reset.push_back({.name = sensitivity_name(assignment.name, parameters[p]),
                                  .value = all[p].of(assignment.value),
                                  .temporary = assignment.temporary});
        }
        made.reset.push_back(assignment);
    }
    share_noise(made);
    made.text = equations_text(made);
    return made;
}

}  // namespace spikesmith
