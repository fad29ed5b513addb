#include "spikesmith/report/pair_plot.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/report/landscape_plot.hpp"

namespace spikesmith {

namespace {

struct Level {
    double mass;
    const char* label;
    const char* color;
};
constexpr std::array<Level, 3> levels{
    {{0.68, "68 %", "#1b2a6b"}, {0.95, "95 %", "#1f5fa8"}, {0.99, "99 %", "#8fb8dd"}}};
constexpr std::array<const char*, 4> point_colors{"#c0472b", "#c9a227", "#2f9a8f", "#7a3b8f"};

struct DrawnParameter {
    std::string label;
    std::vector<double> values;  // in the display unit
    double unit = 1;
};

DrawnParameter drawn(const PairDensities::Parameter& parameter) {
    const Unit unit = display_unit(parameter.dimension, parameter.values);
    DrawnParameter result{
        .label = unit.name == "1" ? parameter.name : fmt::format("{} ({})", parameter.name, unit.name),
        .values = parameter.values,
        .unit = unit.scale};
    for (double& value : result.values) value /= unit.scale;
    return result;
}

}  // namespace

Plot pair_plot(std::string title, const PairDensities& densities, const std::vector<MarkedPoint>& points) {
    const std::size_t n = densities.parameters.size();
    for (const MarkedPoint& point : points) {
        if (point.theta.size() != n)
            throw DataError(
                fmt::format("`{}` has {} values, but there are {} parameters", point.label, point.theta.size(), n));
    }
    std::vector<DrawnParameter> axes;
    for (const PairDensities::Parameter& parameter : densities.parameters) axes.push_back(drawn(parameter));
    const double size = n <= 4 ? 190 : 130;
    Plot plot{.title = std::move(title),
              .panels = {},
              .columns = static_cast<int>(n),
              .panel_width = size,
              .panel_height = size};
    for (std::size_t row = 0; row < n; ++row) {
        for (std::size_t column = 0; column < n; ++column) {
            Panel panel{.x_label = axes[column].label, .curves = {}};
            panel.blank = column < row;
            panel.x_range = {axes[column].values.front(), axes[column].values.back()};
            if (column == row) {
                std::vector<double> density = densities.parameters[row].density;
                for (double& value : density) value *= axes[row].unit;
                panel.y_label = "density";
                const double top = 1.1 * *std::ranges::max_element(density);
                panel.curves.push_back({.label = "", .x = axes[row].values, .y = density, .color = levels[0].color});
                for (std::size_t k = 0; k < points.size(); ++k) {
                    const double place = points[k].theta[row] / axes[row].unit;
                    panel.curves.push_back({.label = points[k].label,
                                            .x = {place, place},
                                            .y = {0, top},
                                            .color = point_colors[k % point_colors.size()]});
                }
                panel.y_range = {0, top > 0 ? top : 1};
            } else if (column > row) {
                // values of the column's parameter go along y in the table
                const Array2& stored = densities.pair(row, column);
                Array2 density(stored.columns, stored.rows);
                for (std::size_t r = 0; r < stored.rows; ++r) {
                    for (std::size_t c = 0; c < stored.columns; ++c) density(c, r) = stored(r, c);
                }
                panel.y_label = axes[row].label;
                panel.y_range = {axes[row].values.front(), axes[row].values.back()};
                for (const Level& level : levels) {
                    Contour contour =
                        contour_of(density, axes[column].values, axes[row].values, level_of_mass(density, level.mass));
                    panel.curves.push_back({.label = level.label,
                                            .x = std::move(contour.x),
                                            .y = std::move(contour.y),
                                            .color = level.color});
                }
                for (std::size_t k = 0; k < points.size(); ++k) {
                    panel.curves.push_back({.label = points[k].label,
                                            .x = {points[k].theta[column] / axes[column].unit},
                                            .y = {points[k].theta[row] / axes[row].unit},
                                            .color = point_colors[k % point_colors.size()],
                                            .dots = true});
                }
            }
            plot.panels.push_back(std::move(panel));
        }
    }
    return plot;
}

}  // namespace spikesmith
