#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "spikesmith/infer/chain_steps.hpp"
#include "spikesmith/infer/shuffle.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {

namespace {

constexpr int most_steps_out = 100;  // of the bracket, a guard against densities that never fall
constexpr int most_shrinks = 200;

}  // namespace

Walker slice_chain(ChainTask task) {
    math::RandomStream random(task.seed, task.purpose);
    std::vector<double> point(task.point.begin(), task.point.end());
    std::vector<std::size_t> order(point.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    double height = (co_await at(point)).value;
    std::size_t kept = 0;
    for (std::size_t step = 0; step < task.steps; ++step) {
        shuffle(std::span(order), random);
        for (const std::size_t d : order) {
            const double here = point[d];
            const double level = height + std::log1p(-random.next_uniform());
            double& width = task.tuning->widths[d];
            double low = here - width * random.next_uniform();
            double high = low + width;
            for (int k = 0; k < most_steps_out; ++k) {
                point[d] = low;
                if ((co_await at(point)).value < level) break;
                low -= width;
            }
            for (int k = 0; k < most_steps_out; ++k) {
                point[d] = high;
                if ((co_await at(point)).value < level) break;
                high += width;
            }
            if (task.adapt) {
                const auto weight = 1 / static_cast<double>(step + 2);
                width += ((high - low) - width) * weight;
            }
            for (int k = 0;; ++k) {
                if (k == most_shrinks) {  // rounding: stay
                    point[d] = here;
                    break;
                }
                point[d] = low + (high - low) * random.next_uniform();
                const double value = (co_await at(point)).value;
                if (value >= level) {
                    height = value;
                    break;
                }
                (point[d] < here ? low : high) = point[d];
            }
        }
        if (!task.kept.empty() && (step + 1) % task.thin == 0)
            std::ranges::copy(point, task.kept.begin() + static_cast<std::ptrdiff_t>(kept++ * point.size()));
        task.watch->add(1);
    }
    std::ranges::copy(point, task.point.begin());
}

}  // namespace spikesmith
