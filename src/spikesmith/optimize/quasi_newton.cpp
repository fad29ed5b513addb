#include "spikesmith/optimize/quasi_newton.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/quasi_newton_model.hpp"

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double narrowest = 0x1p-50;                        // difference
constexpr double noise_share = 32 * ErrorScale::resolution;  // a difference changes the error by at least this share
constexpr double one_sided_share = 1e-3;                     // of the width that two-sided differences have
constexpr double one_sided_below = 0.1;                      // of the first width
constexpr std::size_t patience = 3;                          // steps of small gain
constexpr std::size_t barren_lines = 2;                      // in a row, after which the model is made anew
constexpr int attempts = 3;                                  // at differences that failed
constexpr double closer = 0.7;                               // ... with this share of their width
constexpr std::size_t most_spares = 3;                       // at once
constexpr double substitute_length = 0.99;                   // of the step, where a full one failed
constexpr std::array<double, 8> step_lengths{0.25, 0.5, 2.0, 1.0 / 16, 0.7, 1.0 / 64, 1.4, 4.0};

// Two points per coordinate beside a centre, or one, and what their errors tell. Where evaluations fail there are further
// ones closer to the centre: a pair at one distance tells more than one side, or than two of different distances.
class Differences {
  public:
    // `model`: the matrix known so far, if any; its curvature corrects slopes of which one side is known.
    Differences(VectorXd centre, const VectorXd& width, const MatrixXd& model, bool one_sided = false)
        : centre_(std::move(centre)),
          model_curvature_(model.size() == 0 ? VectorXd::Zero(centre_.size()) : VectorXd(model.diagonal())),
          sides_(one_sided ? 1 : 2),
          offset_{width, -width} {
        const Index d = centre_.size();
        for (Index j = 0; j < d; ++j) {
            // Where a bound is near, both points lie on the other side.
            if (centre_(j) + offset_[0](j) > 1) offset_[0](j) = 2 * offset_[1](j);
            if (centre_(j) + offset_[1](j) < 0) offset_[1](j) = 2 * offset_[0](j);
            for (VectorXd& offset : offset_) offset(j) = inside(j, offset(j));
        }
        gradient = VectorXd::Zero(d);
        curvature = VectorXd::Constant(d, -1);
    }

    // `fails`: evaluations do, so there is a second distance, needed if all fits into a batch.
    void need(Request& request, bool fails, std::size_t batch) {
        const std::size_t all = request.needed.rows + 2 * sides_ * static_cast<std::size_t>(centre_.size());
        spares_ = !fails ? Spares::none : all <= batch ? Spares::needed : Spares::wished;
        row_ = request.needed.rows;
        levels_.assign(fails ? 2 : 1, untried());
        for (Index j = 0; j < centre_.size(); ++j) {
            for (std::size_t side = 0; side < sides_; ++side) {
                request.need(as_span(beside(j, offset(0, side, j))));
                const VectorXd spare = beside(j, offset(1, side, j));
                if (spares_ == Spares::needed) request.need(as_span(spare));
                if (spares_ == Spares::wished) request.wish(as_span(spare));
            }
        }
    }
    // `f`: the error of the centre.
    void read(const Answers& answers, double f) {
        error_ = f;
        std::size_t row = row_;
        std::size_t spare_row = 0;
        for (Index j = 0; j < centre_.size(); ++j) {
            for (std::size_t side = 0; side < sides_; ++side) {
                levels_[0][side](j) = answers.needed[row++];
                if (spares_ == Spares::needed) levels_[1][side](j) = answers.needed[row++];
                if (spares_ == Spares::wished) levels_[1][side](j) = answers.optional[spare_row++];
            }
            evaluate_coordinate(j);
        }
    }

