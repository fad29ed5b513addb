// Cost of gradients: kernels with sensitivities against the plain kernel of the same model in the same run, per lane.
//
// Times are processor time of one thread, the best of many short runs that alternate between the kernels.
#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>
#include <string>
#include <vector>

#include "benchmark_models.hpp"
#include <fmt/format.h>

#include "spikesmith/codegen/kernel.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/numerics/tangents.hpp"

namespace {

using namespace spikesmith;

constexpr std::size_t samples = 256, steps = 1500;
constexpr int repeats = 40;

double processor_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// All lanes under one stimulus.
class Run {
  public:
    Run(const bench::BenchmarkModel& model, const UpdateProgram& program, int interleave)
        : kernel_(Kernel::compile(program, {.interleave = interleave, .disk_cache = false})) {
        const auto together = static_cast<std::size_t>(kernel_.lanes());
        lanes_ = (samples + together - 1) / together * together;
        parameters_.resize(program.parameters.size() * lanes_);
        initial_.resize(program.states.size() * lanes_);
        for (std::size_t k = 0; k < steps; ++k) {
            for (const auto& input : program.time_inputs) {
                rows_.push_back(input.kind == TimeInput::Kind::input    ? model.input * (k > steps / 10 ? 0.7 : 0)
                                : input.kind == TimeInput::Kind::target ? -60e-3
                                                                        : 1.0 / steps);
            }
        }
        Interpreter interpreter(program);
        for (std::size_t l = 0; l < lanes_; ++l) {
            std::vector<double> values;
            for (std::size_t p = 0; p < program.parameters.size(); ++p) {
                const double place =
                    std::fmod(static_cast<double>(l + 1) * std::sqrt(2.0 + static_cast<double>(p)), 1.0);
                values.push_back(model.lower[p] + (model.upper[p] - model.lower[p]) * place);
                parameters_[p * lanes_ + l] = values.back();
            }
            interpreter.start(values, std::span(rows_).first(program.time_inputs.size()), {});
            for (std::size_t s = 0; s < program.states.size(); ++s) initial_[s * lanes_ + l] = interpreter.states()[s];
        }
    }

    void time() {
        states_ = initial_;
        KernelArguments a;
        a.last_step = static_cast<std::int64_t>(steps);
        a.lanes = static_cast<std::int64_t>(lanes_);
        a.states = states_.data();
        a.parameters = parameters_.data();
        a.time_inputs = rows_.data();
        const double begin = processor_seconds();
        kernel_.run(a);
        best_ = std::min(best_, (processor_seconds() - begin) / static_cast<double>(lanes_ * steps));
    }
    [[nodiscard]] double nanoseconds() const { return best_ * 1e9; }
    [[nodiscard]] double compile_seconds() const { return kernel_.compile_seconds(); }

  private:
    Kernel kernel_;
    std::size_t lanes_ = 0;
    std::vector<double> parameters_, initial_, states_, rows_;
    double best_ = std::numeric_limits<double>::infinity();
};

void compare(const bench::BenchmarkModel& model) {
    auto program =
        integrate(parse_brian(model.text),
                  {.method = model.method, .dt = model.dt, .outputs = {"v"}, .parameters = model.parameters});
    add_online_error(program, {.output = "v"});
    const auto tangents = with_tangents(program, {.parameters = program.parameters});
    const auto sums =
        with_tangents(program, {.parameters = program.parameters, .states = false, .normal_equations = true});
    Run plain(model, program, 0);
    std::vector<Run> others;
    for (const auto* p : {&tangents, &sums}) {
        for (const int interleave : {0, 1, 2}) others.emplace_back(model, *p, interleave);
    }
    for (int n = 0; n < repeats; ++n) {
        plain.time();
        for (Run& run : others) run.time();
    }
    fmt::print("{}, {}, {} parameters: {} operations a step, {} with tangents, {} with normal equations\n", model.name,
               model.method, program.parameters.size(), program.step.size(), tangents.step.size(), sums.step.size());
    fmt::print("  plain with error          {:8.3f} ns per lane and step\n", plain.nanoseconds());
    const char* names[] = {"tangents", "normal equations"};
    const char* ways[] = {"as chosen", "one vector", "two vectors"};
    for (std::size_t k = 0; k < others.size(); ++k) {
        fmt::print("  {:<17}{:<12}{:5.3f} ns per lane and step, ratio {:.2f}   (compiled in {:.0f} ms)\n", names[k / 3],
                   ways[k % 3], others[k].nanoseconds(), others[k].nanoseconds() / plain.nanoseconds(),
                   others[k].compile_seconds() * 1e3);
    }
}

}  // namespace

int main() {
    for (const auto& model : bench::benchmark_models()) compare(model);
}
