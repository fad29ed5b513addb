#include "spikesmith/fit/landscape.hpp"

#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/config_section.hpp"
#include "spikesmith/cli/interrupt.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/cli/refine_start.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/core/version.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/report/landscape_plot.hpp"

namespace spikesmith {
namespace {

// The two parameters along their axes; then the tables, rows along the second.
NamedArrays arrays_of(const Landscape& landscape) {
    NamedArrays arrays;
    for (std::size_t a = 0; a < 2; ++a)
        arrays.emplace_back(landscape.parameters[a].name, NpyArray{{landscape.values[a].size()}, landscape.values[a]});
    arrays.emplace_back("error", to_npy(landscape.error));
    for (std::size_t a = 0; a < 2; ++a)
        arrays.emplace_back("gradient_" + landscape.parameters[a].name, to_npy(landscape.gradient[a]));
    arrays.emplace_back("optimum", NpyArray{{2}, {landscape.parameters[0].value, landscape.parameters[1].value}});
    arrays.emplace_back("optimum_error", NpyArray{{1}, {landscape.centre_error}});
    return arrays;
}

}  // namespace

int landscape_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams) {
    const InterruptGuard interrupt;
    Problem problem = load_problem(config);
    Fitter fitter = make_fitter(problem);
    const FitOptions fit = fit_options(problem, fitter);
    const LandscapeConfig& wanted = config.landscape;
    if (wanted.parameters.size() != 2) {
        throw ConfigError(fmt::format("a landscape is of two parameters, not {}", wanted.parameters.size()),
                          "name them with --params A,B or in [landscape]: `parameters = [\"A\", \"B\"]`");
    }
    Refiner refiner(fitter.options(), fit, {});
    LandscapeOptions settings{.parameters = {wanted.parameters[0].name, wanted.parameters[1].name},
                              .centre = refine_starts(problem, options, refiner.parameters(), 1, true).front(),
                              .cancelled = interrupt.flag()};
    settings.points.fill(static_cast<std::size_t>(wanted.points));
    for (const auto& [name, range] : wanted.ranges) {
        const auto low = parameter_values(problem, {{name, range.first}});
        const auto high = parameter_values(problem, {{name, range.second}});
        settings.ranges[name.name] = {low.at(name.name), high.at(name.name)};
    }
    const Landscape drawn = landscape(refiner, settings);
    const RunFolder folder = refine_folder(config, options);
    folder.write("landscape.npz", format_npz(arrays_of(drawn)));
    folder.write("landscape.svg", svg(landscape_plot(problem.model.name, drawn)));
    if (options.json) {
        nlohmann::ordered_json json;
        json["command"] = "landscape";
        json["parameters"] = {drawn.parameters[0].name, drawn.parameters[1].name};
        json["points"] = {drawn.values[0].size(), drawn.values[1].size()};
        json["optimum"] = {drawn.parameters[0].value, drawn.parameters[1].value};
        json["optimum_error"] = drawn.centre_error;
        json["notes"] = refiner.notes();
        json["version"] = version;
        json["folder"] = folder.path().string();
        streams.out << json.dump(2) << '\n';
    } else if (!options.quiet) {
        streams.out << fmt::format("error {} at the optimum\n",
                                   format_quantity({drawn.centre_error, drawn.error_dimension}, 6));
        for (const std::string& note : refiner.notes()) streams.out << fmt::format("note  {}\n", note);
        streams.out << fmt::format("\nThe landscape is in {}\n", folder.path().string());
    }
    return exit_code::success;
}

}  // namespace spikesmith
