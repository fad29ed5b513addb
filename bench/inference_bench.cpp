// The benchmark of simulation-based inference (J.-M. Lueckmann et al., AISTATS 2021): C2ST of each task, budget and method to the reference
// posterior, beside the published mean of the same method. 0.5 is perfect, 1 is worst.
//
//     inference_bench --reference DIR [--task two_moons,...] [--simulations 1000,10000] [--method SNPE,...] [--observations 1,2,3]
//                     (a method AUTO chooses by itself, in two rounds, and is compared with the best published column)
//                     [--rounds 1] [--density nsf,maf,mdn,made; SNLE: nsf,maf,mdn] [--learning_rate R] [--batch N] [--final 0.01] [--ensemble 2; SNRE: 4; AUTO: 1] [--samples 10000] [--seed 1]
//                     [--components 10] [--proposal posterior] [--truncation 1e-4] [--threads N]
//
// DIR has the benchmark's files: <task>/observation_<n>/observation.csv and reference_posterior_samples.csv.bz2 (or .csv).
// The published figures are means over ten observations, so a few observations agree with them only roughly.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "infer/benchmark_tasks.hpp"
#include "infer/two_sample_test.hpp"
#include <fmt/format.h>
#include <tbb/global_control.h>

#include "spikesmith/infer/automatic_inference.hpp"
#include "spikesmith/infer/sequential_inference.hpp"

using namespace spikesmith;

namespace {

// Columns: NPE, SNPE, NLE, SNLE, NRE, SNRE.
struct Published {
    const char* task;
    int simulations;
    std::array<double, 6> c2st;
};
constexpr std::array<Published, 16> published{{
    {"two_moons", 1000, {.725, .643, .773, .657, .822, .651}},
    {"two_moons", 10000, {.606, .554, .713, .571, .761, .582}},
    {"gaussian_linear", 1000, {.694, .652, .650, .628, .672, .670}},
    {"gaussian_linear", 10000, {.552, .544, .555, .548, .560, .536}},
    {"gaussian_linear_uniform", 1000, {.696, .631, .723, .657, .788, .681}},
    {"gaussian_linear_uniform", 10000, {.553, .527, .548, .552, .706, .606}},
    {"gaussian_mixture", 1000, {.716, .669, .740, .706, .777, .673}},
    {"gaussian_mixture", 10000, {.615, .551, .723, .685, .748, .578}},
    {"slcp", 1000, {.975, .965, .946, .921, .972, .968}},
    {"slcp", 10000, {.901, .845, .771, .713, .947, .917}},
    {"bernoulli_glm", 1000, {.863, .855, .740, .634, .899, .718}},
    {"bernoulli_glm", 10000, {.678, .614, .605, .553, .812, .584}},
    {"lotka_volterra", 1000, {.999, .990, .994, .909, 1.000, .971}},
    {"lotka_volterra", 10000, {.997, .953, .956, .738, .998, .848}},
    {"sir", 1000, {.815, .638, .761, .745, .841, .637}},
    {"sir", 10000, {.680, .561, .748, .745, .770, .646}},
}};

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::string part;
    std::istringstream stream(text);
    while (std::getline(stream, part, ',')) parts.push_back(part);
    return parts;
}

std::optional<double> published_value(const std::string& task, std::size_t simulations, InferenceMethod method,
                                      bool sequential) {
    const std::size_t column = (method == InferenceMethod::snpe   ? 0
                                : method == InferenceMethod::snle ? 2
                                                                  : 4) +
                               (sequential ? 1 : 0);
    for (const Published& row : published) {
        if (task == row.task && static_cast<std::size_t>(row.simulations) == simulations) return row.c2st[column];
    }
    return {};
}

std::optional<double> best_published(const std::string& task, std::size_t simulations) {
    for (const Published& row : published) {
        if (task == row.task && static_cast<std::size_t>(row.simulations) == simulations)
            return *std::ranges::min_element(row.c2st);
    }
    return {};
}

