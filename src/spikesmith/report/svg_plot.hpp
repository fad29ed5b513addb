// Line plots as self-contained SVG: panels in a grid, axes with round ticks, a legend. No fonts, scripts or files from elsewhere.
//
// For plots of traces and of convergence. Curves with more points than the picture has pixels are thinned so that every
// extreme stays visible. Points that are not finite (or not positive on a logarithmic axis) interrupt a curve.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace spikesmith {

struct Curve {
    std::string label;  // in the legend; curves of the same label in several panels have one entry; empty: none
    std::vector<double> x, y;
    std::string color = "#1f5fa8";
    double width = 1.2;
    double opacity = 1.0;
    bool dots = false;  // circles instead of a line
};

struct Panel {
    std::string title;
    std::string x_label, y_label;
    bool log_y = false;
    std::vector<Curve> curves;
    std::optional<std::array<double, 2>> x_range;  // default: that of the curves
    std::optional<std::array<double, 2>> y_range;  // default: that of the curves and a little more
    bool blank = false;                            // nothing is drawn, a gap in the grid
};

struct Plot {
    std::string title;
    std::vector<Panel> panels;
    int columns = 1;
    double panel_width = 720;  // of the area inside the axes, pixels
    double panel_height = 150;
};

// The plot as an SVG document.
[[nodiscard]] std::string svg(const Plot& plot);

// Round numbers (1, 2, 2.5 or 5 times a power of ten) inside [low, high], about `count` of them.
[[nodiscard]] std::vector<double> nice_ticks(double low, double high, int count);

// Powers of ten inside [low, high], low > 0; with 2 and 5 times them if there are fewer than three.
[[nodiscard]] std::vector<double> log_ticks(double low, double high);

}  // namespace spikesmith
