// The syntax tree of an expression: what was written and where, before names, types and dimensions are known.
#pragma once

#include <string>
#include <vector>

#include "spikesmith/core/error.hpp"
#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith::lang {

struct Syntax {
    enum class Kind {
        number,      // number, integer
        truth,       // True, False: number is 1 or 0
        name,        // name
        call,        // name(operands...)
        unary,       // op on operands[0]: negate, logical_not; Op::add is the sign `+`
        binary,      // op on operands[0], operands[1]: arithmetic and `and`, `or`
        comparison,  // operands[0] comparisons[0] operands[1] comparisons[1] operands[2] ...
    } kind = Kind::number;
    SourceSpan span;       // of the whole sub-expression, with its parentheses
    SourceSpan name_span;  // of the name of a call, or of the operator
    Op op = Op::number;
    double number = 0;
    bool integer = false;
    std::string name;
    std::vector<Syntax> operands;
    std::vector<Op> comparisons;
    std::size_t height = 1;  // of the tree below; bounded by the parser, so that recursion over a tree is safe
};

// Names in the expression (variables, constants, units; not functions) in order of first appearance.
[[nodiscard]] std::vector<std::string> names_in(const Syntax& syntax);

}  // namespace spikesmith::lang
