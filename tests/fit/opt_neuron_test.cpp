#include "spikesmith/fit/opt_neuron.hpp"

#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "fit/opt_neuron_models.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace spikesmith {
namespace {

using test::data_fit;
using test::model_fit;
using test::rate_neuron;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsNan;
using testing::Pair;

constexpr std::size_t half = 10;  // ms; longer steps say nothing more
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::string error_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

// The loss of values alone: what `r` is at the end of the experiment, minus 3.
OptNeuronOptions with_loss(ExperimentLoss loss) {
    OptNeuronOptions options = data_fit(half);
    options.loss = std::move(loss);
    return options;
}

// --- a reference fit (opt_recovery_test.cpp has them with every method) --------------------------------------------------

TEST(OptNeuron, WholeProtocolOfTheReference) {
    OptNeuron fit(data_fit(500));
    EXPECT_THAT(fit.warnings(), ElementsAre(HasSubstr("attributes of the model that are not among the variables: "
                                                      "I_app, r")));
    const OptNeuronResult result = fit.run({.max_evaluations = 1000, .method = "deap"});
    EXPECT_NEAR(result["a"], 0.8, 1e-6);
    ASSERT_EQ(result.results.chunks.size(), 2U);
    EXPECT_EQ(result.results.trace("r", 0).size(), 1000U);
    EXPECT_NEAR(result.results.trace("r", 1).back(), 10, 1e-5);
    EXPECT_THAT(result.summary(), HasSubstr("after 1000 evaluations"));
}

// --- variables ----------------------------------------------------------------------------------------------------------

TEST(OptNeuron, FollowsExpressionsAndConstants) {
    OptNeuronOptions options = model_fit(half);
    options.variables = {
        {.name = "a", .expression = "2*slope"}, {.name = "slope", .bounds = {{10, -10}}}, {.name = "b", .value = 0}};
    OptNeuron fit(options);
    EXPECT_THAT(fit.warnings()[1], HasSubstr("no attributes of the model, used in expressions only: slope"));
    const OptNeuronResult result = fit.run({.max_evaluations = 300});
    EXPECT_NEAR(result["slope"], 3, 1e-6);
    EXPECT_NEAR(result["a"], 6, 2e-6);
    EXPECT_THAT(result.best, ElementsAre(Pair("slope", testing::_)));
    EXPECT_THAT(result.parameters,
                ElementsAre(Pair("a", 2 * result["slope"]), Pair("slope", testing::_), Pair("b", 0)));
    EXPECT_THAT(result.expressions, ElementsAre(Pair("a", "2*slope")));
    EXPECT_THAT(result.full_report(), HasSubstr("= 2*slope"));
    EXPECT_THROW(static_cast<void>(result["slop"]), ConfigError);
}

TEST(OptNeuron, FitsInitialValues) {
    const Model decay = parse_annarchy({.parameters = {"parameters", "tau = 10.0"},
                                        .equations = {"equations", "tau*dr/dt = -r : init=1.0, exponential"}});
    const Experiment twice = [](Simulation& simulation) {
        simulation.start_recording();
        simulation.run(0.02);
        simulation.reset();  // back to the fitted initial value
        simulation.run(0.01);
        return simulation.results();
    };
    OptNeuron fit(
        {.model = decay,
         .variables = {{.name = "r", .bounds = {{0, 10}}}, {.name = "tau", .bounds = {{1, 100}}}},
         .experiment = twice,
         .loss = rmse_loss("r"),
         .target_model = parse_annarchy({.parameters = {"parameters", "tau = 20.0"},
                                         .equations = {"equations", "tau*dr/dt = -r : init=4.0, exponential"}}),
         .record = {"r"}});
    const OptNeuronResult result = fit.run({.max_evaluations = 2000, .method = "cma_es"});
    EXPECT_NEAR(result["r"], 4, 1e-6);
    EXPECT_NEAR(result["tau"], 20, 1e-5);
    EXPECT_EQ(result.results.trace("r", 0)[0], result.results.trace("r", 1)[0]);
}

TEST(OptNeuron, WholeNumbersStayWhole) {
    OptNeuronOptions options = model_fit(half);
    options.variables[0].integer = true;
    OptNeuron fit(options);
    const OptNeuronResult result = fit.run({.max_evaluations = 600, .method = "differential_evolution"});
    EXPECT_EQ(result["a"], 6);
    for (const OptEvaluation& evaluation : result.history)
        ASSERT_EQ(std::floor(evaluation.variables[0]), evaluation.variables[0]);
}

TEST(OptNeuron, LeavesTheBoundsOnlyIfAsked) {
    OptNeuronOptions options = model_fit(half);  // a = 6
    options.variables[0].bounds = {{0, 5}};
    const OptNeuronResult inside = OptNeuron(options).run({.max_evaluations = 600, .method = "cma_es"});
    EXPECT_LE(inside["a"], 5);
    options.allow_outside_bounds = true;
    const OptNeuronResult outside = OptNeuron(options).run({.max_evaluations = 2000, .method = "cma_es"});
    EXPECT_NEAR(outside["a"], 6, 1e-6);
}

TEST(OptNeuron, BeginsWhereTheUserGuesses) {
    OptNeuronOptions options = model_fit(half);
    options.variables[0].guess = {{5, 7}};
    options.variables[1].guess = {{1, -1}};
    const OptNeuronResult result = OptNeuron(options).run({.max_evaluations = 64, .population = 16});
    ASSERT_EQ(result.history.size(), 64U);
    for (std::size_t k = 0; k < 16; ++k) {
        EXPECT_NEAR(result.history[k].variables[0], 6, 1);
        EXPECT_NEAR(result.history[k].variables[1], 0, 1);
    }
    EXPECT_LT(result.best_loss_after[0], 3);
}

TEST(OptNeuron, AnExpressionWithoutValueIsAFailure) {
    OptNeuronOptions options = model_fit(half);
    options.variables = {{.name = "a", .bounds = {{-10, 10}}}, {.name = "b", .expression = "0*log(a)"}};
    const OptNeuronResult result = OptNeuron(options).run({.max_evaluations = 500, .method = "cma_es"});
    EXPECT_NEAR(result["a"], 6, 1e-6);
    EXPECT_GT(result.n_failed, 0U);
    for (const OptEvaluation& evaluation : result.history)
        EXPECT_EQ(std::isnan(evaluation.loss), evaluation.variables[0] <= 0) << evaluation.variables[0];
}

// --- losses -------------------------------------------------------------------------------------------------------------

TEST(OptNeuron, FailedCandidatesAreCountedAndPoisonNothing) {
    const ExperimentLoss half_fails = [](const SimulationRecord& candidate, const SimulationRecord& target) {
        auto parts = rmse_loss("r")(candidate, target);
        if (candidate.chunks[0].parameters.at("a")[0] > 1) parts[1] = not_a_number;
        if (candidate.chunks[0].parameters.at("b")[0] < -10) parts[0] = INFINITY;
        return parts;
    };
    for (const std::string method : {"auto", "cma_es", "differential_evolution", "tpe", "nelder_mead", "nsga2"}) {
        OptNeuron fit(with_loss(half_fails));
        const OptNeuronResult result = fit.run({.max_evaluations = 400, .method = method});
        std::size_t failed = 0;
        for (const OptEvaluation& evaluation : result.history) failed += std::isfinite(evaluation.loss) ? 0 : 1;
        EXPECT_EQ(result.n_failed, failed) << method;
        EXPECT_GT(failed, 10U) << method;
        EXPECT_LT(result.loss, 30) << method;
        EXPECT_LE(result["a"], 1) << method;
    }
}

TEST(OptNeuron, AStateThatIsNoNumberIsAFailure) {
    OptNeuronOptions options =
        with_loss([](const SimulationRecord&, const SimulationRecord&) { return std::vector{1.0}; });
    options.model = parse_annarchy(
        {.parameters = {"parameters", "a = 0.0\nI_app = 0.0"}, .equations = {"equations", "r = sqrt(a)"}});
    options.variables = {{.name = "a", .bounds = {{-1, 1}}}};
    const OptNeuronResult result = OptNeuron(options).run({.max_evaluations = 60, .method = "random_search"});
    EXPECT_GT(result.n_failed, 10U);
    for (const OptEvaluation& evaluation : result.history)
        EXPECT_EQ(std::isnan(evaluation.loss), evaluation.variables[0] < 0) << evaluation.variables[0];
}

// Runs away from anything above 2, with one spike before it does.
Model exploding() {
    return parse_annarchy({.parameters = {"parameters", "a = 0.0"},
                           .equations = {"equations", "dv/dt = v*v*v - v : init=1.0\ndw/dt = a*w*w*w : init=1.0"},
                           .spike = "v > 0.9",
                           .reset = "v = 0.1"});
}

TEST(OptNeuron, ADivergedStateIsAFailureThoughOnlySpikesAreRecorded) {
    const Experiment two_chunks = [](Simulation& simulation) {
        simulation.start_recording();
        simulation.run(0.02);
        simulation.reset();  // nothing is left of what the first chunk did to the states
        simulation.run(0.001);
        return simulation.results();
    };
    OptNeuron fit({.model = exploding(),
                   .variables = {{.name = "a", .bounds = {{-1, 1}}}},
                   .experiment = two_chunks,
                   .loss =
                       [](const SimulationRecord& candidate, const SimulationRecord&) {
                           // the more it runs away the better it seems
                           return std::vector{2 - candidate.chunks[0].parameters.at("a")[0]};
                       },
                   .record = {"spike"}});
    const OptNeuronResult result = fit.run({.max_evaluations = 64, .method = "sobol"});
    const auto diverges = [](double a) {
        double w = 1;
        for (int step = 0; step < 20; ++step) w += a * w * w * w;
        return !std::isfinite(w);
    };
    EXPECT_GT(result.n_failed, 10U);
    EXPECT_LT(result.n_failed, 50U);
    for (const OptEvaluation& evaluation : result.history)
        EXPECT_EQ(std::isnan(evaluation.loss), diverges(evaluation.variables[0])) << evaluation.variables[0];
    EXPECT_FALSE(diverges(result["a"]));
    ASSERT_EQ(result.failures.size(), 1U);
    EXPECT_EQ(result.failures[0].what, "the state `w` became NaN or infinite in chunk 1");
    EXPECT_EQ(result.failures[0].count, result.n_failed);
    EXPECT_TRUE(std::isnan(result.history[result.failures[0].evaluation].loss));
    EXPECT_THAT(result.full_report(), HasSubstr("x the state `w` became NaN or infinite in chunk 1"));
    EXPECT_TRUE(std::isnan(fit.losses(Array2(1, 1, 1.0))[0][0]));
}

TEST(OptNeuron, ATargetModelThatDivergesIsRefused) {
    OptNeuronOptions options = model_fit(half);
    options.target_model = parse_annarchy(
        {.parameters = {"parameters", "I_app = 0.0"}, .equations = {"equations", "dr/dt = r*r*r : init=10.0"}});
    EXPECT_THAT(error_of([&] { OptNeuron fit(options); }),
                HasSubstr("the target model fails: the state `r` became NaN or infinite in chunk 1"));
}

TEST(OptNeuron, CausesOfFailuresAreToldApart) {
    OptNeuronOptions options = with_loss([](const SimulationRecord& candidate, const SimulationRecord&) {
        const double a = candidate.chunks[0].parameters.at("a")[0];
        return std::vector{a > 50 ? not_a_number : 1.0, a > 20 ? INFINITY : a};
    });
    options.variables[1] = {.name = "b", .expression = "log(a)"};
    const OptNeuronResult result = OptNeuron(options).run({.max_evaluations = 128, .method = "sobol"});
    std::vector<std::string> causes;
    std::size_t count = 0;
    for (const FailureCause& cause : result.failures) {
        causes.push_back(cause.what);
        count += cause.count;
    }
    EXPECT_THAT(causes, testing::UnorderedElementsAre("the value of `b` is NaN or infinite",
                                                      "part 1 of the loss is NaN or infinite",
                                                      "part 2 of the loss is NaN or infinite"));
    EXPECT_EQ(count, result.n_failed);
}

TEST(OptNeuron, IfAllFailThereIsNoBest) {
    OptNeuron fit(with_loss([](const auto&, const auto&) { return std::vector<double>{not_a_number}; }));
    const OptNeuronResult result = fit.run({.max_evaluations = 50});
    EXPECT_THAT(result.best, IsEmpty());
    EXPECT_THAT(result.fitted, ElementsAre("a", "b"));
    EXPECT_THAT(result.loss, IsNan());
    EXPECT_EQ(result.n_failed, 50U);
    EXPECT_THAT(result.summary(), HasSubstr("all 50 evaluations failed"));
    EXPECT_THAT(result.full_report(), HasSubstr("all 50 evaluations failed"));
    EXPECT_THROW(static_cast<void>(result["a"]), ConfigError);
}

TEST(OptNeuron, WeighsTheParts) {
    OptNeuronOptions options = data_fit(half);
    options.loss_weights = {2, 10};
    OptNeuron fit(options);
    const OptNeuronResult result = fit.run({.max_evaluations = 20});
    for (const OptEvaluation& evaluation : result.history)
        EXPECT_DOUBLE_EQ(evaluation.loss, 2 * evaluation.parts[0] + 10 * evaluation.parts[1]);
    options.loss_weights = {1};
    EXPECT_THROW(OptNeuron{options}, ConfigError);
    options.loss_weights = {1, -1};
    EXPECT_THROW(OptNeuron{options}, ConfigError);
}

TEST(OptNeuron, LossesOfGivenValues) {
    OptNeuron fit(data_fit(half));
    Array2 values(70, 2, 2.0);  // more than a block; b is right
    for (std::size_t k = 0; k < 70; ++k) values(k, 0) = 0.8 + 0.1 * static_cast<double>(k);
    const auto losses = fit.losses(values);
    ASSERT_EQ(losses.size(), 70U);
    for (std::size_t k = 0; k < 70; ++k) {
        // half of the samples are off by the error of a times 5, and times 10
        EXPECT_NEAR(losses[k][0], 0.1 * static_cast<double>(k) * 5 / std::sqrt(2), 1e-12);
        EXPECT_NEAR(losses[k][1], 0.1 * static_cast<double>(k) * 10 / std::sqrt(2), 1e-12);
    }
    const SimulationRecord record = fit.record(values);
    EXPECT_EQ(record.n_candidates, 70U);
    EXPECT_DOUBLE_EQ(record.trace("r", 1, 69).back(), values(69, 0) * 10 + 2);
    EXPECT_DOUBLE_EQ(record.chunks[0].parameters.at("a")[65], values(65, 0));
}

TEST(OptNeuron, SeveralLossesMakeAFront) {
    // |a - 1| and |a + 1|: every a between is on the front
    const ExperimentLoss loss = [](const SimulationRecord& candidate, const SimulationRecord&) {
        const double a = candidate.chunks[0].parameters.at("a")[0];
        return std::vector{std::fabs(a - 1), std::fabs(a + 1)};
    };
    OptNeuronOptions options = with_loss(loss);
    options.variables = {{.name = "a", .bounds = {{-10, 10}}}};
    const OptNeuronResult result =
        OptNeuron(options).run({.max_evaluations = 600, .method = "nsga2", .population = 20});
    EXPECT_GT(result.front.size(), 20U);
    double last = -1;
    for (const OptEvaluation& evaluation : result.front) {
        EXPECT_LE(std::fabs(evaluation.variables[0]), 1.05);  // the ends are not met exactly
        EXPECT_GT(evaluation.parts[0], last);
        last = evaluation.parts[0];
    }
    EXPECT_GT(result.front.back().variables[0], -1.05);
    EXPECT_LT(result.front.back().variables[0], -0.8);
    EXPECT_TRUE(OptNeuron(options).run({.max_evaluations = 40, .method = "cma_es"}).front.empty());
}

// --- methods ------------------------------------------------------------------------------------------------------------

TEST(OptNeuronMethods, AliasesOfTheEstablishedTool) {
    EXPECT_EQ(opt_neuron_method("deap").description, opt_neuron_method("cma_es").description);
    EXPECT_EQ(opt_neuron_method("deap", {{"lambda_", "12"}}).description,
              opt_neuron_method("cma_es", {{"population", "12"}}).description);
    EXPECT_EQ(opt_neuron_method("hyperopt").description, opt_neuron_method("tpe").description);
    EXPECT_THAT(opt_neuron_method("bads").description, HasSubstr("trust_region true"));
    EXPECT_THAT(error_of([] { static_cast<void>(opt_neuron_method("sbi")); }), HasSubstr("infer_opt_neuron"));
    EXPECT_THAT(error_of([] { static_cast<void>(opt_neuron_method("cma_ess")); }), HasSubstr("did you mean `cma_es`?"));
    EXPECT_THROW(opt_neuron_method("cma_es", {{"population", "many"}}), ConfigError);
    EXPECT_THROW(opt_neuron_method("cma_es", {{"active", "1"}}), ConfigError);
    EXPECT_THROW(opt_neuron_method("cma_es", {{"lambda", "12"}}), ConfigError);
}

TEST(OptNeuronMethods, GenerationsFitTheMethod) {
    EXPECT_EQ(generation_size("cma_es", 100), 8U);
    EXPECT_EQ(generation_size("cma_es", 1000), 25U);
    EXPECT_EQ(generation_size("cma_es", 100'000), 64U);
    EXPECT_EQ(generation_size("tpe", 100'000), 8U);
    EXPECT_EQ(OptNeuron(data_fit(half)).run({.max_evaluations = 400, .method = "nelder_mead"}).population, 8U);
    EXPECT_EQ(OptNeuron(data_fit(half)).run({.max_evaluations = 400, .method = "cma_es"}).population, 10U);
}

// --- checks of the experiment -------------------------------------------------------------------------------------------

std::string refused(const std::function<void(OptNeuronOptions&)>& change) {
    return error_of([&] {
        OptNeuronOptions options = data_fit(half);
        change(options);
        OptNeuron fit(std::move(options));
    });
}

TEST(OptNeuronChecks, TheExperimentMustRepeat) {
    const auto message = refused([](OptNeuronOptions& options) {
        options.experiment = [calls = 0](Simulation& simulation) mutable {
            simulation.start_recording();
            simulation.set("I_app", ++calls);
            simulation.run(0.02);
            return simulation.results();
        };
    });
    EXPECT_THAT(message, HasSubstr("the experiment gives something else the second time: in chunk 0, sample 0 of `r`"));
    EXPECT_THAT(refused([](OptNeuronOptions& options) {
                    options.experiment = [calls = 0](Simulation& simulation) mutable {
                        simulation.start_recording();
                        simulation.data["x"] = {static_cast<double>(++calls)};
                        simulation.run(0.02);
                        return simulation.results();
                    };
                }),
                HasSubstr("the data differ"));
}

TEST(OptNeuronChecks, ACandidateAloneIsWhatItIsAmongOthers) {
    EXPECT_THAT(refused([](OptNeuronOptions& options) {
                    options.experiment = [](Simulation& simulation) {
                        simulation.start_recording();
                        simulation.set("I_app", static_cast<double>(simulation.size()));
                        simulation.run(0.02);
                        return simulation.results();
                    };
                }),
                HasSubstr("a candidate gives something else alone than among others"));
}

TEST(OptNeuronChecks, SomethingMustBeRecorded) {
    EXPECT_THAT(refused([](OptNeuronOptions& options) {
                    options.experiment = [](Simulation& simulation) {
                        simulation.run(0.02);
                        return simulation.results();
                    };
                }),
                HasSubstr("the experiment recorded nothing"));
    EXPECT_THAT(refused([](OptNeuronOptions& options) {
                    options.experiment = [](Simulation& simulation) {
                        simulation.start_recording();
                        simulation.run(0.02);
                        return simulation.results().candidate(0);
                    };
                }),
                HasSubstr("the experiment gave a record of 1 candidates, but 2 were simulated"));
    EXPECT_THAT(refused([](OptNeuronOptions& options) { options.target = test::rate_data(half).candidate(0); }),
                IsEmpty());
    EXPECT_THAT(refused([](OptNeuronOptions& options) { options.target->chunks.pop_back(); }),
                HasSubstr("the experiment records 2 chunks, but the target has 1"));
}

TEST(OptNeuronChecks, LossesMustBeConsistent) {
    EXPECT_THAT(refused([](OptNeuronOptions& options) {
                    options.loss = [](const auto&, const auto&) { return std::vector<double>{}; };
                }),
                HasSubstr("the loss gave no value"));
    EXPECT_THAT(refused([](OptNeuronOptions& options) {
                    options.loss = [](const SimulationRecord& candidate, const SimulationRecord&) {
                        return std::vector<double>(candidate.chunks[0].parameters.at("a")[0] < 0 ? 1 : 2);
                    };
                }),
                HasSubstr("the loss gives 1 values for one candidate and 2 for another"));
    EXPECT_THAT(refused([](OptNeuronOptions& options) {
                    options.loss = [](const auto&, const auto&) -> std::vector<double> {
                        throw DataError("no such thing");
                    };
                }),
                HasSubstr("no such thing"));
    OptNeuronOptions options = data_fit(half);
    options.loss = [calls = std::make_shared<std::atomic<int>>(0)](const auto&, const auto&) {
        return std::vector{static_cast<double>(++*calls)};
    };
    EXPECT_THAT(OptNeuron(options).warnings()[1], HasSubstr("the loss gives another value for the same record"));
}

TEST(OptNeuronChecks, OptionsMustMakeSense) {
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.experiment = {}; }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.loss = {}; }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.target_model = rate_neuron(); }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.repetitions = 0; }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.target_repetitions = 0; }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.threads = -1; }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.record = {"x"}; }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.time_step = -1; }), "");
    EXPECT_NE(refused([](OptNeuronOptions& o) { o.target->n_candidates = 2; }), "");
    OptNeuron fit(data_fit(half));
    EXPECT_THROW(fit.run({}), ConfigError);
    EXPECT_THROW(fit.run({.max_evaluations = 10, .population = 2'000'000}), ConfigError);
    EXPECT_THROW(fit.run({.max_evaluations = 10, .stop_at_loss = not_a_number}), ConfigError);
    EXPECT_THROW(fit.losses(Array2(1, 3)), ConfigError);
}

}  // namespace
}  // namespace spikesmith
