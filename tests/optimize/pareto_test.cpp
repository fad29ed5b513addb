// Sorting, crowding and hypervolume against brute force.
#include "spikesmith/optimize/pareto.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

Array2 table(const std::vector<std::vector<double>>& rows) {
    Array2 result(rows.size(), rows.empty() ? 0 : rows[0].size());
    for (std::size_t r = 0; r < rows.size(); ++r) std::ranges::copy(rows[r], result.row(r).begin());
    return result;
}

// Values from a small set, so that there are ties and equal rows.
Array2 random_errors(std::mt19937_64& random, std::size_t rows, std::size_t columns, int values) {
    Array2 result(rows, columns);
    for (double& value : result.values) value = static_cast<double>(random() % static_cast<std::uint64_t>(values));
    return result;
}

TEST(Pareto, Dominance) {
    using Row = std::vector<double>;
    EXPECT_TRUE(dominates(Row{1, 2}, Row{1, 3}));
    EXPECT_FALSE(dominates(Row{1, 2}, Row{1, 2}));
    EXPECT_FALSE(dominates(Row{0, 3}, Row{1, 2}));
    EXPECT_TRUE(dominates(Row{1, 2}, Row{nan, 0}));
    EXPECT_TRUE(dominates(Row{1, 2}, Row{infinity, infinity}));
    EXPECT_FALSE(dominates(Row{-infinity, 0}, Row{1, 2}));
    EXPECT_TRUE(dominates(Row{1}, Row{2}));
}

// Peels fronts one after the other.
std::vector<std::size_t> peeled_ranks(const Array2& errors) {
    std::vector<std::size_t> ranks(errors.rows, errors.rows);
    const auto left = [&](std::size_t r) { return ranks[r] == errors.rows; };
    for (std::size_t rank = 0; std::ranges::find(ranks, errors.rows) != ranks.end(); ++rank) {
        std::vector<std::size_t> front;
        for (std::size_t r = 0; r < errors.rows; ++r) {
            bool free = left(r);
            for (std::size_t q = 0; q < errors.rows && free; ++q)
                free = !(left(q) && dominates(errors.row(q), errors.row(r)));
            if (free) front.push_back(r);
        }
        for (const std::size_t r : front) ranks[r] = rank;
    }
    return ranks;
}

TEST(Pareto, RanksAreThoseOfPeeling) {
    std::mt19937_64 random(1);
    for (int trial = 0; trial < 200; ++trial) {
        const std::size_t columns = 1 + random() % 4;
        Array2 errors = random_errors(random, 1 + random() % 60, columns, trial % 2 == 0 ? 6 : 1000);
        for (std::size_t r = 0; r < errors.rows; ++r) {
            if (random() % 8 == 0) errors(r, random() % columns) = random() % 2 == 0 ? nan : -infinity;
        }
        EXPECT_EQ(non_dominated_ranks(errors), peeled_ranks(errors)) << trial;
    }
    EXPECT_TRUE(non_dominated_ranks(Array2(0, 2)).empty());
}

TEST(Pareto, CrowdingOfAKnownFront) {
    // The sides of the boxes: (2 + 6)/(10 - 0) and so on, mean over the two errors.
    const Array2 errors = table({{0, 10}, {2, 6}, {6, 5}, {99, 99}, {10, 0}});
    const std::vector<std::size_t> front{0, 1, 2, 4};
    const auto distance = crowding_distances(errors, front);
    EXPECT_EQ(distance[0], infinity);
    EXPECT_EQ(distance[3], infinity);
    EXPECT_NEAR(distance[1], (6 / 10.0 + 5 / 10.0) / 2, 1e-15);
    EXPECT_NEAR(distance[2], (8 / 10.0 + 6 / 10.0) / 2, 1e-15);
    EXPECT_THAT(crowding_distances(table({{1, 1}, {1, 1}, {1, 1}}), std::vector<std::size_t>{0, 1, 2}),
                testing::ElementsAre(infinity, 0, infinity));
}

