#include "spikesmith/lang/annarchy_equations.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/lang/annarchy_functions.hpp"
#include "spikesmith/lang/equations.hpp"
#include "spikesmith/lang/expression_parser.hpp"
#include "spikesmith/lang/token.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith::lang {
namespace {

using Kind = AnnarchyDefinition::Kind;
using Method = Update::Method;

constexpr ExpressionGrammar grammar{.across_lines = false, .annarchy = true};

constexpr std::array<std::pair<std::string_view, Op>, 5> assignments{
    {{"=", Op::number}, {"+=", Op::add}, {"-=", Op::subtract}, {"*=", Op::multiply}, {"/=", Op::divide}}};

const std::pair<std::string_view, Op>* assignment(const Token& token) {
    if (token.kind != Token::Kind::symbol) return nullptr;
    const auto* const found =
        std::find_if(assignments.begin(), assignments.end(), [&](const auto& a) { return a.first == token.text; });
    return found == assignments.end() ? nullptr : found;
}

bool is(const Token& token, std::string_view symbol) {
    return token.kind == Token::Kind::symbol && token.text == symbol;
}

// How many parentheses are open after the token.
std::size_t depth_after(std::size_t depth, const Token& token) {
    if (is(token, "(")) return depth + 1;
    return is(token, ")") && depth > 0 ? depth - 1 : depth;
}

// Tokens of a block, one line per definition: ends of lines inside a definition are gone, semicolons have become ends of lines, and
// the derivative on a left side (`dv/dt`, three tokens) is one name.
class Lines {
  public:
    Lines(const SourceText& source, bool continued)
        : source_(source), continued_(continued), tokens_(tokenize(source, true)) {}

    std::vector<Token> run() {
        std::size_t depth = 0;
        SourceSpan opened;
        bool fresh = true;  // at the start of a line
        for (std::size_t k = 0; k < tokens_.size();) {
            if (fresh && depth == 0 && !continues_flags(tokens_[k])) {
                const std::size_t sign = equal_sign(k);
                if (sign < tokens_.size() || out_.empty() || !continued_) {
                    end_line();
                    k = left_side(k, sign);
                    fresh = false;
                    continue;
                }
            }
            const Token& token = tokens_[k++];
            if (is(token, "(") && depth == 0) opened = token.span;
            if (token.kind == Token::Kind::end && depth > 0)
                throw ModelError(diagnose(source_, opened, "this parenthesis is never closed", "add `)`"));
            depth = depth_after(depth, token);
            fresh = token.kind == Token::Kind::newline;
            if (is(token, ";") && depth == 0) {
                end_line();
                k = left_side(k, equal_sign(k));
            } else if (token.kind != Token::Kind::newline) {
                out_.push_back(token);
            }
        }
        return std::move(out_);
    }

  private:
    // The position of the equal sign of the line that starts at `k`, if it has one before any flags.
    [[nodiscard]] std::size_t equal_sign(std::size_t k) const {
        std::size_t depth = 0;
        for (; k < tokens_.size(); ++k) {
            const Token& token = tokens_[k];
            if (token.kind == Token::Kind::newline || token.kind == Token::Kind::end) break;
            depth = depth_after(depth, token);
            if (depth > 0) continue;
            if (is(token, ":") || is(token, ";")) break;
            if (assignment(token) != nullptr) return k;
        }
        return tokens_.size();
    }

    // `init = 3` on a line of its own, after a colon or a comma.
    [[nodiscard]] bool continues_flags(const Token& token) const {
        if (out_.empty() || !(is(out_.back(), ":") || is(out_.back(), ","))) return false;
        return token.kind == Token::Kind::name && (token.text == "init" || token.text == "min" || token.text == "max");
    }

    // Copies the tokens before the equal sign; derivatives become names.
    std::size_t left_side(std::size_t k, std::size_t sign) {
        if (sign == tokens_.size()) return k;
        while (k < sign) {
            const Token& first = tokens_[k];
            const bool derivative = k + 2 < sign && first.kind == Token::Kind::name && first.text.size() > 1 &&
                                    first.text.starts_with('d') && is(tokens_[k + 1], "/") &&
                                    tokens_[k + 2].kind == Token::Kind::name && tokens_[k + 2].text == "dt";
            if (!derivative) {
                out_.push_back(tokens_[k++]);
                continue;
            }
            Token whole = first;
            whole.span = join(first.span, tokens_[k + 2].span);
            whole.text = std::string_view(source_.text).substr(whole.span.offset, whole.span.length);
            out_.push_back(whole);
            k += 3;
        }
        return k;
    }

