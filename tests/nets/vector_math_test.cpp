// The networks' elementary functions, through the kernels, against the standard library in double precision.
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "spikesmith/nets/kernel_choice.hpp"

namespace spikesmith::nets::tests {
namespace {

std::vector<float> apply(InstructionSet set, void (*Kernels::*function)(Rows, Rows, std::size_t, std::size_t),
                         std::vector<float> x) {
    x.resize((x.size() + lane_group - 1) / lane_group * lane_group);
    const std::array<std::uint32_t, 1> first = {0};
    const Rows rows{.base = x.data(), .stride = x.size(), .index = first.data()};
    (kernels(set).*function)(rows, rows, 1, x.size());
    return x;
}

// Error in units of 1 (where the function is below 1) or of its size.
template <class F>
void check(void (*Kernels::*function)(Rows, Rows, std::size_t, std::size_t), const F& exact, double from, double to,
           double tolerance) {
    std::vector<float> x;
    for (double v = from; v <= to; v += (to - from) / 200000) x.push_back(static_cast<float>(v));
    std::vector<float> reference;
    for (const InstructionSet set : instruction_sets()) {
        const auto y = apply(set, function, x);
        double worst = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double truth = exact(static_cast<double>(x[i]));
            worst = std::max(worst, std::fabs(static_cast<double>(y[i]) - truth) / std::max(1.0, std::fabs(truth)));
        }
        EXPECT_LT(worst, tolerance);
        if (reference.empty()) reference = y;
        EXPECT_EQ(y, reference);
        EXPECT_TRUE(std::isnan(apply(set, function, {std::numeric_limits<float>::quiet_NaN()})[0]));
    }
}

TEST(VectorMath, TanhIsAccurateTo2e7) {
    check(
        &Kernels::tanh, [](double v) { return std::tanh(v); }, -15, 15, 2e-7);
    // Small arguments keep their relative accuracy.
    for (const float v : {1e-6F, -1e-4F, 1e-2F, -0.1F}) {
        const double truth = std::tanh(static_cast<double>(v));
        EXPECT_NEAR(static_cast<double>(apply(instruction_sets().back(), &Kernels::tanh, {v})[0]), truth,
                    4e-7 * std::fabs(truth));
    }
}

TEST(VectorMath, LogisticIsAccurateTo1e7) {
    check(
        &Kernels::sigmoid, [](double v) { return 1 / (1 + std::exp(-v)); }, -80, 80, 1.3e-7);
}

TEST(VectorMath, SoftplusIsAccurateTo1e7) {
    check(
        &Kernels::softplus, [](double v) { return std::max(v, 0.0) + std::log1p(std::exp(-std::fabs(v))); }, -80, 80,
        1.5e-7);
}

// Means, variances, fourth moments and a correlation of a million normal numbers.
TEST(VectorMath, NoiseIsNormal) {
    constexpr std::size_t side = 1024;
    std::vector<float> a;
    std::vector<float> b;
    for (std::size_t i = 0; i < side; ++i) {
        for (std::size_t j = 0; j < side; ++j) {
            a.push_back((static_cast<float>(i) + 0.5F) / side);
            b.push_back((static_cast<float>(j) + 0.5F) / side - 0.5F);
        }
    }
    const std::array<std::uint32_t, 1> first = {0};
    kernels(instruction_sets().back())
        .normals({.base = a.data(), .stride = a.size(), .index = first.data()},
                 {.base = b.data(), .stride = b.size(), .index = first.data()}, 1, a.size());
    double second = 0;
    double fourth = 0;
    double mixed = 0;
    double mean = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const auto x = static_cast<double>(a[i]);
        const auto y = static_cast<double>(b[i]);
        mean += (x + y) / (2.0 * side * side);
        second += (x * x + y * y) / (2.0 * side * side);
        fourth += (x * x * x * x + y * y * y * y) / (2.0 * side * side);
        mixed += x * y / (1.0 * side * side);
    }
    EXPECT_NEAR(mean, 0, 1e-5);
    EXPECT_NEAR(second, 1, 2e-3);
    EXPECT_NEAR(fourth, 3, 4e-2);
    EXPECT_NEAR(mixed, 0, 1e-5);
}

}  // namespace
}  // namespace spikesmith::nets::tests
