#include "spikesmith/optimize/differential_evolution.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::Function;
using test::points_of_rounds;
using test::run_rounds;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

std::unique_ptr<Optimizer> make(std::size_t dimension, std::size_t batch, std::uint64_t seed,
                                const DifferentialEvolutionOptions& options = {}) {
    return differential_evolution(options)({.dimension = dimension, .batch = batch, .seed = seed});
}

// The worst of the best errors of several seeds.
double worst_of_seeds(const Function& function, std::size_t dimension, std::size_t batch, std::size_t rounds,
                      const DifferentialEvolutionOptions& options = {}) {
    double worst = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const auto optimizer = make(dimension, batch, seed, options);
        run_rounds(*optimizer, function, batch, rounds);
        worst = std::max(worst, optimizer->recommend()->error);
    }
    return worst;
}

TEST(DifferentialEvolution, SolvesSmoothAndMultimodalFunctions) {
    EXPECT_LT(worst_of_seeds(test::sphere, 3, 60, 40), 1e-5);
    EXPECT_LT(worst_of_seeds(test::sphere, 5, 30, 333), 1e-20);
    EXPECT_LT(worst_of_seeds(test::rosenbrock, 3, 30, 333), 1e-15);
    EXPECT_LT(worst_of_seeds(test::rastrigin, 5, 60, 166), 1.5);
}

TEST(DifferentialEvolution, EveryDonorRuleSolvesTheSphere) {
    for (const auto* name : {"rand/1", "best/1", "current-to-best/1", "rand-to-best/1", "current-to-pbest/1"}) {
        DifferentialEvolutionOptions options;
        set_option(options, "donor", std::string(name));
        EXPECT_LT(worst_of_seeds(test::sphere, 3, 30, 200, options), 1e-8) << name << ", adapted";
        options.weight = 0.7;
        options.weight_dither = 0.2;
        options.crossover_rate = 0.9;
        options.bounds = BoundRule::reflect;
        options.initial = InitialDesign::uniform;
        EXPECT_LT(worst_of_seeds(test::sphere, 3, 30, 200, options), 1e-8) << name << ", fixed";
    }
}

TEST(DifferentialEvolution, FindsMinimaAtTheBounds) {
    const Function corner = [](std::span<const double> point) { return point[0] + (1 - point[1]); };
    for (const auto bounds : {BoundRule::midpoint, BoundRule::reflect}) {
        EXPECT_LT(worst_of_seeds(corner, 2, 30, 100, {.bounds = bounds}), 1e-4);
    }
}

TEST(DifferentialEvolution, PointsStayInTheUnitCube) {
    for (const auto bounds : {BoundRule::midpoint, BoundRule::reflect}) {
        const auto optimizer = make(4, 20, 3, {.donor = DonorRule::rand_1, .weight = 2.0, .bounds = bounds});
        for (const double u : points_of_rounds(*optimizer, test::rastrigin, 20, 50)) {
            ASSERT_GE(u, 0);
            ASSERT_LE(u, 1);
        }
    }
}

TEST(DifferentialEvolution, LatinHypercubeFillsEveryCell) {
    const auto optimizer = make(3, 50, 7, {.population = 50});
    const Candidates candidates = optimizer->ask(50);
    for (std::size_t j = 0; j < 3; ++j) {
        std::vector<int> hits(50);
        for (std::size_t r = 0; r < 50; ++r) ++hits[static_cast<std::size_t>(candidates.points(r, j) * 50)];
        EXPECT_EQ(*std::ranges::max_element(hits), 1);
    }
}

TEST(DifferentialEvolution, EveryStartFillsTheCubeAndSolvesTheSphere) {
    for (const auto* name :
         {"latin_hypercube", "maximin", "uniform", "sobol", "halton", "hammersley", "quasi_opposite"}) {
        DifferentialEvolutionOptions options{.population = 32};
        set_option(options, "initial", std::string(name));
        const auto optimizer = make(3, 32, 5, options);
        const Array2 first = optimizer->ask(32).points;
        for (std::size_t j = 0; j < 3; ++j) {
            int low = 0;
            for (std::size_t r = 0; r < 32; ++r) low += first(r, j) < 0.5 ? 1 : 0;
            EXPECT_GE(low, 8) << name;
            EXPECT_LE(low, 24) << name;
        }
        EXPECT_LT(worst_of_seeds(test::sphere, 3, 32, 100, options), 1e-8) << name;
    }
}

