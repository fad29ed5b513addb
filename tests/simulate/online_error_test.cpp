// Kernels compute every loss to the bits of the interpreter, for any width of vectors.
#include "spikesmith/numerics/online_error.hpp"

#include <bit>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/simulate/ensemble.hpp"
#include "spikesmith/simulate/time_table.hpp"

namespace spikesmith {
namespace {

TEST(OnlineErrorOfKernels, HasTheBitsOfTheInterpreterForEveryLoss) {
    constexpr std::size_t n_steps = 300;
    constexpr std::size_t n_samples = 37;
    constexpr double dt = 1e-4;
    Model model;
    model.states.push_back(
        {"v", {}, (Expression::symbol("E") - Expression::symbol("v")) / Expression(5e-3), false, ""});
    model.parameters.push_back({"E", {}, ValueType::real, true, false});
    model.initial_values.push_back({"v", Expression(0.0)});

    EnsembleData data{.n_traces = 2, .n_steps = n_steps};
    Array2 target(2, n_steps);
    for (std::size_t k = 0; k < n_steps; ++k) {
        target(0, k) = std::sin(0.02 * static_cast<double>(k));
        target(1, k) = k % 40 == 0 ? 30 : 0.5;  // outliers
    }
    data.targets["v"] = {dt, target};
    data.weights["v"] = {dt, Array2(1, n_steps, 1.0 / n_steps)};
    Array2 parameters(n_samples, 1);
    for (std::size_t s = 0; s < n_samples; ++s) parameters(s, 0) = 0.05 * static_cast<double>(s);

    for (const Loss loss : {Loss::squared, Loss::soft_l1, Loss::huber, Loss::cauchy}) {
        UpdateProgram program = integrate(model, {.method = "euler", .dt = dt, .outputs = {"v"}});
        add_online_error(program, {.output = "v", .loss = loss, .scale = 0.3});
        const TimeTable table(program, data);
        Array2 interpreted(n_samples, 2);
        for (std::size_t s = 0; s < n_samples; ++s) {
            for (std::size_t r = 0; r < 2; ++r) {
                const auto row = [&](std::size_t k) { return table.row(r, k); };
                Interpreter interpreter(program);
                LaneContext lane;
                lane.sample = lane.random_sample = static_cast<std::uint32_t>(s);
                lane.trace = static_cast<std::uint32_t>(r);
                lane.n_samples = static_cast<std::uint32_t>(n_samples);
                lane.n_traces = 2;
                interpreter.start(parameters.row(s), row(0), lane);
                double closed_form = 0;
                for (std::size_t k = 0; k < n_steps; ++k) {
                    interpreter.step(static_cast<std::int64_t>(k), row(k));
                    const double difference = (interpreter.outputs()[0] - target(r, k)) / 0.3;
                    closed_form += 0.09 * loss_value(loss, difference * difference) / n_steps;
                }
                interpreted(s, r) = interpreter.states()[static_cast<std::size_t>(program.online_errors.at(0))];
                EXPECT_NEAR(interpreted(s, r), closed_form, 1e-12 * closed_form);
            }
        }
        for (const int width : available_widths()) {
            Ensemble ensemble(program, data, {.kernel = {.width = width}});
            const RunResult result = ensemble.run(parameters);
            for (std::size_t i = 0; i < interpreted.values.size(); ++i) {
                EXPECT_EQ(std::bit_cast<std::uint64_t>(result.online_errors.at(0).values[i]),
                          std::bit_cast<std::uint64_t>(interpreted.values[i]))
                    << "loss " << static_cast<int>(loss) << ", width " << width << ", lane " << i;
            }
        }
    }
}

}  // namespace
}  // namespace spikesmith
