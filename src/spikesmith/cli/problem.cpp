#include "spikesmith/cli/problem.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/optimizer_options.hpp"
#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/metrics/mse.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {
namespace {

// Runs `action`; an error that shows no line is shown at `place`, where its cause is written.
template <class Action>
auto located(const Place& place, const Action& action) {
    const auto at = [&](const Error& error) {
        const Diagnostic& d = error.diagnostic();
        if (d.line > 0 || !place.source) return d;
        return diagnose(*place.source, place.span, d.source.empty() ? d.message : d.source + ": " + d.message, d.hint);
    };
    try {
        return action();
    } catch (const ConfigError& error) {
        throw ConfigError(at(error));
    } catch (const DataError& error) {
        throw DataError(at(error));
    } catch (const UnitError& error) {
        throw UnitError(at(error));
    } catch (const ModelError& error) {
        throw ModelError(at(error));
    } catch (const NumericalError& error) {
        throw NumericalError(at(error));
    }
}

struct LoadedSeries {
    const SeriesConfig* config = nullptr;
    Recording recording;
};

std::vector<LoadedSeries> load_all(const std::vector<SeriesConfig>& configs) {
    std::vector<LoadedSeries> result;
    for (const auto& config : configs) {
        result.push_back({&config, located(config.file.place, [&] { return load_recording(config.source); })});
    }
    return result;
}

// The sampling interval: stated for this series, in the file, for all series, or that of the simulation.
double sampling_interval(const LoadedSeries& loaded, const Config& config) {
    const auto& stated = loaded.config->dt;
    const auto& measured = loaded.recording.dt;
    if (stated && measured && std::abs(stated->quantity.value - *measured) > 1e-4 * *measured) {
        fail_at(
            stated->place,
            fmt::format("`dt` is {}, but the time column of `{}` has steps of {}", format_quantity(stated->quantity),
                        loaded.config->source.path, format_quantity({*measured, dimensions::second})),
            "leave `dt` out, or name another time column with `index`");
    }
    if (stated) return stated->quantity.value;
    if (measured) return *measured;
    if (config.data.dt) return config.data.dt->quantity.value;
    return config.model.dt.quantity.value;
}

Model read_model(const Config& config, const std::vector<LoadedSeries>& inputs, std::vector<std::string>& warnings) {
    const ModelConfig& model = config.model;
    BrianModelText text;
    if (model.file) {
        text.equations = {model.file->path.string(),
                          located(model.file->place, [&] { return read_file(model.file->path); })};
    } else {
        text.equations = {"equations", model.equations.text};
    }
    // Names that errors give to the parts of a model, and where these parts stand in the configuration.
    std::vector<NamedText> places;
    if (!model.file) places.push_back({"equations", &model.equations});
    for (const auto& [name, value] : model.constants) {
        text.constants.emplace_back(name, value.text);
        places.push_back({fmt::format("constant {}", name), &value});
    }
    for (const auto& [name, value] : model.initial_values) {
        text.initial_values.emplace_back(name, value.text);
        places.push_back({fmt::format("initial value of {}", name), &value});
    }
    const auto part = [&](const std::optional<TomlValue>& value, const char* name) -> std::optional<std::string> {
        if (!value) return std::nullopt;
        places.push_back({name, &*value});
        return value->text;
    };
    text.threshold = part(model.threshold, "threshold");
    text.reset = part(model.reset, "reset");
    text.refractory = part(model.refractory, "refractory").value_or("");
    for (const auto& input : inputs) {
        text.inputs.push_back(input.config->name.name);
        if (input.recording.dimension) text.input_dimensions[input.config->name.name] = *input.recording.dimension;
    }
    for (const auto& output : config.data.outputs) text.targets.push_back(output.name.name);

    Model result;
    try {
        with_positions_in(places, [&] { result = parse_brian(text, &warnings); });
    } catch (const ModelError& error) {
        // Inputs and outputs are lists of names to the language; here each name has a place.
        const Diagnostic& d = error.diagnostic();
        for (const auto* list : {&config.data.inputs, &config.data.outputs}) {
            if (d.source != (list == &config.data.inputs ? "inputs" : "outputs")) continue;
            for (const auto& series : *list) {
                if (d.message.find(fmt::format("`{}`", series.name.name)) == std::string::npos ||
                    !series.name.place.source)
                    continue;
                throw ModelError(diagnose(*series.name.place.source, series.name.place.span, d.message, d.hint));
            }
        }
        throw;
    }
    result.name = model.name;
    return result;
}

[[noreturn]] void unknown_variable(const ConfigName& name, const Model& model, std::string_view what) {
    auto names = model.variable_names();
    std::string hint = did_you_mean(name.name, names);
    if (hint.empty() && names.size() <= 40) hint = fmt::format("the model has: {}", fmt::join(names, ", "));
    fail_at(name.place, fmt::format("{} `{}` is no variable of the model", what, name.name), std::move(hint));
}

Series to_series(LoadedSeries loaded, const Config& config, const Model& model, std::string_view what) {
    const ConfigName& name = loaded.config->name;
    const auto variable = model.find(name.name);
    if (!variable) unknown_variable(name, model, what);
    const Place& place = loaded.config->unit ? loaded.config->unit_place : loaded.config->file.place;
    located(place,
            [&] { require_dimension(loaded.recording, variable->dimension, fmt::format("{} `{}`", what, name.name)); });
    return {name.name, variable->dimension, std::move(loaded.recording.values), sampling_interval(loaded, config),
            loaded.recording.source};
}

TimeSeries time_series(const Series& series) {
    return {series.dt, series.values};
}

// Parameters that have no initial value in the model: somebody must give them a value.
std::vector<const Parameter*> open_parameters(const Model& model) {
    std::vector<const Parameter*> result;
    for (const auto& parameter : model.parameters) {
        const bool has_value = std::any_of(model.initial_values.begin(), model.initial_values.end(),
                                           [&](const auto& v) { return v.name == parameter.name; });
        if (!has_value) result.push_back(&parameter);
    }
    return result;
}

// The parameter that a name of the configuration means.
const Parameter& parameter_named(const ConfigName& name, const Model& model) {
    const auto open = open_parameters(model);
    const auto found = std::find_if(open.begin(), open.end(), [&](const Parameter* p) { return p->name == name.name; });
    if (found != open.end()) return **found;
    std::vector<std::string> names;
    for (const auto* p : open) names.push_back(p->name);
    for (const auto& p : model.parameters) {
        if (p.name == name.name)
            fail_at(name.place, fmt::format("parameter `{}` has an initial value, so it is not free", name.name),
                    "remove it from [model.initial_values]");
    }
    std::string hint = did_you_mean(name.name, names);
    if (hint.empty())
        hint = names.empty() ? "declare it in the equations: `g : siemens (constant)`"
                             : fmt::format("the parameters are: {}", fmt::join(names, ", "));
    fail_at(name.place, fmt::format("the model has no parameter `{}`", name.name), std::move(hint));
}

// A plain 0 is a quantity of any dimension.
void require_dimension_of(const ConfigQuantity& value, const Dimension& expected, const std::string& name) {
    const Dimension& given = value.quantity.dimension;
    if (given == expected || (value.quantity.value == 0 && given.dimensionless())) return;
    if (given.dimensionless() || expected.dimensionless()) {
        fail_at(value.place, given.dimensionless()
                                 ? fmt::format("`{}` needs a unit: it is in {}", name, expected.name())
                                 : fmt::format("`{}` is a plain number, but this is in {}", name, given.name()));
    }
    fail_at(value.place, fmt::format("`{}` is in {}, but this is in {}", name, expected.name(), given.name()));
}

[[noreturn]] void missing_parameters(const Place& place, std::string_view section,
                                     const std::vector<std::string>& names, std::string_view example) {
    fail_at(place,
            fmt::format("[{}] says nothing about the parameter{} {}", section, names.size() > 1 ? "s" : "",
                        fmt::join(names, ", ")),
            fmt::format("for example `{} = {}`", names.front(), example));
}

std::vector<double> weights_of(const MetricConfig& config, const TraceFitter& fitter) {
    std::vector<double> weights;
    if (config.t_weights.empty()) return weights;
    weights.assign(fitter.n_steps(), 1.0);
    for (const auto& window : config.t_weights) {
        const auto sample = [&](const ConfigQuantity& time) {
            return std::nearbyint(time.quantity.value / fitter.dt());
        };
        const auto n = static_cast<double>(weights.size());
        if (sample(window.from) >= n) {
            fail_at(window.from.place, fmt::format("this is after the end of the traces at {}",
                                                   format_quantity({n * fitter.dt(), dimensions::second})));
        }
        const auto first = static_cast<std::ptrdiff_t>(sample(window.from));
        const auto last = static_cast<std::ptrdiff_t>(std::min(sample(window.to), n));
        std::fill(weights.begin() + first, weights.begin() + last, window.weight);
    }
    return weights;
}

MetricPointer make_metric(const MetricConfig& config, const TraceFitter& fitter) {
    return located(config.t_start ? config.t_start->place : config.place, [&] {
        MSEOptions options;
        if (config.t_start) options.t_start = config.t_start->quantity.value;
        options.t_weights = weights_of(config, fitter);
        if (config.normalization) options.normalization = config.normalization->quantity;
        MetricPointer metric = mse(std::move(options));
        metric->check(fitter.n_steps(), fitter.dt());
        return metric;
    });
}

const FitConfig& fit_section(const Config& config) {
    if (config.fit) return *config.fit;
    fail_at(config.tree.place, "the file has no section [fit]",
            "a fit needs at least [fit.parameters]: `g = [\"1 nS\", \"100 nS\"]`");
}

// Recordings that the fit compares with: those that [fit] names, else all.
std::vector<const Series*> fitted_outputs(const Problem& problem, const FitConfig& fit) {
    std::vector<const Series*> result;
    if (fit.outputs.empty()) {
        for (const auto& series : problem.data.outputs) result.push_back(&series);
        if (result.empty())
            fail_at(fit.place, "a fit needs recordings",
                    "name at least one in [data.outputs]: `v = {file = \"voltage.csv\", unit = \"mV\"}`");
        return result;
    }
    for (const auto& name : fit.outputs) {
        const Series* series = problem.data.find_output(name.name);
        if (series == nullptr) {
            std::vector<std::string> names;
            for (const auto& s : problem.data.outputs) names.push_back(s.name);
            std::string hint = did_you_mean(name.name, names);
            if (hint.empty()) hint = fmt::format("give its recording in [data.outputs.{}]", name.name);
            fail_at(name.place, fmt::format("there is no recording of output `{}`", name.name), std::move(hint));
        }
        result.push_back(series);
    }
    return result;
}

// Steps that a duration takes: a duration within 1e-4 of a multiple of dt is that multiple, else the next one.
std::size_t steps_of(double duration, double dt, const Place& place) {
    const double ratio = duration / dt;
    const double nearest = std::round(ratio);
    const double steps = std::abs(ratio - nearest) <= 1e-4 ? nearest : std::ceil(ratio);
    constexpr double most = 1e9;
    if (!(steps >= 1)) fail_at(place, "the simulation is shorter than one step");
    if (steps > most)
        fail_at(place, fmt::format("the simulation would take {:.3g} steps", steps), "is dt as intended?");
    return static_cast<std::size_t>(steps);
}

KernelOptions kernel_options(const RunConfig& run) {
    KernelOptions options;
    options.width = run.width;
    options.precision = run.precision;
    return options;
}

IntegrationOptions integration_options(const ModelConfig& model) {
    IntegrationOptions options;
    options.method = model.method;
    options.dt = model.dt.quantity.value;
    options.absolute_error = model.absolute_error;
    options.relative_error = model.relative_error;
    options.max_adaptive_steps = model.max_steps;
    return options;
}

// What a simulation records: what [simulate] names, else all states.
std::vector<std::string> simulated_outputs(const Problem& problem) {
    std::vector<std::string> result;
    const auto& simulate = problem.config.simulate;
    if (simulate && !simulate->outputs.empty()) {
        for (const auto& name : simulate->outputs) {
            if (!problem.model.find(name.name)) unknown_variable(name, problem.model, "output");
            result.push_back(name.name);
        }
        return result;
    }
    for (const auto& state : problem.model.states) result.push_back(state.name);
    if (result.empty()) {
        for (const auto& subexpression : problem.model.subexpressions) result.push_back(subexpression.name);
    }
    return result;
}

UpdateProgram simulated_program(const Problem& problem) {
    IntegrationOptions options = integration_options(problem.config.model);
    options.outputs = simulated_outputs(problem);
    for (const auto* parameter : open_parameters(problem.model)) options.parameters.push_back(parameter->name);
    return located(problem.config.model.method_place, [&] { return integrate(problem.model, options); });
}

}  // namespace

