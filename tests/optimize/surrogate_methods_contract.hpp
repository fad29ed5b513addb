// What bayesian_test.cpp and tpe_test.cpp both ask of their methods.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "optimize/test_functions.hpp"
#include <gtest/gtest.h>

#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith::test {

// All points of some rounds.
inline std::vector<double> points_of_rounds(Optimizer& optimizer, const Function& function, std::size_t batch,
                                            std::size_t rounds) {
    std::vector<double> points;
    for (std::size_t round = 0; round < rounds; ++round) {
        const Candidates candidates = optimizer.ask(batch);
        points.insert(points.end(), candidates.points.values.begin(), candidates.points.values.end());
        optimizer.tell(candidates.ids, errors_of(candidates.points, function));
    }
    return points;
}

// The median of the best errors of some seeds.
inline double median_of_seeds(const OptimizerChoice& choice, const Function& function, std::size_t dimension,
                              std::size_t batch, std::size_t rounds, std::size_t seeds = 5) {
    std::vector<double> best;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const auto optimizer = choice({.dimension = dimension, .batch = batch, .rounds = rounds, .seed = seed});
        run_rounds(*optimizer, function, batch, rounds);
        best.push_back(optimizer->recommend()->error);
    }
    std::ranges::nth_element(best, best.begin() + static_cast<std::ptrdiff_t>(seeds / 2));
    return best[seeds / 2];
}

// Every fifth error at random is NaN or infinite.
inline Function failing(Function function, std::uint64_t seed) {
    return
        [function = std::move(function), random = math::RandomStream(seed, 99)](std::span<const double> point) mutable {
            const double u = random.next_uniform();
            if (u < 0.1) return std::numeric_limits<double>::quiet_NaN();
            return u < 0.2 ? std::numeric_limits<double>::infinity() : function(point);
        };
}

// Seeds, splits, orders, scales, saved states, lost and foreign answers, batches of any size.
inline void expect_contract(const OptimizerChoice& choice) {
    const auto make = [&](std::uint64_t seed = 3) {
        return choice({.dimension = 3, .batch = 12, .rounds = 10, .seed = seed});
    };
    const auto expected = points_of_rounds(*make(), rosenbrock, 12, 5);
    EXPECT_TRUE(std::ranges::all_of(expected, [](double u) { return u >= 0 && u <= 1; }));
    EXPECT_EQ(points_of_rounds(*make(), rosenbrock, 12, 5), expected);
    EXPECT_NE(points_of_rounds(*make(4), rosenbrock, 12, 5), expected);

    for (const double factor : {std::ldexp(1.0, -60), 1e-18, 1e200}) {
        const Function scaled = [&](std::span<const double> point) { return factor * rosenbrock(point); };
        EXPECT_EQ(points_of_rounds(*make(), scaled, 12, 5), expected) << "scaled by " << factor;
    }
    {  // asked in parts and told in parts, the last points first
        const auto parts = make();
        std::vector<double> found;
        for (std::size_t round = 0; round < 5; ++round) {
            std::vector<Candidates> asked;
            for (const std::size_t n : {1, 4, 7}) {
                asked.push_back(parts->ask(n));
                found.insert(found.end(), asked.back().points.values.begin(), asked.back().points.values.end());
            }
            for (const std::size_t k : {2, 0, 1}) {
                parts->tell(asked[k].ids, errors_of(asked[k].points, rosenbrock));
            }
        }
        EXPECT_EQ(found, expected) << "in parts";
    }
    {  // saved with open points and failures
        const auto original = make();
        run_rounds(*original, failing(rosenbrock, 1), 12, 4);
        const Candidates open = original->ask(9);
        original->tell(std::span(open.ids).first(4), std::vector(4, 12.5));
        const auto copy = make();
        copy->load_state(original->save_state());
        EXPECT_EQ(points_of_rounds(*copy, sphere, 12, 2), points_of_rounds(*original, sphere, 12, 2));
        EXPECT_EQ(copy->save_state(), original->save_state());
    }
    {  // foreign points, lost answers, nothing but failures
        const auto optimizer = make();
        const Array2 known(1, 3, 0.3701);
        optimizer->tell_foreign(known, std::vector{sphere(known.row(0))});
        for (int round = 0; round < 6; ++round) {
            const Candidates candidates = optimizer->ask(12);
            const auto errors = errors_of(candidates.points, sphere);
            optimizer->tell(std::span(candidates.ids).first(8), std::span(errors).first(8));
        }
        EXPECT_LE(optimizer->recommend()->error, sphere(known.row(0)));
        const auto hopeless = make();
        const Function nan = [](std::span<const double>) { return std::numeric_limits<double>::quiet_NaN(); };
        run_rounds(*hopeless, nan, 12, 4);
        EXPECT_FALSE(hopeless->recommend().has_value());
        run_rounds(*hopeless, sphere, 12, 4);
        EXPECT_TRUE(hopeless->recommend().has_value());
        run_rounds(
            *make(), [](std::span<const double>) { return 1.0; }, 12, 4);
    }
    for (const std::size_t batch : {1, 7, 30, 1000}) {
        const auto optimizer = choice({.dimension = 2, .batch = batch, .seed = 1});
        const std::size_t rounds = batch == 1 ? 30 : batch == 1000 ? 2 : 4;
        auto points = points_of_rounds(*optimizer, sphere, batch, rounds);
        EXPECT_TRUE(std::ranges::all_of(points, [](double u) { return u >= 0 && u <= 1; }));
        // no point twice
        std::vector<std::pair<double, double>> pairs;
        for (std::size_t k = 0; k < points.size(); k += 2) pairs.emplace_back(points[k], points[k + 1]);
        std::ranges::sort(pairs);
        EXPECT_EQ(std::ranges::adjacent_find(pairs), pairs.end()) << "batches of " << batch;
    }
}

}  // namespace spikesmith::test
