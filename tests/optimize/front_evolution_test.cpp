// NSGA-II and IBEA: fronts of known problems, and what every optimiser promises.
#include "spikesmith/optimize/front_evolution.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <vector>

#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/ibea.hpp"
#include "spikesmith/optimize/nsga2.hpp"
#include "spikesmith/optimize/pareto.hpp"

namespace spikesmith {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using Errors = std::vector<double>;
using Problem = std::function<Errors(std::span<const double>)>;

// E. Zitzler, K. Deb, L. Thiele, Evol. Comput. 8 (2000) 173; fronts at x[1...] = 0.
Errors zdt(std::span<const double> x, const std::function<double(double, double)>& shape) {
    double g = 1;
    for (std::size_t j = 1; j < x.size(); ++j) g += 9 * x[j] / static_cast<double>(x.size() - 1);
    return {x[0], g * shape(x[0], x[0] / g)};
}

Errors zdt1(std::span<const double> x) {
    return zdt(x, [](double, double r) { return 1 - std::sqrt(r); });
}

Errors zdt2(std::span<const double> x) {
    return zdt(x, [](double, double r) { return 1 - r * r; });
}

Errors zdt3(std::span<const double> x) {
    return zdt(x, [](double f, double r) { return 1 - std::sqrt(r) - r * std::sin(10 * std::numbers::pi * f); });
}

// Three errors; the front is the unit sphere. K. Deb et al., Scalable test problems (2005).
Errors dtlz2(std::span<const double> x) {
    double g = 0;
    for (std::size_t j = 2; j < x.size(); ++j) g += (x[j] - 0.5) * (x[j] - 0.5);
    const double a = x[0] * std::numbers::pi / 2;
    const double b = x[1] * std::numbers::pi / 2;
    return {(1 + g) * std::cos(a) * std::cos(b), (1 + g) * std::cos(a) * std::sin(b), (1 + g) * std::sin(a)};
}

Array2 errors_of(const Array2& points, const Problem& problem) {
    Array2 errors(points.rows, problem(points.row(0)).size());
    for (std::size_t r = 0; r < points.rows; ++r) std::ranges::copy(problem(points.row(r)), errors.row(r).begin());
    return errors;
}

std::unique_ptr<Optimizer> make(const OptimizerChoice& choice, std::size_t dimension, std::uint64_t seed,
                                std::size_t batch = 100) {
    return choice({.dimension = dimension, .batch = batch, .seed = seed, .objectives = 2});
}

// All points asked.
std::vector<double> run(Optimizer& optimizer, const Problem& problem, std::size_t batch, std::size_t rounds,
                        ParetoArchive* archive = nullptr) {
    std::vector<double> points;
    for (std::size_t round = 0; round < rounds; ++round) {
        const Candidates candidates = optimizer.ask(batch);
        const Array2 errors = errors_of(candidates.points, problem);
        optimizer.tell(candidates.ids, errors);
        points.insert(points.end(), candidates.points.values.begin(), candidates.points.values.end());
        for (std::size_t r = 0; archive != nullptr && r < batch; ++r) {
            archive->add(candidates.ids[r], candidates.points.row(r), errors.row(r));
        }
    }
    return points;
}

// Share of the hypervolume of the true front after 10^4 evaluations, the median of an odd number of seeds.
double quality(const OptimizerChoice& choice, const Problem& problem, std::size_t dimension, double true_volume,
               std::size_t seeds) {
    std::vector<double> shares;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        ParetoArchive archive;
        run(*make(choice, dimension, seed), problem, 100, 100, &archive);
        const Array2 front = archive.errors();
        shares.push_back(hypervolume(front, Errors(front.columns, 1.1)) / true_volume);
    }
    std::ranges::sort(shares);
    return shares[seeds / 2];
}

// The integral of what the front of ZDT3 dominates below (1.1, 1.1).
double zdt3_volume() {
    constexpr int n = 1000000;
    double lowest = 1.1;
    double sum = 0;
    for (int k = 0; k < n; ++k) {
        const double f = 1.1 * (k + 0.5) / n;
        if (f <= 1) lowest = std::min(lowest, 1 - std::sqrt(f) - f * std::sin(10 * std::numbers::pi * f));
        sum += (1.1 - lowest) * 1.1 / n;
    }
    return sum;
}

class Fronts : public testing::TestWithParam<const char*> {
  protected:
    [[nodiscard]] static OptimizerChoice choice(std::size_t population = 0) {
        if (std::string(GetParam()) == "nsga2") return nsga2({.population = population});
        return ibea({.population = population});
    }
};

