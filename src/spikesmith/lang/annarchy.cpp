#include "spikesmith/lang/annarchy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "spikesmith/lang/annarchy_equations.hpp"
#include "spikesmith/lang/annarchy_expression.hpp"
#include "spikesmith/lang/annarchy_functions.hpp"
#include "spikesmith/lang/dependencies.hpp"
#include "spikesmith/lang/equations.hpp"
#include "spikesmith/lang/expression_parser.hpp"
#include "spikesmith/symbolic/calculus.hpp"
#include "spikesmith/symbolic/linear_parts.hpp"

namespace spikesmith {
namespace {

using namespace lang;  // NOLINT(google-build-using-namespace): this file is a door of that namespace

using Kind = AnnarchyDefinition::Kind;
using Method = Update::Method;

constexpr double milliseconds = 1000;  // in a second
constexpr std::size_t most_inputs = 1000;
constexpr std::size_t most_implicit_together = 64;

bool is_blank(const std::string& text) {
    return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

bool is_name(const std::string& text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    const auto word = [&](char c) { return letter(c) || (c >= '0' && c <= '9'); };
    return !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), word);
}

[[noreturn]] void fail(const SourceText& source, SourceSpan span, std::string message, std::string hint = {}) {
    throw ModelError(diagnose(source, span, std::move(message), std::move(hint)));
}
[[noreturn]] void fail_list(const std::string& list, std::string message, std::string hint = {}) {
    throw ModelError(Diagnostic{.message = std::move(message), .source = list, .hint = std::move(hint)});
}

// The function of each branch of a conditional right side.
template <class Function>
Expression in_branches(const Expression& e, const Function& function) {
    if (e.op() != Op::select) return function(e);
    const auto a = e.arguments();
    return apply(Op::select, a[0], in_branches(a[1], function), in_branches(a[2], function));
}

class Assembly {
  public:
    Assembly(const AnnarchyNeuronText& text, std::vector<std::string>* warnings)
        : text_(text), warnings_(warnings), lowering_(names_, next_site_) {}

    Model run() {
        parse();
        define_names();
        model_.name = text_.name;
        model_.text = text_.equations.text;
        model_.targets = text_.targets;
        // Population-wide equations come first; each list keeps its order.
        for (const bool population : {true, false}) {
            for (const auto& definition : equations_) {
                if (definition.population == population) add_state(definition);
            }
        }
        add_conductances();
        deliver_inputs();
        for (const bool population : {true, false}) {
            ++block_;
            for (const auto& definition : equations_) {
                if (definition.population == population) add_update(definition);
            }
        }
        clear_conductances();
        add_spike();
        add_initial_values();
        check_rate();
        return std::move(model_);
    }

  private:
    [[nodiscard]] bool spiking() const { return text_.spike.has_value(); }

    void parse() {
        functions_ = parse_annarchy_functions(text_.functions);
        parameters_ = parse_annarchy_parameters(text_.parameters);
        equations_ = parse_annarchy_equations(text_.equations);
        if (!is_blank(text_.reset)) reset_ = parse_annarchy_reset(reset_source_);
        const ExpressionGrammar grammar{.annarchy = true};
        if (text_.spike) spike_ = parse_whole_expression(spike_source_, "the spike condition", grammar);
        if (!is_blank(text_.refractory))
            refractory_ = parse_whole_expression(refractory_source_, "the refractory period", grammar);
        const auto method = find_annarchy_method(text_.method);
        if (!method) {
            std::string hint = did_you_mean(text_.method, annarchy_method_names());
            fail_list(
                "method", fmt::format("unknown method `{}`", text_.method),
                hint.empty() ? "there are explicit, implicit, semiimplicit, exponential, midpoint and rk4" : hint);
        }
        default_method_ = *method;
        if (!spiking()) {
            if (!reset_.empty())
                fail(reset_source_, reset_.front().name_span, "a reset needs a spike condition",
                     "for example `v > 30`");
            if (refractory_)
                fail(refractory_source_, refractory_->span, "refractoriness needs a spike condition",
                     "for example `v > 30`");
        }
    }

    // ---- names ----