// Counts cells of the grid of all coordinates: exact for whole numbers.
double counted_volume(const Array2& errors, int reference) {
    const std::size_t d = errors.columns;
    std::vector<int> cell(d, 0);
    double count = 0;
    for (;;) {
        bool inside = false;
        for (std::size_t r = 0; r < errors.rows && !inside; ++r) {
            inside = true;
            for (std::size_t m = 0; m < d; ++m) inside = inside && errors(r, m) <= cell[m];
        }
        count += inside;
        std::size_t m = 0;
        while (m < d && ++cell[m] == reference) cell[m++] = 0;
        if (m == d) return count;
    }
}

TEST(Pareto, HypervolumeIsTheCountOfCells) {
    std::mt19937_64 random(2);
    for (int trial = 0; trial < 150; ++trial) {
        const std::size_t columns = 1 + random() % 5;
        const Array2 errors = random_errors(random, random() % 14, columns, 9);  // some beyond the reference
        const std::vector<double> reference(columns, 7.0);
        EXPECT_NEAR(hypervolume(errors, reference), counted_volume(errors, 7), 1e-9) << trial;
    }
}

TEST(Pareto, HypervolumeOfKnownFronts) {
    // A staircase approaches the area under the line: 1/2 - 1/(2n) of n points.
    Array2 line(100, 2);
    for (std::size_t k = 0; k < 100; ++k) {
        line(k, 0) = static_cast<double>(k) / 100;
        line(k, 1) = 0.99 - static_cast<double>(k) / 100;
    }
    EXPECT_NEAR(hypervolume(line, std::vector{1.0, 1.0}), 0.5 + 0.005, 1e-12);
    Array2 failures = table({{0.5, 0.5}, {nan, 0}, {-infinity, 0}, {0.2, infinity}, {1.5, 0}});
    EXPECT_NEAR(hypervolume(failures, std::vector{1.0, 1.0}), 0.25, 1e-15);
    EXPECT_EQ(hypervolume(Array2(0, 3), std::vector{1.0, 1.0, 1.0}), 0);
    EXPECT_THROW((void)hypervolume(line, std::vector{1.0}), ConfigError);
}

TEST(Pareto, ArchiveKeepsTheFront) {
    std::mt19937_64 random(3);
    const Array2 errors = random_errors(random, 300, 3, 40);
    ParetoArchive archive;
    for (std::size_t r = 0; r < errors.rows; ++r) archive.add(r, std::vector{0.5, 0.25}, errors.row(r));
    std::vector<std::uint64_t> expected;
    const auto ranks = non_dominated_ranks(errors);
    for (std::size_t r = 0; r < errors.rows; ++r) {
        bool first = ranks[r] == 0;
        for (std::size_t q = 0; q < r; ++q) first = first && !std::ranges::equal(errors.row(q), errors.row(r));
        if (first) expected.push_back(r);
    }
    std::vector<std::uint64_t> found;
    for (const auto& entry : archive.entries()) found.push_back(entry.id);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(archive.errors().rows, expected.size());
    EXPECT_FALSE(archive.add(1000, std::vector{0.0, 0.0}, std::vector{nan, 0.0, 0.0}));
}

TEST(Pareto, FullArchiveKeepsItsEnds) {
    ParetoArchive archive(5);
    for (int k = 0; k <= 100; ++k) {
        const double x = 0.01 * ((37 * k) % 101);
        archive.add(static_cast<std::uint64_t>(k), std::vector{x}, std::vector{x, 1 - x});
    }
    EXPECT_EQ(archive.entries().size(), 5U);
    std::vector<double> kept;
    for (const auto& entry : archive.entries()) kept.push_back(entry.errors[0]);
    std::ranges::sort(kept);
    EXPECT_EQ(kept.front(), 0);
    EXPECT_NEAR(kept.back(), 1, 1e-12);
    for (std::size_t k = 0; k + 1 < kept.size(); ++k) EXPECT_LT(kept[k + 1] - kept[k], 0.6);
}

}  // namespace
}  // namespace spikesmith
