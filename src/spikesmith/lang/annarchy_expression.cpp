#include "spikesmith/lang/annarchy_expression.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/annarchy_functions.hpp"

namespace spikesmith::lang {
namespace {

// What comes later may walk expressions by recursion.
constexpr std::size_t largest_inserted_height = 4000;
constexpr std::size_t most_operations = 100'000;  // of one expression, with all functions inserted

[[noreturn]] void fail(const SourceText& source, SourceSpan span, std::string message, std::string hint = {}) {
    throw ModelError(diagnose(source, span, std::move(message), std::move(hint)));
}

// What people miss when they write a name that nobody defined.
std::string undefined_hint(const std::string& name, const AnnarchyNames& names) {
    if (!names.unknown_hint.empty()) {
        const std::string near = did_you_mean(name, names.order);
        return near.empty() ? names.unknown_hint : near;
    }
    if (name == "E") return "for Euler's number write `exp(1)`; a reversal potential `E` must be a parameter";
    if (name == "I")
        return "the imaginary unit has no meaning here; a current `I` must be a parameter, a variable or an input";
    if (name == "r")
        return "a spiking neuron computes no firing rate inside its equations: take it from the recorded spikes";
    if (name.starts_with('d') && names.values.contains(name.substr(1)))
        return fmt::format("a derivative belongs to the left of the equal sign: `d{}/dt = ...`", name.substr(1));
    std::vector<std::string> candidates = names.order;
    for (const auto* word : {"t", "dt", "t_last", "pi"}) candidates.emplace_back(word);
    const std::string near = did_you_mean(name, candidates);
    return near.empty() ? fmt::format("make `{}` a parameter, a variable or an input", name) : near;
}

bool is_population_function(std::string_view name) {
    return name == "mean" || name == "norm1" || name == "norm2";
}

}  // namespace

void AnnarchyNames::add(const std::string& name, const Expression& value, bool is_logical) {
    if (values.insert_or_assign(name, value).second) order.push_back(name);
    logical[name] = is_logical;
}

Expression converted(const Expression& value, bool logical, ValueType type) {
    if (logical || type == ValueType::real) return value;
    return type == ValueType::integer ? apply(Op::truncate, value) : apply(Op::not_equal, value, 0.0);
}

AnnarchyLowering::Lowered AnnarchyLowering::lower(const Syntax& syntax, const SourceText& source,
                                                  const std::string& where) {
    operations_ = 0;
    return visit(syntax, {.source = &source, .where = &where});
}

std::size_t AnnarchyLowering::height(const Expression& expression) {
    if (const auto known = heights_.find(expression); known != heights_.end()) return known->second;
    std::size_t highest = 0;
    for (const auto& argument : expression.arguments()) highest = std::max(highest, height(argument));
    heights_.emplace(expression, highest + 1);
    return highest + 1;
}

AnnarchyLowering::Lowered AnnarchyLowering::made(Expression value, bool logical, const Syntax& syntax,
                                                 const Place& place) {
    if (++operations_ > most_operations || height(value) > largest_inserted_height) too_large(syntax, place);
    return {std::move(value), logical};
}

void AnnarchyLowering::too_large(const Syntax& syntax, const Place& place) const {
    fail(*place.source, {syntax.span.offset, 1},
         operations_ > most_operations
             ? fmt::format("more than {} operations, once functions are inserted", most_operations)
             : fmt::format("more than {} operations inside each other, once functions are inserted",
                           largest_inserted_height),
         "divide it into several equations");
}

AnnarchyLowering::Lowered AnnarchyLowering::visit(const Syntax& syntax, const Place& place) {
    switch (syntax.kind) {
        case Syntax::Kind::number:
            return {Expression(syntax.number)};
        case Syntax::Kind::truth:
            return {Expression(syntax.number), true};
        case Syntax::Kind::name:
            return name(syntax, place);
        case Syntax::Kind::call:
            return call(syntax, place);
        case Syntax::Kind::unary: {
            Lowered inner = visit(syntax.operands[0], place);
            if (syntax.op == Op::add) return inner;
            return made(apply(syntax.op, inner.value), syntax.op == Op::logical_not, syntax, place);
        }
        case Syntax::Kind::binary: {
            const Expression left = visit(syntax.operands[0], place).value;
            const Expression right = visit(syntax.operands[1], place).value;
            if (syntax.op == Op::floor_divide) {
                fail(*place.source, syntax.name_span, "there is no operator `//`", "write `floor(a/b)`");
            }
            if (syntax.op == Op::modulo) return made(c_remainder(left, right), false, syntax, place);
            return made(apply(syntax.op, left, right), is_boolean(syntax.op), syntax, place);
        }
        case Syntax::Kind::comparison:
            return comparison(syntax, place);
    }
    return {};
}

AnnarchyLowering::Lowered AnnarchyLowering::comparison(const Syntax& syntax, const Place& place) {
    Expression left = visit(syntax.operands[0], place).value;
    Expression all(1.0);
    for (std::size_t k = 0; k < syntax.comparisons.size(); ++k) {
        const Expression right = visit(syntax.operands[k + 1], place).value;
        const Expression one = apply(syntax.comparisons[k], left, right);
        all = k == 0 ? one : apply(Op::logical_and, all, one);
        left = right;
    }
    return made(all, true, syntax, place);
}

AnnarchyLowering::Lowered AnnarchyLowering::name(const Syntax& syntax, const Place& place) const {
    if (place.arguments != nullptr) {
        if (const auto argument = place.arguments->find(syntax.name); argument != place.arguments->end())
            return argument->second;
        if (names_->values.contains(syntax.name) && syntax.name != "pi") {
            fail(*place.source, syntax.span,
                 fmt::format("the function `{}` cannot see `{}` of the neuron", place.function->name, syntax.name),
                 "make it an argument of the function");
        }
    }
    if (const auto found = names_->values.find(syntax.name); found != names_->values.end())
        return {found->second, names_->logical.at(syntax.name)};
    if (names_->functions.contains(syntax.name) || find_annarchy_builtin(syntax.name) != nullptr) {
        fail(*place.source, syntax.span,
             fmt::format("`{}` is a function and needs arguments in parentheses", syntax.name));
    }
    if (syntax.name.find('/') != std::string::npos) {
        fail(*place.source, syntax.span, "a second derivative on the left side", "every equation has one derivative");
    }
    fail(*place.source, syntax.span, fmt::format("unknown name `{}` in {}", syntax.name, *place.where),
         place.function != nullptr ? did_you_mean(syntax.name, place.function->arguments)
                                   : undefined_hint(syntax.name, *names_));
}

AnnarchyLowering::Lowered AnnarchyLowering::call(const Syntax& syntax, const Place& place) {
    if (const auto own = names_->functions.find(syntax.name); own != names_->functions.end())
        return own_function(*own->second, syntax, place);
    if (syntax.name == "sum") return sum_of_inputs(syntax, place);
    const std::size_t given = syntax.operands.size();
    const AnnarchyBuiltin* builtin = find_annarchy_builtin(syntax.name);
    const bool one_of_min_max = (syntax.name == "min" || syntax.name == "max") && given == 1;
    if (one_of_min_max || is_population_function(syntax.name)) {
        fail(*place.source, syntax.name_span,
             fmt::format("`{}` of one variable is taken over a population, but a fitted neuron stands alone",
                         syntax.name),
             one_of_min_max ? fmt::format("of two values write `{}(a, b)`", syntax.name) : std::string{});
    }
    if (builtin == nullptr) {
        if (names_->values.contains(syntax.name)) {
            fail(*place.source, syntax.name_span, fmt::format("`{}` is a variable, not a function", syntax.name),
                 fmt::format("for a product write `{}*(...)`", syntax.name));
        }
        std::vector<std::string> candidates = annarchy_builtin_names();
        for (const auto& [own_name, function] : names_->functions) candidates.push_back(own_name);
        std::sort(candidates.begin(), candidates.end());
        fail(*place.source, syntax.name_span, fmt::format("unknown function `{}` in {}", syntax.name, *place.where),
             did_you_mean(syntax.name, candidates));
    }
    if (given < builtin->least_arguments || given > builtin->most_arguments) {
        fail(*place.source, syntax.span,
             fmt::format("`{}` has {} argument{}", syntax.name, given, given == 1 ? "" : "s"),
             fmt::format("it is `{}`", builtin->signature));
    }
    std::vector<Expression> arguments;
    bool logical = builtin->logical;
    bool branches_logical = true;
    for (std::size_t k = 0; k < given; ++k) {
        const Lowered argument = visit(syntax.operands[k], place);
        if (k > 0) branches_logical = branches_logical && argument.logical;
        arguments.push_back(argument.value);
    }
    if (builtin->name == "ite") logical = branches_logical;
    if (builtin->name == "Binomial") {
        const Expression& n = arguments[0];
        const bool known =
            n.op() == Op::number && n.number() >= 0 && n.number() <= most_binomial_draws && apply(Op::floor, n) == n;
        if (!known) {
            fail(*place.source, syntax.operands[0].span,
                 fmt::format("the first argument of `Binomial` must be a whole number from 0 to {}",
                             most_binomial_draws),
                 "for a large n take Normal(n*p, sqrt(n*p*(1 - p)))");
        }
        operations_ += 3 * static_cast<std::size_t>(n.number());
    }
    operations_ += builtin->operations;
    if (operations_ > most_operations) too_large(syntax, place);
    return made(builtin->build(arguments, *next_site_), logical, syntax, place);
}

AnnarchyLowering::Lowered AnnarchyLowering::own_function(const AnnarchyFunction& function, const Syntax& syntax,
                                                         const Place& place) {
    for (const Place* outer = &place; outer != nullptr; outer = outer->caller) {
        if (outer->function == &function)
            fail(*place.source, syntax.name_span, fmt::format("the function `{}` calls itself", function.name));
    }
    if (syntax.operands.size() != function.arguments.size()) {
        std::string signature;
        for (const auto& argument : function.arguments) signature += (signature.empty() ? "" : ", ") + argument;
        fail(*place.source, syntax.span,
             fmt::format("`{}` has {} argument{}", syntax.name, syntax.operands.size(),
                         syntax.operands.size() == 1 ? "" : "s"),
             fmt::format("it is defined as `{}({})`", function.name, signature));
    }
    std::unordered_map<std::string, Lowered> arguments;
    for (std::size_t k = 0; k < function.arguments.size(); ++k) {
        const Lowered given = visit(syntax.operands[k], place);
        const ValueType type = function.argument_types[k];
        arguments[function.arguments[k]] = {converted(given.value, given.logical, type),
                                            given.logical || type == ValueType::boolean};
    }
    const std::string where = fmt::format("the function `{}`", function.name);
    const Lowered value = visit(function.body, {.source = names_->functions_source,
                                                .where = &where,
                                                .arguments = &arguments,
                                                .function = &function,
                                                .caller = &place});
    return made(converted(value.value, value.logical, function.type),
                value.logical || function.type == ValueType::boolean, syntax, place);
}

// sum(exc): the weighted input of that target; sum(): all of them. A neuron without connections gets 0.
AnnarchyLowering::Lowered AnnarchyLowering::sum_of_inputs(const Syntax& syntax, const Place& place) const {
    if (place.function != nullptr)
        fail(*place.source, syntax.span, "a function cannot read the inputs of the neuron", "make it an argument");
    if (syntax.operands.empty()) {
        Expression total(0.0);
        for (const auto& input : names_->inputs) {
            if (input.starts_with("sum_")) total = total + names_->values.at(input);
        }
        return {total};
    }
    if (syntax.operands.size() > 1 || syntax.operands[0].kind != Syntax::Kind::name) {
        fail(*place.source, syntax.span, "`sum` takes the name of a target", "for example `sum(exc)`");
    }
    const std::string input = "sum_" + syntax.operands[0].name;
    const bool driven = std::find(names_->inputs.begin(), names_->inputs.end(), input) != names_->inputs.end();
    return {driven ? names_->values.at(input) : Expression(0.0)};
}

}  // namespace spikesmith::lang