TEST_P(Fronts, AreFound) {
    EXPECT_GT(quality(choice(), zdt1, 10, 0.1 + 2.0 / 3 + 0.11, 3), 0.99);
    EXPECT_GT(quality(choice(), zdt2, 10, 0.1 + 1.0 / 3 + 0.11, 3), 0.985);
    EXPECT_GT(quality(choice(), zdt3, 10, zdt3_volume(), 3), 0.99);
    // A sphere is covered slowly: 100 evenly spread points of the true front reach 0.898, 1000 reach 0.973.
    EXPECT_GT(quality(choice(), dtlz2, 12, 1.331 - std::numbers::pi / 6, 1), 0.925);
}

TEST_P(Fronts, OneErrorIsMinimised) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
        const auto optimizer = make(choice(40), 3, seed, 40);
        test::run_rounds(*optimizer, test::sphere, 40, 100);
        EXPECT_LT(optimizer->recommend()->error, 1e-2);
    }
}

TEST_P(Fronts, SeedDecidesThePoints) {
    const auto points = [](std::uint64_t seed) { return run(*make(choice(20), 4, seed), zdt1, 20, 6); };
    EXPECT_EQ(points(4), points(4));
    EXPECT_NE(points(4), points(5));
}

TEST_P(Fronts, SplitOfTheBatchAndOrderOfTellingChangeNothing) {
    const auto expected = run(*make(choice(30), 3, 11), zdt1, 30, 12);
    for (const std::size_t part : {1, 7, 10, 30}) {
        const auto parts = make(choice(30), 3, 11);
        std::vector<double> found;
        for (std::size_t asked = 0; asked < 360;) {
            const std::size_t n = std::min(part, 30 - asked % 30);
            const Candidates candidates = parts->ask(n);
            found.insert(found.end(), candidates.points.values.begin(), candidates.points.values.end());
            const Array2 errors = errors_of(candidates.points, zdt1);
            for (std::size_t k = n; k-- > 0;) {  // backwards, one by one
                Array2 one(1, 2);
                std::ranges::copy(errors.row(k), one.row(0).begin());
                parts->tell(std::vector{candidates.ids[k]}, one);
            }
            asked += n;
        }
        EXPECT_EQ(found, expected) << "parts of " << part;
    }
}

TEST_P(Fronts, UnitsOfTheErrorsChangeNothing) {
    const auto expected = run(*make(choice(30), 4, 9), zdt1, 30, 40);
    for (const auto& [a, b] : std::vector<std::pair<double, double>>{{1e-18, 1e-18}, {1e-18, 3e200}, {1, 0x1p-60}}) {
        const Problem scaled = [a = a, b = b](std::span<const double> x) {
            const Errors errors = zdt1(x);
            return Errors{a * errors[0], b * errors[1]};
        };
        EXPECT_EQ(run(*make(choice(30), 4, 9), scaled, 30, 40), expected) << a << " " << b;
    }
}

TEST_P(Fronts, PointsStayInTheUnitCube) {
    const auto optimizer = make(choice(20), 2, 3, 20);
    for (int round = 0; round < 60; ++round) {
        const Candidates candidates = optimizer->ask(20);
        for (const double u : candidates.points.values) {
            ASSERT_GE(u, 0);
            ASSERT_LE(u, 1);
        }
        optimizer->tell(candidates.ids, errors_of(candidates.points, zdt2));
    }
}

TEST_P(Fronts, AnyBatchWorksWithAnyPopulation) {
    for (const std::size_t batch : {1, 7, 30, 1000}) {
        ParetoArchive archive;
        run(*make(choice(50), 5, 5, batch), zdt1, batch, 5000 / batch, &archive);
        EXPECT_GT(hypervolume(archive.errors(), Errors{1.1, 1.1}), batch == 1000 ? 0.2 : 0.8) << "batches of " << batch;
    }
}

TEST_P(Fronts, SurviveFailures) {
    const auto volume = [](bool fails) {
        int n = 0;
        const Problem failing = [&](std::span<const double> x) {
            ++n;
            if (fails && n % 5 == 0)
                return n % 2 == 0 ? Errors{nan, 0} : n % 3 == 0 ? Errors{0, -infinity} : Errors{infinity, 1};
            return zdt1(x);
        };
        ParetoArchive archive;
        run(*make(choice(50), 5, 5, 50), failing, 50, 100, &archive);
        return hypervolume(archive.errors(), Errors{1.1, 1.1});
    };
    EXPECT_GT(volume(true), 0.97 * volume(false));
}

