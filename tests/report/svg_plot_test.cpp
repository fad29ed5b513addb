#include "spikesmith/report/svg_plot.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace spikesmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pointwise;

// Every opening tag is closed in the right order; attributes are quoted.
bool well_formed(const std::string& text) {
    std::vector<std::string> open;
    const std::regex tag(R"re(<(/?)([a-z]+)((?:\s+[A-Za-z0-9-]+="[^"<]*")*)\s*(/?)>)re");
    std::size_t tags = 0;
    for (auto it = std::sregex_iterator(text.begin(), text.end(), tag); it != std::sregex_iterator(); ++it, ++tags) {
        if ((*it)[1].length() > 0) {
            if (open.empty() || open.back() != (*it)[2]) return false;
            open.pop_back();
        } else if ((*it)[4].length() == 0) {
            open.push_back((*it)[2]);
        }
    }
    return open.empty() && tags == static_cast<std::size_t>(std::count(text.begin(), text.end(), '<'));
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

// The points of the only line in the picture, as SVG writes them.
std::string line_of(const std::string& text) {
    const std::size_t end = text.find("\" fill=\"none\" stroke=\"#1f5fa8\"");
    const std::size_t begin = text.rfind('"', end - 1) + 1;
    return text.substr(begin, end - begin);
}

TEST(NiceTicks, AreRoundNumbersInsideTheRange) {
    EXPECT_THAT(nice_ticks(0, 15, 8), ElementsAre(0, 2, 4, 6, 8, 10, 12, 14));
    EXPECT_THAT(nice_ticks(0, 10, 4), ElementsAre(0, 2.5, 5, 7.5, 10));
    EXPECT_THAT(nice_ticks(-72.3, 41.0, 4), ElementsAre(-50, -25, 0, 25));
    EXPECT_THAT(nice_ticks(-1, 1, 2), ElementsAre(-1, 0, 1));
    EXPECT_TRUE(nice_ticks(1, 1, 4).empty());
    EXPECT_TRUE(nice_ticks(0, std::numeric_limits<double>::quiet_NaN(), 4).empty());
    EXPECT_TRUE(nice_ticks(1e9, std::nextafter(1e9, 2e9), 4).empty());
}

TEST(LogTicks, ArePowersOfTenAndFilledUpWhenFew) {
    EXPECT_THAT(log_ticks(1e-7, 1e-3), Pointwise(testing::DoubleNear(1e-12), {1e-7, 1e-6, 1e-5, 1e-4, 1e-3}));
    EXPECT_THAT(log_ticks(0.9, 12), Pointwise(testing::DoubleNear(1e-9), {1, 2, 5, 10}));
    EXPECT_GE(log_ticks(3.1, 3.9).size(), 2U);
    EXPECT_TRUE(log_ticks(0, 1).empty());
}

TEST(Svg, IsWellFormedAndEscapesText) {
    const Plot plot{.title = "a < b & \"c\"",
                    .panels = {{.title = "<p>",
                                .x_label = "t (ms)",
                                .y_label = "v",
                                .log_y = false,
                                .curves = {{.label = "x & y", .x = {0, 1, 2}, .y = {1, -1, 3}}}}}};
    const std::string text = svg(plot);
    EXPECT_TRUE(well_formed(text)) << text;
    EXPECT_THAT(text, HasSubstr("a &lt; b &amp; &quot;c&quot;"));
    EXPECT_THAT(text, HasSubstr("x &amp; y"));
    EXPECT_THAT(text, HasSubstr("t (ms)"));
}

TEST(Svg, HasNoNumbersThatAreNoneWhateverTheCurve) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const double inf = std::numeric_limits<double>::infinity();
    const std::vector<std::vector<double>> ys{{},        {nan, nan, nan}, {1, nan, 2},        {inf, 0, -inf},
                                              {0, 0, 0}, {-1, 0, 1},      {1e308, -1e308, 1}, {5e-324, 1, 2}};
    for (const auto& y : ys) {
        for (const bool log : {false, true}) {
            Panel panel{.title = "",
                        .x_label = "",
                        .y_label = "",
                        .log_y = log,
                        .curves = {{.label = "", .x = {0, 1, 2}, .y = y}}};
            panel.curves.push_back({.label = "", .x = {0, 1, 2}, .y = y, .dots = true});
            const std::string text = svg({.title = "", .panels = {panel}});
            EXPECT_TRUE(well_formed(text));
            EXPECT_THAT(text, Not(HasSubstr("nan")));
            EXPECT_THAT(text, Not(HasSubstr("inf")));
        }
    }
}

TEST(Svg, GapsInterruptTheLine) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::string text =
        svg({.title = "",
             .panels = {{.title = "",
                         .x_label = "",
                         .y_label = "",
                         .log_y = false,
                         .curves = {{.label = "", .x = {0, 1, 2, 3, 4}, .y = {0, 1, nan, 1, 0}}}}}});
    EXPECT_EQ(count(line_of(text), "M"), 2U);
    EXPECT_EQ(count(line_of(text), "L"), 2U);
}

TEST(Svg, ThinnedCurvesKeepTheirExtremes) {
    Curve curve;
    for (int k = 0; k < 200000; ++k) {
        curve.x.push_back(k);
        curve.y.push_back(k == 123456 ? 50 : k == 77777 ? -70 : std::sin(k * 0.001));
    }
    const Plot plot{.title = "",
                    .panels = {{.title = "", .x_label = "", .y_label = "", .log_y = false, .curves = {curve}}}};
    const std::string text = svg(plot);
    EXPECT_LT(text.size(), 200000U);
    // The axis spans the range with 6 % to spare on each side.
    double low = 1e9;
    double high = -1e9;
    std::string points = line_of(text);
    for (char& c : points) c = c == 'M' || c == 'L' || c == ',' ? ' ' : c;
    std::istringstream numbers(points);
    for (double x = 0, y = 0; numbers >> x >> y;) {
        low = std::min(low, y);
        high = std::max(high, y);
    }
    EXPECT_NEAR(high - low, plot.panel_height / 1.12, 0.05);
}

TEST(Svg, LegendHasEachLabelOnce) {
    Panel panel{.title = "",
                .x_label = "",
                .y_label = "",
                .log_y = false,
                .curves = {{.label = "data", .x = {0, 1}, .y = {0, 1}}, {.label = "fit", .x = {0, 1}, .y = {0, 1}}}};
    const std::string text = svg({.title = "", .panels = {panel, panel, panel}});
    EXPECT_EQ(count(text, ">data</text>"), 1U);
    EXPECT_EQ(count(text, ">fit</text>"), 1U);
}

}  // namespace
}  // namespace spikesmith
