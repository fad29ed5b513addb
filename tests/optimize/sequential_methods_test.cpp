// What methods written as sequential searches have in common, and what each is good at.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimize/test_functions.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/basin_hopping.hpp"
#include "spikesmith/optimize/error_scale.hpp"
#include "spikesmith/optimize/nelder_mead.hpp"
#include "spikesmith/optimize/quadratic_model.hpp"
#include "spikesmith/optimize/quasi_newton.hpp"

namespace spikesmith {
namespace {

using test::BenchmarkFunction;
using test::errors_of;
using test::points_of_rounds;
using test::run_rounds;
using Kind = BenchmarkFunction::Kind;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Method {
    std::string name;
    OptimizerChoice choice;
};

void PrintTo(const Method& method, std::ostream* stream) {
    *stream << method.name;
}

class SequentialMethod : public testing::TestWithParam<Method> {
  protected:
    [[nodiscard]] static std::unique_ptr<Optimizer> make(std::size_t dimension, std::size_t batch,
                                                         std::uint64_t seed = 1) {
        return GetParam().choice({.dimension = dimension, .batch = batch, .rounds = 0, .seed = seed});
    }
};

bool inside_cube(const std::vector<double>& points) {
    return std::ranges::all_of(points, [](double u) { return u >= 0 && u <= 1; });
}

TEST_P(SequentialMethod, GetsOverFailedSimulations) {
    const BenchmarkFunction function(Kind::ellipsoid_rotated, 5, 1);
    const auto optimizer = make(5, 30);
    math::RandomStream random(1, 1);
    for (int round = 0; round < 200; ++round) {
        const Candidates candidates = optimizer->ask(30);
        auto errors = errors_of(candidates.points, function);
        for (double& error : errors) {
            if (random.next_uniform() < 0.2) error = round % 2 == 0 ? nan : std::numeric_limits<double>::infinity();
        }
        optimizer->tell(candidates.ids, errors);
    }
    EXPECT_LT(optimizer->recommend()->error, 1e-9);

    const auto hopeless = make(5, 30);
    for (int round = 0; round < 30; ++round) {
        const Candidates candidates = hopeless->ask(30);
        EXPECT_TRUE(inside_cube(candidates.points.values));
        hopeless->tell(candidates.ids, std::vector<double>(30, nan));
    }
    EXPECT_FALSE(hopeless->recommend());
}

TEST_P(SequentialMethod, WorksWithAnyBatch) {
    const BenchmarkFunction function(Kind::sphere, 3, 1);
    for (const std::size_t planned : {0, 1, 7, 30, 1000}) {
        for (const std::size_t batch : {1, 7, 30, 1000}) {
            const auto optimizer = make(3, planned);
            const std::size_t rounds = (planned == 1000 || batch == 1000 ? 8000 : 2000) / batch;
            EXPECT_TRUE(inside_cube(points_of_rounds(*optimizer, function, batch, rounds)));
            EXPECT_LT(optimizer->recommend()->error, batch == 1000 || planned == 1000 ? 1e-1 : 1e-6)
                << "planned " << planned << ", asked " << batch;
        }
    }
}

TEST_P(SequentialMethod, GoesOnWhenAnswersAreLateOrMissing) {
    const BenchmarkFunction function(Kind::sphere, 4, 1);
    const auto optimizer = make(4, 20);
    Candidates late = optimizer->ask(20);
    for (std::size_t round = 0; round < 150; ++round) {
        const Candidates next = optimizer->ask(20);
        // one in 50 is never told, the rest a round late
        const auto errors = errors_of(late.points, function);
        const std::size_t told = round % 5 == 0 ? 18 : 20;
        optimizer->tell(std::span(late.ids).first(told), std::span<const double>(errors).first(told));
        late = next;
    }
    EXPECT_LT(optimizer->recommend()->error, 1e-6);
}

TEST_P(SequentialMethod, StartsASearchAtABetterForeignPoint) {
    const BenchmarkFunction function(Kind::rastrigin, 6, 1);
    const auto optimizer = make(6, 30);
    run_rounds(*optimizer, function, 30, 2);
    Array2 guess(1, 6);
    const auto minimum = function.minimum();
    for (std::size_t j = 0; j < 6; ++j) guess(0, j) = minimum[j] + 0.005;
    optimizer->tell_foreign(guess, errors_of(guess, function));
    run_rounds(*optimizer, function, 30, 300);
    EXPECT_LT(optimizer->recommend()->error, 1e-9);
}

TEST_P(SequentialMethod, FindsAMinimumOnTheBounds) {
    const auto optimizer = make(4, 30);
    // smallest at (0, 1, 0.3, 0)
    const auto error = [](std::span<const double> u) {
        return u[0] + u[0] * u[0] + (1 - u[1]) * (2 + u[2]) + (u[2] - 0.3) * (u[2] - 0.3) + 3 * u[3] * (1 + u[0]);
    };
    for (int round = 0; round < 100; ++round) {
        const Candidates candidates = optimizer->ask(30);
        std::vector<double> errors;
        for (std::size_t r = 0; r < 30; ++r) errors.push_back(error(candidates.points.row(r)));
        optimizer->tell(candidates.ids, errors);
    }
    const auto& best = optimizer->recommend()->point;
    EXPECT_NEAR(best[0], 0, 1e-6);
    EXPECT_NEAR(best[1], 1, 1e-6);
    EXPECT_NEAR(best[2], 0.3, 1e-3);
    EXPECT_NEAR(best[3], 0, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(All, SequentialMethod,
                         testing::Values(Method{"quasi_newton", quasi_newton()}, Method{"nelder_mead", nelder_mead()},
                                         Method{"quadratic_model", quadratic_model()},
                                         Method{"basin_hopping", basin_hopping()}),
                         [](const auto& method) { return method.param.name; });

// --------------------------------------------------------------------------------------------------------- quality

// The median of the best errors of five instances.
double median_error(const OptimizerChoice& choice, Kind kind, std::size_t dimension, std::size_t rounds) {
    std::vector<double> best;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const BenchmarkFunction function(kind, dimension, seed);
        const auto optimizer = choice({.dimension = dimension, .batch = 30, .rounds = rounds, .seed = seed});
        run_rounds(*optimizer, function, 30, rounds);
        best.push_back(optimizer->recommend()->error);
    }
    std::ranges::sort(best);
    return best[2];
}

// Limits: a little above the medians of nevergrad 1.0.12 (SQP, NelderMead) after 10,000 evaluations one at a time, where
// these are above what rounding allows.
// A long curved valley: an evaluation that fails must not cost a batch.
TEST(QuasiNewton, FailuresInAValleyCostLittle) {
    std::vector<double> best;
    for (std::uint64_t seed = 1; seed <= 9; ++seed) {
        const auto optimizer = quasi_newton()({.dimension = 5, .batch = 30, .rounds = 100, .seed = seed});
        run_rounds(*optimizer, test::failing(BenchmarkFunction(Kind::rosenbrock, 5, seed), seed), 30, 100);
        best.push_back(optimizer->recommend()->error);
    }
    std::ranges::sort(best);
    EXPECT_LT(best[4], 1e-10);
}

// ------------------------------------------------------------------------------- quasi-Newton where evaluations fail

struct Descent {
    std::size_t evaluations = 0;
    std::size_t batches = 0;
    double error = std::numeric_limits<double>::infinity();
};

Descent descend(const test::Function& function, SearchStart start, QuasiNewtonOptions options = {}) {
    Descent descent;
    ErrorScale scale;
    Search search = quasi_newton_search(std::move(start), options);
    for (; !search.done() && descent.batches < 1000; ++descent.batches) {
        const Request& request = search.request();
        Answers answers{.needed = errors_of(request.needed, function),
                        .optional = std::vector<double>(request.optional.rows, nan)};
        for (double& error : answers.needed) {
            if (!std::isfinite(error)) error = std::numeric_limits<double>::infinity();
            descent.error = std::min(descent.error, error);
        }
        descent.evaluations += request.needed.rows;
        scale.normalize(answers.needed);
        search.resume(std::move(answers));
    }
    EXPECT_TRUE(search.done());
    return descent;
}

// Sums over many descents from points of a grid; `solved` counts errors below 1e-10.
struct Descents {
    std::size_t evaluations = 0;
    std::size_t batches = 0;
    std::size_t solved = 0;
};

Descents descents(Kind kind, bool fails, bool hasty) {
    Descents sums;
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const BenchmarkFunction function(kind, 5, seed);
        SearchStart start{.number = seed, .point = {}, .error = {}, .batch = 30, .seed = seed, .hasty = hasty};
        math::RandomStream random(seed, 7);
        for (int j = 0; j < 5; ++j) start.point.push_back(random.next_uniform());
        const Descent one = descend(fails ? test::failing(function, seed) : test::Function(function), start);
        sums.evaluations += one.evaluations;
        sums.batches += one.batches;
        sums.solved += one.error < 1e-10 ? 1 : 0;
    }
    return sums;
}

// A fifth fails: a quarter more evaluations is what cannot be avoided.
TEST(QuasiNewton, ADescentNeedsHardlyMoreEvaluationsThanFail) {
    for (const Kind kind : {Kind::sphere, Kind::ellipsoid_rotated, Kind::rosenbrock, Kind::rastrigin}) {
        const Descents clean = descents(kind, false, false);
        const Descents hurt = descents(kind, true, false);
        EXPECT_LT(10 * hurt.evaluations, 14 * clean.evaluations) << BenchmarkFunction::name(kind);
        EXPECT_GE(hurt.solved + 8, clean.solved) << BenchmarkFunction::name(kind);
    }
}

TEST(QuasiNewton, AHastyDescentNeedsHardlyMoreBatches) {
    for (const Kind kind : {Kind::sphere, Kind::ellipsoid_rotated, Kind::rosenbrock}) {
        const Descents clean = descents(kind, false, true);
        const Descents hurt = descents(kind, true, true);
        EXPECT_LT(20 * hurt.batches, 27 * clean.batches) << BenchmarkFunction::name(kind);
        EXPECT_LT(10 * hurt.batches, 7 * descents(kind, true, false).batches) << BenchmarkFunction::name(kind);
        EXPECT_GE(hurt.solved + 8, clean.solved) << BenchmarkFunction::name(kind);
    }
}

TEST(QuasiNewton, WithoutFailuresHasteChangesNothing) {
    const Descents hasty = descents(Kind::rastrigin, false, true);
    const Descents patient = descents(Kind::rastrigin, false, false);
    EXPECT_EQ(hasty.evaluations, patient.evaluations);
    EXPECT_EQ(hasty.batches, patient.batches);
}

// The median over instances does not jump to the next minimum.
TEST(QuasiNewton, FailuresLeaveTheMinimaAmongMany) {
    std::size_t clean = 0;
    std::size_t hurt = 0;
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
        const BenchmarkFunction rastrigin(Kind::rastrigin, 5, seed);
        const auto a = quasi_newton()({.dimension = 5, .batch = 30, .rounds = 267, .seed = seed});
        const auto b = quasi_newton()({.dimension = 5, .batch = 30, .rounds = 333, .seed = seed});
        run_rounds(*a, rastrigin, 30, 267);
        run_rounds(*b, test::failing(rastrigin, seed), 30, 333);
        clean += a->recommend()->error < 1e-10 ? 1 : 0;
        hurt += b->recommend()->error < 1e-10 ? 1 : 0;
    }
    EXPECT_GT(clean, 12);
    EXPECT_GE(hurt + 2, clean);
}

// Beyond a wall every evaluation fails: one that the differences beside the minimum reach, and one that cuts the way
// from the start at a slant.
TEST(QuasiNewton, GoesAlongARegionOfFailures) {
    for (const bool hasty : {true, false}) {
        for (const std::size_t batch : {4, 14, 30}) {
            SearchStart start{.point = {0.2, 0.9, 0.5}, .error = {}, .batch = batch, .hasty = hasty};
            const auto beside = [](std::span<const double> x) { return x[0] > 0.371 ? nan : test::sphere(x); };
            EXPECT_LT(descend(beside, start).error, 1e-12) << "batches of " << batch;
            const auto slanted = [](std::span<const double> x) {
                return x[0] + x[1] > 1.15 || x[1] - x[2] > 0.45 ? nan : test::sphere(x);
            };
            EXPECT_LT(descend(slanted, start).error, 1e-12) << "batches of " << batch;
        }
    }
}

// Differences twice as wide as the box allows, in a corner.
TEST(QuasiNewton, WideDifferencesNearABoundAreWhole) {
    const test::Function failing_often = [random = math::RandomStream(3, 99)](std::span<const double> x) mutable {
        return random.next_uniform() < 0.4 ? nan : test::sphere(x);
    };
    for (const double u : {0.0, 0.55, 0.6, 1.0}) {
        const SearchStart start{.point = {u, u}, .error = {}, .batch = 10, .hasty = false};
        EXPECT_LT(descend(test::sphere, start, {.first_difference = 0.5}).error, 1e-20);
        EXPECT_LT(descend(failing_often, start, {.first_difference = 0.5}).error, 1e-8);
    }
}

TEST(QuasiNewton, SolvesSmoothFunctionsAndDescendsRipples) {
    for (const std::size_t d : {5, 10, 20}) {
        EXPECT_LT(median_error(quasi_newton(), Kind::sphere, d, 333), 1e-28);
        EXPECT_LT(median_error(quasi_newton(), Kind::ellipsoid_rotated, d, 333), 1e-18);
        EXPECT_LT(median_error(quasi_newton(), Kind::rosenbrock, d, 333), 1e-20);
        EXPECT_LT(median_error(quasi_newton(), Kind::rastrigin, d, 333), static_cast<double>(d));
        EXPECT_LT(median_error(quasi_newton(), Kind::griewank, d, 333), 1e-12);
    }
}

TEST(NelderMead, SolvesFewParameters) {
    EXPECT_LT(median_error(nelder_mead(), Kind::sphere, 5, 333), 1e-29);
    EXPECT_LT(median_error(nelder_mead(), Kind::ellipsoid_rotated, 5, 333), 1e-25);
    EXPECT_LT(median_error(nelder_mead(), Kind::rosenbrock, 5, 333), 1e-27);
    EXPECT_LT(median_error(nelder_mead(), Kind::rastrigin, 5, 333), 8);
    EXPECT_LT(median_error(nelder_mead(), Kind::griewank, 5, 333), 0.2);
    EXPECT_LT(median_error(nelder_mead(), Kind::rosenbrock, 20, 333), 30);
}

TEST(NelderMead, PlainSimplexConvergesToo) {
    EXPECT_LT(median_error(nelder_mead({.quadratic = false}), Kind::sphere, 5, 333), 1e-24);
    EXPECT_LT(median_error(nelder_mead({.vertices = 1, .quadratic = false}), Kind::rosenbrock, 3, 333), 1e-15);
}

TEST(QuadraticModel, SolvesQuadraticsInThreeHundredEvaluations) {
    EXPECT_LT(median_error(quadratic_model(), Kind::sphere, 10, 10), 1e-26);
    EXPECT_LT(median_error(quadratic_model(), Kind::ellipsoid_rotated, 10, 10), 1e-18);
    EXPECT_LT(median_error(quadratic_model(), Kind::rosenbrock, 10, 10), 150);
    EXPECT_LT(median_error(quadratic_model(), Kind::rosenbrock, 5, 33), 1);
}

TEST(QuadraticModel, WorksWithoutMixedTerms) {
    EXPECT_LT(median_error(quadratic_model({.full_dimensions = 0}), Kind::sphere, 10, 10), 1e-26);
    EXPECT_LT(median_error(quadratic_model(), Kind::sphere, 40, 10), 1e-9);
}

TEST(BasinHopping, FindsLowMinimaAmongMany) {
    EXPECT_LT(median_error(basin_hopping(), Kind::rastrigin, 5, 333), 1.1);
    EXPECT_LT(median_error(basin_hopping(), Kind::rastrigin, 10, 333), 5);
    EXPECT_LT(median_error(basin_hopping(), Kind::griewank, 10, 333), 1e-12);
}

TEST(SequentialMethods, RefuseOptionsOutOfRange) {
    EXPECT_THROW(quasi_newton({.first_difference = 0}), ConfigError);
    EXPECT_THROW(quasi_newton({.first_difference = 0.6}), ConfigError);
    EXPECT_THROW(quasi_newton({.tolerance = nan}), ConfigError);
    EXPECT_THROW(nelder_mead({.edge = 0}), ConfigError);
    EXPECT_THROW(nelder_mead({.tolerance = 1}), ConfigError);
    EXPECT_THROW(quadratic_model({.radius = 0.7}), ConfigError);
    EXPECT_THROW(quadratic_model({.tolerance = -1}), ConfigError);
    EXPECT_THROW(basin_hopping({.hop = 0}), ConfigError);
    EXPECT_THROW(basin_hopping({.temperature = -1}), ConfigError);
    EXPECT_THROW(basin_hopping({.patience = 0}), ConfigError);
}

TEST(SequentialMethods, DescribeWhatDiffersFromTheDefaults) {
    EXPECT_EQ(quasi_newton().description, "quasi-Newton");
    EXPECT_EQ(nelder_mead({.edge = 0.1, .vertices = 2}).description, "Nelder-Mead: edge 0.1, vertices 2");
    EXPECT_EQ(quadratic_model({.radius = 0.3}).description, "quadratic model: radius 0.3");
    EXPECT_EQ(basin_hopping({.hop = 0.5}).description, "basin hopping: hop 0.5");
}

}  // namespace
}  // namespace spikesmith
