// Readers against files that NumPy wrote (numpy/make.py) and against hand-made bytes.
#include "spikesmith/data/numpy.hpp"

#include <cmath>
#include <filesystem>
#include <functional>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/atomic_file.hpp"

namespace spikesmith {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Shape = std::vector<std::size_t>;

std::filesystem::path fixture(const std::string& name) {
    return std::filesystem::path(SPIKESMITH_TEST_DATA) / "numpy" / name;
}

std::string message_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const DataError& error) {
        return error.what();
    }
    return "no error";
}

const std::vector<double> grid{-0.5, 9.5, 19.5, 29.5, 39.5, 49.5};

TEST(Npy, FilesOfNumPy) {
    for (const auto* name :
         {"f8.npy", "f8_fortran.npy", "f8_big.npy", "f4.npy", "f4_big_fortran.npy", "version2.npy", "version3.npy"}) {
        const auto array = read_npy(fixture(name));
        EXPECT_EQ(array.shape, (Shape{2, 3})) << name;
        EXPECT_EQ(array.values, grid) << name;
    }
    std::vector<double> counting(24);
    std::iota(counting.begin(), counting.end(), 0.0);
    for (const auto* name : {"cube.npy", "cube_fortran.npy"}) {
        EXPECT_EQ(read_npy(fixture(name)).shape, (Shape{2, 3, 4})) << name;
        EXPECT_EQ(read_npy(fixture(name)).values, counting) << name;
    }
    EXPECT_EQ(read_npy(fixture("scalar.npy")).shape, Shape{});
    EXPECT_THAT(read_npy(fixture("scalar.npy")).values, ElementsAre(2.5));
    EXPECT_EQ(read_npy(fixture("empty.npy")).shape, (Shape{0, 5}));
    EXPECT_TRUE(read_npy(fixture("empty.npy")).values.empty());
    EXPECT_THAT(read_npy(fixture("bool.npy")).values, ElementsAre(1, 0, 1));
    EXPECT_THAT(read_npy(fixture("i1.npy")).values, ElementsAre(-128, 127));
    EXPECT_THAT(read_npy(fixture("u1.npy")).values, ElementsAre(0, 255));
    EXPECT_THAT(read_npy(fixture("u2_big.npy")).values, ElementsAre(0, 65535));
    EXPECT_THAT(read_npy(fixture("u4.npy")).values, ElementsAre(0, 4294967295.0));
    EXPECT_THAT(read_npy(fixture("i8_big.npy")).values, ElementsAre(-9007199254740992.0, 9007199254740992.0));
    EXPECT_THAT(read_npy(fixture("u8.npy")).values, ElementsAre(0, 9223372036854775808.0));
    const auto special = read_npy(fixture("vector.npy"));
    EXPECT_EQ(special.shape, Shape{4});
    EXPECT_TRUE(std::isnan(special.values[1]));
    EXPECT_EQ(special.values[3], -HUGE_VAL);
}

TEST(Npy, TypesThatAreNotRead) {
    const auto read = [](const std::string& name) {
        auto text = message_of([&] { (void)parse_npy(read_file(fixture(name)), name); });
        return text;
    };
    EXPECT_EQ(read("complex.npy"),
              "complex.npy: this array is of complex numbers (dtype '<c16'), which are not read\nhint: save the real "
              "and imaginary parts as two "
              "arrays");
    EXPECT_EQ(read("text.npy"),
              "text.npy: this array is of texts (dtype '<U1'), which are not read\nhint: only numbers are read");
    EXPECT_EQ(read("object.npy"),
              "object.npy: this array is of Python objects (dtype '|O'), which are not read\nhint: make it an array of "
              "numbers before saving: "
              "`numpy.array(..., dtype=float)`");
    EXPECT_EQ(read("structure.npy"),
              "structure.npy: this array is of structures (a record array), which are not read\nhint: save each field "
              "as an array of its own");
    EXPECT_EQ(read("half.npy"),
              "half.npy: this array is of 2-byte floating-point numbers (dtype '<f2'), which are not read\nhint: "
              "convert it with "
              "`.astype('float64')` before saving");
}

