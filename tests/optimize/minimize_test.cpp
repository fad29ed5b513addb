#include "spikesmith/optimize/minimize.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

Array2 rows(const std::vector<std::vector<double>>& points) {
    Array2 result(points.size(), points.front().size());
    for (std::size_t s = 0; s < points.size(); ++s) std::ranges::copy(points[s], result.row(s).begin());
    return result;
}

template <class Value>
BatchFunction batch(Value value) {
    return [value](const Array2& points) {
        std::vector<double> errors;
        for (std::size_t s = 0; s < points.rows; ++s) errors.push_back(value(points.row(s)));
        return errors;
    };
}

// Rosenbrock's valley with its minimum at (0.75, 0.75) of the cube.
double rosenbrock(std::span<const double> u) {
    const double x = 4 * u[0] - 2;
    const double y = 4 * u[1] - 2;
    return 1 + 100 * std::pow(y - x * x, 2) + std::pow(1 - x, 2);
}

// A bowl with ripples: many minima, the lowest at 0.3.
double ripples(std::span<const double> u) {
    double sum = 0;
    for (const double x : u) sum += std::pow(x - 0.3, 2) + 0.02 * (1 - std::cos(20 * std::numbers::pi * (x - 0.3)));
    return sum;
}

TEST(Minimize, FindsSmoothMinimaFromAllStarts) {
    const auto results = minimize(batch(rosenbrock), rows({{0.2, 0.5}, {0.9, 0.1}, {0.75, 0.74}}));
    ASSERT_EQ(results.size(), 3U);
    for (const MinimizeResult& result : results) {
        EXPECT_EQ(result.stop, MinimizeStop::converged);
        EXPECT_NEAR(result.best.point[0], 0.75, 1e-4);
        EXPECT_NEAR(result.best.point[1], 0.75, 1e-4);
        EXPECT_NEAR(result.best.error, 1, 1e-8);
        EXPECT_LT(result.evaluations, 3000U);
    }
}

TEST(Minimize, EndsAtBounds) {
    const auto result =
        minimize(batch([](auto u) { return std::pow(u[0] + 0.5, 2) + std::pow(u[1] - 0.4, 2) + u[0] * u[1]; }),
                 rows({{0.5, 0.5}}))
            .front();
    EXPECT_EQ(result.best.point[0], 0);
    EXPECT_NEAR(result.best.point[1], 0.4, 1e-5);
}

TEST(Minimize, HopsLeaveLocalMinima) {
    const Array2 starts = rows({{0.82, 0.9}, {0.05, 0.95}, {0.6, 0.11}, {0.97, 0.52}});
    std::size_t caught = 0;
    for (const MinimizeResult& result : minimize(batch(ripples), starts, {.first_difference = 0.005}))
        caught += result.best.error > 1e-3 ? 1 : 0;
    EXPECT_GE(caught, 1U);
    for (const MinimizeResult& result :
         minimize(batch(ripples), starts, {.first_difference = 0.005, .hops = 60, .seed = 3})) {
        EXPECT_NEAR(result.best.point[0], 0.3, 1e-3);
        EXPECT_NEAR(result.best.point[1], 0.3, 1e-3);
    }
}

// Value and gradient of a function of one point, for batches.
template <class Value>
GradientFunction batch_with_gradients(Value value) {
    return [value](const Array2& points) {
        ErrorsWithGradients result{.errors = {}, .gradients = Array2(points.rows, points.columns)};
        for (std::size_t s = 0; s < points.rows; ++s)
            result.errors.push_back(value(points.row(s), result.gradients.row(s)));
        return result;
    };
}

double rosenbrock_with_gradient(std::span<const double> u, std::span<double> gradient) {
    const double x = 4 * u[0] - 2;
    const double y = 4 * u[1] - 2;
    gradient[0] = 4 * (-400 * x * (y - x * x) - 2 * (1 - x));
    gradient[1] = 4 * 200 * (y - x * x);
    return rosenbrock(u);
}

double ripples_with_gradient(std::span<const double> u, std::span<double> gradient) {
    constexpr double k = 20 * std::numbers::pi;
    for (std::size_t j = 0; j < u.size(); ++j) gradient[j] = 2 * (u[j] - 0.3) + 0.02 * k * std::sin(k * (u[j] - 0.3));
    return ripples(u);
}

TEST(MinimizeWithGradients, FindsSmoothMinimaFromAllStarts) {
    const auto results =
        minimize_with_gradients(batch_with_gradients(rosenbrock_with_gradient),
                                rows({{0.2, 0.5}, {0.9, 0.1}, {0.75, 0.74}}), {.first_difference = 0.01});
    ASSERT_EQ(results.size(), 3U);
    for (const MinimizeResult& result : results) {
        EXPECT_EQ(result.stop, MinimizeStop::converged);
        EXPECT_NEAR(result.best.point[0], 0.75, 1e-6);
        EXPECT_NEAR(result.best.point[1], 0.75, 1e-6);
        EXPECT_NEAR(result.best.error, 1, 1e-12);
        EXPECT_LT(result.batches, 60U);
    }
}

