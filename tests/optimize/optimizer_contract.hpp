// What every optimiser promises (optimizer.hpp), as checks of one choice. methods_test.cpp runs them for every registered
// method and for variants with other options.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "optimize/test_functions.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith::test {

// The search that most checks make: 5 rounds of 12 points, or as many as it takes to leave the first phases of a method.
inline constexpr std::size_t contract_batch = 12;
inline constexpr std::size_t contract_rounds = 5;

inline std::unique_ptr<Optimizer> contract_search(const OptimizerChoice& choice, std::uint64_t seed = 3) {
    return choice({.dimension = 3, .batch = contract_batch, .rounds = 10, .seed = seed});
}

inline std::vector<double> contract_points(const OptimizerChoice& choice, const Function& function = rosenbrock,
                                           std::uint64_t seed = 3, std::size_t rounds = contract_rounds) {
    return points_of_rounds(*contract_search(choice, seed), function, contract_batch, rounds);
}

inline void expect_inside(std::span<const double> points) {
    EXPECT_TRUE(std::ranges::all_of(points, [](double u) { return u >= 0 && u <= 1; }));
}

// The seed decides the points, and nothing else.
inline void expect_repeats(const OptimizerChoice& choice) {
    const auto points = contract_points(choice);
    expect_inside(points);
    EXPECT_EQ(contract_points(choice), points);
    EXPECT_NE(contract_points(choice, rosenbrock, 4), points);
}

// Asked in parts, told in parts, the last points first, each part backwards.
inline void expect_parts_do_not_matter(const OptimizerChoice& choice) {
    const auto parts = contract_search(choice);
    std::vector<double> found;
    for (std::size_t round = 0; round < contract_rounds; ++round) {
        std::vector<Candidates> asked;
        for (const std::size_t n : {1, 4, 7}) {
            asked.push_back(parts->ask(n));
            const auto& values = asked.back().points.values;
            found.insert(found.end(), values.begin(), values.end());
        }
        for (const std::size_t k : {2, 0, 1}) {
            auto errors = errors_of(asked[k].points, rosenbrock);
            std::ranges::reverse(errors);
            std::ranges::reverse(asked[k].ids);
            parts->tell(asked[k].ids, errors);
        }
    }
    EXPECT_EQ(found, contract_points(choice));
}

// Errors in other units lead to the same points, to the last bit.
inline void expect_units_do_not_matter(const OptimizerChoice& choice, std::size_t rounds) {
    const auto points = contract_points(choice, rosenbrock, 3, rounds);
    for (const double factor : {1e-18, 1e-5, 1e7, 0x1p-60}) {
        const Function scaled = [&](std::span<const double> point) { return factor * rosenbrock(point); };
        EXPECT_EQ(contract_points(choice, scaled, 3, rounds), points) << "errors times " << factor;
    }
}

// Saved with open points, failures, foreign points and late answers.
inline void expect_saved_state_continues(const OptimizerChoice& choice) {
    const auto original = contract_search(choice);
    const Candidates late = original->ask(3);
    run_rounds(*original, failing(rosenbrock, 1), contract_batch, 4);
    original->tell(late.ids, errors_of(late.points, rosenbrock));
    original->tell_foreign(Array2(1, 3, 0.4), std::vector{3.5});
    const Candidates open = original->ask(9);
    original->tell(std::span(open.ids).first(4), std::vector(4, 12.5));
    const auto copy = contract_search(choice);
    copy->load_state(original->save_state());
    EXPECT_EQ(copy->save_state(), original->save_state());
    const auto errors = errors_of(open.points, rosenbrock);
    for (Optimizer* optimizer : {original.get(), copy.get()})
        optimizer->tell(std::span(open.ids).subspan(4), std::span(errors).subspan(4));
    EXPECT_EQ(points_of_rounds(*copy, sphere, contract_batch, 2),
              points_of_rounds(*original, sphere, contract_batch, 2));
    EXPECT_EQ(copy->recommend()->point, original->recommend()->point);
    EXPECT_THROW(contract_search(choice, 4)->load_state(original->save_state()), DataError);
}

