#include "spikesmith/lang/unit_check.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/lang/functions.hpp"
#include "spikesmith/lang/lowering.hpp"
#include "spikesmith/lang/token.hpp"

namespace spikesmith::lang {
namespace {

using Rule = Function::Rule;

constexpr Dimension noise_dimension{{0, 0, -0.5, 0, 0, 0, 0}};
constexpr double largest_exponent = 1000;

struct SpecialName {
    std::string_view name;
    Dimension dimension;
    ValueType type;
    bool shared;
};

constexpr std::array<SpecialName, 8> special_names{{
    {"t", dimensions::second, ValueType::real, true},
    {"dt", dimensions::second, ValueType::real, true},
    {"t_in_timesteps", dimensions::none, ValueType::integer, true},
    {"i", dimensions::none, ValueType::integer, false},
    {"N", dimensions::none, ValueType::integer, true},
    {"iteration", dimensions::none, ValueType::integer, true},
    {"lastspike", dimensions::second, ValueType::real, false},
    {"not_refractory", dimensions::none, ValueType::boolean, false},
}};

bool is_literal_number(const Syntax& syntax) {
    return syntax.kind == Syntax::Kind::number ||
           (syntax.kind == Syntax::Kind::unary && is_literal_number(syntax.operands[0]));
}

// Text of a condition with exactly one pair of parentheses around it.
std::string in_parentheses(const SourceText& source, const Syntax& syntax) {
    const std::string text = excerpt(source, syntax.span);
    const bool has_own = !syntax.operands.empty() && syntax.kind != Syntax::Kind::call && text.starts_with('(') &&
                         syntax.operands[0].span.offset > syntax.span.offset;
    return has_own ? text : fmt::format("({})", text);
}

ValueType higher(ValueType a, ValueType b) {
    return std::max(a, b);
}

[[noreturn]] void fail_unknown_name(const std::string& name, SourceSpan span, const SymbolTable& symbols,
                                    const Place& place) {
    std::string hint;
    if (name.size() > 7 && name.ends_with("_target")) {
        hint = fmt::format("`{}` exists if data are given for the output `{}`", name, name.substr(0, name.size() - 7));
    } else {
        hint = did_you_mean(name, symbols.names());
        if (hint.empty()) hint = unknown_unit_hint(name);
    }
    if (hint.empty()) hint = "define it in the equations, as a constant or as an input";
    throw ModelError(
        diagnose(*place.source, span, fmt::format("unknown name `{}` in {}", name, place.where), std::move(hint)));
}

class Checker {
  public:
    Checker(const SymbolTable& symbols, const Place& place) : symbols_(symbols), place_(place) {}

    Checked expression(const Syntax& syntax) {
        switch (syntax.kind) {
            case Syntax::Kind::number:
                return {.type = syntax.integer ? ValueType::integer : ValueType::real,
                        .any_dimension = syntax.number == 0};
            case Syntax::Kind::truth:
                return {.type = ValueType::boolean};
            case Syntax::Kind::name:
                return name(syntax);
            case Syntax::Kind::call:
                return call(syntax);
            case Syntax::Kind::unary:
                return unary(syntax);
            case Syntax::Kind::binary:
                return binary(syntax);
            case Syntax::Kind::comparison:
                return comparison(syntax);
        }
        return {};
    }

  private:
    [[nodiscard]] std::string quote(const Syntax& syntax) const {
        return fmt::format("`{}`", excerpt(*place_.source, syntax.span));
    }

    template <class E = ModelError>
    [[noreturn]] void fail(SourceSpan span, std::string message, std::string hint = {}) const {
        throw E(diagnose(*place_.source, span, std::move(message), std::move(hint)));
    }

    // ---- names ----

