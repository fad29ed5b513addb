// `spikesmith fit`, `simulate` and `check` of a configuration with [experiment].
#pragma once

#include "spikesmith/cli/commands.hpp"

namespace spikesmith {

// Writes result.json, evaluations.csv and .npz, traces.npz, traces.svg, convergence.svg, log.txt, with spikes spikes.csv, and while it
// runs checkpoint.txt.
int fit_experiment(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// One run with the parameters of [simulate]; writes traces.npz and .svg, result.json, log.txt, with spikes spikes.csv.
int simulate_experiment_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

int check_experiment(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

}  // namespace spikesmith
