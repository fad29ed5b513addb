#include "spikesmith/simulate/ensemble.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/simulate/lane_blocks.hpp"
#include "spikesmith/simulate/shared_beginning.hpp"
#include "spikesmith/simulate/time_table.hpp"

namespace spikesmith {
namespace {

// A shared beginning is worth its while from this share of all steps on that it saves.
constexpr double least_saving = 0.02;
// A kernel of its own takes about as long to compile as so many operations of a lane: that is done once it would have saved as many. To
// read it from the disk takes as long as 6e7, but where it lies there were many runs before, and will be.
constexpr double compile_operations = 1e9;
constexpr double read_operations = 1e7;
constexpr std::size_t most_instructions =
    2000;  // of its program: compilers take more than twice as long for twice as many

// How a run is cut: blocks of lanes, chunks of steps. Results do not depend on it.
struct Plan {
    std::size_t lanes = 0;  // per block, a multiple of the kernel's
    std::size_t blocks_per_trace = 0;
    std::size_t chunk_steps = 0;
};

struct WhatToRecord {
    bool outputs = false;
    bool spikes = false;
};

Plan make_plan(const UpdateProgram& program, std::size_t n_samples, const EnsembleData& data, std::size_t kernel_lanes,
               std::size_t asked_lanes, std::size_t threads, WhatToRecord record) {
    const std::size_t bytes_per_lane = data.n_steps * ((record.outputs ? program.outputs.size() * sizeof(double) : 0) +
                                                       (record.spikes ? sizeof(std::int32_t) : 0));
    const LaneBlocks blocks =
        cut_into_blocks(n_samples, data.n_traces, kernel_lanes, threads, asked_lanes, bytes_per_lane);
    return {.lanes = blocks.lanes,
            .blocks_per_trace = blocks.n_blocks,
            .chunk_steps = std::min(steps_per_chunk(program, blocks.lanes), data.n_steps)};
}

// What a thread needs for one block; kept from block to block.
template <class Real>
struct Workspace {
    AlignedVector<Real> states;                     // n_states x lanes
    AlignedVector<Real> parameters;                 // n_parameters x lanes
    AlignedVector<Real> outputs;                    // n_steps x n_outputs x lanes
    AlignedVector<std::int32_t> chunk_spikes;       // lanes x chunk steps
    AlignedVector<std::int32_t> chunk_counts;       // lanes
    std::vector<std::vector<std::int32_t>> spikes;  // per lane
    std::vector<double> lane_parameters;
    TimeTable::Window time_inputs;
};

// One call of Ensemble::run: everything that the blocks share and only read, and the results, which they write to
// disjoint places.
struct Run {
    const UpdateProgram& program;
    const EnsembleData& data;
    const TimeTable& time_table;
    const Kernel& kernel;
    const Array2& parameters;
    const RunRequest& request;
    WhatToRecord record;
    std::uint64_t seed = 0;
    bool initial_values_vary = false;
    std::span<const std::string> output_names;
    Plan plan;
    struct Beginning {
        const SharedBeginning* shared;
        const Kernel* kernel;
    };
    std::vector<Beginning> beginnings;     // that are used
    std::vector<std::size_t> lone_traces;  // that have part in none of them
    RunResult result;
    std::atomic<std::size_t> non_finite = 0;

    // One block under one trace.
    template <class Real>
    void block(std::size_t number, std::size_t trace, Workspace<Real>& work);
    // The same in two parts: what traces share, and how one of them goes on.
    template <class Real>
    void begin(std::size_t number, const Beginning& beginning, Workspace<Real>& shared) const;
    template <class Real>
    void go_on(std::size_t number, const SharedBeginning& beginning, std::size_t trace_number,
               const Workspace<Real>& shared, Workspace<Real>& work);

