// Quality and cost of every optimiser on the functions of tests/optimize/benchmark_functions.hpp, beside the established
// tools:
//
//     optimizers_bench [functions|small|tpe|overhead|nan|scale|all] [--methods a,b:option=value] [--seeds N] [--limit SECONDS]
//
//     functions   median best of 5 seeds after 10,000 evaluations in batches of 30
//     small       the same after 300 and 1000 evaluations
//     tpe         the tree-structured Parzen estimators after 100 and 300 points one after the other, 50 seeds
//     overhead    processor time of ask and tell per evaluation
//     nan         how much worse the result is after 3000 and 10,000 evaluations if 20 % of the errors are NaN, for as
//                 many others; 101 seeds, since the
//                 best errors of single runs spread over many powers of ten; beside it how many in a hundred clean and
//                 disturbed runs are solved, since a median jumps where that is one half
//     scale       whether errors times 1e-18 lead to the same points
//
// Figures of other tools were measured on the same functions (nevergrad 1.0.12, pycma 4.4.0, libcmaes, scikit-optimize
// 0.9.0, hyperopt 0.3.0); batches of 30, PSO 40, SQP and Nelder-Mead one at a time.
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimizer_bench_options.hpp"
#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace {

using namespace spikesmith;
using bench::BenchOptions;
using test::BenchmarkFunction;

constexpr std::array<std::size_t, 3> dimensions{5, 10, 20};
constexpr std::size_t batch = 30;
constexpr std::size_t few_seeds = 5;
constexpr std::size_t n_functions = BenchmarkFunction::all.size();
constexpr double none = std::numeric_limits<double>::quiet_NaN();

double processor_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// ------------------------------------------------------------------------------------------------------ other tools

// Medians on the six functions; NaN: not measured.
using Row = std::array<double, n_functions>;

struct Peer {
    std::string_view name;
    bool nevergrad;            // one of the ten methods of nevergrad
    std::array<Row, 3> after;  // 10,000 evaluations in 5, 10 and 20 dimensions
};

constexpr std::array<Peer, 13> peers{{
    {"nevergrad DE",
     true,
     {{{0.0063, 29, 0.92, 2.1, 0.18, none}, {0.51, 2.2e3, 9.7, 17, 1.1, none}, {8.7, 5.1e4, 61, 73, 4.2, none}}}},
    {"nevergrad TwoPointsDE",
     true,
     {{{1.3e-6, 29, 1, 0.63, 0.058, none}, {0.031, 9.3e2, 7.9, 16, 1.1, none}, {2, 1.4e4, 22, 62, 2.3, none}}}},
    {"nevergrad PSO",
     true,
     {{{4.6, 1.1e4, 1.5e2, 14, 7.9, none}, {24, 2.2e5, 1.5e4, 100, 110, none}, {100, 1.4e6, 1.2e5, 290, 380, none}}}},
    {"nevergrad RealSpacePSO",
     true,
     {{{5.5e-26, 56, 0.06, 0.99, 0.037, none},
       {2.2e-20, 3.9e2, 3, 7, 0.13, none},
       {2.6e-8, 7e3, 17, 40, 0.034, none}}}},
    {"nevergrad CMA",
     true,
     {{{2.6e-15, 240, 0.65, 1, 0.025, none},
       {4e-14, 440, 6, 6, 1.4e-7, none},
       {9.8e-14, 2.4e3, 68, 51, 1.6e-13, none}}}},
    {"nevergrad OldCMA",
     true,
     {{{4.8e-15, 6.7e-15, 8.8e-15, 4, 0.0074, none},
       {4.6e-14, 6.1e-14, 1.2e-13, 5, 2e-13, none},
       {1.7e-13, 0.25, 9.4, 62, 9.2e-14, none}}}},
    {"nevergrad OnePlusOne",
     true,
     {{{0.41, 1.6e3, 5, 14, 2.3, none}, {9.6, 7.6e4, 1.1e3, 60, 42, none}, {56, 1.1e6, 1.8e4, 170, 140, none}}}},
    {"nevergrad NGOpt",
     true,
     {{{5.7e-16, 85, 1.9, 7, 0.062, none},
       {3.5e-14, 170, 6.5, 6, 1.4e-7, none},
       {9.8e-14, 3.5e3, 16, 48, 8.8e-14, none}}}},
    {"nevergrad SQP",
     true,
     {{{4e-16, 2.1e6, 1.3e-10, 15, 3.9, none},
       {1.3e-15, 1.7e6, 1.6e-10, 38, 0.49, none},
       {2.8e-15, 4.1e6, 1.7e-10, 72, 3.9e-12, none}}}},
    {"nevergrad NelderMead",
     true,
     {{{2e-31, 8.1e-27, 5.6e-29, 17, 17, none}, {0.21, 86, 5.8, 41, 25, none}, {22, 1.5e4, 2e3, 98, 110, none}}}},
    {"random search",
     false,
     {{{1.1, 3e3, 1.3e2, 14, 4.4, none}, {14, 6.2e4, 2.8e3, 78, 36, none}, {61, 5.3e5, 3.5e4, 220, 250, none}}}},
    {"pycma IPOP, lambda 30",
     false,
     {{{1e-14, 9.9e-15, 9.5e-15, 2, 0.0074, 7e-14},
       {1e-13, 6.2e-14, 1.1e-13, 6, 1.3e-13, 9},
       {1.4e-13, 48, 9.6, 21, 1.9e-13, 8}}}},
    {"libcmaes aCMA, lambda 30",
     false,
     {{{1.1e-15, 8.1e-16, 1e-15, 4, 0.0074, none},
       {4.7e-15, 9.2e-15, 6.8e-15, 9.9, 1.7e-14, none},
       {1.1e-14, 100, 11, 9.9, 8.8e-15, none}}}},
}};

