// Every operation of a program, compiled for every width and precision, against the same elementary functions on plain numbers.
#include <limits>
#include <random>

#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>

#include "spikesmith/numerics/apply.hpp"

namespace spikesmith {
namespace {

using test::Experiment;
using test::ProgramWriter;

const std::vector<Op>& program_operations() {
    static const std::vector<Op> all{Op::add,           Op::subtract,
                                     Op::multiply,      Op::divide,
                                     Op::negate,        Op::power,
                                     Op::floor_divide,  Op::modulo,
                                     Op::less,          Op::less_equal,
                                     Op::greater,       Op::greater_equal,
                                     Op::equal,         Op::not_equal,
                                     Op::logical_and,   Op::logical_or,
                                     Op::logical_not,   Op::select,
                                     Op::exp,           Op::expm1,
                                     Op::exprel,        Op::log,
                                     Op::log10,         Op::log1p,
                                     Op::sqrt,          Op::sin,
                                     Op::cos,           Op::tan,
                                     Op::sinh,          Op::cosh,
                                     Op::tanh,          Op::arcsin,
                                     Op::arccos,        Op::arctan,
                                     Op::arcsinh,       Op::arccosh,
                                     Op::arctanh,       Op::arctan2,
                                     Op::floor,         Op::ceil,
                                     Op::abs,           Op::sign,
                                     Op::truncate,      Op::minimum,
                                     Op::maximum,       Op::x_over_expm1,
                                     Op::exprel_slope,  Op::x_over_expm1_slope,
                                     Op::exprel_near_0, Op::exprel_near_0_slope};
    return all;
}

// Three arguments for each lane: special values against each other, then random magnitudes over the whole range.
std::vector<std::vector<double>> arguments(bool single) {
    const double smallest = single ? 0x1p-149 : 0x1p-1074, normal = single ? 0x1p-126 : 0x1p-1022,
                 largest = single ? 0x1.fffffep127 : 0x1.fffffffffffffp1023;
    const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    const std::vector<double> special{0.0,      -0.0,    1,       -1,       0.5, -2,     3,       1e-9,
                                      smallest, -normal, largest, -largest, inf, -inf,   nan,     0.7,
                                      88.5,     -104,    709.5,   -745,     1e5, 0x1p31, -0x1p52, 1e22};
    std::vector<std::vector<double>> out;
    for (const double a : special) {
        for (const double b : special) out.push_back({a, b, a - b});
    }
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> mantissa(-2, 2), small(-8, 8),
        wide(single ? -149 : -1074, single ? 127 : 1023);
    for (int n = 0; n < 400; ++n) {
        const auto magnitude = [&](double exponent) {
            return std::ldexp(mantissa(random), static_cast<int>(exponent));
        };
        if (n % 2 == 0)
            out.push_back({magnitude(small(random)), magnitude(small(random)), magnitude(small(random))});
        else
            out.push_back({magnitude(wide(random)), magnitude(wide(random)), magnitude(wide(random))});
    }
    if (single) {
        for (auto& lane : out) {
            for (double& x : lane) x = static_cast<double>(static_cast<float>(x));
        }
    }
    return out;
}

template <class Float>
double expected(Op op, const std::vector<double>& x) {
    using B = math::ScalarOperations<Float>;
    const B b;
    const auto value = [&](std::size_t n) { return PolicyValue<B>(std::in_place_index<0>, static_cast<Float>(x[n])); };
    return static_cast<double>(as_real(b, apply_operation(b, op, value(0), value(1), value(2))));
}

UpdateProgram all_operations(const std::vector<ValueId>& x, ProgramWriter& w) {
    for (const Op op : program_operations()) {
        const int n = arity(op);
        w.output(w.apply(op, x[0], n > 1 ? x[1] : no_value, n > 2 ? x[2] : no_value));
    }
    w.output(w.fused(x[0], x[1], x[2]));
    return w.program;
}

template <class Float>
void compare(const std::vector<std::vector<double>>& x, const std::vector<double>& computed, std::size_t o,
             const std::string& what) {
    const auto& operations = program_operations();
    for (std::size_t l = 0; l < x.size(); ++l) {
        const double value =
            o < operations.size()
                ? expected<Float>(operations[o], x[l])
                : static_cast<double>(
                      std::fma(static_cast<Float>(x[l][0]), static_cast<Float>(x[l][1]), static_cast<Float>(x[l][2])));
        ASSERT_TRUE(test::same_bits(value, computed[l]))
            << what << " " << (o < operations.size() ? op_name(operations[o]) : "fma") << "(" << std::hexfloat
            << x[l][0] << ", " << x[l][1] << ", " << x[l][2] << "): " << value << " expected, " << computed[l]
            << " computed";
    }
}

template <class Float>
void check_lanes() {
    ProgramWriter w;
    const std::vector<ValueId> x{w.parameter(), w.parameter(), w.parameter()};
    const UpdateProgram program = all_operations(x, w);
    Experiment e;
    e.parameters = arguments(sizeof(Float) == 4);
    e.steps = 1;
    for (const int width : available_widths()) {
        const auto out = test::run_kernel<Float>(program, e, {.width = width, .disk_cache = false});
        for (std::size_t o = 0; o < program.outputs.size(); ++o) {
            compare<Float>(e.parameters, out.outputs[0][o], o, fmt::format("width {}", width));
            if (testing::Test::HasFatalFailure()) return;
        }
    }
}

TEST(Operations, GiveTheSameBitsInEveryWidth) {
    check_lanes<double>();
}

TEST(Operations, GiveTheSameBitsInEveryWidthInSinglePrecision) {
    check_lanes<float>();
}

TEST(Operations, GiveTheSameBitsWhereAllLanesShareTheArguments) {
    ProgramWriter w;
    const std::vector<ValueId> x{w.time_input(), w.time_input(), w.time_input()};
    const UpdateProgram program = all_operations(x, w);
    Experiment e;
    e.parameters = {{}, {}};
    e.time_inputs = arguments(false);
    e.steps = static_cast<std::int64_t>(e.time_inputs.size());
    for (const int width : {available_widths().front(), 1}) {
        const auto out = test::run_kernel(program, e, {.width = width, .disk_cache = false});
        for (std::size_t o = 0; o < program.outputs.size(); ++o) {
            std::vector<double> computed;
            for (const auto& step : out.outputs) computed.push_back(step[o][1]);
            compare<double>(e.time_inputs, computed, o, fmt::format("scalar code, width {}", width));
            if (testing::Test::HasFatalFailure()) return;
        }
    }
}

}  // namespace
}  // namespace spikesmith
