#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/fit_experiment.hpp"
#include "spikesmith/cli/interrupt.hpp"
#include "spikesmith/cli/output_files.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/cli/run_output.hpp"
#include "spikesmith/report/fit_plots.hpp"
#include "spikesmith/report/text_table.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {
namespace {

struct SimulatedTraces {
    Generated traces;
    std::vector<std::string> failures;
};

// Which traces became infinite or undefined, and when.
std::vector<std::string> failures_of(const EnsembleRecord& recorded, const UpdateProgram& program) {
    std::vector<std::string> failures;
    for (std::size_t trace = 0; trace < recorded.n_traces; ++trace) {
        if (recorded.result.diverged[trace] == 0) continue;
        std::size_t first = recorded.trace_steps[trace];
        for (const std::string& output : recorded.outputs) {
            const auto values = recorded.trace(output, 0, trace);
            const auto wrong = std::ranges::find_if(values, [](double value) { return !std::isfinite(value); });
            first = std::min(first, static_cast<std::size_t>(wrong - values.begin()));
        }
        failures.push_back(
            fmt::format("trace {} is infinite or undefined from {} on", trace + 1,
                        format_quantity({static_cast<double>(first) * recorded.dt, dimensions::second})));
    }
    if (!failures.empty() && program.adaptive) {
        failures.push_back(
            fmt::format("`{}` may need more than {} steps within a dt: raise `max_steps` in [model.method_options], or "
                        "take a shorter dt",
                        program.method, program.adaptive->max_steps));
    }
    return failures;
}

SimulatedTraces simulate(SimulationPlan plan, const std::atomic<bool>* cancelled) {
    const UpdateProgram program = plan.program;
    Ensemble ensemble(std::move(plan.program), std::move(plan.data), plan.options);
    RunRequest request;
    request.outputs = true;
    request.spikes = program.spike != no_value;
    request.cancelled = cancelled;
    const auto recorded = record(ensemble, plan.parameters, request);
    Generated traces;
    traces.dt = recorded.dt;
    for (std::size_t o = 0; o < program.outputs.size(); ++o) {
        traces.outputs.push_back({program.outputs[o].name, program.outputs[o].dimension, recorded.values[o]});
    }
    for (std::size_t trace = 0; trace < recorded.n_traces; ++trace) {
        traces.spikes.push_back(request.spikes ? recorded.spike_times(0, trace) : std::vector<double>{});
    }
    return {std::move(traces), failures_of(recorded, program)};
}

}  // namespace

int simulate_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    if (config.experiment) return simulate_experiment_command(config, options, streams);
    const Problem problem = load_problem(config);
    SimulationPlan plan = plan_simulation(problem);
    show_warnings(problem.warnings, options, streams);
    const std::vector<std::string> names = plan.program.parameters;
    const Array2 values = plan.parameters;
    const std::string method = plan.program.method;
    const bool has_threshold = plan.program.spike != no_value;

    const InterruptGuard interrupt;
    const auto [traces, failures] = simulate(std::move(plan), interrupt.flag());
    show_warnings(failures, options, streams);

    RunFolder folder = open_run(config, options, problem.warnings);
    for (const auto& failure : failures) folder.log("warning: " + failure);
    folder.write("traces.npz", format_npz(trace_arrays(traces)));
    if (config.simulate && config.simulate->csv) folder.write("traces.csv", traces_csv(traces));
    if (has_threshold) folder.write("spikes.csv", spikes_csv(traces.spikes));
    std::vector<TraceComparison> pictures;
    for (const auto& output : traces.outputs) {
        TraceComparison picture{output.name, output.dimension, {}, 0, output.values, traces.dt};
        if (const Series* series = problem.data.find_output(output.name)) {
            picture.recorded = series->values;
            picture.recorded_dt = series->dt;
            picture.recorded_trace_dt = series->trace_dt;
        }
        pictures.push_back(std::move(picture));
    }
    folder.write("traces.svg", svg(trace_plot(problem.model.name, pictures)));

    nlohmann::ordered_json json;
    json["command"] = "simulate";
    json["model"] = problem.model.name;
    json["method"] = method;
    json["dt"] = traces.dt;
    json["n_traces"] = traces.spikes.size();
    json["n_steps"] = traces.outputs.empty() ? 0 : traces.outputs.front().values.columns;
    auto& parameters = json["parameters"] = nlohmann::ordered_json::object();
    for (std::size_t i = 0; i < names.size(); ++i) parameters[names[i]] = values(0, i);
    auto& outputs = json["outputs"] = nlohmann::ordered_json::array();
    for (const auto& output : traces.outputs)
        outputs.push_back(
            {{"name", output.name}, {"unit", output.dimension.dimensionless() ? "1" : output.dimension.name()}});
    if (has_threshold) {
        auto& counts = json["spike_counts"] = nlohmann::ordered_json::array();
        for (const auto& train : traces.spikes) counts.push_back(train.size());
    }
    if (!failures.empty()) json["failures"] = failures;

    std::string text =
        fmt::format("{} traces of {} steps with {}, dt = {}\n", traces.spikes.size(),
                    json["n_steps"].get<std::size_t>(), method, format_quantity({traces.dt, dimensions::second}));
    if (has_threshold) {
        for (std::size_t trace = 0; trace < traces.spikes.size(); ++trace)
            text += fmt::format("  trace {}: {} spikes\n", trace + 1, traces.spikes[trace].size());
    }
    close_run(folder, std::move(json), {}, text, options, streams);
    return exit_code::success;
}

}  // namespace spikesmith
