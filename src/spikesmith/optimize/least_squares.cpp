#include "spikesmith/optimize/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/bounded_quadratic.hpp"

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double rounding = 0x1p-52;
constexpr double cost_rounding = 64 * rounding;  // of a sum of squares, relative
constexpr double least_damping = 1e-12;
constexpr double largest_damping = 1e16;
constexpr double fair_share = 0.5;        // of the promised gain
constexpr double after_full_step = 1e-2;  // damping after the undamped step was best

// One start.
class Descent {
  public:
    Descent(std::size_t number, std::span<const double> start, std::span<const double> low,
            std::span<const double> high, const LeastSquaresOptions& options)
        : number_(number),
          options_(options),
          low_(Eigen::Map<const VectorXd>(low.data(), static_cast<Index>(low.size()))),
          high_(Eigen::Map<const VectorXd>(high.data(), static_cast<Index>(high.size()))),
          x_(Eigen::Map<const VectorXd>(start.data(), static_cast<Index>(start.size())).cwiseMax(low_).cwiseMin(high_)),
          damping_(options.first_damping) {}

    [[nodiscard]] bool done() const { return done_; }

    // The point whose derivatives are needed.
    [[nodiscard]] const VectorXd& centre() const { return x_; }

    void set_derivatives(LeastSquaresPoint at) {
        ++derivative_evaluations_;
        at_ = std::move(at);
        const Index d = x_.size();
        gradient_ = Eigen::Map<const VectorXd>(at_.gradient.data(), d);
        matrix_ = Eigen::Map<const MatrixXd>(at_.matrix.values.data(), d, d);  // symmetric
        if (!started_) {
            start_cost_ = at_.cost;
            diagonal_ = VectorXd::Zero(d);
        }
        started_ = true;
        if (!std::isfinite(at_.cost) || !gradient_.allFinite() || !matrix_.allFinite()) {
            finish(LeastSquaresStop::not_finite);
            return;
        }
        cost_ = at_.cost;
        diagonal_ = diagonal_.cwiseMax(matrix_.diagonal());
        if (iterations_ > 0 && options_.callback && report()) return;
        if (iterations_ >= options_.max_iterations) {
            finish(LeastSquaresStop::max_iterations);
            return;
        }
        propose();
    }

    // The points whose costs are needed.
    [[nodiscard]] const std::vector<VectorXd>& trials() const { return trials_; }

    // True if one of the points was accepted, so that its derivatives are needed.
    bool set_costs(std::span<const LeastSquaresPoint> costs) {
        evaluations_ += costs.size();
        std::size_t best = 0;
        for (std::size_t k = 0; k < costs.size(); ++k) {
            if (costs[k].cost < costs[best].cost || !std::isfinite(costs[best].cost)) best = k;
        }
        const double cost = costs[best].cost;
        if (polishing_) {
            // The step is below what costs resolve; it is taken for what it does to the parameters.
            finish_at_ = LeastSquaresStop::cost_tolerance;
            if (std::isfinite(cost) && cost <= cost_ * (1 + cost_rounding)) return accept(0);
            finish(LeastSquaresStop::cost_tolerance);
            return false;
        }
        if (cost < cost_) {
            // The longest step whose gain is a fair share of what the model promised: the lowest cost of all would be that of
            // a short step to the floor of a curved valley, and the search would creep along it.
            for (std::size_t k = 0; k < costs.size(); ++k) {
                const double gain = (cost_ - costs[k].cost) / cost_;
                if (!(gain >= fair_share * promised(trials_[k] - x_)) || !(gain > 0)) continue;
                best = k;
                break;
            }
            const VectorXd step = trials_[best] - x_;
            const bool short_step = negligible(step);
            damping_ = dampings_[best] == 0 ? std::max(damping_ * after_full_step, least_damping)
                                            : std::clamp(dampings_[best], least_damping, largest_damping);
            if (short_step) finish_at_ = LeastSquaresStop::step_tolerance;
            return accept(best);
        }
        const bool shortest_is_negligible = negligible(trials_.back() - x_);
        damping_ = 10 * std::max(damping_, dampings_.back());
        if (shortest_is_negligible || damping_ > largest_damping) {
            finish(LeastSquaresStop::step_tolerance);
        } else if (evaluations_ >= options_.max_evaluations) {
            finish(LeastSquaresStop::max_evaluations);
        } else {
            propose();
        }
        return false;
    }

    [[nodiscard]] bool stopped_by_callback() const { return stop_ == LeastSquaresStop::callback; }
    void interrupt() {
        if (!done_) finish(LeastSquaresStop::callback);
    }

    [[nodiscard]] LeastSquaresResult result() const {
        return {.point = {x_.begin(), x_.end()},
                .at = at_,
                .start_cost = start_cost_,
                .stop = stop_,
                .iterations = iterations_,
                .evaluations = evaluations_,
                .derivative_evaluations = derivative_evaluations_};
    }

