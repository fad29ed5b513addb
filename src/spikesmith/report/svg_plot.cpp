#include "spikesmith/report/svg_plot.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include <fmt/format.h>

namespace spikesmith {
namespace {

constexpr double left_margin = 78, right_margin = 18, top_margin = 22, bottom_margin = 44, gap = 8;

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    }
    return out;
}

// Coordinates with two decimals, and no negative zero.
std::string number(double value) {
    std::string text = fmt::format("{:.2f}", value);
    while (text.ends_with('0')) text.pop_back();
    if (text.ends_with('.')) text.pop_back();
    return text == "-0" ? "0" : text;
}

// A tick as people write it; `step` tells how many decimals are needed.
std::string tick_text(double value, double step) {
    if (std::abs(value) < 1e-9 * step) return "0";
    if (std::abs(value) >= 1e5 || step < 1e-4) {
        std::string text = fmt::format("{:.3g}", value);
        return text;
    }
    const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
    std::string text = fmt::format("{:.{}f}", value, std::min(decimals + 1, 8));
    if (text.find('.') != std::string::npos) {
        while (text.ends_with('0')) text.pop_back();
        if (text.ends_with('.')) text.pop_back();
    }
    return text;
}

struct Range {
    double low = std::numeric_limits<double>::infinity();
    double high = -std::numeric_limits<double>::infinity();
    void include(double value) {
        low = std::min(low, value);
        high = std::max(high, value);
    }
    [[nodiscard]] bool empty() const { return !(low <= high); }
};

// Maps a range of values to pixels.
struct Axis {
    Range range;
    bool log = false;
    double from = 0, to = 1;  // pixels of low and high
    [[nodiscard]] double pixel(double value) const {
        const double u = log ? std::log(value / range.low) / std::log(range.high / range.low)
                             : (value - range.low) / (range.high - range.low);
        return from + u * (to - from);
    }
};

// Numbers near the ends of double precision are left out too: their range could not be computed with.
bool drawable(const Panel& panel, double x, double y) {
    constexpr double largest = 1e150;
    return std::abs(x) < largest && std::abs(y) < largest && (!panel.log_y || y > 1 / largest);
}

Axis fit_axis(const Range& values, bool log, double padding) {
    Axis axis{values, log};
    Range& range = axis.range;
    if (range.empty()) range = log ? Range{0.1, 1} : Range{0, 1};
    if (log) {
        if (range.low == range.high) range = {range.low / 2, range.high * 2};
        const double factor = std::pow(range.high / range.low, padding);
        range = {range.low / factor, range.high * factor};
    } else {
        if (range.low == range.high) {
            const double half = range.low == 0 ? 1 : std::abs(range.low) * 0.1;
            range = {range.low - half, range.high + half};
        }
        const double extra = (range.high - range.low) * padding;
        range = {range.low - extra, range.high + extra};
    }
    return axis;
}

// Where lines end and where they start again, in pixels; thinned to first, lowest, highest, last of each pixel column.
std::string line_path(const Panel& panel, const Curve& curve, const Axis& x_axis, const Axis& y_axis) {
    std::string path;
    bool pen_down = false;
    struct Column {
        double pixel, first, low, high, last;
    };
    std::optional<Column> column;
    const auto point = [&](double x, double y) {
        path += fmt::format("{}{},{}", pen_down ? 'L' : 'M', number(x), number(y));
        pen_down = true;
    };
    const auto flush = [&] {
        if (!column) return;
        const double x = column->pixel;
        point(x, column->first);
        if (column->low != column->high) {
            const bool low_first = column->first - column->low < column->high - column->first;
            point(x, low_first ? column->low : column->high);
            point(x, low_first ? column->high : column->low);
            point(x, column->last);
        }
        column.reset();
    };
    const std::size_t n = std::min(curve.x.size(), curve.y.size());
    const bool thin = static_cast<double>(n) > 4 * std::abs(x_axis.to - x_axis.from);
    for (std::size_t i = 0; i < n; ++i) {
        if (!drawable(panel, curve.x[i], curve.y[i])) {
            flush();
            pen_down = false;
            continue;
        }
        const double x = x_axis.pixel(curve.x[i]);
        const double y = y_axis.pixel(curve.y[i]);
        if (!thin) {
            point(x, y);
            continue;
        }
        const double pixel = std::round(x * 2) / 2;
        if (column && column->pixel != pixel) flush();
        if (!column) column = Column{pixel, y, y, y, y};
        column->low = std::min(column->low, y);
        column->high = std::max(column->high, y);
        column->last = y;
    }
    flush();
    return path;
}

