#include "spikesmith/optimize/designs.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "optimize/test_functions.hpp"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

// Centered L2 discrepancy (Hickernell, Mathematics of Computation 67 (1998) 299-322, eq. 5.1a).
double discrepancy(const Array2& points) {
    const auto n = static_cast<double>(points.rows);
    const auto centered = [](double u) { return std::fabs(u - 0.5); };
    double single = 0;
    double pairs = 0;
    for (std::size_t a = 0; a < points.rows; ++a) {
        double product = 1;
        for (const double u : points.row(a)) product *= 1 + (centered(u) - centered(u) * centered(u)) / 2;
        single += product;
        for (std::size_t b = 0; b < points.rows; ++b) {
            double pair = 1;
            for (std::size_t j = 0; j < points.columns; ++j) {
                const double u = points(a, j);
                const double v = points(b, j);
                pair *= 1 + (centered(u) + centered(v) - std::fabs(u - v)) / 2;
            }
            pairs += pair;
        }
    }
    return std::sqrt(std::pow(13 / 12.0, static_cast<double>(points.columns)) - 2 / n * single + pairs / (n * n));
}

// Each of the n intervals of length 1/n holds one coordinate.
bool stratified(const Array2& points, std::size_t coordinate) {
    std::vector<int> hits(points.rows + 1);  // 1e-9: fractions are not exact
    for (std::size_t r = 0; r < points.rows; ++r) {
        ++hits[static_cast<std::size_t>(points(r, coordinate) * static_cast<double>(points.rows) + 1e-9)];
    }
    return std::ranges::count(hits, 1) == static_cast<std::ptrdiff_t>(points.rows);
}

std::vector<std::pair<std::string, Design>> designs(std::size_t dimension, std::uint64_t seed) {
    return {{"random", random_design(dimension, seed)},
            {"sobol", sobol_design(dimension, seed)},
            {"sobol, plain", sobol_design(dimension, seed, false)},
            {"halton", halton_design(dimension, seed)},
            {"halton, plain", halton_design(dimension, seed, false)},
            {"latin hypercube", latin_hypercube_design(dimension, 30, seed)},
            {"maximin", maximin_design(dimension, 30, seed)}};
}

TEST(Designs, PlainSobolPointsArePublishedOnes) {
    // the ten points of three dimensions with which Joe and Kuo explain their program
    const std::vector<std::array<double, 3>> published{{0, 0, 0},
                                                       {0.5, 0.5, 0.5},
                                                       {0.75, 0.25, 0.25},
                                                       {0.25, 0.75, 0.75},
                                                       {0.375, 0.375, 0.625},
                                                       {0.875, 0.875, 0.125},
                                                       {0.625, 0.125, 0.875},
                                                       {0.125, 0.625, 0.375},
                                                       {0.1875, 0.3125, 0.9375},
                                                       {0.6875, 0.8125, 0.4375}};
    const Array2 points = sobol_design(3, 0, false).points(0, published.size());
    for (std::size_t k = 0; k < published.size(); ++k) {
        EXPECT_THAT(std::vector(points.row(k).begin(), points.row(k).end()), testing::ElementsAreArray(published[k]));
    }
}

// Direction numbers in the form of Bratley & Fox (1988), as whole numbers m_k instead of shifted fractions.
std::vector<std::uint64_t> direction_integers(std::size_t degree, std::uint64_t coefficients,
                                              std::vector<std::uint64_t> m, std::size_t n) {
    while (m.size() < n) {
        const std::size_t k = m.size();
        std::uint64_t next = (m[k - degree] << degree) ^ m[k - degree];
        for (std::size_t i = 1; i < degree; ++i) {
            if (((coefficients >> (degree - 1 - i)) & 1) != 0) next ^= m[k - i] << i;
        }
        m.push_back(next);
    }
    return m;
}

TEST(Designs, PlainSobolPointsFollowTheTablesInHighDimensions) {
    // point 2^k - 1 in Gray order is v_{k} alone: index 1, 3, 7, ... have the Gray codes 1, 10, 100, ...
    struct Row {
        std::size_t dimension, degree;
        std::uint64_t coefficients;
        std::vector<std::uint64_t> first;
    };
    const std::vector<Row> rows{{5, 3, 2, {1, 1, 1}},
                                {20, 7, 1, {1, 3, 7, 11, 23, 15, 103}},
                                {50, 8, 97, {1, 1, 1, 3, 23, 43, 57, 177}},
                                {64, 9, 62, {1, 1, 3, 13, 25, 47, 39, 87, 257}}};
    const Design design = sobol_design(64, 0, false);
    std::vector<double> point(64);
    for (const Row& row : rows) {
        const auto m = direction_integers(row.degree, row.coefficients, row.first, 20);
        for (std::size_t k = 0; k < 20; ++k) {
            design.point((std::uint64_t{2} << k) - 1, point);
            EXPECT_EQ(point[row.dimension - 1], std::ldexp(static_cast<double>(m[k]), -static_cast<int>(k) - 1))
                << "dimension " << row.dimension << ", number " << k;
        }
    }
}

