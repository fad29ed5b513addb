// Every wrong input has a message of its own: tests/data/wrong_configs/NAME.toml is checked, and what the program says is compared
// with NAME.expected, letter by letter.
#include <algorithm>

#include "cli/program_fixture.hpp"
#include <gmock/gmock.h>

namespace spikesmith::test {
namespace {

const fs::path folder = fs::path(SPIKESMITH_TEST_DATA) / "wrong_configs";

std::vector<std::string> wrong_configs() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
        if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
    }
    std::sort(names.begin(), names.end());
    return names;
}

class WrongConfig : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        before_ = fs::current_path();
        fs::current_path(folder);
    }
    void TearDown() override { fs::current_path(before_); }

  private:
    fs::path before_;
};

TEST_P(WrongConfig, IsRefusedWithItsMessage) {
    const Outcome outcome = run({"check", GetParam() + ".toml"});
    EXPECT_EQ(outcome.code, exit_code::wrong_input);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.error, contents(GetParam() + ".expected"));
}

INSTANTIATE_TEST_SUITE_P(All, WrongConfig, testing::ValuesIn(wrong_configs()),
                         [](const auto& wrong) { return wrong.param; });

TEST(WrongConfigs, AreMany) {
    EXPECT_GE(wrong_configs().size(), 60U);
}

using CommandLine = ProgramTest;

TEST_F(CommandLine, WrongArgumentsAreRefusedWithAHint) {
    write_membrane();
    const auto refused = [](const std::vector<std::string>& arguments) {
        const Outcome outcome = run(arguments);
        EXPECT_EQ(outcome.code, exit_code::wrong_input);
        EXPECT_EQ(outcome.out, "");
        return outcome.error;
    };
    EXPECT_EQ(refused({}), "error: A subcommand is required\nhint: see `spikesmith --help`\n");
    EXPECT_EQ(refused({"chek", "config.toml"}), "error: unknown command `chek`\nhint: did you mean `check`?\n");
    EXPECT_EQ(refused({"fit"}), "error: config is required\nhint: see `spikesmith fit --help`\n");
    EXPECT_EQ(refused({"fit", "config.toml", "--treads", "3"}),
              "error: unknown argument `--treads`\nhint: did you mean `--threads`?\n");
    EXPECT_EQ(refused({"check", "config.toml", "more.toml"}),
              "error: unknown argument `more.toml`\nhint: see `spikesmith check --help`\n");
    EXPECT_EQ(refused({"check", "confg.toml"}), "error: there is no configuration file `confg.toml`\n");
    EXPECT_EQ(refused({"check", "config.toml", "--seed", "x"}),
              "error: --seed:1:10: `seed` must be an integer, not a string\n"
              "    run.seed=x\n"
              "             ^\n");
    EXPECT_EQ(refused({"check", "config.toml", "--seed", "-1"}),
              "error: --seed:1:10: `seed` is -1, but must be between 0 and 9223372036854775807\n"
              "    run.seed=-1\n"
              "             ^~\n");
    EXPECT_EQ(refused({"check", "config.toml", "--width", "3"}),
              "error: --width:1:11: `width` is 3, but must be 1, 2, 4 or 8\n"
              "    run.width=3\n"
              "              ^\n"
              "hint: 0 takes the widest vectors of this machine\n");
    EXPECT_EQ(refused({"check", "config.toml", "--precision", "quad"}),
              "error: --precision:1:15: `precision` cannot be `quad`\n"
              "    run.precision=quad\n"
              "                  ^~~~\n"
              "hint: one of: double, single\n");
    EXPECT_EQ(refused({"check", "config.toml", "--set", "fit.rounds=3"}),
              "error: --set:1:5: unknown key `rounds` in [fit]\n"
              "    fit.rounds=3\n"
              "        ^~~~~~\n"
              "hint: did you mean `n_rounds`?\n");
    write("text.txt", "no folder");
    EXPECT_EQ(refused({"fit", "config.toml", "--out", "text.txt"}), "error: the output folder `text.txt` is a file\n");
    fs::create_directory("full");
    write("full/notes.txt", "mine");
    EXPECT_EQ(refused({"fit", "config.toml", "--out", "full", "--force"}),
              "error: the output folder `full` is not empty and no run folder\nhint: name another one with --out\n");
    EXPECT_EQ(contents("full/notes.txt"), "mine");
}

}  // namespace
}  // namespace spikesmith::test
