// From a model to the program of one time step: what every method shares, in the order in which it happens in a step.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/step_context.hpp"

namespace spikesmith {
namespace {

struct Method {
    std::string name;
    std::string (*refusal)(const Model&);
    NextStates (*step)(StepContext&);
};

template <AdaptiveSolve::Tableau tableau>
NextStates adaptive(StepContext& context) {
    return adaptive_step(context, tableau);
}

const std::vector<Method>& methods() {
    using T = AdaptiveSolve::Tableau;
    static const std::vector<Method> table{
        {"exact", refusal_exact, exact_step},
        {"linear", refusal_exact, exact_step},
        {"euler", refusal_euler, euler_step},
        {"heun", refusal_heun, heun_step},
        {"milstein", refusal_milstein, milstein_step},
        {"rk2", [](const Model& m) { return refusal_deterministic(m, "rk2"); }, midpoint_step},
        {"rk4", [](const Model& m) { return refusal_deterministic(m, "rk4"); }, runge_kutta4_step},
        {"exponential_euler", [](const Model& m) { return refusal_deterministic(m, "exponential_euler"); },
         exponential_euler_step},
        {"adaptive", [](const Model& m) { return refusal_deterministic(m, "adaptive"); },
         adaptive<T::dormand_prince54>},
        {"gsl", [](const Model& m) { return refusal_deterministic(m, "gsl"); }, adaptive<T::fehlberg45>},
        {"gsl_rkf45", [](const Model& m) { return refusal_deterministic(m, "gsl_rkf45"); }, adaptive<T::fehlberg45>},
        {"gsl_rk2", [](const Model& m) { return refusal_deterministic(m, "gsl_rk2"); },
         adaptive<T::bogacki_shampine23>},
        {"gsl_rk4", [](const Model& m) { return refusal_deterministic(m, "gsl_rk4"); }, adaptive<T::dormand_prince54>},
        {"gsl_rkck", [](const Model& m) { return refusal_deterministic(m, "gsl_rkck"); }, adaptive<T::cash_karp45>},
        {"gsl_rk8pd", [](const Model& m) { return refusal_deterministic(m, "gsl_rk8pd"); },
         adaptive<T::dormand_prince87>},
    };
    return table;
}

const Method* find_method(const std::string& name) {
    for (const auto& method : methods()) {
        if (method.name == name) return &method;
    }
    return nullptr;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "`" : ", `") + word + "`";
    return out;
}

std::vector<std::string> accepting_methods(const Model& model) {
    std::vector<std::string> names;
    for (const auto* name : {"exact", "exponential_euler", "euler", "rk4", "heun", "milstein"}) {
        if (find_method(name)->refusal(model).empty()) names.emplace_back(name);
    }
    return names;
}

const Method& choose_method(const Model& model, const IntegrationOptions& options, std::vector<std::string>& notes) {
    if (!model.updates.empty()) {
        static const Method written{"as_written", [](const Model&) { return std::string{}; }, ordered_step};
        if (options.method.empty() || options.method == written.name) return written;
        throw NumericalError(
            fmt::format("`{}` cannot integrate this model: its equations have an order and a method of their own",
                        options.method),
            "give no method here, but a default method with the equations, or a flag to an equation");
    }
    if (options.method.empty()) {
        for (const auto* name : {"exact", "euler", "heun"}) {
            const Method& method = *find_method(name);
            if (!method.refusal(model).empty()) continue;
            notes.push_back(fmt::format(
                "no method was given: `{}` is the first of exact, euler, heun that accepts the equations", name));
            return method;
        }
        throw NumericalError("no integration method accepts these equations: " + find_method("heun")->refusal(model));
    }
    std::string name = options.method;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const Method* method = find_method(name);
    if (method == nullptr) {
        auto hint = did_you_mean(name, method_names());
        throw ConfigError(fmt::format("unknown integration method `{}`", options.method),
                          hint.empty() ? "the methods are " + joined(method_names()) : hint);
    }
    if (const auto reason = method->refusal(model); !reason.empty()) {
        const auto others = accepting_methods(model);
        throw NumericalError(reason,
                             others.empty() ? std::string{} : "these methods accept the model: " + joined(others));
    }
    return *method;
}

// Every symbol that the model's expressions use.
std::set<std::string> used_symbols(const Model& model) {
    std::set<std::string> names;
    const auto use = [&](const Expression& e) {
        for (auto& name : symbols_of(e)) names.insert(name);
    };
    for (const auto& s : model.states) use(s.derivative);
    for (const auto& s : model.subexpressions) use(s.value);
    for (const auto& a : model.reset) use(a.value);
    for (const auto& u : model.updates) {
        use(u.value);
        if (u.minimum) use(*u.minimum);
        if (u.maximum) use(*u.maximum);
    }
    if (model.threshold) use(*model.threshold);
    use(model.refractory.value);
    return names;
}

class Integration {
  public:
    Integration(const Model& model, const IntegrationOptions& options)
        : model_(model), options_(options), context_(model, options, program_), init_(program_.init) {}

