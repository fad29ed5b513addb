// Recordings that are not all alike, as the configuration names them: spikes in one file or several, lists of files, tied and whole
// parameters, weights, several metrics of one output.
#include <cmath>
#include <map>

#include "cli/program_fixture.hpp"
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"

namespace spikesmith::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using Recordings = ProgramTest;

// A neuron that counts: it fires whenever the sum of a*drive*dt has passed 1 (tests/fit/spike_fitter_test.cpp).
std::string spikes_text(double a, const std::vector<double>& drives, std::size_t steps, bool trace_column) {
    std::string text = trace_column ? "trace,time (ms)\n" : "time (ms)\n";
    for (std::size_t r = 0; r < drives.size(); ++r) {
        double v = 0;
        for (std::size_t k = 0; k < steps; ++k) {
            v += 1e-3 * (a * drives[r]);
            if (!(v > 1)) continue;
            text += trace_column ? fmt::format("{},{}\n", r + 1, k) : fmt::format("{}\n", k);
            v = 0;
        }
    }
    return text;
}

void write_counting(const std::string& spikes, const std::string& more = {}) {
    std::string drive = "a,b,c\n";
    for (int k = 0; k < 400; ++k) drive += "1,2,0\n";
    write("drive.csv", drive);
    write("config.toml", R"([model]
equations = """
dv/dt = a*drive : 1
a : Hz (constant)
"""
threshold = "v > 1"
reset = "v = 0"
method = "euler"
dt = "1 ms"

[data.inputs.drive]
file = "drive.csv"

[data.spikes]
)" + spikes + R"(
[fit]
n_samples = 30
n_rounds = 8
)" + more + R"(
[fit.parameters]
a = ["5 Hz", "100 Hz"]
)");
}

json fitted(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"fit", "config.toml", "--json", "--force", "--out", "run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return json::parse(outcome.out);
}

TEST_F(Recordings, SpikesInOneFileMayLeaveSilentTracesOut) {
    // The third trace is silent, so the file does not name it.
    write("spikes.csv", spikes_text(35, {1, 2, 0}, 400, true));
    write_counting("file = \"spikes.csv\"\n");
    const json answer = fitted();
    EXPECT_NEAR(answer["parameters"][0]["value"].get<double>(), 35, 0.7);
    EXPECT_LT(answer["best_error"].get<double>(), 1e-12);
    EXPECT_EQ(answer["outputs"][0]["name"], "spikes");
    // What the fit writes can be read again.
    EXPECT_EQ(contents("run/spikes.csv").substr(0, 20), "trace,time (second)\n");
    write_counting("file = \"run/spikes.csv\"\n");
    fs::rename("run", "first");
    write_counting("file = \"first/spikes.csv\"\n");
    EXPECT_LT(fitted()["best_error"].get<double>(), 1e-12);
    // The first trace alone is not the recording of all three.
    write("one.csv", spikes_text(35, {1}, 400, false));
    write_counting("file = \"one.csv\"\n");
    EXPECT_THAT(run({"check", "config.toml"}).error,
                HasSubstr("the recording of spikes has 1 trace, but the input `drive` has 3"));
}

TEST_F(Recordings, SpikesInOneFilePerTrace) {
    write("one.csv", spikes_text(35, {1}, 400, false));
    write("two.csv", spikes_text(35, {2}, 400, false));
    write_npy("three.npy", {{0}, {}});
    write_counting("file = [\"one.csv\", \"two.csv\", \"three.npy\"]\n", "trace_weights = [1, 1, 0]\n");
    EXPECT_NEAR(fitted()["parameters"][0]["value"].get<double>(), 35, 0.7);
    // A duration cuts the traces; spikes after it are left out.
    write_counting("file = [\"one.csv\", \"two.csv\", \"three.npy\"]\n", "duration = \"200 ms\"\n");
    const Outcome checked = run({"check", "config.toml"});
    EXPECT_EQ(checked.code, 0);
    EXPECT_THAT(checked.error,
                testing::MatchesRegex("warning: [0-9]+ of [0-9]+ recorded spikes are before the start or "
                                      "after the end of a trace: left out, as no simulation can have "
                                      "them\n"));
    EXPECT_EQ(json::parse(run({"check", "config.toml", "--json"}).out)["warnings"].size(), 1U);
    EXPECT_THAT(run({"fit", "config.toml", "--force", "--out", "run"}).error, HasSubstr(checked.error));
    EXPECT_THAT(contents("run/log.txt"), HasSubstr(checked.error));
    EXPECT_NEAR(fitted()["parameters"][0]["value"].get<double>(), 35, 0.7);
}

