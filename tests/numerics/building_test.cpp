// The pieces under the methods: code building, fused operations, embedded pairs, the matrix exponential.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "spikesmith/numerics/embedded_pairs.hpp"
#include "spikesmith/numerics/matrix_exponential.hpp"
#include "spikesmith/numerics/program_builder.hpp"

namespace spikesmith {
namespace {

int count(const Code& code, Source source, Op op) {
    int n = 0;
    for (const auto& i : code) n += i.source == source && (source != Source::operation || i.op == op) ? 1 : 0;
    return n;
}

TEST(ProgramBuilder, CombinesWhatChangesLeastFirst) {
    Code code;
    ProgramBuilder b(code);
    const ValueId state = b.source(Source::state, 0, Stage::step),
                  parameter = b.source(Source::parameter, 0, Stage::parameter);
    const std::vector<ProgramBuilder::Factor> factors{
        {state, 1}, {parameter, 1}, {b.number(4), -1}, {state, 2}, {parameter, -2}};
    const ValueId product = b.product(factors);
    EXPECT_EQ(b.stage(product), Stage::step);
    for (const auto& i : code) {
        const bool division = i.source == Source::operation && i.op == Op::divide;
        EXPECT_TRUE(!division || i.stage == Stage::parameter) << "divisions happen once per parameter set";
    }
    int step_products = 0;
    for (const auto& i : code)
        step_products += i.op == Op::multiply && i.source == Source::operation && i.stage == Stage::step ? 1 : 0;
    EXPECT_EQ(step_products, 3) << "state**3 in two, times the rest";
}

TEST(ProgramBuilder, ComputesEqualValuesOnceAndFoldsNumbers) {
    Code code;
    ProgramBuilder b(code);
    const ValueId x = b.source(Source::state, 0, Stage::step), y = b.source(Source::state, 1, Stage::step);
    EXPECT_EQ(b.add(x, y), b.add(y, x));
    EXPECT_EQ(b.apply(Op::power, x, b.number(3)), b.multiply(b.multiply(x, x), x));
    EXPECT_TRUE(b.is_number(b.apply(Op::exp, b.number(0)), 1));
    EXPECT_EQ(b.apply(Op::negate, b.apply(Op::negate, x)), x);
    EXPECT_EQ(b.at(b.apply(Op::divide, x, b.number(4))).op, Op::multiply);
}

TEST(Finish, ContractsLoneProductsOnly) {
    UpdateProgram program;
    ProgramBuilder b(program.step);
    ProgramBuilder init(program.init);
    const ValueId x = b.source(Source::state, 0, Stage::step), y = b.source(Source::state, 1, Stage::step);
    const ValueId product = b.multiply(x, y);
    program.states = {{.name = "x", .next = b.add(product, b.number(1)), .initial = init.number(0)},
                      {.name = "y", .next = b.subtract(b.multiply(y, y), x), .initial = init.number(0)},
                      {.name = "z", .next = b.multiply(product, product), .initial = init.number(0)}};
    finish(program);
    EXPECT_EQ(count(program.step, Source::fused, Op::add), 1) << "x*y has two uses";
    EXPECT_EQ(count(program.step, Source::operation, Op::multiply), 2);
}

class Pair : public testing::TestWithParam<AdaptiveSolve::Tableau> {};

TEST_P(Pair, SatisfiesItsOrderConditions) {
    const auto& p = embedded_pair(GetParam());
    double error_sum = 0;
    for (std::size_t i = 0; i < p.stages(); ++i) {
        double row = 0;
        for (const double a : p.matrix[i]) row += a;
        EXPECT_NEAR(row, p.nodes[i], 2e-15 * 100) << "stage " << i;
        error_sum += p.error_weights[i];
    }
    EXPECT_NEAR(error_sum, 0, 1e-13);
    for (int q = 1; q <= p.order; ++q) {  // quadrature of t^(q-1)
        double sum = 0;
        for (std::size_t i = 0; i < p.stages(); ++i) sum += p.weights[i] * std::pow(p.nodes[i], q - 1);
        EXPECT_NEAR(sum, 1.0 / q, 1e-12) << "condition " << q;
    }
    double tall = 0;  // b A c = 1/6
    for (std::size_t i = 0; i < p.stages(); ++i) {
        for (std::size_t j = 0; j < p.matrix[i].size(); ++j) tall += p.weights[i] * p.matrix[i][j] * p.nodes[j];
    }
    EXPECT_NEAR(tall, 1.0 / 6, 1e-12);
}

INSTANTIATE_TEST_SUITE_P(All, Pair,
                         testing::Values(AdaptiveSolve::Tableau::fehlberg45, AdaptiveSolve::Tableau::cash_karp45,
                                         AdaptiveSolve::Tableau::bogacki_shampine23,
                                         AdaptiveSolve::Tableau::dormand_prince54,
                                         AdaptiveSolve::Tableau::dormand_prince87));

TEST(MatrixExponential, AgreesWithClosedForms) {
    double e[9];
    const double rotation[]{0, -2, 2, 0};
    matrix_exponential(2, rotation, e);
    EXPECT_NEAR(e[0], std::cos(2.0), 1e-15);
    EXPECT_NEAR(e[1], -std::sin(2.0), 1e-15);
    const double defective[]{3, 1, 0, 0, 3, 1, 0, 0, 3};
    matrix_exponential(3, defective, e);
    EXPECT_NEAR(e[1] / std::exp(3.0), 1, 1e-14);
    EXPECT_NEAR(e[2] / std::exp(3.0), 0.5, 1e-14);
    const double stiff[]{-1000, 1, 0, -1};
    matrix_exponential(2, stiff, e);
    EXPECT_NEAR(e[3], std::exp(-1.0), 1e-13);
    EXPECT_NEAR(e[1], (std::exp(-1.0) - std::exp(-1000.0)) / 999, 1e-15);
    const double broken[]{std::numeric_limits<double>::quiet_NaN(), 0, 0, 1};
    matrix_exponential(2, broken, e);
    EXPECT_TRUE(std::isnan(e[3]));
}

}  // namespace
}  // namespace spikesmith
