// Model: a checked neuron model, in SI units, independent of the dialect it was written in and of how it is integrated.
//
// A Model is a value. It is made by a parser (`lang`), which has checked names, types and dimensions; who holds a Model need
// not check again. Expressions refer to states, parameters, subexpressions and inputs by name, and to these special names:
// `t`, `dt`, `t_in_timesteps`, `i`, `N`, `iteration`, `not_refractory`, `lastspike`, `<output>_target`, `xi`, `xi_<name>`.
// Constants and units have become numbers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/symbolic/expression.hpp"
#include "spikesmith/units/units.hpp"

namespace spikesmith {

struct State {
    std::string name;
    Dimension dimension;
    Expression derivative;           // per second
    bool unless_refractory = false;  // frozen while the neuron is refractory
    std::string text;                // right-hand side as written
};

struct Parameter {
    std::string name;
    Dimension dimension;
    ValueType type = ValueType::real;
    bool constant = false;
    bool shared = false;
};

struct Subexpression {
    std::string name;
    Dimension dimension;
    ValueType type = ValueType::real;
    Expression value;
    bool constant_over_dt = false;  // computed once per step, before everything else
    bool shared = false;
    std::string text;
};

struct Input {
    std::string name;
    Dimension dimension;
};

// One statement of a reset, in-place operators written out. `name` is a state, a parameter or a temporary. Executed in order.
struct Assignment {
    std::string name;
    Expression value;
    bool temporary = false;
};

struct Refractory {
    enum class Kind { none, duration, condition } kind = Kind::none;
    Expression value;  // seconds, or 0/1: stays refractory while true
};

// One equation of a model whose equations have an order and a method each (the language of ANNarchy): see Model::updates.
struct Update {
    enum class Method { assignment, explicit_euler, midpoint, rk4, exponential, semi_implicit, implicit };
    std::size_t state = 0;  // of Model::states; State::unless_refractory holds for assignments, too
    Method method = Method::assignment;
    Expression value;                                // of an assignment; else State::derivative counts
    ValueType type = ValueType::real;                // what the variable holds afterwards
    std::optional<Expression> minimum{}, maximum{};  // applied at once, in this order; NaN stays NaN
    std::size_t block = 0;  // neighbours of one block read the values before the block; later blocks see the new ones
};

struct InitialValue {
    std::string name;  // a state, or a parameter that is not fitted
    Expression value;
};

struct Model {
    std::string name;
    std::vector<State> states;  // declaration order everywhere
    std::vector<Parameter> parameters;
    std::vector<Subexpression> subexpressions;  // each uses only earlier ones
    std::vector<Input> inputs;
    std::vector<std::string> targets;     // names X for which `X_target` may be read
    std::vector<std::string> noise;       // "xi", "xi_a", ... in order of appearance
    std::optional<Expression> threshold;  // 0/1
    std::vector<Assignment> reset;
    Refractory refractory;
    std::vector<InitialValue> initial_values;  // in the order in which they must be evaluated; the others start at 0
    std::string text;                          // the equations as written
    // How the states change in a step, in this order; empty: all together, by the method that `integrate` is given.
    std::vector<Update> updates{};

    struct Variable {
        enum class Kind { state, parameter, subexpression, input, target } kind = Kind::state;
        std::size_t index = 0;
        Dimension dimension;
        ValueType type = ValueType::real;
    };
    // State, parameter, subexpression, input or `<name>_target` of that name.
    [[nodiscard]] std::optional<Variable> find(std::string_view variable) const;
    [[nodiscard]] std::vector<std::string> parameter_names() const;
    [[nodiscard]] std::vector<std::string> variable_names() const;  // all that `find` knows, for hints

    // The expression with all subexpressions replaced that are not constant over dt.
    [[nodiscard]] Expression inlined(const Expression& expression) const;
};

}  // namespace spikesmith