    UpdateProgram run() {
        const Method& method = choose_method(model_, options_, program_.notes);
        program_.method = method.name == "linear" ? "exact" : method.name;
        program_.dt = options_.dt;
        number_parameters();
        make_states();
        begin_step();
        record_outputs();
        update_refractoriness();
        Moment after{.states = method.step(context_)};
        finish_step(after);
        finish(program_);
        return std::move(program_);
    }

  private:
    ProgramBuilder& b() { return context_.builder(); }
    ValueId as_real(ValueId value) {
        return b().at(value).type == ProgramType::boolean ? b().select(value, b().number(1), b().number(0)) : value;
    }
    [[nodiscard]] bool refractory() const { return model_.refractory.kind != Refractory::Kind::none; }
    [[nodiscard]] bool by_condition() const { return model_.refractory.kind == Refractory::Kind::condition; }

    const InitialValue* initial_value(const std::string& name) const {
        const auto it = std::find_if(model_.initial_values.begin(), model_.initial_values.end(),
                                     [&](const InitialValue& v) { return v.name == name; });
        return it == model_.initial_values.end() ? nullptr : &*it;
    }

    void number_parameters() {
        const auto declared = model_.parameter_names();
        program_.parameters = options_.parameters;
        if (program_.parameters.empty()) {
            for (const auto& name : declared) {
                if (initial_value(name) == nullptr) program_.parameters.push_back(name);
            }
        }
        for (std::size_t k = 0; k < program_.parameters.size(); ++k) {
            const auto& name = program_.parameters[k];
            if (std::find(declared.begin(), declared.end(), name) == declared.end()) {
                throw ModelError(fmt::format("`{}` is not a parameter of the model", name),
                                 did_you_mean(name, declared));
            }
            program_.parameter_dimensions.push_back(model_.find(name)->dimension);
            if (!context_.parameter_index.emplace(name, static_cast<std::int32_t>(k)).second) {
                throw ModelError(fmt::format("parameter `{}` is named twice", name));
            }
        }
        for (const auto& name : declared) {
            if (!context_.parameter_index.contains(name) && initial_value(name) == nullptr) {
                throw ModelError(fmt::format("parameter `{}` has no value", name),
                                 "fit it, or give it an initial value");
            }
        }
    }

