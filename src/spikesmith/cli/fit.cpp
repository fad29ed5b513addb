#include <ostream>

#include <fmt/format.h>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/interrupt.hpp"
#include "spikesmith/cli/output_files.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/cli/run_folder.hpp"
#include "spikesmith/core/version.hpp"
#include "spikesmith/report/fit_files.hpp"
#include "spikesmith/report/fit_plots.hpp"

namespace spikesmith {
namespace {

// Recordings and the best fit side by side, for the plot and for traces.npz.
std::vector<TraceComparison> comparisons(const Problem& problem, const FitResult& result, const Generated& best) {
    std::vector<TraceComparison> list;
    for (const auto& name : result.outputs) {
        const Series* recorded = problem.data.find_output(name);
        TraceComparison item{name, recorded->dimension, recorded->values, recorded->dt, {}, best.dt};
        for (const auto& output : best.outputs) {
            if (output.name == name) item.simulated = output.values;
        }
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

}  // namespace

int fit_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    const InterruptGuard interrupt;
    const Problem problem = load_problem(config);
    TraceFitter fitter = make_fitter(problem);
    FitOptions fit = fit_options(problem, fitter);
    RunFolder folder = RunFolder::create(config, options.replace);

    folder.log(fmt::format("spikesmith {}\n{}", version, options.command_line));
    for (const auto& warning : problem.warnings) folder.log("warning: " + warning);
    for (const auto& note : fitter.program().notes) folder.log(note);
    const FitCallback progress = options.quiet ? FitCallback{} : progress_bar(streams.error, streams.terminal);
    fit.cancelled = interrupt.flag();
    fit.callback = [&](const RoundReport& report) {
        folder.log(round_line(report));
        return progress ? progress(report) : CallbackAction::proceed;
    };
    if (!options.quiet) {
        for (const auto& warning : problem.warnings) streams.error << "warning: " << warning << '\n';
    }
    FitResult result;
    try {
        result = fitter.fit(fit);
    } catch (const std::exception& error) {
        folder.log(fmt::format("error: {}", error.what()));
        folder.write_log();
        throw;
    }

    const bool bar_is_open = progress && streams.terminal && result.stop_reason != StopReason::rounds_done;
    if (bar_is_open) streams.error << '\n';
    folder.write("evaluations.csv", evaluations_csv(fitter.evaluations()));
    nlohmann::ordered_json json = to_json(result);
    json["command"] = "fit";
    json["model"] = problem.model.name;
    json["version"] = version;
    folder.write("result.json", json.dump(2) + "\n");
    if (result.best) {
        const Generated best = fitter.generate_traces();
        const auto outputs = comparisons(problem, result, best);
        folder.write("traces.npz", format_npz(fit_arrays(best, outputs)));
        folder.write("traces.svg", svg(trace_plot(problem.model.name, outputs)));
    }
    if (result.n_evaluations > 0)
        folder.write("convergence.svg", svg(convergence_plot(problem.model.name, result, fitter.evaluations())));

    const std::string report = result.full_report();
    folder.log(report);
    folder.write_log();
    if (options.json) {
        json["folder"] = folder.path().string();
        streams.out << json.dump(2) << '\n';
    } else if (!options.quiet) {
        streams.out << report << "\nThis run is in " << folder.path().string() << '\n';
    }
    if (result.stop_reason == StopReason::cancelled) return exit_code::interrupted;
    if (!result.best) throw NumericalError(no_best_message(result.n_evaluations));
    return exit_code::success;
}

}  // namespace spikesmith