  private:
    struct Place {
        std::size_t first_sample, n_samples, trace;
        std::size_t lanes;  // those of the samples, rounded up to the kernel's: the last block of a trace has fewer
    };
    [[nodiscard]] Place place_of(std::size_t number, std::size_t trace) const;
    template <class Real>
    void load(const Place& place, Workspace<Real>& work) const;
    template <class Real>
    void make_room(const Place& place, std::size_t n_steps, Workspace<Real>& work) const;
    // `inputs(first, n_steps)`: KernelArguments::time_inputs of these steps.
    template <class Real, class Inputs>
    void advance(const Place& place, const Kernel& with, std::size_t first_step, std::size_t last_step,
                 const Inputs& inputs, Workspace<Real>& work) const;
    template <class Real>
    void finish(const Place& place, std::size_t first_step, Workspace<Real>& work);
    template <class Real>
    void store(const Place& place, const Workspace<Real>& work);
    template <class Real>
    void observe(const Place& place, const Workspace<Real>& work) const;
};

Run::Place Run::place_of(std::size_t number, std::size_t trace) const {
    const std::size_t first = number * plan.lanes;
    const std::size_t n_samples = std::min(plan.lanes, parameters.rows - first);
    return {first, n_samples, trace, round_up(n_samples, static_cast<std::size_t>(kernel.lanes()))};
}

template <class Real>
void Run::block(std::size_t number, std::size_t trace, Workspace<Real>& work) {
    throw_if_cancelled(request.cancelled);
    const Place place = place_of(number, trace);
    load(place, work);
    make_room(place, data.n_steps, work);
    finish(place, 0, work);
}

template <class Real>
void Run::begin(std::size_t number, const Beginning& beginning, Workspace<Real>& shared) const {
    throw_if_cancelled(request.cancelled);
    const SharedBeginning& common = *beginning.shared;
    const Place place = place_of(number, common.traces.front());
    load(place, shared);
    make_room(place, common.n_steps, shared);
    if (!common.program_as_given) {
        AlignedVector<Real> states(common.program.states.size() * place.lanes);
        for (const std::vector<std::int32_t>& of_trace : common.states) {
            for (std::size_t s = 0; s < of_trace.size(); ++s)
                std::copy_n(shared.states.data() + s * place.lanes, place.lanes,
                            states.data() + static_cast<std::size_t>(of_trace[s]) * place.lanes);
        }
        shared.states = std::move(states);
    }
    std::vector<TimeTable::Window> windows(common.traces.size());
    std::vector<const double*> pointers;
    const auto inputs = [&](std::size_t first, std::size_t n_steps) {
        if (common.program_as_given) return time_table.look(place.trace, first, n_steps, windows[0]);
        for (std::size_t r = 0; r < windows.size(); ++r) time_table.look(common.traces[r], first, n_steps, windows[r]);
        pointers.clear();
        for (const auto& [r, input] : common.inputs) pointers.push_back(windows[r].pointers[input]);
        return static_cast<const double* const*>(pointers.data());
    };
    advance(place, *beginning.kernel, 0, common.n_steps, inputs, shared);
}

template <class Real>
void Run::go_on(std::size_t number, const SharedBeginning& beginning, std::size_t trace_number,
                const Workspace<Real>& shared, Workspace<Real>& work) {
    throw_if_cancelled(request.cancelled);
    const Place place = place_of(number, beginning.traces[trace_number]);
    work.parameters = shared.parameters;
    if (beginning.program_as_given) {
        work.states = shared.states;
    } else {
        const std::vector<std::int32_t>& states = beginning.states[trace_number];
        work.states.resize(states.size() * place.lanes);
        for (std::size_t s = 0; s < states.size(); ++s)
            std::copy_n(shared.states.data() + static_cast<std::size_t>(states[s]) * place.lanes, place.lanes,
                        work.states.data() + s * place.lanes);
    }
    make_room(place, data.n_steps, work);
    if (record.outputs) std::ranges::copy(shared.outputs, work.outputs.begin());
    if (record.spikes) work.spikes = shared.spikes;
    finish(place, beginning.n_steps, work);
}

// The steps from there on, and what follows them.
template <class Real>
void Run::finish(const Place& place, std::size_t first_step, Workspace<Real>& work) {
    const auto inputs = [&](std::size_t first, std::size_t n_steps) {
        return time_table.look(place.trace, first, n_steps, work.time_inputs);
    };
    advance(place, kernel, first_step, data.steps(place.trace), inputs, work);
    store(place, work);
    if (request.observer) observe(place, work);
}

// Parameters and initial states; lanes beyond the last sample repeat it.
template <class Real>
void Run::load(const Place& place, Workspace<Real>& work) const {
    const std::size_t n_states = program.states.size();
    const std::size_t n_parameters = program.parameters.size();
    work.states.resize(n_states * place.lanes);
    work.parameters.resize(n_parameters * place.lanes);
    work.lane_parameters.resize(n_parameters);
    Interpreter interpreter(program);
    const std::vector<double> first_row = time_table.row(place.trace, 0);
    for (std::size_t lane = 0; lane < place.lanes; ++lane) {
        const std::size_t sample = place.first_sample + std::min(lane, place.n_samples - 1);
        for (std::size_t p = 0; p < n_parameters; ++p) {
            work.lane_parameters[p] = parameters(sample, p);
            work.parameters[p * place.lanes + lane] = static_cast<Real>(work.lane_parameters[p]);
        }
        if (lane == 0 || (initial_values_vary && lane < place.n_samples)) {
            LaneContext context;
            context.seed = seed;
            context.random_sample =
                static_cast<std::uint32_t>(request.first_evaluation + (request.same_noise ? 0 : sample));
            context.sample = static_cast<std::uint32_t>(sample);
            context.trace = static_cast<std::uint32_t>(place.trace);
            context.n_samples = static_cast<std::uint32_t>(parameters.rows);
            context.n_traces = static_cast<std::uint32_t>(data.n_traces);
            context.iteration = request.iteration;
            interpreter.start(work.lane_parameters, first_row, context);
        }
        const std::span<const double> initial = interpreter.states();
        for (std::size_t s = 0; s < n_states; ++s) work.states[s * place.lanes + lane] = static_cast<Real>(initial[s]);
    }
}

template <class Real>
void Run::make_room(const Place& place, std::size_t n_steps, Workspace<Real>& work) const {
    if (record.outputs) work.outputs.resize(n_steps * program.outputs.size() * place.lanes);
    if (record.spikes) {
        work.chunk_spikes.resize(place.lanes * plan.chunk_steps);
        work.chunk_counts.resize(place.lanes);
        work.spikes.resize(place.lanes);
        for (auto& spikes : work.spikes) spikes.clear();
    }
}

// Chunk by chunk. A lane spikes at most once per step, so a chunk's spikes always fit.
template <class Real, class Inputs>
void Run::advance(const Place& place, const Kernel& with, std::size_t first_step, std::size_t last_step,
                  const Inputs& inputs, Workspace<Real>& work) const {
    KernelArguments arguments;
    arguments.lanes = static_cast<std::int64_t>(place.lanes);
    arguments.states = work.states.data();
    arguments.parameters = work.parameters.data();
    arguments.spike_steps = work.chunk_spikes.data();
    arguments.spike_counts = work.chunk_counts.data();
    arguments.spike_capacity = static_cast<std::int64_t>(plan.chunk_steps);
    arguments.seed = seed;
    arguments.random_sample =
        static_cast<std::int64_t>(request.first_evaluation + (request.same_noise ? 0 : place.first_sample));
    arguments.random_stride = request.same_noise ? 0 : 1;
    arguments.sample = static_cast<std::int64_t>(place.first_sample);
    arguments.trace = static_cast<std::int64_t>(place.trace);
    arguments.n_samples = static_cast<std::int64_t>(parameters.rows);
    arguments.n_traces = static_cast<std::int64_t>(data.n_traces);
    arguments.iteration = request.iteration;

    for (std::size_t first = first_step; first < last_step; first += plan.chunk_steps) {
        throw_if_cancelled(request.cancelled);
        const std::size_t last = std::min(first + plan.chunk_steps, last_step);
        arguments.first_step = arguments.first_time_row = static_cast<std::int64_t>(first);
        arguments.last_step = static_cast<std::int64_t>(last);
        arguments.time_inputs = inputs(first, last - first);
        if (record.outputs) arguments.outputs = work.outputs.data() + first * program.outputs.size() * place.lanes;
        std::ranges::fill(work.chunk_counts, 0);
        with.run(arguments);
        if (!record.spikes) continue;
        for (std::size_t lane = 0; lane < place.n_samples; ++lane) {
            const std::int32_t* steps = work.chunk_spikes.data() + lane * plan.chunk_steps;
            work.spikes[lane].insert(work.spikes[lane].end(), steps, steps + work.chunk_counts[lane]);
        }
    }
}

// Errors, final states and the count of failures. Hidden states other than errors are no judge: a last spike may be at
// -inf.
template <class Real>
void Run::store(const Place& place, const Workspace<Real>& work) {
    std::size_t failed = 0;
    for (std::size_t lane = 0; lane < place.n_samples; ++lane) {
        const std::size_t sample = place.first_sample + lane;
        bool finite = true;
        for (std::size_t s = 0; s < program.states.size(); ++s) {
            const double value = work.states[s * place.lanes + lane];
            finite = finite && (program.states[s].name.starts_with('@') || std::isfinite(value));
            if (request.final_states) result.final_states[s](sample, place.trace) = value;
        }
        for (std::size_t e = 0; e < program.online_errors.size(); ++e) {
            const double value = work.states[static_cast<std::size_t>(program.online_errors[e]) * place.lanes + lane];
            finite = finite && std::isfinite(value);
            result.online_errors[e](sample, place.trace) = value;
        }
        if (finite) continue;
        ++failed;
        result.diverged[sample * data.n_traces + place.trace] = 1;
    }
    non_finite += failed;
}

template <class Real>
void Run::observe(const Place& place, const Workspace<Real>& work) const {
    BlockView view;
    view.first_sample = place.first_sample;
    view.n_samples = place.n_samples;
    view.trace = place.trace;
    view.n_steps = data.steps(place.trace);
    if (record.outputs) view.outputs = output_names;
    view.copy_output = [&](std::size_t output, std::size_t sample, std::span<double> destination) {
        if (output >= view.outputs.size() || sample >= place.n_samples || destination.size() != view.n_steps) {
            throw std::invalid_argument(
                "BlockView::copy_output: no such output or sample, or a destination of the wrong length");
        }
        const Real* source = work.outputs.data() + output * place.lanes + sample;
        for (std::size_t k = 0; k < view.n_steps; ++k)
            destination[k] = source[k * program.outputs.size() * place.lanes];
    };
    view.spikes = [&](std::size_t sample) -> std::span<const std::int32_t> {
        if (!record.spikes || sample >= place.n_samples) {
            throw std::invalid_argument("BlockView::spikes: no such sample, or spikes were not asked for");
        }
        return work.spikes[sample];
    };
    request.observer(view);
}

}  // namespace

struct Ensemble::Implementation {
    UpdateProgram program;
    EnsembleData data;
    EnsembleOptions options;
    std::optional<TimeTable> time_table;  // of `data`
    std::vector<std::string> output_names;
    bool initial_values_vary = true;
    oneapi::tbb::task_arena arena;
    double compile_seconds = 0;
    using Kernels = std::array<std::optional<Kernel>, 4>;  // by what they record
    Kernels kernels;
    struct Beginning {
        SharedBeginning shared;
        Kernels kernels;
        double operations_not_saved = 0;  // for want of a kernel
        bool looked_on_disk = false;
    };
    std::vector<Beginning> beginnings;