TEST(DifferentialEvolution, QuasiOppositePointsLieBetweenTheCentreAndTheMirrorImage) {
    const auto optimizer = make(4, 40, 5, {.population = 40, .initial = InitialDesign::quasi_opposite});
    const Array2 points = optimizer->ask(40).points;
    for (std::size_t r = 0; r < 40; r += 2) {
        for (std::size_t j = 0; j < 4; ++j) {
            const double mirrored = 1 - points(r, j);
            EXPECT_GE(points(r + 1, j), std::min(0.5, mirrored));
            EXPECT_LE(points(r + 1, j), std::max(0.5, mirrored));
        }
    }
}

TEST(DifferentialEvolution, EveryCrossoverSolvesASeparableFunction) {
    for (const auto* name : {"binomial", "sparse", "two_points"}) {
        DifferentialEvolutionOptions options;
        set_option(options, "crossover", std::string(name));
        EXPECT_LT(worst_of_seeds(test::sphere, 5, 30, 333, options), 1e-10) << name;
    }
}

TEST(DifferentialEvolution, StartPointsComeFirst) {
    const auto optimizer = make(2, 10, 1, {.start = {{0.25, 0.75}, {0.5, 0.5}}});
    const Candidates candidates = optimizer->ask(3);
    EXPECT_THAT(candidates.points.row(0), testing::ElementsAre(0.25, 0.75));
    EXPECT_THAT(candidates.points.row(1), testing::ElementsAre(0.5, 0.5));
    EXPECT_THROW(make(3, 10, 1, {.start = {{0.5, 0.5}}}), ConfigError);
}

TEST(DifferentialEvolution, AnyBatchWorksWithAnyPopulation) {
    for (const std::size_t batch : {1, 7, 29, 45, 100, 333}) {
        const auto optimizer = make(3, batch, 5, {.population = 30});
        run_rounds(*optimizer, test::sphere, batch, 6000 / batch);
        EXPECT_LT(optimizer->recommend()->error, 1e-10) << "batches of " << batch;
    }
}

TEST(DifferentialEvolution, SurvivesFailures) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
        const auto optimizer = make(3, 30, seed);
        int n = 0;
        const Function failing = [&n](std::span<const double> point) {
            ++n;
            return n % 5 == 0 ? (n % 2 == 0 ? nan : n % 3 == 0 ? -infinity : infinity) : test::sphere(point);
        };
        run_rounds(*optimizer, failing, 30, 150);
        ASSERT_TRUE(optimizer->recommend().has_value());
        EXPECT_TRUE(std::isfinite(optimizer->recommend()->error));
        EXPECT_LT(optimizer->recommend()->error, 1e-8);
    }
}

TEST(DifferentialEvolution, GoesOnWithoutLostAnswers) {
    const auto optimizer = make(3, 30, 1);
    EXPECT_LT(test::best_of_lossy_rounds(*optimizer, test::sphere, 30, 20, 300), 1e-10);
    EXPECT_EQ(optimizer->open(), 3000U);
}

TEST(DifferentialEvolution, WorkersMayAnswerLate) {
    const auto optimizer = make(3, 1, 1, {.population = 25});
    EXPECT_LT(test::best_of_late_workers(*optimizer, test::sphere, 40, 6000), 1e-8);
}

TEST(DifferentialEvolution, ForeignPointsHelp) {
    const auto optimizer = make(5, 30, 1);
    Array2 known(1, 5, 0.3701);
    optimizer->tell_foreign(known, std::vector{test::sphere(known.row(0))});
    EXPECT_THAT(optimizer->recommend()->point, testing::Each(0.3701));
    run_rounds(*optimizer, test::sphere, 30, 10);
    const auto alone = make(5, 30, 1);
    run_rounds(*alone, test::sphere, 30, 10);
    EXPECT_LT(optimizer->recommend()->error, 0.1 * alone->recommend()->error);
    EXPECT_THROW(optimizer->tell_foreign(Array2(1, 5, 1.5), std::vector{1.0}), ConfigError);
    EXPECT_THROW(optimizer->tell_foreign(Array2(1, 4, 0.5), std::vector{1.0}), ConfigError);
}

TEST(DifferentialEvolution, RecommendsTheEarliestBestWhateverTheOrder) {
    const auto optimizer = make(2, 10, 1);
    EXPECT_FALSE(optimizer->recommend().has_value());
    const Candidates candidates = optimizer->ask(4);
    optimizer->tell(std::vector<std::uint64_t>{3, 2}, std::vector{1.0, nan});
    optimizer->tell(std::vector<std::uint64_t>{1, 0}, std::vector{1.0, -infinity});
    const auto expected = candidates.points.row(1);
    EXPECT_THAT(optimizer->recommend()->point, testing::ElementsAreArray(expected.begin(), expected.end()));
}

