#include "spikesmith/optimize/gaussian_process.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith {
namespace {

Array2 random_points(std::size_t n, std::size_t dimension, std::uint64_t seed) {
    math::RandomStream random(seed, 0);
    Array2 points(n, dimension);
    for (double& u : points.values) u = random.next_uniform();
    return points;
}

std::vector<double> values_at(const Array2& points) {
    std::vector<double> values;
    for (std::size_t r = 0; r < points.rows; ++r) {
        double value = 3;
        for (std::size_t j = 0; j < points.columns; ++j) {
            value += std::sin(4 * points(r, j) + static_cast<double>(j)) / static_cast<double>(1 + j);
        }
        values.push_back(value);
    }
    return values;
}

// The textbook formulas by Gauss-Jordan elimination in long double, without any of the code under test.
class Naive {
  public:
    using Real = long double;
    Naive(const Array2& points, std::span<const double> values, const GaussianProcessKernel& kernel)
        : points_(points), kernel_(kernel), n_(points.rows) {
        std::vector<std::vector<Real>> a(n_, std::vector<Real>(2 * n_, 0));
        for (std::size_t r = 0; r < n_; ++r) {
            for (std::size_t c = 0; c < n_; ++c) a[r][c] = correlation(points.row(r), points.row(c));
            a[r][r] += kernel.noise;
            a[r][n_ + r] = 1;
        }
        for (std::size_t k = 0; k < n_; ++k) {
            const Real pivot = a[k][k];
            log_determinant_ += std::log(pivot);
            for (Real& entry : a[k]) entry /= pivot;
            for (std::size_t r = 0; r < n_; ++r) {
                const Real factor = a[r][k];
                if (r == k || factor == 0) continue;
                for (std::size_t c = 0; c < 2 * n_; ++c) a[r][c] -= factor * a[k][c];
            }
        }
        Real top = 0;
        Real bottom = 0;
        for (std::size_t r = 0; r < n_; ++r) {
            for (std::size_t c = 0; c < n_; ++c) {
                top += a[r][n_ + c] * values[c];
                bottom += a[r][n_ + c];
            }
        }
        mean = top / bottom;
        inverse_.assign(n_, std::vector<Real>(n_));
        weights_.assign(n_, 0);
        for (std::size_t r = 0; r < n_; ++r) {
            for (std::size_t c = 0; c < n_; ++c) {
                inverse_[r][c] = a[r][n_ + c];
                weights_[r] += inverse_[r][c] * (values[c] - mean);
            }
            variance += weights_[r] * (values[r] - mean) / static_cast<Real>(n_);
        }
    }

    [[nodiscard]] Real correlation(std::span<const double> x, std::span<const double> y) const {
        Real square = 0;
        for (std::size_t j = 0; j < x.size(); ++j) {
            const Real d = (skewed(x[j], j) - skewed(y[j], j)) / kernel_.length_scales[j];
            square += d * d;
        }
        const Real r = std::sqrt(square);
        return (1 + std::sqrt(5.0L) * r + 5 * square / 3) * std::exp(-std::sqrt(5.0L) * r);
    }
    [[nodiscard]] Real skewed(Real u, std::size_t j) const {
        if (kernel_.skews.empty() || kernel_.skews[j] == 0) return u;
        return (1 - std::exp(-kernel_.skews[j] * u)) / (1 - std::exp(-Real(kernel_.skews[j])));
    }
    [[nodiscard]] Prediction predict(std::span<const double> point, Real variance_of_signal) const {
        std::vector<Real> k(n_);
        for (std::size_t r = 0; r < n_; ++r) k[r] = correlation(point, points_.row(r));
        Real at = mean;
        Real left = 1;
        for (std::size_t r = 0; r < n_; ++r) {
            at += k[r] * weights_[r];
            for (std::size_t c = 0; c < n_; ++c) left -= k[r] * inverse_[r][c] * k[c];
        }
        return {static_cast<double>(at), static_cast<double>(std::sqrt(variance_of_signal * left))};
    }
    [[nodiscard]] double likelihood() const {
        return static_cast<double>(-0.5L * (static_cast<Real>(n_) * std::log(variance) + log_determinant_));
    }

    Real mean = 0;
    Real variance = 0;

