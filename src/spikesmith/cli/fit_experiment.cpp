#include "spikesmith/cli/fit_experiment.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ostream>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/cli/describe.hpp"
#include "spikesmith/cli/experiment_losses.hpp"
#include "spikesmith/cli/experiment_posterior.hpp"
#include "spikesmith/cli/experiment_problem.hpp"
#include "spikesmith/cli/interrupt.hpp"
#include "spikesmith/cli/run_output.hpp"
#include "spikesmith/core/version.hpp"
#include "spikesmith/fit/callback.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/parameters.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/report/experiment_files.hpp"
#include "spikesmith/report/fit_files.hpp"

namespace spikesmith {
namespace {

using Json = nlohmann::ordered_json;

// The bar of other fits; a round is what the method evaluates at a time.
class Progress {
  public:
    Progress(std::ostream& stream, bool terminal, std::size_t max_evaluations)
        : bar_(progress_bar(stream, terminal)), max_(max_evaluations) {}

    void operator()(std::size_t evaluations, const OptEvaluation& best) {
        if (evaluations <= before_) return;
        if (population_ == 0) population_ = evaluations;
        before_ = evaluations;
        const std::size_t n_rounds = (max_ + population_ - 1) / population_;
        const std::size_t round = std::min((evaluations + population_ - 1) / population_, n_rounds);
        if (round == round_) return;  // a generation that is not full
        round_ = round;
        const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
        const double left =
            elapsed * static_cast<double>(max_ - std::min(max_, evaluations)) / static_cast<double>(evaluations);
        std::optional<BestFit> so_far;
        if (std::isfinite(best.loss)) {
            so_far.emplace();
            so_far->error = best.loss;
        }
        open_ = round < n_rounds;
        (void)bar_(RoundReport{.round = round - 1,
                               .n_rounds = n_rounds,
                               .iteration = round - 1,
                               .parameters = {},
                               .samples = no_samples_,
                               .errors = {},
                               .best = so_far,
                               .error_dimension = no_dimension_,
                               .n_evaluations = evaluations,
                               .elapsed_seconds = elapsed,
                               .remaining_seconds = left});
    }
    [[nodiscard]] bool line_is_open() const { return open_; }