    void define_names() {
        names_.functions_source = &text_.functions;
        for (const auto& function : functions_) names_.functions[function.name] = &function;
        names_.values["pi"] = std::acos(-1.0);
        names_.values["t"] = milliseconds * Expression::symbol("t");
        names_.values["dt"] = milliseconds * Expression::symbol("dt");
        // Before the first spike: 10 000 steps ago.
        names_.values["t_last"] = apply(Op::maximum, milliseconds * Expression::symbol("lastspike"),
                                        (-1e4 * milliseconds) * Expression::symbol("dt"));
        for (const auto* word : {"pi", "t", "dt", "t_last"}) names_.logical[word] = false;
        if (!spiking()) names_.values.erase("t_last");

        const std::unordered_set<std::string> inputs(text_.inputs.begin(), text_.inputs.end());
        if (inputs.size() != text_.inputs.size() || inputs.size() > most_inputs)
            fail_list("inputs", inputs.size() > most_inputs ? "too many inputs" : "an input is listed twice");
        std::unordered_map<std::string, std::string> places;
        for (const auto& parameter : parameters_) {
            places[parameter.name] = place_in_words(text_.parameters, parameter.name_span);
            names_.add(parameter.name, Expression::symbol(parameter.name), parameter.type == ValueType::boolean);
            if (inputs.contains(parameter.name)) continue;
            model_.parameters.push_back(
                {.name = parameter.name, .type = parameter.type, .constant = false, .shared = parameter.population});
        }
        for (const auto& equation : equations_) {
            const auto [place, added] = places.try_emplace(equation.name, std::string{});
            if (!added) {
                fail(text_.equations, equation.name_span,
                     fmt::format("`{}` is already defined in {}", equation.name, place->second),
                     "a variable is no parameter: rename one of the two");
            }
            names_.add(equation.name, Expression::symbol(equation.name), equation.type == ValueType::boolean);
            if (inputs.contains(equation.name)) {
                fail(text_.equations, equation.name_span,
                     fmt::format("`{}` is listed as an input, but has an equation", equation.name),
                     equation.name.starts_with("g_")
                         ? fmt::format("incoming spikes are the input `spikes_{}`", equation.name.substr(2))
                         : "an input is a parameter or an undeclared name");
            }
        }
        for (const auto& [name, value] : text_.constants) define_constant(name, value, places);
        for (const auto& name : text_.inputs) define_input(name);
        for (const auto& name : text_.targets) {
            const bool variable = std::any_of(equations_.begin(), equations_.end(),
                                              [&](const AnnarchyDefinition& d) { return d.name == name; });
            if (!variable)
                fail_list("targets", fmt::format("`{}` is not a variable of the neuron", name),
                          did_you_mean(name, names_.order));
            if (names_.values.contains(name + "_target"))
                fail_list("targets", fmt::format("`{0}_target` is the data of `{0}` and cannot be defined", name));
            names_.add(name + "_target", Expression::symbol(name + "_target"));
        }
        find_conductances();
    }

    void define_constant(const std::string& name, const std::string& value,
                         std::unordered_map<std::string, std::string>& places) {
        if (!is_name(name)) fail_list("constants", fmt::format("`{}` is not a name", name));
        if (const auto reason = annarchy_reserved(name))
            fail_list("constants", fmt::format("{} and cannot be defined", *reason));
        const auto [place, added] = places.try_emplace(name, "the constants");
        if (!added) {
            if (place->second == "the constants") fail_list("constants", fmt::format("`{}` is defined twice", name));
            return;  // hidden
        }
        names_.add(name, Expression::symbol(name));
        model_.parameters.push_back({.name = name, .constant = true, .shared = true});
        add_value(name, {fmt::format("constant {}", name), value}, true);
    }

    void define_input(const std::string& name) {
        if (!is_name(name))
            fail_list("inputs", fmt::format("`{}` is not a name", name), "for `sum(exc)` write `sum_exc`");
        if (const auto reason = annarchy_reserved(name))
            fail_list("inputs", fmt::format("{} and cannot be an input", *reason));
        if (std::any_of(text_.constants.begin(), text_.constants.end(), [&](const auto& c) { return c.first == name; }))
            fail_list("inputs", fmt::format("`{}` is a constant and an input", name), "remove one of the two");
        names_.add(name, Expression::symbol(name));
        names_.inputs.push_back(name);
        model_.inputs.push_back({.name = name, .dimension = {}});
    }

