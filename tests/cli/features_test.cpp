// `spikesmith features`: tables and JSON from configurations and recordings, and what it says of wrong input.
#include "spikesmith/features/features.hpp"

#include <cmath>
#include <limits>

#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "spikesmith/data/numpy.hpp"

namespace spikesmith::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using FeaturesCommand = ProgramTest;

// 0.3 s at -70 mV with spikes of 90 mV at these times, in mV.
std::string cell(int k, const std::vector<double>& times) {
    double v = -70;
    for (const double time : times) {
        const double x = k * 0.1 - time * 1e3;
        v += 90 * std::exp(-x * x / 0.5);
    }
    return std::to_string(v);
}

void write_recording() {
    std::string text = "t [ms],quiet [mV],firing [mV]\n";
    for (int k = 0; k < 3000; ++k) {
        text += std::to_string(k * 0.1) + "," + cell(k, {}) + "," + cell(k, {0.1, 0.15, 0.21}) + "\n";
    }
    write("sweeps.csv", text);
}

TEST_F(FeaturesCommand, PrintsATableOfARecording) {
    write_recording();
    const Outcome outcome = run({"features", "sweeps.csv", "--stimulus", "50 ms, 250 ms", "--features",
                                 "spike_count,time_to_first_spike,voltage_base,all_ISI_values"});
    EXPECT_EQ(outcome.code, 0) << outcome.error;
    EXPECT_EQ(outcome.out,
              "sweeps.csv: 2 traces, mode efel\n"
              "\n"
              "  feature              unit  quiet  firing\n"
              "  spike_count          1         0       3\n"
              "  time_to_first_spike  ms        -      50\n"
              "  voltage_base         mV      -70     -70\n"
              "  all_ISI_values       ms        -  55 (2)\n"
              "\n"
              "Of several values: their mean (and number); --json prints all.\n"
              "\n"
              "Missing (-)\n"
              "  no spikes (peak_indices): time_to_first_spike [1], all_ISI_values [1]\n");
}