TEST_F(Recordings, DeltaOfAGammaFactorThatIsTooLarge) {
    write("spikes.csv", spikes_text(35, {1, 2, 0}, 400, true));
    write_counting("file = \"spikes.csv\"\n");
    EXPECT_EQ(run({"check", "config.toml"}).error, "");
    const std::string delta = "fit.metric.outputs.spikes={delta=\"20 ms\"}";
    const Outcome checked = run({"check", "config.toml", "--set", delta});
    EXPECT_EQ(checked.code, 0);
    EXPECT_EQ(
        checked.error,
        "warning: delta = 0.02 s of the Gamma factor is too large for the 26 spikes in 0.4 s of trace 2 (65 Hz), and "
        "for those of another one: coincidences by chance are not taken off there, as they would be for a delta "
        "below 0.00769 s\n");
    EXPECT_EQ(json::parse(run({"check", "config.toml", "--json", "--set", delta}).out)["warnings"].size(), 1U);
    const json answer = fitted({"--set", delta});
    EXPECT_LT(answer["best_error"].get<double>(), 1);
    EXPECT_THAT(contents("run/log.txt"), HasSubstr(checked.error));
    EXPECT_EQ(run({"fit", "config.toml", "--force", "--out", "run", "--set", delta}).error.find(checked.error), 0U);
    const Outcome refined = run({"refine", "config.toml", "--from", "run", "--set", delta});
    EXPECT_EQ(refined.code, 0) << refined.error;
    EXPECT_EQ(refined.error, checked.error);
    // The window that is used where none is written may be too large as well.
    write("fast.csv", spikes_text(700, {1, 2, 0}, 400, true));
    write_counting("file = \"fast.csv\"\n");
    EXPECT_THAT(run({"check", "config.toml"}).error,
                HasSubstr("warning: delta = 0.002 s of the Gamma factor is too large"));
}

TEST_F(Recordings, FilesOfDifferentLengthAndInterval) {
    // The second file is shorter and coarser; the closed form is that of write_membrane.
    write_membrane();
    const auto voltage = [](double scale, double dt, int n) {
        std::string text = "v\n";
        for (int k = 0; k < n; ++k) text += fmt::format("{}\n", -70 - scale * std::expm1(-k * dt * 10e-9 / 100e-12));
        return text;
    };
    write("v1.csv", voltage(10, 1e-4, 200));
    std::string timed = "t (ms),v\n";
    for (int k = 0; k < 30; ++k)
        timed += fmt::format("{},{}\n", 0.5 * k, -70 + 5 * std::expm1(-k * 0.5e-3 * 10e-9 / 100e-12));
    write("v2.csv", timed);
    const std::vector<std::string> files{"--set", "data.outputs.v.file=[\"v1.csv\", \"v2.csv\"]", "--set",
                                         "fit.n_rounds=60"};
    const json answer = fitted(files);
    EXPECT_NEAR(answer["parameters"][0]["value"].get<double>(), 10e-9, 1e-13);
    EXPECT_NEAR(answer["parameters"][1]["value"].get<double>(), 100e-12, 1e-15);
    EXPECT_LT(answer["best_error"].get<double>(), 1e-13);
}

TEST_F(Recordings, TiedAndWholeParametersAndSeveralMetrics) {
    write_membrane();
    std::string config = membrane_config();
    config.replace(config.find("C = [\"10 pF\", \"1 nF\"]"), 22,
                   "C = {tied = \"g*(10*ms)\"}\nn = {bounds = [0, 6], integer = true}\n");
    config.replace(config.find("C : farad (constant)"), 20,
                   "C : farad (constant)\nn : 1 (constant)\ny = v + (n - 4)*mV : volt");
    config.replace(config.find("[data.outputs.v]"), 16, "[data.outputs.y]");
    config +=
        "n = 4\n\n[[fit.metric.outputs.y]]\nnormalization = \"1 mV\"\n\n[[fit.metric.outputs.y]]\nt_start = \"10 "
        "ms\"\nnormalization = "
        "\"1 mV\"\n";
    write("config.toml", config);
    const json answer = fitted({"--set", "fit.n_rounds=30"});
    std::map<std::string, double> values;
    for (const auto& parameter : answer["parameters"]) values[parameter["name"]] = parameter["value"].get<double>();
    EXPECT_EQ(values["n"], 4);
    EXPECT_NEAR(values["g"], 10e-9, 1e-12);
    EXPECT_DOUBLE_EQ(values["C"], values["g"] * 0.01);
    ASSERT_EQ(answer["outputs"].size(), 2U);
    EXPECT_EQ(answer["outputs"][0]["name"], "y_1");
    EXPECT_EQ(answer["outputs"][1]["name"], "y_2");
    EXPECT_EQ(contents("run/evaluations.csv").substr(0, 44), "round,sample,g,n,error,error_y_1,error_y_2\n0");
    // simulate follows the tie as well.
    EXPECT_EQ(
        run({"simulate", "config.toml", "--out", "simulated", "--set", "simulate.parameters={g=\"10 nS\", n=4}"}).code,
        0);
}

}  // namespace
}  // namespace spikesmith::test
