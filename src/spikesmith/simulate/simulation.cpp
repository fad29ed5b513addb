#include "spikesmith/simulate/simulation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/philox.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/simulate/experiment_model.hpp"
#include "spikesmith/simulate/experiment_values.hpp"
#include "spikesmith/simulate/lane_blocks.hpp"
#include "spikesmith/simulate/recorder.hpp"

namespace spikesmith {
namespace {

constexpr double whole_tolerance = 1e-6;  // steps
// Operations that one thread does sooner than others can be told of them.
constexpr std::size_t small_run = 200'000;
constexpr std::int64_t most_steps = std::numeric_limits<std::int32_t>::max();  // kernels count spikes' steps so

std::int64_t whole_steps(double seconds, double dt) {
    const double steps = seconds / dt, nearest = std::round(steps);
    return static_cast<std::int64_t>(std::fabs(steps - nearest) <= whole_tolerance ? nearest : std::ceil(steps));
}

// The seed of the noise between two resets.
std::uint64_t noise_seed(std::uint64_t seed, std::uint64_t repetition, std::uint64_t resets) {
    if (repetition == 0 && resets == 0) return seed;
    using Scalar = math::ScalarOperations<double>;
    const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
    const auto high = [](std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); };
    const auto words =
        math::philox(Scalar(), {low(repetition), high(repetition), low(resets), high(resets)}, {low(seed), high(seed)});
    return (std::uint64_t{words[0]} << 32) | words[1];
}

// The program with some names driven and some clamped, and its kernels by what they record.
struct Variant {
    UpdateProgram program;
    std::vector<std::size_t> state_variables;      // of each program state; npos for the clamp currents
    std::vector<std::size_t> parameter_variables;  // of each program parameter
    std::vector<RecordedColumn> columns;           // of each recorded variable
    std::array<std::optional<Kernel>, 4> kernels;
};
constexpr auto npos = ExperimentValues::npos;
using Kind = ExperimentVariable::Kind;

template <class Real>
struct Workspace {
    AlignedVector<Real> states, parameters, outputs;
    AlignedVector<std::int32_t> spike_steps, spike_counts;
};

}  // namespace

struct Simulation::Implementation {
    Model original;
    Model model;                           // inputs are parameters
    std::vector<std::string> input_names;  // of the original
    SimulationOptions options;
    bool after_step = false;
    bool record_spikes = false;
    std::string method;  // of the original model
    oneapi::tbb::task_arena arena;
    std::map<DrivenNames, Variant> variants;
    double compile_seconds = 0;

    ExperimentValues values;
    std::uint64_t evaluation = 0, repetition = 0, resets = 0;
    NoiseStreams streams = NoiseStreams::independent;
    std::int64_t step = 0;
    std::size_t chunk = 0;
    std::vector<std::optional<Divergence>> divergences;  // per candidate
    Recorder recorder;

    Implementation(const Model& given, SimulationOptions given_options)
        : original(given),
          model(with_inputs_as_parameters(given)),
          options(checked(std::move(given_options))),
          values(model, options.dt, options.n_candidates) {
        prepare_recording();
        for (const Input& input : original.inputs) input_names.push_back(input.name);
        initialise_arena(arena, options.threads);
        divergences.resize(options.n_candidates);
        method = integrate(original_with_values(), {.method = options.method, .dt = options.dt}).method;
        values.add_hidden(make_variant({}).program);
    }

    // ---- construction ----

    static SimulationOptions checked(SimulationOptions options) {
        if (options.n_candidates == 0) throw ConfigError("a simulation of no candidates", "give at least 1");
        if (!(options.dt > 0) || !std::isfinite(options.dt))
            throw ConfigError(fmt::format("dt must be a positive time, not {} s", options.dt));
        return options;
    }

