// The losses of [fit] beside [experiment], as one ExperimentLoss.
#pragma once

#include "spikesmith/cli/experiment_problem.hpp"

namespace spikesmith {

// The part of a record that phases made, a chunk for each, in the order of the names. Exposed for tests.
[[nodiscard]] SimulationRecord phases_of(const SimulationRecord& record, const Protocol& protocol,
                                         const std::vector<std::string>& names, double dt);

[[nodiscard]] ExperimentLoss experiment_loss(const ExperimentProblem& problem);

// One weight and one name for each value that the loss gives: "rmse of v, step".
[[nodiscard]] std::vector<double> loss_weights(const ExperimentProblem& problem);
[[nodiscard]] std::vector<std::string> loss_names(const ExperimentProblem& problem);

}  // namespace spikesmith
