// Compiled kernels on disk, keyed by content.
//
// A key is everything the machine code depends on (IR, target, compiler version); the entry holds the whole key, so a hash
// collision or a stale format can never give wrong code. The directory is private to the user; one that others own or may
// write to is not used. Every failure here is silent: the kernel is compiled instead.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace spikesmith::codegen {

// $SPIKESMITH_CACHE_DIR, else $XDG_CACHE_HOME/spikesmith, else ~/.cache/spikesmith; created with mode 0700 if missing.
// Nothing if SPIKESMITH_CACHE=off or the directory is not safe to use.
[[nodiscard]] std::optional<std::filesystem::path> kernel_cache_directory();

// File of the entry with that key.
[[nodiscard]] std::filesystem::path cache_entry_path(const std::filesystem::path& directory, std::string_view key);

// The object code stored under `key`, if its file is complete, unaltered, and the user's own.
[[nodiscard]] std::optional<std::string> read_cache_entry(const std::filesystem::path& directory, std::string_view key);

// Writes under a temporary name and renames, so readers and other writers see whole entries only; then deletes the entries
// unused for longest until all together are below `capacity` bytes.
inline constexpr std::uintmax_t cache_capacity = 256U << 20U;
void write_cache_entry(const std::filesystem::path& directory, std::string_view key, std::string_view object,
                       std::uintmax_t capacity = cache_capacity);

}  // namespace spikesmith::codegen
