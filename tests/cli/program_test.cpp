#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spikesmith/cli/config.hpp"
#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/core/version.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

using Program = ProgramTest;

std::vector<std::string> files_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

TEST_F(Program, HelpAndVersion) {
    EXPECT_EQ(run({"--version"}).out, "spikesmith " + std::string(version) + "\n");
    const Outcome help = run({"--help"});
    EXPECT_EQ(help.code, 0);
    for (const char* word : {"check", "simulate", "fit", "Examples"}) EXPECT_THAT(help.out, HasSubstr(word));
    for (const char* command : {"check", "simulate", "fit"}) {
        const Outcome outcome = run({command, "--help"});
        EXPECT_EQ(outcome.code, 0);
        for (const char* word : {"--set", "--seed", "--threads", "--json", "--quiet", "Examples"})
            EXPECT_THAT(outcome.out, HasSubstr(word));
    }
}

TEST_F(Program, CheckShowsTheModelTheMethodAndTheStep) {
    write_membrane();
    const Outcome outcome = run({"check", "config.toml"});
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    for (const char* text : {"dv/dt", "(g*(EL - v) + I)/C", "siemens", "EL", "= -70 mV", "2 x 200", "current.csv",
                             "Integration: exact", "1 nS to 100 nS"}) {
        EXPECT_THAT(outcome.out, HasSubstr(text));
    }
    EXPECT_EQ(files_in("."), (std::vector<std::string>{"config.toml", "current.csv", "voltage.csv"}));
}

TEST_F(Program, CheckCanAnswerInJson) {
    write_membrane();
    const Outcome outcome = run({"check", "config.toml", "--json"});
    const json answer = json::parse(outcome.out);
    EXPECT_EQ(answer["states"][0]["name"], "v");
    EXPECT_EQ(answer["states"][0]["initial_value"], "EL");
    EXPECT_EQ(answer["parameters"].size(), 2U);
    EXPECT_EQ(answer["inputs"][0]["unit"], "amp");
    EXPECT_EQ(answer["data"][1]["n_traces"], 2);
    EXPECT_EQ(answer["method"], "exact");
    EXPECT_EQ(outcome.error, "");
}

