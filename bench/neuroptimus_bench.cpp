// Optimisers on the first use case of the Neuroptimus benchmark, rebuilt from its description: three conductance densities
// of a Hodgkin-Huxley compartment from one voltage trace.
//
//     neuroptimus_bench [study|trace|all] [--methods a,b:option=value] [--seeds N] [--samples N] [--rounds N]
//
// A cylinder of 100 um by 10 um (length, diameter), channels of Hodgkin & Huxley (1952) at 6.3 degrees as in NEURON's `hh`, 0.3 nA
// from 200 to 700 ms, 1 s in steps of 0.025 ms. The target is simulated with
// (0.12, 0.036, 0.0003) S/cm^2 by the engine that is fitted; bounds are (0.001, 1), (0.001, 1), (1e-5, 1e-3), searched on
// a linear and on a logarithmic scale.
//
// Two errors:
//
//   the study's   the mean of four terms: the mean squared difference outside of spikes over the squared range there; the
//                 difference of spike counts over their sum and 1; the mean squared difference of peaks over the largest
//                 squared peak; the squared relative difference of mean widths. Spikes are above 0 mV, and 1 ms more at
//                 either side is left out of the first term. Widths are counted in samples, so this error has steps.
//   the trace     the mean squared difference over the squared range of the target: a far narrower valley, since spikes
//                 out of phase differ as much as any
//
// Printed is how many simulations lead below 1e-8, and the median error at the end. The study itself (Mohacsi et al., PLoS
// Comput. Biol. 20 (2024) e1012039) runs 10,000 simulations, of which its best, a CMA-ES of 100 points, needs about 3500.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer_bench_options.hpp"
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/trace_fitter.hpp"
#include "spikesmith/lang/brian.hpp"
#include "spikesmith/metrics/own_metric.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace {

using namespace spikesmith;
using bench::BenchOptions;

constexpr double dt = 2.5e-5;
constexpr std::size_t n_steps = 40000;
constexpr double solved = 1e-8;

Model hodgkin_huxley() {
    BrianModelText text;
    // mV, ms, uA/cm^2, uF/cm^2; conductances in S/cm^2
    text.equations.text = R"(
dv/dt = (I - 1000*(gna*m**3*h*(v - 50) + gk*n**4*(v + 77) + gl*(v + 54.3)))/ms : 1
dm/dt = (alpha_m*(1 - m) - beta_m*m)/ms : 1
dh/dt = (0.07*exp(-(v + 65)/20)*(1 - h) - h/(exp(-(v + 35)/10) + 1))/ms : 1
dn/dt = (alpha_n*(1 - n) - 0.125*exp(-(v + 65)/80)*n)/ms : 1
alpha_m = 1/exprel(-(v + 40)/10) : 1
beta_m = 4*exp(-(v + 65)/18) : 1
alpha_n = 0.1/exprel(-(v + 55)/10) : 1
I : 1
gna : 1 (constant)
gk : 1 (constant)
gl : 1 (constant)
)";
    text.inputs = {"I"};
    // the gates rest at -65 mV
    text.initial_values = {{"v", "-65"}, {"m", "0.0529324853"}, {"h", "0.5961207535"}, {"n", "0.3176769141"}};
    return parse_brian(text);
}

TimeSeries stimulus() {
    constexpr double area = 3.141592653589793 * 100e-4 * 10e-4;  // cm^2
    TimeSeries current{.dt = dt, .values = Array2(1, n_steps)};
    for (std::size_t k = 8000; k < 28000; ++k) current.values(0, k) = 0.3e-3 / area;
    return current;
}

TraceFitter make_fitter(const TimeSeries& target, std::size_t samples, std::uint64_t seed) {
    return TraceFitter({.model = hodgkin_huxley(),
                        .recordings = {.inputs = {{"I", stimulus()}}, .outputs = {{"v", target}}, .dt = dt},
                        .n_samples = samples,
                        .method = "exponential_euler",
                        .seed = seed});
}

FitParameter bounded(std::string name, double low, double high, Scale scale) {
    return {.name = std::move(name), .low = {low, {}}, .high = {high, {}}, .scale = scale};
}

// ------------------------------------------------------------------------------------------------ the study's error

struct Spike {
    std::size_t begin = 0, end = 0;  // samples above 0 mV
    double peak = 0;
};

std::vector<Spike> spikes_of(std::span<const double> v) {
    std::vector<Spike> spikes;
    bool above = false;
    Spike spike;
    for (std::size_t k = 0; k < v.size(); ++k) {
        if (!above && v[k] > 0) {
            above = true;
            spike = {k, k, v[k]};
        } else if (above && v[k] < 0) {
            above = false;
            spike.end = k;
            spikes.push_back(spike);
        }
        if (above) spike.peak = std::max(spike.peak, v[k]);
    }
    return spikes;
}

