// Functions with known minima on the unit cube, and the loop that minimises them.
#pragma once

#include <cmath>
#include <cstddef>
#include <functional>
#include <numbers>
#include <span>
#include <vector>

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

}  // namespace spikesmith::test
