// Kernels of neurons in ANNarchy's language against the interpreter, bit for bit: every method, order, bounds, refractoriness, noise.
#include "spikesmith/lang/annarchy.hpp"

#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>

#include "spikesmith/lang/neuron_library.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {
namespace {

using test::Experiment;

TEST(AnnarchyKernels, AgreeWithTheInterpreterUnderEveryMethod) {
    for (const std::string method : {"explicit", "implicit", "semiimplicit", "exponential", "midpoint", "rk4"}) {
        SCOPED_TRACE(method);
        const AnnarchyNeuronText text{
            .parameters = {"parameters", "tau = 10\nlimit = 3\nrest = 0.5\nI = 0\nlow = 2 : int"},
            .equations = {"equations",
                          "noise = Normal(0, 1)\n"
                          "p += 1 : population\n"
                          "tau*dv/dt + v = 2*u + I + 0.3*noise : init=0.5, max=limit\n"
                          "dw/dt = if t > 5: 1 - w else: -w : min=-low\n"
                          "du/dt = -0.3*u - 0.1*v + g_exc : init=1\n"
                          "dg_exc/dt = -g_exc/4\n"
                          "n = 3*v : int\nb = (v > u) and not (w > 1) : bool\ny = 2*b + (v > 1) - u*(w > 0)\nx = "
                          "round(u) + v % 2 + f(t)\n"},
            .spike = "v > 1.2 and t - t_last > 1",
            .reset = "v = rest; g_exc += 1; rest *= 0.99",
            .refractory = "low/2",
            .functions = {"functions", "f(x) = ite(x > 3, x, 2*x)"},
            .method = method,
            .inputs = {"I", "spikes_exc"}};
        const auto program =
            integrate(parse_annarchy(text), {.dt = 2.5e-4, .outputs = {"v", "x"}, .parameters = {"tau", "rest"}});
        Experiment e;
        for (int l = 0; l < 11; ++l) e.parameters.push_back({5.0 + l, 0.1 * l});
        e.steps = 400;
        for (std::int64_t k = 0; k < e.steps; ++k) {
            auto& row = e.time_inputs.emplace_back();
            for (const auto& input : program.time_inputs)
                row.push_back(input.name == "I" ? (k % 100 < 60 ? 2.5 : -1.0) : (k % 37 == 0 ? 0.7 : 0.0));
        }
        e.context.seed = 5;
        const auto expected = test::interpret(program, e);
        EXPECT_GT(*std::max_element(expected.spike_counts.begin(), expected.spike_counts.end()), 0);
        for (const int width : {available_widths().front(), 1}) {
            test::expect_same(expected, test::run_kernel(program, e, {.width = width, .disk_cache = false}, 130),
                              e.spike_capacity, fmt::format("width {}", width));
        }
    }
}

TEST(AnnarchyKernels, AgreeWithTheInterpreterForFunctionsAndDistributions) {
    const AnnarchyNeuronText text{
        .equations = {"equations",
                      "x = erf(t/50 - 1) + gamma(t/20 + 0.3) + Heaviside(x) + modulo(t, 3)\n"
                      "y = Gamma(0.5) + Binomial(3, 0.2) + LogNormal(0, 1, 0.5, 2) + Exponential(3)\n"
                      "r = DiscreteUniform(1, 6) + isnan(y) + isfinite(x)\n"}};
    const auto program = integrate(parse_annarchy(text), {.dt = 1e-3, .outputs = {"x", "y", "r"}});
    Experiment e;
    e.parameters.assign(5, {});
    e.steps = 100;
    e.context.seed = 9;
    const auto expected = test::interpret(program, e);
    for (const int width : {available_widths().front(), 1}) {
        test::expect_same(expected, test::run_kernel(program, e, {.width = width, .disk_cache = false}),
                          e.spike_capacity, fmt::format("width {}", width));
    }
}

TEST(AnnarchyKernels, AgreeWithTheInterpreterForTheLibrary) {
    for (const auto& neuron : neuron_library()) {
        SCOPED_TRACE(neuron.name);
        const Model model = parse_annarchy(neuron.text);
        const auto program = integrate(model, {.dt = 1e-5, .outputs = {model.states.front().name}});
        Experiment e;
        e.parameters.assign(3, {});
        e.steps = 150;
        e.context.seed = 3;
        const auto expected = test::interpret(program, e);
        test::expect_same(expected,
                          test::run_kernel(program, e, {.width = available_widths().front(), .disk_cache = false}),
                          e.spike_capacity, neuron.name);
    }
}

}  // namespace
}  // namespace spikesmith
