// The searches of a refinement, one per method. For `refine` only.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "spikesmith/core/array.hpp"
#include "spikesmith/fit/refine.hpp"
#include "spikesmith/fit/refine_problem.hpp"

namespace spikesmith {

// Where the searches are. It is kept outside of them, since an interrupt leaves them.
class RefineJournal {
  public:
    RefineJournal(const RefinedProblem& problem, const RefineOptions& options, std::size_t n_starts)
        : reached(n_starts), problem_(problem), options_(options) {}

    // After an iteration of a start; true: the callback ends all searches.
    bool tell(std::size_t start, std::size_t iteration, std::span<const double> point, double error);

    struct Reached {
        std::vector<double> point;  // empty: none yet
        std::size_t iterations = 0;
    };
    std::vector<Reached> reached;  // by start
    bool callback_stopped = false;

  private:
    const RefinedProblem& problem_;
    const RefineOptions& options_;
};

// Ends of all starts: points, and of RefinedStart all but values of parameters and errors.
struct RefineOutcome {
    Array2 points;
    std::vector<RefinedStart> starts;
};

// By the problem's method from rows of points of the unit cube. Throws Interrupted.
[[nodiscard]] RefineOutcome search_optima(RefinedProblem& problem, const RefineOptions& options, const Array2& starts,
                                          RefineJournal& journal);

}  // namespace spikesmith
