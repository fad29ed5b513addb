// Experiments in configuration files: check, simulate, fit, and what is said of wrong ones.
#include <algorithm>
#include <chrono>
#include <map>
#include <thread>

#include "cli/process.hpp"
#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spikesmith/cli/config.hpp"
#include "spikesmith/cli/experiment_losses.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace spikesmith::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

using ExperimentConfiguration = ProgramTest;

const char* const rate_neuron = R"([model]
name = "Rate neuron"
language = "annarchy"
parameters = "I_app = 0; a = 0; b = 0"
equations = "r = a*I_app + b"
dt = "1 ms"

[data.outputs]
r = "rates.csv"

[[experiment.phase]]
name = "low"
duration = "10 ms"
drive = {I_app = {wave = "step", to = 5, start = "5 ms"}}

[[experiment.phase]]
name = "high"
duration = "10 ms"
drive = {I_app = {wave = "step", to = 10, start = "5 ms"}}

[fit]
n_evaluations = 1500
loss = {type = "rmse", variable = "r"}
optimizer = {method = "cma_es"}

[fit.parameters]
a = [-50, 100]
b = [-50, 150]

[simulate]
parameters = {a = 0.8, b = 2}
)";

void write_rate_neuron(const std::string& text = rate_neuron) {
    write("config.toml", text);
    std::string rates = "low,high\n";
    for (int k = 0; k < 10; ++k) rates += k < 5 ? "2,2\n" : "6,10\n";
    write("rates.csv", rates);
}

std::string with(std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
}