double study_error(std::span<const double> simulated, std::span<const double> target) {
    constexpr std::size_t around = 40;  // samples
    const std::vector<Spike> ours = spikes_of(simulated), theirs = spikes_of(target);

    std::vector<bool> spiking(target.size(), false);
    for (const auto* spikes : {&ours, &theirs}) {
        for (const Spike& spike : *spikes) {
            const std::size_t end = std::min(target.size(), spike.end + around);
            for (std::size_t k = spike.begin - std::min(spike.begin, around); k < end; ++k) spiking[k] = true;
        }
    }
    double squares = 0, low = 0, high = 0;  // what is left out is 0 in both traces
    for (std::size_t k = 0; k < target.size(); ++k) {
        if (spiking[k]) continue;
        squares += (simulated[k] - target[k]) * (simulated[k] - target[k]);
        low = std::min(low, target[k]);
        high = std::max(high, target[k]);
    }
    if (std::isnan(squares)) return squares;
    const double between = squares / static_cast<double>(target.size()) / ((high - low) * (high - low));

    const auto n_ours = static_cast<double>(ours.size()), n_theirs = static_cast<double>(theirs.size());
    const double count = std::fabs(n_ours - n_theirs) / (n_ours + n_theirs + 1);

    double peaks = 1, widths = 1;  // without spikes
    if (const std::size_t n = std::min(ours.size(), theirs.size()); n > 0) {
        const double highest = std::ranges::max(theirs, {}, &Spike::peak).peak;
        double our_width = 0, their_width = 0;
        peaks = 0;
        for (std::size_t k = 0; k < n; ++k) {
            peaks += std::pow((ours[k].peak - theirs[k].peak) / highest, 2) / static_cast<double>(n);
            our_width += static_cast<double>(ours[k].end - ours[k].begin);
            their_width += static_cast<double>(theirs[k].end - theirs[k].begin);
        }
        widths = std::pow(our_width / their_width - 1, 2);
    }
    return (between + count + peaks + widths) / 4;
}

enum class ErrorKind { study, trace };

struct Run {
    std::size_t needed = 0;  // simulations to the goal; 0: never
    double error = std::numeric_limits<double>::infinity();
};

Run run(const TimeSeries& target, double range, ErrorKind kind, const OptimizerChoice& choice, Scale scale,
        std::uint64_t seed, std::size_t samples, std::size_t rounds) {
    Run result;
    const double unit = kind == ErrorKind::trace ? range * range : 1;
    FitOptions options{
        .parameters = {bounded("gna", 1e-3, 1, scale), bounded("gk", 1e-3, 1, scale), bounded("gl", 1e-5, 1e-3, scale)},
        .optimizer = choice,
        .n_rounds = rounds};
    if (kind == ErrorKind::study) {
        options.metric =
            own_trace_metric("Neuroptimus", [](std::span<const double> simulated, std::span<const double> recorded,
                                               double) { return study_error(simulated, recorded); });
    }
    options.callback = [&](const RoundReport& report) {
        if (report.best) result.error = report.best->error / unit;
        if (!(result.error < solved)) return CallbackAction::proceed;
        result.needed = report.n_evaluations;
        return CallbackAction::stop;
    };
    TraceFitter fitter = make_fitter(target, samples, seed);
    static_cast<void>(fitter.fit(options));
    return result;
}

void measure(const TimeSeries& target, double range, ErrorKind kind, const std::string& name, Scale scale,
             const BenchOptions& options) {
    const std::size_t samples = options.samples.value_or(30);
    const std::size_t rounds = options.rounds.value_or(2000 / samples);
    const std::size_t seeds = options.seeds == 0 ? 10 : options.seeds;
    std::vector<std::string> needed;
    std::vector<double> errors;
    std::size_t n_solved = 0;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const Run end = run(target, range, kind, bench::choice_of(name), scale, seed, samples, rounds);
        needed.push_back(end.needed == 0 ? "-" : fmt::format("{}", end.needed));
        errors.push_back(end.error);
        n_solved += end.needed == 0 ? 0 : 1;
    }
    fmt::print("{:<28}{:>4}/{:<4}{:>10.2g}  {} x {}: {}\n", name, n_solved, seeds, bench::median(errors), samples,
               rounds, fmt::join(needed, " "));
    static_cast<void>(std::fflush(stdout));
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::array<std::string_view, 2> tables{"study", "trace"};
    try {
        BenchOptions options = bench::parse_options({argv, static_cast<std::size_t>(argc)}, tables);
        const TimeSeries silence{.dt = dt, .values = Array2(1, n_steps)};
        const Generated truth =
            make_fitter(silence, 30, 0)
                .generate({.outputs = {"v"}, .parameters = {{"gna", 0.12}, {"gk", 0.036}, {"gl", 0.0003}}});
        const TimeSeries target{.dt = dt, .values = truth["v"]};
        const auto [low, high] = std::ranges::minmax(target.values.values);
        fmt::print("Target: {:.2f} to {:.2f} mV\n", low, high);
        fmt::print("{:<28}{:>9}{:>10}  simulations to {}, per seed\n", "", "solved", "error", solved);
        for (const ErrorKind kind : {ErrorKind::study, ErrorKind::trace}) {
            if (options.table == (kind == ErrorKind::study ? "trace" : "study")) continue;
            for (const Scale scale : {Scale::linear, Scale::logarithmic}) {
                fmt::print("{}, {} scale\n", kind == ErrorKind::study ? "the study's error" : "the trace",
                           scale == Scale::linear ? "linear" : "logarithmic");
                for (const std::string& name : options.methods) measure(target, high - low, kind, name, scale, options);
            }
        }
    } catch (const Error& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
    return 0;
}
