#include "spikesmith/optimize/acquisition.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

namespace spikesmith {
namespace {

using enum AcquisitionRule;

// The integral of max(best - xi - error, 0)**power over the normal density, by Simpson's rule.
double integral(const Acquisition& a, const Prediction& p, int power) {
    const double top = a.best - a.xi;
    const double low = std::min(top, p.mean) - 12 * p.deviation;
    const int n = 20000;
    double sum = 0;
    for (int k = 0; k <= n; ++k) {
        const double y = low + (top - low) * k / n;
        const double z = (y - p.mean) / p.deviation;
        const double density = std::exp(-0.5 * z * z) / (p.deviation * std::sqrt(2 * std::numbers::pi));
        sum += (k == 0 || k == n ? 1 : k % 2 == 1 ? 4 : 2) * density * std::pow(top - y, power);
    }
    return sum * (top - low) / (3 * n);
}

TEST(Acquisition, IsTheIntegralThatDefinesIt) {
    for (const double mean : {-1.0, 0.3, 2.0}) {
        for (const double deviation : {0.2, 1.5}) {
            const Prediction at{mean, deviation};
            Acquisition a{expected_improvement, 0.1, 0.05, 1.96};
            EXPECT_NEAR(std::exp(score(a, at).value), integral(a, at, 1), 1e-9);
            a.rule = probability_of_improvement;
            EXPECT_NEAR(std::exp(score(a, at).value), integral(a, at, 0), 1e-9);
            a.rule = lower_confidence_bound;
            EXPECT_DOUBLE_EQ(score(a, at).value, 1.96 * deviation - mean);
        }
    }
}

TEST(Acquisition, DerivativesAreThoseOfDifferences) {
    for (const auto rule : {expected_improvement, probability_of_improvement, lower_confidence_bound}) {
        const Acquisition a{rule, -0.5, 0.01, 2};
        for (const double mean : {-1.0, 0.0, 2.0, 20.0}) {
            const double step = 1e-6;
            const AcquisitionScore at = score(a, {mean, 0.7});
            const auto value = [&](double m, double s) { return score(a, {m, s}).value; };
            const double by_mean = (value(mean + step, 0.7) - value(mean - step, 0.7)) / (2 * step);
            const double by_deviation = (value(mean, 0.7 + step) - value(mean, 0.7 - step)) / (2 * step);
            EXPECT_NEAR(at.by_mean, by_mean, 1e-6 * (1 + std::fabs(by_mean)));
            EXPECT_NEAR(at.by_deviation, by_deviation, 1e-6 * (1 + std::fabs(by_deviation)));
        }
    }
}

TEST(Acquisition, TailsJoinAndStayFinite) {
    for (const auto rule : {expected_improvement, probability_of_improvement}) {
        const Acquisition a{rule, 0, 0, 2};
        // from the formula to the series at 15 deviations
        const double before = score(a, {15 - 1e-9, 1}).value;
        const double after = score(a, {15 + 1e-9, 1}).value;
        EXPECT_NEAR(before, after, 1e-6);
        EXPECT_GT(score(a, {100, 1}).value, score(a, {101, 1}).value);
        EXPECT_TRUE(std::isfinite(score(a, {1, 0}).value));
        EXPECT_TRUE(std::isfinite(score(a, {-1, 0}).value));
        EXPECT_TRUE(std::isfinite(score(a, {0, 0}).by_mean));
    }
}

TEST(HedgedChoice, PrefersTheRuleWithLowPredictions) {
    HedgedChoice choice;
    EXPECT_EQ(choice.choose(0.1), expected_improvement);
    EXPECT_EQ(choice.choose(0.5), lower_confidence_bound);
    EXPECT_EQ(choice.choose(0.9), probability_of_improvement);
    choice.lose(1, -2);  // gains 0, 2, 0: probabilities 0.107, 0.787, 0.107
    EXPECT_EQ(choice.choose(0.106), expected_improvement);
    EXPECT_EQ(choice.choose(0.108), lower_confidence_bound);
    EXPECT_EQ(choice.choose(0.892), lower_confidence_bound);
    EXPECT_EQ(choice.choose(0.894), probability_of_improvement);
}

}  // namespace
}  // namespace spikesmith
