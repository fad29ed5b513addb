#include "spikesmith/optimize/shade.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::BenchmarkFunction;
using test::Function;
using test::points_of_rounds;
using test::run_rounds;
using Kind = BenchmarkFunction::Kind;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::array variants{ShadeVariant::jso, ShadeVariant::l_shade};

std::unique_ptr<Optimizer> make(ShadeVariant variant, std::size_t dimension, std::size_t batch, std::size_t rounds,
                                std::uint64_t seed) {
    return shade({.variant = variant})({.dimension = dimension, .batch = batch, .rounds = rounds, .seed = seed});
}

double median_best(ShadeVariant variant, Kind kind, std::size_t dimension, std::size_t rounds) {
    std::vector<double> best;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const auto optimizer = make(variant, dimension, 30, rounds, seed);
        run_rounds(*optimizer, BenchmarkFunction(kind, dimension, seed), 30, rounds);
        best.push_back(optimizer->recommend()->error);
    }
    std::ranges::sort(best);
    return best[2];
}

TEST(Shade, SolvesWithin10000Evaluations) {
    for (const auto variant : variants) {
        EXPECT_LT(median_best(variant, Kind::sphere, 5, 333), 1e-18);
        EXPECT_LT(median_best(variant, Kind::ellipsoid_rotated, 5, 333), 1e-10);
        EXPECT_LT(median_best(variant, Kind::rosenbrock, 5, 333), 1e-10);
        EXPECT_LT(median_best(variant, Kind::rastrigin, 5, 333), 1e-3);
        EXPECT_LT(median_best(variant, Kind::sphere, 10, 333), 1e-7);
    }
}

TEST(Shade, UsesAShortSearchWell) {
    // what differential evolution with fixed F and CR reaches after 1000 evaluations is 2.0
    EXPECT_LT(median_best(ShadeVariant::jso, Kind::sphere, 10, 33), 0.5);
}

TEST(Shade, AnyBatchWorks) {
    for (const auto variant : variants) {
        for (const std::size_t batch : {1, 7, 29, 100, 1000}) {
            const auto optimizer = make(variant, 3, batch, 12000 / batch, 5);
            run_rounds(*optimizer, test::sphere, batch, 12000 / batch);
            EXPECT_LT(optimizer->recommend()->error, batch == 1000 ? 1e-3 : 1e-10) << "batches of " << batch;
        }
    }
}

TEST(Shade, BatchAndLengthMayBeUnknownOrWrong) {
    for (const auto variant : variants) {
        const auto unknown = make(variant, 3, 0, 0, 5);
        run_rounds(*unknown, test::sphere, 37, 200);
        EXPECT_LT(unknown->recommend()->error, 1e-8);
        const auto other = make(variant, 3, 50, 100, 5);  // asked for 13 instead of 50 points
        run_rounds(*other, test::sphere, 13, 400);
        EXPECT_LT(other->recommend()->error, 1e-8);
    }
}

TEST(Shade, GoesOnBeyondThePlannedEnd) {
    const BenchmarkFunction function(Kind::rastrigin, 5, 2);
    const auto optimizer = make(ShadeVariant::jso, 5, 30, 20, 1);
    run_rounds(*optimizer, function, 30, 20);
    const double planned = optimizer->recommend()->error;
    run_rounds(*optimizer, function, 30, 600);
    EXPECT_LT(optimizer->recommend()->error, 1.1);
    EXPECT_LT(optimizer->recommend()->error, 0.5 * planned);
}

TEST(Shade, SurvivesFailures) {
    for (const auto variant : variants) {
        int n = 0;
        const Function failing = [&n](std::span<const double> point) {
            return ++n % 5 == 0 ? nan : test::sphere(point);
        };
        const auto optimizer = make(variant, 3, 30, 150, 2);
        run_rounds(*optimizer, failing, 30, 150);
        EXPECT_LT(optimizer->recommend()->error, 1e-8);
        const auto hopeless = make(variant, 3, 30, 20, 2);
        run_rounds(
            *hopeless, [](std::span<const double>) { return nan; }, 30, 30);
        EXPECT_FALSE(hopeless->recommend().has_value());
        run_rounds(*hopeless, test::sphere, 30, 200);
        EXPECT_LT(hopeless->recommend()->error, 1e-3);
    }
}

TEST(Shade, WorkersMayAnswerLateOrNever) {
    for (const auto variant : variants) {
        const auto late = make(variant, 3, 1, 8000, 1);
        EXPECT_LT(test::best_of_late_workers(*late, test::sphere, 40, 8000), 1e-8);

        const auto lossy = make(variant, 3, 30, 300, 1);
        EXPECT_LT(test::best_of_lossy_rounds(*lossy, test::sphere, 30, 20, 300), 1e-8);
    }
}

TEST(Shade, ForeignPointsHelp) {
    const auto best_after = [](bool told) {
        const auto optimizer = make(ShadeVariant::jso, 5, 30, 10, 1);
        const Array2 known(1, 5, 0.3701);
        if (told) optimizer->tell_foreign(known, std::vector{test::sphere(known.row(0))});
        run_rounds(*optimizer, test::sphere, 30, 10);
        return optimizer->recommend()->error;
    };
    EXPECT_LE(best_after(true), 1.1e-5);
    EXPECT_LT(best_after(true), 0.1 * best_after(false));
}

TEST(Shade, OptionsAreCheckedAndDescribed) {
    const auto refuse = [](const ShadeOptions& options) {
        try {
            static_cast<void>(shade(options));
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(refuse({.population = 4}), testing::HasSubstr("the population must be at least 5, not 4"));
    EXPECT_THAT(refuse({.smallest_population = 3}), testing::HasSubstr("at least 4, not 3"));
    EXPECT_THAT(refuse({.population = 10, .smallest_population = 11}), testing::HasSubstr("not exceed"));
    EXPECT_EQ(shade().description, "SHADE");
    EXPECT_EQ(shade({.variant = ShadeVariant::l_shade, .horizon = 500}).description,
              "SHADE: variant l_shade, horizon 500");
    EXPECT_EQ(make(ShadeVariant::l_shade, 2, 0, 0, 1)->name(), "l_shade");
    EXPECT_THROW(make(ShadeVariant::jso, 0, 10, 10, 1), ConfigError);
    // one parameter: the logarithm of the number of parameters is 0
    const auto single = make(ShadeVariant::jso, 1, 10, 30, 1);
    run_rounds(*single, test::sphere, 10, 30);
    EXPECT_LT(single->recommend()->error, 1e-8);
}

}  // namespace
}  // namespace spikesmith
