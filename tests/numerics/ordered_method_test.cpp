// The update formula of every method of ANNarchy's language, and what happens around it, against straight code in doubles.
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "numerics/annarchy_runs.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/philox.hpp"

namespace spikesmith {
namespace {

using test::run_annarchy;
using testing::ElementsAre;

constexpr double h = 0.25;  // ms
constexpr std::size_t steps = 40;

AnnarchyNeuronText rate_neuron(const std::string& equations, const std::string& parameters = {}) {
    return {.parameters = {"parameters", parameters}, .equations = {"equations", equations + "\nr = 0"}};
}

// Runs both and compares the variables after each step.
template <std::size_t n>
void expect_same(const AnnarchyNeuronText& text, const std::array<std::string, n>& names, std::array<double, n> state,
                 const std::function<void(std::array<double, n>&, double)>& step, double tolerance = 1e-13) {
    const auto run = run_annarchy(text, h, steps);
    for (std::size_t k = 0; k < steps; ++k) {
        step(state, h * static_cast<double>(k));
        for (std::size_t s = 0; s < n; ++s) {
            ASSERT_NEAR(run.at(names[s], k), state[s], tolerance * std::max(1.0, std::fabs(state[s])))
                << names[s] << " after step " << k;
        }
    }
}

// ---- one equation ----

using One = std::array<double, 1>;

struct Standard {
    std::string equation;                        // of x
    std::function<double(double, double)> rate;  // 1/tau at x and t
    std::function<double(double, double)> rest;  // S/tau
    std::string name;
};

const std::vector<Standard>& standard_forms() {
    static const std::vector<Standard> forms{
        {"3*dx/dt + x = 2", [](double, double) { return 1 / 3.0; }, [](double, double) { return 2 / 3.0; },
         "relaxation"},
        {"2*dx/dt - 1 = -(1 + t/10)*x + sin(t)", [](double, double t) { return (1 + t / 10) / 2; },
         [](double, double t) { return (std::sin(t) + 1) / 2; }, "rate_that_changes"},
        {"dx/dt = (1.5 - x)*0.3 + 0.2*(1 - x)", [](double, double) { return 0.5; }, [](double, double) { return 0.65; },
         "collected"},
        {"dx/dt = -x/(1 + x) + 0.4", [](double x, double) { return 1 / (1 + x); }, [](double, double) { return 0.4; },
         "quotient"},
        {"dx/dt = 0.4 - x*exp(x)", [](double x, double) { return std::exp(x); }, [](double, double) { return 0.4; },
         "product"},
        {"dx/dt = -2*x + exp(-x) + pos(x - 0.3)", [](double, double) { return 2.0; },
         [](double x, double) { return std::exp(-x) + std::max(x - 0.3, 0.0); }, "functions_stay_in_the_rest"},
        {"dx/dt = if x > 0.5: 1 - 3*x else: 2 - x", [](double x, double) { return x > 0.5 ? 3.0 : 1.0; },
         [](double x, double) { return x > 0.5 ? 1.0 : 2.0; }, "conditional"},
    };
    return forms;
}

class StandardForm : public testing::TestWithParam<Standard> {};

TEST_P(StandardForm, Exponential) {
    const auto& form = GetParam();
    expect_same<1>(rate_neuron(form.equation + " : init=0.1, exponential"), {"x"}, {0.1}, [&](One& s, double t) {
        const double tau = 1 / form.rate(s[0], t), target = form.rest(s[0], t) * tau;
        s[0] += (1 - std::exp(-h / tau)) * (target - s[0]);
    });
}

TEST_P(StandardForm, SemiImplicit) {
    const auto& form = GetParam();
    expect_same<1>(rate_neuron(form.equation + " : init=0.1, semiimplicit"), {"x"}, {0.1}, [&](One& s, double t) {
        const double tau = 1 / form.rate(s[0], t), target = form.rest(s[0], t) * tau;
        s[0] += h / tau / (1 + h / tau) * (target - s[0]);
    });
}

TEST_P(StandardForm, Explicit) {
    const auto& form = GetParam();
    expect_same<1>(rate_neuron(form.equation + " : init=0.1, explicit"), {"x"}, {0.1},
                   [&](One& s, double t) { s[0] += h * (form.rest(s[0], t) - form.rate(s[0], t) * s[0]); });
}

TEST_P(StandardForm, MidpointWithTheTimeOfTheStart) {
    const auto& form = GetParam();
    expect_same<1>(rate_neuron(form.equation + " : init=0.1, midpoint"), {"x"}, {0.1}, [&](One& s, double t) {
        const auto f = [&](double x) { return form.rest(x, t) - form.rate(x, t) * x; };
        s[0] += h * f(s[0] + h / 2 * f(s[0]));
    });
}

TEST_P(StandardForm, RungeKuttaWithTheTimeOfTheStart) {
    const auto& form = GetParam();
    expect_same<1>(rate_neuron(form.equation + " : init=0.1, rk4"), {"x"}, {0.1}, [&](One& s, double t) {
        const auto f = [&](double x) { return form.rest(x, t) - form.rate(x, t) * x; };
        const double k1 = f(s[0]), k2 = f(s[0] + h / 2 * k1), k3 = f(s[0] + h / 2 * k2), k4 = f(s[0] + h * k3);
        s[0] += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    });
}

INSTANTIATE_TEST_SUITE_P(All, StandardForm, testing::ValuesIn(standard_forms()),
                         [](const auto& test) { return test.param.name; });

TEST(OrderedMethod, ImplicitSolvesTheLinearEquation) {
    expect_same<1>(rate_neuron("2*dx/dt + (1 + t)*x = if t > 2: sin(t) else: 3*x : init=0.1, implicit"), {"x"}, {0.1},
                   [&](One& s, double t) {
                       const double rate = ((t > 2 ? 0 : 3) - (1 + t)) / 2, rest = (t > 2 ? std::sin(t) : 0) / 2;
                       s[0] = (s[0] + h * rest) / (1 - h * rate);
                   });
}

// tau*dx/dt + x = S at the limit of tau going to infinity, where 1/B is not a number.
TEST(OrderedMethod, ExponentialHasNoDivisionByAVanishingRate) {
    const auto run = run_annarchy(rate_neuron("dx/dt = 2 - k*x : exponential", "k = 0"), h, 4);
    EXPECT_THAT(run.values.at("x"), ElementsAre(0.5, 1, 1.5, 2));
}

// ---- systems ----

using Three = std::array<double, 3>;

TEST(OrderedMethod, ImplicitSolvesTheWholeSystem) {
    const auto text = rate_neuron(
        "dx/dt = -x + 2*y : init=1, implicit\n4*dy/dt + y = z - 3*x : init=0.5, implicit\ndz/dt = 1 - z - t*y : "
        "implicit");
    expect_same<3>(text, {"x", "y", "z"}, {1, 0.5, 0}, [](Three& s, double t) {
        const double m[3][3] = {{1 + h, -2 * h, 0}, {3 * h / 4, 1 + h / 4, -h / 4}, {0, h * t, 1 + h}};
        const Three right{s[0], s[1], s[2] + h};
        const auto determinant = [](const double(&a)[3][3]) {
            return a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) -
                   a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0]) +
                   a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0]);
        };
        for (std::size_t column = 0; column < 3; ++column) {  // Cramer's rule
            double replaced[3][3];
            for (std::size_t i = 0; i < 3; ++i) {
                for (std::size_t j = 0; j < 3; ++j) replaced[i][j] = j == column ? right[i] : m[i][j];
            }
            s[column] = determinant(replaced) / determinant(m);
        }
    });
}

