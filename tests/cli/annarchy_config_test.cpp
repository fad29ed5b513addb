// Neurons in ANNarchy's language and from the library in configuration files.
#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"

namespace spikesmith::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

using AnnarchyConfig = ProgramTest;

const char* const izhikevich = R"([model]
language = "annarchy"
parameters = """
a = 0.02
b = 0.2
c = -65.0
d = 8.0
I = 10.0
"""
equations = """
dv/dt = 0.04*v^2 + 5*v + 140 - u + I : init=-65, midpoint
du/dt = a*(b*v - u) : init=-13, midpoint
"""
spike = "v > 30"
reset = "v = c; u += d"
dt = "0.5 ms"

[simulate]
duration = "1 s"
)";

// Spikes of the neuron of Izhikevich (2003) under the midpoint method, as ANNarchy 5.0.3 has them: the steps 6, 54, 145, 236.
TEST_F(AnnarchyConfig, SimulatesWithTheNumbersOfTheOriginal) {
    write("config.toml", izhikevich);
    const Outcome outcome = run({"simulate", "config.toml", "--out", "run", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_EQ(json::parse(outcome.out)["spike_counts"][0], 23);
    std::istringstream spikes(contents("run/spikes.csv"));
    std::string line;
    std::getline(spikes, line);
    for (const int step : {6, 54, 145, 236}) {
        std::getline(spikes, line);
        ASSERT_THAT(line, testing::StartsWith("1,"));
        EXPECT_NEAR(std::stod(line.substr(2)), 0.5e-3 * step, 1e-12);
    }
}

TEST_F(AnnarchyConfig, ParametersThatASectionNamesAreOpen) {
    write("config.toml", izhikevich);
    const Outcome outcome =
        run({"simulate", "config.toml", "--out", "run", "--json", "--set", "simulate.parameters.I=0"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_EQ(json::parse(outcome.out)["spike_counts"][0], 0);
    EXPECT_EQ(json::parse(outcome.out)["parameters"], (json{{"I", 0.0}}));
}

TEST_F(AnnarchyConfig, CheckShowsMethodsAndValues) {
    write("config.toml", izhikevich);
    const Outcome outcome = run({"check", "config.toml"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    for (const char* text : {"dv/dt = 0.04*v^2 + 5*v + 140 - u + I", "midpoint", "= -65", "= 0.02", "v > 30",
                             "v = c; u += d", "as_written"})
        EXPECT_THAT(outcome.out, HasSubstr(text));
    const json answer = json::parse(run({"check", "config.toml", "--json"}).out);
    EXPECT_EQ(answer["states"][0]["method"], "midpoint");
    EXPECT_EQ(answer["parameters"][2]["value"], "-65");
}

TEST_F(AnnarchyConfig, LibraryNeuronsTakeOtherValues) {
    write("config.toml", R"([model]
neuron = "Izhikevich2007"
parameters = {I_app = 100}
initial_values = {v = -60}
dt = "0.1 ms"

[simulate]
duration = "500 ms"
outputs = ["v", "u"]
)");
    const Outcome outcome = run({"simulate", "config.toml", "--out", "run"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const NpyArray voltage = read_npz("run/traces.npz").array("v");
    EXPECT_DOUBLE_EQ(voltage.values[0], -60);
    EXPECT_NEAR(voltage.values[1], -59.9, 1e-9);  // C dv/dt = I_app at rest
    // 483 steps after the current begins.
    EXPECT_THAT(contents("run/spikes.csv"), HasSubstr("1,0.0483\n"));
    EXPECT_THAT(run({"check", "config.toml"}).out, HasSubstr("v >= v_peak"));
}

// The membrane of tests/cli/program_fixture.hpp without units: parameters in nS and pF, times in ms.
TEST_F(AnnarchyConfig, FitsParametersAndTies) {
    write_membrane();
    write("config.toml", R"([model]
language = "annarchy"
parameters = """
g = 1.0
C = 100.0
EL = -70.0
E0 = 0
"""
equations = "C*dr/dt = g*(EL + E0 - r) + I : init=EL, exponential"
dt = "0.1 ms"

[data]
dt = "0.1 ms"
inputs.I = "current.csv"
outputs.r = "voltage.csv"

[fit]
n_samples = 30
n_rounds = 40

[fit.parameters]
g = [1, 100]
C = [10, 1000]
E0 = {fixed = 0}
)");
    const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    EXPECT_NEAR(answer["parameters"][0]["value"].get<double>(), 10, 1e-3);
    EXPECT_NEAR(answer["parameters"][1]["value"].get<double>(), 100, 1e-2);
    // A tie instead of the second parameter: exponential Euler is exact here, so C = 10 g is found with one parameter.
    const Outcome tied =
        run({"fit", "config.toml", "--out", "tied", "--json", "--set", "fit.parameters.C={tied=\"10*g\"}"});
    ASSERT_EQ(tied.code, 0) << tied.error;
    EXPECT_NEAR(json::parse(tied.out)["parameters"][0]["value"].get<double>(), 10, 1e-4);
}

struct Wrong {
    const char* from;
    const char* to;
    const char* message;
};

TEST_F(AnnarchyConfig, ErrorsShowTheirPlace) {
    const std::vector<Wrong> cases{
        {"du/dt = a*(b*v - u)", "du/dt = a*(bb*v - u)", "config.toml:12:12"},
        {"a = 0.02", "a = 0.02 : popul", "config.toml:4:12"},
        {"spike = \"v > 30\"", "spike = \"v\"", "config.toml:14:10"},
        {"v = c; u += d", "w = c", "config.toml:15:10"},
        {"language = \"annarchy\"", "language = \"annarchi\"", "config.toml:2:12"},
        {"language = \"annarchy\"\n", "", "write `language = \"annarchy\"` into [model]"},
        {"dt = \"0.5 ms\"", "dt = \"0.5 ms\"\nmethod = \"rk5\"", "config.toml:17:10"},
        {"dt = \"0.5 ms\"", "dt = \"0.5 ms\"\nthreshold = \"v > 3\"", "unknown key `threshold` in [model]"},
        {"dt = \"0.5 ms\"", "dt = \"0.5 ms\"\ninitial_values = {w = 3}", "config.toml:17:23"},
        {"dt = \"0.5 ms\"", "dt = \"0.5 ms\"\nconstants = {t = 3}", "config.toml:17:1"},
        {"dt = \"0.5 ms\"", "dt = \"0.5 ms\"\ninputs = [\"v\"]", "config.toml:1"},
        {"duration = \"1 s\"", "duration = \"1 s\"\nparameters = {q = 1}", "the model has no parameter `q`"},
    };
    for (const Wrong& wrong : cases) {
        std::string text = izhikevich;
        const auto at = text.find(wrong.from);
        ASSERT_NE(at, std::string::npos) << wrong.from;
        text.replace(at, std::string(wrong.from).size(), wrong.to);
        write("config.toml", text);
        const Outcome outcome = run({"simulate", "config.toml", "--out", "run", "--force"});
        EXPECT_EQ(outcome.code, 2) << wrong.to;
        EXPECT_THAT(outcome.error, HasSubstr(wrong.message)) << wrong.to;
    }
    write("config.toml", "[model]\nneuron = \"Izhikevich207\"\ndt = \"0.1 ms\"\n[simulate]\nduration = \"1 s\"\n");
    EXPECT_THAT(run({"simulate", "config.toml"}).error, HasSubstr("Izhikevich2007"));
    EXPECT_THAT(run({"simulate", "config.toml"}).error, HasSubstr("config.toml:2:10"));
}

}  // namespace
}  // namespace spikesmith::test
