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
using test::errors_of;
using test::Function;
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

std::vector<double> points_of_rounds(Optimizer& optimizer, const Function& function, std::size_t batch,
                                     std::size_t rounds) {
    std::vector<double> points;
    for (std::size_t round = 0; round < rounds; ++round) {
        const Candidates candidates = optimizer.ask(batch);
        points.insert(points.end(), candidates.points.values.begin(), candidates.points.values.end());
        optimizer.tell(candidates.ids, errors_of(candidates.points, function));
    }
    return points;
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

TEST(Shade, SeedDecidesThePoints) {
    for (const auto variant : variants) {
        const auto points = [&](std::uint64_t seed) {
            return points_of_rounds(*make(variant, 3, 30, 20, seed), test::rosenbrock, 30, 20);
        };
        EXPECT_EQ(points(4), points(4));
        EXPECT_NE(points(4), points(5));
    }
}

TEST(Shade, PointsStayInTheUnitCube) {
    for (const auto variant : variants) {
        for (const double u : points_of_rounds(*make(variant, 4, 25, 100, 3), test::rastrigin, 25, 120)) {
            ASSERT_GE(u, 0);
            ASSERT_LE(u, 1);
        }
    }
}

TEST(Shade, SplitOfTheBatchChangesNothing) {
    for (const std::size_t part : {1, 7, 10, 30}) {
        const auto whole = make(ShadeVariant::jso, 3, 30, 40, 11);
        const auto parts = make(ShadeVariant::jso, 3, 30, 40, 11);
        const auto expected = points_of_rounds(*whole, test::rosenbrock, 30, 40);
        std::vector<double> found;
        for (std::size_t asked = 0; asked < 1200;) {
            const std::size_t n = std::min(part, 30 - asked % 30);
            const Candidates candidates = parts->ask(n);
            found.insert(found.end(), candidates.points.values.begin(), candidates.points.values.end());
            parts->tell(candidates.ids, errors_of(candidates.points, test::rosenbrock));
            asked += n;
        }
        EXPECT_EQ(found, expected) << "parts of " << part;
    }
}

TEST(Shade, ScalingAndShiftingTheErrorChangesNothing) {
    for (const auto variant : variants) {
        const auto points = [&](double scale) {
            const Function scaled = [scale](std::span<const double> point) { return scale * test::rastrigin(point); };
            return points_of_rounds(*make(variant, 4, 30, 60, 9), scaled, 30, 60);
        };
        const auto expected = points(1);
        EXPECT_EQ(points(1e-18), expected);
        EXPECT_EQ(points(3e300), expected);
    }
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
        std::vector<Candidates> waiting;
        for (int asked = 0; asked < 8000; ++asked) {
            waiting.push_back(late->ask(1));
            if (waiting.size() <= 40) continue;
            late->tell(waiting.front().ids, errors_of(waiting.front().points, test::sphere));
            waiting.erase(waiting.begin());
        }
        EXPECT_LT(late->recommend()->error, 1e-8);

        const auto lossy = make(variant, 3, 30, 300, 1);
        for (int round = 0; round < 300; ++round) {
            const Candidates candidates = lossy->ask(30);
            const auto errors = errors_of(candidates.points, test::sphere);
            lossy->tell(std::span(candidates.ids).first(20), std::span(errors).first(20));
        }
        EXPECT_LT(lossy->recommend()->error, 1e-8);
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

TEST(Shade, SavedStateContinuesBitForBit) {
    for (const auto variant : variants) {
        const auto original = make(variant, 3, 30, 20, 6);
        run_rounds(*original, test::rastrigin, 30, 7);
        const Candidates open = original->ask(13);
        original->tell(std::span(open.ids).first(5), std::vector(5, 12.5));
        const auto copy = make(variant, 3, 30, 20, 6);
        copy->load_state(original->save_state());
        EXPECT_EQ(points_of_rounds(*copy, test::rastrigin, 30, 40),
                  points_of_rounds(*original, test::rastrigin, 30, 40));
        EXPECT_EQ(copy->save_state(), original->save_state());
        const auto other = make(variant == ShadeVariant::jso ? ShadeVariant::l_shade : ShadeVariant::jso, 3, 30, 20, 6);
        EXPECT_THROW(other->load_state(original->save_state()), DataError);
    }
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
