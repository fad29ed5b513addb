#include "spikesmith/optimize/quadratic_model.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/bounded_quadratic.hpp"
#include "spikesmith/optimize/quadratic_fit.hpp"

namespace spikesmith {

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t stream = (std::uint64_t{1} << 62) + 2;
constexpr double smallest_radius = 0x1p-50;
constexpr std::size_t patience = 3;        // batches of small gain
constexpr std::size_t smallest_batch = 4;  // points of a request
constexpr double surplus = 1.3;            // points per coefficient of the model
constexpr std::array<double, 7> region_sizes{1, 0.25, 4, 0.5, 2, 16, 1.0 / 16};

std::span<const double> as_span(const VectorXd& x) {
    return {x.data(), static_cast<std::size_t>(x.size())};
}

}  // namespace

Search quadratic_model_search(SearchStart start, QuadraticModelOptions options) {
    const auto d = static_cast<Index>(start.point.size());
    const bool mixed = start.point.size() <= options.full_dimensions;
    const auto coefficients = static_cast<std::size_t>(2 * d + (mixed ? d * (d - 1) / 2 : 0));
    const auto model_points = static_cast<std::size_t>(surplus * static_cast<double>(coefficients)) + 1;
    const std::size_t batch = std::clamp<std::size_t>(start.batch, smallest_batch, model_points);
    math::RandomStream random(start.seed, stream + start.number);

    VectorXd x = Eigen::Map<const VectorXd>(start.point.data(), d);
    double f = start.error.value_or(infinity);
    double radius = options.radius;
    EvaluatedPoints known;
    known.add(x, f);
    Quadratic model{VectorXd::Zero(d), MatrixXd::Zero(d, d)};  // in coordinates of the unit cube
    Index axis = 0;                                            // next of the 2d points beside the start
    std::size_t small_gains = 0;

    // A point at about `distance` from `centre`.
    const auto neighbour = [&](const VectorXd& centre, double distance) {
        VectorXd direction(d);
        for (double& u : direction) u = random.next_normal();
        direction *= distance / std::max(direction.norm(), 1e-300);
        VectorXd point = centre + direction;
        for (Index j = 0; j < d; ++j) {
            if (point(j) < 0 || point(j) > 1) point(j) = std::clamp(centre(j) - direction(j), 0.0, 1.0);
        }
        return point;
    };
    const auto axis_point = [&] {
        VectorXd point = x;
        const Index j = axis % d;
        const double side = (axis / d + j) % 2 == 0 ? radius : -radius;
        point(j) = point(j) + side >= 0 && point(j) + side <= 1 ? point(j) + side : point(j) - side / 2;
        ++axis;
        return point;
    };

    while (small_gains < patience && radius > smallest_radius) {
        Request request(start.point.size());
        const auto room = [&] { return request.needed.rows < batch; };
        const VectorXd centre = x;
        VectorXd target = x;
        double spread = radius;
        if (known.points.empty()) request.need(as_span(x));
        if (known.points.size() > static_cast<std::size_t>(d)) {
            if (const auto fitted = fit_near(known, x, f, radius, model_points, model, mixed)) {
                model = *fitted;
                const Quadratic scaled = convex({model.gradient * radius, model.matrix * radius * radius});
                for (const double size : region_sizes) {
                    const VectorXd lower = (-x / radius).cwiseMax(-size);
                    const VectorXd upper = ((VectorXd::Ones(d) - x) / radius).cwiseMin(size);
                    const VectorXd p = minimize_in_box(scaled.gradient, scaled.matrix, lower, upper);
                    const VectorXd point = (x + radius * p).cwiseMax(0.0).cwiseMin(1.0);
                    if (size == 1) {
                        target = point;
                        const double share = known.points.size() > model_points ? 0.5 : 1;  // at first to learn
                        spread = std::max(share * (target - x).cwiseAbs().maxCoeff(), radius / 100);
                    }
                    const bool new_point =
                        point != x && (size == 1 || p.cwiseAbs().maxCoeff() >= 0.99 * size || size < 1);
                    if (new_point && room() && !(size != 1 && point == target)) request.need(as_span(point));
                }
            }
        }
        while (room() && axis < 2 * d) request.need(as_span(axis_point()));
        while (room()) request.need(as_span(neighbour(target, spread * (0.3 + random.next_uniform()))));

        const Answers answers = co_await evaluate(request);
        for (std::size_t r = 0; r < answers.needed.size(); ++r) {
            known.add(Eigen::Map<const VectorXd>(request.needed.row(r).data(), d), answers.needed[r]);
        }
        if (known.points.empty()) break;
        const std::size_t best = known.best();
        if (known.errors[best] < f) {
            if (std::isfinite(f)) {
                small_gains = f - known.errors[best] <= options.tolerance * std::fabs(f) ? small_gains + 1 : 0;
                const double length = (known.points[best] - x).cwiseAbs().maxCoeff();
                radius = std::clamp(length, radius / 10, std::min(4 * radius, 0.5));
            }
            x = known.points[best];
            f = known.errors[best];
        } else {
            radius /= 4;
        }
    }
    co_return Recommendation{{x.begin(), x.end()}, f};
}

OptimizerChoice quadratic_model(QuadraticModelOptions options) {
    if (!(options.radius > 0 && options.radius <= 0.5)) {
        throw ConfigError(fmt::format("quadratic model: the radius must be in (0, 0.5], not {}", options.radius));
    }
    if (!(options.tolerance >= 0 && options.tolerance < 1)) {
        throw ConfigError(fmt::format("quadratic model: the tolerance must be in [0, 1), not {}", options.tolerance));
    }
    std::string description = "quadratic model";
    if (const std::string settings = describe_options(options); !settings.empty()) description += ": " + settings;
    return {std::move(description), [options](const SearchSetting& setting) {
                return sequential_optimizer("quadratic_model", setting, [options](const SearchStart& start) {
                    return quadratic_model_search(start, options);
                });
            }};
}

void visit_fields(OptionVisitor& visit, QuadraticModelOptions& options) {
    visit.real("radius", options.radius);
    visit.count("full_dimensions", options.full_dimensions);
    visit.real("tolerance", options.tolerance);
}

}  // namespace spikesmith
