#include "spikesmith/report/fit_plots.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace spikesmith {
namespace {

constexpr std::size_t most_traces = 16;
constexpr auto data_color = "#9aa0a6";
constexpr auto fit_color = "#c0392b";
constexpr auto best_color = "#1f5fa8";

std::string axis_label(const std::string& name, const Unit& unit) {
    return unit.dimension.dimensionless() ? name : fmt::format("{} ({})", name, unit.name);
}

Curve trace_curve(std::string label, const Array2& values, std::size_t row, double dt, const Unit& y_unit,
                  const Unit& t_unit) {
    Curve curve;
    curve.label = std::move(label);
    const auto samples = values.row(row);
    curve.x.reserve(samples.size());
    curve.y.reserve(samples.size());
    for (std::size_t k = 0; k < samples.size(); ++k) {
        curve.x.push_back(static_cast<double>(k) * dt / t_unit.scale);
        curve.y.push_back(samples[k] / y_unit.scale);
    }
    return curve;
}

double duration(const Array2& values, double dt) {
    return static_cast<double>(values.columns) * dt;
}

// Seconds to the last sample that is a number, of the longest recorded trace.
double recorded_duration(const TraceComparison& output) {
    double longest = 0;
    for (std::size_t r = 0; r < output.recorded.rows; ++r) {
        const auto trace = output.recorded.row(r);
        std::size_t samples = trace.size();
        while (samples > 0 && std::isnan(trace[samples - 1])) --samples;
        longest = std::max(longest, static_cast<double>(samples) * output.recorded_interval(r));
    }
    return longest;
}

}  // namespace

Plot trace_plot(std::string title, std::span<const TraceComparison> outputs) {
    Plot plot{
        .title = std::move(title), .panels = {}, .columns = static_cast<int>(std::max<std::size_t>(1, outputs.size()))};
    if (outputs.size() > 1) plot.panel_width = 480;
    std::size_t n_traces = 0;
    double longest = 0;
    std::vector<Unit> units;
    for (const auto& output : outputs) {
        n_traces = std::max({n_traces, output.recorded.rows, output.simulated.rows});
        longest = std::max({longest, recorded_duration(output), duration(output.simulated, output.simulated_dt)});
        std::vector<double> finite;
        for (const auto* table : {&output.recorded, &output.simulated}) {
            std::copy_if(table->values.begin(), table->values.end(), std::back_inserter(finite),
                         [](double v) { return std::isfinite(v); });
        }
        units.push_back(display_unit(output.dimension, finite));
    }
    const Unit t_unit = display_unit(dimensions::second, std::span<const double>(&longest, 1));
    const std::size_t shown = std::min(n_traces, most_traces);
    for (std::size_t trace = 0; trace < shown; ++trace) {
        for (std::size_t o = 0; o < outputs.size(); ++o) {
            const auto& output = outputs[o];
            Panel panel;
            panel.title = n_traces > 1 ? fmt::format("trace {}", trace + 1) : "";
            if (n_traces > shown && trace + 1 == shown) panel.title += fmt::format(" (of {})", n_traces);
            panel.y_label = axis_label(output.output, units[o]);
            if (trace + 1 == shown) panel.x_label = axis_label("time", t_unit);
            if (trace < output.recorded.rows) {
                panel.curves.push_back(
                    trace_curve("data", output.recorded, trace, output.recorded_interval(trace), units[o], t_unit));
                panel.curves.back().color = data_color;
                panel.curves.back().width = 1;
            }
            if (trace < output.simulated.rows) {
                panel.curves.push_back(trace_curve(output.recorded.empty() ? "simulation" : "best fit",
                                                   output.simulated, trace, output.simulated_dt, units[o], t_unit));
                panel.curves.back().color = output.recorded.empty() ? best_color : fit_color;
                panel.curves.back().width = 1.4;
            }
            plot.panels.push_back(std::move(panel));
        }
    }
    return plot;
}

Plot spike_plot(std::string title, const std::vector<std::vector<double>>& recorded,
                const std::vector<std::vector<double>>& simulated) {
    Plot plot{.title = std::move(title), .panels = {}, .columns = 1};
    double longest = 0;
    for (const auto* trains : {&recorded, &simulated}) {
        for (const auto& train : *trains) longest = std::max(longest, train.empty() ? 0 : train.back());
    }
    const Unit unit = display_unit(dimensions::second, std::span<const double>(&longest, 1));
    Panel panel;
    panel.x_label = axis_label("time", unit);
    panel.y_label = "trace";
    const auto add = [&](const std::vector<std::vector<double>>& trains, std::string label, const char* color,
                         double offset) {
        Curve curve{.label = std::move(label), .x = {}, .y = {}, .color = color, .dots = true};
        for (std::size_t r = 0; r < trains.size(); ++r) {
            for (const double time : trains[r]) {
                curve.x.push_back(time / unit.scale);
                curve.y.push_back(static_cast<double>(r + 1) + offset);
            }
        }
        panel.curves.push_back(std::move(curve));
    };
    constexpr double apart = 0.12;  // recorded spikes above, simulated ones below
    add(recorded, "data", data_color, apart);
    add(simulated, "best fit", fit_color, -apart);
    plot.panels.push_back(std::move(panel));
    return plot;
}

