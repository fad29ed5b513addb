// TraceGenerator: simulates one parameter set of a fit under all stimuli. For the files of this room.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/fit/fit_problem.hpp"
#include "spikesmith/fit/fit_search.hpp"

namespace spikesmith {

class TraceGenerator {
  public:
    // `search`: where best and fixed parameters come from; may be null. Throws what Fitter::generate throws.
    [[nodiscard]] Generated generate(const FitProblem& problem, const FitSearch* search, const GenerateOptions& given);

  private:
    // The ensemble of the last call.
    struct Prepared {
        std::vector<std::string> outputs;
        std::map<std::string, double> initial_values;
        Ensemble ensemble;
    };
    std::optional<Prepared> prepared_;
};

}  // namespace spikesmith