    void end_line() {
        if (out_.empty() || out_.back().kind == Token::Kind::newline) return;
        const SourceSpan last = out_.back().span;
        out_.push_back({.kind = Token::Kind::newline, .span = {last.offset + last.length, 1}, .text = "\n"});
    }

    const SourceText& source_;
    bool continued_;  // a line without an equal sign belongs to the one before
    std::vector<Token> tokens_;
    std::vector<Token> out_;
};

bool is_derivative(std::string_view name) {
    return name.find('/') != std::string_view::npos;
}

// "v" of "dv / dt".
std::string variable_of(std::string_view derivative) {
    const std::size_t end = derivative.find_first_of(" \t\r\f\v/#\n", 1);
    return std::string(derivative.substr(1, end - 1));
}

class Block {
  public:
    enum class Role { parameters, equations, reset, functions };
    Block(const SourceText& source, Role role)
        : source_(source),
          role_(role),
          tokens_(Lines(source, role != Role::parameters).run()),
          cursor_(source_, tokens_) {}

    std::vector<AnnarchyDefinition> definitions() {
        std::vector<AnnarchyDefinition> out;
        while (next_line()) {
            AnnarchyDefinition definition = role_ == Role::parameters ? parameter() : equation();
            if (role_ != Role::reset) check_name(definition.name, definition.name_span);
            end_of_line("the end of the line or flags after a colon");
            out.push_back(std::move(definition));
            if (out.size() > most_annarchy_definitions)
                fail(out.back().name_span, fmt::format("more than {} definitions", most_annarchy_definitions));
        }
        return out;
    }

    std::vector<AnnarchyFunction> functions() {
        std::vector<AnnarchyFunction> out;
        while (next_line()) {
            out.push_back(function());
            end_of_line("the end of the line or types after a colon");
            if (out.size() > most_annarchy_definitions)
                fail(out.back().name_span, fmt::format("more than {} functions", most_annarchy_definitions));
        }
        return out;
    }

  private:
    [[noreturn]] void fail(SourceSpan span, std::string message, std::string hint = {}) const {
        throw ModelError(diagnose(source_, span, std::move(message), std::move(hint)));
    }

    bool next_line() {
        cursor_.skip_newlines();
        return !cursor_.at(Token::Kind::end);
    }

    void end_of_line(const std::string& expected) {
        const Token& token = cursor_.peek();
        if (token.kind == Token::Kind::newline || token.kind == Token::Kind::end) return;
        if (token.kind == Token::Kind::name && token.text == "else")
            fail(token.span, "`else` without `if`", "a condition is `if condition: a else: b`");
        if (assignment(token) != nullptr) {
            fail(token.span, fmt::format("a second `{}` in one equation", token.text),
                 "every equation stands on a line of its own; write `==` to compare");
        }
        if (token.kind == Token::Kind::name && find_unit(token.text) != nullptr && after_number_)
            fail(token.span, "this language has no units",
                 "times are in milliseconds; every other number is as you mean it");
        fail_after_expression(cursor_, expected);
    }

    void check_name(const std::string& name, SourceSpan span) {
        if (const auto reason = annarchy_reserved(name))
            fail(span, fmt::format("{} and cannot be defined", *reason), "choose another name");
        const auto [first, added] = places_.try_emplace(name, span);
        if (added) return;
        fail(span, fmt::format("`{}` is already defined in {}", name, place_in_words(source_, first->second)),
             role_ == Role::equations ? "every variable has one equation"
                                      : "remove one of the two, or give it another name");
    }

    // ---- parameters ----

    // name = value : flags, or name : init=value
    AnnarchyDefinition parameter() {
        const Token& name = cursor_.next();
        if (name.kind != Token::Kind::name || is_derivative(name.text)) {
            fail(name.span, fmt::format("expected the name of a parameter, found {}", describe(name)),
                 "a parameter is `name = value`, with flags `name = value : population`");
        }
        AnnarchyDefinition out{.kind = Kind::parameter, .name = std::string(name.text), .name_span = name.span};
        if (cursor_.at("=")) {
            cursor_.next();
            out.value = expression(name, fmt::format("the value of `{}`", name.text));
            if (out.value->kind == Syntax::Kind::truth) out.type = ValueType::boolean;
        }
        flags(out);
        if (out.value && out.initial)
            fail(out.initial->span, fmt::format("`{}` has two values", out.name), "remove one of the two");
        if (out.initial) out.value = std::move(out.initial);
        if (!out.value) {
            fail(cursor_.at(Token::Kind::end) ? name.span : cursor_.peek().span,
                 fmt::format("expected `=` and a value after `{}`", name.text),
                 fmt::format("for example `{} = 1.0`", name.text));
        }
        return out;
    }

