// Raw traces whose posterior is known.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include <gtest/gtest.h>

#include "spikesmith/core/array.hpp"
#include "spikesmith/infer/inference.hpp"
#include "spikesmith/infer/posterior.hpp"
#include "spikesmith/math/random_stream.hpp"

namespace spikesmith::test {

// Traces theta_1 b_1 + theta_2 b_2 + noise with theta ~ N(0, 1) and orthogonal b, sine and cosine or a constant and nothing: the posterior
// is normal, with precision p = 1 + |b|^2 / noise^2 and mean b'x / noise^2 / p for each parameter.
struct NormalTraces {
    std::size_t length;
    double noise = 1;
    bool constant = false;
    [[nodiscard]] double basis(std::size_t d, std::size_t k) const {
        if (constant) return d == 0 ? 1 : 0;
        const double phase = 2 * std::numbers::pi * 3 * static_cast<double>(k) / static_cast<double>(length);
        return d == 0 ? std::sin(phase) : std::cos(phase);
    }
    [[nodiscard]] double precision(std::size_t d) const {
        double sum = 0;
        for (std::size_t k = 0; k < length; ++k) sum += basis(d, k) * basis(d, k);
        return 1 + sum / (noise * noise);
    }
    [[nodiscard]] double mean(std::size_t d, const Array2& x) const {
        double sum = 0;
        for (std::size_t k = 0; k < length; ++k) sum += basis(d, k) * x(0, k);
        return sum / (noise * noise * precision(d));
    }
    [[nodiscard]] Array2 simulate(const Array2& theta, std::uint64_t seed) const {
        Array2 x(theta.rows, length);
        math::RandomStream random(seed, 5);
        for (std::size_t i = 0; i < theta.rows; ++i) {
            for (std::size_t k = 0; k < length; ++k)
                x(i, k) = theta(i, 0) * basis(0, k) + theta(i, 1) * basis(1, k) + noise * random.next_normal();
        }
        return x;
    }
};

inline Prior normal_traces_prior() {
    return Prior({normal_prior("a", {0, {}}, {1, {}}), normal_prior("b", {0, {}}, {1, {}})});
}

// `wider`: by how much the posterior may be wider than the known one; a network learns the sums over the trace from few simulations.
inline void expect_known(const NormalTraces& traces, const Array2& x, const Array2& samples, double tolerance,
                         double wider) {
    const auto n = static_cast<double>(samples.rows);
    for (std::size_t d = 0; d < 2; ++d) {
        double mean = 0;
        double square = 0;
        for (std::size_t i = 0; i < samples.rows; ++i) {
            mean += samples(i, d) / n;
            square += samples(i, d) * samples(i, d) / n;
        }
        EXPECT_NEAR(mean, traces.mean(d, x), tolerance) << d;
        const double ratio = std::sqrt(square - mean * mean) * std::sqrt(traces.precision(d));
        EXPECT_GT(ratio, 0.75) << d;
        EXPECT_LT(ratio, wider) << d;
    }
}

// A trace of known parameters.
inline Array2 observed_trace(const NormalTraces& traces) {
    Array2 truth(1, 2);
    truth.values = {0.7, -0.9};
    return traces.simulate(truth, 99);
}

}  // namespace spikesmith::test
