// Which exprel have arguments near 0, where a shorter polynomial does: the time step in units of the time constant of a slow process,
// such as most gates are. It is a guess, from the voltages that neurons have; elsewhere exprel_near_0 is exprel.
#include <optional>
#include <set>
#include <vector>

#include "spikesmith/math/elementary.hpp"
#include "spikesmith/numerics/apply.hpp"
#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {
namespace {

using Scalar = math::ScalarOperations<double>;

std::size_t index_of(ValueId value) {
    return static_cast<std::size_t>(value);
}

// A function of one state: the values it takes to compute it, in order.
struct FunctionOfState {
    std::int32_t state = -1;
    std::vector<ValueId> values;
};

std::optional<FunctionOfState> as_function_of_state(const Code& code, ValueId value) {
    FunctionOfState function;
    std::set<ValueId> needed{value};
    while (!needed.empty()) {
        const ValueId last = *needed.rbegin();
        needed.erase(last);
        function.values.insert(function.values.begin(), last);
        const Instruction& i = code[index_of(last)];
        if (i.source == Source::state && (function.state < 0 || function.state == i.index)) {
            function.state = i.index;
            continue;
        }
        const bool random = i.op == Op::uniform || i.op == Op::normal || i.op == Op::poisson;
        if (i.source != Source::fused && (i.source != Source::operation || random)) return std::nullopt;
        for (const ValueId a : i.args) {
            if (a != no_value) needed.insert(a);
        }
    }
    if (function.state < 0) return std::nullopt;
    return function;
}

double value_at(const Code& code, const FunctionOfState& function, double state) {
    const Scalar scalar;
    std::vector<PolicyValue<Scalar>> values(index_of(function.values.back()) + 1, 0.0);
    for (const ValueId v : function.values) {
        const Instruction& i = code[index_of(v)];
        const auto argument = [&](std::size_t k) {
            return i.args[k] == no_value ? PolicyValue<Scalar>(0.0) : values[index_of(i.args[k])];
        };
        if (i.source == Source::state) {
            values[index_of(v)] = state;
        } else if (i.source == Source::fused) {
            values[index_of(v)] =
                scalar.fma(as_real(scalar, argument(0)), as_real(scalar, argument(1)), as_real(scalar, argument(2)));
        } else if (i.op == Op::number) {
            values[index_of(v)] = i.number;
        } else {
            values[index_of(v)] = apply_operation(scalar, i.op, argument(0), argument(1), argument(2));
        }
    }
    return as_real(scalar, values.back());
}

// Between these are nearly all values of a state that is a voltage or the open fraction of a gate.
struct UsualRange {
    double low = 0, high = 0;
};

std::optional<UsualRange> usual_range(const ProgramState& state) {
    if (state.dimension == dimensions::volt) return UsualRange{-0.1, 0.06};
    if (state.dimension == Dimension{}) return UsualRange{0, 1};
    return std::nullopt;
}

bool usually_near_0(const UpdateProgram& program, ValueId argument) {
    const auto function = as_function_of_state(program.step, argument);
    if (!function) return false;
    const auto range = usual_range(program.states[static_cast<std::size_t>(function->state)]);
    if (!range) return false;
    constexpr int points = 33;
    for (int k = 0; k < points; ++k) {
        const double x = value_at(program.step, *function, range->low + (range->high - range->low) * k / (points - 1));
        if (!(x >= -0.0625 && x <= 0)) return false;
    }
    return true;
}

}  // namespace

void choose_exprel(UpdateProgram& program) {
    for (Instruction& i : program.step) {
        if (i.source == Source::operation && i.op == Op::exprel && usually_near_0(program, i.args[0]))
            i.op = Op::exprel_near_0;
    }
}

}  // namespace spikesmith
