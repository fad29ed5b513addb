// What is around the equations: constants, inputs, targets, threshold, reset, refractoriness, initial values, warnings.
#include <algorithm>

#include "lang/parse_helpers.hpp"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

using test::error_of;
using test::value;
using testing::ElementsAre;
using testing::HasSubstr;

BrianModelText leaky() {
    return {.equations = {"equations",
                          "dv/dt = (EL - v)/tau : volt\nw : volt\nn : integer\non : boolean\ntwice = 2*v : volt\nEL : "
                          "volt\ntau : second"}};
}

double constant(const std::string& text, const std::string& unit,
                std::vector<std::pair<std::string, std::string>> others = {}) {
    others.emplace_back("C_0", text);
    const Model model = parse_brian({.equations = {"equations", "x = C_0 : " + unit}, .constants = others});
    return value(model.subexpressions.at(0).value);
}

TEST(Constants, AreQuantitiesOrExpressions) {
    EXPECT_DOUBLE_EQ(constant("200 pF", "farad"), 200e-12);
    EXPECT_DOUBLE_EQ(constant("200pF", "farad"), 200e-12);
    EXPECT_DOUBLE_EQ(constant("-63*mV", "volt"), -63e-3);
    EXPECT_DOUBLE_EQ(constant("-63 mV", "volt"), -63e-3);
    EXPECT_DOUBLE_EQ(constant("10 mV/ms", "volt/second"), 10.0);
    EXPECT_DOUBLE_EQ(constant("1/(5*ms)", "Hz"), 200.0);
    EXPECT_DOUBLE_EQ(constant("1/(5 ms)", "Hz"), 200.0);
    EXPECT_DOUBLE_EQ(constant("2 pA * Mohm", "volt"), 2e-6);
    EXPECT_DOUBLE_EQ(constant("5 nS cm**-2", "siemens/metre**2"), 5e-5);
    EXPECT_DOUBLE_EQ(constant("3 mV + 2*mV", "volt"), 5e-3);
    EXPECT_DOUBLE_EQ(constant("2**3 ms", "second"), 8e-3);
    EXPECT_EQ(constant("3.2e-9", "1"), 3.2e-9);
    EXPECT_EQ(constant("0", "volt"), 0.0);
    EXPECT_DOUBLE_EQ(constant("sqrt(4)*mV", "volt"), 2e-3);
    EXPECT_EQ(constant("3 > 2", "boolean"), 1.0);
    EXPECT_EQ(constant("inf*mV", "volt"), std::numeric_limits<double>::infinity());
    EXPECT_DOUBLE_EQ(constant("R*C", "second", {{"R", "1/g"}, {"C", "2 pF"}, {"g", "4*psiemens"}}), 0.5);
}

