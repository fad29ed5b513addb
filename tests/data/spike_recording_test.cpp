// Spike trains on disk: every form that is read, and what is refused with which words.
#include "spikesmith/data/spike_recording.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/error.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Trains = std::vector<std::vector<double>>;

class Spikes : public testing::Test {
  protected:
    void SetUp() override {
        const auto* info = testing::UnitTest::GetInstance()->current_test_info();
        folder_ = std::filesystem::path(testing::TempDir()) / (std::string("spikesmith-spikes-") + info->name());
        std::filesystem::remove_all(folder_);
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
    // The trains of a text.
    [[nodiscard]] Trains text(const std::string& content, SpikeSource source = {}) const {
        std::ofstream(path("spikes.csv"), std::ios::binary) << content;
        source.path = path("spikes.csv");
        return load_spikes(source);
    }
    [[nodiscard]] static std::string refusal(const std::function<Trains()>& action) {
        try {
            static_cast<void>(action());
        } catch (const DataError& error) {
            return error.what();
        }
        return "no error";
    }
    [[nodiscard]] std::string refused_text(const std::string& content, SpikeSource source = {}) const {
        return refusal([&] { return text(content, source); });
    }

  private:
    std::filesystem::path folder_;
};

TEST_F(Spikes, OneColumnIsOneTrain) {
    EXPECT_EQ(text("0.001\n0.25\n1e0\n"), (Trains{{0.001, 0.25, 1}}));
    EXPECT_EQ(text("# spikes of cell 3\n10\n20\n", {.unit = "ms"}), (Trains{{0.01, 0.02}}));
    EXPECT_EQ(text("time (ms)\n10\n20\n"), (Trains{{10 * 1e-3, 20 * 1e-3}}));
    EXPECT_EQ(text("spike_times (us)\n10\n20\n"), (Trains{{10 * 1e-6, 20 * 1e-6}}));
    EXPECT_EQ(text("time (ms)\n10\n20\n", {.unit = "s"}), (Trains{{10, 20}}));  // the wish overrides the header
    EXPECT_EQ(text("7\n"), (Trains{{7}}));
    EXPECT_EQ(text("time,amplitude\n0.1,9\n0.2,8\n"), (Trains{{0.1, 0.2}}));
    EXPECT_EQ(text("time,amplitude\n0.1,9\n"), (Trains{{0.1}}));  // one spike, not a line of two
}

TEST_F(Spikes, OneLineIsOneTrain) {
    EXPECT_EQ(text("0.001,0.25,1\n"), (Trains{{0.001, 0.25, 1}}));
    EXPECT_EQ(text("1 2 3\n", {.unit = "ms"}), (Trains{{1 * 1e-3, 2 * 1e-3, 3 * 1e-3}}));
}

TEST_F(Spikes, TraceAndTimeAreAllTrains) {
    EXPECT_EQ(text("trace,time (second)\n1,0.1\n1,0.2\n3,0.15\n"), (Trains{{0.1, 0.2}, {}, {0.15}}));
    EXPECT_EQ(text("time (ms);trace;channel\n100;2;7\n50;1;7\n200;2;7\n"),
              (Trains{{50 * 1e-3}, {100 * 1e-3, 200 * 1e-3}}));
    // Traces of the experiment beyond the last one with a spike are silent.
    EXPECT_EQ(text("trace,time\n1,0.1\n", {.n_traces = 3}), (Trains{{0.1}, {}, {}}));
    EXPECT_EQ(text("trace,time\n4,0.1\n", {.n_traces = 3}), (Trains{{}, {}, {}, {0.1}}));  // the fit will refuse it
    // Without that column nothing is said of other traces.
    EXPECT_EQ(text("0.1\n0.2\n", {.n_traces = 3}), (Trains{{0.1, 0.2}}));
}

TEST_F(Spikes, MayBeInAnyOrder) {
    EXPECT_EQ(text("0.2\n0.1\n0.2\n"), (Trains{{0.1, 0.2, 0.2}}));
    EXPECT_EQ(text("trace,time\n2,0.1\n1,0.1\n2,0.05\n"), (Trains{{0.1}, {0.05, 0.1}}));
}

TEST_F(Spikes, RefusesTextsThatAreNoTrains) {
    EXPECT_THAT(refused_text(""), HasSubstr("the file is empty"));
    EXPECT_THAT(refused_text("0.1,0.2\n0.3,0.4\n"), HasSubstr("2 columns: it is not clear which are spike times\nhint: "
                                                              "one column of times, or two called `trace` and `time`"));
    EXPECT_THAT(refused_text("cell,amplitude\n1,2\n"), HasSubstr("2 columns: it is not clear which are spike times"));
    EXPECT_THAT(refused_text("trace,start\n1,0.1\n"), HasSubstr("there is a column `trace`, but no column `time`"));
    EXPECT_THAT(refused_text("trace,time\n1,0.1\n0,0.2\n"),
                HasSubstr("line 3: `trace` must be a whole number from 1, not 0"));
    EXPECT_THAT(refused_text("trace,time\n1.5,0.1\n"),
                HasSubstr("line 2: `trace` must be a whole number from 1, not 1.5"));
    EXPECT_THAT(refused_text("trace,time\nnan,0.1\n"), HasSubstr("`trace` must be a whole number from 1, not nan"));
    EXPECT_THAT(refused_text("trace,time\n1e300,0.1\n"), HasSubstr("`trace` must be a whole number from 1"));
    EXPECT_THAT(refused_text("0.1\nnan\n"), HasSubstr("spike 2 of train 1 is nan"));
    EXPECT_THAT(refused_text("inf\n"), HasSubstr("spike 1 of train 1 is inf"));
    EXPECT_THAT(refused_text("1e308\n", {.unit = "Ms"}), HasSubstr("spike 1 of train 1 is inf"));
    EXPECT_THAT(refused_text("time (mV)\n1\n2\n"),
                HasSubstr("spike times are in volt, not in time\nhint: for example `unit = \"ms\"`"));
    EXPECT_THAT(refused_text("0.1\nspike\n"), HasSubstr("spikes.csv"));
    EXPECT_THAT(refusal([] { return load_spikes({}); }), HasSubstr("the path of a recording of spikes is empty"));
    EXPECT_THAT(refusal([&] { return load_spikes({.path = path("spike.csv")}); }), HasSubstr("spike.csv"));
}

TEST_F(Spikes, AreReadFromArrays) {
    write_npy(path("a.npy"), {{3}, {1, 2, 4}});
    EXPECT_EQ(load_spikes({.path = path("a.npy")}), (Trains{{1, 2, 4}}));
    EXPECT_EQ(load_spikes({.path = path("a.npy"), .unit = "ms"}), (Trains{{1 * 1e-3, 2 * 1e-3, 4 * 1e-3}}));
    write_npy(path("row.npy"), {{1, 3}, {1, 2, 4}});
    EXPECT_EQ(load_spikes({.path = path("row.npy")}), (Trains{{1, 2, 4}}));
    write_npy(path("silent.npy"), {{0}, {}});
    EXPECT_EQ(load_spikes({.path = path("silent.npy")}), (Trains{{}}));
    write_npy(path("table.npy"), {{2, 2}, {1, 2, 3, 4}});
    EXPECT_THAT(refusal([&] { return load_spikes({.path = path("table.npy")}); }),
                HasSubstr("an array of spike times must have one dimension"));
    write_npy(path("back.npy"), {{2}, {2, 1}});
    EXPECT_EQ(load_spikes({.path = path("back.npy")}), (Trains{{1, 2}}));

    write_npz(path("all.npz"), {{"t", {{2}, {0, 1}}},
                                {"spikes_1", {{2}, {1, 2}}},
                                {"spikes_2", {{0}, {}}},
                                {"spikes_3", {{1}, {3}}},
                                {"late", {{1}, {9}}}});
    EXPECT_EQ(load_spikes({.path = path("all.npz")}), (Trains{{1, 2}, {}, {3}}));
    EXPECT_EQ(load_spikes({.path = path("all.npz"), .key = "late", .unit = "ms"}), (Trains{{9 * 1e-3}}));
    EXPECT_THAT(refusal([&] { return load_spikes({.path = path("all.npz"), .key = "spike_1"}); }),
                HasSubstr("spike_1"));
    write_npz(path("other.npz"), {{"t", {{2}, {0, 1}}}});
    EXPECT_THAT(refusal([&] { return load_spikes({.path = path("other.npz")}); }),
                HasSubstr("there is no array `spikes_1` in this archive\nhint: name an array with `key`"));
}

}  // namespace
}  // namespace spikesmith