// Answers that are lost or late, points from elsewhere.
inline void expect_goes_on_whatever_is_told(const OptimizerChoice& choice) {
    const auto optimizer = contract_search(choice);
    const Array2 known(1, 3, 0.3701);
    const double error = sphere(known.row(0));
    optimizer->tell_foreign(known, std::vector{error});
    EXPECT_EQ(optimizer->recommend()->point, std::vector(3, 0.3701));
    const Candidates late = optimizer->ask(contract_batch);
    for (int round = 0; round < 6; ++round) {
        const Candidates candidates = optimizer->ask(contract_batch);
        expect_inside(candidates.points.values);
        const auto errors = errors_of(candidates.points, sphere);
        optimizer->tell(std::span(candidates.ids).first(8), std::span(errors).first(8));
    }
    optimizer->tell(late.ids, errors_of(late.points, sphere));
    run_rounds(*optimizer, sphere, contract_batch, 1);
    EXPECT_LE(optimizer->recommend()->error, error);
    EXPECT_EQ(optimizer->open(), 24U);
    EXPECT_THROW(optimizer->tell_foreign(Array2(1, 3, 1.5), std::vector{1.0}), ConfigError);
}

// Nothing but failures, and nothing but one and the same error.
inline void expect_survives_without_information(const OptimizerChoice& choice) {
    const auto hopeless = contract_search(choice);
    const Function nan = [](std::span<const double>) { return std::numeric_limits<double>::quiet_NaN(); };
    expect_inside(points_of_rounds(*hopeless, nan, contract_batch, 4));
    EXPECT_FALSE(hopeless->recommend().has_value());
    run_rounds(*hopeless, sphere, contract_batch, 4);
    EXPECT_LT(hopeless->recommend()->error, sphere(std::vector(3, 0.9)));
    expect_inside(contract_points(choice, [](std::span<const double>) { return 1.0; }));
}

// Batches of any size, as planned or not. `distinct`: no point twice.
inline void expect_any_batch_works(const OptimizerChoice& choice, bool distinct = false) {
    for (const auto& [planned, batch, rounds] :
         {std::array<std::size_t, 3>{1, 1, 30}, {7, 7, 4}, {30, 30, 4}, {0, 12, 4}, {50, 13, 4}, {400, 400, 2}}) {
        const auto optimizer = choice({.dimension = 2, .batch = planned, .seed = 1});
        const auto points = points_of_rounds(*optimizer, sphere, batch, rounds);
        expect_inside(points);
        if (!distinct) continue;
        std::vector<std::pair<double, double>> pairs;
        for (std::size_t k = 0; k < points.size(); k += 2) pairs.emplace_back(points[k], points[k + 1]);
        std::ranges::sort(pairs);
        EXPECT_EQ(std::ranges::adjacent_find(pairs), pairs.end()) << "batches of " << batch;
    }
}

// A fifth of the errors is NaN or infinite: the median result is within a factor of ten of that with as many errors that
// are neither. Below `solved` all results are the same.
inline void expect_failures_cost_little(const OptimizerChoice& choice, std::size_t rounds, std::uint64_t seeds) {
    constexpr double solved = 1e-10;
    std::vector<double> clean;
    std::vector<double> hurt;
    for (std::uint64_t seed = 0; seed < seeds; ++seed) {
        const SearchSetting setting{.dimension = 3, .batch = 10, .rounds = rounds, .seed = seed};
        const auto a = choice(setting);
        const auto b = choice(setting);
        run_rounds(*a, sphere, setting.batch, rounds * 4 / 5);
        run_rounds(*b, failing(sphere, seed), setting.batch, rounds);
        clean.push_back(std::max(a->recommend()->error, solved));
        hurt.push_back(std::max(b->recommend()->error, solved));
    }
    std::ranges::sort(clean);
    std::ranges::sort(hurt);
    EXPECT_LT(hurt[seeds / 2], 10 * clean[seeds / 2]);
}

// All of it, for a choice that is not registered.
inline void expect_contract(const OptimizerChoice& choice) {
    expect_repeats(choice);
    expect_parts_do_not_matter(choice);
    expect_units_do_not_matter(choice, contract_rounds);
    expect_saved_state_continues(choice);
    expect_goes_on_whatever_is_told(choice);
    expect_survives_without_information(choice);
    expect_any_batch_works(choice);
}

}  // namespace spikesmith::test