  private:
    const Array2& points_;
    const GaussianProcessKernel& kernel_;
    std::size_t n_;
    std::vector<std::vector<Real>> inverse_;
    std::vector<Real> weights_;
    Real log_determinant_ = 0;
};

const GaussianProcessKernel plain{{0.4, 0.9, 0.6}, 1e-4, {}};
const GaussianProcessKernel skew{{0.4, 0.9, 0.6}, 1e-3, {2.5, -1.2, 0}};

TEST(GaussianProcess, TwoPointsInClosedForm) {
    Array2 points(2, 1);
    points(1, 0) = 1;
    const GaussianProcess process(points, std::vector{1.0, 3.0}, {{0.5}, 0.1, {}});
    const double c = (1 + std::sqrt(5.0) * 2 + 5 * 4.0 / 3) * std::exp(-std::sqrt(5.0) * 2);
    EXPECT_NEAR(process.mean(), 2, 1e-14);
    // (-1, 1) is an eigenvector of the correlations, to the value 1.1 - c
    EXPECT_NEAR(process.variance(), 1 / (1.1 - c), 1e-14);
    EXPECT_NEAR(process.predict(std::vector{0.0}).mean, 2 + (c - 1) / (1.1 - c), 1e-14);
    EXPECT_NEAR(process.predict(std::vector{0.5}).mean, 2, 1e-14);
}

TEST(GaussianProcess, AgreesWithTheTextbook) {
    const Array2 points = random_points(25, 3, 1);
    const auto values = values_at(points);
    const Array2 others = random_points(10, 3, 2);
    for (const auto& kernel : {plain, skew}) {
        const Naive naive(points, values, kernel);
        GaussianProcess process(points, values, kernel);
        EXPECT_NEAR(process.mean(), static_cast<double>(naive.mean), 1e-10);
        EXPECT_NEAR(process.variance(), static_cast<double>(naive.variance), 1e-9 * process.variance());
        EXPECT_NEAR(profile_likelihood(points, values, kernel).value, naive.likelihood(), 1e-8);
        process.watch(others);
        for (std::size_t r = 0; r < others.rows; ++r) {
            const Prediction expected = naive.predict(others.row(r), naive.variance);
            const Prediction found = process.predict(others.row(r));
            EXPECT_NEAR(found.mean, expected.mean, 1e-9);
            EXPECT_NEAR(found.deviation, expected.deviation, 1e-9);
            EXPECT_NEAR(process.watched_means()[r], expected.mean, 1e-9);
            EXPECT_NEAR(process.watched_deviations()[r], expected.deviation, 1e-9);
        }
    }
}

TEST(GaussianProcess, GradientOfTheLikelihoodIsThatOfDifferences) {
    const Array2 points = random_points(20, 3, 3);
    const auto values = values_at(points);
    for (const auto& kernel : {plain, skew}) {
        const ProfileLikelihood likelihood = profile_likelihood(points, values, kernel);
        ASSERT_EQ(likelihood.gradient.size(), 4 + kernel.skews.size());
        for (std::size_t k = 0; k < likelihood.gradient.size(); ++k) {
            const double step = 1e-5;
            const auto moved = [&](double by) {
                GaussianProcessKernel changed = kernel;
                if (k < 3) {
                    changed.length_scales[k] *= std::exp(by);
                } else if (k == 3) {
                    changed.noise *= std::exp(by);
                } else {
                    changed.skews[k - 4] += by;
                }
                return profile_likelihood(points, values, changed).value;
            };
            const double expected = (moved(step) - moved(-step)) / (2 * step);
            EXPECT_NEAR(likelihood.gradient[k], expected, 1e-5 * (1 + std::fabs(expected))) << k;
        }
    }
}

TEST(GaussianProcess, GradientsOfPredictionsAreThoseOfDifferences) {
    const Array2 points = random_points(20, 3, 4);
    for (const auto& kernel : {plain, skew}) {
        GaussianProcess process(points, values_at(points), kernel);
        process.add(std::vector{0.1, 0.2, 0.9}, 2.5, 0.3);
        std::vector<double> x{0.31, 0.62, 0.45};
        std::vector<double> mean_gradient(3);
        std::vector<double> deviation_gradient(3);
        const Prediction at = process.predict(x, mean_gradient, deviation_gradient);
        EXPECT_DOUBLE_EQ(at.mean, process.predict(x).mean);
        EXPECT_DOUBLE_EQ(at.deviation, process.predict(x).deviation);
        for (std::size_t j = 0; j < 3; ++j) {
            const double step = 1e-6;
            std::vector<double> up = x;
            std::vector<double> down = x;
            up[j] += step;
            down[j] -= step;
            const Prediction above = process.predict(up);
            const Prediction below = process.predict(down);
            EXPECT_NEAR(mean_gradient[j], (above.mean - below.mean) / (2 * step), 1e-6);
            EXPECT_NEAR(deviation_gradient[j], (above.deviation - below.deviation) / (2 * step), 1e-6);
        }
    }
}

TEST(GaussianProcess, AddedValuesAreLikeThoseGivenAtOnce) {
    const Array2 points = random_points(90, 3, 5);
    const auto values = values_at(points);
    Array2 first(10, 3);
    std::copy_n(points.values.begin(), 30, first.values.begin());
    GaussianProcess process(first, std::span(values).first(10), skew);
    const Array2 watched = random_points(7, 3, 6);
    process.watch(watched);
    for (std::size_t r = 10; r < 90; ++r) process.add(points.row(r), values[r]);
    EXPECT_EQ(process.size(), 90U);
    // The constant mean is that of the first ten values, so the textbook gets values from which it finds 0.
    std::vector<double> centered = values;
    for (double& v : centered) v -= process.mean();
    Naive naive(points, centered, skew);
    std::vector<double> zero(90, 0.0);
    const GaussianProcess whole(points, values, skew);
    for (std::size_t r = 0; r < watched.rows; ++r) {
        const Prediction at = process.predict(watched.row(r));
        EXPECT_NEAR(process.watched_means()[r], at.mean, 1e-10);
        EXPECT_NEAR(process.watched_deviations()[r], at.deviation, 1e-10);
        EXPECT_NEAR(at.deviation, naive.predict(watched.row(r), process.variance()).deviation, 1e-8);
        // means differ by what the other constant mean does far from all points: little here
        EXPECT_NEAR(at.mean, whole.predict(watched.row(r)).mean, 2e-2);
    }
}

TEST(GaussianProcess, BelievingAPredictionChangesNoMean) {
    const Array2 points = random_points(15, 3, 7);
    GaussianProcess process(points, values_at(points), plain);
    const Array2 watched = random_points(20, 3, 8);
    process.watch(watched);
    const std::vector<double> means(process.watched_means().begin(), process.watched_means().end());
    const std::vector<double> deviations(process.watched_deviations().begin(), process.watched_deviations().end());
    const std::vector<double> x{0.5, 0.5, 0.5};
    process.add(x, process.predict(x).mean);
    for (std::size_t r = 0; r < watched.rows; ++r) {
        EXPECT_NEAR(process.watched_means()[r], means[r], 1e-12);
        EXPECT_LE(process.watched_deviations()[r], deviations[r] + 1e-12);
    }
    EXPECT_LT(process.predict(x).deviation, 0.02 * std::sqrt(process.variance()));
}

TEST(GaussianProcess, NoiseOfAValueOfItsOwnWeakensIt) {
    const Array2 points = random_points(15, 3, 9);
    const auto values = values_at(points);
    const std::vector<double> x{0.5, 0.5, 0.5};
    double last = GaussianProcess(points, values, plain).predict(x).mean;
    const double before = last;
    for (const double noise : {1e6, 1.0, 1e-6}) {
        GaussianProcess process(points, values, plain);
        process.add(x, 10, noise);
        EXPECT_GT(process.predict(x).mean, last);
        last = process.predict(x).mean;
    }
    EXPECT_GT(last, 0.5 * (10 + before));
}

TEST(GaussianProcess, FitFindsWhichCoordinatesMatter) {
    const Array2 points = random_points(60, 3, 10);
    std::vector<double> values;
    for (std::size_t r = 0; r < points.rows; ++r) values.push_back(std::sin(9 * points(r, 0)) + points(r, 1));
    const GaussianProcessKernel kernel = fit_kernel(points, values);
    EXPECT_LT(kernel.length_scales[0], 0.5 * kernel.length_scales[1]);
    EXPECT_GT(kernel.length_scales[2], kernel.length_scales[1]);
    EXPECT_LT(kernel.noise, 1e-3);
    const GaussianProcess process(points, values, kernel);
    const Array2 others = random_points(50, 3, 11);
    for (std::size_t r = 0; r < others.rows; ++r) {
        EXPECT_NEAR(process.predict(others.row(r)).mean, std::sin(9 * others(r, 0)) + others(r, 1), 0.1);
    }
}

TEST(GaussianProcess, FitFindsNoise) {
    const Array2 points = random_points(120, 1, 12);
    math::RandomStream random(13, 0);
    std::vector<double> values;
    for (const double u : points.values) values.push_back(std::sin(6 * u) + 0.2 * random.next_normal());
    const GaussianProcessKernel kernel = fit_kernel(points, values);
    const GaussianProcess process(points, values, kernel);
    EXPECT_NEAR(std::sqrt(kernel.noise * process.variance()), 0.2, 0.05);
}

TEST(GaussianProcess, FitFindsWhereTheFunctionChangesFast) {
    const Array2 points = random_points(60, 2, 14);
    std::vector<double> values;
    for (std::size_t r = 0; r < points.rows; ++r) {
        values.push_back(std::cos(8 * std::log(points(r, 0) + 0.1)) + std::cos(8 * std::log(1.1 - points(r, 1))));
    }
    const GaussianProcessKernel kernel = fit_kernel(points, values);
    EXPECT_GT(kernel.skews[0], 0.5);
    EXPECT_LT(kernel.skews[1], -0.5);
    KernelFitOptions straight;
    straight.skew_deviation = 0;
    EXPECT_TRUE(fit_kernel(points, values, straight).skews.empty());
}

TEST(GaussianProcess, FitEndsAtAMaximum) {
    const Array2 points = random_points(30, 2, 15);
    const auto values = values_at(points);
    KernelFitOptions options;
    options.evaluations = 400;
    options.skew_deviation = 0;
    const auto posterior = [&](const GaussianProcessKernel& kernel) {
        double value = profile_likelihood(points, values, kernel).value;
        const auto prior = [&](double x, double median, double deviation) {
            const double z = std::log(x / median) / deviation;
            value -= 0.5 * z * z;
        };
        for (const double l : kernel.length_scales)
            prior(l, options.typical_length * std::sqrt(2.0), options.length_deviation);
        prior(kernel.noise, options.typical_noise, options.noise_deviation);
        return value;
    };
    const GaussianProcessKernel best = fit_kernel(points, values, options);
    for (const double factor : {0.9, 1.1}) {
        for (std::size_t k = 0; k < 2; ++k) {
            GaussianProcessKernel other = best;
            other.length_scales[k] *= factor;
            EXPECT_LT(posterior(other), posterior(best) + 1e-6);
        }
        GaussianProcessKernel other = best;
        other.noise = std::max(best.noise * factor, options.smallest_noise);
        EXPECT_LT(posterior(other), posterior(best) + 1e-6);
    }
}

TEST(GaussianProcess, EqualValuesAndCoincidingPointsWork) {
    const Array2 points(5, 2, 0.5);
    const GaussianProcessKernel kernel = fit_kernel(points, std::vector(5, 1.0));
    GaussianProcess process(points, std::vector(5, 1.0), kernel);
    process.add(std::vector{0.5, 0.5}, 1);
    EXPECT_DOUBLE_EQ(process.predict(std::vector{0.5, 0.5}).mean, 1);
    EXPECT_EQ(process.predict(std::vector{0.1, 0.5}).deviation, 0);
}

TEST(GaussianProcess, WrongInputIsRefused) {
    const Array2 points = random_points(5, 3, 1);
    const std::vector<double> values(5, 1.0);
    const auto refuse = [&](const Array2& p, const std::vector<double>& v, const GaussianProcessKernel& kernel) {
        EXPECT_THROW(GaussianProcess(p, v, kernel), NumericalError);
    };
    refuse(points, std::vector(4, 1.0), plain);
    refuse(Array2(0, 3), {}, plain);
    refuse(points, {1, 2, 3, 4, std::numeric_limits<double>::quiet_NaN()}, plain);
    refuse(points, values, {{1, 1}, 0.1, {}});
    refuse(points, values, {{1, 1, -1}, 0.1, {}});
    refuse(points, values, {{1, 1, 1}, 0, {}});
    refuse(points, values, {{1, 1, 1}, 0.1, {1}});
}

}  // namespace
}  // namespace spikesmith
