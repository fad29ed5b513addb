// `spikesmith infer` as a user runs it, on the passive membrane whose voltage is known in closed form.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string>
#include <thread>

#include "cli/process.hpp"
#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"
#include "spikesmith/infer/posterior.hpp"

namespace spikesmith::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The priors are the bounds of [fit.parameters].
constexpr const char* infer_section = R"(
[infer]
n_samples = 600
n_posterior_samples = 400
n_traces = 5
calibration_pairs = 60

[infer.features.v]
statistics = ["mean", "std", "max"]

[infer.training]
training_batch_size = 50
learning_rate = 0.005
stop_after_epochs = 8
)";

class InferProgram : public ProgramTest {
  protected:
    void SetUp() override {
        ProgramTest::SetUp();
        write_membrane();
        write("config.toml", membrane_config() + infer_section);
    }
    [[nodiscard]] static Outcome infer(std::vector<std::string> more) {
        more.insert(more.begin(), {"infer", "config.toml"});
        return run(more);
    }
};

constexpr std::array result_files{"posterior.spk",  "samples.npz", "samples.csv",      "simulations.npz",
                                  "traces.npz",     "traces.svg",  "calibration.json", "result.json",
                                  "summary.txt",    "pairs.svg",   "features.svg",     "conditional_pairs.svg",
                                  "calibration.svg"};

void expect_same_files(const fs::path& a, const fs::path& b) {
    for (const char* name : result_files) {
        EXPECT_FALSE(contents(a / name).empty()) << name;
        EXPECT_TRUE(contents(a / name) == contents(b / name)) << name;
    }
}

