#include "spikesmith/cli/problem.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/cli/fit_metrics.hpp"
#include "spikesmith/cli/model_text.hpp"
#include "spikesmith/cli/optimizer_options.hpp"
#include "spikesmith/data/spike_recording.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/penalty.hpp"
#include "spikesmith/metrics/feature_metric.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {
namespace {

// The traces of one file.
struct LoadedFile {
    const ConfigPath* file = nullptr;
    Recording recording;
    double dt = 0;  // sampling interval
};

// The traces of one variable.
struct LoadedSeries {
    const SeriesConfig* config = nullptr;
    std::vector<LoadedFile> files;
};

// The sampling interval: stated for this series, in the file, for all series, or that of the simulation.
double sampling_interval(const SeriesConfig& series, const Recording& recording, const Config& config) {
    const auto& stated = series.dt;
    const auto& measured = recording.dt;
    if (stated && measured && std::abs(stated->quantity.value - *measured) > 1e-4 * *measured) {
        fail_at(
            stated->place,
            fmt::format("`dt` is {}, but the time column of `{}` has steps of {}", format_quantity(stated->quantity),
                        recording.source, format_quantity({*measured, dimensions::second})),
            "leave `dt` out, or name another time column with `index`");
    }
    if (stated) return stated->quantity.value;
    if (measured) return *measured;
    if (config.data.dt) return config.data.dt->quantity.value;
    return config.model.dt.quantity.value;
}

std::vector<LoadedSeries> load_all(const std::vector<SeriesConfig>& all, const Config& config) {
    std::vector<LoadedSeries> result;
    for (const auto& series : all) {
        LoadedSeries loaded{&series, {}};
        for (const ConfigPath& file : series.files) {
            RecordingSource source = series.source;
            source.path = file.path.string();
            Recording recording = located(file.place, [&] { return load_recording(source); });
            const double dt = sampling_interval(series, recording, config);
            loaded.files.push_back({&file, std::move(recording), dt});
        }
        result.push_back(std::move(loaded));
    }
    return result;
}

// `n_traces`: of inputs and outputs; a single file may leave silent traces out.
std::optional<std::vector<std::vector<double>>> load_all_spikes(const std::optional<SpikesConfig>& spikes,
                                                                std::size_t n_traces) {
    if (!spikes) return std::nullopt;
    std::vector<std::vector<double>> trains;
    for (const ConfigPath& file : spikes->files) {
        const SpikeSource source{.path = file.path.string(),
                                 .key = spikes->key,
                                 .unit = spikes->unit,
                                 .n_traces = spikes->files.size() == 1 ? n_traces : 0};
        auto own = located(file.place, [&] { return load_spikes(source); });
        std::ranges::move(own, std::back_inserter(trains));
    }
    return trains;
}

Model read_model(const Config& config, const std::vector<LoadedSeries>& inputs, std::vector<std::string>& warnings) {
    ModelSurroundings surroundings;
    for (const auto& input : inputs) {
        surroundings.inputs.push_back(input.config->name);
        const auto& dimension = input.files.front().recording.dimension;
        if (dimension) surroundings.input_dimensions[input.config->name.name] = *dimension;
    }
    // The recordings of an experiment are no time course that a model could read.
    if (!config.experiment) {
        for (const auto& output : config.data.outputs) surroundings.outputs.push_back(output.name);
    }
    // A tied parameter is read like an initial value, so that constants, units and places in errors are the same.
    if (config.fit) {
        for (const ParameterConfig& parameter : config.fit->parameters) {
            if (parameter.tied) surroundings.ties.emplace_back(parameter.name, *parameter.tied);
        }
    }
    return load_model(config.model, surroundings, warnings);
}

[[noreturn]] void unknown_variable(const ConfigName& name, const Model& model, std::string_view what) {
    auto names = model.variable_names();
    std::string hint = did_you_mean(name.name, names);
    if (hint.empty() && names.size() <= 40) hint = fmt::format("the model has: {}", fmt::join(names, ", "));
    fail_at(name.place, fmt::format("{} `{}` is no variable of the model", what, name.name), std::move(hint));
}

Series to_series(LoadedSeries loaded, const Model& model, std::string_view what) {
    const ConfigName& name = loaded.config->name;
    const auto variable = model.find(name.name);
    if (!variable) unknown_variable(name, model, what);
    Series series{.name = name.name, .dimension = variable->dimension, .values = {}, .source = {}};
    std::size_t rows = 0;
    std::size_t longest = 0;
    bool alike = true;
    const LoadedFile& first = loaded.files.front();
    for (const LoadedFile& file : loaded.files) {
        const Place& place = loaded.config->unit ? loaded.config->unit_place : file.file->place;
        located(place, [&] {
            require_dimension(file.recording, variable->dimension, fmt::format("{} `{}`", what, name.name));
        });
        rows += file.recording.values.rows;
        longest = std::max(longest, file.recording.values.columns);
        alike = alike && file.recording.values.columns == first.recording.values.columns && file.dt == first.dt;
        series.source += (series.source.empty() ? "" : ", ") + file.recording.source;
    }
    series.dt = first.dt;
    if (loaded.files.size() == 1) {
        series.values = std::move(loaded.files.front().recording.values);
        return series;
    }
    series.values = Array2(rows, longest, std::numeric_limits<double>::quiet_NaN());
    std::size_t row = 0;
    for (const LoadedFile& file : loaded.files) {
        for (std::size_t r = 0; r < file.recording.values.rows; ++r, ++row) {
            std::ranges::copy(file.recording.values.row(r), series.values.row(row).begin());
            if (alike) continue;
            series.trace_dt.push_back(file.dt);
            series.trace_samples.push_back(file.recording.values.columns);
        }
    }
    return series;
}

TimeSeries time_series(const Series& series) {
    return {
        .dt = series.dt, .values = series.values, .trace_dt = series.trace_dt, .trace_samples = series.trace_samples};
}

// Takes the ties of tied parameters out of the initial values, where the parser of the model put them. (In ANNarchy's language
// they stay, as every parameter has a value until it is opened.)
std::map<std::string, Expression> take_ties(Model& model, const Config& config) {
    std::map<std::string, Expression> ties;
    if (!config.fit) return ties;
    for (const ParameterConfig& parameter : config.fit->parameters) {
        if (!parameter.tied) continue;
        const auto found = std::ranges::find(model.initial_values, parameter.name.name, &InitialValue::name);
        if (found == model.initial_values.end()) continue;
        for (const std::string& symbol : symbols_of(found->value)) {
            const auto names = model.parameter_names();
            if (std::ranges::find(names, symbol) != names.end()) continue;
            fail_at(parameter.tied->place,
                    fmt::format("`{}` is tied to `{}`, which is no parameter", parameter.name.name, symbol),
                    did_you_mean(symbol, names));
        }
        ties.emplace(parameter.name.name, found->value);
        if (config.model.language == ModelLanguage::brian) model.initial_values.erase(found);
    }
    return ties;
}

// Samples of a recording that are not numbers are gaps; they may also be a mistake.
void warn_of_gaps(const Series& series, std::vector<std::string>& warnings) {
    std::size_t gaps = 0;
    for (std::size_t r = 0; r < series.values.rows; ++r) {
        const auto trace = series.values.row(r).first(series.samples(r));
        gaps += static_cast<std::size_t>(std::ranges::count_if(trace, [](double v) { return std::isnan(v); }));
    }
    if (gaps > 0) {
        warnings.push_back(fmt::format("{} sample{} of the recording of `{}` {} NaN: a gap, where nothing is compared",
                                       gaps, gaps == 1 ? "" : "s", series.name, gaps == 1 ? "is" : "are"));
    }
}

// Seconds, of the longest trace.
double duration_of(const Series& series) {
    double longest = 0;
    for (std::size_t r = 0; r < series.values.rows; ++r) {
        const double dt = series.trace_dt.empty() ? series.dt : series.trace_dt[r];
        longest = std::max(longest, static_cast<double>(series.samples(r)) * dt);
    }
    return longest;
}

// The parameter that a name of the configuration means.
const Parameter& parameter_named(const ConfigName& name, const Problem& problem) {
    const Model& model = problem.model;
    const bool all_have_values = problem.config.model.language == ModelLanguage::annarchy;
    const auto found = std::ranges::find(model.parameters, name.name, &Parameter::name);
    if (found != model.parameters.end()) {
        if (all_have_values || !has_initial_value(model, name.name)) return *found;
        fail_at(name.place, fmt::format("parameter `{}` has an initial value, so it is not free", name.name),
                "remove it from [model.initial_values]");
    }
    const std::vector<std::string> names = all_have_values ? model.parameter_names() : names_of(open_parameters(model));
    std::string hint = did_you_mean(name.name, names);
    if (hint.empty())
        hint = names.empty() ? all_have_values ? "declare it: `parameters = \"tau = 10\"`"
                                               : "declare it in the equations: `g : siemens (constant)`"
                             : fmt::format("the parameters are: {}", fmt::join(names, ", "));
    fail_at(name.place, fmt::format("the model has no parameter `{}`", name.name), std::move(hint));
}

[[noreturn]] void missing_parameters(const Place& place, std::string_view section,
                                     const std::vector<std::string>& names, std::string_view example) {
    fail_at(place,
            fmt::format("[{}] says nothing about the parameter{} {}", section, names.size() > 1 ? "s" : "",
                        fmt::join(names, ", ")),
            fmt::format("for example `{} = {}`", names.front(), example));
}

const FitConfig& fit_section(const Config& config) {
    if (config.fit) return *config.fit;
    if (config.experiment)
        fail_at(config.experiment->place, "this needs stimuli and recordings in [data], not an experiment",
                "an experiment is for `spikesmith fit`, `simulate` and `check`");
    fail_at(config.tree.place, "the file has no section [fit]",
            "a fit needs at least [fit.parameters]: `g = [\"1 nS\", \"100 nS\"]`");
}

// Recordings that are compared with: those that are named, else all.
std::vector<const Series*> compared_outputs(const Problem& problem, std::string_view purpose,
                                            const std::vector<ConfigName>& names, const Place& place) {
    std::vector<const Series*> result;
    if (names.empty()) {
        for (const auto& series : problem.data.outputs) result.push_back(&series);
        if (result.empty() && !problem.data.spikes)
            fail_at(place, fmt::format("{} needs recordings", purpose),
                    "name at least one in [data.outputs]: `v = {file = \"voltage.csv\", unit = \"mV\"}`");
        return result;
    }
    for (const auto& name : names) {
        if (name.name == spikes_output && problem.data.spikes) continue;
        const Series* series = problem.data.find_output(name.name);
        if (series == nullptr) {
            std::vector<std::string> recorded;
            for (const auto& s : problem.data.outputs) recorded.push_back(s.name);
            std::string hint = did_you_mean(name.name, recorded);
            if (hint.empty()) hint = fmt::format("give its recording in [data.outputs.{}]", name.name);
            fail_at(name.place, fmt::format("there is no recording of output `{}`", name.name), std::move(hint));
        }
        result.push_back(series);
    }
    return result;
}

// A recording of a variable that has the name of the spike trains cannot be told from these.
void check_output_names(const std::vector<const Series*>& outputs, const DataConfig& data) {
    for (const Series* output : outputs) {
        if (output->name != spikes_output) continue;
        const auto own = [](const SeriesConfig& series) { return series.name.name == spikes_output; };
        fail_at(std::ranges::find_if(data.outputs, own)->name.place,
                fmt::format("an output cannot be called `{}`: the name is that of the spike trains", spikes_output),
                "rename the variable in the equations");
    }
}

// Whether spikes are compared: if they are recorded, and named or nothing is named.
bool compares_spikes(const Problem& problem, const std::vector<ConfigName>& outputs) {
    const auto named = [](const ConfigName& name) { return name.name == spikes_output; };
    return problem.data.spikes && (outputs.empty() || std::ranges::any_of(outputs, named));
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

// What [simulate] and the fixed parameters of [fit] give values to.
Model simulated_model(const Problem& problem) {
    std::vector<std::string> names;
    if (problem.config.simulate) {
        for (const auto& [name, value] : problem.config.simulate->parameters) names.push_back(name.name);
    }
    if (problem.config.fit) {
        for (const auto& parameter : problem.config.fit->parameters) {
            if (parameter.fixed) names.push_back(parameter.name.name);
        }
    }
    return with_open_parameters(problem.model, problem.config.model.language, names);
}

UpdateProgram simulated_program(const Problem& problem) {
    const Model model = simulated_model(problem);
    IntegrationOptions options = integration_options(problem.config.model);
    options.outputs = simulated_outputs(problem);
    options.parameters = names_of(open_parameters(model));
    return located(problem.config.model.method_place, [&] { return integrate(model, options); });
}

// The model in which the parameters of [fit.parameters] are open.
Model fitted_model(const Problem& problem) {
    std::vector<std::string> names;
    for (const auto& parameter : fit_section(problem.config).parameters) names.push_back(parameter.name.name);
    return with_open_parameters(problem.model, problem.config.model.language, names);
}

// An output that is compared with given features only needs no recording: its traces are one long gap, as long as the inputs. The fit
// wants one number in a trace; it is not compared.
void add_outputs_without_recording(Problem& problem, const Config& config) {
    if (!config.fit || problem.data.inputs.empty()) return;
    for (const auto& [name, metric] : config.fit->output_metrics) {
        const auto* features = dynamic_cast<const FeatureMetric*>(metric.metric.get());
        if (features == nullptr || !features->needs_no_recording()) continue;
        if (problem.data.find_output(name.name) != nullptr) continue;
        const auto variable = problem.model.find(name.name);
        if (!variable) unknown_variable(name, problem.model, "output");
        double longest = 0;
        for (const Series& input : problem.data.inputs) longest = std::max(longest, duration_of(input));
        const double dt = config.model.dt.quantity.value;
        const std::size_t n_traces = problem.data.n_traces();
        Array2 values(n_traces, steps_of(longest, dt, config.model.dt.place), std::numeric_limits<double>::quiet_NaN());
        for (std::size_t r = 0; r < n_traces; ++r) values(r, 0) = 0;
        problem.data.outputs.push_back(
            {.name = name.name, .dimension = variable->dimension, .values = std::move(values), .dt = dt, .source = {}});
    }
}

}  // namespace

Problem load_problem(Config config) {
    Problem problem;
    auto inputs = load_all(config.data.inputs, config);
    auto outputs = load_all(config.data.outputs, config);
    problem.model = read_model(config, inputs, problem.warnings);
    problem.ties = take_ties(problem.model, config);
    for (auto& input : inputs) problem.data.inputs.push_back(to_series(std::move(input), problem.model, "input"));
    for (auto& output : outputs) {
        problem.data.outputs.push_back(to_series(std::move(output), problem.model, "output"));
        warn_of_gaps(problem.data.outputs.back(), problem.warnings);
    }
    add_outputs_without_recording(problem, config);
    problem.data.spikes = load_all_spikes(config.data.spikes, problem.data.n_traces());
    problem.data.dt = problem.data.outputs.empty() ? config.model.dt.quantity.value : problem.data.outputs.front().dt;
    if (!inputs.empty() || !outputs.empty()) {
        const auto& first = config.data.outputs.empty() ? config.data.inputs.front() : config.data.outputs.front();
        located(first.files.front().place, [&] { check_dataset(problem.data); });
    }
    problem.config = std::move(config);
    return problem;
}

KernelOptions kernel_options(const RunConfig& run) {
    KernelOptions options;
    options.width = run.width;
    options.precision = run.precision;
    return options;
}

Recordings recordings_of(const Problem& problem, std::string_view purpose, const std::vector<ConfigName>& outputs,
                         const Place& place) {
    Recordings recordings;
    for (const auto& input : problem.data.inputs) recordings.inputs.emplace_back(input.name, time_series(input));
    const auto compared = compared_outputs(problem, purpose, outputs, place);
    check_output_names(compared, problem.config.data);
    for (const auto* output : compared) recordings.outputs.emplace_back(output->name, time_series(*output));
    if (compares_spikes(problem, outputs)) recordings.spikes = problem.data.spikes;
    recordings.dt = problem.config.model.dt.quantity.value;
    return recordings;
}

void add_warnings(Problem& problem, const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings) {
        if (std::ranges::find(problem.warnings, warning) == problem.warnings.end()) problem.warnings.push_back(warning);
    }
}