TEST_F(FeaturesCommand, PrintsJson) {
    write_recording();
    const Outcome outcome = run({"features", "sweeps.csv", "--stimulus", "50 ms,250 ms", "--mode", "native", "--set",
                                 "features.threshold=-30", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    const json answer = json::parse(outcome.out);
    EXPECT_EQ(answer["mode"], "native");
    EXPECT_EQ(answer["settings"]["threshold"], -30);
    EXPECT_EQ(answer["settings"]["voltage_base_mode"], "mean");
    ASSERT_EQ(answer["traces"].size(), 2U);
    EXPECT_EQ(answer["traces"][1]["trace"], "firing");
    EXPECT_EQ(answer["traces"][1]["stimulus"], (json{0.05, 0.25}));
    const json& firing = answer["traces"][1]["features"];
    EXPECT_EQ(firing["spike_count"]["values"], json{3});
    EXPECT_EQ(firing["spike_count"]["unit"], "1");
    ASSERT_EQ(firing["peak_time"]["values"].size(), 3U);
    EXPECT_NEAR(firing["peak_time"]["values"][1].get<double>(), 150, 1e-6);
    const json& quiet = answer["traces"][0]["features"];
    EXPECT_TRUE(quiet["AP_amplitude"]["values"].is_null());
    EXPECT_THAT(quiet["AP_amplitude"]["missing"].get<std::string>(), HasSubstr("no spikes"));
    EXPECT_GT(quiet.size(), 100U);  // all of them
}

TEST_F(FeaturesCommand, ReadsArraysAndSpikeTrains) {
    Array2 volts(2, 1000, -0.065);
    volts(1, 600) = 0.02;
    write_npz("sweeps.npz", {{"v", to_npy(volts)}});
    Outcome outcome = run({"features", "sweeps.npz", "--key", "v", "--unit", "V", "--dt", "0.1 ms", "--stimulus",
                           "20 ms,80 ms", "--stimulus", "30 ms,80 ms", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    json answer = json::parse(outcome.out);
    EXPECT_EQ(answer["traces"][1]["features"]["spike_count"]["values"], json{1});
    EXPECT_NEAR(answer["traces"][1]["features"]["time_to_first_spike"]["values"][0].get<double>(), 30, 1e-9);

    write("spikes.csv", "trace,time\n1,0.1\n1,0.15\n1,0.22\n2,0.3\n");
    outcome = run({"features", "spikes.csv", "--spikes", "--stimulus", "50 ms,400 ms", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    answer = json::parse(outcome.out);
    const json& first = answer["traces"][0]["features"];
    EXPECT_EQ(first["spike_count"]["values"], json{3});
    EXPECT_NEAR(first["doublet_ISI"]["values"][0].get<double>(), 50, 1e-9);
    EXPECT_THAT(first["AP_amplitude"]["missing"].get<std::string>(), HasSubstr("voltage"));
}

TEST_F(FeaturesCommand, TakesStimuliAndSettingsFromTheConfiguration) {
    write_membrane();
    write("features.toml", membrane_config() + R"(
[features]
list = ["voltage_base", "ohmic_input_resistance_vb_ssse", "minimum_voltage"]
stimuli = [["2 ms", "19 ms"]]
stimulus_currents = ["100 pA", "-50 pA"]
voltage_base_mode = "median"
)");
    Outcome outcome = run({"features", "features.toml", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    json answer = json::parse(outcome.out);
    EXPECT_EQ(answer["settings"]["voltage_base_mode"], "median");
    EXPECT_EQ(answer["traces"].size(), 2U);
    EXPECT_EQ(answer["traces"][0]["features"].size(), 3U);
    outcome = run({"features", "features.toml"});
    EXPECT_THAT(outcome.out, HasSubstr("settings: voltage_base_mode median"));
    // a metric of features says the same
    write("fit.toml", membrane_config() + R"(
[fit.metric]
type = "features"
mode = "native"
stimuli = [["2 ms", "19 ms"], ["3 ms", "19 ms"]]
features = ["minimum_voltage"]
)");
    outcome = run({"features", "fit.toml", "--json"});
    ASSERT_EQ(outcome.code, 0) << outcome.error;
    answer = json::parse(outcome.out);
    EXPECT_EQ(answer["mode"], "native");
    EXPECT_EQ(answer["traces"][1]["stimulus"][0], 0.003);
    EXPECT_EQ(answer["traces"][0]["features"].size(), 1U);
    EXPECT_EQ(run({"check", "features.toml", "--quiet"}).code, 0);
}

TEST_F(FeaturesCommand, ListsFeatures) {
    const Outcome outcome = run({"features", "--list"});
    EXPECT_EQ(outcome.code, 0);
    EXPECT_THAT(outcome.out, HasSubstr("AP_amplitude [mV, several values]\n    "));
    const json answer = json::parse(run({"features", "--list", "--json", "--mode", "native"}).out);
    EXPECT_EQ(answer["mode"], "native");
    EXPECT_GT(answer["features"].size(), 150U);
    for (const json& feature : answer["features"]) EXPECT_FALSE(feature["definition"].get<std::string>().empty());
}

TEST_F(FeaturesCommand, SaysWhatIsWrong) {
    write_recording();
    write_membrane();
    const auto error = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "features");
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, 2);
        return outcome.error;
    };
    EXPECT_THAT(error({}), HasSubstr("no file"));
    EXPECT_THAT(error({"sweeps.csv"}), HasSubstr("--stimulus \"100 ms, 600 ms\""));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "100 ms"}), HasSubstr("pairs of times"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "100 ms,50 ms"}), HasSubstr("ends before it starts"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "10 mV,50 ms"}), HasSubstr("--stimulus"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "1 ms,2 ms", "--stimulus", "1 ms,2 ms", "--stimulus", "1 ms,2 ms"}),
                HasSubstr("3 stimuli for 2 traces"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "1 ms,2 ms", "--features", "spikecount"}),
                HasSubstr("did you mean"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "1 ms,2 ms", "--mode", "nativ"}), HasSubstr("native"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "1 ms,2 ms", "--set", "features.treshold=3"}),
                HasSubstr("did you mean `threshold`?"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "1 ms,2 ms", "--set", "fit.n_rounds=3"}),
                HasSubstr("of `features`"));
    EXPECT_THAT(error({"sweeps.csv", "--stimulus", "1 ms,2 ms", "--unit", "pA"}), HasSubstr("by its header"));
    EXPECT_THAT(error({"missing.csv", "--stimulus", "1 ms,2 ms"}), HasSubstr("missing.csv"));
    EXPECT_THAT(error({"config.toml", "--unit", "mV"}), HasSubstr("for recordings"));
    EXPECT_THAT(error({"config.toml"}), HasSubstr("--stimulus"));
    write("plain.csv", "1\n2\n3\n");
    EXPECT_THAT(error({"plain.csv", "--stimulus", "1 ms,2 ms"}), HasSubstr("--unit mV"));
    EXPECT_THAT(error({"plain.csv", "--stimulus", "1 ms,2 ms", "--unit", "pA"}), HasSubstr("volt"));
    EXPECT_THAT(error({"plain.csv", "--stimulus", "1 ms,2 ms", "--unit", "mV"}), HasSubstr("--dt"));
    EXPECT_THAT(error({"plain.csv", "--stimulus", "1 ms,2 ms", "--unit", "mV", "--dt", "-1 ms"}),
                HasSubstr("positive time"));
}

}  // namespace
}  // namespace spikesmith::test
