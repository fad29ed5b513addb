// Constants of a model: texts in any order, each a quantity or an expression of other constants, become numbers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "spikesmith/lang/symbols.hpp"

namespace spikesmith::lang {

// Adds the constants to the table, which already has the names of the equations. Throws ModelError and UnitError that name
// the constant: reserved or doubly defined names, cycles, names that are no constants, values that are not finite.
void define_constants(const std::vector<std::pair<std::string, std::string>>& constants, SymbolTable& symbols);

}  // namespace spikesmith::lang