    void prepare_recording() {
        after_step = options.sample_time == SampleTime::after_step ||
                     (options.sample_time == SampleTime::automatic && !model.updates.empty());
        std::int64_t interval = 1;
        if (options.recording_interval != 0) {
            const double steps = options.recording_interval / options.dt;
            if (!(steps > 0.5) || !(steps < 1e15) || std::fabs(steps - std::round(steps)) > whole_tolerance) {
                throw ConfigError(fmt::format("the recording interval of {} s is no multiple of dt = {} s",
                                              options.recording_interval, options.dt));
            }
            interval = static_cast<std::int64_t>(std::round(steps));
        }
        std::vector<std::string> names;
        for (const auto& name : options.record) {
            if (name == "spike") {
                if (!model.threshold) throw ModelError("`spike` cannot be recorded: the model has no threshold");
                record_spikes = true;
                continue;
            }
            if (std::ranges::find(names, name) != names.end()) continue;
            check_recorded(name);
            names.push_back(name);
        }
        recorder = Recorder(names, record_spikes, options.n_candidates, interval);
    }

    void check_recorded(const std::string& name) const {
        if (clamped_state_of(model, name)) {
            if (after_step && model.updates.empty()) {
                throw ModelError(fmt::format("`{}` cannot be recorded after the step", name),
                                 "sample before the step, as models without ordered equations do by default");
            }
            return;
        }
        const auto found = model.find(name);
        if (!found && name != "not_refractory" && name != "lastspike") {
            auto names = model.variable_names();
            if (model.threshold) names.emplace_back("spike");
            const auto hint = did_you_mean(name, names);
            throw ModelError(fmt::format("`{}` cannot be recorded: it is not a variable of the model", name),
                             hint.empty() ? fmt::format("there are {}", fmt::join(names, ", ")) : hint);
        }
        const bool stepwise = !found || found->kind == Model::Variable::Kind::subexpression;
        if (after_step && stepwise) {
            throw ModelError(
                fmt::format("`{}` cannot be recorded after the step: it is computed at the beginning of a step", name),
                "record the variables that it is computed from, or sample before the step");
        }
    }

    // For the choice of a method: all parameters in the array.
    [[nodiscard]] Model original_with_values() const {
        Model out = original;
        std::erase_if(out.initial_values, [&](const InitialValue& v) {
            return model.find(v.name)->kind == Model::Variable::Kind::parameter;
        });
        return out;
    }

    // ---- programs ----

    Variant& variant(const DrivenNames& names) {
        if (const auto found = variants.find(names); found != variants.end()) return found->second;
        Variant made = make_variant(names);
        return variants.emplace(names, std::move(made)).first->second;
    }

    Variant make_variant(const DrivenNames& names) {
        Model driven = with_driven(model, names);
        for (const auto& [state, current] : names.clamped) {
            const std::string name = state + "_clamp_current";
            if (std::ranges::find(recorder.names(), name) == recorder.names().end()) continue;
            const Expression value = clamp_current(model, state, current, input_names);
            if (after_step) {
                driven.states.push_back({.name = name, .dimension = {}, .derivative = {}, .text = {}});
                driven.updates.push_back({.state = driven.states.size() - 1,
                                          .value = value,
                                          .block = driven.updates.empty() ? 0 : driven.updates.back().block + 1});
            } else {
                // at the clamped voltage, not as assignments of the step before left it
                const Expression now = substitute(model.inlined(value), assigned_values(model, state));
                driven.subexpressions.push_back({.name = name, .dimension = {}, .value = now, .text = {}});
            }
        }
        Variant out;
        std::vector<std::string> outputs;
        for (const auto& name : recorder.names()) {
            if (driven.find(name) || name == "not_refractory" || name == "lastspike") outputs.push_back(name);
        }
        IntegrationOptions integration{
            .method = method, .dt = options.dt, .outputs = outputs, .parameters = driven.parameter_names()};
        if (driven.updates.empty() && !model.updates.empty())
            integration.method = "euler";  // all its equations are clamped
        try {
            out.program = integrate(driven, integration);
        } catch (const NumericalError&) {
            if (!options.method.empty()) throw;
            integration.method.clear();
            out.program = integrate(driven, integration);
        }
        make_alone(out.program.step);
        for (const ProgramState& state : out.program.states) out.state_variables.push_back(values.index_of(state.name));
        for (const auto& name : out.program.parameters) out.parameter_variables.push_back(values.index_of(name));
        for (const auto& name : recorder.names()) {
            RecordedColumn column;
            if (const auto output = out.program.find_output(name)) column.output = *output;
            if (const auto state = out.program.find_state(name); state && after_step) column.state = *state;
            out.columns.push_back(column);
        }
        return out;
    }

