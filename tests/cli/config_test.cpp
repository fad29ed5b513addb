#include "spikesmith/cli/config.hpp"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    EXPECT_EQ(config.data.inputs[0].files.at(0).path, (file.parent_path() / "data/hh_input_I_ampere.npy").lexically_normal());
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
