// Problem: a configuration together with the model and the data it names, checked against each other.
//
// Here the words of the configuration meet what they are about: names of parameters and outputs, dimensions of bounds and
// data. Errors point into the configuration wherever it is the cause.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "spikesmith/cli/config.hpp"
#include "spikesmith/data/dataset.hpp"
#include "spikesmith/fit/fitter.hpp"
#include "spikesmith/model/model.hpp"

namespace spikesmith {

struct Problem {
    Config config;
    Model model;
    Dataset data;
    std::map<std::string, Expression> ties;  // of tied parameters
    std::vector<std::string> warnings;
};

// Reads the data files and the model. Throws ConfigError, ModelError, UnitError, DataError.
[[nodiscard]] Problem load_problem(Config config);

// Stimuli and recordings for a fit or an inference: those of the named outputs, without names all. `purpose` is what errors call it ("a fit"),
// `place` its section. Throws ConfigError for names that are not recorded.
[[nodiscard]] Recordings recordings_of(const Problem& problem, std::string_view purpose,
                                       const std::vector<ConfigName>& outputs, const Place& place);
[[nodiscard]] KernelOptions kernel_options(const RunConfig& run);

// Adds those that are not there yet.
void add_warnings(Problem& problem, const std::vector<std::string>& warnings);

// The fit that [fit] describes; what it warns of is added to the problem's warnings. Throws ConfigError if there is no such section.
[[nodiscard]] Fitter make_fitter(Problem& problem);
// The same for what is doubtful about its metrics.
[[nodiscard]] FitOptions fit_options(Problem& problem, const Fitter& fitter);

// Values of parameters by name that a section gives, SI. Throws ConfigError, UnitError where they do not fit the model.
[[nodiscard]] std::map<std::string, double> parameter_values(
    const Problem& problem, const std::vector<std::pair<ConfigName, ConfigQuantity>>& given);

// One run of the model under all its stimuli with given parameters: [simulate].
struct SimulationPlan {
    UpdateProgram program;
    EnsembleData data;
    EnsembleOptions options;
    Array2 parameters;  // one row
};
[[nodiscard]] SimulationPlan plan_simulation(const Problem& problem);

// The program that the configuration leads to, for `check`: that of the fit, else that of the simulation's outputs. Warnings as in
// make_fitter.
[[nodiscard]] UpdateProgram planned_program(Problem& problem);

}  // namespace spikesmith
