// Pair plots and calibration plots: what is in which panel, and where.
#include "spikesmith/report/pair_plot.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/math/random_stream.hpp"
#include "spikesmith/report/calibration_plot.hpp"

namespace spikesmith {
namespace {

PairDensities two() {
    const Prior prior({normal_prior("a", {0, {}}, {1, {}}), uniform_prior("b", {-3, {}}, {3, {}})});
    Array2 samples(20000, 2);
    math::RandomStream random(1, 1);
    for (std::size_t i = 0; i < samples.rows; ++i) {
        samples(i, 0) = random.next_normal();
        samples(i, 1) = 0.5 * random.next_normal();
    }
    return pair_densities(prior, samples);
}

TEST(PairPlot, ContoursLieWhereTheMassIs) {
    const Plot plot = pair_plot("pairs", two(), {{"truth", {0.1, 0.2}}});
    ASSERT_EQ(plot.panels.size(), 4U);
    EXPECT_TRUE(plot.panels[2].blank);
    EXPECT_EQ(plot.panels[1].x_label, "b");
    EXPECT_EQ(plot.panels[1].y_label, "a");
    // a normal density of two dimensions has 68 % of its mass within sqrt(-2 log 0.32) deviations
    const Curve& inner = plot.panels[1].curves[0];
    EXPECT_EQ(inner.label, "68 %");
    ASSERT_GT(inner.x.size(), 10U);
    double sum = 0;
    double count = 0;
    for (std::size_t k = 0; k < inner.x.size(); ++k) {
        if (std::isnan(inner.x[k])) continue;
        sum += std::hypot(inner.x[k] / 0.5, inner.y[k]);
        ++count;
    }
    EXPECT_NEAR(sum / count, std::sqrt(-2 * std::log(0.32)), 0.15);
    EXPECT_EQ(plot.panels[1].curves.back().x, std::vector<double>{0.2});
    EXPECT_EQ(plot.panels[1].curves.back().y, std::vector<double>{0.1});
    EXPECT_THAT(svg(plot), testing::HasSubstr("truth"));
    EXPECT_THROW((void)pair_plot("pairs", two(), {{"truth", {0.1}}}), DataError);
}

TEST(CalibrationPlot, ShowsEveryTestAgainstTheDiagonal) {
    CalibrationReport report{.pairs = 100, .draws = 10};
    UniformityTest even{.name = "tau", .values = {}, .p_value = 0.7};
    for (int k = 0; k < 100; ++k) even.values.push_back((k + 0.5) / 100);
    report.ranks = {even};
    report.coverage = report.tarp = even;
    const Plot plot = calibration_plot("calibration", report);
    ASSERT_EQ(plot.panels.size(), 3U);
    EXPECT_THAT(plot.panels[2].title, testing::HasSubstr("tau (p = 0.7)"));
    const Curve& steps = plot.panels[2].curves.back();
    for (std::size_t k = 0; k < steps.x.size(); ++k) EXPECT_NEAR(steps.x[k], steps.y[k], 0.0051);
    // Kolmogorov: 1.6276 / sqrt(n) at 1 %, with the correction for few values
    EXPECT_NEAR(plot.panels[2].curves[1].y[0], 0.1608, 1e-3);
}

TEST(PredictivePlot, PlacesTheObservationInTheBand) {
    PredictiveCheck check;
    check.features = {{.name = "a", .observed = 3, .median = 1, .low = 0, .high = 2},
                      {.name = "b", .observed = std::nan("")}};
    const Plot plot = predictive_plot("predictions", check);
    EXPECT_EQ(plot.panels[0].curves[2].y, std::vector<double>{2});
    EXPECT_EQ(plot.panels[0].curves[2].x, std::vector<double>{1});
}

}  // namespace
}  // namespace spikesmith