TEST(Designs, SobolPointsAreNetsInTwoDimensions) {
    // (0, m, 2)-net: every box of area 2^-m with sides that are powers of 2 holds one of 2^m points; scrambled too
    for (const bool scrambled : {false, true}) {
        for (const std::size_t m : {4, 6, 9}) {
            const std::size_t n = std::size_t{1} << m;
            for (const std::uint64_t block : {0, 1, 5}) {  // true of every aligned block
                const Array2 points = sobol_design(2, 3, scrambled).points(block * n, n);
                for (std::size_t a = 0; a <= m; ++a) {
                    std::set<std::pair<int, int>> boxes;
                    for (std::size_t r = 0; r < n; ++r) {
                        boxes.emplace(static_cast<int>(std::ldexp(points(r, 0), static_cast<int>(a))),
                                      static_cast<int>(std::ldexp(points(r, 1), static_cast<int>(m - a))));
                    }
                    EXPECT_EQ(boxes.size(), n) << "m " << m << ", block " << block << ", " << a;
                }
            }
        }
    }
}

TEST(Designs, SobolCoordinatesAreStratified) {
    for (const bool scrambled : {false, true}) {
        const Array2 points = sobol_design(sobol_dimensions, 5, scrambled).points(0, 1024);
        for (std::size_t j = 0; j < sobol_dimensions; ++j) EXPECT_TRUE(stratified(points, j)) << j;
    }
}

TEST(Designs, CoordinatesBeyondTheTableAreStratifiedToo) {
    const Array2 points = sobol_design(sobol_dimensions + 2, 5).points(0, 243);
    EXPECT_TRUE(stratified(points, sobol_dimensions));  // base 3
}

TEST(Designs, HaltonCoordinatesAreStratifiedInTheirBases) {
    for (const bool scrambled : {false, true}) {
        const Design design = halton_design(4, 2, scrambled);
        for (const auto& [coordinate, n] :
             std::vector<std::pair<std::size_t, std::size_t>>{{0, 256}, {1, 243}, {2, 125}, {3, 343}}) {
            EXPECT_TRUE(stratified(design.points(0, n), coordinate)) << coordinate << scrambled;
        }
    }
    EXPECT_THAT(halton_design(2, 0, false).points(0, 5).values,
                testing::Pointwise(testing::DoubleEq(),
                                   {0.0, 0.0, 0.5, 1 / 3.0, 0.25, 2 / 3.0, 0.75, 1 / 9.0, 0.125, 4 / 9.0}));
}

TEST(Designs, LatinHypercubesAreStratified) {
    for (const Design& design : {latin_hypercube_design(6, 30, 1), maximin_design(6, 30, 1)}) {
        for (const std::uint64_t block : {0, 1, 7}) {
            const Array2 points = design.points(block * 30, 30);
            for (std::size_t j = 0; j < 6; ++j) EXPECT_TRUE(stratified(points, j)) << j;
        }
    }
}

TEST(Designs, MaximinKeepsPointsApart) {
    const auto nearest = [](const Array2& points) {
        double least = 1e9;
        for (std::size_t a = 1; a < points.rows; ++a) {
            for (std::size_t b = 0; b < a; ++b) {
                double square = 0;
                for (std::size_t j = 0; j < points.columns; ++j) square += std::pow(points(a, j) - points(b, j), 2);
                least = std::min(least, std::sqrt(square));
            }
        }
        return least;
    };
    double plain = 0;
    double apart = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        plain += nearest(latin_hypercube_design(5, 30, seed).points(0, 30));
        apart += nearest(maximin_design(5, 30, seed).points(0, 30));
    }
    EXPECT_GT(apart, 1.3 * plain);
}

TEST(Designs, EvenDesignsHaveLessDiscrepancyThanRandomPoints) {
    for (const std::size_t dimension : {2, 5, 10}) {
        double random = 0, sobol = 0, halton = 0, hypercube = 0;
        for (std::uint64_t seed = 0; seed < 5; ++seed) {
            random += discrepancy(random_design(dimension, seed).points(0, 256));
            sobol += discrepancy(sobol_design(dimension, seed).points(0, 256));
            halton += discrepancy(halton_design(dimension, seed).points(0, 256));
            hypercube += discrepancy(latin_hypercube_design(dimension, 256, seed).points(0, 256));
        }
        EXPECT_LT(sobol, 0.6 * random) << dimension;
        EXPECT_LT(halton, 0.7 * random) << dimension;
        EXPECT_LT(hypercube, 0.95 * random) << dimension;
    }
}

