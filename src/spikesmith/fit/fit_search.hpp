// FitSearch: everything that belongs to one search of a Fitter and that `restart` forgets. For the files of this room.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "spikesmith/core/checksum.hpp"
#include "spikesmith/fit/fit_problem.hpp"
#include "spikesmith/fit/objective.hpp"
#include "spikesmith/fit/parameters.hpp"
#include "spikesmith/fit/polish.hpp"
#include "spikesmith/fit/results.hpp"
#include "spikesmith/optimize/optimizer.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

struct FitSearch {
    FitParameters parameters;
    OptimizerChoice choice;
    std::size_t planned_rounds = 0;
    std::unique_ptr<Optimizer> optimizer;
    MetricChoice metrics;
    std::vector<Objective> objectives;
    Dimension error_dimension;
    bool unlike_units = false;   // of the objectives, of which a front is wanted
    std::vector<double> scales;  // of such objectives, see note_scales; empty before the first round
    Ensemble ensemble;
    Evaluations evaluations;
    Checksum points;  // of all points
    std::vector<RoundRecord> history;
    std::vector<FailureCause> failures;
    std::optional<BestFit> best;
    std::size_t n_failed = 0;
    std::size_t iteration = 0;             // of the next round
    std::optional<Candidates> unfinished;  // of a round that was interrupted
    PolishOptions polish;
    std::vector<Polished> polished;
    std::size_t polished_at = 0;  // rounds that were done when it was tried last
    StopReason stop_reason = StopReason::rounds_done;
    double seconds = 0;

    [[nodiscard]] const ParameterSpace& space() const { return parameters.space(); }
};

// A search before its first round. Throws what Fitter::fit throws for options that do not fit.
[[nodiscard]] FitSearch begin_search(const FitProblem& problem, const FitOptions& fit, std::size_t planned_rounds);

// Continuing with other settings would mix errors that cannot be compared: throws ConfigError.
void require_same(const FitProblem& problem, const FitSearch& current, const FitOptions& fit);

// The result so far.
[[nodiscard]] FitResult result_of(const FitProblem& problem, const FitSearch& current);

// The parameters with their best values, where there are any.
[[nodiscard]] std::vector<FittedParameter> listed_parameters(const FitSearch& current);
// All parameters from those that are searched.
[[nodiscard]] std::vector<double> all_parameters(const FitSearch& current, std::span<const double> searched);
// Objectives of a best evaluation with their dimensions.
[[nodiscard]] std::vector<ObjectiveError> objective_errors(const FitSearch& current,
                                                           std::span<const double> normalized);
// Whether the errors of the objectives are kept beside their sum.
[[nodiscard]] bool keeps_objectives(const FitProblem& problem, const FitSearch& current);

}  // namespace spikesmith
