// OptNeuron under noise, and whether it gives the same again: seeds, threads, runs in parts, stops and starts.
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fit/opt_neuron_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/fit/opt_neuron.hpp"

namespace spikesmith {
namespace {

using test::model_fit;
using testing::HasSubstr;

constexpr std::size_t half = 10;  // ms
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::string error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

// The loss is the last v, a normal number with mean m: Euler's rule makes v a first-order autoregression with the factor 1 - h for
// h = dt/tau = 0.1, whose variance is 2*h/(1 - (1 - h)**2).
const double deviation_of_v = std::sqrt(0.2 / (1 - 0.81));

OptNeuronOptions noisy(std::size_t repetitions, NoiseStreams noise = NoiseStreams::independent) {
    return {.model = test::noisy_membrane(),
            .variables = {{.name = "m", .bounds = {{0, 10}}}},
            .experiment =
                [](Simulation& simulation) {
                    simulation.start_recording();
                    simulation.run(0.01);
                    return simulation.results();
                },
            .loss = [](const SimulationRecord& candidate,
                       const SimulationRecord&) { return std::vector{candidate.trace("v").back()}; },
            .time_step = 1e-4,
            .method = "euler",
            .record = {"v"},
            .repetitions = repetitions,
            .noise = noise,
            .seed = 7};
}

struct Spread {
    double mean = 0, deviation = 0;
};
Spread spread_of(const std::vector<std::vector<double>>& losses) {
    Spread spread;
    for (const auto& loss : losses) spread.mean += loss[0] / static_cast<double>(losses.size());
    for (const auto& loss : losses) spread.deviation += (loss[0] - spread.mean) * (loss[0] - spread.mean);
    spread.deviation = std::sqrt(spread.deviation / static_cast<double>(losses.size() - 1));
    return spread;
}

TEST(OptNeuronNoise, StandardErrorFallsWithTheRootOfTheRepetitions) {
    constexpr std::size_t n = 600;
    const Array2 same(n, 1, 3.0);
    for (const std::size_t repetitions : {1, 4, 16}) {
        OptNeuron fit(noisy(repetitions));
        const Spread spread = spread_of(fit.losses(same));
        const double expected = deviation_of_v / std::sqrt(static_cast<double>(repetitions));
        EXPECT_NEAR(spread.deviation, expected, expected * 4 / std::sqrt(2.0 * n)) << repetitions;
        EXPECT_NEAR(spread.mean, 3, 4 * expected / std::sqrt(n) + 0.001) << repetitions;
    }
}

TEST(OptNeuronNoise, DeviationOfTheRepetitionsIsThatOfTheNoise) {
    OptNeuron fit(noisy(8));
    const OptNeuronResult result = fit.run({.max_evaluations = 400, .method = "random_search"});
    double variance = 0;
    for (const OptEvaluation& e : result.history) variance += e.loss_deviation * e.loss_deviation / 400;
    const double expected = deviation_of_v * deviation_of_v;
    EXPECT_NEAR(variance, expected, expected * 4 * std::sqrt(2.0 / 7 / 400));
    EXPECT_GT(result.deviation, 0.2);
    EXPECT_NE(result.loss, result.best_loss);  // run again with other noise
    EXPECT_EQ(result.repetitions, 8U);
    EXPECT_THAT(result.summary(), HasSubstr("of 8 repetitions"));
}

TEST(OptNeuronNoise, CommonNoiseIsTheSameForAll) {
    OptNeuron fit(noisy(2, NoiseStreams::common));
    const auto losses = fit.losses(Array2(20, 1, 3.0), 5);
    for (const auto& loss : losses) EXPECT_EQ(loss, losses[0]);
    EXPECT_EQ(fit.losses(Array2(1, 1, 3.0), 1000), (std::vector<std::vector<double>>{losses[0]}));
    const OptNeuronResult result = fit.run({.max_evaluations = 30});
    EXPECT_EQ(result.loss, result.best_loss);
    EXPECT_GT(result.deviation, 0);  // but the repetitions differ
    // independent noise: all differ, and follow from the number of the evaluation
    OptNeuron independent(noisy(1));
    const auto first = independent.losses(Array2(20, 1, 3.0), 5);
    EXPECT_EQ(std::set<std::vector<double>>(first.begin(), first.end()).size(), 20U);
    EXPECT_EQ(independent.losses(Array2(1, 1, 3.0), 9)[0], first[4]);
}

TEST(OptNeuronNoise, TheTargetHasNoiseOfItsOwn) {
    OptNeuronOptions options = noisy(1, NoiseStreams::common);
    options.target_model = parse_brian({.equations = {"equations", R"(
                            dv/dt = (3 - v)/(1*ms) + sqrt(2/(1*ms))*xi : 1
                        )"}});
    options.target_repetitions = 3;
    options.loss = [](const SimulationRecord& candidate, const SimulationRecord& target) {
        if (target.chunks.size() != 3) return std::vector{not_a_number};
        return std::vector{candidate.trace("v").back() - target.trace("v", 1).back()};
    };
    OptNeuron fit(options);
    EXPECT_EQ(fit.target().chunks.size(), 3U);
    EXPECT_NE(fit.target().trace("v", 0).back(), fit.target().trace("v", 1).back());
    EXPECT_NE(fit.losses(Array2(1, 1, 3.0))[0][0], 0);
}

// --- reproducibility ----------------------------------------------------------------------------------------------------

void expect_same(const OptNeuronResult& a, const OptNeuronResult& b) {
    ASSERT_EQ(a.history.size(), b.history.size());
    for (std::size_t k = 0; k < a.history.size(); ++k) {
        ASSERT_EQ(a.history[k].variables, b.history[k].variables) << k;
        ASSERT_EQ(a.history[k].loss, b.history[k].loss) << k;
        ASSERT_EQ(a.history[k].loss_deviation, b.history[k].loss_deviation) << k;
    }
    EXPECT_EQ(a.best, b.best);
    EXPECT_EQ(a.loss, b.loss);
    EXPECT_EQ(a.deviation, b.deviation);
}

TEST(OptNeuronRepeats, SameSeedSameBitsForAnyThreads) {
    const auto run = [](int threads, std::uint64_t seed, bool serial, int width = 0) {
        OptNeuronOptions options = noisy(3);
        options.threads = threads;
        options.seed = seed;
        options.serial_loss = serial;
        options.kernel.width = width;
        return OptNeuron(options).run({.max_evaluations = 150, .method = "cma_es"});
    };
    const OptNeuronResult one = run(1, 3, true);
    expect_same(one, run(2, 3, false));
    expect_same(one, run(0, 3, true));
    expect_same(one, run(2, 3, false, 2));
    EXPECT_NE(one.history[0].variables, run(1, 4, true).history[0].variables);
}

TEST(OptNeuronRepeats, TwoRunsAreOne) {
    for (const std::string method : {"cma_es", "auto", "differential_evolution"}) {
        OptNeuron whole(noisy(2));
        const OptNeuronResult at_once = whole.run({.max_evaluations = 320, .method = method});
        OptNeuron parts(noisy(2));
        const OptNeuronResult first = parts.run({.max_evaluations = 160, .method = method, .planned_evaluations = 320});
        EXPECT_EQ(first.history.size(), 160U);
        expect_same(at_once, parts.run({.max_evaluations = 160, .method = method}));
    }
}

TEST(OptNeuronRepeats, AnotherMethodKnowsTheBest) {
    OptNeuron fit(model_fit(half));
    const double first = fit.run({.max_evaluations = 400, .method = "cma_es"}).best_loss;
    const OptNeuronResult second = fit.run({.max_evaluations = 100, .method = "nelder_mead"});
    EXPECT_EQ(second.history.size(), 500U);
    EXPECT_LE(second.best_loss, first);
    EXPECT_EQ(second.method, "nelder_mead");
}

TEST(OptNeuronRepeats, StopsWhenAsked) {
    OptNeuron fit(model_fit(half));
    std::size_t calls = 0;
    const OptNeuronResult stopped = fit.run({.max_evaluations = 1000,
                                             .method = "cma_es",
                                             .population = 20,
                                             .callback = [&](std::size_t n, const OptEvaluation& best) {
                                                 ++calls;
                                                 EXPECT_EQ(n, 20 * calls);
                                                 EXPECT_EQ(best.variables.size(), 2U);
                                                 return calls == 3;
                                             }});
    EXPECT_EQ(stopped.stop, OptStop::callback);
    EXPECT_EQ(stopped.history.size(), 60U);
    EXPECT_EQ(stopped.logbook.size(), 3U);
    EXPECT_EQ(stopped.logbook[2].best, stopped.best_loss_after[2]);
    EXPECT_LE(stopped.logbook[1].minimum, stopped.logbook[1].mean);

    const OptNeuronResult reached = fit.run({.max_evaluations = 5000, .method = "cma_es", .stop_at_loss = 1e-3});
    EXPECT_EQ(reached.stop, OptStop::loss_reached);
    EXPECT_LE(reached.best_loss, 1e-3);
    EXPECT_LT(reached.history.size(), 5000U);

    std::atomic<bool> cancelled = false;
    OptNeuron other(model_fit(half));
    const OptNeuronResult broken = other.run({.max_evaluations = 1000,
                                              .callback =
                                                  [&](std::size_t, const OptEvaluation&) {
                                                      cancelled = true;
                                                      return false;
                                                  },
                                              .cancelled = &cancelled});
    EXPECT_EQ(broken.stop, OptStop::cancelled);
    EXPECT_FALSE(broken.best.empty());
    EXPECT_THROW(OptNeuron(model_fit(half)).run({.max_evaluations = 10, .cancelled = &cancelled}), Interrupted);
}

TEST(OptNeuronRepeats, SourceSolutionsAreAStart) {
    const std::vector<OptEvaluation> near{{.variables = {6.01, 0.02}, .loss = 0.1},
                                          {.variables = {6.1, -0.1}, .loss = 1}};
    const auto best_after = [&](const std::vector<OptEvaluation>& sources) {
        double product = 1;
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            OptNeuronOptions options = model_fit(half);
            options.seed = seed;
            product *= OptNeuron(options)
                           .run({.max_evaluations = 60, .method = "cma_es", .source_solutions = sources})
                           .best_loss;
        }
        return std::pow(product, 0.2);
    };
    EXPECT_LT(best_after(near), 0.2 * best_after({}));
    EXPECT_THAT(error_of([&] {
                    best_after({{.variables = {101, 0}, .loss = 1}});
                }),
                HasSubstr("`a` is 101 in a source solution, outside of the bounds -50 and 100"));
    EXPECT_THROW(best_after({{.variables = {1}, .loss = 1}}), ConfigError);
}

}  // namespace
}  // namespace spikesmith
