#include "spikesmith/simulate/adjoint.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>
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

// Of the recording of a segment, for the second-level cache. A recording that is not much longer is kept whole: to read it from the
// third level costs less than to simulate twice.
constexpr std::size_t segment_bytes = std::size_t{1} << 20;
constexpr std::size_t whole_bytes = std::size_t{3} << 20;

using Numbers = AlignedVector<double>;

struct Workspace {
    Numbers states, parameters, adjoints, checkpoints, recorded;
    TimeTable::Window inputs, backward_inputs;
    std::vector<double> lane_states;
};

}  // namespace

struct AdjointEnsemble::Implementation {
    UpdateProgram program;
    std::vector<std::string> parameters;
    AdjointProgram adjoint;
    EnsembleData data;
    AdjointOptions options;
    TimeTable table, adjoint_table, last_table;
    Kernel recording_kernel, backward_kernel;
    std::optional<Kernel> forward_kernel;  // compiled when there is more than one segment
    bool starts_vary;
    oneapi::tbb::task_arena arena;
    oneapi::tbb::enumerable_thread_specific<Workspace> workspaces;  // kept from run to run

    Implementation(const UpdateProgram& given, std::vector<std::string> by, EnsembleData given_data,
                   AdjointOptions given_options)
        : program(given),
          parameters(std::move(by)),
          adjoint(adjoint_of(given, parameters)),
          data(std::move(given_data)),
          options(given_options),
          table(program, data),
          adjoint_table(adjoint.step, data),
          last_table(adjoint.last, data),
          recording_kernel(Kernel::compile(adjoint.forward, with(&KernelOptions::record_outputs))),
          backward_kernel(Kernel::compile(adjoint.step, with(&KernelOptions::backwards))),
          starts_vary(initial_values_vary(program)) {
        initialise_arena(arena, options.ensemble.threads);
    }

    [[nodiscard]] KernelOptions with(bool KernelOptions::*switched_on) const {
        KernelOptions out = options.ensemble.kernel;
        out.*switched_on = true;
        return out;
    }

    // Lanes that all kernels can advance, powers of two.
    [[nodiscard]] std::size_t lanes_together() const {
        return static_cast<std::size_t>(std::max(recording_kernel.lanes(), backward_kernel.lanes()));
    }
    // Steps of a segment for so many lanes.
    [[nodiscard]] std::size_t segment_steps(std::size_t lanes) const {
        if (options.segment_steps > 0) return options.segment_steps;
        const std::size_t step_bytes =
            std::max<std::size_t>(1, adjoint.forward.outputs.size()) * lanes * sizeof(double);
        if (data.n_steps * step_bytes <= whole_bytes) return std::max<std::size_t>(1, data.n_steps);
        return std::max<std::size_t>(16, segment_bytes / step_bytes);
    }

    void block(const Array2& values, const GradientRequest& request, std::size_t first, std::size_t lanes,
               std::size_t trace, GradientResult& result, std::vector<Array2>& gradients);
};