// After 300 and 1000 evaluations in 10 dimensions: sphere, rotated ellipsoid, Rosenbrock.
struct SmallPeer {
    std::string_view name;
    std::array<double, 3> after_300, after_1000;
};

constexpr std::array<SmallPeer, 7> small_peers{{
    {"nevergrad DE", {9.6, 8.3e4, 3.1e3}, {2.0, 5.8e4, 100}},
    {"nevergrad TwoPointsDE", {none, none, none}, {0.94, 3.3e4, 150}},
    {"nevergrad CMA", {none, none, none}, {0.024, 8.7e3, 16}},
    {"nevergrad OldCMA", {3.6, 2.4e4, 370}, {0.018, 410, 9.9}},
    {"nevergrad NGOpt", {5.9, 2.9e4, 420}, {none, none, none}},
    {"nevergrad SQP", {1e-15, 1.7e6, 9.1}, {1e-15, 1.7e6, 2e-10}},
    {"dlib quadratic + LIPO", {2e-27, 2e-18, 600}, {none, none, none}},
}};

// Microseconds per evaluation in 5, 10, 20 dimensions, nevergrad as brian2modelfitting drives it.
struct CostPeer {
    std::string_view name;
    std::array<double, 3> cost;
};

constexpr std::array<CostPeer, 7> cost_peers{{
    {"nevergrad DE", {1685, 3407, 6621}},
    {"nevergrad PSO", {2025, 3324, 6797}},
    {"nevergrad CMA", {5312, 7376, 14388}},
    {"nevergrad OnePlusOne", {2099, 3145, 6164}},
    {"nevergrad SQP", {2213, 3282, 5726}},
    {"nevergrad NGOpt", {7816, 11397, 17527}},
    {"libcmaes aCMA", {0.46, 0.93, 2.4}},
}};

