// Every example of the repository, as a user runs it, finds what its README promises.
#include <cmath>
#include <map>
#include <set>

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
    std::map<std::string, double> outputs;  // error of each
};

Fitted fit(const std::string& example, const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments{"fit", (repository / "examples" / example / "config.toml").string(), "--json",
                                       "--out", "run"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    Fitted fitted{answer["best_error"].get<double>(), {}, {}};
    for (const auto& parameter : answer["parameters"])
        fitted.parameters[parameter["name"]] = parameter["value"].get<double>();
    for (const auto& output : answer["outputs"]) fitted.outputs[output["name"]] = output["error"].get<double>();
    return fitted;
}

// The numbers of a CSV file without its header line.
std::vector<std::vector<double>> rows_of(const fs::path& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    std::vector<std::vector<double>> rows;
    while (std::getline(file, line)) {
        std::istringstream cells(line);
        rows.emplace_back();
        for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(std::stod(cell));
    }
    EXPECT_FALSE(rows.empty()) << path;
    return rows;
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
    EXPECT_LT(fitted.error, 1e-6);  // a root mean square of a microvolt
    EXPECT_NEAR(fitted.parameters["gL"], 30e-9, 1e-3 * 30e-9);
    EXPECT_NEAR(fitted.parameters["C"], 281e-12, 1e-3 * 281e-12);
}

TEST_F(Examples, TiedParametersFollowWhatTheyAreTiedTo) {
    Fitted fitted = fit("tied_parameters");
    EXPECT_NEAR(fitted.error, 9.95e-7, 0.01 * 9.95e-7);
    EXPECT_NEAR(fitted.parameters["area"], 20000e-12, 0.005 * 20000e-12);
    EXPECT_NEAR(fitted.parameters["gl"], 10e-9, 0.02 * 10e-9);
    EXPECT_NEAR(fitted.parameters["g_na"], 20e-6, 0.01 * 20e-6);
    EXPECT_DOUBLE_EQ(fitted.parameters["Cm"], 1e-2 * fitted.parameters["area"]);  // 1 uF/cm**2
    EXPECT_DOUBLE_EQ(fitted.parameters["g_kd"], 0.3 * fitted.parameters["g_na"]);
    EXPECT_NE(contents("run/log.txt").find("= 0.3*g_na"), std::string::npos);
}

TEST_F(Examples, TracesOfDifferentLengthAndSamplingAreFittedTogether) {
    Fitted fitted = fit("mixed_lengths");
    EXPECT_NEAR(fitted.error, 1, 0.05);  // the noise
    EXPECT_NEAR(fitted.parameters["C"], 150e-12, 0.01 * 150e-12);
    EXPECT_NEAR(fitted.parameters["gL"], 8e-9, 0.01 * 8e-9);
    EXPECT_NEAR(fitted.parameters["gw"], 6e-9, 0.01 * 6e-9);
    EXPECT_NEAR(fitted.parameters["tau_w"], 120e-3, 0.015 * 120e-3);
    // The pulse alone is too short for the slow current: the other two traces do count.
    fitted = fit("mixed_lengths", {"--force", "--set", "fit.trace_weights=[1, 0, 0]"});
    EXPECT_NEAR(fitted.parameters["C"], 150e-12, 0.02 * 150e-12);
    EXPECT_GT(std::abs(fitted.parameters["tau_w"] - 120e-3), 0.2 * 120e-3);
}

TEST_F(Examples, LogScaleFindsParametersWithinNineDecadesAndAWholeNumber) {
    Fitted fitted = fit("log_scale");
    EXPECT_NEAR(fitted.error, 1, 0.05);  // the noise
    EXPECT_NEAR(fitted.parameters["g"], 4e-9, 0.005 * 4e-9);
    EXPECT_NEAR(fitted.parameters["tau"], 3e-3, 0.005 * 3e-3);
    EXPECT_NEAR(fitted.parameters["V_half"], -25e-3, 0.1e-3);
    EXPECT_EQ(fitted.parameters["p"], 4);
}

TEST_F(Examples, SpikeTrainTellsTheNeuron) {
    Fitted fitted = fit("spike_train");
    EXPECT_NEAR(fitted.outputs["spikes_1"], 0, 1e-9);  // every spike is hit
    EXPECT_NEAR(fitted.outputs["spikes_2"], 0, 1e-9);  // in its time step
    EXPECT_NEAR(fitted.parameters["gL"], 30e-9, 0.02 * 30e-9);
    EXPECT_NEAR(fitted.parameters["C"], 281e-12, 0.02 * 281e-12);
    EXPECT_EQ(fitted.parameters["n_ref"], 30);
    EXPECT_EQ(rows_of("run/spikes.csv").size(), 30U);
}

json infer(const std::string& file) {
    const Outcome outcome = run({"infer", (repository / "examples" / "hodgkin_huxley_posterior" / file).string(),
                                 "--json", "--out", "run", "--set", "infer.n_traces=10"});
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    json answer = json::parse(outcome.out);
    const std::map<std::string, double> truth{{"g_na", 20e-6}, {"g_kd", 6e-6}, {"gl", 10e-9}, {"Cm", 200e-12}};
    for (const auto& parameter : answer["parameters"]) {
        EXPECT_LT(parameter["interval"][0].get<double>(), truth.at(parameter["name"])) << parameter;
        EXPECT_GT(parameter["interval"][1].get<double>(), truth.at(parameter["name"])) << parameter;
    }
    EXPECT_EQ(answer["calibration"]["verdict"], "calibrated");
    EXPECT_TRUE(answer["predictive_check"]["passed"].get<bool>());
    EXPECT_EQ(answer["simulations"]["failed"], 0);
    return answer;
}

TEST_F(Examples, HodgkinHuxleyPosteriorHoldsTheTruth) {
    const json answer = infer("config.toml");
    ASSERT_EQ(answer["parameters"].size(), 2U);
    for (const auto& parameter : answer["parameters"])
        EXPECT_GT(parameter["shrinkage"].get<double>(), 0.95) << parameter;
    const json ranks = json::parse(contents("run/calibration.json"))["ranks"];
    EXPECT_EQ(ranks.size(), 2U);
    for (const auto& test : ranks) EXPECT_GT(test["p_value"].get<double>(), 0.01) << test["name"];
}

TEST_F(Examples, PosteriorOfFourParametersHoldsTheTruthAndSimulationsWithoutSpikesAreCounted) {
    const json answer = infer("four_parameters.toml");
    ASSERT_EQ(answer["parameters"].size(), 4U);
    for (const auto& parameter : answer["parameters"])
        EXPECT_GT(parameter["shrinkage"].get<double>(), parameter["name"] == "gl" ? 0.5 : 0.9) << parameter;
    EXPECT_GT(answer["simulations"]["incomplete"].get<int>(), 0);
    EXPECT_EQ(answer["simulations"]["left_out"], 0);
}

// With 19 recorded spikes in 1 s, Gamma is 1 for 19 coincidences, 0.938 for 18 (window 4 ms) and 0.829 for 16 (window 2 ms).
TEST_F(Examples, SpikesOfARecordedNeuronAreHit) {
    Fitted fitted = fit("recorded_spikes");
    EXPECT_LE(fitted.outputs["spikes_1"], 1 - 0.937);
    EXPECT_EQ(rows_of("run/spikes.csv").size(), 19U);
    // Without the adaptive threshold, and with half the window.
    fitted =
        fit("recorded_spikes",
            {"--force", "--set",
             R"(fit.parameters={R=["10 Mohm", "1 Gohm"], tau=["2 ms", "100 ms"], tau_T={fixed="1 s"}, a={fixed=0}, )"
             R"(b={fixed="0 mV"}, V_reset={fixed="0 mV"}})",
             "--set", R"(fit.metric.outputs.spikes={delta="2 ms"})"});
    EXPECT_LE(fitted.outputs["spikes"], 1 - 0.828);
}

// The error is the mean over three currents of the summed z-scores, so no feature is farther from its mean than three times the error.
TEST_F(Examples, FeaturesAloneRecoverTheBehaviourOfTheNeuron) {
    Fitted fitted = fit("features");
    EXPECT_LT(3 * fitted.error, 1);  // every feature within one standard deviation
    EXPECT_NEAR(fitted.parameters["C"], 200e-12, 0.05 * 200e-12);
    EXPECT_NEAR(fitted.parameters["gL"], 10e-9, 0.05 * 10e-9);
}

// The current is linear in both conductances, so the best compromises lie on the straight line between the two true cells. There
// the distances to both, sqrt(error - noise), add up to the distance of the recordings from each other.
TEST_F(Examples, ParetoFrontLeadsFromOneTruthToTheOther) {
    const fs::path data = repository / "examples" / "multi_objective" / "data";
    const auto control = rows_of(data / "control.csv");
    const auto drug = rows_of(data / "drug.csv");
    ASSERT_EQ(control.size(), drug.size());
    double squares = 0;
    double count = 0;
    for (std::size_t k = 0; k < control.size(); ++k) {
        for (std::size_t r = 1; r < control[k].size(); ++r, ++count)
            squares += std::pow((control[k][r] - drug[k][r]) / 20e-12, 2);
    }
    const double distance = std::sqrt(squares / count - 2);  // both have noise of 20 pA

    Fitted fitted = fit("multi_objective");
    // The best sum is halfway.
    EXPECT_NEAR(fitted.parameters["g_leak"], 6.5e-9, 0.02 * 6.5e-9);
    EXPECT_NEAR(fitted.parameters["g_K"], 21e-9, 0.01 * 21e-9);
    const auto front = rows_of("run/pareto.csv");  // evaluation, g_leak, g_K, error before, error under the drug
    ASSERT_GT(front.size(), 100U);
    EXPECT_NEAR(front.front()[1], 5e-9, 0.1 * 5e-9);
    EXPECT_NEAR(front.front()[2], 30e-9, 0.01 * 30e-9);
    EXPECT_LT(front.front()[3], 1.2);
    EXPECT_NEAR(front.back()[1], 8e-9, 0.1 * 8e-9);
    EXPECT_NEAR(front.back()[2], 12e-9, 0.02 * 12e-9);
    EXPECT_LT(front.back()[4], 1.2);
    std::set<int> covered;  // tenths of the way
    for (const auto& point : front) {
        const double before = std::sqrt(std::max(point[3] - 1, 0.0));
        const double under = std::sqrt(std::max(point[4] - 1, 0.0));
        EXPECT_NEAR(before + under, distance, 0.02 * distance);
        covered.insert(static_cast<int>(10 * before / (before + under)));
    }
    EXPECT_GE(covered.size(), 10U);
    for (std::size_t k = 1; k < front.size(); ++k) {  // none is better than another in both
        EXPECT_GE(front[k][3], front[k - 1][3]);
        EXPECT_LE(front[k][4], front[k - 1][4]);
    }
    EXPECT_TRUE(fs::exists("run/pareto.svg"));
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

json fit_experiment(const std::string& example) {
    const Outcome outcome =
        run({"fit", (repository / "examples" / example / "config.toml").string(), "--json", "--out", "run"});
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    return json::parse(outcome.out);
}

TEST_F(Examples, RateNeuronIsRecovered) {
    const json answer = fit_experiment("rate_neuron");
    EXPECT_NEAR(answer["parameters"]["a"].get<double>(), 0.8, 1e-6);
    EXPECT_NEAR(answer["parameters"]["b"].get<double>(), 2, 1e-6);
}

TEST_F(Examples, OneModelReproducesAnother) {
    const json answer = fit_experiment("model_to_model");
    EXPECT_NEAR(answer["parameters"]["a"].get<double>(), 6, 1e-6);
    EXPECT_NEAR(answer["parameters"]["b"].get<double>(), 0, 1e-6);
}

TEST_F(Examples, HodgkinHuxleyIsReducedToAnAdaptiveNeuron) {
    const json answer = fit_experiment("hodgkin_huxley_to_adex");
    ASSERT_EQ(answer["all_loss"].size(), 5U);
    EXPECT_LT(answer["all_loss"][0]["loss"].get<double>(), 0.3e-3);  // the hyperpolarisation, in volts
    EXPECT_LT(answer["all_loss"][1]["loss"].get<double>(), 0.1);     // features of spikes
    EXPECT_LT(answer["all_loss"][2]["loss"].get<double>(), 0.1);
    EXPECT_LT(answer["all_loss"][3]["loss"].get<double>(), 0.1);  // all spikes but one or two coincide
    EXPECT_LT(answer["all_loss"][4]["loss"].get<double>(), 0.1);
}

}  // namespace
}  // namespace spikesmith::test
