// `spikesmith refine` and `spikesmith landscape` as a user runs them.
#include <cmath>
#include <map>
#include <string>

#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"

namespace spikesmith::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using RefineProgram = ProgramTest;

const std::string tutorial = (repository / "examples" / "hodgkin_huxley" / "config.toml").string();

std::map<std::string, json> parameters_of(const json& result) {
    std::map<std::string, json> parameters;
    for (const auto& parameter : result["parameters"]) parameters[parameter["name"]] = parameter;
    return parameters;
}

TEST_F(RefineProgram, RefinesAFitBesideItsResultsAndDrawsTheLandscape) {
    ASSERT_EQ(run({"fit", tutorial, "--out", "run", "--set", "fit.n_rounds=10", "--quiet"}).code, 0);
    const std::string before = contents("run/result.json");
    const Outcome outcome = run({"refine", tutorial, "--from", "run"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_THAT(outcome.out, HasSubstr("std. error"));
    EXPECT_THAT(outcome.out, HasSubstr("The refinement is in run"));
    EXPECT_EQ(contents("run/result.json"), before);
    EXPECT_THAT(contents("run/refined.txt"), HasSubstr("correlation"));
    EXPECT_THAT(contents("run/refined.svg"), HasSubstr("<svg"));
    EXPECT_EQ(read_npz("run/refined.npz").array("v").shape, (std::vector<std::size_t>{5, 1497}));

    const json refined = json::parse(contents("run/refined.json"));
    EXPECT_NEAR(refined["error"].get<double>(), 9.9497e-7, 1e-11);
    const std::map<std::string, double> truth{{"gl", 10e-9}, {"g_na", 20e-6}, {"g_kd", 6e-6}};
    for (const auto& [name, parameter] : parameters_of(refined)) {
        EXPECT_LT(parameter["confidence_interval"][0].get<double>(), truth.at(name));
        EXPECT_GT(parameter["confidence_interval"][1].get<double>(), truth.at(name));
        EXPECT_EQ(parameter["unit"], "siemens");
    }
    EXPECT_TRUE(refined["starts"][0]["converged"].get<bool>());

    const Outcome drawn =
        run({"landscape", tutorial, "--from", "run", "--params", "g_na,g_kd", "--points", "9", "--set",
             "landscape.ranges={g_na = [\"19 uS\", \"21 uS\"], g_kd = [\"5.5 uS\", \"6.5 uS\"]}"});
    ASSERT_EQ(drawn.code, 0) << drawn.error;
    EXPECT_THAT(contents("run/landscape.svg"), HasSubstr("optimum"));
    const NpzArchive archive = read_npz("run/landscape.npz");
    const Array2 error = to_array2(archive.array("error"), "error");
    ASSERT_EQ(error.rows, 9U);
    ASSERT_EQ(error.columns, 9U);
    const std::vector<double>& g_na = archive.array("g_na").values;
    EXPECT_NEAR(g_na.front(), 19e-6, 1e-15);
    EXPECT_NEAR(g_na.back(), 21e-6, 1e-15);
    for (const double value : error.values) EXPECT_GT(value, 9.9497e-7);
    EXPECT_NEAR(archive.array("optimum_error").values.front(), 9.9497e-7, 1e-11);
    // the gradient against the slope of the errors
    const Array2 slope = to_array2(archive.array("gradient_g_na"), "gradient");
    const double expected = (error(4, 5) - error(4, 3)) / (g_na[5] - g_na[3]);
    EXPECT_NEAR(slope(4, 4), expected, 0.3 * std::fabs(expected));
}

TEST_F(RefineProgram, StartsFromTheConfigurationIntoAFolderOfItsOwn) {
    const Outcome outcome = run({"refine", tutorial, "--out", "refined", "--json", "--set",
                                 "refine.start={gl = \"11 nS\", g_na = \"20.5 uS\", g_kd = \"6.1 uS\"}", "--set",
                                 "refine.derivatives=differences"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json result = json::parse(outcome.out);
    EXPECT_EQ(result["derivatives"], "differences");
    EXPECT_NEAR(result["error"].get<double>(), 9.9497e-7, 1e-11);
    EXPECT_TRUE(fs::exists("refined/config.toml"));
    EXPECT_TRUE(fs::exists("refined/refined.json"));
}

TEST_F(RefineProgram, HopsWithTheAdjoint) {
    const Outcome outcome =
        run({"refine", tutorial, "--out", "refined", "--json", "--set",
             "refine.start={gl = \"11 nS\", g_na = \"20.5 uS\", g_kd = \"6.1 uS\"}", "--set",
             "refine.method=quasi_newton", "--set", "refine.derivatives=adjoint", "--set", "refine.hops=2"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json result = json::parse(outcome.out);
    EXPECT_EQ(result["method"], "quasi_newton");
    EXPECT_EQ(result["derivatives"], "adjoint");
    EXPECT_NEAR(result["error"].get<double>(), 9.9497e-7, 1e-11);
}

TEST_F(RefineProgram, RefinesTheBestEvaluations) {
    ASSERT_EQ(
        run({"fit", tutorial, "--out", "run", "--set", "fit.n_rounds=6", "--set", "fit.polish=3", "--quiet"}).code, 0);
    EXPECT_EQ(json::parse(contents("run/result.json"))["polished"], true);
    const Outcome outcome = run({"refine", tutorial, "--from", "run", "--set", "refine.n_starts=4", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json result = json::parse(outcome.out);
    EXPECT_EQ(result["starts"].size(), 4U);
    EXPECT_NEAR(result["error"].get<double>(), 9.9497e-7, 1e-11);
}

TEST_F(RefineProgram, SaysWhatIsWrong) {
    const auto error_of = [](std::vector<std::string> arguments) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 2) << outcome.out;
        return outcome.error;
    };
    EXPECT_THAT(error_of({"refine", tutorial}), HasSubstr("--from"));
    EXPECT_THAT(error_of({"refine", tutorial, "--from", "nowhere"}),
                HasSubstr("there is no result of a fit in `nowhere`"));
    fs::create_directories("broken");
    write("broken/result.json", "{\"parameters\": 3}");
    EXPECT_THAT(error_of({"refine", tutorial, "--from", "broken"}), HasSubstr("is not the result of a fit"));
    const std::string start = "refine.start={gl = \"11 nS\", g_na = \"20.5 uS\", g_kd = \"6.1 uS\"}";
    EXPECT_THAT(error_of({"refine", tutorial, "--set", start, "--set", "refine.method=least_square"}),
                HasSubstr("did you mean `least_squares`?"));
    EXPECT_THAT(error_of({"refine", tutorial, "--set", "refine.start={gl = \"11 mV\"}"}), HasSubstr("siemens"));
    EXPECT_THAT(error_of({"refine", tutorial, "--set", "refine.start={gll = \"11 nS\"}"}),
                HasSubstr("did you mean `gl`?"));
    EXPECT_THAT(error_of({"refine", tutorial, "--set",
                          "refine.start={gl = \"11 uS\", g_na = \"20 uS\", g_kd = \"6 uS\"}", "--out", "x"}),
                HasSubstr("outside its bounds"));
    EXPECT_FALSE(fs::exists("x"));
    EXPECT_THAT(error_of({"refine", tutorial, "--set", "refine.confidence=1.5"}), HasSubstr("below 1"));
    EXPECT_THAT(error_of({"landscape", tutorial, "--set", start}), HasSubstr("of two parameters, not 0"));
    EXPECT_THAT(error_of({"landscape", tutorial, "--set", start, "--params", "gl,g_k"}),
                HasSubstr("did you mean `g_kd`?"));
    EXPECT_THAT(error_of({"landscape", tutorial, "--set", start, "--params", "gl,gl"}), HasSubstr("names `gl` twice"));
}

}  // namespace
}  // namespace spikesmith::test
