// The disk cache: what it gives back, and what it refuses.
#include "spikesmith/codegen/kernel_cache.hpp"

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "codegen/kernel_harness.hpp"
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace spikesmith {
namespace {

namespace fs = std::filesystem;
using codegen::cache_entry_path;
using codegen::kernel_cache_directory;
using codegen::read_cache_entry;
using codegen::write_cache_entry;

// A fresh cache directory named by the environment.
class KernelCache : public testing::Test {
  protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "spikesmith-cache-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        root_ = pattern;
        directory_ = root_ / "kernels";
        ::setenv("SPIKESMITH_CACHE_DIR", directory_.c_str(), 1);
        ::unsetenv("SPIKESMITH_CACHE");
    }
    void TearDown() override {
        ::unsetenv("SPIKESMITH_CACHE_DIR");
        ::unsetenv("SPIKESMITH_CACHE");
        ::chmod(directory_.c_str(), 0700);
        fs::remove_all(root_);
    }

    static std::string contents(const fs::path& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    static void overwrite(const fs::path& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    }
    static std::size_t files_in(const fs::path& directory) {
        return static_cast<std::size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
    }

    fs::path root_, directory_;
};

UpdateProgram counter(double increment) {
    test::ProgramWriter w;
    const auto x = w.state(0);
    w.next(0, w.apply(Op::add, x, w.number(increment)));
    w.output(x);
    return w.program;
}

double state_after(const Kernel& kernel, std::int64_t steps) {
    std::vector<double> states(static_cast<std::size_t>(kernel.lanes()));
    KernelArguments a;
    a.last_step = steps;
    a.lanes = kernel.lanes();
    a.states = states.data();
    kernel.run(a);
    return states.back();
}

TEST_F(KernelCache, GivesTheKernelBackThatWasCompiled) {
    const auto first = Kernel::compile(counter(2));
    EXPECT_FALSE(first.from_cache());
    const auto second = Kernel::compile(counter(2));
    EXPECT_TRUE(second.from_cache());
    EXPECT_EQ(state_after(second, 5), 10);
    EXPECT_EQ(files_in(directory_), 1U);
}

TEST_F(KernelCache, TellsProgramsAndOptionsApart) {
    (void)Kernel::compile(counter(2));
    const auto other = Kernel::compile(counter(3));
    EXPECT_FALSE(other.from_cache());
    EXPECT_EQ(state_after(other, 5), 15);
    EXPECT_FALSE(Kernel::compile(counter(2), {.width = 1}).from_cache());
    EXPECT_FALSE(Kernel::compile(counter(2), {.precision = Precision::single_precision}).from_cache());
    EXPECT_FALSE(Kernel::compile(counter(2), {.record_outputs = true}).from_cache());
}

TEST_F(KernelCache, ServesKernelsThatCallFunctions) {
    test::ProgramWriter w;
    const auto x = w.state(1e300);
    w.next(0, w.apply(Op::sin, x));  // of a huge argument: a call
    const auto program = w.program;
    test::Experiment e;
    e.parameters = {{}};
    e.steps = 2;
    const auto expected = test::interpret(program, e);
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(Kernel::compile(program, {.record_outputs = true, .record_spikes = true}).from_cache(), round == 1);
        test::expect_same(expected, test::run_kernel(program, e, {}), e.spike_capacity,
                          round == 0 ? "compiled" : "from the cache");
    }
}

TEST_F(KernelCache, IsOffWhenTold) {
    (void)Kernel::compile(counter(2), {.disk_cache = false});
    EXPECT_FALSE(fs::exists(directory_));
    ::setenv("SPIKESMITH_CACHE", "off", 1);
    EXPECT_FALSE(kernel_cache_directory());
    (void)Kernel::compile(counter(2));
    EXPECT_FALSE(fs::exists(directory_));
}

TEST_F(KernelCache, ChoosesTheDirectoryByTheEnvironment) {
    EXPECT_EQ(kernel_cache_directory(), directory_);
    ::unsetenv("SPIKESMITH_CACHE_DIR");
    ::setenv("XDG_CACHE_HOME", root_.c_str(), 1);
    EXPECT_EQ(kernel_cache_directory(), root_ / "spikesmith");
    ::unsetenv("XDG_CACHE_HOME");
}

TEST_F(KernelCache, IsPrivateToTheUser) {
    ASSERT_TRUE(kernel_cache_directory());
    struct stat status {};
    ASSERT_EQ(::stat(directory_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    write_cache_entry(directory_, "key", "object");
    ASSERT_EQ(::stat(cache_entry_path(directory_, "key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(KernelCache, RefusesADirectoryThatOthersMayWrite) {
    fs::create_directory(directory_);
    ::chmod(directory_.c_str(), 0777);
    EXPECT_FALSE(kernel_cache_directory());
    EXPECT_EQ(state_after(Kernel::compile(counter(2)), 3), 6);
    EXPECT_EQ(files_in(directory_), 0U);
}

TEST_F(KernelCache, RefusesALinkInPlaceOfTheDirectory) {
    fs::create_directory(root_ / "elsewhere");
    fs::create_symlink(root_ / "elsewhere", directory_);
    EXPECT_FALSE(kernel_cache_directory());
}

TEST_F(KernelCache, WorksWithoutADirectory) {
    overwrite(root_ / "file", "not a directory");
    ::setenv("SPIKESMITH_CACHE_DIR", (root_ / "file" / "kernels").c_str(), 1);
    EXPECT_FALSE(kernel_cache_directory());
    EXPECT_EQ(state_after(Kernel::compile(counter(2)), 3), 6);
}

TEST_F(KernelCache, IgnoresAlteredTruncatedAndForeignFiles) {
    ASSERT_TRUE(kernel_cache_directory());
    const auto path = cache_entry_path(directory_, "key");
    write_cache_entry(directory_, "key", "object code");
    ASSERT_EQ(read_cache_entry(directory_, "key"), "object code");
    const std::string good = contents(path);
    for (std::size_t place = 0; place < good.size(); ++place) {  // magic, version, sizes, key, object, checksum
        std::string bad = good;
        bad[place] = static_cast<char>(bad[place] ^ 1);
        overwrite(path, bad);
        EXPECT_FALSE(read_cache_entry(directory_, "key")) << "byte " << place;
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{5}, good.size() - 1}) {
        overwrite(path, good.substr(0, size));
        EXPECT_FALSE(read_cache_entry(directory_, "key")) << size << " bytes";
    }
    overwrite(path, good + "x");
    EXPECT_FALSE(read_cache_entry(directory_, "key"));
    overwrite(path, good);
    EXPECT_TRUE(read_cache_entry(directory_, "key"));
    ::chmod(path.c_str(), 0666);
    EXPECT_FALSE(read_cache_entry(directory_, "key"));
    EXPECT_FALSE(read_cache_entry(directory_, "other key"));
}

TEST_F(KernelCache, ReplacesAnAlteredEntry) {
    (void)Kernel::compile(counter(2));
    for (const auto& entry : fs::directory_iterator(directory_)) overwrite(entry.path(), "rubbish");
    const auto kernel = Kernel::compile(counter(2));
    EXPECT_FALSE(kernel.from_cache());
    EXPECT_EQ(state_after(kernel, 3), 6);
    EXPECT_TRUE(Kernel::compile(counter(2)).from_cache());
}

TEST_F(KernelCache, ForgetsTheEntriesUnusedForLongest) {
    ASSERT_TRUE(kernel_cache_directory());
    const std::string object(1000, 'o');
    for (int n = 0; n < 5; ++n) {
        write_cache_entry(directory_, fmt::format("key {}", n), object);
        fs::last_write_time(cache_entry_path(directory_, fmt::format("key {}", n)),
                            fs::file_time_type::clock::now() - std::chrono::hours(10 - n));
    }
    ASSERT_TRUE(read_cache_entry(directory_, "key 0"));  // used just now
    write_cache_entry(directory_, "key 5", object, 3500);
    EXPECT_TRUE(read_cache_entry(directory_, "key 0"));
    EXPECT_FALSE(read_cache_entry(directory_, "key 1"));
    EXPECT_FALSE(read_cache_entry(directory_, "key 3"));
    EXPECT_TRUE(read_cache_entry(directory_, "key 4"));
    EXPECT_TRUE(read_cache_entry(directory_, "key 5"));
}

TEST_F(KernelCache, ServesManyThreadsAtOnce) {
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&good] {
            for (const double increment : {1.0, 2.0, 3.0}) {
                if (state_after(Kernel::compile(counter(increment)), 4) == 4 * increment) ++good;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(good, 24);
    EXPECT_EQ(files_in(directory_), 3U);
}

}  // namespace
}  // namespace spikesmith
