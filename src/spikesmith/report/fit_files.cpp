#include "spikesmith/report/fit_files.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

namespace spikesmith {
namespace {

nlohmann::ordered_json number(double value) {
    return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

void append(std::string& out, double value) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    out.append(digits.data(), end);
}

std::string_view stop_word(StopReason reason) {
    switch (reason) {
        case StopReason::rounds_done:
            return "rounds_done";
        case StopReason::callback:
            return "callback";
        case StopReason::cancelled:
            return "interrupted";
    }
    return "";
}

std::string unit_of(const Dimension& dimension) {
    return dimension.dimensionless() ? "1" : dimension.name();
}

}  // namespace

nlohmann::ordered_json failures_json(std::span<const FailureCause> failures) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const FailureCause& failure : failures)
        list.push_back({{"cause", failure.what}, {"count", failure.count}, {"first_evaluation", failure.evaluation}});
    return list;
}

nlohmann::ordered_json to_json(const FitResult& result) {
    nlohmann::ordered_json json;
    json["best_error"] = result.best ? number(result.best->error) : nullptr;
    json["error_unit"] = unit_of(result.error_dimension);
    auto& parameters = json["parameters"] = nlohmann::ordered_json::array();
    for (const auto& p : result.parameters) {
        nlohmann::ordered_json item;
        item["name"] = p.name;
        item["unit"] = unit_of(p.dimension);
        item["value"] = result.best || p.fixed ? number(p.value) : nullptr;
        if (result.best || p.fixed) item["text"] = format_quantity({p.value, p.dimension}, 6);
        item["fixed"] = p.fixed;
        if (!p.tied.empty()) item["tied"] = p.tied;
        if (p.integer) item["integer"] = true;
        if (p.searched()) {
            item["low"] = number(p.low);
            item["high"] = number(p.high);
            item["scale"] = scale_name(p.scale);
            item["at_bound"] = p.at_bound;
        }
        parameters.push_back(std::move(item));
    }
    auto& objectives = json["outputs"] = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < result.outputs.size(); ++i) {
        nlohmann::ordered_json item;
        item["name"] = result.outputs[i];
        if (i < result.metrics.size()) item["metric"] = result.metrics[i];
        if (result.best && i < result.best->objectives.size()) {
            const auto& objective = result.best->objectives[i];
            item["error"] = number(objective.normalized);
            item["error_unit"] = unit_of(objective.normalized_dimension);
            item["unnormalized_error"] = number(objective.raw);
            item["unnormalized_unit"] = unit_of(objective.raw_dimension);
        }
        objectives.push_back(std::move(item));
    }
    if (result.best) {
        json["penalty"] = number(result.best->penalty);
        json["best_evaluation"] = result.best->evaluation;
        if (result.best->polished) json["polished"] = true;
    }
    json["n_rounds"] = result.n_rounds;
    json["n_evaluations"] = result.n_evaluations;
    json["n_failed"] = result.n_failed;
    json["failures"] = failures_json(result.failures);
    json["stopped_by"] = stop_word(result.stop_reason);
    json["method"] = result.method;
    json["optimizer"] = result.optimizer;
    json["seed"] = result.seed;
    if (!result.pareto_front.empty()) {
        auto& front = json["pareto_front"] = nlohmann::ordered_json::array();
        for (const auto& point : result.pareto_front) {
            nlohmann::ordered_json item;
            item["evaluation"] = point.evaluation;
            for (std::size_t j = 0; j < point.parameters.size(); ++j)
                item["parameters"][result.parameters[j].name] = number(point.parameters[j]);
            for (std::size_t k = 0; k < point.objectives.size(); ++k)
                item["errors"][result.outputs[k]] = number(point.objectives[k]);
            front.push_back(std::move(item));
        }
    }
    auto& history = json["history"] = nlohmann::ordered_json::array();
    for (const auto& record : result.history) {
        history.push_back({{"best_error", number(record.best_error)},
                           {"round_best_error", number(record.round_best_error)},
                           {"n_failed", record.n_failed}});
    }
    return json;
}

std::string csv_cell(std::string_view text) {
    if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
    return out + '"';
}

std::string evaluations_csv(const Evaluations& evaluations) {
    const bool several = evaluations.outputs().size() > 1;
    std::string out = "round,sample";
    for (const auto& name : evaluations.parameters()) out += ',' + csv_cell(name);
    out += ",error";
    if (several) {
        for (const auto& name : evaluations.outputs()) out += ',' + csv_cell("error_" + name);
    }
    out += '\n';
    for (std::size_t i = 0; i < evaluations.size(); ++i) {
        out += fmt::format("{},{}", evaluations.round(i), evaluations.sample(i));
        for (const double value : evaluations.parameter_values(i)) append(out += ',', value);
        append(out += ',', evaluations.error(i));
        if (several) {
            for (const double value : evaluations.objective_errors(i)) append(out += ',', value);
        }
        out += '\n';
    }
    return out;
}

std::string pareto_csv(const FitResult& result) {
    std::string out = "evaluation";
    for (const auto& parameter : result.parameters) out += ',' + csv_cell(parameter.name);
    for (const auto& name : result.outputs) out += ',' + csv_cell("error_" + name);
    out += '\n';
    for (const ParetoPoint& point : result.pareto_front) {
        out += fmt::format("{}", point.evaluation);
        for (const double value : point.parameters) append(out += ',', value);
        for (const double value : point.objectives) append(out += ',', value);
        out += '\n';
    }
    return out;
}

}  // namespace spikesmith
