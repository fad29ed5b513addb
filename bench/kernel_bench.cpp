// Speed of compiled kernels: neuron-steps per second of the tutorial model against a kernel written by hand with intrinsics in
// the same run, and of four models in every vector width, for one and two threads.
//
// One-thread times are processor time, each trace the best of many short runs that alternate between the two kernels, because
// other programs may share the machine; times of the simulator with one and two threads are wall-clock time.
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "benchmark_models.hpp"
#include <fmt/format.h>

#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/simulate/ensemble.hpp"

#if defined(__x86_64__)
#include "hand_written_hh.hpp"
#endif

namespace {

using namespace spikesmith;

constexpr std::size_t samples = 1000, traces = 5, steps = 1497;
constexpr int repeats = 20;

constexpr double never = std::numeric_limits<double>::infinity();

double wall_seconds() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The best time of each trace so far; their sum is the time of the whole work.
class BestTimes {
  public:
    template <class Runner>
    void time(Runner& run) {
        for (std::size_t t = 0; t < traces; ++t) {
            run.prepare(t);
            const double begin = processor_seconds();
            run.simulate();
            best_[t] = std::min(best_[t], processor_seconds() - begin);
        }
    }
    [[nodiscard]] double neuron_steps_per_second() const {
        return static_cast<double>(samples * traces * steps) / std::accumulate(best_.begin(), best_.end(), 0.0);
    }

  private:
    std::array<double, traces> best_{never, never, never, never, never};
};

// Parameter sets spread evenly over the model's box, each coordinate at its own pace.
std::vector<double> spread_parameters(const bench::BenchmarkModel& model, std::size_t lanes) {
    std::vector<double> out(model.parameters.size() * lanes);
    for (std::size_t p = 0; p < model.parameters.size(); ++p) {
        for (std::size_t l = 0; l < lanes; ++l) {
            const double place = std::fmod(static_cast<double>(l + 1) * std::sqrt(2.0 + static_cast<double>(p)), 1.0);
            out[p * lanes + l] = model.lower[p] + (model.upper[p] - model.lower[p]) * place;
        }
    }
    return out;
}

// A step of current whose height depends on the trace.
std::vector<double> stimulus(const bench::BenchmarkModel& model, std::size_t trace) {
    std::vector<double> current(steps, 0.0);
    for (std::size_t k = steps / 10; k < steps * 9 / 10; ++k)
        current[k] = model.input * (0.4 + 0.3 * static_cast<double>(trace));
    return current;
}

// A model ready to run: all samples under one trace at a time.
class Run {
  public:
    Run(const bench::BenchmarkModel& model, const UpdateProgram& program, KernelOptions options)
        : kernel_(Kernel::compile(program, with_spikes(program, options))) {
        const auto together = static_cast<std::size_t>(kernel_.lanes());
        lanes_ = (samples + together - 1) / together * together;
        parameters_ = spread_parameters(model, lanes_);
        for (std::size_t t = 0; t < traces; ++t) stimuli_.push_back(stimulus(model, t));
        Interpreter interpreter(program);
        initial_.resize(program.states.size() * lanes_);
        for (std::size_t l = 0; l < lanes_; ++l) {
            std::vector<double> values;
            for (std::size_t p = 0; p < model.parameters.size(); ++p) values.push_back(parameters_[p * lanes_ + l]);
            interpreter.start(values, std::vector<double>(program.time_inputs.size(), 0.0), {});
            for (std::size_t s = 0; s < program.states.size(); ++s) initial_[s * lanes_ + l] = interpreter.states()[s];
        }
        spike_steps_.resize(lanes_ * capacity);
    }

    void prepare(std::size_t trace) {
        states_ = initial_;
        spike_counts_.assign(lanes_, 0);
        trace_ = trace;
    }
    void simulate() {
        KernelArguments a;
        a.last_step = static_cast<std::int64_t>(steps);
        a.lanes = static_cast<std::int64_t>(lanes_);
        a.states = states_.data();
        a.parameters = parameters_.data();
        const double* current = stimuli_[trace_].data();
        a.time_inputs = &current;  // the model has one input
        a.spike_steps = spike_steps_.data();
        a.spike_counts = spike_counts_.data();
        a.spike_capacity = capacity;
        kernel_.run(a);
    }

    [[nodiscard]] std::span<const double> states() const { return states_; }
    [[nodiscard]] const Kernel& kernel() const { return kernel_; }

  private:
    static constexpr std::size_t capacity = 64;
    static KernelOptions with_spikes(const UpdateProgram& program, KernelOptions options) {
        options.record_spikes = program.spike != no_value;
        options.disk_cache = false;
        return options;
    }