    // Coordinates without two points are tried again closer, at several distances at once if that does not fill a batch.
    [[nodiscard]] bool incomplete() const { return !missing().empty(); }
    void need_missing(Request& request, std::size_t batch) {
        again_ = missing();
        new_levels_ = std::clamp<std::size_t>(batch / (again_.size() * sides_), 1, most_spares);
        levels_.resize(levels_.size() + new_levels_, untried());
        for (const Index j : again_) {
            for (std::size_t level = levels_.size() - new_levels_; level < levels_.size(); ++level) {
                for (std::size_t side = 0; side < sides_; ++side)
                    request.need(as_span(beside(j, offset(level, side, j))));
            }
        }
    }
    void read_missing(const Answers& answers) {
        std::size_t row = 0;
        for (const Index j : again_) {
            for (std::size_t level = levels_.size() - new_levels_; level < levels_.size(); ++level) {
                for (std::size_t side = 0; side < sides_; ++side) levels_[level][side](j) = answers.needed[row++];
            }
            evaluate_coordinate(j);
        }
    }

    [[nodiscard]] VectorXd best_point() const { return beside(best_coordinate_, best_offset_); }
    [[nodiscard]] const VectorXd& centre() const { return centre_; }

    VectorXd gradient;
    VectorXd curvature;  // second derivatives; -1 where unknown
    double best_error = infinity;

  private:
    enum class Spares : std::uint8_t { none, wished, needed };
    using Level = std::array<VectorXd, 2>;  // errors of both sides at one distance

    [[nodiscard]] Level untried() const {
        const VectorXd none = VectorXd::Constant(centre_.size(), infinity);
        return {none, none};
    }
    [[nodiscard]] double inside(Index j, double offset) const {
        return std::clamp(centre_(j) + offset, 0.0, 1.0) - centre_(j);
    }
    [[nodiscard]] VectorXd beside(Index j, double offset) const {
        VectorXd x = centre_;
        x(j) += offset;
        return x;
    }
    [[nodiscard]] double offset(std::size_t level, std::size_t side, Index j) const {
        double share = 1;
        for (std::size_t k = 0; k < level; ++k) share *= closer;
        return level == 0 ? offset_[side](j) : beside(j, share * offset_[side](j))(j) - centre_(j);
    }
    struct Neighbour {
        double offset = 0;
        double error = 0;
    };

    // What tells most of a coordinate: a pair, else both sides, else one side twice.
    [[nodiscard]] std::vector<Neighbour> neighbours(Index j) const {
        std::vector<Neighbour> found;
        std::vector<std::size_t> sides;
        for (std::size_t level = 0; level < levels_.size(); ++level) {
            std::vector<Neighbour> pair;
            for (std::size_t side = 0; side < sides_; ++side) {
                const double error = levels_[level][side](j);
                if (!std::isfinite(error)) continue;
                pair.push_back({offset(level, side, j), error});
                sides.push_back(side);
            }
            if (pair.size() == sides_) return pair;
            found.insert(found.end(), pair.begin(), pair.end());
        }
        const auto other = std::ranges::adjacent_find(sides, std::ranges::not_equal_to()) - sides.begin() + 1;
        if (other < std::ssize(found)) std::swap(found[1], found[static_cast<std::size_t>(other)]);
        if (found.size() > sides_) found.resize(sides_);
        return found;
    }
    [[nodiscard]] std::vector<Index> missing() const {
        std::vector<Index> result;
        for (Index j = 0; j < centre_.size(); ++j) {
            if (neighbours(j).size() < sides_) result.push_back(j);
        }
        return result;
    }

    void evaluate_coordinate(Index j) {
        for (std::size_t level = 0; level < levels_.size(); ++level) {
            for (std::size_t side = 0; side < sides_; ++side) {
                const double error = levels_[level][side](j);
                if (!(error < best_error)) continue;
                best_error = error;
                best_coordinate_ = j;
                best_offset_ = offset(level, side, j);
            }
        }
        if (!std::isfinite(error_)) return;
        const std::vector<Neighbour> near = neighbours(j);
        if (near.empty()) return;
        const double a = near.front().offset;
        const double b = near.back().offset;
        const double slope_a = (near.front().error - error_) / a;
        const double slope_b = (near.back().error - error_) / b;
        if (a != b && std::isfinite(slope_a) && std::isfinite(slope_b)) {
            gradient(j) = (slope_a * b - slope_b * a) / (b - a);
            curvature(j) = 2 * (slope_b - slope_a) / (b - a);
        } else if (std::isfinite(slope_a)) {
            gradient(j) = slope_a - model_curvature_(j) * a / 2;
        } else if (std::isfinite(slope_b)) {
            gradient(j) = slope_b - model_curvature_(j) * b / 2;
        }
    }

