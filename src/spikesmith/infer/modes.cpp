#include "spikesmith/infer/modes.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>

namespace spikesmith {

namespace {

constexpr double enough_ascent = 1e-4;  // Armijo's constant
constexpr double flat = 1e-4;         // norm of the gradient at which a search ends; values are single precision inside
constexpr double longest_step = 1.0;  // in coordinates in which the prior is standard normal
constexpr double least_rise = 1e-7;

struct Climb {
    std::vector<double> point;
    double value = 0;
};

double dot(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t d = 0; d < a.size(); ++d) sum += a[d] * b[d];
    return sum;
}

// The inverse Hessian of the negative density, as a plain matrix.
class InverseHessian {
  public:
    explicit InverseHessian(std::size_t n) : n_(n) { reset(); }
    void reset() {
        matrix_.assign(n_ * n_, 0.0);
        for (std::size_t i = 0; i < n_; ++i) matrix_[i * n_ + i] = 1;
    }
    [[nodiscard]] std::vector<double> times(std::span<const double> v) const {
        std::vector<double> result(n_);
        for (std::size_t i = 0; i < n_; ++i) result[i] = dot(std::span(matrix_).subspan(i * n_, n_), v);
        return result;
    }
    // `step` changed the gradient of the negative density by `change`.
    void learn(std::span<const double> step, std::span<const double> change, bool first) {
        const double curvature = dot(step, change);
        if (!(curvature > 1e-10 * std::sqrt(dot(step, step) * dot(change, change)))) return;
        if (first) {
            for (double& value : matrix_) value *= curvature / dot(change, change);
        }
        const std::vector<double> along = times(change);
        const double factor = (1 + dot(change, along) / curvature) / curvature;
        for (std::size_t i = 0; i < n_; ++i) {
            for (std::size_t j = 0; j < n_; ++j)
                matrix_[i * n_ + j] +=
                    factor * step[i] * step[j] - (along[i] * step[j] + step[i] * along[j]) / curvature;
        }
    }

  private:
    std::size_t n_;
    std::vector<double> matrix_;
};

Walker climb(Climb& result, std::size_t max_steps, double limit, SamplingWatch& watch) {
    std::vector<double> point = result.point;
    const std::size_t n = point.size();
    Evaluation here = co_await at(point);
    InverseHessian inverse(n);
    bool learned = false;
    for (std::size_t step = 0; step < max_steps && std::isfinite(here.value); ++step) {
        watch.add(0);
        // at the limit only what leads inside counts
        std::vector<double> slope = here.gradient;
        for (std::size_t d = 0; d < n; ++d) {
            if ((point[d] >= limit && slope[d] > 0) || (point[d] <= -limit && slope[d] < 0)) slope[d] = 0;
        }
        if (!(std::sqrt(dot(slope, slope)) > flat)) break;
        std::vector<double> direction = inverse.times(slope);
        if (!(dot(direction, slope) > 0)) {
            inverse.reset();
            direction = slope;
        }
        const double length = std::sqrt(dot(direction, direction));
        double scale = length > longest_step ? longest_step / length : 1;
        const double rise = dot(direction, slope);
        std::vector<double> next(n);
        Evaluation there;
        bool found = false;
        for (int attempt = 0; attempt < 30 && !found; ++attempt) {
            for (std::size_t d = 0; d < n; ++d) next[d] = std::clamp(point[d] + scale * direction[d], -limit, limit);
            there = co_await at(next);
            found = there.value >= here.value + enough_ascent * scale * rise;
            scale *= 0.5;
        }
        if (!found) {
            if (!learned) break;
            inverse.reset();  // once more along the gradient
            learned = false;
            continue;
        }
        std::vector<double> moved(n);
        std::vector<double> change(n);
        for (std::size_t d = 0; d < n; ++d) {
            moved[d] = next[d] - point[d];
            change[d] = here.gradient[d] - there.gradient[d];
        }
        inverse.learn(moved, change, !learned);
        learned = true;
        const bool small = there.value - here.value < least_rise * (1 + std::abs(here.value));
        point = next;
        here = there;
        if (small) break;
    }
    result = {point, here.value};
    watch.add(1);
}

}  // namespace

std::vector<Maximum> find_maxima(const LogDensity& density, const Array2& starts, std::size_t max_steps,
                                 double distance, double limit, std::size_t& evaluations,
                                 const SamplingControl& control) {
    SamplingWatch watch(control, starts.rows);
    std::vector<Climb> climbs(starts.rows);
    for (std::size_t i = 0; i < starts.rows; ++i) climbs[i].point.assign(starts.row(i).begin(), starts.row(i).end());
    evaluations += walk_together(
        starts.rows, [&](std::size_t i) { return climb(climbs[i], max_steps, limit, watch); }, density, true);
    std::ranges::sort(climbs, std::greater(), &Climb::value);
    std::vector<Maximum> maxima;
    for (const Climb& end : climbs) {
        if (!std::isfinite(end.value)) continue;
        const auto same = std::ranges::find_if(maxima, [&](const Maximum& maximum) {
            double sum = 0;
            for (std::size_t d = 0; d < end.point.size(); ++d) sum += std::pow(end.point[d] - maximum.point[d], 2);
            return std::sqrt(sum) < distance;
        });
        if (same != maxima.end()) {
            ++same->starts;
        } else {
            maxima.push_back({end.point, end.value, 1});
        }
    }
    return maxima;
}

}  // namespace spikesmith