    // Initial values in the order that the model gives, then the states in declaration order: these are the first program states.
    void make_states() {
        Lowering lowering = context_.at_initialisation(init_, initial_);
        const auto real_initial = [&](const Expression& e) {
            const ValueId v = lowering.value(e);
            return init_.at(v).type == ProgramType::boolean ? init_.select(v, init_.number(1), init_.number(0)) : v;
        };
        for (const auto& initial : model_.initial_values) {
            if (!context_.parameter_index.contains(initial.name)) initial_[initial.name] = real_initial(initial.value);
        }
        for (const auto& state : model_.states) {
            const auto it = initial_.find(state.name);
            context_.add_state(state.name, state.dimension, it == initial_.end() ? init_.number(0) : it->second);
        }
        for (const auto& parameter : model_.parameters) {
            const bool in_array = context_.parameter_index.contains(parameter.name);
            const bool assigned = std::any_of(model_.reset.begin(), model_.reset.end(),
                                              [&](const Assignment& a) { return a.name == parameter.name; });
            if (in_array && !assigned) continue;
            if (!assigned && varies_per_lane_only(initial_value(parameter.name)->value)) {
                context_.bound[parameter.name] = context_.at({}).value(initial_value(parameter.name)->value);
                continue;
            }
            const ValueId first = in_array ? init_.source(Source::parameter,
                                                          context_.parameter_index.at(parameter.name), Stage::parameter)
                                           : initial_.at(parameter.name);
            promoted_[parameter.name] = program_.states.size();
            context_.bound[parameter.name] = context_.add_state(parameter.name, parameter.dimension, first);
        }
    }

    // Only parameters and numbers: the value is known before the first step.
    [[nodiscard]] bool varies_per_lane_only(const Expression& e) const {
        if (has_random(e)) return false;
        const auto names = symbols_of(model_.inlined(e));
        return std::all_of(names.begin(), names.end(),
                           [&](const std::string& name) {
                               return context_.parameter_index.contains(name) || context_.bound.contains(name) ||
                                      name == "dt" || name == "i" || name == "N" || name == "iteration";
                           }) &&
               std::none_of(names.begin(), names.end(),
                            [&](const std::string& name) { return promoted_.contains(name); });
    }

    // Before anything else in a step: what refractoriness left behind, and the subexpressions that are constant over dt.
    void begin_step() {
        const auto names = used_symbols(model_);
        if (names.contains("lastspike")) {
            lastspike_ = program_.states.size();
            context_.bound["lastspike"] =
                context_.add_state("@lastspike", dimensions::second, init_.number(never_spiked));
        }
        if (refractory()) {
            if (!by_condition()) {
                release_ = program_.states.size();
                release_value_ = context_.add_state("@release_step", dimensions::none, init_.number(0));
            }
            if (by_condition() || names.contains("not_refractory") || recorded("not_refractory")) {
                flag_ = program_.states.size();
                context_.bound["not_refractory"] =
                    context_.add_state("@not_refractory", dimensions::none, init_.number(1), ProgramType::boolean);
            }
        }
        for (const auto& subexpression : model_.subexpressions) {
            if (!subexpression.constant_over_dt) continue;
            ValueId value = context_.at(context_.start()).value(subexpression.value);
            if (subexpression.type == ValueType::integer) value = b().apply(Op::truncate, value);
            context_.bound[subexpression.name] = value;
        }
    }

    [[nodiscard]] bool recorded(const std::string& name) const {
        return std::find(options_.outputs.begin(), options_.outputs.end(), name) != options_.outputs.end();
    }

    void record_outputs() {
        for (const auto& name : options_.outputs) {
            const auto variable = model_.find(name);
            if (!variable && name != "not_refractory" && name != "lastspike") {
                throw ModelError(fmt::format("`{}` is not a variable of the model", name),
                                 did_you_mean(name, model_.variable_names()));
            }
            const ValueId value = context_.at(context_.start()).value(Expression::symbol(name));
            program_.outputs.push_back({.name = name,
                                        .dimension = variable ? variable->dimension : dimensions::none,
                                        .value = as_real(value)});
        }
    }

    void update_refractoriness() {
        if (!refractory()) return;
        if (by_condition()) {
            const ValueId stays = context_.at(context_.start()).value(model_.refractory.value);
            context_.not_refractory =
                b().apply(Op::logical_or, context_.bound.at("not_refractory"), b().apply(Op::logical_not, stays));
        } else {
            const ValueId k = b().source(Source::step_index, 0, Stage::time);
            context_.not_refractory = b().apply(Op::greater_equal, k, release_value_);
        }
        context_.bound["not_refractory"] = context_.not_refractory;
    }

