// The commands of the program, each a function of a configuration.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "spikesmith/cli/config.hpp"
#include "spikesmith/cli/program.hpp"

namespace spikesmith {

struct CommandOptions {
    std::string command_line;                     // for the log
    bool json = false;                            // one JSON object on `out` and nothing else
    bool quiet = false;                           // no progress, no report
    bool replace = false;                         // --force: an earlier run in the output folder is replaced
    bool resume = false;                          // --resume: the run in the output folder goes on from its checkpoint
    std::optional<std::filesystem::path> from{};  // --from: the run folder of a fit to start from
};

// Each returns an exit code and throws spikesmith::Error for wrong input.

// Prints the model as understood, the integration method and why, the staged program of one step, and the data.
int check_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Runs the model once under every stimulus; writes traces.npz, spikes.csv, traces.svg, result.json, log.txt and on demand traces.csv.
int simulate_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Fits; writes result.json, evaluations.csv and .npz, traces.npz, traces.svg, convergence.svg, log.txt, and while it runs
// checkpoint.txt; with spikes spikes.csv and spikes.svg; with a Pareto front pareto.csv and pareto.svg.
int fit_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Refines the best parameters of a fit, or those of [refine.start]; writes refined.json, refined.txt, refined.npz and refined.svg beside
// the fit's results, or with --out into a folder of its own.
int refine_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Error and gradient over a grid of two parameters; writes landscape.npz and landscape.svg as refine does.
int landscape_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

}  // namespace spikesmith
