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

void check(const Array2& starts, const MinimizeOptions& options) {
    if (!(options.first_difference > 0 && options.first_difference <= 0.5)) {
        throw ConfigError(
            fmt::format("minimize: the first difference must be in (0, 0.5], not {}", options.first_difference));
    }
    if (!(options.tolerance >= 0 && options.tolerance < 1))
        throw ConfigError(fmt::format("minimize: the tolerance must be in [0, 1), not {}", options.tolerance));
    for (const double u : starts.values) {
        if (!(u >= 0 && u <= 1)) throw ConfigError("minimize: a start is outside the unit cube");
    }
}

// Searches by `local` from all starts, whose errors are NaN where they are not known.
std::vector<Run> start_runs(const Array2& starts, const std::vector<double>& errors, const LocalSearch& local,
                            const MinimizeOptions& options) {
    std::vector<Run> runs;
    for (std::size_t s = 0; s < starts.rows; ++s) {
        SearchStart start{.number = s,
                          .point = {starts.row(s).begin(), starts.row(s).end()},
                          .error = std::isfinite(errors[s]) ? std::optional(errors[s]) : std::nullopt,
                          .batch = options.batch,
                          .seed = options.seed};
        const MinimizeResult result{.best = {start.point, start.error.value_or(infinity)}};
        Search search = options.hops == 0 ? local(std::move(start), {.first_difference = options.first_difference,
                                                                     .tolerance = options.tolerance})
                                          : basin_hopping_search(std::move(start),
                                                                 {.first_difference = options.first_difference,
                                                                  .tolerance = options.tolerance,
                                                                  .patience = options.hops},
                                                                 {}, local);
        runs.push_back({.search = std::move(search), .result = result});
    }
    return runs;
}

// All searches in lockstep to their ends.
std::vector<MinimizeResult> run_all(std::vector<Run> runs, std::size_t dimension, const GradientFunction& function,
                                    const MinimizeOptions& options) {
    bool stopped = false;
    while (!stopped) {
        Array2 points(0, dimension);
        for (Run& run : runs) {
            if (run.ended) continue;
            if (run.search.done()) {
                run.ended = true;
                if (!std::isfinite(run.result.best.error)) run.result.stop = MinimizeStop::not_finite;
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
        const auto [errors, gradients] = function(points);
        std::size_t next = 0;
        for (std::size_t s = 0; s < runs.size(); ++s) {
            Run& run = runs[s];
            if (run.ended) continue;
            const Request& request = run.search.request();
            Answers answers{
                .needed = {},
                .optional = std::vector<double>(request.optional.rows, std::numeric_limits<double>::quiet_NaN())};
            if (request.gradients) answers.gradients = Array2(request.needed.rows, dimension);
            for (std::size_t r = 0; r < request.needed.rows; ++r, ++next) {
                if (request.gradients) std::ranges::copy(gradients.row(next), answers.gradients.row(r).begin());
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

}  // namespace

std::vector<MinimizeResult> minimize(const BatchFunction& function, const Array2& starts,
                                     const MinimizeOptions& options) {
    check(starts, options);
    const std::vector<double> first = function(starts);
    std::vector<Run> runs = start_runs(starts, first, quasi_newton_search, options);
    for (std::size_t s = 0; s < runs.size(); ++s) {
        runs[s].result.evaluations = 1;
        if (std::isfinite(first[s])) continue;
        runs[s].result.best.error = first[s];
        runs[s].result.stop = MinimizeStop::not_finite;
        runs[s].ended = true;
    }
    const auto errors_only = [&](const Array2& points) {
        return ErrorsWithGradients{.errors = function(points), .gradients = {}};
    };
    return run_all(std::move(runs), starts.columns, errors_only, options);
}

std::vector<MinimizeResult> minimize_with_gradients(const GradientFunction& function, const Array2& starts,
                                                    const MinimizeOptions& options) {
    check(starts, options);
    const std::vector<double> unknown(starts.rows, std::numeric_limits<double>::quiet_NaN());
    return run_all(start_runs(starts, unknown, gradient_search, options), starts.columns, function, options);
}

}  // namespace spikesmith