    const Kernel& kernel(Variant& of, bool outputs, bool spikes) {
        auto& slot = of.kernels[(outputs ? 1U : 0U) + (spikes ? 2U : 0U)];
        if (!slot) {
            KernelOptions kernel_options = options.kernel;
            kernel_options.record_outputs = outputs;
            kernel_options.record_spikes = spikes;
            slot = Kernel::compile(of.program, kernel_options);
            compile_seconds += slot->compile_seconds();
        }
        return *slot;
    }

    // ---- values ----

    [[nodiscard]] LaneContext lane(std::size_t candidate) const {
        LaneContext context;
        context.seed = noise_seed(options.seed, repetition, 0);
        if (streams == NoiseStreams::independent)
            context.random_sample = static_cast<std::uint32_t>(evaluation + candidate);
        return context;
    }

    void follow() {
        values.follow([this](std::size_t candidate) { return lane(candidate); });
    }

    void reset(const ResetOptions& what) {
        recorder.end_chunk(step, parameters_now());
        if (what.model) {
            follow();  // parameters that keep their values must have them
            ++resets;
            if (what.populations) {
                values.return_to_start(what.parameters);
            } else {
                values.start();
                values.move_clock_back(step);
            }
            step = 0;
        }
        ++chunk;
        recorder.begin_chunk(step);
    }

    // ---- running ----

    std::map<std::string, std::vector<double>> parameters_now() const {
        return recorder.has_steps(step) ? values.parameters() : std::map<std::string, std::vector<double>>{};
    }

    void need_values(const DrivenNames& names) const {
        const std::vector<std::string> missing = values.missing(names.driven);
        if (missing.empty()) return;
        throw NumericalError(fmt::format("{} without a value: {}", missing.size() == 1 ? "a parameter" : "parameters",
                                         fmt::join(missing, ", ")),
                             "set it before the first run; after a reset it has its value again if it was stored");
    }

    DrivenNames driven_names(const RunDrive& drive) {
        DrivenNames names;
        for (const auto& [name, wave] : drive.drive) {
            if (values.visible(name).kind != Kind::parameter) {
                throw ConfigError(fmt::format("`{}` is a state: only parameters and inputs can be driven", name),
                                  "clamp it, or drive a parameter of its equation");
            }
            names.driven.insert(name);
        }
        const auto clamp = [&](const std::string& name) {
            if (values.visible(name).kind != Kind::state) {
                throw ConfigError(fmt::format("`{}` is no state: only states can be clamped", name),
                                  "drive a parameter or an input");
            }
            const auto current = drive.clamp_currents.find(name);
            names.clamped[name] = current == drive.clamp_currents.end() ? "" : values.visible(current->second).name;
        };
        for (const auto& [name, wave] : drive.clamp) clamp(name);
        for (const auto& name : drive.hold) {
            if (drive.clamp.contains(name))
                throw ConfigError(fmt::format("`{}` cannot be held and follow a waveform at once", name));
            clamp(name);
            names.held.insert(name);
        }
        for (const auto& [name, current] : drive.clamp_currents) {
            if (!names.clamped.contains(name))
                throw ConfigError(fmt::format("a clamp current of `{}`, which is not clamped", name));
        }
        return names;
    }

