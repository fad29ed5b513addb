#include "spikesmith/cli/refine_start.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/core/error.hpp"
#include "spikesmith/data/numpy.hpp"
#include "spikesmith/fit/names.hpp"

namespace spikesmith {

namespace {

namespace fs = std::filesystem;

// Values of searched parameters in a result.json or refined.json; those that the file does not have are missing.
std::map<std::string, double> values_in(const fs::path& file, const FitParameters& parameters) {
    const auto json = nlohmann::json::parse(read_file(file), nullptr, false);
    if (json.is_discarded() || !json.is_object() || !json.contains("parameters") || !json["parameters"].is_array()) {
        throw DataError(fmt::format("`{}` is not the result of a fit", file.string()),
                        "name the folder that `spikesmith fit` wrote");
    }
    std::map<std::string, double> values;
    for (const auto& item : json["parameters"]) {
        if (!item.is_object() || !item.contains("name") || !item.contains("value") || !item["name"].is_string())
            continue;
        const auto name = item["name"].get<std::string>();
        const auto found = std::ranges::find(parameters.list(), name, &FittedParameter::name);
        if (found == parameters.list().end() || !found->searched()) continue;
        if (item["value"].is_number()) values[name] = item["value"].get<double>();
    }
    if (values.empty())
        throw DataError(fmt::format("`{}` has no best parameters", file.string()), "did every evaluation fail?");
    return values;
}

// The best evaluations of a fit, different ones, best first.
std::vector<std::map<std::string, double>> best_evaluations(const fs::path& file, const FitParameters& parameters,
                                                            std::size_t n) {
    const NpzArchive archive = read_npz(file.string());
    const std::vector<double>& errors = archive.array("error").values;
    std::vector<std::size_t> order(errors.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        const double x = std::isfinite(errors[a]) ? errors[a] : INFINITY;
        const double y = std::isfinite(errors[b]) ? errors[b] : INFINITY;
        return x < y || (x == y && a < b);
    });
    std::vector<std::map<std::string, double>> starts;
    for (const std::size_t i : order) {
        if (starts.size() == n || !std::isfinite(errors[i])) break;
        std::map<std::string, double> start;
        for (const ParameterRange& range : parameters.space().ranges()) {
            const std::vector<double>& values = archive.array(range.name).values;
            if (values.size() != errors.size())
                throw DataError(fmt::format("`{}` is not a table of evaluations", file.string()));
            start[range.name] = values[i];
        }
        if (std::ranges::find(starts, start) == starts.end()) starts.push_back(std::move(start));
    }
    return starts;
}

}  // namespace

std::vector<std::map<std::string, double>> refine_starts(const Problem& problem, const CommandOptions& options,
                                                         const FitParameters& parameters, std::size_t n_starts,
                                                         bool refined) {
    const std::map<std::string, double> given = parameter_values(problem, problem.config.refine.start);
    std::vector<std::map<std::string, double>> starts(1);
    if (options.from) {
        std::error_code error;
        const fs::path folder = *options.from;
        const bool later = refined && fs::exists(folder / "refined.json", error);
        const fs::path file = folder / (later ? "refined.json" : "result.json");
        if (!fs::exists(file, error)) {
            throw DataError(fmt::format("there is no result of a fit in `{}`", folder.string()),
                            "name the folder that `spikesmith fit` wrote");
        }
        starts.front() = values_in(file, parameters);
        if (n_starts > 1) starts = best_evaluations(folder / "evaluations.npz", parameters, n_starts);
    } else if (n_starts > 1) {
        throw ConfigError("several starts are the best evaluations of a fit", "name its folder with --from");
    } else if (given.empty()) {
        throw ConfigError("there are no parameters to start from",
                          "name the folder of a fit with --from, or give [refine.start]");
    }
    for (auto& start : starts) {
        for (const auto& [name, value] : given) start[name] = value;
    }
    return starts;
}

RunFolder refine_folder(const Config& config, const CommandOptions& options) {
    if (config.run.folder || !options.from) return RunFolder::create(config, options.replace);
    Config beside = config;
    beside.run.folder = *options.from;
    return RunFolder::reopen(beside);
}

}  // namespace spikesmith