    // Undeclared names `g_x` of a spiking neuron are conductances, which incoming spikes raise.
    void find_conductances() {
        if (!spiking()) return;
        std::vector<std::string> used;
        const auto look = [&](const std::optional<Syntax>& syntax) {
            if (!syntax) return;
            for (auto& name : names_in(*syntax)) used.push_back(std::move(name));
        };
        for (const auto* block : {&equations_, &reset_}) {
            for (const auto& definition : *block) {
                for (const auto* part : {&definition.left, &definition.value, &definition.minimum, &definition.maximum})
                    look(*part);
                if (definition.name.starts_with("g_")) used.push_back(definition.name);
            }
        }
        look(spike_);
        for (const auto& name : text_.inputs) {
            if (name.starts_with("spikes_")) used.push_back("g_" + name.substr(7));
        }
        for (const auto& name : used) {
            if (!name.starts_with("g_") || names_.values.contains(name)) continue;
            names_.add(name, Expression::symbol(name));
            conductances_.push_back(name);
            const bool driven =
                std::find(text_.inputs.begin(), text_.inputs.end(), "spikes_" + name.substr(2)) != text_.inputs.end();
            if (warnings_ != nullptr && !driven) {
                warnings_->push_back(
                    fmt::format("`{}` is not defined: it is taken for the conductance of incoming spikes, and there "
                                "are none, so it is 0 "
                                "(list `spikes_{}` as an input, or make `{}` a parameter)",
                                name, name.substr(2), name));
            }
        }
    }

    // ---- equations ----

    [[nodiscard]] std::string equation_of(const std::string& name) const {
        return fmt::format("the equation of `{}`", name);
    }

    Expression lowered(const Syntax& syntax, const SourceText& source, const std::string& where) {
        return lowering_.lower(syntax, source, where).value;
    }
    Expression stored(const Syntax& syntax, const SourceText& source, const std::string& where, ValueType type) {
        const auto value = lowering_.lower(syntax, source, where);
        return converted(value.value, value.logical, type);
    }

    void add_state(const AnnarchyDefinition& definition) {
        const bool held = refractory_ && !definition.population && !definition.name.starts_with("g_");
        index_[definition.name] = model_.states.size();
        model_.states.push_back({.name = definition.name,
                                 .dimension = {},
                                 .unless_refractory = held,
                                 .text = definition.value ? text_of_value(definition) : std::string{}});
    }
    [[nodiscard]] std::string text_of_value(const AnnarchyDefinition& definition) const {
        return text_.equations.text.substr(definition.value->span.offset, definition.value->span.length);
    }

    void add_conductances() {
        for (const auto& name : conductances_) {
            index_[name] = model_.states.size();
            model_.states.push_back({.name = name, .dimension = {}});
        }
    }

    // Incoming spikes arrive at the start of the step.
    void deliver_inputs() {
        for (const auto& input : model_.inputs) {
            if (!input.name.starts_with("spikes_")) continue;
            const std::string name = "g_" + input.name.substr(7);
            const auto state = index_.find(name);
            if (state == index_.end()) {
                fail_list(
                    "inputs", fmt::format("`{}` raises `{}`, which is not a variable of the neuron", input.name, name),
                    spiking() ? "give it an equation, or use it in one" : "a rate-coded neuron reads `sum(target)`");
            }
            model_.updates.push_back({.state = state->second,
                                      .value = Expression::symbol(name) + Expression::symbol(input.name),
                                      .block = ++block_});
        }
    }

    // A conductance without an equation lasts for one step.
    void clear_conductances() {
        for (const auto& name : conductances_)
            model_.updates.push_back({.state = index_.at(name), .value = Expression(0.0), .block = ++block_});
    }

    void add_update(const AnnarchyDefinition& definition) {
        const SourceText& source = text_.equations;
        const std::size_t state = index_.at(definition.name);
        Update update{.state = state, .type = definition.type};
        const std::string where = equation_of(definition.name);
        if (definition.kind == Kind::differential_equation) {
            if (definition.type != ValueType::real)
                fail(source, definition.name_span,
                     fmt::format("`{}` has a differential equation and is a real number", definition.name),
                     "remove the flag `int` or `bool`");
            update.method = definition.method.value_or(default_method_);
            model_.states[state].derivative = derivative(definition);
            check_method(definition, update.method);
        } else {
            update.value = stored(*definition.value, source, where, definition.type);
            ++block_;  // it takes effect at once
        }
        if (definition.minimum) update.minimum = lowered(*definition.minimum, source, "`min` of " + where);
        if (definition.maximum) update.maximum = lowered(*definition.maximum, source, "`max` of " + where);
        update.block = block_;
        if (definition.kind == Kind::assignment) ++block_;
        model_.updates.push_back(std::move(update));
    }

