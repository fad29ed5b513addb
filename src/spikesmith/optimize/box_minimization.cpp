#include "spikesmith/optimize/box_minimization.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

namespace spikesmith {

namespace {

struct Pair {
    std::vector<double> step;
    std::vector<double> change;  // of the gradient
};

double dot(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// All in the box scaled to the unit cube.
class Minimization {
  public:
    Minimization(const DifferentiableFunction& function, std::span<const double> low, std::span<const double> high,
                 const BoxMinimizationOptions& options)
        : function_(function), low_(low), high_(high), options_(options), mapped_(low.size()) {}

    BoxMinimum run(std::span<const double> start) {
        std::vector<double> point(low_.size());
        for (std::size_t j = 0; j < point.size(); ++j) {
            const double width = high_[j] - low_[j];
            point[j] = width > 0 ? std::clamp((start[j] - low_[j]) / width, 0.0, 1.0) : 0.0;
        }
        std::vector<double> gradient(point.size());
        double value = evaluate(point, gradient);
        if (std::isfinite(value)) descend(point, value, gradient);
        map(point);
        return {mapped_, value, evaluations_};
    }

  private:
    void map(std::span<const double> point) {
        for (std::size_t j = 0; j < point.size(); ++j) {
            mapped_[j] = std::clamp(low_[j] + point[j] * (high_[j] - low_[j]), low_[j], high_[j]);
        }
    }

    double evaluate(std::span<const double> point, std::span<double> gradient) {
        ++evaluations_;
        map(point);
        const double value = function_(mapped_, gradient);
        for (std::size_t j = 0; j < point.size(); ++j) gradient[j] *= high_[j] - low_[j];
        if (!std::isfinite(value) || !std::ranges::all_of(gradient, [](double g) { return std::isfinite(g); })) {
            return std::numeric_limits<double>::infinity();
        }
        return value;
    }

    void descend(std::vector<double>& point, double& value, std::vector<double>& gradient) {
        std::vector<double> next(point.size());
        std::vector<double> next_gradient(point.size());
        while (evaluations_ < options_.evaluations) {
            const std::vector<char> free = free_coordinates(point, gradient);
            double largest = 0;
            for (std::size_t j = 0; j < point.size(); ++j) {
                if (free[j] != 0) largest = std::max(largest, std::fabs(gradient[j]));
            }
            if (largest <= options_.gradient_tolerance) return;
            std::vector<double> direction = quasi_newton_direction(gradient, free);
            if (dot(direction, gradient) >= 0) {
                pairs_.clear();
                direction = quasi_newton_direction(gradient, free);
            }
            double length = 1;
            if (pairs_.empty()) {
                double longest = 0;
                for (const double d : direction) longest = std::max(longest, std::fabs(d));
                length = std::min(1.0, options_.first_step / longest);
            }
            double next_value = value;
            bool lower = false;
            while (evaluations_ < options_.evaluations) {
                double slope = 0;
                for (std::size_t j = 0; j < point.size(); ++j) {
                    next[j] = std::clamp(point[j] + length * direction[j], 0.0, 1.0);
                    slope += gradient[j] * (next[j] - point[j]);
                }
                next_value = evaluate(next, next_gradient);
                lower = next_value <= value + 1e-4 * slope && next_value < value;
                if (lower) break;
                // the minimum of the parabola through the value, the slope and the new value
                const double curvature = next_value - value - slope;
                const double factor = std::isfinite(next_value) && curvature > 0 ? -slope / (2 * curvature) : 0.1;
                length *= std::clamp(factor, 0.1, 0.5);
                if (length < 1e-12) break;
            }
            if (!lower) {
                if (pairs_.empty()) return;
                pairs_.clear();  // once more along the gradient
                continue;
            }
            remember(point, gradient, next, next_gradient);
            const double gain = value - next_value;
            point.swap(next);
            gradient.swap(next_gradient);
            value = next_value;
            if (gain <= options_.value_tolerance * (1 + std::fabs(value))) return;
        }
    }

    // Coordinates that are not pressed against a bound.
    static std::vector<char> free_coordinates(std::span<const double> point, std::span<const double> gradient) {
        std::vector<char> free(point.size(), 1);
        for (std::size_t j = 0; j < point.size(); ++j) {
            if ((point[j] <= 0 && gradient[j] > 0) || (point[j] >= 1 && gradient[j] < 0)) free[j] = 0;
        }
        return free;
    }

    [[nodiscard]] std::vector<double> quasi_newton_direction(std::span<const double> gradient,
                                                             std::span<const char> free) const {
        std::vector<double> direction(gradient.size());
        for (std::size_t j = 0; j < direction.size(); ++j) direction[j] = free[j] != 0 ? -gradient[j] : 0;
        std::vector<double> weight(pairs_.size());
        for (std::size_t k = pairs_.size(); k-- > 0;) {
            weight[k] = dot(pairs_[k].step, direction) / dot(pairs_[k].step, pairs_[k].change);
            for (std::size_t j = 0; j < direction.size(); ++j) direction[j] -= weight[k] * pairs_[k].change[j];
        }
        if (!pairs_.empty()) {
            const Pair& last = pairs_.back();
            const double scale = dot(last.step, last.change) / dot(last.change, last.change);
            for (double& d : direction) d *= scale;
        }
        for (std::size_t k = 0; k < pairs_.size(); ++k) {
            const double back = dot(pairs_[k].change, direction) / dot(pairs_[k].step, pairs_[k].change);
            for (std::size_t j = 0; j < direction.size(); ++j) direction[j] += (weight[k] - back) * pairs_[k].step[j];
        }
        for (std::size_t j = 0; j < direction.size(); ++j) {
            if (free[j] == 0) direction[j] = 0;
        }
        return direction;
    }

    void remember(std::span<const double> point, std::span<const double> gradient, std::span<const double> next,
                  std::span<const double> next_gradient) {
        Pair pair{std::vector<double>(point.size()), std::vector<double>(point.size())};
        for (std::size_t j = 0; j < point.size(); ++j) {
            pair.step[j] = next[j] - point[j];
            pair.change[j] = next_gradient[j] - gradient[j];
        }
        if (dot(pair.step, pair.change) <= 1e-12 * dot(pair.step, pair.step)) return;  // not convex along the step
        pairs_.push_back(std::move(pair));
        if (pairs_.size() > options_.memory) pairs_.pop_front();
    }

    const DifferentiableFunction& function_;
    std::span<const double> low_;
    std::span<const double> high_;
    const BoxMinimizationOptions& options_;
    std::vector<double> mapped_;
    std::deque<Pair> pairs_;
    std::size_t evaluations_ = 0;
};

}  // namespace

BoxMinimum minimize_smooth_in_box(const DifferentiableFunction& function, std::span<const double> start,
                                  std::span<const double> low, std::span<const double> high,
                                  const BoxMinimizationOptions& options) {
    return Minimization(function, low, high, options).run(start);
}

}  // namespace spikesmith
