#include "spikesmith/lang/statements.hpp"

#include <array>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/lang/expression_parser.hpp"
#include "spikesmith/lang/token.hpp"

namespace spikesmith::lang {
namespace {

constexpr std::array<std::pair<std::string_view, Op>, 7> in_place_operators{{{"+=", Op::add},
                                                                             {"-=", Op::subtract},
                                                                             {"*=", Op::multiply},
                                                                             {"/=", Op::divide},
                                                                             {"%=", Op::modulo},
                                                                             {"//=", Op::floor_divide},
                                                                             {"**=", Op::power}}};

std::optional<Op> in_place(const Token& token) {
    if (token.kind != Token::Kind::symbol) return std::nullopt;
    for (const auto& [text, op] : in_place_operators) {
        if (token.text == text) return op;
    }
    return std::nullopt;
}

Statement parse_statement(TokenCursor& cursor) {
    const SourceText& source = cursor.source();
    const Token& target = cursor.next();
    if (target.kind != Token::Kind::name) {
        throw ModelError(diagnose(source, target.span,
                                  fmt::format("expected the name of a variable, found {}", describe(target)),
                                  "a statement is `variable = expression` or `variable += expression`"));
    }
    const Token& assignment = cursor.peek();
    const auto op = in_place(assignment);
    if (!op && !cursor.at("=")) {
        std::string hint = "a statement is `variable = expression` or `variable += expression`";
        if (cursor.at("==")) hint = "write `=` to assign";
        if (cursor.at("/") && target.text.starts_with('d')) hint = "differential equations belong into the equations";
        if (cursor.at("(")) hint = "functions can be used on the right-hand side only";
        throw ModelError(
            diagnose(source, assignment.span,
                     fmt::format("expected `=` after `{}`, found {}", target.text.substr(0, 60), describe(assignment)),
                     std::move(hint)));
    }
    cursor.next();
    if (cursor.at(Token::Kind::newline) || cursor.at(Token::Kind::end) || cursor.at(";")) {
        throw ModelError(diagnose(source, assignment.span, fmt::format("nothing follows `{}`", assignment.text),
                                  "the statement is not complete"));
    }
    Syntax value = parse_expression(cursor, {.across_lines = false});
    Statement statement{.name = std::string(target.text), .name_span = target.span, .value = {}};
    if (!op) {
        statement.value = std::move(value);
        return statement;
    }
    Syntax& whole = statement.value;
    whole.kind = Syntax::Kind::binary;
    whole.op = *op;
    whole.span = join(target.span, value.span);
    whole.name_span = assignment.span;
    whole.height = value.height + 1;
    Syntax old;
    old.kind = Syntax::Kind::name;
    old.span = target.span;
    old.name_span = target.span;
    old.name = statement.name;
    whole.operands.push_back(std::move(old));
    whole.operands.push_back(std::move(value));
    return statement;
}

}  // namespace

std::vector<Statement> parse_statements(const SourceText& source) {
    const std::vector<Token> tokens = tokenize(source);
    TokenCursor cursor(source, tokens);
    std::vector<Statement> statements;
    for (;;) {
        while (cursor.at(Token::Kind::newline) || cursor.at(";")) cursor.next();
        if (cursor.at(Token::Kind::end)) return statements;
        statements.push_back(parse_statement(cursor));
        if (statements.size() > most_statements) {
            throw ModelError(
                diagnose(source, statements.back().name_span, fmt::format("more than {} statements", most_statements)));
        }
        if (cursor.at(Token::Kind::newline) || cursor.at(";") || cursor.at(Token::Kind::end)) continue;
        const bool next_statement = cursor.at(Token::Kind::name) && (in_place(cursor.peek(1)) || cursor.at("=", 1));
        if (next_statement) {
            throw ModelError(
                diagnose(source, cursor.peek().span,
                         fmt::format("expected the end of the statement before {}", describe(cursor.peek())),
                         "write `;` or start a new line between statements"));
        }
        if (cursor.at(":")) {
            throw ModelError(diagnose(source, cursor.peek().span, "unexpected `:`", "statements have no unit"));
        }
        fail_after_expression(cursor, "the end of the statement");
    }
}

}  // namespace spikesmith::lang