// One block of samples under one trace: forward to the end, then backwards segment by segment.
void AdjointEnsemble::Implementation::block(const Array2& values, const GradientRequest& request, std::size_t first,
                                            std::size_t lanes, std::size_t trace, GradientResult& result,
                                            std::vector<Array2>& gradients) {
    Workspace& work = workspaces.local();
    const std::size_t n_states = program.states.size(), n_parameters = program.parameters.size();
    const std::size_t n_samples = std::min(lanes, values.rows - first);
    const std::size_t n_steps = data.steps(trace), segment = segment_steps(lanes);
    const std::size_t n_segments = (n_steps + segment - 1) / segment;
    const std::size_t state_numbers = n_states * lanes;
    work.states.resize(state_numbers);
    work.parameters.resize(n_parameters * lanes);
    work.adjoints.assign(adjoint.step.states.size() * lanes, 0.0);
    work.checkpoints.resize(n_segments * state_numbers);
    work.recorded.resize(std::min(segment, n_steps) * adjoint.forward.outputs.size() * lanes);

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
    Interpreter start(program);
    for (std::size_t l = 0; l < lanes; ++l) {
        const std::size_t sample = first + std::min(l, n_samples - 1);
        for (std::size_t p = 0; p < n_parameters; ++p) work.parameters[p * lanes + l] = values(sample, p);
        if (l == 0 || (starts_vary && l < n_samples)) start.start(values.row(sample), first_row, context(sample));
        for (std::size_t s = 0; s < n_states; ++s) work.states[s * lanes + l] = start.states()[s];
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
    backward.recorded = work.recorded.data();
    const auto run = [&](const Kernel& kernel, KernelArguments& arguments, std::size_t number) {
        throw_if_cancelled(request.cancelled);
        const std::size_t first_step = number * segment, last_step = std::min(first_step + segment, n_steps);
        const bool forwards = &arguments == &forward;
        arguments.first_step = arguments.first_time_row = static_cast<std::int64_t>(first_step);
        arguments.last_step = static_cast<std::int64_t>(last_step);
        arguments.time_inputs =
            (forwards ? table : adjoint_table)
                .look(trace, first_step, last_step - first_step, forwards ? work.inputs : work.backward_inputs);
        kernel.run(arguments);
    };
    const auto checkpoint = [&](std::size_t number) {
        return work.checkpoints.begin() + static_cast<std::ptrdiff_t>(number * state_numbers);
    };
    for (std::size_t number = 0; number < n_segments; ++number) {
        std::copy(work.states.begin(), work.states.end(), checkpoint(number));
        run(number + 1 == n_segments ? recording_kernel : forward_kernel.value(), forward, number);
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
            run(recording_kernel, forward, number);
        }
        run(backward_kernel, backward, number);
    }
    const std::vector<double> last_row = last_table.row(trace, 0);
    Interpreter end(adjoint.last);
    work.lane_states.resize(adjoint.last.states.size());
    for (std::size_t l = 0; l < n_samples; ++l) {
        for (std::size_t s = 0; s < work.lane_states.size(); ++s) work.lane_states[s] = work.adjoints[s * lanes + l];
        end.start(values.row(first + l), last_row, context(first + l));
        end.set_states(work.lane_states);
        end.step(-1, last_row);
        for (std::size_t p = 0; p < parameters.size(); ++p) gradients[trace](first + l, p) = 2 * end.outputs()[p];
    }
}

AdjointEnsemble::AdjointEnsemble(const UpdateProgram& program, const std::vector<std::string>& parameters,
                                 EnsembleData data, AdjointOptions options) {
    if (program.online_errors.empty())
        throw ConfigError("a gradient was asked for, but the program has no online error", "give an output a target");
    if (options.ensemble.kernel.precision != Precision::double_precision)
        throw ConfigError("adjoints are computed in double precision only");
    KernelOptions& kernel = options.ensemble.kernel;
    kernel.record_outputs = kernel.record_spikes = kernel.backwards = false;
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
    const std::size_t lanes =
        round_up(std::clamp<std::size_t>(self.options.ensemble.block_lanes, 1, std::max<std::size_t>(1, n_samples)),
                 self.lanes_together());
    if (self.data.n_steps > self.segment_steps(lanes) && !self.forward_kernel)
        self.forward_kernel = Kernel::compile(self.program, self.options.ensemble.kernel);
    const std::size_t blocks = (n_samples + lanes - 1) / lanes;
    self.arena.execute([&] {
        oneapi::tbb::parallel_for(std::size_t{0}, blocks * n_traces, [&](std::size_t index) {
            self.block(parameters, request, index / n_traces * lanes, lanes, index % n_traces, result, gradients);
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
    const Implementation& self = *implementation_;
    return self.recording_kernel.compile_seconds() + self.backward_kernel.compile_seconds() +
           (self.forward_kernel ? self.forward_kernel->compile_seconds() : 0);
}

}  // namespace spikesmith