    Checked name(const Syntax& syntax) {
        const std::string& name = syntax.name;
        if (const Symbol* symbol = symbols_.find(name)) return variable(syntax, *symbol);
        if (find_constant(name)) return {};
        if (const Unit* unit = find_unit(name)) return {.dimension = unit->dimension};
        if (is_noise(name)) return noise(syntax);
        for (const auto& special : special_names) {
            if (special.name == name) return special_name(syntax, special);
        }
        if (const Function* function = find_function(name)) {
            fail(syntax.span, fmt::format("`{}` is a function, not a variable", name),
                 fmt::format("call it: `{}`", function->signature));
        }
        fail_unknown_name(name, syntax.span, symbols_, place_);
    }

    Checked variable(const Syntax& syntax, const Symbol& symbol) const {
        if (place_.kind == Place::Kind::constant && symbol.kind != Symbol::Kind::constant) {
            fail(syntax.span,
                 fmt::format("`{}` is {}, but {} may use other constants only", symbol.name, describe(symbol.kind),
                             place_.where),
                 "make it a subexpression of the equations");
        }
        if (place_.shared && !symbol.shared && symbol.kind != Symbol::Kind::constant) {
            fail(syntax.span,
                 fmt::format("`{}` differs from neuron to neuron, but {} is shared", symbol.name, place_.where),
                 "remove the flag `shared`, or use shared variables only");
        }
        return {.dimension = symbol.dimension, .type = symbol.type, .any_dimension = symbol.any_dimension};
    }

    Checked noise(const Syntax& syntax) const {
        if (place_.kind != Place::Kind::differential_equation) {
            fail(syntax.span, fmt::format("the noise `{}` cannot be used in {}", syntax.name, place_.where),
                 "noise belongs into differential equations; elsewhere use `randn()`");
        }
        return {.dimension = noise_dimension};
    }

    Checked special_name(const Syntax& syntax, const SpecialName& special) const {
        const bool of_refractoriness = special.name == "lastspike" || special.name == "not_refractory";
        if (place_.kind == Place::Kind::constant) {
            fail(syntax.span,
                 fmt::format("`{}` changes during a simulation and cannot be used in {}", special.name, place_.where));
        }
        if (of_refractoriness && place_.kind == Place::Kind::initial_value) {
            fail(syntax.span, fmt::format("`{}` has no value before the simulation", special.name));
        }
        if (of_refractoriness && !place_.has_refractory) {
            fail(syntax.span, fmt::format("`{}` exists only in a model with refractoriness", special.name),
                 "give the model a threshold and `refractory`");
        }
        if (place_.shared && !special.shared) {
            fail(syntax.span,
                 fmt::format("`{}` differs from neuron to neuron, but {} is shared", special.name, place_.where),
                 "remove the flag `shared`, or use shared variables only");
        }
        return {.dimension = special.dimension, .type = special.type};
    }

    // ---- operators ----

    Checked number(const Syntax& syntax, std::string_view user) {
        const Checked value = expression(syntax);
        if (value.logical) {
            fail(syntax.span, fmt::format("{} is true or false, but {} needs a number", quote(syntax), user),
                 fmt::format("write `int{}` for 1 or 0", in_parentheses(*place_.source, syntax)));
        }
        return value;
    }

    Checked condition(const Syntax& syntax, std::string_view user) {
        const Checked value = expression(syntax);
        if (value.type != ValueType::boolean) {
            fail(syntax.span, fmt::format("{} is a number, but {} needs a condition", quote(syntax), user),
                 fmt::format("compare it, for example `{} > 0`", excerpt(*place_.source, syntax.span)));
        }
        return value;
    }

    Checked unary(const Syntax& syntax) {
        const Syntax& inner = syntax.operands[0];
        if (syntax.op == Op::logical_not) {
            condition(inner, "`not`");
            return {.type = ValueType::boolean, .logical = true};
        }
        Checked value = number(inner, syntax.op == Op::negate ? "the sign `-`" : "the sign `+`");
        value.type = higher(value.type, ValueType::integer);
        return value;
    }

