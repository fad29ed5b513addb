#include "spikesmith/optimize/particle_swarm.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::BenchmarkFunction;
using test::failing;
using test::Function;
using test::median_of_seeds;
using test::points_of_rounds;
using test::run_rounds;
using Kind = BenchmarkFunction::Kind;

std::unique_ptr<Optimizer> make(std::size_t dimension, std::size_t batch, std::uint64_t seed,
                                const ParticleSwarmOptions& options = {}) {
    return particle_swarm(options)({.dimension = dimension, .batch = batch, .seed = seed});
}

double median(Kind kind, std::size_t dimension, std::size_t batch, std::size_t rounds,
              const ParticleSwarmOptions& options = {}) {
    return median_of_seeds(particle_swarm(options), BenchmarkFunction(kind, dimension, 1), dimension, batch, rounds);
}

TEST(ParticleSwarm, SolvesSmoothAndMultimodalFunctions) {
    EXPECT_LT(median(Kind::sphere, 5, 30, 333), 1e-24);
    EXPECT_LT(median(Kind::sphere, 20, 30, 333), 1e-10);
    EXPECT_LT(median(Kind::rosenbrock, 5, 30, 333), 1);
    EXPECT_LT(median(Kind::rastrigin, 5, 30, 333), 4);
    EXPECT_LT(median(Kind::griewank, 20, 30, 333), 0.1);
}

TEST(ParticleSwarm, FewRoundsGatherQuickly) {
    const double quick = median(Kind::sphere, 3, 60, 30);
    EXPECT_LT(quick, 1e-7);
    // the same points without a plan: the patient swarm
    const auto optimizer = make(3, 60, 1);
    run_rounds(*optimizer, BenchmarkFunction(Kind::sphere, 3, 1), 60, 30);
    EXPECT_GT(optimizer->recommend()->error, 10 * quick);
}

TEST(ParticleSwarm, EverySettingSolvesTheSphere) {
    for (const auto motion : {SwarmMotion::coordinates, SwarmMotion::sphere}) {
        for (const std::size_t informants : {1, 3, 30}) {
            EXPECT_LT(
                median_of_seeds(particle_swarm({.informants = informants, .motion = motion}), test::sphere, 3, 30, 150),
                1e-5);
        }
    }
}

TEST(ParticleSwarm, FindsMinimaOnBounds) {
    const Function corner = [](std::span<const double> point) { return point[0] + (1 - point[1]); };
    for (const auto motion : {SwarmMotion::coordinates, SwarmMotion::sphere}) {
        EXPECT_LT(median_of_seeds(particle_swarm({.motion = motion}), corner, 2, 30, 100), 1e-9);
        EXPECT_LT(median_of_seeds(particle_swarm({.motion = motion, .rebound = 0}), corner, 2, 30, 100), 1e-9);
    }
}

TEST(ParticleSwarm, DoesNotStickToBounds) {
    const auto optimizer = make(10, 30, 1);
    const auto points = points_of_rounds(*optimizer, BenchmarkFunction(Kind::rastrigin, 10, 1), 30, 100);
    const auto on_bound = std::ranges::count_if(points, [](double u) { return u == 0 || u == 1; });
    EXPECT_LT(static_cast<double>(on_bound), 0.05 * static_cast<double>(points.size()));
}

TEST(ParticleSwarm, AnyBatchWorksWithAnyPopulation) {
    for (const std::size_t batch : {1, 7, 29, 45, 100, 333}) {
        const auto optimizer = make(3, batch, 5, {.population = 30});
        run_rounds(*optimizer, test::sphere, batch, 6000 / batch);
        EXPECT_LT(optimizer->recommend()->error, 1e-6) << "batches of " << batch;
    }
}

TEST(ParticleSwarm, SurvivesFailures) {
    const double clean = median_of_seeds(particle_swarm(), test::sphere, 3, 30, 60, 9);
    const double failed = median_of_seeds(particle_swarm(), failing(test::sphere, 3), 3, 30, 60, 9);
    EXPECT_LT(failed, 30 * clean);
    const Function cliff = [](std::span<const double> point) { return point[0] < 0.5 ? NAN : test::sphere(point); };
    EXPECT_NEAR(median_of_seeds(particle_swarm(), cliff, 2, 30, 90), 1.3 * 1.3, 1e-4);
}

TEST(ParticleSwarm, WorkersMayAnswerLate) {
    const auto optimizer = make(3, 1, 1, {.population = 25});
    EXPECT_LT(test::best_of_late_workers(*optimizer, test::sphere, 40, 6000), 1e-8);
}

TEST(ParticleSwarm, ForeignPointsHelp) {
    const auto optimizer = make(5, 30, 1);
    const Array2 known(1, 5, 0.3701);
    optimizer->tell_foreign(known, std::vector{test::sphere(known.row(0))});
    run_rounds(*optimizer, test::sphere, 30, 30);
    const auto alone = make(5, 30, 1);
    run_rounds(*alone, test::sphere, 30, 30);
    EXPECT_LT(optimizer->recommend()->error, alone->recommend()->error);
}

TEST(ParticleSwarm, OptionsAreChecked) {
    const auto refuse = [](const ParticleSwarmOptions& options) {
        try {
            static_cast<void>(particle_swarm(options));
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(refuse({.population = 3}), testing::HasSubstr("the population must be at least 4, not 3"));
    EXPECT_THAT(refuse({.inertia = 1.0}), testing::HasSubstr("the inertia must be in [0, 1), not 1"));
    EXPECT_THAT(refuse({.attraction = NAN}), testing::HasSubstr("the attraction must be in (0, 4], not nan"));
    EXPECT_THAT(refuse({.rebound = 1.5}), testing::HasSubstr("the rebound must be in [0, 1], not 1.5"));
    ParticleSwarmOptions options;
    EXPECT_EQ(particle_swarm(options).description, "particle swarm");
    set_option(options, "motion", std::string("sphere"));
    set_option(options, "inertia", 0.5);
    EXPECT_EQ(particle_swarm(options).description, "particle swarm: inertia 0.5, motion sphere");
    EXPECT_THROW(make(0, 10, 1), ConfigError);
}

}  // namespace
}  // namespace spikesmith