TEST(OrderedMethod, StagesMoveTheSystemAndFreezeItsNeighbours) {
    // x and y are one system; w (explicit) and the assigned `rate` keep their values during the stages
    for (const std::string method : {"midpoint", "rk4"}) {
        SCOPED_TRACE(method);
        const auto text = rate_neuron("rate = 0.3*x*x\ndx/dt = y - rate*x + w : init=1, " + method +
                                      "\ndw/dt = x - w : init=0.2\ndy/dt = -x*y : init=0.5, " + method);
        expect_same<3>(text, {"x", "y", "w"}, {1, 0.5, 0.2}, [&](Three& s, double) {
            const double rate = 0.3 * s[0] * s[0], x = s[0], y = s[1], w = s[2];
            const auto fx = [&](double a, double b) { return b - rate * a + w; };
            const auto fy = [](double a, double b) { return -a * b; };
            const double k1 = fx(x, y), l1 = fy(x, y);
            const double k2 = fx(x + h / 2 * k1, y + h / 2 * l1), l2 = fy(x + h / 2 * k1, y + h / 2 * l1);
            const double k3 = fx(x + h / 2 * k2, y + h / 2 * l2), l3 = fy(x + h / 2 * k2, y + h / 2 * l2);
            const double k4 = fx(x + h * k3, y + h * l3), l4 = fy(x + h * k3, y + h * l3);
            const bool middle = method == "midpoint";
            s = {x + (middle ? h * k2 : h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)),
                 y + (middle ? h * l2 : h / 6 * (l1 + 2 * l2 + 2 * l3 + l4)), w + h * (x - w)};
        });
    }
}

