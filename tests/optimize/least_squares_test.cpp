#include "spikesmith/optimize/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "optimize/least_squares_problems.hpp"
#include <Eigen/Dense>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

using test::Problem;

constexpr double infinity = std::numeric_limits<double>::infinity();

Array2 rows(const std::vector<std::vector<double>>& points) {
    Array2 result(points.size(), points.front().size());
    for (std::size_t s = 0; s < points.size(); ++s) std::ranges::copy(points[s], result.row(s).begin());
    return result;
}

std::vector<LeastSquaresResult> solve(const Problem& problem, const LeastSquaresOptions& options = {}) {
    const std::vector<double> low(problem.dimension(), -infinity);
    const std::vector<double> high(problem.dimension(), infinity);
    return minimize_least_squares(test::function_of(problem), rows(problem.starts), low, high, options);
}

TEST(LeastSquares, FindsPublishedMinimaOfClassicProblems) {
    for (const Problem& problem : test::least_squares_problems()) {
        SCOPED_TRACE(problem.name);
        for (const LeastSquaresResult& result : solve(problem, {.max_iterations = 1000})) {
            EXPECT_TRUE(converged(result.stop) || problem.name == "Powell singular") << describe(result.stop);
            EXPECT_NEAR(result.at.cost, problem.cost, 2e-10 * problem.cost + 1e-18);
            for (std::size_t j = 0; j < problem.solution.size(); ++j) {
                // certified: a millionth of the standard error; the others to the digits published
                const double tolerance = !problem.errors.empty() ? 1e-6 * problem.errors[j]
                                         : problem.cost > 0      ? 1e-5 * std::fabs(problem.solution[j])
                                                                 : 1e-10 * std::fabs(problem.solution[j]);
                EXPECT_NEAR(result.point[j], problem.solution[j], tolerance) << "parameter " << j;
            }
        }
    }
}

TEST(LeastSquares, StandardErrorsAreTheCertifiedOnes) {
    for (const Problem& problem : test::least_squares_problems()) {
        if (problem.errors.empty()) continue;
        SCOPED_TRACE(problem.name);
        const LeastSquaresResult result = solve(problem).front();
        const auto d = static_cast<Eigen::Index>(problem.dimension());
        const Eigen::MatrixXd matrix = Eigen::Map<const Eigen::MatrixXd>(result.at.matrix.values.data(), d, d);
        const Eigen::VectorXd scale = matrix.diagonal().cwiseSqrt().cwiseInverse();
        const Eigen::MatrixXd scaled = scale.asDiagonal() * matrix * scale.asDiagonal();
        const Eigen::MatrixXd inverse = scale.asDiagonal() * scaled.inverse() * scale.asDiagonal();
        const double variance = result.at.cost / static_cast<double>(problem.n_residuals - problem.dimension());
        for (Eigen::Index j = 0; j < d; ++j) {
            const double expected = problem.errors[static_cast<std::size_t>(j)];
            EXPECT_NEAR(std::sqrt(variance * inverse(j, j)), expected, 1e-6 * expected) << j;
        }
    }
}

TEST(LeastSquares, NeedsFewDerivatives) {
    std::size_t total = 0;
    for (const Problem& problem : test::least_squares_problems()) {
        // linear convergence (a singular Jacobian, large residuals), and a curved valley of width 1e-4
        if (problem.name == "Powell singular" || problem.name == "Brown-Dennis" ||
            problem.name == "Powell badly scaled")
            continue;
        for (const LeastSquaresResult& result : solve(problem)) {
            EXPECT_LE(result.derivative_evaluations, 30U) << problem.name;
            EXPECT_EQ(result.derivative_evaluations, result.iterations + 1) << problem.name;
            total += result.derivative_evaluations;
        }
    }
    EXPECT_LE(total, 200U);
}