Problem load_problem(Config config) {
    Problem problem;
    auto inputs = load_all(config.data.inputs);
    auto outputs = load_all(config.data.outputs);
    problem.model = read_model(config, inputs, problem.warnings);
    for (auto& input : inputs)
        problem.data.inputs.push_back(to_series(std::move(input), config, problem.model, "input"));
    for (auto& output : outputs)
        problem.data.outputs.push_back(to_series(std::move(output), config, problem.model, "output"));
    problem.data.dt = problem.data.outputs.empty() ? config.model.dt.quantity.value : problem.data.outputs.front().dt;
    if (!inputs.empty() || !outputs.empty()) {
        const auto& first = config.data.outputs.empty() ? config.data.inputs.front() : config.data.outputs.front();
        located(first.file.place, [&] { check_dataset(problem.data); });
    }
    problem.config = std::move(config);
    return problem;
}

TraceFitter make_fitter(const Problem& problem) {
    const FitConfig& fit = fit_section(problem.config);
    TraceFitterOptions options;
    options.model = problem.model;
    for (const auto& input : problem.data.inputs) options.inputs.emplace_back(input.name, time_series(input));
    for (const auto* output : fitted_outputs(problem, fit))
        options.outputs.emplace_back(output->name, time_series(*output));
    options.dt = problem.config.model.dt.quantity.value;
    options.n_samples = static_cast<std::size_t>(fit.n_samples);
    options.method = problem.config.model.method;
    if (fit.penalty) {
        if (!problem.model.find(fit.penalty->name)) unknown_variable(*fit.penalty, problem.model, "penalty");
        options.penalty = fit.penalty->name;
    }
    options.threads = problem.config.run.threads;
    options.kernel = kernel_options(problem.config.run);
    options.seed = problem.config.run.seed;
    options.absolute_error = problem.config.model.absolute_error;
    options.relative_error = problem.config.model.relative_error;
    options.max_adaptive_steps = problem.config.model.max_steps;
    return located(problem.config.model.method_place, [&] { return TraceFitter(std::move(options)); });
}