Fitter make_fitter(Problem& problem) {
    const FitConfig& fit = fit_section(problem.config);
    FitterOptions options;
    options.model = fitted_model(problem);
    options.recordings = recordings_of(problem, "a fit", fit.outputs, fit.place);
    Recordings& recordings = options.recordings;
    if (fit.duration) {
        if (!recordings.outputs.empty())
            fail_at(fit.duration->place, "a duration is for spikes without recorded traces",
                    "leave it out: the recordings tell");
        recordings.duration = fit.duration->quantity.value;
    }
    recordings.trace_weights = fit.trace_weights;
    options.n_samples = static_cast<std::size_t>(fit.n_samples);
    options.method = problem.config.model.method;
    if (fit.penalty) {
        if (!problem.model.find(fit.penalty->name)) unknown_variable(*fit.penalty, problem.model, "penalty");
        located(fit.penalty->place, [&] { static_cast<void>(Penalty(problem.model, fit.penalty->name)); });
        options.penalty = fit.penalty->name;
    }
    options.threads = problem.config.run.threads;
    options.kernel = kernel_options(problem.config.run);
    options.seed = problem.config.run.seed;
    options.absolute_error = problem.config.model.absolute_error;
    options.relative_error = problem.config.model.relative_error;
    options.max_adaptive_steps = problem.config.model.max_steps;
    // What can be wrong now: settings lie in the weights or the duration, data in the spikes, all else in the method or in
    // a threshold that is missing.
    const Place& settings = !fit.trace_weights.empty() ? fit.trace_weights_place
                            : fit.duration             ? fit.duration->place
                                                       : problem.config.model.method_place;
    const Place& data = recordings.spikes ? problem.config.data.spikes->place : fit.place;
    const Place& method = recordings.spikes && !problem.model.threshold ? data : problem.config.model.method_place;
    const auto rethrow = []() -> Fitter { throw; };
    try {
        Fitter fitter(std::move(options));
        add_warnings(problem, fitter.data().warnings);
        return fitter;
    } catch (const ConfigError&) {
        return located(settings, rethrow);
    } catch (const DataError&) {
        return located(data, rethrow);
    } catch (const Error&) {
        return located(method, rethrow);
    }
}