    Checked binary(const Syntax& syntax) {
        const Syntax& left = syntax.operands[0];
        const Syntax& right = syntax.operands[1];
        const auto symbol = fmt::format("`{}`", op_name(syntax.op));
        if (syntax.op == Op::logical_and || syntax.op == Op::logical_or) {
            condition(left, symbol);
            condition(right, symbol);
            return {.type = ValueType::boolean, .logical = true};
        }
        const Checked a = number(left, symbol);
        const Checked b = number(right, symbol);
        const ValueType type = higher(higher(a.type, b.type), ValueType::integer);
        switch (syntax.op) {
            case Op::multiply:
                return {.dimension = a.dimension * b.dimension, .type = type};
            case Op::divide:
                return {.dimension = a.dimension / b.dimension, .type = ValueType::real};
            case Op::power:
                return power(left, a, right, b, type);
            case Op::floor_divide:
                agree(left, a, right, b);
                return {.type = type};
            case Op::modulo:
            case Op::add:
            case Op::subtract: {
                Checked result = agree(left, a, right, b);
                result.type = type;
                return result;
            }
            default:
                return {};
        }
    }

    // The common dimension of two operands. A literal 0 has any.
    Checked agree(const Syntax& left, const Checked& a, const Syntax& right, const Checked& b) const {
        if (a.any_dimension) return b;
        if (b.any_dimension || a.dimension == b.dimension) return a;
        fail<UnitError>(right.span,
                        fmt::format("inconsistent units in {}: {} has {}, {} has {}", place_.where, quote(left),
                                    in_words(a.dimension), quote(right), in_words(b.dimension)),
                        unit_hint(left, a, right, b));
    }

    // A bare number beside a quantity most often lacks its unit.
    [[nodiscard]] std::string unit_hint(const Syntax& left, const Checked& a, const Syntax& right,
                                        const Checked& b) const {
        if (is_literal_number(right))
            return fmt::format("give the number its unit: `{}*{}`", excerpt(*place_.source, right.span),
                               a.dimension.name());
        if (is_literal_number(left))
            return fmt::format("give the number its unit: `{}*{}`", excerpt(*place_.source, left.span),
                               b.dimension.name());
        return "only quantities of the same unit can be added, subtracted or compared";
    }

    Checked power(const Syntax& base, const Checked& a, const Syntax& exponent, const Checked& b, ValueType type) {
        if (!b.any_dimension && !b.dimension.dimensionless()) {
            fail<UnitError>(exponent.span,
                            fmt::format("the exponent {} has {}, but exponents are pure numbers", quote(exponent),
                                        in_words(b.dimension)),
                            "divide it by a quantity of the same unit");
        }
        if (a.dimension.dimensionless()) return {.type = type};
        if (const Syntax* variable = first_variable(exponent)) {
            fail<UnitError>(variable->span,
                            fmt::format("{} has {}, so its exponent must be a constant, but `{}` varies", quote(base),
                                        in_words(a.dimension),
                                        variable->kind == Syntax::Kind::call ? excerpt(*place_.source, variable->span)
                                                                             : variable->name),
                            "divide the base by a quantity of the same unit");
        }
        std::uint32_t site = 0;
        const Expression value = lower(exponent, symbols_, site);
        if (value.op() != Op::number || !(std::abs(value.number()) <= largest_exponent)) {
            fail<UnitError>(exponent.span,
                            fmt::format("{} is no sensible exponent of a quantity with a unit", quote(exponent)));
        }
        return {.dimension = a.dimension.power(value.number()), .type = type};
    }