TEST_F(Program, SimulateGivesTheClosedForm) {
    write_membrane();
    const Outcome outcome = run({"simulate", "config.toml", "--out", "run", "--set", "simulate.csv=true"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_EQ(files_in("run"), (std::vector<std::string>{"config.toml", "log.txt", "result.json", "traces.csv",
                                                         "traces.npz", "traces.svg"}));
    const NpzArchive traces = read_npz("run/traces.npz");
    const NpyArray t = traces.array("t");
    const NpyArray v = traces.array("v");
    ASSERT_EQ(v.shape, (std::vector<std::size_t>{2, 200}));
    for (std::size_t k = 0; k < 200; ++k) {
        EXPECT_DOUBLE_EQ(t.values[k], static_cast<double>(k) * 1e-4);
        const double rise = 1 - std::exp(-t.values[k] * 100.0);
        EXPECT_NEAR(v.values[k], -0.07 + 0.01 * rise, 1e-12);
        EXPECT_NEAR(v.values[200 + k], -0.07 - 0.005 * rise, 1e-12);
    }
    const std::string csv = contents("run/traces.csv");
    EXPECT_THAT(csv, HasSubstr("time"));
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 201);
}

TEST_F(Program, SimulateNeedsNoData) {
    write("config.toml",
          "[model]\nequations = \"dv/dt = (2*mV - v)/tau : volt\\ntau : second\"\nthreshold = 'v > 1*mV'\nreset = 'v = "
          "0*mV'\ndt = '0.1 ms'\n"
          "[simulate]\nduration = '100 ms'\nparameters = {tau = '10 ms'}\n");
    const Outcome outcome = run({"simulate", "config.toml", "--out", "run", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    EXPECT_EQ(answer["n_steps"], 1000);
    // From 0 to half of the end value takes tau*log(2) = 6.93 ms, 70 steps: 14 spikes in 100 ms.
    EXPECT_EQ(answer["spike_counts"], json::array({14}));
    EXPECT_THAT(contents("run/spikes.csv"), HasSubstr("trace,time (second)\n1,0.0069"));
    EXPECT_EQ(read_npz("run/traces.npz").array("spikes_1").values.size(), 14U);
}

TEST_F(Program, FitRecoversTheMembraneAndFillsTheRunFolder) {
    write_membrane();
    const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--set", "fit.n_rounds=60"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_EQ(files_in("run"),
              (std::vector<std::string>{"checkpoint.txt", "config.toml", "convergence.svg", "evaluations.csv",
                                        "evaluations.npz", "log.txt", "result.json", "traces.npz", "traces.svg"}));
    const json result = json::parse(contents("run/result.json"));
    EXPECT_NEAR(result["parameters"][0]["value"].get<double>(), 10e-9, 10e-12);
    EXPECT_NEAR(result["parameters"][1]["value"].get<double>(), 100e-12, 0.1e-12);
    EXPECT_EQ(result["n_evaluations"], 1200);
    EXPECT_EQ(result["parameters"][0]["at_bound"], false);
    const std::string csv = contents("run/evaluations.csv");
    EXPECT_EQ(csv.substr(0, csv.find('\n')), "round,sample,g,C,error");
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1201);
    const NpzArchive traces = read_npz("run/traces.npz");
    EXPECT_EQ(traces.names(), (std::vector<std::string>{"t", "v", "v_data"}));
    const NpyArray v = traces.array("v");
    const NpyArray data = traces.array("v_data");
    double sum = 0;
    for (std::size_t i = 0; i < v.values.size(); ++i)
        sum += (v.values[i] - data.values[i]) * (v.values[i] - data.values[i]);
    EXPECT_NEAR(sum / static_cast<double>(v.values.size()), result["best_error"].get<double>(),
                1e-9 * result["best_error"].get<double>());
    EXPECT_THAT(contents("run/log.txt"), HasSubstr("round 60/60"));
    EXPECT_THAT(outcome.out, HasSubstr("run"));
    EXPECT_THAT(outcome.out, HasSubstr("nS"));
    EXPECT_THAT(outcome.error, HasSubstr("best error"));
}

TEST_F(Program, TheConfigurationAsRunGivesTheSameRunAgain) {
    write_membrane();
    ASSERT_EQ(
        run({"fit", "config.toml", "--out", "deep/first", "--seed", "7", "--set", "fit.n_rounds=4", "--quiet"}).code,
        0);
    ASSERT_EQ(run({"fit", "deep/first/config.toml", "--out", "second", "--quiet"}).code, 0);
    EXPECT_EQ(contents("deep/first/evaluations.csv"), contents("second/evaluations.csv"));
    EXPECT_EQ(read_config("second/config.toml").fit->n_rounds, 4);
}

TEST_F(Program, EvaluationsAreTheSameBytesForAnyThreadsAndWidth) {
    write_membrane();
    const auto evaluations = [](const std::vector<std::string>& more) {
        std::vector<std::string> arguments{"fit", "config.toml", "--seed", "11", "--quiet", "--force", "--out", "run"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        EXPECT_EQ(run(arguments).code, 0);
        return contents("run/evaluations.csv");
    };
    const std::string reference = evaluations({"--threads", "1"});
    EXPECT_GT(reference.size(), 1000U);
    EXPECT_EQ(evaluations({"--threads", "2"}), reference);
    for (const int width : available_widths())
        EXPECT_EQ(evaluations({"--width", std::to_string(width)}), reference) << width;
    EXPECT_NE(evaluations({"--seed", "12"}), reference);
}

TEST_F(Program, JsonIsOneObjectAndNothingElse) {
    write_membrane();
    const Outcome outcome = run({"fit", "config.toml", "--json"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.error, "");
    const json answer = json::parse(outcome.out);
    EXPECT_EQ(answer["command"], "fit");
    json on_disk = json::parse(contents(fs::path(answer["folder"].get<std::string>()) / "result.json"));
    for (const auto* key : {"folder", "seconds", "compile_seconds"}) {  // these are no result
        ASSERT_TRUE(answer.contains(key)) << key;
        EXPECT_FALSE(on_disk.contains(key)) << key;
        on_disk[key] = answer[key];
    }
    EXPECT_EQ(answer, on_disk);
}

TEST_F(Program, QuietSaysNothing) {
    write_membrane();
    const Outcome outcome = run({"fit", "config.toml", "--quiet"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_EQ(outcome.out + outcome.error, "");
}

TEST_F(Program, RunFoldersCountUpAndAreNeverOverwritten) {
    write_membrane();
    write("a name.toml", membrane_config());
    for (int i = 0; i < 2; ++i) ASSERT_EQ(run({"fit", "a name.toml", "--quiet"}).code, 0);
    fs::create_directory("runs/a_name-9");
    ASSERT_EQ(run({"fit", "a name.toml", "--quiet"}).code, 0);
    EXPECT_EQ(files_in("runs"), (std::vector<std::string>{"a_name-1", "a_name-10", "a_name-2", "a_name-9"}));

    ASSERT_EQ(run({"fit", "config.toml", "--quiet", "--out", "mine"}).code, 0);
    const std::string before = contents("mine/result.json");
    const Outcome refused = run({"fit", "config.toml", "--quiet", "--out", "mine", "--seed", "5"});
    EXPECT_EQ(refused.code, exit_code::wrong_input);
    EXPECT_EQ(refused.error,
              "error: the output folder `mine` holds an earlier run\nhint: add --force to replace it, or name another "
              "one with --out\n");
    EXPECT_EQ(contents("mine/result.json"), before);
    EXPECT_EQ(run({"fit", "config.toml", "--quiet", "--out", "mine", "--seed", "5", "--force"}).code, 0);
    EXPECT_NE(contents("mine/result.json"), before);
}

TEST_F(Program, NothingUnfinishedIsLeftInARunFolder) {
    write_membrane();
    ASSERT_EQ(run({"fit", "config.toml", "--quiet", "--out", "run"}).code, 0);
    for (const auto& name : files_in("run")) {
        EXPECT_THAT(name, Not(HasSubstr("tmp")));
        EXPECT_GT(fs::file_size(fs::path("run") / name), 0U) << name;
    }
}

TEST_F(Program, AnInterruptedFitWritesWhatItHas) {
    write_membrane();
    std::chrono::steady_clock::time_point interrupted;
    std::thread user([&] {
        while (!fs::exists("run/config.toml")) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        interrupted = std::chrono::steady_clock::now();
        std::raise(SIGINT);
    });
    const Outcome outcome = run({"fit", "config.toml", "--out", "run", "--set", "fit.n_rounds=10000000"});
    const auto stopped = std::chrono::steady_clock::now();
    user.join();
    EXPECT_EQ(outcome.code, exit_code::interrupted);
    EXPECT_LT(std::chrono::duration<double>(stopped - interrupted).count(), 2.0);
    EXPECT_THAT(outcome.out, HasSubstr("interrupt"));
    const json result = json::parse(contents("run/result.json"));
    EXPECT_EQ(result["stopped_by"], "interrupted");
    const std::string csv = contents("run/evaluations.csv");
    EXPECT_EQ(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')),
              1 + result["n_evaluations"].get<std::size_t>());
}

TEST_F(Program, AFitInWhichEverythingFailsSaysSo) {
    write_membrane();
    const Outcome outcome =
        run({"fit", "config.toml", "--out", "run", "--quiet", "--set",
             "model.equations=dv/dt = (g*(EL - v) + I)/C + log(-g/nS)*volt/second : volt\ng : siemens\nC : farad"});
    EXPECT_EQ(outcome.code, exit_code::wrong_input);
    EXPECT_THAT(outcome.error, HasSubstr("NaN"));
    const json result = json::parse(contents("run/result.json"));
    EXPECT_EQ(result["n_failed"], result["n_evaluations"]);
    EXPECT_TRUE(result["best_error"].is_null());
}

TEST_F(Program, ASimulationThatFailsSaysSo) {
    write("config.toml", R"(
[model]
equations = "dx/dt = (1 + x**2)/second : 1"
method = "gsl_rk4"
dt = "0.1 second"

[simulate]
duration = "3 second"
outputs = ["x"]
)");
    const Outcome outcome = run({"simulate", "config.toml", "--out", "run"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.error, HasSubstr("trace 1 is infinite or undefined from 1.6 second on"));
    EXPECT_THAT(outcome.error, HasSubstr("may need more than 100 steps"));
    EXPECT_EQ(json::parse(contents("run/result.json"))["failures"].size(), 2U);
}

TEST_F(Program, OptionsOfTheMethodReachTheFit) {
    write_membrane();
    const auto failed = [](const std::string& options) {
        const Outcome outcome = run({"fit", "config.toml", "--json", "--set", "model.method=gsl_rkf45", "--set",
                                     "model.method_options=" + options});
        return json::parse(outcome.out)["n_failed"].get<int>();
    };
    EXPECT_EQ(failed("{absolute_error=1e-6, relative_error=1e-6, max_steps=1}"), 0);
    // One step per dt does not reach this precision where the time constant is short.
    EXPECT_GT(failed("{absolute_error=1e-18, relative_error=1e-15, max_steps=1}"), 0);
}

TEST_F(Program, FixedParametersWeightsAndNormalization) {
    write_membrane();
    const Outcome outcome =
        run({"fit", "config.toml", "--json", "--set", "fit.parameters.C={fixed=\"100 pF\"}", "--set",
             "fit.parameters.g={bounds=[\"11 nS\", \"100 nS\"], scale=\"log\"}", "--set",
             "fit.metric={normalization=\"1 mV\", t_weights=[{from=\"0 ms\", to=\"1 ms\", weight=0}]}", "--set",
             "fit.n_rounds=20"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    EXPECT_EQ(answer["parameters"][1]["fixed"], true);
    EXPECT_DOUBLE_EQ(answer["parameters"][1]["value"].get<double>(), 100e-12);
    EXPECT_EQ(answer["parameters"][0]["at_bound"], true);  // the truth is below the bound
    EXPECT_EQ(answer["error_unit"], "1");
}

}  // namespace
}  // namespace spikesmith::test