    VectorXd centre_;
    VectorXd model_curvature_;
    std::size_t sides_;
    std::array<VectorXd, 2> offset_;
    std::vector<Level> levels_;
    double error_ = infinity;  // of the centre
    std::size_t row_ = 0;
    Spares spares_ = Spares::none;
    std::vector<Index> again_;  // coordinates that are tried again
    std::size_t new_levels_ = 0;
    Index best_coordinate_ = 0;
    double best_offset_ = 0;
};

// A diagonal matrix from second derivatives; those that are not positive take the place of the largest.
MatrixXd diagonal_model(const Differences& at, double width) {
    const double largest = std::max(at.curvature.maxCoeff(), at.gradient.cwiseAbs().maxCoeff() / (4 * width));
    VectorXd diagonal = at.curvature;
    for (double& c : diagonal) {
        if (!(c > 1e-12 * largest)) c = largest;
        if (!(c > 0)) c = std::numeric_limits<double>::min();
    }
    return diagonal.asDiagonal();
}

// The error after a full step, by a parabola through the error and slope at its start and the error at the substitute.
double extrapolated(double start, double slope, double near_end) {
    const double curvature = (near_end - start - slope * substitute_length) / (substitute_length * substitute_length);
    return start + slope + curvature;
}

}  // namespace

