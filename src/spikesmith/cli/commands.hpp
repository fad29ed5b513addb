// The commands of the program, each a function of a configuration.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "spikesmith/cli/config.hpp"
#include "spikesmith/cli/program.hpp"

namespace spikesmith {

struct CommandOptions {
    std::string command_line;                     // for the log
    bool json = false;                            // one JSON object on `out` and nothing else
    bool quiet = false;                           // no progress, no report
    bool replace = false;                         // --force: an earlier run in the output folder is replaced
    bool resume = false;                          // --resume: the run in the output folder goes on from its checkpoint
    std::optional<std::filesystem::path> from{};  // --from: the folder of the run to start from
};

// Each returns an exit code and throws spikesmith::Error for wrong input.

// Prints the model as understood, the integration method and why, the staged program of one step, and the data.
int check_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Runs the model once under every stimulus; writes traces.npz, spikes.csv, traces.svg, result.json, log.txt and on demand traces.csv.
int simulate_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Fits; writes result.json, evaluations.csv and .npz, traces.npz, traces.svg, convergence.svg, log.txt, and while it runs
// checkpoint.txt; with spikes spikes.csv and spikes.svg; with a Pareto front pareto.csv and pareto.svg.
int fit_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// What `spikesmith features` was asked for. Settings of its section of a configuration are in `overrides`.
struct FeaturesRequest {
    std::string file;  // a configuration (.toml) or a recording
    std::vector<Override> overrides;
    bool json = false;
    bool list = false;  // say what features there are, of no file
    // Of a recording: how to read it (data/recording.hpp).
    std::string key, unit;
    std::vector<std::string> columns;
    std::optional<std::string> dt;  // "0.1 ms"
    bool spikes = false;            // the file has spike times
};

// Prints features of recordings, with units and reasons for those that are missing.
int features_command(const FeaturesRequest& request, const ProgramStreams& streams);

// Refines the best parameters of a fit, or those of [refine.start]; writes refined.json, refined.txt, refined.npz and refined.svg beside
// the fit's results, or with --out into a folder of its own.
int refine_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Error and gradient over a grid of two parameters; writes landscape.npz and landscape.svg as refine does.
int landscape_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

// Infers the posterior; writes posterior.spk, samples.npz and .csv, simulations.npz, traces.npz and .svg, calibration.json, result.json,
// summary.txt, log.txt, and while it learns checkpoint/. With --from it samples the posterior of an earlier run.
int infer_command(const Config& config, const CommandOptions& options, const ProgramStreams& streams);

}  // namespace spikesmith
