#include "optimize/benchmark_functions.hpp"

#include <vector>

#include <gtest/gtest.h>

namespace spikesmith::test {
namespace {

using Kind = BenchmarkFunction::Kind;

double at_centre(Kind kind) {
    return BenchmarkFunction(kind, 5, 1)(std::vector(5, 0.5));
}

// Made with an independent program (Python) from the same recipe.
TEST(BenchmarkFunctions, HaveKnownValues) {
    EXPECT_DOUBLE_EQ(at_centre(Kind::sphere), 24.900306044382223);
    EXPECT_DOUBLE_EQ(at_centre(Kind::ellipsoid_rotated), 7830511.791165111);
    EXPECT_DOUBLE_EQ(at_centre(Kind::rosenbrock), 6138.445608475623);
    EXPECT_DOUBLE_EQ(at_centre(Kind::rastrigin), 59.67159169467318);
    EXPECT_DOUBLE_EQ(at_centre(Kind::griewank), 39.89817267195382);
    EXPECT_DOUBLE_EQ(at_centre(Kind::rastrigin_rotated), 47.401093240817815);
}

TEST(BenchmarkFunctions, AreZeroAtTheMinimumInsideTheCube) {
    for (const Kind kind : BenchmarkFunction::all) {
        for (const std::size_t dimension : {2, 5, 20}) {
            const BenchmarkFunction function(kind, dimension, 3);
            const std::vector<double> best = function.minimum();
            EXPECT_NEAR(function(best), 0, 1e-12) << BenchmarkFunction::name(kind);
            for (const double u : best) {
                EXPECT_GT(u, 0.19);
                EXPECT_LT(u, 0.81);
            }
            for (std::size_t j = 0; j < dimension; ++j) {
                std::vector<double> beside = best;
                beside[j] += 0.01;
                EXPECT_GT(function(beside), 1e-4) << BenchmarkFunction::name(kind);
            }
        }
    }
}

TEST(BenchmarkFunctions, DifferBetweenSeeds) {
    const std::vector point(5, 0.3);
    for (const Kind kind : BenchmarkFunction::all) {
        EXPECT_NE(BenchmarkFunction(kind, 5, 1)(point), BenchmarkFunction(kind, 5, 2)(point));
    }
}

}  // namespace
}  // namespace spikesmith::test
