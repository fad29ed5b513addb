#include "spikesmith/report/experiment_files.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "spikesmith/report/fit_files.hpp"

namespace spikesmith {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
    return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json numbers(std::span<const double> values) {
    Json list = Json::array();
    for (const double value : values) list.push_back(number(value));
    return list;
}

// Spikes as a raster: the target above the simulation, a pair of rows per chunk.
Panel spike_panel(std::span<const std::string> chunk_names, const SimulationRecord& simulated,
                  const SimulationRecord* target) {
    Panel panel{.title = "spikes", .x_label = "time (s)", .y_label = ""};
    const auto add = [&](const SimulationRecord& record, const char* label, const char* color, double shift) {
        for (std::size_t chunk = 0; chunk < record.chunks.size(); ++chunk) {
            Curve curve{.label = label, .color = color, .dots = true};
            for (const double time : record.spike_times(chunk)) {
                curve.x.push_back(time);
                curve.y.push_back(static_cast<double>(chunk_names.size() - chunk) + shift);
            }
            if (!curve.x.empty()) panel.curves.push_back(std::move(curve));
        }
    };
    if (target != nullptr && target->spikes) add(*target, "target", "#555555", 0.15);
    add(simulated, "simulated", "#c23b22", -0.15);
    panel.y_range = {0.0, static_cast<double>(chunk_names.size()) + 1};
    return panel;
}

}  // namespace

Json to_json(const OptNeuronResult& result, const OptNeuronOptions& options, std::span<const std::string> loss_names) {
    Json json;
    auto& best = json["best"] = Json::object();
    for (const auto& [name, value] : result.best) best[name] = number(value);
    json["loss"] = number(result.loss);
    json["deviation"] = number(result.deviation);
    json["best_loss"] = number(result.best_loss);
    auto& parts = json["all_loss"] = Json::array();
    for (std::size_t k = 0; k < result.all_loss.size(); ++k) {
        Json part = Json::object();
        if (loss_names.size() == result.all_loss.size()) part["name"] = loss_names[k];
        part["loss"] = number(result.all_loss[k]);
        parts.push_back(std::move(part));
    }
    auto& parameters = json["parameters"] = Json::object();
    for (const auto& [name, value] : result.parameters) parameters[name] = number(value);
    auto& constants = json["constants"] = Json::object();
    auto& bounds = json["bounds"] = Json::object();
    for (const OptVariable& variable : options.variables) {
        if (variable.value) constants[variable.name] = number(*variable.value);
        if (!variable.bounds) continue;
        bounds[variable.name] = {{"low", number(std::min(variable.bounds->first, variable.bounds->second))},
                                 {"high", number(std::max(variable.bounds->first, variable.bounds->second))},
                                 {"scale", scale_name(variable.scale)},
                                 {"integer", variable.integer}};
    }
    auto& expressions = json["expressions"] = Json::object();
    for (const auto& [name, text] : result.expressions) expressions[name] = text;
    json["method"] = result.method;
    json["optimizer"] = result.optimizer;
    json["population"] = result.population;
    json["seed"] = result.seed;
    json["n_evaluations"] = result.history.size();
    json["n_failed"] = result.n_failed;
    json["failures"] = failures_json(result.failures);
    json["settings"] = {{"time_step", options.time_step},
                        {"record", options.record},
                        {"recording_interval", options.recording_interval},
                        {"repetitions", options.repetitions},
                        {"target_repetitions", options.target_repetitions},
                        {"noise", options.noise == NoiseStreams::common ? "common" : "independent"},
                        {"allow_outside_bounds", options.allow_outside_bounds},
                        {"target", options.target_model ? "model"
                                   : options.target     ? "data"
                                                        : "none"}};
    json["best_loss_after"] = numbers(result.best_loss_after);
    auto& history = json["history"] = Json::array();
    for (const OptEvaluation& evaluation : result.history) {
        history.push_back({{"variables", numbers(evaluation.variables)},
                           {"loss", number(evaluation.loss)},
                           {"parts", numbers(evaluation.parts)},
                           {"deviation", number(evaluation.loss_deviation)}});
    }
    return json;
}

std::string evaluations_csv(const OptNeuronResult& result) {
    std::string out;
    for (const std::string& name : result.fitted) out += csv_cell(name) + ",";
    out += "loss,deviation\n";
    for (const OptEvaluation& evaluation : result.history) {
        for (const double value : evaluation.variables) out += fmt::format("{},", value);
        out += fmt::format("{},{}\n", evaluation.loss, evaluation.loss_deviation);
    }
    return out;
}

NamedArrays evaluation_arrays(const OptNeuronResult& result) {
    NamedArrays arrays;
    const std::vector<std::string>& names = result.fitted;
    const auto add = [&](const std::string& name, const auto& value_of) {
        std::vector<double> values;
        for (const OptEvaluation& evaluation : result.history) values.push_back(value_of(evaluation));
        arrays.emplace_back(name, NpyArray{{values.size()}, std::move(values)});
    };
    for (std::size_t k = 0; k < names.size(); ++k)
        add(names[k], [k](const OptEvaluation& evaluation) { return evaluation.variables[k]; });
    if (std::ranges::find(names, "loss") == names.end())
        add("loss", [](const OptEvaluation& evaluation) { return evaluation.loss; });
    if (std::ranges::find(names, "deviation") == names.end())
        add("deviation", [](const OptEvaluation& evaluation) { return evaluation.loss_deviation; });
    return arrays;
}

