#include "spikesmith/core/atomic_file.hpp"

#include <algorithm>
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "spikesmith/core/error.hpp"

namespace spikesmith {
namespace {

namespace fs = std::filesystem;

class AtomicFileTest : public testing::Test {
  protected:
    // a folder of its own: tests run side by side
    AtomicFileTest()
        : folder_(fs::path(testing::TempDir()) /
                  fmt::format("spikesmith_atomic_file_{}_{}",
                              testing::UnitTest::GetInstance()->current_test_info()->name(), ::getpid())) {
        fs::remove_all(folder_);
        fs::create_directories(folder_);
    }
    ~AtomicFileTest() override { fs::remove_all(folder_); }
    AtomicFileTest(const AtomicFileTest&) = delete;
    AtomicFileTest& operator=(const AtomicFileTest&) = delete;

    [[nodiscard]] std::ptrdiff_t files() const {
        return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
    }

    fs::path folder_;
};

TEST_F(AtomicFileTest, OldFileStaysUntilCommit) {
    const auto path = folder_ / "result.json";
    write_file_atomically(path, "old");
    {
        AtomicFile file(path);
        file.write("ne");
        file.write("w");
        EXPECT_EQ(read_file(path), "old");
        file.commit();
    }
    EXPECT_EQ(read_file(path), "new");
    {
        AtomicFile file(path);
        file.write("never finished");
    }
    EXPECT_EQ(read_file(path), "new");
    EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFileTest, BytesOfAnyKindAndLength) {
    std::string bytes;
    for (int i = 0; i < 300000; ++i) bytes += static_cast<char>(i * 7);
    write_file_atomically(folder_ / "bytes", bytes);
    EXPECT_EQ(read_file(folder_ / "bytes"), bytes);
    write_file_atomically(folder_ / "bytes", "");
    EXPECT_EQ(read_file(folder_ / "bytes"), "");
}

TEST_F(AtomicFileTest, KeepsPermissionsAndLinks) {
    const auto target = folder_ / "target";
    write_file_atomically(target, "1");
    fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink("target", folder_ / "link");
    write_file_atomically(folder_ / "link", "2");
    EXPECT_TRUE(fs::is_symlink(folder_ / "link"));
    EXPECT_EQ(read_file(target), "2");
    EXPECT_EQ(fs::status(target).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(AtomicFileTest, WritesDevicesInPlace) {
    write_file_atomically("/dev/null", "anything");
    EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(AtomicFileTest, Errors) {
    const auto message = [](const auto& call) -> std::string {
        try {
            call();
        } catch (const DataError& error) {
            return error.what();
        }
        return "no error";
    };
    const auto lost = folder_ / "missing" / "x";
    EXPECT_EQ(message([&] { write_file_atomically(lost, ""); }),
              lost.string() + ": cannot write: No such file or directory\nhint: the folder `" +
                  (folder_ / "missing").string() + "` does not exist");
    EXPECT_EQ(message([&] { write_file_atomically(folder_, ""); }),
              folder_.string() + ": cannot write: Is a directory");
    EXPECT_EQ(message([&] { (void)read_file(folder_ / "nothing"); }),
              (folder_ / "nothing").string() + ": cannot read: No such file or directory");
    EXPECT_EQ(files(), 0);
}

}  // namespace
}  // namespace spikesmith
