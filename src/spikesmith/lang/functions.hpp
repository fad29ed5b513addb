// The functions and constants that every model knows, and the names that no model may define.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/symbolic/expression.hpp"

namespace spikesmith::lang {

struct Function {
    // What a function asks of the dimensions of its arguments, and what it returns.
    enum class Rule {
        number,  // no dimension in, none out
        same,    // all arguments of one dimension, which is returned
        root,    // any dimension, its square root is returned
        sign,    // any dimension in, none out
        ratio,   // two arguments of one dimension in, none out
        select,  // a condition and two values of one dimension, which is returned
        times,   // seconds in, none out
    };
    std::string_view name;
    Op op;
    std::size_t least_arguments;
    std::size_t most_arguments;
    Rule rule;
    std::string_view signature;  // for errors
    bool random = false;
};

inline constexpr std::size_t any_number = static_cast<std::size_t>(-1);

[[nodiscard]] const Function* find_function(std::string_view name);
[[nodiscard]] std::vector<std::string> function_names();

// What to write for a function that other languages have under another name: "write `log(x)`"; may be empty.
[[nodiscard]] std::string_view foreign_function_hint(std::string_view name);

// pi, e, inf
[[nodiscard]] std::optional<double> find_constant(std::string_view name);
[[nodiscard]] std::vector<std::string> constant_names();

// A word that Python keeps for itself.
[[nodiscard]] bool is_keyword(std::string_view name);

// Why no model, constant or temporary may have this name ("`mV` is the name of a unit"); nothing if it may.
[[nodiscard]] std::optional<std::string> reserved(std::string_view name);

}  // namespace spikesmith::lang