TEST(Constants, LongChainsAreFine) {
    std::vector<std::pair<std::string, std::string>> constants;
    for (int k = 0; k < 20'000; ++k) constants.emplace_back(fmt::format("c{}", k), fmt::format("c{} + 1", k + 1));
    constants.emplace_back("c20000", "0");
    EXPECT_EQ(constant("c0", "1", constants), 20'000.0);
}

TEST(Inputs, AreFoundInAllForms) {
    const auto inputs_of = [](const std::string& equations, std::vector<std::string> names,
                              std::map<std::string, Dimension> dimensions = {}) {
        return parse_brian({.equations = {"equations", equations},
                            .inputs = std::move(names),
                            .input_dimensions = std::move(dimensions)});
    };
    const std::string leak = "dv/dt = (R*I - v)/(5*ms) : volt\nR : ohm\n";
    for (const char* line : {"I = input_var(t, i % n_traces) : amp", "I = stimulus(t, i) : amp", "I = f(t) : amp",
                             "I : amp", "I : amp (constant)"}) {
        const Model model = inputs_of(leak + line, {"I"});
        ASSERT_EQ(model.inputs.size(), 1u) << line;
        EXPECT_EQ(model.inputs[0].dimension, dimensions::ampere);
        EXPECT_TRUE(model.subexpressions.empty());
        EXPECT_THAT(model.parameter_names(), ElementsAre("R"));
        EXPECT_TRUE(depends_on(model.states[0].derivative, "I"));
    }
    EXPECT_EQ(inputs_of(leak, {"I"}).inputs.at(0).dimension, dimensions::ampere);
    EXPECT_EQ(inputs_of(leak, {"I"}, {{"I", dimensions::ampere}}).inputs.at(0).dimension, dimensions::ampere);
    EXPECT_THROW(inputs_of(leak, {"I"}, {{"I", dimensions::volt}}), UnitError);
    EXPECT_THROW(inputs_of("dv/dt = (R*I - v)/(5*ms) : volt\nR : ohm", {}), ModelError);
}

TEST(Inputs, TheirUnitsAreInferred) {
    const auto unit = [](const std::string& equations, std::vector<std::string> names = {"I"}) {
        const Model model = parse_brian(
            {.equations = {"equations", "v : volt\ng : siemens\n" + equations}, .inputs = std::move(names)});
        return model.inputs.at(0).dimension.name();
    };
    EXPECT_EQ(unit("x = g*v + I : amp"), "amp");
    EXPECT_EQ(unit("x = 0 - I/g : volt"), "amp");
    EXPECT_EQ(unit("x = exp(I/g/v) : 1"), "amp");
    EXPECT_EQ(unit("x = sqrt(I*v) : watt**0.5"), "amp");
    EXPECT_EQ(unit("x = int(g*v > I) : 1"), "amp");
    EXPECT_EQ(unit("x = max(0, I, g*v) : amp"), "amp");
    EXPECT_EQ(unit("x = where(I > 0, I, g*v) : amp"), "amp");
    EXPECT_EQ(unit("x = (I/v)**2 : siemens**2"), "amp");
    EXPECT_EQ(unit("x = timestep(I, dt) : integer"), "second");
    EXPECT_EQ(unit("x = I/J : ohm\ny = J*v : watt", {"I", "J"}), "volt");
    EXPECT_EQ(unit("x = I : volt"), "volt");
}

TEST(Inputs, MayBeSeveral) {
    const Model model =
        parse_brian({.equations = {"equations", "dv/dt = (I + J)/C : volt\nC : farad\nJ : amp"}, .inputs = {"J", "I"}});
    EXPECT_EQ(model.inputs.at(0).name, "J");
    EXPECT_EQ(model.inputs.at(1).name, "I");
    EXPECT_EQ(model.inputs.at(1).dimension, dimensions::ampere);
    EXPECT_THAT(error_of({.equations = {"equations", "x = I : 1"}, .inputs = {"I", "I"}}), HasSubstr("listed twice"));
    EXPECT_THAT(error_of({.equations = {"equations", "x = t/ms : 1"}, .inputs = {"t"}}),
                HasSubstr("`t` is a special name"));
    EXPECT_THAT(error_of({.equations = {"equations", "I : boolean"}, .inputs = {"I"}}),
                HasSubstr("must be a real number"));
}

TEST(Targets, AreReadable) {
    BrianModelText text = leaky();
    text.targets = {"v", "twice"};
    text.equations.text += "\ndu/dt = (v_target - u)/(5*ms) + (twice_target - u)/tau : volt";
    text.initial_values = {{"v", "v_target"}};
    const Model model = parse_brian(text);
    const auto target = model.find("twice_target");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->kind, Model::Variable::Kind::target);
    EXPECT_EQ(target->index, 1u);
    EXPECT_EQ(target->dimension, dimensions::volt);
    EXPECT_EQ(model.initial_values.at(0).value, Expression::symbol("v_target"));
}

TEST(Threshold, IsACondition) {
    BrianModelText text = leaky();
    text.threshold = "v > -50*mV and\n not on";
    text.reset = "";
    const Model model = parse_brian(text);
    EXPECT_EQ(value(*model.threshold, {{"v", -0.04}, {"on", 0}}), 1.0);
    EXPECT_EQ(value(*model.threshold, {{"v", -0.04}, {"on", 1}}), 0.0);
    EXPECT_TRUE(model.reset.empty());
    EXPECT_FALSE(parse_brian(leaky()).threshold);
}

std::vector<Assignment> reset_of(const std::string& reset) {
    BrianModelText text = leaky();
    text.threshold = "v > -50*mV";
    text.reset = reset;
    return parse_brian(text).reset;
}

TEST(Reset, StatementsAreSeparatedByLinesAndSemicolons) {
    const auto reset = reset_of("v = -65*mV; w += 2*mV # comment; not a statement\n\n;; on = True\n n = (1 +\n 1)\r\n");
    ASSERT_EQ(reset.size(), 4u);
    EXPECT_EQ(reset[0].name, "v");
    EXPECT_DOUBLE_EQ(value(reset[0].value), -65e-3);
    EXPECT_EQ(reset[1].name, "w");
    EXPECT_DOUBLE_EQ(value(reset[1].value, {{"w", 1e-3}}), 3e-3);
    EXPECT_EQ(value(reset[2].value), 1.0);
    EXPECT_EQ(value(reset[3].value), 2.0);
    EXPECT_TRUE(std::none_of(reset.begin(), reset.end(), [](const Assignment& a) { return a.temporary; }));
}

TEST(Reset, InPlaceOperatorsAreWrittenOut) {
    const auto result = [](const std::string& statement, double n) {
        return value(reset_of(statement).at(0).value, {{"n", n}, {"v", n}});
    };
    EXPECT_EQ(result("n += 2 - 3", 7), 6.0);
    EXPECT_EQ(result("n -= 2 - 3", 7), 8.0);
    EXPECT_EQ(result("n *= 1 + 1", 7), 14.0);
    EXPECT_EQ(result("n /= 1 + 1", 7), 3.0);  // an integer
    EXPECT_EQ(result("v /= 1 + 1", 7), 3.5);
    EXPECT_EQ(result("n %= 2 + 2", 7), 3.0);
    EXPECT_EQ(result("n //= 1 + 1", 7), 3.0);
    EXPECT_EQ(result("n **= 1 + 1", 7), 49.0);
    EXPECT_EQ(result("v %= 2*volt", 7), 1.0);
    EXPECT_THROW(reset_of("v *= 2*mV"), UnitError);
    EXPECT_THROW(reset_of("v **= 2"), UnitError);
    EXPECT_THROW(reset_of("v //= 2*volt"), UnitError);
    EXPECT_THROW(reset_of("q += 2"), ModelError);
}

TEST(Reset, SubexpressionsKeepTheirNames) {
    // They are read when the statement is executed: `w` becomes twice the new `v`.
    const auto reset = reset_of("v += 1*volt; w = twice");
    EXPECT_EQ(reset[1].value, Expression::symbol("twice"));
}

TEST(Reset, TemporariesHaveTheUnitOfTheirFirstValue) {
    const auto reset = reset_of(
        "x = v + 1*mV; x += 1*mV; v = x\n y = 0; y = 3*mV; y += v; k = 1; k = 1.5; k += 1; n = k; z = v > 0; on = z");
    EXPECT_TRUE(reset[0].temporary && reset[1].temporary);
    EXPECT_FALSE(reset[2].temporary);
    EXPECT_EQ(value(reset[7].value), 1.5);
    EXPECT_EQ(value(reset[9].value, {{"k", 2.5}}), 2.0);
    EXPECT_THROW(reset_of("x = v; x = 3"), UnitError);
    EXPECT_THROW(reset_of("x = v; w = x/ms"), UnitError);
}

TEST(Reset, TypesAreChecked) {
    EXPECT_EQ(value(reset_of("n += 0.75").at(0).value, {{"n", 2}}), 2.0);
    EXPECT_EQ(value(reset_of("on = 1").at(0).value), 1.0);
    EXPECT_EQ(value(reset_of("on = v > 0 and not on").at(0).value, {{"v", 1}, {"on", 0}}), 1.0);
    EXPECT_THROW(reset_of("on = 2"), ModelError);
    EXPECT_THROW(reset_of("n = v > 0"), ModelError);
    EXPECT_EQ(value(reset_of("v = 0").at(0).value), 0.0);
    EXPECT_TRUE(has_random(reset_of("v += rand()*mV - rand()*mV").at(0).value));
}

TEST(Refractoriness, HasThreeForms) {
    const auto refractory = [](const std::string& value) {
        BrianModelText text = leaky();
        text.threshold = "v > -50*mV";
        text.reset = "v = -65*mV";
        text.refractory = value;
        return parse_brian(text).refractory;
    };
    using Kind = Refractory::Kind;
    EXPECT_EQ(refractory("").kind, Kind::none);
    EXPECT_EQ(refractory(" \n").kind, Kind::none);
    EXPECT_EQ(refractory("False").kind, Kind::none);
    EXPECT_EQ(refractory("0").kind, Kind::duration);
    EXPECT_EQ(refractory("2 ms").kind, Kind::duration);
    EXPECT_DOUBLE_EQ(value(refractory("3. ms").value), 3e-3);
    EXPECT_DOUBLE_EQ(value(refractory("(1 + (v + 45*mV)/(10*mV))*ms").value, {{"v", -0.035}}), 2e-3);
    EXPECT_TRUE(has_random(refractory("(1 + 9*rand())*ms").value));
    EXPECT_EQ(refractory("v > -40*mV").kind, Kind::condition);
    EXPECT_EQ(refractory("on").kind, Kind::condition);
}

TEST(InitialValues, ComeInTheOrderOfEvaluation) {
    BrianModelText text = leaky();
    text.equations.text += "\ndu/dt = (x - u)/tau : volt\nx = half : volt\nhalf = v/2 : volt";
    text.initial_values = {{"u", "x + w"}, {"w", "-v*rand()"}, {"v", "EL"}, {"n", "7/2"}, {"on", "True"}};
    const Model model = parse_brian(text);
    std::vector<std::string> names;
    for (const auto& initial : model.initial_values) names.push_back(initial.name);
    EXPECT_THAT(names, ElementsAre("v", "w", "u", "n", "on"));
    EXPECT_EQ(model.initial_values[0].value, Expression::symbol("EL"));
    EXPECT_EQ(value(model.initial_values[3].value), 3.0);
    EXPECT_TRUE(has_random(model.initial_values[1].value));
}

TEST(InitialValues, AreQuantitiesExpressionsOrZero) {
    const auto initial = [](const std::string& text) {
        BrianModelText model = leaky();
        model.initial_values = {{"v", text}};
        return parse_brian(model).initial_values.at(0).value;
    };
    EXPECT_DOUBLE_EQ(value(initial("-65 mV")), -65e-3);
    EXPECT_DOUBLE_EQ(value(initial("-65*mV")), -65e-3);
    EXPECT_EQ(value(initial("0")), 0.0);
    EXPECT_EQ(value(initial("EL + w"), {{"EL", 1}, {"w", 2}}), 3.0);
    EXPECT_THROW(initial("-65"), UnitError);
    EXPECT_THROW(initial("v"), ModelError);
    EXPECT_THROW(initial("twice"), ModelError);
    EXPECT_THROW(initial("0*volt/0"), ModelError);
    EXPECT_THROW(initial(""), ModelError);
    EXPECT_THROW(initial("lastspike/ms*mV"), ModelError);
}

TEST(Warnings, NameWhatHasNoEffect) {
    std::vector<std::string> warnings;
    BrianModelText text = leaky();
    (void)parse_brian(text, &warnings);
    EXPECT_TRUE(warnings.empty());
    text.threshold = "v > -50*mV";
    (void)parse_brian(text, &warnings);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("neither a reset nor refractoriness"));
    warnings.clear();
    text.reset = "";
    (void)parse_brian(text, &warnings);
    EXPECT_TRUE(warnings.empty());
    text.equations.text = "dv/dt = -v/(5*ms) : volt (unless refractory)";
    (void)parse_brian(text, &warnings);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("`v` is marked `unless refractory`"));
}

TEST(Names, CannotBeDefinedTwiceAnywhere) {
    EXPECT_THAT(error_of({.equations = {"equations", "v : 1"}, .constants = {{"v", "1"}}}),
                HasSubstr("line 1 of the equations"));
    EXPECT_THAT(error_of({.equations = {"equations", "x = I : 1"}, .constants = {{"I", "1"}}, .inputs = {"I"}}),
                HasSubstr("also an input"));
    EXPECT_THAT(error_of({.equations = {"equations", "v : 1"}, .constants = {{"c", "1"}, {"c", "2"}}}),
                HasSubstr("given twice"));
    EXPECT_THAT(error_of({.equations = {"equations", "v : 1"}, .constants = {{"2c", "1"}}}),
                HasSubstr("`2c` is not a name"));
    EXPECT_THAT(error_of({.equations = {"equations", "v : 1"}, .targets = {"v", "v"}}), HasSubstr("listed twice"));
}

}  // namespace
}  // namespace spikesmith
