// FitProblem: what stays the same for all fits of a Fitter: the model as simulated, the recordings, the penalty. For the files
// of this room.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/fit/fitter.hpp"
#include "spikesmith/fit/objective.hpp"
#include "spikesmith/fit/penalty.hpp"
#include "spikesmith/fit/trace_data.hpp"
#include "spikesmith/numerics/update_program.hpp"
#include "spikesmith/simulate/ensemble.hpp"

namespace spikesmith {

struct FitProblem {
    FitterOptions options;
    TraceData data;
    std::optional<Penalty> penalty;
    UpdateProgram program;  // without online errors

    explicit FitProblem(FitterOptions given);  // throws what the constructor of Fitter throws

    [[nodiscard]] UpdateProgram make_program(const Model& model, std::vector<std::string> outputs) const;
    [[nodiscard]] Ensemble make_ensemble(UpdateProgram used, std::map<std::string, TimeSeries> weights) const;
    // Metrics as given, with the usual ones where none are.
    [[nodiscard]] MetricChoice choose_metrics(const FitOptions& fit) const;
};

}  // namespace spikesmith