Search quasi_newton_search(SearchStart start, QuasiNewtonOptions options) {
    const auto d = static_cast<Index>(start.point.size());
    VectorXd x = Eigen::Map<const VectorXd>(start.point.data(), d);
    double f = start.error.value_or(infinity);
    double width = options.first_difference;
    MatrixXd model;
    std::size_t small_gains = 0;

    // Line points and two-sided differences do not fit into a batch.
    const bool crowded = 2 * start.point.size() + 1 + step_lengths.size() > start.batch;
    const std::size_t n_lengths = std::clamp<std::size_t>(
        start.batch > start.point.size() ? start.batch - start.point.size() - 1 : 0, 2, step_lengths.size());

    // Where evaluations fail: whether the line, a substitute for the full step, and two distances of differences do.
    const bool roomy = 2 + n_lengths + 4 * start.point.size() <= start.batch;

    const auto widths = [&](double share = 1) {
        VectorXd result = VectorXd::Constant(d, share * width);
        for (Index j = 0; j < d; ++j) {
            const double c = model.size() == 0 ? 0 : model(j, j);
            const double least = c > 0 && std::isfinite(f) ? std::sqrt(noise_share * std::fabs(f) / c) : 0;
            result(j) = std::max({result(j), std::min(least, options.first_difference), narrowest});
        }
        return result;
    };

    // The first gradient.
    Differences here(x, widths(), model);
    {
        Request request(start.point.size());
        here.need(request, false, start.batch);
        if (!start.error) request.need(as_span(x));
        const Answers answers = co_await evaluate(request);
        if (!start.error) f = answers.needed.back();
        here.read(answers, f);
    }
    VectorXd step;  // that led here, and the gradient where it began; empty: not for the model
    VectorXd old_gradient;
    std::size_t barren = 0;          // lines without gain, in a row
    bool fails = here.incomplete();  // simulations do, here and there
    while (small_gains < patience) {
        const bool known = std::isfinite(f);
        for (int attempt = 0; known && here.incomplete() && attempt < attempts; ++attempt) {
            Request request(start.point.size());
            here.need_missing(request, start.batch);
            const Answers answers = co_await evaluate(request);
            here.read_missing(answers);
        }
        if (known && model.size() == 0) model = diagonal_model(here, width);
        VectorXd gradient = here.gradient;
        if (known) gradient += model * (x - here.centre());
        if (step.size() != 0) update_model(model, step, gradient - old_gradient);
        step.resize(0);

        const VectorXd p = known ? model_step(x, gradient, model) : VectorXd::Zero(d);
        const auto along = [&](double t) -> VectorXd { return (x + t * p).cwiseMax(0.0).cwiseMin(1.0); };
        if (along(1) != x) {
            const bool one_sided = crowded && width <= one_sided_below * options.first_difference;
            Differences there(along(1), widths(one_sided ? one_sided_share : 1), model, one_sided);
            Request request(start.point.size());
            request.need(as_span(there.centre()));
            for (std::size_t k = 0; k < n_lengths; ++k) request.need(as_span(along(step_lengths[k])));
            const bool has_substitute = fails && roomy;
            if (has_substitute) request.need(as_span(along(substitute_length)));
            there.need(request, fails, start.batch);
            const Answers answers = co_await evaluate(request);
            const double near_end = has_substitute ? answers.needed[n_lengths + 1] : infinity;
            const bool substituted = std::isinf(answers.needed[0]) && std::isfinite(near_end);
            fails |= !std::ranges::all_of(answers.needed, [](double error) { return std::isfinite(error); });
            const double full = substituted ? near_end : answers.needed[0];
            const double full_length = substituted ? substitute_length : 1;
            there.read(answers, substituted ? extrapolated(f, gradient.dot(p), full) : full);
            double best = full;
            double best_length = full_length;
            for (std::size_t k = 0; k < n_lengths; ++k) {
                if (!(answers.needed[k + 1] < best)) continue;
                best = answers.needed[k + 1];
                best_length = step_lengths[k];
            }
            const bool take_full = full < f && f - full >= 0.5 * (f - best);
            if (!take_full && std::isfinite(full) && !there.incomplete()) {
                update_model(model, there.centre() - x, there.gradient - gradient);
            }
            barren = best < f ? 0 : barren + 1;
            if (best < f) {
                small_gains = f - best <= options.tolerance * std::fabs(f) ? small_gains + 1 : 0;
                const double length = take_full ? full_length : best_length;
                step = along(length) - x;
                old_gradient = gradient;
                x = along(length);
                f = take_full ? full : best;
                width = std::clamp(step.cwiseAbs().maxCoeff(), width / 20, width);
                if (take_full) {
                    here = std::move(there);
                    continue;
                }
            }
        }
        if (step.size() == 0) {
            // No gain along the line: the best of the differences, or narrower ones.
            if (here.best_error < f) {
                small_gains = f - here.best_error <= options.tolerance * std::fabs(f) ? small_gains + 1 : 0;
                x = here.best_point();
                f = here.best_error;
            } else {
                const double wide = widths().maxCoeff();
                width /= 8;
                if (!known || widths().maxCoeff() >= wide) break;
            }
        }
        if (barren >= barren_lines) {  // the model is of another scale than the differences
            model.resize(0, 0);
            step.resize(0);
            barren = 0;
        }
        here = Differences(x, widths(), model);
        Request request(start.point.size());
        here.need(request, fails, start.batch);
        const Answers answers = co_await evaluate(request);
        here.read(answers, f);
    }
    co_return Recommendation{{x.begin(), x.end()}, f};
}

OptimizerChoice quasi_newton(QuasiNewtonOptions options) {
    if (!(options.first_difference > 0 && options.first_difference <= 0.5)) {
        throw ConfigError(
            fmt::format("quasi-Newton: the first difference must be in (0, 0.5], not {}", options.first_difference));
    }
    if (!(options.tolerance >= 0 && options.tolerance < 1)) {
        throw ConfigError(fmt::format("quasi-Newton: the tolerance must be in [0, 1), not {}", options.tolerance));
    }
    std::string description = "quasi-Newton";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) {
                return sequential_optimizer("quasi_newton", setting, [options](const SearchStart& start) {
                    return quasi_newton_search(start, options);
                });
            }};
}

void visit_fields(OptionVisitor& visit, QuasiNewtonOptions& options) {
    visit.real("first_difference", options.first_difference);
    visit.real("tolerance", options.tolerance);
}

}  // namespace spikesmith
