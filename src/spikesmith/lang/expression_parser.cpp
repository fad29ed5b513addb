#include "spikesmith/lang/expression_parser.hpp"

#include <algorithm>
#include <optional>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/units/units.hpp"

namespace spikesmith::lang {
namespace {

struct Infix {
    enum class Kind { arithmetic, comparison, logic } kind = Kind::arithmetic;
    Op op = Op::add;
    int precedence = 0;
};

constexpr int logical_not_precedence = 3;
constexpr int comparison_precedence = 4;
constexpr int product_precedence = 6;
constexpr int sign_precedence = 7;
constexpr int power_precedence = 8;

std::optional<Infix> infix(const Token& token) {
    using enum Infix::Kind;
    const std::string_view text = token.text;
    if (token.kind == Token::Kind::name) {
        if (text == "or") return Infix{logic, Op::logical_or, 1};
        if (text == "and") return Infix{logic, Op::logical_and, 2};
        return std::nullopt;
    }
    if (token.kind != Token::Kind::symbol) return std::nullopt;
    if (text == "<") return Infix{comparison, Op::less, comparison_precedence};
    if (text == "<=") return Infix{comparison, Op::less_equal, comparison_precedence};
    if (text == ">") return Infix{comparison, Op::greater, comparison_precedence};
    if (text == ">=") return Infix{comparison, Op::greater_equal, comparison_precedence};
    if (text == "==") return Infix{comparison, Op::equal, comparison_precedence};
    if (text == "!=") return Infix{comparison, Op::not_equal, comparison_precedence};
    if (text == "+") return Infix{arithmetic, Op::add, 5};
    if (text == "-") return Infix{arithmetic, Op::subtract, 5};
    if (text == "*") return Infix{arithmetic, Op::multiply, product_precedence};
    if (text == "/") return Infix{arithmetic, Op::divide, product_precedence};
    if (text == "//") return Infix{arithmetic, Op::floor_divide, product_precedence};
    if (text == "%") return Infix{arithmetic, Op::modulo, product_precedence};
    if (text == "**" || text == "^") return Infix{arithmetic, Op::power, power_precedence};
    return std::nullopt;
}

bool is_unit(const Token& token) {
    return token.kind == Token::Kind::name && find_unit(token.text) != nullptr;
}

bool starts_operand(const Token& token) {
    return token.kind == Token::Kind::number || token.kind == Token::Kind::name ||
           (token.kind == Token::Kind::symbol && token.text == "(");
}

bool is_python_only(std::string_view word) {
    return word == "if" || word == "else" || word == "is" || word == "in" || word == "lambda" || word == "None" ||
           word == "for";
}

std::string python_hint(std::string_view word) {
    if (word == "if" || word == "else") return "write `where(condition, a, b)`";
    if (word == "is") return "write `==`";
    return "expressions have numbers, names, operators and function calls only";
}

class Parser {
  public:
    Parser(TokenCursor& cursor, const ExpressionGrammar& grammar) : cursor_(cursor), grammar_(grammar) {}

    Syntax expression(int lowest) {
        skip();
        if (nesting_ >= deepest_nesting) {
            throw ModelError(diagnose(cursor_.source(), cursor_.peek().span,
                                      fmt::format("the expression is nested deeper than {} levels", deepest_nesting),
                                      "divide it into subexpressions"));
        }
        ++nesting_;
        Syntax node = operations(lowest);
        --nesting_;
        return node;
    }

  private:
    [[nodiscard]] std::optional<Infix> operation_at(const Token& token) const {
        if (grammar_.annarchy && token.kind == Token::Kind::name && token.text == "is")
            return Infix{Infix::Kind::comparison, Op::equal, comparison_precedence};
        return infix(token);
    }

