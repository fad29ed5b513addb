#include "spikesmith/report/text_table.hpp"

#include <gtest/gtest.h>

namespace spikesmith {
namespace {

TEST(TextTable, AlignsColumnsByTheirWidestCell) {
    EXPECT_EQ(text_table({{"name"}, {"value", Align::right}, {"note"}},
                         {{"gl", "10 nS", ""}, {"conductance", "1.25 uS", "x"}}),
              "  name           value  note\n"
              "  gl             10 nS\n"
              "  conductance  1.25 uS  x\n");
}

TEST(TextTable, CountsCharactersAndNotBytes) {
    EXPECT_EQ(display_width("µV²"), 3U);
    EXPECT_EQ(text_table({{"a"}, {"b"}}, {{"µ²", "x"}, {"uu", "y"}}, 0), "a   b\nµ²  x\nuu  y\n");
}

TEST(TextTable, RowsMayBeShort) {
    EXPECT_EQ(text_table({{"a"}, {"b"}}, {{"1"}, {}}, 0), "a  b\n1\n\n");
}

}  // namespace
}  // namespace spikesmith
