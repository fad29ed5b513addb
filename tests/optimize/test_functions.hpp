// Functions with known minima on the unit cube, and the loops that minimise them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <vector>

#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith::test {

using Function = std::function<double(std::span<const double>)>;

// Minimum 0 at u = 0.37 in every coordinate; the box is [-5, 5] shifted there.
inline double shifted(double u) {
    return 10 * (u - 0.37);
}

inline double sphere(std::span<const double> point) {
    double sum = 0;
    for (const double u : point) sum += shifted(u) * shifted(u);
    return sum;
}

inline double rosenbrock(std::span<const double> point) {
    double sum = 0;
    for (std::size_t j = 0; j + 1 < point.size(); ++j) {
        const double a = shifted(point[j]) + 1;
        const double b = shifted(point[j + 1]) + 1;
        sum += 100 * (b - a * a) * (b - a * a) + (1 - a) * (1 - a);
    }
    return sum;
}

inline double rastrigin(std::span<const double> point) {
    double sum = 0;
    for (const double u : point)
        sum += shifted(u) * shifted(u) + 10 * (1 - std::cos(2 * std::numbers::pi * shifted(u)));
    return sum;
}

inline std::vector<double> errors_of(const Array2& points, const Function& function) {
    std::vector<double> errors;
    for (std::size_t r = 0; r < points.rows; ++r) errors.push_back(function(points.row(r)));
    return errors;
}

inline void run_rounds(Optimizer& optimizer, const Function& function, std::size_t batch, std::size_t rounds) {
    for (std::size_t round = 0; round < rounds; ++round) {
        const Candidates candidates = optimizer.ask(batch);
        optimizer.tell(candidates.ids, errors_of(candidates.points, function));
    }
}

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

// Runs with `workers` that ask for one point each and answer when as many others have been asked. The best error.
inline double best_of_late_workers(Optimizer& optimizer, const Function& function, std::size_t workers,
                                   std::size_t evaluations) {
    std::deque<Candidates> waiting;
    for (std::size_t asked = 0; asked < evaluations; ++asked) {
        waiting.push_back(optimizer.ask(1));
        if (waiting.size() <= workers) continue;
        optimizer.tell(waiting.front().ids, errors_of(waiting.front().points, function));
        waiting.pop_front();
    }
    return optimizer.recommend()->error;
}

// Runs with batches of which only the first `told` answers come. The best error.
inline double best_of_lossy_rounds(Optimizer& optimizer, const Function& function, std::size_t batch, std::size_t told,
                                   std::size_t rounds) {
    for (std::size_t round = 0; round < rounds; ++round) {
        const Candidates candidates = optimizer.ask(batch);
        const auto errors = errors_of(candidates.points, function);
        optimizer.tell(std::span(candidates.ids).first(told), std::span(errors).first(told));
    }
    return optimizer.recommend()->error;
}

}  // namespace spikesmith::test