// The method of nevergrad that has the same role.
std::string_view counterpart(std::string_view method) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 22> pairs{{
        {"differential", "nevergrad DE"},
        {"DE", "nevergrad DE"},
        {"TwoPointsDE", "nevergrad TwoPointsDE"},
        {"shade", "nevergrad DE"},
        {"jso", "nevergrad DE"},
        {"particle", "nevergrad PSO"},
        {"pso", "nevergrad PSO"},
        {"cma", "nevergrad CMA"},
        {"one_plus", "nevergrad OnePlusOne"},
        {"OnePlusOne", "nevergrad OnePlusOne"},
        {"PSO", "nevergrad PSO"},
        {"CMA", "nevergrad CMA"},
        {"SQP", "nevergrad SQP"},
        {"NelderMead", "nevergrad NelderMead"},
        {"sqp", "nevergrad SQP"},
        {"quasi_newton", "nevergrad SQP"},
        {"lbfgs", "nevergrad SQP"},
        {"nelder", "nevergrad NelderMead"},
        {"random", "random search"},
        {"latin", "random search"},
        {"sobol", "random search"},
        {"halton", "random search"},
    }};
    for (const auto& [start, peer] : pairs) {
        if (method.starts_with(start)) return peer;
    }
    return "nevergrad NGOpt";
}

// ----------------------------------------------------------------------------------------------------- measurements

// Below this a function counts as solved, so smaller values are no better.
constexpr double solved = 1e-10;

struct RunEnd {
    double best = std::numeric_limits<double>::infinity();
    bool complete = true;  // not stopped by the time limit
    double share = 0;      // of the runs that are solved
};

// An error as the run gives it to the optimiser, from its value, and the number of the evaluation.
using Disturbance = double (*)(double error, std::uint64_t evaluation);

double undisturbed(double error, std::uint64_t /*evaluation*/) {
    return error;
}

// Every fifth error at random is NaN; the best of the others counts.
double failing(double error, std::uint64_t evaluation) {
    const std::uint64_t hash = std::rotl((evaluation + 1) * 0x9e3779b97f4a7c15, 29) * 0xbf58476d1ce4e5b9;
    return (hash >> 32) % 5 == 0 ? none : error;
}

std::vector<double> errors_of(const Candidates& candidates, const BenchmarkFunction& function, Disturbance disturb) {
    std::vector<double> errors(candidates.ids.size());
    for (std::size_t r = 0; r < errors.size(); ++r) {
        errors[r] = disturb(function(candidates.points.row(r)), candidates.ids[r]);
    }
    return errors;
}

RunEnd run(const OptimizerChoice& choice, const BenchmarkFunction& function, std::size_t evaluations,
           std::uint64_t seed, double limit, Disturbance disturb = undisturbed, std::size_t per_round = batch) {
    const std::size_t rounds = (evaluations + per_round - 1) / per_round;
    const double begin = processor_seconds();
    const auto optimizer = choice({function.dimension(), per_round, rounds, seed});
    for (std::size_t asked = 0; asked < evaluations;) {
        const std::size_t n = std::min(per_round, evaluations - asked);
        const Candidates candidates = optimizer->ask(n);
        optimizer->tell(candidates.ids, errors_of(candidates, function, disturb));
        asked += n;
        if (processor_seconds() - begin > limit) return {optimizer->recommend()->error, asked == evaluations};
    }
    return {optimizer->recommend() ? optimizer->recommend()->error : RunEnd{}.best, true};
}

RunEnd median_run(const OptimizerChoice& choice, BenchmarkFunction::Kind kind, std::size_t dimension,
                  std::size_t evaluations, const BenchOptions& options, Disturbance disturb = undisturbed) {
    std::vector<double> best;
    bool complete = true;
    const std::size_t seeds = options.seeds == 0 ? few_seeds : options.seeds;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        if (!complete && seed > few_seeds) break;  // marked anyway
        const RunEnd end =
            run(choice, BenchmarkFunction(kind, dimension, seed), evaluations, seed, options.limit, disturb);
        best.push_back(end.best);
        complete = complete && end.complete;
    }
    const auto n_solved = std::ranges::count_if(best, [](double error) { return error < solved; });
    return {bench::median(best), complete, static_cast<double>(n_solved) / static_cast<double>(best.size())};
}

// -------------------------------------------------------------------------------------------------------- printing

constexpr int name_width = 34;

void print_name(std::string_view name) {
    fmt::print("{:<{}}", name, name_width);
}

std::string cell(double value, bool complete = true) {
    if (std::isnan(value)) return "-";
    return fmt::format("{:.2g}{}", value, complete ? "" : "*");
}

void print_row(std::string_view name, std::span<const std::string> cells) {
    print_name(name);
    for (const std::string& text : cells) fmt::print("{:>16}", text);
    fmt::print("\n");
    static_cast<void>(std::fflush(stdout));
}