    Syntax operations(int lowest) {
        Syntax left = operand();
        for (;;) {
            skip();
            const Token& token = cursor_.peek();
            if (const auto operation = operation_at(token)) {
                if (operation->precedence < lowest) return left;
                if (operation->kind == Infix::Kind::comparison) {
                    left = comparison(std::move(left));
                    continue;
                }
                cursor_.next();
                // `**` binds to the right, everything else to the left.
                Syntax right =
                    operand_after(token, operation->op == Op::power ? sign_precedence : operation->precedence + 1);
                left = binary(operation->op, token.span, std::move(left), std::move(right));
            } else if (grammar_.quantities && is_unit(token) && product_precedence >= lowest && ends_quantity(left)) {
                if (left.kind == Syntax::Kind::binary && left.op == Op::divide && left.name != "unit") {
                    throw ModelError(
                        diagnose(cursor_.source(), token.span,
                                 fmt::format("it is not clear whether `{}` belongs to the divisor", token.text),
                                 fmt::format("write `*{0}` or put the divisor in parentheses", token.text)));
                }
                Syntax right = expression(power_precedence);
                left = binary(Op::multiply, token.span, std::move(left), std::move(right));
                left.name = "unit";  // a product by juxtaposition may be continued by juxtaposition
            } else {
                if (grammar_.quantities) require_unit(left, token);
                return left;
            }
        }
    }

    // A name after a number was meant as a unit.
    void require_unit(const Syntax& left, const Token& token) const {
        const bool name =
            token.kind == Token::Kind::name && !infix(token) && !is_python_only(token.text) && token.text != "not";
        if (!name || !ends_quantity(left) || is_unit(token)) return;
        std::string hint = unknown_unit_hint(token.text);
        if (hint.empty()) hint = fmt::format("for a product write `*{}`", token.text);
        throw ModelError(
            diagnose(cursor_.source(), token.span, fmt::format("unknown unit `{}`", token.text), std::move(hint)));
    }

    void skip() {
        if (grammar_.across_lines || parentheses_ > 0) cursor_.skip_newlines();
    }

    // Whether the last factor of `left` is a number or a unit, so that a unit may follow.
    static bool ends_quantity(const Syntax& left) {
        const Syntax* last = &left;
        while (last->kind == Syntax::Kind::binary && (last->op == Op::multiply || last->op == Op::divide))
            last = &last->operands[1];
        if (last->kind == Syntax::Kind::binary && last->op == Op::power) last = last->operands.data();
        if (last->kind == Syntax::Kind::unary) last = last->operands.data();
        return last->kind == Syntax::Kind::number ||
               (last->kind == Syntax::Kind::name && find_unit(last->name) != nullptr);
    }

    Syntax operand_after(const Token& operation, int lowest) {
        skip();
        const Token& token = cursor_.peek();
        if (token.kind == Token::Kind::newline || token.kind == Token::Kind::end || cursor_.at(":")) {
            throw ModelError(diagnose(cursor_.source(), operation.span,
                                      fmt::format("nothing follows `{}`", operation.text),
                                      "the expression is not complete"));
        }
        return expression(lowest);
    }

    Syntax comparison(Syntax first) {
        Syntax node{.kind = Syntax::Kind::comparison, .name_span = cursor_.peek().span};
        node.operands.push_back(std::move(first));
        for (;;) {
            skip();
            const auto operation = operation_at(cursor_.peek());
            if (!operation || operation->kind != Infix::Kind::comparison) break;
            const Token& token = cursor_.next();
            const bool is_not = token.text == "is" && cursor_.at(Token::Kind::name) && cursor_.peek().text == "not";
            if (is_not) cursor_.next();
            node.comparisons.push_back(is_not ? Op::not_equal : operation->op);
            node.operands.push_back(operand_after(token, comparison_precedence + 1));
        }
        node.span = join(node.operands.front().span, node.operands.back().span);
        return finished(std::move(node));
    }

    Syntax binary(Op op, SourceSpan at, Syntax left, Syntax right) {
        Syntax node{.kind = Syntax::Kind::binary, .span = join(left.span, right.span), .name_span = at, .op = op};
        node.operands.reserve(2);
        node.operands.push_back(std::move(left));
        node.operands.push_back(std::move(right));
        return finished(std::move(node));
    }

    // Sets the height and bounds it.
    Syntax finished(Syntax node) {
        std::size_t height = 0;
        for (const auto& operand : node.operands) height = std::max(height, operand.height);
        // Comparisons, `min` and `max` of many operands become chains.
        node.height = height + 1 + (node.operands.size() > 2 ? node.operands.size() - 2 : 0);
        if (node.height > largest_height) {
            throw ModelError(
                diagnose(cursor_.source(), {node.span.offset, 1},
                         fmt::format("the expression has more than {} operations in a row", largest_height),
                         "divide it into subexpressions"));
        }
        return node;
    }

