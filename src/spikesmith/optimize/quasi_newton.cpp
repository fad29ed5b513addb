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

// Points instead of one that failed, as shares of its distance; one attempt after the other. 0: no point.
using Attempts = std::array<std::array<double, 2>, 3>;
constexpr Attempts wide_attempts{{{0.97, 0}, {0.94, 0.7}, {0.4, -0.5}}};
constexpr Attempts narrow_attempts{{{0.7, 0}, {0.5, 0}, {0.35, -0.5}}};
constexpr double substitute_length = 0.99;  // of the step, where a full one failed
constexpr std::array<double, 8> step_lengths{0.25, 0.5, 2.0, 1.0 / 16, 0.7, 1.0 / 64, 1.4, 4.0};

// Two points per coordinate beside a centre, or one, and what their errors tell.
//
// A point that failed is replaced by others on its line: first by one from where a ripple of the error looks much the
// same, since evaluations may fail by chance; then by much closer ones and beyond the centre, since they may fail in a
// region.
class Differences {
  public:
    // `model`: the matrix known so far, if any; its curvature corrects slopes of which one side is known.
    // `narrow`: the error has no ripples within `width`, so two points on one side tell as much as one on each.
    Differences(VectorXd centre, const VectorXd& width, const MatrixXd& model, bool narrow, bool one_sided = false)
        : centre_(std::move(centre)),
          model_curvature_(model.size() == 0 ? VectorXd::Zero(centre_.size()) : VectorXd(model.diagonal())),
          sides_(one_sided ? 1 : 2),
          narrow_(narrow),
          attempts_(narrow ? narrow_attempts : wide_attempts),
          offset_{width, -width},
          probes_(static_cast<std::size_t>(centre_.size())) {
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

    // `spares`: with the first substitutes for all points, wished for if not all fits into a batch.
    void need(Request& request, bool spares, std::size_t batch) {
        const std::size_t n = sides_ * static_cast<std::size_t>(centre_.size());
        const bool fits = request.needed.rows + 2 * n <= batch;
        for (Index j = 0; j < centre_.size(); ++j) {
            for (std::size_t side = 0; side < sides_; ++side) probe(request, j, offset_[side](j));
        }
        for (Index j = 0; spares && j < centre_.size(); ++j) {
            for (std::size_t side = 0; side < sides_; ++side) substitute(request, j, side, 0, !fits);
        }
    }
    // `f`: the error of the centre.
    void read(const Answers& answers, double f) {
        error_ = f;
        read_probes(answers);
    }

    // Whether there are coordinates of which too little is known and substitutes for their points that failed.
    [[nodiscard]] bool incomplete() const { return attempt_ < attempts_.size() && !missing().empty(); }
    // `hasty`: several attempts at once, if they do not fill a batch.
    void need_missing(Request& request, bool hasty, std::size_t batch) {
        const std::vector<Index> again = missing();
        std::size_t rows = 0;
        do {
            const std::size_t before = request.needed.rows;
            for (const Index j : again) {
                for (std::size_t side = 0; side < sides_; ++side) {
                    if (!std::isfinite(probes_[static_cast<std::size_t>(j)][side].error))
                        substitute(request, j, side, attempt_);
                }
            }
            ++attempt_;
            rows = std::max(rows, request.needed.rows - before);
        } while (hasty && attempt_ < attempts_.size() && request.needed.rows + rows <= batch);
    }
    void read_missing(const Answers& answers) { read_probes(answers); }

    [[nodiscard]] VectorXd best_point() const { return beside(best_coordinate_, best_offset_); }
    [[nodiscard]] const VectorXd& centre() const { return centre_; }

    VectorXd gradient;
    VectorXd curvature;  // second derivatives; -1 where unknown
    double best_error = infinity;

  private:
    struct Probe {
        double offset = 0;
        double error = infinity;
        std::size_t row = 0;  // of the points that were needed, or wished for
        bool wished = false;
        bool open = true;  // not read yet
    };

    [[nodiscard]] double inside(Index j, double offset) const {
        return std::clamp(centre_(j) + offset, 0.0, 1.0) - centre_(j);
    }
    [[nodiscard]] VectorXd beside(Index j, double offset) const {
        VectorXd x = centre_;
        x(j) += offset;
        return x;
    }
    void probe(Request& request, Index j, double offset, bool wished = false) {
        const VectorXd point = beside(j, offset);
        const std::size_t row = wished ? request.wish(as_span(point)) : request.need(as_span(point));
        probes_[static_cast<std::size_t>(j)].push_back({.offset = offset, .row = row, .wished = wished});
    }
    void substitute(Request& request, Index j, std::size_t side, std::size_t attempt, bool wished = false) {
        for (const double share : attempts_[attempt]) {
            const double offset = inside(j, share * offset_[side](j));
            if (offset != 0) probe(request, j, offset, wished);
        }
    }
    void read_probes(const Answers& answers) {
        for (Index j = 0; j < centre_.size(); ++j) {
            for (Probe& probe : probes_[static_cast<std::size_t>(j)]) {
                if (!std::exchange(probe.open, false)) continue;
                probe.error = probe.wished ? answers.optional[probe.row] : answers.needed[probe.row];
                if (!(probe.error < best_error)) continue;
                best_error = probe.error;
                best_coordinate_ = j;
                best_offset_ = probe.offset;
            }
            evaluate_coordinate(j);
        }
    }

    [[nodiscard]] bool at_bound(Index j) const { return offset_[0](j) * offset_[1](j) > 0; }

    // The two probes that tell most of a coordinate, or one, or none: the first that did not fail, and the first beyond
    // the centre, else the first at another distance.
    [[nodiscard]] std::vector<Probe> neighbours(Index j) const {
        std::vector<Probe> found;
        for (const Probe& probe : probes_[static_cast<std::size_t>(j)]) {
            if (std::isfinite(probe.error)) found.push_back(probe);
        }
        if (found.size() < 2) return found;
        const Probe first = found.front();
        const auto beyond = [&](const Probe& probe) { return probe.offset * first.offset < 0; };
        const auto apart = [&](const Probe& probe) {
            const double ratio = probe.offset / first.offset;
            return ratio < 0.8 || ratio > 1.25 || (at_bound(j) && ratio != 1);
        };
        auto second = std::ranges::find_if(found, beyond);
        if (second == found.end()) second = std::ranges::find_if(found, apart);
        if (second == found.end()) return {first};
        return {first, *second};
    }
    // Ripples are averaged out by points on both sides only.
    [[nodiscard]] bool suffice(Index j, const std::vector<Probe>& known) const {
        if (known.size() < 2) return known.size() == sides_;
        return narrow_ || at_bound(j) || known[0].offset * known[1].offset < 0;
    }
    [[nodiscard]] std::vector<Index> missing() const {
        std::vector<Index> result;
        for (Index j = 0; j < centre_.size(); ++j) {
            if (!suffice(j, neighbours(j))) result.push_back(j);
        }
        return result;
    }

    void evaluate_coordinate(Index j) {
        if (!std::isfinite(error_)) return;
        const std::vector<Probe> near = neighbours(j);
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
    bool narrow_;
    Attempts attempts_;
    std::array<VectorXd, 2> offset_;
    std::vector<std::vector<Probe>> probes_;  // of each coordinate; first those of `offset_`
    double error_ = infinity;                 // of the centre
    std::size_t attempt_ = 0;                 // at points that failed
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

    const auto narrow = [&] { return width <= one_sided_below * options.first_difference; };
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
    Differences here(x, widths(), model, narrow());
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
        while (known && here.incomplete()) {
            Request request(start.point.size());
            here.need_missing(request, start.hasty, start.batch);
            if (request.needed.rows == 0) continue;
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
            const bool one_sided = crowded && narrow();
            Differences there(along(1), widths(one_sided ? one_sided_share : 1), model, narrow(), one_sided);
            Request request(start.point.size());
            request.need(as_span(there.centre()));
            for (std::size_t k = 0; k < n_lengths; ++k) request.need(as_span(along(step_lengths[k])));
            const bool has_substitute = fails && !one_sided;  // slopes to one side need the error of their centre
            if (has_substitute) request.need(as_span(along(substitute_length)));
            there.need(request, fails && start.hasty, start.batch);
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
        here = Differences(x, widths(), model, narrow());
        Request request(start.point.size());
        here.need(request, fails && start.hasty, start.batch);
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
