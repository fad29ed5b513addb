#include "spikesmith/cli/run_folder.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

#include "spikesmith/core/atomic_file.hpp"

namespace spikesmith {
namespace {

namespace fs = std::filesystem;

// Everything a run may write: what a run that replaces an earlier one removes first.
constexpr std::array run_files{
    "config.toml",      "result.json",   "evaluations.csv", "evaluations.npz", "traces.npz",  "traces.csv",
    "spikes.csv",       "spikes.svg",    "traces.svg",      "convergence.svg", "pareto.csv",  "pareto.svg",
    "checkpoint.txt",   "log.txt",       "refined.json",    "refined.txt",     "refined.npz", "refined.svg",
    "landscape.npz",    "landscape.svg", "posterior.spk",   "samples.npz",     "samples.csv", "simulations.npz",
    "calibration.json", "summary.txt",   "checkpoint",      "calibration.svg", "pairs.svg",   "conditional_pairs.svg",
    "features.svg",     "posterior.svg"};

std::string file_name(std::string name) {
    std::replace_if(
        name.begin(), name.end(),
        [](unsigned char c) { return std::isalnum(c) == 0 && c != '-' && c != '_' && c != '.'; }, '_');
    while (!name.empty() && name.front() == '.') name.erase(0, 1);
    return name.empty() ? "run" : name;
}

constexpr const char* runs = "runs";

// The highest n of the folders runs/<name>-<n>; 0 if there is none.
int last_number(const std::string& name) {
    std::error_code error;
    int last = 0;
    const std::string prefix = name + "-";
    for (auto it = fs::directory_iterator(runs, error); !error && it != fs::directory_iterator(); it.increment(error)) {
        const std::string entry = it->path().filename().string();
        if (!entry.starts_with(prefix)) continue;
        int n = 0;
        const char* begin = entry.data() + prefix.size();
        const char* end = entry.data() + entry.size();
        if (std::from_chars(begin, end, n).ptr == end && begin != end) last = std::max(last, n);
    }
    return last;
}

fs::path next_numbered(const std::string& name) {
    std::error_code error;
    fs::create_directories(runs, error);
    const int last = last_number(name);
    // Another process may take a number at the same time: who makes the folder has it.
    for (int n = last + 1; n < last + 1000; ++n) {
        const fs::path path = fs::path(runs) / fmt::format("{}-{}", name, n);
        std::error_code made;
        if (fs::create_directory(path, made)) return path;
        if (made)
            throw ConfigError(fmt::format("cannot make the folder `{}`: {}", path.string(), made.message()),
                              "name another one with --out");
    }
    throw ConfigError(fmt::format("cannot make a folder in `{}`", runs), "name one with --out");
}

// Nothing but what writing `config.toml` left behind when it was interrupted.
bool never_begun(const fs::path& path) {
    std::error_code error;
    if (!fs::is_directory(path, error)) return false;
    for (auto it = fs::directory_iterator(path, error); !error && it != fs::directory_iterator(); it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (!name.starts_with(".config.toml.") || !name.ends_with(".tmp")) return false;
    }
    return !error;
}

void take(const fs::path& path, bool replace) {
    std::error_code error;
    if (fs::exists(path, error)) {
        if (!fs::is_directory(path, error))
            throw ConfigError(fmt::format("the output folder `{}` is a file", path.string()));
        if (!never_begun(path)) {
            if (!fs::exists(path / "config.toml", error)) {
                throw ConfigError(fmt::format("the output folder `{}` is not empty and no run folder", path.string()),
                                  "name another one with --out");
            }
            if (!replace)
                throw ConfigError(fmt::format("the output folder `{}` holds an earlier run", path.string()),
                                  "add --force to replace it, or name another one with --out");
            for (const auto* name : run_files) fs::remove_all(path / name, error);
        }
        return;
    }
    fs::create_directories(path, error);
    if (error)
        throw ConfigError(fmt::format("cannot make the folder `{}`: {}", path.string(), error.message()),
                          "name another one with --out");
}

}  // namespace

RunFolder RunFolder::create(const Config& config, bool replace) {
    fs::path path;
    if (config.run.folder) {
        path = *config.run.folder;
        take(path, replace);
    } else {
        path = next_numbered(file_name(config.name));
    }
    RunFolder folder(path);
    folder.write("config.toml", config_as_run(config, path));
    return folder;
}

RunFolder RunFolder::reopen(const Config& config) {
    const std::string name = file_name(config.name);
    std::error_code error;
    fs::path path;
    if (config.run.folder) {
        path = *config.run.folder;
    } else if (const int last = last_number(name); last > 0) {
        path = fs::path(runs) / fmt::format("{}-{}", name, last);
    } else {
        throw ConfigError(fmt::format("there is no run of `{}` in `{}` to resume", name, runs),
                          "name its folder with --out");
    }
    RunFolder folder(path);
    if (fs::exists(path / "config.toml", error)) return folder;
    if (!never_begun(path)) {
        throw ConfigError(fmt::format("`{}` is not the folder of a run", path.string()),
                          "name the folder of the interrupted run with --out, or begin without --resume");
    }
    folder.write("config.toml", config_as_run(config, path));
    return folder;
}

void RunFolder::write(std::string_view name, std::string_view content) const {
    write_file_atomically(path_ / name, content);
}

void RunFolder::log(std::string_view line) {
    log_ += line;
    if (!line.ends_with('\n')) log_ += '\n';
}

void RunFolder::write_log() const {
    write("log.txt", log_);
}

}  // namespace spikesmith
