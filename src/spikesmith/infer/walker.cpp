#include "spikesmith/infer/walker.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>

#include <tbb/parallel_for.h>

namespace spikesmith {

bool Walker::done() const {
    if (handle_.promise().exception) std::rethrow_exception(handle_.promise().exception);
    return handle_.done();
}

void Walker::resume(Evaluation evaluation) {
    handle_.promise().evaluation = std::move(evaluation);
    handle_.resume();
}

namespace {

std::size_t walk_block(std::size_t first, std::size_t last, const std::function<Walker(std::size_t)>& make,
                       const LogDensity& density, bool gradients) {
    std::vector<Walker> walkers;
    for (std::size_t i = first; i < last; ++i) walkers.push_back(make(i));
    std::vector<std::size_t> waiting(walkers.size());
    std::iota(waiting.begin(), waiting.end(), 0);
    std::size_t evaluations = 0;
    Array2 points;
    Array2 slopes;
    std::vector<double> values;
    for (;;) {
        std::erase_if(waiting, [&](std::size_t i) { return walkers[i].done(); });
        if (waiting.empty()) return evaluations;
        const std::size_t dimension = walkers[waiting.front()].point().size();
        points.rows = waiting.size();
        points.columns = dimension;
        points.values.resize(points.rows * dimension);
        for (std::size_t k = 0; k < waiting.size(); ++k)
            std::ranges::copy(walkers[waiting[k]].point(), points.row(k).begin());
        values.assign(points.rows, 0);
        if (gradients) slopes = Array2(points.rows, dimension);
        density(points, values, gradients ? &slopes : nullptr);
        evaluations += points.rows;
        for (std::size_t k = 0; k < waiting.size(); ++k) {
            Evaluation evaluation{std::isnan(values[k]) ? -std::numeric_limits<double>::infinity() : values[k], {}};
            if (gradients) evaluation.gradient.assign(slopes.row(k).begin(), slopes.row(k).end());
            walkers[waiting[k]].resume(std::move(evaluation));
        }
    }
}

}  // namespace

std::size_t walk_together(std::size_t n, const std::function<Walker(std::size_t)>& make, const LogDensity& density,
                          bool gradients, std::size_t block) {
    std::atomic<std::size_t> evaluations = 0;
    const std::size_t blocks = (n + block - 1) / block;
    tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t b) {
        evaluations += walk_block(b * block, std::min(n, (b + 1) * block), make, density, gradients);
    });
    return evaluations;
}

}  // namespace spikesmith
