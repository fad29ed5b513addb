// The benchmark tasks of simulation-based inference: J.-M. Lueckmann, J. Boelts, D. Greenberg, P. Goncalves, J. Macke, Benchmarking
// simulation-based inference, AISTATS 2021. Priors and simulators from the paper's appendix T; observations and reference
// samples from its public data (tests/data/README.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <numbers>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <Eigen/Dense>

#include "spikesmith/core/array.hpp"
#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/infer/prior.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::test {

struct BenchmarkTask {
    std::string name;
    Prior prior;
    std::size_t features = 0;
    // theta to x; the random numbers are the task's own
    std::function<void(std::span<const double> theta, math::RandomStream& random, std::span<double> x)> simulate;

    [[nodiscard]] Array2 run(const Array2& theta, std::uint64_t seed, std::uint64_t first = 0) const {
        Array2 x(theta.rows, features);
        for (std::size_t i = 0; i < theta.rows; ++i) {
            math::RandomStream random(seed, 0x7461736b00000000 + first + i);
            simulate(theta.row(i), random, x.row(i));
        }
        return x;
    }
};

inline Prior box_prior(std::size_t dimension, double bound) {
    std::vector<ParameterPrior> parameters;
    for (std::size_t d = 0; d < dimension; ++d)
        parameters.push_back(uniform_prior("parameter_" + std::to_string(d + 1), {-bound, {}}, {bound, {}}));
    return Prior(std::move(parameters));
}

inline BenchmarkTask two_moons() {
    return {"two_moons", box_prior(2, 1), 2,
            [](std::span<const double> theta, math::RandomStream& random, std::span<double> x) {
                const double angle = std::numbers::pi * (random.next_uniform() - 0.5);
                const double radius = 0.1 + 0.01 * random.next_normal();
                x[0] = radius * std::cos(angle) + 0.25 - std::abs(theta[0] + theta[1]) / std::numbers::sqrt2;
                x[1] = radius * std::sin(angle) + (theta[1] - theta[0]) / std::numbers::sqrt2;
            }};
}

inline void add_normal_noise(std::span<const double> theta, math::RandomStream& random, std::span<double> x) {
    for (std::size_t d = 0; d < theta.size(); ++d) x[d] = theta[d] + std::sqrt(0.1) * random.next_normal();
}

inline BenchmarkTask gaussian_linear() {
    std::vector<ParameterPrior> parameters;
    for (std::size_t d = 0; d < 10; ++d)
        parameters.push_back(normal_prior("parameter_" + std::to_string(d + 1), {0, {}}, {std::sqrt(0.1), {}}));
    return {"gaussian_linear", Prior(std::move(parameters)), 10, add_normal_noise};
}

inline BenchmarkTask gaussian_linear_uniform() {
    return {"gaussian_linear_uniform", box_prior(10, 1), 10, add_normal_noise};
}

inline BenchmarkTask gaussian_mixture() {
    return {"gaussian_mixture", box_prior(2, 10), 2,
            [](std::span<const double> theta, math::RandomStream& random, std::span<double> x) {
                const double deviation = random.next_uniform() < 0.5 ? 1 : 0.1;
                for (std::size_t d = 0; d < 2; ++d) x[d] = theta[d] + deviation * random.next_normal();
            }};
}

inline BenchmarkTask slcp() {
    return {"slcp", box_prior(5, 3), 8,
            [](std::span<const double> theta, math::RandomStream& random, std::span<double> x) {
                const double s1 = theta[2] * theta[2];
                const double s2 = theta[3] * theta[3];
                const double covariance = std::tanh(theta[4]) * s1 * s2;
                const double first = std::sqrt(s1 * s1 + 1e-6);
                const double slope = covariance / first;
                const double rest = std::sqrt(std::max(0.0, s2 * s2 + 1e-6 - slope * slope));
                for (std::size_t k = 0; k < 4; ++k) {
                    const double z = random.next_normal();
                    x[2 * k] = theta[0] + first * z;
                    x[2 * k + 1] = theta[1] + slope * z + rest * random.next_normal();
                }
            }};
}

// `stimulus`: the 100 values of white noise of the task.
inline BenchmarkTask bernoulli_glm(const std::vector<double>& stimulus) {
    constexpr Eigen::Index lags = 9;
    Eigen::MatrixXd differences = Eigen::MatrixXd::Identity(lags, lags);
    for (Eigen::Index i = 1; i < lags; ++i) differences(i, i - 1) = -1;
    Eigen::MatrixXd smooth = differences * differences;
    for (Eigen::Index i = 0; i < lags; ++i) smooth(i, i) += std::sqrt(static_cast<double>(i) / lags);
    const Eigen::MatrixXd covariance = (smooth.transpose() * smooth).inverse();
    Array2 all(lags + 1, lags + 1);
    all(0, 0) = 2;
    for (Eigen::Index i = 0; i < lags; ++i) {
        for (Eigen::Index j = 0; j < lags; ++j)
            all(static_cast<std::size_t>(i) + 1, static_cast<std::size_t>(j) + 1) =
                0.5 * (covariance(i, j) + covariance(j, i));
    }
    std::vector<std::string> names;
    for (std::size_t d = 0; d < 10; ++d) names.push_back("parameter_" + std::to_string(d + 1));
    Prior prior = Prior::correlated_normal(names, std::vector<Dimension>(10), std::vector<double>(10, 0.0), all);
    return {"bernoulli_glm", std::move(prior), 10,
            [stimulus](std::span<const double> theta, math::RandomStream& random, std::span<double> x) {
                std::ranges::fill(x, 0.0);
                for (std::size_t t = 0; t < stimulus.size(); ++t) {
                    double drive = theta[0];
                    for (std::size_t lag = 0; lag < 9 && lag <= t; ++lag) drive += theta[lag + 1] * stimulus[t - lag];
                    if (!(random.next_uniform() < 1 / (1 + std::exp(-drive)))) continue;
                    x[0] += 1;
                    for (std::size_t lag = 0; lag < 9 && lag <= t; ++lag) x[lag + 1] += stimulus[t - lag];
                }
            }};
}