    // Threshold on the new states, reset, and what refractoriness must remember.
    void finish_step(Moment& after) {
        for (std::size_t s = 0; s < model_.states.size(); ++s) program_.states[s].next = after.states[s];
        if (!model_.threshold) return;
        ValueId spike = context_.at(after).value(*model_.threshold);
        if (refractory()) spike = b().logical_and(spike, context_.not_refractory);
        if (b().at(spike).type != ProgramType::boolean) spike = b().apply(Op::not_equal, spike, b().number(0));
        program_.spike = spike;

        const ValueId now = b().source(Source::time, 0, Stage::time, 0);
        if (refractory()) context_.bound["not_refractory"] = b().number(0);
        // A reset that belongs to ordered equations still sees the spike before this one.
        if (lastspike_ && model_.updates.empty()) context_.bound["lastspike"] = now;
        const auto where_spiked = [&](std::size_t state, ValueId value, ValueId otherwise) {
            program_.states[state].next = b().select(spike, value, otherwise);
        };

        Moment reset = after;
        for (const auto& assignment : model_.reset) {
            const ValueId value = as_real(context_.at(reset).value(assignment.value));
            const auto state = std::find_if(model_.states.begin(), model_.states.end(),
                                            [&](const State& s) { return s.name == assignment.name; });
            if (state != model_.states.end()) {
                reset.states[static_cast<std::size_t>(state - model_.states.begin())] = value;
            } else {
                context_.bound[assignment.name] = assignment.temporary ? value : stored(assignment.name, value);
            }
        }
        for (std::size_t s = 0; s < model_.states.size(); ++s) {
            if (reset.states[s] != after.states[s]) where_spiked(s, reset.states[s], after.states[s]);
        }
        for (const auto& [name, state] : promoted_) {
            const ValueId old = b().source(Source::state, static_cast<std::int32_t>(state), Stage::step);
            where_spiked(state, context_.bound.at(name), old);
        }
        if (lastspike_)
            where_spiked(*lastspike_, now,
                         b().source(Source::state, static_cast<std::int32_t>(*lastspike_), Stage::step));
        if (release_) {
            const ValueId duration = context_.at(reset).value(model_.refractory.value);
            const ValueId steps = b().apply(Op::timestep, duration, b().number(options_.dt));
            const ValueId release = b().add(b().source(Source::step_index, 0, Stage::time), steps);
            where_spiked(*release_, release,
                         b().source(Source::state, static_cast<std::int32_t>(*release_), Stage::step));
        }
        if (flag_) {
            const ValueId flag = b().logical_and(context_.not_refractory, b().apply(Op::logical_not, spike));
            program_.states[*flag_].next = as_real(flag);
        }
    }

    // What a variable of that type holds after it is assigned a value.
    ValueId stored(const std::string& name, ValueId value) {
        const auto variable = model_.find(name);
        if (variable && variable->type == ValueType::integer) return b().apply(Op::truncate, value);
        if (variable && variable->type == ValueType::boolean)
            return as_real(b().apply(Op::not_equal, value, b().number(0)));
        return value;
    }

    const Model& model_;
    const IntegrationOptions& options_;
    UpdateProgram program_;
    StepContext context_;
    ProgramBuilder init_;
    std::map<std::string, ValueId> initial_;       // values in `init` by name
    std::map<std::string, std::size_t> promoted_;  // parameters that a reset changes: their state
    std::optional<std::size_t> lastspike_, release_, flag_;
    ValueId release_value_ = no_value;
};

}  // namespace

const std::vector<std::string>& method_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const auto& method : methods()) out.push_back(method.name);
        return out;
    }();
    return names;
}

UpdateProgram integrate(const Model& model, const IntegrationOptions& options) {
    if (!(options.dt > 0) || !std::isfinite(options.dt))
        throw ConfigError(fmt::format("dt must be a positive time, not {} s", options.dt));
    return Integration(model, options).run();
}

}  // namespace spikesmith