    static std::optional<Kernel>& slot_of(Kernels& made, WhatToRecord record) {
        return made[(record.outputs ? 1U : 0U) + (record.spikes ? 2U : 0U)];
    }
    static KernelOptions recording(WhatToRecord record, KernelOptions kernel_options) {
        kernel_options.record_outputs = record.outputs;
        kernel_options.record_spikes = record.spikes;
        return kernel_options;
    }
    const Kernel& kernel(Kernels& made, const UpdateProgram& of, WhatToRecord record,
                         const KernelOptions& kernel_options) {
        auto& slot = slot_of(made, record);
        if (!slot) {
            slot = Kernel::compile(of, recording(record, kernel_options));
            compile_seconds += slot->compile_seconds();
        }
        return *slot;
    }

    // Shares the beginnings of traces that save more than they cost.
    void share_beginnings(Run& run) {
        std::vector<bool> alone(data.n_traces, true);
        for (Beginning& beginning : beginnings) {
            const SharedBeginning& shared = beginning.shared;
            if (!pays(shared)) continue;
            const Kernel* const its_kernel = shared.program_as_given ? &run.kernel : kernel_if_it_pays(beginning, run);
            if (its_kernel == nullptr) continue;
            run.beginnings.push_back({&shared, its_kernel});
            if (!shared.program_as_given)
                run.plan.chunk_steps = std::min(run.plan.chunk_steps, steps_per_chunk(shared.program, run.plan.lanes));
            for (const std::size_t trace : shared.traces) alone[trace] = false;
        }
        for (std::size_t trace = 0; trace < data.n_traces; ++trace) {
            if (alone[trace]) run.lone_traces.push_back(trace);
        }
    }

