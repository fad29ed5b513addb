// Definitions: forms, units, flags, order, and where names may be used.
#include <cmath>

#include "lang/parse_helpers.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

using test::error_of;
using test::parse;
using test::value;

TEST(Equations, MayBeEmpty) {
    for (const char* text : {"", "  \n\t\n", "# nothing : here\n# at all", "\xEF\xBB\xBF"}) {
        const Model model = parse(text);
        EXPECT_TRUE(model.states.empty() && model.parameters.empty() && model.subexpressions.empty());
    }
}

TEST(Equations, TheThreeForms) {
    const Model model = parse(
        "dv/dt = (E - v)/tau : volt (unless refractory)\n"
        "E = 2*E0 : volt  # twice\n"
        "E0 : volt (constant)\r\n"
        "tau : second\n");
    ASSERT_EQ(model.states.size(), 1u);
    EXPECT_EQ(model.states[0].name, "v");
    EXPECT_EQ(model.states[0].dimension, dimensions::volt);
    EXPECT_TRUE(model.states[0].unless_refractory);
    EXPECT_EQ(model.states[0].text, "(E - v)/tau");
    EXPECT_EQ(value(model.inlined(model.states[0].derivative), {{"E0", 3}, {"v", 2}, {"tau", 8}}), 0.5);
    ASSERT_EQ(model.subexpressions.size(), 1u);
    EXPECT_EQ(model.subexpressions[0].name, "E");
    EXPECT_EQ(model.subexpressions[0].text, "2*E0");
    EXPECT_THAT(model.parameter_names(), testing::ElementsAre("E0", "tau"));
    EXPECT_TRUE(model.parameters[0].constant);
    EXPECT_FALSE(model.parameters[1].constant);
}

TEST(Equations, TheDerivativeToleratesBlanks) {
    for (const char* left : {"dv/dt", "dv / dt", "d v / dt", "d v/dt", "dv/ dt"}) {
        EXPECT_EQ(parse(std::string(left) + " = -v/ms : 1").states.at(0).name, "v") << left;
    }
    EXPECT_EQ(parse("d : 1").parameters.at(0).name, "d");
    EXPECT_EQ(parse("dx : 1\ndd/dt = -d/ms : 1").states.at(0).name, "d");
    EXPECT_EQ(parse("x = d/dt : Hz\nd : 1").subexpressions.at(0).name, "x");
}

TEST(Equations, UnitsAreBaseUnits) {
    const Model model = parse(
        "a : volt\nb : siemens/metre**2\nc : 1\nd : boolean\nf : integer\ng : volt/(second*metre)\nh : volt * second "
        "** -1\nj : volt**0.5\n"
        "k : 1/second (constant)\nl : volt/(second) (constant, shared)\nm : Hz(constant)\n");
    EXPECT_EQ(model.parameters[0].dimension, dimensions::volt);
    EXPECT_EQ(model.parameters[2].dimension, dimensions::none);
    EXPECT_EQ(model.parameters[3].type, ValueType::boolean);
    EXPECT_EQ(model.parameters[4].type, ValueType::integer);
    EXPECT_EQ(model.parameters[6].dimension, dimensions::volt / dimensions::second);
    EXPECT_EQ(model.parameters[7].dimension, dimensions::volt.power(0.5));
    EXPECT_TRUE(model.parameters[8].constant);
    EXPECT_TRUE(model.parameters[9].constant && model.parameters[9].shared);
    EXPECT_EQ(model.parameters[10].dimension, dimensions::second.power(-1));
    EXPECT_TRUE(model.parameters[10].constant);
}

TEST(Equations, FlagsTolerateBlanksAndLines) {
    const Model model = parse(
        "a : 1 ( constant , shared )\n"
        "dv/dt = -v/ms : 1 (  unless   refractory )\n"
        "x = rand() : 1 (constant  over\tdt)\n"
        "y = 2*a : 1\n  (shared)\n"
        "b : 1 # note\n (constant) # note\n");
    EXPECT_TRUE(model.parameters[0].constant && model.parameters[0].shared);
    EXPECT_TRUE(model.states[0].unless_refractory);
    EXPECT_TRUE(model.subexpressions[0].constant_over_dt);
    EXPECT_TRUE(model.subexpressions[1].shared);
    EXPECT_TRUE(model.parameters[1].constant);
}

TEST(Equations, SingleLettersAreFree) {
    const Model model = parse("I : amp\nE : volt\nS : 1\nbeta : 1\ngamma : 1\nj : 1\nm : 1\nh : 1\ng : 1\nd : 1\n");
    EXPECT_EQ(model.parameters.size(), 10u);
}

TEST(Equations, SubexpressionsAreSortedByUse) {
    const Model model = parse("a = b + c : 1\nx = 1 : 1\nb = c*2 : 1\nc = x : 1\nd = a : 1\n");
    std::vector<std::string> names;
    for (const auto& subexpression : model.subexpressions) {
        for (const auto& used : symbols_of(subexpression.value)) EXPECT_THAT(names, testing::Contains(used));
        names.push_back(subexpression.name);
    }
    EXPECT_THAT(names, testing::ElementsAre("x", "c", "b", "a", "d"));
}

