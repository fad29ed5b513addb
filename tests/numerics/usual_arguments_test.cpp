// exprel with the shorter polynomial, where the time step is short beside a time constant at all usual voltages.
#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/tangents.hpp"

namespace spikesmith::test {
namespace {

// A membrane that relaxes with the free conductance, and a gate whose rate grows with v: 0.5/ms at 60 mV times `speed`.
UpdateProgram gate(double dt, const std::string& speed, const std::string& v_unit = "volt") {
    const std::string per_volt = v_unit == "volt" ? "/(10*mV)" : "/10";
    const std::string equations = "dv/dt = -g*v/(200*pF) : " + v_unit + "\ndn/dt = rate*(1 - n) : 1\nrate = " + speed +
                                  "*0.5*exp(v" + per_volt + " - 6)/ms : Hz\ng : siemens (constant)";
    return integrate(parse_brian({.equations = {"gate", equations}}),
                     {.method = "exponential_euler", .dt = dt, .outputs = {"n"}, .parameters = {"g"}});
}

std::ptrdiff_t count(const UpdateProgram& program, Op op) {
    return std::ranges::count_if(program.step,
                                 [&](const Instruction& i) { return i.source == Source::operation && i.op == op; });
}

TEST(UsualArguments, SlowGatesTakeTheShortPolynomial) {
    EXPECT_EQ(count(gate(1e-4, "1"), Op::exprel_near_0), 1);  // 0.05 of a time constant at most
    EXPECT_EQ(count(gate(1e-4, "1"), Op::exprel), 1);         // that of v depends on a parameter
    EXPECT_EQ(count(gate(1e-4, "1.3"), Op::exprel_near_0), 0);
    EXPECT_EQ(count(gate(1e-5, "1.3"), Op::exprel_near_0), 1);
    EXPECT_EQ(count(gate(1e-4, "1", "1"), Op::exprel_near_0), 1);  // from 0 to 1, not in volt
    EXPECT_EQ(count(gate(1e-4, "1000", "1"), Op::exprel_near_0), 0);
    EXPECT_EQ(count(gate(1e-4, "g/(1*nS)"), Op::exprel_near_0), 0);
}

TEST(UsualArguments, DerivativesShareTheWork) {
    const UpdateProgram program = with_tangents(gate(1e-4, "1"), {.parameters = {"g"}});
    EXPECT_EQ(count(program, Op::exprel_near_0), 1);
    EXPECT_EQ(count(program, Op::exprel_near_0_slope), 1);
    EXPECT_EQ(count(program, Op::exprel), 1);
    EXPECT_EQ(count(program, Op::exprel_slope), 1);
}

}  // namespace
}  // namespace spikesmith::test
