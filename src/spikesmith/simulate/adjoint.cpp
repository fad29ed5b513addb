#include "spikesmith/simulate/adjoint.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>

#include <fmt/format.h>
#include <oneapi/tbb/cache_aligned_allocator.h>
#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/adjoint.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/simulate/lane_blocks.hpp"
#include "spikesmith/simulate/time_table.hpp"

namespace spikesmith {
namespace {

constexpr std::size_t block_lanes = 32;  // states, adjoints and parameters in the first-level cache
constexpr std::size_t segment_bytes = std::size_t{512} << 10;  // of the states of a segment

using Numbers = std::vector<double, oneapi::tbb::cache_aligned_allocator<double>>;

// The program with all its states as outputs.
UpdateProgram with_recorded_states(UpdateProgram program) {
    program.outputs.clear();
    std::vector<ValueId> sources(program.states.size(), no_value);
    for (std::size_t v = 0; v < program.step.size(); ++v) {
        const Instruction& i = program.step[v];
        if (i.source == Source::state) sources[static_cast<std::size_t>(i.index)] = static_cast<ValueId>(v);
    }
    for (std::size_t s = 0; s < program.states.size(); ++s) {
        if (sources[s] == no_value) {
            program.step.push_back(
                {.source = Source::state, .stage = Stage::step, .index = static_cast<std::int32_t>(s)});
            sources[s] = static_cast<ValueId>(program.step.size() - 1);
        }
        program.outputs.push_back(
            {.name = program.states[s].name, .dimension = program.states[s].dimension, .value = sources[s]});
    }
    return program;
}

struct Workspace {
    Numbers states, parameters, adjoints, checkpoints, recorded;
    TimeTable::Window forward_inputs, backward_inputs;
};

}  // namespace

struct AdjointEnsemble::Implementation {
    UpdateProgram program, recording;
    std::vector<std::string> parameters;
    AdjointProgram adjoint;
    EnsembleData data;
    AdjointOptions options;
    TimeTable table, adjoint_table, initial_table;
    Kernel forward_kernel, recording_kernel, backward_kernel;
    oneapi::tbb::task_arena arena;

    Implementation(const UpdateProgram& given, std::vector<std::string> by, EnsembleData given_data,
                   AdjointOptions given_options)
        : program(given),
          recording(with_recorded_states(given)),
          parameters(std::move(by)),
          adjoint(adjoint_of(given, parameters)),
          data(std::move(given_data)),
          options(given_options),
          table(program, data),
          adjoint_table(adjoint.step, data),
          initial_table(adjoint.initial, data),
          forward_kernel(Kernel::compile(program, options.ensemble.kernel)),
          recording_kernel(Kernel::compile(recording, recording_options(forward_kernel))),
          backward_kernel(Kernel::compile(adjoint.step, options.ensemble.kernel)) {
        initialise_arena(arena, options.ensemble.threads);
    }

    static KernelOptions recording_options(const Kernel& forward) {
        KernelOptions out = forward.options();
        out.record_outputs = true;
        return out;
    }

    [[nodiscard]] std::size_t lanes_together() const {
        return static_cast<std::size_t>(
            std::max({forward_kernel.lanes(), recording_kernel.lanes(), backward_kernel.lanes()}));  // powers of two
    }

