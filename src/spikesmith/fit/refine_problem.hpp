// The problem of a refinement: what is refined, by which method and with which derivatives. For `refine` only.
#pragma once

#include <atomic>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/fitter.hpp"
#include "spikesmith/fit/refine.hpp"
#include "spikesmith/fit/refine_derivatives.hpp"
#include "spikesmith/fit/refine_spikes.hpp"

namespace spikesmith {

struct RefinedProblem {
    Fitter fitter;  // one of its own, so that nothing of the given one changes
    FitSetup setup;
    std::optional<std::vector<double>> best;  // of the fit, all parameters
    RefineMethod method = RefineMethod::automatic;
    Derivatives derivatives = Derivatives::differences;
    std::vector<std::string> notes;
    std::size_t n_simulations = 0;

    std::unique_ptr<FitDerivatives> gradients;            // none: differences of errors
    std::unique_ptr<SpikeTimeEquations> spike_equations;  // of spike times

    // `best`: of the fit, if there was one. Throws what the constructors of Refiner throw.
    RefinedProblem(const FitterOptions& given, FitOptions search, const RefineProblem& problem,
                   const std::optional<BestFit>& best_of_fit);

    // By the fit's own metrics.
    [[nodiscard]] std::vector<double> errors(const Array2& points, const std::atomic<bool>* cancelled);

    // Points of the unit cube to start from, rows as in RefineOptions::starts.
    [[nodiscard]] Array2 starts(const RefineOptions& options) const;
    // All parameters (SI) at a point.
    [[nodiscard]] std::vector<double> all_at(std::span<const double> point) const;

    // Of the parameters at a point; empty where residuals have no sum of squares.
    [[nodiscard]] ParameterStatistics statistics(std::span<const double> point, double confidence);

    [[nodiscard]] double compile_seconds() const;

  private:
    void choose_derivatives(Derivatives wanted);

    bool squares_ = false;                         // the error is a mean of squares
    std::unique_ptr<FitDerivatives> differences_;  // for the statistics of other derivatives
    std::unique_ptr<ResidualRecorder> recorder_;
};

}  // namespace spikesmith