FitOptions fit_options(const Problem& problem, const TraceFitter& fitter) {
    const FitConfig& fit = fit_section(problem.config);
    FitOptions options;
    std::vector<std::string> missing;
    for (const auto& parameter : fit.parameters) {
        const Parameter& declared = parameter_named(parameter.name, problem.model);
        FitParameter item;
        item.name = parameter.name.name;
        item.scale = parameter.scale;
        if (parameter.fixed) {
            require_dimension_of(*parameter.fixed, declared.dimension, item.name);
            item.fixed = Quantity{parameter.fixed->quantity.value, declared.dimension};
            item.low = item.high = *item.fixed;
        } else {
            require_dimension_of(parameter.low, declared.dimension, item.name);
            require_dimension_of(parameter.high, declared.dimension, item.name);
            item.low = {parameter.low.quantity.value, declared.dimension};
            item.high = {parameter.high.quantity.value, declared.dimension};
        }
        options.parameters.push_back(std::move(item));
    }
    for (const auto* parameter : open_parameters(problem.model)) {
        const bool given = std::any_of(fit.parameters.begin(), fit.parameters.end(),
                                       [&](const auto& p) { return p.name.name == parameter->name; });
        if (!given) missing.push_back(parameter->name);
    }
    const auto* parameters_table = problem.config.tree.find("fit")->value.find("parameters");
    if (!missing.empty())
        missing_parameters(parameters_table->value.place, "fit.parameters", missing, "[\"1 nS\", \"100 nS\"]");

    options.optimizer = read_optimizer(fit.optimizer);
    for (const auto* output : fitted_outputs(problem, fit)) {
        const auto special = std::find_if(fit.output_metrics.begin(), fit.output_metrics.end(),
                                          [&](const auto& m) { return m.first.name == output->name; });
        const MetricConfig& metric = special == fit.output_metrics.end() ? fit.metric : special->second;
        if (metric.normalization && !metric.normalization->quantity.dimension.dimensionless()) {
            require_dimension_of(*metric.normalization, output->dimension, "normalization");
        }
        options.metrics[output->name] = make_metric(metric, fitter);
    }
    for (const auto& [name, unused] : fit.output_metrics) {
        if (options.metrics.contains(name.name)) continue;
        std::vector<std::string> names;
        for (const auto& [output, metric] : options.metrics) names.push_back(output);
        fail_at(name.place, fmt::format("`{}` is no output of the fit", name.name), did_you_mean(name.name, names));
    }
    options.n_rounds = static_cast<std::size_t>(fit.n_rounds);
    return options;
}