    // a*dx/dt + b = right side, for any a and b that do not contain the derivative: its solution, per second.
    Expression derivative(const AnnarchyDefinition& definition) {
        const SourceText& source = text_.equations;
        const std::string where = equation_of(definition.name);
        const Expression unknown = Expression::symbol("d/dt");  // no name of a variable
        names_.values[definition.derivative] = unknown;
        names_.logical[definition.derivative] = false;
        const Expression left = lowered(*definition.left, source, where);
        names_.values.erase(definition.derivative);
        const auto parts = polynomial_in(left, unknown.name(), 1);
        const auto part = [&](int power) {
            const auto found = parts->find(power);
            return found == parts->end() ? Expression(0.0) : found->second;
        };
        const bool linear = parts && !depends_on(part(0), unknown.name()) && !depends_on(part(1), unknown.name());
        if (!linear || part(1).is_number(0)) {
            fail(source, definition.left->span,
                 fmt::format("the left side is not linear in the derivative of `{}`", definition.name),
                 fmt::format("for example `tau*d{0}/dt + {0} = ...`", definition.name));
        }
        const Expression factor = part(1), rest = part(0);
        const Expression right = lowered(*definition.value, source, where);
        return in_branches(right, [&](const Expression& e) { return milliseconds * (e - rest) / factor; });
    }

    void check_method(const AnnarchyDefinition& definition, Method method) {
        const Expression& derivative = model_.states[index_.at(definition.name)].derivative;
        const SourceSpan span = definition.method ? definition.method_span : definition.name_span;
        const std::string other = "methods for every equation are `explicit`, `midpoint` and `rk4`";
        if (method == Method::exponential || method == Method::semi_implicit) {
            if (relaxation_parts(derivative, definition.name)) return;
            fail(text_.equations, span,
                 fmt::format("the method `{1}` needs an equation with a linear term and no other powers of `{0}`",
                             definition.name, method == Method::exponential ? "exponential" : "semiimplicit"),
                 other);
        }
        if (method != Method::implicit) return;
        const std::vector<std::string> together = implicit_neighbours(definition);
        if (together.size() > most_implicit_together) {
            fail(text_.equations, span,
                 fmt::format("more than {} equations are implicit together", most_implicit_together), other);
        }
        if (linear_parts(derivative, together)) return;
        fail(text_.equations, span,
             together.size() == 1
                 ? fmt::format("the method `implicit` needs an equation that is linear in `{}`", definition.name)
                 : fmt::format("equations that are implicit together need to be linear in all their variables, but "
                               "that of `{}` is not",
                               definition.name),
             other);
    }

    // The variables that are solved together with this one: implicit differential equations side by side with it.
    [[nodiscard]] std::vector<std::string> implicit_neighbours(const AnnarchyDefinition& definition) const {
        std::vector<std::string> block;
        bool inside = false;
        for (const auto& other : equations_) {
            if (other.population != definition.population) continue;
            if (other.kind != Kind::differential_equation) {
                if (inside) break;
                block.clear();
                continue;
            }
            if (other.method.value_or(default_method_) == Method::implicit) block.push_back(other.name);
            inside = inside || other.name == definition.name;
        }
        return block;
    }

    // ---- spike, reset, refractoriness ----

    void add_spike() {
        if (!spike_) return;
        const auto condition = lowering_.lower(*spike_, spike_source_, "the spike condition");
        if (!condition.logical)
            fail(spike_source_, spike_->span, "the spike condition is a number, not a condition",
                 "for example `v > 30`");
        model_.threshold = condition.value;
        for (const auto& statement : reset_) add_reset(statement);
        if (!refractory_) return;
        const Expression duration = lowered(*refractory_, refractory_source_, "the refractory period");
        if (duration.op() == Op::number) {
            if (!(duration.number() >= 0 && std::isfinite(duration.number()))) {
                fail(refractory_source_, refractory_->span, "the refractory period must be a finite time, not negative",
                     "it is a number of milliseconds");
            }
            if (duration.is_number(0)) {
                for (auto& state : model_.states) state.unless_refractory = false;
                return;
            }
        }
        // The neuron rests in floor(T/dt) whole steps after that of the spike.
        const Expression dt = Expression::symbol("dt");
        const Expression steps = apply(Op::timestep, duration / milliseconds, dt);
        model_.refractory = {Refractory::Kind::duration, (steps + 1.0) * dt};
    }

