// Reducing a Hodgkin-Huxley neuron (R. Traub and R. Miles, Neuronal networks of the hippocampus, 1991, with the constants of the
// benchmark in R. Brette et al., J. Comput. Neurosci. 23 (2007) 349) to an adaptive exponential integrate-and-fire neuron (R.
// Brette and W. Gerstner, J. Neurophysiol. 94 (2005) 3637) with nine free parameters, on a protocol of three phases of 500 ms:
//
//     opt_neuron_bench [EVALUATIONS] [THREADS] [METHOD ...]
//
// The loss is the mean van Rossum distance of the spikes plus the root mean square difference of the voltages in units of 5 mV while
// nothing spikes. The time is that of everything: models, checks, target, compiling, fit. The bar: 5 000 evaluations in 10 s on two
// cores.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/experiment_loss.hpp"
#include "spikesmith/fit/opt_neuron.hpp"
#include "spikesmith/fit/protocol.hpp"
#include "spikesmith/fit/recorded_chunks.hpp"
#include "spikesmith/lang/brian.hpp"

namespace {

using namespace spikesmith;

constexpr double dt = 5e-5;

Model hodgkin_huxley() {
    return parse_brian({.equations = {"equations", R"(
        dv/dt = (gl*(El - v) - g_na*m**3*h*(v - ENa) - g_kd*n**4*(v - EK) + I)/Cm : volt
        dm/dt = alpham*(1 - m) - betam*m : 1
        dn/dt = alphan*(1 - n) - betan*n : 1
        dh/dt = alphah*(1 - h) - betah*h : 1
        alpham = 0.32*4/exprel((13*mV - v + VT)/(4*mV))/ms : Hz
        betam = 0.28*5/exprel((v - VT - 40*mV)/(5*mV))/ms : Hz
        alphah = 0.128*exp((17*mV - v + VT)/(18*mV))/ms : Hz
        betah = 4/(1 + exp((40*mV - v + VT)/(5*mV)))/ms : Hz
        alphan = 0.032*5/exprel((15*mV - v + VT)/(5*mV))/ms : Hz
        betan = 0.5*exp((10*mV - v + VT)/(40*mV))/ms : Hz
    )"},
                        .constants = {{"Cm", "200 pF"},
                                      {"gl", "10 nS"},
                                      {"El", "-60 mV"},
                                      {"ENa", "50 mV"},
                                      {"EK", "-90 mV"},
                                      {"g_na", "20 uS"},
                                      {"g_kd", "6 uS"},
                                      {"VT", "-63 mV"}},
                        .inputs = {"I"},
                        .input_dimensions = {{"I", dimensions::ampere}},
                        .threshold = "v > -20*mV",
                        .refractory = "v > -20*mV",
                        .initial_values = {{"v", "-60*mV"}, {"h", "1"}}});
}

Model adaptive_exponential() {
    return parse_brian({.equations = {"equations", R"(
        dv/dt = (gL*(EL - v) + gL*DeltaT*exp((v - VT)/DeltaT) - w + I)/C : volt
        dw/dt = (a*(v - EL) - w)/tau_w : amp
        C : farad
        gL : siemens
        EL : volt
        VT : volt
        DeltaT : volt
        tau_w : second
        a : siemens
        b : amp
        Vr : volt
    )"},
                        .inputs = {"I"},
                        .input_dimensions = {{"I", dimensions::ampere}},
                        .threshold = "v > 0*mV",
                        .reset = "v = Vr\nw += b",
                        .initial_values = {{"v", "EL"}}});
}

Protocol three_phases() {
    const auto step = [](const char* name, double current) {
        return Phase{.name = name,
                     .duration = 0.5,
                     .drive = {{"I", StepWave{.from = 0, .to = current, .start = 0.05, .end = 0.4}}}};
    };
    return {{step("hyperpolarised", -0.1e-9), step("weak", 0.15e-9), step("strong", 0.4e-9)}};
}

// The membrane where neither is near a spike: below -45 mV.
ExperimentLoss subthreshold_loss() {
    return [](const SimulationRecord& candidate, const SimulationRecord& target) {
        std::vector<double> losses;
        for (std::size_t chunk = 0; chunk < candidate.chunks.size(); ++chunk) {
            const auto a = candidate.trace("v", chunk);
            const auto b = target.trace("v", chunk);
            double sum = 0;
            for (std::size_t k = 0; k < a.size(); ++k) {
                const double difference = std::min(a[k], -0.045) - std::min(b[k], -0.045);
                sum += difference * difference;
            }
            losses.push_back(std::sqrt(sum / static_cast<double>(a.size())));
        }
        return losses;
    };
}

void run(std::size_t evaluations, int threads, const std::string& method) {
    const auto start = std::chrono::steady_clock::now();
    const auto between = [](const char* name, double low, double high) {
        return OptVariable{.name = name, .bounds = {{low, high}}};
    };
    OptNeuron fit(
        {.model = adaptive_exponential(),
         .variables = {between("C", 50e-12, 500e-12), between("gL", 2e-9, 30e-9), between("EL", -75e-3, -55e-3),
                       between("VT", -75e-3, -45e-3), between("DeltaT", 0.5e-3, 5e-3), between("tau_w", 5e-3, 300e-3),
                       between("a", 0, 20e-9), between("b", 0, 200e-12), between("Vr", -90e-3, -50e-3)},
         .experiment = make_experiment(three_phases()),
         .loss =
             combined_loss({{spike_loss(SpikeDistance::van_rossum, 20e-3), 1.0 / 3}, {subthreshold_loss(), 1 / 5e-3}}),
         .target_model = hodgkin_huxley(),
         .time_step = dt,
         .record = {"v", "spike"},
         .recording_interval = 5e-4,
         .seed = 1,
         .threads = threads});
    const double prepared = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const OptNeuronResult result = fit.run({.max_evaluations = evaluations, .method = method});
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::vector<std::string> spikes;
    for (std::size_t chunk = 0; chunk < result.target.chunks.size(); ++chunk) {
        spikes.push_back(fmt::format("{}/{}", chunk_spikes(result.results, chunk).size(),
                                     chunk_spikes(result.target, chunk).size()));
    }
    fmt::print("{:<24}{:>10.2f} s, of which {:.2f} s before the fit; {:.0f} evaluations/s\n", method, seconds, prepared,
               static_cast<double>(evaluations) / (seconds - prepared));
    fmt::print("    loss {:.4f} (first generation {:.4f}); spikes found/wanted per phase {}; parts {:.3f}\n",
               result.loss, result.best_loss_after.front(), fmt::join(spikes, ", "), fmt::join(result.all_loss, " "));
    std::vector<std::string> values;
    for (const auto& [name, value] : result.best) values.push_back(fmt::format("{} {:.4g}", name, value));
    fmt::print("    {}\n", fmt::join(values, ", "));
    static_cast<void>(std::fflush(stdout));
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const std::size_t evaluations = argc > 1 ? std::stoul(argv[1]) : 5000;
        const int threads = argc > 2 ? std::stoi(argv[2]) : 2;
        std::vector<std::string> methods(argv + std::min(argc, 3), argv + argc);
        if (methods.empty()) methods = {"auto", "cma_es", "differential_evolution", "tpe"};
        fmt::print("{} evaluations of 3 x {} steps, {} threads; the bar is 10 s\n", evaluations,
                   static_cast<int>(0.5 / dt), threads);
        for (const std::string& method : methods) run(evaluations, threads, method);
    } catch (const std::exception& error) {
        fmt::print(stderr, "error: {}\n", error.what());
        return 1;
    }
    return 0;
}
