// Both reference fits of OptNeuron recover the truth with every method that is offered: those that converge do so alone, the others
// (models of the loss, fronts, designs that do not learn) when their best is polished.
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
using testing::HasSubstr;

constexpr std::size_t half = 10;  // ms; longer steps say nothing more

void expect_the_truth(const OptNeuronRunOptions& run) {
    OptNeuron data(data_fit(half));
    const OptNeuronResult first = data.run(run);
    EXPECT_NEAR(first["a"], 0.8, 1e-6);
    EXPECT_NEAR(first["b"], 2, 1e-6);
    EXPECT_EQ(first.loss, first.best_loss);  // the model has no noise
    EXPECT_EQ(first.all_loss.size(), 2U);

    OptNeuron model(model_fit(half));
    const OptNeuronResult second = model.run(run);
    EXPECT_NEAR(second["a"], 6, 1e-6);
    EXPECT_NEAR(second["b"], 0, 1e-6);
    EXPECT_EQ(second.history.size(), run.max_evaluations);
    for (const OptEvaluation& evaluation : second.history) {
        ASSERT_TRUE(evaluation.variables[0] >= -50 && evaluation.variables[0] <= 100);
        ASSERT_TRUE(evaluation.variables[1] >= -50 && evaluation.variables[1] <= 150);
    }
}

class Alone : public testing::TestWithParam<std::string> {};

TEST_P(Alone, RecoversTheTruth) {
    expect_the_truth({.max_evaluations = 4000, .method = GetParam()});
}

INSTANTIATE_TEST_SUITE_P(Methods, Alone,
                         testing::Values("auto", "differential_evolution", "jso", "l_shade", "deap", "cma_es",
                                         "particle_swarm", "quasi_newton", "nelder_mead", "quadratic_model",
                                         "basin_hopping", "one_plus_lambda"),
                         [](const auto& method) { return method.param; });

std::vector<std::string> all_methods() {
    std::vector<std::string> names{"deap", "hyperopt", "bads", "RF", "ET", "GBRT"};
    for (const MethodInfo& method : optimizer_methods()) names.push_back(method.name);
    return names;
}

class Polished : public testing::TestWithParam<std::string> {};

TEST_P(Polished, RecoversTheTruth) {
    expect_the_truth({.max_evaluations = 720, .method = GetParam(), .polish_evaluations = 600});
}

INSTANTIATE_TEST_SUITE_P(Methods, Polished, testing::ValuesIn(all_methods()),
                         [](const auto& method) { return method.param; });

TEST(OptNeuronPolishing, BeginsAfterTheSearchAndIsPartOfThePlan) {
    OptNeuron plain(data_fit(half));
    OptNeuron polished(data_fit(half));
    const OptNeuronResult alone = plain.run({.max_evaluations = 100, .method = "sobol"});
    const OptNeuronResult both = polished.run({.max_evaluations = 150, .method = "sobol", .polish_evaluations = 50});
    ASSERT_EQ(both.history.size(), 150U);
    for (std::size_t k = 0; k < 100; ++k) EXPECT_EQ(both.history[k].variables, alone.history[k].variables) << k;
    EXPECT_LT(both.loss, alone.loss / 2);
    EXPECT_THAT(both.optimizer, HasSubstr("the last 50 evaluations CMA-ES round the best"));
    // A run that goes on polishes on.
    EXPECT_LT(polished.run({.max_evaluations = 800, .method = "sobol", .polish_evaluations = 50}).loss, 1e-5);
    EXPECT_THROW(static_cast<void>(plain.run({.max_evaluations = 50, .method = "tpe", .polish_evaluations = 50})),
                 ConfigError);
}

TEST(OptNeuronPolishing, NeedsABestAndElseSearchesOn) {
    OptNeuronOptions options = data_fit(half);
    options.loss = [](const SimulationRecord&, const SimulationRecord&) {
        return std::vector{std::numeric_limits<double>::quiet_NaN()};
    };
    const OptNeuronResult result =
        OptNeuron(options).run({.max_evaluations = 60, .method = "sobol", .polish_evaluations = 20});
    EXPECT_EQ(result.n_failed, 60U);
    EXPECT_TRUE(result.best.empty());
}

}  // namespace
}  // namespace spikesmith
