// Quasi-Newton with gradients.
#include <array>
#include <cmath>
#include <limits>

#include "spikesmith/optimize/quasi_newton.hpp"
#include "spikesmith/optimize/quasi_newton_model.hpp"

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr std::array<double, 4> step_lengths{1, 0.25, 1.0 / 16, 4};
constexpr double shorter = 1.0 / 64;  // the next line along the gradient, after one without gain
constexpr int patience = 3;           // steps of small gain that end a search
constexpr int barren_lines = 5;       // the same of lines without gain

VectorXd row_of(const Array2& table, std::size_t row) {
    return Eigen::Map<const VectorXd>(table.row(row).data(), static_cast<Index>(table.columns));
}

}  // namespace

Search gradient_search(SearchStart start, QuasiNewtonOptions options) {
    const auto d = static_cast<Index>(start.point.size());
    VectorXd x = Eigen::Map<const VectorXd>(start.point.data(), d);
    Request first(start.point.size());
    first.gradients = true;
    first.need(as_span(x));
    const Answers at_start = co_await evaluate(first);
    double f = at_start.needed.front();
    VectorXd gradient = row_of(at_start.gradients, 0);
    MatrixXd model;  // empty: nothing is known but the gradient
    double length = options.first_difference;
    int small_gains = 0;
    int barren = 0;
    while (std::isfinite(f) && gradient.allFinite() && small_gains < patience && barren < barren_lines) {
        const bool fresh = model.size() == 0;
        if (fresh) {
            const double steepest = gradient.cwiseAbs().maxCoeff();
            if (steepest == 0) break;
            model = MatrixXd::Identity(d, d) * (steepest / length);
        }
        const VectorXd p = model_step(x, gradient, model);
        const auto along = [&](double t) -> VectorXd { return (x + t * p).cwiseMax(0.0).cwiseMin(1.0); };
        if (along(1) == x) {
            if (fresh) break;
            model.resize(0, 0);
            continue;
        }
        Request request(start.point.size());
        request.gradients = true;
        for (const double t : step_lengths) request.need(as_span(along(t)));
        const Answers answers = co_await evaluate(request);
        double best = f;
        std::size_t chosen = step_lengths.size();
        for (std::size_t k = 0; k < step_lengths.size(); ++k) {
            if (!(answers.needed[k] < best) || !row_of(answers.gradients, k).allFinite()) continue;
            best = answers.needed[k];
            chosen = k;
        }
        if (chosen == step_lengths.size()) {
            ++barren;
            if (fresh) length *= shorter;
            model.resize(0, 0);
            continue;
        }
        barren = 0;
        small_gains = f - best <= options.tolerance * std::fabs(f) ? small_gains + 1 : 0;
        const VectorXd reached = along(step_lengths[chosen]);
        const VectorXd step = reached - x;
        const VectorXd change = row_of(answers.gradients, chosen) - gradient;
        // the scale of the curvature that was met (Nocedal & Wright 2006, 6.20)
        if (const double seen = step.dot(change); fresh && seen > 0)
            model.diagonal().setConstant(change.dot(change) / seen);
        update_model(model, step, change);
        x = reached;
        f = best;
        gradient += change;
        length = std::max(step.cwiseAbs().maxCoeff(), std::numeric_limits<double>::epsilon());
    }
    co_return Recommendation{{x.begin(), x.end()}, f};
}

}  // namespace spikesmith
