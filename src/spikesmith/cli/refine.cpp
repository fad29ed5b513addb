#include "spikesmith/fit/refine.hpp"

#include <ostream>

#include <fmt/format.h>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/cli/interrupt.hpp"
#include "spikesmith/cli/output_files.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/cli/refine_start.hpp"
#include "spikesmith/cli/run_output.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/core/version.hpp"
#include "spikesmith/report/fit_plots.hpp"
#include "spikesmith/report/refine_files.hpp"

namespace spikesmith {
namespace {

// A word of the configuration; what is wrong with it is shown there.
template <class Parse>
auto parse_at(const ConfigName& word, const Parse& parse) {
    try {
        return parse(word.name);
    } catch (const ConfigError& error) {
        fail_at(word.place, error.diagnostic().message, error.diagnostic().hint);
    }
}

// The refined traces beside the recordings.
void write_refined(const Problem& problem, Fitter& fitter, const RefineResult& result, const RunFolder& folder) {
    std::map<std::string, double> values;
    for (const FittedParameter& parameter : result.parameters) values[parameter.name] = parameter.value;
    const Generated refined = fitter.generate({.parameters = values});
    folder.write("refined.npz", format_npz(trace_arrays(refined)));
    std::vector<TraceComparison> pictures;
    for (const auto& output : refined.outputs) {
        TraceComparison picture{output.name, output.dimension, {}, 0, output.values, refined.dt};
        if (const Series* series = problem.data.find_output(output.name)) {
            picture.recorded = series->values;
            picture.recorded_dt = series->dt;
            picture.recorded_trace_dt = series->trace_dt;
        }
        pictures.push_back(std::move(picture));
    }
    const std::string title = problem.model.name + ", refined";
    if (!pictures.empty()) {
        folder.write("refined.svg", svg(trace_plot(title, pictures)));
    } else if (fitter.data().spikes) {
        folder.write("refined.svg", svg(spike_plot(title, *fitter.data().spikes, refined.spikes)));
    }
}

}  // namespace

int refine_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    const InterruptGuard interrupt;
    Problem problem = load_problem(config);
    Fitter fitter = make_fitter(problem);
    const FitOptions fit = fit_options(problem, fitter);
    const RefineConfig& wanted = config.refine;
    RefineProblem variant;
    if (wanted.method) variant.method = parse_at(*wanted.method, parse_refine_method);
    if (wanted.derivatives) variant.derivatives = parse_at(*wanted.derivatives, parse_derivatives);
    Refiner refiner(fitter.options(), fit, variant);
    const auto starts =
        refine_starts(problem, options, refiner.parameters(), static_cast<std::size_t>(wanted.n_starts), false);
    show_warnings(problem.warnings, options, streams);
    RefineOptions settings{.starts = starts,
                           .max_iterations = static_cast<std::size_t>(wanted.max_iterations),
                           .hops = static_cast<std::size_t>(wanted.hops),
                           .confidence = wanted.confidence,
                           .cancelled = interrupt.flag()};
    if (!options.quiet && streams.terminal) {
        settings.callback = [&](const RefineProgress& progress) {
            streams.error << fmt::format("\riteration {}: error {:.6g}        ", progress.iteration, progress.error)
                          << std::flush;
            return CallbackAction::proceed;
        };
    }
    const RefineResult result = refiner.refine(settings);
    if (settings.callback) streams.error << '\n';
    const RunFolder folder = refine_folder(config, options);

    nlohmann::ordered_json json = to_json(result);
    json["command"] = "refine";
    json["model"] = problem.model.name;
    json["version"] = version;
    folder.write("refined.json", json.dump(2) + "\n");
    const std::string report = result.full_report();
    folder.write("refined.txt", fmt::format("spikesmith {}\n{}\n\n{}", version, options.command_line, report));
    write_refined(problem, fitter, result, folder);
    if (options.json) {
        json["folder"] = folder.path().string();
        json["seconds"] = result.seconds;
        json["compile_seconds"] = result.compile_seconds;
        streams.out << json.dump(2) << '\n';
    } else if (!options.quiet) {
        streams.out << report << "\nThe refinement is in " << folder.path().string() << '\n';
    }
    return result.best().stop == RefineStop::cancelled ? exit_code::interrupted : exit_code::success;
}

}  // namespace spikesmith