    // The first part of an expression that is not the same for ever.
    [[nodiscard]] const Syntax* first_variable(const Syntax& syntax) const {
        if (syntax.kind == Syntax::Kind::name) {
            const Symbol* symbol = symbols_.find(syntax.name);
            if (symbol != nullptr) return symbol->kind == Symbol::Kind::constant ? nullptr : &syntax;
            return find_constant(syntax.name) || find_unit(syntax.name) != nullptr ? nullptr : &syntax;
        }
        if (syntax.kind == Syntax::Kind::call) {
            const Function* function = find_function(syntax.name);
            if (function == nullptr || function->random) return &syntax;
        }
        for (const auto& operand : syntax.operands) {
            if (const Syntax* variable = first_variable(operand)) return variable;
        }
        return nullptr;
    }

    Checked comparison(const Syntax& syntax) {
        Checked left = expression(syntax.operands[0]);
        for (std::size_t k = 0; k < syntax.comparisons.size(); ++k) {
            const Syntax& a = syntax.operands[k];
            const Syntax& b = syntax.operands[k + 1];
            const Checked right = expression(b);
            const bool equality = syntax.comparisons[k] == Op::equal || syntax.comparisons[k] == Op::not_equal;
            if (!(equality && left.type == ValueType::boolean && right.type == ValueType::boolean)) {
                const auto user = fmt::format("the comparison `{}`", op_name(syntax.comparisons[k]));
                require_number(a, left, user);
                require_number(b, right, user);
                agree(a, left, b, right);
            }
            left = right;
        }
        return {.type = ValueType::boolean, .logical = true};
    }

    void require_number(const Syntax& syntax, const Checked& value, const std::string& user) const {
        if (!value.logical) return;
        fail(syntax.span, fmt::format("{} is true or false, but {} needs a number", quote(syntax), user),
             fmt::format("write `int{}` for 1 or 0, or join conditions with `and`",
                         in_parentheses(*place_.source, syntax)));
    }

    // ---- functions ----

    Checked call(const Syntax& syntax) {
        const Function* found = find_function(syntax.name);
        if (found == nullptr) unknown_function(syntax);
        const Function& function = *found;
        const std::size_t count = syntax.operands.size();
        if (count < function.least_arguments || count > function.most_arguments) {
            const std::string wanted = function.most_arguments == any_number
                                           ? fmt::format("at least {}", function.least_arguments)
                                           : fmt::format("{}", function.least_arguments);
            fail(syntax.span,
                 fmt::format("`{}` takes {} argument{}, not {}", function.name, wanted,
                             function.least_arguments == 1 ? "" : "s", count),
                 fmt::format("write `{}`", function.signature));
        }
        if (function.random) random_allowed(syntax);
        const auto user = fmt::format("`{}`", function.name);
        switch (function.rule) {
            case Rule::number:
                return of_numbers(syntax, function, user);
            case Rule::root: {
                const Checked value = number(syntax.operands[0], user);
                return {.dimension = value.dimension.power(0.5), .any_dimension = value.any_dimension};
            }
            case Rule::sign:
                number(syntax.operands[0], user);
                return {.type = ValueType::integer};
            case Rule::same:
                return of_one_dimension(syntax, 0, user);
            case Rule::ratio:
                of_one_dimension(syntax, 0, user);
                return {};
            case Rule::select:
                return select(syntax, user);
            case Rule::times:
                for (const auto& operand : syntax.operands) {
                    const Checked value = number(operand, user);
                    if (!value.any_dimension && !(value.dimension == dimensions::second)) {
                        fail<UnitError>(operand.span,
                                        fmt::format("`{}` needs times in second, but {} has {}", function.name,
                                                    quote(operand), in_words(value.dimension)));
                    }
                }
                return {.type = ValueType::integer};
        }
        return {};
    }

    Checked of_numbers(const Syntax& syntax, const Function& function, const std::string& user) {
        const bool integer = function.op == Op::truncate || function.op == Op::poisson;
        for (const auto& operand : syntax.operands) {
            const Checked value = function.op == Op::truncate ? expression(operand) : number(operand, user);
            if (value.any_dimension || value.dimension.dimensionless()) continue;
            fail<UnitError>(operand.span,
                            fmt::format("`{}` needs a pure number, but {} has {}", function.name, quote(operand),
                                        in_words(value.dimension)),
                            fmt::format("divide it by a quantity in {}", value.dimension.name()));
        }
        return {.type = integer ? ValueType::integer : ValueType::real};
    }

