#include "spikesmith/cli/experiment_problem.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/cli/config_checks.hpp"
#include "spikesmith/cli/experiment_losses.hpp"
#include "spikesmith/cli/model_text.hpp"
#include "spikesmith/cli/problem.hpp"
#include "spikesmith/data/recording.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/fit/parameters.hpp"

namespace spikesmith {
namespace {

[[noreturn]] void unknown_name(const ConfigName& name, std::vector<std::string> known, std::string_view message) {
    std::string hint = did_you_mean(name.name, known);
    if (hint.empty() && known.size() <= 40) hint = fmt::format("the model has: {}", fmt::join(known, ", "));
    fail_at(name.place, fmt::format(fmt::runtime(message), name.name), std::move(hint));
}

bool has_state(const Model& model, std::string_view name) {
    return std::ranges::find(model.states, name, &State::name) != model.states.end();
}

// A name of the model, or the current of a clamp: "v_clamp_current".
bool can_record(const Model& model, std::string_view name) {
    constexpr std::string_view clamp = "_clamp_current";
    if (name.ends_with(clamp) && has_state(model, name.substr(0, name.size() - clamp.size()))) return true;
    return model.find(name).has_value();
}

// Both models understand the experiment: the names it uses are in each.
void require_in_target(const ExperimentProblem& problem, const ConfigName& name) {
    if (!problem.target_model || can_record(*problem.target_model, name.name)) return;
    unknown_name(name, problem.target_model->variable_names(), "the target model has no `{}`");
}

std::vector<double> array_of(const WaveConfig& wave, const Dimension& dimension, double& interval) {
    if (!wave.file) {
        std::vector<double> values;
        for (const ConfigQuantity& value : wave.values) {
            require_dimension_of(value, dimension, wave.driven.name);
            values.push_back(value.quantity.value);
        }
        return values;
    }
    return located(wave.file->place, [&] {
        RecordingSource source = wave.source;
        source.path = wave.file->path.string();
        const Recording recording = load_recording(source);
        require_dimension(recording, dimension, fmt::format("wave of `{}`", wave.driven.name));
        if (recording.values.rows != 1)
            throw DataError(fmt::format("{} has {} traces, but a wave is one", recording.source, recording.values.rows),
                            "choose it with `columns = [\"...\"]`");
        if (interval == 0 && recording.dt) interval = *recording.dt;
        const auto row = recording.values.row(0);
        return std::vector<double>(row.begin(), row.end());
    });
}

Waveform waveform_of(const WaveConfig& wave, const Dimension& dimension) {
    const auto time = [&](std::string_view key, double otherwise) {
        const auto found = std::ranges::find(wave.quantities, key, [](const auto& q) { return q.first; });
        return found == wave.quantities.end() ? otherwise : found->second.quantity.value;
    };
    const auto level = [&](std::string_view key) {
        const auto found = std::ranges::find(wave.quantities, key, [](const auto& q) { return q.first; });
        if (found == wave.quantities.end()) return 0.0;
        require_dimension_of(found->second, dimension, wave.driven.name);
        return found->second.quantity.value;
    };
    if (wave.kind == "step")
        return StepWave{
            .from = level("from"), .to = level("to"), .start = time("start", 0), .end = time("end", StepWave{}.end)};
    if (wave.kind == "ramp") return RampWave{.from = level("from"), .to = level("to")};
    if (wave.kind == "staircase")
        return StaircaseWave{
            .from = level("from"), .to = level("to"), .plateaus = static_cast<std::size_t>(wave.count)};
    if (wave.kind == "sine") {
        const auto phase = std::ranges::find(wave.quantities, "phase", [](const auto& q) { return q.first; });
        if (phase != wave.quantities.end()) require_dimension_of(phase->second, Dimension{}, "phase");
        return SineWave{.offset = level("offset"),
                        .amplitude = level("amplitude"),
                        .frequency = time("frequency", 0),
                        .phase = time("phase", 0)};
    }
    if (wave.kind == "chirp" || wave.kind == "zap")
        return ChirpWave{.offset = level("offset"),
                         .amplitude = level("amplitude"),
                         .first_frequency = time("first_frequency", 0),
                         .last_frequency = time("last_frequency", 0),
                         .exponential = wave.kind == "zap"};
    if (wave.kind == "pulses")
        return PulseTrainWave{.base = level("base"),
                              .height = level("height"),
                              .start = time("start", 0),
                              .width = time("width", 0),
                              .period = time("period", 0),
                              .pulses = static_cast<std::size_t>(wave.count)};
    if (wave.kind == "noise")
        return NoiseWave{.mean = level("mean"),
                         .deviation = level("deviation"),
                         .correlation = time("correlation", 0),
                         .seed = wave.seed};
    if (wave.kind == "array") {
        double interval = time("interval", 0);
        std::vector<double> values = array_of(wave, dimension, interval);
        return ArrayWave{.values = std::move(values), .interval = interval};
    }
    return ConstantWave{level("value")};
}

std::size_t steps_of(double duration, double dt) {
    const double ratio = duration / dt;
    const double nearest = std::round(ratio);
    return static_cast<std::size_t>(std::abs(ratio - nearest) <= 1e-6 ? nearest : std::ceil(ratio));
}

std::map<std::string, Waveform> waves_of(const ExperimentProblem& problem, const PhaseConfig& phase, bool clamp) {
    std::map<std::string, Waveform> waves;
    const double dt = problem.config.model.dt.quantity.value;
    for (const WaveConfig& wave : clamp ? phase.clamp : phase.drive) {
        const auto variable = problem.model.find(wave.driven.name);
        const bool state = has_state(problem.model, wave.driven.name);
        using Role = Model::Variable::Kind;
        const bool known =
            variable && (clamp ? state : variable->kind == Role::parameter || variable->kind == Role::input);
        if (!known && variable) {
            fail_at(wave.driven.place,
                    fmt::format("`{}` is {}", wave.driven.name,
                                clamp   ? "no variable with an equation, so it cannot be clamped"
                                : state ? "a variable of the model and follows its equation"
                                        : "computed by the model and cannot be driven"),
                    clamp ? "parameters and inputs are driven: `drive = {...}`"
                          : "to hold it at values of your own, write `clamp = {...}`");
        }
        if (!known)
            unknown_name(wave.driven, problem.model.variable_names(),
                         clamp ? "the model has no variable `{}` to clamp"
                               : "the model has no parameter or input `{}` to drive");
        require_in_target(problem, wave.driven);
        Waveform waveform = waveform_of(wave, variable->dimension);
        located(wave.place, [&] { return sample(waveform, steps_of(phase.duration.quantity.value, dt), dt); });
        waves.emplace(wave.driven.name, std::move(waveform));
    }
    return waves;
}

Protocol protocol_of(const ExperimentProblem& problem) {
    Protocol protocol;
    for (const PhaseConfig& config : problem.config.experiment->phases) {
        Phase phase{.name = config.name, .duration = config.duration.quantity.value};
        for (const auto& [name, value] : config.set) {
            const auto variable = problem.model.find(name.name);
            const bool settable =
                variable && (has_state(problem.model, name.name) || variable->kind == Model::Variable::Kind::parameter);
            if (!settable)
                unknown_name(name, problem.model.variable_names(),
                             "the model has no parameter or variable `{}` to set");
            require_dimension_of(value, variable->dimension, name.name);
            require_in_target(problem, name);
            phase.set.emplace(name.name, value.quantity.value);
        }
        phase.drive = waves_of(problem, config, false);
        phase.clamp = waves_of(problem, config, true);
        for (const auto& [state, current] : config.clamp_currents) {
            if (!phase.clamp.contains(state.name))
                fail_at(state.place, fmt::format("`{}` is not clamped in this phase", state.name));
            const auto known = problem.model.find(current.name);
            using Role = Model::Variable::Kind;
            if (!known || (known->kind != Role::parameter && known->kind != Role::input))
                unknown_name(current, problem.model.variable_names(), "the model has no parameter or input `{}`");
            phase.clamp_currents.emplace(state.name, current.name);
        }
        phase.record = config.record;
        phase.reset = config.reset;
        phase.reset_parameters = config.reset_parameters;
        protocol.phases.push_back(std::move(phase));
    }
    return protocol;
}

// Names of the recorded stretches: a chunk goes from reset to reset.
std::vector<std::string> chunk_names_of(const ExperimentConfig& experiment) {
    std::vector<std::string> names;
    bool open = false;  // the current chunk has recordings
    for (std::size_t k = 0; k < experiment.phases.size(); ++k) {
        const PhaseConfig& phase = experiment.phases[k];
        if (k > 0 && phase.reset) open = false;
        if (!phase.record) continue;
        if (open) {
            names.back() += ", " + phase.name;
        } else {
            names.push_back(phase.name);
        }
        open = true;
    }
    return names;
}

void add_name(std::vector<std::string>& names, const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
}

std::vector<std::string> recorded_names(const ExperimentProblem& problem) {
    const Config& config = problem.config;
    std::vector<std::string> names;
    for (const ConfigName& name : config.experiment->record) {
        if (name.name == "spike" || name.name == "spikes") {
            if (!problem.model.threshold)
                fail_at(name.place, "spikes are recorded, but the model has no spike condition");
            add_name(names, "spike");
            continue;
        }
        if (!can_record(problem.model, name.name))
            unknown_name(name, problem.model.variable_names(), "the model has no `{}` to record");
        require_in_target(problem, name);
        add_name(names, name.name);
    }
    const bool listed = !names.empty();
    const auto need = [&](const std::string& name, const ConfigName& where) {
        if (std::ranges::find(names, name) != names.end()) return;
        if (listed)
            fail_at(where.place, fmt::format("`{}` is not recorded", name == "spike" ? "spikes" : name),
                    fmt::format("add it to `record` in [experiment]: it has {}", fmt::join(names, ", ")));
        if (name != "spike") {
            if (!can_record(problem.model, name))
                unknown_name(where, problem.model.variable_names(), "the model has no `{}` to record");
            require_in_target(problem, where);
        }
        names.push_back(name);
    };
    std::vector<std::pair<std::string, ConfigName>> needed;
    if (config.experiment_fit) {
        for (const ExperimentLossConfig& loss : config.experiment_fit->losses) {
            const bool spikes = loss.variable.name.empty();
            needed.emplace_back(spikes ? "spike" : loss.variable.name,
                                spikes ? ConfigName{"spike", loss.place} : loss.variable);
        }
    } else {
        for (const auto& output : config.data.outputs) needed.emplace_back(output.name.name, output.name);
    }
    for (const auto& [name, where] : needed) {
        if (name == "spike" && !problem.model.threshold)
            fail_at(where.place, "this loss compares spikes, but the model has no spike condition");
        const bool first = !listed && std::ranges::find(names, name) == names.end();
        if (first && name == "spike") {
            names.push_back(name);
        } else {
            need(name, where);
        }
    }
    if (names.empty()) {
        for (const State& state : problem.model.states) names.push_back(state.name);
        if (problem.model.threshold) names.emplace_back("spike");
    }
    if (std::ranges::find(names, "spike") != names.end() && problem.target_model && !problem.target_model->threshold)
        fail_at(config.target->place, "spikes are recorded, but the target model has no spike condition");
    return names;
}

// The recordings of [data] as if an experiment had made them: a chunk for each trace.
std::optional<SimulationRecord> recorded_target(const ExperimentProblem& problem, const Dataset& data) {
    const Config& config = problem.config;
    if (data.outputs.empty() && !data.spikes) return std::nullopt;
    const Place& place = data.outputs.empty() ? config.data.spikes->place : config.data.outputs.front().name.place;
    const std::size_t n_chunks = problem.chunk_names.size();
    const double step = config.model.dt.quantity.value;
    SimulationRecord record{.dt = step, .interval_steps = 1, .n_candidates = 1};
    if (!data.outputs.empty()) {
        const Series& first = data.outputs.front();
        const double interval = first.trace_dt.empty() ? first.dt : first.trace_dt.front();
        for (const Series& series : data.outputs) {
            const auto differs = [&](double dt) { return std::abs(dt - interval) > 1e-9 * interval; };
            if (differs(series.dt) || std::ranges::any_of(series.trace_dt, differs))
                fail_at(place, "recordings for an experiment have one sampling interval", "resample them");
        }
        const double steps = interval / step;
        const bool whole = steps >= 1 - 1e-6 && std::abs(steps - std::round(steps)) < 1e-6 * steps;
        if (data.spikes && !whole)
            fail_at(place,
                    fmt::format(
                        "the sampling interval of the recordings is {:.6g} time steps; beside spikes it must be whole",
                        steps),
                    "choose `dt` of [model] to divide it");
        record.dt = whole ? step : interval;
        record.interval_steps = whole ? static_cast<std::int64_t>(std::llround(steps)) : 1;
    }
    const auto require_chunks = [&](std::size_t n, const Place& where, std::string_view what) {
        if (n == n_chunks) return;
        fail_at(where,
                fmt::format("{} {}, but the experiment records {}: {}", n, what, n_chunks,
                            fmt::join(problem.chunk_names, "; ")),
                "give one for each recorded stretch from reset to reset, in their order");
    };
    for (std::size_t o = 0; o < data.outputs.size(); ++o) {
        require_chunks(data.outputs[o].values.rows, config.data.outputs[o].name.place, "traces are given");
        record.variables.push_back(data.outputs[o].name);
    }
    if (data.spikes) require_chunks(data.spikes->size(), config.data.spikes->place, "spike trains are given");
    record.spikes = data.spikes.has_value();
    for (std::size_t c = 0; c < n_chunks; ++c) {
        RecordedChunk chunk;
        std::size_t n = 0;
        for (const Series& series : data.outputs) {
            std::size_t own = series.samples(c);
            while (own > 0 && std::isnan(series.values(c, own - 1))) --own;
            n = std::max(n, own);
        }
        for (const Series& series : data.outputs) {
            Array2 values(1, n);
            for (std::size_t k = 0; k < n; ++k) values(0, k) = series.values(c, k);
            chunk.values.push_back(std::move(values));
        }
        chunk.periods.push_back({.first_step = 0, .n_samples = n});
        chunk.end_step = static_cast<std::int64_t>(n) * record.interval_steps;
        if (data.spikes) {
            std::vector<std::int64_t> steps;
            for (const double time : (*data.spikes)[c]) steps.push_back(std::llround(time / record.dt));
            if (!steps.empty()) chunk.end_step = std::max(chunk.end_step, steps.back() + 1);
            chunk.spike_steps.push_back(std::move(steps));
        }
        record.chunks.push_back(std::move(chunk));
    }
    return record;
}

void check_target(const ExperimentProblem& problem) {
    const Config& config = problem.config;
    if (!config.experiment_fit) return;
    if (problem.target_model && problem.target)
        fail_at(config.target->place, "there are recordings in [data] and a target model",
                "a fit reproduces one of them: remove the other");
    if (!problem.target_model && !problem.target)
        fail_at(config.experiment->place, "there is nothing to reproduce",
                "give recordings (`[data.outputs]`, a trace for each phase) or a second model (`[target.model]`)");
    if (!problem.target) return;
    for (const ExperimentLossConfig& loss : config.experiment_fit->losses) {
        const std::string& name = loss.variable.name;
        if (name.empty() ? problem.target->spikes
                         : std::ranges::find(problem.target->variables, name) != problem.target->variables.end())
            continue;
        fail_at(name.empty() ? loss.place : loss.variable.place,
                name.empty() ? std::string("this loss compares spikes, but [data] has none")
                             : fmt::format("this loss compares `{}`, of which [data] has no recording", name),
                name.empty() ? "name them: `spikes = \"spikes.csv\"` in [data]"
                             : fmt::format("name it in [data.outputs]: `{} = \"{}.csv\"`", name, name));
    }
}

std::string option_text(const TomlValue& value) {
    using Kind = TomlValue::Kind;
    switch (value.kind) {
        case Kind::boolean:
            return value.boolean ? "true" : "false";
        case Kind::integer:
            return fmt::format("{}", value.integer);
        case Kind::real:
            return fmt::format("{}", value.real);
        default:
            return value.text;
    }
}

// Unknown methods and options are shown where they are written.
void check_optimizer(const ExperimentFitConfig& fit) {
    if (fit.method && fit.method->name == "sbi") {
        if (fit.polish_evaluations > 0)
            fail_at(fit.polish_place, "`sbi` looks for a posterior: there is no minimum to polish",
                    "leave `polish_evaluations` out");
        for (const auto& [name, value] : fit.options) {
            if (name.name != "n_rounds" && name.name != "n_samples")
                fail_at(name.place, fmt::format("`sbi` has no option `{}`", name.name),
                        "its options: n_rounds, n_samples");
            if (value.kind != TomlValue::Kind::integer || value.integer < 1 || value.integer > 10'000'000)
                fail_at(value.place, fmt::format("`{}` must be a positive integer", name.name));
        }
        return;
    }
    const std::string method = fit.method ? fit.method->name : OptNeuronRunOptions{}.method;
    located(fit.method ? fit.method->place : fit.place, [&] { return opt_neuron_method(method); });
    for (const auto& [name, value] : fit.options)
        located(name.place, [&] { return opt_neuron_method(method, {{name.name, option_text(value)}}); });
}

// Wrong expressions, circles and guesses are shown where they are written.
void check_variables(const ExperimentFitConfig& fit, const OptNeuronOptions& options) {
    std::vector<NamedText> texts;
    for (const VariableConfig& given : fit.variables) {
        if (given.expression) texts.push_back({fmt::format("expression of {}", given.name.name), &*given.expression});
    }
    located(fit.parameters_place, [&] {
        with_positions_in(texts, [&] { (void)OptVariables(options.variables, options.allow_outside_bounds); });
    });
}

}  // namespace

ExperimentProblem load_experiment(Config config) {
    ExperimentProblem problem;
    Problem plain = load_problem(std::move(config));
    problem.config = std::move(plain.config);
    problem.model = std::move(plain.model);
    problem.warnings = std::move(plain.warnings);
    if (problem.config.target) {
        std::vector<std::string> warnings;
        problem.target_model = load_model(*problem.config.target, {}, warnings);
        for (const std::string& warning : warnings) problem.warnings.push_back("target model: " + warning);
    }
    problem.protocol = protocol_of(problem);
    problem.chunk_names = chunk_names_of(*problem.config.experiment);
    problem.record = recorded_names(problem);
    problem.target = recorded_target(problem, plain.data);
    check_target(problem);
    return problem;
}

SimulationOptions simulation_options(const ExperimentProblem& problem) {
    const Config& config = problem.config;
    SimulationOptions options;
    options.dt = config.model.dt.quantity.value;
    options.method = config.model.method;
    options.record = problem.record;
    if (config.experiment->recording_interval)
        options.recording_interval = config.experiment->recording_interval->quantity.value;
    options.seed = config.run.seed;
    options.threads = config.run.threads;
    options.kernel = kernel_options(config.run);
    return options;
}

SimulationRecord simulate_experiment(const ExperimentProblem& problem, std::vector<std::string>& warnings,
                                     const std::atomic<bool>* cancelled) {
    const Config& config = problem.config;
    SimulationOptions options = simulation_options(problem);
    options.cancelled = cancelled;
    std::vector<std::string> missing = names_of(open_parameters(problem.model));
    Simulation simulation = located(config.model.place, [&] { return Simulation(problem.model, options); });
    if (config.simulate) {
        for (const auto& [name, value] : config.simulate->parameters) {
            const auto variable = problem.model.find(name.name);
            if (!variable) unknown_name(name, problem.model.variable_names(), "the model has no `{}`");
            require_dimension_of(value, variable->dimension, name.name);
            located(name.place, [&] { simulation.set(name.name, value.quantity.value); });
            std::erase(missing, name.name);
        }
    }
    if (!missing.empty())
        fail_at(config.model.place,
                fmt::format("the parameter{} {} {} no value", missing.size() > 1 ? "s" : "", fmt::join(missing, ", "),
                            missing.size() > 1 ? "have" : "has"),
                "give them in [simulate]: `parameters = {...}`");
    simulation.store();
    SimulationRecord record =
        located(config.experiment->place, [&] { return make_experiment(problem.protocol)(simulation); });
    if (const auto& divergence = simulation.divergences().front())
        warnings.push_back(fmt::format("the state `{}` became NaN or infinite", divergence->state));
    return record;
}

std::optional<SimulationRecord> simulate_target(const ExperimentProblem& problem, const std::atomic<bool>* cancelled) {
    if (!problem.target_model) return problem.target;
    SimulationOptions options = simulation_options(problem);
    options.method = problem.config.target->method;
    options.cancelled = cancelled;
    return located(problem.config.target->place, [&] {
        Simulation simulation(*problem.target_model, options);
        simulation.store();
        return make_experiment(problem.protocol)(simulation);
    });
}

OptNeuronOptions opt_neuron_options(const ExperimentProblem& problem) {
    const Config& config = problem.config;
    if (!config.experiment_fit)
        fail_at(config.experiment->place, "the file has no section [fit]",
                "a fit needs at least `parameters` and `loss`");
    const ExperimentFitConfig& fit = *config.experiment_fit;
    const SimulationOptions simulation = simulation_options(problem);
    OptNeuronOptions options;
    options.model = problem.model;
    for (const VariableConfig& given : fit.variables) {
        const auto known = problem.model.find(given.name.name);
        const auto value = [&](const ConfigQuantity& quantity) {
            if (known) require_dimension_of(quantity, known->dimension, given.name.name);
            return quantity.quantity.value;
        };
        OptVariable variable{.name = given.name.name};
        if (given.bounds) variable.bounds = std::pair{value(given.bounds->first), value(given.bounds->second)};
        if (given.guess) variable.guess = std::pair{value(given.guess->first), value(given.guess->second)};
        if (given.value) variable.value = value(*given.value);
        if (given.expression) variable.expression = given.expression->text;
        variable.scale = given.logarithmic ? Scale::logarithmic : Scale::linear;
        variable.integer = given.integer;
        options.variables.push_back(std::move(variable));
    }
    options.experiment = make_experiment(problem.protocol);
    options.loss = experiment_loss(problem);
    options.loss_weights = loss_weights(problem);
    // The library integrates both models by one method.
    const bool own_method = config.target && config.target->method != config.model.method;
    if (own_method && fit.target_repetitions > 1)
        fail_at(config.target->place, "a target model that is repeated is integrated like the other model",
                "give both the same `method`");
    if (own_method) {
        options.target = simulate_target(problem);
    } else {
        options.target = problem.target;
        options.target_model = problem.target_model;
    }
    options.time_step = simulation.dt;
    options.method = simulation.method;
    options.record = problem.record;
    options.recording_interval = simulation.recording_interval;
    options.repetitions = fit.repetitions;
    options.target_repetitions = fit.target_repetitions;
    options.noise = fit.common_noise ? NoiseStreams::common : NoiseStreams::independent;
    options.allow_outside_bounds = fit.allow_outside_bounds;
    check_variables(fit, options);
    options.seed = config.run.seed;
    options.threads = config.run.threads;
    options.kernel = simulation.kernel;
    return options;
}

OptNeuronRunOptions opt_neuron_run_options(const ExperimentProblem& problem) {
    const ExperimentFitConfig& fit = *problem.config.experiment_fit;
    OptNeuronRunOptions options;
    options.max_evaluations = fit.n_evaluations;
    if (fit.method) options.method = fit.method->name;
    check_optimizer(fit);
    for (const auto& [name, value] : fit.options) options.optimizer_options[name.name] = option_text(value);
    options.population = fit.population;
    options.stop_at_loss = fit.stop_at_loss;
    options.polish_evaluations = fit.polish_evaluations;
    options.checkpoint_seconds = fit.checkpoint_seconds;
    return options;
}

}  // namespace spikesmith
