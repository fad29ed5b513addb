#include "spikesmith/report/landscape_plot.hpp"

#include <cmath>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

std::vector<double> even(double low, double high, std::size_t n) {
    std::vector<double> values;
    for (std::size_t k = 0; k < n; ++k)
        values.push_back(low + (high - low) * static_cast<double>(k) / static_cast<double>(n - 1));
    return values;
}

TEST(LandscapePlot, ContoursOfABowlAreCircles) {
    const std::vector<double> x = even(-1, 1, 81);
    const std::vector<double> y = even(-1, 1, 61);
    Array2 values(y.size(), x.size());
    for (std::size_t r = 0; r < y.size(); ++r) {
        for (std::size_t c = 0; c < x.size(); ++c) values(r, c) = x[c] * x[c] + y[r] * y[r];
    }
    const Contour contour = contour_of(values, x, y, 0.25);
    ASSERT_GT(contour.x.size(), 200U);
    double length = 0;
    for (std::size_t k = 0; k < contour.x.size(); ++k) {
        if (std::isnan(contour.x[k])) continue;
        EXPECT_NEAR(std::hypot(contour.x[k], contour.y[k]), 0.5, 1e-3);
        if (k % 3 == 1) length += std::hypot(contour.x[k] - contour.x[k - 1], contour.y[k] - contour.y[k - 1]);
    }
    EXPECT_NEAR(length, 2 * M_PI * 0.5, 0.01);
    EXPECT_TRUE(contour_of(values, x, y, 5).x.empty());
}

TEST(LandscapePlot, SaddlesAndHolesAreNoTrouble) {
    Array2 values(2, 2);
    values(0, 0) = values(1, 1) = 1;
    const std::vector<double> axis{0, 1};
    EXPECT_EQ(contour_of(values, axis, axis, 0.5).x.size(), 6U);  // two pieces
    values(0, 1) = NAN;
    EXPECT_TRUE(contour_of(values, axis, axis, 0.5).x.empty());
}

TEST(LandscapePlot, ShowsContoursArrowsAndTheOptimum) {
    Landscape landscape{.parameters = {},
                        .values = {even(1e-9, 1e-8, 31), {}},
                        .error = Array2(31, 31),
                        .gradient = {Array2(31, 31), Array2(31, 31)},
                        .error_dimension = dimensions::none};
    for (const double u : even(0, 2, 31)) landscape.values[1].push_back(1e-3 * std::pow(10, u));
    landscape.parameters[0] = {.name = "g", .dimension = dimensions::siemens, .low = 1e-9, .high = 1e-8, .value = 5e-9};
    landscape.parameters[1] = {.name = "tau",
                               .dimension = dimensions::second,
                               .low = 1e-3,
                               .high = 1e-1,
                               .scale = Scale::logarithmic,
                               .value = 1e-2};
    for (std::size_t r = 0; r < 31; ++r) {
        for (std::size_t c = 0; c < 31; ++c) {
            const double a = (landscape.values[0][c] - 5e-9) * 1e9;
            const double b = std::log10(landscape.values[1][r] / 1e-2);
            landscape.error(r, c) = 0.1 + a * a + b * b;
            landscape.gradient[0](r, c) = 2 * a * 1e9;
            landscape.gradient[1](r, c) = 2 * b / (landscape.values[1][r] * std::log(10.0));
        }
    }
    const Plot plot = landscape_plot("bowl", landscape);
    ASSERT_EQ(plot.panels.size(), 1U);
    const Panel& panel = plot.panels.front();
    EXPECT_EQ(panel.x_label, "g (nS)");
    EXPECT_EQ(panel.y_label, "log10 tau (ms)");
    const Curve& optimum = panel.curves.back();
    EXPECT_DOUBLE_EQ(optimum.x.front(), 5);
    EXPECT_DOUBLE_EQ(optimum.y.front(), 1);
    const Curve& arrows = panel.curves[panel.curves.size() - 2];
    // every arrow comes nearer to the optimum (the picture is 9 wide and 2 high)
    std::size_t n = 0;
    for (std::size_t k = 0; k + 1 < arrows.x.size(); k += 7, ++n) {
        const auto away = [&](std::size_t i) { return std::hypot((arrows.x[i] - 5) / 9, (arrows.y[i] - 1) / 2); };
        EXPECT_LT(away(k + 1), away(k) + 0.03);
    }
    EXPECT_GT(n, 100U);
    EXPECT_THAT(svg(plot), testing::HasSubstr("down the gradient"));
}

}  // namespace
}  // namespace spikesmith