    void add_reset(const AnnarchyDefinition& statement) {
        const auto is_it = [&](const auto& item) { return item.name == statement.name; };
        const auto state = std::find_if(model_.states.begin(), model_.states.end(), is_it);
        const auto parameter = std::find_if(model_.parameters.begin(), model_.parameters.end(), is_it);
        ValueType type = ValueType::real;
        if (state != model_.states.end()) {
            const auto equation = std::find_if(equations_.begin(), equations_.end(), is_it);
            if (equation != equations_.end()) type = equation->type;
        } else if (parameter != model_.parameters.end()) {
            type = parameter->type;
            if (parameter->shared) {
                fail(reset_source_, statement.name_span,
                     fmt::format("`{}` is the same for the whole population and cannot be reset by one neuron",
                                 statement.name),
                     "remove the flag `population`");
            }
        } else {
            std::vector<std::string> candidates;
            for (const auto& s : model_.states) candidates.push_back(s.name);
            fail(reset_source_, statement.name_span,
                 fmt::format("`{}` is not a variable of the neuron", statement.name),
                 did_you_mean(statement.name, candidates));
        }
        const std::string where = fmt::format("the reset of `{}`", statement.name);
        Expression value = stored(*statement.value, reset_source_, where, type);
        if (statement.minimum) {
            const Expression least = lowered(*statement.minimum, reset_source_, where);
            value = apply(Op::select, apply(Op::less, value, least), least, value);
        }
        if (statement.maximum) {
            const Expression most = lowered(*statement.maximum, reset_source_, where);
            value = apply(Op::select, apply(Op::less, most, value), most, value);
        }
        model_.reset.push_back({.name = statement.name, .value = value});
    }

    // ---- initial values ----

    struct Value {
        std::string name;
        SourceText source;
        Syntax syntax;
        bool number_only = false;  // a constant
    };

    void add_value(const std::string& name, SourceText source, bool number_only) {
        Syntax syntax = parse_whole_expression(source, fmt::format("the value of `{}`", name), {.annarchy = true});
        values_.push_back({name, std::move(source), std::move(syntax), number_only});
    }

    void add_initial_values() {
        std::unordered_set<std::string> given;
        for (const auto& [name, value] : text_.initial_values) {
            const bool known = index_.contains(name) || std::any_of(model_.parameters.begin(), model_.parameters.end(),
                                                                    [&](const Parameter& p) { return p.name == name; });
            if (!known)
                fail_list(fmt::format("initial value of {}", name),
                          fmt::format("`{}` is not a variable or a parameter of the neuron", name),
                          did_you_mean(name, names_.order));
            if (!given.insert(name).second)
                fail_list(fmt::format("initial value of {}", name), fmt::format("`{}` has two initial values", name));
            std::erase_if(values_, [&](const Value& v) { return v.name == name; });
            add_value(name, {fmt::format("initial value of {}", name), value}, false);
        }
        const auto is_input = [&](const std::string& name) {
            return std::find(names_.inputs.begin(), names_.inputs.end(), name) != names_.inputs.end();
        };
        for (const auto& parameter : parameters_) {
            if (!is_input(parameter.name) && !given.contains(parameter.name))
                values_.push_back({parameter.name, text_.parameters, *parameter.value, false});
        }
        for (const auto& equation : equations_) {
            if (equation.initial && !given.contains(equation.name))
                values_.push_back({equation.name, text_.equations, *equation.initial, false});
        }
        std::unordered_map<std::string, std::size_t> place;
        for (std::size_t k = 0; k < values_.size(); ++k) place[values_[k].name] = k;
        std::vector<std::vector<std::size_t>> needs(values_.size());
        std::vector<Expression> expressions;
        for (std::size_t k = 0; k < values_.size(); ++k) {
            expressions.push_back(value_of(values_[k]));
            for (const auto& name : names_in(values_[k].syntax)) {
                if (const auto found = place.find(name); found != place.end()) needs[k].push_back(found->second);
            }
        }
        const DependencyOrder dependencies = order_by_dependency(needs);
        if (!dependencies.cycle.empty()) {
            std::vector<std::string> names;
            for (const std::size_t k : dependencies.cycle) names.push_back(values_[k].name);
            const Value& first = values_[dependencies.cycle.front()];
            fail(first.source, first.syntax.span, fmt::format("values need each other: {}", describe_cycle(names)),
                 "give one of them a number");
        }
        for (const std::size_t k : dependencies.order)
            model_.initial_values.push_back({values_[k].name, expressions[k]});
    }