    // The value in each step of what the program reads in time.
    std::map<std::string, std::vector<double>> time_series(const RunDrive& drive, std::int64_t n_steps,
                                                           std::map<std::string, double>& last_values) const {
        std::map<std::string, std::vector<double>> series;
        const auto add = [&](const std::string& name, const Waveform& wave) {
            try {
                series[name] = sample(wave, static_cast<std::size_t>(n_steps), options.dt);
            } catch (const ConfigError& error) {
                throw ConfigError(fmt::format("the waveform of `{}`: {}", name, error.diagnostic().message),
                                  error.diagnostic().hint);
            }
        };
        for (const auto& [name, wave] : drive.drive) add(name, wave);
        for (const auto& [name, wave] : drive.clamp) {
            add(name, wave);
            last_values[name] = series[name].back();
        }
        return series;
    }

    void run(double seconds, const RunDrive& drive) {
        if (!std::isfinite(seconds) || seconds < 0)
            throw ConfigError(fmt::format("a run of {} s", seconds), "give a duration that is not negative");
        if (seconds / options.dt > static_cast<double>(most_steps) - static_cast<double>(step)) {
            throw ConfigError(fmt::format("a run of {} s has too many steps of {} s", seconds, options.dt),
                              fmt::format("between two resets there are at most {}", most_steps));
        }
        const std::int64_t n_steps = whole_steps(seconds, options.dt);
        const DrivenNames names = driven_names(drive);
        follow();
        need_values(names);
        throw_if_cancelled(options.cancelled);
        Variant& chosen = variant(names);
        if (n_steps == 0) return values.start();
        std::map<std::string, double> clamped_at;
        const std::map<std::string, std::vector<double>> series = time_series(drive, n_steps, clamped_at);
        std::vector<const double*> time_inputs;
        for (const TimeInput& input : chosen.program.time_inputs) time_inputs.push_back(series.at(input.name).data());
        const bool outputs = recorder.recording() && !recorder.names().empty();
        const bool spikes = recorder.recording() && record_spikes;
        const Kernel& code = kernel(chosen, outputs && !chosen.program.outputs.empty(), spikes);
        values.start();
        const auto infinite = infinite_states();
        recorder.begin_run(step, n_steps);
        try {
            if (options.kernel.precision == Precision::single_precision) {
                run_blocks<float>(chosen, code, time_inputs, n_steps);
            } else {
                run_blocks<double>(chosen, code, time_inputs, n_steps);
            }
        } catch (...) {
            recorder.undo_run();
            throw;
        }
        recorder.end_run();
        step += n_steps;
        for (const auto& [name, value] : clamped_at) std::ranges::fill(values.visible(name).values, value);
        note_divergences(infinite);
    }

    // States of candidates that are infinite on purpose.
    [[nodiscard]] std::set<std::pair<std::string, std::size_t>> infinite_states() {
        std::set<std::pair<std::string, std::size_t>> found;
        for (const State& state : model.states) {
            const std::vector<double>& now = values.visible(state.name).values;
            for (std::size_t c = 0; c < now.size(); ++c) {
                if (std::isinf(now[c])) found.emplace(state.name, c);
            }
        }
        return found;
    }

    void note_divergences(const std::set<std::pair<std::string, std::size_t>>& infinite_before) {
        for (const State& state : model.states) {
            const std::vector<double>& now = values.visible(state.name).values;
            for (std::size_t c = 0; c < now.size(); ++c) {
                if (std::isfinite(now[c]) || divergences[c]) continue;
                if (std::isnan(now[c]) || !infinite_before.contains({state.name, c}))
                    divergences[c] = Divergence{.state = state.name, .chunk = chunk};
            }
        }
    }

