// Builds straight-line code: equal values once, constants folded, sums and products ordered by how often their parts change.
//
// For the integration methods. `ProgramBuilder` makes instructions; `Lowering` translates expressions under an environment
// that says what each name is; `finish` contracts to fused multiply-adds and drops what nobody needs.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "spikesmith/numerics/update_program.hpp"

namespace spikesmith {

class ProgramBuilder {
  public:
    explicit ProgramBuilder(Code& code);  // knows what the code already has

    ValueId number(double value);
    ValueId source(Source kind, std::int32_t index, Stage stage, double number = 0,
                   ProgramType type = ProgramType::real);
    ValueId outer(ValueId value, const Instruction& instruction);  // a value of the enclosing code
    ValueId random(Op op, std::int32_t site, ValueId argument = no_value);
    ValueId matrix_entry(std::int32_t call, std::int32_t entry, Stage stage);
    ValueId apply(Op op, ValueId a, ValueId b = no_value, ValueId c = no_value);

    ValueId add(ValueId a, ValueId b) { return apply(Op::add, a, b); }
    ValueId subtract(ValueId a, ValueId b) { return apply(Op::subtract, a, b); }
    ValueId multiply(ValueId a, ValueId b) { return apply(Op::multiply, a, b); }
    ValueId select(ValueId condition, ValueId a, ValueId b) { return apply(Op::select, condition, a, b); }
    ValueId logical_and(ValueId a, ValueId b) { return apply(Op::logical_and, a, b); }

    // Signed terms and powers of factors. Parts that change less often are combined first, so that they can be computed less often.
    struct Term {
        ValueId value;
        bool negative = false;
    };
    struct Factor {
        ValueId value;
        int exponent = 1;
    };
    ValueId sum(std::span<const Term> terms);
    ValueId product(std::span<const Factor> factors);
    ValueId integer_power(ValueId base, int exponent);

    [[nodiscard]] const Instruction& at(ValueId value) const { return code_[static_cast<std::size_t>(value)]; }
    [[nodiscard]] Stage stage(ValueId value) const { return at(value).stage; }
    [[nodiscard]] bool is_number(ValueId value) const {
        return at(value).source == Source::operation && at(value).op == Op::number;
    }
    [[nodiscard]] bool is_number(ValueId value, double number) const {
        return is_number(value) && at(value).number == number;
    }

  private:
    ValueId intern(const Instruction& instruction);
    ValueId multiply_out(std::span<const Factor> factors);

    Code& code_;
    std::unordered_map<std::size_t, std::vector<ValueId>> known_;
};

// Translates expressions. The environment gives the value of a symbol; it may lower further expressions (subexpressions) through the
// Lowering it is handed.
//
// Sums and products are written out as monomials first: factors that never change or change once per parameter set are gathered
// and, where that costs nothing, carried into sums, so that as little as possible is left to compute in every step.
class Lowering {
  public:
    using Environment = std::function<ValueId(Lowering&, const std::string&)>;
    Lowering(ProgramBuilder& builder, Environment environment)
        : builder_(builder), environment_(std::move(environment)) {}

    ValueId value(const Expression& e);
    [[nodiscard]] ProgramBuilder& builder() { return builder_; }

  private:
    struct Monomial;
    using Sum = std::vector<Monomial>;
    Sum expand(const Expression& e);
    void multiply_in(Monomial& monomial, const Expression& e, int exponent);
    ValueId value_of(const Monomial& monomial);
    ValueId value_of(const Sum& sum);
    bool carry_into_sum(Monomial& monomial);
    [[nodiscard]] bool rarely_changes(const ProgramBuilder::Factor& factor) const;

    ProgramBuilder& builder_;
    Environment environment_;
    std::unordered_map<Expression, ValueId> done_;
};

// Exponentials of one value with slopes that are small multiples of each other, exp(n*x + c), become products of powers of one
// of them: see shared_exponentials.cpp. `roots` are values of the code that others hold; they are renumbered.
void share_exponentials(Code& code, const std::vector<ValueId*>& roots);

// exprel_near_0 instead of exprel for time constants that are long at usual voltages: see usual_arguments.cpp.
void choose_exprel(UpdateProgram& program);

// Contracts a*b + c to fused operations, removes unused instructions and unused time inputs, renumbers.
void finish(UpdateProgram& program);

}  // namespace spikesmith
