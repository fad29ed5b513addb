#include "spikesmith/optimize/minimize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/basin_hopping.hpp"
#include "spikesmith/optimize/quasi_newton.hpp"
#include "spikesmith/optimize/sequential.hpp"

namespace spikesmith {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// A search with its books.
struct Run {
    Search search;
    MinimizeResult result;
    bool ended = false;
};

Search make_search(std::size_t number, std::vector<double> point, std::optional<double> error,
                   const MinimizeOptions& options) {
    SearchStart start{
        .number = number, .point = std::move(point), .error = error, .batch = options.batch, .seed = options.seed};
    if (options.hops == 0) {
        return quasi_newton_search(std::move(start),
                                   {.first_difference = options.first_difference, .tolerance = options.tolerance});
    }
    return basin_hopping_search(
        std::move(start),
        {.first_difference = options.first_difference, .tolerance = options.tolerance, .patience = options.hops});
}

}  // namespace

std::vector<MinimizeResult> minimize(const BatchFunction& function, const Array2& starts,
                                     const MinimizeOptions& options) {
    if (!(options.first_difference > 0 && options.first_difference <= 0.5)) {
        throw ConfigError(
            fmt::format("minimize: the first difference must be in (0, 0.5], not {}", options.first_difference));
    }
    if (!(options.tolerance >= 0 && options.tolerance < 1))
        throw ConfigError(fmt::format("minimize: the tolerance must be in [0, 1), not {}", options.tolerance));
    for (const double u : starts.values) {
        if (!(u >= 0 && u <= 1)) throw ConfigError("minimize: a start is outside the unit cube");
    }
    const std::vector<double> first = function(starts);
    std::vector<Run> runs;
    for (std::size_t s = 0; s < starts.rows; ++s) {
        std::vector<double> point(starts.row(s).begin(), starts.row(s).end());
        const bool finite = std::isfinite(first[s]);
        Run run{.search = make_search(s, point, finite ? std::optional(first[s]) : std::nullopt, options),
                .result = {.best = {point, first[s]}, .evaluations = 1}};
        if (!finite) {
            run.result.stop = MinimizeStop::not_finite;
            run.ended = true;
        }
        runs.push_back(std::move(run));
    }
    bool stopped = false;
    while (!stopped) {
        Array2 points(0, starts.columns);
        for (Run& run : runs) {
            if (run.ended) continue;
            if (run.search.done()) {
                run.ended = true;
            } else if (run.result.evaluations >= options.max_evaluations) {
                run.result.stop = MinimizeStop::max_evaluations;
                run.ended = true;
            } else {
                const Array2& needed = run.search.request().needed;
                points.values.insert(points.values.end(), needed.values.begin(), needed.values.end());
                points.rows += needed.rows;
            }
        }
        if (points.rows == 0) break;
        const std::vector<double> errors = function(points);
        std::size_t next = 0;
        for (std::size_t s = 0; s < runs.size(); ++s) {
            Run& run = runs[s];
            if (run.ended) continue;
            const Request& request = run.search.request();
            Answers answers{
                .needed = {},
                .optional = std::vector<double>(request.optional.rows, std::numeric_limits<double>::quiet_NaN())};
            for (std::size_t r = 0; r < request.needed.rows; ++r, ++next) {
                const double error = std::isfinite(errors[next]) ? errors[next] : infinity;
                answers.needed.push_back(error);
                if (!(error < run.result.best.error)) continue;
                const auto point = points.row(next);
                run.result.best = {{point.begin(), point.end()}, error};
            }
            run.result.evaluations += request.needed.rows;
            ++run.result.batches;
            run.search.resume(std::move(answers));
            if (options.callback && options.callback({.start = s,
                                                      .batch = run.result.batches,
                                                      .point = run.result.best.point,
                                                      .error = run.result.best.error}))
                stopped = true;
        }
    }
    std::vector<MinimizeResult> results;
    for (Run& run : runs) {
        if (!run.ended) run.result.stop = MinimizeStop::callback;
        results.push_back(std::move(run.result));
    }
    return results;
}

}  // namespace spikesmith
