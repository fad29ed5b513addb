// Reset text -> assignments. Statements stand on lines of their own or are separated by `;`.
//
//     v = -65*mV; w += b
#pragma once

#include <string>
#include <vector>

#include "spikesmith/lang/syntax.hpp"

namespace spikesmith::lang {

inline constexpr std::size_t most_statements = 10'000;

// name = value. The operation of an in-place operator (`+=`) is written out: value is then `name + (right-hand side)`.
struct Statement {
    std::string name;
    SourceSpan name_span;
    Syntax value;
};

// Throws ModelError.
[[nodiscard]] std::vector<Statement> parse_statements(const SourceText& source);

}  // namespace spikesmith::lang
