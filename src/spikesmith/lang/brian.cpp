#include "spikesmith/lang/brian.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>

#include "spikesmith/lang/constants.hpp"
#include "spikesmith/lang/dependencies.hpp"
#include "spikesmith/lang/equations.hpp"
#include "spikesmith/lang/expression_parser.hpp"
#include "spikesmith/lang/functions.hpp"
#include "spikesmith/lang/lowering.hpp"
#include "spikesmith/lang/statements.hpp"
#include "spikesmith/lang/symbols.hpp"
#include "spikesmith/lang/token.hpp"
#include "spikesmith/lang/unit_check.hpp"

namespace spikesmith {
namespace {

using namespace lang;  // NOLINT(google-build-using-namespace): this file is the door of that namespace

// Operations inside each other once subexpressions are inserted; what comes later may walk expressions by recursion.
constexpr std::size_t largest_inserted_height = 4000;

// `input_var(t, i % n_traces)`: how a stimulus is read in Brian. What the function is called does not matter.
bool is_stimulus(const Syntax& syntax) {
    const auto is_name = [](const Syntax& s, std::string_view name) {
        return s.kind == Syntax::Kind::name && s.name == name;
    };
    if (syntax.kind != Syntax::Kind::call || find_function(syntax.name) != nullptr) return false;
    const auto& arguments = syntax.operands;
    if (arguments.empty() || arguments.size() > 2 || !is_name(arguments[0], "t")) return false;
    if (arguments.size() == 1 || is_name(arguments[1], "i")) return true;
    const Syntax& column = arguments[1];
    return column.kind == Syntax::Kind::binary && column.op == Op::modulo && is_name(column.operands[0], "i");
}

const Syntax* find_name(const Syntax& syntax, std::string_view name) {
    if (syntax.kind == Syntax::Kind::name && syntax.name == name) return &syntax;
    for (const auto& operand : syntax.operands) {
        if (const Syntax* found = find_name(operand, name)) return found;
    }
    return nullptr;
}

bool is_blank(const std::string& text) {
    return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

// Integers are stored without their fraction.
Expression stored(const Expression& value, ValueType from, ValueType to) {
    return to == ValueType::integer && from == ValueType::real ? apply(Op::truncate, value) : value;
}

[[noreturn]] void fail_list(const std::string& list, std::string message, std::string hint) {
    throw ModelError(Diagnostic{.message = std::move(message), .source = list, .hint = std::move(hint)});
}

// The name that was meant, or all there are.
std::string choose_from(const std::string& word, const std::vector<std::string>& candidates) {
    std::string hint = did_you_mean(word, candidates);
    if (!hint.empty() || candidates.empty()) return hint;
    constexpr std::size_t most = 10;
    for (std::size_t k = 0; k < candidates.size() && k < most; ++k)
        hint += fmt::format("{}`{}`", k == 0 ? "the model has " : ", ", candidates[k]);
    return candidates.size() > most ? hint + ", ..." : hint;
}

std::string choose_undefined(const std::string& word, const std::vector<std::string>& candidates) {
    std::string hint = did_you_mean(word, candidates);
    return hint.empty() ? fmt::format("the equations use `{}`, which is not defined", candidates.front()) : hint;
}

class Assembly {
  public:
    Assembly(const BrianModelText& text, std::vector<std::string>* warnings) : text_(text), warnings_(warnings) {}

    Model run() {
        definitions_ = parse_equations(text_.equations);
        parse_others();
        define_names();
        define_constants(text_.constants, symbols_);
        define_targets();
        infer_inputs();

        model_.text = text_.equations.text;
        model_.targets = text_.targets;
        for (const auto& name : text_.inputs) model_.inputs.push_back({name, symbols_.find(name)->dimension});
        for (const auto& definition : definitions_) add(definition);
        order_subexpressions();
        bound_heights();
        add_threshold();
        add_reset();
        add_refractory();
        add_initial_values();
        warn();
        return std::move(model_);
    }

  private:
    struct InitialText {
        std::string name;
        SourceText source;
        Syntax value;
    };

    void parse_others() {
        if (text_.threshold) {
            threshold_source_ = {"threshold", *text_.threshold};
            threshold_ = parse_whole_expression(threshold_source_, "the threshold");
        }
        if (text_.reset) {
            reset_source_ = {"reset", *text_.reset};
            reset_ = parse_statements(reset_source_);
        }
        if (!is_blank(text_.refractory)) {
            refractory_source_ = {"refractory", text_.refractory};
            Syntax value = parse_whole_expression(refractory_source_, "refractory", {.quantities = true});
            const bool off = value.kind == Syntax::Kind::truth && value.number == 0;
            if (!off) refractory_ = std::move(value);
        }
        for (const auto& [name, value] : text_.initial_values) {
            InitialText initial{.name = name, .source = {fmt::format("initial value of {}", name), value}, .value = {}};
            initial.value = parse_whole_expression(initial.source, fmt::format("the initial value of `{}`", name),
                                                   {.quantities = true});
            initial_.push_back(std::move(initial));
        }
    }

    // Every expression of the model, to look for names.
    template <class Visit>
    void for_each_expression(Visit visit) const {
        for (const auto& definition : definitions_) {
            if (definition.expression) visit(*definition.expression);
        }
        if (threshold_) visit(*threshold_);
        for (const auto& statement : reset_) visit(statement.value);
        if (refractory_) visit(*refractory_);
        for (const auto& initial : initial_) visit(initial.value);
    }

    // ---- names ----

    void define_names() {
        const std::unordered_set<std::string> inputs(text_.inputs.begin(), text_.inputs.end());
        if (inputs.size() != text_.inputs.size())
            fail_list("inputs", "an input is listed twice", "remove one of the two");
        for (auto& definition : definitions_) {
            Symbol symbol{.name = definition.name,
                          .dimension = definition.dimension,
                          .type = definition.type,
                          .constant = definition.constant,
                          .shared = definition.shared,
                          .constant_over_dt = definition.constant_over_dt,
                          .place = place_in_words(text_.equations, definition.name_span)};
            switch (definition.kind) {
                case Definition::Kind::differential_equation:
                    symbol.kind = Symbol::Kind::state;
                    break;
                case Definition::Kind::subexpression:
                    symbol.kind = Symbol::Kind::subexpression;
                    break;
                case Definition::Kind::parameter:
                    symbol.kind = Symbol::Kind::parameter;
                    break;
            }
            if (inputs.contains(definition.name)) {
                check_declared_input(definition);
                symbol.kind = Symbol::Kind::input;
                symbol.shared = false;
            }
            symbols_.add(symbol);
        }
        std::unordered_set<std::string> used;
        for_each_expression([&](const Syntax& syntax) {
            for (auto& name : names_in(syntax)) used.insert(std::move(name));
        });
        for (const auto& name : text_.inputs) {
            if (symbols_.find(name) == nullptr) define_undeclared_input(name, used);
        }
    }

    void check_declared_input(const Definition& definition) const {
        const SourceText& source = text_.equations;
        if (definition.kind == Definition::Kind::differential_equation) {
            throw ModelError(
                diagnose(source, definition.name_span,
                         fmt::format("`{0}` is listed as an input, but has a differential equation", definition.name),
                         "an input is an undefined name, or is declared as `I : amp`"));
        }
        if (definition.kind == Definition::Kind::subexpression && !is_stimulus(*definition.expression)) {
            throw ModelError(diagnose(
                source, definition.expression->span,
                fmt::format("`{0}` is listed as an input, but is computed by the equations", definition.name),
                fmt::format("write `{0} = input_var(t, i % n_traces) : unit` or `{0} : unit`", definition.name)));
        }
        if (definition.type != ValueType::real) {
            throw ModelError(diagnose(source, definition.name_span,
                                      fmt::format("the input `{}` must be a real number", definition.name)));
        }
        const auto given = text_.input_dimensions.find(definition.name);
        if (given != text_.input_dimensions.end() && !(given->second == definition.dimension)) {
            throw UnitError(
                diagnose(source, definition.name_span,
                         fmt::format("the input `{}` is declared with {}, but its data have {}", definition.name,
                                     in_words(definition.dimension), in_words(given->second))));
        }
    }

    void define_undeclared_input(const std::string& name, const std::unordered_set<std::string>& used) {
        if (const auto reason = reserved(name))
            fail_list("inputs", fmt::format("{} and cannot be an input", *reason), "choose another name");
        if (!used.contains(name)) {
            std::vector<std::string> candidates(used.begin(), used.end());
            std::sort(candidates.begin(), candidates.end());
            std::erase_if(candidates, [&](const std::string& word) {
                const auto is_it = [&](const auto& constant) { return constant.first == word; };
                return symbols_.find(word) != nullptr || reserved(word) || std::ranges::any_of(text_.constants, is_it);
            });
            fail_list("inputs", fmt::format("`{}` is listed as an input, but no equation uses it", name),
                      candidates.empty() ? fmt::format("use `{}` in an equation, for example as a current", name)
                                         : choose_undefined(name, candidates));
        }
        Symbol symbol{
            .kind = Symbol::Kind::input, .name = name, .known_dimension = false, .place = "the list of inputs"};
        if (const auto given = text_.input_dimensions.find(name); given != text_.input_dimensions.end()) {
            symbol.dimension = given->second;
            symbol.known_dimension = true;
        }
        symbols_.add(symbol);
    }

    void define_targets() {
        std::set<std::string> seen;
        for (const auto& name : text_.targets) {
            const Symbol* output = symbols_.find(name);
            if (output == nullptr || output->kind == Symbol::Kind::constant) {
                std::vector<std::string> candidates;
                candidates.reserve(definitions_.size());
                for (const auto& definition : definitions_) candidates.push_back(definition.name);
                fail_list("outputs", fmt::format("`{}` is not a variable of the model", name),
                          choose_from(name, candidates));
            }
            if (!seen.insert(name).second)
                fail_list("outputs", fmt::format("`{}` is listed twice", name), "remove one of the two");
            Symbol symbol{.kind = Symbol::Kind::target,
                          .name = name + "_target",
                          .dimension = output->dimension,
                          .type = output->type,
                          .known_dimension = output->known_dimension,
                          .place = fmt::format("the data of the output `{}`", name)};
            if (const Symbol* other = symbols_.add(symbol)) {
                fail_list("outputs",
                          fmt::format("`{}` is the data of the output `{}`, but also {} in {}", symbol.name, name,
                                      describe(other->kind), other->place),
                          "choose another name in the equations");
            }
        }
    }

    // Dimensions of inputs that nobody declared, from the equations that use them.
    void infer_inputs() {
        std::vector<std::string> open;
        for (const auto& name : text_.inputs) {
            if (!symbols_.find(name)->known_dimension) open.push_back(name);
        }
        bool progress = true;
        while (!open.empty() && progress) {
            progress = false;
            for (auto name = open.begin(); name != open.end();) {
                const auto dimension = infer(*name);
                if (!dimension) {
                    ++name;
                    continue;
                }
                symbols_.set_dimension(*name, *dimension);
                if (symbols_.find(*name + "_target") != nullptr) symbols_.set_dimension(*name + "_target", *dimension);
                name = open.erase(name);
                progress = true;
            }
        }
        if (!open.empty()) {
            fail_list("inputs",
                      fmt::format("the unit of the input `{}` does not follow from the equations", open.front()),
                      fmt::format("declare it in the equations, for example `{} : amp`, or give its data a unit",
                                  open.front()));
        }
    }

    [[nodiscard]] std::optional<Dimension> infer(const std::string& name) const {
        for (const auto& definition : definitions_) {
            if (!definition.expression) continue;
            const bool rate = definition.kind == Definition::Kind::differential_equation;
            const Dimension whole = rate ? definition.dimension / dimensions::second : definition.dimension;
            if (auto found = infer_dimension(*definition.expression, symbols_, name, whole)) return found;
        }
        if (threshold_) {
            if (auto found = infer_dimension(*threshold_, symbols_, name, std::nullopt)) return found;
        }
        for (const auto& statement : reset_) {
            const Symbol* target = symbols_.find(statement.name);
            const auto whole =
                target != nullptr && target->known_dimension ? std::optional(target->dimension) : std::nullopt;
            if (auto found = infer_dimension(statement.value, symbols_, name, whole)) return found;
        }
        if (refractory_) {
            if (auto found = infer_dimension(*refractory_, symbols_, name, std::nullopt)) return found;
        }
        for (const auto& initial : initial_) {
            const Symbol* target = symbols_.find(initial.name);
            if (target == nullptr) continue;
            if (auto found = infer_dimension(initial.value, symbols_, name, target->dimension)) return found;
        }
        return std::nullopt;
    }

    // ---- equations ----

    void add(const Definition& definition) {
        if (symbols_.find(definition.name)->kind == Symbol::Kind::input) return;
        switch (definition.kind) {
            case Definition::Kind::differential_equation:
                add_state(definition);
                break;
            case Definition::Kind::subexpression:
                add_subexpression(definition);
                break;
            case Definition::Kind::parameter:
                model_.parameters.push_back({.name = definition.name,
                                             .dimension = definition.dimension,
                                             .type = definition.type,
                                             .constant = definition.constant,
                                             .shared = definition.shared});
                break;
        }
    }

    void add_state(const Definition& definition) {
        const Syntax& syntax = *definition.expression;
        const Place place{.source = &text_.equations,
                          .where = fmt::format("the equation of `{}`", definition.name),
                          .kind = Place::Kind::differential_equation,
                          .has_refractory = refractory_.has_value()};
        const Checked value = check(syntax, symbols_, place);
        check_derivative(syntax, value, definition.dimension, definition.name, place);
        add_noise(definition);
        model_.states.push_back({.name = definition.name,
                                 .dimension = definition.dimension,
                                 .derivative = lower(syntax, symbols_, next_site_),
                                 .unless_refractory = definition.unless_refractory,
                                 .text = text_of(text_.equations, syntax.span)});
    }

    void add_noise(const Definition& definition) {
        for (const auto& name : names_in(*definition.expression)) {
            if (!is_noise(name)) continue;
            const bool seen = std::find(model_.noise.begin(), model_.noise.end(), name) != model_.noise.end();
            if (name == "xi" && seen) {
                throw ModelError(diagnose(
                    text_.equations, find_name(*definition.expression, name)->span, "only one equation may use `xi`",
                    "name the sources: `xi_1` and `xi_2` are independent, `xi_1` in both is the same noise"));
            }
            if (!seen) model_.noise.push_back(name);
        }
    }

    void add_subexpression(const Definition& definition) {
        const Syntax& syntax = *definition.expression;
        const Place place{.source = &text_.equations,
                          .where = fmt::format("the subexpression `{}`", definition.name),
                          .kind = Place::Kind::subexpression,
                          .stored = definition.constant_over_dt,
                          .shared = definition.shared,
                          .has_refractory = refractory_.has_value()};
        const Checked value = check(syntax, symbols_, place);
        check_fits(syntax, value, {definition.dimension, definition.type}, fmt::format("`{}`", definition.name), place);
        model_.subexpressions.push_back(
            {.name = definition.name,
             .dimension = definition.dimension,
             .type = definition.type,
             .value = stored(lower(syntax, symbols_, next_site_), value.type, definition.type),
             .constant_over_dt = definition.constant_over_dt,
             .shared = definition.shared,
             .text = text_of(text_.equations, syntax.span)});
        subexpressions_.push_back(&definition);
    }

    void order_subexpressions() {
        std::unordered_map<std::string, std::size_t> index;
        for (std::size_t k = 0; k < subexpressions_.size(); ++k) index.emplace(subexpressions_[k]->name, k);
        std::vector<std::vector<std::size_t>> needs(subexpressions_.size());
        for (std::size_t k = 0; k < subexpressions_.size(); ++k) {
            for (const auto& name : names_in(*subexpressions_[k]->expression)) {
                if (const auto found = index.find(name); found != index.end()) needs[k].push_back(found->second);
            }
        }
        const DependencyOrder dependencies = order_by_dependency(needs);
        if (!dependencies.cycle.empty()) {
            std::vector<std::string> names;
            names.reserve(dependencies.cycle.size());
            for (const std::size_t k : dependencies.cycle) names.push_back(subexpressions_[k]->name);
            throw ModelError(diagnose(text_.equations, subexpressions_[dependencies.cycle.front()]->name_span,
                                      fmt::format("subexpressions need each other: {}", describe_cycle(names)),
                                      "a variable that depends on its own past has a differential equation"));
        }
        std::vector<Subexpression> ordered;
        std::vector<const Definition*> definitions;
        for (const std::size_t k : dependencies.order) {
            ordered.push_back(std::move(model_.subexpressions[k]));
            definitions.push_back(subexpressions_[k]);
        }
        model_.subexpressions = std::move(ordered);
        subexpressions_ = std::move(definitions);
    }

    // Bounds the height of an expression with all subexpressions inserted, and returns it.
    std::size_t bound_height(const Syntax& syntax, const SourceText& source) const {
        std::size_t highest = 0;
        for (const auto& name : names_in(syntax)) {
            if (const auto found = inserted_height_.find(name); found != inserted_height_.end())
                highest = std::max(highest, found->second);
        }
        if (syntax.height + highest > largest_inserted_height) {
            throw ModelError(
                diagnose(source, {syntax.span.offset, 1},
                         fmt::format("more than {} operations inside each other, once subexpressions are inserted",
                                     largest_inserted_height),
                         "simplify the subexpressions that it uses"));
        }
        return syntax.height + highest;
    }

    void bound_heights() {
        for (const Definition* definition : subexpressions_) {
            inserted_height_[definition->name] = bound_height(*definition->expression, text_.equations);
        }
        for (const auto& definition : definitions_) {
            if (definition.kind == Definition::Kind::differential_equation)
                bound_height(*definition.expression, text_.equations);
        }
        if (threshold_) bound_height(*threshold_, threshold_source_);
        if (refractory_) bound_height(*refractory_, refractory_source_);
        for (const auto& initial : initial_) bound_height(initial.value, initial.source);
    }

    // ---- threshold, reset, refractoriness ----

    [[nodiscard]] Place place_of(const SourceText& source, std::string where, Place::Kind kind) const {
        return {.source = &source, .where = std::move(where), .kind = kind, .has_refractory = refractory_.has_value()};
    }

    void add_threshold() {
        if (!threshold_) return;
        const Place place = place_of(threshold_source_, "the threshold", Place::Kind::threshold);
        const Checked value = check(*threshold_, symbols_, place);
        require_boolean(*threshold_, value, "the threshold", place,
                        fmt::format("write `{} > ...`", excerpt(threshold_source_, threshold_->span)));
        model_.threshold = lower(*threshold_, symbols_, next_site_);
    }

    void add_reset() {
        if (!reset_.empty() && !threshold_) {
            throw ModelError(diagnose(reset_source_, reset_.front().name_span, "a reset needs a threshold",
                                      "add a threshold, for example `v > -50*mV`"));
        }
        SymbolTable symbols = symbols_;  // grows by the temporaries
        std::size_t height = 0;
        for (const auto& statement : reset_) {
            model_.reset.push_back(assignment(statement, symbols));
            height +=
                bound_height(statement.value, reset_source_);  // statements follow each other, so heights may add up
            if (height > largest_inserted_height) {
                throw ModelError(
                    diagnose(reset_source_, statement.name_span,
                             fmt::format("the reset has more than {} operations", largest_inserted_height)));
            }
        }
    }

    Assignment assignment(const Statement& statement, SymbolTable& symbols) {
        const Place place = place_of(reset_source_, "the reset", Place::Kind::reset);
        const Symbol* target = symbols.find(statement.name);
        if (target == nullptr) {
            if (const auto reason = reserved(statement.name))
                fail_target(statement, fmt::format("{} and cannot be assigned", *reason), {});
        } else {
            check_assignable(statement, *target);
        }
        const Checked value = check(statement.value, symbols, place);
        const bool temporary = target == nullptr || target->kind == Symbol::Kind::temporary;
        const Expression expression = lower(statement.value, symbols, next_site_);
        if (target == nullptr || target->any_dimension) {
            symbols.replace({.kind = Symbol::Kind::temporary,
                             .name = statement.name,
                             .dimension = value.dimension,
                             .type = value.type,
                             .any_dimension = value.any_dimension,
                             .place = "the reset"});
            return {.name = statement.name, .value = expression, .temporary = true};
        }
        const ValueType type = target->type;
        // A temporary may go from integer to real, as in Python.
        const bool widens = temporary && type == ValueType::integer && value.type == ValueType::real;
        check_fits(statement.value, value, {target->dimension, widens ? ValueType::real : type},
                   fmt::format("`{}`", statement.name), place);
        if (widens) {
            Symbol wider = *target;
            wider.type = ValueType::real;
            symbols.replace(wider);
        }
        return {.name = statement.name,
                .value = stored(expression, value.type, widens ? ValueType::real : type),
                .temporary = temporary};
    }

    [[noreturn]] void fail_target(const Statement& statement, std::string message, std::string hint) const {
        throw ModelError(diagnose(reset_source_, statement.name_span, std::move(message), std::move(hint)));
    }

    void check_assignable(const Statement& statement, const Symbol& target) const {
        switch (target.kind) {
            case Symbol::Kind::state:
            case Symbol::Kind::temporary:
                return;
            case Symbol::Kind::parameter:
                if (target.constant) {
                    fail_target(statement,
                                fmt::format("`{}` is declared `constant` in {} and cannot be assigned", target.name,
                                            target.place),
                                "remove the flag `constant`");
                }
                if (target.shared) {
                    fail_target(statement,
                                fmt::format("`{}` is declared `shared` in {} and cannot be assigned by one neuron",
                                            target.name, target.place),
                                "remove the flag `shared`");
                }
                return;
            case Symbol::Kind::subexpression:
                fail_target(statement, fmt::format("`{}` is a subexpression and cannot be assigned", target.name),
                            "assign to the variables that it uses");
            default:
                fail_target(statement,
                            fmt::format("`{}` is {} and cannot be assigned", target.name, describe(target.kind)), {});
        }
    }

    void add_refractory() {
        if (!refractory_) return;
        const Place place = place_of(refractory_source_, "the refractory period", Place::Kind::refractory);
        if (!threshold_) {
            throw ModelError(diagnose(refractory_source_, refractory_->span, "refractoriness needs a threshold",
                                      "add a threshold, for example `v > -50*mV`"));
        }
        const Checked value = check(*refractory_, symbols_, place);
        const Expression expression = lower(*refractory_, symbols_, next_site_);
        if (value.type == ValueType::boolean) {
            model_.refractory = {Refractory::Kind::condition, expression};
            return;
        }
        if (!value.any_dimension && !(value.dimension == dimensions::second)) {
            throw UnitError(
                diagnose(refractory_source_, refractory_->span,
                         fmt::format("refractoriness is a time in second or a condition, but `{}` has {}",
                                     excerpt(refractory_source_, refractory_->span), in_words(value.dimension)),
                         "for example `2 ms` or `v > -40*mV`"));
        }
        if (expression.op() == Op::number && !(expression.number() >= 0 && std::isfinite(expression.number()))) {
            throw ModelError(diagnose(refractory_source_, refractory_->span,
                                      "the refractory period must be a finite time, not negative"));
        }
        model_.refractory = {Refractory::Kind::duration, expression};
    }

    // ---- initial values ----

    void add_initial_values() {
        std::unordered_map<std::string, std::size_t> index;
        for (std::size_t k = 0; k < initial_.size(); ++k) {
            check_initial_name(initial_[k]);
            if (!index.try_emplace(initial_[k].name, k).second) {
                fail_list(initial_[k].source.name, fmt::format("`{}` has two initial values", initial_[k].name),
                          "remove one of the two");
            }
        }
        std::vector<Expression> values;
        std::vector<std::vector<std::size_t>> needs(initial_.size());
        for (std::size_t k = 0; k < initial_.size(); ++k) {
            values.push_back(initial_value(initial_[k]));
            for (const auto& name : variables_behind(initial_[k].value)) {
                if (const auto found = index.find(name); found != index.end()) needs[k].push_back(found->second);
            }
        }
        const DependencyOrder dependencies = order_by_dependency(needs);
        if (!dependencies.cycle.empty()) {
            std::vector<std::string> names;
            names.reserve(dependencies.cycle.size());
            for (const std::size_t k : dependencies.cycle) names.push_back(initial_[k].name);
            const InitialText& first = initial_[dependencies.cycle.front()];
            throw ModelError(diagnose(first.source, first.value.span,
                                      fmt::format("initial values need each other: {}", describe_cycle(names)),
                                      "give one of them a number"));
        }
        for (const std::size_t k : dependencies.order) model_.initial_values.push_back({initial_[k].name, values[k]});
    }

    void check_initial_name(const InitialText& initial) const {
        const Symbol* symbol = symbols_.find(initial.name);
        if (symbol != nullptr && (symbol->kind == Symbol::Kind::state || symbol->kind == Symbol::Kind::parameter))
            return;
        if (symbol != nullptr) {
            fail_list(initial.source.name,
                      fmt::format("`{}` is {} and has no initial value", initial.name, describe(symbol->kind)),
                      "variables with a differential equation and parameters have one");
        }
        std::vector<std::string> candidates;
        candidates.reserve(model_.states.size() + model_.parameters.size());
        for (const auto& state : model_.states) candidates.push_back(state.name);
        for (const auto& parameter : model_.parameters) candidates.push_back(parameter.name);
        fail_list(initial.source.name, fmt::format("`{}` is not a variable or a parameter of the model", initial.name),
                  choose_from(initial.name, candidates));
    }

    Expression initial_value(const InitialText& initial) {
        const Symbol& symbol = *symbols_.find(initial.name);
        const Place place = place_of(initial.source, fmt::format("the initial value of `{}`", initial.name),
                                     Place::Kind::initial_value);
        const Checked value = check(initial.value, symbols_, place);
        check_fits(initial.value, value, {symbol.dimension, symbol.type}, fmt::format("`{}`", initial.name), place);
        const Expression expression = stored(lower(initial.value, symbols_, next_site_), value.type, symbol.type);
        if (expression.op() == Op::number && std::isnan(expression.number())) {
            throw ModelError(diagnose(initial.source, initial.value.span,
                                      fmt::format("the initial value of `{}` is not a number", initial.name)));
        }
        return expression;
    }

    // The names in an expression, and those in the subexpressions that it uses.
    [[nodiscard]] std::vector<std::string> variables_behind(const Syntax& syntax) const {
        std::vector<std::string> names = names_in(syntax);
        std::unordered_set<std::string> seen(names.begin(), names.end());
        for (std::size_t k = 0; k < names.size(); ++k) {
            const auto found = std::find_if(subexpressions_.begin(), subexpressions_.end(),
                                            [&](const Definition* definition) { return definition->name == names[k]; });
            if (found == subexpressions_.end()) continue;
            for (auto& name : names_in(*(*found)->expression)) {
                if (seen.insert(name).second) names.push_back(std::move(name));
            }
        }
        return names;
    }

    // ---- warnings ----

    void warn() {
        if (warnings_ == nullptr) return;
        if (threshold_ && !text_.reset && !refractory_) {
            warnings_->emplace_back(
                "the model has a threshold, but neither a reset nor refractoriness: it spikes in every time step above "
                "threshold (an empty reset "
                "silences this warning)");
        }
        for (const auto& state : model_.states) {
            if (state.unless_refractory && !refractory_) {
                warnings_->push_back(
                    fmt::format("`{}` is marked `unless refractory`, but the model has no refractoriness", state.name));
            }
        }
    }

    const BrianModelText& text_;
    std::vector<std::string>* warnings_;
    Model model_;
    SymbolTable symbols_;
    std::uint32_t next_site_ = 0;
    std::vector<Definition> definitions_;
    std::vector<const Definition*> subexpressions_;                 // as in model_.subexpressions
    std::unordered_map<std::string, std::size_t> inserted_height_;  // of subexpressions
    SourceText threshold_source_;
    SourceText reset_source_;
    SourceText refractory_source_;
    std::optional<Syntax> threshold_;
    std::vector<Statement> reset_;
    std::optional<Syntax> refractory_;
    std::vector<InitialText> initial_;
};

}  // namespace

Model parse_brian(const BrianModelText& text, std::vector<std::string>* warnings) {
    return Assembly(text, warnings).run();
}

}  // namespace spikesmith