// A quadratic of 60 coordinates whose curvatures span four decades, some minima outside of the box: the number of batches does not
// grow with the number of coordinates as differences would.
TEST(MinimizeWithGradients, TakesManyCoordinatesAndBounds) {
    constexpr std::size_t d = 60;
    const auto centre = [](std::size_t j) { return j % 7 == 3 ? 1.3 : 0.2 + 0.6 * static_cast<double>(j) / d; };
    const auto value = [&](std::span<const double> u, std::span<double> gradient) {
        double sum = 3;
        for (std::size_t j = 0; j < d; ++j) {
            const double c = std::pow(10, 4 * static_cast<double>(j) / d);
            sum += c * std::pow(u[j] - centre(j), 2);
            gradient[j] = 2 * c * (u[j] - centre(j));
        }
        return sum;
    };
    const MinimizeResult result =
        minimize_with_gradients(batch_with_gradients(value), rows({std::vector<double>(d, 0.5)})).front();
    EXPECT_LT(result.batches, 250U);
    for (std::size_t j = 0; j < d; ++j) EXPECT_NEAR(result.best.point[j], std::min(centre(j), 1.0), 1e-4) << j;
}

TEST(MinimizeWithGradients, HopsLeaveLocalMinima) {
    const Array2 starts = rows({{0.82, 0.9}, {0.05, 0.95}, {0.6, 0.11}, {0.97, 0.52}});
    const GradientFunction function = batch_with_gradients(ripples_with_gradient);
    std::size_t caught = 0;
    for (const MinimizeResult& result : minimize_with_gradients(function, starts, {.first_difference = 0.005}))
        caught += result.best.error > 1e-3 ? 1 : 0;
    EXPECT_GE(caught, 2U);
    const auto hopped = minimize_with_gradients(function, starts, {.first_difference = 0.005, .hops = 100, .seed = 3});
    for (const MinimizeResult& result : hopped) {
        EXPECT_NEAR(result.best.point[0], 0.3, 1e-6);
        EXPECT_NEAR(result.best.point[1], 0.3, 1e-6);
    }
    // what happens to a start does not depend on the others
    const auto again =
        minimize_with_gradients(function, rows({{0.82, 0.9}}), {.first_difference = 0.005, .hops = 100, .seed = 3});
    EXPECT_EQ(again.front().best.point, hopped.front().best.point);
}

TEST(MinimizeWithGradients, AvoidsWhatIsNotFinite) {
    constexpr double none = std::numeric_limits<double>::quiet_NaN();
    const auto fenced = [](std::span<const double> u, std::span<double> gradient) {
        const double error = rosenbrock_with_gradient(u, gradient);
        if (u[0] > 0.76) gradient[0] = none;
        return u[1] > 0.8 ? none : error;
    };
    const auto results = minimize_with_gradients(batch_with_gradients(fenced), rows({{0.2, 0.5}, {0.2, 0.9}}),
                                                 {.first_difference = 0.3});
    EXPECT_NEAR(results[0].best.point[0], 0.75, 1e-6);
    EXPECT_EQ(results[1].stop, MinimizeStop::not_finite);
    const auto stopped =
        minimize_with_gradients(batch_with_gradients(rosenbrock_with_gradient), rows({{0.2, 0.5}}),
                                {.callback = [](const MinimizeProgress& progress) { return progress.batch == 3; }});
    EXPECT_EQ(stopped.front().stop, MinimizeStop::callback);
    EXPECT_EQ(stopped.front().batches, 3U);
}

TEST(Minimize, StopsAndRefuses) {
    const Array2 start = rows({{0.2, 0.5}});
    const auto stopped = minimize(batch(rosenbrock), start,
                                  {.callback = [](const MinimizeProgress& progress) { return progress.batch == 2; }})
                             .front();
    EXPECT_EQ(stopped.stop, MinimizeStop::callback);
    EXPECT_EQ(stopped.batches, 2U);
    EXPECT_LE(stopped.best.error, rosenbrock(start.row(0)));
    EXPECT_EQ(minimize(batch(rosenbrock), start, {.max_evaluations = 50}).front().stop, MinimizeStop::max_evaluations);
    const auto failed = minimize(batch([](auto) { return std::numeric_limits<double>::quiet_NaN(); }), start).front();
    EXPECT_EQ(failed.stop, MinimizeStop::not_finite);
    EXPECT_THROW((void)minimize(batch(rosenbrock), rows({{1.2, 0.5}})), ConfigError);
    EXPECT_THROW((void)minimize(batch(rosenbrock), start, {.first_difference = 0}), ConfigError);
}

}  // namespace
}  // namespace spikesmith
