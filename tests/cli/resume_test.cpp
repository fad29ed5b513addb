// A fit that is killed at any moment, again and again, and taken up with --resume ends with the files of an uninterrupted run,
// byte for byte. Also what --resume refuses.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>

#include "cli/process.hpp"
#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>

#include "spikesmith/optimize/methods.hpp"

namespace spikesmith::test {
namespace {

using Clock = std::chrono::steady_clock;
using testing::HasSubstr;

// Two errors of one output, so that methods for Pareto fronts have something to do.
constexpr const char* two_metrics = R"(
[[fit.metric.outputs.v]]
t_start = "10 ms"
normalization = "1 mV"

[[fit.metric.outputs.v]]
loss = "cauchy"
loss_scale = "1 mV"
normalization = "1 mV"
)";

class KilledRun : public ProgramTest, public testing::WithParamInterface<std::string> {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        write_membrane();
        write("config.toml", membrane_config() + two_metrics);
    }
    [[nodiscard]] std::vector<std::string> fit(const std::string& folder, bool resume) const {
        std::vector<std::string> arguments{"fit",
                                           "config.toml",
                                           "--quiet",
                                           "--out",
                                           folder,
                                           "--set",
                                           "fit.optimizer.method=" + GetParam(),
                                           "--set",
                                           "fit.n_rounds=" + std::to_string(n_rounds_)};
        if (resume) arguments.emplace_back("--resume");
        return arguments;
    }

    int n_rounds_ = 0;
};

TEST_P(KilledRun, EndsLikeAnUninterruptedOne) {
    // So many rounds that a run takes a tenth of a second or more: methods that model the error take long, others do not.
    std::chrono::duration<double> duration{0};
    for (n_rounds_ = 8;; n_rounds_ *= 4) {
        fs::remove_all("whole");
        const auto start = Clock::now();
        ASSERT_EQ(Process(fit("whole", false)).wait(), 0);
        duration = Clock::now() - start;
        if (duration > std::chrono::milliseconds(100) || n_rounds_ >= 2000) break;
    }

    std::mt19937 random(
        static_cast<std::uint32_t>(GetParam().size() + static_cast<unsigned char>(GetParam().front()) * 31U));
    int killed_with_checkpoint = 0;
    for (int attempt = 0; attempt < 40 && killed_with_checkpoint < 4; ++attempt) {
        const bool begun = fs::exists("run");
        Process process(fit("run", begun));
        std::this_thread::sleep_for(duration * std::uniform_real_distribution<double>(0, 1)(random));
        if (!process.kill()) {  // it had ended
            if (killed_with_checkpoint > 0) break;
            fs::remove_all("run");
            continue;
        }
        if (fs::exists("run/checkpoint.txt")) ++killed_with_checkpoint;
    }
    EXPECT_GE(killed_with_checkpoint, 1);
    ASSERT_EQ(Process(fit("run", fs::exists("run/config.toml"))).wait(), 0);
    for (const char* name : {"evaluations.csv", "result.json", "traces.npz", "evaluations.npz", "checkpoint.txt",
                             "convergence.svg", "pareto.csv"}) {
        EXPECT_EQ(fs::exists(fs::path("run") / name), fs::exists(fs::path("whole") / name)) << name;
        EXPECT_EQ(contents(fs::path("run") / name) == contents(fs::path("whole") / name), true) << name;
    }
    EXPECT_GT(contents("run/evaluations.csv").size(), 1000U);
}

std::vector<std::string> all_methods() {
    std::vector<std::string> names;
    for (const MethodInfo& method : optimizer_methods()) names.push_back(method.name);
    return names;
}

INSTANTIATE_TEST_SUITE_P(Methods, KilledRun, testing::ValuesIn(all_methods()),
                         [](const auto& method) { return method.param; });

// ------------------------------------------------------------------------------------------------------- misuse

