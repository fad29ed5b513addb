#include "spikesmith/data/recording.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/atomic_file.hpp"
#include "spikesmith/data/numpy.hpp"

namespace spikesmith {
namespace {

using testing::DoubleEq;
using testing::Pointwise;
using Strings = std::vector<std::string>;

std::string fixture(const std::string& name) {
    return (std::filesystem::path(SPIKESMITH_TEST_DATA) / "numpy" / name).string();
}

std::string message_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

// Text in a file called data.csv.
Recording load(const std::string& text, RecordingSource source = {}) {
    if (source.path.empty()) source.path = "data.csv";
    return parse_recording(text, source);
}

void expect_values(const Recording& recording, std::size_t traces, const std::vector<double>& values) {
    EXPECT_EQ(recording.values.rows, traces);
    EXPECT_THAT(recording.values.values, Pointwise(DoubleEq(), values));
}

TEST(Recording, ColumnsWithTimeAndUnits) {
    const auto recording = load("t (ms),v1 (mV),v2 (uV)\n0,-65,1000\n0.1,-64,2000\n0.2,-63,3000\n");
    expect_values(recording, 2, {-0.065, -0.064, -0.063, 0.001, 0.002, 0.003});
    EXPECT_EQ(recording.names, (Strings{"v1", "v2"}));
    EXPECT_EQ(*recording.dimension, dimensions::volt);
    EXPECT_DOUBLE_EQ(*recording.dt, 1e-4);
    EXPECT_EQ(recording.source, "data.csv");
}

TEST(Recording, UnitFromTheUserOrNone) {
    expect_values(load("v\n-65\n-64\n", {.unit = "mV"}), 1, {-0.065, -0.064});
    expect_values(load("v (mV)\n-65\n-64\n", {.unit = "mV"}), 1, {-0.065, -0.064});
    expect_values(load("v (soma)\n-65\n-64\n", {.unit = "mV"}), 1, {-0.065, -0.064});
    const auto si = load("v\n-0.065\n-0.064\n");
    expect_values(si, 1, {-0.065, -0.064});
    EXPECT_FALSE(si.dimension.has_value());
    EXPECT_FALSE(si.dt.has_value());
}

TEST(Recording, ChoiceOfColumns) {
    const std::string text = "time_ms,I [pA],v [mV],w\n0,1,2,3\n1,4,5,6\n2,7,8,9\n";
    expect_values(load(text, {.columns = {"v"}}), 1, {0.002, 0.005, 0.008});
    expect_values(load(text, {.columns = {"2"}}), 1, {1e-12, 4e-12, 7e-12});
    expect_values(load(text, {.columns = {"w", "time_ms"}}), 2, {3, 6, 9, 0, 1, 2});
    EXPECT_DOUBLE_EQ(*load(text, {.columns = {"v"}, .index_unit = "ms"}).dt, 1e-3);
    EXPECT_FALSE(load(text, {.columns = {"v"}}).dt.has_value());
}

TEST(Recording, IndexColumn) {
    // by position, because it rises in equal steps
    const auto plain = load("0.0 -75.6\n0.25 -75.5\n0.5 -75.7\n0.75 -75.4\n");
    expect_values(plain, 1, {-75.6, -75.5, -75.7, -75.4});
    EXPECT_DOUBLE_EQ(*load("0.0 -75.6\n0.25 -75.5\n0.5 -75.7\n", {.index_unit = "ms"}).dt, 2.5e-4);
    expect_values(load("0 5\n1 6\n2 4\n", {.index = "none"}), 2, {0, 1, 2, 5, 6, 4});
    // pandas: a nameless first column
    expect_values(load(",v\n0,5\n1,6\n"), 1, {5, 6});
    // by name and by number
    expect_values(load("v,when\n5,0\n6,1\n", {.index = "when"}), 1, {5, 6});
    expect_values(load("5,0\n6,1\n", {.index = "2"}), 1, {5, 6});
    // a column that does not rise evenly is a trace; so is the only column
    expect_values(load("0 1\n2 3\n1 5\n"), 2, {0, 2, 1, 1, 3, 5});
    expect_values(load("t\n0.1\n0.25\n0.3\n"), 1, {0.1, 0.25, 0.3});
}

TEST(Recording, RoundedTimesGiveTheMeantInterval) {
    std::string text = "t (ms),v\n";
    for (int i = 0; i < 1000; ++i) text += std::to_string(static_cast<float>(i) * 0.1F) + ",1\n";
    EXPECT_EQ(*load(text).dt, 0.1 * 1e-3);
    text = "t (s),v\n";
    for (int i = 0; i < 100; ++i) text += std::to_string(i / 3.0) + ",1\n";
    EXPECT_NEAR(*load(text).dt, 1.0 / 3, 1e-8);
}

TEST(Recording, TracesInRows) {
    expect_values(load("1 2 3 5\n6 7 8 0\n"), 2, {1, 2, 3, 5, 6, 7, 8, 0});
    expect_values(load("0 1 2 3\n6 7 9 0\n"), 1, {6, 7, 9, 0});  // the first row is the time
    expect_values(load("v1 (mV),-65,-64\nv2 (mV),-63,-62\n"), 2, {-0.065, -0.064, -0.063, -0.062});
    const auto labelled = load("t (ms),0,0.1,0.2\nv (mV),-65,-64,-66\n");
    expect_values(labelled, 1, {-0.065, -0.064, -0.066});
    EXPECT_DOUBLE_EQ(*labelled.dt, 1e-4);
    EXPECT_EQ(labelled.names, Strings{"v"});
    expect_values(load("1 2\n4 4\n", {.orientation = Orientation::rows}), 2, {1, 2, 4, 4});
    expect_values(load("1 2\n4 4\n", {.orientation = Orientation::columns}), 2, {1, 4, 2, 4});
}

TEST(Recording, HeaderAndLabelsGoByTheLongerSide) {
    expect_values(load("cell,v\na,1\nb,2\nc,3\n"), 1, {1, 2, 3});
    expect_values(load("trace,s1,s2,s3\na,1,2,3\nb,4,5,7\n"), 2, {1, 2, 3, 4, 5, 7});
}

TEST(Recording, NumPyFiles) {
    expect_values(load_recording({.path = fixture("f4.npy"), .unit = "mV"}), 2,
                  {-0.0005, 0.0095, 0.0195, 0.0295, 0.0395, 0.0495});
    const auto columns = load_recording({.path = fixture("f8.npy"), .orientation = Orientation::columns});
    expect_values(columns, 3, {-0.5, 29.5, 9.5, 39.5, 19.5, 49.5});
    EXPECT_EQ(load_recording({.path = fixture("one.npz")}).values.columns, 3U);
    const auto chosen = load_recording({.path = fixture("stored.npz"), .key = "I", .columns = {"2"}});
    expect_values(chosen, 1, {29.5, 39.5, 49.5});
    EXPECT_EQ(chosen.source, fixture("stored.npz") + "[I]");
    // rows that rise evenly are traces in an array
    expect_values(parse_recording(format_npy({{2, 3}, {0, 1, 2, 3, 4, 5}}), {.path = "ramp.npy"}), 2,
                  {0, 1, 2, 3, 4, 5});
    const auto text = load_recording({.path = fixture("savetxt.txt")});
    expect_values(text, 1, {-0.065, -0.0645, -0.064, -0.0635});
    EXPECT_DOUBLE_EQ(*text.dt, 1e-4);
}

TEST(Recording, Errors) {
    struct Wrong {
        std::string bytes;
        RecordingSource source;
        std::string message;
    };
    const std::string table = "t (ms),I (pA),v (mV)\n0,1,2\n1,3,4\n2,5,6\n";
    const std::vector<Wrong> cases{
        {table,
         {},
         "data.csv: column `I` is in `pA`, column `v` is in `mV`\nhint: choose the traces of one kind with `columns`"},
        {"v (mV),w\n1,2\n",
         {},
         "data.csv: column `v` is in `mV`, column `w` is without a unit\nhint: choose the traces of one kind with "
         "`columns`"},
        {table, {.columns = {"vv"}}, "data.csv: `columns`: there is no column `vv`\nhint: there are `t`, `I`, `v`"},
        {"voltage,current\n1,2\n",
         {.columns = {"voltge"}},
         "data.csv: `columns`: there is no column `voltge`\nhint: did you mean `voltage`?"},
        {table,
         {.columns = {"4"}},
         "data.csv: `columns`: there is no column 4\nhint: the file has 3 columns, counted from 1"},
        {table,
         {.columns = {"0"}},
         "data.csv: `columns`: there is no column 0\nhint: the file has 3 columns, counted from 1"},
        {"1,2\n3,4\n9,1\n",
         {.columns = {"v"}},
         "data.csv: `columns`: there is no column `v`\nhint: the columns of this file have no names; count them from "
         "1"},
        {"v,v\n1,2\n",
         {.columns = {"v"}},
         "data.csv: `columns`: the name `v` stands for 2 columns\nhint: give the number of the column, counted from 1"},
        {table,
         {.unit = "uV", .columns = {"v"}},
         "data.csv: column `v` is in `mV` by its header, but `unit` is `uV`\nhint: remove `unit`, or correct the "
         "header"},
        {"v (milivlt)\n1\n",
         {},
         "data.csv: unknown unit `milivlt` of column `v (milivlt)`\nhint: give the unit of the numbers with `unit`, "
         "for example `mV`"},
        {"v\n1\n", {.unit = "mVv"}, "unit:1:1: unknown unit `mVv`\n    mVv\n    ^~~\nhint: did you mean `mV`?"},
        {"t,v\n0,1\n1,2\n3,3\n4,1\n5,2\n",
         {},
         "data.csv: column `t` must rise in equal steps, but goes from 1 to 3 at line 4\nhint: resample the recording "
         "to one interval"},
        {"t,v\n0,1\n2,2\n1,3\n",
         {},
         "data.csv: column `t` must rise, but has 1 at line 4\nhint: if it is a trace and not the time, write index = "
         "\"none\""},
        {"t,v\n0,1\nnan,2\n",
         {},
         "data.csv: column `t` must rise, but has nan at line 3\nhint: if it is a trace and not the time, write index "
         "= \"none\""},
        {"0 5\n1 6\n2 4\n7 3\n8 1\n9 1\n10 1\n11 1\n12 1\n13 1\n",
         {},
         "data.csv: column 1 rises all along, but in unequal steps (see line 4): are these times?\nhint: resample "
         "times "
         "to equal steps; if it is a "
         "trace, write index = \"none\""},
        {"1 2\n4 3\n",
         {},
         "data.csv: 2 rows and 2 columns: it is not clear which are the traces\nhint: write orientation = \"rows\" or "
         "\"columns\""},
        {"t,v\n0,1\n1,2\n",
         {.index_unit = "mV"},
         "data.csv: `index_unit`: `mV` is not a unit of time\nhint: for example `ms`"},
        {"v\n0\n1\n",
         {.index_unit = "ms"},
         "data.csv: `index_unit` is given, but no column of times was found\nhint: name it with `index`"},
        {"v\n0\n1\n",
         {.index = "v"},
         "data.csv: the only column of this file is the index\nhint: if it is a trace, write index = \"none\""},
        {"v\n0\n1\n", {.index = "time"}, "data.csv: `index`: there is no column `time`\nhint: there are `v`"},
        {"v\n0\n",
         {.key = "v"},
         "data.csv: `key` chooses an array of an .npz file, which this is not\nhint: choose columns with `columns`"},
        {format_npy({{0}, {}}), {.path = "a.npy"}, "a.npy: there are no numbers in this file"},
        {format_npy({{2}, {1, 2}}),
         {.path = "a.npy", .index = "1"},
         "a.npy: `index` is for text files\nhint: save times and traces as arrays of their own"},
        {format_npy({{2}, {1, 2}}),
         {.path = "a.npy", .columns = {"2"}},
         "a.npy: `columns`: there is no trace 2\nhint: the file has 1 trace, counted from 1"},
        {"text", {.path = "a.npy"}, "a.npy: this is not a NumPy array: it does not begin with \\x93NUMPY"},
        {format_npz({{"v", {{1}, {1}}}, {"I", {{1}, {1}}}}),
         {.path = "a.npz"},
         "a.npz: this archive has several arrays; which one?\nhint: write `key`: one of `v`, `I`"},
        {format_npz({}), {.path = "a.npz"}, "a.npz: there are no NumPy arrays in this archive"},
        {format_npz({{"v", {{1, 1, 1}, {1}}}}),
         {.path = "a.npz"},
         "a.npz[v]: this array has the shape (1, 1, 1); traces need one or two dimensions\nhint: save an array of the "
         "shape (traces, samples)"},
        {"\x89HDF\r\n",
         {.path = "a.nwb"},
         "a.nwb: this file is HDF5 (NWB, MATLAB 7.3), which is not read\nhint: unpack it or export it as CSV or .npy"},
        {"\x1F\x8B\x08",
         {.path = "a.csv.gz"},
         "a.csv.gz: this file is gzip-compressed, which is not read\nhint: unpack it or export it as CSV or .npy"},
    };
    for (const auto& [bytes, source, message] : cases)
        EXPECT_EQ(message_of([&] { (void)load(bytes, source); }), message);
}

TEST(Recording, FilesThatAreNotThere) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "spikesmith_recording_test";
    std::filesystem::create_directories(folder);
    write_file_atomically(folder / "trace.csv", "v\n1\n");
    EXPECT_EQ(
        message_of([&] { (void)load_recording({.path = (folder / "trac.csv").string()}); }),
        (folder / "trac.csv").string() + ": cannot read: No such file or directory\nhint: did you mean `trace.csv`?");
    EXPECT_EQ(message_of([&] { (void)load_recording({.path = folder.string()}); }),
              folder.string() + ": cannot read: Is a directory");
    EXPECT_EQ(message_of([] { (void)load_recording({}); }), "the path of a recording is empty");
    std::filesystem::remove_all(folder);
}

// The time steps of a variable-step simulator printed with few digits: times may repeat, and are not taken for a trace.
TEST(Recording, RoundedUnevenTimesAreNotATrace) {
    std::string text;
    for (int i = 0; i < 40; ++i) text += std::to_string(i < 38 ? i * i : 37 * 37) + " -65\n";
    EXPECT_EQ(message_of([&] { (void)load(text); }).substr(0, 66),
              "data.csv: column 1 rises all along, but in unequal steps (see line");
    EXPECT_EQ(load(text, {.index = "none"}).values.rows, 2U);
}

TEST(Recording, RequiredDimension) {
    const auto recording = load("v (mV)\n1\n2\n");
    EXPECT_EQ(message_of([&] { require_dimension(recording, dimensions::ampere, "input `I`"); }),
              "data.csv: input `I` needs data in amp, but these are in volt");
    EXPECT_NO_THROW(require_dimension(recording, dimensions::volt, "output `v`"));
    EXPECT_NO_THROW(require_dimension(load("v\n1\n2\n"), dimensions::ampere, "input `I`"));
}

}  // namespace
}  // namespace spikesmith
