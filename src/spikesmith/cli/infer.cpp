#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/infer_problem.hpp"
#include "spikesmith/cli/infer_progress.hpp"
#include "spikesmith/cli/infer_results.hpp"
#include "spikesmith/cli/interrupt.hpp"
#include "spikesmith/cli/run_output.hpp"
#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/core/version.hpp"

namespace spikesmith {
namespace {

namespace fs = std::filesystem;

void stop_if(const InterruptGuard& interrupt) {
    if (interrupt.interrupted()) throw Interrupted("the inference was stopped");
}

// ---- resuming -------------------------------------------------------------------------------------------------------

// What decides over the results of a round: a run can only go on with all of this as it was.
std::vector<std::pair<std::string, std::string>> decisive_parts(const TomlValue& tree) {
    std::vector<std::pair<std::string, std::string>> parts;
    for (const char* name : {"model", "data", "fit", "infer", "run"}) {
        TomlValue part;
        if (const auto* section = tree.find(name)) part = section->value;
        const std::string_view section = name;
        std::erase_if(part.members, [&](const TomlMember& member) {
            if (section == "fit") return member.key != "parameters";
            if (section == "run") return member.key != "seed" && member.key != "precision";
            constexpr std::array free_keys{"n_rounds", "n_posterior_samples", "n_traces", "calibration_pairs"};
            return section == "infer" && std::ranges::find(free_keys, member.key) != free_keys.end();
        });
        parts.emplace_back(name, to_toml(part));
    }
    return parts;
}

void require_same_problem(const Config& config, const RunFolder& folder) {
    const auto tree_of = [](std::string text) {
        return parse_toml(std::make_shared<const SourceText>(SourceText{"config.toml", std::move(text)}));
    };
    const auto before = decisive_parts(tree_of(read_file(folder.path() / "config.toml")));
    const auto now = decisive_parts(tree_of(config_as_run(config, folder.path())));
    for (std::size_t k = 0; k < now.size(); ++k) {
        if (before[k].second == now[k].second) continue;
        throw ConfigError(fmt::format("the run in `{}` is of another problem: [{}] was different",
                                      folder.path().string(), now[k].first),
                          "continue with the settings of that run, or begin anew");
    }
}

// ---- learning -------------------------------------------------------------------------------------------------------

// Simulates one round, in parts, so that progress shows and Ctrl-C works. The numbers do not depend on the parts.
void simulate_round(Inferencer& inferencer, const InferConfig& infer, std::size_t round,
                    const InterruptGuard& interrupt, InferProgress& progress) {
    progress.simulated(round, 0, infer.n_samples);
    const Array2 theta = inferencer.generate_training_data(infer.n_samples);
    Array2 x(theta.rows, inferencer.observation().size());
    const std::size_t part = std::max<std::size_t>(512, theta.rows / 50);
    for (std::size_t first = 0; first < theta.rows; first += part) {
        stop_if(interrupt);
        Array2 rows(std::min(part, theta.rows - first), theta.columns);
        for (std::size_t i = 0; i < rows.rows; ++i) std::ranges::copy(theta.row(first + i), rows.row(i).begin());
        const Array2 found = inferencer.extract_summary_statistics(rows);
        for (std::size_t i = 0; i < rows.rows; ++i) std::ranges::copy(found.row(i), x.row(first + i).begin());
        progress.simulated(round, first + rows.rows, theta.rows);
    }
    SimulatedFrom from = SimulatedFrom::prior;
    if (round > 0) {
        const bool truncated = infer.automatic || truncates(infer.proposal, infer.inference.method);
        from = truncated ? SimulatedFrom::truncated_prior : SimulatedFrom::proposal;
    }
    inferencer.set_summary_statistics(theta, std::move(x), from);
}

void learn(Inferencer& inferencer, const Problem& problem, RunFolder& folder, const InterruptGuard& interrupt,
           InferProgress& progress) {
    const InferConfig& infer = *problem.config.infer;
    folder.log(inferencer.init_prior(make_priors(problem)).description());
    for (std::size_t round = 0; round < infer.n_rounds; ++round) {
        simulate_round(inferencer, infer, round, interrupt, progress);
        InferOptions options = infer_options(infer);
        options.assess = false;  // done once, at the end, with progress
        options.control.cancelled = interrupt.flag();
        options.control.checkpoint = folder.path() / "checkpoint";
        options.control.progress = [&](std::size_t network, std::size_t networks, const TrainingState& state) {
            progress.trained(round, network, networks, state, infer.training);
        };
        inferencer.infer(options);
        stop_if(interrupt);
        const std::string summary =
            infer.automatic ? inferencer.choice()->summary() : inferencer.reports().back().summary();
        progress.finish_training(round, summary);
        folder.log(fmt::format("round {}/{}: {}", round + 1, infer.n_rounds, summary));
    }
}

// The posterior of an earlier run.
void take_posterior(Inferencer& inferencer, const Problem& problem, const fs::path& run) {
    std::error_code error;
    const fs::path file = run / "posterior.spk";
    if (!fs::exists(file, error)) {
        throw DataError(fmt::format("there is no posterior in `{}`", run.string()),
                        "name the folder that `spikesmith infer` wrote");
    }
    (void)make_priors(problem);  // for its errors
    inferencer.load_posterior(file);
    const auto& known = inferencer.posterior().observation().values;
    const auto same = [](double a, double b) { return a == b || (a != a && b != b); };
    if (!std::ranges::equal(known, inferencer.observation(), same)) {
        throw DataError(fmt::format("the posterior in `{}` is of other recordings or features", run.string()),
                        "give the configuration of that run: its `config.toml`");
    }
}

}  // namespace

int infer_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    const InterruptGuard interrupt;
    const InferConfig& infer = infer_section(config);
    Problem problem = load_problem(config);
    (void)make_priors(problem);  // for its errors, before anything is written
    Inferencer inferencer = make_inferencer(problem, interrupt.flag());
    if (options.from) take_posterior(inferencer, problem, *options.from);
    RunFolder folder = open_run(config, options, problem.warnings);
    if (options.resume) {
        require_same_problem(config, folder);
        folder.write("config.toml", config_as_run(config, folder.path()));
    }
    show_warnings(problem.warnings, options, streams);
    InferProgress progress(streams.error, streams.terminal, options.quiet, infer.n_rounds);
    InferResults results;
    results.json["command"] = "infer";
    results.json["model"] = problem.model.name;
    results.json["method"] = method_of(infer);
    results.json["version"] = version;
    try {
        if (!options.from) learn(inferencer, problem, folder, interrupt, progress);
        progress.begin("samples of the posterior");
        const SamplingControl sampling{
            .progress = [&](std::size_t done, std::size_t total) { progress.sampled(done, total); },
            .cancelled = interrupt.flag()};
        describe_posterior(inferencer, problem, folder, sampling, results);
        if (!options.from) describe_learning(inferencer, infer, folder, results);
        stop_if(interrupt);
        progress.begin("traces of the posterior");
        describe_predictions(inferencer, problem, folder);
        stop_if(interrupt);
        progress.begin("calibration");
        AssessmentOptions assessment{.pairs = infer.calibration_pairs,
                                     .predictions = std::max<std::size_t>(infer.n_traces, 100)};
        // Of a posterior of several rounds, the region of its proposals is not saved, without which it cannot be judged.
        if (options.from) assessment.pairs = 0;
        if (infer.n_traces == 0) assessment.predictions = 0;
        assessment.calibration.cancelled = interrupt.flag();
        describe_assessment(inferencer.assess(assessment), problem.model.name, folder, results);
    } catch (const Interrupted&) {
        progress.close();
        folder.log("stopped");
        folder.write_log();
        if (options.from) throw;
        throw Interrupted(fmt::format("what was learned is kept in `{}`", folder.path().string()),
                          "go on with --resume");
    } catch (const std::exception& error) {
        progress.close();
        folder.log(fmt::format("error: {}", error.what()));
        folder.write_log();
        throw;
    }
    progress.close();

    folder.write("summary.txt", fmt::format("{}\n\n{}", problem.model.name, results.report));
    close_run(folder, std::move(results.json), {}, results.report, options, streams);
    return exit_code::success;
}

}  // namespace spikesmith
