// What commands do alike with the folder of their run: open it, take up an interrupted run, hand over what came out.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "spikesmith/cli/commands.hpp"
#include "spikesmith/cli/run_folder.hpp"

namespace spikesmith {

// To `error`, unless nobody wants to read them.
void show_warnings(const std::vector<std::string>& warnings, const CommandOptions& options,
                   const ProgramStreams& streams);

// A new folder or, with --resume, that of the interrupted run. Its log begins with version, command line and warnings.
[[nodiscard]] RunFolder open_run(const Config& config, const CommandOptions& options,
                                 const std::vector<std::string>& warnings);

// The length of a run in a configuration.
struct RunLength {
    std::string unit;  // "round"
    std::string key;   // "n_rounds"
    std::size_t wanted = 0;
};
// Takes up the run in the folder with `resume`, which gives how much of it is done, and notes the configuration it goes on with. Gives
// how much is left: all, if there is no checkpoint yet. Throws ConfigError if more is done than is wanted.
[[nodiscard]] std::size_t resume_run(RunFolder& folder, const Config& config, const RunLength& length,
                                     const std::filesystem::path& checkpoint,
                                     const std::function<std::size_t()>& resume);

// Writes result.json and log.txt, and prints what was asked for: `json`, to which the folder and `timings` are added (times are not
// reproducible, files are), or the report.
void close_run(RunFolder& folder, nlohmann::ordered_json json, const nlohmann::ordered_json& timings,
               const std::string& report, const CommandOptions& options, const ProgramStreams& streams);

}  // namespace spikesmith
