#include <algorithm>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/fit_experiment.hpp"
#include "spikesmith/cli/interrupt.hpp"
#include "spikesmith/cli/output_files.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/cli/run_output.hpp"
#include "spikesmith/core/version.hpp"
#include "spikesmith/report/fit_files.hpp"
#include "spikesmith/report/fit_plots.hpp"

namespace spikesmith {
namespace {

// Recordings and the best fit side by side, for the plot and for traces.npz.
std::vector<TraceComparison> comparisons(const Problem& problem, const Generated& best) {
    std::vector<TraceComparison> list;
    for (const auto& [name, unused, values] : best.outputs) {
        const Series* recorded = problem.data.find_output(name);
        TraceComparison item{name,    recorded->dimension, recorded->values, recorded->dt, {},
                             best.dt, recorded->trace_dt};
        item.simulated = values;
        list.push_back(std::move(item));
    }
    return list;
}

// The best fit under the names of the outputs, the recordings as `<output>_data`; their time axis is `t`, or `t_data` if their
// sampling interval differs from the step of the simulation.
NamedArrays fit_arrays(const Generated& best, const std::vector<TraceComparison>& outputs) {
    NamedArrays arrays = trace_arrays(best);
    bool other_interval = false;
    for (const auto& output : outputs) {
        arrays.emplace_back(output.output + "_data", to_npy(output.recorded));
        other_interval = other_interval || output.recorded_dt != best.dt ||
                         output.recorded.columns != arrays.front().second.shape.front();
    }
    for (const auto& output : outputs) {
        if (output.recorded_trace_dt.empty()) continue;
        arrays.emplace_back(output.output + "_data_dt",
                            NpyArray{{output.recorded_trace_dt.size()}, output.recorded_trace_dt});
        return arrays;  // no time axis serves all traces
    }
    if (other_interval) {
        NpyArray time{{outputs.front().recorded.columns}, {}};
        for (std::size_t k = 0; k < time.shape.front(); ++k)
            time.values.push_back(static_cast<double>(k) * outputs.front().recorded_dt);
        arrays.emplace_back("t_data", std::move(time));
    }
    return arrays;
}

std::string round_line(const RoundReport& report) {
    std::string line = fmt::format("round {}/{}", report.round + 1, report.n_rounds);
    if (report.best)
        line += fmt::format("  best error {}  {}", describe_error(*report.best, report.error_dimension),
                            describe_parameters(report.parameters));
    if (report.n_failed > 0) line += fmt::format("  {} failed", report.n_failed);
    return line;
}

// The evaluations as arrays: parameters, error, errors of the objectives, round, sample.
NamedArrays evaluation_arrays(const Evaluations& evaluations) {
    NamedArrays arrays;
    const auto add = [&](const std::string& name, std::vector<double> values) {
        arrays.emplace_back(name, NpyArray{{values.size()}, std::move(values)});
    };
    for (const auto& name : evaluations.parameters()) add(name, evaluations.column(name));
    for (const auto* name : {"error", "round", "sample"}) {
        if (std::ranges::find(evaluations.parameters(), name) == evaluations.parameters().end())
            add(name, evaluations.column(name));
    }
    for (std::size_t k = 0; evaluations.outputs().size() > 1 && k < evaluations.outputs().size(); ++k) {
        std::vector<double> values;
        for (std::size_t i = 0; i < evaluations.size(); ++i) values.push_back(evaluations.objective_errors(i)[k]);
        add("error_" + evaluations.outputs()[k], std::move(values));
    }
    return arrays;
}

// Everything about the best parameter set.
void write_best(const Problem& problem, Fitter& fitter, const RunFolder& folder) {
    const Generated best = fitter.generate_traces();
    const auto outputs = comparisons(problem, best);
    folder.write("traces.npz", format_npz(fit_arrays(best, outputs)));
    if (!outputs.empty()) folder.write("traces.svg", svg(trace_plot(problem.model.name, outputs)));
    if (!fitter.data().spikes) return;
    folder.write("spikes.csv", spikes_csv(best.spikes));
    folder.write("spikes.svg", svg(spike_plot(problem.model.name, *fitter.data().spikes, best.spikes)));
}

}  // namespace

int fit_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    if (config.experiment) return fit_experiment(config, options, streams);
    const InterruptGuard interrupt;
    Problem problem = load_problem(config);
    Fitter fitter = make_fitter(problem);
    FitOptions fit = fit_options(problem, fitter);
    RunFolder folder = open_run(config, options, problem.warnings);
    for (const auto& note : fitter.program().notes) folder.log(note);
    const FitCallback progress = options.quiet ? FitCallback{} : progress_bar(streams.error, streams.terminal);
    fit.cancelled = interrupt.flag();
    fit.checkpoint = folder.path() / "checkpoint.txt";
    fit.callback = [&](const RoundReport& report) {
        folder.log(round_line(report));
        return progress ? progress(report) : CallbackAction::proceed;
    };
    show_warnings(problem.warnings, options, streams);
    FitResult result;
    try {
        if (options.resume) {
            fit.n_rounds = resume_run(folder, config, {"round", "n_rounds", fit.n_rounds}, fit.checkpoint,
                                      [&] { return fitter.resume(fit.checkpoint, fit); });
        }
        result = fitter.fit(fit);
    } catch (const std::exception& error) {
        folder.log(fmt::format("error: {}", error.what()));
        if (!options.resume) folder.write_log();
        throw;
    }

    const bool bar_is_open = progress && streams.terminal && result.stop_reason != StopReason::rounds_done;
    if (bar_is_open) streams.error << '\n';
    const Evaluations& evaluations = fitter.evaluations();
    folder.write("evaluations.csv", evaluations_csv(evaluations));
    folder.write("evaluations.npz", format_npz(evaluation_arrays(evaluations)));
    nlohmann::ordered_json json = to_json(result);
    json["command"] = "fit";
    json["model"] = problem.model.name;
    json["version"] = version;
    if (result.best) write_best(problem, fitter, folder);
    if (!result.pareto_front.empty()) {
        folder.write("pareto.csv", pareto_csv(result));
        folder.write("pareto.svg", svg(pareto_plot(problem.model.name, result, evaluations)));
    }
    if (result.n_evaluations > 0)
        folder.write("convergence.svg", svg(convergence_plot(problem.model.name, result, evaluations)));

    close_run(folder, std::move(json), {{"seconds", result.seconds}, {"compile_seconds", result.compile_seconds}},
              result.full_report(), options, streams);
    if (result.stop_reason == StopReason::cancelled) return exit_code::interrupted;
    if (!result.best) throw NumericalError(no_best_message(result.n_evaluations));
    return exit_code::success;
}

}  // namespace spikesmith