    template <class Real>
    void run_blocks(const Variant& chosen, const Kernel& code, const std::vector<const double*>& time_inputs,
                    std::int64_t n_steps) {
        const LaneBlocks blocks = cut_into_blocks(options.n_candidates, 1, static_cast<std::size_t>(code.lanes()),
                                                  static_cast<std::size_t>(arena.max_concurrency()));
        oneapi::tbb::enumerable_thread_specific<Workspace<Real>> workspaces;
        const auto one = [&](std::size_t block) {
            run_block<Real>(chosen, code, time_inputs, n_steps, blocks, block, workspaces.local());
        };
        const std::size_t operations =
            chosen.program.step.size() * options.n_candidates * static_cast<std::size_t>(n_steps);
        if (blocks.n_blocks == 1 || operations < small_run) {
            for (std::size_t b = 0; b < blocks.n_blocks; ++b) one(b);
            return;
        }
        arena.execute([&] {
            oneapi::tbb::parallel_for(
                oneapi::tbb::blocked_range<std::size_t>(0, blocks.n_blocks, 1),
                [&](const auto& range) {
                    for (std::size_t b = range.begin(); b != range.end(); ++b) one(b);
                },
                oneapi::tbb::simple_partitioner());
        });
    }

    // One block of candidates over all steps; lanes beyond the last candidate repeat it.
    template <class Real>
    void run_block(const Variant& chosen, const Kernel& code, const std::vector<const double*>& time_inputs,
                   std::int64_t n_steps, const LaneBlocks& blocks, std::size_t block, Workspace<Real>& work) {
        const UpdateProgram& program = chosen.program;
        const std::size_t lanes = blocks.lanes, first = block * lanes;
        const std::size_t used = std::min(lanes, options.n_candidates - first);
        const auto load = [&](AlignedVector<Real>& to, const std::vector<std::size_t>& from) {
            to.resize(from.size() * lanes);
            for (std::size_t v = 0; v < from.size(); ++v) {
                for (std::size_t l = 0; l < lanes; ++l) {
                    to[v * lanes + l] = from[v] == npos
                                            ? Real(0)
                                            : static_cast<Real>(values[from[v]].values[first + std::min(l, used - 1)]);
                }
            }
        };
        load(work.states, chosen.state_variables);
        load(work.parameters, chosen.parameter_variables);

        const bool outputs = code.options().record_outputs, spikes = code.options().record_spikes;
        const std::size_t n_outputs = program.outputs.size();
        std::size_t chunk_steps = std::min(steps_per_chunk(program, lanes), static_cast<std::size_t>(n_steps));
        if (outputs || spikes) {
            const std::size_t bytes = lanes * ((outputs ? n_outputs * sizeof(Real) : 0) + sizeof(std::int32_t));
            chunk_steps = std::clamp<std::size_t>(recording_bytes / bytes, 1, chunk_steps);
        }
        if (outputs) work.outputs.resize(chunk_steps * n_outputs * lanes);
        if (spikes) {
            work.spike_steps.resize(chunk_steps * lanes);
            work.spike_counts.resize(lanes);
        }
        KernelArguments arguments;
        arguments.lanes = static_cast<std::int64_t>(lanes);
        arguments.states = work.states.data();
        arguments.parameters = work.parameters.data();
        arguments.time_inputs = time_inputs.data();
        arguments.first_time_row = step;
        arguments.outputs = work.outputs.data();
        arguments.spike_steps = work.spike_steps.data();
        arguments.spike_counts = work.spike_counts.data();
        arguments.spike_capacity = static_cast<std::int64_t>(chunk_steps);
        arguments.seed = noise_seed(options.seed, repetition, resets);
        const bool independent = streams == NoiseStreams::independent;
        arguments.random_sample = independent ? static_cast<std::int64_t>(evaluation + first) : 0;
        arguments.random_stride = independent ? 1 : 0;

        const std::int64_t end = step + n_steps;
        for (std::int64_t from = step; from < end; from = arguments.last_step) {
            throw_if_cancelled(options.cancelled);
            arguments.first_step = from;
            arguments.last_step = std::min(end, from + static_cast<std::int64_t>(chunk_steps));
            if (spikes) std::ranges::fill(work.spike_counts, 0);
            code.run(arguments);
            const RecordedBlock<Real> recorded{.first_step = from,
                                               .last_step = arguments.last_step,
                                               .first_candidate = first,
                                               .n_candidates = used,
                                               .lanes = lanes,
                                               .n_outputs = n_outputs,
                                               .outputs = work.outputs.data(),
                                               .states = work.states.data(),
                                               .spike_steps = work.spike_steps.data(),
                                               .spike_counts = work.spike_counts.data(),
                                               .spike_capacity = chunk_steps};
            if (recorder.recording()) recorder.take(recorded, chosen.columns, spikes);
        }
        for (std::size_t s = 0; s < chosen.state_variables.size(); ++s) {
            if (chosen.state_variables[s] == npos) continue;
            auto& to = values[chosen.state_variables[s]].values;
            for (std::size_t l = 0; l < used; ++l) to[first + l] = work.states[s * lanes + l];
        }
    }
};