    // The dimension that all arguments from number `first` have.
    Checked of_one_dimension(const Syntax& syntax, std::size_t first, const std::string& user) {
        Checked common = number(syntax.operands[first], user);
        ValueType type = higher(common.type, ValueType::integer);
        std::size_t representative = first;
        for (std::size_t k = first + 1; k < syntax.operands.size(); ++k) {
            const Checked value = number(syntax.operands[k], user);
            type = higher(type, value.type);
            const bool replaces = common.any_dimension && !value.any_dimension;
            common = agree(syntax.operands[representative], common, syntax.operands[k], value);
            if (replaces) representative = k;
        }
        common.type = type;
        return common;
    }

    Checked select(const Syntax& syntax, const std::string& user) {
        condition(syntax.operands[0], "the first argument of `where`");
        const Checked a = expression(syntax.operands[1]);
        const Checked b = expression(syntax.operands[2]);
        if (a.type == ValueType::boolean && b.type == ValueType::boolean) {
            return {.type = ValueType::boolean, .logical = a.logical || b.logical};
        }
        require_number(syntax.operands[1], a, user);
        require_number(syntax.operands[2], b, user);
        Checked result = agree(syntax.operands[1], a, syntax.operands[2], b);
        result.type = higher(higher(a.type, b.type), ValueType::integer);
        return result;
    }

    void random_allowed(const Syntax& syntax) const {
        if (place_.kind == Place::Kind::constant) {
            fail(syntax.span,
                 fmt::format("{} must always have the same value, but `{}` draws random numbers", place_.where,
                             syntax.name),
                 "make it a subexpression that is `constant over dt`");
        }
        if (place_.shared) {
            fail(syntax.span,
                 fmt::format("`{}` draws a number for every neuron, but {} is shared", syntax.name, place_.where),
                 "remove the flag `shared`");
        }
        if (place_.kind == Place::Kind::subexpression && !place_.stored) {
            fail(syntax.span, fmt::format("`{}` would be drawn anew at every use of {}", syntax.name, place_.where),
                 "add the flag `(constant over dt)` to draw it once per time step");
        }
    }

    [[noreturn]] void unknown_function(const Syntax& syntax) const {
        const std::string& name = syntax.name;
        const Symbol* symbol = symbols_.find(name);
        if (symbol != nullptr || find_constant(name) || find_unit(name) != nullptr || is_noise(name)) {
            fail(syntax.name_span, fmt::format("`{}` is not a function", name),
                 fmt::format("for a product write `{}*(...)`", name));
        }
        for (const auto& special : special_names) {
            if (special.name == name)
                fail(syntax.name_span, fmt::format("`{}` is not a function", name),
                     fmt::format("for a product write `{}*(...)`", name));
        }
        std::string hint(foreign_function_hint(name));
        const bool indexed =
            !syntax.operands.empty() && syntax.operands[0].kind == Syntax::Kind::name && syntax.operands[0].name == "t";
        if (hint.empty() && indexed) {
            hint = fmt::format(
                "a stimulus has a line of its own, `NAME = {}(t, i % n_traces) : unit`, and NAME is listed among the "
                "inputs",
                name);
        }
        if (hint.empty()) hint = did_you_mean(name, function_names());
        fail(syntax.name_span, fmt::format("unknown function `{}` in {}", name, place_.where), std::move(hint));
    }

    const SymbolTable& symbols_;
    const Place& place_;
};

// ---- inference of the dimension of an input ----

// The dimension of an expression as known * unknown**power.
struct Form {
    Dimension known;
    double power = 0;
};

class Inference {
  public:
    Inference(const SymbolTable& symbols, const std::string& input) : symbols_(symbols), input_(input) {}