void save_table(const std::string& file, const Array2& table) {
    std::ofstream out(file);
    out.precision(17);
    for (std::size_t i = 0; i < table.rows; ++i) {
        for (std::size_t d = 0; d < table.columns; ++d) out << (d == 0 ? "" : ",") << table(i, d);
        out << '\n';
    }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) try {
    std::map<std::string, std::string> arguments{{"task", ""},
                                                 {"simulations", "1000,10000"},
                                                 {"method", "SNPE,SNLE,SNRE"},
                                                 {"observations", "1"},
                                                 {"rounds", ""},
                                                 {"density", ""},
                                                 {"ensemble", ""},
                                                 {"samples", "10000"},
                                                 {"seed", "1"},
                                                 {"reference", ""},
                                                 {"chains", "slice"},
                                                 {"truncation", ""},
                                                 {"proposal", "posterior"},
                                                 {"learning_rate", ""},
                                                 {"batch", ""},
                                                 {"final", ""},
                                                 {"hidden", "50"},
                                                 {"components", "10"},
                                                 {"shares", ""},
                                                 {"transform", "1"},
                                                 {"threads", ""},
                                                 {"save", ""}};
    for (int k = 1; k + 1 < argc; k += 2) {
        const std::string name = std::string(argv[k]).substr(2);
        if (!arguments.contains(name)) throw std::runtime_error("unknown option " + name);
        arguments[name] = argv[k + 1];
    }
    const std::filesystem::path folder = arguments["reference"];
    if (folder.empty()) throw std::runtime_error("--reference DIR is needed");
    std::optional<tbb::global_control> limit;
    if (!arguments["threads"].empty())
        limit.emplace(tbb::global_control::max_allowed_parallelism, std::stoul(arguments["threads"]));
    const std::size_t n_samples = std::stoul(arguments["samples"]);
    const std::uint64_t seed = std::stoull(arguments["seed"]);
    std::filesystem::path stimulus = SPIKESMITH_EXAMPLES;
    stimulus = stimulus.parent_path() / "tests" / "data" / "sbi" / "bernoulli_glm_stimulus.csv";
    const std::vector<std::string> wanted = split(arguments["task"]);

    fmt::print("{:<24}{:>8} {:<8}{:>7}{:>5}  {:>6} {:>10}  {:>9} {:>9}\n", "task", "sims", "method", "rounds", "obs",
               "C2ST", "published", "train s", "sample s");
    for (const test::BenchmarkTask& task : test::benchmark_tasks(stimulus)) {
        if (!wanted.empty() && std::ranges::find(wanted, task.name) == wanted.end()) continue;
        for (const std::string& budget : split(arguments["simulations"])) {
            for (const std::string& method_name : split(arguments["method"])) {
                const bool automatic = method_name == "AUTO";
                const std::size_t by_default = automatic ? AutomaticOptions().shares.size() : 1;
                const std::size_t rounds = arguments["rounds"].empty() ? by_default : std::stoul(arguments["rounds"]);
                SequentialOptions options;
                options.rounds = rounds;
                options.simulations_per_round = std::stoul(budget) / rounds;
                options.inference.method = automatic ? InferenceMethod::snpe : inference_method(method_name);
                options.inference.density.hidden_features = std::stoul(arguments["hidden"]);
                options.inference.density.num_components = std::stoul(arguments["components"]);
                options.inference.transform_x = arguments["transform"] == "1";
                // one network depends on luck: docs/infer.md
                options.inference.ensemble = automatic ? 1 : method_name.starts_with("SNRE") ? 4 : 2;
                if (!arguments["ensemble"].empty()) options.inference.ensemble = std::stoul(arguments["ensemble"]);
                std::string kinds = arguments["density"];
                if (kinds.empty()) kinds = method_name == "SNPE" ? "nsf,maf,mdn,made" : "nsf,maf,mdn";
                options.inference.density_estimators.clear();
                for (const std::string& kind : split(kinds))
                    options.inference.density_estimators.push_back(nets::density_kind(kind));
                options.proposal = ProposalKind::posterior;  // as published; the library's default for SNPE truncates
                if (arguments["proposal"] == "truncated") options.proposal = ProposalKind::truncated;
                if (!arguments["truncation"].empty()) options.truncation = std::stod(arguments["truncation"]);
                options.training.seed = seed;
                if (!arguments["learning_rate"].empty())
                    options.training.learning_rate = std::stod(arguments["learning_rate"]);
                if (!arguments["final"].empty()) options.training.final_learning_rate = std::stod(arguments["final"]);
                if (!arguments["batch"].empty()) options.training.training_batch_size = std::stoul(arguments["batch"]);
                options.posterior.chains.method = chain_method(arguments["chains"]);
                options.seed = seed;
                double sum = 0;
                std::shared_ptr<const Estimator> amortised;  // one training serves all observations of one round
                double training_seconds = 0;
                for (const std::string& number : split(arguments["observations"])) {
                    const std::filesystem::path place = folder / task.name / ("observation_" + number);
                    const std::vector<double> x = test::read_reference_table(place / "observation.csv").values;
                    std::filesystem::path file = place / "reference_posterior_samples.csv.bz2";
                    if (!std::filesystem::exists(file)) file = place / "reference_posterior_samples.csv";
                    const Array2 reference = test::read_reference_table(file, n_samples);
                    const auto start = std::chrono::steady_clock::now();
                    const Simulator simulator = [&](const Array2& theta, std::uint64_t first) {
                        return task.run(theta, seed, first);
                    };
                    if (rounds > 1 || !amortised) {
                        if (automatic) {
                            AutomaticOptions choice{.inference = options.inference,
                                                    .training = options.training,
                                                    .simulations = std::stoul(budget),
                                                    .shares = std::vector<double>(rounds, 1.0),
                                                    .posterior = options.posterior,
                                                    .seed = seed};
                            if (!arguments["shares"].empty()) {
                                choice.shares.clear();
                                for (const std::string& share : split(arguments["shares"]))
                                    choice.shares.push_back(std::stod(share));
                            }
                            const AutomaticResult result = infer_automatically(task.prior, simulator, x, choice);
                            amortised = result.estimator;
                            std::fprintf(stderr, "%s\n", result.summary().c_str());
                        } else {
                            const SequentialResult result = infer_sequentially(task.prior, simulator, x, options);
                            amortised = result.estimator;
                            for (const TrainingReport& report : result.reports)
                                std::fprintf(stderr, "%s\n", report.summary().c_str());
                        }
                        training_seconds = seconds_since(start);
                    }
                    const Posterior posterior(task.prior, amortised, x, options.posterior);
                    const auto sampling = std::chrono::steady_clock::now();
                    const Array2 samples = posterior.sample(reference.rows, seed);
                    const double sampling_seconds = seconds_since(sampling);
                    if (!arguments["save"].empty())
                        save_table(fmt::format("{}/{}_{}_{}.csv", arguments["save"], task.name, method_name, number),
                                   samples);
                    const double accuracy = test::c2st(reference, samples);
                    sum += accuracy;
                    const auto target = automatic ? best_published(task.name, std::stoul(budget))
                                                  : published_value(task.name, std::stoul(budget),
                                                                    options.inference.method, rounds > 1);
                    fmt::print("{:<24}{:>8} {:<8}{:>7}{:>5}  {:>6.3f} {:>10}  {:>9.1f} {:>9.2f}\n", task.name, budget,
                               method_name, rounds, number, accuracy, target ? fmt::format("{:.3f}", *target) : "-",
                               training_seconds, sampling_seconds);
                    std::fflush(stdout);
                }
                const auto count = static_cast<double>(split(arguments["observations"]).size());
                if (count > 1)
                    fmt::print("{:<24}{:>8} {:<8}{:>7} mean  {:>6.3f}\n", task.name, budget, method_name, rounds,
                               sum / count);
            }
        }
    }
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