    // ---- equations and resets ----

    AnnarchyDefinition equation() {
        const bool plain = cursor_.at(Token::Kind::name) && !is_derivative(cursor_.peek().text) &&
                           assignment(cursor_.peek(1)) != nullptr;
        return plain ? assignment_line() : differential_equation();
    }

    AnnarchyDefinition assignment_line() {
        const Token& name = cursor_.next();
        AnnarchyDefinition out{.kind = Kind::assignment, .name = std::string(name.text), .name_span = name.span};
        const Token& sign = cursor_.next();
        const Op op = assignment(sign)->second;
        out.value = expression(name, "the right side of the equation");
        if (op != Op::number) {
            Syntax old{.kind = Syntax::Kind::name, .span = name.span, .name_span = name.span, .name = out.name};
            Syntax whole{.kind = Syntax::Kind::binary,
                         .span = join(name.span, out.value->span),
                         .name_span = sign.span,
                         .op = op,
                         .height = out.value->height + 1};
            whole.operands.push_back(std::move(old));
            whole.operands.push_back(std::move(*out.value));
            out.value = std::move(whole);
        }
        flags(out);
        return out;
    }

    AnnarchyDefinition differential_equation() {
        const Token& first = cursor_.peek();
        AnnarchyDefinition out{.kind = Kind::differential_equation};
        const Token* derivative = nullptr;
        const Token* second = nullptr;
        for (std::size_t k = 0;; ++k) {
            const Token& token = cursor_.peek(k);
            if (token.kind == Token::Kind::newline || token.kind == Token::Kind::end || assignment(token) != nullptr)
                break;
            if (token.kind == Token::Kind::name && is_derivative(token.text))
                (derivative == nullptr ? derivative : second) = &token;
        }
        if (derivative == nullptr || role_ == Role::reset) no_equation(first, derivative);
        if (second != nullptr && second->text != derivative->text)
            fail(second->span, "a second derivative on the left side", "every equation has one derivative");
        out.name = variable_of(derivative->text);
        out.name_span = {derivative->span.offset + 1, out.name.size()};
        if (out.name[0] >= '0' && out.name[0] <= '9')
            fail(out.name_span, fmt::format("`{}` is not a name", out.name), "names start with a letter");
        out.derivative = std::string(derivative->text);
        out.left = parse_expression(cursor_, grammar);
        const Token& sign = cursor_.peek();
        if (!cursor_.at("=")) {
            if (assignment(sign) != nullptr)
                fail(sign.span, "a differential equation has a plain `=`",
                     fmt::format("write `d{}/dt = ...`", out.name));
            fail_after_expression(cursor_, "an operator or `=`");
        }
        cursor_.next();
        out.value = expression(sign, "the right side of the equation");
        flags(out);
        return out;
    }

    [[noreturn]] void no_equation(const Token& first, const Token* derivative) const {
        if (role_ == Role::reset) {
            fail(derivative == nullptr ? first.span : derivative->span,
                 derivative == nullptr ? fmt::format("expected an assignment, found {}", describe(first))
                                       : std::string("a differential equation in the reset"),
                 "a reset is `variable = expression` or `variable += expression`");
        }
        std::string hint = "an equation is `tau*dx/dt + x = expression`, `x = expression` or `x += expression`";
        const Token& after = cursor_.peek(1);
        if (first.kind == Token::Kind::name && is(after, "==")) hint = "write `=` to assign";
        const bool number = first.kind == Token::Kind::name && is(after, ":");
        if (number)
            hint =
                fmt::format("a variable needs an equation; a constant `{}` is a parameter", first.text.substr(0, 60));
        fail(first.span, fmt::format("expected an equation, found {}", describe(first)), std::move(hint));
    }

    Syntax expression(const Token& before, const std::string& what) {
        if (cursor_.at(Token::Kind::newline) || cursor_.at(Token::Kind::end) || cursor_.at(":")) {
            fail(before.span, fmt::format("{} is missing", what));
        }
        Syntax out = parse_expression(cursor_, grammar);
        const Syntax* last = &out;
        while (!last->operands.empty() && last->kind != Syntax::Kind::call) last = &last->operands.back();
        after_number_ = last->kind == Syntax::Kind::number;
        return out;
    }