    std::optional<Dimension> solve(const Syntax& syntax, std::optional<Dimension> result) {
        const auto form = of(syntax);
        if (result) unify(form, Form{*result});
        return solution_;
    }

  private:
    // Nothing if the dimension is not known (another input) or may be any (a literal 0).
    std::optional<Form> of(const Syntax& syntax) {
        switch (syntax.kind) {
            case Syntax::Kind::number:
                return syntax.number == 0 ? std::nullopt : std::optional(Form{});
            case Syntax::Kind::truth:
                return Form{};
            case Syntax::Kind::name:
                return name(syntax.name);
            case Syntax::Kind::unary:
                return of(syntax.operands[0]);
            case Syntax::Kind::binary:
                return binary(syntax);
            case Syntax::Kind::comparison:
                common(syntax, 0);
                return Form{};
            case Syntax::Kind::call:
                return call(syntax);
        }
        return std::nullopt;
    }

    [[nodiscard]] std::optional<Form> name(const std::string& name) const {
        if (name == input_) return Form{.power = 1};
        if (const Symbol* symbol = symbols_.find(name)) {
            if (!symbol->known_dimension || symbol->any_dimension) return std::nullopt;
            return Form{symbol->dimension};
        }
        if (const Unit* unit = find_unit(name)) return Form{unit->dimension};
        if (is_noise(name)) return Form{noise_dimension};
        for (const auto& special : special_names) {
            if (special.name == name) return Form{special.dimension};
        }
        return Form{};
    }

    std::optional<Form> binary(const Syntax& syntax) {
        const auto a = of(syntax.operands[0]);
        const auto b = of(syntax.operands[1]);
        switch (syntax.op) {
            case Op::multiply:
                return a && b ? std::optional(Form{a->known * b->known, a->power + b->power}) : std::nullopt;
            case Op::divide:
                return a && b ? std::optional(Form{a->known / b->known, a->power - b->power}) : std::nullopt;
            case Op::power: {
                unify(b, Form{});
                if (!a || syntax.operands[1].kind != Syntax::Kind::number) return std::nullopt;
                const double exponent = syntax.operands[1].number;
                return std::abs(exponent) <= largest_exponent
                           ? std::optional(Form{a->known.power(exponent), a->power * exponent})
                           : std::nullopt;
            }
            case Op::floor_divide:
                unify(a, b);
                return Form{};
            case Op::logical_and:
            case Op::logical_or:
                return Form{};
            default:
                return unify(a, b);
        }
    }

    std::optional<Form> call(const Syntax& syntax) {
        const Function* function = find_function(syntax.name);
        if (function == nullptr || syntax.operands.size() < function->least_arguments) return std::nullopt;
        switch (function->rule) {
            case Rule::number:
                for (const auto& operand : syntax.operands) unify(of(operand), Form{});
                return Form{};
            case Rule::same:
                return common(syntax, 0);
            case Rule::ratio:
                common(syntax, 0);
                return Form{};
            case Rule::select:
                of(syntax.operands[0]);
                return common(syntax, 1);
            case Rule::sign:
                of(syntax.operands[0]);
                return Form{};
            case Rule::times:
                for (const auto& operand : syntax.operands) unify(of(operand), Form{dimensions::second});
                return Form{};
            case Rule::root: {
                const auto a = of(syntax.operands[0]);
                return a ? std::optional(Form{a->known.power(0.5), a->power * 0.5}) : std::nullopt;
            }
        }
        return std::nullopt;
    }

    std::optional<Form> common(const Syntax& syntax, std::size_t first) {
        std::optional<Form> form;
        for (std::size_t k = first; k < syntax.operands.size(); ++k) form = unify(form, of(syntax.operands[k]));
        return form;
    }

