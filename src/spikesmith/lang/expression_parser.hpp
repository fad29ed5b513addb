// Text of an expression -> syntax tree, with the grammar and the precedence of Python:
//
//     or < and < not < comparisons < + - < * / // % < signs < **
//
// Comparisons chain (`a < b < c`). Calls have positional arguments only. There are no attributes, subscripts, tuples,
// conditional expressions (but in ANNarchy's grammar) or bitwise operators.
#pragma once

#include "spikesmith/lang/syntax.hpp"
#include "spikesmith/lang/token.hpp"

namespace spikesmith::lang {

inline constexpr std::size_t deepest_nesting = 200;  // parentheses, calls, signs and powers inside each other
inline constexpr std::size_t largest_height = 1000;  // of a syntax tree, so also the longest sum

struct ExpressionGrammar {
    bool across_lines = true;  // ends of lines are blanks; otherwise only within parentheses
    bool annarchy = false;  // also `^` for powers, `is` and `is not`, and `if condition: a else: b` as a call of `ite`
    bool quantities = false;  // "200 pF", "5 nS cm**-2": a number or a unit followed by a unit is their product
};

// Reads one expression from the cursor and stops at the first token that cannot continue it. Throws ModelError.
[[nodiscard]] Syntax parse_expression(TokenCursor& cursor, const ExpressionGrammar& grammar = {});

// The whole text is one expression. `what` names it in errors: "the threshold". Throws ModelError.
[[nodiscard]] Syntax parse_whole_expression(const SourceText& source, const std::string& what,
                                            const ExpressionGrammar& grammar = {});

// The error for a token where an expression should have ended: a missing operator, a construct that the language lacks, ...
// `expected` says what may follow: "`:` and the unit".
[[noreturn]] void fail_after_expression(const TokenCursor& cursor, const std::string& expected);

}  // namespace spikesmith::lang