  private:
    FitCallback bar_;
    std::size_t max_, population_ = 0, before_ = 0, round_ = 0;
    bool open_ = false;
    Array2 no_samples_;
    Dimension no_dimension_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void write_records(const RunFolder& folder, const ExperimentProblem& problem, const SimulationRecord& simulated,
                   const SimulationRecord* target) {
    NamedArrays arrays = record_arrays(simulated);
    if (target != nullptr) {
        for (auto& array : record_arrays(*target, "_target")) arrays.push_back(std::move(array));
    }
    folder.write("traces.npz", format_npz(arrays));
    folder.write("traces.svg", svg(record_plot(problem.model.name, problem.chunk_names, simulated, target)));
    if (simulated.spikes) folder.write("spikes.csv", record_spikes_csv(simulated));
}

}  // namespace

int fit_experiment(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    const InterruptGuard interrupt;
    const ExperimentProblem problem = load_experiment(config);
    const OptNeuronOptions fit_options = opt_neuron_options(problem);
    OptNeuronRunOptions run_options = opt_neuron_run_options(problem);
    OptNeuron fit = located(problem.config.experiment_fit->place, [&] { return OptNeuron(fit_options); });
    RunFolder folder = open_run(config, options, problem.warnings);
    for (const auto& warning : fit.warnings()) folder.log("note: " + warning);
    show_warnings(problem.warnings, options, streams);

    Progress progress(streams.error, streams.terminal, run_options.max_evaluations);
    run_options.cancelled = interrupt.flag();
    run_options.checkpoint = folder.path() / "checkpoint.txt";
    run_options.callback = [&](std::size_t evaluations, const OptEvaluation& best) {
        folder.log(fmt::format("{} evaluations, best loss {}", evaluations, best.loss));
        if (!options.quiet) progress(evaluations, best);
        return false;
    };
    const ExperimentFitConfig& stated = *problem.config.experiment_fit;
    const bool posterior = stated.method && stated.method->name == "sbi";
    OptNeuronResult result;
    std::optional<OptNeuronPosterior> learned;
    try {
        located(stated.method ? stated.method->place : stated.place, [&] {
            if (posterior) {
                // its simulations are repeated, its training goes on from the files in this folder
                learned = learn_posterior(fit, stated, folder.path() / "checkpoint", interrupt.flag());
                result = learned->fit;
                return;
            }
            if (options.resume) {
                run_options.max_evaluations =
                    resume_run(folder, config, {"evaluation", "n_evaluations", run_options.max_evaluations},
                               run_options.checkpoint, [&] { return fit.resume(run_options.checkpoint, run_options); });
            }
            result = fit.run(run_options);
        });
    } catch (const std::exception& error) {
        if (!options.quiet && streams.terminal && progress.line_is_open()) streams.error << '\n';
        folder.log(fmt::format("error: {}", error.what()));
        if (!options.resume) folder.write_log();
        throw;
    }
    if (!options.quiet && streams.terminal && progress.line_is_open()) streams.error << '\n';

    Json json = to_json(result, fit_options, loss_names(problem));
    json["settings"]["target"] = problem.target_model ? "model" : "data";
    json["command"] = "fit";
    json["model"] = problem.model.name;
    json["version"] = version;
    std::string report = result.full_report();
    if (learned) {
        write_posterior(*learned, problem.model.name, config.run.seed, folder, json);
        report += "\n" + learned->summary();
        if (!report.ends_with('\n')) report += '\n';
    } else {
        folder.write("evaluations.csv", evaluations_csv(result));
        folder.write("evaluations.npz", format_npz(evaluation_arrays(result)));
    }
    if (!result.results.chunks.empty())
        write_records(folder, problem, result.results, result.target.chunks.empty() ? nullptr : &result.target);
    if (!result.history.empty() && !result.best.empty())
        folder.write("convergence.svg", svg(loss_plot(problem.model.name, result)));
    close_run(folder, std::move(json), {{"seconds", result.seconds}, {"compile_seconds", result.compile_seconds}},
              report, options, streams);
    if (result.stop == OptStop::cancelled) return exit_code::interrupted;
    if (result.best.empty()) throw NumericalError(no_best_message(result.history.size()));
    return exit_code::success;
}

int simulate_experiment_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    const InterruptGuard interrupt;
    const ExperimentProblem problem = load_experiment(config);
    std::vector<std::string> warnings = problem.warnings;
    const SimulationRecord record = simulate_experiment(problem, warnings, interrupt.flag());
    show_warnings(warnings, options, streams);
    const std::optional<SimulationRecord> target = simulate_target(problem, interrupt.flag());
    RunFolder folder = open_run(config, options, warnings);
    write_records(folder, problem, record, target ? &*target : nullptr);
    if (config.simulate && config.simulate->csv) folder.write("traces.csv", record_csv(record));
    Json json;
    json["command"] = "simulate";
    json["model"] = problem.model.name;
    json["dt"] = record.dt;
    auto& chunks = json["chunks"] = Json::array();
    std::string text = fmt::format("{} recorded, dt = {}\n", fmt::join(problem.record, ", "),
                                   format_quantity({record.dt, dimensions::second}));
    for (std::size_t chunk = 0; chunk < record.chunks.size(); ++chunk) {
        Json item{{"name", problem.chunk_names[chunk]}, {"n_samples", record.chunks[chunk].n_samples()}};
        text += fmt::format("  {}: {} samples", problem.chunk_names[chunk], record.chunks[chunk].n_samples());
        if (record.spikes) {
            item["spike_count"] = record.spike_times(chunk).size();
            text += fmt::format(", {} spikes", record.spike_times(chunk).size());
        }
        text += '\n';
        chunks.push_back(std::move(item));
    }
    close_run(folder, std::move(json), {}, text, options, streams);
    return exit_code::success;
}

int check_experiment(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    const ExperimentProblem problem = load_experiment(config);
    if (config.experiment_fit) {  // for their errors
        (void)opt_neuron_options(problem);
        (void)opt_neuron_run_options(problem);
    }
    IntegrationOptions integration;
    integration.method = config.model.method;
    integration.dt = config.model.dt.quantity.value;
    integration.parameters = names_of(open_parameters(problem.model));
    for (const std::string& name : problem.record) {
        if (name != "spike") integration.outputs.push_back(name);
    }
    const UpdateProgram program =
        located(config.model.method_place, [&] { return integrate(problem.model, integration); });
    if (options.json) {
        Problem plain;
        plain.config = problem.config;
        plain.model = problem.model;
        plain.warnings = problem.warnings;
        Json json = describe_json(plain, program);
        auto& phases = json["phases"] = Json::array();
        for (const Phase& phase : problem.protocol.phases)
            phases.push_back(
                {{"name", phase.name}, {"duration", phase.duration}, {"record", phase.record}, {"reset", phase.reset}});
        json["record"] = problem.record;
        streams.out << json.dump(2) << '\n';
        return exit_code::success;
    }
    show_warnings(problem.warnings, {}, streams);
    if (options.quiet) return exit_code::success;
    streams.out << describe_model(problem.model, config.model);
    if (problem.target_model) streams.out << "\nTarget " << describe_model(*problem.target_model, *config.target);
    streams.out << describe_experiment(problem) << describe_experiment_fit(problem)
                << fmt::format("\nIntegration: {}, dt = {}\n", program.method,
                               format_quantity({program.dt, dimensions::second}));
    for (const auto& note : program.notes) streams.out << fmt::format("  {}\n", note);
    streams.out << "\nOne step\n" << to_string(program);
    return exit_code::success;
}

}  // namespace spikesmith