TEST_F(InferProgram, WritesAPosteriorThatHoldsTheTruth) {
    const Outcome outcome = infer({"--out", "run"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_THAT(outcome.out, HasSubstr("shrinkage"));
    EXPECT_THAT(outcome.out, HasSubstr("This run is in run"));
    EXPECT_THAT(outcome.out, HasSubstr("none failed, no feature is missing"));
    EXPECT_THAT(outcome.error, HasSubstr("round 1/1: 600 of 600 simulations"));
    EXPECT_THAT(outcome.error, HasSubstr("validation loss"));
    EXPECT_EQ(outcome.error.find('\r'), std::string::npos);

    const json result = json::parse(contents("run/result.json"));
    const std::vector<double> truth{10e-9, 100e-12};
    const std::vector<std::string> units{"siemens", "farad"};
    ASSERT_EQ(result["parameters"].size(), 2U);
    for (std::size_t d = 0; d < 2; ++d) {
        const json& parameter = result["parameters"][d];
        EXPECT_LT(parameter["interval"][0].get<double>(), truth[d]) << parameter;
        EXPECT_GT(parameter["interval"][1].get<double>(), truth[d]) << parameter;
        EXPECT_GT(parameter["shrinkage"].get<double>(), 0.7);
        EXPECT_EQ(parameter["unit"], units[d]);
    }
    EXPECT_EQ(result["simulations"]["rows"], 600);
    EXPECT_EQ(result["simulations"]["failed"], 0);
    EXPECT_EQ(result["features"].size(), 6U);

    const NpzArchive samples = read_npz("run/samples.npz");
    EXPECT_EQ(samples.array("g").values.size(), 400U);
    EXPECT_EQ(samples.array("log_prob").values.size(), 400U);
    EXPECT_THAT(contents("run/samples.csv"), testing::StartsWith("g (siemens),C (farad)"));
    EXPECT_EQ(read_npz("run/simulations.npz").array("x").shape, (std::vector<std::size_t>{600, 6}));
    const NpzArchive traces = read_npz("run/traces.npz");
    EXPECT_EQ(traces.array("v").shape, (std::vector<std::size_t>{5, 2, 200}));
    EXPECT_EQ(traces.array("v_mean").shape, (std::vector<std::size_t>{2, 200}));
    EXPECT_EQ(traces.array("v_data").shape, (std::vector<std::size_t>{2, 200}));
    for (const char* plot : {"traces.svg", "pairs.svg", "conditional_pairs.svg", "features.svg", "calibration.svg"})
        EXPECT_THAT(contents(fs::path("run") / plot), HasSubstr("<svg")) << plot;
    EXPECT_EQ(json::parse(contents("run/calibration.json"))["pairs"], 60);

    // The file is a posterior that gives the same samples.
    const Posterior posterior = Posterior::load("run/posterior.spk");
    const Array2 again = posterior.sample(400, 0);
    for (std::size_t i = 0; i < 400; ++i) EXPECT_EQ(again(i, 0), samples.array("g").values[i]);
    // Sampled again from the command line.
    const Outcome more = infer({"--from", "run", "--sample", "700", "--out", "more", "--quiet"});
    ASSERT_EQ(more.code, 0) << more.error;
    const std::vector<double> longer = read_npz("more/samples.npz").array("g").values;
    ASSERT_EQ(longer.size(), 700U);
    EXPECT_TRUE(std::equal(longer.begin(), longer.begin() + 400, samples.array("g").values.begin()));
    EXPECT_FALSE(fs::exists("more/simulations.npz"));
}

TEST_F(InferProgram, GoesOnWhereItWasStopped) {
    const std::vector<std::string> slow{"--quiet", "--set", "infer.n_rounds=2", "--set",
                                        "infer.training.max_num_epochs=60"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"infer", "config.toml"});
        more.insert(more.end(), slow.begin(), slow.end());
        return more;
    };
    ASSERT_EQ(run(with({"--out", "whole"})).code, 0);
    const auto wait_for = [](const fs::path& path) {
        for (int k = 0; k < 24000 && !fs::exists(path); ++k) std::this_thread::sleep_for(std::chrono::milliseconds(5));
        return fs::exists(path);
    };
    {
        Process process(with({"--out", "run"}));
        ASSERT_TRUE(wait_for("run/checkpoint/round_1"));
        process.interrupt();
        EXPECT_EQ(process.wait(), exit_code::interrupted);
    }
    EXPECT_FALSE(fs::exists("run/result.json"));
    EXPECT_THAT(infer({"--out", "run", "--resume", "--quiet"}).error, HasSubstr("[infer] was different"));
    {
        Process process(with({"--out", "run", "--resume"}));
        ASSERT_TRUE(wait_for("run/checkpoint/round_2"));
        EXPECT_TRUE(process.kill());
    }
    ASSERT_EQ(run(with({"--out", "run", "--resume", "--threads", "1"})).code, 0);
    expect_same_files("run", "whole");
}

TEST_F(InferProgram, ChoosesTheMethodByItselfAndSaysWhy) {
    const std::vector<std::string> automatic{"--quiet",
                                             "--set",
                                             "infer.method=AUTO",
                                             "--set",
                                             "infer.n_rounds=2",
                                             "--set",
                                             "infer.n_samples=300",
                                             "--set",
                                             "infer.training.max_num_epochs=25",
                                             "--set",
                                             "infer.network={num_transforms=2, hidden_features=20, num_bins=4}",
                                             "--set",
                                             "infer.sampling={num_chains=20, warmup_steps=20}",
                                             "--set",
                                             "infer.calibration_pairs=20"};
    const auto with = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"infer", "config.toml"});
        more.insert(more.end(), automatic.begin(), automatic.end());
        return more;
    };
    const Outcome outcome = run(with({"--out", "whole"}));
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json result = json::parse(contents("whole/result.json"));
    EXPECT_EQ(result["method"], "AUTO");
    const json& choice = result["choice"];
    ASSERT_EQ(choice["candidates"].size(), 2U);
    const bool likelihood = choice["gain_of_SNLE"].get<double>() > choice["standard_error"].get<double>();
    EXPECT_EQ(choice["method"], likelihood ? "SNLE" : "SNPE");
    EXPECT_NEAR(choice["gain_of_SNLE"].get<double>(),
                choice["candidates"][1]["mean_log_density"].get<double>() -
                    choice["candidates"][0]["mean_log_density"].get<double>(),
                1e-9);
    for (const json& candidate : choice["candidates"]) {
        EXPECT_EQ(candidate["networks"][0]["kind"], "nsf");
        EXPECT_EQ(candidate["networks"][1]["kind"], "maf");
    }
    EXPECT_THAT(contents("whole/summary.txt"), HasSubstr("AUTO, 600 simulations in 2 rounds"));
    EXPECT_THAT(contents("whole/summary.txt"), HasSubstr(choice["reason"].get<std::string>()));
    EXPECT_LT(result["parameters"][0]["interval"][0].get<double>(), 10e-9);
    EXPECT_GT(result["parameters"][0]["interval"][1].get<double>(), 10e-9);
    EXPECT_EQ(Posterior::load("whole/posterior.spk").normalized(), !likelihood);
    // killed in the second round, at the second method
    {
        Process process(with({"--out", "run"}));
        const fs::path wanted = "run/checkpoint/round_2/SNLE/network_1.state";
        for (int k = 0; k < 24000 && !fs::exists(wanted); ++k)
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
        ASSERT_TRUE(fs::exists(wanted));
        EXPECT_TRUE(process.kill());
    }
    ASSERT_EQ(run(with({"--out", "run", "--resume", "--threads", "1"})).code, 0);
    expect_same_files("run", "whole");
}

