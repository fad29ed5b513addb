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
#include "spikesmith/simulate/adjoint.hpp"

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

// Wall-clock time of the best of several runs, one thread.
template <class Ensembles>
double best_seconds(Ensembles& ensemble, const Array2& points) {
    double best = std::numeric_limits<double>::infinity();
    for (int n = 0; n < 12; ++n) {
        const double begin = processor_seconds();
        (void)ensemble.run(points);
        best = std::min(best, processor_seconds() - begin);
    }
    return best;
}

// The HH neuron with every constant free, and a neuron driven by so many weighted pulses that there are 100 parameters.
void compare_adjoint(const std::string& name, const BrianModelText& text, const std::string& method, double dt,
                     const std::vector<std::pair<std::string, double>>& values, double input) {
    std::vector<std::string> names;
    for (const auto& [parameter, value] : values) names.push_back(parameter);
    auto program = integrate(parse_brian(text), {.method = method, .dt = dt, .outputs = {"v"}, .parameters = names});
    add_online_error(program, {.output = "v"});
    EnsembleData data{.n_traces = 1, .n_steps = steps};
    data.inputs["I"] = {.dt = dt, .values = Array2(1, steps, input)};
    data.targets["v"] = {.dt = dt, .values = Array2(1, steps, -60e-3)};
    data.weights["v"] = {.dt = dt, .values = Array2(1, steps, 1.0 / steps)};
    Array2 points(samples, values.size());
    for (std::size_t s = 0; s < samples; ++s) {
        for (std::size_t p = 0; p < values.size(); ++p)
            points(s, p) = values[p].second * (1 + 0.02 * std::sin(static_cast<double>(s * 7 + p)));
    }
    const EnsembleOptions options{.threads = 1};
    Ensemble plain(program, data, options);
    AdjointEnsemble adjoint(program, names, data, {.ensemble = options});
    const double one = best_seconds(plain, points), all = best_seconds(adjoint, points);
    const double per = 1e9 / static_cast<double>(samples * steps);
    fmt::print("{}, {} parameters: simulation {:.3f} ns per lane and step, adjoint gradient {:.3f}, ratio {:.2f}\n",
               name, values.size(), one * per, all * per, all / one);
}

void compare_adjoints() {
    auto hh = bench::hodgkin_huxley().text;
    auto& text = hh.equations.text;
    std::vector<std::pair<std::string, double>> values{{"g_na", 20e-6}, {"g_kd", 6e-6}, {"gl", 10e-9}};
    const auto constant = [&](const std::string& name, const std::string& unit, double value) {
        text += name + " : " + unit + " (constant)\n";
        values.emplace_back(name, value);
    };
    hh.constants.clear();
    constant("Cm", "farad", 200e-12);
    constant("El", "volt", -65e-3);
    constant("EK", "volt", -90e-3);
    constant("ENa", "volt", 50e-3);
    constant("VT", "volt", -63e-3);
    const auto replace = [&](const std::string& from, const std::string& name, const std::string& unit, double value) {
        const auto place = text.find(from);
        if (place == std::string::npos) return;
        text.replace(place, from.size(), name);
        constant(name, unit, value);
    };
    replace("0.32", "k1", "1", 0.32);
    replace("0.28", "k2", "1", 0.28);
    replace("0.032", "k3", "1", 0.032);
    replace(".5*exp", "k4*exp", "1", 0.5);
    text.replace(text.rfind("k4*exp :"), 6, "k4");
    replace("0.128", "k5", "1", 0.128);
    replace("4./(1", "k6/(1", "1", 4);
    text.replace(text.rfind("k6/(1 :"), 5, "k6");
    replace("17.*mV", "V1", "volt", 17e-3);
    replace("18.*mV", "V2", "volt", 18e-3);
    replace("10.*mV", "V3", "volt", 10e-3);
    replace("(40.*mV))/ms*n", "V4)/ms*n", "volt", 40e-3);
    for (auto& value : values) value.first = value.first.substr(0, value.first.find_first_of("*/)"));
    text.replace(text.rfind("V4)/ms*n :"), 8, "V4");
    compare_adjoint("HH with free constants", hh, "exponential_euler", 1e-5, values, 0.5e-9);

    BrianModelText wide = bench::hodgkin_huxley().text;
    std::vector<std::pair<std::string, double>> many{{"g_na", 20e-6}, {"g_kd", 6e-6}, {"gl", 10e-9}};
    std::string drive = "0*amp";
    for (int k = 0; k < 97; ++k) {
        drive += fmt::format(" + w{0}*exp(-((t - {0}*0.15*ms)/(0.2*ms))**2)", k);
        wide.equations.text += fmt::format("w{} : amp (constant)\n", k);
        many.emplace_back(fmt::format("w{}", k), 20e-12);
    }
    wide.equations.text.replace(wide.equations.text.find("+ I)"), 4, "+ I + " + drive + ")");
    compare_adjoint("HH with a current of 97 bumps", wide, "exponential_euler", 1e-5, many, 0.3e-9);
}

}  // namespace

int main() {
    compare_adjoints();
    for (const auto& model : bench::benchmark_models()) compare(model);
}
