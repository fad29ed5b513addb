#include "spikesmith/lang/equations.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/lang/expression_parser.hpp"
#include "spikesmith/lang/functions.hpp"
#include "spikesmith/lang/token.hpp"

namespace spikesmith::lang {
namespace {

using Kind = Definition::Kind;

std::string_view describe(Kind kind) {
    switch (kind) {
        case Kind::differential_equation:
            return "a differential equation";
        case Kind::subexpression:
            return "a subexpression";
        case Kind::parameter:
            return "a parameter";
    }
    return {};
}

std::vector<std::string> flags_of(Kind kind) {
    switch (kind) {
        case Kind::differential_equation:
            return {"unless refractory"};
        case Kind::subexpression:
            return {"constant over dt", "shared"};
        case Kind::parameter:
            return {"constant", "shared"};
    }
    return {};
}

class EquationParser {
  public:
    explicit EquationParser(const SourceText& source)
        : source_(source), tokens_(tokenize(source)), cursor_(source_, tokens_) {}

    std::vector<Definition> run() {
        std::vector<Definition> definitions;
        std::unordered_map<std::string, SourceSpan> places;
        for (;;) {
            cursor_.skip_newlines();
            if (cursor_.at(Token::Kind::end)) return definitions;
            Definition definition = one();
            const auto [first, added] = places.try_emplace(definition.name, definition.name_span);
            if (!added) {
                fail(definition.name_span,
                     fmt::format("`{}` is already defined in {}", definition.name,
                                 place_in_words(source_, first->second)),
                     "remove one of the two, or give it another name");
            }
            definitions.push_back(std::move(definition));
            if (definitions.size() > most_definitions) {
                fail(definitions.back().name_span, fmt::format("more than {} definitions", most_definitions));
            }
        }
    }

  private:
    template <class E = ModelError>
    [[noreturn]] void fail(SourceSpan span, std::string message, std::string hint = {}) const {
        throw E(diagnose(source_, span, std::move(message), std::move(hint)));
    }

    Definition one() {
        Definition definition;
        left_side(definition);
        check_new_name(source_, definition.name_span, definition.name);
        if (definition.kind != Kind::parameter) {
            missing_expression(definition);
            definition.expression = parse_expression(cursor_);
            cursor_.skip_newlines();
            if (!cursor_.at(":")) missing_unit(definition);
        }
        cursor_.next();  // the colon
        unit(definition);
        flags(definition);
        end_of_definition();
        return definition;
    }

    // dNAME/dt =, NAME =, NAME (up to the colon)
    void left_side(Definition& definition) {
        const Token& first = cursor_.peek();
        if (first.kind != Token::Kind::name) {
            std::string hint = "a line is `dx/dt = expression : unit`, `x = expression : unit` or `x : unit`";
            if (cursor_.at(";")) hint = "every definition stands on a line of its own, without `;`";
            if (cursor_.at("(")) hint = "flags follow the unit: `x : volt (constant)`";
            fail(first.span, fmt::format("expected the name of a variable, found {}", lang::describe(first)),
                 std::move(hint));
        }
        if (differential(definition)) return;
        cursor_.next();
        definition.name = std::string(first.text);
        definition.name_span = first.span;
        if (cursor_.at(":")) {
            definition.kind = Kind::parameter;
        } else if (cursor_.at("=")) {
            definition.kind = Kind::subexpression;
            cursor_.next();
        } else {
            after_name(first);
        }
    }

    [[noreturn]] void after_name(const Token& first) const {
        const Token& found = cursor_.peek();
        std::string hint = "a line is `dx/dt = expression : unit`, `x = expression : unit` or `x : unit`";
        if (cursor_.at("/")) hint = "a differential equation starts with `dx/dt =`";
        if (found.kind == Token::Kind::symbol && found.text.size() > 1 && found.text.ends_with('=')) {
            hint = "in-place operators belong into the reset; an equation has `=`";
        }
        if (found.text == "'") hint = "write a derivative as `dx/dt`";
        fail(found.span,
             fmt::format("expected `=` or `:` after `{}`, found {}", first.text.substr(0, 60), lang::describe(found)),
             std::move(hint));
    }

