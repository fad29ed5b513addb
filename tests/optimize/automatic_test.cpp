#include "spikesmith/optimize/automatic.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/methods.hpp"

namespace spikesmith {
namespace {

using test::BenchmarkFunction;
using test::errors_of;
using test::Function;
using test::points_of_rounds;
using test::run_rounds;
using Kind = BenchmarkFunction::Kind;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::unique_ptr<Optimizer> make(std::size_t dimension, std::size_t batch, std::size_t rounds, std::uint64_t seed,
                                const AutomaticOptions& options = {}) {
    return automatic(options)({.dimension = dimension, .batch = batch, .rounds = rounds, .seed = seed});
}

double median_best(Kind kind, std::size_t dimension, std::size_t rounds) {
    std::vector<double> best;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const auto optimizer = make(dimension, 30, rounds, seed);
        run_rounds(*optimizer, BenchmarkFunction(kind, dimension, seed), 30, rounds);
        best.push_back(optimizer->recommend()->error);
    }
    std::ranges::sort(best);
    return best[2];
}

// Every fifth evaluation of `function` fails, at random.
Function failing(Function function) {
    return [function = std::move(function), n = std::uint64_t{0}](std::span<const double> point) mutable {
        const std::uint64_t hash = (++n * 0x9e3779b97f4a7c15) >> 40;
        return hash % 5 == 0 ? nan : function(point);
    };
}

// What differs between searches: turns of whole batches, shared batches, an opening, large batches.
struct Case {
    std::size_t dimension, batch, rounds;
};
const std::vector<Case> cases{{10, 30, 300}, {3, 30, 300}, {3, 60, 15}, {2, 100, 200}};

TEST(Automatic, SolvesSmoothFunctionsWithin10000Evaluations) {
    for (const std::size_t dimension : {5, 10, 20}) {
        for (const auto kind : {Kind::sphere, Kind::ellipsoid_rotated, Kind::rosenbrock}) {
            EXPECT_LT(median_best(kind, dimension, 333), 1e-10)
                << BenchmarkFunction::name(kind) << " in " << dimension << " dimensions";
        }
        EXPECT_LT(median_best(Kind::griewank, dimension, 333), 1e-10) << dimension;
    }
}

TEST(Automatic, FindsItsWayAmongMinima) {
    // the best of ten methods of nevergrad: 0.63, 5, 40
    EXPECT_LT(median_best(Kind::rastrigin, 5, 333), 0.1);
    EXPECT_LT(median_best(Kind::rastrigin, 10, 333), 3);
    EXPECT_LT(median_best(Kind::rastrigin, 20, 333), 30);
    EXPECT_LT(median_best(Kind::rastrigin_rotated, 10, 333), 10);
}

TEST(Automatic, UsesShortSearchesWell) {
    // nevergrad's best after 300 evaluations of the sphere: 3.6 (but 1e-15 if it asks one at a time)
    EXPECT_LT(median_best(Kind::sphere, 10, 10), 1e-6);
    EXPECT_LT(median_best(Kind::rosenbrock, 5, 33), 1);
}

TEST(Automatic, OpeningHelpsWhereSimulationsAreFew) {
    const auto median_of = [](std::size_t opening) {
        std::vector<double> best;
        for (std::uint64_t seed = 1; seed <= 25; ++seed) {
            const auto optimizer = make(3, 20, 5, seed, {.opening = opening});
            run_rounds(*optimizer, test::rosenbrock, 20, 5);
            best.push_back(optimizer->recommend()->error);
        }
        std::ranges::sort(best);
        return best[12];
    };
    EXPECT_LT(median_of(200), 0.5 * median_of(0));
}

TEST(Automatic, PointsStayInTheUnitCube) {
    // the minimum lies outside, beyond a corner
    const Function function = [](std::span<const double> point) {
        double sum = 0;
        for (const double u : point) sum += (u + 0.5) * (u + 0.5);
        return sum;
    };
    for (const auto& [dimension, batch, rounds] : cases) {
        const auto optimizer = make(dimension, batch, rounds, 3);
        for (const double u : points_of_rounds(*optimizer, function, batch, 20)) {
            ASSERT_GE(u, 0);
            ASSERT_LE(u, 1);
        }
    }
}

TEST(Automatic, SplitOfTheBatchChangesNothing) {
    for (const auto& [dimension, batch, rounds] : cases) {
        const auto whole = make(dimension, batch, rounds, 11);
        const auto expected = points_of_rounds(*whole, test::rosenbrock, batch, 15);
        for (const std::size_t part : {1, 7, 29}) {
            const auto parts = make(dimension, batch, rounds, 11);
            std::vector<double> found;
            for (std::size_t asked = 0; asked < 15 * batch;) {
                const std::size_t n = std::min(part, batch - asked % batch);
                const Candidates candidates = parts->ask(n);
                found.insert(found.end(), candidates.points.values.begin(), candidates.points.values.end());
                parts->tell(candidates.ids, errors_of(candidates.points, test::rosenbrock));
                asked += n;
            }
            EXPECT_EQ(found, expected) << "batches of " << batch << " in parts of " << part;
        }
    }
}

TEST(Automatic, OrderOfTellsWithinABatchDoesNotMatter) {
    const auto forward = make(3, 60, 200, 5);
    const auto backward = make(3, 60, 200, 5);
    for (int round = 0; round < 12; ++round) {
        const Candidates a = forward->ask(60);
        const Candidates b = backward->ask(60);
        ASSERT_EQ(a.points.values, b.points.values) << round;
        const std::vector<double> errors = errors_of(a.points, test::rastrigin);
        forward->tell(a.ids, errors);
        for (std::size_t end = 60; end > 0; end -= 20) {
            backward->tell(std::span(b.ids).subspan(end - 20, 20), std::span(errors).subspan(end - 20, 20));
        }
    }
}

TEST(Automatic, ScaleOfTheErrorDoesNotMatter) {
    for (const auto& [dimension, batch, rounds] : cases) {
        const auto points = [&](double scale) {
            const Function scaled = [&](std::span<const double> point) { return scale * test::rosenbrock(point); };
            return points_of_rounds(*make(dimension, batch, rounds, 9), scaled, batch, 60);
        };
        EXPECT_EQ(points(1e-18), points(1)) << batch;
    }
}

TEST(Automatic, AnyBatchWorks) {
    for (const std::size_t batch : {1, 7, 30, 1000}) {
        const std::size_t rounds = batch == 1000 ? 15 : 4000 / batch;
        for (const bool known : {true, false}) {
            const auto optimizer = make(3, known ? batch : 0, known ? rounds : 0, 5);
            run_rounds(*optimizer, test::sphere, batch, rounds);
            EXPECT_LT(optimizer->recommend()->error, 1e-10) << "batches of " << batch << (known ? "" : ", unknown");
        }
    }
    const auto other = make(3, 50, 100, 5);  // asked for 13 instead of 50 points
    run_rounds(*other, test::sphere, 13, 200);
    EXPECT_LT(other->recommend()->error, 1e-10);
}

TEST(Automatic, AnyNumberOfParametersWorks) {
    for (const std::size_t dimension : {1, 2, 40, 100}) {
        const auto optimizer = make(dimension, 30, 300, 5);
        run_rounds(*optimizer, test::sphere, 30, 300);
        // a hundred parameters: ninety evaluations for each, seven batches for one gradient
        EXPECT_LT(optimizer->recommend()->error, dimension == 100 ? 0.01 : 1e-10) << dimension;
    }
}

TEST(Automatic, FailuresLeaveAGoodResult) {
    for (const std::size_t dimension : {3, 10}) {
        const auto best = [&](const Function& function) {
            const auto optimizer = make(dimension, 30, 200, 2);
            run_rounds(*optimizer, function, 30, 200);
            return optimizer->recommend()->error;
        };
        EXPECT_LT(best(failing(test::sphere)), 1e-10);
        if (dimension > 3) continue;
        EXPECT_LT(best(failing(test::rosenbrock)), std::max(1e-8, 10 * best(test::rosenbrock)));
    }
}

// A third of the cube fails and the error rises in steps, as spike counts do: no gradients.
TEST(Automatic, RoughErrorsLeaveTheDescentsLittle) {
    const Function stairs = [](std::span<const double> point) {
        if (point[0] > 2.0 / 3) return nan;
        double sum = 0;
        for (const double u : point) sum += std::floor(std::fabs(u - 0.37) * 100);
        return sum;
    };
    std::vector<double> best;
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const auto optimizer = make(4, 30, 150, seed);
        run_rounds(*optimizer, stairs, 30, 150);
        best.push_back(optimizer->recommend()->error);
    }
    std::ranges::sort(best);
    EXPECT_LE(best[2], 1);
}

