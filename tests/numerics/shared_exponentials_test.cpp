// Exponentials that share their work: the same numbers from fewer calls.
#include <algorithm>
#include <cmath>

#include "numerics/small_models.hpp"
#include <gtest/gtest.h>

namespace spikesmith::test {
namespace {

constexpr double dt = 0.125;

Expression e_to(const Expression& x) {
    return apply(Op::exp, x);
}

Expression rate(const Expression& x) {
    return apply(Op::x_over_expm1, x);
}

std::ptrdiff_t count(const Code& code, Op op) {
    return std::ranges::count_if(code,
                                 [&](const Instruction& i) { return i.source == Source::operation && i.op == op; });
}

// dv/dt = 1 from `start`; each of the others integrates a function of v by Euler steps, so that its first change is dt times the function.
UpdateProgram program_of(const std::vector<Expression>& functions, double start) {
    std::vector<std::pair<std::string, Expression>> derivatives{{"v", Expression(1)}};
    std::vector<double> initial{start};
    for (std::size_t k = 0; k < functions.size(); ++k) {
        derivatives.emplace_back("y" + std::to_string(k), functions[k]);
        initial.push_back(0);
    }
    return integrate(model_of(derivatives, initial), {.method = "euler", .dt = dt});
}

double function_value(const UpdateProgram& program, std::size_t k) {
    return run(program, 1).states[k + 1] / dt;
}

const Expression v = symbol("v");

// slopes 1/40, 1/5, -1/5, 1/4 around v = 0, as the rates of a Hodgkin-Huxley model have them
const std::vector<Expression> rates{
    e_to((v + 10) / 40), e_to((v - 40) / 5), rate((v + 15) / 5), rate((v - 40) / -5), rate((v + 13) / 4),
};
double exact(std::size_t k, double x) {
    const auto expm1_rate = [](long double y) { return y == 0 ? 1 : y / std::expm1(y); };
    const long double at = x;
    switch (k) {
        case 0:
            return static_cast<double>(std::exp((at + 10) / 40));
        case 1:
            return static_cast<double>(std::exp((at - 40) / 5));
        case 2:
            return static_cast<double>(expm1_rate((at + 15) / 5));
        case 3:
            return static_cast<double>(expm1_rate((at - 40) / -5));
        default:
            return static_cast<double>(expm1_rate((at + 13) / 4));
    }
}

TEST(SharedExponentials, OneCallDoesForAllMultiplesOfASlope) {
    const UpdateProgram program = program_of(rates, 0);
    EXPECT_EQ(count(program.step, Op::exp), 1);
    EXPECT_EQ(count(program.step, Op::exp_given), 2);
    EXPECT_EQ(count(program.step, Op::x_over_expm1), 0);
    EXPECT_EQ(count(program.step, Op::x_over_expm1_given), 3);
}

TEST(SharedExponentials, AreAsAccurateAsTheirPowersAllow) {
    double worst = 0;
    for (double x = -3000; x < 3000; x += 3.7) {
        const UpdateProgram program = program_of(rates, x);
        for (std::size_t k = 0; k < rates.size(); ++k) {
            const double expected = exact(k, x);
            if (std::fabs(expected) < 1e-290) continue;  // subnormal parts
            const double argument = std::fabs(x - 40) / 4;
            worst = std::max(worst, std::fabs(function_value(program, k) / expected - 1) / (45 + 2 * argument));
        }
    }
    EXPECT_LT(worst, 0x1p-53);
    EXPECT_GT(worst, 0);
}

TEST(SharedExponentials, NothingIsLostWhereTheQuotientIsZeroOverZero) {
    for (const double distance : {0.0, 1e-300, 1e-12, 1e-6, 1e-3, 0.06, -1e-9, -0.06}) {
        for (std::size_t k = 2; k < rates.size(); ++k) {
            const double zero = k == 2 ? -15 : k == 3 ? 40 : -13;
            const double x = zero + distance;
            EXPECT_NEAR(function_value(program_of(rates, x), k) / exact(k, x), 1, 0x1p-48) << k << " " << distance;
        }
    }
}

TEST(SharedExponentials, LittleIsLostBesideZeroOverZero) {
    double worst = 0;  // where y/(exp(y) - 1) is a quotient of what is known already, for y beyond 1/64: times y
    for (std::size_t k = 2; k < rates.size(); ++k) {
        const double zero = k == 2 ? -15 : k == 3 ? 40 : -13;
        for (int n = 0; n < 400; ++n) {
            const double distance = 0.08 + n * 0.006;
            const double x = zero + (n % 2 == 0 ? 1 : -1) * distance;
            const double error = function_value(program_of(rates, x), k) / exact(k, x) - 1;
            worst = std::max(worst, std::fabs(error) * distance / 4);
        }
    }
    EXPECT_LT(worst, 32 * 0x1p-53);
    EXPECT_GT(worst, 0);
}

TEST(SharedExponentials, InfinitiesAndNotANumberStayWhatTheyAre) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    const UpdateProgram high = program_of(rates, 1e5), low = program_of(rates, -1e5);
    for (const std::size_t k : {0, 1}) {
        EXPECT_EQ(function_value(high, k), inf);
        EXPECT_EQ(function_value(low, k), 0);
    }
    EXPECT_EQ(function_value(high, 2), 0);
    EXPECT_EQ(function_value(low, 2), -(-1e5 + 15) / 5);
    EXPECT_EQ(function_value(low, 3), 0);
    EXPECT_EQ(function_value(high, 3), (1e5 - 40) / 5);
    const UpdateProgram not_a_number = program_of(rates, std::nan(""));
    for (std::size_t k = 0; k < rates.size(); ++k) EXPECT_TRUE(std::isnan(function_value(not_a_number, k)));
}

TEST(SharedExponentials, OthersStayAlone) {
    // slopes without a common measure, offsets that would lose digits, powers that are too high, different arguments
    EXPECT_EQ(count(program_of({e_to(v / 3), e_to(v / 7)}, 0).step, Op::exp), 2);
    EXPECT_EQ(count(program_of({e_to(v), e_to(v + 40)}, 0).step, Op::exp), 2);
    EXPECT_EQ(count(program_of({e_to(v), e_to(17 * v)}, 0).step, Op::exp), 2);
    EXPECT_EQ(count(program_of({e_to(v), e_to(-v)}, 0).step, Op::exp), 2);
    EXPECT_EQ(count(program_of({e_to(v), e_to(2 * symbol("y0"))}, 0).step, Op::exp), 2);
    EXPECT_EQ(count(program_of({e_to(v), e_to(16 * v)}, 0).step, Op::exp), 1);
}

}  // namespace
}  // namespace spikesmith::test