std::string npy(const std::string& header, const std::string& data, int version = 1) {
    std::string out = "\x93NUMPY";
    out += static_cast<char>(version);
    out += '\0';
    for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
        out += static_cast<char>((header.size() >> (8U * static_cast<unsigned>(i))) & 0xFFU);
    return out + header + data;
}

std::string dictionary(const std::string& descr, const std::string& shape, const std::string& order = "False") {
    return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

TEST(Npy, HeadersOfOtherWriters) {
    const std::string eight(8, '\0');
    EXPECT_EQ(parse_npy(npy("{\"shape\":(1L,),\"fortran_order\":True,\"descr\":\"<f8\"}", eight), "x").shape, Shape{1});
    EXPECT_EQ(parse_npy(npy(dictionary("=f8", "(1, 1, 1)", "True"), eight), "x").shape, (Shape{1, 1, 1}));
    EXPECT_EQ(parse_npy(npy(dictionary("<f8", "(0, 9223372036854775807)", "True"), ""), "x").values.size(), 0U);
}

TEST(Npy, DamagedFiles) {
    const std::string d = "x: the header of this NumPy array is damaged: ";
    const std::string eight(8, '\0');
    const std::vector<std::pair<std::string, std::string>> cases{
        {"", "x: this is not a NumPy array: it does not begin with \\x93NUMPY"},
        {"\x93NUMPY", "x: this NumPy array is cut off in its header"},
        {std::string("\x93NUMPY\x01\0", 8), "x: this NumPy array is cut off in its header"},
        {std::string("\x93NUMPY\x04\0", 8),
         "x: version 4 of NumPy's format is not known\nhint: versions 1 to 3 are read"},
        {std::string("\x93NUMPY\x02\0\xFF\xFF\xFF\xFF{", 13), "x: this NumPy array is cut off in its header"},
        {npy("", ""), d + "`{` expected at byte 0"},
        {npy("{", ""), d + "a quoted word expected at byte 1"},
        {npy("{'descr", ""), d + "a quoted word does not end"},
        {npy("{'descr': '<f8'}", eight), d + "one of `descr`, `fortran_order` and `shape` is missing"},
        {npy("{'descr': '<f8', 'descr': '<f8'}", eight), d + "unexpected or repeated key `descr`"},
        {npy("{'descr': '<f8', 'more': 1}", eight), d + "unexpected or repeated key `more`"},
        {npy("{'fortran_order': true}", eight), d + "`fortran_order` is neither True nor False"},
        {npy(dictionary("<f8", "(-1,)"), eight), d + "`shape` is not a tuple of sizes"},
        {npy(dictionary("<f8", "(99999999999999999999,)"), eight), d + "`shape` is not a tuple of sizes"},
        {npy(dictionary("<f8", "1"), eight), d + "`(` expected at byte 50"},
        {npy(dictionary("<f8", "(1,)") + "x", eight), d + "text after the dictionary"},
        {npy(dictionary("<f8", "(" + std::string(99, ' ') +
                                   "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"),
             eight),
         d + "`shape` has more than 32 dimensions"},
        {npy(dictionary("<f8", "(2,)"), eight),
         "x: this NumPy array is cut off: (2,) of dtype '<f8' need 16 bytes, the file has 8"},
        {npy(dictionary("<f8", "(4611686018427387904, 4611686018427387904)"), eight),
         "x: this NumPy array is cut off: (4611686018427387904, 4611686018427387904) of dtype '<f8' need more bytes "
         "than can be counted, the file "
         "has 8"},
        {npy(dictionary("<f4", "(1,)"), eight),
         "x: 4 bytes are left over after this NumPy array of the shape (1,)\nhint: save several arrays with "
         "`numpy.savez`"},
        {npy(dictionary("?f8", "(1,)"), eight),
         "x: the dtype '?f8' of this array is not known\nhint: convert it with `.astype('float64')` before saving"},
        {npy(dictionary("|i2", "(4,)"), eight),
         "x: the dtype '|i2' of this array is not known\nhint: convert it with `.astype('float64')` before saving"},
        {npy(dictionary("<", "(1,)"), eight), "x: the dtype '<' of this array is damaged"},
        {npy(dictionary("|b1", "(1,)"), "\x02"), "x: this array of booleans has a byte that is neither 0 nor 1"},
    };
    for (const auto& [bytes, message] : cases) EXPECT_EQ(message_of([&] { (void)parse_npy(bytes, "x"); }), message);
}

TEST(Npy, RoundTrip) {
    for (const Shape& shape : {Shape{}, Shape{6}, Shape{2, 3}, Shape{1, 2, 3}, Shape{0}, Shape{3, 0}}) {
        NpyArray array{shape, {}};
        const auto count = std::accumulate(shape.begin(), shape.end(), std::size_t{1}, std::multiplies<>());
        for (std::size_t i = 0; i < count; ++i) array.values.push_back(std::sqrt(static_cast<double>(i)) - 1);
        const auto bytes = format_npy(array);
        EXPECT_EQ(bytes.find('\n') % 64, 63U);  // data are aligned
        const auto again = parse_npy(bytes, "x");
        EXPECT_EQ(again.shape, array.shape);
        EXPECT_EQ(again.values, array.values);
    }
    EXPECT_EQ(message_of([] {
                  (void)format_npy({{2, 2}, {1, 2, 3}});
              }),
              "an array of the shape (2, 2) cannot have 3 numbers");
}

TEST(Npy, TracesHaveOneOrTwoDimensions) {
    const Array2 row = to_array2({{3}, {1, 2, 3}}, "x");
    EXPECT_EQ(row.rows, 1U);
    EXPECT_EQ(row.columns, 3U);
    EXPECT_EQ(to_npy(row).shape, (Shape{1, 3}));
    EXPECT_EQ(message_of([] {
                  (void)to_array2({{}, {1}}, "x");
              }),
              "x: this array has the shape (); traces need one or two dimensions\nhint: save an array of the shape "
              "(traces, samples)");
    EXPECT_THAT(message_of([] { (void)to_array2({{1, 1, 1}, {1}}, "x"); }), HasSubstr("(1, 1, 1)"));
}

TEST(Npz, FilesOfNumPy) {
    const auto stored = read_npz(fixture("stored.npz"));
    EXPECT_THAT(stored.names(), ElementsAre("v", "I", "objects"));
    EXPECT_EQ(stored.array("v").values, grid);
    EXPECT_EQ(stored.array("I").values, grid);
    EXPECT_THAT(message_of([&] { (void)stored.array("objects"); }),
                HasSubstr("stored.npz[objects]: this array is of Python objects"));
    const auto deflated = read_npz(fixture("deflated.npz"));
    EXPECT_EQ(deflated.array("v").shape, (Shape{2, 300}));
    EXPECT_EQ(deflated.array("v").values[301], 39.5);
    EXPECT_NEAR(deflated.array("t").values[299], 0.0299, 1e-15);
    EXPECT_THAT(read_npz(fixture("one.npz")).names(), ElementsAre("arr_0"));
    EXPECT_TRUE(read_npz(fixture("none.npz")).names().empty());
}

NamedArrays example() {
    return {{"v", {{2, 3}, grid}}, {"\xC3\xA9t\xC3\xA9", {{}, {1}}}, {"empty", {{0}, {}}}};
}

TEST(Npz, RoundTripAndSameBytes) {
    const auto bytes = format_npz(example());
    EXPECT_EQ(bytes, format_npz(example()));
    const NpzArchive archive(bytes, "x.npz");
    ASSERT_EQ(archive.names().size(), 3U);
    for (const auto& [name, array] : example()) {
        EXPECT_EQ(archive.array(name).shape, array.shape);
        EXPECT_EQ(archive.array(name).values, array.values);
    }
    const auto path = std::filesystem::path(testing::TempDir()) / "spikesmith_numpy_test.npz";
    write_npz(path, example());
    EXPECT_EQ(read_file(path), bytes);
    std::filesystem::remove(path);
}

TEST(Npz, LongArray) {
    NpyArray noise{{100000}, std::vector<double>(100000)};
    std::mt19937_64 generator(1);
    for (auto& value : noise.values) value = static_cast<double>(generator());
    EXPECT_EQ(NpzArchive(format_npz({{"noise", noise}}), "x").array("noise").values, noise.values);
}

TEST(Npz, WrongNamesToWrite) {
    EXPECT_EQ(message_of([] {
                  (void)format_npz({{"", {{1}, {1}}}});
              }),
              "an array in an archive needs a name of 1 to 1000 printable characters");
    EXPECT_EQ(message_of([] {
                  (void)format_npz({{"a", {{1}, {1}}}, {"a", {{1}, {1}}}});
              }),
              "the array `a` is given twice");
}

// The archive with one byte replaced.
std::string with_byte(std::string bytes, std::size_t at, int value) {
    bytes.at(at) = static_cast<char>(value);
    return bytes;
}

TEST(Npz, DamagedFiles) {
    const std::string good = format_npz({{"v", {{2, 3}, grid}}});
    const std::size_t directory = good.rfind("PK\x01\x02");
    const std::size_t end = good.rfind("PK\x05\x06");
    const auto open = [](const std::string& bytes) {
        return message_of([&] { (void)NpzArchive(bytes, "x").array("v"); });
    };
    ASSERT_EQ(open(good), "no error");
    const std::string damaged = "x: this archive is damaged: ";
    EXPECT_EQ(open(""), "x: this is not an archive of NumPy arrays: it does not begin with PK");
    EXPECT_EQ(open("PK\x03\x04"), damaged + "it is too short");
    EXPECT_EQ(open(good.substr(0, good.size() - 1)), damaged + "its end is missing (is the file complete?)");
    EXPECT_EQ(open(with_byte(good, end + 4, 1)), "x: this archive is split over several files, which is not read");
    EXPECT_EQ(open(with_byte(good, end + 12, 0xFF)), damaged + "its directory lies outside of the file");
    EXPECT_EQ(open(with_byte(good, end + 19, 0x7F)), damaged + "its directory lies outside of the file");
    EXPECT_EQ(open(with_byte(good, end + 10, 2)), damaged + "its directory lies outside of the file");
    EXPECT_EQ(open(with_byte(good, directory, 'X')), damaged + "its directory is not valid");
    EXPECT_EQ(open(with_byte(good, directory + 29, 0x7F)), damaged + "its directory is not valid");
    EXPECT_EQ(open(with_byte(good, directory + 22, 0x7F)), damaged + "its members overlap");
    const std::string member = "x[v]: this archive is damaged: ";
    EXPECT_EQ(open(with_byte(good, directory + 16, good[directory + 16] + 1)),
              member + "the checksum of the array is wrong");
    EXPECT_EQ(open(with_byte(good, directory + 27, 0x7F)),
              member + "the array cannot have the size that its directory says");
    EXPECT_EQ(open(with_byte(good, directory + 24, good[directory + 24] + 1)),
              member + "its compressed data are not valid");
    EXPECT_EQ(open(with_byte(good, directory + 24, good[directory + 24] - 1)),
              member + "its compressed data are not valid");
    EXPECT_EQ(open(with_byte(good, directory + 42, 1)), member + "the array is not where its directory says");
    EXPECT_EQ(open(with_byte(good, 28, 0xFF)), member + "the array is cut off");
    EXPECT_EQ(open(with_byte(good, 30, 'w')), member + "the array has another name than its directory says");
    EXPECT_EQ(open(with_byte(good, 40, good[40] ^ 0x55)).substr(0, member.size()), member);
    EXPECT_EQ(open(with_byte(good, directory + 10, 12)),
              "x[v]: this array is compressed by method 12, which is not read\nhint: save it with `numpy.savez` or "
              "`numpy.savez_compressed`");
    EXPECT_EQ(open(with_byte(good, directory + 8, 1)), "x[v]: this array is encrypted, which is not read");
    EXPECT_EQ(message_of([&] { (void)NpzArchive(good, "x").array("w"); }),
              "x: there is no array `w` in this archive\nhint: it has `v`");
    const NpzArchive two(format_npz({{"voltage", {{1}, {1}}}, {"current", {{1}, {1}}}}), "x");
    EXPECT_EQ(message_of([&] { (void)two.array("voltge"); }),
              "x: there is no array `voltge` in this archive\nhint: did you mean `voltage`?");
}

void append(std::string& out, std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) out += static_cast<char>((value >> (8U * static_cast<unsigned>(i))) & 0xFFU);
}

