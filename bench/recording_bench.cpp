// Every optimiser on a real task: three conductances of a Hodgkin-Huxley neuron from five recorded traces
// (examples/hodgkin_huxley), beside brian2modelfitting's figures for the same recording and bounds:
//
//     recording_bench [--methods a,b:option=value] [--seeds N] [--samples N] [--rounds N]
//
// Printed are medians over the seeds of the best mean squared error after 5, 10, 20 and 30 rounds, and in how many runs
// it is solved: 9.95e-7 V^2 is the noise of the recording, below 1.1e-6 V^2 counts.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer_bench_options.hpp"
#include <fmt/format.h>

#include "spikesmith/cli/problem.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace {

using namespace spikesmith;
using bench::BenchOptions;

constexpr std::array<std::size_t, 4> checkpoints{5, 10, 20, 30};
constexpr double solved = 1.1e-6;

struct Established {
    std::string_view name;
    std::array<double, 4> medians;
    std::string_view solved_20, solved_30;
};

// 60 samples a round, 20 seeds; GP 10 samples, 10 rounds, 4 seeds.
constexpr std::array<Established, 4> established{{
    {"nevergrad DE", {5.56e-5, 1.15e-5, 2.1e-6, 1.13e-6}, "0/20", "8/20"},
    {"nevergrad PSO", {1.46e-4, 1.36e-4, 1.36e-4, 1.31e-4}, "0/20", "0/20"},
    {"nevergrad CMA", {1.58e-4, 1.02e-4, 6.43e-5, 4.44e-5}, "0/20", "0/20"},
    {"scikit-optimize GP (10 x 10)", {NAN, 1.63e-4, NAN, NAN}, "-", "-"},
}};

std::string cell(double value) {
    return std::isnan(value) ? "-" : fmt::format("{:.3g}", value);
}

void print_row(std::string_view name, const std::array<double, 4>& medians, std::string_view by_20,
               std::string_view by_30, std::string_view remark) {
    fmt::print("{:<40}", name);
    for (const double median : medians) fmt::print("{:>11}", cell(median));
    fmt::print("{:>9}{:>9}  {}\n", by_20, by_30, remark);
    static_cast<void>(std::fflush(stdout));
}

// Best error after each round of one fit.
std::vector<double> run(const Problem& problem, const OptimizerChoice& choice, std::uint64_t seed, std::size_t samples,
                        std::size_t rounds) {
    Problem variant = problem;
    variant.config.run.seed = seed;
    variant.config.fit->n_samples = static_cast<int>(samples);
    auto fitter = make_fitter(variant);
    FitOptions options = fit_options(variant, fitter);
    options.optimizer = choice;
    options.n_rounds = rounds;
    std::vector<double> best;
    options.callback = [&](const RoundReport& report) {
        best.push_back(report.best ? report.best->error : std::numeric_limits<double>::infinity());
        return CallbackAction::proceed;
    };
    static_cast<void>(fitter.fit(options));
    return best;
}

void measure(const Problem& problem, const std::string& name, const BenchOptions& options) {
    // A Gaussian process costs more than the simulations, and its users run few.
    const bool process = name.starts_with("GP") || name.starts_with("gaussian_process");
    const std::size_t samples = options.samples.value_or(process ? 10 : 60);
    const std::size_t rounds = options.rounds.value_or(process ? 10 : 30);
    const std::size_t seeds = options.seeds == 0 ? 20 : options.seeds;
    const OptimizerChoice choice = bench::choice_of(name);
    const auto begin = std::chrono::steady_clock::now();
    std::vector<std::vector<double>> runs;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) runs.push_back(run(problem, choice, seed, samples, rounds));
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
    std::array<double, 4> medians{};
    std::array<std::string, 4> solved_by;
    for (std::size_t k = 0; k < checkpoints.size(); ++k) {
        std::vector<double> best;
        for (const auto& errors : runs) {
            if (errors.size() >= checkpoints[k]) best.push_back(errors[checkpoints[k] - 1]);
        }
        medians[k] = bench::median(best);
        const auto n = std::ranges::count_if(best, [](double error) { return error < solved; });
        solved_by[k] = best.empty() ? "-" : fmt::format("{}/{}", n, best.size());
    }
    print_row(
        name, medians, solved_by[2], solved_by[3],
        fmt::format("{} x {}, {:.0f} ms a run", samples, rounds, 1e3 * elapsed.count() / static_cast<double>(seeds)));
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const BenchOptions options = bench::parse_options({argv, static_cast<std::size_t>(argc)}, {});
        const Problem problem =
            load_problem(read_config(std::filesystem::path(SPIKESMITH_EXAMPLES) / "hodgkin_huxley" / "config.toml"));
        fmt::print("Median best error in V^2 after so many rounds, and runs below {} V^2\n", solved);
        fmt::print("{:<40}{:>11}{:>11}{:>11}{:>11}{:>9}{:>9}\n", "", 5, 10, 20, 30, "by 20", "by 30");
        for (const Established& tool : established) {
            print_row(tool.name, tool.medians, tool.solved_20, tool.solved_30, "");
        }
        for (const std::string& name : options.methods) {
            try {
                measure(problem, name, options);
            } catch (const ConfigError& error) {
                fmt::print("{:<40} {}\n", name, error.what());
            }
        }
    } catch (const Error& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
    return 0;
}