TEST_F(ExperimentConfiguration, CheckShowsPhasesAndFit) {
    write_rate_neuron();
    const Outcome outcome = run({"check", "config.toml"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    for (const char* text :
         {"low", "10 ms", "I_app: step", "recording r", "low: 10 samples", "-50 to 100", "rmse of r, high"})
        EXPECT_THAT(outcome.out, HasSubstr(text));
    EXPECT_EQ(json::parse(run({"check", "config.toml", "--json"}).out)["phases"][1]["name"], "high");
}

TEST_F(ExperimentConfiguration, SimulateRunsItOnce) {
    write_rate_neuron();
    const Outcome outcome = run({"simulate", "config.toml", "--out", "run", "--set", "simulate.csv=true"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const NpzArchive arrays = read_npz("run/traces.npz");
    const NpyArray rates = arrays.array("r");
    EXPECT_THAT(rates.shape, testing::ElementsAre(2, 10));
    for (std::size_t k = 0; k < 10; ++k) {
        EXPECT_DOUBLE_EQ(rates.values[k], k < 5 ? 2 : 6);
        EXPECT_DOUBLE_EQ(rates.values[10 + k], k < 5 ? 2 : 10);
        EXPECT_DOUBLE_EQ(arrays.array("t").values[k], static_cast<double>(k) * 1e-3);
    }
    EXPECT_EQ(arrays.array("r_target").values.size(), rates.values.size());
    for (std::size_t k = 0; k < rates.values.size(); ++k)
        EXPECT_DOUBLE_EQ(arrays.array("r_target").values[k], rates.values[k]);
    EXPECT_THAT(contents("run/traces.csv"), HasSubstr("chunk,time (second),r\n1,0,2\n"));
    EXPECT_THAT(contents("run/traces.svg"), HasSubstr("low"));
}

TEST_F(ExperimentConfiguration, FitRecoversTheTruthAndWritesEverything) {
    write_rate_neuron();
    const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    EXPECT_NEAR(answer["parameters"]["a"].get<double>(), 0.8, 1e-6);
    EXPECT_NEAR(answer["parameters"]["b"].get<double>(), 2, 1e-6);
    EXPECT_LT(answer["loss"].get<double>(), 1e-5);
    const json written = json::parse(contents("run/result.json"));
    for (const char* key : {"best", "loss", "deviation", "all_loss", "parameters", "constants", "expressions", "bounds",
                            "optimizer", "seed", "settings", "history", "version", "n_failed"})
        EXPECT_TRUE(written.contains(key)) << key;
    EXPECT_EQ(written["all_loss"][1]["name"], "rmse of r, high");
    ASSERT_EQ(written["history"].size(), 1500U);
    EXPECT_EQ(written["history"][0]["variables"].size(), 2U);
    const std::string csv = contents("run/evaluations.csv");
    EXPECT_THAT(csv, testing::StartsWith("a,b,loss,deviation\n"));
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1501);
    for (const char* file :
         {"traces.npz", "traces.svg", "convergence.svg", "log.txt", "evaluations.npz", "config.toml"})
        EXPECT_TRUE(fs::exists(fs::path("run") / file)) << file;
    // The run repeats from its own configuration, to the byte, with another number of threads.
    ASSERT_EQ(run({"fit", "run/config.toml", "--out", "again", "--threads", "2", "--quiet"}).code, 0);
    EXPECT_TRUE(contents("again/evaluations.csv") == csv);
    EXPECT_TRUE(contents("again/result.json") == contents("run/result.json"));
}

TEST_F(ExperimentConfiguration, ATargetModelReplacesRecordings) {
    std::string text = with(rate_neuron, "[data.outputs]\nr = \"rates.csv\"\n", R"([target.model]
language = "annarchy"
parameters = "I_app = 0; m = 3"
equations = """
x = m*I_app
r = 2*x - 1
"""
)");
    text = with(text, "b = [-50, 150]", "b = \"-c/2 + 0*a\"\nc = [-10, 10]");
    write("config.toml", text);
    const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    EXPECT_NEAR(answer["parameters"]["a"].get<double>(), 6, 1e-6);
    EXPECT_NEAR(answer["parameters"]["b"].get<double>(), -1, 1e-6);
    EXPECT_NEAR(answer["parameters"]["c"].get<double>(), 2, 2e-6);
    EXPECT_EQ(answer["expressions"]["b"], "-c/2 + 0*a");
    EXPECT_THAT(run({"check", "config.toml"}).out, HasSubstr("r = 2*x - 1"));
}

// A membrane in Brian's language under clamp and current, against the closed form.
TEST_F(ExperimentConfiguration, ClampsWavesAndUnits) {
    write("current.csv", "0\n100\n100\n100\n");
    write("config.toml", R"([model]
equations = """
dv/dt = (g*(E - v) + I)/C : volt
g : siemens (constant)
I : amp
"""
constants = {E = "-70 mV", C = "100 pF"}
initial_values = {v = "E", I = 0}
dt = "0.1 ms"

[experiment]
record = ["v", "I", "v_clamp_current"]

[[experiment.phase]]
name = "array"
duration = "0.4 ms"
drive = {I = {wave = "array", file = "current.csv", unit = "pA"}}

[[experiment.phase]]
name = "clamp"
duration = "2 ms"
clamp = {v = "-60 mV"}

[[experiment.phase]]
name = "released"
duration = "10 ms"
reset = false

[[experiment.phase]]
duration = "1 ms"
set = {v = "-50 mV"}
drive = {I = {wave = "ramp", from = "0 pA", to = "90 pA"}}

[simulate]
parameters = {g = "10 nS"}
)");
    const Outcome outcome = run({"simulate", "config.toml", "--out", "run"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_THAT(outcome.out, HasSubstr("clamp, released: 120 samples"));
    const NpzArchive arrays = read_npz("run/traces.npz");
    const NpyArray voltage = arrays.array("v"), current = arrays.array("I"), clamp = arrays.array("v_clamp_current");
    ASSERT_EQ(voltage.shape, (std::vector<std::size_t>{3, 120}));
    const auto value = [](const NpyArray& array, std::size_t chunk, std::size_t k) {
        return array.values[chunk * 120 + k];
    };
    const double tau = 10e-3;
    EXPECT_DOUBLE_EQ(value(voltage, 0, 0), -70e-3);
    EXPECT_DOUBLE_EQ(value(voltage, 0, 1), -70e-3);  // the first value of the array is 0
    EXPECT_NEAR(value(voltage, 0, 3), -70e-3 + 10e-3 * (1 - std::exp(-2e-4 / tau)), 1e-12);
    EXPECT_DOUBLE_EQ(value(voltage, 1, 19), -60e-3);
    EXPECT_NEAR(value(clamp, 1, 19), 100e-12, 1e-20);  // what holds it: g*(v - E)
    EXPECT_NEAR(value(voltage, 1, 119), -70e-3 + 10e-3 * std::exp(-99e-4 / tau), 1e-12);
    EXPECT_DOUBLE_EQ(value(voltage, 2, 0), -50e-3);
    EXPECT_NEAR(value(current, 2, 9), 90e-12, 1e-22);
}

TEST_F(ExperimentConfiguration, PhasesOfALossAreCutOut) {
    write_rate_neuron(with(rate_neuron, "loss = {type = \"rmse\", variable = \"r\"}",
                           "loss = [{type = \"rmse\", variable = \"r\", phases = [\"low\"], weight = 3}]"));
    const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--json", "--set", "fit.n_evaluations=50"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    ASSERT_EQ(answer["all_loss"].size(), 1U);
    EXPECT_EQ(answer["all_loss"][0]["name"], "rmse of r, low");
    EXPECT_NEAR(answer["loss"].get<double>(), 3 * answer["all_loss"][0]["loss"].get<double>(), 1e-12);

    // A phase that goes on is a part of its chunk.
    SimulationRecord record{.dt = 1e-3, .interval_steps = 2, .n_candidates = 1, .variables = {"v"}, .spikes = true};
    RecordedChunk chunk;
    chunk.periods = {{.first_step = 0, .n_samples = 10}};
    chunk.values = {Array2(1, 10)};
    for (std::size_t k = 0; k < 10; ++k) chunk.values[0](0, k) = static_cast<double>(2 * k);
    chunk.spike_steps = {{3, 10, 12}};
    chunk.end_step = 20;
    record.chunks = {chunk};
    const Protocol protocol{
        {{.name = "first", .duration = 10e-3}, {.name = "second", .duration = 10e-3, .reset = false}}};
    const SimulationRecord part = phases_of(record, protocol, {"second"}, 1e-3);
    ASSERT_EQ(part.chunks.size(), 1U);
    const auto trace = part.trace("v");
    EXPECT_THAT(std::vector<double>(trace.begin(), trace.end()), testing::ElementsAre(10, 12, 14, 16, 18));
    EXPECT_THAT(part.chunks[0].spike_steps[0], testing::ElementsAre(0, 2));
    EXPECT_EQ(part.chunks[0].periods[0].first_step, 0);
}

TEST_F(ExperimentConfiguration, WrongInputIsShownWhereItIsWritten) {
    struct Wrong {
        const char* from;
        const char* to;
        const char* message;
    };
    const std::vector<Wrong> cases{
        {"wave = \"step\"", "wave = \"stepp\"", "there is no wave `stepp`"},
        {"wave = \"step\", to = 5", "wave = \"step\"", "needs `to`"},
        {"start = \"5 ms\"", "start = 5", "`start` is a time and needs a unit"},
        {"drive = {I_app", "drive = {I_ap", "did you mean `I_app`"},
        {"drive = {I_app", "clamp = {a", "no variable with an equation"},
        {"drive = {I_app", "drive = {r", "write `clamp = {...}`"},
        {"duration = \"10 ms\"", "duration = \"0 ms\"", "must be positive"},
        {"name = \"high\"", "name = \"low\"", "two phases are called `low`"},
        {"type = \"rmse\"", "type = \"rmsee\"", "did you mean `rmse`"},
        {"variable = \"r\"", "variable = \"q\"", "the model has no `q` to record"},
        {"type = \"rmse\", variable = \"r\"", "type = \"van_rossum\"", "needs `tau`"},
        {"type = \"rmse\", variable = \"r\"", "type = \"spike_count\"", "no spike condition"},
        {"variable = \"r\"", "variable = \"r\", phases = [\"lo\"]", "did you mean `low`"},
        {"a = [-50, 100]", "a = [3, 3]", "the bounds of `a` are equal"},
        {"a = [-50, 100]", "a = \"3*z\"", "z"},
        {"a = [-50, 100]\nb = [-50, 150]", "a = 3", "no parameter is free"},
        {"n_evaluations = 1500", "n_rounds = 3", "unknown key `n_rounds` in [fit]"},
        {"method = \"cma_es\"", "method = \"cma_ess\"", "did you mean `cma_es`"},
        {"method = \"cma_es\"", "method = \"cma_es\", stepp = 3", "stepp"},
        {"[data.outputs]\nr = \"rates.csv\"", "", "there is nothing to reproduce"},
        {"[data.outputs]\n", "[data.inputs]\nI_app = \"rates.csv\"\n[data.outputs]\n", "stimuli in its phases"},
        {"name = \"high\"", "name = \"high\"\nrecord = false", "2 traces are given, but the experiment records 1"},
        {"[fit]",
         "[target.model]\nlanguage = \"annarchy\"\nparameters = \"I_app = 0\"\nequations = \"r = I_app\"\n[fit]",
         "remove the other"},
        {"[[experiment.phase]]\nname = \"low\"", "[experiment]\nrecord = [\"v\"]\n[[experiment.phase]]\nname = \"low\"",
         "the model has no `v` to record"},
    };
    for (const Wrong& wrong : cases) {
        write_rate_neuron(with(rate_neuron, wrong.from, wrong.to));
        const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--force", "--quiet"});
        EXPECT_EQ(outcome.code, 2) << wrong.to;
        EXPECT_THAT(outcome.error, HasSubstr(wrong.message)) << wrong.to;
    }
    write_rate_neuron();
    for (const char* command : {"refine", "landscape", "infer"}) {
        const Outcome outcome = run({command, "config.toml"});
        EXPECT_EQ(outcome.code, 2);
        EXPECT_THAT(outcome.error, HasSubstr("not an experiment")) << command;
    }
    write("config.toml", with(rate_neuron, "[[experiment.phase]]", "[target.model]\nneuron = \"Izhikevich2007\"\n#"));
    EXPECT_EQ(run({"check", "config.toml"}).code, 2);
}

TEST_F(ExperimentConfiguration, SbiLearnsAPosterior) {
    std::string text =
        with(rate_neuron, "equations = \"r = a*I_app + b\"", "equations = \"r = a*I_app + b + Normal(0, 0.5)\"");
    text = with(text, "n_evaluations = 1500", "n_evaluations = 800");
    text = with(text, "method = \"cma_es\"", "method = \"sbi\"");
    write_rate_neuron(with(with(text, "a = [-50, 100]", "a = [0, 2]"), "b = [-50, 150]", "b = [0, 5]"));
    const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out)["posterior"];
    const std::map<std::string, double> truth{{"a", 0.8}, {"b", 2}};
    for (const auto& parameter : answer["parameters"]) {
        EXPECT_LT(parameter["interval"][0].get<double>(), truth.at(parameter["name"])) << parameter;
        EXPECT_GT(parameter["interval"][1].get<double>(), truth.at(parameter["name"])) << parameter;
        EXPECT_GT(parameter["shrinkage"].get<double>(), 0.9) << parameter;
    }
    for (const char* file :
         {"posterior.spk", "samples.npz", "samples.csv", "posterior.svg", "result.json", "traces.npz"})
        EXPECT_TRUE(fs::exists(fs::path("run") / file)) << file;
}

TEST_F(ExperimentConfiguration, AnInterruptedFitKeepsItsBest) {
    write_rate_neuron();
    Process process({"fit", "config.toml", "--out", "run", "--set", "fit.n_evaluations=10000000"});
    const auto started = std::chrono::steady_clock::now();
    while (!fs::exists("run/config.toml") && std::chrono::steady_clock::now() - started < std::chrono::seconds(60))
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    process.interrupt();
    EXPECT_EQ(process.wait(), 130);
    const json written = json::parse(contents("run/result.json"));
    EXPECT_GT(written["n_evaluations"].get<int>(), 0);
    EXPECT_LT(written["n_evaluations"].get<int>(), 10000000);
    EXPECT_TRUE(written["best"].contains("a"));
    EXPECT_THAT(contents("run/log.txt"), HasSubstr("stopped by the user"));
}

// ---- resuming --------------------------------------------------------------------------------------------------------

const std::vector<std::string> reproducible_files{"result.json", "evaluations.csv", "evaluations.npz", "traces.npz",
                                                  "traces.svg",  "convergence.svg", "checkpoint.txt"};

TEST_F(ExperimentConfiguration, AKilledFitResumesByteForByte) {
    write_rate_neuron(with(rate_neuron, "n_evaluations = 1500", "n_evaluations = 20000\npolish_evaluations = 500"));
    const std::vector<std::string> fit{"fit", "config.toml", "--quiet", "--out"};
    const auto arguments = [&](const std::string& folder, bool resume) {
        std::vector<std::string> all = fit;
        all.push_back(folder);
        if (resume) all.emplace_back("--resume");
        return all;
    };
    const auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(Process(arguments("whole", false)).wait(), 0);
    const std::chrono::duration<double> duration = std::chrono::steady_clock::now() - start;
    int killed = 0;
    for (int attempt = 0; attempt < 20 && killed < 3; ++attempt) {
        Process process(arguments("run", fs::exists("run")));
        std::this_thread::sleep_for(duration * (0.2 + 0.05 * attempt));
        if (!process.kill()) {  // it had ended
            if (killed > 0) break;
            fs::remove_all("run");
            continue;
        }
        if (fs::exists("run/checkpoint.txt")) ++killed;
    }
    EXPECT_GE(killed, 1);
    ASSERT_EQ(Process(arguments("run", fs::exists("run/config.toml"))).wait(), 0);
    for (const std::string& name : reproducible_files)
        EXPECT_TRUE(contents(fs::path("run") / name) == contents(fs::path("whole") / name)) << name;
}

TEST_F(ExperimentConfiguration, ResumeAddsEvaluationsAndRefusesOtherProblems) {
    write_rate_neuron();
    const auto fit = [](std::vector<std::string> more) {
        more.insert(more.begin(), {"fit", "config.toml", "--quiet", "--out", "run"});
        return run(more);
    };
    ASSERT_EQ(fit({}).code, 0);
    const std::string before = contents("run/result.json");
    ASSERT_EQ(fit({"--resume"}).code, 0);
    EXPECT_EQ(contents("run/result.json"), before);
    EXPECT_THAT(contents("run/log.txt"), HasSubstr("resumed after evaluation 1500"));
    const auto refused = [&](const std::vector<std::string>& more) {
        std::vector<std::string> all{"--resume"};
        all.insert(all.end(), more.begin(), more.end());
        const Outcome outcome = fit(all);
        EXPECT_EQ(outcome.code, exit_code::wrong_input);
        return outcome.error;
    };
    EXPECT_THAT(refused({"--seed", "5"}),
                HasSubstr("the checkpoint is of another problem: the seed is `0` there and `5` here"));
    EXPECT_THAT(refused({"--set", "fit.parameters.a=[-50, 99]"}), HasSubstr("the list of variables is"));
    EXPECT_THAT(refused({"--set", "fit.optimizer.method=tpe"}), HasSubstr("the optimizer is"));
    EXPECT_THAT(refused({"--set", "model.equations=r = a*I_app + b + 1"}), HasSubstr("the checksum of the model is"));
    EXPECT_THAT(refused({"--set", "fit.loss.weight=2"}), HasSubstr("the list of weights is"));
    EXPECT_THAT(refused({"--set", "fit.n_evaluations=50"}),
                HasSubstr("the run has done 1500 evaluations already, but `n_evaluations` is 50"));
    EXPECT_EQ(contents("run/result.json"), before);
    ASSERT_EQ(fit({"--resume", "--threads", "1", "--set", "fit.n_evaluations=1600"}).code, 0);
    EXPECT_EQ(json::parse(contents("run/result.json"))["n_evaluations"], 1600);
    EXPECT_THAT(contents("run/config.toml"), HasSubstr("n_evaluations = 1600"));
}

TEST_F(ExperimentConfiguration, AnInterruptedFitGoesOn) {
    write_rate_neuron(with(rate_neuron, "n_evaluations = 1500", "n_evaluations = 60000"));
    Process process({"fit", "config.toml", "--quiet", "--out", "run"});
    const auto started = std::chrono::steady_clock::now();
    while (!fs::exists("run/checkpoint.txt") && std::chrono::steady_clock::now() - started < std::chrono::seconds(60))
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    process.interrupt();
    EXPECT_EQ(process.wait(), 130);
    ASSERT_EQ(run({"fit", "config.toml", "--quiet", "--out", "run", "--resume"}).code, 0);
    ASSERT_EQ(run({"fit", "config.toml", "--quiet", "--out", "whole"}).code, 0);
    for (const std::string& name : reproducible_files)
        EXPECT_TRUE(contents(fs::path("run") / name) == contents(fs::path("whole") / name)) << name;
}

// ---- every method ----------------------------------------------------------------------------------------------------

class EveryMethod : public ProgramTest, public testing::WithParamInterface<std::string> {};

TEST_P(EveryMethod, RecoversTheTruthOfBothReferenceFits) {
    write_rate_neuron();
    const std::vector<std::string> fit{"fit",
                                       "config.toml",
                                       "--json",
                                       "--set",
                                       "fit.optimizer.method=" + GetParam(),
                                       "--set",
                                       "fit.n_evaluations=700",
                                       "--set",
                                       "fit.polish_evaluations=600"};
    const Outcome data = run(fit);
    ASSERT_EQ(data.code, 0) << data.error;
    EXPECT_NEAR(json::parse(data.out)["parameters"]["a"].get<double>(), 0.8, 1e-6);
    EXPECT_NEAR(json::parse(data.out)["parameters"]["b"].get<double>(), 2, 1e-6);
    write("config.toml", with(rate_neuron, "[data.outputs]\nr = \"rates.csv\"", R"([target.model]
language = "annarchy"
parameters = "I_app = 0; m_1 = 1; m_2 = 2; m_3 = 3; n_1 = 1; n_2 = 0; n_3 = -1"
equations = "r = m_1*I_app + n_1 + m_2*I_app + n_2 + m_3*I_app + n_3")"));
    const Outcome model = run(fit);
    ASSERT_EQ(model.code, 0) << model.error;
    EXPECT_NEAR(json::parse(model.out)["parameters"]["a"].get<double>(), 6, 1e-6);
    EXPECT_NEAR(json::parse(model.out)["parameters"]["b"].get<double>(), 0, 1e-6);
}

std::vector<std::string> all_methods() {
    std::vector<std::string> names{"deap", "hyperopt", "bads", "RF", "ET", "GBRT"};
    for (const MethodInfo& method : optimizer_methods()) names.push_back(method.name);
    return names;
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryMethod, testing::ValuesIn(all_methods()),
                         [](const auto& method) { return method.param; });

TEST_F(ExperimentConfiguration, WrongPolishAndGuess) {
    write_rate_neuron(with(rate_neuron, "n_evaluations = 1500", "n_evaluations = 1500\npolish_evaluations = 1500"));
    EXPECT_THAT(run({"check", "config.toml"}).error,
                HasSubstr("1500 evaluations for polishing leave none of 1500 for the search before"));
    write_rate_neuron(with(rate_neuron, "a = [-50, 100]", "a = {bounds = [-50, 100], guess = [0, 200]}"));
    const Outcome outcome = run({"fit", "config.toml"});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.error, HasSubstr("the guess of `a`, from 0 to 200, is not within the bounds -50 and 100"));
    write_rate_neuron(with(rate_neuron, "a = [-50, 100]", "a = {fixed = 3, guess = [0, 2]}"));
    EXPECT_THAT(run({"check", "config.toml"}).error, HasSubstr("`guess` belongs to bounds, and `a` has none"));
    write_rate_neuron(with(rate_neuron, "a = [-50, 100]", "a = {bounds = [-50, 100], guess = [0, 2]}"));
    EXPECT_EQ(run({"fit", "config.toml"}).code, 0);
}

TEST_F(ExperimentConfiguration, WrongExpressionsAreShownWhereTheyAreWritten) {
    write_rate_neuron(with(rate_neuron, "a = [-50, 100]", "a = \"2*bb\""));
    EXPECT_THAT(run({"check", "config.toml"}).error,
                HasSubstr(":8: unknown name `bb` in the expression of `a`\n    a = \"2*bb\"\n           ^~\n"));
    write_rate_neuron(with(rate_neuron, "a = [-50, 100]", "a = \"x\"\nx = \"a\""));
    EXPECT_THAT(run({"check", "config.toml"}).error, HasSubstr("the expressions go in a circle"));
}

TEST_F(ExperimentConfiguration, DivergenceIsSaid) {
    write_rate_neuron(with(rate_neuron, "r = a*I_app + b", "dr/dt = (a*I_app + b)*r*r*r : init=10.0"));
    const Outcome simulated = run({"simulate", "config.toml", "--out", "run"});
    EXPECT_EQ(simulated.code, 0);
    EXPECT_THAT(simulated.error, HasSubstr("warning: the state `r` became NaN or infinite"));
    write_rate_neuron(with(rate_neuron, "r = a*I_app + b", "dr/dt = (a*I_app + b)*r*r*r : init=0.1"));
    EXPECT_EQ(run({"fit", "config.toml", "--out", "fit", "--quiet"}).code, 0);
    const json failures = json::parse(contents("fit/result.json"))["failures"];
    ASSERT_GE(failures.size(), 1U);
    EXPECT_THAT(failures[0]["cause"].get<std::string>(), HasSubstr("the state `r` became NaN or infinite in chunk "));
    EXPECT_GT(failures[0]["count"], 0);
}

TEST_F(ExperimentConfiguration, RoundTripsThroughText) {
    const std::string once = config_as_run(read_config_text({"config", rate_neuron}), "");
    EXPECT_EQ(config_as_run(read_config_text({"config", once}), ""), once);
}

}  // namespace
}  // namespace spikesmith::test
