// What the names of one model mean: the table that the checks and the lowering of every expression of that model share.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spikesmith/units/units.hpp"

namespace spikesmith::lang {

struct Symbol {
    enum class Kind {
        state,
        parameter,
        subexpression,
        input,
        constant,
        target,
        special,
        noise,
        temporary
    } kind = Kind::state;
    std::string name;
    Dimension dimension;
    ValueType type = ValueType::real;
    double value = 0;               // of a constant
    bool any_dimension = false;     // a constant that is a bare 0
    bool known_dimension = true;    // false for an input whose dimension must still be inferred
    bool constant = false;          // a parameter declared `constant`
    bool shared = false;            // the same for all neurons
    bool constant_over_dt = false;  // a subexpression that is stored
    std::string place;              // where it was defined, in words: "line 3 of the equations"
};

class SymbolTable {
  public:
    // Adds a name, or returns the symbol that has it already.
    const Symbol* add(const Symbol& symbol);
    // Adds a name or gives it a new meaning.
    void replace(const Symbol& symbol);
    void set_dimension(const std::string& name, Dimension dimension);

    [[nodiscard]] const Symbol* find(std::string_view name) const;

    // All names, in order of definition, then functions and constants: candidates for "did you mean".
    [[nodiscard]] std::vector<std::string> names() const;

  private:
    std::vector<std::string> order_;
    std::unordered_map<std::string, Symbol> symbols_;
};

// "a differential equation", "a parameter", ...
[[nodiscard]] std::string_view describe(Symbol::Kind kind);

}  // namespace spikesmith::lang
