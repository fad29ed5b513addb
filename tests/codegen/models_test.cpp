// Kernels of whole models against the interpreter, bit for bit, for every method and width.
#include <random>

#include "../../bench/benchmark_models.hpp"
#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>

#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/methods.hpp"

namespace spikesmith {
namespace {

using test::Experiment;

UpdateProgram program_of(const BrianModelText& text, const std::string& method, double dt,
                         const std::vector<std::string>& parameters = {}) {
    return integrate(parse_brian(text), {.method = method, .dt = dt, .outputs = {"v"}, .parameters = parameters});
}

// Parameter sets spread over the model's box, a step of current from a quarter to three quarters of the time.
Experiment experiment(const bench::BenchmarkModel& model, const UpdateProgram& program, std::size_t lanes,
                      std::int64_t steps) {
    Experiment e;
    std::mt19937_64 random(3);
    for (std::size_t l = 0; l < lanes; ++l) {
        auto& values = e.parameters.emplace_back();
        for (std::size_t p = 0; p < model.parameters.size(); ++p) {
            values.push_back(std::uniform_real_distribution<double>(model.lower[p], model.upper[p])(random));
        }
    }
    for (std::int64_t k = 0; k < steps; ++k) {
        e.time_inputs.emplace_back(program.time_inputs.size(), k >= steps / 4 && k < 3 * steps / 4 ? model.input : 0.0);
    }
    e.steps = steps;
    return e;
}

TEST(Models, AgreeWithTheInterpreterInEveryWidth) {
    for (const auto& model : bench::benchmark_models()) {
        SCOPED_TRACE(model.name);
        const auto program = program_of(model.text, model.method, model.dt, model.parameters);
        const auto e = experiment(model, program, 11, 600);
        test::expect_kernels_agree(program, e);
        if (model.text.threshold) {
            const auto out = test::interpret(program, e);
            EXPECT_GT(*std::max_element(out.spike_counts.begin(), out.spike_counts.end()), 0);
        }
    }
}

TEST(Models, AgreeWithTheInterpreterUnderEveryMethod) {
    const auto hh = bench::hodgkin_huxley();
    for (const std::string method : {"euler", "heun", "rk2", "rk4", "exponential_euler", "gsl_rkf45", "gsl_rk8pd"}) {
        SCOPED_TRACE(method);
        const auto program = program_of(hh.text, method, hh.dt, hh.parameters);
        const auto e = experiment(hh, program, 3, 60);
        const auto expected = test::interpret(program, e);
        for (const int width : {available_widths().front(), 1}) {
            test::expect_same(expected, test::run_kernel(program, e, {.width = width, .disk_cache = false}),
                              e.spike_capacity, std::to_string(width));
        }
    }
}

TEST(Models, AgreeWithTheInterpreterWithNoise) {
    BrianModelText text;
    text.equations.text =
        "dv/dt = (20*mV*rand() - v)/tau + sigma*sqrt(2/tau)*xi : volt\ntau : second (constant)\nsigma : volt "
        "(constant)\n";
    text.threshold = "v > 3*sigma";
    text.reset = "v = 0*mV + 2*mV*poisson(1.5)";
    for (const std::string method : {"euler", "heun", "milstein"}) {
        SCOPED_TRACE(method);
        const auto program = program_of(text, method, 1e-4, {"tau", "sigma"});
        Experiment e;
        e.parameters = {{10e-3, 5e-3}, {20e-3, 5e-3}, {5e-3, 1e-3}};
        e.steps = 300;
        e.context = {.seed = 0x123456789abcdefULL,
                     .random_sample = 4000000000U,
                     .sample = 7,
                     .trace = 2,
                     .n_samples = 20,
                     .n_traces = 3};
        test::expect_kernels_agree(program, e, 77);
        e.random_stride = 0;  // all lanes draw the same numbers
        e.parameters.resize(19, {10e-3, 5e-3});
        test::expect_kernels_agree(program, e, 77);
    }
}

TEST(Models, AgreeWithTheInterpreterFromAnyStepOn) {
    BrianModelText text;
    text.equations.text = "dv/dt = (I*t/second - v)/tau : 1\ntau : second (constant)\nI : 1\n";
    text.inputs = {"I"};
    text.threshold = "v > 3";
    text.reset = "v = rand()";
    const auto program = program_of(text, "rk4", 1e-3, {"tau"});
    Experiment e;
    e.first_step = 12345;
    e.steps = 50;
    e.parameters = {{10e-3}, {20e-3}, {5e-3}};
    for (std::int64_t k = 0; k < e.steps; ++k)
        e.time_inputs.emplace_back(program.time_inputs.size(), 0.3 + 0.01 * static_cast<double>(k));
    ASSERT_FALSE(test::interpret(program, e).spikes[2].empty());
    test::expect_kernels_agree(program, e, 20);
}

TEST(Models, StayNearDoublePrecisionInSinglePrecision) {
    const auto model = bench::hodgkin_huxley();
    const auto program = program_of(model.text, model.method, model.dt, model.parameters);
    const auto e = experiment(model, program, 5, 300);
    const auto expected = test::interpret(program, e);
    for (const int width : available_widths()) {
        const auto out = test::run_kernel<float>(program, e, {.width = width, .disk_cache = false});
        for (std::size_t l = 0; l < 5; ++l)
            EXPECT_NEAR(out.states[l][0], expected.states[l][0], 2e-5) << "width " << width << ", lane " << l;
    }
}

TEST(Models, CompileQuickly) {
    const auto model = bench::hodgkin_huxley();
    const auto program = program_of(model.text, model.method, model.dt, model.parameters);
    (void)Kernel::compile(program, {.disk_cache = false});  // initialises LLVM
    double best = 1e9;
    for (int n = 0; n < 5; ++n)
        best = std::min(best, Kernel::compile(program, {.disk_cache = false}).compile_seconds());
    RecordProperty("compile_seconds", std::to_string(best));
#ifdef NDEBUG
    EXPECT_LT(best, 0.5);  // 0.2 s when the machine is not busy with other things
#endif
}

}  // namespace
}  // namespace spikesmith