    // ---- flags ----

    void flags(AnnarchyDefinition& out) {
        if (!cursor_.at(":")) return;
        const Token& colon = cursor_.next();
        std::vector<std::string> seen;
        for (;;) {
            SourceSpan span = cursor_.peek().span;
            const std::string flag = word(span);
            if (flag.empty()) {
                fail(cursor_.at(Token::Kind::end) || cursor_.at(Token::Kind::newline) ? colon.span : span,
                     fmt::format("expected a flag after `:`, found {}", describe(cursor_.peek())), flag_hint({}));
            }
            if (std::find(seen.begin(), seen.end(), flag) != seen.end())
                fail(span, fmt::format("the flag `{}` is given twice", flag));
            seen.push_back(flag);
            set(out, flag, span);
            if (!cursor_.at(",")) return;
            cursor_.next();
        }
    }

    // Names, and hyphens between them: `event-driven`.
    std::string word(SourceSpan& span) {
        std::string out;
        while (cursor_.at(Token::Kind::name) || (!out.empty() && cursor_.at("-"))) {
            const Token& token = cursor_.next();
            span = out.empty() ? token.span : join(span, token.span);
            out += token.text;
            if (token.kind == Token::Kind::name && !cursor_.at("-")) break;
        }
        return out;
    }

    void set(AnnarchyDefinition& out, const std::string& flag, SourceSpan span) {
        const bool is_parameter = out.kind == Kind::parameter;
        const bool in_reset = role_ == Role::reset;
        if (flag == "init" || flag == "min" || flag == "max") {
            if ((is_parameter && flag != "init") || (in_reset && flag == "init")) wrong_flag(flag, span);
            if (!cursor_.at("="))
                fail(span, fmt::format("`{}` needs a value", flag), fmt::format("write `{} = ...`", flag));
            const Token& sign = cursor_.next();
            auto& value = flag == "init" ? out.initial : flag == "min" ? out.minimum : out.maximum;
            value = expression(sign, fmt::format("the value of `{}`", flag));
            return;
        }
        if (cursor_.at("=")) fail(cursor_.peek().span, fmt::format("the flag `{}` has no value", flag), flag_hint({}));
        if (flag == "unless_refractory" && in_reset) return;  // a neuron that spikes is not refractory
        if (in_reset) wrong_flag(flag, span);
        if (flag == "population") {
            out.population = true;
        } else if (flag == "int") {
            out.type = ValueType::integer;
        } else if (flag == "bool") {
            out.type = ValueType::boolean;
        } else if (flag == "float") {
            out.type = ValueType::real;
        } else if (!is_parameter) {
            method(out, flag, span);
        } else {
            wrong_flag(flag, span);
        }
    }

    void method(AnnarchyDefinition& out, const std::string& flag, SourceSpan span) const {
        if (flag == "event-driven" || flag == "exact") {
            fail(span, fmt::format("`{}` is for synapses: a neuron is updated in every step", flag),
                 "for a linear equation `exponential` gives the same solution");
        }
        const auto found = find_annarchy_method(flag);
        if (!found) wrong_flag(flag, span);
        if (out.kind != Kind::differential_equation)
            fail(span,
                 fmt::format("the method `{}` needs a differential equation, but `{}` is assigned", flag, out.name));
        if (out.method) fail(span, fmt::format("`{}` has two methods", out.name), "remove one of the two");
        out.method = found;
        out.method_span = span;
    }

    [[nodiscard]] std::vector<std::string> allowed() const {
        switch (role_) {
            case Role::parameters:
                return {"population", "int", "bool", "float", "init"};
            case Role::reset:
                return {"min", "max"};
            default: {
                std::vector<std::string> words{"init", "min", "max", "population", "int", "bool", "float"};
                for (const auto& name : annarchy_method_names()) words.push_back(name);
                return words;
            }
        }
    }
    [[nodiscard]] std::string flag_hint(const std::string& flag) const {
        const auto words = allowed();
        std::string hint = flag.empty() ? std::string{} : did_you_mean(flag, words);
        if (!hint.empty()) return hint;
        for (const auto& name : words) hint += fmt::format("{}`{}`", hint.empty() ? "there are " : ", ", name);
        return hint;
    }
    [[noreturn]] void wrong_flag(const std::string& flag, SourceSpan span) const {
        if (flag == "projection" || flag == "postsynaptic" || flag == "semiglobal")
            fail(span, fmt::format("the flag `{}` is for synapses", flag), flag_hint({}));
        fail(span, fmt::format("unknown flag `{}`", flag), flag_hint(flag));
    }