void print_functions(std::string_view title, std::size_t n = n_functions) {
    std::vector<std::string> names;
    for (std::size_t k = 0; k < n; ++k) names.emplace_back(BenchmarkFunction::name(BenchmarkFunction::all[k]));
    print_row(title, names);
}

// Runs `work` for each method; a method that refuses the setting says so in its row.
template <class Work>
void for_methods(const BenchOptions& options, Work&& work) {
    for (const std::string& name : options.methods) {
        try {
            work(name, bench::choice_of(name));
        } catch (const Error& error) {
            print_row(name, std::vector<std::string>{error.what()});
        }
    }
}

// ---------------------------------------------------------------------------------------------------------- tables

std::string ratio_cell(double ours, double theirs) {
    if (std::isnan(theirs) || std::isnan(ours)) return "-";
    const double ratio = std::max(ours, solved) / std::max(theirs, solved);
    return fmt::format("{} {:.1g}", ratio <= 1 ? "ok" : "WORSE", ratio);
}

void functions_table(const BenchOptions& options) {
    for (std::size_t d = 0; d < dimensions.size(); ++d) {
        fmt::print("\nMedian best after 10,000 evaluations, {} dimensions\n", dimensions[d]);
        print_functions("");
        Row best;
        best.fill(none);
        for (const Peer& peer : peers) {
            std::vector<std::string> cells;
            for (std::size_t k = 0; k < n_functions; ++k) {
                cells.push_back(cell(peer.after[d][k]));
                if (peer.nevergrad) best[k] = std::fmin(best[k], peer.after[d][k]);
            }
            print_row(peer.name, cells);
        }
        for_methods(options, [&](const std::string& name, const OptimizerChoice& choice) {
            Row ours{};
            std::vector<std::string> cells, to_counterpart, to_best;
            const std::string_view role = counterpart(name);
            const auto* peer = std::ranges::find(peers, role, &Peer::name);
            for (std::size_t k = 0; k < n_functions; ++k) {
                const RunEnd end = median_run(choice, BenchmarkFunction::all[k], dimensions[d], 10000, options);
                ours[k] = end.best;
                cells.push_back(cell(end.best, end.complete));
                to_counterpart.push_back(ratio_cell(ours[k], peer->after[d][k]));
                to_best.push_back(ratio_cell(ours[k], best[k]));
            }
            print_row(name, cells);
            print_row(fmt::format("    / {}", role), to_counterpart);
            print_row("    / best of nevergrad's ten", to_best);
        });
    }
    fmt::print("ratios: below {:.0e} counts as solved; *: stopped by the time limit\n", solved);
}

void small_table(const BenchOptions& options) {
    for (const std::size_t evaluations : {std::size_t{300}, std::size_t{1000}}) {
        for (const std::size_t dimension : dimensions) {
            fmt::print("\nMedian best after {} evaluations, {} dimensions\n", evaluations, dimension);
            print_functions("");
            for (const SmallPeer& peer : small_peers) {
                const auto& after = evaluations == 300 ? peer.after_300 : peer.after_1000;
                if (dimension != 10 || std::isnan(after[0])) continue;
                print_row(peer.name, std::vector{cell(after[0]), cell(after[1]), cell(after[2])});
            }
            for_methods(options, [&](const std::string& name, const OptimizerChoice& choice) {
                std::vector<std::string> cells;
                for (const auto kind : BenchmarkFunction::all) {
                    const RunEnd end = median_run(choice, kind, dimension, evaluations, options);
                    cells.push_back(cell(end.best, end.complete));
                }
                print_row(name, cells);
            });
        }
    }
}

// Medians of hyperopt's, for 5 and 10 dimensions, and of how many seeds.
struct ParzenPeer {
    std::size_t evaluations, dimension, seeds;
    Row median;
};

constexpr std::array<ParzenPeer, 4> parzen_peers{{
    {100, 5, 50, {2.46, 1.684e4, 313.7, 29.42, 9.573, 32.57}},
    {100, 10, 50, {16.36, 2.193e5, 5446, 88.77, 56.31, 94.48}},
    {300, 5, 5, {1.041, 5840, 60.34, 20.14, 4.292, 27.95}},
    {300, 10, 5, {7.95, 9.77e4, 1920, 78.2, 31, 80.4}},
}};