    bool differential(Definition& definition) {
        const Token& first = cursor_.peek();
        const bool apart = first.text == "d" && cursor_.peek(1).kind == Token::Kind::name;
        const std::size_t slash = apart ? 2 : 1;
        if (!first.text.starts_with('d') || !cursor_.at("/", slash)) return false;
        const Token& denominator = cursor_.peek(slash + 1);
        if (denominator.kind != Token::Kind::name || denominator.text != "dt") {
            fail(denominator.span, fmt::format("expected `dt`, found {}", lang::describe(denominator)),
                 "a differential equation gives the derivative by time: `dx/dt = ...`");
        }
        if (!apart && first.text.size() == 1)
            fail(first.span, "the variable is missing in `d/dt`", "write `dx/dt` for the derivative of `x`");
        definition.kind = Kind::differential_equation;
        if (apart) {
            definition.name = std::string(cursor_.peek(1).text);
            definition.name_span = cursor_.peek(1).span;
        } else {
            definition.name = std::string(first.text.substr(1));
            definition.name_span = {first.span.offset + 1, first.span.length - 1};
            if (definition.name[0] >= '0' && definition.name[0] <= '9')
                fail(definition.name_span, fmt::format("`{}` is not a name", definition.name),
                     "names start with a letter");
        }
        for (std::size_t k = 0; k < slash + 2; ++k) cursor_.next();
        if (!cursor_.at("=")) {
            fail(cursor_.peek().span,
                 fmt::format("expected `=` after `d{}/dt`, found {}", definition.name, lang::describe(cursor_.peek())));
        }
        cursor_.next();
        return true;
    }

    void missing_expression(const Definition& definition) {
        cursor_.skip_newlines();
        if (!cursor_.at(":") && !cursor_.at(Token::Kind::end)) return;
        fail(cursor_.peek().span, fmt::format("the expression of `{}` is missing", definition.name),
             definition.kind == Kind::subexpression ? fmt::format("for a parameter write `{} : unit`", definition.name)
                                                    : std::string{});
    }

    // The expression is complete, but no colon follows.
    [[noreturn]] void missing_unit(const Definition& definition) {
        const Token& found = cursor_.peek();
        const bool next_definition =
            found.kind == Token::Kind::name &&
            (cursor_.at("=", 1) || cursor_.at(":", 1) || (found.text.starts_with('d') && cursor_.at("/", 1)));
        const bool is_end = found.kind == Token::Kind::end;
        if (is_end || next_definition || cursor_.at(";")) {
            const SourceSpan whole = definition.expression->span;
            fail({whole.offset + whole.length - 1, 1}, fmt::format("the unit of `{}` is missing", definition.name),
                 cursor_.at(";") ? "end the line with a colon and the unit instead of `;`"
                                 : "add a colon and the unit of the variable: `: volt`, `: 1` for a pure number");
        }
        fail_after_expression(cursor_, "an operator or `: unit`");
    }

    void unit(Definition& definition) {
        const Token& first = cursor_.peek();
        SourceSpan span{first.span.offset, 0};
        std::size_t depth = 0;
        bool complete = false;  // a `(` after a complete unit starts the flags
        for (;;) {
            const Token& token = cursor_.peek();
            if (token.kind == Token::Kind::newline || token.kind == Token::Kind::end || cursor_.at(";") ||
                cursor_.at(",") || cursor_.at("="))
                break;
            if (cursor_.at(":")) fail(token.span, "two definitions on one line", "start a new line before the second");
            if (cursor_.at("(")) {
                if (complete && depth == 0) break;
                ++depth;
            }
            if (cursor_.at(")")) {
                if (depth == 0) break;
                --depth;
            }
            complete = token.kind != Token::Kind::symbol || token.text == ")";
            span = join(first.span, token.span);
            cursor_.next();
        }
        if (span.length == 0) {
            fail(first.span, fmt::format("the unit of `{}` is missing after the colon", definition.name),
                 "for example `: volt`, or `: 1` for a pure number");
        }
        const VariableUnit unit = parse_variable_unit(source_, span);
        definition.dimension = unit.dimension;
        definition.type = unit.type;
        if (definition.kind == Kind::differential_equation && unit.type != ValueType::real) {
            fail(span,
                 fmt::format("`{}` has a differential equation and cannot be {}", definition.name,
                             text_of(source_, span)),
                 "only real numbers change continuously");
        }
    }

