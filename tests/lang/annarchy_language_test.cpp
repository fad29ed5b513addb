// What ANNarchy's language accepts and what it means: values of expressions, forms of equations, flags, what ends up in the Model.
#include <cmath>
#include <limits>

#include "lang/parse_helpers.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/lang/annarchy.hpp"
#include "spikesmith/lang/neuron_library.hpp"

namespace spikesmith {
namespace {

using test::value;
using test::Values;
using testing::ElementsAre;
using testing::HasSubstr;

// A rate-coded neuron of these equations.
Model neuron(const std::string& equations, const std::string& parameters = {}, const std::string& functions = {}) {
    return parse_annarchy({.parameters = {"parameters", parameters},
                           .equations = {"equations", equations + "\nr = 0"},
                           .functions = {"functions", functions}});
}

Expression assigned(const Model& model, const std::string& name) {
    for (const auto& update : model.updates) {
        if (model.states[update.state].name == name) return update.value;
    }
    throw std::runtime_error("no assignment of " + name);
}

const Update& update_of(const Model& model, const std::string& name) {
    for (const auto& update : model.updates) {
        if (model.states[update.state].name == name) return update;
    }
    throw std::runtime_error("no update of " + name);
}

Expression derivative_of(const Model& model, const std::string& name) {
    return model.states[model.find(name)->index].derivative;
}

double value_of(const std::string& text, const Values& values = {}, const std::string& functions = {}) {
    std::string parameters;
    for (const auto& [name, number] : values) {
        if (name != "t" && name != "dt") parameters += name + " = 1\n";
    }
    return value(assigned(neuron("result = " + text, parameters, functions), "result"), values);
}

TEST(AnnarchyExpressions, HavePythonsPrecedence) {
    EXPECT_EQ(value_of("1 + 2*3^2"), 19);
    EXPECT_EQ(value_of("-2**2"), -4);
    EXPECT_EQ(value_of("2**3^2"), 512);
    EXPECT_EQ(value_of("1/2"), 0.5);
    EXPECT_DOUBLE_EQ(value_of("8**(1/3)"), 2);
    EXPECT_EQ(value_of("b > 1 and E < 2", {{"b", 3}, {"E", 1}}), 1);
    EXPECT_EQ(value_of("n > 2 and m < 3 or not (n == m)", {{"n", 5}, {"m", 5}}), 0);
    EXPECT_EQ(value_of("n is 5 and m is not 4", {{"n", 5}, {"m", 5}}), 1);
    EXPECT_EQ(value_of("(v > 1)*3 + True", {{"v", 2}}), 4);
}

TEST(AnnarchyExpressions, TimeIsInMilliseconds) {
    EXPECT_DOUBLE_EQ(value_of("t + 10*dt", {{"t", 0.25}, {"dt", 1e-4}}), 251);
    EXPECT_DOUBLE_EQ(value_of("pi"), std::acos(-1.0));
}

TEST(AnnarchyExpressions, NamesHideConstantsAndFunctions) {
    EXPECT_EQ(
        value_of("I + E + S + N + Q + O + gamma + beta + zeta",
                 {{"I", 1}, {"E", 2}, {"S", 3}, {"N", 4}, {"Q", 5}, {"O", 6}, {"gamma", 7}, {"beta", 8}, {"zeta", 9}}),
        45);
    EXPECT_DOUBLE_EQ(value_of("gamma*gamma(5)", {{"gamma", 2}}), 48);
}

TEST(AnnarchyExpressions, Functions) {
    const Values x{{"x", 0.7}};
    const double v = 0.7;
    EXPECT_DOUBLE_EQ(value_of("exp(x) + log(x) + ln(x) + log10(x) + sqrt(x)", x),
                     std::exp(v) + std::log(v) + std::log(v) + std::log10(v) + std::sqrt(v));
    EXPECT_DOUBLE_EQ(
        value_of("sin(x) + cos(x) + tan(x) + asin(x) + acos(x) + atan(x) + atan2(x, 2)", x),
        std::sin(v) + std::cos(v) + std::tan(v) + std::asin(v) + std::acos(v) + std::atan(v) + std::atan2(v, 2));
    EXPECT_DOUBLE_EQ(value_of("sinh(x) + cosh(x) + tanh(x) + asinh(x) + acosh(1 + x) + atanh(x)", x),
                     std::sinh(v) + std::cosh(v) + std::tanh(v) + std::asinh(v) + std::acosh(1 + v) + std::atanh(v));
    EXPECT_DOUBLE_EQ(value_of("pow(x, 3) + power(x, 2) + abs(-x) + fabs(-x)", x), v * v * v + v * v + 2 * v);
    EXPECT_EQ(value_of("floor(-1.5) + 10*ceil(1.2) + 100*ceiling(2.1)"), 318);
    EXPECT_EQ(value_of("min(3, 4) + 10*max(3, 4) + 100*sign(-2)"), -57);
    EXPECT_EQ(value_of("clip(5, 0, 3) + 10*clip(-5, 0, 3) + 100*clip(2, 0, 3)"), 203);
    EXPECT_EQ(value_of("ite(x > 0.5, 2, 3)", x), 2);
    EXPECT_EQ(value_of("Heaviside(2) + 10*Heaviside(-2) + 100*Heaviside(0)"), 51);
    EXPECT_EQ(value_of("isnan(sqrt(-1)) + 10*isnan(x) + 100*isfinite(x) + 1000*isfinite(x/0)", x), 101);
}

TEST(AnnarchyExpressions, PositiveAndNegativeParts) {
    EXPECT_EQ(value_of("pos(3) + pos(-3) + positive(4)"), 7);
    EXPECT_EQ(value_of("neg(3) + neg(-3) + negative(-4)"), -7) << "the negative number, not its size";
    EXPECT_EQ(value_of("pos(sqrt(-1))"), 0);
    EXPECT_EQ(value_of("neg(sqrt(-1))"), 0);
    EXPECT_TRUE(std::isnan(value_of("clip(sqrt(-1), 0, 1)")));
}

TEST(AnnarchyExpressions, RemaindersAndRoundingAreThoseOfC) {
    for (const double a : {7.5, -7.5}) {
        for (const double b : {2.0, -2.0}) {
            EXPECT_EQ(value_of("a % b", {{"a", a}, {"b", b}}), std::fmod(a, b)) << a << " " << b;
            EXPECT_EQ(value_of("modulo(a, b)", {{"a", a}, {"b", b}}), static_cast<int>(a) % static_cast<int>(b))
                << a << " " << b;
        }
    }
    for (const double x : {0.5, -0.5, 1.49, -1.51, 0.49999999999999994, 4503599627370497.0})
        EXPECT_EQ(value_of("round(x)", {{"x", x}}), std::round(x)) << x;
}

TEST(AnnarchyExpressions, ErrorFunctionAndGamma) {
    for (double x = -7; x <= 7; x += 0.0625)
        EXPECT_NEAR(value_of("erf(x)", {{"x", x}}), std::erf(x), 3e-16 * (1 + 0 * x)) << x;
    EXPECT_NEAR(value_of("erf(x)", {{"x", 1e-9}}) / std::erf(1e-9), 1, 4e-16);
    for (double x = -5.71; x < 30; x += 0.37)
        EXPECT_NEAR(value_of("gamma(x)", {{"x", x}}) / std::tgamma(x), 1, 2e-13) << x;
}

TEST(AnnarchyExpressions, Conditionals) {
    EXPECT_EQ(value_of("if x > 1: 2 else: 3", {{"x", 2}}), 2);
    EXPECT_EQ(value_of("if x > 3: 2 else: if x > 1: 4 else: 5", {{"x", 2}}), 4);
    EXPECT_EQ(value_of("if x > 1:\n    if x > 3: 1\n    else: 2\nelse:\n    3", {{"x", 2}}), 2);
    EXPECT_EQ(value_of("10*(if x > 1: 2 else: 3) + 1", {{"x", 0}}), 31);
}

TEST(AnnarchyExpressions, OwnFunctions) {
    const std::string functions =
        "logistic(x) = 1/(1 + exp(-x))\nsquare(x) = x*x; both(x, y) = square(x) + square(square(y))\n"
        "whole(x) = x : int, float\nstep(x) = if x > 0: 1 else: 0\n";
    EXPECT_DOUBLE_EQ(value_of("logistic(2)", {}, functions), 1 / (1 + std::exp(-2.0)));
    EXPECT_EQ(value_of("both(2, 3)", {}, functions), 85);
    EXPECT_EQ(value_of("whole(2.7) + step(-1) + 10*step(1)", {}, functions), 12);
}

TEST(AnnarchyEquations, AnyLinearFormIsSolvedForTheDerivative) {
    const Values values{{"v", 2}, {"tau", 5}, {"E", 3}, {"C", 4}, {"I", 7}};
    const auto slope = [&](const std::string& equation) {
        return value(derivative_of(neuron(equation, "tau = 1\nE = 1\nC = 1\nI = 1"), "v"), values) / 1000;
    };
    EXPECT_DOUBLE_EQ(slope("dv/dt = (E - v)/tau"), 0.2);
    EXPECT_DOUBLE_EQ(slope("tau * dv / dt = E - v"), 0.2);
    EXPECT_DOUBLE_EQ(slope("tau*dv/dt + v = E"), 0.2);
    EXPECT_DOUBLE_EQ(slope("C*dv/dt - I = -E*v"), 0.25);
    EXPECT_DOUBLE_EQ(slope("v + dv/dt*tau = E"), 0.2);
    EXPECT_DOUBLE_EQ(slope("dv/dt/tau - v/tau = E"), 17);
    EXPECT_DOUBLE_EQ(slope("tau*(dv/dt + v) = E"), -1.4);
    EXPECT_DOUBLE_EQ(slope("-dv/dt = v"), -2);
    EXPECT_DOUBLE_EQ(slope("2*tau*dv/dt - tau*dv/dt = E - v\n"), 0.2);
}

TEST(AnnarchyEquations, ContinueOverLinesWithoutAnEqualSign) {
    const Model model = neuron(
        "dv/dt = 1 + 2*(3\n   + 4) # a comment\n   - 5 :\n init=7\nw = if v > 1:\n  2\nelse:\n  3 : min=1; x = 4");
    EXPECT_DOUBLE_EQ(value(derivative_of(model, "v")), 10'000);
    EXPECT_EQ(value(assigned(model, "w"), {{"v", 0}}), 3);
    EXPECT_TRUE(update_of(model, "w").minimum.has_value());
    EXPECT_EQ(value(assigned(model, "x")), 4);
}

TEST(AnnarchyEquations, Increments) {
    const Model model = neuron("a += 2\nb -= 2\nc *= 2\nd /= 2");
    const Values values{{"a", 8}, {"b", 8}, {"c", 8}, {"d", 8}};
    EXPECT_EQ(value(assigned(model, "a"), values), 10);
    EXPECT_EQ(value(assigned(model, "b"), values), 6);
    EXPECT_EQ(value(assigned(model, "c"), values), 16);
    EXPECT_EQ(value(assigned(model, "d"), values), 4);
}

TEST(AnnarchyEquations, Flags) {
    const Model model = neuron(
        "dv/dt = -v : init=2*a, min=-1, max=a + 1, exponential\ndw/dt = -w : population, rk4\n"
        "n = 2.7 : int\nb = v > 1 : bool\ndu/dt = -u : runge-kutta4\ndx/dt = -x",
        "a = 3");
    const Update& v = update_of(model, "v");
    EXPECT_EQ(v.method, Update::Method::exponential);
    EXPECT_EQ(value(*v.minimum), -1);
    EXPECT_EQ(value(*v.maximum, {{"a", 3}}), 4);
    EXPECT_EQ(update_of(model, "w").method, Update::Method::rk4);
    EXPECT_EQ(update_of(model, "u").method, Update::Method::rk4);
    EXPECT_EQ(update_of(model, "x").method, Update::Method::explicit_euler);
    EXPECT_EQ(update_of(model, "n").type, ValueType::integer);
    EXPECT_EQ(update_of(model, "b").type, ValueType::boolean);
    EXPECT_EQ(model.states.front().name, "w") << "population-wide equations come first";
    EXPECT_NE(update_of(model, "w").block, v.block);
    EXPECT_EQ(update_of(model, "u").block, update_of(model, "x").block) << "side by side";
    EXPECT_NE(v.block, update_of(model, "u").block) << "assignments lie between";
}

TEST(AnnarchyEquations, TheDefaultMethodCanBeChanged) {
    const Model model =
        parse_annarchy({.equations = {"equations", "dv/dt = -v\ndu/dt = -u : explicit\nr = v"}, .method = "midpoint"});
    EXPECT_EQ(update_of(model, "v").method, Update::Method::midpoint);
    EXPECT_EQ(update_of(model, "u").method, Update::Method::explicit_euler);
}

TEST(AnnarchyParameters, FormsAndTypes) {
    const Model model = parse_annarchy(
        {.parameters = {"parameters",
                        "tau = 10.0 : population # of the membrane\n\nE=-65; n = 2.7 : int\non = True\noff = 0 "
                        ": bool\nthird = 1/3\nhalf = tau/2\nc : init=4\nnoisy = Uniform(0, 1)"},
         .equations = {"equations", "r = tau"},
         .constants = {{"k", "2*pi"}, {"E", "5"}}});
    std::vector<std::string> names;
    for (const auto& parameter : model.parameters) names.push_back(parameter.name);
    EXPECT_THAT(names, ElementsAre("tau", "E", "n", "on", "off", "third", "half", "c", "noisy", "k"))
        << "a parameter hides a constant";
    EXPECT_TRUE(model.parameters[0].shared);
    EXPECT_EQ(model.parameters[2].type, ValueType::integer);
    EXPECT_EQ(model.parameters[3].type, ValueType::boolean);
    std::map<std::string, Expression> values;
    for (const auto& initial : model.initial_values) values[initial.name] = initial.value;
    EXPECT_EQ(value(values.at("E")), -65);
    EXPECT_EQ(value(values.at("n")), 2);
    EXPECT_EQ(value(values.at("on")), 1);
    EXPECT_EQ(value(values.at("off")), 0);
    EXPECT_DOUBLE_EQ(value(values.at("third")), 1.0 / 3);
    EXPECT_EQ(value(values.at("half"), {{"tau", 10}}), 5);
    EXPECT_EQ(value(values.at("c")), 4);
    EXPECT_DOUBLE_EQ(value(values.at("k")), 2 * std::acos(-1.0));
    EXPECT_TRUE(has_random(values.at("noisy")));
}

TEST(AnnarchyNeuron, ValuesAreOrderedByWhatTheyNeed) {
    const Model model = parse_annarchy({.parameters = {"parameters", "b = 2*a\na = 3"},
                                        .equations = {"equations", "du/dt = -u : init=b*v\ndv/dt = -v : init=a\nr = v"},
                                        .initial_values = {{"a", "4"}}});
    std::vector<std::string> names;
    for (const auto& initial : model.initial_values) names.push_back(initial.name);
    EXPECT_THAT(names, ElementsAre("a", "b", "v", "u"));
    EXPECT_EQ(value(model.initial_values[0].value), 4) << "the given value replaces that of the text";
}

TEST(AnnarchyNeuron, ParametersNamedLikeConductancesArePlainParameters) {
    const Model model = parse_annarchy(
        {.parameters = {"parameters", "g_L = 5"}, .equations = {"equations", "dv/dt = -g_L*v"}, .spike = "v > 1"});
    EXPECT_EQ(model.states.size(), 1u) << "the original makes a variable of it that is 0";
}

TEST(AnnarchyNeuron, UndefinedConductancesAreVariablesAndWarned) {
    std::vector<std::string> warnings;
    const AnnarchyNeuronText text{.equations = {"equations", "dv/dt = g_exc - v"}, .spike = "v > 1"};
    const Model model = parse_annarchy(text, &warnings);
    ASSERT_EQ(model.states.size(), 2u);
    EXPECT_EQ(model.states[1].name, "g_exc");
    EXPECT_EQ(model.updates.back().state, 1u) << "cleared after everything else";
    EXPECT_THAT(warnings, ElementsAre(HasSubstr("`g_exc` is not defined")));
    warnings.clear();
    auto driven = text;
    driven.inputs = {"spikes_exc"};
    const Model with_spikes = parse_annarchy(driven, &warnings);
    EXPECT_TRUE(warnings.empty());
    EXPECT_EQ(with_spikes.inputs.front().name, "spikes_exc");
    EXPECT_EQ(with_spikes.updates.size(), 3u);
}

TEST(AnnarchyNeuron, ResetsMayHaveConditionsDrawsAndBounds) {
    const Model model = parse_annarchy(
        {.equations = {"equations", "dv/dt = -v\ndu/dt = -u\nn = n : int"},
         .spike = "v > 1",
         .reset = "v = if u > 1: 2 else: 3\nu += 5 : max=6, unless_refractory\nn = 2.7; v += Uniform(0, 1)"});
    ASSERT_EQ(model.reset.size(), 4u);
    EXPECT_EQ(value(model.reset[0].value, {{"u", 0}}), 3);
    EXPECT_EQ(value(model.reset[1].value, {{"u", 4}}), 6);
    EXPECT_EQ(value(model.reset[2].value), 2);
    EXPECT_TRUE(has_random(model.reset[3].value));
}

TEST(AnnarchyNeuron, ALiteralZeroIsNoRefractoriness) {
    const auto with = [](const std::string& refractory) {
        return parse_annarchy({.parameters = {"parameters", "T = 5"},
                               .equations = {"equations", "dv/dt = -v\ndg_a/dt = -g_a\np = 1 : population"},
                               .spike = "v > 1",
                               .refractory = refractory});
    };
    for (const auto* none : {"", "0", "0.0"}) {
        EXPECT_EQ(with(none).refractory.kind, Refractory::Kind::none);
        EXPECT_FALSE(with(none).states[1].unless_refractory);
    }
    const Model model = with("T");
    EXPECT_EQ(model.refractory.kind, Refractory::Kind::duration);
    for (const auto& state : model.states) EXPECT_EQ(state.unless_refractory, state.name == "v") << state.name;
    EXPECT_NEAR(value(model.refractory.value, {{"T", 5}, {"dt", 1e-3}}), 6e-3, 1e-12)
        << "five whole steps after that of the spike";
}

TEST(NeuronLibrary, EveryNeuronIsAccepted) {
    EXPECT_GE(neuron_library().size(), 39u);
    for (const auto& neuron : neuron_library()) {
        SCOPED_TRACE(neuron.name);
        EXPECT_FALSE(neuron.description.empty());
        EXPECT_FALSE(neuron.reference.empty());
        Model model;
        EXPECT_NO_THROW(model = parse_annarchy(neuron.text));
        EXPECT_EQ(model.name, neuron.name);
        EXPECT_EQ(&find_library_neuron(neuron.name), &neuron);
        if (neuron.alias.empty()) continue;
        EXPECT_EQ(&find_library_neuron(neuron.alias), &neuron);
    }
}

TEST(NeuronLibrary, UnknownNamesGiveTheNearest) {
    try {
        (void)find_library_neuron("Izhikevic2007");
        FAIL();
    } catch (const ModelError& error) {
        EXPECT_THAT(error.what(), HasSubstr("did you mean `Izhikevich2007`?"));
    }
}

// Functions that call each other, sums and remainders nested as deep as the parser allows: an error or a model, in reasonable time.
TEST(AnnarchyNeuron, BoundsTheSizeOfWhatFunctionsBecome) {
    std::string functions = "f0(x) = x + x\n";
    for (int k = 1; k < 30; ++k)
        functions +=
            "f" + std::to_string(k) + "(x) = f" + std::to_string(k - 1) + "(f" + std::to_string(k - 1) + "(x))\n";
    EXPECT_THROW((void)neuron("v = f29(t)", {}, functions), ModelError);
    std::string draws = "v = Gamma(1)";
    for (int k = 0; k < 900; ++k) draws += " + Gamma(1)";
    EXPECT_THROW((void)neuron(draws), ModelError);
    std::string system;
    for (int k = 0; k < 65; ++k) system += "dx" + std::to_string(k) + "/dt = -x0 : implicit\n";
    EXPECT_THROW((void)neuron(system), ModelError);
}

}  // namespace
}  // namespace spikesmith