TEST(OrderedMethod, NeighboursOfOtherMethodsSeeOldValues) {
    const auto text = rate_neuron(
        "dx/dt = y - x : init=1, exponential\ndy/dt = x - 2*y + z : init=0.5, semiimplicit\n"
        "dz/dt = x*y - z : init=0.2, implicit");
    expect_same<3>(text, {"x", "y", "z"}, {1, 0.5, 0.2}, [](Three& s, double) {
        const auto [x, y, z] = s;
        s = {x + (1 - std::exp(-h)) * (y - x), y + 2 * h / (1 + 2 * h) * ((x + z) / 2 - y), (z + h * x * y) / (1 + h)};
    });
}

TEST(OrderedMethod, AssignmentsAndIncrementsActAtOnce) {
    const auto run =
        run_annarchy(rate_neuron("dx/dt = 1 - x\nx2 = 2*x\ncount += 1\ndy/dt = x2 - y\nz = y + count"), h, steps);
    double x = 0, y = 0, count = 0;
    for (std::size_t k = 0; k < steps; ++k) {
        x += h * (1 - x);
        count += 1;
        y += h * (2 * x - y);
        EXPECT_NEAR(run.at("z", k), y + count, 1e-12);
    }
}

TEST(OrderedMethod, PopulationWideEquationsComeFirst) {
    const auto run = run_annarchy(rate_neuron("y = x\nx += 1 : population"), h, 3);
    EXPECT_THAT(run.values.at("y"), ElementsAre(1, 2, 3)) << "x is updated before y although it is written after it";
}

// ---- bounds and types ----

TEST(OrderedMethod, BoundsMayBeExpressionsAndLetNaNPass) {
    const auto text = rate_neuron("n += 0.5\ndx/dt = 8 : max=2*n, min=n\ny = sqrt(-1) : min=0, max=1\nz = x");
    const auto run = run_annarchy(text, h, 4);
    EXPECT_THAT(run.values.at("x"), ElementsAre(1, 2, 3, 4));
    EXPECT_EQ(run.values.at("z"), run.values.at("x")) << "later equations see the bounded value";
    EXPECT_TRUE(std::isnan(run.at("y", 3)));
}

TEST(OrderedMethod, IntegersAreTruncatedAndDivisionIsReal) {
    const auto run = run_annarchy(
        rate_neuron("n = -t*3 : int\nhalf = 1/2\nroot = m**(1/3)\nb = t > 0.3 : bool\nc = 5/m", "m = 8 : int"), h, 3);
    EXPECT_THAT(run.values.at("n"), ElementsAre(0, 0, -1));
    EXPECT_EQ(run.at("half", 0), 0.5);
    EXPECT_DOUBLE_EQ(run.at("root", 0), 2);
    EXPECT_EQ(run.at("c", 0), 0.625);
    EXPECT_THAT(run.values.at("b"), ElementsAre(0, 0, 1));
}

// ---- time, spikes, refractoriness, inputs ----