// Boxes that hold the free minimum outside, so that bounds are active, and others that do not.
TEST(LeastSquares, AgreesWithCeresWithinBounds) {
    for (const Problem& problem : test::least_squares_problems()) {
        if (problem.solution.empty() || problem.name == "Powell badly scaled")
            continue;  // has no minimum in these boxes
        SCOPED_TRACE(problem.name);
        const std::size_t d = problem.dimension();
        for (std::size_t held = 0; held < d; ++held) {
            SCOPED_TRACE(held);
            std::vector<double> low(d, -infinity);
            std::vector<double> high(d, infinity);
            // the start stays inside; the solution of this parameter is cut off half way
            const double start = problem.starts.front()[held];
            if (start == problem.solution[held]) continue;
            const double cut = (start + problem.solution[held]) / 2;
            (start < problem.solution[held] ? high : low)[held] = cut;
            const double expected = test::ceres_cost(problem, problem.starts.front(), low, high);
            const LeastSquaresResult result =
                minimize_least_squares(test::function_of(problem), rows({problem.starts.front()}), low, high,
                                       {.max_iterations = 1000})
                    .front();
            EXPECT_TRUE(std::isfinite(result.at.cost));
            EXPECT_LE(result.at.cost, expected * (1 + 1e-9) + 1e-18);
            for (std::size_t j = 0; j < d; ++j) {
                EXPECT_GE(result.point[j], low[j]);
                EXPECT_LE(result.point[j], high[j]);
            }
        }
    }
}

TEST(LeastSquares, UnitsOfParametersDoNotMatter) {
    for (const Problem& problem : test::least_squares_problems()) {
        if (problem.solution.empty()) continue;
        SCOPED_TRACE(problem.name);
        const std::size_t d = problem.dimension();
        std::vector<double> unit(d);
        for (std::size_t j = 0; j < d; ++j) unit[j] = std::ldexp(1.0, static_cast<int>(40 * j) - 30);
        const LeastSquaresFunction plain = test::function_of(problem);
        const LeastSquaresFunction scaled = [&](const Array2& points, bool derivatives) {
            Array2 own = points;
            for (std::size_t s = 0; s < own.rows; ++s) {
                for (std::size_t j = 0; j < d; ++j) own(s, j) *= unit[j];
            }
            auto answers = plain(own, derivatives);
            for (LeastSquaresPoint& answer : answers) {
                for (std::size_t j = 0; j < answer.gradient.size(); ++j) {
                    answer.gradient[j] *= unit[j];
                    for (std::size_t k = 0; k < d; ++k) answer.matrix(j, k) *= unit[j] * unit[k];
                }
            }
            return answers;
        };
        std::vector<double> start = problem.starts.front();
        for (std::size_t j = 0; j < d; ++j) start[j] /= unit[j];
        const std::vector<double> low(d, -infinity);
        const std::vector<double> high(d, infinity);
        const LeastSquaresResult a = solve(problem).front();
        const LeastSquaresResult b = minimize_least_squares(scaled, rows({start}), low, high).front();
        EXPECT_EQ(a.iterations, b.iterations);
        for (std::size_t j = 0; j < d; ++j)
            EXPECT_NEAR(b.point[j] * unit[j], a.point[j], 1e-9 * std::fabs(a.point[j]) + 1e-30);
    }
}

TEST(LeastSquares, StartsInLockstepDoNotInfluenceEachOther) {
    const Problem problem = test::least_squares_problems().back();
    const auto together = solve(problem);
    ASSERT_EQ(together.size(), 2U);
    for (std::size_t s = 0; s < 2; ++s) {
        Problem single = problem;
        single.starts = {problem.starts[s]};
        const LeastSquaresResult alone = solve(single).front();
        EXPECT_EQ(alone.point, together[s].point);
        EXPECT_EQ(alone.at.cost, together[s].at.cost);
        EXPECT_EQ(alone.iterations, together[s].iterations);
        EXPECT_EQ(alone.evaluations, together[s].evaluations);
    }
}