void parzen_table(const BenchOptions& options) {
    const std::size_t seeds = options.seeds == 0 ? 50 : options.seeds;
    for (const ParzenPeer& peer : parzen_peers) {
        fmt::print("\nMedian best after {} points one after the other, {} dimensions\n", peer.evaluations,
                   peer.dimension);
        print_functions("");
        std::vector<std::string> cells;
        for (const double median : peer.median) cells.push_back(fmt::format("{:.3g}", median));
        print_row(fmt::format("hyperopt 0.3.0, {} seeds", peer.seeds), cells);
        for_methods(options, [&](const std::string& name, const OptimizerChoice& choice) {
            if (!name.starts_with("tpe") && !name.starts_with("ClassicTPE")) return;
            cells.clear();
            for (const auto kind : BenchmarkFunction::all) {
                std::vector<double> best;
                for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
                    const BenchmarkFunction function(kind, peer.dimension, seed);
                    best.push_back(run(choice, function, peer.evaluations, seed, options.limit, undisturbed, 1).best);
                }
                cells.push_back(fmt::format("{:.3g}", bench::median(best)));
            }
            print_row(fmt::format("{}, {} seeds", name, seeds), cells);
        });
    }
}

// Microseconds of ask and tell per evaluation over a run of `evaluations`, the least of three runs.
double cost(const OptimizerChoice& choice, std::size_t dimension, std::size_t evaluations, double limit) {
    const BenchmarkFunction function(BenchmarkFunction::Kind::rosenbrock, dimension, 1);
    double least = std::numeric_limits<double>::infinity();
    for (int repeat = 0; repeat < 3; ++repeat) {
        const auto optimizer = choice({dimension, batch, evaluations / batch, 1});
        double seconds = 0;
        std::size_t asked = 0;
        while (asked < evaluations && seconds < limit) {
            const double begin = processor_seconds();
            const Candidates candidates = optimizer->ask(batch);
            seconds += processor_seconds() - begin;
            const auto errors = errors_of(candidates, function, undisturbed);
            const double middle = processor_seconds();
            optimizer->tell(candidates.ids, errors);
            seconds += processor_seconds() - middle;
            asked += batch;
        }
        least = std::min(least, 1e6 * seconds / static_cast<double>(asked));
    }
    return least;
}

// Seconds of one ask of 30 points and the tell of 30 errors when 300 have been told.
double cost_at_300(const OptimizerChoice& choice, std::size_t dimension) {
    const BenchmarkFunction function(BenchmarkFunction::Kind::rosenbrock, dimension, 1);
    const auto optimizer = choice({dimension, batch, 30, 1});
    for (int round = 0; round < 10; ++round) {
        const Candidates candidates = optimizer->ask(batch);
        optimizer->tell(candidates.ids, errors_of(candidates, function, undisturbed));
    }
    const double begin = processor_seconds();
    const Candidates candidates = optimizer->ask(batch);
    const auto errors = errors_of(candidates, function, undisturbed);
    optimizer->tell(candidates.ids, errors);
    return processor_seconds() - begin;
}

void overhead_table(const BenchOptions& options) {
    fmt::print("\nMicroseconds of ask + tell per evaluation, batches of {}, 6000 evaluations\n", batch);
    print_row("", std::vector<std::string>{"D=5", "D=10", "D=20", "nevergrad/ours", "ask+tell at 300"});
    for (const CostPeer& peer : cost_peers) {
        print_row(peer.name, std::vector{cell(peer.cost[0]), cell(peer.cost[1]), cell(peer.cost[2])});
    }
    print_row("scikit-optimize GP, to 100 points", std::vector<std::string>{"484000"});
    for_methods(options, [&](const std::string& name, const OptimizerChoice& choice) {
        std::vector<std::string> cells;
        std::array<double, 3> ours{};
        for (std::size_t d = 0; d < dimensions.size(); ++d) {
            ours[d] = cost(choice, dimensions[d], 6000, options.limit);
            cells.push_back(fmt::format("{:.3g}", ours[d]));
        }
        const auto* peer = std::ranges::find(cost_peers, counterpart(name), &CostPeer::name);
        cells.push_back(peer == cost_peers.end() ? "-" : fmt::format("{:.0f}", peer->cost[2] / ours[2]));
        cells.push_back(fmt::format("{:.3g} ms", 1e3 * cost_at_300(choice, 10)));
        print_row(name, cells);
    });
}