  private:
    void finish(LeastSquaresStop stop) {
        stop_ = stop;
        done_ = true;
        trials_.clear();
    }

    bool accept(std::size_t trial) {
        x_ = trials_[trial];
        ++iterations_;
        return true;
    }

    bool report() {
        const LeastSquaresProgress progress{.start = number_,
                                            .iteration = iterations_,
                                            .point = {x_.data(), static_cast<std::size_t>(x_.size())},
                                            .cost = cost_};
        if (!options_.callback(progress)) return false;
        finish(LeastSquaresStop::callback);
        return true;
    }

    [[nodiscard]] bool negligible(const VectorXd& step) const {
        for (Index j = 0; j < step.size(); ++j) {
            if (std::fabs(step(j)) > options_.step_tolerance * std::fabs(x_(j))) return false;
        }
        return true;
    }

    // The step of a damping, in coordinates in which D is 1.
    [[nodiscard]] VectorXd step(double damping) const {
        VectorXd scale = diagonal_.cwiseSqrt();
        const double largest = scale.maxCoeff();
        for (double& s : scale) s = s > 0 ? 1 / s : (largest > 0 ? 1 / largest : 1.0);  // no influence: any scale
        MatrixXd scaled = scale.asDiagonal() * matrix_ * scale.asDiagonal();
        // without damping: enough of it that directions without influence stay where they are
        scaled.diagonal().array() += std::max(damping, 16 * rounding);
        const VectorXd lower = (low_ - x_).cwiseQuotient(scale);
        const VectorXd upper = (high_ - x_).cwiseQuotient(scale);
        return minimize_in_box(gradient_.cwiseProduct(scale), scaled, lower, upper).cwiseProduct(scale);
    }

    [[nodiscard]] VectorXd moved(const VectorXd& by) const { return (x_ + by).cwiseMax(low_).cwiseMin(high_); }

    // Share of the cost by which the model falls along a step.
    [[nodiscard]] double promised(const VectorXd& by) const {
        const double gain = -(2 * gradient_.dot(by) + by.dot(matrix_ * by));
        return cost_ > 0 ? gain / cost_ : 0;
    }

    void propose() {
        if (finish_at_ != LeastSquaresStop::max_iterations) {
            finish(finish_at_);
            return;
        }
        trials_.clear();
        dampings_.clear();
        const VectorXd full = step(0);
        const double gain = promised(full);
        polishing_ = false;
        if (!(gain > options_.cost_tolerance)) {
            if (negligible(full)) {
                finish(LeastSquaresStop::cost_tolerance);
                return;
            }
            polishing_ = true;
            trials_.push_back(moved(full));
            dampings_.push_back(0);
            return;
        }
        const bool undamped = !tried_undamped_here();
        if (undamped) {
            trials_.push_back(moved(full));
            dampings_.push_back(0);
            undamped_at_ = iterations_ + 1;
        }
        // powers of ten around the last successful damping; above it where nothing helped
        double damping = undamped ? damping_ * 1e-2 : damping_;
        while (trials_.size() < std::max<std::size_t>(options_.dampings, 2)) {
            trials_.push_back(moved(step(damping)));
            dampings_.push_back(damping);
            damping *= 10;
        }
    }

    [[nodiscard]] bool tried_undamped_here() const { return undamped_at_ == iterations_ + 1; }

    std::size_t number_;
    const LeastSquaresOptions& options_;
    VectorXd low_, high_;
    VectorXd x_;
    double cost_ = 0;
    LeastSquaresPoint at_;
    VectorXd gradient_;
    MatrixXd matrix_;
    VectorXd diagonal_;  // D
    double damping_;
    std::vector<VectorXd> trials_;
    std::vector<double> dampings_;  // of the trials
    bool polishing_ = false;
    bool started_ = false;
    bool done_ = false;
    std::size_t undamped_at_ = 0;  // the iteration, counted from 1, whose undamped step was tried
    LeastSquaresStop finish_at_ = LeastSquaresStop::max_iterations;  // once the derivatives of the last point are known
    LeastSquaresStop stop_ = LeastSquaresStop::max_iterations;
    double start_cost_ = std::numeric_limits<double>::infinity();
    std::size_t iterations_ = 0;
    std::size_t evaluations_ = 0;
    std::size_t derivative_evaluations_ = 0;
};

