#include "spikesmith/report/refine_files.hpp"

#include <cmath>

namespace spikesmith {

namespace {

using nlohmann::ordered_json;

ordered_json number(double value) {
    return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json table(const Array2& values) {
    ordered_json rows = ordered_json::array();
    for (std::size_t r = 0; r < values.rows; ++r) {
        ordered_json row = ordered_json::array();
        for (const double value : values.row(r)) row.push_back(number(value));
        rows.push_back(std::move(row));
    }
    return rows;
}

std::string unit_of(const Dimension& dimension) {
    return dimension.dimensionless() ? "1" : dimension.name();
}

}  // namespace

ordered_json to_json(const RefineResult& result) {
    const ParameterStatistics& statistics = result.statistics;
    const bool known = !statistics.empty();
    ordered_json json;
    json["error"] = number(result.error);
    json["start_error"] = number(result.start_error);
    json["error_unit"] = unit_of(result.error_dimension);
    auto& parameters = json["parameters"] = ordered_json::array();
    for (std::size_t j = 0; j < result.parameters.size(); ++j) {
        const FittedParameter& parameter = result.parameters[j];
        ordered_json item;
        item["name"] = parameter.name;
        item["unit"] = unit_of(parameter.dimension);
        item["value"] = number(parameter.value);
        item["text"] = format_quantity({parameter.value, parameter.dimension}, 6);
        item["start"] = number(result.best().start[j]);
        item["fixed"] = parameter.fixed;
        if (!parameter.tied.empty()) item["tied"] = parameter.tied;
        if (parameter.integer) item["integer"] = true;
        if (known) {
            item["standard_error"] = number(statistics.standard_errors[j]);
            item["confidence_interval"] = {number(statistics.confidence_low[j]), number(statistics.confidence_high[j])};
        }
        if (parameter.searched()) {
            item["low"] = number(parameter.low);
            item["high"] = number(parameter.high);
            item["at_bound"] = parameter.at_bound;
        }
        parameters.push_back(std::move(item));
    }
    if (known) {
        json["confidence"] = statistics.confidence;
        json["covariance"] = table(statistics.covariance);
        json["correlation"] = table(statistics.correlation);
        auto& singular = json["singular_values"] = ordered_json::array();
        for (const double value : statistics.singular_values) singular.push_back(number(value));
        json["undetermined"] = statistics.undetermined;
        json["n_residuals"] = statistics.n_residuals;
        json["residual_autocorrelation"] = number(statistics.autocorrelation);
    }
    json["method"] = name_of(result.method);
    json["derivatives"] = name_of(result.derivatives);
    auto& starts = json["starts"] = ordered_json::array();
    for (const RefinedStart& start : result.starts) {
        ordered_json item;
        item["start_error"] = number(start.start_error);
        item["error"] = number(start.error);
        item["parameters"] = start.parameters;
        item["converged"] = start.stop == RefineStop::converged;
        item["ended"] = start.reason;
        item["iterations"] = start.iterations;
        item["derivative_evaluations"] = start.derivative_evaluations;
        starts.push_back(std::move(item));
    }
    json["best_start"] = result.best_start;
    json["n_simulations"] = result.n_simulations;
    json["notes"] = result.notes;
    return json;
}

}  // namespace spikesmith