TEST(Automatic, SurvivesFailureOfEverything) {
    for (const auto& [dimension, batch, rounds] : cases) {
        const auto optimizer = make(dimension, batch, rounds, 2);
        run_rounds(
            *optimizer, [](std::span<const double>) { return nan; }, batch, 15);
        EXPECT_FALSE(optimizer->recommend().has_value());
        run_rounds(*optimizer, test::sphere, batch, 60);
        EXPECT_LT(optimizer->recommend()->error, 1e-6) << batch;
    }
}

TEST(Automatic, WorkersMayAnswerLateOrNever) {
    const auto late = make(3, 1, 6000, 1);
    EXPECT_LT(test::best_of_late_workers(*late, test::sphere, 40, 6000), 1e-8);

    const auto lossy = make(3, 30, 200, 1);
    EXPECT_LT(test::best_of_lossy_rounds(*lossy, test::sphere, 30, 20, 200), 1e-8);
}

TEST(Automatic, ForeignPointsHelp) {
    for (const auto& [dimension, batch, rounds] : cases) {
        const auto optimizer = make(dimension, batch, rounds, 1);
        run_rounds(*optimizer, test::rosenbrock, batch, 1);
        const Array2 known(1, dimension, 0.3701);
        const double error = test::rosenbrock(known.row(0));
        optimizer->tell_foreign(known, std::vector{error});
        EXPECT_EQ(optimizer->recommend()->error, error);
        run_rounds(*optimizer, test::rosenbrock, batch, 40);
        EXPECT_LT(optimizer->recommend()->error, 0.5 * error) << batch;
    }
}