Simulation::Simulation(const Model& model, SimulationOptions options)
    : implementation_(std::make_unique<Implementation>(model, std::move(options))) {}
Simulation::~Simulation() = default;
Simulation::Simulation(Simulation&&) noexcept = default;
Simulation& Simulation::operator=(Simulation&&) noexcept = default;

void Simulation::run(double seconds, const RunDrive& drive) {
    implementation_->run(seconds, drive);
}

void Simulation::set(std::string_view name, double value) {
    implementation_->values.set(name, std::span(&value, 1));
}
void Simulation::set(std::string_view name, std::span<const double> values) {
    implementation_->values.set(name, values);
}
std::vector<double> Simulation::get(std::string_view name) const {
    implementation_->follow();
    return implementation_->values.visible(name).values;
}
bool Simulation::has(std::string_view name) const {
    return implementation_->values.is_visible(name);
}

void Simulation::store() {
    implementation_->follow();
    implementation_->values.store();
}
void Simulation::reset(const ResetOptions& what) {
    implementation_->reset(what);
}

void Simulation::restart(std::uint64_t evaluation, std::uint64_t repetition, NoiseStreams streams) {
    Implementation& self = *implementation_;
    if (evaluation > std::numeric_limits<std::uint32_t>::max() - self.options.n_candidates) {
        throw ConfigError(fmt::format("evaluation {} is beyond what random numbers are numbered by", evaluation),
                          "take another seed and begin at 0");
    }
    self.evaluation = evaluation;
    self.repetition = repetition;
    self.streams = streams;
    self.resets = 0;
    self.step = 0;
    self.chunk = 0;
    self.divergences.assign(self.options.n_candidates, std::nullopt);
    self.recorder.clear();
    self.values.forget();
    data.clear();
}

void Simulation::start_recording() {
    implementation_->recorder.start(implementation_->step);
}
void Simulation::pause_recording() {
    implementation_->recorder.pause(implementation_->step);
}
bool Simulation::recording() const {
    return implementation_->recorder.recording();
}

SimulationRecord Simulation::results() {
    Implementation& self = *implementation_;
    SimulationRecord record = self.recorder.finish(self.step, self.parameters_now());
    record.dt = self.options.dt;
    record.data = data;
    return record;
}

const std::vector<std::optional<Divergence>>& Simulation::divergences() const {
    return implementation_->divergences;
}

std::size_t Simulation::size() const {
    return implementation_->options.n_candidates;
}
double Simulation::time() const {
    return static_cast<double>(implementation_->step) * implementation_->options.dt;
}
std::int64_t Simulation::step() const {
    return implementation_->step;
}
double Simulation::dt() const {
    return implementation_->options.dt;
}
const Model& Simulation::model() const {
    return implementation_->original;
}
const SimulationOptions& Simulation::options() const {
    return implementation_->options;
}
double Simulation::compile_seconds() const {
    return implementation_->compile_seconds;
}
const UpdateProgram& Simulation::program() const {
    return implementation_->variant({}).program;
}

}  // namespace spikesmith
