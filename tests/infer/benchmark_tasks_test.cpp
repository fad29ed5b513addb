// The benchmark tasks agree with their published reference posteriors, and C2ST with what is known of it.
#include "infer/benchmark_tasks.hpp"

#include <numbers>
#include <random>

#include "infer/two_sample_test.hpp"
#include <gtest/gtest.h>

#include "spikesmith/infer/chains.hpp"

namespace spikesmith::test {
namespace {

const std::filesystem::path folder = SPIKESMITH_TEST_DATA "/sbi";

Array2 reference(const std::string& task) {
    return read_reference_table(folder / (task + "_reference.csv"));
}

std::vector<double> observation(const std::string& task) {
    return read_reference_table(folder / (task + "_observation.csv")).values;
}

Array2 normal_samples(std::size_t n, std::size_t dimension, double shift, std::uint64_t seed) {
    Array2 samples(n, dimension);
    math::RandomStream random(seed, 1);
    for (double& value : samples.values) value = random.next_normal();
    for (std::size_t i = 0; i < n; ++i) samples(i, 0) += shift;
    return samples;
}

TEST(C2st, KnowsTheBestPossibleAccuracy) {
    // normals at a distance d are told apart at best with probability Phi(d / 2)
    const Array2 here = normal_samples(2000, 2, 0, 1);
    EXPECT_NEAR(c2st(here, normal_samples(2000, 2, 0, 2)), 0.5, 0.035);
    EXPECT_NEAR(c2st(here, normal_samples(2000, 2, 1, 3)), normal_cumulative(0.5), 0.03);
    EXPECT_GT(c2st(here, normal_samples(2000, 2, 12, 4)), 0.999);
}

// Uniform numbers as NumPy's RandomState(seed).random_sample() gives them, and normals from pairs of them.
Array2 twister_normals(std::uint32_t seed, std::size_t n, std::size_t dimension) {
    std::mt19937 twister(seed);
    const auto uniform = [&] {
        const auto high = static_cast<double>(twister() >> 5);
        const auto low = static_cast<double>(twister() >> 6);
        return (high * 67108864 + low) / 9007199254740992;
    };
    Array2 samples(n, dimension);
    for (double& value : samples.values) {
        const double radius = std::sqrt(-2 * std::log(1 - uniform()));
        value = radius * std::cos(2 * std::numbers::pi * uniform());
    }
    return samples;
}

// What scikit-learn 1.9.1 gives for the same samples: MLPClassifier(hidden_layer_sizes=(10 D, 10 D), max_iter=10000), KFold(5,
// shuffle=True), mean over random_state 1, 2, 3.
TEST(C2st, AgreesWithScikitLearn) {
    struct Case {
        const char* name;
        std::size_t dimension;
        double expected;
    };
    for (const Case& one : {Case{"correlated", 2, 0.6164}, Case{"scaled", 4, 0.5696}, Case{"heavy", 2, 0.7052}}) {
        const Array2 first = twister_normals(1, 2000, one.dimension);
        EXPECT_NEAR(first(0, 0), -0.19258034, 1e-8);
        Array2 second = twister_normals(2, 2000, one.dimension);
        for (std::size_t i = 0; i < second.rows; ++i) {
            const std::span<double> row = second.row(i);
            if (one.name == std::string("correlated")) row[1] = 0.6 * row[0] + 0.8 * row[1];
            if (one.name == std::string("scaled")) row[0] *= 1.5;
            if (one.name == std::string("heavy")) {
                for (double& value : row) value *= std::abs(value);
            }
        }
        EXPECT_NEAR(c2st(first, second), one.expected, 0.02) << one.name;
    }
}

// Means and deviations of both agree within their errors. (C2ST would need thousands of samples in many dimensions.)
void expect_same_moments(const Array2& reference, const Array2& samples) {
    const auto moments = [](const Array2& table, std::size_t d) {
        double mean = 0;
        double variance = 0;
        const auto n = static_cast<double>(table.rows);
        for (std::size_t i = 0; i < table.rows; ++i) mean += table(i, d) / n;
        for (std::size_t i = 0; i < table.rows; ++i) variance += (table(i, d) - mean) * (table(i, d) - mean) / (n - 1);
        return std::pair(mean, std::sqrt(variance));
    };
    for (std::size_t d = 0; d < reference.columns; ++d) {
        const auto [mean, deviation] = moments(reference, d);
        const auto [other_mean, other_deviation] = moments(samples, d);
        const double error = std::sqrt(2.0 / static_cast<double>(std::min(reference.rows, samples.rows)));
        EXPECT_NEAR(other_mean, mean, 5 * error * deviation) << d;
        EXPECT_NEAR(other_deviation / deviation, 1, 5 * error) << d;
    }
}

// The posterior of this task in closed form.
TEST(BenchmarkTasks, GaussianLinear) {
    const std::vector<double> x = observation("gaussian_linear");
    Array2 samples(500, 10);
    math::RandomStream random(3, 1);
    for (std::size_t i = 0; i < samples.rows; ++i) {
        for (std::size_t d = 0; d < 10; ++d) samples(i, d) = 0.5 * x[d] + std::sqrt(0.05) * random.next_normal();
    }
    expect_same_moments(reference("gaussian_linear"), samples);
}

// Samples of the exact posterior in the prior's coordinates, by chains.
Array2 exact(const BenchmarkTask& task, const std::function<double(std::span<const double>)>& log_likelihood,
             ChainMethod method) {
    const LogDensity density = [&](const Array2& u, std::span<double> values, Array2*) {
        std::vector<double> theta(u.columns);
        for (std::size_t i = 0; i < u.rows; ++i) {
            task.prior.from_normal(u.row(i), theta);
            values[i] = log_likelihood(theta);
            for (const double value : u.row(i)) values[i] += normal_log_density(value);
        }
    };
    const Array2 pool = task.prior.to_normal(task.prior.sample(20000, 3));
    return task.prior.from_normal(
        sample_chains(density, pool, 500, {.method = method, .num_chains = 250, .warmup_steps = 60}).samples);
}

TEST(BenchmarkTasks, TwoMoons) {
    const std::vector<double> x = observation("two_moons");
    const Array2 samples = exact(
        two_moons(),
        [&](std::span<const double> theta) {
            const double px = x[0] + std::abs(theta[0] + theta[1]) / std::numbers::sqrt2 - 0.25;
            const double py = x[1] - (theta[1] - theta[0]) / std::numbers::sqrt2;
            if (px < 0) return -std::numeric_limits<double>::infinity();
            const double r = std::hypot(px, py);
            return normal_log_density((r - 0.1) / 0.01) - std::log(r);
        },
        ChainMethod::slice);
    EXPECT_NEAR(c2st(reference("two_moons"), samples), 0.5, 0.07);
}

TEST(BenchmarkTasks, Slcp) {
    const std::vector<double> x = observation("slcp");
    const Array2 samples = exact(
        slcp(),
        [&](std::span<const double> theta) {
            const double s1 = theta[2] * theta[2];
            const double s2 = theta[3] * theta[3];
            const double a = s1 * s1 + 1e-6;
            const double b = s2 * s2 + 1e-6;
            const double c = std::tanh(theta[4]) * s1 * s2;
            const double determinant = a * b - c * c;
            double sum = 0;
            for (std::size_t k = 0; k < 4; ++k) {
                const double dx = x[2 * k] - theta[0];
                const double dy = x[2 * k + 1] - theta[1];
                sum -= 0.5 * (b * dx * dx - 2 * c * dx * dy + a * dy * dy) / determinant + 0.5 * std::log(determinant);
            }
            return sum;
        },
        ChainMethod::slice);
    expect_same_moments(reference("slcp"), samples);
}

TEST(BenchmarkTasks, BernoulliGlm) {
    const std::vector<double> stimulus = read_reference_table(folder / "bernoulli_glm_stimulus.csv").values;
    const std::vector<double> x = observation("bernoulli_glm");
    const Array2 samples = exact(
        bernoulli_glm(stimulus),
        [&](std::span<const double> theta) {  // x is sufficient: log p = theta . x - sum log(1 + exp(drive))
            double sum = 0;
            for (std::size_t d = 0; d < 10; ++d) sum += theta[d] * x[d];
            for (std::size_t t = 0; t < stimulus.size(); ++t) {
                double drive = theta[0];
                for (std::size_t lag = 0; lag < 9 && lag <= t; ++lag) drive += theta[lag + 1] * stimulus[t - lag];
                sum -= std::log1p(std::exp(-std::abs(drive))) + std::max(drive, 0.0);
            }
            return sum;
        },
        ChainMethod::slice);
    expect_same_moments(reference("bernoulli_glm"), samples);
}

// The simulators at the reference samples give data like the observation.
TEST(BenchmarkTasks, SimulationsOfReferenceSamplesSurroundTheObservation) {
    for (const BenchmarkTask& task : benchmark_tasks(folder / "bernoulli_glm_stimulus.csv")) {
        const Array2 x = task.run(reference(task.name), 1);
        const std::vector<double> observed = observation(task.name);
        ASSERT_EQ(x.columns, observed.size()) << task.name;
        for (std::size_t c = 0; c < x.columns; ++c) {
            double below = 0;
            for (std::size_t i = 0; i < x.rows; ++i)
                below += (x(i, c) < observed[c]    ? 1.0
                          : x(i, c) == observed[c] ? 0.5
                                                   : 0.0) /
                         static_cast<double>(x.rows);
            EXPECT_GT(below, 0.002) << task.name << " " << c;
            EXPECT_LT(below, 0.998) << task.name << " " << c;
        }
    }
}

}  // namespace
}  // namespace spikesmith::test
