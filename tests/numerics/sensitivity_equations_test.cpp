// Sensitivity equations: the text parses again, and Euler's method on them gives the tangents of Euler's method.
#include "spikesmith/numerics/sensitivity_equations.hpp"

#include <algorithm>
#include <cmath>

#include "numerics/gradient_models.hpp"
#include "numerics/small_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/tangents.hpp"

namespace spikesmith {
namespace {

using testing::HasSubstr;

TEST(SensitivityEquations, AreTheTangentsOfEulersMethod) {
    for (const auto& model : test::gradient_models()) {
        if (std::find(model.methods.begin(), model.methods.end(), "euler") == model.methods.end()) continue;
        if (model.name == "additive noise") continue;  // sigma*xi is not additive in S_v_tau
        SCOPED_TRACE(model.name);
        const Model plain = parse_brian(model.text);
        const auto names = test::parameter_names(model);
        const Model sensitive = sensitivity_equations(plain, names);
        const auto program = with_tangents(test::program_of(model, "euler"), {.parameters = names});
        const auto other = integrate(sensitive, {.method = "euler", .dt = model.dt, .parameters = names});
        const auto rows = test::stimulus_rows(model, program);
        const auto values = test::parameter_values(model);
        Interpreter tangents(program), equations(other);
        tangents.start(values, rows[0], {});
        equations.start(values, rows[0], {});
        std::vector<double> largest(program.tangents.size(), 1e-300), difference(program.tangents.size(), 0);
        for (int k = 0; k < model.n_steps; ++k) {
            tangents.step(k, rows[static_cast<std::size_t>(k)]);
            equations.step(k, rows[static_cast<std::size_t>(k)]);
            for (std::size_t t = 0; t < program.tangents.size(); ++t) {
                const auto state = static_cast<std::size_t>(program.tangents[t].tangent);
                const auto found = other.find_state(program.states[state].name.substr(1));
                if (!found) continue;
                EXPECT_EQ(other.states[static_cast<std::size_t>(*found)].dimension, program.states[state].dimension);
                const double expected = tangents.states()[state];
                largest[t] = std::max(largest[t], std::fabs(expected));
                difference[t] =
                    std::max(difference[t], std::fabs(equations.states()[static_cast<std::size_t>(*found)] - expected));
            }
        }
        for (std::size_t t = 0; t < program.tangents.size(); ++t) {
            const auto& name = program.states[static_cast<std::size_t>(program.tangents[t].tangent)].name;
            EXPECT_LE(difference[t], 1e-7 * largest[t]) << name;
            EXPECT_TRUE(other.find_state(name.substr(1)) || largest[t] == 1e-300) << name;
        }
    }
}

TEST(SensitivityEquations, AreTextThatParsesAgain) {
    for (const auto& model : test::gradient_models()) {
        SCOPED_TRACE(model.name);
        const Model plain = parse_brian(model.text);
        const Model sensitive = sensitivity_equations(plain, test::parameter_names(model));
        EXPECT_THAT(sensitive.text, HasSubstr("dS_" + plain.states[0].name + "_"));
        BrianModelText text;
        text.equations.text = sensitive.text;
        text.inputs = model.text.inputs;
        if (!model.text.refractory.empty()) {
            text.threshold = model.text.threshold;
            text.refractory = model.text.refractory;
            text.constants = model.text.constants;
        }
        const Model parsed = parse_brian(text);
        ASSERT_EQ(parsed.states.size(), sensitive.states.size()) << sensitive.text;
        const auto value_of = [](const std::string& name) {
            return 0.1 + std::fmod(static_cast<double>(std::hash<std::string>{}(name) % 1000), 977.0) / 2000;
        };
        for (std::size_t s = 0; s < parsed.states.size(); ++s) {
            EXPECT_EQ(parsed.states[s].name, sensitive.states[s].name);
            EXPECT_EQ(parsed.states[s].dimension, sensitive.states[s].dimension);
            const double expected = evaluate(sensitive.inlined(sensitive.states[s].derivative), value_of);
            const double found = evaluate(parsed.inlined(parsed.states[s].derivative), value_of);
            if (!std::isfinite(expected)) continue;
            EXPECT_NEAR(found, expected, 1e-9 * std::fabs(expected)) << parsed.states[s].name;
        }
    }
}

TEST(SensitivityEquations, LeaveOutWhatStaysZero) {
    BrianModelText text;
    text.equations.text =
        "dx/dt = -x/tau : 1\ndy/dt = (x - g*y)/tau : 1\ndz/dt = (y - z)/tau : 1\nout = y**2 : 1\ng : 1\ntau : second\n";
    text.initial_values = {{"y", "2*g"}, {"z", "y*3"}};
    const Model sensitive = sensitivity_equations(parse_brian(text), {"g"}, {"out"});
    std::vector<std::string> names;
    for (const auto& s : sensitive.states) names.push_back(s.name);
    EXPECT_THAT(names, testing::ElementsAre("x", "y", "z", "S_y_g", "S_z_g"));
    const auto program = integrate(sensitive, {.method = "euler", .dt = 1e-4, .outputs = {"S_z_g", "S_out_g"}});
    const auto first = test::run(program, 1, {1.5, 0.01}).outputs[0];
    EXPECT_EQ(first[0], 6) << "by way of y";
    EXPECT_EQ(first[1], 2 * 3.0 * 2);
    EXPECT_THROW((void)sensitivity_equations(parse_brian(text), {"h"}), ModelError);
    EXPECT_THROW((void)sensitivity_equations(parse_brian(text), {"g"}, {"outs"}), ModelError);
}

}  // namespace
}  // namespace spikesmith
