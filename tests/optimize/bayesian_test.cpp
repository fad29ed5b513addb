#include "spikesmith/optimize/bayesian.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "optimize/benchmark_functions.hpp"
#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/trust_region.hpp"

namespace spikesmith {
namespace {

using test::BenchmarkFunction;
using test::median_of_seeds;

BayesianOptions with(std::initializer_list<std::pair<std::string_view, OptionValue>> settings) {
    BayesianOptions options;
    for (const auto& [name, value] : settings) set_option(options, name, value);
    return options;
}

OptionValue word(const char* text) {
    return std::string(text);
}

// After 100 evaluations in 5 dimensions scikit-optimize ends at 0.091 and 3200.
TEST(Bayesian, HundredEvaluationsSolveSmoothFunctions) {
    const BenchmarkFunction sphere(BenchmarkFunction::Kind::sphere, 5, 1);
    const BenchmarkFunction rosenbrock(BenchmarkFunction::Kind::rosenbrock, 5, 1);
    EXPECT_LT(median_of_seeds(bayesian(), sphere, 5, 10, 10, 3), 1e-5);
    EXPECT_LT(median_of_seeds(bayesian(), rosenbrock, 5, 10, 10, 3), 60);
    EXPECT_LT(median_of_seeds(bayesian(with({{"trust_region", true}})), sphere, 5, 10, 10, 3), 1e-5);
}

TEST(Bayesian, EveryRuleAndStrategyFindsTheMinimum) {
    for (const auto* rule : {"gp_hedge", "EI", "PI", "LCB"}) {
        EXPECT_LT(median_of_seeds(bayesian(with({{"acq_func", word(rule)}})), test::sphere, 2, 4, 12, 3), 1e-2) << rule;
    }
    for (const auto* strategy : {"believer", "cl_min", "cl_mean", "cl_max"}) {
        EXPECT_LT(median_of_seeds(bayesian(with({{"strategy", word(strategy)}})), test::sphere, 2, 4, 12, 3), 1e-2)
            << strategy;
    }
    for (const auto* generator : {"sobol", "lhs", "halton", "random"}) {
        const auto choice = bayesian(with({{"initial_point_generator", word(generator)}}));
        EXPECT_LT(median_of_seeds(choice, test::sphere, 2, 4, 12, 3), 1e-2) << generator;
    }
}

TEST(Bayesian, TreesBeatRandomSearch) {
    for (const auto* estimator : {"RF", "ET", "GBRT"}) {
        // The median of the best of 100 random points is 1.4.
        EXPECT_LT(median_of_seeds(bayesian(with({{"base_estimator", word(estimator)}})), test::sphere, 3, 10, 10), 0.6)
            << estimator;
    }
}

TEST(Bayesian, StretchedBoxesAreSkewed) {
    // A minimum near a corner, as that of conductances whose bounds span decades.
    const test::Function corner = [](std::span<const double> point) {
        double sum = 0;
        for (const double u : point) sum += std::pow(std::log((u + 0.01) / 0.05), 2);
        return sum;
    };
    EXPECT_LT(median_of_seeds(bayesian(), corner, 3, 10, 10), 1e-3);
}

TEST(Bayesian, FirstBatchFillsTheCubeWhateverItsSize) {
    const auto optimizer = bayesian()({.dimension = 2, .batch = 64, .seed = 5});
    const Candidates candidates = optimizer->ask(64);
    std::vector<int> cells(64, 0);
    for (std::size_t r = 0; r < 64; ++r) {
        ++cells[static_cast<std::size_t>(candidates.points(r, 0) * 8) * 8 +
                static_cast<std::size_t>(candidates.points(r, 1) * 8)];
    }
    EXPECT_EQ(*std::ranges::max_element(cells), 1);  // 64 points of a Sobol sequence: one in each of 8 x 8 cells
}

TEST(Bayesian, PointsOfABatchDiffer) {
    const auto optimizer = bayesian()({.dimension = 2, .batch = 10, .seed = 5});
    test::run_rounds(*optimizer, test::sphere, 10, 6);
    const Candidates candidates = optimizer->ask(10);
    for (std::size_t a = 0; a < 10; ++a) {
        for (std::size_t b = 0; b < a; ++b) {
            const double distance = std::max(std::fabs(candidates.points(a, 0) - candidates.points(b, 0)),
                                             std::fabs(candidates.points(a, 1) - candidates.points(b, 1)));
            EXPECT_GT(distance, 1e-9);
        }
    }
}

TEST(Bayesian, RegionsOfFailureAreAvoided) {
    const auto optimizer = bayesian()({.dimension = 2, .batch = 10, .seed = 2});
    const test::Function half = [](std::span<const double> point) {
        return point[0] > 0.5 ? std::numeric_limits<double>::quiet_NaN() : test::sphere(point);
    };
    test::run_rounds(*optimizer, half, 10, 6);
    const Candidates candidates = optimizer->ask(10);
    int failing = 0;
    for (std::size_t r = 0; r < 10; ++r) failing += candidates.points(r, 0) > 0.5 ? 1 : 0;
    EXPECT_LE(failing, 3);
    EXPECT_LT(optimizer->recommend()->error, 1e-3);
}

TEST(Bayesian, ManyPointsAreCapped) {
    const auto optimizer = bayesian(with({{"max_points", 60.0}}))({.dimension = 3, .batch = 100, .seed = 2});
    test::run_rounds(*optimizer, test::sphere, 100, 8);
    EXPECT_LT(optimizer->recommend()->error, 1e-3);
}

TEST(Bayesian, GivenUpTrustRegionStartsAnew) {
    // A flat function never improves, so the box shrinks until a new design is due.
    const auto optimizer = bayesian(with({{"trust_region", true}}))({.dimension = 2, .batch = 10, .seed = 2});
    double low = 1;
    double high = 0;
    for (int round = 0; round < 12; ++round) {
        const Candidates candidates = optimizer->ask(10);
        const std::vector<double> errors(10, 1.0);
        if (round == 8 || round == 9) {
            for (const double u : candidates.points.values) {
                low = std::min(low, u);
                high = std::max(high, u);
            }
        }
        optimizer->tell(candidates.ids, errors);
    }
    EXPECT_GT(high - low, 0.8);
}

TEST(TrustRegion, DoublesAfterSuccessAndHalvesAfterFailure) {
    TrustRegion region(2);
    EXPECT_DOUBLE_EQ(region.length(), 0.8);
    for (int k = 0; k < 3; ++k) region.note(true, 5);
    EXPECT_DOUBLE_EQ(region.length(), 1.6);
    for (int k = 0; k < 3; ++k) region.note(true, 5);
    EXPECT_DOUBLE_EQ(region.length(), 1.6);
    region.note(false, 3);
    EXPECT_DOUBLE_EQ(region.length(), 1.6);
    region.note(false, 1);
    EXPECT_DOUBLE_EQ(region.length(), 0.8);
    for (int k = 0; k < 6; ++k) region.note(false, 4);
    EXPECT_FALSE(region.exhausted());
    region.note(false, 4);
    EXPECT_TRUE(region.exhausted());
}

TEST(TrustRegion, BoxFollowsTheLengthScales) {
    const TrustRegion region(2);
    std::vector<double> low(2);
    std::vector<double> high(2);
    region.box(std::vector{0.5, 0.9}, std::vector{0.2, 0.8}, low, high);
    EXPECT_NEAR(high[0] - low[0], 0.4, 1e-12);
    EXPECT_NEAR(low[1], 0.1, 1e-12);
    EXPECT_EQ(high[1], 1);
}

TEST(Bayesian, OptionsAreCheckedAndDescribed) {
    const auto refuse = [](const BayesianOptions& options) {
        try {
            static_cast<void>(bayesian(options));
        } catch (const ConfigError& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    EXPECT_THAT(refuse(with({{"n_initial_points", 1.0}})),
                testing::HasSubstr("n_initial_points must be at least 2, not 1"));
    EXPECT_THAT(refuse(with({{"xi", -1.0}})), testing::HasSubstr("xi must be at least 0, not -1"));
    EXPECT_THAT(refuse(with({{"kappa", -0.5}})), testing::HasSubstr("kappa must be at least 0"));
    EXPECT_THAT(refuse(with({{"max_points", 5.0}})), testing::HasSubstr("max_points must be in [10, 2000], not 5"));
    EXPECT_THROW(with({{"acq_func", word("EIps")}}), ConfigError);
    EXPECT_EQ(bayesian().description, "bayesian");
    EXPECT_EQ(bayesian(with({{"base_estimator", word("RF")}, {"kappa", 3.0}})).description,
              "bayesian: base_estimator RF, kappa 3");
}

}  // namespace
}  // namespace spikesmith
