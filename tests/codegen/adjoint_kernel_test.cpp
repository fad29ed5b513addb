// Kernels that run backwards through a recording, against the interpreter, bit for bit.
#include <random>

#include "../../bench/benchmark_models.hpp"
#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>

#include "spikesmith/lang/brian.hpp"
#include "spikesmith/numerics/adjoint.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/online_error.hpp"

namespace spikesmith {
namespace {

constexpr std::size_t lanes = 11, steps = 400;

// By the kinds of its time inputs; targets and currents that change.
std::vector<double> row_of(const UpdateProgram& program, const bench::BenchmarkModel& model, std::size_t k) {
    std::vector<double> row;
    for (const auto& input : program.time_inputs) {
        row.push_back(input.kind == TimeInput::Kind::input    ? (k % 200 > 20 ? model.input : 0)
                      : input.kind == TimeInput::Kind::target ? -60e-3 + 1e-5 * static_cast<double>(k % 50)
                                                              : 1e-3);
    }
    return row;
}

// The recording [step][value][lane] and the states of the sweep [state][lane] after it.
struct Sweep {
    std::vector<double> recorded, states;
};

Sweep interpret(const AdjointProgram& adjoint, const bench::BenchmarkModel& model,
                const std::vector<std::vector<double>>& parameters, std::size_t padded) {
    const std::size_t n_recorded = adjoint.forward.outputs.size(), n_states = adjoint.step.states.size();
    Sweep sweep{std::vector<double>(steps * n_recorded * padded), std::vector<double>(n_states * padded)};
    for (std::size_t l = 0; l < padded; ++l) {
        const auto& values = parameters[std::min(l, lanes - 1)];
        Interpreter forward(adjoint.forward), backward(adjoint.step);
        forward.start(values, row_of(adjoint.forward, model, 0), {});
        for (std::size_t k = 0; k < steps; ++k) {
            forward.step(static_cast<std::int64_t>(k), row_of(adjoint.forward, model, k));
            for (std::size_t n = 0; n < n_recorded; ++n)
                sweep.recorded[(k * n_recorded + n) * padded + l] = forward.outputs()[n];
        }
        backward.start(values, row_of(adjoint.step, model, 0), {});
        for (std::size_t k = steps; k-- > 0;) {
            std::vector<double> recorded;
            for (std::size_t n = 0; n < n_recorded; ++n)
                recorded.push_back(sweep.recorded[(k * n_recorded + n) * padded + l]);
            backward.set_recorded(recorded);
            backward.step(static_cast<std::int64_t>(k), row_of(adjoint.step, model, k));
        }
        for (std::size_t s = 0; s < n_states; ++s) sweep.states[s * padded + l] = backward.states()[s];
    }
    return sweep;
}

TEST(AdjointKernels, AgreeWithTheInterpreterInEveryWidth) {
    for (const auto& model : bench::benchmark_models()) {
        SCOPED_TRACE(model.name);
        auto program =
            integrate(parse_brian(model.text),
                      {.method = model.method, .dt = model.dt, .outputs = {"v"}, .parameters = model.parameters});
        add_online_error(program, {.output = "v"});
        const AdjointProgram adjoint = adjoint_of(program, model.parameters);
        ASSERT_EQ(static_cast<std::size_t>(adjoint.step.n_recorded), adjoint.forward.outputs.size());
        std::vector<std::vector<double>> parameters(lanes);
        std::mt19937_64 random(5);
        for (auto& values : parameters) {
            for (std::size_t p = 0; p < model.parameters.size(); ++p)
                values.push_back(std::uniform_real_distribution<double>(model.lower[p], model.upper[p])(random));
        }
        for (const int width : available_widths()) {
            const Kernel kernel =
                Kernel::compile(adjoint.step, {.width = width, .backwards = true, .disk_cache = false});
            const auto together = static_cast<std::size_t>(kernel.lanes());
            const std::size_t padded = (lanes + together - 1) / together * together;
            const Sweep expected = interpret(adjoint, model, parameters, padded);
            std::vector<double> states(adjoint.step.states.size() * padded, 0.0);
            std::vector<double> own(program.parameters.size() * padded);
            std::vector<std::vector<double>> series(adjoint.step.time_inputs.size());
            for (std::size_t l = 0; l < padded; ++l) {
                for (std::size_t p = 0; p < program.parameters.size(); ++p)
                    own[p * padded + l] = parameters[std::min(l, lanes - 1)][p];
            }
            for (std::size_t k = 0; k < steps; ++k) {
                const std::vector<double> row = row_of(adjoint.step, model, k);
                for (std::size_t input = 0; input < series.size(); ++input) series[input].push_back(row[input]);
            }
            std::vector<const double*> time_inputs;
            for (const auto& numbers : series) time_inputs.push_back(numbers.data());
            // in two segments, the later one first
            constexpr std::size_t cut = 150;
            for (const auto& [first, last] : {std::pair{cut, steps}, std::pair{std::size_t{0}, cut}}) {
                KernelArguments a;
                a.first_step = static_cast<std::int64_t>(first);
                a.last_step = static_cast<std::int64_t>(last);
                a.lanes = static_cast<std::int64_t>(padded);
                a.states = states.data();
                a.parameters = own.data();
                a.time_inputs = time_inputs.data();
                a.recorded = expected.recorded.data() + first * adjoint.forward.outputs.size() * padded;
                kernel.run(a);
            }
            for (std::size_t n = 0; n < states.size(); ++n) {
                ASSERT_TRUE(test::same_bits(expected.states[n], states[n]))
                    << "width " << width << ", " << adjoint.step.states[n / padded].name << ": " << expected.states[n]
                    << " expected, " << states[n] << " computed";
            }
        }
    }
}

}  // namespace
}  // namespace spikesmith
