// Expressions of ANNarchy's language: names and functions are checked, and the syntax tree becomes an Expression.
//
// There are no units. Conditions count as 0 and 1 and numbers as conditions, as in C; every division is one of real numbers.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "spikesmith/lang/syntax.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith::lang {

// name(argument, ...) = body
struct AnnarchyFunction {
    std::string name;
    SourceSpan name_span;
    std::vector<std::string> arguments;
    std::vector<ValueType> argument_types;
    Syntax body;
    ValueType type = ValueType::real;  // of what is returned
};

struct AnnarchyNames {
    std::unordered_map<std::string, Expression> values;  // what each name stands for
    std::unordered_map<std::string, bool> logical;       // of names: whether they hold conditions
    const SourceText* functions_source = nullptr;
    std::unordered_map<std::string, const AnnarchyFunction*> functions;
    std::vector<std::string> inputs;  // of the names: what data drive
    std::vector<std::string> order;   // names as the user defined them, for hints
    std::string unknown_hint{};       // for names that are like none of these; empty: what to do in a neuron

    void add(const std::string& name, const Expression& value, bool is_logical = false);
};

// What a value is converted to when it is stored in a variable of that type.
[[nodiscard]] Expression converted(const Expression& value, bool logical, ValueType type);

class AnnarchyLowering {
  public:
    AnnarchyLowering(const AnnarchyNames& names, std::uint32_t& next_site) : names_(&names), next_site_(&next_site) {}

    struct Lowered {
        Expression value;
        bool logical = false;  // 0 or 1
    };
    // `where` names the place in errors: "the equation of `v`". Must be called once per text, else a draw would have two sites.
    // Throws ModelError.
    [[nodiscard]] Lowered lower(const Syntax& syntax, const SourceText& source, const std::string& where);

  private:
    struct Place {
        const SourceText* source;
        const std::string* where;
        const std::unordered_map<std::string, Lowered>* arguments = nullptr;  // inside a function
        const AnnarchyFunction* function = nullptr;
        const Place* caller = nullptr;
    };
    Lowered visit(const Syntax& syntax, const Place& place);
    Lowered name(const Syntax& syntax, const Place& place) const;
    Lowered comparison(const Syntax& syntax, const Place& place);
    Lowered call(const Syntax& syntax, const Place& place);
    Lowered own_function(const AnnarchyFunction& function, const Syntax& syntax, const Place& place);
    Lowered sum_of_inputs(const Syntax& syntax, const Place& place) const;
    Lowered made(Expression value, bool logical, const Syntax& syntax, const Place& place);
    [[noreturn]] void too_large(const Syntax& syntax, const Place& place) const;
    std::size_t height(const Expression& expression);

    const AnnarchyNames* names_;
    std::uint32_t* next_site_;
    std::unordered_map<Expression, std::size_t> heights_;
    std::size_t operations_ = 0;
};

}  // namespace spikesmith::lang
