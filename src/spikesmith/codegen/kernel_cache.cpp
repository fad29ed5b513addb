#include "spikesmith/codegen/kernel_cache.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <llvm/Support/BLAKE3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spikesmith::codegen {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view magic = "SPIKESMITHKERNEL";
constexpr std::uint32_t format_version = 1;
constexpr std::string_view extension = ".kernel";
constexpr std::string_view temporary_extension = ".partial";
using Digest = std::array<std::uint8_t, 16>;

Digest digest(std::string_view bytes) {
    return llvm::BLAKE3::hash<16>(
        llvm::ArrayRef<std::uint8_t>(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

class FileDescriptor {
  public:
    explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
    ~FileDescriptor() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }
    [[nodiscard]] bool open() const { return descriptor_ >= 0; }

  private:
    int descriptor_;
};

bool private_to_user(const struct stat& status) {
    return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

std::optional<fs::path> configured_directory() {
    const auto variable = [](const char* name) -> std::string_view {
        const char* value = std::getenv(name);
        return value == nullptr ? std::string_view{} : std::string_view{value};
    };
    if (variable("SPIKESMITH_CACHE") == "off") return std::nullopt;
    if (const auto own = variable("SPIKESMITH_CACHE_DIR"); !own.empty()) return fs::path(own);
    if (const auto base = variable("XDG_CACHE_HOME"); fs::path(base).is_absolute())
        return fs::path(base) / "spikesmith";
    if (const auto home = variable("HOME"); fs::path(home).is_absolute())
        return fs::path(home) / ".cache" / "spikesmith";
    return std::nullopt;
}

std::string header(std::string_view key, std::string_view object) {
    std::string bytes(magic);
    const std::array<std::uint64_t, 3> numbers{format_version, key.size(), object.size()};
    bytes.append(reinterpret_cast<const char*>(numbers.data()), sizeof numbers);
    return bytes;
}

std::optional<std::string> read_file(const fs::path& path) {
    const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat status {};
    if (!file.open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || !private_to_user(status))
        return std::nullopt;
    if (status.st_size < 0 || static_cast<std::uintmax_t>(status.st_size) > cache_capacity) return std::nullopt;
    std::string bytes(static_cast<std::size_t>(status.st_size), '\0');
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
        if (n <= 0) return std::nullopt;
        done += static_cast<std::size_t>(n);
    }
    ::futimens(file.get(), nullptr);  // used now
    return bytes;
}

bool write_file(const fs::path& path, std::string_view bytes) {
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file.open()) return false;
    while (!bytes.empty()) {
        const auto n = ::write(file.get(), bytes.data(), bytes.size());
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

// Deletes entries, the longest unused first, until they fit; and what an interrupted writer left behind.
void prune(const fs::path& directory, std::uintmax_t capacity) {
    struct Entry {
        fs::path path;
        fs::file_time_type used;
        std::uintmax_t size;
    };
    std::vector<Entry> entries;
    std::uintmax_t total = 0;
    std::error_code error;
    const auto abandoned = fs::file_time_type::clock::now() - std::chrono::hours(1);
    for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
        std::error_code ignored;
        const Entry entry{it->path(), it->last_write_time(ignored), it->file_size(ignored)};
        if (ignored) continue;
        if (entry.path.extension() == temporary_extension && entry.used < abandoned) fs::remove(entry.path, ignored);
        if (entry.path.extension() != extension) continue;
        total += entry.size;
        entries.push_back(entry);
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
    for (const auto& entry : entries) {
        if (total <= capacity) break;
        std::error_code ignored;
        if (fs::remove(entry.path, ignored)) total -= entry.size;
    }
}

}  // namespace

std::optional<fs::path> kernel_cache_directory() {
    auto directory = configured_directory();
    if (!directory) return std::nullopt;
    std::error_code error;
    fs::create_directories(directory->parent_path(), error);
    ::mkdir(directory->c_str(), 0700);  // may exist
    struct stat status {};
    if (::lstat(directory->c_str(), &status) != 0 || !S_ISDIR(status.st_mode) || !private_to_user(status))
        return std::nullopt;
    return directory;
}

fs::path cache_entry_path(const fs::path& directory, std::string_view key) {
    std::string name;
    for (const auto byte : digest(key)) name += fmt::format("{:02x}", byte);
    return directory / (name + std::string(extension));
}

std::optional<std::string> read_cache_entry(const fs::path& directory, std::string_view key) {
    const auto bytes = read_file(cache_entry_path(directory, key));
    const std::size_t header_size = header({}, {}).size();
    if (!bytes || bytes->size() < header_size + key.size() + sizeof(Digest)) return std::nullopt;
    const std::string_view all = *bytes;
    const std::size_t object_size = all.size() - header_size - key.size() - sizeof(Digest);
    const std::string_view object = all.substr(header_size + key.size(), object_size);
    if (all.substr(0, header_size) != header(key, object) || all.substr(header_size, key.size()) != key)
        return std::nullopt;
    const auto expected = digest(all.substr(0, all.size() - sizeof(Digest)));
    if (std::memcmp(expected.data(), all.data() + all.size() - sizeof(Digest), sizeof(Digest)) != 0)
        return std::nullopt;
    return std::string(object);
}

void write_cache_entry(const fs::path& directory, std::string_view key, std::string_view object,
                       std::uintmax_t capacity) {
    std::string bytes = header(key, object);
    bytes.append(key).append(object);
    const auto checksum = digest(bytes);
    bytes.append(reinterpret_cast<const char*>(checksum.data()), checksum.size());

    const auto path = cache_entry_path(directory, key);
    // A name of our own, so that two writers never share a file.
    const auto unique = std::chrono::steady_clock::now().time_since_epoch().count();
    const fs::path temporary =
        path.parent_path() / fmt::format("{}-{}-{}{}", path.stem().string(), ::getpid(), unique, temporary_extension);
    std::error_code ignored;
    if (write_file(temporary, bytes)) fs::rename(temporary, path, ignored);
    fs::remove(temporary, ignored);
    prune(directory, capacity);
}

}  // namespace spikesmith::codegen
