// The linearised computational graph of straight-line code: values as vertices, derivatives of operations as weights of the edges.
//
// For `tangents` and `adjoint`. Weights are values of the code itself, so what the code computes is shared with its derivative.
// A. Griewank and A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {

// A condition, possibly negated; no_value: always true.
struct Mask {
    ValueId condition = no_value;
    bool negated = false;

    friend bool operator==(const Mask&, const Mask&) = default;
    [[nodiscard]] bool always() const { return condition == no_value; }
    [[nodiscard]] bool excludes(const Mask& other) const {
        return condition != no_value && condition == other.condition && negated != other.negated;
    }
};

// Derivative of one value by another: coefficient * factor where the mask holds; elsewhere 0, even if the factor is not finite there,
// so that a branch that was not taken does no harm. Coefficients of a chain become one number.
struct Weight {
    Mask mask{};
    double coefficient = 1;     // neither 0 nor subnormal
    ValueId factor = no_value;  // no_value: 1

    // of a product with it: none, but for the coefficient
    [[nodiscard]] bool is_number() const { return mask.always() && factor == no_value; }
};

// Can the value change smoothly with its argument number `argument`? Throws NumericalError for operations that have no derivative
// here (those that are derivatives themselves).
[[nodiscard]] bool has_derivative(const Instruction& instruction, std::size_t argument);

// The derivative of `value` by its argument `k`, of those that have one.
[[nodiscard]] Weight partial_derivative(ProgramBuilder& b, ValueId value, std::size_t k);

[[nodiscard]] Weight product(ProgramBuilder& builder, const Weight& outer, const Weight& inner);
[[nodiscard]] Weight sum(ProgramBuilder& b, const Weight& first, const Weight& second);

// sum of weight * value; 0 without terms.
struct WeightedValue {
    Weight weight;
    ValueId value = no_value;
};
[[nodiscard]] ValueId weighted_sum(ProgramBuilder& builder, const std::vector<WeightedValue>& terms);

class LinearisedGraph {
  public:
    // Edges between those of the first active.size() values that are active.
    LinearisedGraph(ProgramBuilder& builder, const std::vector<bool>& active);

    using Edges = std::map<ValueId, Weight>;  // other end -> weight
    [[nodiscard]] const Edges& into(ValueId v) const { return into_[static_cast<std::size_t>(v)]; }
    [[nodiscard]] const Edges& out_of(ValueId v) const { return out_of_[static_cast<std::size_t>(v)]; }

    // Removes vertices that are not `kept`, weights of paths multiplied out, while that makes it cheaper to carry `directions[v]`
    // tangents through every vertex v: each time the vertex that saves most.
    void eliminate(const std::vector<bool>& kept, const std::vector<int>& directions);

    // Calls for every vertex that is left, in the order of computation.
    [[nodiscard]] const std::vector<ValueId>& vertices() const { return vertices_; }

  private:
    void remove(ValueId v);
    [[nodiscard]] int saving(ValueId v, const std::vector<int>& directions) const;

    ProgramBuilder& builder_;
    std::vector<Edges> into_, out_of_;
    std::vector<ValueId> vertices_;
};

}  // namespace spikesmith
