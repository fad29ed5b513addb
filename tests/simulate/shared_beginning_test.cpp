// Beginnings that traces share: the same bits as each trace alone, whatever is shared and whatever is asked for.
#include <bit>
#include <cmath>
#include <mutex>
#include <set>

#include "numerics/gradient_models.hpp"
#include "simulate/integrate_and_fire.hpp"
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/numerics/methods.hpp"
#include "spikesmith/numerics/online_error.hpp"
#include "spikesmith/simulate/ensemble.hpp"
#include "spikesmith/simulate/gradient.hpp"
#include "spikesmith/simulate/record.hpp"

namespace spikesmith {
namespace {

using test::integrate_and_fire;
using test::ms;
using test::symbol;

UpdateProgram program_of(const Model& model, const std::vector<Loss>& losses = {}) {
    UpdateProgram program = integrate(model, {.method = "euler", .dt = 0.1 * ms, .outputs = {"v"}});
    for (const Loss loss : losses)
        add_online_error(
            program, {.output = "v", .name = fmt::format("e{}", static_cast<int>(loss)), .loss = loss, .scale = 0.3});
    return program;
}

// Stimuli that differ from step `common` on (but for the first two traces), targets and weights that always do.
EnsembleData protocol(std::size_t n_traces, std::size_t n_steps, std::size_t common,
                      const std::vector<Loss>& losses = {}) {
    EnsembleData data{.n_traces = n_traces, .n_steps = n_steps};
    TimeSeries current{.dt = 0.1 * ms, .values = Array2(n_traces, n_steps)};
    TimeSeries target = current, weight = current;
    for (std::size_t r = 0; r < n_traces; ++r) {
        const double height = 0.05 * static_cast<double>(r < 2 ? 1 : r);
        for (std::size_t k = 0; k < n_steps; ++k) {
            current.values(r, k) = 0.7 + 0.3 * std::sin(0.02 * static_cast<double>(k)) + (k < common ? 0 : height);
            target.values(r, k) = 0.5 + 0.1 * std::sin(0.01 * static_cast<double>(k * (r + 1)));
            weight.values(r, k) = k % 7 == r ? 0 : 1.0 / static_cast<double>(n_steps + r);
        }
        target.values(r, r) = std::nan("");  // a gap, whose weight is 0
    }
    data.inputs["I"] = current;
    data.targets["v"] = target;
    for (const Loss loss : losses) data.weights[fmt::format("e{}", static_cast<int>(loss))] = weight;
    return data;
}

Array2 parameter_table(std::size_t n_samples) {
    Array2 table(n_samples, 3);
    for (std::size_t s = 0; s < n_samples; ++s) {
        const auto x = static_cast<double>(s);
        table(s, 0) = 0.2 + 0.01 * std::fmod(7 * x, 31);
        table(s, 1) = (5 + std::fmod(3 * x, 11)) * ms;
        table(s, 2) = 0.9 * std::fmod(0.37 * x, 1);
    }
    return table;
}

// The data of one trace.
EnsembleData alone(const EnsembleData& data, std::size_t trace) {
    EnsembleData one{.n_traces = 1, .n_steps = data.steps(trace)};
    const auto take = [&](const std::map<std::string, TimeSeries>& from, std::map<std::string, TimeSeries>& to) {
        for (const auto& [name, series] : from) {
            TimeSeries row{.dt = series.dt, .values = Array2(1, series.values.columns)};
            std::ranges::copy(series.row(series.row_of(trace)), row.values.values.begin());
            to[name] = row;
        }
    };
    take(data.inputs, one.inputs);
    take(data.targets, one.targets);
    take(data.weights, one.weights);
    return one;
}

bool same_bits(std::span<const double> a, std::span<const double> b) {
    return std::ranges::equal(
        a, b, {}, [](double x) { return std::bit_cast<std::uint64_t>(x); },
        [](double x) { return std::bit_cast<std::uint64_t>(x); });
}

const RunRequest everything{.outputs = true, .spikes = true, .final_states = true};

// Everything that a run gives, shared and each trace alone. `common`: steps saved in all.
void expect_as_alone(const UpdateProgram& program, const EnsembleData& data, const Array2& parameters,
                     std::size_t common, EnsembleOptions options = {}) {
    options.sharing = SharedBeginnings::always;
    Ensemble together(program, data, options);
    EXPECT_EQ(together.common_steps(), common);
    RunRequest request = everything;
    request.spikes = program.spike != no_value;
    const EnsembleRecord shared = record(together, parameters, request);
    RunResult unobserved = together.run(parameters, {.final_states = true});
    for (std::size_t trace = 0; trace < data.n_traces; ++trace) {
        Ensemble one(program, alone(data, trace), options);
        EXPECT_EQ(one.common_steps(), 0U);
        const EnsembleRecord expected = record(one, parameters, request);
        for (std::size_t s = 0; s < parameters.rows; ++s) {
            for (const std::string& output : expected.outputs)
                EXPECT_TRUE(same_bits(shared.trace(output, s, trace), expected.trace(output, s, 0)))
                    << output << ", sample " << s << ", trace " << trace;
            if (request.spikes) {
                EXPECT_EQ(shared.spike_steps[s * data.n_traces + trace], expected.spike_steps[s]) << s << " " << trace;
            }
            for (const RunResult* result : std::initializer_list<const RunResult*>{&shared.result, &unobserved}) {
                for (std::size_t e = 0; e < program.online_errors.size(); ++e) {
                    EXPECT_TRUE(same_bits({&result->online_errors[e].row(s)[trace], 1},
                                          {&expected.result.online_errors[e].row(s)[0], 1}))
                        << "error " << e << ", sample " << s << ", trace " << trace;
                }
                for (std::size_t i = 0; i < program.states.size(); ++i) {
                    EXPECT_TRUE(same_bits({&result->final_states[i].row(s)[trace], 1},
                                          {&expected.result.final_states[i].row(s)[0], 1}))
                        << program.states[i].name << ", sample " << s << ", trace " << trace;
                }
                EXPECT_EQ(result->diverged[s * data.n_traces + trace], expected.result.diverged[s]);
            }
        }
    }
}

TEST(SharedBeginning, GivesTheBitsOfEachTraceAlone) {
    const std::vector<Loss> losses{Loss::squared, Loss::huber};
    const std::size_t n_steps = 400;
    for (const std::size_t common : {0UL, 1UL, 2UL, 150UL, n_steps - 1, n_steps}) {
        SCOPED_TRACE(common);
        const std::size_t saved = common == 0 ? n_steps : 3 * common;  // else only the first two traces are alike
        expect_as_alone(program_of(integrate_and_fire()), protocol(4, n_steps, common), parameter_table(21), saved);
        expect_as_alone(program_of(integrate_and_fire(), losses), protocol(4, n_steps, common, losses),
                        parameter_table(21), saved);
    }
}

TEST(SharedBeginning, ThereAreSpikesInThatTest) {
    Ensemble ensemble(program_of(integrate_and_fire()), protocol(2, 400, 400));
    std::size_t before = 0, after = 0;
    for (const auto& steps : record(ensemble, parameter_table(21), everything).spike_steps) {
        for (const std::int32_t step : steps) ++(step < 150 ? before : after);
    }
    EXPECT_GT(before, 10U);
    EXPECT_GT(after, 10U);
}

TEST(SharedBeginning, EndsAnywhereInAChunkOfSteps) {
    const std::vector<Loss> losses{Loss::squared};
    const UpdateProgram program = program_of(integrate_and_fire(), losses);
    for (const std::size_t common : {2999UL, 7777UL})
        expect_as_alone(program, protocol(3, 9000, common, losses), parameter_table(130), 2 * common,
                        {.block_lanes = 130});
}

TEST(SharedBeginning, DoesNotDependOnBlocksWidthThreadsOrPrecision) {
    const std::vector<Loss> losses{Loss::squared};
    const UpdateProgram program = program_of(integrate_and_fire(), losses);
    const EnsembleData data = protocol(5, 300, 120, losses);
    const Array2 parameters = parameter_table(77);
    for (const Precision precision : {Precision::double_precision, Precision::single_precision}) {
        for (const int width : available_widths()) {
            for (const int threads : {1, 2}) {
                for (const std::size_t lanes : {1UL, 1000UL})
                    expect_as_alone(
                        program, data, parameters, 4 * 120,
                        {.threads = threads, .block_lanes = lanes, .kernel = {.width = width, .precision = precision}});
            }
        }
    }
}

TEST(SharedBeginning, HoldsForEveryMethod) {
    std::set<std::string> methods;
    for (const auto& model : test::gradient_models()) {
        if (!parse_brian(model.text).noise.empty()) continue;
        for (const std::string& method : model.methods) {
            SCOPED_TRACE(model.name + ", " + method);
            const std::string state = parse_brian(model.text).states[0].name;
            UpdateProgram program = test::program_of(model, method, {state});
            const auto n = static_cast<std::size_t>(std::min(model.n_steps, 300));
            EnsembleData data{.n_traces = 3, .n_steps = n};
            const auto rows = test::stimulus_rows(model, program);
            for (const auto& input : parse_brian(model.text).inputs) {
                TimeSeries series{.dt = model.dt, .values = Array2(3, n)};
                for (std::size_t r = 0; r < 3; ++r) {
                    for (std::size_t k = 0; k < n; ++k) {
                        const double value = rows[k].empty() ? 0 : rows[k][0];
                        series.values(r, k) = k < 100 ? value : value * (1 + 0.1 * static_cast<double>(r)) + 1e-30;
                    }
                }
                data.inputs[input.name] = series;
            }
            data.targets[state] = {.dt = model.dt, .values = Array2(3, n, 0.1)};
            data.weights[state] = {.dt = model.dt, .values = Array2(1, n, 0.5)};
            add_online_error(program, {.output = state});
            Array2 points(5, model.parameters.size());
            for (std::size_t s = 0; s < points.rows; ++s) {
                for (std::size_t p = 0; p < points.columns; ++p)
                    points(s, p) = model.parameters[p].second * (0.98 + 0.01 * static_cast<double>(s));
            }
            EnsembleOptions options{.sharing = SharedBeginnings::always};
            Ensemble shared(program, data, options);
            const std::size_t common = shared.common_steps();
            if (data.inputs.empty()) {
                EXPECT_EQ(common, 2 * n);
            } else {  // methods that look ahead meet the difference a step earlier
                EXPECT_GE(common, 2 * 98U);
                EXPECT_LE(common, 2 * 100U);
            }
            expect_as_alone(program, data, points, common, options);
            methods.insert(program.method);
        }
    }
    EXPECT_GE(methods.size(), 5U);
}

TEST(SharedBeginning, HoldsForGradients) {
    const std::vector<Loss> losses{Loss::squared};
    Model model = integrate_and_fire();
    model.threshold.reset();
    model.reset.clear();
    const UpdateProgram program = program_of(model, losses);
    const EnsembleData data = protocol(4, 300, 180, losses);
    const std::vector<std::string> by{"E", "tau", "start"};
    GradientEnsemble plain(program, by, data, {.sharing = SharedBeginnings::never});
    GradientEnsemble shared(program, by, data, {.sharing = SharedBeginnings::always});
    const Array2 points = parameter_table(13);
    const GradientResult expected = plain.run(points, {.per_trace = true});
    const GradientResult result = shared.run(points, {.per_trace = true});
    EXPECT_TRUE(same_bits(result.error, expected.error));
    EXPECT_TRUE(same_bits(result.gradient.values, expected.gradient.values));
    EXPECT_TRUE(same_bits(result.gauss_newton.values, expected.gauss_newton.values));
    for (std::size_t r = 0; r < 4; ++r)
        EXPECT_TRUE(same_bits(result.trace_gradient[r].values, expected.trace_gradient[r].values)) << r;
    EXPECT_NE(result.gradient(0, 0), 0);
}

TEST(SharedBeginning, TracesThatBeginAlikeAreGroups) {
    const std::vector<Loss> losses{Loss::squared};
    EnsembleData data = protocol(6, 300, 120, losses);
    for (std::size_t k = 0; k < 300; ++k) {
        data.inputs["I"].values(2, k) += 0.1;  // with the last: another group
        data.inputs["I"].values(5, k) += 0.1;
        data.inputs["I"].values(4, k) -= 0.1;  // alone
    }
    expect_as_alone(program_of(integrate_and_fire()), data, parameter_table(33), 2 * 120 + 120);
    expect_as_alone(program_of(integrate_and_fire(), losses), data, parameter_table(33), 2 * 120 + 120, {.threads = 2});
}

TEST(SharedBeginning, TracesMayDifferInLength) {
    EnsembleData data = protocol(3, 300, 250);
    data.trace_steps = {300, 90, 200};
    expect_as_alone(program_of(integrate_and_fire()), data, parameter_table(9), 2 * 90);
}

TEST(SharedBeginning, IsThatOfAllInputs) {
    Model model = integrate_and_fire();
    model.states[0].derivative = symbol("I") + symbol("J") - symbol("v") / symbol("tau") + symbol("E");
    model.inputs.push_back({"J", {}});
    EnsembleData data = protocol(3, 200, 150);
    data.inputs["J"] = {.dt = 10 * ms, .values = Array2(3, 2)};  // 100 steps per sample
    data.inputs["J"].values(2, 1) = 1e-3;
    expect_as_alone(program_of(model), data, parameter_table(9), 2 * 100);
    data.inputs["J"].values(2, 0) = -0.0;  // not the same bits as 0
    expect_as_alone(program_of(model), data, parameter_table(9), 200);
}

TEST(SharedBeginning, ATargetThatTheModelReadsCountsAsAStimulus) {
    Model model = integrate_and_fire();
    model.states[0].derivative = model.states[0].derivative + symbol("v_target");
    EnsembleData data = protocol(3, 200, 150);
    for (std::size_t r = 0; r < 3; ++r) {
        for (std::size_t k = 0; k < 200; ++k)
            data.targets["v"].values(r, k) = k < 40 ? 0.1 : 0.1 * static_cast<double>(r);
    }
    expect_as_alone(program_of(model), data, parameter_table(9), 2 * 40);
}

TEST(SharedBeginning, NothingIsSharedWithRandomNumbersOrNumberedLanes) {
    const auto common = [](const Model& model) {
        Ensemble ensemble(program_of(model), protocol(3, 100, 100), {.seed = 3, .sharing = SharedBeginnings::always});
        const EnsembleRecord all = record(ensemble, parameter_table(5));
        EXPECT_NE(all.trace("v", 0, 0)[99], all.trace("v", 0, 1)[99]);
        return ensemble.common_steps();
    };
    Model noise = integrate_and_fire();
    noise.states[0].derivative = noise.states[0].derivative + symbol("xi");
    noise.noise = {"xi"};
    EXPECT_EQ(common(noise), 0U);
    Model start = integrate_and_fire();
    start.initial_values = {{"v", symbol("start") + Expression::random(Op::normal, 1)}};
    EXPECT_EQ(common(start), 0U);
    Model number = integrate_and_fire();
    number.initial_values = {{"v", symbol("start") + symbol("i") * Expression(1e-3)}};
    EXPECT_EQ(common(number), 0U);
}

TEST(SharedBeginning, DivergesAsEachTraceAlone) {
    Model model = integrate_and_fire();
    model.threshold.reset();
    model.reset.clear();
    Array2 parameters = parameter_table(20);
    parameters(3, 1) = 0;
    parameters(7, 2) = std::nan("");
    const std::vector<Loss> losses{Loss::squared};
    const UpdateProgram program = program_of(model, losses);
    const EnsembleData data = protocol(3, 100, 50, losses);
    expect_as_alone(program, data, parameters, 2 * 50);
    Ensemble shared(program, data, {.sharing = SharedBeginnings::always});
    EXPECT_EQ(shared.run(parameters).non_finite, 6U);
}

TEST(SharedBeginning, IsUsedWhereItPays) {
    const std::vector<Loss> losses{Loss::squared};
    const UpdateProgram program = program_of(integrate_and_fire(), losses);
    const EnsembleOptions options{.threads = 1, .kernel = {.disk_cache = false}};
    Ensemble ensemble(program, protocol(5, 1000, 800, losses), options);
    const Array2 parameters = parameter_table(1000);
    const RunResult first = ensemble.run(parameters);
    const double compiled = ensemble.compile_seconds();
    (void)ensemble.run(parameters);
    EXPECT_EQ(ensemble.compile_seconds(), compiled);  // so far a kernel of its own would not have paid
    for (int n = 0; n < 100 && ensemble.compile_seconds() == compiled; ++n) (void)ensemble.run(parameters);
    EXPECT_GT(ensemble.compile_seconds(), compiled);
    const RunResult shared = ensemble.run(parameters);
    EXPECT_TRUE(same_bits(shared.online_errors[0].values, first.online_errors[0].values));
}

TEST(SharedBeginning, PassesOnWhatAnObserverThrows) {
    Ensemble ensemble(program_of(integrate_and_fire()), protocol(3, 100, 50),
                      {.threads = 2, .sharing = SharedBeginnings::always});
    RunRequest request = everything;
    request.observer = [](const BlockView&) { throw DataError("enough"); };
    EXPECT_THROW(ensemble.run(parameter_table(200), request), DataError);
    EXPECT_NO_THROW(ensemble.run(parameter_table(200)));
    const std::atomic<bool> cancelled = true;
    EXPECT_THROW(ensemble.run(parameter_table(200), {.cancelled = &cancelled}), Interrupted);
}

}  // namespace
}  // namespace spikesmith
