#include "spikesmith/cli/config.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/metrics/feature_metric.hpp"
#include "spikesmith/metrics/gamma_factor.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/metrics/spike_distance.hpp"

namespace spikesmith {
namespace {

using testing::HasSubstr;

const std::filesystem::path repository = std::filesystem::path(SPIKESMITH_TEST_DATA).parent_path().parent_path();

Config read(const std::string& text, const std::vector<std::string>& overrides = {}) {
    std::vector<Override> list;
    for (const auto& assignment : overrides) list.push_back({assignment});
    return read_config_text({"config", text}, list);
}

const std::string smallest = "[model]\nequations = 'dv/dt = -v/(10*ms) : volt'\ndt = '0.1 ms'\n";

std::string message_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
    try {
        (void)read(text, overrides);
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

TEST(Config, DefaultsAreThoseOfTheManual) {
    const Config config = read(smallest);
    EXPECT_EQ(config.name, "config");
    EXPECT_EQ(config.model.name, "config");
    EXPECT_EQ(config.model.equations.text, "dv/dt = -v/(10*ms) : volt");
    EXPECT_DOUBLE_EQ(config.model.dt.quantity.value, 1e-4);
    EXPECT_EQ(config.model.method, "");
    EXPECT_EQ(config.model.max_steps, 100);
    EXPECT_FALSE(config.fit);
    EXPECT_FALSE(config.simulate);
    EXPECT_EQ(config.run.seed, 0U);
    EXPECT_EQ(config.run.threads, 0);
    EXPECT_EQ(config.run.precision, Precision::double_precision);
    const Config fit = read(smallest + "[fit.parameters]\ng = ['1 nS', '2 nS']\n");
    EXPECT_EQ(fit.fit->n_samples, 100);
    EXPECT_EQ(fit.fit->n_rounds, 30);
    EXPECT_FALSE(fit.fit->optimizer.method);
    EXPECT_EQ(fit.fit->parameters.front().scale, Scale::linear);
}

TEST(Config, ReadsTheHodgkinHuxleyExample) {
    const auto file = repository / "examples/hodgkin_huxley/config.toml";
    const Config config = read_config(file);
    EXPECT_EQ(config.name, "hodgkin_huxley");
    EXPECT_EQ(config.model.method, "exponential_euler");
    ASSERT_EQ(config.model.constants.size(), 5U);
    EXPECT_EQ(config.model.constants[0].first, "Cm");
    EXPECT_EQ(config.model.constants[4].second.text, "-63 mV");
    ASSERT_EQ(config.data.inputs.size(), 1U);
    EXPECT_EQ(config.data.inputs[0].files.at(0).path,
              (file.parent_path() / "data/hh_input_I_ampere.npy").lexically_normal());
    ASSERT_EQ(config.fit->parameters.size(), 3U);
    EXPECT_EQ(config.fit->parameters[0].name.name, "gl");
    EXPECT_DOUBLE_EQ(config.fit->parameters[0].low.quantity.value, 2e-12);
    EXPECT_DOUBLE_EQ(config.fit->parameters[1].high.quantity.value, 0.4e-3);
    EXPECT_DOUBLE_EQ(config.simulate->parameters[2].second.quantity.value, 6e-6);
}

TEST(Config, KeepsTheOrderOfParametersAsWritten) {
    const Config config = read(smallest +
                               "[fit.parameters]\nz = [0, 1]\na = {bounds = [1, 2], scale = 'log'}\nm = {fixed = "
                               "3}\n[fit.parameters.b]\nbounds = [0, 2]\n");
    std::vector<std::string> names;
    for (const auto& p : config.fit->parameters) names.push_back(p.name.name);
    EXPECT_EQ(names, (std::vector<std::string>{"z", "a", "m", "b"}));
    EXPECT_EQ(config.fit->parameters[1].scale, Scale::logarithmic);
    EXPECT_EQ(config.fit->parameters[2].fixed->quantity.value, 3);
    // and in what is written for the run folder
    const std::string written = config_as_run(config, "");
    names.clear();
    const Config again = read(written);
    for (const auto& p : again.fit->parameters) names.push_back(p.name.name);
    EXPECT_EQ(names, (std::vector<std::string>{"z", "a", "m", "b"}));
}

TEST(Config, ZeroIsABoundOfAnyUnit) {
    const Config config = read(smallest + "[fit.parameters]\ng = [0, '100 nS']\n");
    EXPECT_TRUE(config.fit->parameters[0].low.quantity.dimension == dimensions::siemens);
}

TEST(Config, QuantitiesMayHaveSymbolsThatEquationsDoNotKnow) {
    const Config config = read(smallest + "[fit.parameters]\ng = ['2 pS', '1 S']\nr = ['1 MOhm', '2 GOhm']\n");
    EXPECT_DOUBLE_EQ(config.fit->parameters[0].low.quantity.value, 2e-12);
    EXPECT_DOUBLE_EQ(config.fit->parameters[1].high.quantity.value, 2e9);
}

TEST(Config, MetricOfOneOutputInheritsFromThatOfAll) {
    const Config config = read(smallest +
                               "[fit.parameters]\ng = [0, 1]\n[fit.metric]\nt_start = '5 ms'\nnormalization = "
                               "2\n[fit.metric.outputs.w]\nnormalization = '1 pA'\n");
    ASSERT_EQ(config.fit->output_metrics.size(), 1U);
    const MetricConfig& w = config.fit->output_metrics[0].second;
    EXPECT_EQ(w.metric->description(), "mean squared error, t_start 0.005 s, normalization 1e-12 amp");
    EXPECT_DOUBLE_EQ(w.normalization->quantity.value, 1e-12);
}

TEST(Config, ReadsSpikesListsOfFilesTiesAndWeights) {
    const Config config = read(smallest + R"(
[data.inputs]
I = ["a.csv", "b/c.npy"]
J = {file = ["a.csv", "d.csv"], unit = "nA", dt = "1 ms"}
[data.spikes]
file = ["one.npy", "two.npz"]
key = "late"
unit = "ms"
[fit]
outputs = ["spikes"]
duration = "200 ms"
trace_weights = [1, 0.5]
checkpoint_interval = "2 s"
[fit.parameters]
g = ["1 nS", "100 nS"]
n = {bounds = [1, 8], integer = true}
h = {tied = "0.3*g"}
)");
    ASSERT_EQ(config.data.inputs.size(), 2U);
    ASSERT_EQ(config.data.inputs[0].files.size(), 2U);
    EXPECT_EQ(config.data.inputs[0].files[1].path, "b/c.npy");
    EXPECT_EQ(config.data.inputs[1].files[1].path, "d.csv");
    EXPECT_DOUBLE_EQ(config.data.inputs[1].dt->quantity.value, 1e-3);
    ASSERT_TRUE(config.data.spikes);
    ASSERT_EQ(config.data.spikes->files.size(), 2U);
    EXPECT_EQ(config.data.spikes->files[1].path, "two.npz");
    EXPECT_EQ(config.data.spikes->key, "late");
    EXPECT_EQ(config.data.spikes->unit, "ms");
    EXPECT_DOUBLE_EQ(config.fit->duration->quantity.value, 0.2);
    EXPECT_EQ(config.fit->trace_weights, (std::vector<double>{1, 0.5}));
    EXPECT_EQ(config.fit->checkpoint_seconds, 2);
    EXPECT_FALSE(config.fit->parameters[0].integer);
    EXPECT_TRUE(config.fit->parameters[1].integer);
    EXPECT_EQ(config.fit->parameters[2].tied->text, "0.3*g");
    // The short form, and what is written for the run folder: every path relative to it.
    const Config brief = read(smallest + "[data]\nspikes = 'x/s.csv'\n[data.inputs]\nI = ['a.csv', '/b.csv']\n");
    EXPECT_EQ(brief.data.spikes->files.at(0).path, "x/s.csv");
    const Config again = read(config_as_run(brief, "runs/first"));
    EXPECT_EQ(again.data.spikes->files.at(0).path, "../../x/s.csv");
    EXPECT_EQ(again.data.inputs.at(0).files.at(0).path, "../../a.csv");
    EXPECT_EQ(again.data.inputs.at(0).files.at(1).path, "/b.csv");
}

TEST(Config, ReadsEveryMetric) {
    const auto description = [](const std::string& metric) {
        const Config config = read(smallest + "[fit.parameters]\ng = [0, 1]\n" + metric);
        const auto& own = config.fit->output_metrics;
        return own.empty() ? config.fit->metric.metric->description() : own.front().second.metric->description();
    };
    EXPECT_EQ(description(""), mse()->description());
    EXPECT_EQ(
        description(
            "[fit.metric]\ntype = 'mse'\nt_start = '1 ms'\nloss = 'huber'\nloss_scale = '2 mV'\nnormalization = 3\n"),
        mse({.t_start = 1e-3,
             .normalization = {3, {}},
             .loss = Loss::huber,
             .loss_scale = Quantity{2e-3, dimensions::volt}})
            ->description());
    const std::string spikes = "[fit.metric.outputs.spikes]\n";
    EXPECT_EQ(description(spikes + "delta = '3 ms'\n"), gamma_factor({.delta = 3e-3})->description());
    EXPECT_EQ(
        description(spikes + "type = 'gamma'\ndelta = '3 ms'\nt_start = '10 ms'\nrate_correction = false\nmatching = "
                             "'nearest'\nnormalization = 2\n"),
        gamma_factor({.delta = 3e-3,
                      .t_start = 10e-3,
                      .normalization = 2,
                      .rate_correction = false,
                      .matching = SpikeMatching::nearest})
            ->description());
    EXPECT_EQ(description(spikes + "type = 'van_rossum'\ntau = '12 ms'\nt_start = '10 ms'\nnormalization = 2\n"),
              van_rossum({.tau = 12e-3, .t_start = 10e-3, .normalization = 2})->description());
    EXPECT_EQ(description(spikes + "type = 'victor_purpura'\ncost = '200 Hz'\nt_start = '10 ms'\n"),
              victor_purpura({.cost = 200, .t_start = 10e-3})->description());
    const MissingCost hundred{MissingRule::penalty, 100};
    const MissingCost value{MissingRule::value, 99};
    FeatureMetricOptions features{
        .stimuli = {{0.1, 0.6}, {0.2, 0.7}},
        .features = {{.name = "Spikecount", .simulated_missing = value, .recorded_missing = {MissingRule::ignore, 250}},
                     {.name = "AP_amplitude",
                      .weight = 2,
                      .scale = 5,
                      .simulated_missing = hundred,
                      .recorded_missing = hundred,
                      .means = {80, std::numeric_limits<double>::quiet_NaN()}},
                     {.name = "ISI_values",
                      .comparison = FeatureComparison::sequence,
                      .simulated_missing = value,
                      .recorded_missing = {MissingRule::fail, 0},
                      .scales = {3, 4}}},
        .t_start = 0.05,
        .volts_per_unit = 1e-3,
        .stimulus_currents = {1e-10, -2e-10}};
    features.settings.mode = FeatureMode::native;
    features.settings.derivative_window = 4;
    features.settings.threshold = -10;
    features.settings.voltage_base_mode = BaseMode::median;
    features.settings.strict_stimulus_interval = true;
    EXPECT_EQ(description(R"([fit.metric]
type = "features"
stimuli = [["100 ms", "600 ms"], ["200 ms", "700 ms"]]
features = ["Spikecount", {name = "AP_amplitude", weight = 2, std = 5, mean = [80, nan], missing = {penalty = 100}},
            {name = "ISI_values", compare = "sequence", scale = [3, 4], missing_in_recording = "fail"}]
missing = {value = 99}
missing_in_recording = "ignore"
mode = "native"
derivative_window = 4
stimulus_currents = ["100 pA", "-200 pA"]
t_start = "50 ms"
volts_per_unit = 1e-3
threshold = -10
voltage_base_mode = "median"
strict_stimulus_interval = true
)"),
              feature_metric(features)->description());
}

TEST(Config, SeveralMetricsOfOneOutputAreAnArrayOfTables) {
    const Config config = read(smallest + R"(
[fit.parameters]
g = [0, 1]
[fit.metric]
t_start = "5 ms"
[[fit.metric.outputs.v]]
normalization = 2
[[fit.metric.outputs.v]]
t_weights = [{from = "1 ms", to = "2 ms", weight = 3}]
[[fit.metric.outputs.spikes]]
delta = "2 ms"
[[fit.metric.outputs.spikes]]
type = "van_rossum"
tau = "5 ms"
)");
    std::vector<std::string> found;
    for (const auto& [name, metric] : config.fit->output_metrics)
        found.push_back(name.name + ": " + metric.metric->description());
    // The second of v has weights of its own, which exclude the t_start of all.
    EXPECT_THAT(found, testing::ElementsAre("v: " + mse({.t_start = 5e-3, .normalization = {2, {}}})->description(),
                                            "v: " + mse({.windows = {{.from = 0, .to = 1e-3, .weight = 1},
                                                                     {.from = 1e-3, .to = 2e-3, .weight = 3},
                                                                     {.from = 2e-3, .weight = 1}}})
                                                        ->description(),
                                            "spikes: " + gamma_factor({.delta = 2e-3})->description(),
                                            "spikes: " + van_rossum({.tau = 5e-3})->description()));
}

TEST(Overrides, ReplaceAddAndMakeTables) {
    const Config config =
        read(smallest + "[fit.parameters]\ng = [0, 1]\n",
             {"fit.n_rounds=7", "model.dt=0.02 ms", "run.seed = 9", "fit.parameters.h={bounds=[1,2], scale=\"log\"}",
              "model.constants.E=-70 mV", "model.method=rk4", "fit.parameters.g=[0.5, 1]"});
    EXPECT_EQ(config.fit->n_rounds, 7);
    EXPECT_DOUBLE_EQ(config.model.dt.quantity.value, 2e-5);
    EXPECT_EQ(config.run.seed, 9U);
    EXPECT_EQ(config.fit->parameters[1].scale, Scale::logarithmic);
    EXPECT_EQ(config.model.constants[0].second.text, "-70 mV");
    EXPECT_EQ(config.model.method, "rk4");
    EXPECT_EQ(config.fit->parameters[0].low.quantity.value, 0.5);
}

TEST(Overrides, LaterOnesWin) {
    EXPECT_EQ(read(smallest, {"run.seed=1", "run.seed=2"}).run.seed, 2U);
}

TEST(Overrides, AreInTheConfigurationAsRun) {
    const Config config = read(smallest, {"run.seed=5", "model.dt=0.2 ms"});
    const Config again = read(config_as_run(config, ""));
    EXPECT_EQ(again.run.seed, 5U);
    EXPECT_DOUBLE_EQ(again.model.dt.quantity.value, 2e-4);
}

TEST(Overrides, ErrorsPointAtTheCommandLine) {
    EXPECT_EQ(message_of(smallest, {"run.seed=x"}),
              "--set:1:10: `seed` must be an integer, not a string\n"
              "    run.seed=x\n"
              "             ^");
    EXPECT_EQ(message_of(smallest, {"run.sed=1"}),
              "--set:1:5: unknown key `sed` in [run]\n"
              "    run.sed=1\n"
              "        ^~~\n"
              "hint: did you mean `seed`?");
    EXPECT_EQ(message_of(smallest, {"seed"}),
              "--set:1:1: an override needs a key, `=` and a value\n"
              "    seed\n"
              "    ^~~~\n"
              "hint: write it as `fit.n_rounds=20`");
    EXPECT_EQ(message_of(smallest, {"model.dt.x=1"}),
              "--set:1:7: `model.dt` is a string, not a table\n"
              "    model.dt.x=1\n"
              "          ^~\n"
              "hint: set `model.dt` as a whole");
    EXPECT_THAT(message_of(smallest, {"model.dt=[1"}), HasSubstr("this value is not valid TOML"));
    EXPECT_THAT(message_of(smallest, {"=1"}), HasSubstr("this is not a dotted key"));
}

TEST(ConfigAsRun, MovesPathsToTheRunFolder) {
    const auto file = repository / "examples/hodgkin_huxley/config.toml";
    const std::string written = config_as_run(read_config(file), "runs/first");
    const Config again = read_config_text({"config", written});
    const auto expected = std::filesystem::absolute(file.parent_path() / "data/hh_input_I_ampere.npy");
    EXPECT_EQ((std::filesystem::absolute("runs/first") / again.data.inputs[0].files.at(0).path).lexically_normal(),
              expected.lexically_normal());
}

TEST(ConfigAsRun, KeepsTextOfEveryKind) {
    const std::string nasty = "a = 'x' \\\"quoted\\\" \\\\ \\u00e9 \\t end '''";
    const Config config = read("[model]\nequations = \"\"\"\nline 1\n  line 2 \\\\ " + nasty +
                               "\n\"\"\"\ndt = '1 ms'\nname = \"" + nasty + "\"\n");
    const Config again = read(config_as_run(config, ""));
    EXPECT_EQ(again.model.equations.text, config.model.equations.text);
    EXPECT_EQ(again.model.name, config.model.name);
}

TEST(PositionsInStrings, AreThoseOfTheFile) {
    const auto source = std::make_shared<const SourceText>(SourceText{"f.toml",
                                                                      "a = '''\nfirst\n  second'''\n"
                                                                      "b = \"x\\ty\\u00e9z\"\n"
                                                                      "c = \"\"\"one \\\n     two\"\"\"\n"
                                                                      "d = 'plain'\n"});
    const TomlValue root = parse_toml(source);
    const auto position = [&](const char* key, std::size_t line, std::size_t column) {
        Diagnostic inner;
        inner.line = line;
        inner.column = column;
        const Diagnostic outer = moved_into(root.find(key)->value, inner);
        return std::make_pair(outer.line, outer.column);
    };
    EXPECT_EQ(position("a", 1, 1), std::make_pair(std::size_t{2}, std::size_t{1}));
    EXPECT_EQ(position("a", 2, 3), std::make_pair(std::size_t{3}, std::size_t{3}));
    EXPECT_EQ(position("b", 1, 1), std::make_pair(std::size_t{4}, std::size_t{6}));
    EXPECT_EQ(position("b", 1, 3), std::make_pair(std::size_t{4}, std::size_t{9}));  // y, behind \t
    EXPECT_EQ(position("b", 1, 6),
              std::make_pair(std::size_t{4}, std::size_t{16}));  // z, behind the two bytes of \u00e9
    EXPECT_EQ(position("c", 1, 5), std::make_pair(std::size_t{6}, std::size_t{6}));  // two, behind the joined lines
    EXPECT_EQ(position("d", 1, 5), std::make_pair(std::size_t{7}, std::size_t{10}));
}

TEST(ConfigFile, MissingAndFoldersAreErrors) {
    try {
        (void)read_config("no/such/file.toml");
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_STREQ(error.what(), "there is no configuration file `no/such/file.toml`");
    }
    try {
        (void)read_config(repository / "examples/hodgkin_huxley");
        FAIL();
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), HasSubstr("is a folder"));
        EXPECT_THAT(error.what(), HasSubstr("examples/hodgkin_huxley/config.toml"));
    }
}

}  // namespace
}  // namespace spikesmith
