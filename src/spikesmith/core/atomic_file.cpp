#include "spikesmith/core/atomic_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const fs::path& path, std::string_view action, int error, std::string hint = {}) {
    throw DataError(Diagnostic{.message = fmt::format("cannot {}: {}", action, std::generic_category().message(error)),
                               .source = path.string(),
                               .hint = std::move(hint)});
}

int open_retrying(const fs::path& path, int flags) {
    int descriptor = -1;
    do {
        descriptor = ::open(path.c_str(), flags, 0666);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

// A rename is on the disk only when its directory is; not every file system can do that, and then nothing is lost by going on.
void flush_directory(const fs::path& directory) {
    const int descriptor = open_retrying(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

fs::path directory_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

std::string near_name_hint(const fs::path& path) {
    std::error_code error;
    std::vector<std::string> names;
    for (auto it = fs::directory_iterator(directory_of(path), error); !error && it != fs::directory_iterator();
         it.increment(error)) {
        names.push_back(it->path().filename().string());
        if (names.size() > 10000) break;
    }
    std::sort(names.begin(), names.end());
    return did_you_mean(path.filename().string(), names);
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(path) {
    std::error_code ignored;
    if (fs::is_symlink(path_, ignored)) {
        const fs::path target = fs::weakly_canonical(path_, ignored);
        if (!target.empty()) path_ = target;
    }
    const auto status = fs::status(path_, ignored);
    if (fs::is_directory(status)) fail(path_, "write", EISDIR);
    if (fs::exists(status) && !fs::is_regular_file(status)) {
        descriptor_ = open_retrying(path_, O_WRONLY | O_CLOEXEC);
        if (descriptor_ < 0) fail(path_, "write", errno);
        return;
    }
    constexpr int attempts = 1000;
    for (int attempt = 0; attempt < attempts && descriptor_ < 0; ++attempt) {
        temporary_ = directory_of(path_) / fmt::format(".{}.{}.{}.tmp", path_.filename().string(), ::getpid(), attempt);
        descriptor_ = open_retrying(temporary_, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
        if (descriptor_ < 0 && errno != EEXIST) break;
    }
    if (descriptor_ < 0) {
        const int error = errno;
        temporary_.clear();
        fail(path_, "write", error,
             error == ENOENT ? fmt::format("the folder `{}` does not exist", directory_of(path_).string()) : "");
    }
    if (fs::exists(status)) ::fchmod(descriptor_, static_cast<mode_t>(status.permissions()) & 07777U);
}

AtomicFile::~AtomicFile() {
    close_and_remove();
}

void AtomicFile::close_and_remove() noexcept {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
}

void AtomicFile::write(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            const int error = errno;
            close_and_remove();
            fail(path_, "write", error);
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void AtomicFile::commit(bool flush) {
    const bool flushed = !flush || temporary_.empty() || ::fsync(descriptor_) == 0;
    int error = flushed ? 0 : errno;
    if (::close(std::exchange(descriptor_, -1)) != 0 && error == 0) error = errno;
    if (error == 0 && !temporary_.empty() && ::rename(temporary_.c_str(), path_.c_str()) != 0) error = errno;
    if (error != 0) {
        close_and_remove();
        fail(path_, "write", error);
    }
    if (flush && !temporary_.empty()) flush_directory(directory_of(path_));
    temporary_.clear();
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
    AtomicFile file(path);
    file.write(bytes);
    file.commit();
}

void write_file_unflushed(const fs::path& path, std::string_view bytes) {
    AtomicFile file(path);
    file.write(bytes);
    file.commit(false);
}

std::string read_file(const fs::path& path) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) fail(path, "read", EISDIR);
    errno = 0;
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        const int error = errno != 0 ? errno : EIO;
        fail(path, "read", error, error == ENOENT ? near_name_hint(path) : "");
    }
    std::string bytes;
    const auto size = fs::file_size(path, ignored);
    if (!ignored) bytes.reserve(static_cast<std::size_t>(size));
    std::vector<char> block(std::size_t{1} << 16);
    while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0) {
        bytes.append(block.data(), static_cast<std::size_t>(stream.gcount()));
    }
    if (stream.bad()) fail(path, "read", errno != 0 ? errno : EIO);
    return bytes;
}

}  // namespace spikesmith
