#include "spikesmith/lang/symbols.hpp"

#include "spikesmith/lang/functions.hpp"

namespace spikesmith::lang {

const Symbol* SymbolTable::add(const Symbol& symbol) {
    const auto [place, added] = symbols_.try_emplace(symbol.name, symbol);
    if (!added) return &place->second;
    order_.push_back(symbol.name);
    return nullptr;
}

void SymbolTable::replace(const Symbol& symbol) {
    if (symbols_.insert_or_assign(symbol.name, symbol).second) order_.push_back(symbol.name);
}

void SymbolTable::set_dimension(const std::string& name, Dimension dimension) {
    Symbol& symbol = symbols_.at(name);
    symbol.dimension = dimension;
    symbol.known_dimension = true;
}

const Symbol* SymbolTable::find(std::string_view name) const {
    const auto found = symbols_.find(std::string(name));
    return found == symbols_.end() ? nullptr : &found->second;
}

std::vector<std::string> SymbolTable::names() const {
    std::vector<std::string> names = order_;
    for (auto& name : function_names()) names.push_back(std::move(name));
    for (auto& name : constant_names()) names.push_back(std::move(name));
    return names;
}

std::string_view describe(Symbol::Kind kind) {
    switch (kind) {
        case Symbol::Kind::state:
            return "a state variable";
        case Symbol::Kind::parameter:
            return "a parameter";
        case Symbol::Kind::subexpression:
            return "a subexpression";
        case Symbol::Kind::input:
            return "an input";
        case Symbol::Kind::constant:
            return "a constant";
        case Symbol::Kind::target:
            return "the data of an output";
        case Symbol::Kind::special:
            return "a special name";
        case Symbol::Kind::noise:
            return "a noise source";
        case Symbol::Kind::temporary:
            return "a temporary";
    }
    return "a name";
}

}  // namespace spikesmith::lang
