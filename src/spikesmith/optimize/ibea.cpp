#include "spikesmith/optimize/ibea.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/optimize/front_evolution.hpp"

namespace spikesmith {

namespace {

// How far y must move for x to be no worse anywhere.
double additive_epsilon(std::span<const double> y, std::span<const double> x) {
    double largest = y[0] - x[0];
    for (std::size_t m = 1; m < x.size(); ++m) largest = std::max(largest, y[m] - x[m]);
    return largest;
}

Survivors select_by_indicator(const Array2& errors, std::size_t n, double kappa) {
    Array2 harm(errors.rows, errors.rows);  // harm(y, x): of y to x
    double scale = 0;
    for (std::size_t y = 0; y < errors.rows; ++y) {
        for (std::size_t x = 0; x < errors.rows; ++x) {
            harm(y, x) = additive_epsilon(errors.row(y), errors.row(x));
            scale = std::max(scale, std::fabs(harm(y, x)));
        }
    }
    for (double& value : harm.values) value = scale > 0 ? std::exp(-value / (scale * kappa)) : 1;

    std::vector<double> loss(errors.rows, 0.0);  // minus the fitness
    std::vector<std::size_t> alive;
    for (std::size_t x = 0; x < errors.rows; ++x) {
        alive.push_back(x);
        for (std::size_t y = 0; y < errors.rows; ++y) loss[x] += y == x ? 0 : harm(y, x);
    }
    while (alive.size() > n) {
        const auto worst = std::ranges::max_element(alive, {}, [&](std::size_t x) { return loss[x]; });
        const std::size_t gone = *worst;
        alive.erase(worst);
        for (const std::size_t x : alive) loss[x] -= harm(gone, x);
    }
    // Differences of large numbers lose digits: the survivors' fitness anew.
    for (const std::size_t x : alive) {
        loss[x] = 0;
        for (const std::size_t y : alive) loss[x] += y == x ? 0 : harm(y, x);
    }
    std::ranges::sort(alive,
                      [&](std::size_t a, std::size_t b) { return loss[a] < loss[b] || (loss[a] == loss[b] && a < b); });
    Survivors survivors{.rows = alive, .places = {}};
    for (std::size_t k = 0; k < alive.size(); ++k) {
        const bool tie = k > 0 && loss[alive[k]] == loss[alive[k - 1]];
        survivors.places.push_back(tie ? survivors.places.back() : k);
    }
    return survivors;
}

FrontEvolutionSettings settings_of(const IBEAOptions& options) {
    return {.name = "ibea",
            .population = options.population,
            .offspring = options.offspring,
            .tournament = options.tournament,
            .crossover_rate = options.crossover_rate,
            .crossover_index = options.crossover_index,
            .mutation_rate = options.mutation_rate,
            .mutation_index = options.mutation_index};
}

}  // namespace

OptimizerChoice ibea(const IBEAOptions& options) {
    check_front_evolution("IBEA", settings_of(options));
    if (!(options.kappa >= 0.01 && options.kappa <= 100)) {
        throw ConfigError(fmt::format("IBEA: kappa must be in [0.01, 100], not {}", options.kappa));
    }
    const std::string settings = describe_options(options);
    const auto select = [kappa = options.kappa](const Array2& errors, std::size_t n) {
        return select_by_indicator(errors, n, kappa);
    };
    return {
        .description = settings.empty() ? "ibea" : "ibea: " + settings,
        .make = [options, select](
                    const SearchSetting& setting) { return front_evolution(settings_of(options), select, setting); },
        .multi_objective = true};
}

void visit_fields(OptionVisitor& visit, IBEAOptions& options) {
    visit.count("population", options.population);
    visit.count("offspring", options.offspring);
    visit.count("tournament", options.tournament);
    visit.real("kappa", options.kappa);
    visit.real("crossover_rate", options.crossover_rate);
    visit.real("crossover_index", options.crossover_index);
    visit.real("mutation_rate", options.mutation_rate);
    visit.real("mutation_index", options.mutation_index);
}

}  // namespace spikesmith