SimulationPlan plan_simulation(const Problem& problem) {
    SimulationPlan plan;
    plan.program = simulated_program(problem);
    const Config& config = problem.config;
    const double dt = config.model.dt.quantity.value;

    const SimulateConfig simulate = config.simulate.value_or(SimulateConfig{});
    plan.parameters = Array2(1, plan.program.parameters.size());
    std::set<std::string> given;
    const auto set = [&](const ConfigName& name, const ConfigQuantity& value) {
        const Parameter& declared = parameter_named(name, problem.model);
        require_dimension_of(value, declared.dimension, name.name);
        const auto& names = plan.program.parameters;
        const auto at = std::find(names.begin(), names.end(), name.name) - names.begin();
        plan.parameters(0, static_cast<std::size_t>(at)) = value.quantity.value;
        given.insert(name.name);
    };
    if (config.fit) {
        for (const auto& parameter : config.fit->parameters) {
            if (parameter.fixed) set(parameter.name, *parameter.fixed);
        }
    }
    for (const auto& [name, value] : simulate.parameters) set(name, value);
    std::vector<std::string> missing;
    for (const auto& name : plan.program.parameters) {
        if (!given.contains(name)) missing.push_back(name);
    }
    const auto* section = config.tree.find("simulate");
    const Place& place = section == nullptr ? config.tree.place : section->value.place;
    if (!missing.empty()) missing_parameters(place, "simulate.parameters", missing, "\"10 nS\"");

    plan.data.n_traces = std::max<std::size_t>(1, problem.data.n_traces());
    double longest = 0;
    Place longest_place = place;
    for (const auto& input : problem.data.inputs) {
        plan.data.inputs[input.name] = time_series(input);
        longest = std::max(longest, static_cast<double>(input.values.columns) * input.dt);
    }
    for (const auto& output : problem.data.outputs) {
        plan.data.targets[output.name] = time_series(output);
        if (problem.data.inputs.empty())
            longest = std::max(longest, static_cast<double>(output.values.columns) * output.dt);
    }
    if (simulate.duration) {
        longest = simulate.duration->quantity.value;
        longest_place = simulate.duration->place;
    } else if (longest == 0) {
        fail_at(place, "how long to simulate is not known", "set `duration` in [simulate]: `duration = \"100 ms\"`");
    }
    plan.data.n_steps = steps_of(longest, dt, longest_place);
    plan.options.threads = config.run.threads;
    plan.options.kernel = kernel_options(config.run);
    plan.options.seed = config.run.seed;
    return plan;
}

UpdateProgram planned_program(const Problem& problem) {
    if (!problem.config.fit) return simulated_program(problem);
    TraceFitter fitter = make_fitter(problem);
    FitOptions options = fit_options(problem, fitter);
    options.n_rounds = 0;
    (void)fitter.fit(options);
    return fitter.program();
}

}  // namespace spikesmith
