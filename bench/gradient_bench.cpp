// Cost of gradients: kernels with sensitivities against the plain kernel of the same model in the same run, per lane.
//
// Times are processor time of one thread in many short runs that alternate between what is compared: medians, and the quartiles of the
// ratios within one round. An argument restricts the run to the models whose names contain it.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>
#include <optional>
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
#include "spikesmith/simulate/adjoint.hpp"
#include "spikesmith/simulate/gradient.hpp"

namespace {

using namespace spikesmith;

constexpr std::size_t samples = 256, steps = 1500;
constexpr int rounds = 41, warm_up = 3;

double processor_seconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double quantile(std::vector<double> values, double p) {
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(std::lround(p * static_cast<double>(values.size() - 1)))];
}

// Seconds of each round by what was timed; runs once more each before it counts.
std::vector<std::vector<double>> alternate(const std::vector<std::function<double()>>& timed) {
    std::vector<std::vector<double>> seconds(timed.size());
    for (int n = -warm_up; n < rounds; ++n) {
        for (std::size_t k = 0; k < timed.size(); ++k) {
            const double time = timed[k]();
            if (n >= 0) seconds[k].push_back(time);
        }
    }
    return seconds;
}

// Median of the times over that of the others, and the quartiles of the ratios of each round.
std::string ratio(const std::vector<double>& times, const std::vector<double>& others) {
    std::vector<double> ratios;
    for (std::size_t n = 0; n < times.size(); ++n) ratios.push_back(times[n] / others[n]);
    return fmt::format("{:.2f} ({:.2f} to {:.2f})", quantile(times, 0.5) / quantile(others, 0.5),
                       quantile(ratios, 0.25), quantile(ratios, 0.75));
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
        std::vector<double> first_row;
        for (const auto& input : program.time_inputs) {
            auto& series = series_.emplace_back();
            for (std::size_t k = 0; k < steps; ++k) {
                series.push_back(input.kind == TimeInput::Kind::input    ? model.input * (k > steps / 10 ? 0.7 : 0)
                                 : input.kind == TimeInput::Kind::target ? -60e-3
                                                                         : 1.0 / steps);
            }
            first_row.push_back(series.front());
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
            interpreter.start(values, first_row, {});
            for (std::size_t s = 0; s < program.states.size(); ++s) initial_[s * lanes_ + l] = interpreter.states()[s];
        }
    }

    double seconds() {
        states_ = initial_;
        KernelArguments a;
        a.last_step = static_cast<std::int64_t>(steps);
        a.lanes = static_cast<std::int64_t>(lanes_);
        a.states = states_.data();
        a.parameters = parameters_.data();
        std::vector<const double*> time_inputs;
        for (const auto& series : series_) time_inputs.push_back(series.data());
        a.time_inputs = time_inputs.data();
        const double begin = processor_seconds();
        kernel_.run(a);
        return processor_seconds() - begin;
    }
    [[nodiscard]] double nanoseconds(const std::vector<double>& seconds) const {
        return quantile(seconds, 0.5) * 1e9 / static_cast<double>(lanes_ * steps);
    }
    [[nodiscard]] double compile_seconds() const { return kernel_.compile_seconds(); }

  private:
    Kernel kernel_;
    std::size_t lanes_ = 0;
    std::vector<double> parameters_, initial_, states_;
    std::vector<std::vector<double>> series_;  // of each time input
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
    std::vector<std::function<double()>> timed{[&] { return plain.seconds(); }};
    for (Run& run : others) timed.emplace_back([&run] { return run.seconds(); });
    const auto seconds = alternate(timed);
    fmt::print("{}, {}, {} parameters: {} operations a step, {} with tangents, {} with normal equations\n", model.name,
               model.method, program.parameters.size(), program.step.size(), tangents.step.size(), sums.step.size());
    fmt::print("  plain with error          {:8.3f} ns per lane and step\n", plain.nanoseconds(seconds[0]));
    const char* names[] = {"tangents", "normal equations"};
    const char* ways[] = {"as chosen", "one vector", "two vectors"};
    for (std::size_t k = 0; k < others.size(); ++k) {
        fmt::print("  {:<17}{:<12}{:5.3f} ns per lane and step, ratio {}   (compiled in {:.0f} ms)\n", names[k / 3],
                   ways[k % 3], others[k].nanoseconds(seconds[k + 1]), ratio(seconds[k + 1], seconds[0]),
                   others[k].compile_seconds() * 1e3);
    }
    static_cast<void>(std::fflush(stdout));
}

template <class Ensembles>
std::function<double()> timed(Ensembles& ensemble, const Array2& points) {
    return [&] {
        const double begin = processor_seconds();
        static_cast<void>(ensemble.run(points));
        return processor_seconds() - begin;
    };
}

// Simulation with error, GradientEnsemble and AdjointEnsemble by the first parameters of the list, one thread.
struct GradientProblem {
    std::string name;
    BrianModelText text;
    std::vector<std::pair<std::string, double>> values;  // of all parameters
    double input = 0;
};