TEST(DifferentialEvolution, RefusesWrongAnswers) {
    const auto optimizer = make(2, 10, 1);
    const Candidates candidates = optimizer->ask(3);
    const auto tell = [&](std::vector<std::uint64_t> ids, std::vector<double> errors) { optimizer->tell(ids, errors); };
    EXPECT_THROW(tell({0, 1}, {1.0}), ConfigError);
    EXPECT_THROW(tell({0, 3}, {1.0, 2.0}), ConfigError);
    EXPECT_THROW(tell({1, 1}, {1.0, 2.0}), ConfigError);
    tell({1}, {1.0});
    EXPECT_THROW(tell({0, 1}, {1.0, 2.0}), ConfigError);
    tell({0, 2}, {1.0, 2.0});  // a refused call has told nothing
    EXPECT_EQ(optimizer->open(), 0U);
}

TEST(DifferentialEvolution, DamagedStatesAreRefused) {
    const auto optimizer = make(3, 30, 6);
    run_rounds(*optimizer, test::sphere, 30, 3);
    const std::string state = optimizer->save_state();
    const auto refuse = [](const std::string& text, std::size_t dimension = 3, std::uint64_t seed = 6) {
        EXPECT_THROW(make(dimension, 30, seed)->load_state(text), DataError) << text.substr(0, 200);
    };
    refuse("");
    refuse("something else\n");
    refuse(state, 4);
    refuse(state, 3, 7);
    refuse(state + "more\n");
    const std::string with_version = "spikesmith-optimizer 1" + state.substr(state.find('\n'));
    refuse(with_version);
    for (std::size_t cut = 0; cut < state.size(); cut += 37) refuse(state.substr(0, cut));
    for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{{"told 30", "told 31"},
                                                                                   {"asked 30", "asked 29"},
                                                                                   {"errors", "terrors"},
                                                                                   {" 0x", " nan"},
                                                                                   {" 1.", " x1."}}) {
        std::string changed = state;
        const auto place = changed.find(from);
        if (place == std::string::npos) continue;
        refuse(changed.replace(place, from.size(), to));
    }
}

TEST(DifferentialEvolution, OptionsAreChecked) {
    const auto refuse = [](const DifferentialEvolutionOptions& options) {
        try {
            static_cast<void>(differential_evolution(options));
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(refuse({.population = 4}), testing::HasSubstr("the population must be at least 5, not 4"));
    EXPECT_THAT(refuse({.weight = 0.0}), testing::HasSubstr("F must be in (0, 2], not 0"));
    EXPECT_THAT(refuse({.weight = nan}), testing::HasSubstr("F must be in (0, 2], not nan"));
    EXPECT_THAT(refuse({.weight = 0.5, .weight_dither = 0.5}),
                testing::HasSubstr("the dither must be in [0, F), not 0.5"));
    EXPECT_THAT(refuse({.weight_dither = 0.1}), testing::HasSubstr("a dither needs a weight"));
    EXPECT_THAT(refuse({.crossover_rate = 1.1}), testing::HasSubstr("crossover rate must be in [0, 1], not 1.1"));
    EXPECT_THAT(refuse({.p_best = 0.0}), testing::HasSubstr("p_best"));
    EXPECT_THAT(refuse({.memory = 0}), testing::HasSubstr("memory"));
    EXPECT_THAT(refuse({.start = {{0.5, 1.5}}}), testing::HasSubstr("unit cube, not 1.5"));
    try {
        DifferentialEvolutionOptions options;
        set_option(options, "donor", std::string("rand-to-best"));
    } catch (const ConfigError& error) {
        EXPECT_THAT(error.what(), testing::HasSubstr("did you mean `rand-to-best/1`?"));
    }
    EXPECT_THROW(make(0, 10, 1), ConfigError);
}

TEST(DifferentialEvolution, DescriptionsTellSettingsApart) {
    const auto description = [](const DifferentialEvolutionOptions& options) {
        return differential_evolution(options).description;
    };
    EXPECT_EQ(description({}), description({}));
    EXPECT_NE(description({}), description({.population = 50}));
    EXPECT_NE(description({.weight = 0.5}), description({.weight = 0.6}));
    EXPECT_NE(description({.start = {{0.5}}}), description({.start = {{0.25}}}));
}

}  // namespace
}  // namespace spikesmith
