// One round of a fit: points from the optimiser, their simulation, their errors, and the entry of these into the search. For the
// files of this room.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/fit_problem.hpp"
#include "spikesmith/fit/fit_search.hpp"

namespace spikesmith {

struct FitRound {
    Array2 samples;  // n_samples x searched parameters, SI
    std::vector<double> errors;
    std::vector<double> penalties;                              // empty without penalty
    Array2 objectives;                                          // n_samples x objectives
    std::vector<std::pair<std::size_t, std::string>> failures;  // sample, cause
};

// Runs a round. One that is interrupted (throws Interrupted) is evaluated again when the fit continues, so that nothing is lost
// and nothing differs.
FitRound run_round(const FitProblem& problem, FitSearch& current, const std::atomic<bool>* cancelled);

// Errors of points of the unit cube, all under the random numbers of one evaluation, or as the next round would draw them; the books
// of the search stay as they are.
[[nodiscard]] FitRound evaluate_points(const FitProblem& problem, FitSearch& current, const Array2& points,
                                       const std::atomic<bool>* cancelled, std::optional<std::uint64_t> noise = {});

// Whether the best is to be polished now.
[[nodiscard]] bool polish_is_due(const FitSearch& current);
// Evaluates a refined point. If it is better than all before, it enters the books and is told to the optimiser.
void try_polished(const FitProblem& problem, FitSearch& current, const Array2& point);
void enter_polished(FitSearch& current, const Polished& polished);

// The values (SI) of points of the unit cube.
[[nodiscard]] Array2 values_of(const FitSearch& current, const Array2& points);

// What objectives of unlike units are compared by: their medians over the first round with finite errors. Sets
// `current.scales` if that is wanted and not done.
void note_scales(FitSearch& current, const Array2& objectives);

// Enters errors into the books and tells the optimiser.
void enter(const FitProblem& problem, FitSearch& current, const Candidates& candidates, const Array2& samples,
           std::span<const double> errors, const Array2& objectives);

}  // namespace spikesmith
