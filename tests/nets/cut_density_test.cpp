// Mixtures that are cut at bounds: against the normal distribution function in extended precision, at and beyond the bounds.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "nets/network_cases.hpp"
#include <gtest/gtest.h>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/nets/kernel_choice.hpp"

namespace spikesmith::nets::tests {
namespace {

long double share_above(long double x) {
    return std::erfc(x / std::sqrt(2.0L)) / 2;
}

// log of the density of a component at x, and its weight's logit.
long double reference(Interval interval, long double raw_mean, long double raw_deviation, long double x) {
    const long double width = static_cast<long double>(interval.upper) - static_cast<long double>(interval.lower);
    const long double middle =
        (static_cast<long double>(interval.upper) + static_cast<long double>(interval.lower)) / 2;
    const long double mean = middle + 1.5L * width * std::tanh((raw_mean - middle) / (1.5L * width));
    const long double deviation = 1 / (1 / (std::log1p(std::exp(raw_deviation)) + 1e-2L) + 1 / (8 * width));
    long double a = (interval.lower - mean) / deviation;
    long double b = (interval.upper - mean) / deviation;
    if (a + b < 0) {
        std::swap(a, b);
        a = -a;
        b = -b;
    }
    const long double t = (x - mean) / deviation;
    return -t * t / 2 - std::log(deviation) - std::log(share_above(a) - share_above(b));
}

struct Point {
    float mean, raw, x;
};

// Of one component: value, and derivatives by mean, raw deviation and x.
std::array<std::vector<float>, 4> by_kernel(InstructionSet set, Interval interval, const std::vector<Point>& points) {
    const std::size_t lanes = (points.size() + lane_group - 1) / lane_group * lane_group;
    std::vector<float> raw(3 * lanes, 0.0F);
    std::vector<float> x(lanes, 0.5F), value(lanes, 0.0F), upstream(lanes, 1.0F), gradient(3 * lanes), by_x(lanes);
    for (std::size_t i = 0; i < points.size(); ++i) {
        raw[lanes + i] = points[i].mean;
        raw[2 * lanes + i] = points[i].raw;
        x[i] = points[i].x;
    }
    const std::array<std::uint32_t, 3> index{0, 1, 2};
    const Rows rows{.base = raw.data(), .stride = lanes, .index = index.data()};
    const Rows slopes{.base = gradient.data(), .stride = lanes, .index = index.data()};
    kernels(set).mixture(1, interval, rows, x.data(), lanes, value.data());
    kernels(set).mixture_gradient(1, interval, rows, x.data(), lanes, upstream.data(), slopes, by_x.data());
    const auto part = [&](const std::vector<float>& of, std::size_t row) {
        return std::vector<float>(of.begin() + static_cast<std::ptrdiff_t>(row * lanes),
                                  of.begin() + static_cast<std::ptrdiff_t>(row * lanes + points.size()));
    };
    return {part(value, 0), part(gradient, 1), part(gradient, 2), part(by_x, 0)};
}

TEST(CutDensity, ComponentsAreThoseOfTheDistributionFunction) {
    const Interval interval{-1.7F, 1.8F};
    std::vector<Point> points;
    for (const float mean : {-1e3F, -5.0F, -2.0F, -1.7F, -1.0F, 0.0F, 0.05F, 0.3F, 1.75F, 1.9F, 4.0F}) {
        for (const float raw : {-1.5F, -0.5F, 0.0F, 1.0F, 3.0F, 30.0F, 1000.0F}) {
            for (const float x : {-1.7F, -1.69F, -1.2F, 0.0F, 0.4F, 1.5F, 1.8F}) points.push_back({mean, raw, x});
        }
    }
    std::array<std::vector<float>, 4> first;
    for (const InstructionSet set : instruction_sets()) {
        const auto got = by_kernel(set, interval, points);
        if (first[0].empty()) first = got;
        EXPECT_EQ(got, first);
    }
    for (std::size_t i = 0; i < points.size(); ++i) {
        const long double mean = points[i].mean;
        const long double raw = points[i].raw;
        const long double x = points[i].x;
        const long double h = 1e-5L;
        const std::array<long double, 4> truth{
            reference(interval, mean, raw, x),
            (reference(interval, mean + h, raw, x) - reference(interval, mean - h, raw, x)) / (2 * h),
            (reference(interval, mean, raw + h, x) - reference(interval, mean, raw - h, x)) / (2 * h),
            (reference(interval, mean, raw, x + h) - reference(interval, mean, raw, x - h)) / (2 * h)};
        // Squares of hundreds are added and subtracted where the mean is many deviations outside.
        const long double t = (x - mean) * std::exp(-std::min(raw, 0.0L));
        for (std::size_t k = 0; k < 4; ++k) {
            EXPECT_NEAR(static_cast<double>(first[k][i]), static_cast<double>(truth[k]),
                        static_cast<double>(1e-5L + 2e-6L * std::fabs(truth[k]) + 2e-6L * t * t))
                << k << ": mean " << points[i].mean << ", raw deviation " << points[i].raw << ", x " << points[i].x;
        }
    }
}

// Means far outside, tiny and huge deviations: everything stays finite.
TEST(CutDensity, ExtremesAreFinite) {
    const Interval interval{-1.7F, 1.8F};
    std::vector<Point> points;
    for (const float mean : {-1e4F, -100.0F, 0.0F, 1.8F, 300.0F, 1e4F}) {
        for (const float raw : {-200.0F, -20.0F, 0.0F, 1e4F}) {
            for (const float x : {-1.7F, 0.0F, 1.8F}) points.push_back({mean, raw, x});
        }
    }
    for (const std::vector<float>& values : by_kernel(instruction_sets().back(), interval, points)) {
        for (std::size_t i = 0; i < points.size(); ++i)
            EXPECT_TRUE(std::isfinite(values[i])) << points[i].mean << " " << points[i].raw << " " << points[i].x;
    }
}

DensitySpecification cut_made(std::size_t D) {
    DensitySpecification what{.kind = DensityKind::made, .theta_dimensions = D, .x_dimensions = 2};
    what.options.hidden_features = 20;
    what.options.num_components = 4;
    for (std::size_t d = 0; d < D; ++d) what.cut.push_back(d);
    what.theta_scale = {.mean = std::vector<double>(D, 0.7), .deviation = std::vector<double>(D, 0.2)};
    return what;
}

TEST(CutDensity, IntegratesToOne) {
    std::vector<double> theta;
    const double step = 1e-3;
    for (double v = -9; v < 9; v += step) theta.push_back(v);
    for (const double disturbance : {0.15, 0.4}) {  // the stronger one heaps the density upon a bound
        ConditionalDensity q(cut_made(1), 3);
        disturb(q, disturbance);
        for (const double x : {-3.0, 0.3, 8.0}) {
            double total = 0;
            for (const double v : q.log_prob(theta, std::vector<double>{x, -0.7})) total += std::exp(v) * step;
            EXPECT_NEAR(total, 1, disturbance > 0.2 ? 2e-4 : 1e-5);
        }
    }
}

// The samples' distribution function is the integral of the density.
TEST(CutDensity, SamplesFollowTheDensity) {
    for (const double x : {-3.0, 0.3, 8.0}) {
        ConditionalDensity q(cut_made(1), 5);
        disturb(q, 0.4);
        const ObservedDensity at = q.at(std::vector<double>{x, 1.0});
        const std::size_t n = 20000;
        std::vector<double> samples = at.sample(n, 11);
        std::ranges::sort(samples);
        double reached = 0;
        double worst = 0;
        std::size_t below = 0;
        std::vector<double> theta, density;
        const double step = 1e-3;
        for (double v = -9 + step / 2; v < 9; v += step) theta.push_back(v);
        density = q.log_prob(theta, std::vector<double>{x, 1.0});
        for (std::size_t i = 0; i < theta.size(); ++i) {
            reached += std::exp(density[i]) * step;
            while (below < n && samples[below] < theta[i] + step / 2) ++below;
            worst = std::max(worst, std::fabs(reached - static_cast<double>(below) / static_cast<double>(n)));
        }
        EXPECT_LT(worst, 1.95 / std::sqrt(static_cast<double>(n)));  // Kolmogorov's 0.1 % point
    }
}

TEST(CutDensity, IsStored) {
    ConditionalDensity q(cut_made(2), 5);
    disturb(q);
    const std::vector<double> theta{0.5, -1.5};
    const std::vector<double> x{0.5, 1.0};
    EXPECT_EQ(ConditionalDensity::load(q.save()).log_prob(theta, x), q.log_prob(theta, x));
    EXPECT_EQ(ConditionalDensity::load(q.save()).specification().cut, (std::vector<std::size_t>{0, 1}));
}

// Version 3 of the stored form has no list of cut dimensions, which is the last entry before the parameters.
TEST(CutDensity, FormsStoredBeforeAreRead) {
    DensitySpecification what{.kind = DensityKind::maf, .theta_dimensions = 2, .x_dimensions = 2};
    ConditionalDensity q(what, 5);
    disturb(q);
    std::vector<std::byte> block = q.save();
    const std::size_t list = block.size() - 8 - 4 * q.parameters().size() - 8 - 8;
    block.erase(block.begin() + static_cast<std::ptrdiff_t>(list),
                block.begin() + static_cast<std::ptrdiff_t>(list) + 8);
    block[8] = std::byte{3};
    block.erase(block.end() - 8, block.end());
    Checksum sum;
    for (const std::byte b : block) sum.add(std::to_integer<std::uint64_t>(b));
    for (int i = 0; i < 8; ++i) block.push_back(static_cast<std::byte>(sum.value() >> (8 * i)));
    const std::vector<double> theta{0.5, -1.5};
    const std::vector<double> x{0.5, 1.0};
    EXPECT_EQ(ConditionalDensity::load(block).log_prob(theta, x), q.log_prob(theta, x));
    block[8] = std::byte{2};
    EXPECT_THROW((void)ConditionalDensity::load(block), DataError);
}

TEST(CutDensity, SaysWhatIsWrong) {
    const auto message = [](DensitySpecification what) -> std::string {
        try {
            ConditionalDensity q(std::move(what), 1);
        } catch (const ConfigError& error) {
            return error.what();
        }
        return "";
    };
    DensitySpecification flow = cut_made(2);
    flow.kind = DensityKind::maf;
    EXPECT_NE(message(flow).find("only the mixtures of a made can be cut"), std::string::npos);
    DensitySpecification beyond = cut_made(2);
    beyond.cut = {2};
    EXPECT_NE(message(beyond).find("dimension 2 of theta cannot be cut"), std::string::npos);
    DensitySpecification bounded = cut_made(2);
    bounded.support = {.lower = {0, 0}, .upper = {1, 1}};
    EXPECT_NE(message(bounded).find("dimension 0 of theta cannot be cut"), std::string::npos);
    DensitySpecification twice = cut_made(2);
    twice.cut = {1, 0};
    EXPECT_NE(message(twice).find("must ascend"), std::string::npos);
}

}  // namespace
}  // namespace spikesmith::nets::tests