TEST(Automatic, SavedStateContinuesBitForBit) {
    for (const auto& [dimension, batch, rounds] : cases) {
        const auto original = make(dimension, batch, rounds, 6);
        run_rounds(*original, test::rastrigin, batch, 7);
        const Candidates open = original->ask(13);
        original->tell(std::span(open.ids).first(5), std::vector(5, 12.5));
        const auto copy = make(dimension, batch, rounds, 6);
        copy->load_state(original->save_state());
        EXPECT_EQ(points_of_rounds(*copy, test::rastrigin, batch, 10),
                  points_of_rounds(*original, test::rastrigin, batch, 10));
        EXPECT_EQ(copy->save_state(), original->save_state());
        const auto other = make(dimension, batch, rounds, 7);
        EXPECT_THROW(other->load_state(original->save_state()), DataError);
    }
}

TEST(Automatic, SeveralErrorsCountAsTheirSum) {
    const auto optimizer = automatic()({.dimension = 3, .batch = 30, .rounds = 100, .seed = 1, .objectives = 2});
    for (int round = 0; round < 100; ++round) {
        const Candidates candidates = optimizer->ask(30);
        Array2 errors(30, 2);
        for (std::size_t r = 0; r < 30; ++r) {
            errors(r, 0) = 0.25 * test::sphere(candidates.points.row(r));
            errors(r, 1) = 0.75 * test::sphere(candidates.points.row(r));
        }
        optimizer->tell(candidates.ids, errors);
    }
    EXPECT_LT(optimizer->recommend()->error, 1e-10);
}

TEST(Automatic, OptionsAreCheckedAndDescribed) {
    const auto refuse = [](double share) {
        try {
            static_cast<void>(automatic({.local_share = share}));
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(refuse(0), testing::HasSubstr("the local share must be in (0, 1), not 0"));
    EXPECT_THAT(refuse(nan), testing::HasSubstr("the local share must be in (0, 1), not nan"));
    EXPECT_EQ(automatic().description, "automatic");
    EXPECT_EQ(automatic({.opening = 0}).description, "automatic: opening 0");
    EXPECT_EQ(make(2, 0, 0, 1)->name(), "automatic");
    EXPECT_THROW(make(0, 10, 10, 1), ConfigError);
    for (const char* alias : {"automatic", "AUTO", "NGOpt", "auto"}) {
        EXPECT_EQ(optimizer_method(alias)->choice().description, "automatic") << alias;
    }
}

}  // namespace
}  // namespace spikesmith
