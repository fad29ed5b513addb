// RunFolder: the folder that holds everything one run wrote. Files appear whole or not at all.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "spikesmith/cli/config.hpp"

namespace spikesmith {

class RunFolder {
  public:
    // Makes the folder and writes `config.toml` into it. Without a wish: runs/<name>-<n> in the current folder, n the first free
    // number from 1. A wished folder that exists must be empty, or with `replace` a run folder, whose files this run then
    // replaces. Throws ConfigError otherwise, also if the folder cannot be written.
    static RunFolder create(const Config& config, bool replace);

    // The folder of an interrupted run: the wished one, else the last runs/<name>-<n>. One that is empty, because the run was
    // stopped as it began, is taken like a new one. Throws ConfigError if there is none.
    static RunFolder reopen(const Config& config);

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void write(std::string_view name, std::string_view content) const;

    // A line of log.txt, which write_log() writes.
    void log(std::string_view line);
    void write_log() const;

  private:
    explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
    std::string log_;
};

}  // namespace spikesmith