    void block(const Array2& values, const GradientRequest& request, std::size_t first, std::size_t lanes,
               std::size_t trace, Workspace& work, GradientResult& result, std::vector<Array2>& gradients) const;
};

// One block of samples under one trace: forward to the end, then backwards segment by segment.
void AdjointEnsemble::Implementation::block(const Array2& values, const GradientRequest& request, std::size_t first,
                                            std::size_t lanes, std::size_t trace, Workspace& work,
                                            GradientResult& result, std::vector<Array2>& gradients) const {
    const std::size_t n_states = program.states.size(), n_own = program.parameters.size();
    const std::size_t n_samples = std::min(lanes, values.rows - first);
    const std::size_t n_steps = data.steps(trace);
    const std::size_t segment = options.segment_steps > 0
                                    ? options.segment_steps
                                    : std::max<std::size_t>(16, segment_bytes / (n_states * lanes * sizeof(double)));
    const std::size_t n_segments = (n_steps + segment - 1) / segment;
    work.states.resize(n_states * lanes);
    const std::size_t n_prepared = adjoint.prepared.outputs.size();
    work.parameters.resize((n_own + n_states + n_prepared) * lanes);
    work.adjoints.assign((n_states + parameters.size()) * lanes, 0.0);
    work.checkpoints.resize(n_segments * n_states * lanes);
    work.recorded.resize(std::min(segment, n_steps) * n_states * lanes);

    const auto context = [&](std::size_t sample) {
        LaneContext lane;
        lane.seed = options.ensemble.seed;
        lane.random_sample = static_cast<std::uint32_t>(request.first_evaluation + (request.same_noise ? 0 : sample));
        lane.sample = static_cast<std::uint32_t>(sample);
        lane.trace = static_cast<std::uint32_t>(trace);
        lane.n_samples = static_cast<std::uint32_t>(values.rows);
        lane.n_traces = static_cast<std::uint32_t>(data.n_traces);
        lane.iteration = request.iteration;
        return lane;
    };
    const std::vector<double> first_row = table.row(trace, 0);
    Interpreter start(program), prepare(adjoint.prepared);
    for (std::size_t l = 0; l < lanes; ++l) {
        const std::size_t sample = first + std::min(l, n_samples - 1);
        for (std::size_t p = 0; p < n_own; ++p) work.parameters[p * lanes + l] = values(sample, p);
        start.start(values.row(sample), first_row, context(sample));
        for (std::size_t s = 0; s < n_states; ++s) work.states[s * lanes + l] = start.states()[s];
        prepare.start(values.row(sample), {}, context(sample));
        prepare.step(0, {});
        for (std::size_t n = 0; n < n_prepared; ++n)
            work.parameters[(n_own + n_states + n) * lanes + l] = prepare.outputs()[n];
    }

    KernelArguments forward;
    forward.lanes = static_cast<std::int64_t>(lanes);
    forward.states = work.states.data();
    forward.parameters = work.parameters.data();
    forward.outputs = work.recorded.data();
    forward.seed = options.ensemble.seed;
    forward.random_sample = static_cast<std::int64_t>(request.first_evaluation + (request.same_noise ? 0 : first));
    forward.random_stride = request.same_noise ? 0 : 1;
    forward.sample = static_cast<std::int64_t>(first);
    forward.trace = static_cast<std::int64_t>(trace);
    forward.n_samples = static_cast<std::int64_t>(values.rows);
    forward.n_traces = static_cast<std::int64_t>(data.n_traces);
    forward.iteration = request.iteration;
    KernelArguments backward = forward;
    backward.states = work.adjoints.data();
    backward.outputs = nullptr;
    const auto advance = [&](std::size_t number, const Kernel& kernel) {
        if (request.cancelled != nullptr && request.cancelled->load(std::memory_order_relaxed))
            throw Interrupted("the simulation was stopped");
        forward.first_step = static_cast<std::int64_t>(number * segment);
        const std::size_t last = std::min((number + 1) * segment, n_steps);
        forward.last_step = static_cast<std::int64_t>(last);
        forward.time_inputs = table.look(trace, number * segment, last - number * segment, work.forward_inputs);
        forward.first_time_row = forward.first_step;
        kernel.run(forward);
    };
    const std::size_t state_numbers = n_states * lanes;
    const auto checkpoint = [&](std::size_t number) {
        return work.checkpoints.begin() + static_cast<std::ptrdiff_t>(number * state_numbers);
    };
    for (std::size_t number = 0; number < n_segments; ++number) {
        std::copy(work.states.begin(), work.states.end(), checkpoint(number));
        advance(number, number + 1 == n_segments ? recording_kernel : forward_kernel);
    }
    for (std::size_t l = 0; l < n_samples; ++l) {
        bool finite = true;
        for (std::size_t s = 0; s < n_states; ++s)
            finite = finite && (program.states[s].name.starts_with('@') || std::isfinite(work.states[s * lanes + l]));
        for (std::size_t e = 0; e < program.online_errors.size(); ++e) {
            const double error = work.states[static_cast<std::size_t>(program.online_errors[e]) * lanes + l];
            finite = finite && std::isfinite(error);
            result.online_errors[e](first + l, trace) = error;
        }
        result.diverged[(first + l) * data.n_traces + trace] = finite ? 0 : 1;
    }

    for (std::size_t number = n_segments; number-- > 0;) {
        if (number + 1 < n_segments) {
            std::copy_n(checkpoint(number), state_numbers, work.states.begin());
            advance(number, recording_kernel);
        }
        const std::size_t first_step = number * segment, last_step = std::min(first_step + segment, n_steps);
        backward.time_inputs = adjoint_table.look(trace, first_step, last_step - first_step, work.backward_inputs);
        backward.first_time_row = static_cast<std::int64_t>(first_step);
        for (std::size_t k = last_step; k-- > first_step;) {
            const auto* row = work.recorded.data() + (k - first_step) * state_numbers;
            std::copy_n(row, state_numbers, work.parameters.data() + n_own * lanes);
            backward.first_step = static_cast<std::int64_t>(k);
            backward.last_step = backward.first_step + 1;
            backward_kernel.run(backward);
        }
    }
    const std::vector<double> first_inputs = initial_table.row(trace, 0);
    Interpreter end(adjoint.initial);
    std::vector<double> lane_states(adjoint.initial.states.size());
    for (std::size_t l = 0; l < n_samples; ++l) {
        for (std::size_t s = 0; s < lane_states.size(); ++s) lane_states[s] = work.adjoints[s * lanes + l];
        end.start(values.row(first + l), first_inputs, context(first + l));
        end.set_states(lane_states);
        end.step(-1, first_inputs);
        for (std::size_t p = 0; p < parameters.size(); ++p)
            gradients[trace](first + l, p) = 2 * end.states()[static_cast<std::size_t>(adjoint.gradient[p])];
    }
}

AdjointEnsemble::AdjointEnsemble(const UpdateProgram& program, const std::vector<std::string>& parameters,
                                 EnsembleData data, AdjointOptions options) {
    if (program.online_errors.empty())
        throw ConfigError("a gradient was asked for, but the program has no online error", "give an output a target");
    if (options.ensemble.kernel.precision != Precision::double_precision)
        throw ConfigError("adjoints are computed in double precision only");
    options.ensemble.kernel.record_outputs = options.ensemble.kernel.record_spikes = false;
    implementation_ = std::make_unique<Implementation>(program, parameters, std::move(data), options);
}

AdjointEnsemble::~AdjointEnsemble() = default;
AdjointEnsemble::AdjointEnsemble(AdjointEnsemble&&) noexcept = default;
AdjointEnsemble& AdjointEnsemble::operator=(AdjointEnsemble&&) noexcept = default;

GradientResult AdjointEnsemble::run(const Array2& parameters, const GradientRequest& request) {
    Implementation& self = *implementation_;
    const std::size_t n_traces = self.data.n_traces, n_samples = parameters.rows;
    if (parameters.columns != self.program.parameters.size()) {
        throw DataError(fmt::format("the parameter table has {} columns for {} parameters", parameters.columns,
                                    self.program.parameters.size()));
    }
    GradientResult result;
    result.online_errors.assign(self.program.online_errors.size(), Array2(n_samples, n_traces));
    result.diverged.assign(n_samples * n_traces, 0);
    std::vector<Array2> gradients(n_traces, Array2(n_samples, self.parameters.size()));
    const std::size_t together = self.lanes_together();
    const std::size_t wanted = self.options.ensemble.block_lanes > 0 ? self.options.ensemble.block_lanes : block_lanes;
    const std::size_t lanes =
        (std::clamp<std::size_t>(wanted, 1, std::max<std::size_t>(1, n_samples)) + together - 1) / together * together;
    const std::size_t blocks = (n_samples + lanes - 1) / lanes;
    oneapi::tbb::enumerable_thread_specific<Workspace> workspaces;
    self.arena.execute([&] {
        oneapi::tbb::parallel_for(std::size_t{0}, blocks * n_traces, [&](std::size_t index) {
            self.block(parameters, request, index / n_traces * lanes, lanes, index % n_traces, workspaces.local(),
                       result, gradients);
        });
    });
    result.error.assign(n_samples, 0.0);
    result.gradient = Array2(n_samples, self.parameters.size());
    for (std::size_t trace = 0; trace < n_traces; ++trace) {
        for (const Array2& errors : result.online_errors) {
            for (std::size_t s = 0; s < n_samples; ++s) result.error[s] += errors(s, trace);
        }
        for (std::size_t k = 0; k < result.gradient.values.size(); ++k)
            result.gradient.values[k] += gradients[trace].values[k];
    }
    result.non_finite = static_cast<std::size_t>(std::count(result.diverged.begin(), result.diverged.end(), 1));
    if (request.per_trace) result.trace_gradient = std::move(gradients);
    return result;
}

const std::vector<std::string>& AdjointEnsemble::parameters() const {
    return implementation_->parameters;
}
double AdjointEnsemble::compile_seconds() const {
    return implementation_->forward_kernel.compile_seconds() + implementation_->recording_kernel.compile_seconds() +
           implementation_->backward_kernel.compile_seconds();
}

}  // namespace spikesmith