    void flags(Definition& definition) {
        std::size_t ahead = 0;
        while (cursor_.peek(ahead).kind == Token::Kind::newline) ++ahead;
        if (!cursor_.at("(", ahead)) return;
        cursor_.skip_newlines();
        const Token& open = cursor_.next();
        std::vector<std::string> seen;
        for (;;) {
            std::string flag;
            SourceSpan span = cursor_.peek().span;
            cursor_.skip_newlines();
            while (cursor_.at(Token::Kind::name) || cursor_.at("-") || cursor_.at(Token::Kind::number)) {
                const Token& word = cursor_.next();
                span = flag.empty() ? word.span : join(span, word.span);
                if (!flag.empty()) flag += ' ';
                flag += word.text;
                cursor_.skip_newlines();
            }
            if (cursor_.at(Token::Kind::end)) fail(open.span, "the list of flags is never closed", "add `)`");
            if (flag.empty()) {
                fail(cursor_.at(")") ? join(open.span, cursor_.peek().span) : cursor_.peek().span,
                     seen.empty() && cursor_.at(")")
                         ? "the list of flags is empty"
                         : fmt::format("expected a flag, found {}", lang::describe(cursor_.peek())),
                     fmt::format("{} may have {}", describe(definition.kind), listed(definition.kind)));
            }
            if (std::find(seen.begin(), seen.end(), flag) != seen.end())
                fail(span, fmt::format("the flag `{}` is given twice", flag));
            set(definition, flag, span);
            seen.push_back(std::move(flag));
            if (cursor_.at(",")) {
                cursor_.next();
                continue;
            }
            if (cursor_.at(")")) {
                cursor_.next();
                return;
            }
            fail(cursor_.peek().span,
                 fmt::format("expected `,` or `)` after a flag, found {}", lang::describe(cursor_.peek())));
        }
    }

    static std::string listed(Kind kind) {
        std::string out;
        for (const auto& flag : flags_of(kind)) out += fmt::format("{}`{}`", out.empty() ? "" : ", ", flag);
        return out;
    }

    void set(Definition& definition, const std::string& flag, SourceSpan span) const {
        const Kind kind = definition.kind;
        if (flag == "unless refractory" && kind == Kind::differential_equation) {
            definition.unless_refractory = true;
        } else if (flag == "constant" && kind == Kind::parameter) {
            definition.constant = true;
        } else if (flag == "shared" && kind != Kind::differential_equation) {
            definition.shared = true;
        } else if (flag == "constant over dt" && kind == Kind::subexpression) {
            definition.constant_over_dt = true;
        } else if (flag == "linked") {
            fail(span, "`linked` takes a variable from another group of neurons, but a fitted model stands alone",
                 "make it a parameter or an input");
        } else {
            const auto allowed = flags_of(kind);
            std::string hint = flag == "unless - refractory" && kind == Kind::differential_equation
                                   ? "write `unless refractory` without the hyphen"
                                   : did_you_mean(flag, allowed);
            if (hint.empty()) hint = fmt::format("{} may have {}", describe(kind), listed(kind));
            fail(span, fmt::format("{} cannot have the flag `{}`", describe(kind), text_of(source_, span)),
                 std::move(hint));
        }
    }

    void end_of_definition() {
        const Token& token = cursor_.peek();
        if (token.kind == Token::Kind::newline || token.kind == Token::Kind::end) return;
        if (cursor_.at(";"))
            fail(token.span, "unexpected `;`", "every definition stands on a line of its own, without `;`");
        fail(token.span, fmt::format("expected the end of the line, found {}", lang::describe(token)),
             "every definition stands on a line of its own");
    }

    const SourceText& source_;
    std::vector<Token> tokens_;
    TokenCursor cursor_;
};

}  // namespace

std::vector<Definition> parse_equations(const SourceText& source) {
    return EquationParser(source).run();
}

std::string place_in_words(const SourceText& source, SourceSpan span) {
    const auto line = diagnose(source, span, {}).line;
    return fmt::format("line {} of {}", line,
                       source.name.empty() || source.name == "equations" ? "the equations" : source.name);
}

void check_new_name(const SourceText& source, SourceSpan span, const std::string& name) {
    if (const auto reason = reserved(name)) {
        throw ModelError(
            diagnose(source, span, fmt::format("{} and cannot be defined", *reason), "choose another name"));
    }
}

}  // namespace spikesmith::lang
