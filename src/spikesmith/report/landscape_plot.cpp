#include "spikesmith/report/landscape_plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace spikesmith {

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr int n_contours = 14;
constexpr std::size_t arrows_along = 15;  // about so many along each axis
constexpr double arrow_share = 0.7;       // length, of the distance between arrows
constexpr double head_share = 0.35;       // of the arrow
constexpr std::array<const char*, 5> colors{"#1b2a6b", "#1f5fa8", "#2f9a8f", "#c9a227", "#c0472b"};  // low to high

// How a parameter is drawn.
struct DrawnAxis {
    std::string label;
    double unit = 1;
    bool logarithmic = false;
    [[nodiscard]] double at(double value) const { return logarithmic ? std::log10(value / unit) : value / unit; }
};

DrawnAxis drawn(const FittedParameter& parameter, std::span<const double> values) {
    const Unit unit = display_unit(parameter.dimension, values);
    const bool logarithmic = parameter.scale == Scale::logarithmic;
    const std::string in = unit.name == "1" ? "" : fmt::format(" ({})", unit.name);
    return {.label = logarithmic ? fmt::format("log10 {}{}", parameter.name, in) : parameter.name + in,
            .unit = unit.scale,
            .logarithmic = logarithmic};
}

// Levels between the lowest and the highest error, even in the logarithm if all are positive.
std::vector<double> levels_of(const Array2& error) {
    double low = std::numeric_limits<double>::infinity();
    double high = -low;
    for (const double value : error.values) {
        if (!std::isfinite(value)) continue;
        low = std::min(low, value);
        high = std::max(high, value);
    }
    std::vector<double> levels;
    if (!(low < high)) return levels;
    for (int k = 1; k <= n_contours; ++k) {
        const double share = static_cast<double>(k) / (n_contours + 1);
        levels.push_back(low > 0 ? low * std::pow(high / low, share) : low + share * share * (high - low));
    }
    return levels;
}

// Arrows down the gradient as one curve with gaps.
Curve arrows(const Landscape& landscape, std::span<const double> x, std::span<const double> y) {
    Curve curve{.label = "down the gradient", .x = {}, .y = {}, .color = "#555555", .width = 0.9, .opacity = 0.8};
    const std::size_t step_x = std::max<std::size_t>(1, x.size() / arrows_along);
    const std::size_t step_y = std::max<std::size_t>(1, y.size() / arrows_along);
    // in parts of the picture, so that an arrow looks as long in any direction
    const double width = x.back() - x.front();
    const double height = y.back() - y.front();
    const double length = arrow_share * std::min(static_cast<double>(step_x) / static_cast<double>(x.size() - 1),
                                                 static_cast<double>(step_y) / static_cast<double>(y.size() - 1));
    for (std::size_t r = step_y / 2; r < y.size(); r += step_y) {
        for (std::size_t c = step_x / 2; c < x.size(); c += step_x) {
            // d error / d (part of the picture)
            std::array<double, 2> slope{};
            const std::array<double, 2> extent{width, height};
            for (std::size_t a = 0; a < 2; ++a) {
                const FittedParameter& parameter = landscape.parameters[a];
                const auto& values = landscape.values[a];
                const double value = values[a == 0 ? c : r];
                const double per_picture = parameter.scale == Scale::logarithmic ? value * std::log(10.0) * extent[a]
                                                                                 : values.back() - values.front();
                slope[a] = landscape.gradient[a](r, c) * per_picture;
            }
            const double norm = std::hypot(slope[0], slope[1]);
            if (!std::isfinite(norm) || norm == 0) continue;
            const double dx = -slope[0] / norm * length;
            const double dy = -slope[1] / norm * length;
            const auto add = [&](double u, double v) {
                curve.x.push_back(x[c] + u * width);
                curve.y.push_back(y[r] + v * height);
            };
            const auto lift = [&] {
                curve.x.push_back(not_a_number);
                curve.y.push_back(not_a_number);
            };
            add(0, 0);
            add(dx, dy);
            lift();
            add(dx - head_share * (dx - 0.5 * dy), dy - head_share * (dy + 0.5 * dx));
            add(dx, dy);
            add(dx - head_share * (dx + 0.5 * dy), dy - head_share * (dy - 0.5 * dx));
            lift();
        }
    }
    return curve;
}

}  // namespace

