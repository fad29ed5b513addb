// Runs the program inside the test: arguments in; exit code, standard output and standard error out. Each test has an empty folder of
// its own as the current one.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/cli/program.hpp"

namespace spikesmith::test {

namespace fs = std::filesystem;

struct Outcome {
    int code = 0;
    std::string out;
    std::string error;
};

inline Outcome run(const std::vector<std::string>& arguments) {
    std::ostringstream out;
    std::ostringstream error;
    const int code = run_program(arguments, {out, error, false});
    return {code, out.str(), error.str()};
}

inline std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

inline const fs::path repository = fs::path(SPIKESMITH_TEST_DATA).parent_path().parent_path();

class ProgramTest : public testing::Test {
  protected:
    void SetUp() override {
        before_ = fs::current_path();
        const auto* info = testing::UnitTest::GetInstance()->current_test_info();
        std::string name = std::string(info->test_suite_name()) + "." + info->name();
        for (char& c : name) c = c == '/' ? '-' : c;
        folder_ = fs::temp_directory_path() / ("spikesmith-" + name);
        fs::remove_all(folder_);
        fs::create_directories(folder_);
        fs::current_path(folder_);
    }
    void TearDown() override {
        fs::current_path(before_);
        fs::remove_all(folder_);
    }

  private:
    fs::path before_, folder_;
};

// A passive membrane with two parameters; its recording is the exact response to two current steps.
inline std::string membrane_config() {
    return R"([model]
equations = """
dv/dt = (g*(EL - v) + I)/C : volt
g : siemens (constant)
C : farad (constant)
"""
dt = "0.1 ms"

[model.constants]
EL = "-70 mV"

[model.initial_values]
v = "EL"

[data]
dt = "0.1 ms"

[data.inputs.I]
file = "current.csv"
unit = "pA"

[data.outputs.v]
file = "voltage.csv"
unit = "mV"

[fit]
n_samples = 20
n_rounds = 6

[fit.parameters]
g = ["1 nS", "100 nS"]
C = ["10 pF", "1 nF"]

[simulate.parameters]
g = "10 nS"
C = "100 pF"
)";
}

// Writes `config.toml` and its data into the current folder. The closed form: v - EL = I/g*(1 - exp(-t*g/C)).
inline void write_membrane() {
    write("config.toml", membrane_config());
    std::string current = "a,b\n";
    std::string voltage = "a,b\n";
    for (int k = 0; k < 200; ++k) {
        const double rise = 1 - std::exp(-k * 1e-4 * 10e-9 / 100e-12);
        current += "100,-50\n";
        voltage += std::to_string(-70 + 10 * rise) + "," + std::to_string(-70 - 5 * rise) + "\n";
    }
    write("current.csv", current);
    write("voltage.csv", voltage);
}

}  // namespace spikesmith::test