    // Both must be the same dimension: solves for the input if they contain it to different powers.
    std::optional<Form> unify(const std::optional<Form>& a, const std::optional<Form>& b) {
        if (!a) return b;
        if (b && !solution_ && std::abs(a->power - b->power) > 1e-9) {
            solution_ = (b->known / a->known).power(1 / (a->power - b->power));
        }
        return a;
    }

    const SymbolTable& symbols_;
    const std::string& input_;
    std::optional<Dimension> solution_;
};

}  // namespace

Checked check(const Syntax& syntax, const SymbolTable& symbols, const Place& place) {
    return Checker(symbols, place).expression(syntax);
}

void check_fits(const Syntax& syntax, const Checked& value, const VariableUnit& wanted, const std::string& target,
                const Place& place) {
    const std::string text = excerpt(*place.source, syntax.span);
    if (wanted.type == ValueType::boolean) {
        const bool zero_or_one = is_literal_number(syntax) && (text == "0" || text == "1");
        if (value.type == ValueType::boolean || zero_or_one) return;
        throw ModelError(diagnose(*place.source, syntax.span,
                                  fmt::format("{} is boolean, but `{}` is a number", target, text),
                                  fmt::format("compare it, for example `{} > 0`", text)));
    }
    if (value.logical) {
        throw ModelError(diagnose(*place.source, syntax.span,
                                  fmt::format("{} is a number, but `{}` is true or false", target, text),
                                  fmt::format("write `int{}` for 1 or 0", in_parentheses(*place.source, syntax))));
    }
    if (value.any_dimension || value.dimension == wanted.dimension) return;
    std::string hint =
        fmt::format("write a value in {}", wanted.dimension.dimensionless() ? "pure numbers" : wanted.dimension.name());
    if (is_literal_number(syntax))
        hint = fmt::format("give the number its unit: `{}*{}`", text, wanted.dimension.name());
    else if (place.kind == Place::Kind::subexpression)
        hint = fmt::format("it lacks a factor in {}", (wanted.dimension / value.dimension).name());
    throw UnitError(diagnose(*place.source, syntax.span,
                             fmt::format("inconsistent units in {}: {} has {}, but `{}` has {}", place.where, target,
                                         in_words(wanted.dimension), text, in_words(value.dimension)),
                             std::move(hint)));
}

void require_boolean(const Syntax& syntax, const Checked& value, const std::string& what, const Place& place,
                     const std::string& hint) {
    if (value.type == ValueType::boolean) return;
    throw ModelError(diagnose(
        *place.source, syntax.span,
        fmt::format("{} must be a condition, but `{}` is a number", what, excerpt(*place.source, syntax.span)), hint));
}

void check_derivative(const Syntax& syntax, const Checked& value, const Dimension& state, const std::string& name,
                      const Place& place) {
    const Dimension wanted = state / dimensions::second;
    if (!value.logical && !value.any_dimension && !(value.dimension == wanted)) {
        const bool time_missing = value.dimension == state;
        throw UnitError(
            diagnose(*place.source, syntax.span,
                     fmt::format("inconsistent units in {}: `d{}/dt` has {}, but `{}` has {}", place.where, name,
                                 in_words(wanted), excerpt(*place.source, syntax.span), in_words(value.dimension)),
                     time_missing ? "divide it by a time, for example a time constant in second"
                                  : fmt::format("it lacks a factor in {}", (wanted / value.dimension).name())));
    }
    check_fits(syntax, value, {.dimension = wanted}, fmt::format("`d{}/dt`", name), place);
}

std::optional<Dimension> infer_dimension(const Syntax& syntax, const SymbolTable& symbols, const std::string& input,
                                         std::optional<Dimension> result) {
    return Inference(symbols, input).solve(syntax, result);
}

bool is_noise(std::string_view name) {
    return name == "xi" || (name.starts_with("xi_") && name.size() > 3);
}

std::string in_words(const Dimension& dimension) {
    return dimension.dimensionless() ? "no unit" : dimension.name();
}

}  // namespace spikesmith::lang
