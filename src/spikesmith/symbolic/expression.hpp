// Immutable, hash-consed expressions: equal expressions are the same node, so comparison is one pointer comparison.
//
// An expression knows numbers, named symbols and operations; it knows nothing of units, text or integration. Values are
// doubles; booleans are 0 and 1. Construction folds constants and removes neutral elements, no more, so that what is
// computed stays close to what was written; `simplify.hpp` does the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace spikesmith {

enum class Op : std::uint8_t {
    number,
    symbol,
    // arithmetic; `floor_divide` and `modulo` have Python's signs
    add,
    subtract,
    multiply,
    divide,
    negate,
    power,
    floor_divide,
    modulo,
    // comparisons and logic, 0 or 1
    less,
    less_equal,
    greater,
    greater_equal,
    equal,
    not_equal,
    logical_and,
    logical_or,
    logical_not,
    select,  // select(condition, a, b)
    // elementary functions
    exp,
    expm1,
    exprel,
    log,
    log10,
    log1p,
    sqrt,
    sin,
    cos,
    tan,
    sinh,
    cosh,
    tanh,
    arcsin,
    arccos,
    arctan,
    arcsinh,
    arccosh,
    arctanh,
    arctan2,
    floor,
    ceil,
    abs,
    sign,
    truncate,
    minimum,
    maximum,
    timestep,      // timestep(t, dt): truncate((t + 1e-3*dt)/dt)
    x_over_expm1,  // x/(exp(x) - 1), 1 at 0
    // derivatives of exprel(x), and of b = x_over_expm1(x) given x and b; made by `numerics` only
    exprel_slope,
    x_over_expm1_slope,
    // exprel(x) and its derivative, quickest for -1/16 <= x <= 0; made by `numerics` only
    exprel_near_0,
    exprel_near_0_slope,
    // functions of x by what other functions of the step have computed already; made by `numerics` only
    exp_given,           // exp_given(x, e): e, which is exp(x)
    x_over_expm1_given,  // x_over_expm1_given(x, a, b): a/b, which is x_over_expm1(x) where x is neither small nor huge
    // random numbers; `site` tells calls apart: the same site in one step is the same draw
    uniform,
    normal,
    poisson,
};

[[nodiscard]] int arity(Op op);                 // number of arguments
[[nodiscard]] std::string_view op_name(Op op);  // as the user writes it: "exp", "+", "where", "int", ...
[[nodiscard]] bool is_boolean(Op op);           // comparisons and logic

class Expression {
  public:
    Expression();               // the number 0
    Expression(double number);  // NOLINT(google-explicit-constructor): numbers are expressions

    static Expression symbol(std::string name);
    static Expression apply(Op op, std::span<const Expression> arguments);
    static Expression random(Op op, std::uint32_t site, std::span<const Expression> arguments = {});

    [[nodiscard]] Op op() const;
    [[nodiscard]] double number() const;            // of Op::number
    [[nodiscard]] const std::string& name() const;  // of Op::symbol
    [[nodiscard]] std::uint32_t site() const;       // of random operations
    [[nodiscard]] std::span<const Expression> arguments() const;
    [[nodiscard]] bool is_number(double value) const;
    [[nodiscard]] const void* id() const { return node_.get(); }

    friend bool operator==(const Expression& a, const Expression& b) { return a.node_ == b.node_; }

    struct Node;

  private:
    explicit Expression(std::shared_ptr<const Node> node) : node_(std::move(node)) {}
    std::shared_ptr<const Node> node_;
    friend struct Interner;
};

[[nodiscard]] Expression operator+(const Expression& a, const Expression& b);
[[nodiscard]] Expression operator-(const Expression& a, const Expression& b);
[[nodiscard]] Expression operator*(const Expression& a, const Expression& b);
[[nodiscard]] Expression operator/(const Expression& a, const Expression& b);
[[nodiscard]] Expression operator-(const Expression& a);
[[nodiscard]] Expression apply(Op op, const Expression& a);
[[nodiscard]] Expression apply(Op op, const Expression& a, const Expression& b);
[[nodiscard]] Expression apply(Op op, const Expression& a, const Expression& b, const Expression& c);
[[nodiscard]] Expression pow(const Expression& base, const Expression& exponent);

// Text in the equation language, with the fewest parentheses that keep the meaning.
[[nodiscard]] std::string to_string(const Expression& expression);

// Names of the symbols in the expression, sorted.
[[nodiscard]] std::vector<std::string> symbols_of(const Expression& expression);
[[nodiscard]] bool depends_on(const Expression& expression, std::string_view symbol);
[[nodiscard]] bool has_random(const Expression& expression);

// Replaces symbols by expressions, simultaneously.
using Substitution = std::unordered_map<std::string, Expression>;
[[nodiscard]] Expression substitute(const Expression& expression, const Substitution& replacements);

// Rebuilds the expression bottom-up; `replace` may return something else for a node whose arguments are already rewritten.
[[nodiscard]] Expression rewrite(const Expression& expression,
                                 const std::function<std::optional<Expression>(const Expression&)>& replace);

// Value with libm in double precision. `value_of` gives the values of symbols. Random operations throw NumericalError.
[[nodiscard]] double evaluate(const Expression& expression, const std::function<double(const std::string&)>& value_of);

}  // namespace spikesmith

template <>
struct std::hash<spikesmith::Expression> {
    std::size_t operator()(const spikesmith::Expression& e) const noexcept { return std::hash<const void*>{}(e.id()); }
};
