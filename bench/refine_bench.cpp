// Refinement of the tutorial (three conductances, five traces of 1497 steps) after ten rounds of 100 samples by differential
// evolution, on one thread, beside brian2modelfitting's `refine` from its own fit of the same kind:
//
//     refine_bench [SEEDS]
//
// Times are wall-clock after compiling; the first refinement of a process is shown as the first, since a fit has one.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/cli/problem.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/refine.hpp"

namespace {

using namespace spikesmith;

void run(std::size_t seed) {
    const std::filesystem::path file = std::filesystem::path(SPIKESMITH_EXAMPLES) / "hodgkin_huxley" / "config.toml";
    Problem problem =
        load_problem(read_config(file, {{fmt::format("run.seed={}", seed)}, {"run.threads=1"}, {"fit.n_samples=100"}}));
    Fitter fitter = make_fitter(problem);
    FitOptions options = fit_options(problem, fitter);
    options.n_rounds = 10;
    const FitResult found = fitter.fit(options);
    for (const Derivatives derivatives : {Derivatives::exact, Derivatives::differences}) {
        Refiner refiner(fitter, {.derivatives = derivatives});
        const RefineResult first = refiner.refine();
        std::vector<double> seconds;
        for (int k = 0; k < 7; ++k) seconds.push_back(refiner.refine().seconds);
        std::ranges::sort(seconds);
        fmt::print("{:<6}{:<13}{:>12.5g}{:>15.8g}{:>11}{:>12}{:>12.4f}{:>12.4f}{:>12.3f}\n", seed, name_of(derivatives),
                   found.best->error, first.error, first.best().derivative_evaluations, first.n_simulations,
                   first.seconds, seconds[3], first.compile_seconds);
        static_cast<void>(std::fflush(stdout));
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const int seeds = argc > 1 ? std::atoi(argv[1]) : 3;
        fmt::print("{:<6}{:<13}{:>12}{:>15}{:>11}{:>12}{:>12}{:>12}{:>12}\n", "seed", "derivatives", "fit V^2",
                   "refined V^2", "Jacobians", "simulations", "first s", "again s", "compiling s");
        for (int seed = 1; seed <= seeds; ++seed) run(static_cast<std::size_t>(seed));
        fmt::print(
            "\nbrian2modelfitting (cython, code cached): differences 9.95015e-07, 56 simulations, 1.18 s;\n"
            "with gradient 9.94974e-07, 11 simulations with sensitivities, 1.70 s, 5.5 s with its code not cached\n");
    } catch (const Error& error) {
        fmt::print(stderr, "error: {}\n", error.what());
        return 1;
    }
    return 0;
}