std::string text_element(double x, double y, std::string_view anchor, std::string_view text,
                         std::string_view extra = "") {
    return fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\"{}{}>{}</text>\n", number(x), number(y), anchor,
                       extra.empty() ? "" : " ", extra, escaped(text));
}

// `x0`, `y0`: upper left corner of the area inside the axes.
std::string panel_text(const Panel& panel, const Plot& plot, double x0, double y0) {
    Range x_range;
    Range y_range;
    for (const auto& curve : panel.curves) {
        for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
            if (!drawable(panel, curve.x[i], curve.y[i])) continue;
            x_range.include(curve.x[i]);
            y_range.include(curve.y[i]);
        }
    }
    if (panel.x_range) x_range = {(*panel.x_range)[0], (*panel.x_range)[1]};
    Axis x_axis = fit_axis(x_range, false, 0);
    if (panel.y_range) y_range = {(*panel.y_range)[0], (*panel.y_range)[1]};
    Axis y_axis = fit_axis(y_range, panel.log_y, panel.y_range ? 0 : 0.06);
    x_axis.from = x0;
    x_axis.to = x0 + plot.panel_width;
    y_axis.from = y0 + plot.panel_height;
    y_axis.to = y0;

    std::string out;
    const auto x_ticks =
        nice_ticks(x_axis.range.low, x_axis.range.high, std::max(2, static_cast<int>(plot.panel_width / 90)));
    const auto y_ticks = panel.log_y ? log_ticks(y_axis.range.low, y_axis.range.high)
                                     : nice_ticks(y_axis.range.low, y_axis.range.high,
                                                  std::max(2, static_cast<int>(plot.panel_height / 40)));
    const double x_step = x_ticks.size() > 1 ? x_ticks[1] - x_ticks[0] : 1;
    const double y_step = y_ticks.size() > 1 ? y_ticks[1] - y_ticks[0] : 1;
    for (const double tick : x_ticks) {
        const double x = x_axis.pixel(tick);
        out += fmt::format("<path class=\"grid\" d=\"M{},{}V{}\"/>\n", number(x), number(y0),
                           number(y0 + plot.panel_height));
        out += text_element(x, y0 + plot.panel_height + 16, "middle", tick_text(tick, x_step));
    }
    for (const double tick : y_ticks) {
        const double y = y_axis.pixel(tick);
        out += fmt::format("<path class=\"grid\" d=\"M{},{}H{}\"/>\n", number(x0), number(y),
                           number(x0 + plot.panel_width));
        out += text_element(x0 - 6, y + 4, "end", panel.log_y ? fmt::format("{:.3g}", tick) : tick_text(tick, y_step));
    }
    for (const auto& curve : panel.curves) {
        if (curve.dots) {
            for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
                if (!drawable(panel, curve.x[i], curve.y[i])) continue;
                out += fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"2\" fill=\"{}\" fill-opacity=\"{}\"/>\n",
                                   number(x_axis.pixel(curve.x[i])), number(y_axis.pixel(curve.y[i])),
                                   escaped(curve.color), number(curve.opacity));
            }
        } else if (const std::string path = line_path(panel, curve, x_axis, y_axis); !path.empty()) {
            out += fmt::format(
                "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" stroke-opacity=\"{}\" "
                "stroke-linejoin=\"round\"/>\n",
                path, escaped(curve.color), number(curve.width), number(curve.opacity));
        }
    }
    out += fmt::format("<rect class=\"frame\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n", number(x0), number(y0),
                       number(plot.panel_width), number(plot.panel_height));
    if (!panel.title.empty()) out += text_element(x0, y0 - 6, "start", panel.title, "font-weight=\"bold\"");
    if (!panel.x_label.empty())
        out += text_element(x0 + plot.panel_width / 2, y0 + plot.panel_height + 34, "middle", panel.x_label);
    if (!panel.y_label.empty()) {
        const double x = x0 - left_margin + 18;
        const double y = y0 + plot.panel_height / 2;
        out += text_element(x, y, "middle", panel.y_label,
                            fmt::format("transform=\"rotate(-90 {} {})\"", number(x), number(y)));
    }
    return out;
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, int count) {
    std::vector<double> ticks;
    if (!std::isfinite(low) || !std::isfinite(high) || !(low < high) || count < 1) return ticks;
    const double raw = (high - low) / count;
    const double magnitude = std::pow(10.0, std::floor(std::log10(raw)));
    double step = magnitude;
    for (const double factor : {2.0, 2.5, 5.0, 10.0}) {
        const double other = factor * magnitude;
        if (std::abs(std::log(other / raw)) < std::abs(std::log(step / raw))) step = other;
    }
    const double first = std::ceil(low / step - 1e-9);
    const double last = std::floor(high / step + 1e-9);
    constexpr double exact = 1e15;  // counting goes on by ones up to here
    if (!(std::abs(first) < exact && std::abs(last) < exact)) return ticks;
    for (double k = first; k <= last; ++k) ticks.push_back(k == 0 ? 0 : k * step);
    return ticks;
}