Contour contour_of(const Array2& values, std::span<const double> x, std::span<const double> y, double level) {
    Contour contour;
    for (std::size_t r = 0; r + 1 < values.rows; ++r) {
        for (std::size_t c = 0; c + 1 < values.columns; ++c) {
            // corners counterclockwise
            const std::array<double, 4> v{values(r, c), values(r, c + 1), values(r + 1, c + 1), values(r + 1, c)};
            const std::array<double, 4> px{x[c], x[c + 1], x[c + 1], x[c]};
            const std::array<double, 4> py{y[r], y[r], y[r + 1], y[r + 1]};
            if (!std::ranges::all_of(v, [](double value) { return std::isfinite(value); })) continue;
            std::vector<std::pair<double, double>> crossings;
            for (std::size_t k = 0; k < 4; ++k) {
                const std::size_t next = (k + 1) % 4;
                if ((v[k] < level) == (v[next] < level)) continue;
                const double share = (level - v[k]) / (v[next] - v[k]);
                crossings.emplace_back(px[k] + share * (px[next] - px[k]), py[k] + share * (py[next] - py[k]));
            }
            // a saddle has four crossings; its middle tells which belong together
            if (crossings.size() == 4 && ((v[0] + v[1] + v[2] + v[3]) / 4 < level) == (v[0] < level))
                std::rotate(crossings.begin(), crossings.begin() + 1, crossings.end());
            for (std::size_t k = 0; k + 1 < crossings.size(); k += 2) {
                for (std::size_t end = 0; end < 2; ++end) {
                    contour.x.push_back(crossings[k + end].first);
                    contour.y.push_back(crossings[k + end].second);
                }
                contour.x.push_back(not_a_number);
                contour.y.push_back(not_a_number);
            }
        }
    }
    return contour;
}

Plot landscape_plot(std::string title, const Landscape& landscape) {
    std::array<DrawnAxis, 2> axes;
    std::array<std::vector<double>, 2> ticks;
    for (std::size_t a = 0; a < 2; ++a) {
        axes[a] = drawn(landscape.parameters[a], landscape.values[a]);
        for (const double value : landscape.values[a]) ticks[a].push_back(axes[a].at(value));
    }
    Panel panel{.title = "error", .x_label = axes[0].label, .y_label = axes[1].label, .curves = {}};
    const std::vector<double> levels = levels_of(landscape.error);
    for (std::size_t k = 0; k < levels.size(); ++k) {
        Contour contour = contour_of(landscape.error, ticks[0], ticks[1], levels[k]);
        const bool named = k == 0 || k + 1 == levels.size() || k == levels.size() / 2;
        panel.curves.push_back(
            {.label = named ? format_quantity({levels[k], landscape.error_dimension}, 3) : std::string(),
             .x = std::move(contour.x),
             .y = std::move(contour.y),
             .color = colors[k * colors.size() / levels.size()],
             .width = 1.1});
    }
    panel.curves.push_back(arrows(landscape, ticks[0], ticks[1]));
    panel.curves.push_back({.label = "optimum",
                            .x = {axes[0].at(landscape.parameters[0].value)},
                            .y = {axes[1].at(landscape.parameters[1].value)},
                            .color = "#c00000",
                            .width = 4,
                            .dots = true});
    panel.x_range = {ticks[0].front(), ticks[0].back()};
    return {.title = std::move(title), .panels = {std::move(panel)}, .panel_width = 620, .panel_height = 520};
}

}  // namespace spikesmith
