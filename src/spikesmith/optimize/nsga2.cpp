#include "spikesmith/optimize/nsga2.hpp"

#include <algorithm>
#include <string>

#include "spikesmith/optimize/front_evolution.hpp"
#include "spikesmith/optimize/pareto.hpp"

namespace spikesmith {

namespace {

Survivors select_by_rank_and_crowding(const Array2& errors, std::size_t n) {
    const auto ranks = non_dominated_ranks(errors);
    std::vector<std::vector<std::size_t>> fronts(1 + *std::ranges::max_element(ranks));
    for (std::size_t r = 0; r < errors.rows; ++r) fronts[ranks[r]].push_back(r);
    Survivors survivors;
    for (const auto& front : fronts) {
        const auto distance = crowding_distances(errors, front);
        std::vector<std::size_t> order(front.size());
        for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
        std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
            return distance[a] > distance[b] || (distance[a] == distance[b] && a < b);
        });
        const std::size_t first = survivors.rows.size();
        for (std::size_t k = 0; k < order.size() && survivors.rows.size() < n; ++k) {
            const bool tie = k > 0 && distance[order[k]] == distance[order[k - 1]];
            survivors.places.push_back(tie ? survivors.places.back() : first + k);
            survivors.rows.push_back(front[order[k]]);
        }
    }
    return survivors;
}

FrontEvolutionSettings settings_of(const NSGA2Options& options, std::size_t dimension) {
    return {
        .name = "nsga2",
        .population = options.population,
        .offspring = options.offspring,
        .tournament = options.tournament,
        .crossover_rate = options.crossover_rate,
        .crossover_index = options.crossover_index,
        .mutation_rate = options.mutation_rate.value_or(1 / static_cast<double>(std::max<std::size_t>(dimension, 1))),
        .mutation_index = options.mutation_index};
}

}  // namespace

OptimizerChoice nsga2(const NSGA2Options& options) {
    check_front_evolution("NSGA-II", settings_of(options, 1));
    const std::string settings = describe_options(options);
    return {.description = settings.empty() ? "nsga2" : "nsga2: " + settings,
            .make =
                [options](const SearchSetting& setting) {
                    return front_evolution(settings_of(options, setting.dimension), select_by_rank_and_crowding,
                                           setting);
                },
            .multi_objective = true};
}

void visit_fields(OptionVisitor& visit, NSGA2Options& options) {
    visit.count("population", options.population);
    visit.count("offspring", options.offspring);
    visit.count("tournament", options.tournament);
    visit.real("crossover_rate", options.crossover_rate);
    visit.real("crossover_index", options.crossover_index);
    visit.real("mutation_rate", options.mutation_rate);
    visit.real("mutation_index", options.mutation_index);
}

}  // namespace spikesmith