class ResumeOption : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        write_membrane();
    }
    [[nodiscard]] static Outcome fit(const std::vector<std::string>& more) {
        std::vector<std::string> arguments{"fit", "config.toml", "--quiet"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return run(arguments);
    }
    [[nodiscard]] static std::string refused(const std::vector<std::string>& more) {
        const Outcome outcome = fit(more);
        EXPECT_EQ(outcome.code, exit_code::wrong_input);
        EXPECT_EQ(outcome.out, "");
        return outcome.error;
    }
};

TEST_F(ResumeOption, OfAFinishedRunChangesNothing) {
    ASSERT_EQ(fit({"--out", "run"}).code, 0);
    const std::string evaluations = contents("run/evaluations.csv");
    const std::string result = contents("run/result.json");
    EXPECT_EQ(fit({"--out", "run", "--resume"}).code, 0);
    EXPECT_EQ(contents("run/evaluations.csv"), evaluations);
    EXPECT_EQ(contents("run/result.json"), result);
}

TEST_F(ResumeOption, MayAskForMoreRounds) {
    // Differential evolution does not plan by the number of rounds, so this is one fit of 9.
    const std::string method = "fit.optimizer.method=DE";
    ASSERT_EQ(fit({"--out", "nine", "--set", method, "--set", "fit.n_rounds=9"}).code, 0);
    ASSERT_EQ(fit({"--out", "run", "--set", method}).code, 0);
    ASSERT_EQ(fit({"--out", "run", "--resume", "--set", method, "--set", "fit.n_rounds=9"}).code, 0);
    EXPECT_EQ(contents("run/evaluations.csv"), contents("nine/evaluations.csv"));
    EXPECT_THAT(contents("run/config.toml"), HasSubstr("n_rounds = 9"));
    EXPECT_EQ(refused({"--out", "run", "--resume", "--set", method, "--set", "fit.n_rounds=5"}),
              "error: the run has done 9 rounds already, but `n_rounds` is 5\n");
    EXPECT_EQ(contents("run/evaluations.csv"), contents("nine/evaluations.csv"));
}

TEST_F(ResumeOption, FindsTheLastRun) {
    ASSERT_EQ(fit({"--seed", "1"}).code, 0);
    ASSERT_EQ(fit({"--seed", "2"}).code, 0);
    std::vector<std::string> runs;
    for (const auto& entry : fs::directory_iterator("runs")) runs.push_back(entry.path().string());
    ASSERT_EQ(runs.size(), 2U);
    std::ranges::sort(runs);
    EXPECT_EQ(fit({"--seed", "2", "--resume"}).code, 0);
    EXPECT_THAT(refused({"--seed", "1", "--resume"}), HasSubstr("the seed is `2` there and `1` here"));
    EXPECT_EQ(fit({"--seed", "1", "--resume", "--out", runs.front()}).code, 0);
}

TEST_F(ResumeOption, TakesAFolderInWhichNothingWasBegun) {
    fs::create_directories("run");
    write("run/.config.toml.4711.0.tmp", "[model]");  // killed while it was written
    EXPECT_EQ(fit({"--out", "run", "--resume"}).code, 0);
    ASSERT_EQ(fit({"--out", "whole"}).code, 0);
    EXPECT_EQ(contents("run/evaluations.csv"), contents("whole/evaluations.csv"));
    EXPECT_EQ(contents("run/config.toml"), contents("whole/config.toml"));
}

