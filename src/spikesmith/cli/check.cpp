#include <optional>
#include <ostream>
#include <string>

#include <fmt/format.h>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/describe.hpp"
#include "spikesmith/cli/fit_experiment.hpp"
#include "spikesmith/cli/infer_problem.hpp"
#include "spikesmith/cli/problem.hpp"

namespace spikesmith {
namespace {

std::string indented(std::string text) {
    for (auto at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) text.insert(at + 1, "  ");
    return text;
}

}  // namespace

int check_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    if (config.experiment) return check_experiment(config, options, streams);
    Problem problem = load_problem(config);
    const UpdateProgram program = planned_program(problem);
    if (config.simulate) (void)plan_simulation(problem);  // for its errors
    std::optional<Prior> prior;
    if (config.infer) {
        prior.emplace(make_priors(problem));
        (void)make_inferencer(problem);  // for its errors
    }
    if (options.json) {
        streams.out << describe_json(problem, program).dump(2) << '\n';
        return exit_code::success;
    }
    for (const auto& warning : problem.warnings) streams.error << "warning: " << warning << '\n';
    if (options.quiet) return exit_code::success;
    std::string out = describe_model(problem.model, config.model) + describe_data(problem) + describe_fit(problem);
    if (prior) out += "\nPriors\n  " + indented(prior->description()) + '\n';
    out +=
        fmt::format("\nIntegration: {}, dt = {}\n", program.method, format_quantity({program.dt, dimensions::second}));
    for (const auto& note : program.notes) out += fmt::format("  {}\n", note);
    out += "\nOne step\n" + to_string(program);
    streams.out << out;
    return exit_code::success;
}

}  // namespace spikesmith
