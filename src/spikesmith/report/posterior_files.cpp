#include "spikesmith/report/posterior_files.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "spikesmith/data/delimited.hpp"
#include "spikesmith/fit/names.hpp"
#include "spikesmith/report/text_table.hpp"

namespace spikesmith {
namespace {

using Json = nlohmann::ordered_json;
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double variance_of(std::span<const double> values) {
    const double mean = mean_of(values);
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return squares / static_cast<double>(values.size());
}

double quantile_of(std::span<const double> sorted, double p) {
    const double place = p * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> column_of(const Array2& table, std::size_t column) {
    std::vector<double> values(table.rows);
    for (std::size_t i = 0; i < table.rows; ++i) values[i] = table(i, column);
    return values;
}

double shrinkage(const Distribution& prior, std::vector<double> samples) {
    const bool logarithmic = std::holds_alternative<LogUniformDistribution>(prior.kind()) ||
                             std::holds_alternative<LogNormalDistribution>(prior.kind());
    constexpr std::size_t points = 2000;  // of the prior, equally probable
    std::vector<double> before(points);
    for (std::size_t k = 0; k < points; ++k)
        before[k] = prior.quantile((static_cast<double>(k) + 0.5) / static_cast<double>(points));
    for (auto* values : {&before, &samples}) {
        for (double& value : *values) value = logarithmic ? std::log(value) : value;
    }
    return 1 - variance_of(samples) / variance_of(before);
}

Json json_of(const UniformityTest& test) {
    return {{"name", test.name}, {"p_value", test.p_value}, {"mean", test.mean}, {"values", test.values}};
}

std::string word_of(CalibrationVerdict verdict) {
    switch (verdict) {
        case CalibrationVerdict::calibrated:
            return "calibrated";
        case CalibrationVerdict::overconfident:
            return "overconfident";
        case CalibrationVerdict::underconfident:
            return "underconfident";
        case CalibrationVerdict::biased:
            return "biased";
        case CalibrationVerdict::undecided:
            break;
    }
    return "undecided";
}

std::string unit_of(const Dimension& dimension) {
    return dimension.dimensionless() ? "1" : dimension.name();
}

}  // namespace

std::vector<ParameterSummary> summarize(const Prior& prior, const Array2& samples, const Modes& modes) {
    std::vector<ParameterSummary> result;
    for (std::size_t d = 0; d < prior.dimension(); ++d) {
        const ParameterPrior& parameter = prior.parameters()[d];
        std::vector<double> values = column_of(samples, d);
        std::ranges::sort(values);
        result.push_back({.name = parameter.name,
                          .dimension = parameter.dimension,
                          .prior = parameter.distribution.description(),
                          .median = quantile_of(values, 0.5),
                          .mean = mean_of(values),
                          .low = quantile_of(values, 0.025),
                          .high = quantile_of(values, 0.975),
                          .prior_low = parameter.distribution.quantile(0.025),
                          .prior_high = parameter.distribution.quantile(0.975),
                          .shrinkage = shrinkage(parameter.distribution, values),
                          .map = modes.modes.front().theta[d]});
    }
    return result;
}

std::string summary_table(std::span<const ParameterSummary> parameters) {
    std::vector<std::vector<std::string>> rows;
    for (const ParameterSummary& p : parameters) {
        const auto text = [&](double value) { return format_quantity({value, p.dimension}); };
        rows.push_back({p.name, text(p.median), fmt::format("{} to {}", text(p.low), text(p.high)),
                        fmt::format("{} to {}", text(p.prior_low), text(p.prior_high)),
                        fmt::format("{:.3f}", p.shrinkage), text(p.map)});
    }
    return text_table({{"parameter"},
                       {"median", Align::right},
                       {"95 % interval", Align::right},
                       {"95 % of the prior", Align::right},
                       {"shrinkage", Align::right},
                       {"most probable", Align::right}},
                      rows);
}

std::vector<std::vector<double>> correlation(const Array2& samples) {
    const std::size_t n = samples.columns;
    std::vector<std::vector<double>> result(n, std::vector<double>(n, 1));
    for (std::size_t a = 0; a < n; ++a) {
        for (std::size_t b = a + 1; b < n; ++b) {
            const std::vector<double> x = column_of(samples, a);
            const std::vector<double> y = column_of(samples, b);
            const double x_mean = mean_of(x);
            const double y_mean = mean_of(y);
            double products = 0;
            for (std::size_t i = 0; i < x.size(); ++i) products += (x[i] - x_mean) * (y[i] - y_mean);
            const double covariance = products / static_cast<double>(x.size());
            result[a][b] = result[b][a] = covariance / std::sqrt(variance_of(x) * variance_of(y));
        }
    }
    return result;
}

Json to_json(std::span<const ParameterSummary> parameters) {
    Json list = Json::array();
    for (const ParameterSummary& p : parameters) {
        list.push_back({{"name", p.name},
                        {"unit", unit_of(p.dimension)},
                        {"median", p.median},
                        {"mean", p.mean},
                        {"interval", {p.low, p.high}},
                        {"prior", p.prior},
                        {"prior_interval", {p.prior_low, p.prior_high}},
                        {"shrinkage", p.shrinkage},
                        {"map", p.map}});
    }
    return list;
}

Json to_json(const Modes& modes, const Prior& prior) {
    Json list = Json::array();
    for (const Mode& mode : modes.modes) {
        Json parameters;
        for (std::size_t d = 0; d < prior.dimension(); ++d) parameters[prior.parameters()[d].name] = mode.theta[d];
        list.push_back(
            {{"parameters", std::move(parameters)}, {"log_density", mode.log_density}, {"starts", mode.starts}});
    }
    return list;
}

Json to_json(const MissingCounts& counts, const std::vector<std::string>& features) {
    Json json{{"rows", counts.rows},
              {"incomplete", counts.incomplete},
              {"failed", counts.failed},
              {"left_out", counts.dropped}};
    Json& missing = json["missing"] = Json::object();
    for (std::size_t k = 0; k < counts.of_feature.size() && k < features.size(); ++k) {
        if (counts.of_feature[k] > 0) missing[features[k]] = counts.of_feature[k];
    }
    return json;
}

Json to_json(const TrainingReport& report) {
    Json networks = Json::array();
    for (const NetworkReport& network : report.networks) {
        networks.push_back({{"kind", network.kind},
                            {"weight", network.weight},
                            {"epochs", network.epochs},
                            {"validation_loss", network.validation_loss},
                            {"training_losses", network.training_losses},
                            {"validation_losses", network.validation_losses}});
    }
    return {{"simulations", report.simulations}, {"networks", std::move(networks)}};
}

Json to_json(const AutomaticResult& choice) {
    Json json{{"method", name_of(choice.method)}, {"reason", choice.reason()}};
    if (choice.left_out.empty()) {
        json["gain_of_SNLE"] = choice.gain;
        json["standard_error"] = choice.gain_error;
        json["held_out_simulations"] = choice.judged;
    }
    Json& candidates = json["candidates"] = Json::array();
    for (const AutomaticResult::Candidate& candidate : choice.candidates) {
        Json entry{{"method", name_of(candidate.method)}, {"mean_log_density", candidate.score}};
        entry.update(to_json(candidate.report));
        candidates.push_back(std::move(entry));
    }
    return json;
}

Json to_json(const CalibrationReport& report) {
    Json json{{"verdict", word_of(report.verdict)},
              {"summary", report.summary()},
              {"pairs", report.pairs},
              {"draws", report.draws},
              {"skipped", report.skipped}};
    Json& coverage = json["expected_coverage"] = Json::array();
    for (const double p : {0.5, 0.8, 0.9, 0.95}) coverage.push_back({p, report.expected_coverage(p)});
    Json& ranks = json["ranks"] = Json::array();
    for (const UniformityTest& test : report.ranks) ranks.push_back(json_of(test));
    json["coverage"] = json_of(report.coverage);
    json["tarp"] = json_of(report.tarp);
    return json;
}

Json to_json(const PredictiveCheck& check) {
    Json json{{"passed", check.passed},
              {"summary", check.summary()},
              {"simulations", check.simulations},
              {"p_value", check.p_value}};
    Json& features = json["features"] = Json::array();
    for (const auto& feature : check.features) {
        features.push_back({{"name", feature.name},
                            {"observed", feature.observed},
                            {"median", feature.median},
                            {"interval", {feature.low, feature.high}},
                            {"p_value", feature.p_value},
                            {"missing", feature.missing}});
    }
    return json;
}

NamedArrays sample_arrays(const Prior& prior, const Array2& samples, std::vector<double> log_prob) {
    NamedArrays arrays;
    for (std::size_t d = 0; d < prior.dimension(); ++d)
        arrays.emplace_back(prior.parameters()[d].name, NpyArray{{samples.rows}, column_of(samples, d)});
    const std::vector<std::string> names = prior.names();
    if (std::ranges::find(names, "log_prob") == names.end())
        arrays.emplace_back("log_prob", NpyArray{{log_prob.size()}, std::move(log_prob)});
    return arrays;
}

std::string samples_csv(const Prior& prior, const Array2& samples) {
    DelimitedTable table;
    for (const ParameterPrior& parameter : prior.parameters()) {
        table.names.push_back(parameter.name);
        table.units.push_back(parameter.dimension.dimensionless() ? "" : parameter.dimension.name());
    }
    table.values = samples;
    return format_delimited(table);
}

NamedArrays predictive_arrays(const PredictiveTraces& traces, const TraceData& data) {
    NamedArrays arrays;
    NpyArray time{{data.n_steps}, {}};
    for (std::size_t k = 0; k < data.n_steps; ++k) time.values.push_back(static_cast<double>(k) * traces.dt);
    arrays.emplace_back("t", std::move(time));
    arrays.emplace_back("theta", to_npy(traces.theta));
    for (const PredictiveTraces::Output& output : traces.outputs) {
        NpyArray all{{traces.theta.rows, data.n_traces, data.n_steps}, {}};
        all.values.reserve(traces.theta.rows * data.n_traces * data.n_steps);
        for (std::size_t i = 0; i < traces.theta.rows; ++i) {
            for (std::size_t r = 0; r < data.n_traces; ++r) {
                const auto row = output.traces[r].row(i);
                all.values.insert(all.values.end(), row.begin(), row.end());
            }
        }
        arrays.emplace_back(output.name, std::move(all));
        arrays.emplace_back(output.name + "_mean", to_npy(output.mean));
        arrays.emplace_back(output.name + "_median", to_npy(output.median));
        arrays.emplace_back(output.name + "_low", to_npy(output.low));
        arrays.emplace_back(output.name + "_high", to_npy(output.high));
        const auto recorded = std::ranges::find(data.outputs, output.name, &RecordedOutput::name);
        if (recorded == data.outputs.end()) continue;
        std::size_t longest = 0;
        for (const RecordedTrace& trace : recorded->traces) longest = std::max(longest, trace.target.size());
        Array2 values(data.n_traces, longest, not_a_number);
        NpyArray intervals{{data.n_traces}, {}};
        for (std::size_t r = 0; r < data.n_traces; ++r) {
            std::ranges::copy(recorded->traces[r].target, values.row(r).begin());
            intervals.values.push_back(recorded->traces[r].dt);
        }
        arrays.emplace_back(output.name + "_data", to_npy(values));
        arrays.emplace_back(output.name + "_data_dt", std::move(intervals));
    }
    return arrays;
}

Plot predictive_plot(std::string title, const PredictiveTraces& traces, const TraceData& data) {
    constexpr std::size_t most_traces = 16;
    constexpr auto data_color = "#202124";
    constexpr auto draw_color = "#7fa8d1";
    constexpr auto mean_color = "#c0392b";
    constexpr auto band_color = "#1f5fa8";
    Plot plot{.title = std::move(title),
              .panels = {},
              .columns = static_cast<int>(std::max<std::size_t>(1, traces.outputs.size()))};
    if (traces.outputs.size() > 1) plot.panel_width = 480;
    const double longest = static_cast<double>(data.n_steps) * traces.dt;
    const Unit time = display_unit(dimensions::second, std::span<const double>(&longest, 1));
    const auto label = [](const std::string& name, const Unit& unit) {
        return unit.dimension.dimensionless() ? name : fmt::format("{} ({})", name, unit.name);
    };
    const std::size_t shown = std::min(data.n_traces, most_traces);
    for (std::size_t r = 0; r < shown; ++r) {
        for (const PredictiveTraces::Output& output : traces.outputs) {
            const auto recorded = std::ranges::find(data.outputs, output.name, &RecordedOutput::name);
            const Unit unit = display_unit(output.dimension, output.mean.values);
            Panel panel;
            panel.title = data.n_traces > 1 ? fmt::format("trace {}", r + 1) : "";
            if (data.n_traces > shown && r + 1 == shown) panel.title += fmt::format(" (of {})", data.n_traces);
            panel.y_label = label(output.name, unit);
            if (r + 1 == shown) panel.x_label = label("time", time);
            const auto add = [&](const char* name, const char* color, std::span<const double> values, double dt,
                                 double width, double opacity) {
                Curve curve{.label = name, .color = color, .width = width, .opacity = opacity};
                for (std::size_t k = 0; k < values.size(); ++k) {
                    curve.x.push_back(static_cast<double>(k) * dt / time.scale);
                    curve.y.push_back(values[k] / unit.scale);
                }
                panel.curves.push_back(std::move(curve));
            };
            for (std::size_t i = 0; i < output.traces[r].rows; ++i)
                add("draws of the posterior", draw_color, output.traces[r].row(i), traces.dt, 0.6, 0.35);
            if (recorded != data.outputs.end())
                add("data", data_color, recorded->traces[r].target, recorded->traces[r].dt, 1.2, 1);
            add("95 % of the draws", band_color, output.low.row(r), traces.dt, 0.8, 1);
            add("95 % of the draws", band_color, output.high.row(r), traces.dt, 0.8, 1);
            add("mean", mean_color, output.mean.row(r), traces.dt, 1.2, 1);
            plot.panels.push_back(std::move(panel));
        }
    }
    return plot;
}

}  // namespace spikesmith
