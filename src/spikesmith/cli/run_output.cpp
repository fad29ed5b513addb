#include "spikesmith/cli/run_output.hpp"

#include <ostream>

#include <fmt/format.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/core/version.hpp"

namespace spikesmith {

void show_warnings(const std::vector<std::string>& warnings, const CommandOptions& options,
                   const ProgramStreams& streams) {
    if (options.quiet) return;
    for (const auto& warning : warnings) streams.error << "warning: " << warning << '\n';
}

RunFolder open_run(const Config& config, const CommandOptions& options, const std::vector<std::string>& warnings) {
    RunFolder folder = options.resume ? RunFolder::reopen(config) : RunFolder::create(config, options.replace);
    folder.log(fmt::format("spikesmith {}\n{}", version, options.command_line));
    for (const auto& warning : warnings) folder.log("warning: " + warning);
    return folder;
}

std::size_t resume_run(RunFolder& folder, const Config& config, const RunLength& length,
                       const std::filesystem::path& checkpoint, const std::function<std::size_t()>& resume) {
    std::error_code error;
    std::size_t done = 0;
    if (std::filesystem::exists(checkpoint, error)) {
        done = resume();
        if (done > length.wanted) {
            throw ConfigError(fmt::format("the run has done {} {}s already, but `{}` is {}", done, length.unit,
                                          length.key, length.wanted));
        }
        folder.log(fmt::format("resumed after {} {}", length.unit, done));
    } else {
        folder.log("there is no checkpoint yet: the run begins anew");
    }
    folder.write("config.toml", config_as_run(config, folder.path()));
    return length.wanted - done;
}

void close_run(RunFolder& folder, nlohmann::ordered_json json, const nlohmann::ordered_json& timings,
               const std::string& report, const CommandOptions& options, const ProgramStreams& streams) {
    folder.write("result.json", json.dump(2) + "\n");
    folder.log(report);
    folder.write_log();
    if (options.json) {
        json["folder"] = folder.path().string();
        for (const auto& [name, seconds] : timings.items()) json[name] = seconds;
        streams.out << json.dump(2) << '\n';
    } else if (!options.quiet) {
        streams.out << report << "\nThis run is in " << folder.path().string() << '\n';
    }
}

}  // namespace spikesmith