TEST_F(InferProgram, KnowsEveryMethodAndEveryKindOfData) {
    const std::string brief = "infer.training.max_num_epochs=3";
    const auto works = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"infer", "config.toml", "--quiet", "--force", "--out", "run", "--set", brief,
                                   "--set", "infer.n_posterior_samples=20", "--set", "infer.calibration_pairs=0",
                                   "--set", "infer.n_samples=100"});
        const Outcome outcome = run(more);
        EXPECT_EQ(outcome.code, 0) << outcome.error;
        return json::parse(contents("run/result.json"));
    };
    EXPECT_EQ(works({"--set", "infer.method=SNLE", "--set", "infer.sampling={num_chains=10, warmup_steps=5}", "--set",
                     "infer.density_estimator=[\"nsf\", \"mdn\"]", "--set",
                     "infer.network.num_bins=5"})["rounds"][0]["networks"]
                  .size(),
              2U);
    EXPECT_EQ(works({"--set", "infer.method=SNRE_A", "--set", "infer.sampling={num_chains=10, warmup_steps=5}", "--set",
                     "infer.classifier=mlp"})["rounds"][0]["networks"][0]["kind"],
              "mlp");
    // raw traces through an embedding; one parameter fixed
    const json raw = works({"--set", "infer.features.v={decimation=10}", "--set",
                            "infer.embedding={kind=\"mlp\", output_features=4}", "--set",
                            "infer.parameters={C={fixed=\"100 pF\"}, g={prior=\"log_normal\", median=\"10 nS\", "
                            "log_deviation=0.5}}"});
    EXPECT_EQ(raw["features"].size(), 40U);
    EXPECT_EQ(raw["parameters"].size(), 1U);
    EXPECT_EQ(raw["parameters"][0]["prior"], "log-normal");
#ifdef SPIKESMITH_TORCHSCRIPT  // a network of one's own for those 40 values; its path is relative to the configuration
    fs::copy_file(fs::path(SPIKESMITH_TORCHSCRIPT) / "perceptron.pt", "network.pt");
    (void)works({"--set", "infer.features.v={decimation=10}", "--set",
                 "infer.embedding={kind=\"torchscript\", file=\"network.pt\"}"});
    EXPECT_THAT(contents("run/config.toml"), HasSubstr("../network.pt"));
    EXPECT_EQ(Posterior::load("run/posterior.spk").sample(20, 0).values[0],
              read_npz("run/samples.npz").array("g").values[0]);
#endif
}

TEST_F(InferProgram, DrawsProgressInPlaceOnATerminal) {
    std::ostringstream out;
    std::ostringstream error;
    const std::vector<std::string> arguments{"infer", "config.toml", "--set", "infer.calibration_pairs=0"};
    ASSERT_EQ(run_program(arguments, {out, error, true}), 0) << error.str();
    EXPECT_THAT(error.str(), HasSubstr("\rround 1/1: 0 of 600 simulations"));
    EXPECT_THAT(error.str(), HasSubstr("epoch "));
    EXPECT_TRUE(error.str().ends_with('\n'));
}

