// Every example of the repository, as a user runs it, finds what its README promises.
#include <map>

#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

namespace spikesmith::test {
namespace {

using nlohmann::json;
using Examples = ProgramTest;

struct Fitted {
    double error = 0;
    std::map<std::string, double> parameters;
};

Fitted fit(const std::string& example) {
    const Outcome outcome =
        run({"fit", (repository / "examples" / example / "config.toml").string(), "--json", "--out", "run"});
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    Fitted fitted{answer["best_error"].get<double>(), {}};
    for (const auto& parameter : answer["parameters"])
        fitted.parameters[parameter["name"]] = parameter["value"].get<double>();
    return fitted;
}

TEST_F(Examples, HodgkinHuxleyEndsAtTheNoiseOfItsRecording) {
    Fitted fitted = fit("hodgkin_huxley");
    EXPECT_NEAR(fitted.error, 9.9497e-7, 0.01 * 9.9497e-7);
    EXPECT_NEAR(fitted.parameters["gl"], 10e-9, 0.03 * 10e-9);
    EXPECT_NEAR(fitted.parameters["g_na"], 20e-6, 0.01 * 20e-6);
    EXPECT_NEAR(fitted.parameters["g_kd"], 6e-6, 0.01 * 6e-6);
}

TEST_F(Examples, IntegrateAndFireIsRecovered) {
    Fitted fitted = fit("integrate_and_fire");
    EXPECT_LT(fitted.error, 1e-8);
    EXPECT_NEAR(fitted.parameters["gL"], 30e-9, 1e-3 * 30e-9);
    EXPECT_NEAR(fitted.parameters["C"], 281e-12, 1e-3 * 281e-12);
}

TEST_F(Examples, CanBeCheckedAndSimulated) {
    for (const auto& entry : fs::directory_iterator(repository / "examples")) {
        const std::string config = (entry.path() / "config.toml").string();
        EXPECT_EQ(run({"check", config}).code, 0) << config;
        const Outcome outcome = run({"simulate", config, "--json"});
        EXPECT_EQ(outcome.code, 0) << outcome.error;
        EXPECT_TRUE(json::accept(outcome.out));
    }
}

}  // namespace
}  // namespace spikesmith::test
