#include "spikesmith/fit/trace_generator.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {

namespace {

// The parameters of a generated trace: given, else best or fixed.
Array2 generated_parameters(const FitProblem& problem, const FitSearch* search,
                            const std::map<std::string, double>& given) {
    const std::vector<std::string>& names = problem.program.parameters;
    for (const auto& [name, value] : given) {
        if (std::ranges::find(names, name) == names.end()) {
            throw ConfigError(fmt::format("the model has no parameter `{}` to set", name),
                              has_initial_value(problem.options.model, name) ? "give it among the initial values"
                                                                             : did_you_mean(name, names));
        }
        if (!std::isfinite(value)) throw ConfigError(fmt::format("the value of `{}` is not finite", name));
    }
    Array2 values(1, names.size());
    for (std::size_t j = 0; j < names.size(); ++j) {
        if (const auto own = given.find(names[j]); own != given.end()) {
            values(0, j) = own->second;
        } else if (!search) {
            throw NumericalError(fmt::format("the parameter `{}` has no value", names[j]), "give it one, or fit first");
        } else if (search->best) {
            values(0, j) = search->best->parameters[j];
        } else if (search->parameters.list()[j].fixed) {
            values(0, j) = search->parameters.list()[j].value;
        } else if (search->parameters.list()[j].tied.empty()) {
            throw NumericalError(no_best_message(search->evaluations.size()), "give all parameters a value");
        }
    }
    if (search) search->parameters.follow(values.row(0), [&](const std::string& name) { return given.contains(name); });
    return values;
}

Model with_initial_values(const FitProblem& problem, const std::map<std::string, double>& given) {
    Model model = problem.options.model;
    for (const auto& [name, value] : given) {
        const auto variable = model.find(name);
        const bool state = variable && variable->kind == Model::Variable::Kind::state;
        if (!state && !has_initial_value(model, name)) {
            std::vector<std::string> names = names_of(model.states);
            for (const std::string& known : names_of(model.initial_values)) names.push_back(known);
            throw ConfigError(fmt::format("`{}` has no initial value to set", name), did_you_mean(name, names));
        }
        if (!std::isfinite(value)) throw ConfigError(fmt::format("the initial value of `{}` is not finite", name));
        std::erase_if(model.initial_values, [&name](const InitialValue& old) { return old.name == name; });
        model.initial_values.insert(model.initial_values.begin(), {name, Expression(value)});
    }
    return model;
}

}  // namespace

Generated TraceGenerator::generate(const FitProblem& problem, const FitSearch* search, const GenerateOptions& given) {
    const Array2 parameters = generated_parameters(problem, search, given.parameters);
    const std::vector<std::string> outputs = given.outputs.empty() ? names_of(problem.data.outputs) : given.outputs;
    if (!prepared_ || prepared_->outputs != outputs || prepared_->initial_values != given.initial_values) {
        UpdateProgram used = problem.make_program(with_initial_values(problem, given.initial_values), outputs);
        prepared_.emplace(Prepared{outputs, given.initial_values, problem.make_ensemble(std::move(used), {})});
    }
    Ensemble& ensemble = prepared_->ensemble;
    RunRequest request{.iteration = given.iteration,
                       .outputs = !outputs.empty(),
                       .spikes = problem.options.model.threshold.has_value()};
    if (given.parameters.empty() && search && search->best) request.first_evaluation = search->best->evaluation;
    EnsembleRecord recorded = record(ensemble, parameters, request);

    Generated result{.dt = problem.data.dt,
                     .trace_steps = problem.data.trace_steps,
                     .outputs = {},
                     .spikes = std::vector<std::vector<double>>(problem.data.n_traces)};
    for (std::size_t k = 0; k < outputs.size(); ++k) {
        result.outputs.push_back({outputs[k], ensemble.program().outputs[k].dimension, std::move(recorded.values[k])});
    }
    for (std::size_t r = 0; request.spikes && r < problem.data.n_traces; ++r)
        result.spikes[r] = recorded.spike_times(0, r);
    return result;
}

const Array2& Generated::operator[](std::string_view output) const {
    const auto found = std::ranges::find(outputs, output, &Output::name);
    if (found != outputs.end()) return found->values;
    const std::vector<std::string> names = names_of(outputs);
    throw ConfigError(fmt::format("`{}` was not generated", output), did_you_mean(output, names));
}

}  // namespace spikesmith