    Expression value_of(const Value& value) {
        const auto state = index_.find(value.name);
        const auto is_it = [&](const auto& item) { return item.name == value.name; };
        ValueType type = ValueType::real;
        if (state == index_.end()) {
            type = std::find_if(model_.parameters.begin(), model_.parameters.end(), is_it)->type;
            for (const auto& name : names_in(value.syntax)) check_parameter_value(value, name);
        } else if (const auto equation = std::find_if(equations_.begin(), equations_.end(), is_it);
                   equation != equations_.end()) {
            type = equation->type;
        }
        const std::string where = fmt::format("the value of `{}`", value.name);
        const Expression out = stored(value.syntax, value.source, where, type);
        if (value.number_only && out.op() != Op::number)
            fail(value.source, value.syntax.span, fmt::format("the constant `{}` is not a number", value.name));
        if (out.op() == Op::number && std::isnan(out.number()))
            fail(value.source, value.syntax.span, fmt::format("{} is not a number", where));
        return out;
    }

    // A parameter is known before the first step: it cannot depend on what changes in time.
    void check_parameter_value(const Value& value, const std::string& name) const {
        const bool moving = index_.contains(name) || name == "t" || name == "t_last" || name.ends_with("_target") ||
                            std::find(names_.inputs.begin(), names_.inputs.end(), name) != names_.inputs.end();
        if (!moving) return;
        fail(value.source, value.syntax.span,
             fmt::format("the parameter `{}` cannot depend on `{}`, which changes in time", value.name, name),
             "what changes in time belongs into the equations");
    }

    // ---- the rate ----

    void check_rate() const {
        const auto is_rate = [](const AnnarchyDefinition& d) { return d.name == "r"; };
        const auto variable = std::find_if(equations_.begin(), equations_.end(), is_rate);
        const auto parameter = std::find_if(parameters_.begin(), parameters_.end(), is_rate);
        const bool has = variable != equations_.end() || parameter != parameters_.end();
        if (spiking() && has) {
            const bool equation = variable != equations_.end();
            fail(equation ? text_.equations : text_.parameters, equation ? variable->name_span : parameter->name_span,
                 "a spiking neuron has no `r` of its own: that is its firing rate", "choose another name");
        }
        if (!spiking() && !has) {
            throw ModelError(Diagnostic{.message = "a rate-coded neuron must define `r`, its firing rate",
                                        .source = text_.equations.name,
                                        .hint = "add `r = ...`, or a spike condition for a spiking neuron"});
        }
    }

    const AnnarchyNeuronText& text_;
    std::vector<std::string>* warnings_;
    SourceText spike_source_{"spike", text_.spike.value_or("")};
    SourceText reset_source_{"reset", text_.reset};
    SourceText refractory_source_{"refractory", text_.refractory};
    Model model_;
    AnnarchyNames names_;
    std::uint32_t next_site_ = 0;
    AnnarchyLowering lowering_;
    Method default_method_ = Method::explicit_euler;
    std::vector<AnnarchyFunction> functions_;
    std::vector<AnnarchyDefinition> parameters_, equations_, reset_;
    std::optional<Syntax> spike_, refractory_;
    std::vector<std::string> conductances_;  // without an equation
    std::unordered_map<std::string, std::size_t> index_;
    std::size_t block_ = 0;
    std::vector<Value> values_;
};

}  // namespace

Model parse_annarchy(const AnnarchyNeuronText& text, std::vector<std::string>* warnings) {
    return Assembly(text, warnings).run();
}

}  // namespace spikesmith
