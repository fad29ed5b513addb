// Gradients of ensembles: finite differences of the error, the bits of the interpreter, sums in a fixed order.
#include "spikesmith/simulate/gradient.hpp"

#include <bit>
#include <cmath>

#include "numerics/gradient_models.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/interpreter.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/numerics/tangents.hpp"
#include "spikesmith/simulate/adjoint.hpp"
#include "spikesmith/simulate/time_table.hpp"

namespace spikesmith {
namespace {

using test::GradientModel;

// Two traces with different stimuli; targets are traces of other parameters, with an interval that does not count and a gap.
EnsembleData data_of(const GradientModel& model, const UpdateProgram& program, const std::string& output) {
    const auto n = static_cast<std::size_t>(model.n_steps);
    EnsembleData data{.n_traces = 2, .n_steps = n};
    for (const auto& name : parse_brian(model.text).inputs) {
        TimeSeries series{.dt = model.dt, .values = Array2(2, n)};
        const auto rows = test::stimulus_rows(model, program);
        for (std::size_t k = 0; k < n; ++k) {
            series.values(0, k) = rows[k].empty() ? 0 : rows[k][0];
            series.values(1, k) = 0.9 * series.values(0, k);
        }
        data.inputs[name.name] = series;
    }
    Array2 truth(1, model.parameters.size());
    for (std::size_t p = 0; p < model.parameters.size(); ++p) truth(0, p) = 1.03 * model.parameters[p].second;
    TimeSeries target{.dt = model.dt, .values = Array2(2, n)}, weight{.dt = model.dt, .values = Array2(2, n)};
    Ensemble ensemble(program, data);
    RunRequest request;
    request.outputs = true;
    request.observer = [&](const BlockView& view) {
        view.copy_output(program.find_output(output).value(), 0, target.values.row(view.trace));
    };
    (void)ensemble.run(truth, request);
    for (std::size_t trace = 0; trace < 2; ++trace) {
        for (std::size_t k = 0; k < n; ++k) weight.values(trace, k) = k < n / 10 ? 0 : (trace == 0 ? 1e-3 : 1.5e-3);
        target.values(trace, n / 2) = std::nan("");
        weight.values(trace, n / 2) = 0;
    }
    data.targets[output] = target;
    data.weights[output] = weight;
    return data;
}

Array2 spread(const GradientModel& model, std::size_t n_samples) {
    Array2 out(n_samples, model.parameters.size());
    for (std::size_t s = 0; s < n_samples; ++s) {
        for (std::size_t p = 0; p < model.parameters.size(); ++p) {
            const double place = std::fmod(static_cast<double>(s + 1) * std::sqrt(2.0 + static_cast<double>(p)), 1.0);
            out(s, p) = model.parameters[p].second * (0.97 + 0.06 * place);
        }
    }
    return out;
}

const GradientModel& model_named(const std::string& name) {
    static const auto models = test::gradient_models();
    for (const auto& model : models) {
        if (model.name == name) return model;
    }
    throw std::logic_error(name);
}

TEST(GradientEnsemble, IsTheDerivativeOfTheErrorForEveryLoss) {
    const auto& model = model_named("HH");
    const auto program = test::program_of(model, "exponential_euler", {"v"});
    const EnsembleData data = data_of(model, program, "v");
    const Array2 points = spread(model, 5);
    const std::size_t p = points.columns;
    for (const Loss loss : {Loss::squared, Loss::soft_l1, Loss::huber, Loss::cauchy}) {
        SCOPED_TRACE(static_cast<int>(loss));
        auto observed = program;
        add_online_error(observed, {.output = "v", .loss = loss, .scale = 5e-3});
        GradientEnsemble ensemble(observed, program.parameters, data);
        const auto result = ensemble.run(points, {.per_trace = true});
        EXPECT_EQ(result.non_finite, 0U);
        Ensemble plain(observed, data);
        const auto errors = plain.run(points);
        for (std::size_t s = 0; s < points.rows; ++s)
            EXPECT_EQ(result.error[s], errors.online_errors[0](s, 0) + errors.online_errors[0](s, 1));
        for (std::size_t k = 0; k < p; ++k) {
            Array2 moved(points.rows * 4, p);
            const double steps[] = {-2, -1, 1, 2};
            for (std::size_t s = 0; s < points.rows; ++s) {
                for (std::size_t j = 0; j < 4; ++j) {
                    for (std::size_t q = 0; q < p; ++q) moved(4 * s + j, q) = points(s, q);
                    moved(4 * s + j, k) += steps[j] * 1e-6 * points(s, k);
                }
            }
            const auto around = plain.run(moved).online_errors[0];
            for (std::size_t s = 0; s < points.rows; ++s) {
                const auto e = [&](std::size_t j) { return around(4 * s + j, 0) + around(4 * s + j, 1); };
                const double difference = (8 * (e(2) - e(1)) - (e(3) - e(0))) / (12e-6 * points(s, k));
                double total = 0;
                for (std::size_t q = 0; q < p; ++q)
                    total += std::fabs(result.gradient(s, q) * points(s, q)) / std::fabs(points(s, k));
                EXPECT_NEAR(result.gradient(s, k), difference, 1e-5 * total + 1e-5 * std::fabs(difference));
                EXPECT_EQ(result.gradient(s, k), result.trace_gradient[0](s, k) + result.trace_gradient[1](s, k));
            }
        }
    }
}

TEST(GradientEnsemble, GaussNewtonMatrixIsThatOfRecordedTangents) {
    const auto& model = model_named("AdEx");
    const auto program = test::program_of(model, "exponential_euler", {"v", "w"});
    EnsembleData data = data_of(model, program, "v");
    const EnsembleData other = data_of(model, program, "w");
    data.targets["w"] = other.targets.at("w");
    data.weights["w"] = other.weights.at("w");
    for (double& x : data.weights["w"].values.values) x *= 1e14;  // to the size of v
    auto observed = program;
    add_online_error(observed, {.output = "v"});
    add_online_error(observed, {.output = "w"});
    const std::vector<std::string> by{"b", "tauw", "gL"};
    const Array2 points = spread(model, 3);
    GradientEnsemble ensemble(observed, by, data);
    const auto result = ensemble.run(points);
    ASSERT_EQ(result.gradient.columns, 3U);
    ASSERT_EQ(result.gauss_newton.columns, 6U);

    // the same from recorded traces
    auto recorded = with_tangents(program, {.parameters = by, .outputs = true});
    Ensemble traces(recorded, data);
    Array2 gradient(3, 3), matrix(3, 6);
    RunRequest request;
    request.outputs = true;
    request.observer = [&](const BlockView& view) {
        ASSERT_EQ(view.outputs.size(), 8U);
        const auto place = [&](const std::string& name) {
            return static_cast<std::size_t>(std::find(view.outputs.begin(), view.outputs.end(), name) -
                                            view.outputs.begin());
        };
        for (std::size_t s = 0; s < view.n_samples; ++s) {
            for (const std::string output : {"v", "w"}) {
                std::vector<std::vector<double>> tangents(3, std::vector<double>(view.n_steps));
                std::vector<double> y(view.n_steps);
                view.copy_output(place(output), s, y);
                for (std::size_t p = 0; p < 3; ++p)
                    view.copy_output(place("S_" + output + "_" + by[p]), s, tangents[p]);
                for (std::size_t k = 0; k < view.n_steps; ++k) {
                    const double w = data.weights.at(output).values(view.trace, k);
                    if (w == 0) continue;
                    const double r = y[k] - data.targets.at(output).values(view.trace, k);
                    for (std::size_t p = 0; p < 3; ++p) {
                        gradient(view.first_sample + s, p) += 2 * w * r * tangents[p][k];
                        for (std::size_t q = 0; q <= p; ++q)
                            matrix(view.first_sample + s, p * (p + 1) / 2 + q) += w * tangents[p][k] * tangents[q][k];
                    }
                }
            }
        }
    };
    EnsembleOptions one_thread{.threads = 1};
    Ensemble serial(recorded, data, one_thread);
    (void)serial.run(points, request);
    for (std::size_t i = 0; i < gradient.values.size(); ++i)
        EXPECT_NEAR(result.gradient.values[i], gradient.values[i], 1e-9 * std::fabs(gradient.values[i]));
    for (std::size_t i = 0; i < matrix.values.size(); ++i)
        EXPECT_NEAR(result.gauss_newton.values[i], matrix.values[i], 1e-9 * std::fabs(matrix.values[i]));
}

TEST(GradientEnsemble, HasTheBitsOfTheInterpreterInEveryWidth) {
    for (const auto& model : test::gradient_models()) {
        std::vector<std::string> methods{model.methods.front(), model.methods.back()};
        if (model.name == "AdEx" || model.name == "EIF") methods.insert(methods.end(), {"gsl_rk2", "gsl_rkf45"});
        for (const auto& method : methods) {
            SCOPED_TRACE(model.name + ", " + method);
            auto shortened = model;
            shortened.n_steps = std::min(model.n_steps, 400);
            auto program = test::program_of(shortened, method, {parse_brian(model.text).states[0].name});
            const std::string output = program.outputs[0].name;
            const EnsembleData data = data_of(shortened, program, output);
            add_online_error(program, {.output = output});
            const auto tangents = with_tangents(program, {.parameters = program.parameters, .normal_equations = true});
            const Array2 points = spread(shortened, 9);
            const TimeTable table(tangents, data);
            std::vector<std::vector<double>> expected;
            for (std::size_t s = 0; s < points.rows; ++s) {
                Interpreter interpreter(tangents);
                LaneContext lane;
                lane.sample = lane.random_sample = static_cast<std::uint32_t>(s);
                lane.n_samples = static_cast<std::uint32_t>(points.rows);
                lane.n_traces = 2;
                interpreter.start(points.row(s), table.row(0, 0), lane);
                for (int k = 0; k < shortened.n_steps; ++k)
                    interpreter.step(k, table.row(0, static_cast<std::size_t>(k)));
                expected.emplace_back(interpreter.states().begin(), interpreter.states().end());
            }
            for (const int width : {available_widths().front(), 1}) {
                EnsembleOptions options;
                options.kernel.width = width;
                options.kernel.disk_cache = false;
                Ensemble ensemble(tangents, data, options);
                RunRequest request;
                request.final_states = true;
                const auto result = ensemble.run(points, request);
                for (std::size_t s = 0; s < points.rows; ++s) {
                    for (std::size_t k = 0; k < expected[s].size(); ++k) {
                        const double found = result.final_states[k](s, 0);
                        EXPECT_TRUE(std::bit_cast<std::uint64_t>(found) ==
                                        std::bit_cast<std::uint64_t>(expected[s][k]) ||
                                    (std::isnan(found) && std::isnan(expected[s][k])))
                            << tangents.states[k].name << ": " << found << ", not " << expected[s][k];
                    }
                }
            }
        }
    }
}

TEST(GradientEnsemble, DoesNotDependOnThreadsAndBlocks) {
    const auto& model = model_named("LIF with refractoriness");
    auto program = test::program_of(model, "exact", {"v"});
    const EnsembleData data = data_of(model, program, "v");
    add_online_error(program, {.output = "v"});
    const Array2 points = spread(model, 70);
    const auto run = [&](int threads, std::size_t lanes) {
        GradientEnsemble ensemble(program, {"tau", "R"}, data, {.threads = threads, .block_lanes = lanes});
        return ensemble.run(points);
    };
    const auto one = run(1, 0), two = run(2, 16);
    EXPECT_EQ(one.error, two.error);
    EXPECT_EQ(one.gradient.values, two.gradient.values);
    EXPECT_EQ(one.gauss_newton.values, two.gauss_newton.values);
}

TEST(GradientEnsemble, RefusesWhatHasNoGradient) {
    const auto& model = model_named("LIF with refractoriness");
    auto program = test::program_of(model, "exact", {"v"});
    const EnsembleData data = data_of(model, program, "v");
    EXPECT_THROW(GradientEnsemble(program, {"tau"}, data), ConfigError);
    add_online_error(program, {.output = "v"});
    EXPECT_THROW(GradientEnsemble(program, {"taus"}, data), ModelError);
    EXPECT_THROW(GradientEnsemble(program, {"tau", "tau"}, data), ModelError);
}

TEST(AdjointEnsemble, HasTheGradientOfTheTangents) {
    for (const auto& model : test::gradient_models()) {
        for (const auto& method :
             {model.methods.front(), model.methods[model.methods.size() / 2], model.methods.back()}) {
            if (method == "exact" && model.name.starts_with("two linear")) continue;  // matrix exponential
            SCOPED_TRACE(model.name + ", " + method);
            auto shortened = model;
            shortened.n_steps = std::min(model.n_steps, 400);
            auto program = test::program_of(shortened, method, {parse_brian(model.text).states[0].name});
            const std::string output = program.outputs[0].name;
            const EnsembleData data = data_of(shortened, program, output);
            add_online_error(program, {.output = output, .loss = Loss::cauchy, .scale = 0.1});
            const Array2 points = spread(shortened, 5);
            GradientEnsemble tangents(program, program.parameters, data);
            const auto expected = tangents.run(points);
            for (const std::size_t segment : {std::size_t{0}, std::size_t{37}}) {
                AdjointEnsemble adjoint(program, program.parameters, data, {.segment_steps = segment});
                const auto result = adjoint.run(points, {.per_trace = true});
                EXPECT_EQ(result.error, expected.error);
                EXPECT_EQ(result.diverged, expected.diverged);
                for (std::size_t s = 0; s < points.rows; ++s) {
                    double total = 0;  // relative to the size of the whole gradient, each part times its parameter
                    for (std::size_t p = 0; p < points.columns; ++p)
                        total = std::max(total, std::fabs(expected.gradient(s, p) * points(s, p)));
                    for (std::size_t p = 0; p < points.columns; ++p)
                        EXPECT_NEAR(result.gradient(s, p) * points(s, p), expected.gradient(s, p) * points(s, p),
                                    1e-10 * total)
                            << program.parameters[p];
                }
            }
        }
    }
}

TEST(AdjointEnsemble, HasTheSameBitsHoweverItIsCut) {
    for (const char* name : {"HH", "AdEx"}) {
        const auto& model = model_named(name);
        auto shortened = model;
        shortened.n_steps = std::min(model.n_steps, 700);
        auto program = test::program_of(shortened, model.methods.back(), {"v"});
        const EnsembleData data = data_of(shortened, program, "v");
        add_online_error(program, {.output = "v"});
        const Array2 points = spread(shortened, 21);
        const auto gradient = [&](const AdjointOptions& options) {
            AdjointEnsemble adjoint(program, program.parameters, data, options);
            const auto first = adjoint.run(points), again = adjoint.run(points);
            EXPECT_EQ(first.gradient.values, again.gradient.values);
            return first.gradient.values;
        };
        const auto expected = gradient({});
        for (const AdjointOptions& options :
             {AdjointOptions{.segment_steps = 1}, AdjointOptions{.segment_steps = 699},
              AdjointOptions{.ensemble = {.threads = 1, .block_lanes = 64}, .segment_steps = 100},
              AdjointOptions{.ensemble = {.threads = 2, .kernel = {.width = 1}}},
              AdjointOptions{.ensemble = {.kernel = {.width = available_widths().back(), .interleave = 4}}}}) {
            EXPECT_EQ(gradient(options), expected) << name;
        }
    }
}

TEST(AdjointEnsemble, RefusesWhatHasTangentsOnly) {
    const auto& model = model_named("two linear variables");
    auto program = test::program_of(model, "exact", {"x"});
    const EnsembleData data = data_of(model, program, "x");
    add_online_error(program, {.output = "x"});
    EXPECT_THROW(AdjointEnsemble(program, {"k"}, data), NumericalError);
}

}  // namespace
}  // namespace spikesmith