TEST(Equations, SpecialNamesExist) {
    const Model model = parse("x = int(t/dt) + t_in_timesteps + i + N + iteration : 1");
    EXPECT_THAT(symbols_of(model.subexpressions[0].value),
                testing::UnorderedElementsAre("t", "dt", "t_in_timesteps", "i", "N", "iteration"));
}

TEST(Equations, RefractorySpecialNamesNeedRefractoriness) {
    BrianModelText text{
        .equations = {"equations", "dv/dt = (1 - v)*int(not_refractory)*int(t - lastspike > 3*ms)/ms : 1"}};
    EXPECT_NE(error_of(text), "accepted");
    text.threshold = "v > 0.5";
    text.reset = "v = 0";
    text.refractory = "2*ms";
    EXPECT_EQ(error_of(text), "accepted");
}

TEST(Equations, NoiseIsListed) {
    const Model model = parse(
        "dv/dt = -v/tau + xi_b*tau**-0.5 + xi_a*tau**-0.5 : 1\n"
        "dw/dt = -w/tau + xi*tau**-0.5 + xi_a*tau**-0.5 : 1\n"
        "tau : second\n");
    EXPECT_THAT(model.noise, testing::UnorderedElementsAre("xi", "xi_a", "xi_b"));
    EXPECT_EQ(model.noise[0], "xi_b");
    EXPECT_TRUE(depends_on(model.states[1].derivative, "xi"));
    EXPECT_NE(error_of("dv/dt = xi : 1"), "accepted");  // second**-0.5, not second**-1
}

TEST(Equations, SharedExpressionsUseSharedNames) {
    EXPECT_EQ(error_of("x = 2*a + int(t/ms) + N : 1 (shared)\na : 1 (shared)"), "accepted");
    EXPECT_NE(error_of("x = 2*a : 1 (shared)\na : 1"), "accepted");
    EXPECT_NE(error_of("x = i : 1 (shared)"), "accepted");
    EXPECT_NE(error_of("x = rand() : 1 (shared, constant over dt)"), "accepted");
}

TEST(Equations, TextIsKeptWithoutComments) {
    const Model model = parse("x = 1 + # one\n\n     2 : 1");
    EXPECT_EQ(model.subexpressions[0].text, "1 + 2");
    EXPECT_EQ(model.text, "x = 1 + # one\n\n     2 : 1");
}

TEST(Equations, PositionsCountLinesOfTheWholeText) {
    try {
        (void)parse("a : 1\n\n# comment\ndv/dt = (a +\n  b)/ms : 1");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.diagnostic().line, 5u);
        EXPECT_EQ(error.diagnostic().column, 3u);
        EXPECT_EQ(error.diagnostic().length, 1u);
    }
}

TEST(Equations, HodgkinHuxleyAsInTheTutorial) {
    const Model model = parse_brian({.equations = {"equations", R"(
  dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt
  dm/dt = 0.32*(mV**-1)*(13.*mV-v+VT)/
    (exp((13.*mV-v+VT)/(4.*mV))-1.)/ms*(1-m)-0.28*(mV**-1)*(v-VT-40.*mV)/
    (exp((v-VT-40.*mV)/(5.*mV))-1.)/ms*m : 1
  dn/dt = 0.032*(mV**-1)*(15.*mV-v+VT)/
    (exp((15.*mV-v+VT)/(5.*mV))-1.)/ms*(1.-n)-.5*exp((10.*mV-v+VT)/(40.*mV))/ms*n : 1
  dh/dt = 0.128*exp((17.*mV-v+VT)/(18.*mV))/ms*(1.-h)-4./(1+exp((40.*mV-v+VT)/(5.*mV)))/ms*h : 1
  g_na : siemens (constant)
  g_kd : siemens (constant)
  gl   : siemens (constant)
)"},
                                     .constants = {{"Cm", "1*ufarad*cm**-2 * area"},
                                                   {"area", "20000*umetre**2"},
                                                   {"El", "-65 mV"},
                                                   {"EK", "-90*mV"},
                                                   {"ENa", "50 mV"},
                                                   {"VT", "-63*mV"}},
                                     .inputs = {"I"}});
    EXPECT_EQ(model.inputs.at(0).dimension, dimensions::ampere);  // inferred
    const double v = -0.04;
    const double vt = -0.063;
    const double m = 0.2;
    const double a = 0.32e3 * (13e-3 - v + vt) / (std::exp((13e-3 - v + vt) / 4e-3) - 1) / 1e-3;
    const double b = 0.28e3 * (v - vt - 40e-3) / (std::exp((v - vt - 40e-3) / 5e-3) - 1) / 1e-3;
    EXPECT_NEAR(value(model.states[1].derivative, {{"v", v}, {"m", m}}), a * (1 - m) - b * m, 1e-9 * a);
    const test::Values all{{"v", v},       {"m", m},       {"h", 0.3},   {"n", 0.4},
                           {"g_na", 2e-5}, {"g_kd", 6e-6}, {"gl", 1e-8}, {"I", 1e-9}};
    const double current =
        1e-8 * (-65e-3 - v) - 2e-5 * m * m * m * 0.3 * (v - 50e-3) - 6e-6 * 0.4 * 0.4 * 0.4 * 0.4 * (v + 90e-3) + 1e-9;
    EXPECT_NEAR(value(model.states[0].derivative, all), current / 2e-10, 1e-9 * std::abs(current / 2e-10));
}

}  // namespace
}  // namespace spikesmith