    Kernel kernel_;
    std::size_t lanes_ = 0;
    std::size_t trace_ = 0;
    std::vector<double> parameters_, initial_, states_;
    std::vector<std::vector<double>> stimuli_;
    std::vector<std::int32_t> spike_steps_, spike_counts_;
};

UpdateProgram program_of(const bench::BenchmarkModel& model) {
    return integrate(parse_brian(model.text),
                     {.method = model.method, .dt = model.dt, .outputs = {"v"}, .parameters = model.parameters});
}

#if defined(__x86_64__)

// The same work by hand; lanes are a multiple of 16.
class HandWrittenRun {
  public:
    HandWrittenRun(const bench::BenchmarkModel& model, void (*kernel)(const bench::HandWrittenCall&))
        : kernel_(kernel), parameters_(spread_parameters(model, lanes)) {
        for (std::size_t t = 0; t < traces; ++t) stimuli_.push_back(stimulus(model, t));
    }
    void prepare(std::size_t trace) {
        states_.assign(4 * lanes, 0.0);
        std::fill_n(states_.begin(), lanes, -65e-3);
        trace_ = trace;
    }
    void simulate() {
        kernel_({.steps = steps,
                 .lanes = lanes,
                 .states = states_.data(),
                 .parameters = parameters_.data(),
                 .current = stimuli_[trace_].data()});
    }
    [[nodiscard]] std::span<const double> states() const { return states_; }
    static constexpr std::size_t lanes = (samples + 15) / 16 * 16;

  private:
    void (*kernel_)(const bench::HandWrittenCall&);
    std::size_t trace_ = 0;
    std::vector<double> parameters_, states_;
    std::vector<std::vector<double>> stimuli_;
};

void compare_with_hand_written(int width, void (*by_hand)(const bench::HandWrittenCall&)) {
    const auto model = bench::hodgkin_huxley();
    Run compiled(model, program_of(model), {.width = width});
    HandWrittenRun hand(model, by_hand);
    BestTimes compiled_times, hand_times;
    for (int n = 0; n < repeats; ++n) {
        compiled_times.time(compiled);
        hand_times.time(hand);
    }
    const double compiled_rate = compiled_times.neuron_steps_per_second(),
                 hand_rate = hand_times.neuron_steps_per_second();
    double difference = 0;
    for (std::size_t l = 0; l < samples; ++l)
        difference = std::max(difference, std::fabs(compiled.states()[l] - hand.states()[l]));
    fmt::print("HH, {} samples x {} traces x {} steps, double, one thread, {} doubles per vector\n", samples, traces,
               steps, width);
    fmt::print("  compiled kernel      {:.3e} neuron-steps/s   (compiled in {:.0f} ms)\n", compiled_rate,
               compiled.kernel().compile_seconds() * 1e3);
    fmt::print("  hand-written kernel  {:.3e} neuron-steps/s\n", hand_rate);
    fmt::print("  ratio                {:.2f}   (largest difference of the final v: {:.1e} V)\n\n",
               compiled_rate / hand_rate, difference);
}

#endif

// The same work by the simulator, as fitting uses it: neuron-steps per second of wall-clock time.
double ensemble_rate(const bench::BenchmarkModel& model, const UpdateProgram& program, int threads) {
    constexpr std::size_t many = 8 * samples;  // enough that starting threads does not count
    Array2 parameters(many, model.parameters.size());
    const auto spread = spread_parameters(model, many);
    for (std::size_t s = 0; s < many; ++s) {
        for (std::size_t p = 0; p < model.parameters.size(); ++p) parameters(s, p) = spread[p * many + s];
    }
    TimeSeries input{.dt = model.dt, .values = Array2(traces, steps)};
    for (std::size_t t = 0; t < traces; ++t) std::ranges::copy(stimulus(model, t), input.values.row(t).begin());
    Ensemble ensemble(program, {.n_traces = traces, .n_steps = steps, .inputs = {{"I", input}}}, {.threads = threads});
    double best = never;
    for (int n = 0; n < repeats / 3; ++n) {
        const double begin = wall_seconds();
        (void)ensemble.run(parameters);
        best = std::min(best, wall_seconds() - begin);
    }
    return static_cast<double>(many * traces * steps) / best;
}

void print_models() {
    fmt::print("neuron-steps/s by doubles per vector, one thread\n{:<12}", "model");
    const auto widths = available_widths();
    for (const int width : widths) fmt::print("{:>12}", width);
    fmt::print("\n");
    for (const auto& model : bench::benchmark_models()) {
        const auto program = program_of(model);
        fmt::print("{:<12}", model.name);
        for (const int width : widths) {
            Run run(model, program, {.width = width});
            BestTimes times;
            for (int n = 0; n < repeats; ++n) times.time(run);
            fmt::print("{:>12.3e}", times.neuron_steps_per_second());
        }
        fmt::print("\n");
    }
}

void print_threads() {
    fmt::print("\nneuron-steps/s of the simulator (wall-clock time)\n{:<12}{:>12}{:>12}{:>12}\n", "model", "one thread",
               "two threads", "efficiency");
    for (const auto& model : bench::benchmark_models()) {
        const auto program = program_of(model);
        const double one = ensemble_rate(model, program, 1), two = ensemble_rate(model, program, 2);
        fmt::print("{:<12}{:>12.3e}{:>12.3e}{:>12.2f}\n", model.name, one, two, two / (2 * one));
    }
}

}  // namespace

int main() {
#if defined(__x86_64__)
    for (const int width : available_widths()) {
        if (width == 8) compare_with_hand_written(8, &bench::avx512::run);
        if (width == 4) compare_with_hand_written(4, &bench::avx2::run);
    }
#endif
    print_models();
    print_threads();
}
