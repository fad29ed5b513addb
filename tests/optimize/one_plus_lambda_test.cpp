#include "spikesmith/optimize/one_plus_lambda.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimize/optimizer_contract.hpp"
#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::BenchmarkFunction;
using test::errors_of;
using test::failing;
using test::Function;
using test::median_of_seeds;
using test::run_rounds;
using Kind = BenchmarkFunction::Kind;

std::unique_ptr<Optimizer> make(std::size_t dimension, std::size_t batch, std::uint64_t seed,
                                const OnePlusLambdaOptions& options = {}) {
    return one_plus_lambda(options)({.dimension = dimension, .batch = batch, .seed = seed});
}

double median(Kind kind, std::size_t dimension, std::size_t batch, std::size_t rounds,
              const OnePlusLambdaOptions& options = {}) {
    return median_of_seeds(one_plus_lambda(options), BenchmarkFunction(kind, dimension, 1), dimension, batch, rounds);
}

TEST(OnePlusLambda, KeepsTheContract) {
    test::expect_contract(one_plus_lambda());
    test::expect_contract(one_plus_lambda({.mutation = Mutation::cauchy}));
    test::expect_contract(one_plus_lambda({.leaps = 0}));
}

TEST(OnePlusLambda, SolvesSmoothFunctions) {
    EXPECT_LT(median(Kind::sphere, 5, 30, 333), 1e-25);
    EXPECT_LT(median(Kind::sphere, 20, 30, 333), 1e-12);
    EXPECT_LT(median(Kind::rosenbrock, 5, 30, 333), 2);
    EXPECT_LT(median(Kind::sphere, 5, 1, 3000), 1e-15);
    EXPECT_LT(median(Kind::sphere, 5, 1000, 60), 1e-2);
    EXPECT_LT(median(Kind::sphere, 5, 30, 333, {.mutation = Mutation::cauchy}), 1e-15);
}

TEST(OnePlusLambda, StartsInTheMiddleOrWhereItIsTold) {
    EXPECT_THAT(make(3, 5, 1)->ask(1).points.values, testing::Each(0.5));
    const std::vector<double> start{0.1, 0.99, 1};
    const auto optimizer = make(3, 30, 1, {.step = 1e-4, .leaps = 0, .start = start});
    const Candidates candidates = optimizer->ask(30);
    EXPECT_THAT(std::vector(candidates.points.values.begin(), candidates.points.values.begin() + 3),
                testing::ElementsAreArray(start));
    for (std::size_t r = 1; r < 30; ++r) {
        for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(candidates.points(r, j), start[j], 1e-3);
    }
    EXPECT_THROW(make(2, 30, 1, {.start = start}), ConfigError);
}

TEST(OnePlusLambda, CauchyStepsAreLong) {
    const auto far = [](Mutation mutation) {
        const Candidates candidates = make(10, 1000, 1, {.step = 0.01, .mutation = mutation, .leaps = 0})->ask(1000);
        return std::ranges::count_if(candidates.points.values, [](double u) { return std::fabs(u - 0.5) > 0.06; });
    };
    EXPECT_EQ(far(Mutation::gaussian), 0);
    // P(|Cauchy| > 6) = 1 - 2/pi*atan(6) = 0.105
    EXPECT_NEAR(static_cast<double>(far(Mutation::cauchy)) / 10000, 0.105, 0.02);
}

TEST(OnePlusLambda, LeapsChangeFewCoordinates) {
    const Candidates candidates = make(10, 10000, 1, {.step = 1e-6, .leaps = 0.3})->ask(10000);
    std::vector<double> share(11);
    double leaps = 0;
    for (std::size_t r = 1; r < 10000; ++r) {
        const auto point = candidates.points.row(r);
        const auto unchanged = std::ranges::count(point, 0.5);
        if (std::ranges::all_of(point, [](double u) { return std::fabs(u - 0.5) < 1e-5; }) && unchanged == 0) continue;
        share[static_cast<std::size_t>(10 - unchanged)] += 1;
        leaps += 1;
    }
    EXPECT_NEAR(leaps, 3000, 150);
    double sum = 0;
    for (int k = 1; k <= 10; ++k) sum += std::pow(k, -1.5);
    for (int k = 1; k <= 10; ++k)
        EXPECT_NEAR(share[static_cast<std::size_t>(k)] / leaps, std::pow(k, -1.5) / sum, 0.03);
    EXPECT_EQ(share[0], 0);
}

TEST(OnePlusLambda, LeapsLeaveValleys) {
    EXPECT_LT(median(Kind::rastrigin, 5, 30, 333), 1);
    EXPECT_LT(median(Kind::rastrigin, 10, 30, 333), 5);
    EXPECT_GT(median(Kind::rastrigin, 10, 30, 333, {.leaps = 0}), 10);
}

TEST(OnePlusLambda, FindsMinimaOnBounds) {
    const Function corner = [](std::span<const double> point) { return point[0] + (1 - point[1]); };
    EXPECT_LT(median_of_seeds(one_plus_lambda(), corner, 2, 30, 100), 1e-12);
}

TEST(OnePlusLambda, GoesOnWhenNothingIsLeftToGain) {
    const auto optimizer = make(2, 30, 1);
    run_rounds(*optimizer, test::sphere, 30, 500);
    EXPECT_LT(optimizer->recommend()->error, 1e-29);
    const Candidates candidates = optimizer->ask(30);
    EXPECT_FALSE(std::ranges::equal(candidates.points.row(0), candidates.points.row(1)));
}

TEST(OnePlusLambda, SurvivesFailures) {
    const double clean = median_of_seeds(one_plus_lambda(), test::sphere, 4, 30, 60);
    const double failed = median_of_seeds(one_plus_lambda(), failing(test::sphere, 3), 4, 30, 60);
    EXPECT_LT(failed, 30 * clean);
}

TEST(OnePlusLambda, WorkersMayAnswerLate) {
    const auto optimizer = make(3, 10, 1);
    std::vector<Candidates> waiting;
    for (int asked = 0; asked < 6000; ++asked) {
        waiting.push_back(optimizer->ask(1));
        if (waiting.size() <= 40) continue;
        optimizer->tell(waiting.front().ids, errors_of(waiting.front().points, test::sphere));
        waiting.erase(waiting.begin());
    }
    EXPECT_LT(optimizer->recommend()->error, 1e-8);
}

TEST(OnePlusLambda, OptionsAreChecked) {
    EXPECT_THROW(static_cast<void>(one_plus_lambda({.step = 0})), ConfigError);
    EXPECT_THROW(static_cast<void>(one_plus_lambda({.step = NAN})), ConfigError);
    EXPECT_THROW(static_cast<void>(one_plus_lambda({.leaps = 1})), ConfigError);
    EXPECT_THROW(static_cast<void>(one_plus_lambda({.leaps = NAN})), ConfigError);
    EXPECT_THROW(static_cast<void>(one_plus_lambda({.start = {-0.5}})), ConfigError);
    OnePlusLambdaOptions options;
    EXPECT_EQ(one_plus_lambda(options).description, "(1+lambda) evolution strategy");
    set_option(options, "mutation", std::string("cauchy"));
    set_option(options, "offspring", 12.0);
    EXPECT_EQ(one_plus_lambda(options).description, "(1+lambda) evolution strategy: offspring 12, mutation cauchy");
    EXPECT_THROW(make(0, 10, 1), ConfigError);
}

}  // namespace
}  // namespace spikesmith