    bool pays(const SharedBeginning& shared) const {
        if (options.sharing == SharedBeginnings::always) return true;
        double all_steps = 0;
        for (std::size_t trace = 0; trace < data.n_traces; ++trace) all_steps += static_cast<double>(data.steps(trace));
        return static_cast<double>(shared.saved_steps()) >= least_saving * all_steps;
    }

    // The kernel of the beginning's own program; nothing while it would take longer to get than it has not saved yet.
    const Kernel* kernel_if_it_pays(Beginning& beginning, const Run& run) {
        auto& slot = slot_of(beginning.kernels, run.record);
        // as many lanes together as the other kernel
        const KernelOptions own = recording(run.record, run.kernel.options());
        const UpdateProgram& its_program = beginning.shared.program;
        if (!slot && options.sharing != SharedBeginnings::always) {
            if (its_program.step.size() > most_instructions) return nullptr;
            beginning.operations_not_saved += static_cast<double>(beginning.shared.saved_steps()) *
                                              static_cast<double>(run.parameters.rows) *
                                              static_cast<double>(program.step.size());
            if (beginning.operations_not_saved < read_operations) return nullptr;
            if (!std::exchange(beginning.looked_on_disk, true)) slot = Kernel::compiled_before(its_program, own);
            if (!slot && beginning.operations_not_saved < compile_operations) return nullptr;
        }
        return &kernel(beginning.kernels, its_program, run.record, own);
    }