TEST(OrderedMethod, TimesAreMillisecondsAndTheResetStillSeesTheSpikeBefore) {
    const auto run =
        run_annarchy({.equations = {"equations", "a = t\nb = dt\nc = t - t_last\nv = v + 1\ninterval = interval"},
                      .spike = "v == 3",
                      .reset = "interval = t - t_last\nv = 0"},
                     h, 9);
    EXPECT_THAT(run.spikes, ElementsAre(2, 5, 8));
    EXPECT_DOUBLE_EQ(run.at("a", 7), 7 * h);
    EXPECT_DOUBLE_EQ(run.at("b", 7), h);
    EXPECT_DOUBLE_EQ(run.at("c", 0), 10000 * h) << "ten thousand steps before the first spike";
    EXPECT_DOUBLE_EQ(run.at("c", 3), h);
    EXPECT_DOUBLE_EQ(run.at("c", 5), 3 * h);
    EXPECT_DOUBLE_EQ(run.at("interval", 2), 10002 * h);
    EXPECT_DOUBLE_EQ(run.at("interval", 5), 3 * h);
}

TEST(OrderedMethod, RefractorinessHoldsAllButConductancesAndPopulationWideVariables) {
    const AnnarchyNeuronText text{
        .parameters = {"parameters", "rest = 0.6"},
        .equations = {"equations",
                      "p += 1 : population\ndv/dt = 4 : rk4\nw = t\nc += 1\ndg_exc/dt = -g_exc\n"
                      "du/dt = v - u : implicit"},
        .spike = "v >= 2",
        .reset = "v = 0; g_exc += 1",
        .refractory = "rest"};
    const auto run = run_annarchy(text, h, 10);
    // two whole steps of 0.25 ms in 0.6 ms
    EXPECT_THAT(run.values.at("v"), ElementsAre(1, 0, 0, 0, 1, 0, 0, 0, 1, 0));
    EXPECT_THAT(run.spikes, ElementsAre(1, 5, 9));
    EXPECT_THAT(run.values.at("p"), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    EXPECT_THAT(run.values.at("c"), ElementsAre(1, 2, 2, 2, 3, 4, 4, 4, 5, 6));
    const std::vector<double> times{0, h, h, h, 4 * h, 5 * h, 5 * h, 5 * h, 8 * h, 9 * h};
    EXPECT_THAT(run.values.at("w"), testing::Pointwise(testing::DoubleEq(), times));
    EXPECT_DOUBLE_EQ(run.at("g_exc", 2), 0.75);
    EXPECT_DOUBLE_EQ(run.at("g_exc", 4), 0.75 * 0.75 * 0.75);
    EXPECT_EQ(run.at("u", 2), run.at("u", 1));
    EXPECT_EQ(run.at("u", 3), run.at("u", 1));
}

TEST(OrderedMethod, ARefractoryPeriodOfWholeStepsIsNotCutByRounding) {
    const auto run = run_annarchy(
        {.equations = {"equations", "v = v + 1"}, .spike = "v == 1", .reset = "v = 0", .refractory = "0.3"}, 0.1, 9);
    EXPECT_THAT(run.spikes, ElementsAre(0, 4, 8))
        << "0.3/0.1 is 2.9999999999999996 in doubles, and three steps for the reader";
}

TEST(OrderedMethod, InputsDriveParametersConductancesAndSums) {
    const AnnarchyNeuronText spiking{.parameters = {"parameters", "I = 5"},
                                     .equations = {"equations", "dv/dt = I + g_exc - g_inh\ndg_exc/dt = -2*g_exc"},
                                     .spike = "v > 1000",
                                     .inputs = {"I", "spikes_exc", "spikes_inh"}};
    const Model model = parse_annarchy(spiking);
    const auto program = integrate(model, {.dt = h / 1000});
    ASSERT_EQ(program.time_inputs.size(), 3u);
    std::vector<std::vector<double>> rows;
    std::map<std::string, std::vector<double>> data{
        {"I", {1, 2, 3}}, {"spikes_exc", {0, 4, 0}}, {"spikes_inh", {0, 0, 1}}};
    for (std::size_t k = 0; k < 3; ++k) {
        auto& row = rows.emplace_back();
        for (const auto& input : program.time_inputs) row.push_back(data.at(input.name)[k]);
    }
    const auto run = run_annarchy(spiking, h, 3, {}, {}, rows);
    double v = 0, g = 0;
    for (std::size_t k = 0; k < 3; ++k) {
        g += data["spikes_exc"][k];
        const double slope = data["I"][k] + g - data["spikes_inh"][k];
        g -= h * 2 * g;
        v += h * slope;
        EXPECT_DOUBLE_EQ(run.at("v", k), v);
        EXPECT_DOUBLE_EQ(run.at("g_exc", k), g);
        EXPECT_EQ(run.at("g_inh", k), 0) << "without an equation it lasts for one step";
    }
    AnnarchyNeuronText rate{.equations = {"equations", "r = sum(exc) - 2*sum(inh) + 10*sum()"}, .inputs = {"sum_exc"}};
    EXPECT_EQ(run_annarchy(rate, h, 1, {}, {}, {{3}}).at("r", 0), 33);
}

// ---- random numbers ----

TEST(OrderedMethod, ADrawIsTheSameInAllStagesAndEveryCallIsItsOwnDraw) {
    const auto run = run_annarchy(rate_neuron("dx/dt = Uniform(0, 1) : rk4\ny = Uniform(0, 1) - Uniform(0, 1)"), h, 5,
                                  {}, {}, {}, {.seed = 7});
    double before = 0;
    for (std::size_t k = 0; k < 5; ++k) {
        const double draw =
            math::uniform({.seed = 7, .step = static_cast<std::uint32_t>(k), .sample = 0, .trace = 0, .site = 0});
        EXPECT_NEAR(run.at("x", k) - before, h * draw, 1e-14);
        before = run.at("x", k);
        EXPECT_NE(run.at("y", k), 0);
    }
}

struct Distribution {
    std::string text;
    double mean, deviation;
    std::string name;
};
class Distributions : public testing::TestWithParam<Distribution> {};

TEST_P(Distributions, HaveTheirMeanAndDeviation) {
    constexpr std::size_t n = 40000;
    const auto run = run_annarchy(rate_neuron("x = " + GetParam().text), h, n, {}, {}, {}, {.seed = 11});
    double sum = 0, squares = 0;
    for (const double x : run.values.at("x")) sum += x;
    const double mean = sum / n;
    for (const double x : run.values.at("x")) squares += (x - mean) * (x - mean);
    const double deviation = std::sqrt(squares / n), error = GetParam().deviation / std::sqrt(double{n});
    EXPECT_NEAR(mean, GetParam().mean, 4.5 * error);
    EXPECT_NEAR(deviation, GetParam().deviation, 0.05 * GetParam().deviation);
}

INSTANTIATE_TEST_SUITE_P(All, Distributions,
                         testing::Values(Distribution{"Uniform(-1, 3)", 1, 4 / std::sqrt(12.0), "Uniform"},
                                         Distribution{"DiscreteUniform(2, 5)", 3.5, std::sqrt(15 / 12.0),
                                                      "DiscreteUniform"},
                                         Distribution{"Normal(-2, 3)", -2, 3, "Normal"},
                                         Distribution{"LogNormal(0.3, 0.5)", std::exp(0.3 + 0.125),
                                                      std::exp(0.425) * std::sqrt(std::exp(0.25) - 1), "LogNormal"},
                                         Distribution{"Exponential(4)", 0.25, 0.25, "Exponential"},
                                         Distribution{"Gamma(2.5, 2)", 5, 2 * std::sqrt(2.5), "Gamma"},
                                         Distribution{"Gamma(0.4)", 0.4, std::sqrt(0.4), "GammaOfSmallShape"},
                                         Distribution{"Binomial(20, 0.3)", 6, std::sqrt(4.2), "Binomial"}),
                         [](const auto& test) { return test.param.name; });

TEST(OrderedMethod, RefusesAnotherMethod) {
    const Model model = parse_annarchy(rate_neuron("dx/dt = -x"));
    EXPECT_THROW((void)integrate(model, {.method = "rk4", .dt = 1e-3}), NumericalError);
    EXPECT_EQ(integrate(model, {.dt = 1e-3}).method, "as_written");
}

TEST(OrderedMethod, ParametersMayBeFitted) {
    const auto text = rate_neuron("tau*dx/dt + x = 2 : init=x0, exponential", "tau = 10\nx0 = 1\nhalf = tau/2");
    const auto run = run_annarchy(text, h, 1, {"tau", "x0"}, {4, -1});
    EXPECT_DOUBLE_EQ(run.at("x", 0), -1 + 3 * (1 - std::exp(-h / 4)));
}

}  // namespace
}  // namespace spikesmith
