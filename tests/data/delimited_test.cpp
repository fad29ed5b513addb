#include "spikesmith/data/delimited.hpp"

#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "spikesmith/core/atomic_file.hpp"

namespace spikesmith {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Strings = std::vector<std::string>;

DelimitedTable parse(const std::string& text, DelimitedOptions options = {}) {
    return parse_delimited(text, "data.csv", options);
}

TEST(Delimited, FindsTheDelimiter) {
    for (const char delimiter : {',', ';', '\t', ' '}) {
        const std::string d(1, delimiter);
        const auto table = parse("t" + d + "v\n0" + d + "-65\n0.1" + d + "-64.5\n");
        EXPECT_EQ(table.delimiter, delimiter);
        EXPECT_EQ(table.names, (Strings{"t", "v"}));
        EXPECT_EQ(table.values.rows, 2U);
        EXPECT_THAT(table.values.values, ElementsAre(0, -65, 0.1, -64.5));
        EXPECT_THAT(table.lines, ElementsAre(2, 3));
        EXPECT_EQ(table.header_line, 1U);
    }
}

TEST(Delimited, BlanksAndTabsMixed) {
    EXPECT_THAT(parse("0.000000 \t -80.000000\n0.009536 \t -79.983488\n").values.values,
                ElementsAre(0, -80, 0.009536, -79.983488));
    EXPECT_THAT(parse("  1   2\t3  \n 4 5 6").values.values, ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_THAT(parse("1 ,\t2\n3,4").values.values, ElementsAre(1, 2, 3, 4));
}

TEST(Delimited, OneColumn) {
    const auto table = parse("3.0165688e-10\r\n2.3942864e-10\r\n");
    EXPECT_EQ(table.values.columns, 1U);
    EXPECT_THAT(table.values.values, ElementsAre(3.0165688e-10, 2.3942864e-10));
    EXPECT_THAT(table.names, IsEmpty());
    EXPECT_EQ(parse("v\n1\n2\n").names, Strings{"v"});
}

TEST(Delimited, UnitsInTheHeader) {
    const auto table = parse("time (ms),v [mV],\"I, injected (pA)\",note (1),soma (left)\n0,1,2,3,4\n");
    EXPECT_EQ(table.names, (Strings{"time", "v", "I, injected", "note", "soma (left)"}));
    EXPECT_EQ(table.units, (Strings{"ms", "mV", "pA", "1", "left"}));
    EXPECT_EQ(parse("time_ms,v_mV\n0,1\n").names, (Strings{"time_ms", "v_mV"}));
    EXPECT_EQ(parse("time_ms,v_mV\n0,1\n").units, (Strings{"", ""}));
    EXPECT_EQ(parse("Cell (3)\n1\n").names, Strings{"Cell (3)"});
    EXPECT_EQ(parse("Cell (3)\n1\n").units, Strings{""});
}

TEST(Delimited, UnitsOnASecondLine) {
    const auto table = parse("t;I;v\n\"s\";\"pA\";\"mV\"\n0;1;2\n3;4;5\n");
    EXPECT_EQ(table.names, (Strings{"t", "I", "v"}));
    EXPECT_EQ(table.units, (Strings{"s", "pA", "mV"}));
    EXPECT_THAT(table.lines, ElementsAre(3, 4));
    EXPECT_EQ(parse("t,v\n(ms),\n0,1\n").units, (Strings{"ms", ""}));
}

TEST(Delimited, BlankSeparatedHeaderWithUnits) {
    const auto table = parse("t (ms)  v (mV)\n0 1\n2 3\n");
    EXPECT_EQ(table.names, (Strings{"t", "v"}));
    EXPECT_EQ(table.units, (Strings{"ms", "mV"}));
}

TEST(Delimited, HeaderOfNumbersAfterAWord) {
    const auto table = parse("time,1,2\n0,5,6\n");
    EXPECT_EQ(table.names, (Strings{"time", "1", "2"}));
    EXPECT_EQ(table.values.rows, 1U);
}

TEST(Delimited, CommentsBlankLinesAndByteOrderMark) {
    const auto table = parse(
        "\xEF\xBB\xBF# recorded on a Tuesday\r\n\r\n% more\r\nt,v\r\n// even more\r\n0,1\r\n\r\n2,3 # the end\r\n");
    EXPECT_EQ(table.names, (Strings{"t", "v"}));
    EXPECT_THAT(table.values.values, ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(table.lines, ElementsAre(6, 8));
    EXPECT_THAT(parse("1\r2\r3\r").values.values, ElementsAre(1, 2, 3));  // old Macintosh
}

TEST(Delimited, HeaderInAComment) {
    EXPECT_EQ(parse("# t (ms), v (mV)\n0,1\n2,3\n").names, (Strings{"t", "v"}));
    EXPECT_EQ(parse("# t (ms), v (mV)\n0,1\n2,3\n").units, (Strings{"ms", "mV"}));
    EXPECT_THAT(parse("# cell 5, left, deep\n0,1\n2,3\n").names, IsEmpty());
    EXPECT_THAT(parse("# recorded by Bob\n1\n2\n").names, IsEmpty());
    EXPECT_EQ(parse("# v (mV)\n1\n2\n").names, Strings{"v"});
    EXPECT_THAT(parse("# t, v\n0,1\n", {.header = Header::absent}).names, IsEmpty());
}

TEST(Delimited, RowLabels) {
    const auto table = parse("v1 (mV),-65,-64\nv2 (mV),-63,-62\n");
    EXPECT_EQ(table.labels, (Strings{"v1", "v2"}));
    EXPECT_EQ(table.label_units, (Strings{"mV", "mV"}));
    EXPECT_THAT(table.names, IsEmpty());
    EXPECT_EQ(table.values.columns, 2U);
    const auto both = parse("cell,a,b\nx,1,2\ny,3,4\n");
    EXPECT_EQ(both.labels, (Strings{"x", "y"}));
    EXPECT_EQ(both.names, (Strings{"a", "b"}));
    EXPECT_EQ(parse("v 1 2 3\n").labels, Strings{"v"});
}

TEST(Delimited, NumbersAsProgramsWriteThem) {
    const auto table = parse("+1,-.5,5.,1E3,1e-400,-0,nan,NaN,-inf,Infinity,\"7\"\n");
    EXPECT_THAT(std::vector<double>(table.values.values.begin(), table.values.values.begin() + 6),
                ElementsAre(1, -0.5, 5, 1000, 0, 0));
    EXPECT_TRUE(std::isnan(table.values.values[6]));
    EXPECT_TRUE(std::isnan(table.values.values[7]));
    EXPECT_EQ(table.values.values[8], -HUGE_VAL);
    EXPECT_EQ(table.values.values[9], HUGE_VAL);
    EXPECT_EQ(table.values.values[10], 7);
}

TEST(Delimited, SeparatorAtTheEndOfEveryLine) {
    const auto table = parse("t,v,\n0,1,\n2,3,\n");
    EXPECT_EQ(table.names, (Strings{"t", "v"}));
    EXPECT_THAT(table.values.values, ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(parse("t,v\n0,1,\n2,3,\n").values.values, ElementsAre(0, 1, 2, 3));
}

TEST(Delimited, WholeNumbersBetweenCommasAreNotDecimals) {
    EXPECT_EQ(parse("12,5\n13,15\n").values.columns, 2U);
    EXPECT_EQ(parse("12,05\n", {.delimiter = ','}).values.columns, 2U);
}

TEST(Delimited, RoundTripKeepsEveryBit) {
    DelimitedTable table;
    table.names = {"t", "v, \"left\"", "# odd", ""};
    table.units = {"ms", "mV", "", ""};
    table.values = Array2(2, 4);
    table.values.values = {0.1,          1.0 / 3, std::numeric_limits<double>::denorm_min(), -0.0, 1e308, HUGE_VAL,
                           std::nan(""), 5};
    for (const char delimiter : {',', ';', '\t', ' '}) {
        table.delimiter = delimiter;
        const auto again = parse(format_delimited(table));
        EXPECT_EQ(again.names, table.names);
        EXPECT_EQ(again.units, table.units);
        ASSERT_EQ(again.values.values.size(), 8U);
        for (std::size_t i = 0; i < 8; ++i) {
            if (i == 6) {
                EXPECT_TRUE(std::isnan(again.values.values[i]));
            } else {
                EXPECT_EQ(again.values.values[i], table.values.values[i]);
                EXPECT_EQ(std::signbit(again.values.values[i]), std::signbit(table.values.values[i]));
            }
        }
    }
    table.names.pop_back();
    EXPECT_THROW((void)format_delimited(table), DataError);
}

TEST(Delimited, Errors) {
    struct Wrong {
        std::string text;
        std::string message;
        DelimitedOptions options{};
    };
    const std::vector<Wrong> cases{
        {"", "data.csv: the file is empty"},
        {"\n# nothing\n", "data.csv: there are no numbers in this file\nhint: it has only blank lines and comments"},
        {"t,v\n", "data.csv:1:1: there are names but no numbers in this file\n    t,v\n    ^"},
        {"1,2\n3,x4\n", "data.csv:2:3: `x4` is not a number\n    3,x4\n      ^~"},
        {"t,v\n0,-65\n1,-64mV\n",
         "data.csv:3:3: `-64mV` is not a number\n    1,-64mV\n      ^~~~~\nhint: units belong into the header, as in "
         "`v (mV)`"},
        {"-65.0mV\n-64\n",
         "data.csv:1:1: `-65.0mV` is not a number\n    -65.0mV\n    ^~~~~~~\nhint: units belong into the header, as in "
         "`v (mV)`"},
        {"0.O,1\n1,2\n",
         "data.csv:1:1: `0.O` is not a number\n    0.O,1\n    ^~~\nhint: units belong into the header, as in `v (mV)`"},
        {"1.0D-3\n",
         "data.csv:1:1: `1.0D-3` is not a number\n    1.0D-3\n    ^~~~~~\nhint: write the exponent with `e`"},
        {"1,2,3\n4,5\n",
         "data.csv:2:4: 2 fields in this row, but 3 in line 1\n    4,5\n       ^\nhint: write `nan` for a missing "
         "value"},
        {"1,2\n\n4,5,6\n", "data.csv:3:5: 3 fields in this row, but 2 in line 1\n    4,5,6\n        ^"},
        {"1,2,3\n4,,6\n",
         "data.csv:2:3: this field is empty\n    4,,6\n      ^\nhint: write `nan` for a missing value"},
        {"a,b,c\n1,2\n", "data.csv:2:1: 2 numbers in this row, but 3 names in the header (line 1)\n    1,2\n    ^~~"},
        {"t;v\n0;-65,3\n1;-64,9\n",
         "data.csv:2:6: this looks like a decimal comma\n    0;-65,3\n         ^\nhint: write numbers with a decimal "
         "point and separate them "
         "with commas, tabs or blanks"},
        {"v\n-65,3\n-64,9\n",
         "data.csv:2:4: this looks like a decimal comma\n    -65,3\n       ^\nhint: write numbers with a decimal point "
         "and separate them with "
         "commas, tabs or blanks"},
        {"-65,3\n-64,05\n",
         "data.csv:2:4: this looks like a decimal comma\n    -64,05\n       ^\nhint: write numbers with a decimal "
         "point and separate them with "
         "commas, tabs or blanks"},
        {"-0,3\n1,5\n",
         "data.csv:1:3: this looks like a decimal comma\n    -0,3\n      ^\nhint: write numbers with a decimal point "
         "and separate them with "
         "commas, tabs or blanks"},
        {"1,5 2,5\n",
         "data.csv:1:3: `5 2` is not a number\n    1,5 2,5\n      ^~~\nhint: the comma was taken for the separator; if "
         "it is a "
         "decimal comma, write a point"},
        {"\"1,2\n3,4\n", "data.csv:1:1: this quotation mark is not closed on its line\n    \"1,2\n    ^"},
        {"\"1\"x,2\n",
         "data.csv:1:4: text after the closing quotation mark\n    \"1\"x,2\n       ^\nhint: a quotation mark inside a "
         "quoted field is written "
         "twice"},
        {"\xFF\xFE"
         "1",
         "data.csv: this is text in UTF-16\nhint: save it as UTF-8 (in spreadsheets: \"CSV UTF-8\")"},
        {std::string("1,2\n\0", 5), "data.csv: this is not a text file: byte 4 is zero"},
        {"1e999\n", "data.csv:1:1: `1e999` is not a number\n    1e999\n    ^~~~~"},
        {"0x10\n",
         "data.csv:1:1: `0x10` is not a number\n    0x10\n    ^~~~\nhint: units belong into the header, as in `v "
         "(mV)`"},
        {"t,v\nx,1\n2,3\n",
         "data.csv:3:1: this row begins with a number, line 2 with a word\n    2,3\n    ^\nhint: either all rows have "
         "a label or none"},
        {"1,2,\n3,4,5\n",
         "data.csv:2:5: this field has no counterpart in the rows before\n    3,4,5\n        ^\nhint: the rows before "
         "have 2 numbers"},
        {"a,b\n1,2\n", "data.csv:1:1: `a` is not a number\n    a,b\n    ^", {.header = Header::absent}},
        {"a,b\nc,d\n1,2\n", "data.csv:2:1: `c` is not a number\n    c,d\n    ^"},
        {"1;2\n", "data.csv:1:1: `1;2` is not a number\n    1;2\n    ^~~", {.delimiter = ','}},
        {"1 2 3\n1 2 3 # four\n1 2\n",
         "data.csv:3:4: 2 fields in this row, but 3 in line 1\n    1 2\n       ^\nhint: write `nan` for a missing "
         "value"},
    };
    for (const auto& [text, message, options] : cases) {
        try {
            (void)parse(text, options);
            ADD_FAILURE() << "accepted: " << text;
        } catch (const DataError& error) {
            EXPECT_EQ(error.what(), message) << text;
        }
    }
}

TEST(Delimited, WritesAndReadsFiles) {
    const auto path = std::filesystem::path(testing::TempDir()) / "spikesmith_delimited_test.csv";
    DelimitedTable table;
    table.names = {"v"};
    table.units = {"mV"};
    table.values = Array2(3, 1, -65);
    write_delimited(path, table);
    EXPECT_EQ(read_file(path), "v (mV)\n-65\n-65\n-65\n");
    EXPECT_EQ(read_delimited(path).values.rows, 3U);
    std::filesystem::remove(path);
}

}  // namespace
}  // namespace spikesmith