TEST_P(Fronts, NothingButFailures) {
    const auto optimizer = make(choice(20), 3, 1, 20);
    run(
        *optimizer,
        [](std::span<const double>) {
            return Errors{nan, 1};
        },
        20, 10);
    EXPECT_FALSE(optimizer->recommend().has_value());
    ParetoArchive archive;
    run(*optimizer, zdt1, 20, 100, &archive);
    EXPECT_GT(hypervolume(archive.errors(), Errors{1.1, 1.1}), 0.7);
}

TEST_P(Fronts, LateAndLostAnswers) {
    // 30 workers, each answers when 30 others were asked; every tenth answer is lost.
    const auto optimizer = make(choice(25), 4, 1, 1);
    std::vector<Candidates> waiting;
    ParetoArchive archive;
    for (int asked = 0; asked < 4000; ++asked) {
        waiting.push_back(optimizer->ask(1));
        if (waiting.size() <= 30) continue;
        const Candidates answered = waiting.front();
        waiting.erase(waiting.begin());
        if (asked % 10 == 0) continue;
        const Array2 errors = errors_of(answered.points, zdt1);
        optimizer->tell(answered.ids, errors);
        archive.add(answered.ids[0], answered.points.row(0), errors.row(0));
    }
    EXPECT_GT(hypervolume(archive.errors(), Errors{1.1, 1.1}), 0.8);
}

TEST_P(Fronts, ForeignPointsHelp) {
    Array2 known(11, 10, 0.0);
    for (std::size_t r = 0; r < known.rows; ++r) known(r, 0) = static_cast<double>(r) / 10;
    const auto reached = [&](bool helped) {
        const auto optimizer = make(choice(20), 10, 1, 20);
        if (helped) optimizer->tell_foreign(known, errors_of(known, zdt1));
        ParetoArchive archive;
        run(*optimizer, zdt1, 20, 20, &archive);
        return hypervolume(archive.errors(), Errors{1.1, 1.1});
    };
    EXPECT_GT(reached(true), reached(false) + 0.1);
}

TEST_P(Fronts, SavedStateContinuesBitForBit) {
    const auto original = make(choice(20), 3, 6, 20);
    run(*original, zdt1, 20, 5);
    const Candidates open = original->ask(13);
    const auto copy = make(choice(20), 3, 6, 20);
    copy->load_state(original->save_state());
    for (Optimizer* optimizer : {original.get(), copy.get()}) optimizer->tell(open.ids, errors_of(open.points, zdt1));
    EXPECT_EQ(run(*copy, zdt1, 20, 10), run(*original, zdt1, 20, 10));
}

INSTANTIATE_TEST_SUITE_P(Methods, Fronts, testing::Values("nsga2", "ibea"),
                         [](const auto& method) { return std::string(method.param); });

TEST(FrontEvolution, OptionsAreChecked) {
    EXPECT_THROW((void)nsga2({.population = 3}), ConfigError);
    EXPECT_THROW((void)nsga2({.tournament = 0}), ConfigError);
    EXPECT_THROW((void)nsga2({.crossover_rate = 1.1}), ConfigError);
    EXPECT_THROW((void)nsga2({.crossover_index = nan}), ConfigError);
    EXPECT_THROW((void)nsga2({.mutation_rate = -0.1}), ConfigError);
    EXPECT_THROW((void)ibea({.kappa = 0}), ConfigError);
    EXPECT_THROW((void)ibea({.kappa = nan}), ConfigError);
    EXPECT_THROW((void)ibea({.mutation_index = -1}), ConfigError);
    EXPECT_THROW((void)ibea()({.dimension = 0}), ConfigError);
    EXPECT_TRUE(nsga2().multi_objective);
    EXPECT_TRUE(ibea().multi_objective);
    EXPECT_EQ(nsga2().description, "nsga2");
    EXPECT_EQ(nsga2({.population = 40, .mutation_rate = 0.25}).description, "nsga2: population 40, mutation_rate 0.25");
    EXPECT_EQ(ibea({.kappa = 0.1}).description, "ibea: kappa 0.1");
}

TEST(FrontEvolution, AutomaticPopulation) {
    EXPECT_EQ(automatic_population({.dimension = 2, .batch = 30}), 100U);
    EXPECT_EQ(automatic_population({.dimension = 2, .batch = 30, .rounds = 10}), 30U);
    EXPECT_EQ(automatic_population({.dimension = 2, .batch = 10, .rounds = 5}), 20U);
    EXPECT_EQ(automatic_population({.dimension = 2, .batch = 500, .rounds = 50}), 500U);
}

}  // namespace
}  // namespace spikesmith