std::vector<double> log_ticks(double low, double high) {
    std::vector<double> ticks;
    if (!(low > 0) || !(low < high) || !std::isfinite(high)) return ticks;
    const int first = static_cast<int>(std::floor(std::log10(low)));
    const int last = static_cast<int>(std::ceil(std::log10(high)));
    const auto collect = [&](std::initializer_list<double> factors, int stride) {
        ticks.clear();
        for (int k = first; k <= last; k += stride) {
            for (const double factor : factors) {
                const double tick = factor * std::pow(10.0, k);
                if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push_back(tick);
            }
        }
    };
    collect({1}, std::max(1, (last - first + 7) / 8));
    if (ticks.size() < 3) collect({1, 2, 5}, 1);
    if (ticks.size() < 2) ticks = nice_ticks(low, high, 4);
    return ticks;
}

std::string svg(const Plot& plot) {
    const int columns = std::max(1, plot.columns);
    const auto rows = static_cast<int>((plot.panels.size() + static_cast<std::size_t>(columns) - 1) /
                                       static_cast<std::size_t>(columns));
    // The legend has an entry per label, in order of appearance.
    std::vector<const Curve*> legend;
    std::set<std::string> seen;
    for (const auto& panel : plot.panels) {
        for (const auto& curve : panel.curves) {
            if (!curve.label.empty() && seen.insert(curve.label).second) legend.push_back(&curve);
        }
    }
    const double header = (plot.title.empty() ? 0 : 26) + (legend.empty() ? 0 : 20) + gap;
    const double cell_width = left_margin + plot.panel_width + right_margin;
    const double cell_height = top_margin + plot.panel_height + bottom_margin;
    const double width = cell_width * columns;
    const double height = header + cell_height * rows;

    std::string out = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
        "font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\">\n"
        "<style>.grid{{stroke:#ddd;fill:none}}.frame{{stroke:#444;fill:none}}</style>\n"
        "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        number(width), number(height));
    double y = gap;
    if (!plot.title.empty()) {
        out += text_element(width / 2, y + 16, "middle", plot.title, "font-size=\"15\" font-weight=\"bold\"");
        y += 26;
    }
    double x = left_margin;
    for (const Curve* curve : legend) {
        out += fmt::format("<path d=\"M{},{}h22\" stroke=\"{}\" stroke-width=\"{}\" fill=\"none\"/>\n", number(x),
                           number(y + 8), escaped(curve->color), number(std::max(curve->width, 2.0)));
        out += text_element(x + 28, y + 12, "start", curve->label);
        x += 28 + 7.2 * static_cast<double>(curve->label.size()) + 26;
    }
    for (std::size_t i = 0; i < plot.panels.size(); ++i) {
        if (plot.panels[i].blank) continue;
        const std::size_t column = i % static_cast<std::size_t>(columns);
        const std::size_t row = i / static_cast<std::size_t>(columns);
        out += panel_text(plot.panels[i], plot, static_cast<double>(column) * cell_width + left_margin,
                          header + static_cast<double>(row) * cell_height + top_margin);
    }
    return out + "</svg>\n";
}

}  // namespace spikesmith