    // ---- functions ----

    AnnarchyFunction function() {
        const Token& name = cursor_.next();
        AnnarchyFunction out{.name = std::string(name.text), .name_span = name.span};
        const std::string shape = "a function is `name(x, y) = expression`";
        if (name.kind != Token::Kind::name || !cursor_.at("("))
            fail(name.span, fmt::format("expected a function, found {}", describe(name)), shape);
        if (find_annarchy_builtin(out.name) != nullptr)
            fail(name.span, fmt::format("`{}` is the name of a built-in function", out.name), "choose another name");
        check_name(out.name, out.name_span);
        cursor_.next();
        while (!cursor_.at(")")) {
            const Token& argument = cursor_.next();
            if (argument.kind != Token::Kind::name)
                fail(argument.span, fmt::format("expected the name of an argument, found {}", describe(argument)),
                     shape);
            const std::string word(argument.text);
            if (const auto reason = annarchy_reserved(word))
                fail(argument.span, fmt::format("{} and cannot be an argument", *reason), "choose another name");
            if (std::find(out.arguments.begin(), out.arguments.end(), word) != out.arguments.end())
                fail(argument.span, fmt::format("the argument `{}` is named twice", word));
            out.arguments.push_back(word);
            if (cursor_.at(",")) {
                cursor_.next();
            } else if (!cursor_.at(")")) {
                fail(cursor_.peek().span, fmt::format("expected `,` or `)`, found {}", describe(cursor_.peek())),
                     shape);
            }
        }
        cursor_.next();
        if (!cursor_.at("="))
            fail(cursor_.peek().span, fmt::format("expected `=`, found {}", describe(cursor_.peek())), shape);
        const Token& sign = cursor_.next();
        out.body = expression(sign, "the right side of the equation");
        types(out);
        return out;
    }

    // : type of what is returned, types of the arguments
    void types(AnnarchyFunction& out) {
        out.argument_types.assign(out.arguments.size(), ValueType::real);
        if (!cursor_.at(":")) return;
        for (std::size_t k = 0;; ++k) {
            cursor_.next();  // the colon or a comma
            const Token& token = cursor_.next();
            const std::string_view text = token.kind == Token::Kind::name ? token.text : std::string_view{};
            if (text != "int" && text != "bool" && text != "float") {
                fail(token.span, fmt::format("expected a type, found {}", describe(token)),
                     "types are `int`, `bool` and `float`: that of the function, then those of its arguments");
            }
            if (k > out.arguments.size()) fail(token.span, "more types than the function and its arguments");
            (k == 0 ? out.type : out.argument_types[k - 1]) = text == "int"    ? ValueType::integer
                                                              : text == "bool" ? ValueType::boolean
                                                                               : ValueType::real;
            if (!cursor_.at(",")) return;
        }
    }

    const SourceText& source_;
    Role role_;
    std::vector<Token> tokens_;
    TokenCursor cursor_;
    bool after_number_ = false;  // the last expression ends with a number
    std::unordered_map<std::string, SourceSpan> places_;
};

constexpr std::array<std::pair<std::string_view, Method>, 7> methods{{{"explicit", Method::explicit_euler},
                                                                      {"implicit", Method::implicit},
                                                                      {"semiimplicit", Method::semi_implicit},
                                                                      {"exponential", Method::exponential},
                                                                      {"midpoint", Method::midpoint},
                                                                      {"rk4", Method::rk4},
                                                                      {"runge-kutta4", Method::rk4}}};

}  // namespace

std::vector<AnnarchyDefinition> parse_annarchy_parameters(const SourceText& source) {
    return Block(source, Block::Role::parameters).definitions();
}
std::vector<AnnarchyDefinition> parse_annarchy_equations(const SourceText& source) {
    return Block(source, Block::Role::equations).definitions();
}
std::vector<AnnarchyDefinition> parse_annarchy_reset(const SourceText& source) {
    return Block(source, Block::Role::reset).definitions();
}
std::vector<AnnarchyFunction> parse_annarchy_functions(const SourceText& source) {
    return Block(source, Block::Role::functions).functions();
}

std::optional<Method> find_annarchy_method(std::string_view name) {
    for (const auto& [word, method] : methods) {
        if (word == name) return method;
    }
    return std::nullopt;
}

const std::vector<std::string>& annarchy_method_names() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> out;
        for (const auto& [word, method] : methods) out.emplace_back(word);
        return out;
    }();
    return names;
}

}  // namespace spikesmith::lang