NamedArrays record_arrays(const SimulationRecord& record, const std::string& suffix) {
    std::size_t longest = 0;
    for (const RecordedChunk& chunk : record.chunks) longest = std::max(longest, chunk.n_samples());
    const auto table = [&](const auto& row_of) {
        Array2 values(record.chunks.size(), longest, std::numeric_limits<double>::quiet_NaN());
        for (std::size_t chunk = 0; chunk < record.chunks.size(); ++chunk)
            std::ranges::copy(row_of(chunk), values.row(chunk).begin());
        return to_npy(values);
    };
    NamedArrays arrays;
    arrays.emplace_back("t" + suffix, table([&](std::size_t chunk) { return record.times(chunk); }));
    for (const std::string& variable : record.variables)
        arrays.emplace_back(variable + suffix, table([&](std::size_t chunk) { return record.trace(variable, chunk); }));
    for (std::size_t chunk = 0; record.spikes && chunk < record.chunks.size(); ++chunk) {
        std::vector<double> times = record.spike_times(chunk);
        arrays.emplace_back(fmt::format("spikes_{}{}", chunk + 1, suffix), NpyArray{{times.size()}, std::move(times)});
    }
    return arrays;
}

std::string record_csv(const SimulationRecord& record) {
    std::string out = "chunk,time (second)";
    for (const std::string& variable : record.variables) out += "," + csv_cell(variable);
    out += '\n';
    for (std::size_t chunk = 0; chunk < record.chunks.size(); ++chunk) {
        const std::vector<double> times = record.times(chunk);
        for (std::size_t k = 0; k < times.size(); ++k) {
            out += fmt::format("{},{}", chunk + 1, times[k]);
            for (const std::string& variable : record.variables)
                out += fmt::format(",{}", record.trace(variable, chunk)[k]);
            out += '\n';
        }
    }
    return out;
}

std::string record_spikes_csv(const SimulationRecord& record) {
    std::string out = "chunk,time (second)\n";
    for (std::size_t chunk = 0; record.spikes && chunk < record.chunks.size(); ++chunk) {
        for (const double time : record.spike_times(chunk)) out += fmt::format("{},{}\n", chunk + 1, time);
    }
    return out;
}

Plot record_plot(std::string title, std::span<const std::string> chunk_names, const SimulationRecord& simulated,
                 const SimulationRecord* target) {
    Plot plot{.title = std::move(title)};
    const auto curve_of = [](const SimulationRecord& record, const std::string& variable, std::size_t chunk,
                             const char* label, const char* color) {
        const auto trace = record.trace(variable, chunk);
        return Curve{.label = label, .x = record.times(chunk), .y = {trace.begin(), trace.end()}, .color = color};
    };
    for (std::size_t chunk = 0; chunk < simulated.chunks.size(); ++chunk) {
        const std::string name = chunk < chunk_names.size() ? chunk_names[chunk] : fmt::format("chunk {}", chunk + 1);
        for (const std::string& variable : simulated.variables) {
            Panel panel{.title = name, .x_label = "time (s)", .y_label = variable};
            const bool compared = target != nullptr && chunk < target->chunks.size() &&
                                  std::ranges::find(target->variables, variable) != target->variables.end();
            if (compared) panel.curves.push_back(curve_of(*target, variable, chunk, "target", "#999999"));
            panel.curves.push_back(curve_of(simulated, variable, chunk, "simulated", "#1f5fa8"));
            plot.panels.push_back(std::move(panel));
        }
    }
    if (simulated.spikes) plot.panels.push_back(spike_panel(chunk_names, simulated, target));
    plot.columns = static_cast<int>(std::max<std::size_t>(1, simulated.variables.size()));
    if (plot.columns > 1) plot.panel_width = 420;
    return plot;
}

Plot loss_plot(std::string title, const OptNeuronResult& result) {
    Curve all{.label = "evaluations", .color = "#9db7d5", .dots = true};
    Curve best{.label = "best so far", .color = "#c23b22"};
    double lowest = std::numeric_limits<double>::infinity();
    for (std::size_t k = 0; k < result.history.size(); ++k) {
        const double loss = result.history[k].loss;
        if (std::isfinite(loss)) lowest = std::min(lowest, loss);
        all.x.push_back(static_cast<double>(k + 1));
        all.y.push_back(loss);
        best.x.push_back(static_cast<double>(k + 1));
        best.y.push_back(lowest);
    }
    const bool positive = std::ranges::all_of(all.y, [](double loss) { return !std::isfinite(loss) || loss > 0; });
    Panel panel{.title = "loss", .x_label = "evaluations", .y_label = "loss", .log_y = positive};
    panel.curves = {std::move(all), std::move(best)};
    Plot plot{.title = std::move(title)};
    plot.panels.push_back(std::move(panel));
    plot.panel_height = 260;
    return plot;
}

}  // namespace spikesmith