    Syntax operand() {
        const Token& token = cursor_.peek();
        switch (token.kind) {
            case Token::Kind::number:
                cursor_.next();
                return {
                    .kind = Syntax::Kind::number, .span = token.span, .number = token.number, .integer = token.integer};
            case Token::Kind::name:
                return name();
            case Token::Kind::symbol:
                if (token.text == "(") return parenthesised();
                if (token.text == "-") return unary(Op::negate, sign_precedence);
                if (token.text == "+") return unary(Op::add, sign_precedence);
                break;
            default:
                break;
        }
        std::string hint;
        if (token.text == "[" || token.text == "]") hint = "variables have no elements; write parentheses `(` `)`";
        if (token.text == "=") hint = "write `==` to compare";
        throw ModelError(diagnose(cursor_.source(), token.span,
                                  fmt::format("expected a number, a name or `(`, found {}", describe(token)),
                                  std::move(hint)));
    }

    Syntax unary(Op op, int lowest) {
        const Token& token = cursor_.next();
        Syntax inner = operand_after(token, lowest);
        Syntax node{
            .kind = Syntax::Kind::unary, .span = join(token.span, inner.span), .name_span = token.span, .op = op};
        node.operands.push_back(std::move(inner));
        return finished(std::move(node));
    }

    Syntax parenthesised() {
        const Token& open = cursor_.next();
        ++parentheses_;
        skip();
        if (cursor_.at(")")) {
            throw ModelError(
                diagnose(cursor_.source(), join(open.span, cursor_.peek().span), "nothing between the parentheses"));
        }
        Syntax inner = expression(0);
        const Token& close = closing(open, "`)`");
        --parentheses_;
        inner.span = join(open.span, close.span);
        if (inner.name == "unit" && inner.kind == Syntax::Kind::binary) inner.name.clear();
        return inner;
    }

    const Token& closing(const Token& open, const std::string& expected) {
        skip();
        const Token& token = cursor_.peek();
        if (cursor_.at(")")) return cursor_.next();
        if (token.kind == Token::Kind::end || cursor_.at(":") || cursor_.at(";")) {
            throw ModelError(diagnose(cursor_.source(), open.span, "this parenthesis is never closed", "add `)`"));
        }
        if (cursor_.at(",")) {
            throw ModelError(diagnose(cursor_.source(), token.span, "unexpected `,`",
                                      "a comma separates the arguments of a function; write `.` in numbers"));
        }
        fail_after_expression(cursor_, expected);
    }

    Syntax name() {
        const Token& token = cursor_.next();
        if (token.text == "not") return logical_not(token);
        if (token.text == "if" && grammar_.annarchy) return conditional(token);
        if (token.text == "True" || token.text == "False") {
            return {.kind = Syntax::Kind::truth, .span = token.span, .number = token.text == "True" ? 1.0 : 0.0};
        }
        if (token.text == "and" || token.text == "or") {
            throw ModelError(
                diagnose(cursor_.source(), token.span, fmt::format("`{}` needs an operand on its left", token.text)));
        }
        if (is_python_only(token.text)) {
            throw ModelError(diagnose(cursor_.source(), token.span, fmt::format("unexpected `{}`", token.text),
                                      python_hint(token.text)));
        }
        // A call may not be torn apart by the end of a line: `(` on the next line would be a new line of flags or statements.
        if (cursor_.at("(") && !(grammar_.quantities && is_unit(token))) return call(token);
        return {
            .kind = Syntax::Kind::name, .span = token.span, .name_span = token.span, .name = std::string(token.text)};
    }

    Syntax logical_not(const Token& token) {
        Syntax inner = operand_after(token, logical_not_precedence);
        Syntax node{.kind = Syntax::Kind::unary,
                    .span = join(token.span, inner.span),
                    .name_span = token.span,
                    .op = Op::logical_not};
        node.operands.push_back(std::move(inner));
        return finished(std::move(node));
    }

