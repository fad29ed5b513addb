#include "spikesmith/report/calibration_plot.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace spikesmith {

namespace {

constexpr double kolmogorov_99 = 1.6276;  // the 99 % point of Kolmogorov's distribution
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Panel panel_of(const UniformityTest& test, std::string title, std::string x_label) {
    Panel panel{.title = fmt::format("{} (p = {:.2g})", title, test.p_value),
                .x_label = std::move(x_label),
                .y_label = "share of pairs",
                .curves = {}};
    panel.x_range = {0, 1};
    panel.y_range = {0, 1};
    std::vector<double> values = test.values;
    std::ranges::sort(values);
    const auto n = static_cast<double>(values.size());
    Curve steps{.label = "posterior", .x = {0}, .y = {0}};
    for (std::size_t i = 0; i < values.size(); ++i) {
        steps.x.insert(steps.x.end(), 2, values[i]);
        steps.y.push_back(static_cast<double>(i) / n);
        steps.y.push_back(static_cast<double>(i + 1) / n);
    }
    steps.x.push_back(1);
    steps.y.push_back(values.empty() ? 0 : 1);
    const double half = values.empty() ? 0 : kolmogorov_99 / (std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n));
    panel.curves.push_back({.label = "calibrated", .x = {0, 1}, .y = {0, 1}, .color = "#444444", .width = 0.8});
    panel.curves.push_back({.label = "99 % band",
                            .x = {0, 1 - half, not_a_number, half, 1},
                            .y = {half, 1, not_a_number, 0, 1 - half},
                            .color = "#999999",
                            .width = 0.8});
    panel.curves.push_back(std::move(steps));
    return panel;
}

}  // namespace

Plot calibration_plot(std::string title, const CalibrationReport& report) {
    Plot plot{.title = std::move(title), .panels = {}, .columns = 3, .panel_width = 220, .panel_height = 220};
    plot.panels.push_back(panel_of(report.coverage, "coverage", "probability of the region"));
    plot.panels.push_back(panel_of(report.tarp, "TARP", "share of nearer draws"));
    for (const UniformityTest& test : report.ranks)
        plot.panels.push_back(panel_of(test, test.name, "share of lower draws"));
    return plot;
}

Plot predictive_plot(std::string title, const PredictiveCheck& check) {
    Panel panel{.title = "observation among simulations", .x_label = "feature", .y_label = "half bands", .curves = {}};
    Curve band{.label = "95 % of the simulations", .x = {}, .y = {}, .color = "#8fb8dd", .width = 4};
    Curve median{.label = "median", .x = {}, .y = {}, .color = "#1b2a6b", .dots = true};
    Curve observed{.label = "observation", .x = {}, .y = {}, .color = "#c0472b", .dots = true};
    for (std::size_t k = 0; k < check.features.size(); ++k) {
        const PredictiveCheck::Feature& feature = check.features[k];
        const double half = (feature.high - feature.low) / 2;
        const double place = static_cast<double>(k + 1);
        if (!(half > 0) || !std::isfinite(feature.observed)) continue;
        band.x.insert(band.x.end(), {place, place, not_a_number});
        band.y.insert(band.y.end(),
                      {(feature.low - feature.median) / half, (feature.high - feature.median) / half, not_a_number});
        median.x.push_back(place);
        median.y.push_back(0);
        observed.x.push_back(place);
        observed.y.push_back(std::clamp((feature.observed - feature.median) / half, -10.0, 10.0));
    }
    panel.curves = {std::move(band), std::move(median), std::move(observed)};
    panel.x_range = {0.5, static_cast<double>(check.features.size()) + 0.5};
    return {.title = std::move(title), .panels = {std::move(panel)}};
}

}  // namespace spikesmith