FitOptions fit_options(Problem& problem, const Fitter& fitter) {
    const FitConfig& fit = fit_section(problem.config);
    const Model model = fitted_model(problem);
    FitOptions options;
    std::vector<std::string> missing;
    for (const auto& parameter : fit.parameters) {
        const Parameter& declared = parameter_named(parameter.name, problem);
        FitParameter item;
        item.name = parameter.name.name;
        item.scale = parameter.scale;
        item.integer = parameter.integer;
        if (parameter.tied) {
            item.tied = problem.ties.at(item.name);
        } else if (parameter.fixed) {
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
    for (const auto& parameter : open_parameters(model)) {
        const bool given = std::any_of(fit.parameters.begin(), fit.parameters.end(),
                                       [&](const auto& p) { return p.name.name == parameter.name; });
        if (!given) missing.push_back(parameter.name);
    }
    const auto* parameters_table = problem.config.tree.find("fit")->value.find("parameters");
    if (!missing.empty())
        missing_parameters(parameters_table->value.place, "fit.parameters", missing, "[\"1 nS\", \"100 nS\"]");

    located(parameters_table->value.place, [&] { static_cast<void>(FitParameters(model, options.parameters)); });

    options.optimizer = read_optimizer(fit.optimizer);
    const auto outputs = compared_outputs(problem, "a fit", fit.outputs, fit.place);
    std::vector<std::string> names;
    for (const auto* output : outputs) names.push_back(output->name);
    if (compares_spikes(problem, fit.outputs)) names.emplace_back(spikes_output);
    options.metrics = metrics_of_fit(problem, fitter, names, options.optimizer && options.optimizer->multi_objective);
    add_warnings(problem, metric_warnings(fitter.data(),
                                          {.trace_metric = {}, .spike_metric = {}, .by_output = options.metrics}));
    options.checkpoint_seconds = fit.checkpoint_seconds;
    options.polish.every = static_cast<std::size_t>(fit.polish);
    options.n_rounds = static_cast<std::size_t>(fit.n_rounds);
    return options;
}

std::map<std::string, double> parameter_values(const Problem& problem,
                                               const std::vector<std::pair<ConfigName, ConfigQuantity>>& given) {
    std::map<std::string, double> values;
    for (const auto& [name, value] : given) {
        require_dimension_of(value, parameter_named(name, problem).dimension, name.name);
        values[name.name] = value.quantity.value;
    }
    return values;
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
        const Parameter& declared = parameter_named(name, problem);
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
    // Tied parameters follow, each as soon as what it depends on is known.
    const bool ties_in_model = config.model.language == ModelLanguage::annarchy;
    for (std::size_t pass = 0; !ties_in_model && pass < problem.ties.size(); ++pass) {
        for (const auto& [name, tie] : problem.ties) {
            const auto symbols = symbols_of(tie);
            if (given.contains(name) || !std::ranges::all_of(symbols, [&](const auto& s) { return given.contains(s); }))
                continue;
            const double value = evaluate(tie, [&](const std::string& symbol) {
                const auto& names = plan.program.parameters;
                return plan.parameters(0, static_cast<std::size_t>(std::ranges::find(names, symbol) - names.begin()));
            });
            const auto& names = plan.program.parameters;
            plan.parameters(0, static_cast<std::size_t>(std::ranges::find(names, name) - names.begin())) = value;
            given.insert(name);
        }
    }
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
        longest = std::max(longest, duration_of(input));
    }
    for (const auto& output : problem.data.outputs) {
        plan.data.targets[output.name] = time_series(output);
        if (problem.data.inputs.empty()) longest = std::max(longest, duration_of(output));
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

UpdateProgram planned_program(Problem& problem) {
    if (!problem.config.fit) return simulated_program(problem);
    Fitter fitter = make_fitter(problem);
    FitOptions options = fit_options(problem, fitter);
    options.n_rounds = 0;
    (void)fitter.fit(options);
    return fitter.program();
}

}  // namespace spikesmith
