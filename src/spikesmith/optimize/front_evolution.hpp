// What evolutionary searches for a Pareto front share: generations, simulated binary crossover, polynomial mutation,
// tournaments. NSGA-II and IBEA differ in which points survive and how good they are as parents.
//
//   K. Deb, R. Agrawal: Simulated binary crossover for continuous search space. Complex Systems 9 (1995) 115-148
//   K. Deb, M. Goyal: A combined genetic adaptive search (GeneAS). Computer Science and Informatics 26 (1996) 30-45:
//   polynomial mutation; both in the forms that keep within bounds
//
// The first generation is a Latin hypercube of `population` points, each later one has `offspring` points, which are all
// made from what is known when the first of them is asked for, so a generation may be asked and told in any parts. Who
// asks for more points than a generation holds gets points of the following generations, made from what is known then.
// Late answers and foreign points join the next selection. Failures never survive.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "spikesmith/optimize/optimizer.hpp"

namespace spikesmith {

struct FrontEvolutionSettings {
    std::string name;
    std::size_t population = 0;  // survivors
    std::size_t offspring = 0;   // points per generation
    std::size_t tournament = 2;  // candidates of which the best becomes a parent
    double crossover_rate = 1;
    double crossover_index = 10;  // eta: larger children are nearer to their parents
    double mutation_rate = 0.5;   // of each coordinate
    double mutation_index = 10;   // eta: larger steps are smaller
};

// The survivors, best first, and their places: equal ones are equally good parents.
struct Survivors {
    std::vector<std::size_t> rows;
    std::vector<std::size_t> places;
};

// Picks `n` rows (or all, if there are no more) of errors that are finite and, per column, normalised to [0, 1].
using SelectSurvivors = std::function<Survivors(const Array2& errors, std::size_t n)>;

[[nodiscard]] std::unique_ptr<Optimizer> front_evolution(const FrontEvolutionSettings& settings, SelectSurvivors select,
                                                         const SearchSetting& setting);

// The population if it is not given: the batch, but at least 100; fewer for short searches: a tenth of the evaluations,
// at least 20.
[[nodiscard]] std::size_t automatic_population(const SearchSetting& setting);

// Throws ConfigError for options that are out of range; `method` names it. Population and offspring may be 0.
void check_front_evolution(const std::string& method, const FrontEvolutionSettings& settings);

}  // namespace spikesmith