void compare_adjoint(const GradientProblem& problem, const std::vector<std::size_t>& counts,
                     std::size_t most_tangents) {
    constexpr double dt = 1e-5;
    std::vector<std::string> names;
    for (const auto& [parameter, value] : problem.values) names.push_back(parameter);
    auto program = integrate(parse_brian(problem.text),
                             {.method = "exponential_euler", .dt = dt, .outputs = {"v"}, .parameters = names});
    add_online_error(program, {.output = "v"});
    EnsembleData data{.n_traces = 1, .n_steps = steps};
    data.inputs["I"] = {.dt = dt, .values = Array2(1, steps, problem.input)};
    data.targets["v"] = {.dt = dt, .values = Array2(1, steps, -60e-3)};
    data.weights["v"] = {.dt = dt, .values = Array2(1, steps, 1.0 / steps)};
    Array2 points(samples, names.size());
    for (std::size_t s = 0; s < samples; ++s) {
        for (std::size_t p = 0; p < names.size(); ++p)
            points(s, p) = problem.values[p].second * (1 + 0.02 * std::sin(static_cast<double>(s * 7 + p)));
    }
    const EnsembleOptions options{.threads = 1, .kernel = {.disk_cache = false}};
    Ensemble plain(program, data, options);
    fmt::print("{}\n", problem.name);
    for (const std::size_t n : counts) {
        const std::vector<std::string> by(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(n));
        AdjointEnsemble adjoint(program, by, data, {.ensemble = options});
        std::vector<std::function<double()>> all{timed(plain, points), timed(adjoint, points)};
        std::optional<GradientEnsemble> tangents;
        if (n <= most_tangents) all.push_back(timed(tangents.emplace(program, by, data, options), points));
        const auto seconds = alternate(all);
        fmt::print(
            "  {:>3} of {} parameters: simulation with error {:.3f} ns per lane and step, adjoint gradient {} "
            "simulations "
            "(compiled in {:.0f} ms)",
            n, names.size(), quantile(seconds[0], 0.5) * 1e9 / static_cast<double>(samples * steps),
            ratio(seconds[1], seconds[0]), adjoint.compile_seconds() * 1e3);
        if (tangents) {
            fmt::print(", tangents with normal equations {} (in {:.0f} ms)", ratio(seconds[2], seconds[0]),
                       tangents->compile_seconds() * 1e3);
        }
        fmt::print("\n");
        static_cast<void>(std::fflush(stdout));
    }
}

// The HH neuron with its conductances, potentials, rates and slopes free.
GradientProblem free_constants() {
    BrianModelText text;
    text.equations.text =
        "dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt\n"
        "dm/dt = am*(mV**-1)*(13.*mV-v+VT)/(exp((13.*mV-v+VT)/sm)-1.)/ms*(1-m)"
        "-bm*(mV**-1)*(v-VT-40.*mV)/(exp((v-VT-40.*mV)/tm)-1.)/ms*m : 1\n"
        "dn/dt = an*(mV**-1)*(15.*mV-v+VT)/(exp((15.*mV-v+VT)/sn)-1.)/ms*(1.-n)-bn*exp((10.*mV-v+VT)/tn)/ms*n : 1\n"
        "dh/dt = ah*exp((17.*mV-v+VT)/sh)/ms*(1.-h)-bh/(1+exp((40.*mV-v+VT)/th))/ms*h : 1\n"
        "g_na : siemens (constant)\ng_kd : siemens (constant)\ngl : siemens (constant)\nCm : farad (constant)\n";
    for (const char* name : {"El", "EK", "ENa", "VT", "sm", "tm", "sn", "tn", "sh", "th"})
        text.equations.text += fmt::format("{} : volt (constant)\n", name);
    for (const char* name : {"am", "bm", "an", "bn", "ah", "bh"})
        text.equations.text += fmt::format("{} : 1 (constant)\n", name);
    text.inputs = {"I"};
    text.initial_values = {{"v", "-65*mV"}};
    return {"HH with free constants",
            text,
            {{"g_na", 20e-6}, {"g_kd", 6e-6}, {"gl", 10e-9},  {"Cm", 200e-12}, {"El", -65e-3},
             {"EK", -90e-3},  {"ENa", 50e-3}, {"VT", -63e-3}, {"am", 0.32},    {"bm", 0.28},
             {"an", 0.032},   {"bn", 0.5},    {"ah", 0.128},  {"bh", 4},       {"sm", 4e-3},
             {"tm", 5e-3},    {"sn", 5e-3},   {"tn", 40e-3},  {"sh", 18e-3},   {"th", 5e-3}},
            0.5e-9};
}

// The HH neuron driven by weighted pulses: three conductances and so many weights.
GradientProblem many_pulses(int pulses) {
    GradientProblem problem{fmt::format("HH with a current of {} pulses", pulses),
                            bench::hodgkin_huxley().text,
                            {{"g_na", 20e-6}, {"g_kd", 6e-6}, {"gl", 10e-9}},
                            0.3e-9};
    std::string& text = problem.text.equations.text;
    std::string drive = "0*amp";
    for (int k = 0; k < pulses; ++k) {
        drive += fmt::format(" + w{0}*exp(-((t - {1}*ms)/(0.2*ms))**2)", k, 0.15 * k);
        text += fmt::format("w{} : amp (constant)\n", k);
        problem.values.emplace_back(fmt::format("w{}", k), 20e-12);
    }
    text.replace(text.find("+ I)"), 4, "+ I + " + drive + ")");
    return problem;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string wanted = argc > 1 ? argv[1] : "";
    const auto is_wanted = [&](const std::string& name) { return name.find(wanted) != std::string::npos; };
    const auto adjoints = [&](const GradientProblem& problem, const std::vector<std::size_t>& counts) {
        if (is_wanted(problem.name)) compare_adjoint(problem, counts, 20);
    };
    adjoints(free_constants(), {3, 6, 9, 12, 16, 20});
    adjoints(many_pulses(17), {20});
    adjoints(many_pulses(97), {20, 100});
    for (const auto& model : bench::benchmark_models()) {
        if (is_wanted(model.name + ",")) compare(model);
    }
}
