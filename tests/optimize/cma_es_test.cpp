#include "spikesmith/optimize/cma_es.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimize/optimizer_contract.hpp"
#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/smooth_bounds.hpp"

namespace spikesmith {
namespace {

using test::BenchmarkFunction;
using test::errors_of;
using test::failing;
using test::Function;
using test::median_of_seeds;
using test::points_of_rounds;
using test::run_rounds;
using Kind = BenchmarkFunction::Kind;

std::unique_ptr<Optimizer> make(std::size_t dimension, std::size_t batch, std::uint64_t seed,
                                const CmaEsOptions& options = {}) {
    return cma_es(options)({.dimension = dimension, .batch = batch, .seed = seed});
}

double median(Kind kind, std::size_t dimension, std::size_t batch, std::size_t rounds,
              const CmaEsOptions& options = {}) {
    return median_of_seeds(cma_es(options), BenchmarkFunction(kind, dimension, 1), dimension, batch, rounds);
}

TEST(CmaEs, KeepsTheContract) {
    test::expect_contract(cma_es());
    test::expect_contract(cma_es({.covariance = CmaCovariance::diagonal, .active = false}));
    test::expect_contract(cma_es({.population = 12, .restarts = CmaRestarts::doubling, .start = {}}));
}

TEST(CmaEs, ReachesTheLimitOfPrecision) {
    EXPECT_LT(median(Kind::sphere, 5, 30, 150), 1e-25);
    EXPECT_LT(median(Kind::sphere, 10, 30, 333), 1e-25);
    EXPECT_LT(median(Kind::ellipsoid_rotated, 5, 30, 333), 1e-24);
    EXPECT_LT(median(Kind::ellipsoid_rotated, 10, 30, 333), 1e-20);
    EXPECT_LT(median(Kind::rosenbrock, 5, 30, 333), 1e-24);
    EXPECT_LT(median(Kind::rosenbrock, 10, 30, 333), 1e-12);
    EXPECT_LT(median(Kind::griewank, 10, 30, 333), 1e-12);
}

// The first search settles after 178 rounds: what is left of 333 is enough for the same population, not for a doubled one.
TEST(CmaEs, PopulationsGrowNoFurtherThanThePlanAllows) {
    const BenchmarkFunction function(Kind::rastrigin, 10, 1);
    const auto points = [&](CmaRestarts restarts, std::size_t planned) {
        const auto optimizer =
            cma_es({.restarts = restarts})({.dimension = 10, .batch = 30, .rounds = planned, .seed = 1});
        return test::points_of_rounds(*optimizer, function, 30, 333);
    };
    EXPECT_EQ(points(CmaRestarts::doubling, 333), points(CmaRestarts::unchanged, 333));
    EXPECT_NE(points(CmaRestarts::doubling, 1000), points(CmaRestarts::unchanged, 1000));
}

TEST(CmaEs, RestartsFindDeeperMinima) {
    EXPECT_LT(median(Kind::rastrigin, 3, 30, 1000), 1e-9);
    EXPECT_LT(median(Kind::rastrigin, 5, 30, 1500), 1.5);
    EXPECT_LT(median(Kind::rastrigin, 3, 30, 1000, {.restarts = CmaRestarts::doubling}), 1e-9);
    EXPECT_LT(median(Kind::rastrigin, 2, 30, 1000, {.restarts = CmaRestarts::unchanged}), 1e-9);
}

TEST(CmaEs, AGenerationMaySpanBatches) {
    for (const std::size_t batch : {1, 3, 7, 10, 60})
        EXPECT_LT(median(Kind::rosenbrock, 5, batch, 9000 / batch), 1e-10);
    // batches of 1000 and a population of their own
    EXPECT_LT(median(Kind::rosenbrock, 3, 1000, 30), 1e-6);
    EXPECT_LT(median(Kind::sphere, 3, 1000, 10), 1e-6);
    EXPECT_LT(median(Kind::sphere, 3, 10, 200, {.population = 25}), 1e-8);
}

TEST(CmaEs, OneParameterWorks) {
    const Function function = [](std::span<const double> point) { return test::sphere(point.first(1)); };
    EXPECT_LT(median_of_seeds(cma_es(), function, 1, 10, 60), 1e-20);
}

TEST(CmaEs, DistributionsStaySoundForEveryPopulation) {
    for (const auto covariance : {CmaCovariance::full, CmaCovariance::diagonal}) {
        for (const std::size_t dimension : {1, 2, 3, 5, 12}) {
            for (const std::size_t batch : {4, 5, 8, 20, 100}) {
                const auto optimizer = make(dimension, batch, 2, {.covariance = covariance});
                const auto points = points_of_rounds(*optimizer, test::rastrigin, batch, 120);
                ASSERT_TRUE(std::ranges::all_of(points, [](double u) { return u >= 0 && u <= 1; }))
                    << dimension << " parameters, batches of " << batch;
            }
        }
    }
}

TEST(CmaEs, UnknownBatchWorks) {
    const auto optimizer = cma_es()({.dimension = 4, .seed = 1});
    run_rounds(*optimizer, test::sphere, 25, 100);
    EXPECT_LT(optimizer->recommend()->error, 1e-15);
}

TEST(CmaEs, FindsMinimaOnBounds) {
    const Function corner = [](std::span<const double> point) { return point[0] + (1 - point[1]) + 0.3 * point[2]; };
    EXPECT_LT(median_of_seeds(cma_es(), corner, 3, 20, 150), 1e-14);
    // A quadratic valley across the axes whose free minimum lies outside: the bound is active in one coordinate.
    const Function valley = [](std::span<const double> point) {
        const double x = point[0] + 0.2, y = point[1] - 0.4;
        return x * x + 1e3 * (y - x) * (y - x);
    };
    EXPECT_NEAR(median_of_seeds(cma_es(), valley, 2, 20, 200), 0.04, 1e-12);  // at point[0] = 0, y = x
    const Function middle_of_edge = [](std::span<const double> point) {
        return std::fabs(point[0]) + (point[1] - 0.5) * (point[1] - 0.5);
    };
    for (const auto covariance : {CmaCovariance::full, CmaCovariance::diagonal})
        EXPECT_LT(median_of_seeds(cma_es({.covariance = covariance}), middle_of_edge, 2, 20, 150), 1e-14);
}

TEST(CmaEs, DiagonalCovarianceLearnsScalesInManyDimensions) {
    const Function scales = [](std::span<const double> point) {
        double sum = 0;
        for (std::size_t j = 0; j < point.size(); ++j) {
            const double weight = std::pow(1e4, static_cast<double>(j) / static_cast<double>(point.size() - 1));
            sum += weight * test::shifted(point[j]) * test::shifted(point[j]);
        }
        return sum;
    };
    EXPECT_LT(median_of_seeds(cma_es({.covariance = CmaCovariance::diagonal}), scales, 40, 20, 600, 3), 1e-4);
    // above 200 dimensions without being asked
    const auto optimizer = make(250, 50, 1);
    run_rounds(*optimizer, scales, 50, 4);
    const auto diagonal = make(250, 50, 1, {.covariance = CmaCovariance::diagonal});
    run_rounds(*diagonal, scales, 50, 4);
    EXPECT_EQ(optimizer->ask(5).points.values, diagonal->ask(5).points.values);
}

TEST(CmaEs, FirstPointsFillTheCube) {
    const auto optimizer = make(3, 50, 7);
    const Candidates candidates = optimizer->ask(50);
    for (std::size_t j = 0; j < 3; ++j) {
        std::vector<int> hits(50);
        for (std::size_t r = 0; r < 50; ++r) ++hits[static_cast<std::size_t>(candidates.points(r, j) * 50)];
        EXPECT_THAT(hits, testing::Each(1));
    }
}

TEST(CmaEs, StartsWhereItIsTold) {
    const auto optimizer = make(2, 400, 1, {.step = 0.01, .start = {0.25, 0.01}});
    const Candidates candidates = optimizer->ask(400);
    double first = 0, second = 0;
    for (std::size_t r = 0; r < 400; ++r) {
        first += candidates.points(r, 0) / 400;
        second += smooth_bounds::from_unit(candidates.points(r, 1)) / 400;
    }
    EXPECT_NEAR(first, 0.25, 0.002);
    EXPECT_NEAR(second, smooth_bounds::from_unit(0.01), 0.002);
    EXPECT_THROW(make(3, 10, 1, {.start = {0.5, 0.5}}), ConfigError);
}

TEST(CmaEs, SurvivesFailures) {
    const double clean = median_of_seeds(cma_es(), test::sphere, 5, 30, 60);
    const double failed = median_of_seeds(cma_es(), failing(test::sphere, 3), 5, 30, 60);
    EXPECT_LT(failed, 30 * clean);
    EXPECT_LT(median_of_seeds(cma_es(), failing(test::rosenbrock, 3), 4, 30, 300), 1e-15);
    // A region where every evaluation fails, with the minimum at its border.
    const Function cliff = [](std::span<const double> point) { return point[0] < 0.5 ? NAN : test::sphere(point); };
    EXPECT_NEAR(median_of_seeds(cma_es(), cliff, 2, 30, 150), 1.3 * 1.3, 1e-6);
}

TEST(CmaEs, PlateausAndConstantsEnd) {
    const Function stairs = [](std::span<const double> point) {
        double sum = 0;
        for (const double u : point) sum += std::floor(std::fabs(test::shifted(u)));
        return sum;
    };
    EXPECT_EQ(median_of_seeds(cma_es(), stairs, 4, 30, 150), 0);
    const auto optimizer = make(3, 10, 1);
    const auto points = points_of_rounds(
        *optimizer, [](std::span<const double>) { return 0.0; }, 10, 500);
    EXPECT_TRUE(std::ranges::all_of(points, [](double u) { return u >= 0 && u <= 1; }));
}

TEST(CmaEs, WorkersMayAnswerLate) {
    // 40 workers, each asks for a point and answers when 40 others have been asked.
    const auto optimizer = make(3, 1, 1);
    std::vector<Candidates> waiting;
    for (int asked = 0; asked < 6000; ++asked) {
        waiting.push_back(optimizer->ask(1));
        if (waiting.size() <= 40) continue;
        optimizer->tell(waiting.front().ids, errors_of(waiting.front().points, test::sphere));
        waiting.erase(waiting.begin());
    }
    EXPECT_LT(optimizer->recommend()->error, 1e-8);
}

TEST(CmaEs, ForeignPointsHelp) {
    const auto optimizer = make(5, 30, 1);
    const Array2 known(1, 5, 0.3701);
    optimizer->tell_foreign(known, std::vector{test::sphere(known.row(0))});
    run_rounds(*optimizer, test::sphere, 30, 12);
    const auto alone = make(5, 30, 1);
    run_rounds(*alone, test::sphere, 30, 12);
    EXPECT_LT(optimizer->recommend()->error, alone->recommend()->error);
    // A thousand of them at once, far from each other and bad, do no harm.
    const auto flooded = make(5, 30, 1);
    run_rounds(*flooded, test::sphere, 30, 5);
    Array2 many(1000, 5);
    math::RandomStream random(1, 2);
    for (double& u : many.values) u = random.next_uniform();
    flooded->tell_foreign(many, errors_of(many, test::sphere));
    run_rounds(*flooded, test::sphere, 30, 100);
    EXPECT_LT(flooded->recommend()->error, 1e-12);
}

TEST(CmaEs, OptionsAreChecked) {
    const auto refuse = [](const CmaEsOptions& options) {
        try {
            static_cast<void>(cma_es(options));
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(refuse({.population = 3}), testing::HasSubstr("the population must be at least 4, not 3"));
    EXPECT_THAT(refuse({.step = 0}), testing::HasSubstr("the step must be in (0, 1], not 0"));
    EXPECT_THAT(refuse({.step = NAN}), testing::HasSubstr("not nan"));
    EXPECT_THAT(refuse({.start = {0.5, 1.5}}), testing::HasSubstr("unit cube, not 1.5"));
    CmaEsOptions options;
    EXPECT_EQ(cma_es(options).description, "CMA-ES");
    set_option(options, "covariance", std::string("diagonal"));
    set_option(options, "restarts", std::string("doubling"));
    set_option(options, "active", false);
    EXPECT_EQ(cma_es(options).description, "CMA-ES: covariance diagonal, active false, restarts doubling");
    EXPECT_NE(cma_es({.start = {0.5}}).description, cma_es({.start = {0.25}}).description);
    EXPECT_THROW(make(0, 10, 1), ConfigError);
}

}  // namespace
}  // namespace spikesmith