Plot pareto_plot(std::string title, const FitResult& result, const Evaluations& evaluations) {
    constexpr std::size_t most_dots = 5000;
    Plot plot{.title = std::move(title), .panels = {}, .columns = 1, .panel_width = 480, .panel_height = 360};
    const std::size_t step = evaluations.size() / most_dots + 1;
    for (std::size_t a = 0; a < result.outputs.size(); ++a) {
        for (std::size_t b = a + 1; b < result.outputs.size(); ++b) {
            Panel panel;
            panel.x_label = "error of " + result.outputs[a];
            panel.y_label = "error of " + result.outputs[b];
            Curve all{.label = "evaluations", .x = {}, .y = {}, .color = data_color, .opacity = 0.4, .dots = true};
            for (std::size_t i = 0; i < evaluations.size(); i += step) {
                all.x.push_back(evaluations.objective_errors(i)[a]);
                all.y.push_back(evaluations.objective_errors(i)[b]);
            }
            Curve front{.label = "Pareto front", .x = {}, .y = {}, .color = fit_color, .dots = true};
            double last_x = 0;
            double last_y = 0;
            for (const ParetoPoint& point : result.pareto_front) {
                front.x.push_back(point.objectives[a]);
                front.y.push_back(point.objectives[b]);
                last_x = std::max(last_x, point.objectives[a]);
                last_y = std::max(last_y, point.objectives[b]);
            }
            // What is much worse than the front in either would hide it.
            constexpr double margin = 3;
            std::vector<double> x, y;
            for (std::size_t k = 0; k < all.x.size(); ++k) {
                if (!(all.x[k] <= margin * last_x && all.y[k] <= margin * last_y)) continue;
                x.push_back(all.x[k]);
                y.push_back(all.y[k]);
            }
            all.x = std::move(x);
            all.y = std::move(y);
            panel.curves = {std::move(all), std::move(front)};
            plot.panels.push_back(std::move(panel));
        }
    }
    return plot;
}

Plot convergence_plot(std::string title, const FitResult& result, const Evaluations& evaluations) {
    Plot plot{.title = std::move(title), .panels = {}, .columns = 1, .panel_width = 620};
    const std::size_t n = evaluations.size();
    Curve best{.label = "best so far", .x = {}, .y = {}, .color = best_color, .width = 1.8};
    Curve rounds{.label = "best of the round", .x = {}, .y = {}, .color = data_color, .dots = true};
    std::size_t last_of_round = 0;
    for (std::size_t round = 0; round < result.history.size(); ++round) {
        while (last_of_round < n && evaluations.round(last_of_round) <= round) ++last_of_round;
        best.x.push_back(static_cast<double>(last_of_round));
        best.y.push_back(result.history[round].best_error);
        rounds.x.push_back(static_cast<double>(last_of_round));
        rounds.y.push_back(result.history[round].round_best_error);
    }
    std::vector<double> finite;
    std::copy_if(best.y.begin(), best.y.end(), std::back_inserter(finite), [](double v) { return std::isfinite(v); });
    const bool positive = std::all_of(finite.begin(), finite.end(), [](double v) { return v > 0; });
    const double last = finite.empty() ? 1 : finite.back();
    const Unit unit = display_unit(result.error_dimension, std::span<const double>(&last, 1));
    for (auto* curve : {&best, &rounds}) {
        for (double& y : curve->y) y /= unit.scale;
    }
    const std::array<double, 2> all{0, static_cast<double>(std::max<std::size_t>(n, 1))};
    Panel errors{.title = "",
                 .x_label = "",
                 .y_label = axis_label("error", unit),
                 .log_y = positive && !finite.empty(),
                 .curves = {std::move(rounds), std::move(best)},
                 .x_range = all};
    plot.panels.push_back(std::move(errors));

    // The values of the best parameter set after each evaluation that improved it.
    std::vector<std::size_t> improvements;
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < n; ++i) {
        if (evaluations.error(i) < lowest) {
            lowest = evaluations.error(i);
            improvements.push_back(i);
        }
    }
    std::size_t column = 0;
    for (const auto& parameter : result.parameters) {
        if (!parameter.searched()) continue;
        const double bounds[] = {parameter.low, parameter.high};
        const Unit shown = display_unit(parameter.dimension, parameter.scale == Scale::logarithmic
                                                                 ? std::span<const double>(&parameter.value, 1)
                                                                 : std::span<const double>(bounds));
        Panel panel;
        panel.x_range = all;
        panel.y_label = axis_label(parameter.name, shown);
        panel.log_y = parameter.scale == Scale::logarithmic;
        Curve values{.label = "", .x = {}, .y = {}, .color = best_color, .width = 1.5};
        Curve low{.label = "bounds",
                  .x = {0, static_cast<double>(n)},
                  .y = {parameter.low / shown.scale, parameter.low / shown.scale},
                  .color = "#bbbbbb",
                  .width = 1};
        Curve high = low;
        high.y.assign(2, parameter.high / shown.scale);
        for (std::size_t k = 0; k < improvements.size(); ++k) {
            const double value = evaluations.parameter_values(improvements[k])[column] / shown.scale;
            const std::size_t until = k + 1 < improvements.size() ? improvements[k + 1] : n;
            values.x.insert(values.x.end(), {static_cast<double>(improvements[k]), static_cast<double>(until)});
            values.y.insert(values.y.end(), {value, value});
        }
        panel.curves = {std::move(low), std::move(high), std::move(values)};
        plot.panels.push_back(std::move(panel));
        ++column;
    }
    plot.panels.back().x_label = "evaluations";
    return plot;
}

}  // namespace spikesmith