void check(const Array2& starts, std::span<const double> low, std::span<const double> high,
           const LeastSquaresOptions& options) {
    if (starts.columns == 0 || low.size() != starts.columns || high.size() != starts.columns) {
        throw ConfigError(fmt::format("least squares: starts of {} parameters, but {} lower and {} upper bounds",
                                      starts.columns, low.size(), high.size()));
    }
    for (std::size_t j = 0; j < low.size(); ++j) {
        if (!(low[j] <= high[j]))
            throw ConfigError(
                fmt::format("least squares: the bounds {} and {} of parameter {} are none", low[j], high[j], j + 1));
    }
    for (const double value : starts.values) {
        if (!std::isfinite(value)) throw ConfigError("least squares: a start is not finite");
    }
    const auto positive = [](double value, std::string_view what) {
        if (!(value > 0) || !std::isfinite(value))
            throw ConfigError(fmt::format("least squares: the {} must be positive, not {}", what, value));
    };
    const auto tolerance = [](double value, std::string_view what) {
        if (!(value >= 0 && value < 1))
            throw ConfigError(fmt::format("least squares: the {} must be in [0, 1), not {}", what, value));
    };
    tolerance(options.cost_tolerance, "cost tolerance");
    tolerance(options.step_tolerance, "step tolerance");
    positive(options.first_damping, "first damping");
    if (options.dampings < 1) throw ConfigError("least squares: at least one damping must be tried");
}

// Evaluates rows gathered from several searches.
std::vector<LeastSquaresPoint> evaluate(const LeastSquaresFunction& function, const std::vector<const VectorXd*>& rows,
                                        bool derivatives) {
    const auto d = static_cast<std::size_t>(rows.front()->size());
    Array2 points(rows.size(), d);
    for (std::size_t r = 0; r < rows.size(); ++r) std::ranges::copy(*rows[r], points.row(r).begin());
    std::vector<LeastSquaresPoint> answers = function(points, derivatives);
    if (answers.size() != rows.size()) {
        throw ConfigError(
            fmt::format("least squares: the function gave {} answers for {} points", answers.size(), rows.size()));
    }
    for (const LeastSquaresPoint& answer : answers) {
        if (!derivatives || !std::isfinite(answer.cost)) continue;
        if (answer.gradient.size() != d || answer.matrix.rows != d || answer.matrix.columns != d)
            throw ConfigError("least squares: gradient or matrix of the wrong size");
    }
    if (derivatives) {
        for (LeastSquaresPoint& answer : answers) {
            if (answer.gradient.size() == d && answer.matrix.rows == d && answer.matrix.columns == d) continue;
            answer.gradient.assign(d, std::numeric_limits<double>::quiet_NaN());
            answer.matrix = Array2(d, d, std::numeric_limits<double>::quiet_NaN());
        }
    }
    return answers;
}

}  // namespace

std::string_view describe(LeastSquaresStop stop) {
    switch (stop) {
        case LeastSquaresStop::cost_tolerance:
            return "converged: the error cannot become lower by more than rounding";
        case LeastSquaresStop::step_tolerance:
            return "converged: no step lowers the error";
        case LeastSquaresStop::max_iterations:
            return "the largest number of iterations was reached";
        case LeastSquaresStop::max_evaluations:
            return "the largest number of evaluations was reached";
        case LeastSquaresStop::callback:
            return "stopped by the callback";
        case LeastSquaresStop::not_finite:
            return "the error or its derivatives are NaN or infinite at the start";
    }
    return "";
}

bool converged(LeastSquaresStop stop) {
    return stop == LeastSquaresStop::cost_tolerance || stop == LeastSquaresStop::step_tolerance;
}

std::vector<LeastSquaresResult> minimize_least_squares(const LeastSquaresFunction& function, const Array2& starts,
                                                       std::span<const double> low, std::span<const double> high,
                                                       const LeastSquaresOptions& options) {
    check(starts, low, high, options);
    std::vector<Descent> descents;
    descents.reserve(starts.rows);
    std::vector<std::size_t> accepted;  // searches that need derivatives
    for (std::size_t s = 0; s < starts.rows; ++s) {
        descents.emplace_back(s, starts.row(s), low, high, options);
        accepted.push_back(s);
    }
    while (true) {
        if (!accepted.empty()) {
            std::vector<const VectorXd*> rows;
            for (const std::size_t s : accepted) rows.push_back(&descents[s].centre());
            std::vector<LeastSquaresPoint> answers = evaluate(function, rows, true);
            for (std::size_t k = 0; k < accepted.size(); ++k)
                descents[accepted[k]].set_derivatives(std::move(answers[k]));
            accepted.clear();
        }
        if (std::ranges::any_of(descents, &Descent::stopped_by_callback)) {
            for (Descent& descent : descents) descent.interrupt();
        }
        std::vector<const VectorXd*> rows;
        for (const Descent& descent : descents) {
            for (const VectorXd& trial : descent.trials()) rows.push_back(&trial);
        }
        if (rows.empty()) break;
        const std::vector<LeastSquaresPoint> answers = evaluate(function, rows, false);
        std::size_t next = 0;
        for (std::size_t s = 0; s < descents.size(); ++s) {
            const std::size_t n = descents[s].trials().size();
            if (n == 0) continue;
            if (descents[s].set_costs(std::span(answers).subspan(next, n))) accepted.push_back(s);
            next += n;
        }
    }
    std::vector<LeastSquaresResult> results;
    for (const Descent& descent : descents) results.push_back(descent.result());
    return results;
}

}  // namespace spikesmith