// A tied parameter follows in every simulation.
TEST_F(InferProgram, TiedParametersFollow) {
    const Outcome outcome = infer({"--quiet", "--out", "run", "--set", "fit.parameters.C={tied=\"g*10*ms\"}", "--set",
                                   "infer.training.max_num_epochs=2", "--set",
                                   "infer.features.v={statistics=[\"max\"]}", "--set", "infer.calibration_pairs=0"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const NpzArchive simulations = read_npz("run/simulations.npz");
    const Array2 theta = to_array2(simulations.array("theta"), "theta");
    const Array2 x = to_array2(simulations.array("x"), "x");
    ASSERT_EQ(theta.columns, 1U);
    for (std::size_t i = 0; i < 20; ++i)  // the last sample of 200: after 19.9 ms of 10 ms
        EXPECT_NEAR(x(i, 0), -70e-3 + 100e-12 / theta(i, 0) * (1 - std::exp(-1.99)), 1e-4 * 100e-12 / theta(i, 0));
}

TEST_F(InferProgram, SaysWhatIsWrong) {
    const auto error_of = [](std::vector<std::string> more) {
        const Outcome outcome = infer(std::move(more));
        EXPECT_EQ(outcome.code, exit_code::wrong_input) << outcome.out;
        return outcome.error;
    };
    const auto set = [&](const std::string& assignment) { return error_of({"--set", assignment}); };
    EXPECT_THAT(error_of({"--from", "nowhere"}), HasSubstr("there is no posterior in `nowhere`"));
    EXPECT_THAT(error_of({"--from", "nowhere", "--resume"}), HasSubstr("exclude each other"));
    EXPECT_THAT(set("infer.method=SNPX"), HasSubstr("did you mean `SNPE`?"));
    EXPECT_THAT(set("infer.method=AUTOO"), HasSubstr("did you mean `AUTO`?"));
    EXPECT_THAT(error_of({"--set", "infer.method=AUTO", "--set", "infer.density_estimator=maf"}),
                HasSubstr("AUTO has no `density_estimator`"));
    EXPECT_THAT(error_of({"--set", "infer.method=auto", "--set", "infer.proposal=posterior"}),
                HasSubstr("AUTO has no `proposal`"));
    EXPECT_THAT(error_of({"--set", "infer.method=AUTO", "--set", "infer.sampling={sample_with=\"direct\"}"}),
                HasSubstr("AUTO may choose SNLE"));
    EXPECT_THAT(set("infer.density_estimator=mav"), HasSubstr("did you mean `maf`?"));
    EXPECT_THAT(set("infer.n_smples=3"), HasSubstr("did you mean `n_samples`?"));
    EXPECT_THAT(set("infer.training.validation_fraction=1.5"), HasSubstr("`validation_fraction` must be below 1"));
    EXPECT_THAT(set("infer.missing=masks"), HasSubstr("did you mean `mask`?"));
    EXPECT_THAT(set("infer.embedding={kind=\"torchscript\"}"), HasSubstr("file = \"network.pt\""));
    EXPECT_THAT(set("infer.embedding={kind=\"mlp\", device=\"cpu\"}"), HasSubstr("`device` is of TorchScript"));
    EXPECT_THAT(set("infer.embedding={kind=\"torchscript\", file=\"n.pt\", device=\"gpu\"}"), HasSubstr("`device`"));
    EXPECT_THAT(set("infer.embedding={kind=\"torchscript\", file=\"n.pt\", dropout=0.1}"), HasSubstr("`dropout`"));
    write("config.toml", membrane_config());
    EXPECT_THAT(error_of({}), HasSubstr("the file has no section [infer]"));
    EXPECT_FALSE(fs::exists("runs"));
}

}  // namespace
}  // namespace spikesmith::test