    template <class Real>
    void blocks(Run& run) {
        oneapi::tbb::enumerable_thread_specific<Workspace<Real>> workspaces, beginnings_of_threads;
        const auto each = [](std::size_t n, const auto& action) {
            oneapi::tbb::parallel_for(
                oneapi::tbb::blocked_range<std::size_t>(0, n, 1),
                [&](const auto& range) {
                    for (std::size_t k = range.begin(); k != range.end(); ++k) action(k);
                },
                oneapi::tbb::simple_partitioner());
        };
        const std::size_t n_beginnings = run.beginnings.size(), n_works = n_beginnings + run.lone_traces.size();
        arena.execute([&] {
            each(run.plan.blocks_per_trace * n_works, [&](std::size_t k) {
                const std::size_t number = k / n_works, which = k % n_works;
                if (which >= n_beginnings)
                    return run.block(number, run.lone_traces[which - n_beginnings], workspaces.local());
                const Run::Beginning& beginning = run.beginnings[which];
                Workspace<Real>& shared = beginnings_of_threads.local();
                run.begin(number, beginning, shared);
                // Isolated, so that a thread that waits does not begin another block in the same workspace.
                oneapi::tbb::this_task_arena::isolate([&] {
                    each(beginning.shared->traces.size(), [&](std::size_t trace_number) {
                        run.go_on(number, *beginning.shared, trace_number, shared, workspaces.local());
                    });
                });
            });
        });
    }
};

Ensemble::Ensemble(UpdateProgram program, EnsembleData data, EnsembleOptions options)
    : implementation_(std::make_unique<Implementation>()) {
    implementation_->program = std::move(program);
    implementation_->data = std::move(data);
    implementation_->options = options;
    implementation_->time_table.emplace(implementation_->program, implementation_->data);
    for (const ProgramOutput& output : implementation_->program.outputs)
        implementation_->output_names.push_back(output.name);
    implementation_->initial_values_vary = initial_values_vary(implementation_->program);
    if (options.sharing != SharedBeginnings::never) {
        for (SharedBeginning& shared : find_shared_beginnings(implementation_->program, implementation_->data,
                                                              implementation_->time_table.value()))
            implementation_->beginnings.push_back({.shared = std::move(shared), .kernels = {}});
    }
    initialise_arena(implementation_->arena, options.threads);
}

Ensemble::~Ensemble() = default;
Ensemble::Ensemble(Ensemble&&) noexcept = default;
Ensemble& Ensemble::operator=(Ensemble&&) noexcept = default;

RunResult Ensemble::run(const Array2& parameters, const RunRequest& request) {
    Implementation& self = *implementation_;
    const std::size_t n_traces = self.data.n_traces;
    if (parameters.columns != self.program.parameters.size() ||
        parameters.values.size() != parameters.rows * parameters.columns) {
        throw DataError(fmt::format("the parameter table has {} columns for {} parameters", parameters.columns,
                                    self.program.parameters.size()),
                        fmt::format("give one row per sample, one column for each of: {}",
                                    fmt::join(self.program.parameters, ", ")));
    }
    if (parameters.rows > std::numeric_limits<std::uint32_t>::max() / n_traces) {
        throw DataError(fmt::format("{} samples x {} traces are too many for one run", parameters.rows, n_traces));
    }
    if (request.spikes && self.program.spike == no_value) {
        throw ConfigError("spikes were asked for, but the model has no threshold", "give the model a threshold");
    }
    throw_if_cancelled(request.cancelled);

    const bool observed = static_cast<bool>(request.observer);
    const WhatToRecord record{request.outputs && observed && !self.program.outputs.empty(), request.spikes && observed};
    const Kernel& kernel = self.kernel(self.kernels, self.program, record, self.options.kernel);
    Run run{.program = self.program,
            .data = self.data,
            .time_table = self.time_table.value(),
            .kernel = kernel,
            .parameters = parameters,
            .request = request,
            .record = record,
            .seed = self.options.seed,
            .initial_values_vary = self.initial_values_vary,
            .output_names = self.output_names,
            .plan = {},
            .beginnings = {},
            .lone_traces = {},
            .result = {}};
    run.result.online_errors.assign(self.program.online_errors.size(), Array2(parameters.rows, n_traces));
    run.result.diverged.assign(parameters.rows * n_traces, 0);
    if (request.final_states)
        run.result.final_states.assign(self.program.states.size(), Array2(parameters.rows, n_traces));
    if (parameters.rows > 0) {
        run.plan = make_plan(self.program, parameters.rows, self.data, static_cast<std::size_t>(kernel.lanes()),
                             self.options.block_lanes, static_cast<std::size_t>(self.arena.max_concurrency()), record);
        self.share_beginnings(run);
        if (self.options.kernel.precision == Precision::single_precision) {
            self.blocks<float>(run);
        } else {
            self.blocks<double>(run);
        }
    }
    run.result.non_finite = run.non_finite;
    return std::move(run.result);
}

const UpdateProgram& Ensemble::program() const {
    return implementation_->program;
}
const EnsembleData& Ensemble::data() const {
    return implementation_->data;
}
const EnsembleOptions& Ensemble::options() const {
    return implementation_->options;
}
std::size_t Ensemble::common_steps() const {
    std::size_t steps = 0;
    for (const auto& beginning : implementation_->beginnings) steps += beginning.shared.saved_steps();
    return steps;
}
double Ensemble::compile_seconds() const {
    return implementation_->compile_seconds;
}

}  // namespace spikesmith