// Sizes and offset in ZIP64 extra fields, sizes after the data, a comment at the end: as streaming writers do.
TEST(Npz, Zip64DataDescriptorAndComment) {
    const std::string npy_bytes = format_npy({{2, 3}, grid});
    const std::string plain = format_npz({{"v", {{2, 3}, grid}}});
    const std::uint32_t crc = [&] {
        std::uint32_t value = 0;
        for (int i = 3; i >= 0; --i)
            value = (value << 8U) | static_cast<unsigned char>(plain[14 + static_cast<std::size_t>(i)]);
        return value;
    }();
    std::string zip("PK\x03\x04");
    append(zip, 45, 2);
    append(zip, 8, 2);  // sizes follow the data
    append(zip, 0, 2);  // stored
    append(zip, 0, 4);
    append(zip, 0, 8);  // checksum and sizes are not known yet
    append(zip, 0, 4);
    append(zip, 5, 2);
    append(zip, 0, 2);
    zip += "v.npy" + npy_bytes + "PK\x07\x08";
    append(zip, crc, 4);
    append(zip, npy_bytes.size(), 8);
    append(zip, npy_bytes.size(), 8);
    const std::size_t directory = zip.size();
    zip += "PK\x01\x02";
    append(zip, 45, 2);
    append(zip, 45, 2);
    append(zip, 8, 2);
    append(zip, 0, 2);
    append(zip, 0, 4);
    append(zip, crc, 4);
    append(zip, 0xFFFFFFFF, 4);
    append(zip, 0xFFFFFFFF, 4);
    append(zip, 5, 2);
    append(zip, 4 + 24, 2);
    append(zip, 0, 2);
    append(zip, 0, 8);
    append(zip, 0xFFFFFFFF, 4);
    zip += "v.npy";
    append(zip, 1, 2);
    append(zip, 24, 2);
    append(zip, npy_bytes.size(), 8);
    append(zip, npy_bytes.size(), 8);
    append(zip, 0, 8);
    const std::size_t zip64_end = zip.size();
    zip += "PK\x06\x06";
    append(zip, 44, 8);
    append(zip, 45, 2);
    append(zip, 45, 2);
    append(zip, 0, 8);
    append(zip, 1, 8);
    append(zip, 1, 8);
    append(zip, zip64_end - directory, 8);
    append(zip, directory, 8);
    zip += "PK\x06\x07";
    append(zip, 0, 4);
    append(zip, zip64_end, 8);
    append(zip, 1, 4);
    zip += "PK\x05\x06";
    append(zip, 0, 4);
    append(zip, 0xFFFF, 2);
    append(zip, 0xFFFF, 2);
    append(zip, 0xFFFFFFFF, 4);
    append(zip, 0xFFFFFFFF, 4);
    append(zip, 5, 2);
    zip += "hello";
    EXPECT_EQ(NpzArchive(zip, "x").array("v").values, grid);
}

}  // namespace
}  // namespace spikesmith