// Classical Runge-Kutta steps of length h.
template <std::size_t N, class Slope>
void runge_kutta(std::array<double, N>& u, double h, const Slope& slope) {
    const auto moved = [&](const std::array<double, N>& k, double by) {
        std::array<double, N> result = u;
        for (std::size_t i = 0; i < N; ++i) result[i] += by * k[i];
        return result;
    };
    const auto k1 = slope(u);
    const auto k2 = slope(moved(k1, h / 2));
    const auto k3 = slope(moved(k2, h / 2));
    const auto k4 = slope(moved(k3, h));
    for (std::size_t i = 0; i < N; ++i) u[i] += h / 6 * (k1[i] + 2 * k2[i] + 2 * k3[i] + k4[i]);
}

inline Prior log_normal_product(const std::vector<std::array<double, 2>>& log_mean_and_deviation) {
    std::vector<ParameterPrior> parameters;
    for (const auto& [mean, deviation] : log_mean_and_deviation) {
        parameters.push_back(
            log_normal_prior("parameter_" + std::to_string(parameters.size() + 1), {std::exp(mean), {}}, deviation));
    }
    return Prior(std::move(parameters));
}

inline BenchmarkTask lotka_volterra() {
    return {"lotka_volterra", log_normal_product({{-0.125, 0.5}, {-3, 0.5}, {-0.125, 0.5}, {-3, 0.5}}), 20,
            [](std::span<const double> theta, math::RandomStream& random, std::span<double> x) {
                std::array<double, 2> u{30, 1};
                const auto slope = [&](const std::array<double, 2>& at) {
                    return std::array<double, 2>{theta[0] * at[0] - theta[1] * at[0] * at[1],
                                                 -theta[2] * at[1] + theta[3] * at[0] * at[1]};
                };
                for (std::size_t k = 0; k < 10; ++k) {  // every 2.1 time units
                    for (std::size_t i = 0; i < 2; ++i)
                        x[10 * i + k] = std::log(std::clamp(u[i], 1e-10, 1e4)) + 0.1 * random.next_normal();
                    for (int step = 0; step < 105 && k < 9; ++step) runge_kutta(u, 0.02, slope);
                }
                for (double& value : x) value = std::exp(value);
            }};
}

// By inversion of the distribution function.
inline double binomial(int n, double p, math::RandomStream& random) {
    const bool mirrored = p > 0.5;
    const double q = mirrored ? 1 - p : p;
    double rest = random.next_uniform();
    double probability = std::pow(1 - q, n);
    int k = 0;
    while (k < n && rest >= probability) {
        rest -= probability;
        probability *= q / (1 - q) * (n - k) / (k + 1.0);
        ++k;
    }
    return mirrored ? n - k : k;
}

inline BenchmarkTask sir() {
    return {"sir", log_normal_product({{std::log(0.4), 0.5}, {std::log(0.125), 0.2}}), 10,
            [](std::span<const double> theta, math::RandomStream& random, std::span<double> x) {
                constexpr double population = 1e6;
                std::array<double, 2> u{population - 1, 1};
                const auto slope = [&](const std::array<double, 2>& at) {
                    const double infections = theta[0] * at[0] * at[1] / population;
                    return std::array<double, 2>{-infections, infections - theta[1] * at[1]};
                };
                for (std::size_t k = 0; k < 10; ++k) {  // every 17 days
                    x[k] = binomial(1000, std::clamp(u[1] / population, 0.0, 1.0), random);
                    for (int step = 0; step < 170 && k < 9; ++step) runge_kutta(u, 0.1, slope);
                }
            }};
}

// A table of numbers with a header line; `.bz2` is unpacked by the program bzip2.
inline Array2 read_reference_table(const std::filesystem::path& path, std::size_t max_rows = 1000000) {
    std::string text;
    if (path.extension() == ".bz2") {
        struct Close {
            void operator()(std::FILE* file) const { pclose(file); }
        };
        const std::unique_ptr<std::FILE, Close> pipe(popen(("bzip2 -dc '" + path.string() + "'").c_str(), "r"));
        if (!pipe) throw std::runtime_error("cannot run bzip2");
        std::array<char, 65536> buffer{};
        while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe.get()))
            text.append(buffer.data(), n);
    } else {
        text = read_file(path);
    }
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    Array2 table;
    while (table.rows < max_rows && std::getline(lines, line)) {
        std::istringstream numbers(line);
        std::string number;
        std::size_t columns = 0;
        while (std::getline(numbers, number, ',')) {
            table.values.push_back(std::stod(number));
            ++columns;
        }
        table.columns = columns;
        ++table.rows;
    }
    if (table.rows == 0) throw std::runtime_error("no numbers in " + path.string());
    return table;
}

// All of them. `stimulus`: the file with that of bernoulli_glm.
inline std::vector<BenchmarkTask> benchmark_tasks(const std::filesystem::path& stimulus) {
    const std::vector<double> noise = read_reference_table(stimulus).values;
    std::vector<BenchmarkTask> tasks;
    tasks.push_back(two_moons());
    tasks.push_back(gaussian_linear());
    tasks.push_back(gaussian_linear_uniform());
    tasks.push_back(gaussian_mixture());
    tasks.push_back(slcp());
    tasks.push_back(bernoulli_glm(noise));
    tasks.push_back(lotka_volterra());
    tasks.push_back(sir());
    return tasks;
}

}  // namespace spikesmith::test
