// Files read and written whole. A reader of an output file sees the old file or the new one, never a part of one.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace spikesmith {

// Writes under a temporary name in the directory of `path`; `commit` flushes to the disk, unless told not to, and renames. Without
// `commit` the old file stays as it was and the temporary file is removed. A symbolic link stays a link; what is not a regular file (a pipe,
// /dev/stdout) is written in place. Throws DataError with the path and the reason of the operating system.
class AtomicFile {
  public:
    explicit AtomicFile(const std::filesystem::path& path);
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    ~AtomicFile();

    void write(std::string_view bytes);
    void commit(bool flush = true);

  private:
    void close_and_remove() noexcept;

    std::filesystem::path path_;
    std::filesystem::path temporary_;  // empty if written in place
    int descriptor_ = -1;
};

// The whole of it in one call.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);
// The same without flushing: much quicker, and safe if the process is killed, but not in a power cut, after which the file may be damaged.
void write_file_unflushed(const std::filesystem::path& path, std::string_view bytes);

// The bytes of a file. Throws DataError that says what is wrong: missing (with a near name in the same directory), a directory, not readable.
[[nodiscard]] std::string read_file(const std::filesystem::path& path);

}  // namespace spikesmith
