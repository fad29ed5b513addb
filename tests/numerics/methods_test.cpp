// Integration methods against closed forms and their theoretical order of convergence.
#include "spikesmith/numerics/methods.hpp"

#include <cmath>

#include "numerics/small_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/philox.hpp"

namespace spikesmith {
namespace {

using test::model_of;
using test::run;
using test::symbol;

const Expression x = symbol("x");
const Expression y = symbol("y");

// x' = x*(1 - x), x(0) = 0.1: x(t) = 1/(1 + 9*exp(-t))
Model logistic() {
    return model_of({{"x", x * (1.0 - x)}}, {0.1});
}
double logistic_error(const std::string& method, double dt) {
    const auto steps = std::lround(2 / dt);
    return std::fabs(run(logistic(), method, dt, steps).states[0] - 1 / (1 + 9 * std::exp(-2.0)));
}

struct Order {
    std::string method;
    double order;
};
class Convergence : public testing::TestWithParam<Order> {};

TEST_P(Convergence, HasItsOrder) {
    const double coarse = logistic_error(GetParam().method, 0.1), fine = logistic_error(GetParam().method, 0.05);
    EXPECT_NEAR(std::log2(coarse / fine), GetParam().order, 0.25) << coarse << " " << fine;
}

// x*(1 - x) is not linear: exponential Euler linearises at the old value, which is of second order for autonomous equations
INSTANTIATE_TEST_SUITE_P(Deterministic, Convergence,
                         testing::Values(Order{"euler", 1}, Order{"heun", 1}, Order{"milstein", 1}, Order{"rk2", 2},
                                         Order{"rk4", 4}, Order{"exponential_euler", 2}),
                         [](const auto& test) { return test.param.method; });

class Adaptive : public testing::TestWithParam<std::string> {};

TEST_P(Adaptive, MeetsItsToleranceWithLargeSteps) {
    const auto at = [](double tolerance, const std::string& method) {
        const auto program = integrate(logistic(), {.method = method,
                                                    .dt = 0.5,
                                                    .absolute_error = tolerance,
                                                    .relative_error = tolerance,
                                                    .max_adaptive_steps = 2000});
        return std::fabs(run(program, 4).states[0] - 1 / (1 + 9 * std::exp(-2.0)));
    };
    EXPECT_LT(at(1e-6, GetParam()), 5e-6);
    EXPECT_LT(at(1e-10, GetParam()), 2e-9) << "each step keeps the tolerance; their errors add up";
}

TEST_P(Adaptive, FollowsAFastTransientInsideOneStep) {
    const Model model = model_of({{"x", 2000.0 * (apply(Op::cos, symbol("t")) - x)}}, {0.0});
    const auto program = integrate(
        model,
        {.method = GetParam(), .dt = 0.01, .absolute_error = 1e-9, .relative_error = 1e-9, .max_adaptive_steps = 5000});
    const double t = 0.05, k = 2000;  // x = (k^2 cos t + k sin t)/(k^2 + 1) + transient that has died
    EXPECT_NEAR(run(program, 5).states[0], (k * k * std::cos(t) + k * std::sin(t)) / (k * k + 1), 1e-7);
}

TEST_P(Adaptive, GivesNaNWhenItNeedsTooManySteps) {
    const Model model = model_of({{"x", 1e9 * (apply(Op::cos, 1e9 * symbol("t")) - x)}}, {0.0});
    EXPECT_TRUE(
        std::isnan(run(integrate(model, {.method = GetParam(), .dt = 0.1, .max_adaptive_steps = 20}), 1).states[0]));
}

// dx/dt = 1 + x^2 and dy/dt = x: x = tan(t) and y = -log(cos(t)) since the last spike, infinite before the dt ends in which x passes 50.
TEST_P(Adaptive, EndsAtTheThresholdWhereTheSolutionBecomesInfinite) {
    auto model = model_of({{"x", 1.0 + symbol("x") * symbol("x")}, {"y", symbol("x")}}, {0.0, 0.0});
    model.threshold = apply(Op::greater, symbol("x"), 50.0);
    model.reset = {{.name = "x", .value = 0.0}};
    const auto program =
        integrate(model, {.method = GetParam(), .dt = 0.1, .outputs = {"x", "y"}, .max_adaptive_steps = 1000});
    const auto result = run(program, 100);
    EXPECT_EQ(result.spikes, (std::vector<std::int64_t>{15, 31, 47, 63, 79, 95}));
    double before = 0;
    for (std::size_t k = 0; k < 100; ++k) {
        const double t = 0.1 * static_cast<double>(k % 16);
        EXPECT_NEAR(result.outputs[k][0], std::tan(t), 1e-4 * (1 + std::tan(t)));
        if (k % 16 == 0) before = result.outputs[k][1];  // since the spike
        EXPECT_NEAR(result.outputs[k][1] - before, -std::log(std::cos(t)), 1e-4);
        if (k % 16 == 0 && k > 0) {
            const double passage = before - result.outputs[k - 1][1] - std::log(std::cos(1.5));
            EXPECT_GE(passage, std::log(std::sqrt(1 + 50.0 * 50.0)) - 1e-4);
            EXPECT_LT(passage, std::log(1e4)) << "soon after";
        }
    }
    model.threshold.reset();
    model.reset.clear();
    EXPECT_TRUE(std::isnan(run(integrate(model, {.method = GetParam(), .dt = 0.1}), 16).states[0]));
}

// Exponential integrate-and-fire with the default tolerance, against small steps of another method.
TEST_P(Adaptive, SpikesWhereTheExponentialBecomesInfinite) {
    const auto rate = 1.2 - symbol("v") + apply(Op::exp, (symbol("v") - 1.0) / 0.05) * 0.05;
    auto model = model_of({{"v", rate}}, {0.0});
    model.threshold = apply(Op::greater, symbol("v"), 1.2);
    model.reset = {{.name = "v", .value = 0.0}};
    const auto coarse = run(model, GetParam(), 0.05, 1000);
    const auto fine = run(model, "rk4", 1e-4, 40000);
    ASSERT_GE(coarse.spikes.size(), 5U);
    ASSERT_TRUE(std::isfinite(coarse.states[0]));
    // a reset waits for the end of its step, so one spike delays the next by up to a step
    EXPECT_EQ(coarse.spikes[0], static_cast<std::int64_t>(static_cast<double>(fine.spikes[0]) * 1e-4 / 0.05));
    for (std::size_t k = 1; k < coarse.spikes.size(); ++k)
        EXPECT_EQ(coarse.spikes[k] - coarse.spikes[k - 1], coarse.spikes[0] + 1);
}

// Past the threshold, but the solution stays finite: it only needs more steps than allowed.
TEST_P(Adaptive, GivesNaNWhenItNeedsTooManyStepsPastTheThreshold) {
    auto model = model_of({{"x", 1.0}, {"y", 1e5 * (apply(Op::cos, 1e3 * symbol("t")) - symbol("y"))}}, {0.0, 0.0});
    model.threshold = apply(Op::greater, symbol("x"), 1e-9);
    model.reset = {{.name = "x", .value = 0.0}};
    EXPECT_TRUE(std::isnan(run(integrate(model, {.method = GetParam(), .dt = 0.1}), 1).states[1]));
}

INSTANTIATE_TEST_SUITE_P(Pairs, Adaptive,
                         testing::Values("adaptive", "gsl", "gsl_rkf45", "gsl_rk2", "gsl_rk4", "gsl_rkck",
                                         "gsl_rk8pd"));

TEST(ExponentialEuler, IsExactForOneLinearEquation) {
    const Model model = model_of({{"x", (symbol("a") - x) / symbol("tau")}}, {2.0}, {"a", "tau"});
    const auto result = run(model, "exponential_euler", 0.5, 6, {5.0, 0.7});
    EXPECT_NEAR(result.states[0], 5 - 3 * std::exp(-3 / 0.7), 1e-14);
}

TEST(ExponentialEuler, HasNoDivisionByAVanishingRate) {
    const Model model = model_of({{"x", 3.0 - symbol("rate") * x}}, {1.0}, {"rate"});
    EXPECT_DOUBLE_EQ(run(model, "exponential_euler", 0.25, 4, {0.0}).states[0], 4.0);
    EXPECT_NEAR(run(model, "exponential_euler", 0.25, 4, {1e-14}).states[0], 4.0, 1e-12);
}

TEST(ExponentialEuler, DropsNoTerm) {  // a square beside a linear term
    const Model model = model_of({{"x", (x * x - 0.5 * x)}}, {0.2});
    double reference = 0.2;
    for (int k = 0; k < 100000; ++k) {
        const auto f = [](double v) { return v * v - 0.5 * v; };
        const double h = 1e-5, k1 = f(reference), k2 = f(reference + h / 2 * k1), k3 = f(reference + h / 2 * k2),
                     k4 = f(reference + h * k3);
        reference += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    EXPECT_NEAR(run(model, "exponential_euler", 0.001, 1000).states[0], reference, 1e-7);
}

TEST(ExponentialEuler, SplitsExponentialIntegrateAndFireAtTheLinearCoefficient) {
    const double v = 0.3, h = 0.1;  // v' = -2 v + exp(v): A = -2, B = exp(v) frozen
    const Model model = model_of({{"v", -2.0 * symbol("v") + apply(Op::exp, symbol("v"))}}, {v});
    const double a = -2, b = std::exp(v);
    EXPECT_NEAR(run(model, "exponential_euler", h, 1).states[0], -b / a + (v + b / a) * std::exp(a * h), 1e-15);
    EXPECT_THAT(integrate(model, {.method = "exponential_euler", .dt = h}).notes,
                testing::ElementsAre(testing::HasSubstr("frozen")));
}

TEST(Exact, SolvesOscillatorSingularDefectiveConstantAndZeroSystems) {
    const double h = 0.3;
    const auto oscillator = run(model_of({{"x", y / 2.0}, {"y", -2.0 * x}}, {1, 0}), "exact", h, 10);
    EXPECT_NEAR(oscillator.states[0], std::cos(3.0), 1e-13);
    EXPECT_NEAR(oscillator.states[1], -2 * std::sin(3.0), 1e-13);

    EXPECT_NEAR(run(model_of({{"x", 10.0}}, {1}), "exact", h, 10).states[0], 31, 1e-12);
    EXPECT_EQ(run(model_of({{"x", 0.0}}, {1}), "linear", h, 10).states[0], 1);

    // x' = y, y' = 2: singular and defective; x = 1 + 3 t + t^2
    const auto chain = run(model_of({{"x", y}, {"y", 2.0}}, {1, 3}), "exact", h, 10);
    EXPECT_NEAR(chain.states[0], 1 + 9 + 9, 1e-12);

    // equal time constants: y = exp(-t/tau), x = (t/tau) exp(-t/tau)
    const Model equal = model_of({{"x", (y - x) / symbol("a")}, {"y", -y / symbol("b")}}, {0, 1}, {"a", "b"});
    const auto result = run(equal, "exact", h, 10, {2.0, 2.0});
    EXPECT_NEAR(result.states[0], 1.5 * std::exp(-1.5), 1e-14);
    const auto near = run(equal, "exact", h, 10, {2.0, 2.0 * (1 + 1e-13)});
    EXPECT_NEAR(near.states[0], 1.5 * std::exp(-1.5), 1e-12);
}

TEST(Exact, RefusesWhatIsNotLinear) {
    try {
        (void)integrate(logistic(), {.method = "exact", .dt = 0.1});
        FAIL();
    } catch (const NumericalError& e) {
        EXPECT_THAT(e.what(), testing::HasSubstr("jointly linear"));
        EXPECT_THAT(e.diagnostic().hint, testing::HasSubstr("`rk4`"));
    }
}

TEST(Automatic, TakesTheFirstThatAccepts) {
    const Expression xi = symbol("xi");
    EXPECT_EQ(integrate(model_of({{"x", -x}}, {1}), {.dt = 0.1}).method, "exact");
    EXPECT_EQ(integrate(logistic(), {.dt = 0.1}).method, "euler");
    Model additive = model_of({{"x", -x + xi}}, {1});
    additive.noise = {"xi"};
    EXPECT_EQ(integrate(additive, {.dt = 0.1}).method, "euler");
    Model multiplicative = model_of({{"x", -x + x * xi}}, {1});
    multiplicative.noise = {"xi"};
    EXPECT_EQ(integrate(multiplicative, {.dt = 0.1}).method, "heun");
    EXPECT_THAT(integrate(logistic(), {.dt = 0.1}).notes, testing::Contains(testing::HasSubstr("no method was given")));
    EXPECT_THROW((void)integrate(multiplicative, {.method = "euler", .dt = 0.1}), NumericalError);
    EXPECT_THROW((void)integrate(additive, {.method = "rk4", .dt = 0.1}), NumericalError);
    EXPECT_THROW((void)integrate(logistic(), {.method = "rk5", .dt = 0.1}), ConfigError);
    EXPECT_THROW((void)integrate(logistic(), {.method = "rk4", .dt = 0}), ConfigError);
    EXPECT_EQ(integrate(logistic(), {.method = "RK4", .dt = 0.1}).method, "rk4");
}

TEST(Noise, MustEnterLinearly) {
    const Expression xi = symbol("xi");
    Model square = model_of({{"x", -x + xi * xi}}, {1});
    square.noise = {"xi"};
    EXPECT_THROW((void)integrate(square, {.dt = 0.1}), NumericalError);
    Model shared = model_of({{"x", -x + x * xi}, {"y", -y + y * xi}}, {1, 1});
    shared.noise = {"xi"};
    EXPECT_THROW((void)integrate(shared, {.method = "milstein", .dt = 0.1}), NumericalError);
    EXPECT_EQ(integrate(shared, {.method = "heun", .dt = 0.1}).method, "heun");
}

// dx = s x o dW (Stratonovich) has the solution x0 exp(s W): both schemes must follow the path of their own increments.
double strong_error(const std::string& method, int steps) {
    const double sigma = 0.5, dt = 1.0 / steps;
    Model model = model_of({{"x", sigma * x * symbol("xi")}}, {1});
    model.noise = {"xi"};
    const auto program = integrate(model, {.method = method, .dt = dt});
    std::int32_t site = -1;
    for (const auto& i : program.step) {
        if (i.source == Source::operation && i.op == Op::normal) site = i.index;
    }
    double total = 0;
    constexpr int paths = 200;
    for (std::uint32_t path = 0; path < paths; ++path) {
        double w = 0;
        for (int k = 0; k < steps; ++k) {
            w += std::sqrt(dt) * math::normal({.seed = 7,
                                               .step = static_cast<std::uint32_t>(k),
                                               .sample = path,
                                               .trace = 0,
                                               .site = static_cast<std::uint32_t>(site)});
        }
        const double end = run(program, steps, {}, {}, {.seed = 7, .random_sample = path}).states[0];
        total += std::fabs(end - std::exp(sigma * w));
    }
    return total / paths;
}

TEST(Noise, StratonovichSchemesConvergeStronglyWithOrderOne) {
    for (const std::string method : {"heun", "milstein"}) {
        const double coarse = strong_error(method, 20), fine = strong_error(method, 80);
        EXPECT_NEAR(std::log2(coarse / fine) / 2, 1.0, 0.25) << method << ": " << coarse << ", " << fine;
    }
}

TEST(
    Noise,
    AdditiveEulerHasTheVarianceOfTheProcess) {  // Ornstein-Uhlenbeck: stationary variance sigma^2/(2 theta), with the factor of the scheme
    Model model = model_of({{"x", -x + symbol("xi")}}, {0});
    model.noise = {"xi"};
    const double dt = 0.1;
    const auto program = integrate(model, {.method = "euler", .dt = dt, .outputs = {"x"}});
    double sum = 0, square = 0;
    int n = 0;
    for (std::uint32_t path = 0; path < 40; ++path) {
        const auto result = run(program, 600, {}, {}, {.seed = 3, .random_sample = path});
        for (std::size_t k = 100; k < 600; ++k) {
            sum += result.outputs[k][0];
            square += result.outputs[k][0] * result.outputs[k][0];
            ++n;
        }
    }
    const double expected = dt / (1 - (1 - dt) * (1 - dt));
    EXPECT_NEAR(square / n - std::pow(sum / n, 2), expected, 0.05 * expected);  // about 3 standard errors
}

}  // namespace
}  // namespace spikesmith
