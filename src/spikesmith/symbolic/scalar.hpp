// What each operation means, on plain doubles with libm: the definition that the language reference quotes.
#pragma once

#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith {

// Value of a non-random operation; unused arguments are ignored.
[[nodiscard]] double evaluate_operation(Op op, double a, double b, double c);

}  // namespace spikesmith