TEST_F(ResumeOption, RefusesOtherProblemsAndFolders) {
    EXPECT_THAT(refused({"--resume"}),
                testing::AllOf(testing::StartsWith("error: there is no run of `"),
                               testing::EndsWith("in `runs` to resume\nhint: name its folder with --out\n")));
    EXPECT_EQ(refused({"--resume", "--out", "nowhere"}),
              "error: `nowhere` is not the folder of a run\nhint: name the folder of the interrupted run with --out, "
              "or begin without --resume\n");
    EXPECT_EQ(refused({"--resume", "--force"}), "error: --resume and --force exclude each other\n");
    EXPECT_EQ(run({"simulate", "config.toml", "--resume"}).error,
              "error: unknown argument `--resume`\nhint: see `spikesmith simulate --help`\n");
    ASSERT_EQ(fit({"--out", "run"}).code, 0);
    const std::string before = contents("run/evaluations.csv");
    const std::string config = contents("run/config.toml");
    const std::string hint = "\nhint: continue with the settings of the run that wrote it, or begin anew\n";
    const auto differs = [&](const std::string& what) {
        return "error: the checkpoint is of another problem: the " + what + hint;
    };
    EXPECT_EQ(refused({"--out", "run", "--resume", "--seed", "3"}), differs("seed is `0` there and `3` here"));
    EXPECT_EQ(refused({"--out", "run", "--resume", "--set", "fit.n_samples=21"}),
              differs("number of samples per round is `20` there and `21` here"));
    EXPECT_EQ(refused({"--out", "run", "--resume", "--precision", "single"}),
              differs("precision is `double` there and `single` here"));
    EXPECT_THAT(refused({"--out", "run", "--resume", "--set", "fit.optimizer.method=sobol"}),
                HasSubstr("the optimizer is `automatic` there and `sobol"));
    EXPECT_EQ(refused({"--out", "run", "--resume", "--set", "fit.metric.t_start=1 ms"}),
              differs("metric is `v: mean squared error` there and `v: mean squared error, t_start 0.001 s` here"));
    EXPECT_THAT(
        refused({"--out", "run", "--resume", "--set", "fit.parameters.g=[\"1 nS\", \"99 nS\"]"}),
        HasSubstr(
            "the list of parameters is `g [1e-09, 1e-07] linear, C [1e-11, 1e-09] linear` there and `g [1e-09, 9.9"));
    EXPECT_THAT(refused({"--out", "run", "--resume", "--set", "model.constants.EL=-71 mV"}),
                HasSubstr("the checksum of the model is"));
    EXPECT_THAT(refused({"--out", "run", "--resume", "--set", "fit.trace_weights=[1, 2]"}),
                HasSubstr("the checksum of the data is"));
    // Nothing of the run was touched, and it can still be resumed on other threads and vectors.
    EXPECT_EQ(contents("run/evaluations.csv"), before);
    EXPECT_EQ(contents("run/config.toml"), config);
    EXPECT_EQ(fit({"--out", "run", "--resume", "--threads", "1", "--width", "1"}).code, 0);
    EXPECT_EQ(contents("run/evaluations.csv"), before);
}

TEST_F(ResumeOption, RefusesADamagedCheckpoint) {
    ASSERT_EQ(fit({"--out", "run"}).code, 0);
    const std::string text = contents("run/checkpoint.txt");
    write("run/checkpoint.txt", text.substr(0, text.size() / 2));
    EXPECT_EQ(refused({"--out", "run", "--resume"}),
              "error: the checkpoint is damaged or incomplete\nhint: it must be the unchanged file that a fit wrote\n");
    std::string changed = text;
    char& digit = changed[changed.find("errors 20 1.") + 12];
    digit = digit == '1' ? '2' : '1';
    write("run/checkpoint.txt", changed);
    EXPECT_EQ(refused({"--out", "run", "--resume"}),
              "error: the checkpoint is damaged or incomplete\nhint: it must be the unchanged file that a fit wrote\n");
    write("run/checkpoint.txt", "round,sample\n");
    EXPECT_EQ(refused({"--out", "run", "--resume"}), "error: this file is no checkpoint of a fit\n");
    // Without a checkpoint the run begins anew and ends the same.
    const std::string before = contents("run/evaluations.csv");
    fs::remove("run/checkpoint.txt");
    EXPECT_EQ(fit({"--out", "run", "--resume"}).code, 0);
    EXPECT_EQ(contents("run/evaluations.csv"), before);
    EXPECT_EQ(contents("run/checkpoint.txt"), text);
}

}  // namespace
}  // namespace spikesmith::test