TEST(LeastSquares, ParametersWithoutInfluenceStayWhereTheyAre) {
    const LeastSquaresFunction function = [](const Array2& points, bool) {
        std::vector<LeastSquaresPoint> answers;
        for (std::size_t s = 0; s < points.rows; ++s) {
            const double r = points(s, 0) - 2;
            LeastSquaresPoint answer{.cost = r * r, .gradient = {r, 0}, .matrix = Array2(2, 2)};
            answer.matrix(0, 0) = 1;
            answers.push_back(answer);
        }
        return answers;
    };
    const std::vector<double> low{-10, -10};
    const std::vector<double> high{10, 10};
    const LeastSquaresResult result = minimize_least_squares(function, rows({{5, 3}}), low, high).front();
    EXPECT_NEAR(result.point[0], 2, 1e-12);
    EXPECT_EQ(result.point[1], 3);
}

TEST(LeastSquares, AvoidsPointsWithoutACost) {
    // sqrt(x) - 1, not a number below 0, from a start whose undamped step goes there
    const LeastSquaresFunction function = [](const Array2& points, bool) {
        std::vector<LeastSquaresPoint> answers;
        for (std::size_t s = 0; s < points.rows; ++s) {
            const double r = std::sqrt(points(s, 0)) - 1;
            const double slope = 0.5 / std::sqrt(points(s, 0));
            LeastSquaresPoint answer{.cost = r * r, .gradient = {slope * r}, .matrix = Array2(1, 1, slope * slope)};
            answers.push_back(answer);
        }
        return answers;
    };
    const std::vector<double> low{-infinity};
    const std::vector<double> high{infinity};
    const LeastSquaresResult result = minimize_least_squares(function, rows({{25}}), low, high).front();
    EXPECT_NEAR(result.point[0], 1, 1e-12);
    const LeastSquaresResult bad = minimize_least_squares(function, rows({{-1}}), low, high).front();
    EXPECT_EQ(bad.stop, LeastSquaresStop::not_finite);
    EXPECT_EQ(bad.point[0], -1);
}

TEST(LeastSquares, CallbackAndLimitsStop) {
    const Problem problem = test::least_squares_problems().front();
    std::vector<double> costs;
    const auto stopped = solve(problem, {.callback = [&](const LeastSquaresProgress& progress) {
                                   costs.push_back(progress.cost);
                                   return progress.iteration == 3;
                               }});
    EXPECT_EQ(stopped.front().stop, LeastSquaresStop::callback);
    EXPECT_EQ(stopped.front().iterations, 3U);
    ASSERT_EQ(costs.size(), 3U);
    EXPECT_TRUE(std::ranges::is_sorted(costs, std::greater<>{}));
    const auto limited = solve(problem, {.max_iterations = 2});
    EXPECT_EQ(limited.front().stop, LeastSquaresStop::max_iterations);
    EXPECT_EQ(limited.front().derivative_evaluations, 3U);
    EXPECT_FALSE(converged(limited.front().stop));
}

TEST(LeastSquares, RefusesWhatMakesNoSense) {
    const Problem problem = test::least_squares_problems().front();
    const auto function = test::function_of(problem);
    const std::vector<double> low{0, 2};
    const std::vector<double> high{1, 1};
    EXPECT_THROW((void)minimize_least_squares(function, rows({{0, 0}}), low, high), ConfigError);
    EXPECT_THROW((void)minimize_least_squares(function, rows({{0, NAN}}), high, high), ConfigError);
    EXPECT_THROW((void)solve(problem, {.cost_tolerance = -1}), ConfigError);
    EXPECT_THROW((void)solve(problem, {.first_damping = 0}), ConfigError);
    const LeastSquaresFunction too_few = [](const Array2&, bool) { return std::vector<LeastSquaresPoint>{}; };
    EXPECT_THROW((void)minimize_least_squares(too_few, rows({{0, 0}}), high, high), ConfigError);
}

}  // namespace
}  // namespace spikesmith