void failures_table(BenchOptions options, std::size_t evaluations) {
    if (options.seeds == 0) options.seeds = 101;
    fmt::print(
        "\nMedian best after {} evaluations of which 20 % are NaN, 5 dimensions, over the median best of clean runs\n"
        "with as many errors that are not NaN, {} seeds; and percent of clean and of disturbed runs below {:.0e}\n",
        evaluations, options.seeds, solved);
    print_functions("");
    for_methods(options, [&](const std::string& name, const OptimizerChoice& choice) {
        std::vector<std::string> cells;
        for (const auto kind : BenchmarkFunction::all) {
            const RunEnd clean = median_run(choice, kind, 5, evaluations * 4 / 5, options);
            const RunEnd disturbed = median_run(choice, kind, 5, evaluations, options, failing);
            const double ratio = std::max(disturbed.best, solved) / std::max(clean.best, solved);
            cells.push_back(fmt::format("{:.2g}{} ({:.0f},{:.0f})", ratio,
                                        clean.complete && disturbed.complete ? "" : "*", 100 * clean.share,
                                        100 * disturbed.share));
        }
        print_row(name, cells);
    });
}

std::vector<double> points_of_run(const OptimizerChoice& choice, const BenchmarkFunction& function, double scale,
                                  double limit) {
    const auto optimizer = choice({function.dimension(), batch, 50, 1});
    std::vector<double> points;
    const double begin = processor_seconds();
    for (int round = 0; round < 50 && processor_seconds() - begin < limit; ++round) {
        const Candidates candidates = optimizer->ask(batch);
        points.insert(points.end(), candidates.points.values.begin(), candidates.points.values.end());
        auto errors = errors_of(candidates, function, undisturbed);
        for (double& error : errors) error *= scale;
        optimizer->tell(candidates.ids, errors);
    }
    return points;
}

void scale_table(const BenchOptions& options) {
    fmt::print(
        "\nDo scaled errors lead to the same points? 1500 evaluations of Rosenbrock, 5 dimensions: number of the\n"
        "first evaluation that differs\n");
    print_row("errors times", std::vector<std::string>{"1e-18", "2^-60", "3e100"});
    const BenchmarkFunction function(BenchmarkFunction::Kind::rosenbrock, 5, 1);
    for_methods(options, [&](const std::string& name, const OptimizerChoice& choice) {
        const std::vector<double> points = points_of_run(choice, function, 1, options.limit);
        std::vector<std::string> cells;
        for (const double scale : {1e-18, 0x1p-60, 3e100}) {
            const std::vector<double> scaled = points_of_run(choice, function, scale, options.limit);
            const std::size_t n = std::min(points.size(), scaled.size());
            std::size_t k = 0;
            while (k < n && points[k] == scaled[k]) ++k;
            cells.push_back(k == n ? "identical" : fmt::format("{}", k / function.dimension()));
        }
        print_row(name, cells);
    });
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array<std::string_view, 6> tables{"functions", "small", "tpe", "overhead", "nan", "scale"};
    try {
        const BenchOptions options = bench::parse_options({argv, static_cast<std::size_t>(argc)}, tables);
        const auto wanted = [&](std::string_view table) { return options.table == table || options.table == "all"; };
        if (wanted("functions")) functions_table(options);
        if (wanted("small")) small_table(options);
        if (wanted("tpe")) parzen_table(options);
        if (wanted("overhead")) overhead_table(options);
        if (wanted("nan")) {
            for (const std::size_t evaluations : {3000, 10000}) failures_table(options, evaluations);
        }
        if (wanted("scale")) scale_table(options);
    } catch (const Error& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
    return 0;
}