TEST(Designs, ScramblingMakesCoordinatesUniform) {
    // mean 1/2 and variance 1/12 of one point over many seeds; four standard errors
    constexpr int seeds = 1000;
    for (const std::uint64_t k : {0, 1, 12}) {
        for (const auto make : {sobol_design, halton_design}) {
            for (const std::size_t j : {0, 3}) {
                double sum = 0, squares = 0;
                for (std::uint64_t seed = 0; seed < seeds; ++seed) {
                    std::vector<double> point(4);
                    make(4, seed, true).point(k, point);
                    sum += point[j];
                    squares += point[j] * point[j];
                }
                EXPECT_NEAR(sum / seeds, 0.5, 4 * std::sqrt(1 / 12.0 / seeds));
                EXPECT_NEAR(squares / seeds, 1 / 3.0, 4 * std::sqrt(4 / 45.0 / seeds));
            }
        }
    }
}

TEST(Designs, PointsFollowFromSeedAndNumberAlone) {
    const auto first = designs(5, 7);
    const auto same = designs(5, 7);
    const auto other = designs(5, 8);
    for (std::size_t d = 0; d < first.size(); ++d) {
        const auto& [name, design] = first[d];
        const Array2 whole = design.points(0, 100);
        std::vector<double> point(5);
        for (const std::uint64_t k : {99, 3, 42, 0, 60}) {
            same[d].second.point(k, point);
            EXPECT_THAT(point, testing::ElementsAreArray(whole.row(k).begin(), whole.row(k).end())) << name;
        }
        for (const double u : whole.values) {
            EXPECT_GE(u, 0) << name;
            EXPECT_LT(u, 1) << name;
        }
        const bool differ = other[d].second.points(0, 100).values != whole.values;
        EXPECT_EQ(differ, !name.ends_with("plain")) << name;
    }
}

TEST(Designs, FarPointsStayInTheCube) {
    for (const auto& [name, design] : designs(70, 1)) {
        for (const std::uint64_t first : {std::uint64_t{0xfffffff0}, std::uint64_t{1} << 40}) {
            for (const double u : design.points(first, 20).values) {
                EXPECT_GE(u, 0) << name;
                EXPECT_LT(u, 1) << name;
            }
        }
    }
}

TEST(Designs, RefuseNonsense) {
    EXPECT_THROW(static_cast<void>(sobol_design(0, 1)), ConfigError);
    EXPECT_THROW(static_cast<void>(halton_design(0, 1)), ConfigError);
    EXPECT_THROW(static_cast<void>(random_design(0, 1)), ConfigError);
    EXPECT_THROW(static_cast<void>(latin_hypercube_design(3, 0, 1)), ConfigError);
    EXPECT_THROW(static_cast<void>(maximin_design(3, 10, 1, 0)), ConfigError);
}

// ---------------------------------------------------------------------------------------------------------- searches

std::vector<OptimizerChoice> searches() {
    return {random_search(), latin_hypercube_search(),           latin_hypercube_search({.maximin = true}),
            sobol_search(),  sobol_search({.scrambled = false}), halton_search()};
}

TEST(DesignSearches, AskInAnyPartsAndContinue) {
    for (const OptimizerChoice& choice : searches()) {
        const SearchSetting setting{.dimension = 4, .batch = 30, .rounds = 4, .seed = 3};
        const Array2 whole = choice(setting)->ask(120).points;
        for (const std::size_t part : {1, 7, 30}) {
            const auto parts = choice(setting);
            std::vector<double> found;
            while (parts->asked() < 120) {
                const Candidates candidates = parts->ask(std::min<std::size_t>(part, 120 - parts->asked()));
                found.insert(found.end(), candidates.points.values.begin(), candidates.points.values.end());
                parts->tell(candidates.ids, test::errors_of(candidates.points, test::sphere));
            }
            EXPECT_EQ(found, whole.values) << choice.description;
            const auto copy = choice(setting);
            copy->load_state(parts->save_state());
            EXPECT_EQ(copy->ask(50).points.values, parts->ask(50).points.values) << choice.description;
            EXPECT_EQ(copy->recommend()->error, parts->recommend()->error);
        }
    }
}

TEST(DesignSearches, LatinHypercubeSpansThePlannedSearch) {
    const auto optimizer = latin_hypercube_search()({.dimension = 3, .batch = 25, .rounds = 8, .seed = 1});
    EXPECT_TRUE(stratified(optimizer->ask(200).points, 2));
    const auto unplanned = latin_hypercube_search()({.dimension = 3, .batch = 25, .seed = 1});
    EXPECT_TRUE(stratified(unplanned->ask(25).points, 2));
}

TEST(DesignSearches, HaveNamesAndDescriptions) {
    EXPECT_EQ(sobol_search()({.dimension = 2})->name(), "sobol");
    EXPECT_EQ(sobol_search().description, "sobol");
    EXPECT_EQ(sobol_search({.scrambled = false}).description, "sobol: scrambled false");
    EXPECT_EQ(random_search()({.dimension = 2})->name(), "random_search");
    EXPECT_EQ(latin_hypercube_search({.block = 12}).description, "latin_hypercube: block 12");
    EXPECT_THROW(static_cast<void>(halton_search()({.dimension = 0})), ConfigError);
}

}  // namespace
}  // namespace spikesmith