    // if condition: a else: b
    Syntax conditional(const Token& token) {
        const auto colon = [&](const std::string& after) {
            skip();
            if (!cursor_.at(":")) {
                throw ModelError(
                    diagnose(cursor_.source(), cursor_.peek().span,
                             fmt::format("expected `:` after {}, found {}", after, describe(cursor_.peek())),
                             "a condition is `if condition: a else: b`"));
            }
            cursor_.next();
        };
        Syntax node{.kind = Syntax::Kind::call, .name_span = token.span, .name = "ite"};
        node.operands.push_back(operand_after(token, 0));
        colon("the condition");
        node.operands.push_back(expression(0));
        skip();
        const Token& otherwise = cursor_.peek();
        if (otherwise.kind != Token::Kind::name || otherwise.text != "else") {
            throw ModelError(diagnose(
                cursor_.source(), otherwise.span, fmt::format("expected `else`, found {}", describe(otherwise)),
                otherwise.text == "elif" ? "write `else: if condition: ...`"
                                         : "every `if` has one `else`: `if condition: a else: b`"));
        }
        cursor_.next();
        colon("`else`");
        node.operands.push_back(expression(0));
        node.span = join(token.span, node.operands.back().span);
        return finished(std::move(node));
    }

    Syntax call(const Token& name) {
        Syntax node{.kind = Syntax::Kind::call, .name_span = name.span, .name = std::string(name.text)};
        const Token& open = cursor_.next();
        ++parentheses_;
        skip();
        if (!cursor_.at(")")) {
            for (;;) {
                skip();
                if (cursor_.at(")")) break;  // Python allows a comma after the last argument
                node.operands.push_back(expression(0));
                skip();
                if (cursor_.at("=")) {
                    throw ModelError(diagnose(cursor_.source(), cursor_.peek().span, "arguments have no names",
                                              "write the arguments in order, or `==` to compare"));
                }
                if (!cursor_.at(",")) break;
                cursor_.next();
            }
        }
        const Token& close = closing(open, "`,` or `)`");
        --parentheses_;
        node.span = join(name.span, close.span);
        return finished(std::move(node));
    }

    TokenCursor& cursor_;
    ExpressionGrammar grammar_;
    std::size_t nesting_ = 0;
    std::size_t parentheses_ = 0;
};

void collect_names(const Syntax& syntax, std::vector<std::string>& names, std::unordered_set<std::string>& seen) {
    if (syntax.kind == Syntax::Kind::name && seen.insert(syntax.name).second) names.push_back(syntax.name);
    for (const auto& operand : syntax.operands) collect_names(operand, names, seen);
}

}  // namespace

std::vector<std::string> names_in(const Syntax& syntax) {
    std::vector<std::string> names;
    std::unordered_set<std::string> seen;
    collect_names(syntax, names, seen);
    return names;
}

Syntax parse_expression(TokenCursor& cursor, const ExpressionGrammar& grammar) {
    return Parser(cursor, grammar).expression(0);
}

Syntax parse_whole_expression(const SourceText& source, const std::string& what, const ExpressionGrammar& grammar) {
    const std::vector<Token> tokens = tokenize(source, grammar.annarchy);
    TokenCursor cursor(source, tokens);
    cursor.skip_newlines();
    if (cursor.at(Token::Kind::end)) {
        throw ModelError(Diagnostic{.message = fmt::format("{} is empty", what), .source = source.name});
    }
    Syntax syntax = parse_expression(cursor, grammar);
    cursor.skip_newlines();
    if (!cursor.at(Token::Kind::end)) fail_after_expression(cursor, "the end");
    return syntax;
}

void fail_after_expression(const TokenCursor& cursor, const std::string& expected) {
    const Token& token = cursor.peek();
    const SourceText& source = cursor.source();
    if (token.kind == Token::Kind::name && is_python_only(token.text)) {
        throw ModelError(
            diagnose(source, token.span, fmt::format("unexpected `{}`", token.text), python_hint(token.text)));
    }
    if (token.text == "[") {
        throw ModelError(diagnose(source, token.span, "unexpected `[`", "variables have no elements"));
    }
    if (token.text == "=") {
        throw ModelError(diagnose(source, token.span, "unexpected `=`", "write `==` to compare"));
    }
    if (token.text == ")")
        throw ModelError(diagnose(source, token.span, "this parenthesis was never opened", "remove `)`"));
    if (starts_operand(token)) {
        throw ModelError(diagnose(source, token.span, fmt::format("expected an operator before {}", describe(token)),
                                  fmt::format("for a product write `*{}`", token.text.substr(0, 60))));
    }
    throw ModelError(diagnose(source, token.span, fmt::format("expected {}, found {}", expected, describe(token))));
}

}  // namespace spikesmith::lang
