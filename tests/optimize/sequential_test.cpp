#include "spikesmith/optimize/sequential.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/optimize/bounded_quadratic.hpp"
#include "spikesmith/optimize/quadratic_fit.hpp"

namespace spikesmith {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;
using testing::ElementsAre;

MatrixXd random_matrix(Eigen::Index rows, Eigen::Index columns, math::RandomStream& random) {
    MatrixXd matrix(rows, columns);
    for (double& value : matrix.reshaped()) value = 2 * random.next_uniform() - 1;
    return matrix;
}

VectorXd random_vector(Eigen::Index rows, math::RandomStream& random) {
    return random_matrix(rows, 1, random);
}

// Bisects towards a smaller error: needs two points, wishes for one.
Search bisect(SearchStart start) {
    double x = start.point[0];
    double width = 0.25;
    Recommendation best{start.point, 1e300};
    for (int step = 0; step < 20; ++step) {
        Request request(1);
        request.need(std::vector{x - width});
        request.need(std::vector{x + width});
        request.wish(std::vector{x});
        const Answers answers = co_await evaluate(request);
        const bool left = answers.needed[0] < answers.needed[1];
        x = left ? x - width : x + width;
        best = {{x}, std::min(answers.needed[0], answers.needed[1])};
        width /= 2;
    }
    co_return best;
}

Search twice(SearchStart start) {
    Recommendation last;
    for (int i = 0; i < 2; ++i) {
        Search inner = bisect(start);
        while (!inner.done()) {
            const Answers answers = co_await evaluate(inner.request());
            inner.resume(answers);
        }
        last = inner.result();
    }
    co_return last;
}

Search throwing(SearchStart start) {
    Request request(1);
    request.need(start.point);
    const Answers answers = co_await evaluate(request);
    if (answers.needed[0] > 0) throw std::runtime_error("enough");
    co_return Recommendation{start.point, 0};
}

Search wanting_nothing(SearchStart start) {
    const Answers answers = co_await evaluate(Request(1));
    co_return Recommendation{start.point, static_cast<double>(answers.needed.size())};
}

std::vector<double> first_points(const MakeSearch& make, std::size_t batch, std::size_t n) {
    const auto optimizer = sequential_optimizer("test", {.dimension = 1, .batch = batch, .seed = 3}, make);
    return optimizer->ask(n).points.values;
}

TEST(Search, AsksAndAnswers) {
    Search search = bisect({.number = 0, .point = {0.5}});
    ASSERT_FALSE(search.done());
    EXPECT_THAT(search.request().needed.values, ElementsAre(0.25, 0.75));
    EXPECT_THAT(search.request().optional.values, ElementsAre(0.5));
    while (!search.done()) {
        Answers answers;
        for (const double x : search.request().needed.values) answers.needed.push_back(std::abs(x - 0.3));
        search.resume(answers);
    }
    EXPECT_NEAR(search.result().point[0], 0.3, 1e-6);
}

TEST(SequentialOptimizer, FillsABatchWithNeededThenWishedPointsThenFurtherSearches) {
    const auto points = first_points(bisect, 7, 7);
    EXPECT_THAT(std::vector(points.begin(), points.begin() + 3), ElementsAre(0.25, 0.75, 0.5));
    EXPECT_NEAR(points[4] - points[3], 0.5, 1e-12);  // the second search, from another place
}

TEST(SequentialOptimizer, RunsSearchesWithinSearches) {
    const auto optimizer = sequential_optimizer("test", {.dimension = 1, .batch = 3, .seed = 3}, twice);
    for (int round = 0; round < 40; ++round) {
        const Candidates candidates = optimizer->ask(3);
        std::vector<double> errors;
        for (const double x : candidates.points.values) errors.push_back((x - 0.3) * (x - 0.3));
        optimizer->tell(candidates.ids, errors);
    }
    EXPECT_NEAR(optimizer->recommend()->point[0], 0.3, 1e-5);
}

TEST(SequentialOptimizer, PassesOnWhatASearchThrows) {
    const auto optimizer = sequential_optimizer("test", {.dimension = 1, .batch = 1}, throwing);
    const Candidates candidates = optimizer->ask(1);
    optimizer->tell(candidates.ids, std::vector{1.0});
    EXPECT_THROW(static_cast<void>(optimizer->ask(1)), std::runtime_error);
    EXPECT_THROW(static_cast<void>(first_points(wanting_nothing, 1, 1)), Error);
}

// The optimality conditions of a convex quadratic in a box, checked for many random ones.
TEST(MinimizeInBox, MeetsTheOptimalityConditions) {
    math::RandomStream random(1, 0);
    for (int trial = 0; trial < 200; ++trial) {
        const Eigen::Index d = 1 + trial % 12;
        const MatrixXd a = random_matrix(d, d, random);
        const MatrixXd matrix = a * a.transpose() + 0.01 * MatrixXd::Identity(d, d);
        const VectorXd gradient = random_vector(d, random);
        const VectorXd lower = -random_vector(d, random).cwiseAbs();
        VectorXd upper = random_vector(d, random).cwiseAbs();
        if (trial % 3 == 0) upper(0) = 0;  // at a bound
        const VectorXd p = minimize_in_box(gradient, matrix, lower, upper);
        const VectorXd slope = gradient + matrix * p;
        for (Eigen::Index j = 0; j < d; ++j) {
            ASSERT_GE(p(j), lower(j));
            ASSERT_LE(p(j), upper(j));
            if (p(j) > lower(j)) {
                EXPECT_LE(slope(j), 1e-9);
            }
            if (p(j) < upper(j)) {
                EXPECT_GE(slope(j), -1e-9);
            }
        }
    }
}

TEST(MinimizeInBox, SurvivesBadMatrices) {
    const VectorXd one = VectorXd::Ones(2);
    EXPECT_TRUE(minimize_in_box(one, MatrixXd::Zero(2, 2), -one, one).allFinite());
    EXPECT_TRUE(minimize_in_box(one, -MatrixXd::Identity(2, 2), -one, one).allFinite());
    EXPECT_TRUE(minimize_in_box(one, MatrixXd::Constant(2, 2, std::nan("")), -one, one).allFinite());
}

TEST(FitQuadratic, RecoversAQuadratic) {
    math::RandomStream random(2, 0);
    const MatrixXd a = random_matrix(4, 4, random);
    const Quadratic truth{random_vector(4, random), a + a.transpose()};
    const MatrixXd z = random_matrix(4, 20, random);
    VectorXd values(20);
    for (Eigen::Index i = 0; i < 20; ++i) values(i) = truth(z.col(i));
    const Quadratic fitted = fit_quadratic(z, values, {VectorXd::Zero(4), MatrixXd::Zero(4, 4)}, true);
    EXPECT_LT((fitted.gradient - truth.gradient).norm(), 1e-10);
    EXPECT_LT((fitted.matrix - truth.matrix).norm(), 1e-10);
}

TEST(FitQuadratic, ChangesAsLittleAsTheDataAllow) {
    math::RandomStream random(3, 0);
    const MatrixXd a = random_matrix(4, 4, random);
    const Quadratic truth{random_vector(4, random), a + a.transpose()};
    const MatrixXd z = random_matrix(4, 6, random);  // too few for 14 coefficients
    VectorXd values(6);
    for (Eigen::Index i = 0; i < 6; ++i) values(i) = truth(z.col(i));
    // What was right before stays right; what was wrong before fits the data.
    const Quadratic kept = fit_quadratic(z, values, {VectorXd::Zero(4), truth.matrix}, true);
    EXPECT_LT((kept.matrix - truth.matrix).norm(), 1e-3);
    const Quadratic fitted = fit_quadratic(z, values, {VectorXd::Zero(4), MatrixXd::Zero(4, 4)}, true);
    for (Eigen::Index i = 0; i < 6; ++i) EXPECT_NEAR(fitted(z.col(i)), values(i), 1e-9);
}

TEST(Convex, TurnsNegativeCurvatureRound) {
    const Quadratic saddle{VectorXd::Ones(2), VectorXd(Eigen::Vector2d(2, -3)).asDiagonal()};
    const Quadratic turned = convex(saddle);
    EXPECT_NEAR(turned.matrix(0, 0), 2, 1e-12);
    EXPECT_NEAR(turned.matrix(1, 1), 3, 1e-12);
}

}  // namespace
}  // namespace spikesmith
